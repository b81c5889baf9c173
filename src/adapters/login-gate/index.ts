/**
 * TLS and login protection in front of an IMAP or POP3 server.
 *
 * **Answers**: STARTTLS, STLS and implicit TLS, and every command before the login, by a policy. After the login it passes
 * everything on.
 * **Knows**: the client's address, the TLS layer, the names of commands and mechanisms. **Asks**: the policy, the budgets of
 * failed logins, bans, the backend.
 * **Standards**: RFC 8314, RFC 9051, RFC 1939, RFC 2595, RFC 5034; the replies of `postern/access`.
 *
 * No backend is connected until a login is possible, so input without TLS cannot reach it. A login without TLS is refused by
 * the command's name, and a literal is not requested. The backend's capabilities about TLS and logging in are replaced by
 * those that the policy allows. `ID` and `XCLIENT` from the client are never passed on. The gate requests messages itself until
 * it knows the account; the backend receives a login only after the budgets have admitted it, and receives only base64.
 *
 * **Limits**: the connection to the backend is not encrypted, so nobody else may have access to it. There is no gate for
 * ManageSieve and SMTP (submission: `postern/adapters/smtp-server`). After the login nothing is parsed. Clients are not asked
 * for certificates: `EXTERNAL` and `-PLUS` mechanisms do not work with a backend that does not see the TLS layer.
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
import { loginRule } from '../../checks/smtp-auth/index.ts';
import { parseIp } from '../../net/index.ts';
import { type Endpoints, readProxyHeader, TrustedProxies } from '../proxy-protocol/index.ts';
import { Certificates } from './certificates.ts';
import { imapDialect } from './imap.ts';
import { checkedLimits, type GateEnv, type GateTls, type LoginGateOptions, reportTo } from './options.ts';
import { pop3Dialect } from './pop3.ts';
import { type Gate, Session } from './session.ts';

export type { Endpoint, Endpoints } from '../proxy-protocol/index.ts';
export { proxyHeader } from '../proxy-protocol/index.ts';
export type { Backend, GateEnv, GateEvent, GateTls, LoginGateOptions } from './options.ts';

/** A running gate. */
export interface LoginGateServer {
  /** Starts to listen. Returns the port, which differs from `port` if that is 0. */
  listen(port: number, host?: string): Promise<number>;
  /** Uses new certificates for new handshakes; sessions continue. Throws and keeps the old ones if they cannot be used. */
  reload(tls: GateTls): void;
  /** The number of connections. */
  readonly connections: number;
  /** Stops listening, and ends all connections. */
  close(): Promise<void>;
}

/**
 * Creates a gate in front of one backend, for one port.
 *
 * @throws {TypeError} for a wrong or unknown option; Node's error for a certificate that cannot be used
 */
export function loginGateServer<E extends GateEnv>(options: LoginGateOptions<E>): LoginGateServer {
  const limits = checkedLimits(options as unknown as LoginGateOptions<never>);
  const gate: Gate<E> = {
    options,
    limits,
    certificates: new Certificates(options.tls),
    loginOutcome: loginRule('loginGateServer: loginConsequences', options.loginConsequences),
    dialect: options.protocol === 'imap' ? imapDialect : pop3Dialect,
  };
  const proxies =
    options.useProxy === undefined ? undefined : new TrustedProxies('loginGateServer: useProxy', options.useProxy);
  const sessions = new Set<Session<E>>();
  /** Connections of proxies that have not sent their whole header. */
  const unnamed = new Set<Socket>();

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
      if ('failed' in read) reportTo(options.onError, new Error(`login gate: ${read.failed}`));
      else if (read.client === undefined) begin(socket, ends, 'proxy');
      else begin(socket, { ...ends, client: read.client }, 'proxy-header');
    });
  };
  const begin = (socket: Socket, ends: Endpoints, via?: 'proxy-header' | 'proxy'): void => {
    const session = new Session<E>(socket, ends, gate, via);
    sessions.add(session);
    void session.run().finally(() => sessions.delete(session));
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
    reload: (tls) => gate.certificates.reload(tls),
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
