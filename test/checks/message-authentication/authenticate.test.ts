import {
  type AuthenticateOptions,
  authenticateMessage,
  type MessageAuthentication,
  type SpfFact,
} from 'postern/checks/message-authentication';
import { fixedClock, type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';
import { NOW, plain, records, seal, sign } from './mail.ts';

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);
const at = (key: keyof typeof records, domain: string): ZoneData => ({
  [`${key}._domainkey.${domain}`]: { TXT: [records[key]] },
});
const policy = (record: string, domain = 'example.org'): ZoneData => ({ [`_dmarc.${domain}`]: { TXT: [record] } });

function examine(
  message: string | Uint8Array | AsyncIterable<Uint8Array>,
  data: ZoneData = {},
  spf?: SpfFact,
  options: AuthenticateOptions = {},
): Promise<MessageAuthentication> {
  const clock = fixedClock(NOW);
  const raw = typeof message === 'string' ? octets(message) : message;
  return clock.until(authenticateMessage({ raw, spf }, { dns: zone(data, { clock }), clock }, options));
}
const passes = (domain: string): SpfFact => ({ result: 'pass', domain, identity: 'mailfrom' });

test('a clock that stands still → a message with many signatures and seals is examined', async () => {
  let message = plain();
  for (let i = 0; i < 4; i++) message = await sign(message, 'example.org', i % 2 === 0 ? 'rsa' : 'ed25519');
  message = await seal(message, 'lists.example.net', 'mx.example.net; dmarc=pass');
  const dns = zone({
    ...at('rsa', 'example.org'),
    ...at('ed25519', 'example.org'),
    ...at('rsa', 'lists.example.net'),
    ...policy('v=DMARC1; p=reject'),
  });
  const { dkim, arc, dmarc } = await authenticateMessage({ raw: octets(message) }, { dns, clock: fixedClock(NOW) });
  expect(dkim.map(({ result }) => result)).toEqual(['pass', 'pass', 'pass', 'pass']);
  expect([arc.result, dmarc.result]).toEqual(['pass', 'pass']);
});

describe('signatures', () => {
  test.each<[string, () => Promise<string>, ZoneData, object]>([
    [
      'RSA → pass',
      () => sign(plain(), 'example.org'),
      at('rsa', 'example.org'),
      { result: 'pass', domain: 'example.org', selector: 'rsa', algorithm: 'rsa-sha256' },
    ],
    [
      'Ed25519 → pass',
      () => sign(plain(), 'example.org', 'ed25519'),
      at('ed25519', 'example.org'),
      { result: 'pass', algorithm: 'ed25519-sha256' },
    ],
    [
      'simple/simple → pass',
      () => sign(plain(), 'example.org', 'rsa', { canonicalization: 'simple/simple' }),
      at('rsa', 'example.org'),
      { result: 'pass' },
    ],
    [
      'a changed body → fail',
      async () => `${await sign(plain(), 'example.org')}more\r\n`,
      at('rsa', 'example.org'),
      { result: 'fail', reason: 'body hash did not verify' },
    ],
    [
      'a changed header → fail',
      async () => (await sign(plain(), 'example.org')).replace('Subject: Test', 'Subject: Tost'),
      at('rsa', 'example.org'),
      { result: 'fail', reason: 'bad signature' },
    ],
    [
      'another key → fail',
      () => sign(plain(), 'example.org'),
      { 'rsa._domainkey.example.org': { TXT: [records.rsa.replace(/.{20}$/, 'AAAAAAAAAAAAAAAAIDAQAB'.slice(-20))] } },
      {},
    ],
    ['no key → neutral', () => sign(plain(), 'example.org'), {}, { result: 'neutral', reason: 'no key' }],
    [
      'a key that is revoked → neutral',
      () => sign(plain(), 'example.org'),
      { 'rsa._domainkey.example.org': { TXT: ['v=DKIM1; p='] } },
      { result: 'neutral' },
    ],
    [
      'a key that is noise → neutral',
      () => sign(plain(), 'example.org'),
      { 'rsa._domainkey.example.org': { TXT: ['v=DKIM1; p=!!!!'] } },
      { result: 'neutral' },
    ],
    [
      'no answer for the key → temperror',
      () => sign(plain(), 'example.org'),
      { 'rsa._domainkey.example.org': 'temperror' },
      { result: 'temperror' },
    ],
    [
      'a key of 512 bits → policy',
      () => sign(plain(), 'example.org', 'weak'),
      at('weak', 'example.org'),
      { result: 'policy', reason: 'weak-key' },
    ],
    [
      'expired → neutral',
      () => sign(plain(), 'example.org', 'rsa', { expires: NOW - 1_000 }),
      at('rsa', 'example.org'),
      { result: 'neutral', reason: 'expired' },
    ],
    [
      'a body longer than is signed → policy',
      async () => `${await sign(plain(), 'example.org', 'rsa', { maxBodyLength: 3 })}`,
      at('rsa', 'example.org'),
      { result: 'policy', unsigned: 4, reason: 'part of the body is not signed' },
    ],
    [
      'l= and nothing unsigned → pass',
      async () => `${await sign(plain(), 'example.org', 'rsa', { maxBodyLength: 7 })}`,
      at('rsa', 'example.org'),
      { result: 'pass' },
    ],
    ['none → none', async () => plain(), {}, { result: 'none' }],
    ['noise → neutral', async () => `DKIM-Signature: ;;;=;v=1;=\r\n${plain()}`, {}, { result: 'neutral' }],
  ])('%s', async (_, message, data, expected) => {
    const { dkim } = await examine(await message(), data);
    expect(dkim).toHaveLength(1);
    expect(dkim[0]).toMatchObject(expected);
  });

  test('bare LF, in pieces of one octet → the same', async () => {
    const message = octets(
      (await sign(plain('alice@example.org', 'a\r\n\r\nb\r\n'), 'example.org')).replaceAll('\r\n', '\n'),
    );
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (const octet of message) yield Uint8Array.of(octet);
    }
    for (const source of [message, pieces()])
      expect((await examine(source, at('rsa', 'example.org'))).dkim[0]).toMatchObject({ result: 'pass' });
  });

  test('all keys are asked for at once', async () => {
    const clock = fixedClock(NOW);
    let message = plain();
    for (const i of [1, 2, 3, 4]) message = await sign(message, `d${i}.example`);
    const data = Object.assign({}, ...[1, 2, 3, 4].map((i) => at('rsa', `d${i}.example`)), policy('v=DMARC1; p=none'));
    const dns = zone(data, { clock, delayMs: 100 });
    const found = await clock.until(authenticateMessage({ raw: octets(message) }, { dns, clock }));
    expect(found.dkim.map(({ result }) => result)).toEqual(['pass', 'pass', 'pass', 'pass']);
    // One round trip for the keys and the policies: example.org and org.
    expect(clock.now() - NOW).toBe(100);
  });
});

describe('DMARC', () => {
  test.each<[string, string, ZoneData, SpfFact | undefined, object]>([
    ['no record → none', plain(), {}, undefined, { result: 'none', domain: 'example.org' }],
    [
      'SPF of the same domain → pass',
      plain(),
      policy('v=DMARC1; p=reject'),
      passes('example.org'),
      { result: 'pass', policy: 'reject', aligned: { spf: 'example.org' } },
    ],
    [
      'SPF of a subdomain → pass',
      plain(),
      policy('v=DMARC1; p=reject'),
      passes('bounce.example.org'),
      { result: 'pass' },
    ],
    [
      'SPF of a subdomain, strictly → fail',
      plain(),
      policy('v=DMARC1; p=reject; aspf=s'),
      passes('bounce.example.org'),
      { result: 'fail' },
    ],
    [
      'SPF of another domain → fail',
      plain(),
      policy('v=DMARC1; p=reject'),
      passes('example.net'),
      { result: 'fail', policy: 'reject' },
    ],
    [
      'SPF that fails → fail',
      plain(),
      policy('v=DMARC1; p=quarantine'),
      { result: 'fail', domain: 'example.org' },
      { result: 'fail', policy: 'quarantine' },
    ],
    [
      'a subdomain → sp',
      plain('a@news.example.org'),
      policy('v=DMARC1; p=reject; sp=none'),
      undefined,
      { result: 'fail', policy: 'none', policyDomain: 'example.org', published: { p: 'reject', sp: 'none' } },
    ],
    [
      'a subdomain that does not exist → np',
      plain('a@gone.example.org'),
      policy('v=DMARC1; p=none; np=reject'),
      undefined,
      { result: 'fail', policy: 'reject' },
    ],
    [
      't=y → one step weaker',
      plain(),
      policy('v=DMARC1; p=reject; t=y'),
      undefined,
      { result: 'fail', policy: 'quarantine', weakened: 'testing' },
    ],
    [
      'pct=0 → one step weaker',
      plain(),
      policy('v=DMARC1; p=reject; pct=0'),
      undefined,
      { result: 'fail', policy: 'quarantine', weakened: 'pct' },
    ],
    [
      'pct=100 → as published',
      plain(),
      policy('v=DMARC1; p=reject; pct=100'),
      undefined,
      { result: 'fail', policy: 'reject' },
    ],
    [
      'names of tags in any case → the same',
      plain('a@news.example.org'),
      policy('V=DMARC1; P=reject; Sp=Quarantine; ASPF=s'),
      passes('example.org'),
      { result: 'fail', policy: 'quarantine', published: { p: 'reject', sp: 'quarantine' } },
    ],
    ['PCT=0 → one step weaker', plain(), policy('v=DMARC1; p=reject; PCT=0'), undefined, { policy: 'quarantine' }],
    [
      'pct=150, or no number → as published',
      plain(),
      policy('v=DMARC1; p=reject; pct=150'),
      undefined,
      { policy: 'reject' },
    ],
    ['pct that is none → as published', plain(), policy('v=DMARC1; p=reject; pct=x'), undefined, { policy: 'reject' }],
    [
      'a policy of the domain itself → not its parent’s',
      plain('a@news.example.org'),
      { ...policy('v=DMARC1; p=reject'), ...policy('v=DMARC1; p=none', 'news.example.org') },
      undefined,
      { result: 'fail', policy: 'none', policyDomain: 'news.example.org' },
    ],
    [
      'domains under one public suffix → do not align',
      plain('a@one.co.uk'),
      policy('v=DMARC1; p=reject', 'one.co.uk'),
      passes('two.co.uk'),
      { result: 'fail', policy: 'reject' },
    ],
    [
      'a public suffix that says so → its own policy for what is below',
      plain('a@one.bank'),
      policy('v=DMARC1; p=reject; psd=y', 'bank'),
      passes('two.bank'),
      { result: 'fail', policy: 'reject', policyDomain: 'bank' },
    ],
    ...(
      [
        ['without p', 'v=DMARC1; sp=reject'],
        ['with an unknown policy', 'v=DMARC1; p=refuse'],
        ['with a tag twice', 'v=DMARC1; p=reject; p=none'],
        ['with a tag twice in other case', 'v=DMARC1; p=reject; P=none'],
        ['that is noise', 'v=DMARC1 p=reject'],
      ] as const
    ).map(([what, record]): [string, string, ZoneData, SpfFact | undefined, object] => [
      `a record ${what} → permerror, a third party’s fault`,
      plain(),
      policy(record),
      undefined,
      { result: 'permerror', fault: 'third-party', reason: 'the DMARC record is invalid' },
    ]),
    [
      'two records → permerror, a third party’s fault',
      plain(),
      { '_dmarc.example.org': { TXT: ['v=DMARC1; p=reject', 'v=DMARC1; p=none'] } },
      undefined,
      { result: 'permerror', fault: 'third-party' },
    ],
    ['other text → none', plain(), policy('v=spf1 -all'), undefined, { result: 'none' }],
    ['no answer → temperror', plain(), { '_dmarc.example.org': 'temperror' }, undefined, { result: 'temperror' }],
    [
      'no answer for the parent → temperror',
      plain('a@news.example.org'),
      { '_dmarc.example.org': 'temperror' },
      undefined,
      { result: 'temperror' },
    ],
    [
      'no From → permerror',
      'Subject: x\r\n\r\nhi\r\n',
      {},
      undefined,
      { result: 'permerror', fault: 'sender', reason: 'no From field' },
    ],
    [
      'two From fields → permerror',
      `From: b@example.net\r\n${plain()}`,
      {},
      undefined,
      { result: 'permerror', fault: 'sender', reason: 'multiple From fields' },
    ],
    [
      'authors of two domains → permerror',
      plain('a@example.org, b@example.net'),
      {},
      undefined,
      { result: 'permerror', fault: 'sender', reason: 'multiple author domains' },
    ],
    [
      'a From field without end → permerror',
      plain(`${'a@example.org, '.repeat(4000)}b@example.org`),
      policy('v=DMARC1; p=reject'),
      passes('example.org'),
      { result: 'permerror', fault: 'sender', reason: 'From field too long' },
    ],
    [
      'a display name that is another address → the address counts',
      plain('"ceo@bank.example" <a@example.org>'),
      policy('v=DMARC1; p=reject'),
      passes('bank.example'),
      { result: 'fail', domain: 'example.org' },
    ],
  ])('%s', async (_, message, data, spf, expected) => {
    expect((await examine(message, data, spf)).dmarc).toMatchObject(expected);
  });

  test('pct → about that part of the messages, and the same one always alike', async () => {
    const policies = await Promise.all(
      Array.from({ length: 60 }, (_, i) => `X-Number: ${i}\r\n${plain()}`).map(async (message) => {
        const [one, other] = [
          await examine(message, policy('v=DMARC1; p=reject; pct=30')),
          await examine(message, policy('v=DMARC1; p=reject; pct=30')),
        ];
        expect(one.dmarc).toEqual(other.dmarc);
        return one.dmarc.policy;
      }),
    );
    const refused = policies.filter((word) => word === 'reject').length;
    expect(refused).toBeGreaterThan(5);
    expect(refused).toBeLessThan(35);
  });

  test('a signature of the author → pass, and marked', async () => {
    const found = await examine(await sign(plain(), 'example.org'), {
      ...at('rsa', 'example.org'),
      ...policy('v=DMARC1; p=reject'),
    });
    expect(found.dmarc).toMatchObject({ result: 'pass', aligned: { dkim: 'example.org' } });
    expect(found.dkim[0]).toMatchObject({ aligned: true });
  });

  test('a signature of somebody else → fail', async () => {
    const found = await examine(await sign(plain(), 'example.net'), {
      ...at('rsa', 'example.net'),
      ...policy('v=DMARC1; p=reject'),
    });
    expect(found.dmarc).toMatchObject({ result: 'fail', policy: 'reject' });
    expect(found.dkim[0]).toMatchObject({ result: 'pass' });
  });

  test('what goes into an Authentication-Results field', async () => {
    const found = await examine(await sign(plain(), 'example.org'), {
      ...at('rsa', 'example.org'),
      ...policy('v=DMARC1; p=reject'),
    });
    expect(found.authentication).toEqual([
      {
        method: 'dkim',
        result: 'pass',
        properties: [
          ['header.d', 'example.org'],
          ['header.s', 'rsa'],
          ['header.a', 'rsa-sha256'],
          ['header.b', found.dkim[0]?.signature],
        ],
      },
      {
        method: 'dmarc',
        result: 'pass',
        properties: [
          ['header.from', 'example.org'],
          ['policy.dmarc', 'reject'],
        ],
      },
    ]);
    expect(JSON.parse(JSON.stringify(found))).toEqual(found);
  });
});

describe('ARC', () => {
  const world: ZoneData = {
    ...at('rsa', 'example.org'),
    ...at('rsa', 'lists.example'),
    ...at('rsa', 'evil.example'),
    ...policy('v=DMARC1; p=reject'),
  };
  const trust = { trustedSealers: ['lists.example'] };
  /** A list that takes a signed message, seals it and adds a footer before that. */
  const through = async (list: string, results: string, cv = 'none', message?: string): Promise<string> =>
    seal(message ?? `${await sign(plain(), 'example.org')}-- \r\nThe list\r\n`, list, results, cv);

  test('a list that is trusted and found a pass → overridden', async () => {
    const found = await examine(
      await through('lists.example', 'lists.example; dmarc=pass header.from=example.org'),
      world,
      undefined,
      trust,
    );
    expect(found.arc).toEqual({ result: 'pass', instance: 1, sealers: ['lists.example'], trusted: true });
    expect(found.dmarc).toMatchObject({
      result: 'fail',
      policy: 'reject',
      override: { by: 'arc', sealer: 'lists.example' },
    });
  });
  test.each<[string, () => Promise<string>, AuthenticateOptions]>([
    [
      'a list that nobody trusts',
      () => through('lists.example', 'lists.example; dmarc=pass header.from=example.org'),
      {},
    ],
    [
      'a trusted list that found a fail',
      () => through('lists.example', 'lists.example; dmarc=fail header.from=example.org'),
      trust,
    ],
    [
      'a trusted list that speaks of another author',
      () => through('lists.example', 'lists.example; dmarc=pass header.from=example.net'),
      trust,
    ],
    [
      'a forger behind whom a trusted name stands',
      async () =>
        through(
          'evil.example',
          'evil.example; dmarc=pass header.from=example.org',
          'pass',
          await through('lists.example', 'lists.example; dmarc=pass header.from=example.org'),
        ),
      trust,
    ],
    [
      'a seal that is broken',
      async () =>
        (await through('lists.example', 'lists.example; dmarc=pass header.from=example.org')).replace(
          /dmarc=pass/,
          'dmarc=none',
        ),
      trust,
    ],
    [
      'a body that was changed after the seal',
      async () => `${await through('lists.example', 'lists.example; dmarc=pass header.from=example.org')}more\r\n`,
      trust,
    ],
  ])('%s → not overridden', async (_, message, options) => {
    const { dmarc } = await examine(await message(), world, undefined, options);
    expect(dmarc).toMatchObject({ result: 'fail' });
    expect(dmarc).not.toHaveProperty('override');
  });
  test('a second trusted list → what the first found counts', async () => {
    const twice = await through(
      'lists.example',
      'lists.example; arc=pass; dmarc=fail header.from=example.org',
      'pass',
      await through('lists.example', 'lists.example; dmarc=pass header.from=example.org'),
    );
    expect((await examine(twice, world, undefined, trust)).dmarc).toMatchObject({ override: { by: 'arc' } });
  });
});

describe('hostile messages', () => {
  test('1,000 signatures → ten are looked at, the author’s own among them', async () => {
    const own = (await sign(plain(), 'example.org')).slice(0, -plain().length);
    const other = (i: number): string =>
      `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=d${i}.example; s=s; h=from; l=${i}; bh=AAAA; b=AAAA\r\n`;
    const message = Array.from({ length: 999 }, (_, i) => other(i)).join('') + own + plain();
    const found = await examine(message, { ...at('rsa', 'example.org'), ...policy('v=DMARC1; p=reject') });
    expect(found.signatures).toEqual({ found: 1000, examined: 10 });
    expect(found.dmarc).toMatchObject({ result: 'pass', aligned: { dkim: 'example.org' } });
    expect(found.questions).toBeLessThan(20);
  });

  test('a signature of 100 KB → not looked at', async () => {
    const message = `DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s; h=${'from:'.repeat(20_000)}to; bh=AA; b=AA\r\n${plain()}`;
    expect((await examine(message)).signatures).toEqual({ found: 1, examined: 0 });
  });

  test.each<[string, Uint8Array]>([
    ['a header of 10 MB in one line', octets(`X: ${'x'.repeat(10_000_000)}`)],
    ['a header of 10 MB in fields', octets('X: y\r\n'.repeat(1_700_000))],
    ['a header of 10 MB in folds', octets(`X: y\r\n${' \r\n'.repeat(3_400_000)}`)],
    ['a header of 10 MB of line feeds and letters', octets('x\n'.repeat(5_000_000))],
  ])('%s → permerror, the sender’s fault', async (_, message) => {
    expect(await examine(message)).toMatchObject({
      dmarc: { result: 'permerror', fault: 'sender' },
      reason: 'the header is too large',
    });
  });

  test.each<[string, string]>([
    ['fields to the limit', 'X: y\r\n'.repeat(9_000)],
    ['folds to the limit', `X: y\r\n${' z\r\n'.repeat(9_000)}`],
    ['one long field', `X: ${'x'.repeat(200_000)}\r\n`],
  ])('a header with %s → looked at', async (_, header) => {
    expect((await examine(header + plain(), policy('v=DMARC1; p=reject'))).dmarc).toMatchObject({ result: 'fail' });
  });

  test('a body of 3 MB → verified', async () => {
    const message = await sign(
      plain('alice@example.org', 'A line of the body, as long as lines are.\r\n'.repeat(72_000)),
      'example.org',
    );
    // The clock stands still: nothing here waits for time, and reading takes more turns than a moving clock grants.
    const env = { dns: zone(at('rsa', 'example.org')), clock: fixedClock(NOW) };
    expect((await authenticateMessage({ raw: octets(message) }, env)).dkim[0]).toMatchObject({ result: 'pass' });
  });

  test('fifty seals by fifty names → bounded', async () => {
    const set = (i: number): string =>
      `ARC-Seal: i=${i}; a=rsa-sha256; cv=${i === 1 ? 'none' : 'pass'}; d=d${i}.example; s=s; b=AA\r\nARC-Message-Signature: i=${i}; a=rsa-sha256; d=d${i}.example; s=s; h=from; bh=AA; b=AA\r\nARC-Authentication-Results: i=${i}; x; none\r\n`;
    const found = await examine(
      Array.from({ length: 50 }, (_, i) => set(50 - i)).join('') + plain(),
      policy('v=DMARC1; p=none'),
    );
    expect(found.arc).toMatchObject({ result: 'fail', instance: 50, reason: 'the chain is too long' });
    expect(found.questions).toBeLessThanOrEqual(10);
  });

  test('a name server that never answers → temperror in time', async () => {
    const clock = fixedClock(NOW);
    const dns = zone({ 'rsa._domainkey.example.org': 'silent', '_dmarc.example.org': 'silent' }, { clock });
    const found = await clock.until(
      authenticateMessage({ raw: octets(await sign(plain(), 'example.org')) }, { dns, clock }, { timeoutMs: 500 }),
    );
    expect([found.dmarc.result, clock.now() - NOW, clock.pending]).toEqual(['temperror', 500, 0]);
  });

  test('a source that stalls → temperror in time', async () => {
    async function* stalling(): AsyncGenerator<Uint8Array> {
      yield octets('From: a@example.org\r\n');
      await new Promise(() => undefined);
    }
    expect((await examine(stalling(), {}, undefined, { timeoutMs: 500 })).dmarc).toMatchObject({ result: 'temperror' });
  });

  test('a source that breaks → temperror, and its words stay inside', async () => {
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield octets('From: a@example.org\r\n');
      throw new Error('gone: /var/spool/1');
    }
    const found = await examine(breaking());
    expect(found).toMatchObject({ dmarc: { result: 'temperror' }, reason: 'the message could not be examined' });
    expect(JSON.stringify(found)).not.toContain('gone');
  });

  test.each([
    '',
    '\r\n',
    '\n',
    '\0\0\0',
    'From',
    ':',
    'From:\r\n\r\n',
    '\u0080\u00ff: \r\n\r\n',
    'From: @\r\n\r\n',
    'From: a@[192.0.2.1]\r\n\r\n',
    'From: =?utf-8?q?a=40b?=\r\n\r\n',
  ])('%j → no exception', async (message) => {
    const { dmarc } = await examine(message);
    expect(['permerror', 'none']).toContain(dmarc.result);
  });
});

test.each<[AuthenticateOptions, string]>([
  [{ signatures: -1 }, 'authenticateMessage: signatures must be a whole number from 0 to 100, got -1'],
  [{ headerBytes: 10 }, 'authenticateMessage: headerBytes must be a whole number from 1000 to 10000000, got 10'],
  [{ timeoutMs: 0 }, 'authenticateMessage: timeoutMs must be a positive number, got 0'],
  [{ trustedSealers: ['a b'] }, 'authenticateMessage: trustedSealers[0] must be a domain name, got "a b"'],
  [{ unsignedText: 'ignore' } as never, 'authenticateMessage: unsignedText must be "refuse" or "accept", got "ignore"'],
  [
    { signature: 3 } as never,
    'authenticateMessage: unknown option signature (known: signatures, timeoutMs, headerBytes, unsignedText, trustedSealers, signal); did you mean signatures?',
  ],
])('a wrong option %j → TypeError', async (options, message) => {
  await expect(
    authenticateMessage({ raw: octets('') }, { dns: zone({}), clock: fixedClock() }, options),
  ).rejects.toThrow(new TypeError(message));
});
