import type { AccessFailure, AccessReply } from '../../access/index.ts';
import {
  type Admission,
  type Attempt,
  type AttemptOutcome,
  admitAfterDelay,
  type Budgets,
  type LoginDetail,
} from '../../checks/smtp-auth/index.ts';
import type { BackendAnswer, Dialect } from './dialect.ts';
import { type ObservedLogin, type SaslReader, saslMessage, saslReader } from './mechanisms.ts';
import type { GateEnv } from './options.ts';
import type { Peer } from './peer.ts';

/** What a login uses of its session. */
export interface LoginHost {
  readonly id: string;
  readonly dialect: Dialect;
  readonly client: Peer;
  readonly backend: Peer | undefined;
  readonly backendCapabilities: readonly string[];
  readonly budgets: Budgets | undefined;
  readonly env: GateEnv;
  readonly clientIp: Attempt['client'];
  /** Aborted when the client disconnects. */
  readonly gone: AbortSignal;
  /** Calls a hook or a store. What it throws is reported, and the answer is undefined. */
  guarded<T>(call: () => T | Promise<T>): Promise<T | undefined>;
  /** Waits for the backend's answer until its deadline. */
  judged<T>(answer: () => Promise<T | undefined>): Promise<T | undefined>;
  /** Discards what the backend has sent before the login's first message. */
  discardUnsolicited(): void;
  /** Reports that the account of a login is known. */
  loginBegan(login: Pick<LoginDetail, 'mechanism' | 'account'>): void;
  /** Applies the rule about the outcome. Returns the reply that the rule asks for, or null if the login succeeded. */
  loginEnded(login: LoginDetail, tag?: string): Promise<AccessReply | null>;
}

/** How a login command ended, before the client receives its reply. */
export type Ended =
  /** With the backend's final reply. */
  | { readonly how: 'last'; readonly line: string; readonly outcome: AttemptOutcome }
  /** With a reply of the gate: the budgets do not admit the login. */
  | { readonly how: 'refused'; readonly reply: AccessReply }
  /** With a failure. The backend has received nothing of the login, or has been told to forget it. */
  | { readonly how: 'failed'; readonly failure: AccessFailure }
  /** The client has disconnected. */
  | { readonly how: 'gone' };

const failed = (failure: AccessFailure): Ended => ({ how: 'failed', failure });
const unavailable = failed('server-unavailable');

/** A mechanism that the gate cannot read. It is passed on only without budgets: the server's challenge comes first. */
const opaque: SaslReader = { prompts: [], read: () => ({}), isFailure: () => false };

/** One login, from its command to its outcome: admission, the conversation with the backend, and the record of the outcome. */
export class Login {
  readonly #host: LoginHost;
  readonly #mechanism: string;
  readonly #tag: string | undefined;
  /** The attempt under way, from the time its account is known. */
  #attempt: { readonly attempt: Attempt; readonly observed: ObservedLogin } | undefined;
  /** Whether the attempt holds a place in the budgets. */
  #holds = false;
  #heldMs = 0;

  constructor(host: LoginHost, mechanism: string, tag: string | undefined) {
    this.#host = host;
    this.#mechanism = mechanism;
    this.#tag = tag;
  }

  /** Carries out a login without SASL. */
  async plain(observed: ObservedLogin, converse: () => Promise<string | undefined>): Promise<Ended> {
    const host = this.#host;
    const refused = await this.#admit(observed);
    if (refused !== null) return { how: 'refused', reply: refused };
    host.discardUnsolicited();
    const line = await host.judged(converse);
    if (line === undefined) {
      await this.#record('not-judged');
      return unavailable;
    }
    const outcome = host.dialect.outcomeOf(line);
    await this.#record(outcome);
    return { how: 'last', line, outcome };
  }

  /**
   * Carries out a SASL exchange between client and backend.
   *
   * The gate requests the first messages itself until it knows the account. The backend receives a message only after the
   * budgets have admitted the account. A place in the budgets is held while the backend judges, and not while the client is
   * silent.
   */
  async sasl(initial: string | undefined, backend: Peer): Promise<Ended> {
    const host = this.#host;
    const { dialect } = host;
    const known = saslReader(this.#mechanism);
    const reader = known ?? opaque;
    const given: string[] = [];
    if (initial !== undefined && !(initial === '=' && reader.emptyIsNone === true)) {
      // RFC 4959 §3: without a challenge there is nothing to answer.
      if (known?.prompts.length === 0) return failed('credentials-malformed');
      given.push(initial);
    }
    const messages: Uint8Array[] = [];
    for (let i = 0; i < Math.max(given.length, reader.prompts.length); i++) {
      const isInitial = i < given.length;
      const line = isInitial ? given[i] : await this.#challenge(reader.prompts[i] as string);
      if (line === undefined) return { how: 'gone' };
      if (line === '*') return failed('auth-cancelled');
      const message = saslMessage(line, isInitial);
      if (message === undefined) return failed('credentials-malformed');
      messages.push(message);
      if (!isInitial) given.push(line);
    }

    let observed: ObservedLogin | undefined;
    if (given.length > 0) {
      observed = reader.read(messages);
      if (observed === undefined) return failed('credentials-malformed');
      const refused = await this.#admit(observed);
      if (refused !== null) return { how: 'refused', reply: refused };
    }

    host.discardUnsolicited();
    const withInitial =
      given.length > 0 &&
      initial !== undefined &&
      reader.prompts.length < 2 &&
      dialect.takesInitial(host.backendCapabilities);
    const first = dialect.authCommand(this.#mechanism, withInitial ? given.shift() : undefined, this.#tag);
    if (!(await backend.say(first))) return unavailable;
    let rejected = false;
    for (;;) {
      const answer = await this.#nextAnswer(backend);
      if (answer === undefined) {
        await this.#record('not-judged');
        return unavailable;
      }
      if ('last' in answer) {
        const outcome = dialect.outcomeOf(answer.last);
        if (!rejected || outcome === 'accepted') await this.#record(outcome);
        return { how: 'last', line: answer.last, outcome: rejected && outcome !== 'accepted' ? 'rejected' : outcome };
      }
      const queued = given.shift();
      if (queued !== undefined) {
        if (!(await backend.say(queued === '=' ? '' : queued))) return unavailable;
        continue;
      }
      // Before the client is waited for, a failure is recorded and the place released.
      if (observed !== undefined && !rejected) {
        rejected = reader.isFailure(saslMessage(answer.challenge, false));
        await this.#record(rejected ? 'rejected' : 'not-judged');
      }
      const line = await this.#challenge(answer.challenge);
      if (line === undefined) return { how: 'gone' };
      if (line === '*') return this.#cancel(backend, 'auth-cancelled');
      const message = saslMessage(line, false);
      if (message === undefined) return this.#cancel(backend, 'credentials-malformed');
      observed ??= reader.read([message]);
      if (observed === undefined) return this.#cancel(backend, 'credentials-malformed');
      if (!rejected) {
        const refused = await this.#admit(observed);
        // The backend still waits for a response, so the session ends.
        if (refused !== null) return { how: 'refused', reply: { ...refused, close: true } };
      }
      if (!(await backend.say(line))) return unavailable;
    }
  }

  /**
   * Reports the outcome, once. Does nothing if the account never became known.
   *
   * @returns the reply that the rule about the outcome asks for, or null
   */
  async end(
    because: LoginDetail['because'],
    more: Pick<LoginDetail, 'budget' | 'reason'> = {},
  ): Promise<AccessReply | null> {
    const current = this.#attempt;
    if (current === undefined) return null;
    await this.#record('not-judged');
    this.#attempt = undefined;
    const heldMs = this.#heldMs > 0 ? this.#heldMs : undefined;
    return this.#host.loginEnded({ ...this.#named(current.observed), because, heldMs, ...more }, this.#tag);
  }

  /**
   * Admits a message that may decide the login. The first time it waits for the account's delay.
   *
   * @returns null if the message may be sent to the backend, or the reply
   */
  async #admit(observed: ObservedLogin): Promise<AccessReply | null> {
    const { id, budgets, env, gone, clientIp } = this.#host;
    const first = this.#attempt === undefined;
    const attempt: Attempt = { session: id, client: clientIp, account: observed.account };
    this.#attempt = { attempt, observed };
    if (first) this.#host.loginBegan(this.#named(observed));
    if (budgets === undefined) return null;
    const admission: Admission | undefined = await this.#host.guarded(() =>
      first ? admitAfterDelay(budgets, attempt, env, gone) : budgets.admit(attempt, env, gone),
    );
    if (admission?.allowed === true) {
      this.#holds = true;
      if (first) this.#heldMs = admission.holdMs;
      return null;
    }
    const budget = admission?.budget;
    const reply =
      budget === undefined || budget === 'busy'
        ? await this.end('unavailable', { budget, reason: budget === undefined ? 'store' : 'too many logins at once' })
        : await this.end('too-many-failures', { budget });
    // The rule about the outcome always refuses these. Null would admit the login.
    return reply ?? { line: '', close: true };
  }

  /** Records the outcome and releases the place. Does nothing without an admission. */
  async #record(outcome: AttemptOutcome): Promise<void> {
    const { budgets, env } = this.#host;
    const current = this.#attempt;
    if (budgets === undefined || current === undefined || !this.#holds) return;
    this.#holds = false;
    await this.#host.guarded(() => budgets.record(current.attempt, outcome, env, current.observed.secret));
  }

  /** Tells the backend to forget the exchange, and waits until it has. */
  async #cancel(backend: Peer, failure: AccessFailure): Promise<Ended> {
    await this.#record('not-judged');
    if (!(await backend.say('*'))) return unavailable;
    const answer = await this.#nextAnswer(backend);
    // A backend that sends another challenge is out of step, and cannot be used any more.
    return answer !== undefined && 'last' in answer ? failed(failure) : unavailable;
  }

  #nextAnswer(backend: Peer): Promise<BackendAnswer | undefined> {
    const { dialect, client } = this.#host;
    return this.#host.judged(() => dialect.next(backend, client, this.#tag));
  }

  /** Sends a challenge to the client and reads its response. Undefined if the client has disconnected. */
  async #challenge(challenge: string): Promise<string | undefined> {
    const { client, dialect } = this.#host;
    return (await client.say(`+ ${challenge}`)) ? client.text(dialect.maxResponse) : undefined;
  }

  #named({ account = '' }: ObservedLogin): Pick<LoginDetail, 'mechanism' | 'account'> {
    return { mechanism: this.#mechanism, account: account.slice(0, 255) };
  }
}
