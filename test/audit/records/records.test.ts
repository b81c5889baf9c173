import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import type { DnsResolver } from 'postern/env';
import { fixedClock, type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';
import type { AuditFinding } from '../../../src/audit/finding.ts';
import {
  auditDkim,
  auditDmarc,
  auditLists,
  auditPtr,
  auditSpf,
  auditSrv,
  auditTlsa,
  auditTlsRpt,
} from '../../../src/audit/records/index.ts';
import type { RecordsContext } from '../../../src/audit/records/probe-resolver.ts';
import type { IpAddress } from '../../../src/net/index.ts';
import { contextWith } from '../context.ts';

const numRuns = Number(process.env.POSTERN_FUZZ_RUNS ?? 200);

interface Result {
  readonly audit: unknown;
  readonly findings: readonly AuditFinding[];
}
/** `id severity`, or `id severity?` for "could not check". */
const brief = ({ findings }: Result): readonly string[] =>
  findings.map(({ id, severity, kind, probe }) =>
    kind === 'problem' ? `${id} ${severity}` : `${id} ${severity}? of ${probe}`,
  );

const run = async (data: ZoneData, look: (context: RecordsContext) => Promise<Result>): Promise<Result> => {
  const clock = fixedClock();
  const dns = zone(data, { clock });
  const result = await clock.until(look(contextWith({}, { dns, clock })));
  for (const { evidence, what, subject } of result.findings)
    for (const line of [what, subject, ...evidence]) expect(line).toMatch(/^[\x20-\x7e…→]*$/);
  expect(JSON.parse(JSON.stringify(result.audit))).toEqual(result.audit);
  return result;
};

type Case = readonly [name: string, data: ZoneData, said: readonly string[], state?: string];
const table = (cases: readonly Case[], look: (context: RecordsContext) => Promise<Result>): void =>
  test.each(cases.map(([name, ...rest]) => [name, rest] as const))('%s', async (_, [data, said, state]) => {
    const result = await run(data, look);
    expect(brief(result)).toEqual(said);
    if (state !== undefined) expect((result.audit as { state: string }).state).toBe(state);
  });

const txt = (...texts: readonly (string | readonly string[])[]): ZoneData => ({ 'example.org': { TXT: texts } });
const long = 'x'.repeat(65_000);
const bytes = Array.from({ length: 256 }, (_, octet) => String.fromCharCode(octet)).join('');
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

describe('spf', () => {
  const at = (more: ZoneData, ...texts: readonly string[]): ZoneData => ({ ...txt(...texts), ...more });
  const hosts = (kind: 'A' | 'AAAA', ...names: readonly string[]): ZoneData =>
    Object.fromEntries(
      names.map((name) => [`${name}.example.org`, kind === 'A' ? { A: ['192.0.2.1'] } : { AAAA: ['2001:db8::1'] }]),
    );
  table(
    [
      ['spf/ends in -all → nothing', txt('v=spf1 ip4:192.0.2.1 -all'), [], 'found'],
      ['spf/ends in ~all → nothing', txt('v=spf1 ip4:192.0.2.1 ~all'), [], 'found'],
      ['spf/sends nothing → nothing', txt('v=spf1 -all'), [], 'found'],
      ['spf/cut into strings → nothing', txt(['v=spf', '1 -a', 'll']), [], 'found'],
      ['spf/in capital letters → nothing', txt('V=SPF1 -ALL'), [], 'found'],
      [
        'spf/with other texts → nothing',
        txt('google-site-verification=v=spf1', 'v=spf1 -all', 'v=spf2.0/pra ?all'),
        [],
        'found',
      ],
      [
        'spf/with a hundred other texts → nothing',
        txt(...numbers(100).map((i) => `text ${i}`), 'v=spf1 -all'),
        [],
        'found',
      ],
      ['spf/with another text of 64 KB → nothing', txt(long, 'v=spf1 -all'), [], 'found'],
      ['spf/with a text of all byte values → nothing', txt(bytes, 'v=spf1 -all'), [], 'found'],
      [
        'spf/redirect to -all → nothing',
        at({ 's.example.org': { TXT: ['v=spf1 -all'] } }, 'v=spf1 redirect=s.example.org'),
        [],
        'found',
      ],
      [
        'spf/through an alias → nothing',
        { 'example.org': { CNAME: 'a.example' }, 'a.example': { TXT: ['v=spf1 -all'] } },
        [],
        'found',
      ],
      [
        'spf/ten lookups → nothing',
        at(
          Object.fromEntries(numbers(10).map((i) => [`s${i}.example`, { TXT: ['v=spf1 -all'] }])),
          `v=spf1 ${numbers(10)
            .map((i) => `include:s${i}.example`)
            .join(' ')} -all`,
        ),
        [],
        'found',
      ],
      [
        'spf/three hosts with IPv4 only → nothing',
        at(hosts('A', 'a', 'b', 'c'), 'v=spf1 a:a.example.org a:b.example.org a:c.example.org -all'),
        [],
        'found',
      ],
      [
        'spf/a host with IPv6 after three with IPv4 only → its mail fails',
        at(
          { ...hosts('A', 'a', 'b', 'c'), ...hosts('AAAA', 'd') },
          'v=spf1 a:a.example.org a:b.example.org a:c.example.org a:d.example.org -all',
        ),
        ['spf-error medium'],
      ],
      ['spf/a broad network with a minus → nothing', txt('v=spf1 -ip4:0.0.0.0/1 -all'), [], 'found'],
      [
        'spf/broad in an include with a minus → nothing',
        at({ 'x.example': { TXT: ['v=spf1 ip4:0.0.0.0/2 -all'] } }, 'v=spf1 -include:x.example -all'),
        [],
        'found',
      ],
      [
        'spf/a private network of a /8 → nothing',
        txt('v=spf1 ip4:10.0.0.0/8 ip4:192.0.2.0/24 ip4:198.51.100.0/24 -all'),
        [],
        'found',
      ],
      ['spf/no record → missing', { 'example.org': { A: ['192.0.2.1'] } }, ['spf-missing medium'], 'missing'],
      ['spf/no such domain → missing', {}, ['spf-missing medium'], 'missing'],
      ['spf/v=spf10 → missing', txt('v=spf10 -all'), ['spf-missing medium'], 'missing'],
      ['spf/v=spf1; → missing', txt('v=spf1; -all'), ['spf-missing medium'], 'missing'],
      ['spf/quotes in the text → missing', txt('"v=spf1 -all"'), ['spf-missing medium'], 'missing'],
      ['spf/a space in front → missing', txt(' v=spf1 -all'), ['spf-missing medium'], 'missing'],
      [
        'spf/at a subdomain alone → missing',
        { 'example.org': {}, 'www.example.org': { TXT: ['v=spf1 -all'] } },
        ['spf-missing medium'],
        'missing',
      ],
      ['spf/two records → error', txt('v=spf1 -all', 'v=spf1 ~all'), ['spf-error high'], 'invalid'],
      ['spf/a mechanism that nobody knows → error', txt('v=spf1 foo -all'), ['spf-error high'], 'invalid'],
      ['spf/semicolons → error', txt('v=spf1 ip4:192.0.2.1; -all'), ['spf-error high'], 'invalid'],
      ['spf/an address that is none → error', txt('v=spf1 ip4:192.0.2.256 -all'), ['spf-error high'], 'invalid'],
      ['spf/an error behind all → error', txt('v=spf1 -all foo'), ['spf-error high'], 'invalid'],
      ['spf/every octet → error', txt(`v=spf1 ${bytes}`), ['spf-error high'], 'invalid'],
      [
        'spf/an include without a record → error',
        txt('v=spf1 include:gone.example -all'),
        ['spf-error high'],
        'invalid',
      ],
      ['spf/an include of itself → error', txt('v=spf1 include:example.org -all'), ['spf-error high'], 'invalid'],
      [
        'spf/eleven look-ups → error',
        at(
          Object.fromEntries(numbers(11).map((i) => [`s${i}.example`, { TXT: ['v=spf1 -all'] }])),
          `v=spf1 ${numbers(11)
            .map((i) => `include:s${i}.example`)
            .join(' ')} -all`,
        ),
        ['spf-error high'],
        'invalid',
      ],
      [
        'spf/three look-ups of nothing → error',
        txt('v=spf1 a:x.example a:y.example a:z.example -all'),
        ['spf-error high'],
        'invalid',
      ],
      ['spf/two look-ups of nothing → nothing', txt('v=spf1 a:x.example a:y.example -all'), [], 'found'],
      ['spf/+all → open', txt('v=spf1 +all'), ['spf-open high'], 'found'],
      ['spf/all → open', txt('v=spf1 all'), ['spf-open high'], 'found'],
      [
        'spf/+all of an include → open',
        at({ 'x.example': { TXT: ['v=spf1 +all'] } }, 'v=spf1 include:x.example -all'),
        ['spf-open high'],
      ],
      ['spf/ip4:0.0.0.0/0 → open', txt('v=spf1 ip4:0.0.0.0/0 -all'), ['spf-open high']],
      ['spf/ip6:::/0 alone → open', txt('v=spf1 ip6:::/0 -all'), ['spf-open high']],
      ['spf/a quarter of IPv4 → open', txt('v=spf1 ip4:64.0.0.0/2 -all'), ['spf-open high']],
      ['spf/a host with /4 behind it → open', at(hosts('A', 'a'), 'v=spf1 a:a.example.org/4 -all'), ['spf-open high']],
      [
        'spf/networks that hold more than a /8 together → open',
        txt('v=spf1 ip4:11.0.0.0/8 ip4:12.0.0.0/8 -all'),
        ['spf-open medium'],
      ],
      ['spf/the same /8 twice → nothing', txt('v=spf1 ip4:11.0.0.0/8 ip4:11.0.0.0/8 -all'), []],
      [
        'spf/a name that always exists → open',
        at(hosts('A', 'a'), 'v=spf1 exists:a.example.org -all'),
        ['spf-open high'],
      ],
      ['spf/?all → neutral', txt('v=spf1 ?all'), ['spf-neutral low'], 'found'],
      ['spf/no all → neutral', txt('v=spf1 ip4:192.0.2.1'), ['spf-neutral low'], 'found'],
      [
        'spf/?all of an include → nothing',
        at({ 'x.example': { TXT: ['v=spf1 ?all'] } }, 'v=spf1 include:x.example -all'),
        [],
      ],
      [
        'spf/redirect to ?all → neutral',
        at({ 'x.example': { TXT: ['v=spf1 ?all'] } }, 'v=spf1 redirect=x.example'),
        ['spf-neutral low'],
      ],
      [
        'spf/SERVFAIL → could not check',
        { 'example.org': { TXT: 'temperror' } },
        ['lookup-failed medium? of spf'],
        'could-not-check',
      ],
      [
        'spf/silence → could not check',
        { 'example.org': { TXT: 'silent' } },
        ['lookup-failed medium? of spf'],
        'could-not-check',
      ],
      [
        'spf/SERVFAIL of an include → could not check',
        at({ 'x.example': 'temperror' }, 'v=spf1 include:x.example -all'),
        ['lookup-failed medium? of spf'],
        'could-not-check',
      ],
      [
        'spf/SERVFAIL of an include, and neutral → could not check',
        at({ 'x.example': 'timeout' }, 'v=spf1 include:x.example'),
        ['lookup-failed medium? of spf'],
        'could-not-check',
      ],
      ['spf/64 KB of addresses → nothing', txt(`v=spf1 ${'ip4:192.0.2.1 '.repeat(4_600)}-all`), [], 'found'],
    ],
    (context) => auditSpf('example.org', context),
  );

  test('spf/no record, and no mail is sent → less urgent, and says which record', async () => {
    const result = await run({}, (context) => auditSpf('example.org', context, { sends: false }));
    expect(brief(result)).toEqual(['spf-missing low']);
    expect(result.findings[0]?.fix).toContain('v=spf1 -all');
  });
});

describe('dmarc', () => {
  const at = (...texts: readonly (string | readonly string[])[]): ZoneData => ({
    '_dmarc.example.org': { TXT: texts },
  });
  table(
    [
      ['dmarc/reject → nothing', at('v=DMARC1; p=reject'), [], 'found'],
      ['dmarc/quarantine, no spaces → nothing', at('v=DMARC1;p=quarantine;'), [], 'found'],
      ['dmarc/spaces and case where they may be → nothing', at('v = DMARC1 ; P=Reject ; ADKIM=S'), [], 'found'],
      ['dmarc/cut into strings → nothing', at(['v=DM', 'ARC1; p=rej', 'ect']), [], 'found'],
      ['dmarc/another text beside → nothing', at('hello', 'v=DMARC1; p=reject'), [], 'found'],
      ['dmarc/tags that nobody knows → nothing', at('v=DMARC1; p=reject; x=1; rf=afrf'), [], 'found'],
      [
        'dmarc/by an alias → nothing',
        { '_dmarc.example.org': { CNAME: 'd.example' }, 'd.example': { TXT: ['v=DMARC1; p=reject'] } },
        [],
        'found',
      ],
      [
        'dmarc/reports within the organisation → nothing',
        at('v=DMARC1; p=reject; rua=mailto:a@x.example.org!10m, mailto:b@example.org'),
        [],
        'found',
      ],
      ['dmarc/nothing → missing', {}, ['dmarc-missing medium'], 'missing'],
      [
        'dmarc/a wildcard that answers with SPF → missing',
        { '*.example.org': { TXT: ['v=spf1 -all'] } },
        ['dmarc-missing medium'],
        'missing',
      ],
      ['dmarc/at the domain itself → missing', txt('v=DMARC1; p=reject'), ['dmarc-missing medium'], 'missing'],
      [
        'dmarc/at the public suffix, which does not speak for others → missing',
        { '_dmarc.org': { TXT: ['v=DMARC1; p=reject'] } },
        ['dmarc-missing medium'],
        'missing',
      ],
      [
        'dmarc/at the public suffix, which does → nothing',
        { '_dmarc.org': { TXT: ['v=DMARC1; p=reject; psd=y'] } },
        [],
        'found',
      ],
      ['dmarc/two records → wrong', at('v=DMARC1; p=reject', 'v=DMARC1; p=none'), ['dmarc-record medium'], 'invalid'],
      ['dmarc/the version in small letters → wrong', at('v=dmarc1; p=reject'), ['dmarc-record medium'], 'invalid'],
      ['dmarc/the version last → wrong', at('p=reject; v=DMARC1'), ['dmarc-record medium'], 'invalid'],
      ['dmarc/backslashes → wrong', at('v=DMARC1\\; p=reject'), ['dmarc-record medium'], 'invalid'],
      ['dmarc/no semicolon → wrong', at('v=DMARC1 p=reject'), ['dmarc-record medium'], 'invalid'],
      ['dmarc/no policy, no reports → wrong', at('v=DMARC1;'), ['dmarc-record medium'], 'invalid'],
      ['dmarc/a policy that does not exist → wrong', at('v=DMARC1; p=block'), ['dmarc-record medium'], 'invalid'],
      [
        'dmarc/a comma for a semicolon → wrong',
        at('v=DMARC1; p=reject, rua=mailto:a@example.org'),
        ['dmarc-record medium'],
        'invalid',
      ],
      [
        'dmarc/a policy that does not exist, and reports → wrong, and does nothing',
        at('v=DMARC1; p=block; rua=mailto:a@example.org'),
        ['dmarc-record medium', 'dmarc-none low'],
        'found',
      ],
      [
        'dmarc/no policy, and reports → does nothing',
        at('v=DMARC1; rua=mailto:a@example.org'),
        ['dmarc-none low'],
        'found',
      ],
      ['dmarc/pct of 200 → wrong', at('v=DMARC1; p=reject; pct=200'), ['dmarc-record low'], 'found'],
      [
        'dmarc/reports to a bare mailbox → wrong',
        at('v=DMARC1; p=reject; rua=a@example.org'),
        ['dmarc-record low'],
        'found',
      ],
      ['dmarc/a tag twice → wrong', at('v=DMARC1; p=reject; p=none'), ['dmarc-record low'], 'found'],
      ['dmarc/every octet → wrong', at(`v=DMARC1;${bytes.replace(/;/g, '')}`), ['dmarc-record medium'], 'invalid'],
      ['dmarc/64 KB → nothing', at(`v=DMARC1; p=reject; x=${long}`), [], 'found'],
      [
        'dmarc/a hundred records → wrong',
        at(...numbers(100).map((i) => `v=DMARC1; p=reject; x=${i}`)),
        ['dmarc-record medium'],
        'invalid',
      ],
      ['dmarc/p=none → does nothing', at('v=DMARC1; p=none'), ['dmarc-none low'], 'found'],
      ['dmarc/p=none, sp=reject → does nothing', at('v=DMARC1; p=none; sp=reject'), ['dmarc-none low'], 'found'],
      ['dmarc/p=reject, sp=none → nothing', at('v=DMARC1; p=reject; sp=none'), [], 'found'],
      ['dmarc/quarantine, of 0 % → does nothing', at('v=DMARC1; p=quarantine; pct=0'), ['dmarc-none low'], 'found'],
      ['dmarc/reject, in test → nothing', at('v=DMARC1; p=reject; t=y'), [], 'found'],
      [
        'dmarc/reports to who did not agree → says so',
        at('v=DMARC1; p=reject; rua=mailto:a@other.example'),
        ['dmarc-reports low'],
        'found',
      ],
      [
        'dmarc/failure reports to who did not agree → says so',
        at('v=DMARC1; p=reject; ruf=MAILTO:a@other.example'),
        ['dmarc-reports low'],
      ],
      [
        'dmarc/reports to who agreed → nothing',
        {
          ...at('v=DMARC1; p=reject; rua=mailto:a@other.example!5m'),
          'example.org._report._dmarc.other.example': { TXT: ['v=DMARC1;'] },
        },
        [],
      ],
      [
        'dmarc/reports to who agrees for all → nothing',
        {
          ...at('v=DMARC1; p=reject; rua=mailto:a@other.example'),
          '*._report._dmarc.other.example': { TXT: ['v=DMARC1'] },
        },
        [],
      ],
      [
        'dmarc/reports to who answers with SPF for all → says so',
        { ...at('v=DMARC1; p=reject; rua=mailto:a@other.example'), '*.other.example': { TXT: ['v=spf1 -all'] } },
        ['dmarc-reports low'],
      ],
      [
        'dmarc/reports to who does not answer → could not check',
        {
          ...at('v=DMARC1; p=reject; rua=mailto:a@other.example'),
          'example.org._report._dmarc.other.example': 'temperror',
        },
        ['lookup-failed medium? of dmarc'],
        'found',
      ],
      ['dmarc/reports by https → nothing', at('v=DMARC1; p=reject; rua=https://other.example/'), []],
      [
        'dmarc/SERVFAIL → could not check',
        { '_dmarc.example.org': 'temperror' },
        ['lookup-failed medium? of dmarc'],
        'could-not-check',
      ],
      [
        'dmarc/silence → could not check',
        { '_dmarc.example.org': 'silent' },
        ['lookup-failed medium? of dmarc'],
        'could-not-check',
      ],
    ],
    (context) => auditDmarc('example.org', context),
  );
  table(
    [
      ['dmarc/below: the organisation has a policy → nothing', at('v=DMARC1; p=reject'), [], 'found'],
      [
        'dmarc/below: the organisation has none for it → does nothing',
        at('v=DMARC1; p=reject; sp=none'),
        ['dmarc-none low'],
        'found',
      ],
      [
        'dmarc/below: the organisation has one for those below → nothing',
        at('v=DMARC1; p=none; sp=reject'),
        [],
        'found',
      ],
      [
        'dmarc/below: on the way up there is one → nothing',
        { '_dmarc.b.example.org': { TXT: ['v=DMARC1; p=reject'] } },
        [],
        'found',
      ],
      ['dmarc/below: nothing anywhere → missing', {}, ['dmarc-missing medium'], 'missing'],
      [
        'dmarc/below: SERVFAIL above → could not check',
        { '_dmarc.example.org': 'temperror' },
        ['lookup-failed medium? of dmarc'],
        'could-not-check',
      ],
      [
        'dmarc/below: its own, and SERVFAIL above → nothing',
        { '_dmarc.a.b.example.org': { TXT: ['v=DMARC1; p=reject'] }, '_dmarc.example.org': 'temperror' },
        [],
        'found',
      ],
    ],
    (context) => auditDmarc('a.b.example.org', context),
  );
});

const spki = (bits: number): string =>
  generateKeyPairSync('rsa', { modulusLength: bits })
    .publicKey.export({ type: 'spki', format: 'der' })
    .toString('base64');
const strong = spki(2_048);
const pkcs1 = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  .publicKey.export({ type: 'pkcs1', format: 'der' })
  .toString('base64');
const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .publicKey.export({ type: 'spki', format: 'der' })
  .toString('base64');
const edwards = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' });

describe('dkim', () => {
  const at = (...texts: readonly (string | readonly string[])[]): ZoneData => ({
    's1._domainkey.example.org': { TXT: texts },
  });
  table(
    [
      ['dkim/RSA of 2048 → nothing', at(`v=DKIM1; k=rsa; p=${strong}`), []],
      ['dkim/p alone → nothing', at(`p=${strong}`), []],
      ['dkim/RSAPublicKey → nothing', at(`v=DKIM1; p=${pkcs1}`), []],
      ['dkim/Ed25519 → nothing', at(`v=DKIM1; k=ed25519; p=${edwards.subarray(-32).toString('base64')}`), []],
      [
        'dkim/cut, with spaces within → nothing',
        at([`v=DKIM1; p=${strong.slice(0, 99)} `, ` ${strong.slice(99)};`]),
        [],
      ],
      ['dkim/another text beside → nothing', at('v=spf1 -all', `v=DKIM1; p=${strong}`), []],
      ['dkim/the same record twice → nothing', at(`p=${strong}`, `p=${strong}`), []],
      [
        'dkim/with a provider → nothing',
        { 's1._domainkey.example.org': { CNAME: 'k.example' }, 'k.example': { TXT: [`p=${strong}`] } },
        [],
      ],
      ['dkim/in test, for mail → nothing', at(`v=DKIM1; t=y:s; s=email; h=sha256; n=note; p=${strong}`), []],
      ['dkim/nothing → key missing', {}, ['dkim-key medium']],
      [
        'dkim/an alias to nothing → key missing',
        { 's1._domainkey.example.org': { CNAME: 'gone.example' } },
        ['dkim-key medium'],
      ],
      [
        'dkim/a wildcard that answers with SPF → no key',
        { '*.example.org': { TXT: ['v=spf1 -all'] } },
        ['dkim-key medium'],
      ],
      ['dkim/revoked → says so', at('v=DKIM1; p='), ['dkim-key medium']],
      ['dkim/no p → wrong', at('v=DKIM1; k=rsa'), ['dkim-key medium']],
      ['dkim/the version last → wrong', at(`p=${strong}; v=DKIM1`), ['dkim-key medium']],
      ['dkim/another version → wrong', at(`v=DKIM2; p=${strong}`), ['dkim-key medium']],
      ['dkim/no base64 → wrong', at('v=DKIM1; p=*** not a key ***'), ['dkim-key medium']],
      ['dkim/cut short → wrong', at(`v=DKIM1; p=${strong.slice(0, 200)}`), ['dkim-key medium']],
      ['dkim/a key of another kind → wrong', at(`v=DKIM1; p=${curve}`), ['dkim-key medium']],
      ['dkim/Ed25519 wrapped → wrong', at(`v=DKIM1; k=ed25519; p=${edwards.toString('base64')}`), ['dkim-key medium']],
      ['dkim/two keys → wrong', at(`p=${strong}`, `p=${pkcs1}`), ['dkim-key medium']],
      ['dkim/not for mail → wrong', at(`v=DKIM1; s=tlsrpt; p=${strong}`), ['dkim-key medium']],
      ['dkim/64 KB → wrong', at(`v=DKIM1; p=${'A'.repeat(65_000)}`), ['dkim-key medium']],
      ['dkim/all byte values → wrong', at(`v=DKIM1; p=${bytes}`), ['dkim-key medium']],
      ['dkim/1024 → weak', at(`v=DKIM1; p=${spki(1_024)}`), ['dkim-weak medium']],
      ['dkim/512 → too weak', at(`v=DKIM1; p=${spki(512)}`), ['dkim-weak high']],
      ['dkim/SHA-1 only → too weak', at(`v=DKIM1; h=sha1; p=${strong}`), ['dkim-weak high']],
      [
        'dkim/SERVFAIL → could not check',
        { 's1._domainkey.example.org': 'temperror' },
        ['lookup-failed medium? of dkim'],
      ],
    ],
    (context) => auditDkim('example.org', ['s1'], context),
  );
  table(
    [
      ['dkim/no selector: _domainkey does not exist → missing', txt('v=spf1 mx -all'), ['dkim-missing low']],
      [
        'dkim/no selector: a name exists below it → nothing',
        { 'x._domainkey.example.org': { TXT: [`p=${strong}`] } },
        [],
      ],
      ['dkim/no selector: the name exists → nothing', { '_domainkey.example.org': {} }, []],
      ['dkim/no selector: a wildcard → nothing', { '*.example.org': { A: ['192.0.2.1'] } }, []],
      ['dkim/no selector: the domain sends nothing → nothing', txt('v=spf1 -all'), []],
      [
        'dkim/no selector: SERVFAIL → could not check',
        { '_domainkey.example.org': 'temperror' },
        ['lookup-failed medium? of dkim'],
      ],
    ],
    (context) => auditDkim('example.org', [], context),
  );
  test('dkim/several selectors → each checked, in parallel', async () => {
    const { audit } = await run(
      { 'a._domainkey.example.org': { TXT: [`p=${strong}`] }, 'b._domainkey.example.org': 'timeout' },
      (context) => auditDkim('example.org', ['a', 'b', 'c', 'a'], context),
    );
    expect(
      (audit as { selector: string; state: string }[]).map(({ selector, state }) => `${selector} ${state}`),
    ).toEqual(['a found', 'b could-not-check', 'c missing']);
  });
});

describe('tls-rpt', () => {
  const at = (...texts: readonly (string | readonly string[])[]): ZoneData => ({
    '_smtp._tls.example.org': { TXT: texts },
  });
  table(
    [
      ['tls-rpt/mailto → nothing', at('v=TLSRPTv1; rua=mailto:a@example.net'), [], 'found'],
      [
        'tls-rpt/mailto and https → nothing',
        at('v=TLSRPTv1;rua=mailto:a@example.net,https://r.example/v1;'),
        [],
        'found',
      ],
      [
        'tls-rpt/split, with another text → nothing',
        at('hello', ['v=TLSRPT', 'v1; rua=mailto:a@example.net']),
        [],
        'found',
      ],
      ['tls-rpt/nothing → missing', {}, ['tls-rpt-missing info'], 'missing'],
      [
        'tls-rpt/a wildcard that answers with SPF → missing',
        { '*.example.org': { TXT: ['v=spf1 -all'] } },
        ['tls-rpt-missing info'],
        'missing',
      ],
      [
        'tls-rpt/two records → wrong',
        at('v=TLSRPTv1; rua=mailto:a@example.net', 'v=TLSRPTv1; rua=mailto:b@example.net'),
        ['tls-rpt-record low'],
        'invalid',
      ],
      ['tls-rpt/no rua → wrong', at('v=TLSRPTv1;'), ['tls-rpt-record low'], 'invalid'],
      ['tls-rpt/a bare mailbox → wrong', at('v=TLSRPTv1; rua=a@example.net'), ['tls-rpt-record low'], 'invalid'],
      ['tls-rpt/http → wrong', at('v=TLSRPTv1; rua=http://r.example/'), ['tls-rpt-record low'], 'invalid'],
      ['tls-rpt/another version → wrong', at('v=TLSRPT1; rua=mailto:a@example.net'), ['tls-rpt-record low'], 'invalid'],
      ['tls-rpt/all byte values → wrong', at(`v=TLSRPTv1;${bytes}`), ['tls-rpt-record low'], 'invalid'],
      [
        'tls-rpt/SERVFAIL → could not check',
        { '_smtp._tls.example.org': 'temperror' },
        ['lookup-failed medium? of tls-rpt'],
        'could-not-check',
      ],
    ],
    (context) => auditTlsRpt('example.org', context),
  );
});

describe('srv', () => {
  const host: ZoneData = { 'mail.example.org': { A: ['192.0.2.1'] } };
  const at = (
    records: { readonly [service: string]: readonly [number, number, number, string][] },
    more: ZoneData = host,
  ): ZoneData => ({
    ...more,
    ...Object.fromEntries(Object.entries(records).map(([service, SRV]) => [`_${service}._tcp.example.org`, { SRV }])),
  });
  const mail = 'mail.example.org';
  table(
    [
      [
        'srv/implicit TLS → nothing',
        at({ submissions: [[0, 1, 465, mail]], imaps: [[0, 1, 993, 'MAIL.example.org.']] }),
        [],
      ],
      ['srv/both, alike → nothing', at({ imap: [[0, 1, 143, mail]], imaps: [[0, 1, 993, mail]] }), []],
      ['srv/STARTTLS only → nothing', at({ submission: [[0, 1, 587, mail]], imaps: [[0, 1, 993, mail]] }), []],
      [
        'srv/all declared absent → nothing',
        at({ submission: [[0, 0, 0, '']], imap: [[0, 0, 0, '']], pop3: [[0, 0, 0, '']] }),
        [],
      ],
      ['srv/cleartext declared absent → nothing', at({ imap: [[0, 0, 0, '']], imaps: [[10, 0, 993, mail]] }), []],
      [
        'srv/a target with IPv6 only → nothing',
        at({ imaps: [[0, 1, 993, mail]] }, { [mail]: { AAAA: ['2001:db8::1'] } }),
        [],
      ],
      ['srv/none → missing', { 'example.org': {} }, ['srv-missing info']],
      [
        'srv/a target without address → unusable',
        at({ imaps: [[0, 1, 993, mail]] }, { [mail]: {} }),
        ['srv-target medium'],
      ],
      [
        'srv/a nonexistent target of two services → unusable, once',
        at({ imaps: [[0, 1, 993, mail]], pop3s: [[0, 1, 995, mail]] }, {}),
        ['srv-target medium'],
      ],
      [
        'srv/a target that is an alias → unusable',
        at({ imaps: [[0, 1, 993, mail]] }, { [mail]: { CNAME: 'm.example' }, 'm.example': { A: ['192.0.2.1'] } }),
        ['srv-target medium'],
      ],
      ['srv/a target that is an address → unusable', at({ imaps: [[0, 1, 993, '192.0.2.1']] }), ['srv-target medium']],
      [
        'srv/cleartext preferred → reported',
        at({ imap: [[0, 1, 143, mail]], imaps: [[10, 1, 993, mail]] }),
        ['srv-clear-preferred low'],
      ],
      [
        'srv/cleartext, and TLS declared absent → reported',
        at({ pop3: [[0, 1, 110, mail]], pop3s: [[0, 0, 0, '']] }),
        ['srv-clear-preferred low'],
      ],
      [
        'srv/one service does not answer → could not check',
        { ...host, '_imaps._tcp.example.org': 'temperror' },
        ['lookup-failed medium? of srv'],
      ],
      [
        'srv/the target does not answer → could not check',
        at({ imaps: [[0, 1, 993, mail]] }, { [mail]: 'temperror' }),
        ['lookup-failed medium? of srv'],
      ],
      [
        'srv/the target does not answer for IPv6 → nothing',
        at({ imaps: [[0, 1, 993, mail]] }, { [mail]: { A: ['192.0.2.1'], AAAA: 'temperror' } }),
        [],
      ],
      ['srv/a hundred records → the first are checked', at({ imaps: numbers(100).map((i) => [i, 1, 993, mail]) }), []],
    ],
    (context) => auditSrv('example.org', context),
  );
  test('srv/announced services → returned with their ports', async () => {
    const { audit } = await run(at({ sieve: [[0, 1, 4190, mail]], imap: [[0, 0, 0, '']] }), (context) =>
      auditSrv('example.org', context),
    );
    expect(audit).toEqual([{ service: 'managesieve', target: mail, port: 4190, priority: 0, weight: 1 }]);
  });
});

describe('ptr', () => {
  const name = '1.2.0.192.in-addr.arpa';
  table(
    [
      ['ptr/confirmed → nothing', { [name]: { PTR: ['mx.example.org'] }, 'mx.example.org': { A: ['192.0.2.1'] } }, []],
      [
        'ptr/one of several confirmed → nothing',
        { [name]: { PTR: ['a.example', 'MX.example.org'] }, 'mx.example.org': { A: ['192.0.2.1', '192.0.2.2'] } },
        [],
      ],
      [
        'ptr/one lookup fails, another confirms → nothing',
        {
          [name]: { PTR: ['a.example', 'mx.example.org'] },
          'a.example': 'temperror',
          'mx.example.org': { A: ['192.0.2.1'] },
        },
        [],
      ],
      [
        'ptr/delegated by an alias → nothing',
        {
          [name]: { CNAME: '1.0-15.2.0.192.in-addr.arpa' },
          '1.0-15.2.0.192.in-addr.arpa': { PTR: ['mx.example.org'] },
          'mx.example.org': { A: ['192.0.2.1'] },
        },
        [],
      ],
      ['ptr/no name → missing', {}, ['ptr-missing medium']],
      [
        'ptr/other addresses → unconfirmed',
        { [name]: { PTR: ['mx.example.org'] }, 'mx.example.org': { A: ['192.0.2.2'] } },
        ['ptr-unconfirmed medium'],
      ],
      ['ptr/no address → unconfirmed', { [name]: { PTR: ['mx.example.org'] } }, ['ptr-unconfirmed medium']],
      [
        'ptr/an address, or binary data → unconfirmed',
        { [name]: { PTR: ['192.0.2.1', '\\000\\255 .x'] } },
        ['ptr-unconfirmed medium'],
      ],
      [
        'ptr/a hundred names without addresses → unconfirmed',
        { [name]: { PTR: numbers(100).map((i) => `h${i}.example`) } },
        ['ptr-unconfirmed medium'],
      ],
      ['ptr/SERVFAIL → could not check', { [name]: 'temperror' }, ['lookup-failed medium? of ptr']],
      [
        'ptr/the name does not answer → could not check',
        { [name]: { PTR: ['mx.example.org'] }, 'mx.example.org': 'temperror' },
        ['lookup-failed medium? of ptr'],
      ],
    ],
    (context) => auditPtr(['192.0.2.1' as IpAddress], context),
  );
});

describe('lists', () => {
  const good = { '2.0.0.127.list.example': { A: ['127.0.0.2'] } };
  const entry = '1.2.0.192.list.example';
  table(
    [
      ['lists/not listed → nothing', good, []],
      [
        'lists/listed → listed',
        { ...good, [entry]: { A: ['127.0.0.4'], TXT: ['see https://list.example/'] } },
        ['listed high'],
      ],
      ['lists/lists every address → broken', { '*.list.example': { A: ['127.0.0.2'] } }, ['list-broken info?']],
      [
        'lists/test entry missing → broken, even if the address is listed',
        { 'list.example': {}, [entry]: { A: ['127.0.0.2'] } },
        ['list-broken info?'],
      ],
      ['lists/the zone is gone → broken', {}, ['list-broken info?']],
      [
        'lists/answers with an error code → broken',
        { ...good, [entry]: { A: ['127.255.255.254'] } },
        ['list-broken info?'],
      ],
      [
        'lists/answers with an error code to all → broken',
        { '*.list.example': { A: ['127.255.255.254'] } },
        ['list-broken info?'],
      ],
      ['lists/answers with 127.0.0.1 → broken', { ...good, [entry]: { A: ['127.0.0.1'] } }, ['list-broken info?']],
      ['lists/a parked domain → broken', { '*.list.example': { A: ['198.51.100.7'] } }, ['list-broken info?']],
      [
        'lists/answers outside 127/8 → broken',
        { ...good, [entry]: { A: ['198.51.100.7', '127.0.0.2'] } },
        ['list-broken info?'],
      ],
      ['lists/SERVFAIL for all → could not check', { '*.list.example': 'temperror' }, ['lookup-failed medium?']],
      ['lists/silence for all → could not check', { '*.list.example': 'silent' }, ['lookup-failed medium?']],
      [
        'lists/SERVFAIL for the address → could not check',
        { ...good, [entry]: 'temperror' },
        ['lookup-failed medium?'],
      ],
    ].map(([name, data, said]) => [
      name as string,
      data as ZoneData,
      (said as string[]).map((one) => one.replace('?', '? of lists')),
    ]),
    (context) => auditLists(['192.0.2.1' as IpAddress], ['list.example'], context),
  );
  test('lists/listed → code and text are shown', async () => {
    const data = { ...good, [entry]: { A: ['127.0.0.4'], TXT: ['see \u0007 https://example.net/'] } };
    const { findings, audit } = await run(data, (context) =>
      auditLists(['192.0.2.1' as IpAddress, '2001:db8::1' as IpAddress], ['list.example'], context),
    );
    expect(findings[0]?.evidence).toEqual([`${entry} A 127.0.0.4`, 'TXT see   https://example.net/']);
    expect((audit as { result: string }[]).map(({ result }) => result)).toEqual(['listed', 'not-listed']);
  });
  test('lists/an allow list → an entry is not a problem', async () => {
    const { findings } = await run(
      { '2.0.0.127.list.dnswl.org': { A: ['127.0.10.0'] }, '1.2.0.192.list.dnswl.org': { A: ['127.0.10.3'] } },
      (context) => auditLists(['192.0.2.1' as IpAddress], ['list.dnswl.org'], context),
    );
    expect(findings).toEqual([]);
  });
  test('lists/a retired list → broken, and not queried', async () => {
    const { findings } = await run({ '*.dnsbl.sorbs.net': { A: ['127.0.0.2'] } }, (context) =>
      auditLists(['192.0.2.1' as IpAddress], ['dnsbl.sorbs.net'], context),
    );
    expect(findings.map(({ id }) => id)).toEqual(['list-broken']);
  });
  test('lists/a customer key → used in queries, not printed', async () => {
    const base = 'verysecret.zen.dq.spamhaus.net';
    const result = await run(
      {
        [`2.0.0.127.${base}`]: { A: ['127.0.0.2'] },
        [`1.2.0.192.${base}`]: { A: ['127.0.0.2'], TXT: [`see ${base}`] },
      },
      (context) => auditLists(['192.0.2.1' as IpAddress], [base], context),
    );
    expect(brief(result)).toEqual(['listed high']);
    expect(JSON.stringify(result)).not.toContain('verysecret');
  });
});

describe('tlsa', () => {
  test.each([true, false])('tlsa/AD bit %s → kept in the answer', async (authentic) => {
    const dns = zone({ '_25._tcp.mx.example.org': { TLSA: [[3, 1, 1, 'ab'.repeat(32)]], authentic } });
    const { answer } = await auditTlsa('mx.example.org', 25, contextWith({}, { dns }));
    expect(answer).toMatchObject({ status: 'found', authentic });
  });
  test('tlsa/the DNS does not answer → could not be checked', async () => {
    const dns = zone({ '_25._tcp.mx.example.org': 'temperror' });
    const { findings } = await auditTlsa('mx.example.org', 25, contextWith({}, { dns }));
    expect(findings.map(({ id, probe, kind }) => [id, probe, kind])).toEqual([
      ['lookup-failed', 'dane', 'could-not-check'],
    ]);
  });
  test('tlsa/a name too long for the labels → no records', async () => {
    const host = `${'a.'.repeat(125)}org`;
    expect((await auditTlsa(host, 25, contextWith())).answer).toMatchObject({ status: 'nxdomain' });
  });
});

describe('hostile records', () => {
  const pieces =
    'v=spf1 |v=DMARC1|v=DKIM1|v=TLSRPTv1|;|=| |,|p=|rua=mailto:|reject|@|!|%{i}|include:|a:|/0|+all|k=rsa|A+/=|example.org'.split(
      '|',
    );
  const text = fc
    .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary' })), { maxLength: 20 })
    .map((parts) => parts.join(''));
  test('records/any published text → printable findings, no exception, never "could not check"', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 4 }), async (texts) => {
        const dns = {
          resolve: (_: string, type: string) =>
            Promise.resolve(
              type === 'TXT' && texts.length > 0
                ? { status: 'found', records: texts.map((one) => ({ type, text: one })), ttl: 1, authentic: false }
                : { status: 'nodata', ttl: 1 },
            ),
        } as unknown as DnsResolver;
        const context = contextWith({}, { dns });
        const results: readonly Result[] = await Promise.all([
          auditSpf('example.org', context),
          auditDmarc('example.org', context),
          auditDkim('example.org', ['s1'], context),
          auditTlsRpt('example.org', context),
        ]);
        for (const { findings } of results)
          for (const { id, what, evidence } of findings) {
            expect(id).not.toBe('lookup-failed');
            for (const line of [what, ...evidence]) expect(line).toMatch(/^[\x20-\x7e…→]*$/);
          }
      }),
      { numRuns },
    );
  });
});

describe('resolvers', () => {
  const looks: readonly (readonly [string, (context: RecordsContext) => Promise<Result>])[] = [
    ['spf', (context) => auditSpf('example.org', context)],
    ['dmarc', (context) => auditDmarc('example.org', context)],
    ['dkim', (context) => auditDkim('example.org', ['s1'], context)],
    ['tls-rpt', (context) => auditTlsRpt('example.org', context)],
    ['srv', (context) => auditSrv('example.org', context)],
    ['ptr', (context) => auditPtr(['192.0.2.1' as IpAddress], context)],
    ['lists', (context) => auditLists(['192.0.2.1' as IpAddress], ['list.example'], context)],
  ];
  test.each(looks)('%s/the resolver throws → could not check', async (probe, look) => {
    const dns = {
      resolve: () => {
        throw new Error('broken \u001b[2J');
      },
    };
    const result = await look(contextWith({}, { dns }));
    expect(brief(result)).toEqual([`lookup-failed medium? of ${probe}`]);
    expect(result.findings.flatMap(({ evidence }) => evidence).join()).not.toContain('\u001b');
  });
  test.each(looks)('%s/aborted → could not check', async (probe, look) => {
    const result = await look(contextWith({}, { dns: zone({ '*': 'silent' }), signal: AbortSignal.abort() }));
    expect(brief(result)).toEqual([`lookup-failed medium? of ${probe}`]);
  });
  test('srv/seven queries → sent in parallel', async () => {
    const clock = fixedClock(0);
    const dns = zone({}, { clock, delayMs: 1_000 });
    await clock.until(auditSrv('example.org', contextWith({}, { dns, clock })));
    expect(clock.now()).toBe(1_000);
  });
});
