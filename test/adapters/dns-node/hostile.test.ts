import { createSocket } from 'node:dgram';
import packet from 'dns-packet';
import { type StubResolver, type StubResolverOptions, stubResolver } from 'postern/dns/node';
import { afterEach, describe, expect, test } from 'vitest';
import { freePort, questionIn, type RawServer, rawServer, replyTo } from './servers.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});
const server = async (...handlers: Parameters<typeof rawServer>): Promise<RawServer> => {
  const made = await rawServer(...handlers);
  open.push(made);
  return made;
};
const stubOf = (servers: readonly (RawServer | number | string)[], options: StubResolverOptions = {}): StubResolver => {
  const names = servers.map((one) =>
    typeof one === 'string' ? one : `127.0.0.1:${typeof one === 'number' ? one : one.port}`,
  );
  const made = stubResolver({ servers: names, timeoutMs: 3_000, retryMs: 1_000, ...options });
  open.push(made);
  return made;
};
const A = (name: string, data = '192.0.2.1') => ({ type: 'A', name, data, ttl: 60 }) as const;
const right = (query: Buffer): Buffer => replyTo(query, { answers: [A(questionIn(query).name)] });
const found = { status: 'found', records: [{ type: 'A', address: '192.0.2.1' }], ttl: 60, authentic: false };
/** The right answer with octets changed. */
const bent = (query: Buffer, bend: (bytes: Buffer) => void): Buffer => {
  const bytes = right(query);
  bend(bytes);
  return bytes;
};

describe('stub: what does not answer the question is passed over, and the answer still taken', () => {
  test.each<[string, (query: Buffer) => Buffer]>([
    ['an answer with another id', (query) => bent(query, (bytes) => bytes.writeUInt16BE(bytes.readUInt16BE(0) ^ 1, 0))],
    ['an answer to another name', (query) => bent(query, (bytes) => bytes.writeUInt8(bytes.readUInt8(13) ^ 1, 13))],
    [
      'an answer to another type',
      (query) => replyTo(query, { questions: [{ type: 'MX', name: questionIn(query).name }] }),
    ],
    [
      'an answer of another class',
      (query) => bent(query, (bytes) => bytes.writeUInt16BE(3, 12 + 'one.test'.length + 2 + 2)),
    ],
    [
      'an answer to two questions',
      (query) =>
        replyTo(query, {
          questions: [
            { type: 'A', name: 'one.test' },
            { type: 'A', name: 'one.test' },
          ],
        }),
    ],
    [
      'a question instead of an answer',
      (query) => bent(query, (bytes) => bytes.writeUInt8(bytes.readUInt8(2) & 0x7f, 2)),
    ],
    ['another opcode', (query) => bent(query, (bytes) => bytes.writeUInt8(bytes.readUInt8(2) | 0x28, 2))],
    ['less than a header', () => Buffer.from([1, 2, 3])],
    ['nothing at all', () => Buffer.alloc(0)],
    [
      'a question that points at itself',
      (query) => Buffer.concat([bent(query, () => {}).subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]),
    ],
    ['an empty success without the question', (query) => bent(query, (bytes) => bytes.fill(0, 4, 12)).subarray(0, 12)],
  ])('%s', async (_, forge) => {
    const one = await server((query, send) => {
      send(forge(query));
      send(right(query));
    });
    expect(await stubOf([one]).resolve('one.test', 'A')).toMatchObject({ ...found, authentic: expect.any(Boolean) });
    expect(one.asked.udp).toHaveLength(1);
  });

  test('an answer from another port', async () => {
    const stranger = createSocket('udp4');
    open.push({ close: () => new Promise<void>((done) => stranger.close(done)) });
    const one = await server((query, send, { port }) => {
      stranger.send(replyTo(query, { answers: [A('one.test', '203.0.113.66')] }), port, '127.0.0.1', () =>
        send(right(query)),
      );
    });
    expect(await stubOf([one]).resolve('one.test', 'A')).toMatchObject({ records: found.records });
  });

  test('records of other names are not taken for the answer', async () => {
    const one = await server((query, send) =>
      send(replyTo(query, { answers: [A('victim.test', '203.0.113.66'), A('one.test')] })),
    );
    expect(await stubOf([one]).resolve('one.test', 'A')).toMatchObject({ records: found.records });
  });
});

describe('stub: an answer that makes no sense is a temperror, by UDP and by TCP', () => {
  const twisted: [string, (query: Buffer) => Buffer][] = [
    [
      'a name that points at itself',
      (query) => bent(query, (bytes) => bytes.writeUInt16BE(0xc000 | (12 + 14), 12 + 14)),
    ],
    ['a name that points forward', (query) => bent(query, (bytes) => bytes.writeUInt16BE(0xc0ff, 12 + 14))],
    ['a label of an unknown kind', (query) => bent(query, (bytes) => bytes.writeUInt8(0x40, 12 + 14))],
    ['more records announced than there are', (query) => bent(query, (bytes) => bytes.writeUInt16BE(9, 6))],
    [
      'an A record of 5 octets',
      (query) => Buffer.concat([bent(query, (bytes) => bytes.writeUInt16BE(5, bytes.length - 6)), Buffer.alloc(1)]),
    ],
    ['a record cut off', (query) => right(query).subarray(0, -2)],
  ];
  test.each(twisted)('%s', async (_, forge) => {
    const one = await server(
      (query, send) => send(forge(query)),
      (query, send) => send(forge(query)),
    );
    expect(await stubOf([one]).resolve('one.test', 'A')).toEqual({ status: 'temperror', reason: 'malformed' });
    // What came by UDP may be forged or mangled on its way: it was asked again by TCP before it was called so.
    expect(one.asked.tcp).toHaveLength(1);
  });

  test.each(twisted)('%s: the next server answers', async (_, forge) => {
    const bad = await server(
      (query, send) => send(forge(query)),
      (query, send) => send(forge(query)),
    );
    const good = await server((query, send) => send(right(query)));
    expect(await stubOf([bad, good]).resolve('one.test', 'A')).toMatchObject({ status: 'found' });
  });
});

describe('stub: truncation', () => {
  test('truncated → asked again by TCP', async () => {
    const one = await server(
      (query, send) => send(replyTo(query, {}, packet.TRUNCATED_RESPONSE)),
      (query, send) => send(right(query)),
    );
    expect(await stubOf([one]).resolve('one.test', 'A')).toMatchObject({ status: 'found' });
  });
  test('truncated, and no TCP there → temperror', async () => {
    const one = await server((query, send) => send(replyTo(query, {}, packet.TRUNCATED_RESPONSE)));
    expect(await stubOf([one], { timeoutMs: 200 }).resolve('one.test', 'A')).toEqual({
      status: 'temperror',
      reason: 'connection refused',
    });
  });
  test('truncated by TCP too → temperror, not half an answer', async () => {
    const half = (query: Buffer, send: (reply: Buffer) => void): void =>
      send(replyTo(query, { answers: [A('one.test')] }, packet.TRUNCATED_RESPONSE));
    const one = await server(half, half);
    expect(await stubOf([one]).resolve('one.test', 'A')).toEqual({ status: 'temperror', reason: 'malformed' });
  });
  test('a TXT record of 64 KB comes whole', async () => {
    const strings = Array.from({ length: 254 }, (_, i) => Buffer.alloc(255, 97 + (i % 26)));
    const one = await server(
      (query, send) => send(replyTo(query, {}, packet.TRUNCATED_RESPONSE)),
      (query, send) => send(replyTo(query, { answers: [{ type: 'TXT', name: 'one.test', ttl: 1, data: strings }] })),
    );
    expect(await stubOf([one]).resolve('one.test', 'TXT')).toMatchObject({
      records: [{ type: 'TXT', text: Buffer.concat(strings).toString('latin1') }],
    });
  });
  test('a thousand records come whole', async () => {
    const answers = Array.from({ length: 1000 }, (_, i) => A('one.test', `192.0.${i >> 8}.${i & 255}`));
    const one = await server(
      (query, send) => send(replyTo(query, {}, packet.TRUNCATED_RESPONSE)),
      (query, send) => send(replyTo(query, { answers })),
    );
    const answer = await stubOf([one]).resolve('one.test', 'A');
    expect(answer.status === 'found' && answer.records.map(({ address }) => address)).toEqual(
      answers.map(({ data }) => data),
    );
  });
});

describe('stub: servers that fail', () => {
  test('silence → temperror, timeout', async () => {
    const one = await server();
    expect(await stubOf([one], { timeoutMs: 300, retryMs: 50 }).resolve('one.test', 'A')).toEqual({
      status: 'temperror',
      reason: 'timeout',
    });
    expect(one.asked.udp.length).toBe(3);
    expect(new Set(one.asked.udp.map((query) => questionIn(query).id)).size).toBeGreaterThan(1);
  });
  test('an answer that is later than the retry is taken', async () => {
    let first: (() => void) | undefined;
    const one = await server((query, send) => {
      if (first === undefined) first = () => send(right(query));
      else first();
    });
    expect(await stubOf([one], { retryMs: 50 }).resolve('one.test', 'A')).toMatchObject({ status: 'found' });
    expect(one.asked.udp.length).toBe(2);
  });
  test('an answer that is later than the deadline is not taken for that of another question', async () => {
    const late: (() => void)[] = [];
    const one = await server((query, send) => {
      if (questionIn(query).name === 'late.test')
        late.push(() => send(replyTo(query, { answers: [A('late.test', '203.0.113.66')] })));
      else {
        for (const answer of late) answer();
        send(right(query));
      }
    });
    const dns = stubOf([one], { timeoutMs: 100, retryMs: 40 });
    expect(await dns.resolve('late.test', 'A')).toMatchObject({ status: 'temperror' });
    expect(await dns.resolve('one.test', 'A')).toMatchObject({ records: found.records });
  });
  test.each([
    [2, 'servfail'],
    [5, 'refused'],
    [4, 'notimp'],
    [9, 'rcode 9'],
  ])('rcode %i from the only server → temperror, %s, at once', async (rcode, reason) => {
    const one = await server((query, send) => send(replyTo(query, {}, rcode)));
    expect(await stubOf([one], { timeoutMs: 60_000 }).resolve('one.test', 'A')).toEqual({
      status: 'temperror',
      reason,
    });
  });
  test('an error without the question is an answer too', async () => {
    const one = await server((query, send) => send(replyTo(query, { questions: [] }, 5)));
    expect(await stubOf([one], { timeoutMs: 60_000 }).resolve('one.test', 'A')).toEqual({
      status: 'temperror',
      reason: 'refused',
    });
  });
  test.each([2, 5])('rcode %i from the first, the second answers → found', async (rcode) => {
    const [bad, good] = [
      await server((query, send) => send(replyTo(query, {}, rcode))),
      await server((query, send) => send(right(query))),
    ];
    expect(await stubOf([bad, good]).resolve('one.test', 'A')).toMatchObject({ status: 'found' });
  });
  test('nobody listens at the first, the second answers → found', async () => {
    const good = await server((query, send) => send(right(query)));
    expect(
      await stubOf([await freePort(), good], { timeoutMs: 60_000, retryMs: 30_000 }).resolve('one.test', 'A'),
    ).toMatchObject({ status: 'found' });
  });
  test('nobody listens anywhere until the deadline → temperror', async () => {
    const dns = stubOf([await freePort(), `tcp://127.0.0.1:${await freePort()}`], { timeoutMs: 200 });
    expect(await dns.resolve('one.test', 'A')).toEqual({ status: 'temperror', reason: 'connection refused' });
  });
  test('the first is silent: the second is asked, and from then on first', async () => {
    const [dead, good] = [await server(), await server((query, send) => send(right(query)))];
    const dns = stubOf([dead, good], { retryMs: 50 });
    expect(await dns.resolve('one.test', 'A')).toMatchObject({ status: 'found' });
    for (let i = 0; i < 5; i++) await dns.resolve(`${i}.test`, 'A');
    expect(dead.asked.udp.length).toBe(1);
  });
  test('a server that does not know EDNS is asked without, and remembered', async () => {
    const one = await server((query, send) =>
      send(questionIn(query).edns ? replyTo(query, { questions: [] }, 1) : right(query)),
    );
    const dns = stubOf([one]);
    expect(await dns.resolve('one.test', 'A')).toMatchObject({ status: 'found' });
    expect(await dns.resolve('two.test', 'A')).toMatchObject({ status: 'found' });
    expect(one.asked.udp.map((query) => questionIn(query).edns)).toEqual([true, false, false]);
  });
  test('a referral, from a server that does not recurse → temperror', async () => {
    const one = await server((query, send) => {
      const reply = replyTo(query, { authorities: [{ type: 'NS', name: 'test', data: 'ns.test' }] });
      reply.writeUInt8(0, 3);
      send(reply);
    });
    expect(await stubOf([one]).resolve('one.test', 'A')).toEqual({ status: 'temperror', reason: 'referral' });
  });
});

describe('stub: names', () => {
  test('a dot inside a label is never taken for one between labels', async () => {
    const label = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);
    const data = Buffer.concat([label('mx.bank'), label('a\\b'), label('\x00\xff'), label('TEST'), Buffer.from([0])]);
    const one = await server((query, send) => {
      const reply = replyTo(query);
      reply.writeUInt16BE(1, 6);
      const head = Buffer.alloc(12);
      head.writeUInt16BE(0xc00c, 0);
      head.writeUInt16BE(12, 2);
      head.writeUInt16BE(1, 4);
      head.writeUInt16BE(data.length, 10);
      send(Buffer.concat([reply, head, data]));
    });
    const dns = stubOf([one]);
    const answer = await dns.resolve('1.2.0.192.in-addr.arpa', 'PTR');
    expect(answer).toMatchObject({ records: [{ type: 'PTR', name: 'mx\\.bank.a\\\\b.\\000\\255.test' }] });
    const before = one.asked.udp.length;
    expect(await dns.resolve('mx\\.bank.a\\\\b.\\000\\255.test', 'A')).toEqual({ status: 'nxdomain', ttl: 0 });
    expect(one.asked.udp.length).toBe(before);
  });

  test('an alias that leads out of the answer is followed', async () => {
    const one = await server((query, send) => {
      const { name } = questionIn(query);
      if (name === 'one.test') send(replyTo(query, { answers: [{ type: 'CNAME', name, data: 'two.test', ttl: 9 }] }));
      else send(replyTo(query, { answers: [A(name)] }));
    });
    expect(await stubOf([one]).resolve('one.test', 'A')).toMatchObject({ status: 'found', ttl: 9 });
  });
  test('aliases that lead on and on → temperror, after sixteen', async () => {
    const one = await server((query, send) => {
      const { name } = questionIn(query);
      send(replyTo(query, { answers: [{ type: 'CNAME', name, data: `x${name}`, ttl: 9 }] }));
    });
    expect(await stubOf([one]).resolve('one.test', 'A')).toEqual({ status: 'temperror', reason: 'too many aliases' });
    expect(one.asked.udp.length).toBe(17);
  });
  test('aliases in a circle within one answer → temperror', async () => {
    const one = await server((query, send) =>
      send(
        replyTo(query, {
          answers: [
            { type: 'CNAME', name: 'one.test', data: 'two.test', ttl: 9 },
            { type: 'CNAME', name: 'two.test', data: 'one.test', ttl: 9 },
          ],
        }),
      ),
    );
    expect(await stubOf([one]).resolve('one.test', 'A')).toEqual({ status: 'temperror', reason: 'too many aliases' });
  });
  test('records before their alias are found', async () => {
    const one = await server((query, send) =>
      send(replyTo(query, { answers: [A('two.test'), { type: 'CNAME', name: 'one.test', data: 'TWO.test', ttl: 9 }] })),
    );
    expect(await stubOf([one]).resolve('one.test', 'A')).toMatchObject({ status: 'found', ttl: 9 });
  });

  test('mixed case: an answer that keeps it is taken, one that does not is asked for by TCP', async () => {
    const lower = (query: Buffer): Buffer =>
      replyTo(query, {
        questions: [{ type: 'A', name: questionIn(query).name.toLowerCase() }],
        answers: [A(questionIn(query).name)],
      });
    const keeps = await server((query, send) => send(right(query)));
    const loses = await server(
      (query, send) => send(lower(query)),
      (query, send) => send(lower(query)),
    );
    const name = 'a-name-with-many-letters-in-it.test';
    expect(await stubOf([keeps], { mixedCase: true }).resolve(name, 'A')).toMatchObject({ status: 'found' });
    const sent = keeps.asked.udp.map((query) => questionIn(query).name);
    expect(sent[0]).not.toBe(name);
    expect(sent[0]?.toLowerCase()).toBe(name);
    expect(await stubOf([loses], { mixedCase: true }).resolve(name, 'A')).toMatchObject({ status: 'found' });
    expect(loses.asked.tcp.length).toBe(1);
  });
});

describe('stub: TTL', () => {
  const soa = (ttl: number, minimum: number) =>
    ({
      type: 'SOA',
      name: 'test',
      ttl,
      data: { mname: 'ns.test', rname: 'h.test', serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
    }) as const;
  test.each<[string, Parameters<typeof replyTo>[1], number, unknown]>([
    [
      'the lowest of the set counts',
      { answers: [A('one.test'), { ...A('one.test', '192.0.2.2'), ttl: 5 }] },
      0,
      { status: 'found', ttl: 5 },
    ],
    ['more than 2^31 is 0', { answers: [{ ...A('one.test'), ttl: 0x80000000 }] }, 0, { status: 'found', ttl: 0 }],
    ['nxdomain: the minimum of the SOA', { authorities: [soa(900, 60)] }, 3, { status: 'nxdomain', ttl: 60 }],
    [
      'nxdomain: the TTL of the SOA, where it is lower',
      { authorities: [soa(30, 60)] },
      3,
      { status: 'nxdomain', ttl: 30 },
    ],
    ['nodata', { authorities: [soa(900, 61)] }, 0, { status: 'nodata', ttl: 61 }],
    ['without an SOA nothing may be kept', {}, 3, { status: 'nxdomain', ttl: 0 }],
  ])('%s', async (_, parts, rcode, expected) => {
    const one = await server((query, send) => send(replyTo(query, parts, rcode)));
    expect(await stubOf([one]).resolve('one.test', 'A')).toMatchObject(expected as object);
  });
});

describe('stub: TCP', () => {
  const tcpOf = (one: RawServer, options: StubResolverOptions = {}): StubResolver =>
    stubOf([`tcp://127.0.0.1:${one.port}`], options);
  test('answers in another order find their questions', async () => {
    const waiting: (() => void)[] = [];
    const one = await server(undefined, (query, send) => {
      const { name } = questionIn(query);
      waiting.unshift(() => send(replyTo(query, { answers: [A(name, `192.0.2.${Number.parseInt(name, 10)}`)] })));
      if (waiting.length === 10) for (const answer of waiting) answer();
    });
    const dns = tcpOf(one);
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => dns.resolve(`${i}.test`, 'A')));
    expect(answers.map((answer) => answer.status === 'found' && answer.records[0]?.address)).toEqual(
      Array.from({ length: 10 }, (_, i) => `192.0.2.${i}`),
    );
  });
  test('a connection that the server has closed meanwhile is opened anew', async () => {
    const ports = new Set<number>();
    const one = await server(undefined, (query, send, { port, socket }) => {
      ports.add(port);
      send(right(query));
      socket?.end();
    });
    const dns = tcpOf(one);
    for (let i = 0; i < 3; i++) expect(await dns.resolve('one.test', 'A')).toMatchObject({ status: 'found' });
    expect(ports.size).toBe(3);
  });
  test('a server that closes instead of answering → temperror, not asked for ever', async () => {
    const one = await server(undefined, (_query, _send, { socket }) => void socket?.destroy());
    expect(await tcpOf(one, { timeoutMs: 60_000 }).resolve('one.test', 'A')).toEqual({
      status: 'temperror',
      reason: 'connection closed',
    });
  });
  test('an answer octet by octet is put together', async () => {
    const one = await server(undefined, (query, _send, { socket }) => {
      const reply = right(query);
      const framed = Buffer.concat([Buffer.from([0, reply.length]), reply]);
      const step = (i: number): void => {
        if (i < framed.length) socket?.write(framed.subarray(i, i + 1), () => setImmediate(step, i + 1));
      };
      step(0);
    });
    expect(await tcpOf(one).resolve('one.test', 'A')).toMatchObject({ status: 'found' });
  });
  test('a length that is never filled → temperror', async () => {
    const one = await server(
      undefined,
      (_query, _send, { socket }) => void socket?.write(Buffer.from([255, 255, 0, 0])),
    );
    expect(await tcpOf(one, { timeoutMs: 200 }).resolve('one.test', 'A')).toEqual({
      status: 'temperror',
      reason: 'timeout',
    });
  });
  test('noise → temperror', async () => {
    const one = await server(undefined, (_query, _send, { socket }) => void socket?.write(Buffer.alloc(4096)));
    expect(await tcpOf(one, { timeoutMs: 60_000 }).resolve('one.test', 'A')).toEqual({
      status: 'temperror',
      reason: 'connection closed',
    });
  });
});

describe('stub: bounds', () => {
  test('more questions than may be under way wait for their turn; more than may wait are refused', async () => {
    const waiting: (() => void)[] = [];
    let most = 0;
    const one = await server((query, send) => {
      waiting.push(() => send(right(query)));
      most = Math.max(most, waiting.length);
      setImmediate(() => waiting.splice(0).forEach((answer) => void answer()));
    });
    const dns = stubOf([one], { maxInFlight: 2, maxWaiting: 5 });
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => dns.resolve(`${i}.test`, 'A')));
    expect(answers.map((answer) => (answer.status === 'temperror' ? answer.reason : answer.status))).toEqual([
      ...Array(7).fill('found'),
      ...Array(3).fill('overloaded'),
    ]);
    expect(most).toBeLessThanOrEqual(2);
    expect(dns.stats).toEqual({ inFlight: 0, waiting: 0, asked: 10, temperrors: 3 });
  });
  test('a question that waits for its turn can be aborted, and the turn goes to the next', async () => {
    const one = await server((query, send) => void (questionIn(query).name === 'silent.test' || send(right(query))));
    const dns = stubOf([one], { maxInFlight: 1 });
    const [first, second] = [new AbortController(), new AbortController()];
    const answers = [
      dns.resolve('silent.test', 'A', { signal: first.signal }),
      dns.resolve('two.test', 'A', { signal: second.signal }),
      dns.resolve('three.test', 'A'),
    ];
    second.abort();
    first.abort();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(['temperror', 'temperror', 'found']);
    expect(dns.stats).toMatchObject({ inFlight: 0, waiting: 0 });
  });
  test('close: what is under way, waits or comes later is answered', async () => {
    const one = await server();
    const dns = stubOf([one], { maxInFlight: 1, timeoutMs: 60_000 });
    const answers = [dns.resolve('one.test', 'A'), dns.resolve('two.test', 'A'), dns.resolve('three.test', 'A')];
    dns.close();
    for (const answer of [...answers, dns.resolve('four.test', 'A')])
      expect(await answer).toEqual({ status: 'temperror', reason: 'closed' });
  });
  test('ports and ids vary', async () => {
    const ports = new Set<number>();
    const ids = new Set<number>();
    const one = await server((query, send, { port }) => {
      ports.add(port);
      ids.add(questionIn(query).id);
      send(right(query));
    });
    const dns = stubOf([one]);
    for (let round = 0; round < 10; round++)
      await Promise.all(Array.from({ length: 100 }, (_, i) => dns.resolve(`${i}.test`, 'A')));
    expect(ports.size).toBeGreaterThan(10);
    expect(ids.size).toBeGreaterThan(900);
  });
});
