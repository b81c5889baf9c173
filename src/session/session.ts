import { chargeAccepted, feedBans } from '../checks/connection-limits/index.ts';
import type { Awaitable, Decision, Finding, HeaderField, Outcome } from '../core/index.ts';
import { defer, evaluate, isPromise, judge, timedOut } from '../core/index.ts';
import type { Env } from '../env/index.ts';
import type { MessageFacts } from '../message/index.ts';
import { readMessage } from '../message/index.ts';
import type { Mailbox } from '../net/index.ts';
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
  RcptFacts,
  Reply,
  Role,
  SessionPolicy,
  SmtpStages,
  TlsFacts,
} from '../smtp/index.ts';
import { authenticationResults, isSmtpPolicy, policyParts, replyFor, smtpReply } from '../smtp/index.ts';
import { Authenticating } from './authenticating.ts';
import { EarlyChecks } from './early-checks.ts';
import { foldRecipients, foldStages, unitedTags } from './fold.ts';
import { Kept } from './kept.ts';
import { describe } from './path-problem.ts';
import type { MessageSink } from './receiving.ts';
import { Receiving } from './receiving.ts';
import { releaseLateLeases } from './release-late-leases.ts';
import { sessionResolver } from './session-resolver.ts';
import type { MessageOutcome, RecipientOutcome, SessionEvent, SmtpSession, SmtpSessionOptions } from './types.ts';

const DEADLINE_MS = 30_000;
const MAX_DELAY_MS = 30_000;
const MAX_EVENTS = 1_000;
const MAX_HELO = 512;

/**
 * Begins a session.
 *
 * @param connection what is known of the connection; `session.id` must be unique, since leases are held in its name
 * @throws TypeError for a policy that `smtpPolicy()` did not make, and for a wrong option
 */
export function smtpSession<E extends Env = Env>(
  policy: SessionPolicy<E>,
  env: E,
  connection: ConnectFacts,
  options: SmtpSessionOptions = {},
): SmtpSession {
  if (!isSmtpPolicy(policy))
    throw new TypeError('smtpSession: policy was not made by smtpPolicy(), so nobody has been asked who may relay');
  const deadlineMs = positive('deadlineMs', options.deadlineMs ?? DEADLINE_MS);
  const maxDelayMs = options.maxDelayMs ?? MAX_DELAY_MS;
  if (!(maxDelayMs >= 0)) throw new TypeError(`smtpSession: maxDelayMs ${maxDelayMs} must be 0 or more`);
  const { authservId, size, bareLineEndings = 'refuse' } = options;
  if (size !== undefined) positive('size', size);
  if (!['refuse', 'normalize', 'keep'].includes(bareLineEndings))
    throw new TypeError(
      `smtpSession: bareLineEndings must be 'refuse', 'normalize' or 'keep', got ${JSON.stringify(bareLineEndings)}`,
    );
  if (typeof authservId === 'string' && parseDomain(authservId) === undefined)
    throw new TypeError(`smtpSession: authservId ${JSON.stringify(authservId)} is not a host name`);
  return new Session(policy, env, connection, options, deadlineMs, maxDelayMs);
}

/** Whose Authentication-Results are removed, and whether one is written. */
function trace(
  { authservId }: SmtpSessionOptions,
  { role, serverName }: { readonly role: Role; readonly serverName?: string },
): { readonly name: string | undefined; readonly writes: boolean } {
  if (authservId === null || (authservId === undefined && role === 'lmtp')) return { name: undefined, writes: false };
  const name = authservId ?? serverName;
  const writes = name !== undefined && parseDomain(name) !== undefined;
  return { name, writes: writes && (authservId !== undefined || role === 'mx') };
}

function positive(name: string, value: number): number {
  if (!(value > 0) || !Number.isFinite(value)) throw new TypeError(`smtpSession: ${name} ${value} must be more than 0`);
  return value;
}

class Session<E extends Env> implements SmtpSession {
  readonly events: SessionEvent[] = [];
  recipients: Mailbox[] = [];
  readonly authservId: string | undefined;
  readonly #writesTrace: boolean;
  readonly #policy: SessionPolicy<E>;
  readonly #parts: PolicyParts<E>;
  /** What has been found of the connection, of the greeting, and of the transaction. */
  readonly #findings: { connect: Finding[]; helo: Finding[]; transaction: Set<Finding> } = {
    connect: [],
    helo: [],
    transaction: new Set(),
  };
  /** The decisions that let the connection, the greeting and the login in. They count for every message. */
  #letIn: { connect?: Decision; helo?: Decision; auth?: Decision } = {};
  /** The decision about the mechanism; it counts once the client has logged in. */
  #authDecision: Decision | undefined;
  /** The decisions that let the transaction in so far: MAIL, then one for each recipient. */
  #accepting: Decision[] = [];
  /** MAIL was refused: what a client has pipelined behind it is no error of its own (RFC 2920). */
  #mailRefused = false;
  /** The command at hand has been counted by `command()`. */
  #counted = false;
  #authenticating: Authenticating | undefined;
  readonly #env: E;
  readonly #dns: ReturnType<typeof sessionResolver>;
  /** What ends the stage being decided, and the wait a rule asked for. */
  #stage: AbortController | undefined;
  #hurry: (() => void) | undefined;
  readonly #early: EarlyChecks<E> | undefined;
  readonly #options: SmtpSessionOptions;
  readonly #deadlineMs: number;
  readonly #maxDelayMs: number;
  #connection: ConnectFacts;
  #helo: HeloFacts['helo'] | null = null;
  #auth: MailFacts['auth'] = null;
  #mail: Pick<MailFacts, 'reversePath' | 'mailParameters'> | null = null;
  #messages = 0;
  #commands = 0;
  #errors = 0;
  #authFailures = 0;
  #closed = false;

  constructor(
    policy: SessionPolicy<E>,
    env: E,
    connection: ConnectFacts,
    options: SmtpSessionOptions,
    deadlineMs: number,
    maxDelayMs: number,
  ) {
    this.#policy = policy;
    this.#parts = policyParts(policy);
    const { name, writes } = trace(options, connection.session);
    this.authservId = name;
    this.#writesTrace = writes;
    this.#dns = sessionResolver(env.dns, env.clock);
    const counters = releaseLateLeases(
      env.counters,
      () => this.#closed,
      (error) => this.#trouble(error),
    );
    this.#env = { ...env, dns: this.#dns, counters };
    this.#connection = connection;
    this.#options = options;
    this.#deadlineMs = deadlineMs;
    this.#maxDelayMs = maxDelayMs;
    if (options.earlyChecks ?? connection.session.role === 'mx') this.#early = new EarlyChecks(policy);
  }

  get facts(): SmtpSession['facts'] {
    return {
      connect: this.#connectFacts(),
      helo: this.#helo === null ? null : this.#heloFacts(this.#helo),
      mail: this.#helo === null || this.#mail === null ? null : this.#mailFacts(this.#helo, this.#mail),
    };
  }

  #sessionFacts(): ConnectFacts['session'] {
    const tally = { commands: this.#commands, errors: this.#errors, authFailures: this.#authFailures };
    return { ...this.#connection.session, tally };
  }

  #connectFacts(): ConnectFacts {
    return { ...this.#connection, session: this.#sessionFacts() };
  }

  #heloFacts(helo: HeloFacts['helo']): HeloFacts {
    return { ...this.#connection, session: this.#sessionFacts(), helo };
  }

  #mailFacts(helo: HeloFacts['helo'], mail: Pick<MailFacts, 'reversePath' | 'mailParameters'>): MailFacts {
    return {
      ...this.#connection,
      session: this.#sessionFacts(),
      helo,
      auth: this.#auth,
      ...mail,
      messagesBefore: this.#messages,
    };
  }

  /** Decides one stage: evaluates, records, waits where a rule says so. */
  async #at<S extends keyof SmtpStages>(
    stage: S,
    facts: AuthenticatedStages[S],
    recipient?: string,
    began: number = this.#env.clock.now(),
  ): Promise<[Reply | null, Decision]> {
    const { clock } = this.#env;
    const entries = this.#policy[stage];
    let decision: Decision;
    if (entries === undefined || entries.length === 0) decision = nothingSaid;
    else {
      // Shared by all stages until one of them is ended by it: AbortControllers are expensive.
      this.#stage ??= new AbortController();
      const end = this.#stage;
      if (this.#closed) end.abort('closed');
      const cancel = clock.after(this.#deadlineMs - (clock.now() - began), () => {
        if (this.#stage === end) this.#stage = undefined;
        end.abort(timedOut(this.#deadlineMs));
      });
      decision = await evaluate<AuthenticatedStages, E, S>(this.#policy as never, stage, facts, this.#env, {
        signal: end.signal,
        known: this.#early,
      });
      cancel();
    }
    this.#keepFindings(stage, decision);
    const reply = this.#conclude(stage, decision, facts, began, recipient);
    if (decision.delayMs > 0) await this.#wait(Math.min(decision.delayMs, this.#maxDelayMs));
    return [reply, decision];
  }

  /** Records a decision, tells the host and the bans of it, and makes the reply. */
  #conclude(
    stage: keyof SmtpStages,
    decision: Decision,
    facts: SmtpStages[keyof SmtpStages],
    began: number,
    recipient?: string,
  ): Reply | null {
    const reply = smtpReply(decision, stage, this.#replyOptions());
    const event: SessionEvent = {
      stage,
      decision,
      reply,
      tookMs: this.#env.clock.now() - began,
      recipient,
    };
    if (this.events.length >= MAX_EVENTS) this.events.shift();
    this.events.push(event);
    this.#tell(() => this.#options.onEvent?.(event, facts));
    this.#feed(decision);
    // With LMTP a message has many replies, and is one error.
    if (reply !== null && stage !== 'data') this.#errors++;
    return reply;
  }

  #replyOptions(): { correlation?: string } {
    return this.#options.correlation ? { correlation: this.#connection.session.id } : {};
  }

  /** Calls a hook of the host. What it throws, now or later, is reported and changes nothing. */
  #tell(hook: () => unknown): void {
    try {
      const told = hook();
      if (isPromise(told)) told.then(undefined, (error: unknown) => this.#trouble(error));
    } catch (error) {
      this.#trouble(error);
    }
  }

  #trouble(error: unknown): void {
    try {
      const told: unknown = this.#options.onError?.(error instanceof Error ? error : new Error(String(error)));
      if (isPromise(told)) told.then(undefined, () => undefined);
    } catch {
      // There is nobody left to tell.
    }
  }

  /** Waits for a store, but no longer than a stage may take. What it throws is reported. */
  async #store(what: string, ask: () => Awaitable<unknown>): Promise<void> {
    try {
      const asked = ask();
      if (!isPromise(asked)) return;
      let cancel = (): void => undefined;
      const late = new Promise((_, reject) => {
        const tooLate = (): void => reject(new Error(`${what} has not answered within ${this.#deadlineMs} ms`));
        cancel = this.#env.clock.after(this.#deadlineMs, tooLate);
      });
      await Promise.race([asked, late]).finally(cancel);
    } catch (error) {
      this.#trouble(error);
    }
  }

  #keepFindings(stage: keyof SmtpStages, { outcomes }: Decision): void {
    if (!this.#writesTrace) return;
    if (stage === 'connect' || stage === 'helo') this.#findings[stage] = outcomes.map(({ finding }) => finding);
    else if (stage !== 'auth') for (const { finding } of outcomes) this.#findings.transaction.add(finding);
  }

  /** Shows the policy's bans what happened. The session does not wait for them. */
  #feed(what: Decision | Offence): void {
    const { bans } = this.#parts;
    if (bans.length === 0) return;
    const facts = this.#connectFacts();
    feedBans(bans, what, facts, this.#env, (error) => this.#trouble(error)).then((ban) => {
      if (ban !== undefined) this.#tell(() => this.#options.onBan?.(ban, facts));
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
    return replyFor(cause, text, 'reject', this.#replyOptions());
  }

  command(): Reply | null {
    this.#counted = true;
    this.#commands++;
    const { limits } = this.#parts;
    if (limits.length === 0) return null;
    const facts = this.#connectFacts();
    const tally = { commands: this.#commands, errors: this.#errors, authFailures: this.#authFailures };
    for (const rule of limits) {
      const finding = rule.exceeded(tally);
      if (finding !== undefined)
        return this.#conclude(
          'connect',
          judge([{ rule: rule.id, finding, verdict: defer() }]),
          facts,
          this.#env.clock.now(),
        );
    }
    return null;
  }

  /** A verb begins; most hosts count commands only here. */
  #begin(): Reply | null {
    const reply = this.#counted ? null : this.command();
    this.#counted = false;
    return reply;
  }

  async connect(): Promise<Reply | null> {
    const facts = this.#connectFacts();
    const [reply, decision] = await this.#at('connect', facts);
    if (reply !== null) return reply;
    this.#letIn.connect = decision;
    this.#early?.start('connect', facts, this.#env);
    return null;
  }

  async helo(verb: 'HELO' | 'EHLO' | 'LHLO', name: string): Promise<Reply | null> {
    const over = this.#begin();
    // A reply to HELO or EHLO has no enhanced status code (RFC 2034 §3).
    if (over !== null) return { ...over, enhanced: '' };
    this.reset();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what may not stand in an argument is what is looked for
    if (name === '' || name.length > MAX_HELO || /[\x00-\x20\x7f-\uffff]/.test(name)) {
      const { code, text, close } = this.#refuse('helo-syntax', `Syntax: ${verb} hostname`);
      return { code, enhanced: '', text, close };
    }
    const domain = parseDomain(name);
    const literal = parseAddressLiteral(name);
    const helo: HeloFacts['helo'] = {
      verb,
      name,
      domain,
      literal,
    };
    this.#early?.forget('helo');
    const facts = this.#heloFacts(helo);
    const [reply, decision] = await this.#at('helo', facts);
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
    this.#authDecision = undefined;
    this.#letIn = { connect: this.#letIn.connect };
    this.reset();
    this.#early?.forget('helo');
  }

  async auth(mechanism: string): Promise<Reply | null> {
    const over = this.#begin();
    if (over !== null) return over;
    if (this.#helo === null) return this.#refuse('helo-missing', 'Say EHLO first');
    const [reply, decision] = await this.#at('auth', this.#authFacts(this.#helo, mechanism));
    this.#authDecision = decision;
    return reply;
  }

  #authFacts(helo: HeloFacts['helo'], mechanism: string): AuthFacts {
    return { ...this.#heloFacts(helo), attempt: { mechanism: mechanism.toUpperCase() } };
  }

  loginJudged(mechanism: string, outcome: Outcome): Reply | null {
    if (outcome.finding.result === 'fail') this.#authFailures++;
    const now = this.#env.clock.now();
    const helo = this.#helo ?? { verb: 'EHLO', name: '' };
    return this.#conclude('auth', judge([outcome]), this.#authFacts(helo, mechanism), now);
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

  async mail(path: string, parameters?: { readonly [name: string]: string | true }): Promise<Reply | null> {
    const over = this.#begin();
    if (over !== null) return over;
    if (this.#helo === null) return this.#refuse('helo-missing', 'Say EHLO first');
    if (this.#mail !== null) return this.#refuse('bad-sequence', 'A transaction is under way; say RSET first');
    this.#mailRefused = true;
    const parsed = parsePath(path, this.#reading());
    if (typeof parsed === 'string') return this.#refuse('sender-syntax', describe('sender', parsed));
    if (parsed.utf8 && parameters?.SMTPUTF8 !== true)
      return this.#refuse('utf8-not-offered', 'A sender outside ASCII needs SMTPUTF8');
    const mail = { reversePath: parsed.mailbox, mailParameters: parameters };
    this.#dns.forgetTrouble();
    this.#early?.forget('mail');
    const facts = this.#mailFacts(this.#helo, mail);
    this.#findings.transaction.clear();
    const [reply, decision] = await this.#at('mail', facts);
    if (reply !== null) return reply;
    this.#mailRefused = false;
    this.#mail = mail;
    this.recipients = [];
    this.#accepting = [decision];
    this.#early?.start('mail', facts, this.#env);
    return null;
  }

  async rcpt(path: string): Promise<Reply | null> {
    const over = this.#begin();
    if (over !== null) return over;
    if (this.#helo === null || this.#mail === null) return this.#refuse('bad-sequence', 'Say MAIL first');
    const parsed = parsePath(path, this.#reading());
    if (typeof parsed === 'string') return this.#refuse('recipient-syntax', describe('recipient', parsed));
    if (parsed.mailbox === null) return this.#refuse('recipient-syntax', 'Null recipient path is not allowed');
    if (parsed.utf8 && this.#mail.mailParameters?.SMTPUTF8 !== true)
      return this.#refuse('utf8-not-offered', 'A recipient outside ASCII needs SMTPUTF8');
    const facts: RcptFacts = {
      ...this.#mailFacts(this.#helo, this.#mail),
      forwardPath: parsed.mailbox,
      recipientsBefore: this.recipients.length,
      ...(parsed.sourceRoute ? { sourceRoute: true } : {}),
    };
    const [reply, decision] = await this.#at('rcpt', facts, printMailbox(parsed.mailbox));
    if (reply === null) {
      this.recipients.push(parsed.mailbox);
      this.#accepting.push(decision);
    }
    return reply;
  }

  get keptRecipients(): readonly Mailbox[] {
    return this.recipients.filter((_, at) => foldStages(this.#stagesOf(this.#accepting, at)).action !== 'discard');
  }

  /** The decisions that let this recipient of the transaction in. */
  #stagesOf([mail, ...rcpts]: readonly Decision[], recipient: number): Decision[] {
    const { connect, helo, auth } = this.#letIn;
    return [connect, helo, auth, mail, rcpts[recipient]].filter((decision) => decision !== undefined);
  }

  async data(
    message: Uint8Array | AsyncIterable<Uint8Array>,
    { copy }: { readonly copy?: MessageSink } = {},
  ): Promise<MessageOutcome> {
    // A limit ends the session at the next command: the client has sent the message, and is told what became of it.
    if (!this.#counted) this.#commands++;
    this.#counted = false;
    const helo = this.#helo;
    const mail = this.#mail;
    const recipients = this.recipients;
    const accepting = this.#accepting;
    const { size, bareLineEndings = 'refuse', keepMessage = 0 } = this.#options;
    const kept = keepMessage > 0 ? new Kept(keepMessage) : undefined;
    const arriving =
      helo === null || mail === null || recipients.length === 0 ? undefined : this.#authenticate(helo, mail);
    this.#authenticating = arriving;
    const receiving = new Receiving({ size, bareLineEndings });
    let read: MessageFacts;
    try {
      let octets = receiving.through(message, copy);
      if (kept !== undefined) octets = kept.through(octets);
      if (arriving !== undefined) octets = arriving.reading(octets);
      read = await readMessage(octets, this.#options.reading);
    } catch {
      arriving?.end('incomplete');
      this.#authenticating = undefined;
      this.reset();
      return this.#unread(this.#notReceived(receiving), recipients);
    }
    if (helo === null || mail === null || recipients.length === 0) {
      this.reset();
      return this.#unread(this.#refuse('no-recipients', 'No valid recipients'), recipients, read);
    }
    const raw = kept?.octets;
    const facts = {
      ...this.#mailFacts(helo, mail),
      forwardPaths: recipients,
      message: { ...read, bareLineEndings: receiving.found, ...(raw === undefined ? {} : { raw: () => raw }) },
    };
    const began = this.#env.clock.now();
    let authentication: MessageAuthentication | undefined;
    if (arriving !== undefined) {
      this.#early?.start('data', facts, this.#env);
      authentication = await arriving.result();
      this.#authenticating = undefined;
    }
    // A policy that names no authenticator has no rule that asks for it.
    const known = { ...facts, authentication } as AuthenticatedDataFacts;
    this.#messages++;
    const lmtp = this.#connection.session.role === 'lmtp';
    const judged: [Reply | null, Decision][] = [];
    for (const recipient of lmtp ? recipients : [undefined]) {
      const one = recipient === undefined ? known : { ...known, forwardPaths: [recipient] };
      const name = recipient === undefined ? undefined : printMailbox(recipient);
      judged.push(await this.#at('data', one, name, judged.length === 0 ? began : undefined));
    }
    if (judged.some(([reply]) => reply !== null)) this.#errors++;
    const trace = this.#traceOf(known, authentication);
    const outcomes = recipients.map((recipient, at): RecipientOutcome => {
      const [reply, decision] = judged[lmtp ? at : 0] as [Reply | null, Decision];
      const folded = foldStages([...this.#stagesOf(accepting, at), decision]);
      return { recipient, reply, action: folded.action, decision: folded, headers: [...trace, ...folded.tags] };
    });
    const action = foldRecipients(outcomes.map((outcome) => outcome.action));
    const heard = outcomes.filter((outcome) => action === 'discard' || outcome.action !== 'discard');
    await this.#charge(
      accepting,
      judged.map(([, decision]) => decision),
    );
    this.reset();
    return {
      reply: (judged[judged.length - 1] as [Reply | null, Decision])[0],
      recipients: outcomes,
      perRecipient: lmtp ? outcomes : [],
      headers: [...trace, ...unitedTags(heard.map(({ decision }) => decision.tags))],
      action,
      message: facts.message,
      authentication,
    };
  }

  /** Why a message did not come to its end: it was refused on the way, or the client disconnected. */
  #notReceived({ refusal }: Receiving): Reply {
    switch (refusal) {
      case 'message-too-big':
        return this.#refuse(refusal, 'Message is too large');
      case 'bare-line-ending':
        return this.#refuse(refusal, 'Message contains a bare CR, a bare LF or a NUL; lines must end with CR LF');
      default:
        return replyFor('message-incomplete', 'Message was not received completely', 'defer', this.#replyOptions());
    }
  }

  /** Begins to find out what the message proves, where the policy says how. */
  #authenticate(
    helo: HeloFacts['helo'],
    mail: Pick<MailFacts, 'reversePath' | 'mailParameters'>,
  ): Authenticating | undefined {
    const { authentication } = this.#parts;
    if (authentication === undefined) return undefined;
    const facts = this.#mailFacts(helo, mail);
    const found = (check: object): Awaitable<Finding> | undefined => this.#early?.found(check);
    const arriving = new Authenticating(
      (message, signal) => authentication.authenticate(message, facts, this.#env, { signal, found }),
      this.#env.clock,
      this.#deadlineMs,
    );
    if (this.#closed) arriving.end('closed');
    return arriving;
  }

  /** The Authentication-Results field, made of everything that was found. */
  #traceOf(facts: MailFacts, authentication: MessageAuthentication | undefined): HeaderField[] {
    if (!this.#writesTrace || this.authservId === undefined) return [];
    const { connect, helo, transaction } = this.#findings;
    const found = [...connect, ...helo, ...transaction];
    if (authentication !== undefined)
      found.push({ check: 'message-authentication', result: 'none', detail: authentication });
    return [authenticationResults(this.authservId, found, facts)];
  }

  /** Charges what limits held open until the mail was taken. @param judged one decision, or with LMTP one for each recipient */
  async #charge(accepting: readonly Decision[], judged: readonly Decision[]): Promise<void> {
    const [mail, ...rcpts] = accepting;
    const each = judged.length > 1 || this.#connection.session.role === 'lmtp';
    const taken = judged.map((decision, at) => [decision, ...(each ? rcpts.slice(at, at + 1) : rcpts)]);
    const decisions = taken.filter(([one]) => one?.action !== 'defer' && one?.action !== 'reject').flat();
    if (decisions.length === 0 || mail === undefined) return;
    await this.#store('counters.charge', () => chargeAccepted([mail, ...decisions], this.#env));
  }

  /** The outcome of a message that no rule was asked about. */
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

  #reading(): { postmasterDomain?: string } {
    const domain = this.#options.postmasterDomain ?? this.#connection.session.serverName;
    return domain === undefined ? {} : { postmasterDomain: domain };
  }

  reset(): void {
    this.#mail = null;
    this.#mailRefused = false;
    this.recipients = [];
    this.#accepting = [];
    this.#findings.transaction.clear();
    this.#early?.forget('mail');
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stage?.abort('closed');
    this.#authenticating?.end('closed');
    this.#hurry?.();
    this.#early?.forget('connect');
    this.#dns.end();
    await this.#store('counters.release', () => this.#env.counters.release(this.#connection.session.id));
  }
}

/** What no client says that speaks the protocol; a pipelined RCPT whose MAIL was refused is not among it (RFC 2920). */
const protocolErrors: ReadonlySet<Cause> = new Set([
  'helo-syntax',
  'helo-missing',
  'sender-syntax',
  'recipient-syntax',
] satisfies Cause[]);

const nothingSaid: Decision = { action: 'accept', score: 0, tags: [], delayMs: 0, outcomes: [] };
const nothingRead = { size: 0, headers: [], uris: [], parts: [], truncated: [] } as unknown as MessageFacts;
