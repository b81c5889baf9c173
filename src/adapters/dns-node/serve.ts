import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { DnsRecord, RecordType } from '../../env/index.ts';
import { CLASS_IN, type Message, type Reply, readMessage, typeName, writeReply } from '../dns-wire/index.ts';

/** What there is to serve. `zone()` of `postern/testing` is one. */
export interface Servable {
  /** What is so, for a name and a type. */
  lookup(
    name: string,
    type: RecordType,
  ): {
    readonly outcome: 'found' | 'nodata' | 'nxdomain' | 'temperror' | 'refused' | 'timeout' | 'silent';
    readonly aliases: readonly { readonly name: string; readonly target: string; readonly ttl: number }[];
    readonly owner: string;
    readonly records: readonly DnsRecord[];
    readonly strings: readonly (readonly string[])[];
    readonly ttl: number;
    readonly authentic: boolean;
    readonly delayMs: number;
  };
}

export interface ServeZoneOptions {
  /** An address of this machine; `127.0.0.1` where not given. */
  readonly host?: string;
  /** For UDP and TCP; any that is free where not given. */
  readonly port?: number;
  /** PEM key and certificate: serves TLS and HTTPS too, on ports of their own. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A server that runs. */
export interface ZoneServer {
  readonly host: string;
  /** UDP and TCP. */
  readonly port: number;
  /** DNS over TLS; undefined where no certificate was given. */
  readonly tlsPort: number | undefined;
  /** DNS over HTTPS, path `/dns-query`; undefined where no certificate was given. */
  readonly httpsPort: number | undefined;
  /** What was asked, and how it came; the latest 10,000. */
  readonly questions: readonly {
    readonly name: string;
    readonly type: RecordType;
    readonly transport: 'udp' | 'tcp' | 'tls' | 'https';
  }[];
  /** Stops answering, and frees the port. */
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 200;
const IDLE_MS = 10_000;
/** Answers that are being delayed; more are not answered. */
const MAX_DELAYED = 10_000;
const MAX_LOGGED = 10_000;
const MAX_DATAGRAM = 1_232;
const MAX_MESSAGE = 65_535;
const NEGATIVE_SOA = 'ns.invalid';

/**
 * Serves a zone to real resolvers, as a recursive server would: over UDP and TCP on one port, and with a certificate over
 * TLS and HTTPS. For demonstrations and tests; it is bounded, but has no access control, so it belongs on loopback.
 *
 * @throws Error where no port can be had
 */
export async function serveZone(zone: Servable, options: ServeZoneOptions = {}): Promise<ZoneServer> {
  const { host = '127.0.0.1', port = 0, tls } = options;
  const questions: ZoneServer['questions'][number][] = [];
  const delayed = new Set<NodeJS.Timeout>();
  const sockets = new Set<{ destroy(): void }>();

  /** Answers a message with octets, at once or later, or not at all. */
  const serve = (
    bytes: Uint8Array,
    transport: ZoneServer['questions'][number]['transport'],
    send: (reply: Uint8Array) => void,
  ): void => {
    const message = readMessage(bytes);
    if (message === undefined || message.head.response) return;
    const { question, opcode, counts } = message.head;
    const limit = transport === 'udp' ? Math.min(message.udpSize, MAX_DATAGRAM) : MAX_MESSAGE;
    const type = question?.class === CLASS_IN ? typeName(question.type) : undefined;
    if (question === undefined || type === undefined || opcode !== 0 || counts[0] !== 1) {
      send(writeReply(message, { rcode: question === undefined && opcode === 0 ? 1 : 4, answers: [] }, limit));
      return;
    }
    if (questions.length >= MAX_LOGGED) questions.shift();
    questions.push({ name: question.name, type, transport });
    const found = zone.lookup(question.name, type);
    if (found.outcome === 'silent' || found.outcome === 'timeout') return;
    const reply = (): void => send(replyTo(message, found, limit));
    if (found.delayMs === 0) {
      reply();
    } else if (delayed.size < MAX_DELAYED) {
      const timer = setTimeout(() => {
        delayed.delete(timer);
        reply();
      }, found.delayMs);
      delayed.add(timer);
    }
  };

  const stream = (transport: 'tcp' | 'tls') => (socket: Socket) => {
    let rest: Buffer = Buffer.alloc(0);
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (bytes: Buffer) => {
      rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0);
        serve(rest.subarray(2, end), transport, (reply) => {
          const framed = Buffer.alloc(reply.length + 2);
          framed.writeUInt16BE(reply.length);
          framed.set(reply, 2);
          if (socket.writable) socket.write(framed);
        });
        rest = rest.subarray(end);
      }
    });
  };

  const { tcp, udp } = await openBoth(host, port, stream('tcp'));
  udp.on('message', (bytes, peer) =>
    serve(bytes, 'udp', (reply) => udp.send(reply, peer.port, peer.address, () => {})),
  );
  udp.on('error', () => {});
  const dot = tls === undefined ? undefined : createTlsServer({ ...tls, ALPNProtocols: ['dot'] }, stream('tls'));
  const doh = tls === undefined ? undefined : httpsServer(tls, sockets, (bytes, send) => serve(bytes, 'https', send));
  const servers: Server[] = [tcp];
  for (const server of [dot, doh as unknown as Server | undefined]) {
    if (server === undefined) continue;
    await listen(server, host, 0);
    servers.push(server);
  }
  for (const server of servers) server.maxConnections = MAX_CONNECTIONS;
  const portOf = (server: { address(): unknown } | undefined): number | undefined =>
    (server?.address() as AddressInfo | undefined)?.port;

  return {
    host,
    port: portOf(tcp) as number,
    tlsPort: portOf(dot),
    httpsPort: portOf(doh),
    questions,
    async close() {
      for (const timer of delayed) clearTimeout(timer);
      const ends = servers.map((server) => new Promise<void>((done) => server.close(() => done())));
      ends.push(new Promise((done) => udp.close(() => done())));
      for (const socket of sockets) socket.destroy();
      await Promise.all(ends);
    },
  };
}

function replyTo(message: Message, found: ReturnType<Servable['lookup']>, limit: number): Uint8Array {
  const { outcome, aliases, owner, records, strings, ttl, authentic } = found;
  if (outcome === 'temperror' || outcome === 'refused')
    return writeReply(message, { rcode: outcome === 'refused' ? 5 : 2, answers: [] }, limit);
  const reply: Reply = {
    rcode: outcome === 'nxdomain' ? 3 : 0,
    authentic,
    answers: [
      ...aliases.map((alias) => ({
        owner: alias.name,
        ttl: alias.ttl,
        record: { type: 'CNAME', name: alias.target } as const,
      })),
      ...records.map((record, i) => ({ owner, ttl, record, strings: record.type === 'TXT' ? strings[i] : undefined })),
    ],
    // RFC 2308 §3: the SOA says how long there will be nothing.
    authority:
      records.length > 0 ? [] : [{ owner: '', ttl, record: { type: 'SOA', primary: NEGATIVE_SOA, minimum: ttl } }],
  };
  return writeReply(message, reply, limit);
}

/** UDP and TCP on one port: a port that is free for the one may be taken for the other, so it may take some tries. */
async function openBoth(
  host: string,
  port: number,
  onSocket: (socket: Socket) => void,
): Promise<{ tcp: Server; udp: DatagramSocket }> {
  for (let tries = 0; ; tries++) {
    const tcp = createServer(onSocket);
    await listen(tcp, host, port);
    const udp = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1 << 20 });
    try {
      await new Promise<void>((done, fail) => {
        udp.once('error', fail);
        udp.bind((tcp.address() as AddressInfo).port, host, () => {
          udp.off('error', fail);
          done();
        });
      });
      return { tcp, udp };
    } catch (error) {
      tcp.close();
      udp.close();
      if (port !== 0 || tries >= 20) throw error;
    }
  }
}

const listen = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((done, fail) => {
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      server.on('error', () => {});
      done();
    });
  });

/** RFC 8484: POST with the message as body, GET with it in `dns`. */
function httpsServer(
  tls: { readonly key: string; readonly cert: string },
  sockets: Set<{ destroy(): void }>,
  serve: (bytes: Uint8Array, send: (reply: Uint8Array) => void) => void,
): Http2SecureServer {
  const server = createSecureServer({ ...tls, allowHTTP1: true }, (request, response) => {
    const refuse = (status: number): void => {
      response.writeHead(status);
      response.end();
    };
    const answer = (bytes: Uint8Array): void =>
      serve(bytes, (reply) => {
        response.writeHead(200, { 'content-type': 'application/dns-message', 'content-length': reply.length });
        response.end(Buffer.from(reply));
      });
    const url = URL.canParse(request.url, 'https://server.invalid')
      ? new URL(request.url, 'https://server.invalid')
      : undefined;
    const refusal =
      url?.pathname !== '/dns-query'
        ? 404
        : request.method === 'POST'
          ? request.headers['content-type'] === 'application/dns-message'
            ? undefined
            : 415
          : request.method === 'GET'
            ? undefined
            : 405;
    if (refusal !== undefined) {
      refuse(refusal);
      return;
    }
    if (request.method === 'GET') {
      answer(Buffer.from(url?.searchParams.get('dns') ?? '', 'base64url'));
      return;
    }
    const parts: Buffer[] = [];
    let size = 0;
    request.on('error', () => {});
    request.on('data', (part: Buffer) => {
      size += part.length;
      if (size <= MAX_MESSAGE) parts.push(part);
    });
    request.on('end', () => (size > MAX_MESSAGE ? refuse(413) : answer(Buffer.concat(parts))));
  });
  server.on('session', (session) => {
    sockets.add(session);
    session.setTimeout(IDLE_MS, () => session.destroy());
    session.on('error', () => {});
    session.on('close', () => sockets.delete(session));
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  return server;
}
