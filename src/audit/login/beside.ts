import type { AuditContext } from '../context.ts';
import type { TlsBegun } from '../wire/index.ts';
import type { Dialect } from './dialect.ts';
import { Talk } from './talk.ts';

/** Runs `run` in a conversation of its own; undefined where there was none to be had. */
export type Converse = <T>(run: (talk: Talk) => Promise<T>) => Promise<T | undefined>;

/** Before a conversation is tried once more: a server that counts may not have noticed yet that another one is over. */
const PAUSE_MS = 250;

/** Conversations beside the first one. */
export interface Beside {
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

/**
 * Conversations that are held at the same time as the first one. Servers count the connections of a client: where one is
 * not to be had it is tried once more when the first is over, one at a time.
 */
export function besides(
  target: { readonly host: string; readonly address: string; readonly port: number },
  dialect: Dialect,
  implicit: boolean,
  context: AuditContext,
): Beside {
  const { clock, settings, signal } = context;
  let firstIsOver: () => void = () => undefined;
  let last: Promise<unknown> = new Promise<void>((resolve) => {
    firstIsOver = resolve;
  });

  const once = async <T>(
    ready: (talk: Talk) => Promise<boolean>,
    run: (talk: Talk) => Promise<T>,
  ): Promise<{ readonly value: T } | undefined> => {
    if (signal?.aborted) return undefined;
    const talk = await Talk.connect(target, context, dialect.literals);
    if (!(talk instanceof Talk)) return undefined;
    try {
      return (await ready(talk)) ? { value: await run(talk) } : undefined;
    } finally {
      void talk.close(dialect.farewell);
    }
  };
  const converse = async <T>(
    ready: (talk: Talk) => Promise<boolean>,
    run: (talk: Talk) => Promise<T>,
  ): Promise<T | undefined> => {
    const first = await once(ready, run);
    if (first !== undefined) return first.value;
    const turn = last.then(async () => {
      if (signal?.aborted) return undefined;
      await new Promise<void>((resolve) => void clock.after(PAUSE_MS, resolve));
      return once(ready, run);
    });
    last = turn.catch(() => undefined);
    return (await turn)?.value;
  };
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
    firstIsOver: () => firstIsOver(),
  };
}
