import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { SMTPServerAddress, SMTPServerDataStream, SMTPServerSession } from 'smtp-server';
import { SMTPServer } from 'smtp-server';
import type { Env } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { parseIp } from '../../net/index.ts';
import type { ConnectFacts, Reply, TlsFacts } from '../../smtp/index.ts';
import { printReply, withoutOwnResults } from '../../smtp/index.ts';
import { Feed, smtpSession } from '../smtp-session/index.ts';
import { GuardedConnection } from './connection.ts';
import { Login } from './login.ts';
import type { Delivery, GuardOptions } from './options.ts';

type Done = (error?: Error | null, message?: string | (string | Error)[]) => void;

const LOOPBACK = '127.0.0.1' as IpAddress;

/** Commands of smtp-server that are jokes. */
const JOKES = ['WIZ', 'SHELL', 'KILL'];

/** An smtp-server that says what a policy decides. Made by `guardedServer()`. */
export class GuardedServer<E extends Env = Env> extends SMTPServer {
  readonly guardOptions: GuardOptions<E>;
  readonly login: Login | undefined;
  readonly #guarded = new WeakMap<object, GuardedConnection>();
  readonly #open = new Set<GuardedConnection>();

  constructor(options: GuardOptions<E>) {
    const { server = {}, role, auth } = options;
    super({
      disableReverseLookup: true,
      // RFC 8997; smtp-server would take TLS 1.0.
      minVersion: 'TLSv1.2',
      ...server,
      disabledCommands: [...(server.disabledCommands ?? []), ...JOKES],
      hideENHANCEDSTATUSCODES: false,
      hideSMTPUTF8: !(options.session?.smtpUtf8 ?? false),
      // Who must log in is the policy's to say; smtp-server only carries the exchange.
      authOptional: true,
      lmtp: role === 'lmtp',
    } as never);
    this.guardOptions = options;
    if (auth !== undefined) this.login = new Login(auth, options.env, (error) => this.trouble(error));
    this.on('error', (error) => this.trouble(error));
  }

  /** Trouble on one connection is never the end of the server. */
  trouble(error: unknown): void {
    this.guardOptions.onError?.(error instanceof Error ? error : new Error(String(error)));
  }

  /** Sessions that are open now. */
  get openSessions(): number {
    return this.#open.size;
  }

  /** Takes a connection: begins its session, then lets smtp-server greet. */
  override connect(
    socket: Socket | TLSSocket,
    socketOptions: { id?: string; remoteAddress?: string; remotePort?: number } = {},
  ): void {
    const connection = new GuardedConnection(this, socket, socketOptions);
    const address = parseIp(connection.remoteAddress) ?? (this.#isUnixSocket() ? LOOPBACK : undefined);
    if (address === undefined) {
      // The peer was gone before it could be asked who it was: there is nobody to answer.
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    connection.guard = smtpSession<E>(
      this.guardOptions.policy,
      this.guardOptions.env,
      this.#factsOf(connection, address),
      {
        ...this.guardOptions.session,
        onEvent: (event, facts) => {
          try {
            this.guardOptions.session?.onEvent?.(event, facts);
          } catch (error) {
            this.trouble(error);
          }
        },
        onBan: (ban, facts) => {
          try {
            this.guardOptions.session?.onBan?.(ban, facts);
          } catch (error) {
            this.trouble(error);
          }
        },
      },
    );
    connection.greeting = connection.guard.connect();
    this.#guarded.set(connection.session, connection);
    this.#open.add(connection);
    this.connections.add(connection as never);
    connection.on('error', (error) => this.trouble(error));
    connection.on('connect', (data) => this.emit('connect', data));
    connection.init();
    // The socket may have closed before anybody listened.
    if (socket.destroyed) this.#release(connection);
  }

  #isUnixSocket(): boolean {
    return typeof this.server.address() === 'string';
  }

  #factsOf(connection: GuardedConnection, ip: IpAddress): ConnectFacts {
    const { role, server = {}, env } = this.guardOptions;
    const tls = tlsFacts(connection.underlying) ?? (server.secured ? { version: 'TLSv1.2' } : null);
    return {
      session: {
        id: connection.id,
        role,
        implicitTls: server.secure === true,
        serverName: connection.name,
        since: env.clock.now(),
      },
      client: { ip, ...(connection.remotePort === 0 ? {} : { port: connection.remotePort }) },
      tls,
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
        callback(refusal(451, '4.3.0 A policy check could not be completed'));
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

  override onData(stream: SMTPServerDataStream, session: SMTPServerSession, callback: Done): void {
    const connection = this.#of(session);
    this.#take(connection, stream).then(
      (message) => callback(null, message as never),
      (error: unknown) => {
        const known = error instanceof Error && typeof (error as { responseCode?: unknown }).responseCode === 'number';
        if (!known) this.trouble(error);
        callback(known ? (error as Error) : refusal(451, '4.3.0 The message could not be taken'));
      },
    );
  }

  async #take(
    connection: GuardedConnection,
    stream: SMTPServerDataStream,
  ): Promise<string | (string | Error)[] | undefined> {
    const { guard } = connection;
    const recipients = [...guard.recipients];
    const feed = new Feed();
    const outcome = guard.data(chunksOf(stream, feed, this.guardOptions.server?.size));
    const reversePath = guard.facts.mail?.reversePath ?? null;
    const message = guard.authservId === undefined ? feed : withoutOwnResults(feed, guard.authservId);
    const delivery: Delivery = { session: guard, reversePath, forwardPaths: recipients, message, outcome };
    // A promise, whatever the author's function does.
    const delivered = (async () => this.guardOptions.deliver(delivery))().finally(() => feed.leave());
    delivered.catch(() => undefined);
    const decided = await outcome;
    if (stream.sizeExceeded) throw refusal(552, '5.3.4 The message is larger than is taken here');
    if (decided.perRecipient.length > 0) {
      const taken = decided.perRecipient.some(({ reply }) => reply === null);
      const text = taken ? await delivered : undefined;
      return decided.perRecipient.map(({ reply }) => (reply === null ? okay(text) : asError(reply)));
    }
    if (decided.reply !== null) {
      if (decided.reply.close) setImmediate(() => connection.close());
      throw asError(decided.reply);
    }
    return okay(await delivered);
  }

  override onClose(session: SMTPServerSession): void {
    const connection = this.#guarded.get(session);
    if (connection !== undefined) this.#release(connection);
  }
}

const okay = (text: unknown): string => `2.0.0 ${typeof text === 'string' ? text : 'Ok: taken'}`;

const refusal = (responseCode: number, message: string): Error => Object.assign(new Error(message), { responseCode });

const asError = (reply: Reply): Error => refusal(reply.code, printReply(reply).slice(4));

/** The message in chunks, each handed to the keeper too. */
async function* chunksOf(
  stream: SMTPServerDataStream,
  feed: Feed,
  size: number | undefined,
): AsyncGenerator<Uint8Array> {
  let ended = false;
  let error: Error | undefined;
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      // What lies behind the limit is read, since the client must be answered, and given to nobody.
      if (size !== undefined && stream.byteLength > size) continue;
      const taken = feed.write(chunk);
      yield chunk;
      if (taken !== undefined) await taken;
    }
    ended = true;
    if (stream.sizeExceeded) throw refusal(552, '5.3.4 The message is larger than is taken here');
  } catch (caught) {
    error = caught instanceof Error ? caught : new Error(String(caught));
    throw error;
  } finally {
    // An error is dear to make, and is made only where there is one.
    feed.end(error ?? (ended ? undefined : new Error('the message was not read to its end')));
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
