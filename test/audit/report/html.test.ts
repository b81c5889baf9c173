import { type DomainAudit, htmlReport } from 'postern/audit';
import { describe, expect, test } from 'vitest';
import { found } from '../../../src/audit/finding.ts';
import { grouped } from '../../../src/audit/group.ts';
import { sourceLinks } from '../../../src/audit/report/html-findings.ts';
import { mapOf } from '../../../src/audit/report/html-map-model.ts';
import { escaped } from '../../../src/audit/report/html-markup.ts';
import { contrast } from './contrast.ts';
import { checkedMessage, manyDomains, reportOf, silent, tidy, troubled } from './html-sample.ts';

const page = htmlReport(reportOf(troubled, tidy, silent));

/** Returns the start tags of a page with their attributes. */
const tags = (text: string): readonly { name: string; attributes: string }[] =>
  [...text.replace(/<style>.*?<\/style>/s, '').matchAll(/<([a-z][\w-]*)((?:\s+[\w:-]+(?:="[^"]*")?)*)\s*\/?>/gi)].map(
    ([, name = '', attributes = '']) => ({ name: name.toLowerCase(), attributes }),
  );

const attribute = (attributes: string, name: string): string | undefined =>
  new RegExp(`\\s${name}="([^"]*)"`).exec(attributes)?.[1];

describe('the page', () => {
  test('page/self-contained → no scripts, no network, only its own style', () => {
    expect(page.startsWith('<!doctype html>\n<html lang="en">')).toBe(true);
    expect(page).toMatch(/Content-Security-Policy" content="default-src 'none'; style-src 'sha256-[\w+/]+=*'; /);
    const names = new Set(tags(page).map(({ name }) => name));
    for (const name of ['script', 'link', 'img', 'iframe', 'object', 'embed', 'form', 'base', 'image', 'foreignobject'])
      expect(names).not.toContain(name);
    for (const { name, attributes } of tags(page)) {
      expect(attributes).not.toMatch(/\s(style|src|srcset|on\w+)=/i);
      const href = attribute(attributes, 'href');
      if (href !== undefined)
        expect(href).toMatch(name === 'use' ? /^#sign-\w+$/ : /^(#|https:\/\/www\.(rfc-editor|cve)\.org\/)/);
    }
    expect(page).not.toMatch(/url\(|@import/);
  });

  test('page/same report → same bytes', () => {
    expect(htmlReport(reportOf(troubled, tidy, silent))).toBe(page);
    expect(htmlReport(JSON.parse(JSON.stringify(reportOf(troubled, tidy, silent))))).toBe(page);
  });

  test('page/tags → closed; ids unique; references resolve', () => {
    const text = htmlReport(manyDomains(3, 20)) + htmlReport(checkedMessage);
    const open: string[] = [];
    const empty = new Set(['meta', 'br', 'path', 'circle', 'rect', 'use']);
    for (const [whole, close, name = ''] of text
      .replace(/<style>.*?<\/style>/gs, '')
      .matchAll(/<(\/?)([a-z][\w-]*)[^>]*>/gi)) {
      if (whole.endsWith('/>') || empty.has(name)) continue;
      if (close === '') open.push(name);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
    const one = htmlReport(manyDomains(3, 20));
    const ids = tags(one).flatMap(({ attributes }) => attribute(attributes, 'id') ?? []);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { attributes } of tags(one)) {
      const href = attribute(attributes, 'href');
      if (href?.startsWith('#')) expect(ids).toContain(href.slice(1));
      for (const id of attribute(attributes, 'aria-labelledby')?.split(' ') ?? []) expect(ids).toContain(id);
    }
  });

  test('page/headings → no level skipped', () => {
    for (const text of [page, htmlReport(checkedMessage), htmlReport(reportOf(tidy))]) {
      const levels = [...text.matchAll(/<h([1-6])/g)].map(([, level]) => Number(level));
      expect(levels[0]).toBe(1);
      expect(levels.filter((level) => level === 1)).toHaveLength(1);
      levels.forEach((level, index) => {
        expect(level - (levels[index - 1] ?? 0)).toBeLessThanOrEqual(1);
      });
    }
  });

  test('page/landmarks and tables → main, header, footer; scoped table headers; named tables', () => {
    for (const name of ['header', 'main', 'footer', 'nav']) expect(page).toContain(`<${name} `);
    for (const { name, attributes } of tags(page)) {
      if (name === 'th') expect(attributes).toMatch(/scope="(col|row)"/);
      if (name === 'table') expect(attributes).toMatch(/aria-label(ledby)?="/);
      if (name === 'svg') expect(attributes).toMatch(/aria-hidden="true"|role="img" aria-labelledby="/);
    }
  });

  test('page/each finding → severity, subject, text, evidence, source, fix, anchor', () => {
    for (const { id, severity, subject, what, evidence, fix } of troubled.findings) {
      const item = [...page.matchAll(/<li class="finding[\s\S]*?<\/li>/g)]
        .map(([text]) => text)
        .find((text) => text.includes(`>${id}</a>`) && text.includes(escaped(subject)));
      expect(item, id).toBeDefined();
      for (const part of [severity, what, fix, ...evidence]) expect(item).toContain(escaped(part));
      expect(item).toContain(`id="example.org.1.${id}.1"`);
      expect(item).toContain('href="https://www.rfc-editor.org/rfc/rfc');
    }
  });

  test('page/services → TLS versions, certificate expiry, capabilities before and after TLS', () => {
    expect(page).toContain('33 days left');
    expect(page).toContain('expired 12 days ago');
    expect(page).toContain('1.0 accepted, obsolete');
    expect(page).toMatch(/Offered before TLS<\/h4><pre>PIPELINING\nSIZE 52428800\nSTARTTLS/);
    expect(page).toMatch(/percent: accepted/);
    expect(page).toContain('timed out');
  });

  test('page/one domain → no overview; several → overview with a row for each', () => {
    expect(htmlReport(reportOf(troubled))).not.toContain('id="overview"');
    expect(page).toContain('<a href="#tidy.example.2" class="name">tidy.example</a>');
  });
});

describe('hostile text', () => {
  const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'&amp;\u202e\u0000\ud800]]>--><!--`;
  const everywhere = (value: unknown): unknown =>
    typeof value === 'string'
      ? `${value}${evil}`
      : Array.isArray(value)
        ? value.map(everywhere)
        : value !== null && typeof value === 'object'
          ? Object.fromEntries(
              Object.entries(value).map(([key, inner]) => [
                key,
                // These fields hold fixed words, not text from the network.
                /^(schema|state|severity|kind|reach|tls|starttls|because|dane|result|service)$/.test(key)
                  ? inner
                  : everywhere(inner),
              ]),
            )
          : value;

  test.each([
    ['an audit', reportOf(troubled, silent)],
    ['a check', checkedMessage],
  ])('hostile/markup in every string of %s → no tag from it', (_, report) => {
    const hostile = everywhere(report) as typeof report;
    const text = htmlReport({ ...hostile, schema: report.schema } as typeof report);
    const names = (each: string): readonly string[] => [...new Set(tags(each).map(({ name }) => name))].sort();
    expect(names(text)).toEqual(names(htmlReport(report)));
    expect(text).not.toContain('<script');
    expect(text).not.toContain('<img');
    expect(text).not.toContain('<!--');
    for (const { attributes } of tags(text)) expect(attributes.replace(/"[^"]*"/g, '')).not.toMatch(/\son\w+=/i);
    for (const character of ['\u202e', '\0', '\ud800']) expect(text).not.toContain(character);
    expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  });

  test('hostile/unknown words → shown, no exception', () => {
    const strange = JSON.parse(
      JSON.stringify(reportOf(troubled)).replaceAll('"timeout"', '"<b>"').replaceAll('"found"', '"__proto__"'),
    );
    expect(htmlReport(strange)).not.toContain('<b>');
  });

  test.each([
    ['<b a="c">&\'', '&lt;b a=&quot;c&quot;&gt;&amp;&#39;'],
    ['a\u202eb', 'a\\u202eb'],
    ['\u0007', '\\u0007'],
    ['\ud83d', '\\ud83d'],
    ['😀 ü\n\t', '😀 ü\n\t'],
  ])('hostile/%j → %s', (text, shown) => expect(escaped(text)).toBe(shown));
});

describe('sources', () => {
  test.each([
    [
      'RFC 5321 §5.1',
      '<a href="https://www.rfc-editor.org/rfc/rfc5321.html#section-5.1" rel="noopener noreferrer">RFC 5321 §5.1</a>',
    ],
    ['RFC 8461', '<a href="https://www.rfc-editor.org/rfc/rfc8461.html" rel="noopener noreferrer">RFC 8461</a>'],
    [
      'RFC 3207 §4.2, §5',
      '<a href="https://www.rfc-editor.org/rfc/rfc3207.html#section-4.2" rel="noopener noreferrer">RFC 3207 §4.2</a>, <a href="https://www.rfc-editor.org/rfc/rfc3207.html#section-5" rel="noopener noreferrer" aria-label="RFC 3207 §5">§5</a>',
    ],
    [
      'CVE-2011-0411',
      '<a href="https://www.cve.org/CVERecord?id=CVE-2011-0411" rel="noopener noreferrer">CVE-2011-0411</a>',
    ],
    ['the manual of <x>', 'the manual of &lt;x&gt;'],
    ['§4', '§4'],
  ])('source/%s → links', (source, links) => expect(sourceLinks(source).text).toBe(links));
});

describe('the map', () => {
  const map = mapOf(troubled);

  test('map/failing hosts → marked with a word', () => {
    expect(map.mxHosts.map(({ label, standing, words }) => [label, standing, words])).toEqual([
      ['mx1.example.org', 'good', 'OK'],
      ['mx2.example.org', 'fails', 'open relay +1'],
      ['mx3.example.net', 'fails', 'not reachable'],
      ['old-mail.example.org', 'fails', 'no address'],
    ]);
    expect(map.addresses.map(({ label, standing, words }) => [label, standing, words])).toEqual([
      ['203.0.113.7', 'weak', 'no PTR'],
      ['2001:db8:1::7', 'good', 'OK'],
      ['198.51.100.25', 'fails', 'open relay'],
      ['2001:db8:4::25', 'fails', 'timed out'],
    ]);
    expect(map.addresses.map(({ network }) => map.networks[network ?? -1]?.label)).toEqual([
      '203.0.113.0/24',
      '2001:db8:1::/48',
      '198.51.100.0/24',
      '2001:db8:4::/48',
    ]);
  });

  const shared = (change: Partial<DomainAudit>): DomainAudit => ({
    ...tidy,
    redundancy: {
      ...tidy.redundancy,
      counts: { ...tidy.redundancy.counts, addresses: 1, networks: 1 },
      hosts: tidy.redundancy.hosts.map((host) => ({
        ...host,
        addresses: [{ address: '192.0.2.1' as never, scope: 'public' as const }],
        networks: ['192.0.2.0/24'],
      })),
    },
    ...change,
  });

  test('map/two hosts with one address → one box, marked', () => {
    const { addresses, mxHosts } = mapOf(shared({ services: [] }));
    expect(addresses).toMatchObject([{ label: '192.0.2.1', standing: 'fails', words: 'the only address' }]);
    expect(mxHosts.map((mxHost) => mxHost.addresses)).toEqual([[0], [0]]);
  });

  test('map/port 25 blocked here → addresses unknown', () => {
    const blocked = mapOf({
      ...tidy,
      services: tidy.services.map((service) => ({ ...service, reach: 'timeout' as const })),
      findings: [
        {
          ...troubled.findings[0]!,
          id: 'smtp-blocked-here',
          probe: 'smtp',
          kind: 'could-not-check',
          severity: 'medium',
          subject: 'tidy.example',
        },
      ],
    });
    expect(blocked.addresses.map(({ standing }) => standing)).toEqual(['unknown', 'unknown']);
  });

  test('map/finding of a login service on the same host → not on the map', () => {
    const login = { ...troubled.findings[3]!, subject: 'a.tidy.example:993' };
    expect(mapOf({ ...tidy, findings: [login] }).mxHosts[0]?.standing).toBe('good');
    expect(
      mapOf({ ...tidy, findings: [{ ...login, subject: 'a.tidy.example[192.0.2.1]:25' }] }).mxHosts[0],
    ).toMatchObject({ standing: 'fails', words: 'certificate expired' });
  });

  test('map/host name that is a prefix of another → findings not mixed up', () => {
    const of = { ...troubled.findings[4]!, subject: 'a.tidy.example.org' };
    expect(mapOf({ ...tidy, findings: [of] }).mxHosts[0]?.standing).toBe('good');
  });

  test.each([
    ['not-applicable', 'accepts no mail', 'good'],
    ['could-not-check', 'MX hosts unknown', 'unknown'],
    ['fail', 'no MX host', 'fails'],
  ] as const)('map/no MX hosts, %s → %s', (state, label, standing) => {
    const { empty } = mapOf({ ...silent, redundancy: { ...silent.redundancy, state } });
    expect(empty).toMatchObject({ label, standing });
  });

  test('map/200 MX hosts with long names → 10 drawn, all in the table', () => {
    const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.example`;
    const hosts = Array.from({ length: 200 }, (_, index) => ({
      ...tidy.redundancy.hosts[0]!,
      host: `h${index}.${long}`,
      addresses: [{ address: `192.0.2.${index}` as never, scope: 'public' as const }],
    }));
    const text = htmlReport(reportOf({ ...tidy, redundancy: { ...tidy.redundancy, hosts } }));
    expect(text.match(/class="preference"/g)).toHaveLength(10);
    expect(text).toContain('190 more MX hosts in the table');
    for (const { host } of hosts) expect(text).toContain(`<span class="name">${host}</span>`);
  });

  /** A domain with 23 MX hosts without TLS. The one with the highest preference number is an open relay. */
  const crowd = (): DomainAudit => {
    const hosts = Array.from({ length: 23 }, (_, i) => ({
      ...tidy.redundancy.hosts[0]!,
      host: `h${i}.tidy.example`,
      preference: 10 * (23 - i),
      addresses: [{ address: `192.0.2.${i}` as never, scope: 'public' as const }],
    }));
    const services = hosts.map(({ host, addresses, preference }) => ({
      ...tidy.services[0]!,
      host,
      preference,
      address: addresses[0]!.address,
    }));
    const findings = grouped(
      [
        found('relay-open', 'h0.tidy.example:25', 'It relays.', ['address: 192.0.2.0']),
        ...services.map(({ host, address }) =>
          found('starttls-missing', `${host}:25`, 'The server does not offer STARTTLS.', [`address: ${address}`]),
        ),
      ],
      'tidy.example',
    );
    return { ...tidy, state: 'problems', redundancy: { ...tidy.redundancy, hosts }, services, findings };
  };

  test('map/23 hosts → in order of preference, including the failing one', () => {
    const { mxHosts } = mapOf(crowd());
    expect(mxHosts.map(({ preference }) => preference)).toEqual(Array.from({ length: 23 }, (_, i) => 10 * (i + 1)));
    expect(mxHosts.map(({ standing }) => standing)).toEqual([...Array<string>(22).fill('weak'), 'fails']);
    const text = htmlReport(reportOf(crowd()));
    const drawn = [...text.matchAll(/<title>preference (\d+)<\/title>/g)].map(([, preference]) => Number(preference));
    expect(drawn).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 230]);
  });

  test('services/23 with an open relay → worst first and not green; the rest collapsed', () => {
    const text = htmlReport(reportOf(crowd()));
    const rows = [...text.matchAll(/<tr role="row" class="service">.*?<\/tr>/g)].map(([row]) => row);
    expect(rows).toHaveLength(23);
    expect(rows[0]).toContain('h0.tidy.example:25');
    expect(rows[0]).toMatch(/data-label="State"><div class="cell"><span class="badge tone-fails">.*open relay/);
    expect(rows[1]).toMatch(/data-label="State"><div class="cell"><span class="badge tone-weak">.*no TLS/);
    expect(text).toContain('<summary>11 more services</summary>');
  });

  test('services/no findings → green', () => {
    const text = htmlReport(reportOf({ ...crowd(), findings: [] }));
    const good = /class="service">(?:(?!<\/tr>).)*data-label="State"><div class="cell"><span class="badge tone-good">/g;
    expect(text.match(good)).toHaveLength(23);
  });

  test('page/counts → shown once by severity, never as a sentence', () => {
    const text = htmlReport(reportOf(crowd()));
    expect(text).not.toMatch(/\d+ findings?\b|1 critical, 1 medium/);
    expect(text.match(/<ul class="counts"/g)).toHaveLength(1);
    expect(text.match(/<li class="finding/g)).toHaveLength(2);
  });

  test('map/drawing → title, and a description of failing hosts', () => {
    expect(page).toContain('<title id="map.example.org-title">Map of example.org</title>');
    expect(page).toMatch(
      /mx2\.example\.org, preference 20, fails \(open relay \+1\): 198\.51\.100\.25 \(open relay\)\./,
    );
  });
});

test('size/50 domains with 1,000 findings → under 5 MB', () => {
  const text = htmlReport(manyDomains(50, 20));
  expect(text.match(/<li class="finding/g)).toHaveLength(1_000);
  expect(text.length).toBeLessThan(5_000_000);
});

describe('colours', () => {
  const style = /<style>(.*?)<\/style>/s.exec(page)?.[1] ?? '';
  const palettes = [...style.matchAll(/:root\{([^}]*)\}/g)].map(([, rules = '']) =>
    Object.fromEntries(
      [...rules.matchAll(/--([\w-]+):(#[0-9a-f]{6})/g)].map(([, name = '', colour = '']) => [name, colour]),
    ),
  );
  const grounds = ['page', 'sheet', 'raised'];
  const tones = ['critical', 'high', 'medium', 'low', 'info', 'good', 'unknown'];

  test('colours/light, dark, print → three palettes with the same names', () => {
    expect(palettes).toHaveLength(3);
    for (const palette of palettes) expect(Object.keys(palette)).toEqual(Object.keys(palettes[0]!));
    expect(palettes[1]).not.toEqual(palettes[0]);
    expect(palettes[2]).toEqual(palettes[0]);
  });

  test.each([
    ['light', 0],
    ['dark', 1],
  ])('colours/%s → contrast at least 4.5:1 for every pair', (_, index) => {
    const palette = palettes[index]!;
    const pairs = [
      ...grounds.flatMap((ground) => ['text', 'muted', 'link', ...tones].map((name) => [name, ground])),
      ...tones.flatMap((tone) => [tone, 'text'].map((name) => [name, `${tone}-ground`])),
    ];
    for (const [name = '', ground = ''] of pairs)
      expect(contrast(palette[name]!, palette[ground]!), `${name} on ${ground}`).toBeGreaterThanOrEqual(4.5);
  });

  test('colours/known pairs → contrast of WCAG', () => {
    expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 5);
    expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.48, 2);
  });
});
