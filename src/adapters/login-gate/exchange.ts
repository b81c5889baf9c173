import type { AttemptOutcome } from '../../checks/smtp-auth/index.ts';
import { type Ended, type ObservedLogin, type SaslReader, saslMessage, saslReader } from './attempt.ts';
import type { GateEnv } from './options.ts';
import type { Session } from './session.ts';

/** A SASL exchange in the words of one protocol: the client on one side, the backend on the other. */
export interface Sides {
  /** Begins the exchange at the backend, with an initial response if it takes one. */
  begin(initial: string | undefined): Promise<boolean>;
  /** Whether `begin` may be given an initial response. */
  readonly takesInitial: boolean;
  /** Sends a response to the backend. */
  answer(response: string): Promise<boolean>;
  /** The backend's next challenge, or its last word; undefined if the connection is gone. */
  next(): Promise<{ readonly challenge: string } | { readonly last: string } | undefined>;
  /** What a last word says of the credentials. */
  outcomeOf(last: string): AttemptOutcome;
  /** Sends a challenge to the client, and reads its response; undefined if it is gone. */
  ask(challenge: string): Promise<string | undefined>;
}

/** A mechanism that the gate cannot read, passed on by sites that keep no books: the server's challenge comes first. */
const opaque: SaslReader = { prompts: [], read: () => ({}), isFailure: () => false };

/**
 * Carries a SASL exchange across. The gate asks the client itself until it knows whose login it is; only when the budgets have
 * admitted that does the backend hear a message. A place in the budgets is held while the backend judges, and not while the
 * client is waited for.
 */
export async function exchange<E extends GateEnv>(
  session: Session<E>,
  mechanism: string,
  initial: string | undefined,
  sides: Sides,
): Promise<Ended> {
  const known = saslReader(mechanism);
  const reader = known ?? opaque;
  const given: string[] = [];
  if (initial !== undefined && !(initial === '=' && reader.emptyIsNone === true)) {
    // RFC 4959 §3: there is nothing that an initial response could answer.
    if (known?.prompts.length === 0) return { how: 'unreadable' };
    given.push(initial);
  }
  const messages: Uint8Array[] = [];
  for (let i = 0; i < Math.max(given.length, reader.prompts.length); i++) {
    const isInitial = i < given.length;
    const line = isInitial ? given[i] : await sides.ask(reader.prompts[i] as string);
    if (line === undefined) return { how: 'gone' };
    if (line === '*') return { how: 'cancelled' };
    const message = saslMessage(line, isInitial);
    if (message === undefined) return { how: 'unreadable' };
    messages.push(message);
    if (!isInitial) given.push(line);
  }

  let observed: ObservedLogin | undefined;
  if (given.length > 0) {
    observed = reader.read(messages);
    if (observed === undefined) return { how: 'unreadable' };
    const refused = await session.admit(observed, mechanism);
    if (refused !== null) return { how: 'refused', ...refused };
  }

  /** Tells the backend to forget the exchange, and waits until it has. */
  const cancel = async (how: 'unreadable' | 'cancelled'): Promise<Ended> => {
    await session.record('not-judged');
    if (!(await sides.answer('*'))) return { how: 'unavailable' };
    const last = await session.judged(() => sides.next());
    // A backend that goes on asking cannot be spoken to any more.
    return last !== undefined && 'last' in last ? { how } : { how: 'unavailable' };
  };

  const withInitial = given.length > 0 && initial !== undefined && reader.prompts.length < 2 && sides.takesInitial;
  if (!(await sides.begin(withInitial ? given.shift() : undefined))) return { how: 'unavailable' };
  let failed = false;
  for (;;) {
    const next = await session.judged(() => sides.next());
    if (next === undefined) {
      await session.record('not-judged');
      return { how: 'unavailable' };
    }
    if ('last' in next) {
      const outcome = sides.outcomeOf(next.last);
      if (!failed || outcome === 'accepted') await session.record(outcome);
      return {
        how: 'last',
        line: next.last,
        outcome: failed && outcome !== 'accepted' ? 'rejected' : outcome,
        observed: observed ?? {},
      };
    }
    const queued = given.shift();
    if (queued !== undefined) {
      if (!(await sides.answer(queued === '=' ? '' : queued))) return { how: 'unavailable' };
      continue;
    }
    // From here on the client is waited for: the failure is written down, and the place given back, before that.
    if (observed !== undefined && !failed) {
      failed = reader.isFailure(saslMessage(next.challenge, false));
      await session.record(failed ? 'rejected' : 'not-judged');
    }
    const line = await sides.ask(next.challenge);
    if (line === undefined) return { how: 'gone' };
    if (line === '*') return cancel('cancelled');
    const message = saslMessage(line, false);
    if (message === undefined) return cancel('unreadable');
    observed ??= reader.read([message]);
    if (observed === undefined) return cancel('unreadable');
    if (!failed) {
      const refused = await session.admit(observed, mechanism);
      if (refused !== null) {
        session.closeBackend();
        return { how: 'refused', line: refused.line, close: true };
      }
    }
    if (!(await sides.answer(line))) return { how: 'unavailable' };
  }
}
