import type { AuditContext } from '../context.ts';
import type { TlsVersion } from '../report.ts';
import { connectionSlots, type SideResult, type TlsBegun } from '../wire/index.ts';
import type { Converse } from './relay.ts';
import { replyText } from './reply.ts';
import { type Begun, begin, offers, type Place } from './session.ts';

/** Pauses before each retry. */
const PAUSES_MS = [0, 200, 1_000];
/** If a retry takes longer than this to fail, there are no further retries. */
const PATIENCE_MS = 2_000;

/** Side sessions with the same MX host. */
export interface SideSessions {
  readonly converse: Converse;
  readonly handshake: (version: TlsVersion) => Promise<TlsBegun>;
  /** Signals that the first session is over. */
  readonly firstEnded: () => void;
  /** Aborts all side sessions. */
  readonly giveUp: () => void;
}

/** Creates side sessions. The first session has priority, see {@link connectionSlots}. */
export function sideSessions(place: Place, outer: AuditContext): SideSessions {
  const end = new AbortController();
  const { clock } = outer;
  const signal = outer.signal === undefined ? end.signal : AbortSignal.any([end.signal, outer.signal]);
  const context: AuditContext = { ...outer, signal };
  const slots = connectionSlots(clock, signal, PAUSES_MS, PATIENCE_MS);
  const once = async <T>(run: (begun: Begun) => Promise<T>, helo?: string): Promise<SideResult<T> | undefined> => {
    const begun = await begin(place, context, helo);
    if (begun === undefined) return undefined;
    let closed: Promise<void> | undefined;
    try {
      const value = await run(begun);
      closed = begun.session.close();
      return { value, closed };
    } finally {
      closed ??= begun.session.close();
    }
  };
  const converse: Converse = (run, helo) => slots.run(() => once(run, helo));
  return {
    converse,
    firstEnded: slots.firstEnded,
    giveUp() {
      end.abort();
      slots.firstEnded();
    },
    async handshake(version) {
      const begun = await converse<TlsBegun>(async ({ session, capabilities }) => {
        if (!offers(capabilities, 'STARTTLS')) return { status: 'closed', reason: 'STARTTLS is not offered' };
        const ready = await session.command('STARTTLS');
        return ready.status === 'reply' && ready.code === 220
          ? session.startTls({ version })
          : { status: 'closed', reason: replyText(ready) };
      });
      return begun ?? { status: 'closed', reason: 'no session' };
    },
  };
}

/** Tests one TLS version. Waits for the first session if that may have negotiated the version already. */
export async function versionOf(
  version: TlsVersion,
  main: Promise<TlsBegun | undefined>,
  side: SideSessions,
): Promise<TlsBegun> {
  if (version === 'TLSv1.2' || version === 'TLSv1.3') {
    const begun = await main;
    if (begun?.status === 'secure' && begun.socket.getProtocol() === version) return begun;
  }
  return side.handshake(version);
}
