import type { CheckHostOptions, SpfOutcome } from 'postern/checks/spf';
import { checkHost } from 'postern/checks/spf';
import type { DnsResolver } from 'postern/env';
import { fixedClock, type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const CLIENT = '192.0.2.1';

interface Subject {
  readonly ip?: string;
  readonly helo?: string;
  readonly from?: string | null;
}

function ask(data: ZoneData, subject: Subject = {}, options: CheckHostOptions = {}): Promise<SpfOutcome> {
  const { ip = CLIENT, helo = 'mail.example.org', from = 'alice@example.org' } = subject;
  const clock = fixedClock();
  return clock.until(checkHost({ ip, helo, mailFrom: from }, { dns: zone(data, { clock }), clock }, options));
}

const txt = (...TXT: string[]) => ({ TXT });
const of = (record: string, more: ZoneData = {}): ZoneData => ({ 'example.org': txt(record), ...more });
const many = (n: number, make: (i: number) => string): string[] => Array.from({ length: n }, (_, i) => make(i));
const included = (n: number, record: string): ZoneData =>
  Object.fromEntries(many(n, (i) => `i${i}.example`).map((name) => [name, txt(record)]));

describe('ptr and %{p}: a name without an answer → temperror, if the term could have matched', () => {
  const PTR = '1.2.0.192.in-addr.arpa';
  const names = (...PTR: string[]) => ({ PTR });
  const us = { A: [CLIENT] };
  const exists = '*.e.example';
  test.each<[string, string, ZoneData, string]>([
    ['ptr, no PTR answer', 'v=spf1 ptr -all', { [PTR]: 'temperror' }, 'temperror'],
    ['ptr, no PTR record', 'v=spf1 ptr -all', {}, 'fail'],
    ['a term before ptr matches', 'v=spf1 ip4:192.0.2.1 ptr -all', { [PTR]: 'temperror' }, 'pass'],
    [
      'ptr, its name does not answer',
      'v=spf1 ptr -all',
      { [PTR]: names('a.example.org'), 'a.example.org': 'temperror' },
      'temperror',
    ],
    [
      'ptr, the domain itself does not answer',
      'v=spf1 ptr:b.example -all',
      { [PTR]: names('b.example'), 'b.example': 'temperror' },
      'temperror',
    ],
    [
      'ptr, another name does not answer',
      'v=spf1 ptr -all',
      { [PTR]: names('a.example.net'), 'a.example.net': 'temperror' },
      'fail',
    ],
    [
      'ptr, a name that only ends alike',
      'v=spf1 ptr -all',
      { [PTR]: names('anexample.org'), 'anexample.org': 'temperror' },
      'fail',
    ],
    [
      'ptr, one name does not answer and another matches, before it',
      'v=spf1 ptr -all',
      { [PTR]: names('b.example.org', 'a.example.org'), 'a.example.org': 'temperror', 'b.example.org': us },
      'pass',
    ],
    [
      'ptr, one name does not answer and another matches, after it',
      'v=spf1 ptr -all',
      { [PTR]: names('a.example.org', 'b.example.org'), 'a.example.org': 'temperror', 'b.example.org': us },
      'pass',
    ],
    [
      'ptr with a qualifier: it could have refused',
      'v=spf1 -ptr +all',
      { [PTR]: names('a.example.org'), 'a.example.org': 'temperror' },
      'temperror',
    ],
    [
      'ptr of an included record',
      'v=spf1 include:i.example -all',
      { 'i.example': txt('v=spf1 ptr:c.example ?all'), [PTR]: names('x.c.example'), 'x.c.example': 'temperror' },
      'temperror',
    ],
    [
      'ptr with a macro',
      'v=spf1 ptr:%{d2} -all',
      { [PTR]: names('a.example.org'), 'a.example.org': 'temperror' },
      'temperror',
    ],
    ['%{p}, no PTR answer', 'v=spf1 exists:%{p}.e.example -all', { [PTR]: 'temperror' }, 'temperror'],
    ['%{p}, no PTR record', 'v=spf1 exists:%{p}.e.example -all', {}, 'fail'],
    [
      '%{p}, its name does not answer',
      'v=spf1 exists:%{p}.e.example -all',
      { [PTR]: names('a.example.net'), 'a.example.net': 'temperror', [exists]: us },
      'temperror',
    ],
    [
      '%{p}, a name that would be preferred does not answer',
      'v=spf1 exists:%{p}.e.example -all',
      {
        [PTR]: names('a.example.net', 'a.example.org'),
        'a.example.net': us,
        'a.example.org': 'temperror',
        [exists]: us,
      },
      'temperror',
    ],
    [
      '%{p}, a name that would come first does not answer',
      'v=spf1 exists:%{p}.e.example -all',
      { [PTR]: names('a.example.net', 'b.example.net'), 'b.example.net': us, 'a.example.net': 'temperror' },
      'temperror',
    ],
    [
      '%{p}, a name that would not be chosen does not answer',
      'v=spf1 exists:%{p}.e.example -all',
      {
        [PTR]: names('a.example.net', 'b.example.net'),
        'a.example.net': us,
        'b.example.net': 'temperror',
        [exists]: us,
      },
      'pass',
    ],
    ['%{p} in a', 'v=spf1 a:%{p} -all', { [PTR]: names('a.example.net'), 'a.example.net': 'temperror' }, 'temperror'],
    [
      '%{p} in redirect',
      'v=spf1 redirect=%{p}',
      { [PTR]: names('a.example.net'), 'a.example.net': 'temperror' },
      'temperror',
    ],
    [
      '%{p} in the explanation only: the fail stands',
      'v=spf1 -all exp=e.example',
      { 'e.example': txt('%{p}'), [PTR]: 'temperror' },
      'fail',
    ],
  ])('%s', async (_, record, more, result) => {
    for (const lookAhead of [true, false]) expect((await ask(of(record, more), {}, { lookAhead })).result).toBe(result);
  });
  test('more than ten MX hosts are still a permerror', async () => {
    const hosts = many(11, (i) => `m${i}.example`);
    const data = of('v=spf1 mx -all', {
      'example.org': { TXT: ['v=spf1 mx -all'], MX: hosts.map((host) => [10, host] as const) },
      '*.example': { A: ['198.51.100.1'] },
    });
    expect((await ask(data)).result).toBe('permerror');
  });
});

describe('the identity', () => {
  test.each<[string, Subject, string, string, string]>([
    ['the sender → its domain', {}, 'mailfrom', 'example.org', 'pass'],
    ['an empty sender → the HELO name', { from: '' }, 'helo', 'mail.example.org', 'softfail'],
    ['no sender → the HELO name', { from: null }, 'helo', 'mail.example.org', 'softfail'],
    ['<> → the HELO name', { from: '<>' }, 'helo', 'mail.example.org', 'softfail'],
    ['angle brackets → taken off', { from: '<alice@example.org>' }, 'mailfrom', 'example.org', 'pass'],
    ['a trailing dot → taken off', { from: 'alice@example.org.' }, 'mailfrom', 'example.org', 'pass'],
    ['upper case → the same domain', { from: 'Alice@EXAMPLE.Org' }, 'mailfrom', 'example.org', 'pass'],
    [
      'a quoted local part with an @ → the domain behind the last one',
      { from: '"a@b.example"@example.org' },
      'mailfrom',
      'example.org',
      'pass',
    ],
    ['no local part → postmaster', { from: '@example.org' }, 'mailfrom', 'example.org', 'pass'],
    ['a U-label → its A-label', { from: 'a@bücher.example' }, 'mailfrom', 'xn--bcher-kva.example', 'fail'],
    ['an address literal → none', { from: 'a@[192.0.2.1]' }, 'mailfrom', '[192.0.2.1]', 'none'],
    ['a single label → none', { from: 'a@localhost' }, 'mailfrom', 'localhost', 'none'],
    ['an empty label → none', { from: 'a@example..org' }, 'mailfrom', 'example..org', 'none'],
    ['a label of 64 → none', { from: `a@${'x'.repeat(64)}.org` }, 'mailfrom', `${'x'.repeat(64)}.org`, 'none'],
    ['a HELO that is an address → none', { from: '', helo: '192.0.2.1' }, 'helo', '192.0.2.1', 'none'],
    ['a HELO that is a literal → none', { from: '', helo: '[IPv6:2001:db8::1]' }, 'helo', '[ipv6:2001:db8::1]', 'none'],
    ['an empty HELO → none', { from: '', helo: '' }, 'helo', '', 'none'],
    ['an IPv4-mapped client → its IPv4 address', { ip: '::ffff:192.0.2.1' }, 'mailfrom', 'example.org', 'pass'],
    ['an IPv6 client → no ip4 term holds it', { ip: '2001:db8::1' }, 'mailfrom', 'example.org', 'fail'],
    ['what is no address → permerror', { ip: 'unix' }, 'mailfrom', 'example.org', 'permerror'],
  ])('%s', async (_, subject, identity, domain, result) => {
    const data = {
      'example.org': txt('v=spf1 ip4:192.0.2.1 -all'),
      'mail.example.org': txt('v=spf1 ~all'),
      'xn--bcher-kva.example': txt('v=spf1 -all'),
    };
    expect(await ask(data, subject)).toMatchObject({ identity, domain, result });
  });
});

describe('what mailauth alone answers wrongly', () => {
  test('a sender domain with an underscore → its record counts', async () => {
    const data = { '_mail.example.org': txt('v=spf1 ip4:192.0.2.1 -all') };
    expect(await ask(data, { from: 'a@_mail.example.org' })).toMatchObject({
      result: 'pass',
      domain: '_mail.example.org',
    });
    expect(await ask(data, { from: 'a@_mail.example.org', ip: '198.51.100.1' })).toMatchObject({ result: 'fail' });
  });

  test('an MX host that is an address → does not match, and is no error', async () => {
    const data = {
      'example.org': {
        TXT: ['v=spf1 mx ip4:192.0.2.1 -all'],
        MX: [
          [10, '192.0.2.9'],
          [20, '2001:db8::9'],
        ],
      },
    } as ZoneData;
    expect(await ask(data)).toMatchObject({ result: 'pass', term: 'ip4:192.0.2.1' });
    expect(await ask(data, { ip: '192.0.2.9' })).toMatchObject({ result: 'fail', term: '-all' });
  });

  test.each([
    ['%{lr+-/}', 'a+b-c/d.e', 'd.e.c.b.a'],
    ['%{l+-/}', 'a+b-c/d.e', 'a.b.c.d.e'],
    ['%{l1r+-/}', 'a+b-c,d', 'a'],
    ['%{l-}', 'a-b', 'a.b'],
    ['%{l.-_}', 'a_b-c.d', 'a.b.c.d'],
  ])('delimiters %s of %s → a set, not a range: %s', async (macro, localPart, expanded) => {
    const data = of(`v=spf1 exists:${macro}.m.example -all`, { [`${expanded}.m.example`]: { A: ['127.0.0.2'] } });
    expect(await ask(data, { from: `${localPart}@example.org` })).toMatchObject({ result: 'pass' });
  });

  test('a literal percent sign before a brace → stays as it is', async () => {
    const data = of('v=spf1 exp=why.example.org -all', { 'why.example.org': txt('100%%{lr+-/}') });
    expect((await ask(data)).explanation).toBe('100%{lr+-/}');
  });

  test.each([['a name server that never answers', 'silent' as const]])('%s → temperror in time', async (_, outcome) => {
    expect(await ask({ 'example.org': outcome })).toMatchObject({
      result: 'temperror',
      reason: 'no result within the time allowed',
    });
  });
});

describe('the record', () => {
  test.each<[string, ZoneData, string]>([
    ['none → none', { 'example.org': txt('hello') }, 'none'],
    ['no such domain → none', {}, 'none'],
    ['two → permerror', { 'example.org': txt('v=spf1 -all', 'v=spf1 +all') }, 'permerror'],
    [
      'in several strings → joined without a space',
      { 'example.org': { TXT: [['v=spf1 ip4:192.', '0.2.1 -all']] } },
      'pass',
    ],
    ['v=spf10 → none', of('v=spf10 -all'), 'none'],
    ['upper case → read', of('V=SPF1 IP4:192.0.2.1 -ALL'), 'pass'],
    ['outside ASCII → permerror', of('v=spf1 é -all'), 'permerror'],
    ['an unknown mechanism behind a match → permerror', of('v=spf1 ip4:192.0.2.1 moo -all'), 'permerror'],
    ['an unknown modifier → ignored', of('v=spf1 moo=cow ip4:192.0.2.1 -all'), 'pass'],
    ['nothing matches → neutral', of('v=spf1 ip4:198.51.100.1'), 'neutral'],
    ['?all → neutral', of('v=spf1 ?all'), 'neutral'],
    ['two redirects → permerror', of('v=spf1 redirect=a.example redirect=b.example'), 'permerror'],
    ['redirect to no record → permerror', of('v=spf1 redirect=a.example'), 'permerror'],
    ['redirect beside all → ignored', of('v=spf1 redirect=a.example ~all'), 'softfail'],
    ['redirect → that record', of('v=spf1 redirect=a.example', { 'a.example': txt('v=spf1 ~all') }), 'softfail'],
    ['include of no record → permerror', of('v=spf1 include:a.example -all'), 'permerror'],
    [
      'include that fails → goes on',
      of('v=spf1 include:a.example ~all', { 'a.example': txt('v=spf1 -all') }),
      'softfail',
    ],
    [
      'include that times out → temperror',
      of('v=spf1 include:a.example ~all', { 'a.example': 'timeout' }),
      'temperror',
    ],
    [
      'a with a prefix length → holds its neighbours',
      { 'example.org': { TXT: ['v=spf1 a/24 -all'], A: ['192.0.2.77'] } },
      'pass',
    ],
    [
      'a server failure for an a → temperror',
      { 'example.org': { TXT: ['v=spf1 a -all'], A: 'temperror' } },
      'temperror',
    ],
    ['null MX → does not match', { 'example.org': { TXT: ['v=spf1 mx -all'], MX: [[0, '']] } }, 'fail'],
    ['a prefix of 33 → permerror', of('v=spf1 ip4:192.0.2.0/33 -all'), 'permerror'],
    ['the r macro outside exp → permerror', of('v=spf1 exists:%{r}.example -all'), 'permerror'],
  ])('%s', async (_, data, result) => {
    expect(await ask(data)).toMatchObject({ result });
  });

  test('the eleventh PTR name → not looked at', async () => {
    const names = [...many(10, (i) => `h${i}.example`), 'mail.example.org'];
    const data = of('v=spf1 ptr ~all', {
      '1.2.0.192.in-addr.arpa': { PTR: names },
      'mail.example.org': { A: [CLIENT] },
    });
    expect(await ask(data)).toMatchObject({ result: 'softfail' });
  });
});

describe('the limits', () => {
  test.each<[string, ZoneData, string]>([
    [
      '10 includes → taken',
      of(`v=spf1 ${many(10, (i) => `include:i${i}.example`).join(' ')} ~all`, included(10, 'v=spf1 -all')),
      'softfail',
    ],
    [
      '11 includes → permerror',
      of(`v=spf1 ${many(11, (i) => `include:i${i}.example`).join(' ')} ~all`, included(11, 'v=spf1 -all')),
      'permerror',
    ],
    [
      'a match before the eleventh term → taken',
      of(`v=spf1 ${many(11, (i) => `include:i${i}.example`).join(' ')} ~all`, {
        ...included(11, 'v=spf1 -all'),
        'i3.example': txt('v=spf1 +all'),
      }),
      'pass',
    ],
    ['an include of itself → permerror', of('v=spf1 include:example.org ~all'), 'permerror'],
    ['a redirect to itself → permerror', of('v=spf1 redirect=example.org'), 'permerror'],
    ['2 terms that find nothing → taken', of('v=spf1 a:v1.example a:v2.example ~all'), 'softfail'],
    [
      '3 terms that find nothing → permerror',
      of('v=spf1 a:v1.example a:v2.example exists:v3.example ~all'),
      'permerror',
    ],
    ['the same void question thrice → permerror', of('v=spf1 a:v.example a:v.example a:v.example ~all'), 'permerror'],
    [
      '10 hosts of an MX, none with an address → taken',
      {
        'example.org': { TXT: ['v=spf1 mx ~all'], MX: many(10, (i) => `h${i}.example`).map((h, i) => [i, h] as const) },
      },
      'softfail',
    ],
    [
      '11 hosts of an MX → permerror',
      {
        'example.org': { TXT: ['v=spf1 mx ~all'], MX: many(11, (i) => `h${i}.example`).map((h, i) => [i, h] as const) },
      },
      'permerror',
    ],
  ])('%s', async (_, data, result) => {
    expect(await ask(data)).toMatchObject({ result });
    expect(await ask(data, {}, { lookAhead: false })).toMatchObject({ result });
  });

  test('look-ups may be raised', async () => {
    const data = of(`v=spf1 ${many(12, (i) => `include:i${i}.example`).join(' ')} ~all`, included(12, 'v=spf1 -all'));
    expect(await ask(data, {}, { lookups: 12 })).toMatchObject({ result: 'softfail', lookups: { terms: 12 } });
  });

  test('silence behind a matching term → is not waited for', async () => {
    const data = of('v=spf1 a:here.example include:silent.example -all', {
      'here.example': { A: [CLIENT] },
      'silent.example': 'silent',
    });
    expect(await ask(data)).toMatchObject({ result: 'pass', term: 'a:here.example' });
  });

  test('an explanation that never comes → still the fail', async () => {
    const data = of('v=spf1 -all exp=why.example.org', { 'why.example.org': 'silent' });
    const outcome = await ask(data);
    expect(outcome).toMatchObject({ result: 'fail' });
    expect(outcome.explanation).toBeUndefined();
  });

  test('a deadline of its own → temperror then', async () => {
    const clock = fixedClock();
    const began = clock.now();
    const env = { dns: zone({ 'example.org': 'silent' }, { clock }), clock };
    const outcome = await clock.until(
      checkHost({ ip: CLIENT, helo: '', mailFrom: 'a@example.org' }, env, { timeoutMs: 300 }),
    );
    expect([outcome.result, clock.now() - began, clock.pending]).toEqual(['temperror', 300, 0]);
  });

  test('given up by its signal → temperror', async () => {
    const control = new AbortController();
    const clock = fixedClock();
    const env = { dns: zone({ 'example.org': 'silent' }, { clock }), clock };
    const running = checkHost({ ip: CLIENT, helo: '', mailFrom: 'a@example.org' }, env, { signal: control.signal });
    control.abort();
    expect(await running).toMatchObject({ result: 'temperror', reason: 'aborted' });
    expect(clock.pending).toBe(0);
  });

  test.each<[string, DnsResolver]>([
    ['a resolver that rejects → temperror', { resolve: () => Promise.reject(new Error('broken')) }],
    [
      'a resolver that throws → temperror',
      {
        resolve: () => {
          throw new Error('broken');
        },
      },
    ],
  ])('%s', async (_, dns) => {
    const outcome = await checkHost({ ip: CLIENT, helo: '', mailFrom: 'a@example.org' }, { dns, clock: fixedClock() });
    expect(outcome).toMatchObject({ result: 'temperror', reason: 'TXT example.org: broken' });
  });

  test('a record of 64 KB → judged', async () => {
    const long = `v=spf1 ${many(4000, (i) => `ip4:10.${i >> 8}.${i & 255}.1`).join(' ')} -all`;
    expect(await ask(of(long))).toMatchObject({ result: 'fail' });
    expect(await ask(of(`v=spf1 ${'a=b '.repeat(16_000)}-all`))).toMatchObject({ result: 'fail' });
    expect(await ask(of(`v=spf1 exists:${'%{'.repeat(30_000)} -all`))).toMatchObject({ result: 'permerror' });
    expect(await ask(of(`v=spf1 a:${'a.'.repeat(30_000)}example -all`))).toMatchObject({ result: 'fail' });
    expect(await ask(of(`v=spf1 mx:a.example${'/1'.repeat(30_000)} -all`))).toMatchObject({ result: 'permerror' });
  });

  test('a thousand addresses of one host → all looked at', async () => {
    const addresses = many(1000, (i) => `10.0.${i >> 8}.${i & 255}`);
    expect(await ask({ 'example.org': { TXT: ['v=spf1 a -all'], A: [...addresses, CLIENT] } })).toMatchObject({
      result: 'pass',
    });
  });
});

describe('what is told', () => {
  test.each<[string, ZoneData, Partial<SpfOutcome>]>([
    ['-all → the term', of('v=spf1 -all'), { result: 'fail', term: '-all', matched: ['-all'] }],
    [
      'an include → the way to the match',
      of('v=spf1 include:i0.example -all', included(1, 'v=spf1 ip4:192.0.2.0/24')),
      { matched: ['include:i0.example', 'ip4:192.0.2.0/24'], term: 'include:i0.example' },
    ],
    [
      'one of several a → the one',
      of('v=spf1 a:b.example/30 a:c.example/24 -all', {
        'b.example': { A: ['10.0.0.1'] },
        'c.example': { A: ['192.0.2.200'] },
      }),
      { term: 'a:c.example/24' },
    ],
    [
      'an mx → its term',
      { 'example.org': { TXT: ['v=spf1 ~mx -all'], MX: [[1, 'h.example']] }, 'h.example': { A: [CLIENT] } },
      { result: 'softfail', term: '~mx' },
    ],
    [
      'a macro → the term as written',
      of('v=spf1 exists:%{ir}.x.example -all', { '1.2.0.192.x.example': { A: ['127.0.0.2'] } }),
      { term: 'exists:%{ir}.x.example' },
    ],
    [
      'behind a redirect → the term there',
      of('v=spf1 redirect=i0.example', included(1, 'v=spf1 a:b.example ~all')),
      { result: 'softfail', term: '~all' },
    ],
    ['the local part was used → said', of('v=spf1 exists:%{l}.x.example ~all'), { localPartUsed: true }],
    ['too many terms → why', of('v=spf1 redirect=example.org'), { reason: 'more than 10 terms with DNS lookups' }],
  ])('%s', async (_, data, told) => {
    expect(await ask(data)).toMatchObject(told);
  });

  test('nothing matched → no term', async () => {
    expect(await ask(of('v=spf1 ip4:198.51.100.1'))).not.toHaveProperty('term');
  });

  test('the evidence is what the result rests on, in order', async () => {
    const data = of('v=spf1 a:b.example include:i0.example -all', {
      ...included(1, 'v=spf1 +all'),
      'b.example': { A: ['10.0.0.1'] },
    });
    expect((await ask(data)).evidence).toEqual([
      { name: 'example.org', type: 'TXT', status: 'found', records: ['v=spf1 a:b.example include:i0.example -all'] },
      { name: 'b.example', type: 'A', status: 'found', records: ['10.0.0.1'] },
      { name: 'i0.example', type: 'TXT', status: 'found', records: ['v=spf1 +all'] },
    ]);
  });

  test.each<[string, string, readonly string[] | undefined]>([
    ['+all', 'v=spf1 +all', ['+all']],
    ['all', 'v=spf1 all', ['all']],
    ['all in an include', 'v=spf1 include:open.example -all', ['+all']],
    ['0.0.0.0/0', 'v=spf1 ip4:0.0.0.0/0 -all', ['ip4:0.0.0.0/0']],
    ['two halves', 'v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all', ['ip4:0.0.0.0/1', 'ip4:128.0.0.0/1']],
    ['a /8 → not', 'v=spf1 ip4:10.0.0.0/8 -all', undefined],
    ['two /8', 'v=spf1 ip4:10.0.0.0/8 ip4:11.0.0.0/8 -all', ['ip4 total']],
    ['a/0', 'v=spf1 a/0 -all', ['a/0']],
    ['mx//0', 'v=spf1 mx//0 -all', ['mx//0']],
    ['ip6 /3', 'v=spf1 ip6:2000::/3 -all', ['ip6:2000::/3']],
    ['-ip4:0.0.0.0/0 → not', 'v=spf1 -ip4:0.0.0.0/0', undefined],
    ['?all → not', 'v=spf1 ?all', undefined],
  ])('over-broad: %s', async (_, record, broad) => {
    const data: ZoneData = {
      'example.org': { TXT: [record], A: ['192.0.2.1'], MX: [[1, 'example.org']] },
      'open.example': txt('v=spf1 +all'),
    };
    expect((await ask(data)).broad).toEqual(broad);
  });

  test('an explanation is expanded, with the time of the clock it was given', async () => {
    const data = of('v=spf1 -all exp=why.%{d}', { 'why.example.org': txt('%{i} is not %{o}; ask %{r} at %{t}') });
    const clock = fixedClock(1_900_000_000_000);
    const subject = { ip: CLIENT, helo: 'h.example', mailFrom: 'a@example.org' };
    const outcome = await checkHost(subject, { dns: zone(data), clock }, { receiver: 'mx.test' });
    expect(outcome.explanation).toBe('192.0.2.1 is not example.org; ask mx.test at 1900000000');
  });

  test('an outcome survives JSON', async () => {
    const outcome = await ask(of('v=spf1 include:i0.example -all', included(1, 'v=spf1 +all')));
    expect(JSON.parse(JSON.stringify(outcome))).toEqual(outcome);
  });
});

test.each([
  [{ timeoutMs: 0 }, 'checkHost: timeoutMs must be a positive number, got 0'],
  [{ lookups: 1.5 }, 'checkHost: lookups must be a whole number from 0 to 100, got 1.5'],
  [{ voids: -1 }, 'checkHost: voids must be a whole number from 0 to 100, got -1'],
  [{ receiver: 'a b' }, 'checkHost: receiver must be a host name like "mx.example.org", got "a b"'],
])('a wrong option %j → TypeError', async (options, message) => {
  const env = { dns: zone({}), clock: fixedClock() };
  await expect(checkHost({ ip: CLIENT, helo: '', mailFrom: '' }, env, options)).rejects.toThrow(new TypeError(message));
});
