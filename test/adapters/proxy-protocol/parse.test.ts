import fc from 'fast-check';
import { parseIp } from 'postern/net';
import { describe, expect, test } from 'vitest';
import { parseProxyHeader, proxyHeader, TrustedProxies } from '../../../src/adapters/proxy-protocol/index.ts';

const numRuns = Number(process.env.POSTERN_FUZZ_RUNS ?? 300);
const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';
/** A header of version 2. */
const v2 = (
  command: number,
  family: number,
  body: Buffer | string,
  length = Buffer.from(body as string, 'latin1').length,
) =>
  Buffer.concat([
    Buffer.from(SIGNATURE, 'latin1'),
    Buffer.from([command, family, length >> 8, length & 255]),
    typeof body === 'string' ? Buffer.from(body, 'latin1') : body,
  ]);
const v1 = (line: string): Buffer => Buffer.from(line, 'latin1');
/** 192.0.2.7:4000 to 192.0.2.1:25. */
const TCP4 = '\xc0\0\x02\x07\xc0\0\x02\x01\x0f\xa0\0\x19';
/** [2001:db8::7]:4000 to [2001:db8::1]:25. */
const TCP6 = `\x20\x01\x0d\xb8${'\0'.repeat(11)}\x07\x20\x01\x0d\xb8${'\0'.repeat(11)}\x01\x0f\xa0\0\x19`;
const mapped = `${'\0'.repeat(10)}\xff\xff\x7f\0\0\x01${'\0'.repeat(15)}\x01\x0f\xa0\0\x19`;

describe('a header', () => {
  test.each<[string, Buffer, string | undefined]>([
    ['1, IPv4', v1('PROXY TCP4 192.0.2.7 192.0.2.1 4000 25\r\n'), '192.0.2.7 4000'],
    ['1, IPv6', v1('PROXY TCP6 2001:db8::7 2001:db8::1 4000 25\r\n'), '2001:db8::7 4000'],
    ['1, IPv6 in capitals', v1('PROXY TCP6 2001:DB8:0:0:0:0:0:7 2001:db8::1 4000 25\r\n'), '2001:db8::7 4000'],
    ['1, a mapped address', v1('PROXY TCP6 ::ffff:127.0.0.1 ::1 4000 25\r\n'), '127.0.0.1 4000'],
    ['1, unknown', v1('PROXY UNKNOWN\r\n'), undefined],
    ['1, unknown with words', v1('PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n'), undefined],
    ['1, unknown of 107 bytes', v1(`PROXY UNKNOWN ${'x'.repeat(91)}\r\n`), undefined],
    ['2, IPv4', v2(0x21, 0x11, TCP4), '192.0.2.7 4000'],
    ['2, IPv6', v2(0x21, 0x21, TCP6), '2001:db8::7 4000'],
    ['2, a mapped address', v2(0x21, 0x21, mapped), '127.0.0.1 4000'],
    ['2, type-length-values', v2(0x21, 0x11, `${TCP4}\xea\0\x05\x01abcd\x04\0\x02xx`), '192.0.2.7 4000'],
    ['2, type-length-values that are garbage', v2(0x21, 0x11, `${TCP4}\xff\xff`), '192.0.2.7 4000'],
    ['2, LOCAL', v2(0x20, 0x00, ''), undefined],
    ['2, LOCAL with addresses', v2(0x20, 0x11, TCP4), undefined],
    ['2, LOCAL of a family that is none', v2(0x20, 0xff, 'abc'), undefined],
    ['2, UNSPEC', v2(0x21, 0x00, ''), undefined],
    ['2, UNSPEC with bytes', v2(0x21, 0x00, TCP4), undefined],
    ['2, UDP', v2(0x21, 0x12, TCP4), undefined],
    ['2, UDP over IPv6', v2(0x21, 0x22, TCP6), undefined],
    ['2, a Unix socket', v2(0x21, 0x31, '\0'.repeat(216)), undefined],
    ['2, a Unix datagram socket', v2(0x21, 0x32, '\0'.repeat(216)), undefined],
    ['2, as long as it may be', v2(0x21, 0x11, TCP4 + 'x'.repeat(4_068)), '192.0.2.7 4000'],
  ])('version %s → %3$s, byte by byte too', (_, bytes, client) => {
    const behind = Buffer.concat([bytes, Buffer.from('EHLO x\r\n')]);
    for (const whole of [bytes, behind]) {
      const header = parseProxyHeader(whole);
      expect(header).toMatchObject({ state: 'complete', length: bytes.length });
      if (header.state !== 'complete') continue;
      expect(header.client === undefined ? undefined : `${header.client.ip} ${header.client.port}`).toBe(client);
    }
    for (let length = 0; length < bytes.length; length++)
      expect(parseProxyHeader(bytes.subarray(0, length)), `${length} bytes`).toEqual({ state: 'incomplete' });
  });

  test.each<[string, Buffer]>([
    ['another protocol', v1('EHLO mx.example.org\r\n')],
    ['TLS', Buffer.from([0x16, 3, 1, 0, 200])],
    ['an empty line', v1('\r\n\r\nPROXY')],
    ['lower case', v1('proxy TCP4 192.0.2.7 192.0.2.1 4000 25\r\n')],
    ['no family', v1('PROXY 192.0.2.7 192.0.2.1 4000 25\r\n')],
    ['an unknown family', v1('PROXY TCP5 192.0.2.7 192.0.2.1 4000 25\r\n')],
    ['UDP', v1('PROXY UDP4 192.0.2.7 192.0.2.1 4000 25\r\n')],
    ['a bare line feed', v1('PROXY TCP4 192.0.2.7 192.0.2.1 4000 25\n')],
    ['an unknown client and a bare line feed', v1('PROXY UNKNOWN\n')],
    ['unknown and no space', v1('PROXY UNKNOWNX\r\n')],
    ['two spaces', v1('PROXY TCP4  192.0.2.7 192.0.2.1 4000 25\r\n')],
    ['a tab', v1('PROXY\tTCP4 192.0.2.7 192.0.2.1 4000 25\r\n')],
    ['a space at the end', v1('PROXY TCP4 192.0.2.7 192.0.2.1 4000 25 \r\n')],
    ['too few words', v1('PROXY TCP4 192.0.2.7\r\n')],
    ['only the family', v1('PROXY TCP4\r\n')],
    ['IPv6 as IPv4', v1('PROXY TCP4 2001:db8::7 192.0.2.1 4000 25\r\n')],
    ['a mapped address as IPv4', v1('PROXY TCP4 ::ffff:192.0.2.7 192.0.2.1 4000 25\r\n')],
    ['IPv4 as IPv6', v1('PROXY TCP6 192.0.2.7 ::1 4000 25\r\n')],
    ['a leading zero', v1('PROXY TCP4 192.0.2.07 192.0.2.1 4000 25\r\n')],
    ['a short address', v1('PROXY TCP4 127.1 192.0.2.1 4000 25\r\n')],
    ['an address that is none', v1('PROXY TCP4 192.0.2.300 192.0.2.1 4000 25\r\n')],
    ['a destination that is none', v1('PROXY TCP4 192.0.2.7 192.0.2 4000 25\r\n')],
    ['a zone', v1('PROXY TCP6 fe80::1%lo ::1 4000 25\r\n')],
    ['a name', v1('PROXY TCP4 localhost 192.0.2.1 4000 25\r\n')],
    ['a port of 65536', v1('PROXY TCP4 192.0.2.7 192.0.2.1 65536 25\r\n')],
    ['a destination port of 65536', v1('PROXY TCP4 192.0.2.7 192.0.2.1 25 65536\r\n')],
    ['a negative port', v1('PROXY TCP4 192.0.2.7 192.0.2.1 -1 25\r\n')],
    ['a port with a zero before it', v1('PROXY TCP4 192.0.2.7 192.0.2.1 04000 25\r\n')],
    ['108 bytes', v1(`PROXY UNKNOWN ${'x'.repeat(92)}\r\n`)],
    ['a line without an end', v1(`PROXY UNKNOWN ${'x'.repeat(200)}`)],
    ['a NUL', v1('PROXY UNKNOWN \0\r\n')],
    ['version 1 behind the signature of version 2', v2(0x11, 0x11, TCP4)],
    ['version 3', v2(0x31, 0x11, TCP4)],
    ['a command that is not assigned', v2(0x22, 0x11, TCP4)],
    ['the last command', v2(0x2f, 0x11, TCP4)],
    ['a family that is not assigned', v2(0x21, 0x41, TCP4)],
    ['TCP of no family', v2(0x21, 0x01, TCP4)],
    ['a family without a protocol', v2(0x21, 0x10, TCP4)],
    ['IPv4 too short', v2(0x21, 0x11, TCP4.slice(1))],
    ['IPv6 too short', v2(0x21, 0x21, TCP6.slice(1))],
    ['IPv6 with the addresses of IPv4', v2(0x21, 0x21, TCP4)],
    ['a Unix socket too short', v2(0x21, 0x31, '\0'.repeat(215))],
    ['no addresses at all', v2(0x21, 0x11, '')],
    ['too long', v2(0x21, 0x11, '', 4_081)],
    ['as long as a number can say', v2(0x20, 0x00, '', 65_535)],
  ])('%s → malformed', (_, bytes) => expect(parseProxyHeader(bytes).state).toBe('malformed'));

  const address = (length: 4 | 16) => fc.uint8Array({ minLength: length, maxLength: length });
  const text = (bytes: Uint8Array): string =>
    bytes.length === 4
      ? bytes.join('.')
      : Buffer.from(bytes)
          .toString('hex')
          .replace(/(....)(?=.)/g, '$1:');
  const ends = fc
    .constantFrom(4 as const, 16 as const)
    .chain((length) => fc.tuple(address(length), address(length), fc.nat(65_535), fc.nat(65_535)));
  test('what the gate writes is read', () => {
    fc.assert(
      fc.property(ends, fc.constantFrom(1 as const, 2 as const), ([from, to, port, at], version) => {
        const client = { ip: parseIp(text(from))!, port };
        const server = { ip: parseIp(text(to))!, port: at };
        fc.pre(client.ip.includes(':') === server.ip.includes(':'));
        const bytes = proxyHeader(version, { client, server });
        expect(parseProxyHeader(bytes)).toEqual({ state: 'complete', length: bytes.length, client });
      }),
      { numRuns },
    );
  });
  test('whatever bytes come: no exception, no length beyond them, and more bytes change no decision', () => {
    const start = fc.constantFrom(Buffer.alloc(0), v1('PROXY '), v1('PROXY TCP4 '), Buffer.from(SIGNATURE, 'latin1'));
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 40 }), (head, tail, more) => {
        const bytes = Buffer.concat([head, tail]);
        const header = parseProxyHeader(bytes);
        if (header.state === 'complete') expect(header.length).toBeLessThanOrEqual(bytes.length);
        if (header.state !== 'incomplete')
          expect(parseProxyHeader(Buffer.concat([bytes, more])).state).toBe(header.state);
      }),
      { numRuns },
    );
  });
});

describe('the proxies that are trusted', () => {
  test.each<[unknown]>([
    [true],
    ['192.0.2.1'],
    [undefined],
    [null],
    [[]],
    [['*']],
    [['proxy.example']],
    [[7]],
    [['192.0.2.1/24']],
  ])('%j → TypeError that says what is wanted', (entries) =>
    expect(() => new TrustedProxies('maker: useProxy', entries)).toThrow(
      /^maker: useProxy must be a list of the trusted proxies' addresses or prefixes/,
    ),
  );
  test.each([['0.0.0.0/0'], ['::/0']])('%s → TypeError: everybody would be believed', (entry) =>
    expect(() => new TrustedProxies('maker: useProxy', [entry])).toThrow(/every client could name any address/),
  );
  test.each([
    ['192.0.2.10', true],
    ['::ffff:192.0.2.10', true],
    ['192.0.2.11', false],
    ['10.1.2.3', true],
    ['10.2.0.0', false],
    ['2001:db8::1', true],
    ['unix', false],
    [undefined, false],
    ['nonsense', false],
  ])('%s: %j', (address, trusted) =>
    expect(new TrustedProxies('x', ['192.0.2.10', '10.1.0.0/16', '2001:db8::/64']).has(address)).toBe(trusted),
  );
  test('a socket in the file system is named by itself', () => {
    expect(new TrustedProxies('x', ['unix']).has('unix')).toBe(true);
    expect(new TrustedProxies('x', ['unix']).has('127.0.0.1')).toBe(false);
  });
});
