import type { AuditContext } from '../context.ts';
import type { TlsVersion } from '../report.ts';
import { connectionSlots, type Held, type TlsBegun } from '../wire/index.ts';
import type { Converse } from './relay.ts';
import { said } from './reply.ts';
import { type Begun, begin, offers, type Place } from './session.ts';

/** Before each try, alone. */
const PAUSES_MS = [0, 200, 1_000];
const PATIENCE_MS = 2_000;

/** Sessions with the same MX host, beside the first one. */
export interface SideSessions {
  readonly converse: Converse;
  readonly handshake: (version: TlsVersion) => Promise<TlsBegun>;
  /** From now on there is room for one more. */
  readonly mainIsOver: () => void;
  /** Ends all of them. */
  readonly giveUp: () => void;
}

/** Sessions beside the first one, that give way to it. */
export function sideSessions(place: Place, outer: AuditContext): SideSessions {
  const end = new AbortController();
  const { clock } = outer;
  const signal = outer.signal === undefined ? end.signal : AbortSignal.any([end.signal, outer.signal]);
  const context: AuditContext = { ...outer, signal };
  const { hold, firstIsOver } = connectionSlots(clock, signal, PAUSES_MS, PATIENCE_MS);
  const once = async <T>(run: (begun: Begun) => Promise<T>, helo?: string): Promise<Held<T> | undefined> => {
    const begun = await begin(place, context, helo);
    if (begun === undefined) return undefined;
    let gone: Promise<void> | undefined;
    try {
      const value = await run(begun);
      gone = begun.session.close();
      return { value, gone };
    } finally {
      gone ??= begun.session.close();
    }
  };
  const converse: Converse = (run, helo) => hold(() => once(run, helo));
  return {
    converse,
    mainIsOver: firstIsOver,
    giveUp() {
      end.abort();
      firstIsOver();
    },
    async handshake(version) {
      const begun = await converse<TlsBegun>(async ({ session, capabilities }) => {
        if (!offers(capabilities, 'STARTTLS')) return { status: 'closed', reason: 'STARTTLS is not offered' };
        const ready = await session.say('STARTTLS');
        return ready.status === 'reply' && ready.code === 220
          ? session.startTls({ version })
          : { status: 'closed', reason: said(ready) };
      });
      return begun ?? { status: 'closed', reason: 'no session' };
    },
  };
}

/** Newer versions are tried when it is known which one the first session speaks: that one need not be. */
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
