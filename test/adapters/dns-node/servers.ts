import { createSocket } from 'node:dgram';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import packet, { type Packet } from 'dns-packet';

/** The question in a message, read by another codec than ours. */
export const questionIn = (bytes: Buffer): { id: number; name: string; type: string; edns: boolean } => {
  const { id = 0, questions = [], additionals = [] } = packet.decode(bytes);
  const [question] = questions;
  return {
    id,
    name: question?.name ?? '',
    type: question?.type ?? '',
    edns: additionals.some(({ type }) => type === 'OPT'),
  };
};

/** A reply to a message, written by another codec than ours. */
export const replyTo = (query: Buffer, parts: Packet = {}, flags = 0): Buffer => {
  const { id, questions } = packet.decode(query);
  return packet.encode({
    id: id ?? 0,
    type: 'response',
    flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | flags,
    questions: questions ?? [],
    ...parts,
  });
};

export interface RawServer {
  readonly port: number;
  /** What was asked by UDP and by TCP. */
  readonly asked: { udp: Buffer[]; tcp: Buffer[] };
  close(): Promise<void>;
}

type Handler = (
  query: Buffer,
  send: (reply: Buffer) => void,
  peer: { readonly port: number; readonly socket?: Socket },
) => void;

const silent: Handler = () => {};

/** A server that sends whatever a test wants, on one port for UDP and TCP. */
export async function rawServer(udpHandler: Handler = silent, tcpHandler?: Handler, udpPort = 0): Promise<RawServer> {
  const asked: RawServer['asked'] = { udp: [], tcp: [] };
  const udp = createSocket('udp4');
  const sockets = new Set<Socket>();
  udp.on('message', (query, peer) => {
    asked.udp.push(query);
    udpHandler(query, (reply) => udp.send(reply, peer.port, peer.address), { port: peer.port });
  });
  const tcp = createServer((socket) => {
    let rest = Buffer.alloc(0);
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (bytes) => {
      rest = Buffer.concat([rest, bytes]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const query = rest.subarray(2, 2 + rest.readUInt16BE(0));
        rest = rest.subarray(2 + query.length);
        asked.tcp.push(query);
        const send = (reply: Buffer): void => {
          const head = Buffer.alloc(2);
          head.writeUInt16BE(reply.length);
          socket.write(Buffer.concat([head, reply]));
        };
        tcpHandler?.(query, send, { port: socket.remotePort ?? 0, socket });
      }
    });
  });
  // TCP first, since a socket that is bound cannot be bound again; the port may be taken for UDP all the same.
  for (let tries = 0; ; tries++) {
    let port = udpPort;
    if (tcpHandler !== undefined) {
      await new Promise<void>((done, failed) => {
        tcp.once('error', failed);
        tcp.listen(0, '127.0.0.1', () => done());
      });
      port = (tcp.address() as AddressInfo).port;
    }
    const bound = await new Promise<boolean>((done) => {
      udp.once('error', () => done(false));
      udp.bind(port, '127.0.0.1', () => done(true));
    });
    if (bound) break;
    if (tries > 10 || udpPort !== 0) throw new Error(`no port for UDP, asked for ${port}`);
    await new Promise<void>((done) => tcp.close(() => done()));
  }
  udp.on('error', () => {});
  return {
    port: udp.address().port,
    asked,
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all([
        new Promise<void>((done) => udp.close(done)),
        tcp.listening ? new Promise<void>((done) => tcp.close(() => done())) : undefined,
      ]);
    },
  };
}

/** A port of this machine that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
