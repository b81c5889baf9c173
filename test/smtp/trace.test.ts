import { fc, test as property } from '@fast-check/vitest';
import { reverseDns } from 'postern/checks/reverse-dns';
import { spf as spfCheck } from 'postern/checks/spf';
import type { Finding } from 'postern/core';
import type { Proof } from 'postern/smtp';
import { authenticationResults, printField, strippedHeaders } from 'postern/smtp';
import { fixedClock, mailFacts, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const ID = 'mx.example.com';
const spf = (identity: 'mailfrom' | 'helo', domain: string, result: Finding['result'] = 'pass'): Proof => ({
  authentication: [{ method: 'spf', result, properties: [[`smtp.${identity}`, domain]] }],
});
const dkim = {
  method: 'dkim',
  result: 'pass',
  properties: [
    ['header.d', 'example.org'],
    ['header.b', 'dGVzdA=='],
  ],
};
const proving = (...authentication: unknown[]): Proof => ({ authentication }) as Proof;

describe('authentication results', () => {
  test.each<[string, Proof[], object, string]>([
    ['nothing → none', [], {}, 'mx.example.com; none'],
    [
      'a finding without authentication → none',
      [{ check: 'dnsbl', result: 'fail' } as Finding],
      {},
      'mx.example.com; none',
    ],
    [
      'SPF of the sender → smtp.mailfrom',
      [spf('mailfrom', 'example.org')],
      {},
      'mx.example.com; spf=pass smtp.mailfrom=example.org',
    ],
    [
      'SPF of the HELO name → smtp.helo',
      [spf('helo', 'h.example', 'softfail')],
      {},
      'mx.example.com; spf=softfail smtp.helo=h.example',
    ],
    [
      'an IPv6 address → quoted',
      [proving({ method: 'iprev', result: 'pass', properties: [['policy.iprev', '2001:db8::1']] })],
      {},
      'mx.example.com; iprev=pass policy.iprev="2001:db8::1"',
    ],
    [
      'a login → auth',
      [],
      { auth: { identity: 'bob@example.com' } },
      'mx.example.com; auth=pass smtp.auth=bob@example.com',
    ],
    ['no login → none', [], { auth: null }, 'mx.example.com; none'],
    [
      'a DKIM result → its properties',
      [proving(dkim)],
      {},
      'mx.example.com; dkim=pass header.d=example.org header.b="dGVzdA=="',
    ],
    [
      'the same twice → once',
      [spf('mailfrom', 'a.example'), spf('mailfrom', 'a.example')],
      {},
      'mx.example.com; spf=pass smtp.mailfrom=a.example',
    ],
    [
      'results that cannot be written → left out',
      [
        proving(
          { method: 'x; spf', result: 'pass' },
          {
            method: 'dkim',
            result: 'pass',
            properties: [['a b', 'c']],
          },
        ),
      ],
      {},
      'mx.example.com; none',
    ],
    [
      'quotes in a value → escaped',
      [spf('mailfrom', 'a"b\\c.example')],
      {},
      'mx.example.com; spf=pass smtp.mailfrom="a\\"b\\\\c.example"',
    ],
    [
      'line ends in a value → gone',
      [spf('mailfrom', 'a\r\nX: y')],
      {},
      'mx.example.com; spf=pass smtp.mailfrom="a??X: y"',
    ],
    [
      'a semicolon in a value → quoted',
      [spf('mailfrom', 'a; dmarc=pass')],
      {},
      'mx.example.com; spf=pass smtp.mailfrom="a; dmarc=pass"',
    ],
  ])('%s', (_, findings, facts, value) => {
    expect(authenticationResults(ID, findings, facts)).toEqual({ name: 'Authentication-Results', value });
  });

  test('checks → prove what their findings say', async () => {
    const clock = fixedClock(Date.UTC(2030, 0, 1));
    const dns = zone(
      {
        '1.2.0.192.in-addr.arpa': { PTR: ['mail-192-0-2-1.dyn.example.org'] },
        'mail-192-0-2-1.dyn.example.org': { A: ['192.0.2.1'] },
        'example.org': { TXT: ['v=spf1 -all'] },
      },
      { clock },
    );
    const facts = mailFacts({ client: '192.0.2.1', from: 'a@example.org' });
    const never = new AbortController().signal;
    const findings = [
      await clock.until(Promise.resolve(reverseDns().examine(facts, { dns }, never))),
      await clock.until(Promise.resolve(spfCheck().examine(facts, { dns, clock }, never))),
    ];
    expect(findings.map(({ result }) => result)).toEqual(['softfail', 'fail']);
    // RFC 8601 §2.7.3 has no softfail: a confirmed name that looks generic is confirmed.
    expect(authenticationResults(ID, findings).value).toBe(
      'mx.example.com; iprev=pass policy.iprev=192.0.2.1; spf=fail smtp.mailfrom=example.org',
    );
  });

  test('a thousand results → fifty', () => {
    const many = Array.from({ length: 1000 }, (_, i) => ({
      method: 'dkim',
      result: 'fail',
      properties: [['header.d', `d${i}.example`]],
    }));
    expect(authenticationResults(ID, [proving(...many)]).value.split('; ')).toHaveLength(51);
  });

  test.each(['', 'a b', 'mx example', 'mx.example.com; spf=pass'])('a service named %j → TypeError', (id) => {
    expect(() => authenticationResults(id, [])).toThrow(TypeError);
  });

  /** RFC 2045 §5.1 and RFC 5322 §3.2.4, as RFC 8601 §2.2 uses them. */
  const TOKEN = /^[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+$/;
  const QUOTED = /^"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"$/;
  property.prop([fc.string({ unit: 'binary', minLength: 1, maxLength: 600 })])(
    'a reason is a value by the grammar',
    (reason) => {
      const { value } = authenticationResults(ID, [proving({ method: 'dkim', result: 'fail', reason })]);
      const written = value.slice('mx.example.com; dkim=fail reason='.length);
      expect(TOKEN.test(written) || QUOTED.test(written)).toBe(true);
      expect(written.length).toBeLessThanOrEqual(2 * 255 + 2);
    },
  );

  property.prop([fc.string({ unit: 'binary', maxLength: 300 })])(
    'whatever a sender writes stays inside its value',
    (text) => {
      const { value } = authenticationResults(ID, [spf('mailfrom', text)]);
      expect(value).toMatch(/^mx\.example\.com; spf=pass(?: smtp\.mailfrom=(?:[^\s;"()]+|"(?:[^"\\]|\\.)*"))?$/);
      expect(value).toMatch(/^[\x20-\x7e]*$/);
    },
  );
});

describe('fields that bear our name', () => {
  const field = (value: string, name = 'Authentication-Results', raw?: string) => [
    { name, value, ...(raw === undefined ? {} : { raw }) },
  ];
  test.each<[string, { name: string; value: string; raw?: string }[], boolean]>([
    ['ours', field('mx.example.com; spf=pass'), true],
    ['in other case', field('MX.Example.COM; spf=pass', 'AUTHENTICATION-RESULTS'), true],
    ['with a trailing dot', field('mx.example.com.; spf=pass'), true],
    ['behind comments', field(' (a (nested\\) one)) mx.example.com (c); spf=pass'), true],
    ['quoted', field('"mx.example.com"; spf=pass'), true],
    ['quoted with escapes', field('"mx.\\example.com"; spf=pass'), true],
    ['with a version', field('mx.example.com 1; spf=pass'), true],
    ['with a version behind a slash', field('mx.example.com/1; spf=pass'), true],
    [
      'hidden as an encoded word',
      field('mx.example.com; spf=pass', 'Authentication-Results', '=?utf-8?q?mx=2Eexample=2Ecom?=; spf=pass'),
      true,
    ],
    ['in a comment that never ends', field('(mx.example.com; spf=pass'), true],
    ['in quotes that never end', field('"mx.example.com; spf=pass'), true],
    ['of another service → stays', field('mx.example.org; spf=pass'), false],
    ['of another service that quotes ours → stays', field('mx.example.org; spf=pass reason="mx.example.com"'), false],
    ['of a name that ours is part of → stays', field('a.mx.example.com; spf=pass'), false],
    ['another field → stays', field('mx.example.com', 'Subject'), false],
  ])('%s', (_, fields, stripped) => {
    expect(strippedHeaders(fields, ID)).toEqual(stripped ? [0] : []);
  });

  test('their places', () => {
    const fields = [...field('mx.example.com; none'), ...field('x'), ...field('MX.example.com; none')];
    expect(strippedHeaders(fields, ID)).toEqual([0, 2]);
  });

  test.each([
    ['of open comments', '('],
    ['of our name', 'mx.example.com.'],
    ['of quotes', '"'],
    ['of white space', ' '],
    ['of encoded words', '=?utf-8?q?x?= '],
  ])('a megabyte %s → in time', (_, piece) => {
    expect(strippedHeaders(field(piece.repeat(1_000_000 / piece.length)), ID)).toHaveLength(1);
  });

  /** Ways to write our name that some reader undoes. */
  const hidden = fc
    .tuple(
      fc.constantFrom(
        '',
        ' ',
        '\t',
        '\r\n ',
        '(c)',
        '(mx.example.net)',
        '((a)\\))',
        '\0',
        '\x7f',
        '\u200b',
        '=',
        ',',
        '<',
      ),
      fc.integer({ min: 0, max: ID.length }),
      fc.constantFrom('', '(c)', '\0', '\x01', '\u200b', '"', '\\', '\r\n ', ' '),
      fc.constantFrom('', ' ', ' 1', '/1', '1', '\0', '(c)', '.', '\r\n ', ',', ':', '>'),
      fc.constantFrom(';', '; spf=pass', '', ' ; none'),
      fc.constantFrom(0, 1, 2),
    )
    .map(([before, at, inside, behind, end, form]) => {
      const close = inside === '"' ? '"' : '';
      const name = form === 1 ? ID.toUpperCase() : form === 2 ? ID.replace('e', '\uff45') : ID;
      return `${before}${name.slice(0, at)}${inside}${name.slice(at)}${close}${behind}${end}`;
    });
  property.prop([hidden], { numRuns: Number(process.env.POSTERN_FUZZ_RUNS ?? 300) })(
    'our name, however it is written → removed',
    (text) => {
      expect(strippedHeaders(field(text), ID)).toEqual([0]);
    },
  );

  const others = fc.tuple(
    fc.constantFrom('', ' ', '\r\n ', '(c) ', '(mx.example.com) ', '"'),
    fc.constantFrom(
      'mx.example.net',
      'a.mx.example.com',
      'mx.example.community',
      'mx.example.com.net',
      'mx.example.com1.net',
      'x-mx.example.com',
      'spf=pass',
      'x',
    ),
    fc.constantFrom('; spf=pass', ' 1; reason="mx.example.com"', '; none (mx.example.com)', ' (c) ; x=mx.example.com'),
  );
  property.prop([others])('another name → stays', ([before, name, rest]) => {
    const text = `${before}${name}${before === '"' ? '"' : ''}${rest}`;
    expect(strippedHeaders(field(text), ID)).toEqual([]);
  });
  test.each(['', ' ', ';', '; spf=pass', '(', '"', '"mx.example.net', '(mx.example.net;', `${'x'.repeat(2_000)};`])(
    'a writer that cannot be read, %j → removed',
    (text) => expect(strippedHeaders(field(text), ID)).toEqual([0]),
  );
  test.each([
    'Authentication-Results\0',
    ' authentication-results',
    'Authentication\0-Results',
    'Authentication-Results ',
  ])('in a field called %j → removed', (name) =>
    expect(strippedHeaders(field('mx.example.com; none', name), ID)).toEqual([0]),
  );
});

describe('a field as it is printed', () => {
  test('short → one line', () => expect(printField({ name: 'X-A', value: 'b c' })).toBe('X-A: b c\r\n'));
  test('long → folded at spaces, at most 78 to a line', () => {
    const printed = printField({ name: 'X-A', value: Array.from({ length: 60 }, (_, i) => `word${i}`).join(' ') });
    for (const line of printed.split('\r\n')) expect(line.length).toBeLessThanOrEqual(78);
    expect(printed.replace(/\r\n(?= )/g, '')).toMatch(/^X-A: word0 word1 .* word59\r\n$/);
  });
});
