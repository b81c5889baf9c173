import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { SMTPServerAddress, SMTPServerSession } from 'smtp-server';
import { SMTPServer } from 'smtp-server';
import { isPromise } from '../../core/index.ts';
import type { Env } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { parseIp } from '../../net/index.ts';
import type { SmtpSession } from '../../session/index.ts';
import { smtpSession } from '../../session/index.ts';
import type { ConnectFacts, Reply, TlsFacts } from '../../smtp/index.ts';
import { addressToTrust, printReply, replyFor } from '../../smtp/index.ts';
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

/** Enough for attachments of 25 MB, which base64 makes a third larger. */
const SIZE = 35_000_000;
/** RFC 5321 §4.5.3.2.7. smtp-server would take one minute. */
const IDLE_MS = 300_000;

/** What is known of a connection before its session begins. */
interface Origin {
  readonly id: string;
  /** The connection is a trusted proxy's, with the client that it named. */
  readonly proxied?: { readonly client: Endpoint | undefined };
}

/** Commands of smtp-server that are jokes. */
const JOKES = ['WIZ', 'SHELL', 'KILL'];

/** An smtp-server that says what a policy decides. Made by `guardedServer()`. */
export class GuardedServer<E extends Env = Env> extends SMTPServer {
  readonly guardOptions: GuardOptions<E>;
  readonly login: Login | undefined;
  readonly #guarded = new WeakMap<object, GuardedConnection>();
  readonly #open = new Set<GuardedConnection>();
  readonly #proxies: Proxies;
  /** Connections of proxies that have not sent their whole header. */
  readonly #unnamed = new Set<Socket>();

  constructor(options: GuardOptions<E>) {
    const { server = {}, role, auth } = options;
    const proxies = checkServerOptions(server);
    super({
      // RFC 8997; smtp-server would take TLS 1.0.
      minVersion: 'TLSv1.2',
      ...server,
      size: server.size ?? SIZE,
      socketTimeout: server.socketTimeout ?? IDLE_MS,
      // Names are the policy's to look up, and who a client of a proxy is, is found out here.
      disableReverseLookup: true,
      useProxy: false,
      useXClient: false,
      disabledCommands: [...(server.disabledCommands ?? []), ...JOKES],
      hideENHANCEDSTATUSCODES: false,
      hideSMTPUTF8: !(options.session?.smtpUtf8 ?? false),
      // Who must log in is the policy's to say; smtp-server only carries the exchange.
      authOptional: true,
      lmtp: role === 'lmtp',
    } as never);
    this.guardOptions = options;
    this.#proxies = proxies;
    if (auth !== undefined) this.login = new Login(auth, options.env, (error) => this.trouble(error));
    this.on('error', (error) => this.trouble(error));
    assertInternals(this);
  }

  /** Reports a failure. None on one connection ends the server, nor does `onError`. */
  trouble(error: unknown): void {
    try {
      const told: unknown = this.guardOptions.onError?.(error instanceof Error ? error : new Error(String(error)));
      if (isPromise(told)) told.then(undefined, () => undefined);
    } catch {
      // There is nobody left to tell.
    }
  }

  /** Receives a message, and returns the replies to it. Never rejects. */
  receive(guard: SmtpSession, stream: AsyncIterable<Uint8Array>): Promise<readonly Reply[]> {
    return receive(this.guardOptions as unknown as GuardOptions, guard, stream, (error) => this.trouble(error));
  }

  /** Sessions that are open now. */
  get openSessions(): number {
    return this.#open.size;
  }

  /** Reads who the client of a trusted proxy is, before smtp-server sees the connection. */
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
    return this.#isUnixSocket() ? 'unix' : socket.remoteAddress;
  }

  /** Takes a connection: begins its session, then lets smtp-server greet. */
  override connect(socket: Socket | TLSSocket, origin?: Partial<Origin>): void {
    const { id, proxied } = origin ?? {};
    const named = proxied?.client;
    const connection = new GuardedConnection(this, socket, {
      id,
      ...(named === undefined ? {} : { remoteAddress: named.ip, remotePort: named.port }),
    });
    const unixSocket = this.#isUnixSocket();
    const address = named?.ip ?? parseIp(connection.remoteAddress) ?? (unixSocket ? LOOPBACK : undefined);
    if (address === undefined) {
      // The peer disconnected before its address could be read: there is nobody to answer.
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    const port = named?.port ?? connection.remotePort;
    this.#begin(connection, connection.id, {
      ip: address,
      ...(port === 0 ? {} : { port }),
      ...(proxied === undefined ? {} : { via: named === undefined ? ('proxy' as const) : ('proxy-header' as const) }),
      ...(unixSocket && proxied === undefined ? { unixSocket } : {}),
    });
    this.#guarded.set(connection.session, connection);
    this.#open.add(connection);
    this.connections.add(connection as never);
    connection.on('error', (error) => this.trouble(error));
    connection.on('connect', (data) => this.emit('connect', data));
    connection.init();
    // The socket may have closed before anybody listened.
    if (socket.destroyed) this.#release(connection);
  }

  /** Whether the peer of the connection is a proxy that may use XCLIENT, and has not used it. */
  mayUseXclient(connection: GuardedConnection): boolean {
    const { client } = connection.guard.facts.connect;
    if (this.#proxies.xclient === undefined || client.via === 'xclient' || client.via === 'proxy') return false;
    return this.#proxies.xclient.has(client.unixSocket === true ? 'unix' : addressToTrust(client));
  }

  /** Ends the proxy's session, and begins the one of the client that it names. Returns what the connect stage decides. */
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
      {
        ...this.guardOptions.session,
        size: this.options.size || undefined,
        onError: (error) => this.trouble(error),
      },
    );
    connection.greeting = connection.guard.connect();
  }

  #isUnixSocket(): boolean {
    return typeof this.server.address() === 'string';
  }

  #factsOf(connection: GuardedConnection, id: string, client: ConnectFacts['client']): ConnectFacts {
    const { role, server = {}, env } = this.guardOptions;
    const promised = server.secured === true && client.via === 'proxy-header' ? { version: 'TLSv1.2' } : null;
    const tls = tlsFacts(connection.current) ?? promised;
    return {
      session: {
        id,
        role,
        implicitTls: server.secure === true,
        serverName: connection.name,
        since: env.clock.now(),
      },
      client,
      // A certificate that a proxy has shown proves nothing of its clients.
      tls:
        tls !== null && (client.via === 'xclient' || client.via === 'proxy')
          ? { ...tls, clientCertificate: undefined }
          : tls,
    };
  }

  #of(session: SMTPServerSession): GuardedConnection {
    const connection = this.#guarded.get(session);
    if (connection === undefined) throw new Error('smtp-server: a session that no connection began');
    return connection;
  }

  #release(connection: GuardedConnection): void {
    this.#open.delete(connection);
    connection.guard.close().catch((error: unknown) => this.trouble(error));
  }

  /** Brings the policy's reply into the shape that smtp-server's hooks take. */
  #answer(connection: GuardedConnection, reply: Promise<Reply | null>, callback: (error?: Error | null) => void): void {
    reply.then(
      (said) => {
        if (said === null) return callback();
        if (said.close) setImmediate(() => connection.close());
        callback(asError(said));
      },
      (error: unknown) => {
        this.trouble(error);
        callback(asError(replyFor('policy-engine', 'A policy check could not be completed', 'defer')));
      },
    );
  }

  override onConnect(session: SMTPServerSession, callback: (error?: Error | null) => void): void {
    const connection = this.#of(session);
    this.#answer(connection, connection.greeting, callback);
  }

  override onSecure(
    socket: Socket | TLSSocket,
    session: SMTPServerSession,
    callback: (error?: Error | null) => void,
  ): void {
    const connection = this.#of(session);
    const tls = tlsFacts(socket);
    // An implicit TLS connection was made of TLS from its first octet; only an upgrade changes what is known.
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
    this.#answer(connection, connection.guard.mail(connection.path, parameters), callback);
  }

  override onRcptTo(
    _address: SMTPServerAddress,
    session: SMTPServerSession,
    callback: (error?: Error | null) => void,
  ): void {
    const connection = this.#of(session);
    this.#answer(connection, connection.guard.rcpt(connection.path), callback);
  }

  override onClose(session: SMTPServerSession): void {
    const connection = this.#guarded.get(session);
    if (connection !== undefined) this.#release(connection);
  }
}

const asError = (reply: Reply): Error =>
  Object.assign(new Error(printReply(reply).slice(4)), { responseCode: reply.code });

function tlsFacts(socket: Socket | TLSSocket): TlsFacts | undefined {
  if (!('getProtocol' in socket)) return undefined;
  const version = socket.getProtocol();
  if (version === null) return undefined;
  const certificate = socket.authorized ? socket.getPeerX509Certificate?.() : undefined;
  return {
    version,
    cipher: socket.getCipher()?.name,
    ...(typeof socket.servername === 'string' ? { serverName: socket.servername } : {}),
    ...(certificate === undefined
      ? {}
      : {
          clientCertificate: {
            fingerprint: createHash('sha256').update(certificate.raw).digest('hex'),
            subject: certificate.subject,
          },
        }),
  };
}
