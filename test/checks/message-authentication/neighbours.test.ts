import { fc, test as property } from '@fast-check/vitest';
import { authenticateMessage, type MessageAuthentication } from 'postern/checks/message-authentication';
import { fixedClock, type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';
import { NOW, octets, plain, records, sign, signAs } from './mail.ts';

const numRuns = Number(process.env.POSTERN_FUZZ_RUNS ?? 100);

const world: ZoneData = {
  'rsa._domainkey.example.org': { TXT: [records.rsa] },
  'ed25519._domainkey.example.org': { TXT: [records.ed25519] },
  'weak._domainkey.attack.example': { TXT: [records.weak] },
  'odd._domainkey.attack.example': {
    TXT: ['v=DKIM1; k=rsa; p=MEgCQQ', 'p=!!!', 'v=spf1 -all', ';;;', 'v=DKIM2; p=AA'],
  },
  'down._domainkey.attack.example': 'temperror',
  '_dmarc.example.org': { TXT: ['v=DMARC1; p=reject'] },
};

function examine(message: string): Promise<MessageAuthentication> {
  const clock = fixedClock(NOW);
  return clock.until(authenticateMessage({ raw: octets(message) }, { dns: zone(world, { clock }), clock }));
}

const base: readonly (readonly [string, string])[] = [
  ['v', '1'],
  ['a', 'rsa-sha256'],
  ['c', 'relaxed/relaxed'],
  ['d', 'attack.example'],
  ['s', 'odd'],
  ['h', 'from:to'],
  ['bh', 'AAAA'],
  ['b', 'AAAA'],
];
const oddValue = fc.oneof(
  fc.constantFrom(
    ...['', '/', '/relaxed', 'relaxed/', 'simple/relaxed/simple', 'RELAXED/simple', 'nowsp', '0', '-1', '1e9', 'NaN'],
    ...['1'.repeat(76), '9'.repeat(400), '0x10', '99999999999999', '1893455999', '4102444800', 'true', '\0', '\x7f'],
    ...['rsa-sha1', 'ed25519-sha256', 'rsa', '-', 'dsa-sha256', 'rsa-md5', 'RSA-SHA256', 'rsa--sha256', '__proto__'],
    ...[
      'example.org',
      'sub.example.org',
      '@',
      '@example.org',
      'x@attack.example',
      'a@sub.example.org',
      '=40',
      '..',
      '.',
    ],
    ...['rsa', 'ed25519', 'weak', 'down', 'none_such', '_', 'toString', 'constructor', 'from', 'to:cc', ':', ':::from'],
    ...['dns/txt', 'dns/foo', '!!!', '=', '==', 'AAAA====', 'A A A A', '\t', '\r\n ', 'x'.repeat(3_000), '\xff\xfe'],
    ...['dkim-signature', 'from:'.repeat(1_000), 'subject:subject:subject:from:from:from', '(c) from'],
  ),
  fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.replace(/[\r\n]|[^\0-\xff]/g, '')),
);
const oddName = fc.constantFrom(
  ...['v', 'a', 'b', 'bh', 'c', 'd', 'h', 'i', 'l', 'q', 's', 't', 'x', 'z', 'B', 'D', 'header', 'value', '', ' '],
  ...['__proto__', 'prototype', 'constructor', 'hasOwnProperty', 'toString', '1', 'a-b', '\0'],
);
const changed = fc
  .array(fc.tuple(fc.constantFrom('set', 'add', 'drop', 'first'), oddName, oddValue), { minLength: 0, maxLength: 4 })
  .map((changes) => {
    let tags: (readonly [string, string])[] = [...base];
    for (const [how, name, value] of changes) {
      if (how === 'set') tags = tags.map((tag) => (tag[0] === name ? [name, value] : tag));
      else if (how === 'drop') tags = tags.filter((tag) => tag[0] !== name);
      else if (how === 'add') tags = [...tags, [name, value]];
      else tags = [[name, value], ...tags];
    }
    return tags.map((tag) => tag.join('=')).join('; ');
  });
const raw = fc.oneof(
  changed,
  oddValue,
  fc.constantFrom(';', ';;;', 'v=1', 'v=1;', '=', 'v=1; b', '('.repeat(500), '"', ';'.repeat(2_000)),
);
/** What else a hostile hand may put beside a signature. */
const field = fc.oneof(
  { weight: 8, arbitrary: raw.map((text) => `DKIM-Signature: ${text}`) },
  { weight: 1, arbitrary: raw.map((text) => `dkim-signature : ${text}`) },
  { weight: 1, arbitrary: raw.map((text) => `ARC-Seal: i=1; ${text}`) },
  { weight: 1, arbitrary: raw.map((text) => `ARC-Message-Signature: i=1; ${text}`) },
  { weight: 1, arbitrary: raw.map((text) => `ARC-Authentication-Results: i=1; ${text}`) },
  { weight: 1, arbitrary: oddValue.map((text) => `Content-Type: multipart/mixed; boundary=${text}`) },
  { weight: 1, arbitrary: oddValue.map((text) => `Return-Path: <${text}>`) },
  { weight: 1, arbitrary: oddValue.map((text) => `X-${text}`) },
);
/** As a well-meant copy that is broken: the good signature with tags put before, behind or in the place of its own. */
const relative = fc.tuple(fc.constantFrom('c', 'l', 'x', 'i', 'a', 'h', 'bh', 'b', 't', 'q', 'v', 's', 'd'), oddValue);

describe('a valid signature passes, whatever stands beside it', () => {
  const kinds = [
    ['RSA', 'rsa', 'relaxed/relaxed'],
    ['RSA, simple', 'rsa', 'simple/simple'],
    ['Ed25519', 'ed25519', 'relaxed/simple'],
  ] as const;
  property.prop(
    [
      fc.array(field, { maxLength: 5 }),
      fc.array(field, { maxLength: 4 }),
      fc.option(relative),
      fc.constantFrom(...kinds),
    ],
    { numRuns },
  )(
    'generated neighbours',
    async (above, below, copy, [, key, canonicalization]) => {
      // What stands below is there when it is signed, and none of the fields it signs.
      const lines = (fields: readonly string[]): string => fields.map((text) => `${text}\r\n`).join('');
      const quiet = below.filter((text) => !/^x-|^from|^to|^subject/i.test(text));
      const signed = signAs(lines(quiet) + plain(), { c: canonicalization }, key);
      const good = signed.slice(0, signed.indexOf(lines(quiet) + plain()));
      const broken =
        copy === null
          ? ''
          : good.replace(
              new RegExp(`([;:]\\s*)${copy[0]}=[^;]*?(?=;|\\r\\n$)`),
              (_, before) => `${before}${copy[0]}=${copy[1]}`,
            );
      const found = await examine(lines(above) + broken + signed);
      expect(found.dkim.filter(({ result, domain }) => result === 'pass' && domain === 'example.org')).not.toEqual([]);
      expect(found.dmarc).toMatchObject({ result: 'pass', aligned: { dkim: 'example.org' } });
    },
    600_000,
  );

  test.each<[string, string]>([
    ['c=/relaxed', 'v=1; a=rsa-sha256; c=/relaxed; d=attack.example; s=odd; h=from; bh=AAAA; b=AAAA'],
    ['an endless t=', `v=1; a=rsa-sha256; d=attack.example; s=odd; h=from; t=${'9'.repeat(12)}; bh=AAAA; b=AAAA`],
    ['a key whose question is not answered', 'v=1; a=rsa-sha256; d=attack.example; s=down; h=from; bh=AAAA; b=AAAA'],
    ['the tag __proto__', 'v=1; __proto__=1; a=rsa-sha256; d=attack.example; s=odd; h=from; bh=AAAA; b=AAAA'],
  ])('%s', async (_, tags) => {
    const found = await examine(`DKIM-Signature: ${tags}\r\n${await sign(plain(), 'example.org')}`);
    expect(found.dkim.map(({ result }) => result)).toEqual([expect.not.stringMatching('pass'), 'pass']);
    expect(found.dmarc.result).toBe('pass');
  });
});

describe('more signatures than are examined', () => {
  const many = (tags: (i: number) => object): string =>
    Array.from({ length: 300 }, (_, i) =>
      signAs('\r\n\r\n', { b: 'AAAA', bh: 'AAAA', ...tags(i) }).slice(0, -'\r\n\r\n\r\n'.length),
    )
      .map((text) => `${text}\r\n`)
      .join('');
  test.each<[string, string]>([
    ['of strangers', many((i) => ({ d: `d${i}.example` }))],
    ['of the author that cannot be read', many((i) => ({ v: '2', s: `s${i}` }))],
    ['of the author that could be right', many((i) => ({ s: `s${i}` }))],
    ['of the author without From', many(() => ({ h: 'to' }))],
  ])('above a good one, %s → the good one is among them', async (_, above) => {
    const found = await examine(above + (await sign(plain(), 'example.org')));
    expect(found.signatures).toEqual({ found: 301, examined: 10 });
    expect(found.dmarc.result).toBe('pass');
  });
  test('below a good one → the good one is among them', async () => {
    const below = many((i) => ({ s: `s${i}` }));
    const found = await examine(await sign(below + plain(), 'example.org'));
    expect(found.signatures).toEqual({ found: 301, examined: 10 });
    expect(found.dmarc.result).toBe('pass');
  });
  test('no question of a stranger is left to a limit', async () => {
    const found = await examine(many((i) => ({ d: `d${i}.example` })) + plain());
    expect(found.dmarc.result).toBe('fail');
    expect(found.questions).toBeLessThanOrEqual(12);
  });
});
