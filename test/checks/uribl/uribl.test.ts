import fc from 'fast-check';
import { selectNames, uribl, uriPresets } from 'postern/checks/uribl';
import { evaluate } from 'postern/core';
import { readMessage } from 'postern/message';
import type { ZoneData } from 'postern/testing';
import { fixedClock, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

type Options = Parameters<typeof uribl>[0];
const text = new TextEncoder();
const mail = (body: string, ...fields: string[]): Uint8Array =>
  text.encode(['From: a@sender.org', 'Subject: x', ...fields, '', body, ''].join('\r\n'));
const base64 = (body: string): string => btoa(body).replace(/.{1,76}/g, '$&\r\n');
const html = 'Content-Type: text/html; charset=utf-8';

async function ask(message: Uint8Array, data: ZoneData, options: Partial<Options> = {}) {
  const clock = fixedClock(0);
  const dns = zone(data, { clock });
  const check = uribl({ zone: 'uri.test', label: 'URI', testEntries: 'none', ...options } as Options);
  const facts = { message: await readMessage(message) };
  const decision = await clock.until(
    evaluate<{ data: typeof facts }, { dns: typeof dns; clock: typeof clock }, 'data'>(
      { data: [check] },
      'data',
      facts,
      { dns, clock },
    ),
  );
  const asked = dns.questions.filter(({ type }) => type === 'A').map(({ name }) => name.replace(/\.uri\.test$/, ''));
  const finding = decision.outcomes[0]?.finding;
  return {
    decision,
    finding,
    asked,
    clockAt: clock.now(),
    detail: finding?.detail as Record<string, unknown> | undefined,
  };
}
const bad: ZoneData = { 'bad-shop.com.uri.test': { A: ['127.0.0.2'] } };

describe('a name that is not asked about says why', () => {
  const links = (...hosts: string[]): Uint8Array => mail(hosts.map((host) => `http://${host}/`).join(' '));
  test.each<[string, Uint8Array, Partial<Options>, readonly string[], unknown]>([
    ['every name is asked about', links('a.com'), {}, ['a.com'], undefined],
    [
      'no public suffix',
      links('intranet', 'foo.internal-tld-unknown', 'co.uk'),
      {},
      [],
      ['intranet', 'foo.internal-tld-unknown', 'co.uk'].map((name) => ({ name, why: 'no public suffix' })),
    ],
    [
      'asked as it is: only one label cannot be',
      links('intranet', 'foo.internal-tld-unknown'),
      { reduce: 'host' },
      ['foo.internal-tld-unknown'],
      [{ name: 'intranet', why: 'no public suffix' }],
    ],
    [
      'skip',
      links('www.a.com', 'b.com', '192.0.2.1'),
      { skip: ['a.com', '192.0.2.1'] },
      ['b.com'],
      [
        { name: 'www.a.com', why: 'skipped' },
        { name: '192.0.2.1', why: 'skipped' },
      ],
    ],
    ['addresses', links('192.0.2.1'), { addresses: 'never' }, [], [{ name: '192.0.2.1', why: 'address' }]],
    ['IPv6', links('[2001:db8::1]'), { ipv6: false }, [], [{ name: '2001:db8::1', why: 'IPv6' }]],
    [
      'more names than most',
      links('a.com', 'b.com', 'c.com', 'd.com'),
      { most: 2 },
      ['a.com', 'd.com'],
      [
        { name: 'b.com', why: 'too many' },
        { name: 'c.com', why: 'too many' },
      ],
    ],
  ])('%s', async (_, message, options, asked, unasked) => {
    const found = await ask(message, {}, options);
    expect([found.asked, found.detail?.unasked]).toEqual([asked, unasked]);
  });
});

describe('data: a link whose domain is listed → fail', () => {
  test.each<[string, Uint8Array]>([
    ['in plain text', mail('see http://www.bad-shop.com/x')],
    ['in an href', mail('<a href="https://bad-shop.com:8443/">x</a>', html)],
    [
      'hidden by base64',
      mail(base64('<a href="http://bad-shop.com">x</a>'), html, 'Content-Transfer-Encoding: base64'),
    ],
    [
      'hidden by quoted-printable',
      mail('<a href=3D"http://bad-s=\r\nhop.co=6D/">x</a>', html, 'Content-Transfer-Encoding: quoted-printable'),
    ],
    [
      'in a multipart without a preamble',
      mail(
        '--b\r\nContent-Type: text/html\r\n\r\n<img src="//bad-shop.com/a.png">\r\n--b--',
        'Content-Type: multipart/alternative; boundary=b',
      ),
    ],
    ['behind userinfo', mail('http://bank.com@bad-shop.com/')],
    ['in capitals', mail('HTTP://WWW.BAD-SHOP.COM')],
    ['inside another link', mail('https://www.google.com/url?q=http%3A%2F%2Fbad-shop.com%2F')],
  ])('%s', async (_, message) => {
    const { decision, finding } = await ask(message, bad);
    expect(finding).toMatchObject({
      result: 'fail',
      status: '7.1',
      cause: 'listed',
      detail: { listed: [{ name: 'bad-shop.com' }] },
    });
    expect(decision.action).toBe('reject');
  });
  test('the finding says which link, where, which list, which code', async () => {
    const { detail } = await ask(
      mail('<a href="http://www.bad-shop.com/x">y</a>', html),
      { 'bad-shop.com.uri.test': { A: ['127.0.0.24'] } },
      { codes: { '&8': 'phishing', '&16': { meaning: 'malware', weight: 3 } }, weight: 1 },
    );
    expect(detail?.listed).toEqual([
      {
        name: 'bad-shop.com',
        uri: 'http://www.bad-shop.com/x',
        where: { part: '1', kind: 'attribute', name: 'a href' },
        codes: [
          { code: '127.0.0.24', meaning: 'phishing' },
          { code: '127.0.0.24', meaning: 'malware', weight: 3 },
        ],
      },
    ]);
  });
  test('the reply names the list’s label, never its zone or key', async () => {
    const { finding } = await ask(
      mail('http://bad-shop.com/'),
      { 'bad-shop.com.topsecretkey.uri.test': { A: ['127.0.0.2'] } },
      { key: 'topsecretkey', url: 'https://lookup.test/?q={subject}' },
    );
    expect(finding?.explanation).toBe(
      'Message contains a link to bad-shop.com, which is listed by URI; see https://lookup.test/?q=bad-shop.com',
    );
    expect(JSON.stringify(finding)).not.toMatch(/topsecretkey|uri\.test/);
  });
});

describe('data: what the list answers', () => {
  const message = mail('http://bad-shop.com/');
  test.each<[string, ZoneData, string, string]>([
    ['nothing', {}, 'none', 'accept'],
    [
      '127.0.0.1 → an error, or every domain would be refused',
      { '*.uri.test': { A: ['127.0.0.1'] } },
      'permerror',
      'accept',
    ],
    ['127.255.255.254', { '*.uri.test': { A: ['127.255.255.254'] } }, 'permerror', 'accept'],
    ['an address that is no answer of a list', { '*.uri.test': { A: ['203.0.113.1'] } }, 'permerror', 'accept'],
    ['SERVFAIL', { 'bad-shop.com.uri.test': 'temperror' }, 'temperror', 'accept'],
    ['silence', { 'bad-shop.com.uri.test': 'silent' }, 'temperror', 'accept'],
    ['a listing among other answers', { 'bad-shop.com.uri.test': { A: ['127.0.0.2', '127.0.0.4'] } }, 'fail', 'reject'],
  ])('%s → %s', async (_, data, result, action) => {
    const { finding, decision } = await ask(message, data);
    expect([finding?.result, decision.action]).toEqual([result, action]);
  });
  test('one name listed, another without an answer → fail', async () => {
    const { finding } = await ask(mail('http://slow-shop.com http://bad-shop.com'), {
      ...bad,
      'slow-shop.com.uri.test': 'temperror',
    });
    expect(finding?.result).toBe('fail');
  });
  test('a list that lists everything → found out by its own counter-example, nobody is refused', async () => {
    const { decision } = await ask(message, { '*.uri.test': { A: ['127.0.0.2'] } }, { testEntries: 'expected' });
    expect(decision.action).toBe('accept');
  });
  test('a listing that decides → the questions that are out are aborted, and told', async () => {
    const { finding, clockAt } = await ask(mail('http://silent-shop.com http://bad-shop.com'), {
      ...bad,
      'silent-shop.com.uri.test': 'silent',
    });
    expect(finding).toMatchObject({ result: 'fail', detail: { unfinished: 1, listed: [{ name: 'bad-shop.com' }] } });
    expect(clockAt).toBe(0);
  });
  test('codes with weights → a light listing is not the end: the heavier one counts', async () => {
    const { finding } = await ask(
      mail('http://bad-shop.com http://worse-shop.com'),
      { ...bad, 'worse-shop.com.uri.test': { A: ['127.0.0.4'], delayMs: 50 } },
      { codes: { '127.0.0.2': 1, '127.0.0.4': 5 } },
    );
    expect(finding).toMatchObject({ result: 'fail', weight: 5 });
  });
  test('a code that does not count → none, and it is told', async () => {
    const { finding } = await ask(
      message,
      { 'bad-shop.com.uri.test': { A: ['127.0.0.4'] } },
      { codes: { '&2': 'spam' } },
    );
    expect(finding).toMatchObject({ result: 'none', detail: { unknown: ['127.0.0.4'] } });
  });
});

describe('data: what is asked', () => {
  test.each<[string, string, Partial<Options>, string[]]>([
    ['the registrable domain', 'http://a.b.shop.co.uk/', {}, ['shop.co.uk']],
    ['private suffixes counted', 'http://me.blogspot.com/', {}, ['me.blogspot.com']],
    ['by ICANN suffixes alone', 'http://me.blogspot.com/', { reduce: 'organizational' }, ['blogspot.com']],
    ['the host', 'http://a.b.shop.co.uk/', { reduce: 'host' }, ['a.b.shop.co.uk']],
    ['an address, reversed', 'http://192.0.2.7/', {}, ['7.2.0.192']],
    ['an address, in octal', 'http://0300.0.02.07/', {}, ['7.2.0.192']],
    ['an address, as it is', 'http://192.0.2.7/', { addresses: 'plain' }, ['192.0.2.7']],
    ['an address, never', 'http://192.0.2.7/', { addresses: 'never' }, []],
    ['an IDN', 'http://b\u00fccher-laden.com/', {}, ['xn--bcher-laden-thb.com']],
    ['the same domain twice', 'http://a.shop.com http://b.shop.com', {}, ['shop.com']],
    ['a skipped domain', 'http://www.w3.org/1999 http://shop.com', { skip: ['w3.org'] }, ['shop.com']],
    ['mail addresses, where asked for', 'write to me@shop.com', { mailHosts: true }, ['shop.com']],
    ['no mail addresses otherwise', 'write to me@shop.com', {}, []],
  ])('%s', async (_, body, options, expected) => {
    const { asked } = await ask(mail(body, 'Content-Type: text/plain; charset=utf-8'), {}, options);
    expect(asked).toEqual(expected);
  });
  test('more names than are asked about → the first and the last, the same each time, and the rest is told', async () => {
    const body = Array.from({ length: 50 }, (_, n) => `http://shop-${n}.com/`).join(' ');
    const { asked, detail } = await ask(mail(body), {}, { most: 4 });
    expect(asked).toEqual(['shop-0.com', 'shop-1.com', 'shop-48.com', 'shop-49.com']);
    expect(detail?.omitted).toBe(46);
  });
  test('names from other facts → asked first', async () => {
    const dns = zone({});
    const check = uribl({
      zone: 'uri.test',
      label: 'U',
      testEntries: 'none',
      also: ({ helo }: { readonly helo: { readonly name: string } }) => [helo.name, null],
    });
    const facts = { message: await readMessage(mail('http://shop.com')), helo: { name: 'mx.spam.com' } };
    await check.examine(facts, { dns, clock: fixedClock(0) }, new AbortController().signal);
    expect(dns.questions.map(({ name }) => name)).toEqual(['spam.com.uri.test', 'shop.com.uri.test']);
  });
  test('bounds that the reader met → told in the finding', async () => {
    const facts = { message: await readMessage(mail('http://a.com http://b.com http://c.com'), { links: 2 }) };
    const check = uribl({ zone: 'uri.test', label: 'U', testEntries: 'none' });
    const finding = await check.examine(facts, { dns: zone({}), clock: fixedClock(0) }, new AbortController().signal);
    expect(finding.detail?.truncated).toMatchObject([{ limit: 'links' }]);
  });
  test('any message, any cap → no name twice, never more than the cap', () => {
    const host = fc.constantFrom(
      'a.com',
      'x.a.com',
      'b.org',
      'c.co.uk',
      '192.0.2.1',
      '2001:db8::1',
      'single',
      'd.github.io',
    );
    fc.assert(
      fc.property(fc.array(host, { maxLength: 40 }), fc.integer({ min: 1, max: 8 }), (hosts, most) => {
        const uris = hosts.map((name) => ({
          uri: `http://${name}/`,
          host: name,
          where: { part: '1', kind: 'text' as const },
        }));
        const { candidates, omitted } = selectNames(
          { uris, mailHosts: [] },
          { reduce: 'registrable', addresses: 'reversed', ipv6: true, most, skip: [], mailHosts: false, also: [] },
        );
        const labels = candidates.map((candidate) => candidate.labels);
        expect(new Set(labels).size).toBe(labels.length);
        expect(labels.length).toBeLessThanOrEqual(most);
        if (omitted > 0) expect(labels.length).toBe(most);
      }),
    );
  });
});

describe('options', () => {
  test.each<[string, object, string]>([
    ['no zone', { zone: '' }, 'uribl: zone must be a domain name'],
    [
      'an unknown reduction',
      { reduce: 'tld' },
      'uribl: reduce must be "registrable", "organizational" or "host", got "tld"',
    ],
    [
      'an unknown way to query addresses',
      { addresses: 'yes' },
      'uribl: addresses must be "never", "reversed" or "plain", got "yes"',
    ],
    ['a limit of 0', { most: 0 }, 'uribl: most must be a whole number from 1 to 100, got 0'],
    ['a limit that is too high', { most: 5_000 }, 'got 5000'],
    [
      'a skip that is not a domain',
      { skip: ['a b'] },
      'uribl: skip[0] must be a domain name or an IP address, got "a b"',
    ],
    ['a negative weight', { weight: -1 }, 'uribl: weight must be more than 0 in a block list, got -1'],
    [
      'an error code as a listing',
      { codes: ['127.255.255.254'] },
      'uribl: codes "127.255.255.254" can never be a listing',
    ],
    ['a url that is not one', { url: 'lookup' }, 'uribl: url must be printable'],
    ['also that is not a function', { also: [] }, 'uribl: also must be a function that returns names from the facts'],
    ['an unknown option', { mots: 3 }, 'uribl: unknown option mots (known: '],
  ])('%s → TypeError', (_, options, message) => {
    const make = () => uribl({ zone: 'uri.test', label: 'U', ...options } as Options);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });
  test.each([
    [2, 4],
    [102, 1],
    [103, 0.5],
    [104, 2],
    [105, 2],
    [106, 2],
  ])('the DBL, code 127.0.1.%d → weighs %d', async (code, weight) => {
    const clock = fixedClock();
    const dns = zone({ 'bad.example.org.dbl.spamhaus.org': { A: [`127.0.1.${code}`] } }, { clock });
    const message = await readMessage(mail('https://bad.example.org/'));
    const check = uribl(uriPresets['spamhaus-dbl'].list);
    expect((await evaluate({ only: [check] }, 'only', { message }, { dns, clock })).score).toBe(weight);
  });
  test.each(Object.entries(uriPresets))(
    'the preset %s → makes a check, or says that it needs a key',
    (_, { list, terms, asOf }) => {
      expect(terms.length).toBeGreaterThan(20);
      expect(asOf).toMatch(/^\d{4}-\d{2}$/);
      if (list.keyNeeded) expect(() => uribl(list)).toThrow('requires a key');
      else expect(uribl(list).name).toBe('uribl');
    },
  );
});
