import { type DohResolverOptions, dohResolver } from 'postern/dns/doh';
import { type StubResolver, serveZone, stubResolver } from 'postern/dns/node';
import { zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';
import { readMessage, writeReply } from '../../../src/adapters/dns-wire/index.ts';
import { selfSigned } from '../dns-node/certificate.ts';

const answer = (body: unknown): Uint8Array<ArrayBuffer> => {
  const question = readMessage(body as Uint8Array);
  if (question === undefined) throw new Error('the question cannot be read');
  return new Uint8Array(
    writeReply(
      question,
      { rcode: 0, answers: [{ owner: 'one.test', ttl: 60, record: { type: 'A', address: '192.0.2.1' } }] },
      65_535,
    ),
  );
};
const dns = { 'content-type': 'application/dns-message' };
const good: typeof fetch = async (_, init) => new Response(answer(init?.body), { headers: dns });
const make = (fetch: unknown, options: Partial<DohResolverOptions> = {}): StubResolver =>
  dohResolver({
    servers: ['https://dns.test/dns-query'],
    timeoutMs: 2_000,
    fetch: fetch as typeof globalThis.fetch,
    ...options,
  });
const found = { status: 'found', records: [{ type: 'A', address: '192.0.2.1' }], ttl: 60, authentic: false };

describe('DNS over HTTPS by fetch', () => {
  test('the question is posted as a padded message with id 0, redirects are not followed', async () => {
    let seen: RequestInit | undefined;
    const asks: typeof fetch = (url, init) => {
      seen = init;
      return good(url, init);
    };
    expect(await make(asks, { headers: { authorization: 'Bearer x' } }).resolve('one.test', 'A')).toEqual(found);
    expect(seen).toMatchObject({
      method: 'POST',
      redirect: 'manual',
      headers: {
        authorization: 'Bearer x',
        accept: 'application/dns-message',
        'content-type': 'application/dns-message',
      },
    });
    const body = seen?.body as Uint8Array;
    expect([body.length, body[0], body[1]]).toEqual([128, 0, 0]);
  });

  test.each<[string, typeof fetch, string]>([
    ['a status other than 200', async () => new Response('no', { status: 503, headers: dns }), 'http 503'],
    [
      'a redirect',
      async () => new Response(null, { status: 302, headers: { location: 'https://elsewhere.test/' } }),
      'http 302',
    ],
    [
      'a page instead of a message',
      async () => new Response('<html>', { headers: { 'content-type': 'text/html' } }),
      'malformed',
    ],
    ['nothing', async () => new Response(null, { headers: dns }), 'malformed'],
    ['less than a message', async () => new Response('short', { headers: dns }), 'malformed'],
    [
      'the answer to another question',
      async (_, init) => new Response(answer(init?.body).fill(120, 14, 15), { headers: dns }),
      'malformed',
    ],
    ['a connection that breaks', () => Promise.reject(new TypeError('fetch failed')), 'network error'],
    [
      'a body without end',
      async () =>
        new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(10_000)) }), {
          headers: dns,
        }),
      'malformed',
    ],
    [
      'a body that breaks',
      async () =>
        new Response(new ReadableStream({ pull: (controller) => controller.error(new Error('reset')) }), {
          headers: dns,
        }),
      'network error',
    ],
  ])('%s → temperror, %s', async (_, fetch, reason) => {
    expect(await make(fetch).resolve('one.test', 'A')).toEqual({ status: 'temperror', reason });
  });

  test('the first server fails, the second answers', async () => {
    const fetch: typeof globalThis.fetch = (url, init) =>
      String(url).includes('bad') ? Promise.reject(new Error('down')) : good(url, init);
    const resolver = make(fetch, {
      servers: ['https://bad.test/dns-query', 'https://good.test/dns-query'],
      timeoutMs: 60_000,
      retryMs: 30_000,
    });
    expect(await resolver.resolve('one.test', 'A')).toEqual(found);
    expect(resolver.servers).toEqual(['https://bad.test/dns-query', 'https://good.test/dns-query']);
  });

  test('silence → temperror, and the request is aborted', async () => {
    let aborted = false;
    const fetch: typeof globalThis.fetch = (_, init) =>
      new Promise((_done, fail) => {
        init?.signal?.addEventListener('abort', () => {
          aborted = true;
          fail(new Error('aborted'));
        });
      });
    expect(await make(fetch, { timeoutMs: 50 }).resolve('one.test', 'A')).toEqual({
      status: 'temperror',
      reason: 'timeout',
    });
    expect(aborted).toBe(true);
  });

  test.each<[string, unknown, RegExp]>([
    ['no server', { servers: [] }, /servers must be a list of URLs .* got an empty array/],
    ['no URL', { servers: ['dns.test'] }, /server must be an https URL .* got "dns.test"/],
    ['not encrypted', { servers: ['http://dns.test/'] }, /server must be an https URL/],
    [
      'a time that is none',
      { servers: ['https://dns.test/'], timeoutMs: -1 },
      /timeoutMs must be a positive number, got -1/,
    ],
  ])('%s → TypeError', (_, options, message) => {
    expect(() => dohResolver(options as DohResolverOptions)).toThrow(TypeError);
    expect(() => dohResolver(options as DohResolverOptions)).toThrow(message);
  });
});

describe('certificates: a server that is not the one named is not asked', () => {
  const { key, cert } = selfSigned();
  test.each([
    ['tls', 'of an authority that is not known', undefined, 'dns.test'],
    ['tls', 'of another name', cert, 'other.test'],
    ['https', 'of an authority that is not known', undefined, 'dns.test'],
    ['https', 'of another name', cert, 'other.test'],
  ] as const)('%s, a certificate %s → temperror', async (transport, _, ca, name) => {
    const server = await serveZone(zone({ 'one.test': { A: ['192.0.2.1'] } }), { tls: { key, cert } });
    const port = transport === 'tls' ? server.tlsPort : server.httpsPort;
    const resolver = stubResolver({
      servers: [{ transport, address: '127.0.0.1', port, name, ca }],
      timeoutMs: 60_000,
      retryMs: 30_000,
    });
    expect(await resolver.resolve('one.test', 'A')).toEqual({
      status: 'temperror',
      reason: 'certificate or TLS error',
    });
    expect(server.questions).toHaveLength(0);
    resolver.close();
    await server.close();
  });
});

test('a question that is withdrawn while its answer is delayed does not hurt the server', async () => {
  const { key, cert } = selfSigned();
  const clock = { now: () => 0, after: () => () => {} };
  const data = zone({ 'late.test': { A: ['192.0.2.1'], delayMs: 60 }, 'one.test': { A: ['192.0.2.1'] } }, { clock });
  const server = await serveZone(data, { tls: { key, cert } });
  const ways = [
    { transport: 'https', port: server.httpsPort },
    { transport: 'tls', port: server.tlsPort },
    { transport: 'tcp', port: server.port },
    { transport: 'udp', port: server.port },
  ] as const;
  for (const way of ways) {
    const resolver = stubResolver({ servers: [{ ...way, address: '127.0.0.1', name: 'dns.test', ca: cert }] });
    expect(await resolver.resolve('one.test', 'A')).toMatchObject({ status: 'found' });
    const abort = new AbortController();
    const answer = resolver.resolve('late.test', 'A', { signal: abort.signal });
    while (server.questions.at(-1)?.name !== 'late.test') await new Promise((done) => setTimeout(done, 5));
    abort.abort();
    expect(await answer).toEqual({ status: 'temperror', reason: 'aborted' });
    await new Promise((done) => setTimeout(done, 100));
    expect(await resolver.resolve('one.test', 'A')).toMatchObject({ status: 'found' });
    resolver.close();
  }
  await server.close();
});
