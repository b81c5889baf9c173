import type { Awaitable, Decision, Finding, HeaderField, Outcome } from '../core/index.ts';
import {
  assertFunction,
  assertKnownOptions,
  defer,
  evaluate,
  isPromise,
  judge,
  numberFromZero,
  oneOf,
  positiveNumber,
  timedOut,
  wrongOption,
} from '../core/index.ts';
import type { Env } from '../env/index.ts';
import { withDeadline } from '../env/index.ts';
import type { MessageFacts } from '../message/index.ts';
import { MessageReader } from '../message/index.ts';
import type { Mailbox, PathProblem } from '../net/index.ts';
import { parseAddressLiteral, parseDomain, parsePath, printMailbox } from '../net/index.ts';
import type {
  AuthenticatedDataFacts,
  AuthenticatedStages,
  AuthFacts,
  Cause,
  ConnectFacts,
  HeloFacts,
  MailFacts,
  MessageAuthentication,
  Offence,
  PolicyParts,
  Proof,
  RcptFacts,
  Reply,
  Role,
  SessionPolicy,
  SmtpStages,
  TlsFacts,
} from '../smtp/index.ts';
import {
  authenticationResults,
  chargeAccepted,
  feedBans,
  isSmtpPolicy,
  policyParts,
  replyFor,
  smtpReply,
} from '../smtp/index.ts';
import { Authenticating } from './authenticating.ts';
import { EarlyChecks } from './early-checks.ts';
import { foldRecipients, foldStages, noDecision, unitedTags } from './fold.ts';
import type { MessageSink } from './receiving.ts';
import { Receiving } from './receiving.ts';
import { SessionCounters } from './session-counters.ts';
import { SessionResolver } from './session-resolver.ts';
import type {
  MessageOutcome,
  MessageWriter,
  RecipientOutcome,
  SessionEvent,
  SmtpSession,
  SmtpSessionOptions,
} from './types.ts';

const DEADLINE_MS = 30_000;
const MAX_DELAY_MS = 30_000;
const MAX_EVENTS = 1_000;
const MAX_HELO = 512;

const optionNames: readonly (keyof SmtpSessionOptions)[] = [
  'authservId',
  'bareLineEndings',
  'correlation',
  'deadlineMs',
  'earlyChecks',
  'keepMessage',
  'maxDelayMs',
  'onBan',
  'onError',
  'onEvent',
  'postmasterDomain',
  'reading',
  'size',
  'smtpUtf8',
];

/** Options that have been checked. A server checks them once for all its sessions. */
const checked = new WeakSet<object>();

/**
 * Checks the options of a session.
 *
 * @throws {TypeError} if an option is wrong or unknown
 */
export function assertSessionOptions(owner: string, options: SmtpSessionOptions): void {
  if (checked.has(options)) return;
  assertKnownOptions(owner, options, optionNames);
  const { authservId, bareLineEndings = 'refuse', deadlineMs, keepMessage, maxDelayMs, reading, size } = options;
  if (deadlineMs !== undefined) positiveNumber(owner, 'deadlineMs', deadlineMs);
  if (maxDelayMs !== undefined) numberFromZero(owner, 'maxDelayMs', maxDelayMs);
  if (size !== undefined) positiveNumber(owner, 'size', size);
  if (keepMessage !== undefined) numberFromZero(owner, 'keepMessage', keepMessage);
  oneOf(owner, 'bareLineEndings', bareLineEndings, ['refuse', 'normalize', 'keep']);
  if (authservId !== undefined && authservId !== null && parseDomain(authservId) === undefined)
    throw wrongOption(owner, 'authservId', 'a host name or null', authservId);
  for (const hook of ['onBan', 'onEvent', 'onError'] as const)
    if (options[hook] !== undefined) assertFunction(owner, hook, options[hook]);
  // Throws if a limit is wrong.
  if (reading !== undefined) new MessageReader(reading);
  checked.add(options);
}

/**
 * Begins a session.
 *
 * @param connection the facts of the connection; `session.id` must be unique, because leases are held in its name
 * @throws {TypeError} if the policy was not made by `smtpPolicy()`, or an option is wrong or unknown
 */
export function smtpSession<E extends Env = Env>(
  policy: SessionPolicy<E>,
  env: E,
  connection: ConnectFacts,
  options: SmtpSessionOptions = {},
): SmtpSession {
  if (!isSmtpPolicy(policy)) throw wrongOption('smtpSession', 'policy', 'made by smtpPolicy()', policy);
  assertSessionOptions('smtpSession', options);
  return new Session(policy, env, connection, options);
}

/** Whose Authentication-Results fields are removed, and whether one is written. */
function trace(
  { authservId }: SmtpSessionOptions,
  { role, serverName }: { readonly role: Role; readonly serverName?: string },
): { readonly name: string | undefined; readonly writes: boolean } {
  if (authservId === null || (authservId === undefined && role === 'lmtp')) return { name: undefined, writes: false };
  const name = authservId ?? serverName;
  const writes = name !== undefined && parseDomain(name) !== undefined;
  return { name, writes: writes && (authservId !== undefined || role === 'mx') };
}

/** The decision of one stage, and the reply that follows from it. */
type Judged = Pick<SessionEvent, 'reply' | 'decision'>;

/** The decisions that accepted the session and its transaction so far, when a message begins. */
interface Transaction {
  readonly helo: HeloFacts['helo'];
  readonly mail: Pick<MailFacts, 'reversePath' | 'mailParameters'>;
  readonly recipients: readonly Mailbox[];
  /** The decision at MAIL, then one for each recipient. */
  readonly accepting: readonly Decision[];
}

class Session<E extends Env> implements SmtpSession {
  readonly events: SessionEvent[] = [];
  recipients: Mailbox[] = [];
  readonly authservId: string | undefined;
  readonly #writesTrace: boolean;
  readonly #policy: SessionPolicy<E>;
  readonly #parts: PolicyParts<E>;
  /** The decisions that accepted the connection, the greeting and the login. They count for every message. */
  #letIn: { connect: Decision; helo: Decision; auth: Decision } = {
    connect: noDecision,
    helo: noDecision,
    auth: noDecision,
  };
  /** The decision about the mechanism. It counts once the client has logged in. */
  #authDecision: Decision = noDecision;
  /** The decisions that accepted the transaction so far: MAIL, then one for each recipient. */
  #accepting: Decision[] = [];
  /** All decisions of the transaction, for the trace. */
  #decided: Decision[] = [];
  /** MAIL was refused: commands that the client has pipelined behind it are not errors of their own (RFC 2920). */
  #mailRefused = false;
  /** The current command has been counted by `command()`. */
  #counted = false;
  #authenticating: Authenticating | undefined;
  readonly #env: E;
  readonly #dns: SessionResolver;
  readonly #counters: SessionCounters;
  /** Ends the evaluation of the current stage. */
  #stage: AbortController | undefined;
  /** Ends the delay that a rule asked for. */
  #hurry: (() => void) | undefined;
  readonly #early: EarlyChecks<E> | undefined;
  readonly #options: SmtpSessionOptions;
  readonly #replyOptions: { readonly correlation: string | undefined };
  readonly #deadlineMs: number;
  #connection: ConnectFacts;
  #helo: HeloFacts['helo'] | null = null;
  #auth: MailFacts['auth'] = null;
  #mail: Transaction['mail'] | null = null;
  #messages = 0;
  #commands = 0;
  #errors = 0;
  #authFailures = 0;
  #closed = false;

  constructor(policy: SessionPolicy<E>, env: E, connection: ConnectFacts, options: SmtpSessionOptions) {
    this.#policy = policy;
    this.#parts = policyParts(policy);
    const { name, writes } = trace(options, connection.session);
    this.authservId = name;
    this.#writesTrace = writes;
    this.#dns = new SessionResolver(env.dns, env.clock);
    this.#counters = new SessionCounters(env.counters, this.#trouble);
    this.#env = { ...env, dns: this.#dns, counters: this.#counters };
    this.#connection = connection;
    this.#options = options;
    this.#replyOptions = { correlation: options.correlation ? connection.session.id : undefined };
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS;
    if (options.earlyChecks ?? connection.session.role === 'mx') this.#early = EarlyChecks.of(policy);
  }

  get facts(): SmtpSession['facts'] {
    return {
      connect: this.#connectFacts(),
      helo: this.#helo === null ? null : this.#heloFacts(this.#helo),
      mail: this.#helo === null || this.#mail === null ? null : this.#mailFacts(this.#helo, this.#mail),
    };
  }

  #sessionFacts(): ConnectFacts['session'] {
    const { id, role, implicitTls, serverName, since } = this.#connection.session;
    const tally = { commands: this.#commands, errors: this.#errors, authFailures: this.#authFailures };
    return { id, role, implicitTls, serverName, since, tally };
  }

  #connectFacts(): ConnectFacts {
    const { client, tls } = this.#connection;
    return { session: this.#sessionFacts(), client, tls };
  }

  #heloFacts(helo: HeloFacts['helo']): HeloFacts {
    const { client, tls } = this.#connection;
    return { session: this.#sessionFacts(), client, tls, helo };
  }

  #authFacts(helo: HeloFacts['helo'], mechanism: string): AuthFacts {
    const { session, client, tls } = this.#heloFacts(helo);
    return { session, client, tls, helo, attempt: { mechanism: mechanism.toUpperCase() } };
  }

  #mailFacts(helo: HeloFacts['helo'], { reversePath, mailParameters }: Transaction['mail']): MailFacts {
    const { client, tls } = this.#connection;
    return {
      session: this.#sessionFacts(),
      client,
      tls,
      helo,
      auth: this.#auth,
      reversePath,
      mailParameters,
      messagesBefore: this.#messages,
    };
  }

  /** Decides one stage: evaluates its rules, records the decision, and waits as long as a rule asks for. */
  #at<S extends keyof SmtpStages>(
    stage: S,
    facts: AuthenticatedStages[S],
    recipient?: string,
    began?: number,
  ): Awaitable<Judged> {
    const { length = 0 } = this.#policy[stage] ?? {};
    return length > 0
      ? this.#evaluate(stage, facts, recipient, began ?? this.#env.clock.now())
      : this.#conclude(stage, noDecision, facts, began, recipient);
  }

  async #evaluate<S extends keyof SmtpStages>(
    stage: S,
    facts: AuthenticatedStages[S],
    recipient: string | undefined,
    began: number,
  ): Promise<Judged> {
    const { clock } = this.#env;
    // Shared by all stages until one of them is ended by it: AbortControllers are expensive.
    this.#stage ??= new AbortController();
    const end = this.#stage;
    if (this.#closed) end.abort('closed');
    const cancel = clock.after(this.#deadlineMs - (clock.now() - began), () => {
      if (this.#stage === end) this.#stage = undefined;
      end.abort(timedOut(this.#deadlineMs));
    });
    const decision = await evaluate<AuthenticatedStages, E, S>(this.#policy as never, stage, facts, this.#env, {
      signal: end.signal,
      known: this.#early,
    });
    cancel();
    const judged = this.#conclude(stage, decision, facts, began, recipient);
    if (decision.delayMs > 0) await this.#wait(Math.min(decision.delayMs, this.#options.maxDelayMs ?? MAX_DELAY_MS));
    return judged;
  }

  /** Makes the reply, records the decision, and shows it to the host and to the policy's bans. */
  #conclude(
    stage: keyof SmtpStages,
    decision: Decision,
    facts: SmtpStages[keyof SmtpStages],
    began: number | undefined,
    recipient?: string,
  ): Judged {
    const reply = smtpReply(decision, stage, this.#replyOptions);
    const tookMs = began === undefined ? 0 : this.#env.clock.now() - began;
    const event: SessionEvent = { stage, decision, reply, tookMs, recipient };
    if (this.events.length >= MAX_EVENTS) this.events.shift();
    this.events.push(event);
    const { onEvent } = this.#options;
    if (onEvent !== undefined) this.#call(() => onEvent(event, facts));
    this.#feed(decision);
    // With LMTP a message has many replies, and is one error.
    if (reply !== null && stage !== 'data') this.#errors++;
    return event;
  }

  /** Calls a hook of the host. If it throws or rejects, the error is reported and changes nothing. */
  #call(hook: () => unknown): void {
    try {
      const answer = hook();
      if (isPromise(answer)) answer.then(undefined, this.#trouble);
    } catch (error) {
      this.#trouble(error);
    }
  }

  readonly #trouble = (error: unknown): void => {
    try {
      const answer: unknown = this.#options.onError?.(error instanceof Error ? error : new Error(String(error)));
      if (isPromise(answer)) answer.then(undefined, () => undefined);
    } catch {
      // `onError` itself is broken, so the error cannot be reported.
    }
  };

  /**
   * Runs a verb. Whatever it throws is reported, and the command is deferred: a clock of the host may be broken, and a session
   * never rejects.
   */
  async #verb(run: () => Awaitable<Reply | null>): Promise<Reply | null> {
    try {
      return this.#begin() ?? (await run());
    } catch (error) {
      return this.#broken(error, 'mail');
    }
  }

  #broken(error: unknown, stage: keyof SmtpStages): Reply {
    this.#trouble(error);
    const finding: Finding = {
      check: 'smtp-session',
      result: 'temperror',
      cause: 'policy-engine',
      explanation: 'A policy check could not be completed',
    };
    const decision = judge([{ rule: 'smtp-session', finding, verdict: defer() }]);
    return smtpReply(decision, stage, this.#replyOptions) as Reply;
  }

  /** Waits for a store, but no longer than a stage may take. A failure is reported. */
  async #store(what: string, ask: () => Awaitable<unknown>): Promise<void> {
    try {
      const asked = ask();
      if (!isPromise(asked)) return;
      const ended = await withDeadline(this.#env.clock, this.#deadlineMs, undefined, () => asked);
      if (ended.how === 'failed') this.#trouble(ended.error);
      else if (ended.how === 'late') this.#trouble(new Error(`${what} has not answered within ${this.#deadlineMs} ms`));
    } catch (error) {
      this.#trouble(error);
    }
  }

  /** Counts a decision or an offence against the policy's bans. The session does not wait for them. */
  #feed(what: Decision | Offence): void {
    const { bans } = this.#parts;
    if (bans.length === 0 || what === noDecision) return;
    const facts = this.#connectFacts();
    feedBans(bans, what, facts, this.#env, this.#trouble).then((ban) => {
      if (ban !== undefined) this.#call(() => this.#options.onBan?.(ban, facts));
    });
  }

  /** Waits, or less long if the client disconnects. */
  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) return resolve();
      const cancel = this.#env.clock.after(ms, resolve);
      this.#hurry = () => {
        cancel();
        resolve();
      };
    });
  }

  #refuse(cause: Cause, text: string): Reply {
    if (protocolErrors.has(cause)) this.protocolError();
    else if (cause === 'bad-sequence') this.protocolError('sequence');
    else this.#errors++;
    return replyFor(cause, text, 'reject', this.#replyOptions);
  }

  command(): Reply | null {
    this.#counted = true;
    this.#commands++;
    const { limits } = this.#parts;
    if (limits.length === 0) return null;
    const tally = { commands: this.#commands, errors: this.#errors, authFailures: this.#authFailures };
    for (const rule of limits) {
      const finding = rule.exceeded(tally);
      if (finding === undefined) continue;
      const decision = judge([{ rule: rule.id, finding, verdict: defer() }]);
      return this.#conclude('connect', decision, this.#connectFacts(), undefined).reply;
    }
    return null;
  }

  /** Begins a verb, which counts the command if the host has not called `command()`. */
  #begin(): Reply | null {
    const reply = this.#counted ? null : this.command();
    this.#counted = false;
    return reply;
  }

  async connect(): Promise<Reply | null> {
    try {
      const facts = this.#connectFacts();
      const { reply, decision } = await this.#at('connect', facts);
      if (reply !== null) return reply;
      this.#letIn.connect = decision;
      this.#early?.start('connect', facts, this.#env);
      return null;
    } catch (error) {
      return this.#broken(error, 'connect');
    }
  }

  async helo(verb: 'HELO' | 'EHLO' | 'LHLO', name: string): Promise<Reply | null> {
    const reply = await this.#verb(() => this.#greet(verb, name));
    // A reply to HELO or EHLO has no enhanced status code (RFC 2034 §3).
    return reply === null || reply.enhanced === '' ? reply : { ...reply, enhanced: '' };
  }

  async #greet(verb: 'HELO' | 'EHLO' | 'LHLO', name: string): Promise<Reply | null> {
    this.reset();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for control characters
    if (name === '' || name.length > MAX_HELO || /[\x00-\x20\x7f-\uffff]/.test(name))
      return this.#refuse('helo-syntax', `Syntax: ${verb} hostname`);
    const helo = { verb, name, domain: parseDomain(name), literal: parseAddressLiteral(name) };
    this.#early?.forget('helo');
    const facts = this.#heloFacts(helo);
    const { reply, decision } = await this.#at('helo', facts);
    if (reply !== null) return reply;
    this.#letIn.helo = decision;
    this.#helo = helo;
    this.#early?.start('helo', facts, this.#env);
    return null;
  }

  startTls(tls: TlsFacts): void {
    this.#connection = { ...this.#connection, tls };
    this.#helo = null;
    this.#auth = null;
    this.#authDecision = noDecision;
    this.#letIn = { connect: this.#letIn.connect, helo: noDecision, auth: noDecision };
    this.reset();
    this.#early?.forget('helo');
  }

  auth(mechanism: string): Promise<Reply | null> {
    return this.#verb(async () => {
      if (this.#helo === null) return this.#refuse('helo-missing', 'Send EHLO first');
      const { reply, decision } = await this.#at('auth', this.#authFacts(this.#helo, mechanism));
      this.#authDecision = decision;
      return reply;
    });
  }

  loginJudged(mechanism: string, outcome: Outcome): Reply | null {
    if (outcome.finding.result === 'fail') this.#authFailures++;
    const helo = this.#helo ?? { verb: 'EHLO', name: '' };
    return this.#conclude('auth', judge([outcome]), this.#authFacts(helo, mechanism), undefined).reply;
  }

  authenticated(identity: string, mechanism?: string): void {
    this.#auth = { identity, mechanism };
    this.#letIn.auth = this.#authDecision;
  }

  authenticationFailed(): void {
    this.#authFailures++;
    this.#errors++;
    this.#feed('auth-failure');
  }

  protocolError(kind: 'syntax' | 'sequence' = 'syntax'): void {
    if (kind === 'syntax' || !this.#mailRefused) this.#errors++;
    if (kind === 'syntax') this.#feed('protocol-error');
  }

  mail(path: string, parameters?: { readonly [name: string]: string | true }): Promise<Reply | null> {
    return this.#verb(async () => {
      if (this.#helo === null) return this.#refuse('helo-missing', 'Send EHLO first');
      if (this.#mail !== null) return this.#refuse('bad-sequence', 'Nested MAIL command, send RSET first');
      this.#mailRefused = true;
      const parsed = parsePath(path, this.#pathOptions);
      if (typeof parsed === 'string') return this.#refuse('sender-syntax', describe('Sender', parsed));
      if (parsed.utf8 && parameters?.SMTPUTF8 !== true)
        return this.#refuse('utf8-not-offered', 'Sender address with non-ASCII characters requires SMTPUTF8');
      const mail = { reversePath: parsed.mailbox, mailParameters: parameters };
      this.#dns.forgetTrouble();
      this.#early?.forget('mail');
      const facts = this.#mailFacts(this.#helo, mail);
      this.#decided = [];
      const { reply, decision } = await this.#at('mail', facts);
      this.#decided.push(decision);
      if (reply !== null) return reply;
      this.#mailRefused = false;
      this.#mail = mail;
      this.recipients = [];
      this.#accepting = [decision];
      this.#early?.start('mail', facts, this.#env);
      return null;
    });
  }

  rcpt(path: string): Promise<Reply | null> {
    return this.#verb(async () => {
      if (this.#helo === null || this.#mail === null) return this.#refuse('bad-sequence', 'Send MAIL first');
      const parsed = parsePath(path, this.#pathOptions);
      if (typeof parsed === 'string') return this.#refuse('recipient-syntax', describe('Recipient', parsed));
      const { mailbox } = parsed;
      if (mailbox === null) return this.#refuse('recipient-syntax', 'Null recipient path is not allowed');
      if (parsed.utf8 && this.#mail.mailParameters?.SMTPUTF8 !== true)
        return this.#refuse('utf8-not-offered', 'Recipient address with non-ASCII characters requires SMTPUTF8');
      const { session, client, tls, helo, auth, reversePath, mailParameters, messagesBefore } = this.#mailFacts(
        this.#helo,
        this.#mail,
      );
      const facts: RcptFacts = {
        session,
        client,
        tls,
        helo,
        auth,
        reversePath,
        mailParameters,
        messagesBefore,
        forwardPath: mailbox,
        recipientsBefore: this.recipients.length,
        sourceRoute: parsed.sourceRoute ? true : undefined,
      };
      const { reply, decision } = await this.#at('rcpt', facts, printMailbox(mailbox));
      this.#decided.push(decision);
      if (reply === null) {
        this.recipients.push(mailbox);
        this.#accepting.push(decision);
      }
      return reply;
    });
  }

  get keptRecipients(): readonly Mailbox[] {
    return this.recipients.filter((_, at) => foldStages(this.#stagesOf(this.#accepting, at)).action !== 'discard');
  }

  /** The decisions that accepted one recipient of the transaction. */
  #stagesOf(accepting: readonly Decision[], recipient: number): Decision[] {
    const { connect, helo, auth } = this.#letIn;
    return [connect, helo, auth, accepting[0] ?? noDecision, accepting[recipient + 1] ?? noDecision];
  }

  async data(
    message: Uint8Array | AsyncIterable<Uint8Array>,
    options?: { readonly copy?: MessageSink },
  ): Promise<MessageOutcome> {
    const writer = this.receive(options);
    try {
      for await (const chunk of message instanceof Uint8Array ? [message] : message) {
        const taken = writer.write(chunk);
        if (taken !== undefined) await taken;
      }
    } catch (error) {
      return writer.abort(error instanceof Error ? error : new Error(String(error)));
    }
    return writer.end();
  }

  receive({ copy }: { readonly copy?: MessageSink } = {}): MessageWriter {
    // A limit ends the session at the next command: the client has sent the message, and is told what became of it.
    if (!this.#counted) this.#commands++;
    this.#counted = false;
    const { recipients } = this;
    const { size, bareLineEndings = 'refuse', keepMessage: keep = 0, reading } = this.#options;
    const transaction =
      this.#helo === null || this.#mail === null || recipients.length === 0
        ? undefined
        : { helo: this.#helo, mail: this.#mail, recipients, accepting: this.#accepting };
    const authenticating = transaction && this.#authenticate(transaction);
    this.#authenticating = authenticating;
    const reader = new MessageReader(reading);
    const receiving = new Receiving({ size, bareLineEndings, keep }, reader, copy, authenticating);
    const notReceived = (): MessageOutcome => {
      authenticating?.abandon('incomplete');
      this.#authenticating = undefined;
      this.reset();
      return this.#unread(this.#notReceived(receiving), recipients);
    };
    return {
      write: (chunk) => receiving.write(chunk),
      abort: (error = new Error('Message was not received completely')) => {
        receiving.stop(error);
        return notReceived();
      },
      end: async () => {
        let message: MessageFacts | undefined;
        try {
          message = await receiving.end();
          if (message === undefined) return notReceived();
          if (transaction === undefined) {
            this.reset();
            return this.#unread(this.#refuse('no-recipients', 'No valid recipients'), recipients, message);
          }
          return await this.#judge(transaction, message, receiving, authenticating);
        } catch (error) {
          this.reset();
          return this.#unread(this.#broken(error, 'data'), recipients, message);
        }
      },
    };
  }

  /** Decides about a message that has been received completely. */
  async #judge(
    { helo, mail, recipients, accepting }: Transaction,
    read: MessageFacts,
    receiving: Receiving,
    authenticating: Authenticating | undefined,
  ): Promise<MessageOutcome> {
    const raw = receiving.kept();
    const message: AuthenticatedDataFacts['message'] = Object.assign(read, {
      bareLineEndings: receiving.found,
      raw: raw && (() => raw),
    });
    const { session, client, tls, auth, reversePath, mailParameters, messagesBefore } = this.#mailFacts(helo, mail);
    const factsFor = (
      forwardPaths: readonly Mailbox[],
      authentication: MessageAuthentication | undefined,
    ): AuthenticatedDataFacts => ({
      session,
      client,
      tls,
      helo,
      auth,
      reversePath,
      mailParameters,
      messagesBefore,
      forwardPaths,
      message,
      // Only the rules of a policy with an authenticator can name it.
      authentication: authentication as MessageAuthentication,
    });
    const began = this.#env.clock.now();
    let authentication: MessageAuthentication | undefined;
    if (authenticating !== undefined) {
      this.#early?.start('data', factsFor(recipients, undefined), this.#env);
      authentication = await authenticating.result();
      this.#authenticating = undefined;
    }
    this.#messages++;
    const lmtp = session.role === 'lmtp';
    const judged: Judged[] = [];
    for (const recipient of lmtp ? recipients : [undefined]) {
      const facts = factsFor(recipient === undefined ? recipients : [recipient], authentication);
      const name = recipient === undefined ? undefined : printMailbox(recipient);
      const one = await this.#at('data', facts, name, judged.length === 0 ? began : undefined);
      this.#decided.push(one.decision);
      judged.push(one);
    }
    if (judged.some(({ reply }) => reply !== null)) this.#errors++;
    const trace = this.#traceOf(authentication);
    const outcomes = recipients.map((recipient, at): RecipientOutcome => {
      const { reply, decision } = judged[lmtp ? at : 0] as Judged;
      const stages = this.#stagesOf(accepting, at);
      stages.push(decision);
      const folded = foldStages(stages);
      return {
        recipient,
        reply,
        action: folded.action,
        decision: folded,
        get headers() {
          return [...trace(), ...folded.tags];
        },
      };
    });
    const action = foldRecipients(outcomes.map((outcome) => outcome.action));
    await this.#charge(
      accepting,
      judged.map(({ decision }) => decision),
    );
    this.reset();
    return {
      reply: (judged[judged.length - 1] as Judged).reply,
      recipients: outcomes,
      perRecipient: lmtp ? outcomes : [],
      get headers() {
        const kept = outcomes.filter((outcome) => action === 'discard' || outcome.action !== 'discard');
        return [...trace(), ...unitedTags(kept.map(({ decision }) => decision.tags))];
      },
      action,
      message,
      authentication,
    };
  }

  /** The reply to a message that was refused while it arrived, or that the client did not finish. */
  #notReceived({ refusal }: Receiving): Reply {
    switch (refusal) {
      case 'message-too-big':
        return this.#refuse(refusal, 'Message is too large');
      case 'bare-line-ending':
        return this.#refuse(refusal, 'Message contains a bare CR, a bare LF or a NUL; lines must end with CR LF');
      default:
        return replyFor('message-incomplete', 'Message was not received completely', 'defer', this.#replyOptions);
    }
  }

  /** Starts the policy's authenticator, if it has one. */
  #authenticate({ helo, mail }: Transaction): Authenticating | undefined {
    const { authentication } = this.#parts;
    if (authentication === undefined) return undefined;
    const facts = this.#mailFacts(helo, mail);
    const found = (check: object): Awaitable<Finding> | undefined => this.#early?.found(check);
    const authenticating = new Authenticating(
      (message, signal) => authentication.authenticate(message, facts, this.#env, { signal, found }),
      this.#env.clock,
      this.#deadlineMs,
      this.#trouble,
    );
    if (this.#closed) authenticating.abandon('closed');
    return authenticating;
  }

  /** Makes the Authentication-Results field of the transaction, when it is first read. */
  #traceOf(authentication: MessageAuthentication | undefined): () => HeaderField[] {
    const { authservId } = this;
    if (!this.#writesTrace || authservId === undefined) return () => [];
    const { connect, helo } = this.#letIn;
    const decisions = [connect, helo, ...this.#decided];
    const auth = this.#auth;
    let fields: HeaderField[] | undefined;
    return () => {
      if (fields === undefined) {
        const proofs: Proof[] = decisions.flatMap(({ outcomes }) => outcomes.map(({ finding }) => finding));
        if (authentication !== undefined) proofs.push(authentication);
        fields = [authenticationResults(authservId, proofs, { auth })];
      }
      return fields;
    };
  }

  /** Makes the charges that wait until the mail is accepted. @param judged one decision, or with LMTP one for each recipient */
  async #charge([mail, ...rcpts]: readonly Decision[], judged: readonly Decision[]): Promise<void> {
    const each = this.#connection.session.role === 'lmtp';
    const accepted = judged
      .map((decision, at) => [decision, ...(each ? rcpts.slice(at, at + 1) : rcpts)])
      .filter(([decision]) => decision?.action !== 'defer' && decision?.action !== 'reject')
      .flat();
    if (mail === undefined || accepted.length === 0) return;
    const decisions = [mail, ...accepted];
    if (decisions.some(({ outcomes }) => outcomes.some(({ finding }) => finding.afterwards !== undefined)))
      await this.#store('counters.charge', () => chargeAccepted(decisions, this.#env));
  }

  /** The outcome of a message for which no rule was evaluated. */
  #unread(reply: Reply, recipients: readonly Mailbox[], message: MessageFacts = nothingRead): MessageOutcome {
    const action = reply.code < 500 ? 'defer' : 'reject';
    const finding: Finding = { check: 'smtp-session', result: 'fail', explanation: reply.text };
    const outcome: Outcome = { rule: 'smtp-session', finding, verdict: { action } };
    const decision = judge([outcome]);
    const outcomes = recipients.map(
      (recipient): RecipientOutcome => ({ recipient, reply, action, decision, headers: [] }),
    );
    const lmtp = this.#connection.session.role === 'lmtp';
    return { reply, recipients: outcomes, perRecipient: lmtp ? outcomes : [], headers: [], action, message };
  }

  get #pathOptions(): { postmasterDomain?: string } {
    return { postmasterDomain: this.#options.postmasterDomain ?? this.#connection.session.serverName };
  }

  reset(): void {
    this.#mail = null;
    this.#mailRefused = false;
    this.recipients = [];
    this.#accepting = [];
    this.#decided = [];
    this.#early?.forget('mail');
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#counters.end();
    this.#stage?.abort('closed');
    this.#authenticating?.abandon('closed');
    this.#hurry?.();
    this.#early?.forget('connect');
    this.#dns.end();
    await this.#store('counters.release', () => this.#env.counters.release(this.#connection.session.id));
  }
}

/** Errors that no client makes by accident. A pipelined RCPT after a refused MAIL is not one (RFC 2920). */
const protocolErrors: ReadonlySet<Cause> = new Set([
  'helo-syntax',
  'helo-missing',
  'sender-syntax',
  'recipient-syntax',
] satisfies Cause[]);

const problems: Record<PathProblem, string> = {
  empty: 'is missing',
  'too-long': 'is too long',
  'no-domain': 'has no domain',
  'bad-local-part': 'has an invalid local part',
  'bad-domain': 'has an invalid domain',
  'bad-literal': 'has an invalid address literal',
  'control-character': 'contains a control character',
  'bad-syntax': 'is malformed',
};

/** Describes a malformed path, for a reply. */
const describe = (whose: 'Sender' | 'Recipient', problem: PathProblem): string =>
  `${whose} address ${problems[problem]}`;

const nothingRead: MessageFacts = { size: 0, headers: [], from: [], uris: [], mailHosts: [], parts: [], truncated: [] };
