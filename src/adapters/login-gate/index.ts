/**
 * A TLS front for an IMAP or POP3 server that has no protection of its own.
 *
 * **Answers**: STARTTLS, STLS and implicit TLS; every command before the login, by a policy; then it passes octets through.
 * **Knows**: the client's address, the TLS layer, the names of commands and mechanisms. **Asks**: the policy, the books of
 * failed logins, bans, the backend.
 * **Standards**: RFC 8314, RFC 9051, RFC 1939, RFC 2595, RFC 5034; the replies of `postern/access`.
 *
 * Until a login is possible, no backend is connected: what came in the clear cannot reach it. A login in the clear is refused
 * on the command's name; a literal is not asked for. What the backend advertises about TLS and logging in is replaced by what
 * the policy allows. `ID` and `XCLIENT` from the client are never passed on. The gate asks the client itself until it knows whose
 * login it is; the backend hears of it only once the budgets have admitted it, and receives nothing but base64.
 *
 * **Limits**: the backend is spoken to in clear text, so the connection to it must be one that nobody can listen to. ManageSieve
 * and SMTP have no front here (submission: `postern/adapters/smtp-server`). After a login nothing is read any more: compression,
 * IDLE and everything else is between client and backend. Clients are not asked for certificates: `EXTERNAL` and `-PLUS` mean
 * nothing to a backend that does not see the TLS layer.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { accessPolicy } from 'postern/access';
 * import { loginGateServer } from 'postern/adapters/login-gate';
 * import { memoryBans, memoryCounters } from 'postern/adapters/memory';
 * import { systemClock } from 'postern/adapters/system';
 * import { encryptedAuth } from 'postern/checks/encrypted-auth';
 * import { authBudgets } from 'postern/checks/smtp-auth';
 *
 * const clock = systemClock();
 * const gate = loginGateServer({
 *   protocol: 'imap',
 *   backend: { host: '127.0.0.1', port: 10143, tellClient: 'id' },
 *   tls: { cert: readFileSync('mail.pem'), key: readFileSync('mail.key') },
 *   policy: accessPolicy({ encryption: encryptedAuth({ mechanisms: ['PLAIN'] }) }),
 *   env: { clock, counters: memoryCounters({ clock }), bans: memoryBans({ clock }) },
 *   budgets: authBudgets(),
 * });
 * await gate.listen(143, '::');
 * ```
 *
 * @module
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { parseIp } from '../../net/index.ts';
import { type Endpoints, readProxyHeader, TrustedProxies } from '../proxy-protocol/index.ts';
import { Certificates } from './certificates.ts';
import { imapDialogue } from './imap.ts';
import { checkedLimits, type GateEnv, type GateTls, type LoginGateOptions } from './options.ts';
import { pop3Dialogue } from './pop3.ts';
import { Session } from './session.ts';

export type { Endpoint, Endpoints } from '../proxy-protocol/index.ts';
export { proxyHeader } from '../proxy-protocol/index.ts';
export type { Backend, GateEnv, GateEvent, GateTls, LoginGateOptions } from './options.ts';

/** A running gate. */
export interface LoginGateServer {
  /** Listens; gives the port, where 0 was asked for. */
  listen(port: number, host?: string): Promise<number>;
  /** Takes new certificates for new handshakes; sessions go on. Throws and keeps the old ones where they cannot be used. */
  reload(tls: GateTls): void;
  /** How many connections there are now. */
  readonly connections: number;
  /** Takes no more connections, and ends those there are. */
  close(): Promise<void>;
}

/**
 * Makes a gate in front of one backend, for one port.
 *
 * @throws TypeError for a wrong option; what Node throws for a certificate that cannot be used
 */
export function loginGateServer<E extends GateEnv>(options: LoginGateOptions<E>): LoginGateServer {
  const limits = checkedLimits(options as unknown as LoginGateOptions<never>);
  const certificates = new Certificates(options.tls);
  const proxies =
    options.useProxy === undefined ? undefined : new TrustedProxies('loginGateServer: useProxy', options.useProxy);
  const sessions = new Set<Session<E>>();
  /** Connections of proxies that have not sent their whole header. */
  const unnamed = new Set<Socket>();
  const dialogue = options.protocol === 'imap' ? imapDialogue<E> : pop3Dialogue<E>;

  const take = async (session: Session<E>): Promise<void> => {
    const refused = await session.askConnect();
    // On an implicit port nothing can be said yet, and a handshake is more than an unwelcome client should cost.
    if (refused !== null) return session.client.end(options.implicitTls === true ? undefined : refused.line);
    if (options.implicitTls === true && !(await session.startTls())) return;
    await dialogue(session);
  };
  const onConnection = (socket: Socket): void => {
    const client = parseIp(socket.remoteAddress ?? '');
    const server = parseIp(socket.localAddress ?? '');
    if (client === undefined || server === undefined || sessions.size + unnamed.size >= limits.connections) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    const ends = {
      client: { ip: client, port: socket.remotePort ?? 0 },
      server: { ip: server, port: socket.localPort ?? 0 },
    };
    if (proxies?.has(client) !== true) {
      begin(socket, ends);
      return;
    }
    unnamed.add(socket);
    void readProxyHeader(socket, options.env.clock, limits.loginWithinMs).then((read) => {
      unnamed.delete(socket);
      if ('failed' in read) report(read.failed);
      else if (read.client === undefined) begin(socket, ends, 'proxy');
      else begin(socket, { ...ends, client: read.client }, 'proxy-header');
    });
  };
  const begin = (socket: Socket, ends: Endpoints, via?: 'proxy-header' | 'proxy'): void => {
    const session = new Session<E>(socket, ends, options, limits, certificates, via);
    sessions.add(session);
    void session.run(take).finally(() => sessions.delete(session));
  };
  const report = (what: string): void => {
    const tell = async (): Promise<void> => options.onError?.(new Error(`login gate: ${what}`));
    // If onError fails too, there is nobody left to tell.
    tell().catch(() => undefined);
  };
  const server: Server = createServer(onConnection);

  return {
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ port, host }, () => {
          server.off('error', reject);
          resolve((server.address() as AddressInfo).port);
        });
      }),
    reload: (tls) => certificates.reload(tls),
    get connections() {
      return sessions.size;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of unnamed) socket.destroy();
        for (const session of sessions) session.abandon();
      }),
  };
}
