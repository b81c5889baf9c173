import type { Decision, HeaderField } from '../../core/index.ts';
import { evaluate } from '../../core/index.ts';
import type { Env } from '../../env/index.ts';
import type { MessageFacts, ReadOptions } from '../../message/index.ts';
import { readMessage } from '../../message/index.ts';
import type { Mailbox, PathProblem } from '../../net/index.ts';
import { parseAddressLiteral, parseDomain, parsePath, printMailbox } from '../../net/index.ts';
import type {
  ConnectFacts,
  HeloFacts,
  MailFacts,
  RcptFacts,
  Reply,
  SmtpPolicy,
  SmtpStages,
  TlsFacts,
} from '../../smtp/index.ts';
import { isSmtpPolicy, replyFor, smtpReply } from '../../smtp/index.ts';
import { Ahead } from './ahead.ts';
import { askedOnce } from './asked-once.ts';
import { heldPlaces } from './held-places.ts';

/** What happened at one stage: for the log, for metrics, for replay. Plain JSON. */
export interface SessionEvent {
  readonly stage: keyof SmtpStages;
  readonly decision: Decision;
  /** `null`: no objection. */
  readonly reply: Reply | null;
  /** Milliseconds from the question to the decision. */
  readonly tookMs: number;
  /** The recipient, at `rcpt` and at `data` where each is answered for itself. */
  readonly recipient?: string | undefined;
}

export interface SmtpSessionOptions {
  /** After how many milliseconds a stage is decided with what is known; 30,000 where it is not given. */
  readonly deadlineMs?: number | undefined;
  /** The longest that a rule may hold a reply back, in milliseconds; 30,000 where it is not given. */
  readonly maxDelayMs?: number | undefined;
  /**
   * Examine checks as soon as their facts exist. True for the role `mx` where it is not given: on submission most
   * clients log in, and no list need be asked about them.
   */
  readonly ahead?: boolean | undefined;
  /** SMTPUTF8 is offered (RFC 6531); false where it is not given. */
  readonly smtpUtf8?: boolean | undefined;
  /** The domain whose postmaster a bare `<postmaster>` means; the server's name where it is not given. */
  readonly postmasterDomain?: string | undefined;
  /** Puts the session's id at the end of every refusal. */
  readonly correlation?: boolean | undefined;
  /** Bounds for reading the message. */
  readonly reading?: ReadOptions | undefined;
  /** Octets of the message to keep for checks that need it raw; 0, none, where it is not given. */
  readonly keepMessage?: number | undefined;
  /** Told of every decision. What it throws is not caught. */
  readonly onEvent?: ((event: SessionEvent, facts: SmtpStages[keyof SmtpStages]) => void) | undefined;
}

/** What became of a message. */
export interface MessageOutcome {
  /** The one reply of SMTP; `null`: no objection. With LMTP it is that of the last recipient. */
  readonly reply: Reply | null;
  /** With LMTP, a reply for each recipient, in order (RFC 2033 §4.2). */
  readonly perRecipient: readonly {
    readonly recipient: Mailbox;
    readonly reply: Reply | null;
    readonly decision: Decision;
  }[];
  /** Header fields that rules ask for. */
  readonly headers: readonly HeaderField[];
  /** Taken, taken and set apart, taken and thrown away, or refused. */
  readonly action: Decision['action'];
  readonly message: MessageFacts;
}

/** One SMTP session: verbs in, replies out. `null` means "no objection: answer as you would have". Nothing rejects. */
export interface SmtpSession {
  /** There is a connection. A refusal is said instead of the banner. */
  connect(): Promise<Reply | null>;
  /** HELO, EHLO or LHLO, with the argument as the client wrote it. */
  helo(verb: 'HELO' | 'EHLO' | 'LHLO', name: string): Promise<Reply | null>;
  /** The TLS handshake is done. What the client said before it is forgotten (RFC 3207 §4.2). */
  startTls(tls: TlsFacts): void;
  /** The client names a mechanism; asked before any secret is. */
  auth(mechanism: string): Promise<Reply | null>;
  /** The client has logged in as `identity`. */
  authenticated(identity: string, mechanism?: string): void;
  /** The client could not log in; counted in the session's tally. */
  authenticationFailed(): void;
  /** MAIL FROM, with the path as the client wrote it. */
  mail(path: string, parameters?: { readonly [name: string]: string | true }): Promise<Reply | null>;
  /** RCPT TO, with the path as the client wrote it. */
  rcpt(path: string): Promise<Reply | null>;
  /** The message, as octets with the dot-stuffing undone. A stream is read to its end, whatever is decided. */
  data(message: Uint8Array | AsyncIterable<Uint8Array>): Promise<MessageOutcome>;
  /** RSET, or a transaction that came to its end another way. */
  reset(): void;
  /** The connection is gone, however it went. Gives back what the session held; may be called more than once. */
  close(): Promise<void>;
  /** What is known now. */
  readonly facts: { readonly connect: ConnectFacts; readonly helo: HeloFacts | null; readonly mail: MailFacts | null };
  readonly recipients: readonly Mailbox[];
  /** Everything that was decided, the newest last; the oldest are dropped beyond 1,000. */
  readonly events: readonly SessionEvent[];
}

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
  policy: SmtpPolicy<E>,
  env: E,
  connection: ConnectFacts,
  options: SmtpSessionOptions = {},
): SmtpSession {
  if (!isSmtpPolicy(policy))
    throw new TypeError('smtpSession: policy was not made by smtpPolicy(), so nobody has been asked who may relay');
  const deadlineMs = positive('deadlineMs', options.deadlineMs ?? DEADLINE_MS);
  const maxDelayMs = options.maxDelayMs ?? MAX_DELAY_MS;
  if (!(maxDelayMs >= 0)) throw new TypeError(`smtpSession: maxDelayMs ${maxDelayMs} must be 0 or more`);
  return new Session(policy, env, connection, options, deadlineMs, maxDelayMs);
}

function positive(name: string, value: number): number {
  if (!(value > 0) || !Number.isFinite(value)) throw new TypeError(`smtpSession: ${name} ${value} must be more than 0`);
  return value;
}

class Session<E extends Env> implements SmtpSession {
  readonly events: SessionEvent[] = [];
  recipients: Mailbox[] = [];
  readonly #policy: SmtpPolicy<E>;
  readonly #env: E;
  readonly #dns: ReturnType<typeof askedOnce>;
  /** The stage being decided, and the wait a rule asked for. */
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
    policy: SmtpPolicy<E>,
    env: E,
    connection: ConnectFacts,
    options: SmtpSessionOptions,
    deadlineMs: number,
    maxDelayMs: number,
  ) {
    this.#policy = policy;
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

  #connectFacts(): ConnectFacts {
    const tally = { commands: this.#commands, errors: this.#errors, authFailures: this.#authFailures };
    return { ...this.#connection, session: { ...this.#connection.session, tally } };
  }

  #heloFacts(helo: HeloFacts['helo']): HeloFacts {
    return { ...this.#connectFacts(), helo };
  }

  #mailFacts(helo: HeloFacts['helo'], mail: Pick<MailFacts, 'reversePath' | 'mailParameters'>): MailFacts {
    return { ...this.#heloFacts(helo), auth: this.#auth, ...mail, messagesBefore: this.#messages };
  }

  /** Decides one stage: evaluates, records, waits where a rule says so. */
  async #at<S extends keyof SmtpStages>(
    stage: S,
    facts: SmtpStages[S],
    recipient?: string,
  ): Promise<[Reply | null, Decision]> {
    const { clock } = this.#env;
    const began = clock.now();
    const entries = this.#policy[stage];
    let decision: Decision;
    if (entries === undefined || entries.length === 0) decision = nothingSaid;
    else {
      const end = new AbortController();
      this.#stage = end;
      if (this.#closed) end.abort('closed');
      const cancel = clock.after(this.#deadlineMs, () => end.abort('deadline'));
      decision = await evaluate<SmtpStages, E, S>(this.#policy, stage, facts, this.#env, {
        signal: end.signal,
        known: this.#ahead,
      });
      cancel();
      this.#stage = undefined;
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
    this.#options.onEvent?.(event, facts);
    if (reply !== null) this.#errors++;
    if (decision.delayMs > 0) await this.#wait(Math.min(decision.delayMs, this.#maxDelayMs));
    return [reply, decision];
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

  #refuse(cause: Parameters<typeof replyFor>[0], text: string): Reply {
    this.#errors++;
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
      this.#errors++;
      const { code, text, close } = replyFor('helo-syntax', `Syntax: ${verb} hostname`);
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
    const [reply] = await this.#at('mail', facts);
    if (reply !== null) return reply;
    this.#mail = mail;
    this.recipients = [];
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
    const [reply] = await this.#at('rcpt', facts, printMailbox(parsed.mailbox));
    if (reply === null) this.recipients.push(parsed.mailbox);
    return reply;
  }

  async data(message: Uint8Array | AsyncIterable<Uint8Array>): Promise<MessageOutcome> {
    this.#commands++;
    const helo = this.#helo;
    const mail = this.#mail;
    const recipients = this.recipients;
    const keep = this.#options.keepMessage ?? 0;
    const kept = keep > 0 ? new Kept(keep) : undefined;
    let read: MessageFacts;
    try {
      read = await readMessage(kept === undefined ? message : kept.through(message), this.#options.reading);
    } catch {
      // The stream broke off: the client vanished in the middle of its message.
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
    this.#messages++;
    const perRecipient: { recipient: Mailbox; reply: Reply | null; decision: Decision }[] = [];
    let last: [Reply | null, Decision];
    if (this.#connection.session.role === 'lmtp') {
      last = [null, nothingSaid];
      for (const recipient of recipients) {
        last = await this.#at('data', { ...facts, forwardPaths: [recipient] }, printMailbox(recipient));
        perRecipient.push({ recipient, reply: last[0], decision: last[1] });
      }
    } else last = await this.#at('data', facts);
    this.reset();
    return { reply: last[0], perRecipient, headers: last[1].tags, action: last[1].action, message: read };
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
    this.#ahead?.forget('mail');
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stage?.abort('closed');
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

const nothingSaid: Decision = { action: 'accept', score: 0, tags: [], delayMs: 0, outcomes: [] };
const nothingRead = { size: 0, headers: [], uris: [], parts: [], truncated: [] } as unknown as MessageFacts;

const problems: Record<PathProblem, string> = {
  empty: 'is missing',
  'too-long': 'is too long',
  'no-domain': 'has no domain',
  'bad-local-part': 'has a local part that cannot be read',
  'bad-domain': 'has a domain that cannot be read',
  'bad-literal': 'has an address literal that cannot be read',
  'control-character': 'holds a control character',
  'bad-syntax': 'cannot be read',
};

const describe = (whose: string, problem: PathProblem): string =>
  `The ${whose}'s address ${problems[problem as PathProblem]}`;

/** Keeps the first octets of a message as it passes. */
class Kept {
  readonly #most: number;
  #chunks: Uint8Array[] = [];
  #size = 0;

  constructor(most: number) {
    this.#most = most;
  }

  async *through(message: Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of message instanceof Uint8Array ? [message] : message) {
      this.#size += chunk.length;
      if (this.#size <= this.#most) this.#chunks.push(chunk);
      else this.#chunks = [];
      yield chunk;
    }
  }

  /** The whole message, or undefined where it was longer than may be kept. */
  get octets(): Uint8Array | undefined {
    if (this.#size > this.#most) return undefined;
    const all = new Uint8Array(this.#size);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }
}
