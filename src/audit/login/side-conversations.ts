import type { AuditContext } from '../context.ts';
import { connectionSlots, type SideResult, type TlsBegun } from '../wire/index.ts';
import type { Dialect } from './dialect.ts';
import { Talk } from './talk.ts';

/** Runs `run` in a conversation of its own. Returns undefined if the server accepts none. */
export type Converse = <T>(run: (talk: Talk) => Promise<T>) => Promise<T | undefined>;

/** Pause before the retry. */
const PAUSES_MS = [250];

/** Side conversations with a login service. */
export interface SideConversations {
  /** Runs `run` after the greeting; in SMTP, after EHLO. */
  readonly greeted: Converse;
  /** Runs `run` after the TLS handshake, with its result. */
  readonly handshaken: <T>(
    ask: Parameters<Talk['startTls']>[0],
    run: (begun: TlsBegun, talk: Talk) => Promise<T>,
  ) => Promise<T | undefined>;
  /** Signals that the first conversation is over. */
  readonly firstEnded: () => void;
}

/** Creates side conversations. The first conversation has priority, see {@link connectionSlots}. */
export function sideConversations(
  target: { readonly host: string; readonly address: string; readonly port: number },
  dialect: Dialect,
  implicit: boolean,
  context: AuditContext,
): SideConversations {
  const { clock, settings, signal } = context;
  const slots = connectionSlots(clock, signal, PAUSES_MS);
  const once = async <T>(
    ready: (talk: Talk) => Promise<boolean>,
    run: (talk: Talk) => Promise<T>,
  ): Promise<SideResult<T> | undefined> => {
    if (signal?.aborted) return undefined;
    const talk = await Talk.connect(target, context, dialect.literals);
    if (!(talk instanceof Talk)) return undefined;
    try {
      return (await ready(talk)) ? { value: await run(talk) } : undefined;
    } finally {
      void talk.close(dialect.farewell);
    }
  };
  const converse = <T>(
    ready: (talk: Talk) => Promise<boolean>,
    run: (talk: Talk) => Promise<T>,
  ): Promise<T | undefined> => slots.run(() => once(ready, run));
  const greeted = async (talk: Talk): Promise<boolean> => {
    const greeting = await dialect.greet(talk);
    if (greeting.kind !== 'ok') return false;
    return !dialect.asksFirst || (await dialect.capabilities(talk, settings.helo, greeting)) !== undefined;
  };
  return {
    greeted: (run) => converse(greeted, run),
    handshaken: (ask, run) =>
      converse(
        async (talk) => implicit || ((await greeted(talk)) && (await dialect.askTls(talk)).kind === 'ok'),
        async (talk) => run(await talk.startTls({ name: target.host, ...ask }), talk),
      ),
    firstEnded: slots.firstEnded,
  };
}
