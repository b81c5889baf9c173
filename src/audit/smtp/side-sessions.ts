import type { AuditContext } from '../context.ts';
import type { TlsVersion } from '../report.ts';
import type { TlsBegun } from '../wire/index.ts';
import type { Converse } from './relay.ts';
import { said } from './reply.ts';
import { begin, offers, type Place } from './session.ts';

type Begun = NonNullable<Awaited<ReturnType<typeof begin>>>;

/** What a session came to, and when its connection is gone. */
interface Done<T> {
  readonly value: T;
  readonly gone: Promise<void>;
}

/** Before each try, alone. */
const PAUSES_MS = [0, 200, 1_000];
const MOST_PATIENCE_MS = 2_000;

/** Sessions with the same exchanger, beside the first one. */
export interface SideSessions {
  readonly converse: Converse;
  readonly handshake: (version: TlsVersion) => Promise<TlsBegun>;
  /** From now on there is room for one more. */
  readonly mainIsOver: () => void;
  /** Ends all of them. */
  readonly giveUp: () => void;
}

/**
 * Sessions beside the first one. Servers count the sessions of a client, and may have no room for all: one that was not
 * to be had is tried again when the first one is over, one at a time, until that fails too.
 */
export function sideSessions(place: Place, outer: AuditContext): SideSessions {
  const end = new AbortController();
  const { clock } = outer;
  const signal = outer.signal === undefined ? end.signal : AbortSignal.any([end.signal, outer.signal]);
  const context: AuditContext = { ...outer, signal };
  let mainIsOver: () => void = () => undefined;
  let last: Promise<unknown> = new Promise<void>((resolve) => {
    mainIsOver = resolve;
  });
  let hopeless = false;
  const once = async <T>(run: (begun: Begun) => Promise<T>): Promise<Done<T> | undefined> => {
    const begun = await begin(place, context);
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
  const alone = async <T>(run: (begun: Begun) => Promise<T>): Promise<Done<T> | undefined> => {
    // A server that counts may not have noticed yet that a session is over.
    for (const pause of PAUSES_MS) {
      if (hopeless || signal.aborted) return undefined;
      if (pause > 0) await new Promise<void>((resolve) => void clock.after(pause, resolve));
      const tried = clock.now();
      const done = await once(run);
      if (done !== undefined) return done;
      // Whoever takes long to refuse is not asked for ever.
      if (clock.now() - tried > MOST_PATIENCE_MS) break;
    }
    hopeless = true;
    return undefined;
  };
  const converse: Converse = async (run) => {
    const first = await once(run);
    if (first !== undefined) return first.value;
    const turn = last.then(() => alone(run));
    last = turn.then(
      (done) => done?.gone,
      () => undefined,
    );
    return (await turn)?.value;
  };
  return {
    converse,
    mainIsOver: () => mainIsOver(),
    giveUp() {
      end.abort();
      mainIsOver();
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
