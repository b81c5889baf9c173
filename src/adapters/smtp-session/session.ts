import { chargeAccepted, feedBans } from '../../checks/connection-limits/index.ts';
import type { Awaitable, Decision, Finding, HeaderField } from '../../core/index.ts';
import { evaluate, timedOut } from '../../core/index.ts';
import type { Env } from '../../env/index.ts';
import type { MessageFacts } from '../../message/index.ts';
import { readMessage } from '../../message/index.ts';
import type { Mailbox } from '../../net/index.ts';
import { parseAddressLiteral, parseDomain, parsePath, printMailbox } from '../../net/index.ts';
import type {
  AuthenticatedDataFacts,
  AuthenticatedStages,
  Cause,
  ConnectFacts,
  HeloFacts,
  MailFacts,
  MessageAuthentication,
  Misdeed,
  PolicyParts,
  RcptFacts,
  Reply,
  Role,
  SessionPolicy,
  SmtpStages,
  TlsFacts,
} from '../../smtp/index.ts';
import { authenticationResults, isSmtpPolicy, policyParts, replyFor, smtpReply } from '../../smtp/index.ts';
import { Ahead } from './ahead.ts';
import { askedOnce } from './asked-once.ts';
import { Authenticating } from './authenticating.ts';
import { heldPlaces } from './held-places.ts';
import { Kept } from './kept.ts';
import { describe } from './path-problem.ts';
import type { MessageOutcome, SessionEvent, SmtpSession, SmtpSessionOptions } from './types.ts';

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
  const { authservId } = options;
  if (typeof authservId === 'string' && parseDomain(authservId) === undefined)
    throw new TypeError(`smtpSession: authservId ${JSON.stringify(authservId)} is not a host name`);
  return new Session(policy, env, connection, options, deadlineMs, maxDelayMs);
}

/** Whose Authentication-Results are removed, and whether one is written. */
function trace(
  { authservId }: SmtpSessionOptions,
  { role, serverName }: { readonly role: Role; readonly serverName?: string | undefined },
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
  /** The decisions that let the transaction in so far. */
  #accepting: Decision[] = [];
  #authenticating: Authenticating | undefined;
  readonly #env: E;
  readonly #dns: ReturnType<typeof askedOnce>;
  /** What ends the stage being decided, and the wait a rule asked for. */
  #stage: AbortController | undefined;
  #hurry: (() => void) | undefined;
  readonly #ahead: Ahead<E> | undefined;
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
    this.#dns = askedOnce(env.dns, env.clock);
    this.#env = { ...env, dns: this.#dns, counters: heldPlaces(env.counters, () => this.#closed) };
    this.#connection = connection;
    this.#options = options;
    this.#deadlineMs = deadlineMs;
    this.#maxDelayMs = maxDelayMs;
    if (options.ahead ?? connection.session.role === 'mx') this.#ahead = new Ahead(policy);
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
      // One for all stages, until one of them is ended by it: a signal is dear.
      this.#stage ??= new AbortController();
      const end = this.#stage;
      if (this.#closed) end.abort('closed');
      const cancel = clock.after(this.#deadlineMs - (clock.now() - began), () => {
        if (this.#stage === end) this.#stage = undefined;
        end.abort(timedOut(this.#deadlineMs));
      });
      decision = await evaluate<AuthenticatedStages, E, S>(this.#policy as never, stage, facts, this.#env, {
        signal: end.signal,
        known: this.#ahead,
      });
      cancel();
    }
    const correlation = this.#options.correlation ? this.#connection.session.id : undefined;
    const reply = smtpReply(decision, stage, { correlation });
    const event: SessionEvent = {
      stage,
      decision,
      reply,
      tookMs: clock.now() - began,
      ...(recipient === undefined ? {} : { recipient }),
    };
    if (this.events.length >= MAX_EVENTS) this.events.shift();
    this.events.push(event);
    this.#keepFindings(stage, decision);
    this.#options.onEvent?.(event, facts);
    this.#feed(decision);
    if (reply !== null) this.#errors++;
    if (decision.delayMs > 0) await this.#wait(Math.min(decision.delayMs, this.#maxDelayMs));
    return [reply, decision];
  }

  #keepFindings(stage: keyof SmtpStages, { outcomes }: Decision): void {
    if (!this.#writesTrace) return;
    if (stage === 'connect' || stage === 'helo') this.#findings[stage] = outcomes.map(({ finding }) => finding);
    else if (stage !== 'auth') for (const { finding } of outcomes) this.#findings.transaction.add(finding);
  }

  /** Shows the policy's bans what happened. Nobody waits for it. */
  #feed(what: Decision | Misdeed): void {
    const { bans } = this.#parts;
    if (bans.length === 0) return;
    const facts = this.#connectFacts();
    feedBans(bans, what, facts, this.#env).then((ban) => {
      if (ban !== undefined) this.#options.onBan?.(ban, facts);
    });
  }

  /** Waits, or less long where the client goes away. */
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
    else this.#errors++;
    return replyFor(cause, text);
  }

  async connect(): Promise<Reply | null> {
    const facts = this.#connectFacts();
    const [reply] = await this.#at('connect', facts);
    if (reply === null) this.#ahead?.start('connect', facts, this.#env);
    return reply;
  }

  async helo(verb: 'HELO' | 'EHLO' | 'LHLO', name: string): Promise<Reply | null> {
    this.#commands++;
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
      ...(domain === undefined ? {} : { domain }),
      ...(literal === undefined ? {} : { literal }),
    };
    this.#ahead?.forget('helo');
    const facts = this.#heloFacts(helo);
    const [reply] = await this.#at('helo', facts);
    if (reply !== null) return reply;
    this.#helo = helo;
    this.#ahead?.start('helo', facts, this.#env);
    return null;
  }

  startTls(tls: TlsFacts): void {
    this.#connection = { ...this.#connection, tls };
    this.#helo = null;
    this.#auth = null;
    this.reset();
    this.#ahead?.forget('helo');
  }

  async auth(mechanism: string): Promise<Reply | null> {
    this.#commands++;
    if (this.#helo === null) return this.#refuse('helo-missing', 'Say EHLO first');
    const [reply] = await this.#at('auth', {
      ...this.#heloFacts(this.#helo),
      attempt: { mechanism: mechanism.toUpperCase() },
    });
    return reply;
  }

  authenticated(identity: string, mechanism?: string): void {
    this.#auth = { identity, ...(mechanism === undefined ? {} : { mechanism }) };
  }

  authenticationFailed(): void {
    this.#authFailures++;
    this.#errors++;
    this.#feed('auth-failure');
  }

  protocolError(): void {
    this.#errors++;
    this.#feed('protocol-error');
  }

  async mail(path: string, parameters?: { readonly [name: string]: string | true }): Promise<Reply | null> {
    this.#commands++;
    if (this.#helo === null) return this.#refuse('helo-missing', 'Say EHLO first');
    if (this.#mail !== null) return this.#refuse('bad-sequence', 'A transaction is under way; say RSET first');
    const parsed = parsePath(path, this.#reading());
    if (typeof parsed === 'string') return this.#refuse('sender-syntax', describe('sender', parsed));
    if (parsed.utf8 && parameters?.SMTPUTF8 !== true)
      return this.#refuse('utf8-not-offered', 'A sender outside ASCII needs SMTPUTF8');
    const mail = { reversePath: parsed.mailbox, ...(parameters === undefined ? {} : { mailParameters: parameters }) };
    this.#dns.forgetTrouble();
    this.#ahead?.forget('mail');
    const facts = this.#mailFacts(this.#helo, mail);
    this.#findings.transaction.clear();
    const [reply, decision] = await this.#at('mail', facts);
    if (reply !== null) return reply;
    this.#mail = mail;
    this.recipients = [];
    this.#accepting = [decision];
    this.#ahead?.start('mail', facts, this.#env);
    return null;
  }

  async rcpt(path: string): Promise<Reply | null> {
    this.#commands++;
    if (this.#helo === null || this.#mail === null) return this.#refuse('bad-sequence', 'Say MAIL first');
    const parsed = parsePath(path, this.#reading());
    if (typeof parsed === 'string') return this.#refuse('recipient-syntax', describe('recipient', parsed));
    if (parsed.mailbox === null) return this.#refuse('recipient-syntax', 'The null path is no recipient');
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

  async data(message: Uint8Array | AsyncIterable<Uint8Array>): Promise<MessageOutcome> {
    this.#commands++;
    const helo = this.#helo;
    const mail = this.#mail;
    const recipients = this.recipients;
    const accepting = this.#accepting;
    const keep = this.#options.keepMessage ?? 0;
    const kept = keep > 0 ? new Kept(keep) : undefined;
    const arriving =
      helo === null || mail === null || recipients.length === 0 ? undefined : this.#authenticate(helo, mail);
    this.#authenticating = arriving;
    let read: MessageFacts;
    try {
      let octets = kept === undefined ? message : kept.through(message);
      if (arriving !== undefined) octets = arriving.reading(octets);
      read = await readMessage(octets, this.#options.reading);
    } catch {
      // The stream broke off: the client vanished in the middle of its message.
      arriving?.end('incomplete');
      this.#authenticating = undefined;
      this.reset();
      return this.#unread(replyFor('message-incomplete', 'The message came to no end', 'defer'));
    }
    if (helo === null || mail === null || recipients.length === 0) {
      this.reset();
      return this.#unread(this.#refuse('no-recipients', 'No valid recipients'), read);
    }
    const raw = kept?.octets;
    const facts = {
      ...this.#mailFacts(helo, mail),
      forwardPaths: recipients,
      message: raw === undefined ? read : { ...read, raw: () => raw },
    };
    const began = this.#env.clock.now();
    let authentication: MessageAuthentication | undefined;
    if (arriving !== undefined) {
      this.#ahead?.start('data', facts, this.#env);
      authentication = await arriving.result();
      this.#authenticating = undefined;
    }
    // A policy that names no authenticator has no rule that asks for it.
    const known = { ...facts, ...(authentication === undefined ? {} : { authentication }) } as AuthenticatedDataFacts;
    this.#messages++;
    const perRecipient: { recipient: Mailbox; reply: Reply | null; decision: Decision }[] = [];
    let last: [Reply | null, Decision];
    if (this.#connection.session.role === 'lmtp') {
      last = [null, nothingSaid];
      for (const [at, recipient] of recipients.entries()) {
        const one = { ...known, forwardPaths: [recipient] };
        last = await this.#at('data', one, printMailbox(recipient), at === 0 ? began : undefined);
        perRecipient.push({ recipient, reply: last[0], decision: last[1] });
      }
    } else last = await this.#at('data', known, undefined, began);
    const headers = [...this.#traceOf(known, authentication), ...last[1].tags];
    await this.#charge(accepting, last[1], perRecipient);
    this.reset();
    return {
      reply: last[0],
      perRecipient,
      headers,
      action: last[1].action,
      message: read,
      ...(authentication === undefined ? {} : { authentication }),
    };
  }

  /** Begins to find out what the message proves, where the policy says how. */
  #authenticate(
    helo: HeloFacts['helo'],
    mail: Pick<MailFacts, 'reversePath' | 'mailParameters'>,
  ): Authenticating | undefined {
    const { authentication } = this.#parts;
    if (authentication === undefined) return undefined;
    const facts = this.#mailFacts(helo, mail);
    const found = (check: object): Awaitable<Finding> | undefined => this.#ahead?.found(check);
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

  /** Charges what limits held open until the mail was taken. */
  async #charge(
    accepting: readonly Decision[],
    last: Decision,
    perRecipient: readonly { readonly reply: Reply | null; readonly decision: Decision }[],
  ): Promise<void> {
    const [mail, ...rcpts] = accepting;
    const taken = perRecipient.length === 0 ? [[last, ...rcpts]] : [];
    for (const [at, { decision }] of perRecipient.entries()) taken.push([decision, ...rcpts.slice(at, at + 1)]);
    const decisions = taken.filter(([one]) => one?.action !== 'defer' && one?.action !== 'reject').flat();
    if (decisions.length === 0 || mail === undefined) return;
    try {
      await chargeAccepted([mail, ...decisions], this.#env);
    } catch {
      // A store that breaks its word not to throw: what was taken stays taken.
    }
  }

  #unread(reply: Reply, message: MessageFacts = nothingRead): MessageOutcome {
    return { reply, perRecipient: [], headers: [], action: reply.code < 500 ? 'defer' : 'reject', message };
  }

  #reading(): { postmasterDomain?: string } {
    const domain = this.#options.postmasterDomain ?? this.#connection.session.serverName;
    return domain === undefined ? {} : { postmasterDomain: domain };
  }

  reset(): void {
    this.#mail = null;
    this.recipients = [];
    this.#accepting = [];
    this.#findings.transaction.clear();
    this.#ahead?.forget('mail');
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stage?.abort('closed');
    this.#authenticating?.end('closed');
    this.#hurry?.();
    this.#ahead?.forget('connect');
    this.#dns.end();
    try {
      await this.#env.counters.release(this.#connection.session.id);
    } catch {
      // A store that breaks its word not to throw: the lease runs out by itself.
    }
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
