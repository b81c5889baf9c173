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
import { type Attempt, type AttemptOutcome, admitAfterDelay, type LoginDetail } from '../../checks/smtp-auth/index.ts';
import { type Decision, evaluate } from '../../core/index.ts';
import type { TlsFacts } from '../../smtp/index.ts';
import type { Endpoints } from '../proxy-protocol/index.ts';
import { type Ended, type ObservedLogin, saslReader } from './attempt.ts';
import { connectBackend } from './backend.ts';
import { type Certificates, tlsFacts } from './certificates.ts';
import type { GateEnv, GateEvent, Limits, LoginGateOptions } from './options.ts';
import { Peer } from './peer.ts';
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
  readonly #via: AccessConnectFacts['client']['via'];
  #tls: TlsFacts | null = null;
  /** The login under way, from the time its account is known to its end. */
  #attempt:
    | {
        readonly attempt: Attempt;
        readonly observed: ObservedLogin;
        readonly mechanism: string;
        holds: boolean;
        heldMs: number;
      }
    | undefined;
  #loggedIn = false;
  #stopped: Promise<void> | undefined;
  #cancelDeadline: () => void = () => undefined;

  constructor(
    socket: Socket,
    ends: Endpoints,
    options: LoginGateOptions<E>,
    limits: Limits,
    certificates: Certificates,
    via?: AccessConnectFacts['client']['via'],
  ) {
    this.#via = via;
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
        serverName,
      },
      client: { ...this.#ends.client, via: this.#via },
      tls: this.#tls,
    };
  }

  facts(command: AccessCommand): AccessCommandFacts {
    return { ...this.connectFacts, tlsOffer: 'ready', state: this.#loggedIn ? 'authenticated' : 'open', command };
  }

  /** What may be advertised now. */
  can(): AccessCapabilities {
    const can = this.options.policy.encryption.capabilitiesFor(this.facts({ name: 'CAPABILITY' }));
    return { ...can, mechanisms: can.mechanisms.filter((mechanism) => this.canCarry(mechanism)) };
  }

  /** Whether the gate may carry a mechanism: if there are books to keep, only one that shows whose login it is. */
  canCarry(mechanism: string): boolean {
    return this.options.budgets === undefined || saslReader(mechanism.toUpperCase()) !== undefined;
  }

  /** Whether anybody could log in now: a backend is connected only then. */
  get open(): boolean {
    const can = this.can();
    return can.plainLogin || can.mechanisms.length > 0;
  }

  event(type: GateEvent['type'], more: Partial<GateEvent> = {}): void {
    const { onEvent, env } = this.options;
    if (onEvent === undefined) return;
    this.#guarded(() =>
      onEvent({ type, session: this.id, client: this.#ends.client.ip, at: env.clock.now(), ...more }),
    );
  }

  /** Calls a hook or a store of the user's. What it throws or rejects with is reported, and changes nothing. */
  async #guarded<T>(call: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await call();
    } catch (error) {
      this.report(error);
      return undefined;
    }
  }

  /** Reports an error once. A hook that fails over an error cannot be helped. */
  report(error: unknown): void {
    const { onError } = this.options;
    const tell = async (): Promise<void> => onError?.(error instanceof Error ? error : new Error(String(error)));
    tell().catch(() => undefined);
  }

  /** Asks the policy about the connection. Null where nothing speaks against it. */
  async askConnect(): Promise<AccessReply | null> {
    const { policy, env, protocol } = this.options;
    const ban = await this.#guarded(() => env.bans.lookup(this.#ends.client.ip));
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
    if (this.options.implicitTls === true) {
      // The handshake may have begun while the policy was asked.
      const early = this.client.release();
      if (early.length > 0) this.#socket.unshift(early);
    } else {
      this.client.discard();
      this.client.release();
    }
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

  /**
   * Before a message that may decide the login goes to the backend. The first time in a login it waits for the account's delay.
   *
   * @returns null if it may, or the reply; after it the session ends if `close`
   */
  async admit(
    observed: ObservedLogin,
    mechanism: string,
  ): Promise<{ readonly line: string; readonly close: boolean } | null> {
    const { budgets, env, protocol } = this.options;
    const first = this.#attempt === undefined;
    const attempt: Attempt = {
      session: this.id,
      client: this.#ends.client.ip,
      account: observed.account,
    };
    const current = { attempt, observed, mechanism, holds: false, heldMs: this.#attempt?.heldMs ?? 0 };
    this.#attempt = current;
    if (first) this.event('login-attempt', this.#whose());
    if (budgets === undefined) return null;
    const gone = new AbortController();
    const abort = (): void => gone.abort();
    this.client.socket.once('close', abort);
    const admission = await this.#guarded(() =>
      first ? admitAfterDelay(budgets, attempt, env, gone.signal) : budgets.admit(attempt, env, gone.signal),
    );
    this.client.socket.off('close', abort);
    if (admission?.allowed === true) {
      current.holds = true;
      if (first) current.heldMs = admission.holdMs;
      return null;
    }
    if (admission === undefined || admission.budget === 'busy') {
      const busy = admission === undefined ? {} : { budget: admission.budget };
      this.loginEnded('unavailable', {
        ...busy,
        reason: admission === undefined ? 'store' : 'too many logins at once',
      });
      const text = 'Login is not possible at the moment; please try again later';
      return { line: protocol === 'imap' ? `NO [UNAVAILABLE] ${text}` : `-ERR [SYS/TEMP] ${text}`, close: false };
    }
    this.loginEnded('too-many-failures', { budget: admission.budget });
    const text = 'Too many failed logins; please try again later';
    return { line: protocol === 'imap' ? `* BYE [UNAVAILABLE] ${text}` : `-ERR [SYS/TEMP] ${text}`, close: true };
  }

  /** After the backend has answered, or could not. Without an admission it does nothing. */
  async record(outcome: AttemptOutcome): Promise<void> {
    const { budgets, env } = this.options;
    const current = this.#attempt;
    if (budgets === undefined || current?.holds !== true) return;
    current.holds = false;
    await this.#guarded(() => budgets.record(current.attempt, outcome, env, current.observed.secret));
  }

  /** The end of one login: told once to `onEvent`, whatever it came to. */
  loginEnded(because: LoginDetail['because'], more: { readonly budget?: string; readonly reason?: string } = {}): void {
    const current = this.#attempt;
    if (current === undefined) return;
    const { observed, mechanism, heldMs } = current;
    const { account = '' } = observed;
    const held = heldMs > 0 ? { heldMs } : {};
    const login: LoginDetail = { mechanism, account: account.slice(0, 255), because, ...held, ...more };
    const type = because === 'accepted' ? 'login' : because === 'too-many-failures' ? 'refused' : 'login-failed';
    const reason = because === 'too-many-failures' ? `budget: ${more.budget}` : (more.reason ?? because);
    this.event(type, { ...this.#whose(), login, ...(because === 'accepted' ? {} : { reason }) });
    this.#attempt = undefined;
  }

  #whose(): Partial<GateEvent> {
    const { observed, mechanism = '' } = this.#attempt ?? {};
    return { mechanism, ...(observed?.account === undefined ? {} : { account: observed.account.slice(0, 255) }) };
  }

  /** Tells the client how its login ended. True if it is in. */
  async settle(ended: Ended, tag?: string): Promise<boolean> {
    const { client } = this;
    const imap = tag !== undefined;
    switch (ended.how) {
      case 'last': {
        const { outcome, line } = ended;
        this.loginEnded(outcome === 'accepted' || outcome === 'rejected' ? outcome : 'unavailable');
        if (outcome !== 'accepted' && this.tooManyErrors())
          client.end(imap ? '* BYE Too many errors' : '-ERR Too many errors');
        else await client.say(line);
        return outcome === 'accepted';
      }
      case 'refused':
        if (ended.close) client.end(ended.line);
        else await client.say(imap ? `${tag} ${ended.line}` : ended.line);
        return false;
      case 'unreadable':
      case 'cancelled': {
        this.loginEnded('unavailable', { reason: ended.how });
        const text = ended.how === 'cancelled' ? 'Authentication cancelled' : 'Credentials cannot be read';
        if (this.tooManyErrors()) client.end(imap ? '* BYE Too many errors' : '-ERR Too many errors');
        else await client.say(imap ? `${tag} BAD ${text}` : `-ERR ${text}`);
        return false;
      }
      case 'unavailable':
        this.loginEnded('unavailable', { reason: 'the backend does not answer' });
        this.closeBackend();
        client.end(this.unavailable);
        return false;
      case 'gone':
        this.loginEnded('unavailable', { reason: 'the client disconnected' });
        this.closeBackend();
        client.end();
        return false;
    }
  }

  /** Throws away what the backend has said unasked: it must not be taken for the answer to a login. */
  dropStale(): void {
    if (this.backend?.hasMore !== true) return;
    this.event('backend', { reason: 'an answer before the question' });
    this.backend.discard();
  }

  /** Waits for the backend's answer, for a bounded time; undefined if there is none. */
  async judged<T>(answer: () => Promise<T | undefined>): Promise<T | undefined> {
    const peer = this.backend;
    const cancel = this.options.env.clock.after(this.limits.answerWithinMs, () => {
      this.event('backend', { reason: 'no answer' });
      peer?.destroy();
    });
    try {
      return await answer();
    } finally {
      cancel();
    }
  }

  /** The backend has let the client in: from here on the gate only passes on. */
  async through(): Promise<void> {
    const backend = this.backend as Peer;
    this.#loggedIn = true;
    this.#cancelDeadline();
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
      this.report(error);
    } finally {
      await this.record('not-judged');
      this.loginEnded('unavailable', { reason: 'the connection ended' });
      this.#cancelDeadline();
      await this.#guarded(() => env.counters.release(this.id));
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
