import packet, { type Answer } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Message,
  nameBytes,
  readAnswer,
  readHead,
  readMessage,
  readName,
  typeNumbers,
  writeQuery,
  writeReply,
} from '../../../src/adapters/dns-wire/index.ts';
import type { DnsRecord, RecordType } from '../../../src/env/index.ts';
import { randomNumbers, seed, upTo } from '../../fuzz/generated.ts';

const bytesOf = (...parts: (number | string)[]): Uint8Array =>
  Uint8Array.from(
    parts.flatMap((part) => (typeof part === 'number' ? [part] : [part.length, ...Buffer.from(part, 'latin1')])),
  );

describe('names', () => {
  test.each<[string, Uint8Array, number, string | undefined]>([
    ['the root', bytesOf(0), 0, ''],
    ['labels, in lower case', bytesOf('Mail', 'EXAMPLE', 'org', 0), 0, 'mail.example.org'],
    ['a pointer back', bytesOf('org', 0, 'mail', 0xc0, 0), 5, 'mail.org'],
    ['a pointer to a pointer', bytesOf('org', 0, 'a', 0xc0, 0, 'b', 0xc0, 5), 9, 'b.a.org'],
    ['a label of 63 octets', bytesOf('x'.repeat(63), 0), 0, 'x'.repeat(63)],
    ['a dot inside a label', bytesOf('a.b', 'org', 0), 0, 'a\\.b.org'],
    ['a backslash inside a label', bytesOf('a\\b', 0), 0, 'a\\\\b'],
    ['octets outside ASCII', bytesOf('\x00\x7f\xff', 0), 0, '\\000\\127\\255'],
    ['a pointer at itself', bytesOf(0xc0, 0), 0, undefined],
    ['a pointer forward', bytesOf(0xc0, 2, 0), 0, undefined],
    ['a pointer into the name it ends', bytesOf('a', 0xc0, 0), 0, undefined],
    ['two pointers in a circle', bytesOf(0xc0, 2, 0xc0, 0), 2, undefined],
    ['a label of 64 octets', bytesOf(64, ...Array(64).fill(97), 0), 0, undefined],
    ['an extended label', bytesOf(0x41, 0, 0), 0, undefined],
    ['no end', bytesOf('org'), 0, undefined],
    ['half a pointer', bytesOf('org', 0xc0), 0, undefined],
    ['a label longer than the message', bytesOf(9, 97), 0, undefined],
    ['255 octets', bytesOf(...Array(127).fill('x'), 0), 0, Array(127).fill('x').join('.')],
    ['256 octets', bytesOf(...Array(126).fill('x'), 'xx', 0), 0, undefined],
    ['255 octets by a pointer', bytesOf(...Array(126).fill('x'), 0, 'x', 0xc0, 0), 253, Array(127).fill('x').join('.')],
    ['257 octets by a pointer', bytesOf(...Array(127).fill('x'), 0, 'x', 0xc0, 0), 255, undefined],
  ])('%s', (_, bytes, offset, text) => {
    expect(readName(bytes, offset)?.text).toBe(text);
  });

  test('every name that can be asked for is read as it was written', () => {
    const label = fc
      .string({
        unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
        minLength: 1,
        maxLength: 63,
      })
      .filter((text) => !/[.\\]/.test(text));
    fc.assert(
      fc.property(fc.array(label, { maxLength: 6 }), (labels) => {
        const text = labels.join('.');
        const bytes = nameBytes(text);
        if (text.length > 253) expect(bytes).toBeUndefined();
        else expect(readName(bytes as Uint8Array, 0)).toEqual({ text: text.toLowerCase(), end: bytes?.length });
      }),
    );
  });
  test('whatever the octets, a name that is read has labels of 63 and at most 255 octets, and no control characters', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), (bytes, offset) => {
        const name = readName(bytes, offset);
        if (name === undefined) return;
        const labels = name.text === '' ? [] : name.text.replace(/\\(\d{3}|.)/g, '?').split('.');
        expect(labels.every((one) => one.length >= 1 && one.length <= 63)).toBe(true);
        expect(labels.reduce((sum, one) => sum + one.length + 1, 1)).toBeLessThanOrEqual(255);
        expect(name.text).toMatch(/^[ -~]*$/);
        expect(name.text).not.toMatch(/[A-Z]/);
      }),
    );
  });
});

/** Records as the other codec and as ours write them. */
const hostName = fc
  .array(fc.stringMatching(/^[a-z0-9_-]{1,20}$/), { minLength: 1, maxLength: 5 })
  .map((labels) => labels.join('.'));
const word = fc.integer({ min: 0, max: 0xffff });
const octet = fc.integer({ min: 0, max: 255 });
const pair = <D>(type: RecordType, theirs: D, ours: object) => ({ type, theirs, ours: { type, ...ours } as DnsRecord });
const record = fc.oneof(
  fc.ipV4().map((address) => pair('A', address, { address })),
  fc.array(word, { minLength: 8, maxLength: 8 }).map((groups) => {
    const address = groups.map((group) => group.toString(16)).join(':');
    return pair('AAAA', address, { address: new URL(`http://[${address}]/`).hostname.slice(1, -1) });
  }),
  fc
    .tuple(word, hostName)
    .map(([preference, exchange]) => pair('MX', { preference, exchange }, { preference, exchange })),
  fc
    .array(fc.string({ unit: octet.map((code) => String.fromCharCode(code)), maxLength: 255 }), {
      minLength: 1,
      maxLength: 3,
    })
    .map((parts) =>
      pair(
        'TXT',
        parts.map((part) => Buffer.from(part, 'latin1')),
        { text: parts.join('') },
      ),
    ),
  fc.constantFrom('PTR' as const, 'NS' as const).chain((type) => hostName.map((name) => pair(type, name, { name }))),
  fc
    .tuple(word, word, word, hostName)
    .map(([priority, weight, port, target]) =>
      pair('SRV', { priority, weight, port, target }, { priority, weight, port, target }),
    ),
  fc
    .tuple(octet, octet, octet, fc.uint8Array({ maxLength: 64 }))
    .map(([usage, selector, matchingType, certificate]) =>
      pair(
        'TLSA',
        { usage, selector, matchingType, certificate: Buffer.from(certificate) },
        { usage, selector, matching: matchingType, data: Buffer.from(certificate).toString('hex') },
      ),
    ),
  fc
    .tuple(hostName, fc.integer({ min: 0, max: 0xffffffff }))
    .map(([primary, minimum]) =>
      pair(
        'SOA',
        { mname: primary, rname: 'h.test', serial: 1, refresh: 2, retry: 3, expire: 4, minimum },
        { primary, minimum },
      ),
    ),
);

describe('messages, against another codec', () => {
  test('what dns-packet writes is read as it was meant', () => {
    fc.assert(
      fc.property(
        hostName,
        fc.array(fc.tuple(record, fc.integer({ min: 0, max: 0x7fffffff })), { maxLength: 6 }),
        (name, list) => {
          const answers = list.map(
            ([{ type, theirs }, ttl]) => ({ type, name, ttl, data: theirs }) as unknown as Answer,
          );
          const message = readMessage(
            packet.encode({ id: 7, type: 'response', questions: [{ type: 'A', name }], answers }),
          );
          expect(message?.head.id).toBe(7);
          // An AAAA record that happens to be mapped is written in another form by URL.
          expect(message?.answers.map(({ owner, ttl, record: read }) => ({ owner, ttl, read }))).toEqual(
            list.map(([{ ours }, ttl]) => ({ owner: name, ttl, read: ours })),
          );
        },
      ),
    );
  });
  test('what we ask, dns-packet reads', () => {
    fc.assert(
      fc.property(
        hostName,
        fc.constantFrom(...(Object.keys(typeNumbers) as RecordType[])),
        word,
        fc.boolean(),
        fc.boolean(),
        (name, type, id, pad, plain) => {
          const query = writeQuery(name, type, { id, pad, plain });
          const read = packet.decode(Buffer.from(query?.bytes ?? []));
          expect(read).toMatchObject({
            id,
            type: 'query',
            flag_rd: true,
            flag_ad: true,
            questions: [{ name, type, class: 'IN' }],
          });
          expect(read.additionals).toMatchObject(plain ? [] : [{ type: 'OPT', udpPayloadSize: 1232, flag_do: false }]);
          if (pad && !plain) expect((query?.bytes.length ?? 1) % 128).toBe(0);
        },
      ),
    );
  });
  test('what our server writes, dns-packet and we read', () => {
    fc.assert(
      fc.property(hostName, fc.array(record, { maxLength: 6 }), (name, list) => {
        const question = readMessage(writeQuery(name, 'A', { id: 9 })?.bytes ?? new Uint8Array());
        if (question === undefined) throw new Error('our own question cannot be read');
        const bytes = writeReply(
          question,
          { rcode: 0, answers: list.map(({ ours }) => ({ owner: name, ttl: 5, record: ours })) },
          65_535,
        );
        expect(readMessage(bytes)?.answers).toEqual(list.map(({ ours }) => ({ owner: name, ttl: 5, record: ours })));
        const theirs = packet.decode(Buffer.from(bytes));
        expect(theirs.answers?.map(({ type }) => type)).toEqual(list.map(({ type }) => type));
      }),
    );
  });
  test('a reply longer than the asker takes is cut to its head, and says so', () => {
    const question = readMessage(writeQuery('one.test', 'TXT', { id: 9 })?.bytes ?? new Uint8Array());
    if (question === undefined) throw new Error('our own question cannot be read');
    const bytes = writeReply(
      question,
      { rcode: 0, answers: [{ owner: 'one.test', ttl: 1, record: { type: 'TXT', text: 'x'.repeat(2_000) } }] },
      1_232,
    );
    expect(bytes.length).toBeLessThan(100);
    expect(readHead(bytes)).toMatchObject({ truncated: true, counts: [1, 0, 0, 1] });
  });
});

describe('mutated packets', () => {
  const runs = Number(process.env.POSTERN_FUZZ_RUNS ?? 20_000);
  const seeds: readonly Buffer[] = [
    { answers: [{ type: 'A', name: 'one.test', ttl: 60, data: '192.0.2.1' }] },
    {
      answers: [
        { type: 'CNAME', name: 'one.test', ttl: 60, data: 'two.one.test' },
        { type: 'MX', name: 'two.one.test', ttl: 60, data: { preference: 1, exchange: 'mx.two.one.test' } },
        { type: 'TXT', name: 'two.one.test', ttl: 60, data: ['v=spf1 include:two.one.test -all', 'more'] },
      ],
      additionals: [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: 1232,
          extendedRcode: 0,
          ednsVersion: 0,
          flags: 0,
          flag_do: false,
          options: [],
        } as unknown as Answer,
      ],
    },
    {
      answers: [{ type: 'A', name: 'one.test', ttl: 60, data: '192.0.2.1' }],
      additionals: [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: 1232,
          flags: 0,
          options: [
            { code: 12, data: Buffer.alloc(5) },
            { code: 11, data: Buffer.of(4, 176) },
          ],
        } as unknown as Answer,
      ],
    },
    {
      authorities: [
        {
          type: 'SOA',
          name: 'test',
          ttl: 9,
          data: { mname: 'ns.test', rname: 'h.test', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 5 },
        },
      ],
    },
    {
      answers: [
        { type: 'SRV', name: 'one.test', ttl: 1, data: { priority: 1, weight: 1, port: 25, target: 'mx.one.test' } },
        { type: 'AAAA', name: 'one.test', ttl: 1, data: '2001:db8::1' },
        { type: 'PTR', name: 'one.test', ttl: 1, data: 'mx.one.test' },
        {
          type: 'TLSA',
          name: 'one.test',
          ttl: 1,
          data: { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.alloc(32, 7) },
        } as unknown as Answer,
      ],
    },
  ].map((parts) =>
    packet.encode({ id: 1, type: 'response', questions: [{ type: 'A', name: 'one.test' }], ...(parts as object) }),
  );
  // dns-packet writes names without compression; this is a reply with pointers, as servers write them:
  // one.test CNAME two.one.test, and the A record of that.
  const pointed = Buffer.concat([
    (seeds[0] as Buffer).subarray(0, 12 + 10 + 4),
    Buffer.from('c00c000500010000003c000603747776c00cc026000100010000003c0004c0000201', 'hex'),
  ]);
  pointed.writeUInt16BE(2, 6);

  test(`${runs} mutations (with seed=${seed}): no exception, no hang, and no record that was not whole`, {
    timeout: 0,
  }, () => {
    const random = randomNumbers();
    const all = [...seeds, pointed];
    expect(readAnswer(readMessage(pointed) as Message, 'one.test', 'A', true)).toMatchObject({
      records: [{ type: 'A', address: '192.0.2.1' }],
    });
    let made = 0;
    let read = 0;
    for (const _ of upTo(runs)) {
      made++;
      let bytes = Buffer.from(all[random(all.length)] as Buffer);
      for (let i = random(6) + 1; i > 0; i--) {
        const at = random(bytes.length);
        switch (random(6)) {
          case 0:
            bytes[at] = random(256);
            break;
          case 1:
            bytes[at] = (bytes[at] as number) ^ (1 << random(8));
            break;
          case 2:
            bytes.writeUInt16BE(0xc000 | random(bytes.length), Math.min(at, bytes.length - 2));
            break;
          case 3:
            bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(random(bytes.length))]);
            break;
          case 4:
            bytes = bytes.subarray(0, Math.max(2, at));
            break;
          default:
            bytes[at] = [0, 1, 0x3f, 0x40, 0x80, 0xbf, 0xc0, 0xff][random(8)] as number;
        }
        if (bytes.length > 2_000 || bytes.length < 2) break;
      }
      const message = readMessage(bytes);
      if (message === undefined) continue;
      read++;
      const { keepAliveMs = 0 } = message;
      if (!(Number.isInteger(keepAliveMs) && keepAliveMs >= 0 && keepAliveMs <= 6_553_500))
        throw new Error(`keep-alive of ${keepAliveMs}: ${bytes.toString('hex')}`);
      const answer = readAnswer(message, 'one.test', 'A', true);
      if (
        answer.status === 'found' &&
        !answer.records.every(({ type, address }) => type === 'A' && /^\d+\.\d+\.\d+\.\d+$/.test(address))
      )
        throw new Error(`not A records: ${bytes.toString('hex')}`);
      for (const { record: one } of message.answers)
        if ((Object.values(one) as unknown[]).includes(undefined))
          throw new Error(`not whole: ${bytes.toString('hex')}`);
    }
    // Mutations that nothing survives would test nothing.
    expect(read).toBeGreaterThan(made / 20);
  });

  test('the keep-alive option is read (RFC 7828)', () => {
    expect(seeds.map((bytes) => readMessage(bytes)?.keepAliveMs)).toEqual([
      undefined,
      undefined,
      120_000,
      undefined,
      undefined,
    ]);
  });

  test('a message of 64 KB made of pointers is read in time that grows with it', () => {
    // Each record's owner is a pointer to a name of 127 labels; 5,000 records of this kind fit.
    const name = Buffer.from(bytesOf(...Array(126).fill('x'), 0));
    const head = Buffer.from([0, 1, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0]);
    const one = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4]);
    const count = Math.floor((65_535 - 12 - name.length - 4) / one.length);
    head.writeUInt16BE(count, 6);
    const bytes = Buffer.concat([head, name, Buffer.from([0, 1, 0, 1]), ...Array(count).fill(one)]);
    expect(readMessage(bytes)?.answers.length).toBe(count);
  });
});
