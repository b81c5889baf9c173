import type { AuditContext } from '../context.ts';
import { connectionSlots, type SideResult, type TlsBegun } from '../wire/index.ts';
import type { Dialect } from './dialect.ts';
import { LoginSession } from './session.ts';

/** Runs `run` in a conversation of its own. Returns undefined if the server accepts none. */
export type Converse = <T>(run: (session: LoginSession) => Promise<T>) => Promise<T | undefined>;

/** Pause before the retry. */
const PAUSES_MS = [250];

/** Side conversations with a login service. */
export interface SideConversations {
  /** Runs `run` after the greeting; in SMTP, after EHLO. */
  readonly greeted: Converse;
  /** Runs `run` after the TLS handshake, with its result. */
  readonly handshaken: <T>(
    ask: Parameters<LoginSession['startTls']>[0],
    run: (begun: TlsBegun, session: LoginSession) => Promise<T>,
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
    ready: (session: LoginSession) => Promise<boolean>,
    run: (session: LoginSession) => Promise<T>,
  ): Promise<SideResult<T> | undefined> => {
    if (signal?.aborted) return undefined;
    const session = await LoginSession.connect(target, context, dialect.literals);
    if (!(session instanceof LoginSession)) return undefined;
    try {
      return (await ready(session)) ? { value: await run(session) } : undefined;
    } finally {
      void session.close(dialect.farewell);
    }
  };
  const converse = <T>(
    ready: (session: LoginSession) => Promise<boolean>,
    run: (session: LoginSession) => Promise<T>,
  ): Promise<T | undefined> => slots.run(() => once(ready, run));
  const greeted = async (session: LoginSession): Promise<boolean> => {
    const greeting = await dialect.greet(session);
    if (greeting.kind !== 'ok') return false;
    return !dialect.needsEhlo || (await dialect.capabilities(session, settings.helo, greeting)) !== undefined;
  };
  return {
    greeted: (run) => converse(greeted, run),
    handshaken: (ask, run) =>
      converse(
        async (session) => implicit || ((await greeted(session)) && (await dialect.requestTls(session)).kind === 'ok'),
        async (session) => run(await session.startTls({ name: target.host, ...ask }), session),
      ),
    firstEnded: slots.firstEnded,
  };
}
