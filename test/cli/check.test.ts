import { createHash, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import type { CheckReport } from 'postern/audit';
import { describe, expect, test } from 'vitest';
import { serveZone } from '../../src/adapters/dns-node/index.ts';
import { checkCatalogue } from '../../src/cli/check/catalogue.ts';
import { zone as zoneOf } from '../../src/testing/index.ts';
import { postern } from './command.ts';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly written: { readonly [path: string]: string };
}

/** Runs `postern check` with the given files; `-` is standard input. */
async function command(
  argv: readonly string[],
  files: { readonly [path: string]: string | Uint8Array | object } = {},
): Promise<Ran> {
  const { status, stdout, stderr, written } = await postern(['check', ...argv], { files });
  return { code: status, out: stdout, err: stderr, written };
}

/** Runs a check with a zone and parses its JSON report. */
async function check(
  argv: readonly string[],
  zone: object,
  files: { readonly [path: string]: string | Uint8Array } = {},
): Promise<
  Ran & { readonly report: CheckReport; readonly results: readonly string[]; readonly ids: readonly string[] }
> {
  // The tests treat a documentation network as public.
  const networks = argv[0] === 'sender' && !argv.includes('--public') ? ['--public', '192.0.2.0/24'] : [];
  const ran = await command([...argv, ...networks, '--json', '--zone', 'zone.json'], { 'zone.json': zone, ...files });
  expect(ran.err).toBe('');
  const report = JSON.parse(ran.out) as CheckReport;
  const [subject] = report.subjects;
  return {
    ...ran,
    report,
    results: subject?.answers.map(({ check: name, result }) => `${name} ${result}`) ?? [],
    // Documentation addresses always get this finding.
    ids: subject?.findings.map(({ id }) => id).filter((id) => id !== 'ip-not-public') ?? [],
  };
}

const ptr = '1.2.0.192.in-addr.arpa';
const named = { [ptr]: { PTR: ['mx.example.org'] }, 'mx.example.org': { A: ['192.0.2.1'] } };
/** A list with the test entries of RFC 5782 §5 that lists 192.0.2.1. */
const list = {
  '2.0.0.127.bl.example': { A: ['127.0.0.2'] },
  '1.2.0.192.bl.example': { A: ['127.0.0.2'], TXT: ['seen in a trap'] },
};

describe('check ip', () => {
  test.each<[string, readonly string[], object, number, readonly string[], readonly string[]]>([
    ['forward-confirmed name', [], named, 0, ['ip info', 'iprev pass'], []],
    ['no name', [], {}, 1, ['ip info', 'iprev permerror'], ['iprev-missing']],
    [
      'a name that resolves to another address',
      [],
      { [ptr]: { PTR: ['mx.example.org'] }, 'mx.example.org': { A: ['192.0.2.9'] } },
      1,
      ['ip info', 'iprev fail'],
      ['iprev-unconfirmed'],
    ],
    ['DNS fails', [], { [ptr]: 'temperror' }, 3, ['ip info', 'iprev temperror'], ['iprev-unknown']],
    [
      'DNS never answers',
      ['--timeout', '50ms'],
      { [ptr]: 'silent' },
      3,
      ['ip info', 'iprev temperror'],
      ['iprev-unknown'],
    ],
    [
      'listed',
      ['--list', 'bl.example=BL'],
      { ...named, ...list },
      1,
      ['ip info', 'iprev pass', 'dnsbl fail'],
      ['listed'],
    ],
    [
      'not listed',
      ['--list', 'bl.example'],
      { ...named, '2.0.0.127.bl.example': { A: ['127.0.0.2'] } },
      0,
      ['ip info', 'iprev pass', 'dnsbl none'],
      [],
    ],
    [
      'the list answers with an error code',
      ['--list', 'bl.example'],
      { ...named, '1.2.0.192.bl.example': { A: ['127.255.255.254'] } },
      3,
      ['ip info', 'iprev pass', 'dnsbl permerror'],
      ['list-broken'],
    ],
    [
      'the list is dead',
      ['--list', 'bl.example'],
      { ...named, '1.2.0.192.bl.example': 'temperror' },
      3,
      ['ip info', 'iprev pass', 'dnsbl temperror'],
      ['list-silent'],
    ],
    [
      'two lists, one of them lists it',
      ['--list', 'bl.example', '--list', 'other.example'],
      { ...named, ...list },
      1,
      ['ip info', 'iprev pass', 'dnsbl fail', 'dnsbl none'],
      ['listed'],
    ],
  ])('ip/%s → results and exit status', async (_, argv, zone, code, results, ids) => {
    const ran = await check(['ip', '192.0.2.1', ...argv], zone);
    expect({ code: ran.code, results: ran.results, ids: ran.ids }).toEqual({ code, results, ids });
  });

  test('ip/listed → evidence: return code, text and zone of the list', async () => {
    const { report } = await check(['ip', '192.0.2.1', '--list', 'bl.example=BL'], { ...named, ...list });
    expect(report.subjects[0]?.findings[0]).toMatchObject({
      subject: '192.0.2.1 on BL',
      evidence: ['list bl.example', '192.0.2.1: 127.0.0.2', '192.0.2.1: seen in a trap'],
    });
  });

  test('ip/private address → info, exit status 0', async () => {
    const { code, report, results } = await check(['ip', '10.1.2.3'], {});
    expect({ code, results }).toEqual({ code: 0, results: ['ip info', 'iprev none'] });
    expect(report.subjects[0]?.findings).toMatchObject([{ id: 'ip-not-public', severity: 'info' }]);
  });

  test('ip/IPv6, IPv4-mapped → in canonical form', async () => {
    expect((await check(['ip', '2001:DB8::0:1'], {})).report.subjects[0]?.subject).toBe('2001:db8::1');
    expect((await check(['ip', '::ffff:192.0.2.1'], named)).report.subjects[0]?.subject).toBe('192.0.2.1');
  });

  test.each([
    ['blocked', '192.0.2.0/24 # spam since May\n', 1, 'fail', ['blocked']],
    ['not blocked', '198.51.100.0/24\n', 0, 'none', []],
    ['a web page', '<!doctype html><html>not found</html>', 3, 'temperror', ['blocklist-unread']],
  ])('ip/--blocklist, %s → result and exit status', async (_, text, code, result, ids) => {
    const ran = await check(['ip', '192.0.2.1', '--blocklist', 'a,b.txt'], named, { 'a,b.txt': text });
    expect({ code: ran.code, ids: ran.ids, last: ran.results.at(-1) }).toEqual({
      code,
      ids,
      last: `ip-blocklist ${result}`,
    });
  });

  test('ip/--blocklist with invalid lines → note', async () => {
    const { report } = await check(['ip', '192.0.2.1', '--blocklist', 'list'], named, {
      list: '198.51.100.0/24\n203.0.113.0/24\nwhat?\n',
    });
    expect(report.notes).toEqual(['list: skipped 1 invalid line; read 2 prefixes.']);
  });
});

const spf = (text: string): object => ({
  'example.org': { MX: [[10, 'mx.example.org']], TXT: [text] },
  ...named,
});

describe('check sender', () => {
  test.each<[string, readonly string[], object, number, readonly string[], readonly string[]]>([
    [
      'SPF pass',
      ['a@example.org', '--ip', '192.0.2.1', '--helo', 'mx.example.org'],
      { ...spf('v=spf1 mx -all'), 'mx.example.org': { A: ['192.0.2.1'], TXT: ['v=spf1 a -all'] } },
      0,
      ['helo pass', 'sender-domain pass', 'mx info', 'spf (mail from) pass', 'spf (helo) pass'],
      [],
    ],
    [
      'SPF fail',
      ['a@example.org', '--ip', '198.51.100.9'],
      spf('v=spf1 mx -all'),
      1,
      ['sender-domain pass', 'mx info', 'spf (mail from) fail'],
      ['spf-fail'],
    ],
    [
      'SPF softfail',
      ['a@example.org', '--ip', '198.51.100.9'],
      spf('v=spf1 mx ~all'),
      1,
      ['sender-domain pass', 'mx info', 'spf (mail from) softfail'],
      ['spf-softfail'],
    ],
    [
      'invalid SPF record',
      ['a@example.org', '--ip', '192.0.2.1'],
      spf('v=spf1 include:'),
      1,
      ['sender-domain pass', 'mx info', 'spf (mail from) permerror'],
      ['spf-error'],
    ],
    [
      'SPF record cannot be looked up',
      ['a@example.org', '--ip', '192.0.2.1'],
      { ...spf('v=spf1 include:other.example -all'), 'other.example': 'temperror' },
      3,
      ['sender-domain pass', 'mx info', 'spf (mail from) temperror'],
      ['spf-unknown'],
    ],
    [
      'null MX',
      ['a@example.org'],
      { 'example.org': { MX: [[0, '']] } },
      1,
      ['sender-domain fail', 'mx info'],
      ['sender-null-mx'],
    ],
    ['no such domain', ['a@example.org'], {}, 1, ['sender-domain fail', 'mx info'], ['sender-undeliverable']],
    [
      'private MX hosts',
      ['a@example.org'],
      { 'example.org': { MX: [[10, 'mx.example.org']] }, 'mx.example.org': { A: ['10.0.0.1'] } },
      1,
      ['sender-domain fail', 'mx info'],
      ['sender-undeliverable'],
    ],
    [
      'private MX hosts with --public',
      ['a@example.org', '--public', '10.0.0.0/8'],
      { 'example.org': { MX: [[10, 'mx.example.org']] }, 'mx.example.org': { A: ['10.0.0.1'] } },
      0,
      ['sender-domain pass', 'mx info'],
      [],
    ],
    [
      'DNS fails',
      ['a@example.org'],
      { 'example.org': 'temperror' },
      3,
      ['sender-domain temperror', 'mx info'],
      ['sender-unknown'],
    ],
    [
      'the null reverse-path, with HELO',
      ['<>', '--ip', '192.0.2.1', '--helo', 'mx.example.org'],
      { ...named, 'mx.example.org': { A: ['192.0.2.1'], TXT: ['v=spf1 -all'] } },
      1,
      ['helo pass', 'spf (helo) fail'],
      ['spf-fail'],
    ],
  ])('sender/%s → results and exit status', async (_, argv, zone, code, results, ids) => {
    const ran = await check(['sender', ...argv], zone);
    expect({ code: ran.code, results: ran.results, ids: ran.ids }).toEqual({ code, results, ids });
  });

  test.each<[string, object, string, string | undefined]>([
    ['mx.example.org', named, 'pass', undefined],
    ['[192.0.2.1]', {}, 'pass', undefined],
    ['[192.0.2.2]', {}, 'softfail', 'helo-differs'],
    ['other.example', { 'other.example': { A: ['192.0.2.9'] } }, 'softfail', 'helo-differs'],
    ['nowhere.example', {}, 'softfail', 'helo-unresolvable'],
    ['localhost', {}, 'softfail', 'helo-not-qualified'],
    ['-!-', {}, 'fail', 'helo-syntax'],
    ['slow.example', { 'slow.example': 'temperror' }, 'temperror', 'helo-unknown'],
  ])('sender/HELO %s → %j', async (helo, zone, result, id) => {
    const { results, ids } = await check(['sender', '<>', '--ip', '192.0.2.1', `--helo=${helo}`], zone);
    expect(results[0]).toBe(`helo ${result}`);
    expect(ids.filter((each) => each.startsWith('helo'))).toEqual(id === undefined ? [] : [id]);
  });

  test('sender/mailbox only → notes what was not checked', async () => {
    const { report } = await check(['sender', 'a@example.org'], spf('v=spf1 mx -all'));
    expect(report.notes).toEqual(['SPF and the HELO name were not checked: --ip is missing.']);
  });

  test('sender/MX hosts → in the evidence, by preference', async () => {
    const { report } = await check(['sender', 'a@example.org'], {
      'example.org': {
        MX: [
          [20, 'b.example.org'],
          [10, 'mx.example.org'],
        ],
      },
      ...named,
    });
    expect(report.subjects[0]?.answers.find(({ check: name }) => name === 'mx')?.evidence).toEqual([
      '10 mx.example.org: 192.0.2.1',
      '20 b.example.org: no-address',
    ]);
  });
});

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const key = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
const dns = {
  'k1._domainkey.example.org': { TXT: [`v=DKIM1; k=ed25519; p=${key}`] },
  'example.org': { TXT: ['v=spf1 ip4:192.0.2.1 -all'], MX: [[10, 'mx.example.org']] },
  'mx.example.org': { A: ['192.0.2.1'] },
  '_dmarc.example.org': { TXT: ['v=DMARC1; p=reject'] },
};

/** Makes a message signed by example.org (RFC 6376, RFC 8463; relaxed, From and Subject). */
function signedMessage(body: string, fields = 'From: a@example.org\r\nSubject: hello\r\n'): string {
  const hash = createHash('sha256').update(body).digest('base64');
  const field = `v=1; a=ed25519-sha256; c=relaxed/simple; d=example.org; s=k1; h=from:subject; bh=${hash}; b=`;
  const from = /^From: (.*)\r\n/im.exec(fields)?.[1];
  const subject = /^Subject: (.*)\r\n/im.exec(fields)?.[1];
  const covered = `from:${from}\r\nsubject:${subject}\r\ndkim-signature:${field}`;
  const digest = createHash('sha256').update(covered).digest();
  const signature = sign(null, digest, createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' })));
  return `DKIM-Signature: ${field}${signature.toString('base64')}\r\n${fields}\r\n${body}`;
}

describe('check message', () => {
  const body = 'see http://www.example.com/a\r\n';
  const signed = signedMessage(body);
  const unsigned = `From: a@example.org\r\nSubject: hello\r\n\r\n${body}`;

  test.each<[string, string | Uint8Array, readonly string[], object, number, readonly string[], readonly string[]]>([
    ['signed', signed, [], dns, 0, ['message info', 'dkim pass', 'dmarc pass', 'links info'], []],
    [
      'changed in transit',
      signed.replace('see', 'saw'),
      [],
      dns,
      1,
      ['message info', 'dkim fail', 'dmarc fail', 'links info'],
      ['dmarc-fail', 'dkim-invalid'],
    ],
    [
      'not signed',
      unsigned,
      [],
      dns,
      1,
      ['message info', 'dkim none', 'dmarc fail', 'links info'],
      ['dmarc-fail', 'dkim-none'],
    ],
    [
      'not signed, SPF passes',
      unsigned,
      ['--ip', '192.0.2.1', '--from', 'a@example.org'],
      dns,
      0,
      ['message info', 'spf (mail from) pass', 'dkim none', 'dmarc pass', 'links info'],
      ['dkim-none'],
    ],
    [
      'the key cannot be looked up',
      signed,
      [],
      { ...dns, 'k1._domainkey.example.org': 'temperror' },
      3,
      ['message info', 'dkim temperror', 'dmarc temperror', 'links info'],
      ['dkim-unknown', 'dmarc-unknown'],
    ],
    [
      'no DMARC policy',
      signed,
      [],
      { ...dns, '_dmarc.example.org': 'nxdomain' },
      0,
      ['message info', 'dkim pass', 'dmarc none', 'links info'],
      ['dmarc-none'],
    ],
    [
      'on a URI list',
      signed,
      ['--uri-list', 'uri.example=URI'],
      { ...dns, 'test.uri.example': { A: ['127.0.0.2'] }, 'example.com.uri.example': { A: ['127.0.0.2'] } },
      1,
      ['message info', 'dkim pass', 'dmarc pass', 'links info', 'uribl fail'],
      ['uri-listed'],
    ],
    [
      'the URI list is dead',
      signed,
      ['--uri-list', 'uri.example=URI'],
      { ...dns, 'example.com.uri.example': 'temperror' },
      3,
      ['message info', 'dkim pass', 'dmarc pass', 'links info', 'uribl temperror'],
      ['uri-list-silent'],
    ],
    [
      'the URI list answers with an error code',
      signed,
      ['--uri-list', 'uri.example=URI'],
      { ...dns, 'example.com.uri.example': { A: ['127.255.255.255'] } },
      3,
      ['message info', 'dkim pass', 'dmarc pass', 'links info', 'uribl permerror'],
      ['uri-list-broken'],
    ],
  ])('message/%s → results and exit status', async (_, message, argv, zone, code, results, ids) => {
    const ran = await check(['message', 'm.eml', ...argv], zone, { 'm.eml': message });
    expect({ code: ran.code, results: ran.results, ids: ran.ids }).toEqual({ code, results, ids });
  });

  test('message/standard input → same result', async () => {
    const { code, report } = await check(['message', '-'], dns, { '-': signed });
    expect(code).toBe(0);
    expect(report.subjects[0]?.subject).toBe('standard input');
  });

  test('message/link text with another host → finding with its place', async () => {
    const text =
      'From: a@example.org\r\nContent-Type: text/html\r\n\r\n<a href="http://evil.example.net/">www.example.com</a>\r\n';
    const { report, ids } = await check(['message', 'm'], dns, { m: text });
    expect(ids).toContain('link-displayed');
    const found = report.subjects[0]?.findings.find(({ id }) => id === 'link-displayed');
    expect(found?.evidence).toEqual(['part 1, a href: http://evil.example.net/ is shown as www.example.com']);
    expect(report.subjects[0]?.message).toMatchObject({ from: ['example.org'], uriCount: 2, truncated: [] });
  });

  test.each<[string, Uint8Array | string, readonly string[]]>([
    ['nothing', '', ['message-empty', 'dmarc-author']],
    ['arbitrary bytes', Uint8Array.from({ length: 200_000 }, (_, at) => (at * 7_919) % 256), ['dmarc-author']],
    [
      'a header of 10 MB',
      `X-Long: ${'a'.repeat(10_000_000)}\r\n\r\nbody\r\n`,
      ['message-unexamined', 'message-truncated'],
    ],
    ['10,000 fields', `${'X-Field: y\r\n'.repeat(10_001)}\r\nbody\r\n`, ['message-unexamined']],
    [
      '1,000 signatures',
      `${'DKIM-Signature: v=1; d=example.org\r\n'.repeat(1_000)}From: a@example.org\r\n\r\n`,
      ['dkim-error'],
    ],
    ['two authors', 'From: a@example.org\r\nFrom: b@example.net\r\n\r\nx\r\n', ['dmarc-author']],
    [
      'controls and markup',
      'From: a@example.org\r\nSubject: \x1b[31m<script>alert(1)</script>\x00\r\n\r\nhttp://x.example.com/\x1b\x07\r\n',
      ['dmarc-fail'],
    ],
  ])('message/hostile: %s → findings in every format, no exception', async (_, message, expected) => {
    const { ids } = await check(['message', 'm'], dns, { m: message });
    expect(ids).toEqual(expect.arrayContaining([...expected]));
    for (const form of [[], ['--sarif'], ['--junit'], ['--prometheus'], ['--html']]) {
      const { out, err } = await command(['message', 'm', '--zone', 'z', ...form], { m: message, z: dns });
      expect(err).toBe('');
      expect(out).not.toContain('\x1b');
      expect(out).not.toContain('\x00');
      expect(out).not.toContain('<script');
    }
  });
});

describe('formats', () => {
  const argv = ['ip', '192.0.2.1', '--list', 'bl.example=BL', '--list', 'dead.example', '--zone', 'z'];
  const files = { z: { ...named, ...list, '1.2.0.192.dead.example': 'temperror' } };

  test('formats/text → answers, findings, fixes', async () => {
    const { out, code } = await command(argv, files);
    expect(code).toBe(1);
    expect(out).toContain('192.0.2.1 has the forward-confirmed name mx.example.org.');
    expect(out).toMatch(/high listed \(192\.0\.2\.1 on BL\)/);
    expect(out).toMatch(/Fix: Look up the reason at the list/);
  });

  test('formats/--json → a report with its schema', async () => {
    const { out } = await command([...argv, '--json'], files);
    expect(JSON.parse(out)).toMatchObject({
      schema: 'postern-check-report',
      version: 2,
      kind: 'ip',
      state: 'problems',
    });
  });

  test('formats/--sarif → a rule and a result for each', async () => {
    const { out } = await command([...argv, '--sarif'], files);
    const [{ tool, results }] = JSON.parse(out).runs;
    expect(tool.driver.rules.map(({ id }: { id: string }) => id)).toEqual(['ip-not-public', 'list-silent', 'listed']);
    // The audit has a finding with the same id and another title.
    expect(tool.driver.rules[2].shortDescription.text).toBe(`${checkCatalogue.listed.title}.`);
    expect(results).toHaveLength(3);
  });

  test('formats/--junit → failed, skipped and passed cases', async () => {
    const { out } = await command([...argv, '--junit'], files);
    expect(out.match(/<failure/g)).toHaveLength(1);
    expect(out.match(/<skipped/g)).toHaveLength(1);
    expect(out).toMatch(/<testcase [^>]*name="[^"]*iprev[^"]*"[^>]*\/>/);
  });

  test('formats/--prometheus → no duplicate series', async () => {
    const { out } = await command([...argv, '--prometheus'], files);
    const series = out.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const names = series.map((line) => line.slice(0, line.lastIndexOf(' ')));
    expect(new Set(names).size).toBe(names.length);
    expect(out).toMatch(/^postern_check_state\{\w+="192\.0\.2\.1",state="problems"\} 1$/m);
  });

  test('formats/--html → one page', async () => {
    const { out } = await command([...argv, '--html'], files);
    expect(out.startsWith('<!doctype html>')).toBe(true);
    expect(out).toContain('<title>Check of an address: 192.0.2.1</title>');
  });

  test('formats/--output → written to the file, nothing printed', async () => {
    const { out, written, code } = await command([...argv, '--json', '--output', 'r.json'], files);
    expect(out).toBe('');
    expect(code).toBe(1);
    expect(JSON.parse(written['r.json'] ?? '').schema).toBe('postern-check-report');
  });

  test.each([
    [[], 1],
    [['--fail-on', 'critical'], 3],
    [['--fail-on', 'high'], 1],
    [['--fail-on', 'never'], 3],
  ])('formats/%j → exit status %i', async (more, code) => {
    expect((await command([...argv, ...more], files)).code).toBe(code);
  });
});

test('resolver/a DNS server on loopback → queried', async () => {
  const server = await serveZone(zoneOf({ ...named, ...list }));
  try {
    const { code, out, err } = await command([
      'ip',
      '192.0.2.1',
      '--list',
      'bl.example=BL',
      '--resolver',
      `127.0.0.1:${server.port}`,
      '--json',
    ]);
    expect(err).toBe('');
    const [subject] = (JSON.parse(out) as CheckReport).subjects;
    expect(subject?.answers.map(({ check: name, result }) => `${name} ${result}`)).toEqual([
      'ip info',
      'iprev pass',
      'dnsbl fail',
    ]);
    expect(code).toBe(1);
  } finally {
    await server.close();
  }
});

describe('usage', () => {
  test.each<[readonly string[], string | RegExp]>([
    [['ipp'], 'unknown check "ipp" (known: ip, sender, message); did you mean ip?'],
    [['ip'], '<address> is missing'],
    [['ip', '192.0.2.300'], '<address> must be an IP address like 192.0.2.1 or 2001:db8::1, got "192.0.2.300"'],
    [['ip', '192.0.2.1', '192.0.2.2'], 'only one subject at a time: unexpected "192.0.2.2"'],
    [['ip', '192.0.2.1', '--lst', 'x'], 'unknown option --lst; did you mean --list?'],
    [['ip', '192.0.2.1', '--list=-x-'], '--list must be a zone like zen.dnsbl.example, or zone=label, got "-x-"'],
    [
      ['ip', '192.0.2.1', '--list', 'not a zone'],
      '--list must be a zone like zen.dnsbl.example, or zone=label, got "not a zone"',
    ],
    [['ip', '192.0.2.1', '--blocklist', 'none.txt'], 'cannot read none.txt: ENOENT'],
    [
      ['ip', '192.0.2.1', '--blocklist-format', 'plane'],
      /^postern: --blocklist-format must be one of plain, .*, got "plane"; did you mean plain\?/,
    ],
    [['ip', '192.0.2.1', '--json', '--html'], '--json and --html cannot be combined'],
    [
      ['ip', '192.0.2.1', '--fail-on', 'bad'],
      '--fail-on must be one of critical, high, medium, low, info, never, got "bad"',
    ],
    [
      ['ip', '192.0.2.1', '--timeout', '0'],
      '--timeout must be a time like 30, 30s or 500ms, at most 10 minutes, got "0"',
    ],
    [['ip', '192.0.2.1', '--zone', 'none.json'], 'cannot read none.json'],
    [['ip', '192.0.2.1', '--zone', 'bad.json'], 'bad.json is not JSON'],
    [['ip', '192.0.2.1', '--zone', 'wrong.json'], 'wrong.json: zone: "a.example": unknown key B'],
    [['ip', '192.0.2.1', '--zone', 'bad.json', '--resolver', '127.0.0.1'], '--zone and --resolver cannot be combined'],
    [['ip', '192.0.2.1', '--resolver', 'not a server'], '--resolver'],
    [['sender', 'nobody'], '<mailbox> must be a mailbox like a@example.org, or "<>", got "nobody"'],
    [
      ['sender', 'a@example.org', '--ip', 'here'],
      '--ip must be an IP address like 192.0.2.1 or 2001:db8::1, got "here"',
    ],
    [
      ['sender', 'a@example.org', '--public', '10.0.0.1/8'],
      '--public must be a prefix like 127.0.0.0/8, got "10.0.0.1/8": ',
    ],
    [['message', 'none.eml'], 'cannot read none.eml: ENOENT'],
    [['message', '-', '--from', 'a'], '--from must be a mailbox like a@example.org, or "<>", got "a"'],
    [['message', '-', '--trusted-sealer', '!'], '--trusted-sealer must be a domain name, got "!"'],
    [['message', '-', '--list', 'x.example'], 'unknown option --list'],
  ])('usage/%j → %s', async (argv, message) => {
    const { code, err, out } = await command(argv, {
      'bad.json': '{',
      'wrong.json': { 'a.example': { B: ['x'] } },
      '-': 'From: a@example.org\r\n\r\n',
    });
    if (typeof message === 'string') expect(err).toContain(message);
    else expect(err).toMatch(message);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });

  test.each([
    [['--help'], 0],
    [['ip', '--help'], 0],
    [['sender', '-h'], 0],
    [['message', '--help'], 0],
  ])('usage/%j → help, exit status %i', async (argv, code) => {
    const ran = await command(argv);
    expect(ran.code).toBe(code);
    expect(ran.out).toContain('Exit status');
    for (const line of ran.out.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
  });

  test('usage/no arguments → help on standard error, exit status 2', async () => {
    const { code, err } = await command([]);
    expect(code).toBe(2);
    expect(err).toContain('postern check ip');
  });

  test('usage/interrupted → exit status 130, no output', async () => {
    const end = new AbortController();
    const files = { z: { [ptr]: 'silent' } };
    const running = postern('check ip 192.0.2.1 --zone z', { files, signal: end.signal });
    setTimeout(() => end.abort(), 20);
    expect(await running).toMatchObject({ status: 130, stdout: '' });
  });
});
