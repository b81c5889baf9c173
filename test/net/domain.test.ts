import fc from 'fast-check';
import { type DomainName, isFullyQualified, isWithin, parseDomain, registrableDomain, toUnicode } from 'postern/net';
import { describe, expect, test } from 'vitest';
import { canonicalHost } from '../../src/message/host.ts';
import { urlHost } from '../../src/net/domain.ts';

const numRuns = Number(process.env.POSTERN_FUZZ_RUNS ?? 300);

/** UTS #46, non-transitional, as WHATWG URL §3.5 uses it. From the forms of IdnaTestV2.txt and web-platform-tests. */
const mapped: readonly (readonly [text: string, name: string])[] = [
  ['ẞ.com', 'xn--zca.com'],
  ['ß.com', 'xn--zca.com'],
  ['FAẞ.de', 'xn--fa-hia.de'],
  ['faß.de', 'xn--fa-hia.de'],
  ['fass.de', 'fass.de'],
  ['βόλος.com', 'xn--nxasmm1c.com'],
  ['ΒΌΛΟΣ.COM', 'xn--nxasmq6b.com'],
  ['Bücher.de', 'xn--bcher-kva.de'],
  ['Bu\u0308cher.de', 'xn--bcher-kva.de'],
  ['xn--bcher-kva.de', 'xn--bcher-kva.de'],
  ['ü.xn--tda', 'xn--tda.xn--tda'],
  ['日本語。ＪＰ', 'xn--wgv71a119e.jp'],
  ['ｅｘａｍｐｌｅ．ｃｏｍ', 'example.com'],
  ['a.b．c。d｡', 'a.b.c.d'],
  ['example.com。', 'example.com'],
  ['example.com．', 'example.com'],
  ['example.com｡', 'example.com'],
  ['bücher.example.', 'xn--bcher-kva.example'],
  ['bücher.example。', 'xn--bcher-kva.example'],
  ['\ufeffexample.com', 'example.com'],
  ['ex\ufeffample.com', 'example.com'],
  ['example.com\ufeff', 'example.com'],
  ['exa\u00admple.com', 'example.com'],
  ['exa\u200bmple.com', 'example.com'],
  ['exa\u2060mple.com', 'example.com'],
  ['exa\u2064mple.com', 'example.com'],
  ['exa\u034fmple.com', 'example.com'],
  ['exa\ufe0fmple.com', 'example.com'],
  ['exa\u180bmple.com', 'example.com'],
  ['exa\u{e0100}mple.com', 'example.com'],
  ['Kelvin.example', 'kelvin.example'],
  ['①②.example', '12.example'],
  ['نامه\u200cای.com', 'xn--mgba3gch31f060k.com'],
  ['www.ශ\u0dca\u200dරී.com', 'www.xn--10cl1a0b660p.com'],
  ['à.א\u0308', 'xn--0ca.xn--ssa73l'],
  ['☕.example', 'xn--53h.example'],
  ['_dmarc.bücher.example', '_dmarc.xn--bcher-kva.example'],
];

const none: readonly string[] = [
  'a\u200db.com',
  'a\u200cb.com',
  '\u200d.example',
  'אa.com',
  'يa.com',
  '\u0300a.com',
  '\ufffd.com',
  'xn--a.ß',
  'xn--teš.com',
  '℀.com',
  '℅.com',
  'evil.com／x.example',
  'evil.com？x.example',
  'evil.com＃x.example',
  'a＠evil.com',
  'evil.com：25.ü',
  'ü.com:25',
  'ü com',
  'ü\t.com',
  'ü\u3000.com',
  'ü\u00a0.com',
  'ü..com',
  'ü。。com',
  '。ü.com',
  'ü.com。。',
  '\u00ad',
  '\ufeff',
  '。',
  'ü%2ecom',
  '[ü]',
  '-ü.com-',
  `${'ü'.repeat(63)}.com`,
];

describe('one mapping for every reader of a name', () => {
  test.each(mapped)('%s → %s', (text, name) => {
    expect(parseDomain(text)).toBe(name);
    expect(canonicalHost(text)).toBe(name);
    expect(parseDomain(name)).toBe(name);
    expect(registrableDomain(text)).toBe(registrableDomain(name));
  });

  test.each(none)('%j → not a name', (text) => {
    expect(parseDomain(text)).toBe(undefined);
  });

  test('names and links are read alike', () => {
    const unit = fc.oneof(
      fc.constantFrom(
        'a',
        'B',
        '1',
        '-',
        '.',
        '。',
        '．',
        '\ufeff',
        '\u00ad',
        '\u200d',
        '\u200c',
        'ß',
        'ẞ',
        'ü',
        'א',
        '١',
        '℀',
        '⒈',
        '％',
      ),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    );
    fc.assert(
      fc.property(fc.array(unit, { minLength: 1, maxLength: 8 }), (units) => {
        const text = `${units.join('')}.example`;
        const name = parseDomain(text);
        if (name === undefined) return;
        expect(canonicalHost(text)).toBe(name);
        expect(name).toMatch(/^[a-z0-9_.-]+$/);
        expect(name.startsWith('.') || name.endsWith('.') || name.includes('..')).toBe(false);
        expect(parseDomain(name)).toBe(name);
        expect(parseDomain(`${text}.`)).toBe(name);
      }),
      { numRuns },
    );
  });

  test('a name is read from what people see of it', () => {
    for (const [, name] of mapped) {
      const parsed = parseDomain(name);
      if (parsed !== undefined) expect(parseDomain(toUnicode(parsed))).toBe(parsed);
    }
  });
});

describe('a domain and what lies below it', () => {
  test.each([
    ['example.com', true],
    ['a.example.com', true],
    ['a.b.example.com', true],
    ['xexample.com', false],
    ['-example.com', false],
    ['a.xexample.com', false],
    ['example.com.evil.example', false],
    ['com', false],
    ['example.comx', false],
  ])('%s within example.com: %j', (name, within) => expect(isWithin(name, 'example.com')).toBe(within));
});

describe('what is a name', () => {
  const label = 'a'.repeat(63);
  const longest = `${label}.${label}.${label}.${'a'.repeat(61)}`;
  test.each([
    'a',
    'a.b',
    'a-b.example',
    'a--b.example',
    '_dmarc.example',
    'a_.example',
    '1.example',
    '1.2',
    'xn--a.example',
    `${label}.example`,
    longest,
  ])('%s → is one, with or without a dot at its end', (name) => {
    expect(parseDomain(name)).toBe(name);
    expect(parseDomain(`${name}.`)).toBe(name);
    expect(parseDomain(name.toUpperCase())).toBe(name);
  });
  test.each([
    '',
    '.',
    '..',
    '.a',
    'a..',
    'a..b',
    '-',
    '-a.example',
    'a-.example',
    'a b',
    'a b.example',
    '!a.example',
    'a!.example',
    'a.example/',
    `${label}a.example`,
    `${longest}a`,
    `${longest}.a`,
  ])('%j → is not one', (text) => expect(parseDomain(text)).toBe(undefined));
  test.each([undefined, null, 5, {}, ['example.com']])('%j → is not one', (value) => {
    expect(parseDomain(value as never)).toBe(undefined);
  });
  test('1,024 characters are read, more are not', () => {
    const name = 'example.com';
    expect(parseDomain('\u00ad'.repeat(1_024 - name.length) + name)).toBe(name);
    expect(parseDomain('\u00ad'.repeat(1_025 - name.length) + name)).toBe(undefined);
  });
});

test.each([
  ['a.example', 'a.example'],
  ['%61.example', 'a.example'],
  ['[::1]', '[::1]'],
  ['[2001:DB8::0:1]', '[2001:db8::1]'],
  ['a.example:25', undefined],
  ['a:25[', undefined],
  ['a.example/b', undefined],
  ['a\\b', undefined],
  ['a?b', undefined],
  ['a#b', undefined],
  ['a@b', undefined],
  ['%', undefined],
  ['', undefined],
])('the host of a URL, %j → %s', (text, host) => expect(urlHost(text)).toBe(host));

test.each([
  ['xn--bcher-kva.de', 'bücher.de'],
  ['www.xn--bcher-kva.xn--bcher-kva', 'www.bücher.bücher'],
  ['axn--bcher-kva.de', 'axn--bcher-kva.de'],
  ['bcher-kvaxn--.de', 'bcher-kvaxn--.de'],
  ['xn--99999999.xn--bcher-kva.de', 'xn--99999999.bücher.de'],
])('%s is read as %s', (name, text) => expect(toUnicode(name as DomainName)).toBe(text));

test.each([
  ['example.com', true],
  ['a.example', true],
  ['a.e1', true],
  ['a.1e', true],
  ['1.example', true],
  ['example', false],
  ['192.0.2.1', false],
  ['a.1', false],
  ['a.12', false],
  ['_dmarc.example.com', false],
  ['a.b_c.example', false],
])('%s is fully qualified: %j', (name, qualified) => expect(isFullyQualified(name as DomainName)).toBe(qualified));
