import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import packet from 'dns-packet';
import { type StubResolver, stubResolver } from 'postern/dns/node';
import { afterEach, describe, expect, test } from 'vitest';
import { freePort, questionIn, rawServer, replyTo } from './servers.ts';

/** How a server treats its clients. */
interface Manners {
  /** Connections that it accepts; it closes the others at once. */
  readonly connections?: number;
  /** Connections that it closes at once before it accepts any. */
  readonly turnedAway?: number;
  /** Questions after which it closes a connection. */
  readonly closesAfter?: number;
  /** Questions after which it reads a connection and no longer answers. */
  readonly stopsAfter?: number;
  /** Answers that it holds back, to send them in reverse. */
  readonly reorders?: number;
  /** Sends each byte by itself. */
  readonly byteByByte?: boolean;
  /** A name on which it closes the connection. */
  readonly hates?: string;
  /** The value of the keep-alive option in its answers (RFC 7828), in units of 100 ms. */
  readonly keepAlive?: number;
  readonly port?: number;
}

interface Server {
  readonly port: number;
  /** Connections that were open at the same time, at most. */
  most: number;
  opened: number;
  /** Each question that was read. */
  readonly asked: Buffer[];
  readonly sockets: Set<Socket>;
  close(): Promise<unknown>;
}

const open: { close(): unknown }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

const framed = (bytes: Buffer): Buffer => {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(bytes.length);
  return Buffer.concat([head, bytes]);
};

async function serverWith(manners: Manners): Promise<Server> {
  let turnedAway = 0;
  const listener = createServer((socket) => {
    state.opened++;
    socket.on('error', () => {});
    if (turnedAway < (manners.turnedAway ?? 0)) {
      turnedAway++;
      socket.destroy();
      return;
    }
    if (state.sockets.size >= (manners.connections ?? Number.POSITIVE_INFINITY)) {
      socket.destroy();
      return;
    }
    state.sockets.add(socket);
    state.most = Math.max(state.most, state.sockets.size);
    socket.on('close', () => state.sockets.delete(socket));
    let read = 0;
    let rest = Buffer.alloc(0);
    let held: Buffer[] = [];
    const send = (bytes: Buffer): void => {
      if (!manners.byteByByte) socket.write(bytes);
      else for (const byte of bytes) socket.write(Buffer.of(byte));
    };
    const flush = (): void => {
      for (const one of held.reverse()) send(one);
      held = [];
    };
    socket.on('data', (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0) && !socket.destroyed) {
        const query = rest.subarray(2, 2 + rest.readUInt16BE(0));
        rest = rest.subarray(2 + query.length);
        state.asked.push(query);
        if (questionIn(query).name === manners.hates) {
          socket.destroy();
          return;
        }
        if (++read > (manners.stopsAfter ?? Number.POSITIVE_INFINITY)) continue;
        held.push(framed(answerTo(query, manners)));
        if (manners.reorders === undefined || held.length >= manners.reorders) flush();
        else setImmediate(flush);
        if (read < (manners.closesAfter ?? Number.POSITIVE_INFINITY)) continue;
        socket.end();
        state.sockets.delete(socket);
        return;
      }
    });
  });
  const state: Server = {
    port: 0,
    most: 0,
    opened: 0,
    asked: [],
    sockets: new Set(),
    close() {
      for (const socket of state.sockets) socket.destroy();
      return new Promise((done) => listener.close(done));
    },
  };
  listener.listen(manners.port ?? 0, '127.0.0.1');
  await once(listener, 'listening');
  open.push(state);
  return Object.assign(state, { port: (listener.address() as AddressInfo).port });
}

/** Each name has an address of its own, so that an answer that reached the wrong question is seen. */
const addressOf = (name: string): string =>
  `192.0.${Number.parseInt(name, 10) >> 8}.${Number.parseInt(name, 10) & 255}`;
const answerTo = (query: Buffer, { keepAlive }: Manners = {}): Buffer => {
  const { name } = questionIn(query);
  const options = keepAlive === undefined ? [] : [{ code: 11, data: Buffer.of(keepAlive >> 8, keepAlive & 255) }];
  return replyTo(query, {
    answers: [{ type: 'A', name, ttl: 60, data: addressOf(name) }],
    additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options } as never],
  });
};

const stubOf = (...servers: string[]): StubResolver => {
  const made = stubResolver({ servers, timeoutMs: 20_000, retryMs: 250 });
  open.push(made);
  return made;
};
const QUESTIONS = 500;
/** Asks for many names at once. Returns what was not answered rightly. */
async function wrong(dns: StubResolver, questions = QUESTIONS): Promise<string[]> {
  const answers = await Promise.all(
    Array.from({ length: questions }, async (_, i) => ({ i, answer: await dns.resolve(`${i}.test`, 'A') })),
  );
  return answers.flatMap(({ i, answer }) =>
    answer.status === 'found' && answer.records[0]?.address === addressOf(`${i}`)
      ? []
      : [`${i}: ${answer.status === 'temperror' ? answer.reason : JSON.stringify(answer)}`],
  );
}

const difficult: [string, Manners][] = [
  ['that accepts any number of connections', {}],
  ['that accepts one connection', { connections: 1 }],
  ['that accepts two connections', { connections: 2 }],
  ['that turns the first six connections away', { turnedAway: 6 }],
  ['that closes after one question', { closesAfter: 1 }],
  ['that closes after seven questions', { closesAfter: 7 }],
  ['that closes after a hundred questions', { closesAfter: 100 }],
  ['that accepts one connection and closes after seven questions', { connections: 1, closesAfter: 7 }],
  ['that answers in another order', { reorders: 10 }],
  ['that answers byte by byte', { byteByByte: true }],
  ['that answers byte by byte and closes after seven', { byteByByte: true, closesAfter: 7 }],
  ['that asks for no further questions after each answer', { keepAlive: 0 }],
];

describe('five hundred questions at once by TCP', () => {
  test.each(difficult)('to a server %s: each has its answer', async (_, manners) => {
    const server = await serverWith(manners);
    expect(await wrong(stubOf(`tcp://127.0.0.1:${server.port}`))).toEqual([]);
    // A connection that the client closes may be open at the server for a moment longer.
    expect(server.most).toBeLessThanOrEqual(manners.keepAlive === 0 ? 4 : 2);
  });

  test.each(difficult)('after truncated answers by UDP, to a server %s: each has its answer', async (_, manners) => {
    const server = await serverWith(manners);
    const udp = await rawServer(
      (query, send) => send(replyTo(query, {}, packet.TRUNCATED_RESPONSE)),
      undefined,
      server.port,
    );
    open.push(udp);
    expect(await wrong(stubOf(`127.0.0.1:${server.port}`))).toEqual([]);
  });

  test('a connection that stops answering is left, and its questions are asked on another', async () => {
    const server = await serverWith({ stopsAfter: 100 });
    const dns = stubResolver({ servers: [`tcp://127.0.0.1:${server.port}`], timeoutMs: 20_000, retryMs: 1_100 });
    open.push(dns);
    expect(await wrong(dns, 150)).toEqual([]);
  });

  test('a server that stops altogether → temperror at the deadline', async () => {
    const server = await serverWith({ stopsAfter: 0 });
    const dns = stubResolver({ servers: [`tcp://127.0.0.1:${server.port}`], timeoutMs: 300, retryMs: 50 });
    open.push(dns);
    expect(await dns.resolve('1.test', 'A')).toEqual({ status: 'temperror', reason: 'timeout' });
  });

  test('a question for which the server closes the connection takes no other question with it', async () => {
    const server = await serverWith({ hates: '250.test' });
    expect(await wrong(stubOf(`tcp://127.0.0.1:${server.port}`))).toEqual(['250: connection closed']);
  });
});

describe('a server that cannot be reached is waited for', () => {
  test.each(['tcp://', ''])('%s: questions asked before it listens are answered', async (scheme) => {
    const port = await freePort();
    const dns = stubOf(`${scheme}127.0.0.1:${port}`);
    const answers = wrong(dns, 50);
    // Refused at least once: a question of another resolver, asked later, has been.
    const probe = stubResolver({ servers: [`${scheme}127.0.0.1:${port}`], timeoutMs: 50 });
    open.push(probe);
    expect(await probe.resolve('1.test', 'A')).toMatchObject({ status: 'temperror' });
    if (scheme === '') open.push(await rawServer((query, send) => send(answerTo(query)), undefined, port));
    else await serverWith({ port });
    expect(await answers).toEqual([]);
  });

  test('another server is asked at once', async () => {
    const good = await serverWith({});
    const dns = stubResolver({
      servers: [`tcp://127.0.0.1:${await freePort()}`, `tcp://127.0.0.1:${good.port}`],
      timeoutMs: 60_000,
      retryMs: 30_000,
    });
    open.push(dns);
    expect(await wrong(dns, 50)).toEqual([]);
  });

  test('another server has failed: its word counts, nobody waits', async () => {
    const failing = await rawServer((query, send) => send(replyTo(query, {}, 2)));
    open.push(failing);
    for (const servers of [
      [`127.0.0.1:${failing.port}`, `tcp://127.0.0.1:${await freePort()}`],
      [`tcp://127.0.0.1:${await freePort()}`, `127.0.0.1:${failing.port}`],
    ]) {
      const dns = stubResolver({ servers, timeoutMs: 60_000, retryMs: 30_000 });
      open.push(dns);
      expect(await dns.resolve('1.test', 'A')).toEqual({ status: 'temperror', reason: 'servfail' });
    }
  });
});

describe('keep-alive (RFC 7828)', () => {
  const asksToKeep = (query: Buffer): boolean =>
    (packet.decode(query).additionals ?? []).some(
      (one) => one.type === 'OPT' && one.options.some(({ code }) => code === 11),
    );

  test('the first question of a connection asks for it, and no question by UDP does', async () => {
    const server = await serverWith({ keepAlive: 600 });
    const dns = stubOf(`tcp://127.0.0.1:${server.port}`);
    for (let i = 0; i < 3; i++) await dns.resolve(`${i}.test`, 'A');
    expect(server.asked.map(asksToKeep)).toEqual([true, false, false]);
    const udp = await rawServer((query, send) => send(answerTo(query)));
    open.push(udp);
    await stubOf(`127.0.0.1:${udp.port}`).resolve('1.test', 'A');
    expect(udp.asked.udp.map(asksToKeep)).toEqual([false]);
  });

  test('one connection is used for questions one after the other', async () => {
    const server = await serverWith({ keepAlive: 600 });
    const dns = stubOf(`tcp://127.0.0.1:${server.port}`);
    for (let i = 0; i < 20; i++) await dns.resolve(`${i}.test`, 'A');
    expect(server.opened).toBe(1);
  });

  test('the client closes the connection when the time of the server is over', async () => {
    const server = await serverWith({ keepAlive: 1 });
    await stubOf(`tcp://127.0.0.1:${server.port}`).resolve('1.test', 'A');
    for (const socket of server.sockets) await once(socket, 'close');
    expect(server.sockets.size).toBe(0);
  });

  test('0 asks for the connection to be closed: the next question uses another', async () => {
    const server = await serverWith({ keepAlive: 0 });
    const dns = stubOf(`tcp://127.0.0.1:${server.port}`);
    for (let i = 0; i < 3; i++) expect(await dns.resolve(`${i}.test`, 'A')).toMatchObject({ status: 'found' });
    expect(server.opened).toBe(3);
  });
});
