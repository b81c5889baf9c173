import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type {
  AccessCapabilities,
  AccessCommand,
  AccessCommandFacts,
  AccessConnectFacts,
  AccessReply,
  AccessStages,
} from '../../access/index.ts';
import { accessReply } from '../../access/index.ts';
import { type Attempt, type AttemptOutcome, admitAfterDelay } from '../../checks/smtp-auth/index.ts';
import { type Decision, evaluate } from '../../core/index.ts';
import type { TlsFacts } from '../../smtp/index.ts';
import type { Told } from './attempt.ts';
import { connectBackend } from './backend.ts';
import { type Certificates, tlsFacts } from './certificates.ts';
import type { GateEnv, GateEvent, Limits, LoginGateOptions } from './options.ts';
import { Peer } from './peer.ts';
import type { Endpoints } from './proxy-header.ts';
import { letThrough } from './through.ts';

/**
 * One client at the gate, from the connection to the login and beyond: the facts, the policy, the TLS layer, the backend and
 * the books. What is said in which protocol is in `imap.ts` and `pop3.ts`.
 */
export class Session<E extends GateEnv> {
  readonly id: string = randomUUID();
  readonly options: LoginGateOptions<E>;
  readonly limits: Limits;
  readonly client: Peer;
  /** The real server, once it is connected. */
  backend: Peer | undefined;
  errors = 0;
  readonly #certificates: Certificates;
  readonly #socket: Socket;
  readonly #ends: Endpoints;
  #tls: TlsFacts | null = null;
  #attempt: { readonly attempt: Attempt; told: Told } | undefined;
  #loggedIn = false;
  #stopped: Promise<void> | undefined;
  #cancelDeadline: () => void = () => undefined;

  constructor(
    socket: Socket,
    ends: Endpoints,
    options: LoginGateOptions<E>,
    limits: Limits,
    certificates: Certificates,
  ) {
    this.options = options;
    this.limits = limits;
    this.client = new Peer(socket);
    this.#socket = socket;
    this.#ends = ends;
    this.#certificates = certificates;
  }

  get tls(): TlsFacts | null {
    return this.#tls;
  }

  get connectFacts(): AccessConnectFacts {
    const { protocol, implicitTls = false, serverName } = this.options;
    return {
      session: {
        id: this.id,
        role: 'submission',
        protocol,
        // Before the handshake of an implicit port there is nothing to be said in any protocol.
        implicitTls,
        ...(serverName === undefined ? {} : { serverName }),
      },
      client: { ip: this.#ends.client.ip, port: this.#ends.client.port },
      tls: this.#tls,
    };
  }

  facts(command: AccessCommand): AccessCommandFacts {
    return { ...this.connectFacts, tlsOffer: 'ready', state: this.#loggedIn ? 'authenticated' : 'open', command };
  }

  /** What may be advertised now. */
  can(): AccessCapabilities {
    return this.options.policy.encryption.capabilitiesFor(this.facts({ name: 'CAPABILITY' }));
  }

  /** Whether anybody could log in now: a backend is connected only then. */
  get open(): boolean {
    const can = this.can();
    return can.plainLogin || can.mechanisms.length > 0;
  }

  event(type: GateEvent['type'], more: Partial<GateEvent> = {}): void {
    const { onEvent, env } = this.options;
    onEvent?.({ type, session: this.id, client: this.#ends.client.ip, at: env.clock.now(), ...more });
  }

  /** Asks the policy about the connection. Null where nothing speaks against it. */
  async askConnect(): Promise<AccessReply | null> {
    const { policy, env, protocol } = this.options;
    const ban = await env.bans.lookup(this.#ends.client.ip);
    if (ban !== undefined) {
      this.event('refused', { reason: 'banned' });
      return { line: protocol === 'imap' ? '* BYE Not welcome' : '-ERR [SYS/PERM] Not welcome', close: true };
    }
    const decision = await evaluate<AccessStages, E, 'connect'>(policy.rules, 'connect', this.connectFacts, env);
    return this.#said(decision, 'connect', undefined);
  }

  /** Asks the policy about a command, on its name alone. Null where nothing speaks against it. */
  async ask(command: AccessCommand, tag?: string): Promise<AccessReply | null> {
    const { policy, env } = this.options;
    const decision = await evaluate<AccessStages, E, 'command'>(policy.rules, 'command', this.facts(command), env);
    if (command.pipelined === true) this.event('pipelined', { command: command.name });
    return this.#said(decision, 'command', tag, command);
  }

  async #said(
    decision: Decision,
    stage: 'connect' | 'command',
    tag: string | undefined,
    command?: AccessCommand,
  ): Promise<AccessReply | null> {
    const reply = accessReply(decision, this.connectFacts, {
      stage,
      tag,
      minimumTls: this.options.policy.encryption.minimumTls,
    });
    if (reply === null) return null;
    if (decision.action === 'reject' || decision.action === 'defer')
      this.event('refused', {
        reason: decision.because.cause ?? decision.rule,
        ...(command === undefined ? {} : { command: command.name.toUpperCase() }),
        ...(command?.mechanism === undefined ? {} : { mechanism: command.mechanism.toUpperCase().slice(0, 64) }),
      });
    if (reply.delayMs !== undefined) await this.wait(reply.delayMs);
    return reply;
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const socket = this.client.socket;
      const done = (): void => {
        cancel();
        socket.off('close', done);
        resolve();
      };
      const cancel = this.options.env.clock.after(ms, done);
      if (socket.destroyed) done();
      else socket.on('close', done);
    });
  }

  /** Puts TLS over the connection. What was known of the client is forgotten with the layer below. */
  async startTls(): Promise<boolean> {
    this.client.discard();
    this.client.release();
    this.closeBackend();
    const { clock } = this.options.env;
    const secure = await this.#certificates.handshake(this.#socket, (late) =>
      clock.after(this.limits.handshakeWithinMs, late),
    );
    if (secure === undefined) {
      this.event('error', { reason: 'TLS handshake failed' });
      return false;
    }
    this.#tls = tlsFacts(secure);
    this.client.replace(secure);
    this.event('tls', { tls: this.#tls.version });
    return true;
  }

  /** Connects the backend, and sees to it that the client learns when it goes away. */
  async openBackend(): Promise<Peer | undefined> {
    this.closeBackend();
    const { backend, env } = this.options;
    const peer = await connectBackend(backend, this.#ends, env.clock, this.limits.connectWithinMs, (error) =>
      this.event('error', { reason: `backend: ${error.message}` }),
    );
    if (peer === undefined || this.client.socket.destroyed) {
      peer?.destroy();
      this.event('backend', { reason: 'unreachable' });
      return undefined;
    }
    this.backend = peer;
    peer.socket.once('close', () => {
      if (this.backend === peer && !this.#loggedIn) this.client.end(this.unavailable);
    });
    return peer;
  }

  closeBackend(): void {
    const peer = this.backend;
    this.backend = undefined;
    peer?.destroy();
  }

  get endpoints(): Endpoints {
    return this.#ends;
  }

  get unavailable(): string {
    return this.options.protocol === 'imap'
      ? '* BYE [UNAVAILABLE] Server is not available'
      : '-ERR [SYS/TEMP] Server is not available';
  }

  /** Before credentials go to the backend: null, after the account's delay, or the line with which the session ends. */
  async admit(told: Told): Promise<string | null> {
    const { budgets, env, protocol } = this.options;
    if (budgets === undefined) return null;
    const attempt: Attempt = {
      session: this.id,
      client: this.#ends.client.ip,
      ...(told.account === undefined ? {} : { account: told.account }),
    };
    const gone = new AbortController();
    const abort = (): void => gone.abort();
    this.client.socket.once('close', abort);
    const admission = await admitAfterDelay(budgets, attempt, env, gone.signal);
    this.client.socket.off('close', abort);
    if (!admission.allowed) {
      this.event('refused', { reason: `budget: ${admission.budget}`, ...named(told) });
      return protocol === 'imap'
        ? '* BYE [UNAVAILABLE] Too many failed logins; please try again later'
        : '-ERR [SYS/TEMP] Too many failed logins; please try again later';
    }
    this.#attempt = { attempt, told };
    return null;
  }

  /** After the backend has answered, or could not. Called once for each admission; otherwise it does nothing. */
  async record(outcome: AttemptOutcome, told: Told): Promise<void> {
    const { budgets, env } = this.options;
    const { attempt } = this.#attempt ?? {};
    this.#attempt = undefined;
    if (outcome === 'rejected') this.event('login-failed', named(told));
    if (budgets !== undefined && attempt !== undefined) await budgets.record(attempt, outcome, env, told.secret);
  }

  /** The backend has let the client in: from here on the gate only passes on. */
  async through(told: Told): Promise<void> {
    const backend = this.backend as Peer;
    this.#loggedIn = true;
    this.#cancelDeadline();
    this.event('login', named(told));
    const client = this.client.socket as Socket;
    const inner = backend.socket as Socket;
    const first = { fromClient: this.client.release(), fromBackend: backend.release() };
    const why = await letThrough(client, inner, first, this.options.env.clock, this.limits.idleMs);
    if (why === 'idle') this.event('error', { reason: 'idle' });
  }

  /** One more thing the client got wrong; true where it was one too many. */
  tooManyErrors(): boolean {
    return ++this.errors > this.limits.errors;
  }

  /** Runs a dialogue to its end, whatever happens in it, and gives back what was held. */
  async run(dialogue: (session: Session<E>) => Promise<void>): Promise<void> {
    const { env } = this.options;
    this.#socket.on('error', () => undefined);
    this.#cancelDeadline = env.clock.after(this.limits.loginWithinMs, () => {
      this.event('error', { reason: 'login took too long' });
      this.client.end(this.options.protocol === 'imap' ? '* BYE Login took too long' : '-ERR Login took too long');
      void this.stop();
    });
    this.event('connect');
    try {
      await dialogue(this);
    } catch (error) {
      this.event('error', { reason: error instanceof Error ? error.message : String(error) });
    } finally {
      await this.record('not-judged', {});
      this.#cancelDeadline();
      await env.counters.release(this.id);
      await this.stop();
      this.event('closed');
    }
  }

  /** Ends the session at once. */
  abandon(): void {
    this.closeBackend();
    this.client.destroy();
  }

  /**
   * Ends the session. What has been said is still sent, and what the client sends is still read for a moment: a connection
   * that is closed over unread octets is reset, and takes the last reply with it.
   */
  async stop(): Promise<void> {
    this.closeBackend();
    const { socket } = this.client;
    if (socket.destroyed) return;
    this.#stopped ??= new Promise((resolve) => {
      this.client.end();
      this.client.release();
      socket.resume();
      const cancel = this.options.env.clock.after(LINGER_MS, () => socket.destroy());
      socket.once('close', () => {
        cancel();
        resolve();
      });
    });
    await this.#stopped;
  }
}

/** How long a client is waited for that does not read its last line, or goes on talking. */
const LINGER_MS = 2_000;

const named = ({ account }: Told): Partial<GateEvent> =>
  account === undefined ? {} : { account: account.slice(0, 255) };
