import { inspect } from 'node:util';
import fc from 'fast-check';
import { type ListZoneOptions, listZone, readAnswers, secret, withoutZone } from 'postern/dns';
import { describe, expect, test } from 'vitest';

const read = (options: Partial<ListZoneOptions>, ...answers: string[]) =>
  readAnswers(listZone({ zone: 'list.example', ...options }), answers);
/** A reading as one line. */
const said = (options: Partial<ListZoneOptions>, ...answers: string[]): string => {
  const reading = read(options, ...answers);
  if (reading.status === 'listed')
    return `listed ${reading.codes.map(({ code, meaning }) => (meaning ? `${code}=${meaning}` : code)).join(' ')} ${reading.weight ?? '-'}${reading.plain ? '+' : ''}`;
  return reading.status === 'notListed' ? `notListed ${reading.unknown.join(' ')}`.trim() : reading.status;
};

describe('answers/without codes', () => {
  test.each<[string, string[], string]>([
    ['127.0.0.2 → listed', ['127.0.0.2'], 'listed 127.0.0.2 -+'],
    ['127.9.9.9 → listed', ['127.9.9.9'], 'listed 127.9.9.9 -+'],
    ['several → all are read', ['127.0.0.2', '127.0.0.4'], 'listed 127.0.0.2 127.0.0.4 -+'],
    ['127.0.0.1 → never a listing', ['127.0.0.1'], 'blocked'],
    ['127.255.255.252 (no such zone) → never a listing', ['127.255.255.252'], 'blocked'],
    ['127.255.255.254 (public resolver) → never a listing', ['127.255.255.254'], 'blocked'],
    ['127.255.255.255 (asked too often) → never a listing', ['127.255.255.255'], 'blocked'],
    ['127.255.255.0 → never a listing', ['127.255.255.0'], 'blocked'],
    ['127.255.254.255 → just outside the error codes', ['127.255.254.255'], 'listed 127.255.254.255 -+'],
    ['outside 127/8 (a resolver that rewrites NXDOMAIN) → never a listing', ['203.0.113.80'], 'invalid'],
    ['a listing beside an error code → the error speaks', ['127.0.0.2', '127.255.255.254'], 'blocked'],
    ['an error code beside a listing → the error speaks', ['127.255.255.254', '127.0.0.2'], 'blocked'],
    ['a listing beside an address of somebody → invalid', ['127.0.0.2', '203.0.113.80'], 'invalid'],
    ['something that is no address → invalid', ['localhost'], 'invalid'],
    ['nothing → not listed', [], 'notListed'],
  ])('%s', (_, answers, expected) => {
    expect(said({}, ...answers)).toBe(expected);
  });
});

describe('answers/with codes', () => {
  const codes = {
    '127.0.0.2': 4,
    '127.0.0.4-7': { weight: 5, meaning: 'exploited' },
    '127.0.0.8/30': 'policy',
    '&256': 1,
  };
  test.each<[string, string[], string]>([
    ['exact', ['127.0.0.2'], 'listed 127.0.0.2 4'],
    ['one of a range', ['127.0.0.6'], 'listed 127.0.0.6=exploited 5'],
    [
      'two of one range → its weight counts once',
      ['127.0.0.4', '127.0.0.5'],
      'listed 127.0.0.4=exploited 127.0.0.5=exploited 5',
    ],
    ['the same answer twice → counts once', ['127.0.0.2', '127.0.0.2'], 'listed 127.0.0.2 4'],
    ['different codes → their weights add up', ['127.0.0.2', '127.0.0.7'], 'listed 127.0.0.2 127.0.0.7=exploited 9'],
    ['a prefix, without a weight of its own', ['127.0.0.11'], 'listed 127.0.0.11=policy -+'],
    ['a bit', ['127.0.1.0'], 'listed 127.0.1.0 1'],
    ['a bit among others', ['127.0.3.9'], 'listed 127.0.3.9 1'],
    ['the listing second → still found', ['127.0.0.99', '127.0.0.2'], 'listed 127.0.0.2 4'],
    ['none of the codes → not listed, and reported', ['127.0.0.99'], 'notListed 127.0.0.99'],
  ])('%s', (_, answers, expected) => {
    expect(said({ codes }, ...answers)).toBe(expected);
  });

  test('of codes that hold each other the narrowest speaks', () => {
    const nested = { '127.0.0.0/16': 1, '127.0.0.0/24': 2, '127.0.0.2': 3 };
    expect(said({ codes: nested }, '127.0.0.2')).toBe('listed 127.0.0.2 3');
    expect(said({ codes: nested }, '127.0.0.3')).toBe('listed 127.0.0.3 2');
    expect(said({ codes: nested }, '127.0.9.3')).toBe('listed 127.0.9.3 1');
  });

  test('every mask with a bit in the answer counts', () => {
    const masks = { '&8': 1, '&16': 2, '&64': 4 };
    expect(said({ codes: masks }, '127.0.0.72')).toBe('listed 127.0.0.72 127.0.0.72 5');
    expect(said({ codes: masks }, '127.0.0.1')).toBe('blocked');
    expect(said({ codes: masks }, '127.0.0.2')).toBe('notListed 127.0.0.2');
  });

  test("an error code of the list's own → never a listing, even where a code names it", () => {
    const own = { codes: { '127.0.1.0/24': 2 }, errorCodes: { '127.0.1.255': 'no addresses here' } };
    expect(said(own, '127.0.1.255')).toBe('blocked');
    expect(read(own, '127.0.1.255')).toMatchObject({ reason: 'no addresses here' });
    expect(said(own, '127.0.1.2')).toBe('listed 127.0.1.2 2');
  });

  test('a thousand answers → the first 64 are read', () => {
    const answers = Array.from({ length: 1000 }, (_, i) => `127.1.${i >> 8}.${i & 255}`);
    const reading = read({}, ...answers);
    expect(reading.status).toBe('listed');
    expect(JSON.stringify(reading).length).toBeLessThan(2_000);
  });
});

describe('properties', () => {
  const octet = fc.integer({ min: 0, max: 255 });
  test('no answer outside 127/8, and no error code, is ever a listing', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(octet, octet, octet, octet), { maxLength: 5 }), fc.boolean(), (answers, coded) => {
        const texts = answers.map((parts) => parts.join('.'));
        const bad = texts.some(
          (text) => !text.startsWith('127.') || text === '127.0.0.1' || text.startsWith('127.255.255.'),
        );
        const { status } = read(coded ? { codes: ['127.0.0.0/8'] } : {}, ...texts);
        expect(status === 'listed').toBe(!bad && texts.length > 0);
      }),
      { numRuns: Number(process.env.POSTERN_FUZZ_RUNS ?? 300) },
    );
  });

  test('any text as an answer → a reading', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 300 }), { maxLength: 5 }), (texts) => {
        expect(['listed', 'notListed', 'blocked', 'invalid']).toContain(read({}, ...texts).status);
      }),
      { numRuns: Number(process.env.POSTERN_FUZZ_RUNS ?? 300) },
    );
  });
});

describe('a wrong option → TypeError that names it', () => {
  test.each<[Record<string, unknown>, string]>([
    [{ zone: '' }, 'listZone: zone must be a domain name like "zen.dnsbl.example", got ""'],
    [{ zone: 'a..b' }, 'got "a..b"'],
    [{ zone: undefined }, 'got undefined'],
    [{ label: '\r\nEvil' }, 'label must be printable, with a letter or a digit, got "\\r\\nEvil"'],
    [{ label: '--' }, 'got "--"'],
    [{ holds: 'mail' }, 'holds must be "address", "name" or "both", got "mail"'],
    [{ timeoutMs: 0 }, 'timeoutMs must be a positive number, got 0'],
    [{ timeoutMs: Number.NaN }, 'got NaN'],
    [{ timeoutMs: '5s' }, 'got "5s"'],
    [{ testEntries: true }, 'testEntries must be "required", "expected" or "none", got true'],
    [{ ipv6: 'yes' }, 'ipv6 must be true or false, got "yes"'],
    [{ ipv4: false, ipv6: false }, 'contains no addresses'],
    [{ codes: {} }, 'codes must not be empty'],
    [
      { codes: { '127.0.0.300': 1 } },
      'a code in codes must be an address in 127.0.0.0/8, a prefix, a range like "127.0.0.4-7", or a bit mask like "&8", got "127.0.0.300"',
    ],
    [{ codes: { '10.0.0.2': 1 } }, 'got "10.0.0.2"'],
    [{ codes: { '127.0.0.1': 1 } }, 'codes "127.0.0.1" can never be a listing'],
    [{ codes: { '127.255.255.2-9': 1 } }, 'can never be a listing'],
    [{ codes: { '127.0.0.9-2': 1 } }, 'got "127.0.0.9-2"'],
    [{ codes: { '127.0.0.1/24': 1 } }, 'got "127.0.0.1/24"'],
    [{ codes: { '&0': 1 } }, 'got "&0"'],
    [{ codes: { '&99999999': 1 } }, 'got "&99999999"'],
    [{ codes: { '127.0.0.2': Number.NaN } }, 'codes["127.0.0.2"].weight must be a number with at most three decimals'],
    [{ codes: 7 }, 'codes must be an array of codes, or an object like { "127.0.0.2": 4 }, got 7'],
    [{ errorCodes: ['nonsense'] }, 'a code in errorCodes must be'],
    [{ key: '' }, 'key must be a non-empty string or a secret()'],
    [{ key: 5 }, 'key must be a non-empty string or a secret()'],
    [{ retired: 'it ended in 2013' }, 'is retired: it ended in 2013'],
    [{ zones: 'x' }, 'unknown option zones (known: zone,'],
    [{ keyNeeded: true }, 'requires a key'],
  ])('%j', (options, message) => {
    expect(() => listZone({ zone: 'list.example', ...options } as ListZoneOptions)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringContaining(message) }),
    );
  });

  test('a wrong key is not part of the message', () => {
    expect(() => listZone({ zone: 'list.example', key: 'k3y with spaces' })).toThrow(
      /^listZone: key must consist of labels/,
    );
  });
});

describe('a key is never printed', () => {
  const list = listZone({ zone: 'dq.example', label: 'DQ', key: secret('s3cr3tk3y') });
  test.each<[string, string]>([
    ['JSON', JSON.stringify(list)],
    ['String', String(list.key)],
    ['a template', `${list.key}`],
    ['concatenation', ''.concat(list.key as unknown as string)],
    ['inspect', inspect(list, { depth: 9, showHidden: true })],
    ['an error with it as cause', inspect(new Error('x', { cause: list }), { depth: 9 })],
    ['what a resolver says of the question', withoutZone(list, 'queryA ETIMEOUT 2.0.0.127.S3CR3TK3Y.dq.example')],
  ])('%s', (_, text) => {
    expect(text.toLowerCase()).not.toContain('s3cr3tk3y');
  });

  test('the zone goes with it from what a resolver says', () => {
    expect(withoutZone(list, 'queryA ETIMEOUT 2.0.0.127.s3cr3tk3y.DQ.example')).toBe(
      'queryA ETIMEOUT 2.0.0.127.[secret].[zone]',
    );
  });

  test('an empty secret → TypeError', () => {
    expect(() => secret('')).toThrow(TypeError);
  });
});
