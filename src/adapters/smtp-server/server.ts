import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { SMTPServerAddress, SMTPServerSession } from 'smtp-server';
import { SMTPServer } from 'smtp-server';
import { isPromise } from '../../core/index.ts';
import type { Env } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { parseIp } from '../../net/index.ts';
import type { SmtpSession, SmtpSessionOptions } from '../../session/index.ts';
import { assertSessionOptions, smtpSession } from '../../session/index.ts';
import type { ConnectFacts, Reply, TlsFacts } from '../../smtp/index.ts';
import { addressToTrust } from '../../smtp/index.ts';
import type { Endpoint } from '../proxy-protocol/index.ts';
import { readProxyHeader } from '../proxy-protocol/index.ts';
import { GuardedConnection } from './connection.ts';
import { assertInternals } from './internals.ts';
import { Login } from './login.ts';
import type { GuardOptions } from './options.ts';
import { receive } from './receive.ts';
import { checkServerOptions, type Proxies } from './server-options.ts';
import type { Xclient } from './xclient.ts';

const LOOPBACK = '127.0.0.1' as IpAddress;

/** Enough for attachments of 25 MB; base64 makes them a third larger. */
const SIZE = 35_000_000;
/** RFC 5321 §4.5.3.2.7. smtp-server's default is one minute. */
const IDLE_MS = 300_000;

/** The facts of a connection before its session begins. */
interface Origin {
  readonly id: string;
  /** Set if the connection comes from a trusted proxy, with the client that it named. */
  readonly proxied?: { readonly client: Endpoint | undefined };
}

/** Commands that smtp-server implements as jokes. */
const JOKES = ['WIZ', 'SHELL', 'KILL'];

/** An smtp-server that applies a policy. `guardedServer()` makes one. */
export class GuardedServer<E extends Env = Env> extends SMTPServer {
  readonly guardOptions: GuardOptions<E>;
  readonly login: Login | undefined;
  readonly #guarded = new WeakMap<object, GuardedConnection>();
  readonly #open = new Set<GuardedConnection>();
  readonly #proxies: Proxies;
  readonly #sessionOptions: SmtpSessionOptions;
  /** The server listens on a socket in the file system. */
  #unix = false;
  /** Connections of proxies that have not sent a complete header. */
  readonly #unnamed = new Set<Socket>();

  constructor(options: GuardOptions<E>) {
    const { server = {}, role, auth } = options;
    const proxies = checkServerOptions(server);
    super({
      // RFC 8997; smtp-server's default is TLS 1.0.
      minVersion: 'TLSv1.2',
      ...server,
      size: server.size ?? SIZE,
      socketTimeout: server.socketTimeout ?? IDLE_MS,
      // The policy looks names up, and this class finds out who the client of a proxy is.
      disableReverseLookup: true,
      useProxy: false,
      useXClient: false,
      disabledCommands: [...(server.disabledCommands ?? []), ...JOKES],
      hideENHANCEDSTATUSCODES: false,
      hideSMTPUTF8: !(options.session?.smtpUtf8 ?? false),
      // The policy decides who must log in.
      authOptional: true,
      lmtp: role === 'lmtp',
    } as never);
    this.guardOptions = options;
    this.#proxies = proxies;
    this.#sessionOptions = {
      ...options.session,
      size: this.options.size || undefined,
      onError: (error) => this.trouble(error),
    };
    assertSessionOptions('guardedServer: session', this.#sessionOptions);
    if (auth !== undefined) this.login = new Login(auth, options.env, (error) => this.trouble(error));
    this.on('error', (error) => this.trouble(error));
    this.server.on('listening', () => {
      this.#unix = typeof this.server.address() === 'string';
    });
    assertInternals(this);
  }

  /** Reports a failure to `onError`. The server continues. */
  trouble(error: unknown): void {
    try {
      const answer: unknown = this.guardOptions.onError?.(error instanceof Error ? error : new Error(String(error)));
      if (isPromise(answer)) answer.then(undefined, () => undefined);
    } catch {
      // `onError` itself is broken, so the error cannot be reported.
    }
  }

  /** Receives a message, and returns the replies to it. Never rejects. */
  receive(guard: SmtpSession, stream: Readable): Promise<readonly Reply[]> {
    return receive(this.guardOptions as unknown as GuardOptions, guard, stream, (error) => this.trouble(error));
  }

  /** Number of open sessions. */
  get openSessions(): number {
    return this.#open.size;
  }

  /** Reads the PROXY header of a trusted proxy before smtp-server sees the connection. */
  override _handleProxy(socket: Socket, callback: (error: Error | null, origin?: Origin) => void): void {
    const trusted = this.#proxies.header;
    if (trusted?.has(this.#peerOf(socket)) !== true) {
      super._handleProxy(socket, callback);
      return;
    }
    const { maxClients, socketTimeout } = this.guardOptions.server ?? {};
    if (maxClients !== undefined && this.#unnamed.size >= maxClients) {
      socket.on('error', () => undefined);
      socket.destroy();
      callback(new Error('too many connections without a PROXY header'));
      return;
    }
    this.#unnamed.add(socket);
    void readProxyHeader(socket, this.guardOptions.env.clock, socketTimeout).then((read) => {
      this.#unnamed.delete(socket);
      if ('failed' in read) {
        this.trouble(new Error(`smtp-server: ${read.failed}`));
        callback(new Error(read.failed));
      } else
        super._handleProxy(socket, (error, origin) =>
          callback(error, origin === undefined ? undefined : { ...origin, proxied: read }),
        );
    });
  }

  override close(callback?: () => void): void {
    for (const socket of this.#unnamed) socket.destroy();
    super.close(callback);
  }

  #peerOf(socket: Socket | TLSSocket): string | undefined {
    return this.#unix ? 'unix' : socket.remoteAddress;
  }

  /** Begins the session of a connection, then lets smtp-server greet the client. */
  override connect(socket: Socket | TLSSocket, origin?: Partial<Origin>): void {
    const { id, proxied } = origin ?? {};
    const named = proxied?.client;
    const connection = new GuardedConnection(this, socket, {
      id,
      ...(named === undefined ? {} : { remoteAddress: named.ip, remotePort: named.port }),
    });
    const unixSocket = this.#unix;
    const address = named?.ip ?? parseIp(connection.remoteAddress) ?? (unixSocket ? LOOPBACK : undefined);
    if (address === undefined) {
      // The client disconnected before its address could be read.
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    const port = named?.port ?? connection.remotePort;
    try {
      this.#begin(connection, connection.id, {
        ip: address,
        port: port === 0 ? undefined : port,
        via: proxied === undefined ? undefined : named === undefined ? 'proxy' : 'proxy-header',
        unixSocket: unixSocket && proxied === undefined ? true : undefined,
      });
    } catch (error) {
      // The clock of the host is broken: without a session there is no policy.
      this.trouble(error);
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    this.#guarded.set(connection.session, connection);
    this.#open.add(connection);
    this.connections.add(connection as never);
    connection.on('error', (error) => this.trouble(error));
    connection.on('connect', (data) => this.emit('connect', data));
    connection.init();
    // The socket may have closed before the listeners were attached.
    if (socket.destroyed) this.#release(connection);
  }

  /** Whether the connection comes from a proxy that may use XCLIENT, and has not used it. */
  mayUseXclient(connection: GuardedConnection): boolean {
    const { client } = connection.guard.facts.connect;
    if (this.#proxies.xclient === undefined || client.via === 'xclient' || client.via === 'proxy') return false;
    return this.#proxies.xclient.has(client.unixSocket === true ? 'unix' : addressToTrust(client));
  }

  /** Ends the proxy's session, and begins that of the client it names. Returns the decision of the connect stage. */
  async handOver(connection: GuardedConnection, { ip, port, login }: Xclient): Promise<Reply | null> {
    const before = connection.guard;
    const { client, session } = before.facts.connect;
    this.#begin(
      connection,
      `${session.id}.client`,
      ip === undefined ? { ip: client.ip, via: 'proxy' } : { ip, port, via: 'xclient' },
    );
    connection.remoteAddress = connection.guard.facts.connect.client.ip;
    before.close().catch((error: unknown) => this.trouble(error));
    const reply = await connection.greeting;
    if (reply === null && login !== undefined) {
      connection.guard.authenticated(login, 'XCLIENT');
      connection.session.user = login;
    }
    return reply;
  }

  #begin(connection: GuardedConnection, id: string, client: ConnectFacts['client']): void {
    connection.guard = smtpSession<E>(
      this.guardOptions.policy,
      this.guardOptions.env,
      this.#factsOf(connection, id, client),
      this.#sessionOptions,
    );
    connection.greeting = connection.guard.connect();
  }

  #factsOf(connection: GuardedConnection, id: string, client: ConnectFacts['client']): ConnectFacts {
    const { role, server = {}, env } = this.guardOptions;
    const byProxy = server.secured === true && client.via === 'proxy-header' ? { version: 'TLSv1.2' } : null;
    const tls = tlsFacts(connection.current) ?? byProxy;
    return {
      session: {
        id,
        role,
        implicitTls: server.secure === true,
        serverName: connection.name,
        since: env.clock.now(),
      },
      client,
      // The certificate of a proxy proves nothing about its clients.
      tls:
        tls !== null && (client.via === 'xclient' || client.via === 'proxy')
          ? { ...tls, clientCertificate: undefined }
          : tls,
    };
  }

  #of(session: SMTPServerSession): GuardedConnection {
    const connection = this.#guarded.get(session);
    if (connection === undefined) throw new Error('smtp-server: session without a connection');
    return connection;
  }

  #release(connection: GuardedConnection): void {
    this.#open.delete(connection);
    connection.guard.close().catch((error: unknown) => this.trouble(error));
  }

  override onConnect(session: SMTPServerSession, callback: (error?: Error | null) => void): void {
    const connection = this.#of(session);
    connection.judged(connection.greeting, callback);
  }

  override onSecure(
    socket: Socket | TLSSocket,
    session: SMTPServerSession,
    callback: (error?: Error | null) => void,
  ): void {
    const connection = this.#of(session);
    const tls = tlsFacts(socket);
    // Implicit TLS is known from the start; only STARTTLS changes the facts.
    if (tls !== undefined && connection.guard.facts.connect.tls === null) connection.guard.startTls(tls);
    callback();
  }

  override onMailFrom(
    address: SMTPServerAddress,
    session: SMTPServerSession,
    callback: (error?: Error | null) => void,
  ): void {
    const connection = this.#of(session);
    const parameters = (address.args || {}) as { [name: string]: string | true };
    connection.judged(connection.guard.mail(address.address, parameters), callback);
  }

  override onRcptTo(
    address: SMTPServerAddress,
    session: SMTPServerSession,
    callback: (error?: Error | null) => void,
  ): void {
    const connection = this.#of(session);
    connection.judged(connection.guard.rcpt(address.address), callback);
  }

  override onClose(session: SMTPServerSession): void {
    const connection = this.#guarded.get(session);
    if (connection !== undefined) this.#release(connection);
  }
}

function tlsFacts(socket: Socket | TLSSocket): TlsFacts | undefined {
  if (!('getProtocol' in socket)) return undefined;
  const version = socket.getProtocol();
  if (version === null) return undefined;
  const certificate = socket.authorized ? socket.getPeerX509Certificate?.() : undefined;
  return {
    version,
    cipher: socket.getCipher()?.name,
    serverName: typeof socket.servername === 'string' ? socket.servername : undefined,
    clientCertificate: certificate && {
      fingerprint: createHash('sha256').update(certificate.raw).digest('hex'),
      subject: certificate.subject,
    },
  };
}
