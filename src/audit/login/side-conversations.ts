import type { AuditContext } from '../context.ts';
import { connectionSlots, type Held, type TlsBegun } from '../wire/index.ts';
import type { Dialect } from './dialect.ts';
import { Talk } from './talk.ts';

/** Runs `run` in a conversation of its own; undefined where there was none to be had. */
export type Converse = <T>(run: (talk: Talk) => Promise<T>) => Promise<T | undefined>;

/** Before a conversation is tried once more. */
const PAUSES_MS = [250];

/** Conversations beside the first one. */
export interface SideConversations {
  /** As far as the server greets; in SMTP, as far as EHLO. */
  readonly greeted: Converse;
  /** As far as the handshake, which `run` is told the outcome of. */
  readonly handshaken: <T>(
    ask: Parameters<Talk['startTls']>[0],
    run: (begun: TlsBegun, talk: Talk) => Promise<T>,
  ) => Promise<T | undefined>;
  /** From now on there is room for one more. */
  readonly firstIsOver: () => void;
}

/** Conversations beside the first one, that give way to it. */
export function sideConversations(
  target: { readonly host: string; readonly address: string; readonly port: number },
  dialect: Dialect,
  implicit: boolean,
  context: AuditContext,
): SideConversations {
  const { clock, settings, signal } = context;
  const { hold, firstIsOver } = connectionSlots(clock, signal, PAUSES_MS);
  const once = async <T>(
    ready: (talk: Talk) => Promise<boolean>,
    run: (talk: Talk) => Promise<T>,
  ): Promise<Held<T> | undefined> => {
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
  ): Promise<T | undefined> => hold(() => once(ready, run));
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
    firstIsOver,
  };
}
