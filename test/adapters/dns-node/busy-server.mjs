// A DNS server in a thread of its own, so that it answers while the thread of the tests stands still. It answers every
// question with 192.0.2.1, by UDP, TCP, TLS and HTTPS, and counts what it is asked.
import { createSocket } from 'node:dgram';
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { parentPort, workerData } from 'node:worker_threads';

const asked = { udp: 0, tcp: 0, tls: 0, https: 0 };
const { key, cert, answered } = workerData;
/** So late that the thread of the tests already stands still when the answer comes. */
const later = (run) => setTimeout(run, 20);
const sent = () => {
  Atomics.add(answered, 0, 1);
  Atomics.notify(answered, 0);
};

/** The question, and one A record whose owner points at it; no OPT record, which is allowed. */
const answer = (query) => {
  let end = 12;
  while (query[end] !== 0) end += query[end] + 1;
  const head = Buffer.from(query.subarray(0, end + 5));
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(1, 6);
  head.writeUInt16BE(0, 10);
  return Buffer.concat([head, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1])]);
};
const stream = (transport) => (socket) => {
  let rest = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const reply = answer(rest.subarray(2, 2 + rest.readUInt16BE(0)));
      rest = rest.subarray(2 + rest.readUInt16BE(0));
      asked[transport]++;
      later(() => socket.write(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 255]), reply]), sent));
    }
  });
};
const udp = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
udp.on('message', (query, peer) => {
  asked.udp++;
  later(() => udp.send(answer(query), peer.port, peer.address, sent));
});
const tcp = createServer(stream('tcp'));
const tls = createTlsServer({ key, cert }, stream('tls'));
const https = createSecureServer({ key, cert });
https.on('stream', (request) => {
  const parts = [];
  request.on('error', () => {});
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    asked.https++;
    later(() => {
      // The question was withdrawn.
      if (request.destroyed) return;
      request.respond({ ':status': 200, 'content-type': 'application/dns-message' });
      request.end(answer(Buffer.concat(parts)), sent);
    });
  });
});
const listen = (server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));
await new Promise((done) => udp.bind(0, '127.0.0.1', done));
const ports = { udp: udp.address().port, tcp: await listen(tcp), tls: await listen(tls), https: await listen(https) };
parentPort.on('message', () => parentPort.postMessage({ ...asked }));
parentPort.postMessage(ports);
