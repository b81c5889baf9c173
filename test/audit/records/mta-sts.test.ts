import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { type ZoneData, zone } from 'postern/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuditContext } from '../../../src/audit/context.ts';
import type { AuditOptions } from '../../../src/audit/options.ts';
import { type Fetched, responseReader } from '../../../src/audit/records/https.ts';
import { auditMtaSts, mtaStsAllows, mtaStsFindings, readMtaStsPolicy } from '../../../src/audit/records/index.ts';
import { contextWith } from '../context.ts';
import { authority, issue } from '../tls/certificates.ts';
import { tcpServer } from '../tls/tls-server.ts';

const numRuns = Number(process.env.POSTERN_FUZZ_RUNS ?? 200);

const trusted = authority();
const own = issue({ names: ['mta-sts.example.org'], by: trusted });
const wildcard = issue({ names: ['*.example.org'], by: trusted });
const otherName = issue({ names: ['www.example.org'], by: trusted });
const inCommonName = issue({ commonName: 'mta-sts.example.org', by: trusted });
const expired = issue({ names: ['mta-sts.example.org'], by: trusted, from: -20, to: -2 });
const early = issue({ names: ['mta-sts.example.org'], by: trusted, from: 2 });
const selfSigned = issue({ names: ['mta-sts.example.org'] });

const good = 'version: STSv1\r\nmode: enforce\r\nmx: mx.example.org\r\nmx: *.backup.example.net\r\nmax_age: 604800\r\n';
const record: ZoneData = { '_mta-sts.example.org': { TXT: ['v=STSv1; id=20240101;'] } };
const host: ZoneData = { 'mta-sts.example.org': { A: ['127.0.0.1'] } };
const both: ZoneData = { ...record, ...host };

/** Behaviour of the server. Text is sent verbatim. */
let serve: string | ((socket: TLSSocket) => void) = '';
let certificate = own;
let server: Server;
let port = 0;

beforeAll(async () => {
  server = createServer({
    key: own.key,
    cert: own.cert,
    SNICallback: (_, done) => {
      void import('node:tls').then(({ createSecureContext }) =>
        done(null, createSecureContext({ key: certificate.key, cert: certificate.cert })),
      );
    },
  });
  // The tests need invalid HTTP too, so responses are written to the socket directly.
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => undefined).resume();
    if (typeof serve === 'string') socket.once('data', () => socket.end(serve as string, 'latin1'));
    else serve(socket);
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => new Promise<void>((resolve) => void server.close(() => resolve())));

const http = (body: string, head: string = 'Content-Type: text/plain', status: string = '200 OK'): string =>
  `HTTP/1.1 ${status}\r\n${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const chunked = `HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n${(good.match(/[\s\S]{1,7}/g) ?? []).map((part) => `${part.length.toString(16)};x=y\r\n${part}\r\n`).join('')}0\r\n\r\n`;

async function look(
  data: ZoneData,
  options: AuditOptions = {},
  changed: Partial<AuditContext> = {},
): Promise<{ readonly said: readonly string[]; readonly audit: Awaited<ReturnType<typeof auditMtaSts>>['audit'] }> {
  const context = contextWith(
    {
      publicNetworks: ['127.0.0.0/8'],
      authorities: [trusted.cert],
      httpsPort: port,
      timeoutMs: 1_000,
      ...options,
    },
    { dns: zone(data), ...changed },
  );
  const { audit, findings } = await auditMtaSts('example.org', context);
  for (const { what, evidence } of findings)
    for (const line of [what, ...evidence]) expect(line).toMatch(/^[\x20-\x7e…→]*$/);
  return {
    said: findings.map(
      ({ id, severity, kind, probe }) => `${id} ${severity}${kind === 'problem' ? '' : `? of ${probe}`}`,
    ),
    audit,
  };
}

describe('the record', () => {
  const at = (...texts: readonly (string | readonly string[])[]): ZoneData => ({
    ...host,
    '_mta-sts.example.org': { TXT: texts },
  });
  test.each<readonly [string, ZoneData, readonly string[], string]>([
    ['mta-sts/in order → nothing', record, [], 'found'],
    ['mta-sts/no space, no semicolon at the end → nothing', at('v=STSv1;id=a1'), [], 'found'],
    ['mta-sts/cut, with other texts → nothing', at('hello', ['v=STS', 'v1; id=1; ext=x']), [], 'found'],
    [
      'mta-sts/through an alias → nothing',
      { '_mta-sts.example.org': { CNAME: 's.example' }, 's.example': { TXT: ['v=STSv1; id=1'] } },
      [],
      'found',
    ],
    ['mta-sts/nothing → missing', {}, ['mta-sts-missing info'], 'missing'],
    [
      'mta-sts/a wildcard that answers with SPF → missing',
      { '*.example.org': { TXT: ['v=spf1 -all'] } },
      ['mta-sts-missing info'],
      'missing',
    ],
    ['mta-sts/two records → wrong', at('v=STSv1; id=1', 'v=STSv1; id=2'), ['mta-sts-record medium'], 'invalid'],
    ['mta-sts/no id → wrong', at('v=STSv1;'), ['mta-sts-record medium'], 'invalid'],
    ['mta-sts/an id with a hyphen → wrong', at('v=STSv1; id=2024-01-01'), ['mta-sts-record medium'], 'invalid'],
    ['mta-sts/an id of 33 letters → wrong', at(`v=STSv1; id=${'a'.repeat(33)}`), ['mta-sts-record medium'], 'invalid'],
    ['mta-sts/the version in small letters → wrong', at('v=stsv1; id=1'), ['mta-sts-record medium'], 'invalid'],
    [
      'mta-sts/SERVFAIL → could not check',
      { '_mta-sts.example.org': 'temperror' },
      ['lookup-failed medium? of mta-sts'],
      'could-not-check',
    ],
  ])('%s', async (_, data, said, state) => {
    const refuse = (): Promise<never> => Promise.reject(new Error('nobody is to be connected to'));
    const seen = await look(data, { dnsOnly: true }, { connect: refuse });
    expect(seen.said).toEqual(said);
    expect(seen.audit.state).toBe(state);
    expect(seen.audit.policy).toBeUndefined();
  });
});

describe('the policy', () => {
  const policy = { mode: 'enforce', mx: ['mx.example.org', '*.backup.example.net'], maxAge: 604_800 };
  test.each<readonly [string, string, readonly string[], unknown]>([
    ['mta-sts/correct → nothing', http(good), [], policy],
    ['mta-sts/in chunks → nothing', chunked, [], policy],
    [
      'mta-sts/until the connection ends, HTTP/1.0 → nothing',
      `HTTP/1.0 200 OK\r\ncontent-TYPE:text/plain\r\n\r\n${good}`,
      [],
      policy,
    ],
    ['mta-sts/after a 103 → nothing', `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${http(good)}`, [], policy],
    ['mta-sts/lines that end in LF → nothing', http(good.replaceAll('\r', '')), [], policy],
    [
      'mta-sts/as HTML → reported, and parsed',
      http(good, 'Content-Type: text/html'),
      ['mta-sts-policy medium'],
      policy,
    ],
    ['mta-sts/no type → reported, and parsed', http(good, 'X: y'), ['mta-sts-policy medium'], policy],
    [
      'mta-sts/an invalid line → reported, and parsed',
      http(`${good}mx: mx.example.org.\r\nhello\r\n`),
      ['mta-sts-policy medium'],
      policy,
    ],
    [
      'mta-sts/a redirect → cannot be read',
      http('', 'Location: https://example.net/', '301 Moved'),
      ['mta-sts-policy high'],
      undefined,
    ],
    ['mta-sts/404 → cannot be read', http('no', 'X: y', '404 Not Found'), ['mta-sts-policy high'], undefined],
    ['mta-sts/503 → cannot be read', http('no', 'X: y', '503 Later'), ['mta-sts-policy high'], undefined],
    ['mta-sts/204 → cannot be read', http('', 'X: y', '204 No Content'), ['mta-sts-policy high'], undefined],
    [
      'mta-sts/HTML with 200 → cannot be read',
      http('<!doctype html><title>Hello: you</title>'),
      ['mta-sts-policy high'],
      undefined,
    ],
    ['mta-sts/empty → cannot be read', http(''), ['mta-sts-policy high'], undefined],
    [
      'mta-sts/compressed unasked → cannot be read',
      http(good, 'Content-Type: text/plain\r\nContent-Encoding: gzip'),
      ['mta-sts-policy high'],
      undefined,
    ],
    [
      'mta-sts/longer than 64 KiB by its length → cannot be read',
      `HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n${good}`,
      ['mta-sts-policy high'],
      undefined,
    ],
    [
      'mta-sts/longer than 64 KiB without a length → cannot be read',
      `HTTP/1.1 200 OK\r\n\r\n${good.repeat(2_000)}`,
      ['mta-sts-policy high'],
      undefined,
    ],
    [
      'mta-sts/longer than 64 KiB in chunks → cannot be read',
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n${good.repeat(2_000)}`,
      ['mta-sts-policy high'],
      undefined,
    ],
    [
      'mta-sts/a header without end → cannot be read',
      `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(50_000)}`,
      ['mta-sts-policy high'],
      undefined,
    ],
    [
      'mta-sts/shorter than its Content-Length → cannot be read',
      `HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n${good}`,
      ['mta-sts-policy high'],
      undefined,
    ],
    [
      'mta-sts/two lengths → cannot be read',
      `HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n${good}`,
      ['mta-sts-policy high'],
      undefined,
    ],
    [
      'mta-sts/a length and chunks → cannot be read',
      chunked.replace('\r\n\r\n', '\r\nContent-Length: 5\r\n\r\n'),
      ['mta-sts-policy high'],
      undefined,
    ],
    [
      'mta-sts/invalid chunks → cannot be read',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello',
      ['mta-sts-policy high'],
      undefined,
    ],
    ['mta-sts/another protocol → cannot be read', '220 mail.example.org ESMTP\r\n', ['mta-sts-policy high'], undefined],
    [
      'mta-sts/all byte values → cannot be read',
      Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join(''),
      ['mta-sts-policy high'],
      undefined,
    ],
    ['mta-sts/closed without data → cannot be read', '', ['mta-sts-policy high'], undefined],
  ])('%s', async (_, answer, said, expected) => {
    certificate = own;
    serve = answer;
    const seen = await look(both);
    expect(seen.said).toEqual(said);
    expect(seen.audit).toMatchObject({ state: 'found' });
    expect(seen.audit.policy).toEqual(expected);
  });

  test.each([
    ['its own', own, []],
    ['a wildcard', wildcard, []],
    ['another name', otherName, ['mta-sts-policy high']],
    ['the name only in the common name', inCommonName, ['mta-sts-policy high']],
    ['expired', expired, ['mta-sts-policy high']],
    ['not valid yet', early, ['mta-sts-policy high']],
    ['self-signed', selfSigned, ['mta-sts-policy high']],
  ] as const)('mta-sts/the certificate: %s → is judged', async (_, shown, said) => {
    certificate = shown;
    serve = http(good);
    const seen = await look(both);
    certificate = own;
    expect(seen.said).toEqual(said);
    expect(seen.audit.policy === undefined).toBe(said.length > 0);
  });
  test('mta-sts/unknown authority → cannot be read', async () => {
    serve = http(good);
    expect((await look(both, { authorities: [] })).said).toEqual(['mta-sts-policy high']);
  });

  test('mta-sts/the request → valid HTTP/1.1 with the host name', async () => {
    let request = '';
    let name: string | false | null = '';
    serve = (socket) =>
      socket.once('data', (octets: Buffer) => {
        request = octets.toString();
        name = socket.servername;
        socket.end(http(good));
      });
    await look(both);
    expect(name).toBe('mta-sts.example.org');
    expect(request).toMatch(/^GET \/\.well-known\/mta-sts\.txt HTTP\/1\.1\r\nHost: mta-sts\.example\.org:\d+\r\n/);
    expect(request).toMatch(/\r\n\r\n$/);
  });
  test('mta-sts/served by node:https, in one piece and in several → parsed', async () => {
    const real = createServer({ key: own.key, cert: own.cert }, (request, response) => {
      expect(request.url).toBe('/.well-known/mta-sts.txt');
      response.setHeader('Content-Type', 'text/plain');
      for (const line of good.match(/.*\r\n/g) ?? []) response.write(line);
      response.end();
    });
    await new Promise<void>((resolve) => real.listen(0, '127.0.0.1', resolve));
    const seen = await look(both, { httpsPort: (real.address() as AddressInfo).port });
    await new Promise<void>((resolve) => void real.close(() => resolve()));
    expect(seen).toMatchObject({ said: [], audit: { policy: { mode: 'enforce' } } });
  });
  test('mta-sts/silent after the handshake → times out, medium', async () => {
    serve = () => undefined;
    expect((await look(both, { timeoutMs: 200 })).said).toEqual(['mta-sts-policy medium']);
  });
  test('mta-sts/a byte now and then → times out, medium', async () => {
    serve = (socket) => {
      let at = 0;
      const timer = setInterval(() => socket.write(http(good).charAt(at++)), 20);
      socket.on('close', () => clearInterval(timer));
    };
    expect((await look(both, { timeoutMs: 300 })).said).toEqual(['mta-sts-policy medium']);
  });
  test('mta-sts/an endless response → cut off', async () => {
    serve = (socket) => {
      const more = (): void => void (socket.destroyed || socket.write('x'.repeat(65_536), more));
      socket.write('HTTP/1.1 200 OK\r\n\r\n', more);
    };
    expect((await look(both)).said).toEqual(['mta-sts-policy high']);
  });
  test('mta-sts/no handshake → times out, medium', async () => {
    const mute = await tcpServer(() => undefined);
    expect((await look(both, { httpsPort: mute.port, timeoutMs: 200 })).said).toEqual(['mta-sts-policy medium']);
    await mute.close();
  });
  test('mta-sts/not TLS → cannot be read', async () => {
    const clear = await tcpServer((socket) => socket.end(http(good)));
    expect((await look(both, { httpsPort: clear.port })).said).toEqual(['mta-sts-policy high']);
    await clear.close();
  });
  test('mta-sts/a closed port → cannot be read', async () => {
    const gone = await tcpServer(() => undefined);
    await gone.close();
    expect((await look(both, { httpsPort: gone.port })).said).toEqual(['mta-sts-policy high']);
  });
  test('mta-sts/the connection fails → could not check', async () => {
    const connect: AuditContext['connect'] = () => Promise.resolve({ status: 'timeout', reason: 'no answer' });
    expect((await look(both, {}, { connect })).said).toEqual(['mta-sts-policy medium? of mta-sts']);
  });
  test('mta-sts/the first address refuses, the second serves → nothing', async () => {
    serve = http(good);
    const connect: AuditContext['connect'] = (target, options) =>
      target.address === '127.0.0.9'
        ? Promise.resolve({ status: 'refused', reason: 'ECONNREFUSED' })
        : contextWith().connect(target, options);
    const data = { ...record, 'mta-sts.example.org': { A: ['127.0.0.9', '127.0.0.1'] } };
    expect((await look(data, {}, { connect })).said).toEqual([]);
  });
  test('mta-sts/aborted → could not check', async () => {
    serve = () => undefined;
    const control = new AbortController();
    const looking = look(both, { timeoutMs: 5_000 }, { signal: control.signal });
    setTimeout(() => control.abort(), 50);
    expect((await looking).said).toEqual(['mta-sts-policy medium? of mta-sts']);
  });
  test('mta-sts/the host has no address → cannot be read', async () => {
    expect((await look(record)).said).toEqual(['mta-sts-policy high']);
  });
  test('mta-sts/the host has a private address → not contacted', async () => {
    const connect = (): Promise<never> => Promise.reject(new Error('nobody is to be connected to'));
    const data = { ...record, 'mta-sts.example.org': { A: ['10.0.0.1'] } };
    expect((await look(data, {}, { connect })).said).toEqual(['mta-sts-policy high']);
  });
  test('mta-sts/the address lookup fails → could not check', async () => {
    expect((await look({ ...record, 'mta-sts.example.org': 'temperror' })).said).toEqual([
      'lookup-failed medium? of mta-sts',
    ]);
  });
  test('mta-sts/the server keeps the connection open → it is closed', async () => {
    let closed: () => void = () => undefined;
    const over = new Promise<void>((resolve) => {
      closed = resolve;
    });
    serve = (socket) => void socket.on('close', closed).once('data', () => socket.write(http(good)));
    expect((await look(both)).said).toEqual([]);
    await over;
  });
});

describe('a policy without a record', () => {
  test('mta-sts/a policy is served → orphan', async () => {
    serve = http(good);
    const seen = await look(host);
    expect(seen.said).toEqual(['mta-sts-orphan low']);
    expect(seen.audit).toEqual({ state: 'missing' });
  });
  test('mta-sts/a wildcard leads to a page → there is no policy', async () => {
    serve = http('<!doctype html>', 'Content-Type: text/html');
    expect((await look({ '*.example.org': { A: ['127.0.0.1'] } })).said).toEqual(['mta-sts-missing info']);
  });
  test('mta-sts/a policy with a wrong certificate → there is no policy', async () => {
    certificate = otherName;
    serve = http(good);
    const seen = await look(host);
    certificate = own;
    expect(seen.said).toEqual(['mta-sts-missing info']);
  });
  test('mta-sts/a policy and an invalid record → only the record is reported', async () => {
    serve = http(good);
    const seen = await look({ ...host, '_mta-sts.example.org': { TXT: ['v=STSv1;'] } });
    expect(seen.said).toEqual(['mta-sts-record medium']);
    expect(seen.audit.policy).toBeUndefined();
  });
});

describe('parsing a policy', () => {
  test.each<readonly [string, string, string]>([
    ['no version', 'mode: enforce\nmx: a.example\nmax_age: 1', 'version'],
    ['another version', 'version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 1', 'version'],
    [
      'a mark of the byte order',
      '\u00ef\u00bb\u00bfversion: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1',
      'version',
    ],
    ['no mode', 'version: STSv1\nmx: a.example\nmax_age: 1', 'mode'],
    ['another mode', 'version: STSv1\nmode: Enforce\nmx: a.example\nmax_age: 1', 'mode'],
    ['no max_age', 'version: STSv1\nmode: enforce\nmx: a.example', 'max_age'],
    ['a max_age that is not a number', 'version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1d', 'max_age'],
    ['no mx', 'version: STSv1\nmode: testing\nmax_age: 1', 'mx'],
    [
      'mx that are not hosts',
      'version: STSv1\nmode: testing\nmx: 192.0.2.1\nmx: *\nmx: .example.org\nmax_age: 1',
      'mx',
    ],
  ])('mta-sts/%s → no policy', (_, text, word) => {
    const { policy, faults } = readMtaStsPolicy(text);
    expect(policy).toBeUndefined();
    expect(faults[0]).toContain(word);
  });
  test.each<readonly [string, string]>([
    [
      'fields in another order, of others, spaces',
      'max_age:86400 \nmx:  A.Example\n\nx-own: y\nmode: testing\nversion: STSv1',
    ],
    [
      'fields twice',
      'version: STSv1\nmode: testing\nmode: enforce\nmx: a.example\nmx: a.example\nmax_age: 86400\nmax_age: 1',
    ],
  ])('mta-sts/%s → is read', (_, text) => {
    expect(readMtaStsPolicy(text)).toEqual({
      policy: { mode: 'testing', mx: ['a.example'], maxAge: 86_400 },
      faults: [],
    });
  });
  test('mta-sts/mode none without mx → valid', () => {
    expect(readMtaStsPolicy('version: STSv1\nmode: none\nmax_age: 1').policy).toEqual({
      mode: 'none',
      mx: [],
      maxAge: 1,
    });
  });
  test('mta-sts/more than a year → reported', () => {
    expect(readMtaStsPolicy('version: STSv1\nmode: none\nmax_age: 99999999').faults).toHaveLength(1);
  });
  test('mta-sts/64 KiB of invalid lines → few faults', () => {
    expect(readMtaStsPolicy('?\n'.repeat(32_768)).faults.length).toBeLessThan(10);
  });
});

describe('the MX hosts', () => {
  test.each([
    ['mx.example.org', 'MX.Example.Org', true],
    ['mx.example.org', 'mx2.example.org', false],
    ['*.example.org', 'mx.example.org', true],
    ['*.example.org', 'a.mx.example.org', false],
    ['*.example.org', 'example.org', false],
    ['*.example.org', 'mxexample.org', false],
    ['mx.bücher.example', 'mx.xn--bcher-kva.example', true],
  ] as const)('mta-sts/%s, of %s → %s', (pattern, name, allowed) => {
    expect(mtaStsAllows({ mx: [pattern] }, name)).toBe(allowed);
  });
  const said = (
    mode: 'enforce' | 'testing' | 'none',
    mx: readonly string[],
    hosts: readonly string[],
  ): readonly string[] =>
    mtaStsFindings('example.org', { mode, mx, maxAge: 1 }, hosts).map(
      ({ id, severity, subject }) => `${id} ${severity} ${subject}`,
    );
  test('mta-sts/all are named → nothing', () =>
    expect(said('enforce', ['*.example.org'], ['a.example.org', 'b.example.org'])).toEqual([]));
  test('mta-sts/one is not named, enforced → high', () =>
    expect(said('enforce', ['a.example.org'], ['a.example.org', 'b.example.net'])).toEqual([
      'mta-sts-mx high b.example.net',
    ]));
  test('mta-sts/one is not named, in test → medium', () =>
    expect(said('testing', ['a.example.org'], ['a.example.org', 'b.example.net'])).toEqual([
      'mta-sts-mx medium b.example.net',
    ]));
  test('mta-sts/mode none → nothing', () => expect(said('none', ['x.example'], ['b.example.net'])).toEqual([]));
  test('mta-sts/an unused pattern → unused', () =>
    expect(said('enforce', ['a.example.org', '*.old.example'], ['a.example.org'])).toEqual([
      'mta-sts-unused low example.org',
    ]));
  test('mta-sts/no known MX hosts → nothing', () => expect(said('enforce', ['a.example.org'], [])).toEqual([]));
  test('mta-sts/an MX host that is an address → ignored', () =>
    expect(said('enforce', ['a.example.org'], ['192.0.2.1'])).toEqual([]));
});

describe('parsing a response', () => {
  const read = (parts: Iterable<string>): Fetched => {
    const reader = responseReader();
    for (const part of parts) {
      const fetched = reader.take(part);
      if (fetched !== undefined) return fetched;
    }
    return reader.end();
  };
  test.each([
    ['a length', http(good)],
    ['chunks', chunked],
    ['the end of the connection', `HTTP/1.1 200 OK\r\n\r\n${good}`],
    ['an interim response', `HTTP/1.1 100 Continue\r\n\r\n${http(good)}`],
  ])('https/delimited by %s, octet by octet → is read', (_, whole) => {
    expect(read(whole)).toMatchObject({ status: 'answered', code: 200, body: good });
  });
  test('https/cut anywhere → incomplete', () => {
    for (const whole of [http(good), chunked])
      for (let length = 0; length < whole.length - 5; length++)
        expect(read([whole.slice(0, length)])).toMatchObject({ status: 'broken' });
  });
  test('https/any response → ends without an exception', () => {
    const piece = fc.constantFrom(
      'HTTP/1.1 200 OK\r\n',
      '\r\n',
      '\n',
      'Content-Length: 5',
      'Transfer-Encoding: chunked',
      '5',
      '0',
      ';',
      ':',
      ' ',
      'hello',
      '\0',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ unit: 'binary' })), { maxLength: 30 }), (parts) => {
        expect(['answered', 'broken']).toContain(read(parts).status);
      }),
      { numRuns },
    );
  });
  test('https/any policy text → no exception', () => {
    const piece = fc.constantFrom(
      'version: STSv1\n',
      'mode: ',
      'enforce',
      '\n',
      '\r\n',
      'mx: ',
      '*.',
      'example.org',
      'max_age: 1',
      ':',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ unit: 'binary' })), { maxLength: 30 }), (parts) => {
        const { policy, faults } = readMtaStsPolicy(parts.join(''));
        expect(policy !== undefined || faults.length > 0).toBe(true);
      }),
      { numRuns },
    );
  });
});
