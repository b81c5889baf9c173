import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net';
import { createServer, type TlsOptions } from 'node:tls';
import { systemClock } from 'postern/adapters/system';
import { type TlsAsk, type TlsBegun, tcpConnect } from '../../../src/audit/wire/index.ts';
import type { Issued } from './certificates.ts';

export interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

/** A server that sends nothing after the handshake. */
export function tlsServer(chain: readonly Issued[], options: TlsOptions = {}): Promise<Listening> {
  const server = createServer({
    key: chain[0]?.key,
    cert: chain.map(({ cert }) => cert).join(''),
    minVersion: 'TLSv1',
    ciphers: 'ALL:@SECLEVEL=0',
    ...options,
  });
  server.on('tlsClientError', () => undefined);
  server.on('secureConnection', (socket) => socket.on('error', () => undefined));
  return listening(server);
}

/** A server with the given behaviour. */
export const tcpServer = (serve: (socket: Socket) => void): Promise<Listening> =>
  listening(
    createTcp((socket) => {
      socket.on('error', () => undefined);
      serve(socket);
    }),
  );

function listening(server: ReturnType<typeof createTcp>): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () =>
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () =>
          new Promise((closed) => {
            for (const socket of sockets) socket.destroy();
            server.close(() => closed());
          }),
      }),
    ),
  );
}

/** TLS with a server on loopback. */
export async function beginTls(port: number, ask: TlsAsk = {}): Promise<TlsBegun> {
  const opened = await tcpConnect({ clock: systemClock(), timeoutMs: 5_000 })({ address: '127.0.0.1', port });
  if (opened.status !== 'open') return { status: 'closed', reason: opened.reason };
  return opened.wire.startTls({ name: 'mx.example.org', ...ask });
}
