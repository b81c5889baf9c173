import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type {
  AccessCapabilities,
  AccessCommand,
  AccessCommandFacts,
  AccessConnectFacts,
  AccessFailure,
  AccessRefusal,
  AccessReply,
  AccessStages,
} from '../../access/index.ts';
import { accessReply, refusalReply } from '../../access/index.ts';
import { judgeLogin, type LoginDetail, type LoginOutcome } from '../../checks/smtp-auth/index.ts';
import { type Decision, evaluate, judge } from '../../core/index.ts';
import { pause, withDeadline } from '../../env/index.ts';
import type { Offence, TlsFacts } from '../../smtp/index.ts';
import { feedBans } from '../../smtp/index.ts';
import { type Endpoints, proxyHeader } from '../proxy-protocol/index.ts';
import { type Certificates, tlsFacts } from './certificates.ts';
import type { Command, Dialect, LoginCommand } from './dialect.ts';
import { type Ended, Login, type LoginHost } from './login.ts';
import { observedInClear, saslReader } from './mechanisms.ts';
import { type GateEnv, type GateEvent, type Limits, type LoginGateOptions, reportTo } from './options.ts';
import { letThrough, Peer } from './peer.ts';

/** How long the gate waits, in milliseconds, for a client that does not read its last line. */
const LINGER_MS = 2_000;

/** What a session shares with the other sessions of its gate. */
export interface Gate<E extends GateEnv> {
  readonly options: LoginGateOptions<E>;
  readonly limits: Limits;
  readonly certificates: Certificates;
  readonly loginOutcome: LoginOutcome;
  /** Creates the dialect of one session. */
  readonly dialect: () => Dialect;
}

/**
 * One client, from its connection to the end of the connection: facts, policy, TLS, backend and logins.
 *
 * The session decides what happens next. How commands are parsed and phrased is the dialect's concern, and `access/reply`
 * phrases every refusal.
 */
export class Session<E extends GateEnv> implements LoginHost {
  readonly id: string = randomUUID();
  readonly dialect: Dialect;
  readonly client: Peer;
  /** The backend, once it is connected. */
  backend: Peer | undefined;
  backendCapabilities: readonly string[] = [];
  readonly #gate: Gate<E>;
  readonly #socket: Socket;
  readonly #ends: Endpoints;
  readonly #via: AccessConnectFacts['client']['via'];
  readonly #gone = new AbortController();
  #tls: TlsFacts | null = null;
  #login: Login | undefined;
  #loggedIn = false;
  #errors = 0;
  #stopped: Promise<void> | undefined;
  #cancelDeadline: () => void = () => undefined;

  constructor(socket: Socket, ends: Endpoints, gate: Gate<E>, via?: AccessConnectFacts['client']['via']) {
    this.#gate = gate;
    this.#via = via;
    this.#socket = socket;
    this.#ends = ends;
    this.client = new Peer(socket);
    this.dialect = gate.dialect();
    socket.once('close', () => this.#gone.abort());
  }

  get budgets(): LoginHost['budgets'] {
    return this.#gate.options.budgets;
  }

  get env(): E {
    return this.#gate.options.env;
  }

  get clientIp(): Endpoints['client']['ip'] {
    return this.#ends.client.ip;
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Runs the session to its end, whatever happens, and releases what it held. */
  async run(): Promise<void> {
    const { env } = this;
    this.#socket.on('error', () => undefined);
    this.#cancelDeadline = env.clock.after(this.#gate.limits.loginWithinMs, () => {
      this.event('error', { reason: 'login took too long' });
      this.#fail('login-timeout');
      void this.stop();
    });
    this.event('connect');
    try {
      await this.#serve();
    } catch (error) {
      this.event('error', { reason: error instanceof Error ? error.message : String(error) });
      this.report(error);
    } finally {
      await this.#login?.end('unavailable', { reason: 'the connection ended' });
      this.#cancelDeadline();
      await this.guarded(() => env.counters.release(this.id));
      await this.stop();
      this.event('closed');
    }
  }

  /** Ends the session at once. */
  abandon(): void {
    this.#closeBackend();
    this.client.destroy();
  }

  /**
   * Ends the session. The last reply is still sent, and input is still read for a moment: closing a connection with unread
   * input resets it, and the client would lose the reply.
   */
  async stop(): Promise<void> {
    this.#closeBackend();
    const { socket } = this.client;
    if (socket.destroyed) return;
    this.#stopped ??= new Promise((resolve) => {
      this.client.end();
      this.client.release();
      socket.resume();
      const cancel = this.env.clock.after(LINGER_MS, () => socket.destroy());
      socket.once('close', () => {
        cancel();
        resolve();
      });
    });
    await this.#stopped;
  }

  event(type: GateEvent['type'], more: Partial<GateEvent> = {}): void {
    const { onEvent, env } = this.#gate.options;
    if (onEvent === undefined) return;
    void this.guarded(() => onEvent({ type, session: this.id, client: this.clientIp, at: env.clock.now(), ...more }));
  }

  async guarded<T>(call: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await call();
    } catch (error) {
      this.report(error);
      return undefined;
    }
  }

  report(error: unknown): void {
    reportTo(this.#gate.options.onError, error);
  }

  async judged<T>(answer: () => Promise<T | undefined>): Promise<T | undefined> {
    const peer = this.backend;
    const ended = await withDeadline(this.env.clock, this.#gate.limits.answerWithinMs, undefined, answer);
    if (ended.how === 'answered') return ended.value;
    if (ended.how === 'failed') throw ended.error;
    this.event('backend', { reason: 'no answer' });
    peer?.destroy();
    return undefined;
  }

  discardUnsolicited(): void {
    if (this.backend?.hasMore !== true) return;
    this.event('backend', { reason: 'unsolicited answer' });
    this.backend.discard();
  }

  loginBegan({ mechanism, account }: Pick<LoginDetail, 'mechanism' | 'account'>): void {
    this.event('login-attempt', { mechanism, account: account === '' ? undefined : account });
  }

  async loginEnded(login: LoginDetail, tag?: string): Promise<AccessReply | null> {
    const { mechanism, because } = login;
    const decision = judge([await judgeLogin(this.#gate.loginOutcome, login)]);
    this.event(because === 'accepted' ? 'login' : because === 'too-many-failures' ? 'refused' : 'login-failed', {
      mechanism,
      account: login.account === '' ? undefined : login.account,
      login,
      finding: decision.outcomes[0]?.finding,
      reason:
        because === 'accepted'
          ? undefined
          : because === 'too-many-failures'
            ? `budget: ${login.budget}`
            : (login.reason ?? because),
    });
    this.#feedBans(decision);
    return this.#replyTo(decision, 'command', tag);
  }

  async #serve(): Promise<void> {
    const { implicitTls = false, serverName = 'postern' } = this.#gate.options;
    const { client, dialect } = this;
    const unwelcome = await this.#judgeConnection();
    // On an implicit port no reply is possible before the handshake, and a handshake costs too much for a refused client.
    if (unwelcome !== null) return client.end(implicitTls ? undefined : unwelcome.line);
    if (implicitTls && !(await this.#startTls())) return;
    const refused = await this.#judgeCommand({ name: 'GREETING' });
    if (refused !== null) return client.end(refused.line);
    const can = this.#can();
    if (can.plainLogin || can.mechanisms.length > 0) {
      const greeting = await this.#openBackend();
      if (greeting === undefined) return;
      await client.say(dialect.rewrittenGreeting(greeting, this.#advertised()));
    } else await client.say(dialect.greeting(this.#advertised(), serverName));

    while (!this.#loggedIn) {
      const line = await client.line(dialect.maxCommand);
      if (line === 'closed') return;
      if (line === 'too-long') return this.#malformed('command-too-long');
      const text = line.toString('latin1');
      if (!(await this.#handle(dialect.parse(text), text))) return;
    }
    await this.#passThrough();
  }

  /** Handles one command. Returns false if the session is over. */
  async #handle(command: Command, text: string): Promise<boolean> {
    const { client, dialect } = this;
    switch (command.kind) {
      case 'malformed':
        this.#feedBans('protocol-error');
        return this.#refuse('syntax-error', undefined, text);
      case 'capabilities':
        return this.#say(dialect.capabilityReply(this.#advertised(), command.tag));
      case 'fixed':
        if (!command.ends) return (await this.#skipArguments(text)) && this.#say(command.lines);
        await this.#say(command.lines);
        client.end();
        return false;
      case 'starttls': {
        const { name, tag, argument } = command;
        const refused = await this.#judgeCommand({ name, argument, pipelined: client.hasMore }, tag);
        if (refused !== null) return this.#refuseWith(refused, text);
        client.discard();
        if (!(await client.say(dialect.startTlsReply(tag)))) return false;
        return (await this.#startTls()) && (await this.#openBackend()) !== undefined;
      }
      case 'login':
        return this.#handleLogin(command, text);
      case 'other':
        return this.#refuse('login-required', command.tag, text);
    }
  }

  async #handleLogin(command: LoginCommand, text: string): Promise<boolean> {
    const { client, dialect, backend } = this;
    const { name, tag, rest } = command;
    // Judged by the names of the command and the mechanism: no secret has been requested yet.
    const refused = await this.#judgeCommand({ name, mechanism: command.mechanism }, tag);
    if (refused !== null) return this.#refuseWith(refused, text);
    const mechanism = command.mechanism?.toUpperCase();
    if (mechanism !== undefined && !this.#canCarry(mechanism)) return this.#refuse('mechanism-unknown', tag, text);
    if (backend === undefined) {
      this.#fail('server-unavailable');
      return false;
    }
    let ended: Ended;
    if (mechanism === undefined) {
      const read = await dialect.credentials(command, client);
      if (read === 'closed') return false;
      if ('reply' in read) return client.say(read.reply);
      if ('failure' in read) return this.#refuse(read.failure, tag);
      const observed = observedInClear(...read);
      if (observed === undefined) return this.#refuse('credentials-malformed', tag);
      this.#login = new Login(this, dialect.plainMechanism, tag);
      ended = await this.#login.plain(observed, () => dialect.plainLogin(read, backend, client, tag));
    } else {
      const [, initial, ...more] = rest.split(' ');
      if (more.length > 0 || initial === '') return this.#refuse('syntax-error', tag, text);
      this.#login = new Login(this, mechanism, tag);
      ended = await this.#login.sasl(initial, backend);
    }
    return this.#settle(this.#login, ended, tag);
  }

  /** Sends the reply to a login that has ended. Returns false if the session is over. */
  async #settle(login: Login, ended: Ended, tag: string | undefined): Promise<boolean> {
    const { client } = this;
    switch (ended.how) {
      case 'last': {
        const { outcome, line } = ended;
        const because = outcome === 'accepted' || outcome === 'rejected' ? outcome : 'unavailable';
        this.#loggedIn = outcome === 'accepted';
        const own = await login.end(because);
        if (this.#loggedIn) return client.say(line);
        const { loginConsequences } = this.#gate.options;
        const changed = loginConsequences?.[outcome === 'rejected' ? 'fail' : 'temperror'] !== undefined;
        return this.#refuseWith(changed && own !== null ? own : { line, close: false });
      }
      case 'refused':
        if (!ended.reply.close) return client.say(ended.reply.line);
        client.end(ended.reply.line);
        return false;
      case 'failed':
        if (ended.failure !== 'server-unavailable') {
          await login.end('unavailable', { reason: ended.failure });
          return this.#refuse(ended.failure, tag);
        }
        await login.end('unavailable', { reason: 'the backend does not answer' });
        this.#closeBackend();
        this.#fail('server-unavailable');
        return false;
      case 'gone':
        await login.end('unavailable', { reason: 'the client disconnected' });
        return false;
    }
  }

  /** Passes everything on after the login. */
  async #passThrough(): Promise<void> {
    const backend = this.backend as Peer;
    this.#cancelDeadline();
    const first = { fromClient: this.client.release(), fromBackend: backend.release() };
    const why = await letThrough(
      this.client.socket as Socket,
      backend.socket as Socket,
      first,
      this.env.clock,
      this.#gate.limits.idleMs,
    );
    if (why === 'idle') this.event('error', { reason: 'idle' });
  }

  // What the policy decides.

  #facts(): AccessConnectFacts {
    const { protocol, implicitTls = false, serverName } = this.#gate.options;
    return {
      session: { id: this.id, role: 'submission', protocol, implicitTls, serverName },
      client: { ...this.#ends.client, via: this.#via },
      tls: this.#tls,
    };
  }

  #commandFacts(command: AccessCommand): AccessCommandFacts {
    return { ...this.#facts(), tlsOffer: 'ready', state: this.#loggedIn ? 'authenticated' : 'open', command };
  }

  /** What a client may do now about TLS and logging in. */
  #can(): AccessCapabilities {
    const can = this.#gate.options.policy.encryption.capabilitiesFor(this.#commandFacts({ name: 'CAPABILITY' }));
    return { ...can, mechanisms: can.mechanisms.filter((mechanism) => this.#canCarry(mechanism)) };
  }

  /** Whether the gate may carry a mechanism. With budgets it must be able to read the account. */
  #canCarry(mechanism: string): boolean {
    return this.budgets === undefined || saslReader(mechanism.toUpperCase()) !== undefined;
  }

  #advertised(): string[] {
    const { dialect } = this;
    return dialect.advertised(
      this.backend === undefined ? dialect.ownCapabilities : this.backendCapabilities,
      this.#can(),
    );
  }

  /** Judges the connection. Returns the reply, or null if the client is welcome. */
  async #judgeConnection(): Promise<AccessReply | null> {
    const { policy, env } = this.#gate.options;
    const ban = await this.guarded(() => env.bans.lookup(this.clientIp));
    if (ban !== undefined) {
      this.event('refused', { reason: 'banned' });
      return this.#phrase('banned');
    }
    const decision = await evaluate<AccessStages, E, 'connect'>(policy.rules, 'connect', this.#facts(), env);
    return this.#conclude(decision, 'connect');
  }

  /** Judges a command by its name. Returns the reply, or null if the command may be carried out. */
  async #judgeCommand(command: AccessCommand, tag?: string): Promise<AccessReply | null> {
    const { policy, env } = this.#gate.options;
    const decision = await evaluate<AccessStages, E, 'command'>(
      policy.rules,
      'command',
      this.#commandFacts(command),
      env,
    );
    if (command.pipelined === true) this.event('pipelined', { command: command.name });
    return this.#conclude(decision, 'command', tag, command);
  }

  async #conclude(
    decision: Decision,
    stage: 'connect' | 'command',
    tag?: string,
    command?: AccessCommand,
  ): Promise<AccessReply | null> {
    if (decision.action === 'reject' || decision.action === 'defer')
      this.event('refused', {
        reason: decision.because.cause ?? decision.rule,
        finding: decision.because,
        command: command?.name.toUpperCase(),
        mechanism: command?.mechanism?.toUpperCase().slice(0, 64),
      });
    this.#feedBans(decision);
    return this.#replyTo(decision, stage, tag);
  }

  /** Returns the reply to a decision, after its delay; null if it does not refuse. */
  async #replyTo(decision: Decision, stage: 'connect' | 'command', tag?: string): Promise<AccessReply | null> {
    const { minimumTls } = this.#gate.options.policy.encryption;
    const reply = accessReply(decision, this.#facts(), { stage, tag, minimumTls });
    if (reply?.delayMs !== undefined) await pause(this.env.clock, reply.delayMs, this.gone);
    return reply;
  }

  /** Shows the policy's bans what happened. The session does not wait for them. */
  #feedBans(what: Decision | Offence): void {
    const { bans } = this.#gate.options.policy;
    if (bans.length === 0) return;
    void feedBans(bans, what, this.#facts(), this.env, (error) => this.report(error)).then((ban) => {
      if (ban !== undefined) this.event('banned', { reason: ban.reason });
    });
  }

  // Replies.

  #phrase(cause: AccessRefusal | AccessFailure, tag?: string): AccessReply {
    return refusalReply(this.dialect.protocol, cause, { tag });
  }

  async #say(lines: readonly string[]): Promise<boolean> {
    return this.client.say(lines.join('\r\n'));
  }

  /** Refuses a command. Returns false if the session is over. */
  #refuse(cause: AccessRefusal | AccessFailure, tag?: string, text: string = ''): Promise<boolean> {
    return this.#refuseWith(this.#phrase(cause, tag), text);
  }

  /** @param text the command, if its arguments have not been read yet */
  async #refuseWith(reply: AccessReply, text: string = ''): Promise<boolean> {
    if (reply.close) {
      this.client.end(reply.line);
      return false;
    }
    if (++this.#errors > this.#gate.limits.errors) {
      this.#fail('too-many-errors');
      return false;
    }
    return (await this.client.say(reply.line)) && (await this.#skipArguments(text));
  }

  async #skipArguments(text: string): Promise<boolean> {
    const skipped = await this.dialect.skipArguments(this.client, text);
    if (skipped === 'too-long') this.#malformed('command-too-long');
    return skipped === 'skipped';
  }

  #malformed(cause: AccessFailure): void {
    this.#feedBans('protocol-error');
    this.#fail(cause);
  }

  /** Ends the session with a last line. */
  #fail(cause: AccessFailure): void {
    this.client.end(this.#phrase(cause).line);
  }

  // Connections.

  /** Starts TLS. What was known about the client before is discarded. */
  async #startTls(): Promise<boolean> {
    if (this.#gate.options.implicitTls === true) {
      // The client may have begun the handshake while the policy was evaluated.
      const early = this.client.release();
      if (early.length > 0) this.#socket.unshift(early);
    } else {
      this.client.discard();
      this.client.release();
    }
    this.#closeBackend();
    const { certificates, limits } = this.#gate;
    const secure = await certificates.handshake(this.#socket, this.env.clock, limits.handshakeWithinMs);
    if (secure === undefined) {
      this.event('error', { reason: 'TLS handshake failed' });
      return false;
    }
    secure.once('close', () => this.#gone.abort());
    this.#tls = tlsFacts(secure);
    this.client.replace(secure);
    this.event('tls', { tls: this.#tls.version });
    return true;
  }

  /** Connects the backend and reads its greeting. If that fails, the session ends. */
  async #openBackend(): Promise<string | undefined> {
    this.#closeBackend();
    const { backend: where } = this.#gate.options;
    const socket = connect({ host: where.host, port: where.port, noDelay: true, keepAlive: true });
    const peer = new Peer(socket);
    let trouble: string | undefined;
    socket.on('error', (error) => {
      trouble = error.message;
    });
    const ended = await withDeadline(this.env.clock, this.#gate.limits.connectWithinMs, this.gone, async () => {
      if (!(await connected(socket))) return `unreachable: ${trouble}`;
      if (where.tellClient === 'proxy-v1') await peer.write(proxyHeader(1, this.#ends));
      else if (where.tellClient === 'proxy-v2') await peer.write(proxyHeader(2, this.#ends));
      return this.dialect.greetBackend(peer, where, this.#ends);
    });
    if (ended.how === 'failed') this.report(ended.error);
    const greeting = ended.how === 'answered' ? ended.value : `unreachable: ${ended.how}`;
    if (typeof greeting === 'string') {
      peer.destroy();
      this.event('backend', { reason: greeting });
      this.#fail('server-unavailable');
      return undefined;
    }
    if (greeting.warning !== undefined) this.event('backend', { reason: greeting.warning });
    this.backend = peer;
    this.backendCapabilities = greeting.capabilities;
    const lost = (): void => {
      if (this.backend !== peer || this.#loggedIn) return;
      if (trouble !== undefined) this.event('backend', { reason: trouble });
      this.#fail('server-unavailable');
    };
    if (socket.destroyed) lost();
    else socket.once('close', lost);
    return greeting.line;
  }

  #closeBackend(): void {
    const peer = this.backend;
    this.backend = undefined;
    peer?.destroy();
  }
}

/** Whether the socket connects; false if it is closed first. */
const connected = (socket: Socket): Promise<boolean> =>
  new Promise((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('close', () => resolve(false));
  });
