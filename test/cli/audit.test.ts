import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { auditCatalogue, probeNames } from '../../src/audit/index.ts';
import { auditOptions } from '../../src/cli/audit-options.ts';
import { type CommandIo, exitCodes } from '../../src/cli/io.ts';
import { exitCodeOf, type Threshold } from '../../src/cli/output.ts';
import { progressLine } from '../../src/cli/progress.ts';
import { reportOf, tidy } from '../audit/report/html-sample.ts';
import { postern } from './command.ts';

/** Domains in every state that MX records alone can cause. */
const zone = {
  'clean.example': {
    MX: [
      [10, 'a.clean.example'],
      [20, 'b.clean.example'],
    ],
  },
  'a.clean.example': { A: ['192.0.2.1'], AAAA: ['2001:db8:1::1'] },
  'b.clean.example': { A: ['198.51.100.1'] },
  'single.example': { MX: [[10, 'a.clean.example']] },
  'alias.example': {
    MX: [
      [10, 'a.clean.example'],
      [20, 'b.clean.example'],
      [30, 'www.clean.example'],
    ],
  },
  'www.clean.example': { CNAME: 'c.clean.example' },
  'c.clean.example': { A: ['203.0.113.1'] },
  'null.example': { MX: [[0, '']] },
  'broken.example': { MX: 'temperror' },
  'half.example': {
    MX: [
      [10, 'a.clean.example'],
      [20, 'b.clean.example'],
      [30, 'lost.clean.example'],
    ],
  },
  'lost.clean.example': 'temperror',
  'silent.example': 'silent',
};
const files = { 'zone.json': zone };
const offline =
  '--dns-only --only mx --zone zone.json --public 192.0.2.0/24,198.51.100.0/24,203.0.113.0/24,2001:db8::/32';
const audited = (words: string, around: Parameters<typeof postern>[1] = {}): ReturnType<typeof postern> =>
  postern(`audit ${offline} ${words}`, { ...around, files: { ...files, ...around.files } });
const json = async (words: string): Promise<string> => (await audited(`--json ${words}`)).stdout;

/** Clears the terminal line. */
const clear = '\r\u001b[K';

describe('the command', () => {
  test('command/no arguments → help on standard error, exit status 2', async () => {
    const { status, stdout, stderr } = await postern('');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('postern audit <domain…>');
  });

  test.each(['help', '--help', '-h', 'help help'])('command/%s → help, exit status 0', async (line) => {
    const { status, stdout, stderr } = await postern(line);
    expect([status, stderr]).toEqual([0, '']);
    for (const word of ['postern audit', 'postern check ip', 'postern check sender', 'postern check message'])
      expect(stdout).toContain(word);
  });

  test.each(['--version', '-v'])('command/%s → the version of package.json', async (line) => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    expect(await postern(line)).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' });
  });

  test.each([
    ['audti', '; did you mean audit?'],
    ['chekc', '; did you mean check?'],
    ['example.org', ''],
  ])('command/%s → unknown; suggests a similar command', async (word, hint) => {
    const { status, stderr } = await postern(word);
    expect([status, stderr]).toEqual([2, `postern: unknown command "${word}"${hint}\nSee postern --help.\n`]);
  });

  test.each(['audit --help', 'audit -h', 'help audit'])(
    'command/%s → lists every option, probe and exit status',
    async (line) => {
      const { status, stdout } = await postern(line);
      expect(status).toBe(0);
      for (const name of Object.keys(auditOptions)) expect(stdout).toContain(`--${name}`);
      for (const probe of probeNames) expect(stdout).toContain(probe);
      for (const code of Object.values(exitCodes)) expect(stdout).toMatch(new RegExp(`^ {2}${code} `, 'm'));
      for (const row of stdout.split('\n')) expect(row.length).toBeLessThanOrEqual(120);
    },
  );

  test.each(['help check', 'help check ip'])('command/%s → help of check', async (line) => {
    const { status, stdout } = await postern(line);
    expect(status).toBe(0);
    expect(stdout).toContain('postern check');
  });

  test('command/--list-findings → every finding on its own line, or as JSON', async () => {
    const { status, stdout } = await postern('audit --list-findings');
    expect(status).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((row) => row.split(' ')[0]),
    ).toEqual(Object.keys(auditCatalogue));
    expect(JSON.parse((await postern('audit --list-findings --json')).stdout)).toEqual(auditCatalogue);
  });
});

describe('wrong usage', () => {
  const see = '\nSee postern audit --help.\n';
  test.each([
    ['', `no domain given, for example: postern audit example.org${see}`],
    ['--josn example.org', `unknown option --josn; did you mean --json?${see}`],
    ['--prom example.org', `unknown option --prom${see}`],
    ['--promtheus example.org', `unknown option --promtheus; did you mean --prometheus?${see}`],
    ['--pubilc a example.org', `unknown option --pubilc; did you mean --public?${see}`],
    ['--colour example.org', `unknown option --colour${see}`],
    ['--list-all example.org', `unknown option --list-all${see}`],
    ['--dnsonly example.org', `unknown option --dnsonly; did you mean --dns-only?${see}`],
    ['--frobnicate-all-of-it example.org', `unknown option --frobnicate-all-of-it${see}`],
    ['-x example.org', `unknown option -x${see}`],
    ['example.org --ports', `--ports needs a value: --ports=<value>${see}`],
    ['--output --json example.org', `--output needs a value: --output=<value>${see}`],
    ['--json=report.json example.org', `--json takes no value; use --output <file> to write to a file${see}`],
    ['--only= example.org', `--only must not be empty${see}`],
    ['--ports , example.org', `--ports must not be empty${see}`],
    ['--json --html example.org', '--json and --html cannot be combined: run the command once for each format\n'],
    [
      '--only mx,smpt example.org',
      expect.stringMatching(/^--only must be one of mx, smtp, .*, got "smpt"; did you mean smtp\?\n$/),
    ],
    [
      '--dns-only --only smtp,tls example.org',
      expect.stringMatching(/^--only .*"smtp,tls".*\nSee postern audit --help\.\n$/),
    ],
    [
      '--fail-on hihg example.org',
      '--fail-on must be one of critical, high, medium, low, info, never, got "hihg"; did you mean high?\n',
    ],
    ['--ports imap=0 example.org', '--ports must be a port from 1 to 65535, got "imap=0"\n'],
    ['--ports imap=x example.org', '--ports must be a port from 1 to 65535, got "imap=x"\n'],
    ['--ports imap=143=1 example.org', expect.stringContaining('--ports must be services and ports like imap=1143')],
    ['--ports imps=993 example.org', expect.stringMatching(/did you mean imaps\?\n$/)],
    ['--ports 8080 example.org', expect.stringContaining('or usual ports like 993')],
    ['--ports imap=1,imap=2 example.org', '--ports has two ports for imap, 1 and 2: run the command once for each\n'],
    ['--smtp-port 2525 --ports smtp=25 example.org', '--smtp-port 2525 contradicts --ports smtp=25\n'],
    ['--smtp-port 65536 example.org', '--smtp-port must be a whole number from 1 to 65535, got "65536"\n'],
    ['--save x --output x example.org', '--save and --output both write x\n'],
    ['--minimum 1.5 example.org', '--minimum must be a whole number from 1 to 100, got "1.5"\n'],
    ['--timeout soon example.org', '--timeout must be a time like 30, 30s or 500ms, at most 10 minutes, got "soon"\n'],
    ['--timeout 0 example.org', '--timeout must be a time like 30, 30s or 500ms, at most 10 minutes, got "0"\n'],
    ['--provider =x example.org', '--provider must be like mx.example.net=Example, got "=x"\n'],
    ['--helo a..b example.org', expect.stringMatching(/^--helo .*must be a host name/)],
    ['--source eth0 example.org', expect.stringMatching(/^--source .*must be an IP address of this machine/)],
    ['--relay-to nobody example.org', expect.stringMatching(/^--relay-to .*must be a mailbox/)],
    ['--public 10.0.0.0/33 example.org', expect.stringMatching(/^--public .*must be prefixes/)],
    ['--list a..b example.org', expect.stringMatching(/^--list .*must be a domain name/)],
    ['--ca zone.json example.org', expect.stringMatching(/^--ca .* must be certificates in PEM/)],
    ['--ca none.pem example.org', "cannot read none.pem: ENOENT: no such file or directory, open 'none.pem'\n"],
    ['--resolver nowhere.example example.org', expect.stringMatching(/^--resolver: /)],
    ['--zone none.json example.org', "cannot read none.json: ENOENT: no such file or directory, open 'none.json'\n"],
    [
      '--zone list.json example.org',
      'list.json must be an object of names, like {"example.org": {"A": ["192.0.2.1"]}}\n',
    ],
    ['--zone wrong.json example.org', expect.stringMatching(/^wrong.json: .*TXTT/)],
    ['--zone text.json example.org', expect.stringMatching(/^text.json is not JSON/)],
    [
      '--zone zone.json --resolver 127.0.0.1 example.org',
      '--zone and --resolver cannot be combined: the file replaces the DNS\n',
    ],
    ['exa_mple..org', expect.stringMatching(/^domain .*"exa_mple..org"/)],
    [
      'https://example.org/',
      expect.stringMatching(/^domain .*"https:\/\/example.org\/".*; did you mean example.org\?\nSee/),
    ],
    ['bob@example.org', expect.stringMatching(/^domain .*"bob@example.org".*; did you mean example.org\?\nSee/)],
    ['192.0.2.1', expect.stringMatching(/^domain .*"192.0.2.1"/)],
  ])('usage/postern audit %s → error message, exit status 2', async (line, message) => {
    const { status, stdout, stderr } = await postern(`audit ${line}`, {
      files: { ...files, 'list.json': [], 'text.json': 'MX 10', 'wrong.json': { 'example.org': { TXTT: [] } } },
    });
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr.startsWith('postern: ')).toBe(true);
    expect(stderr.slice('postern: '.length)).toEqual(message);
  });

  test('usage/a file that cannot be written → error message, exit status 2', async () => {
    const { status, stderr } = await audited('--output /no/report clean.example');
    expect([status, stderr]).toEqual([
      2,
      "postern: cannot write /no/report: ENOENT: no such file or directory, open '/no/report'\n",
    ]);
  });
});

describe('the exit status', () => {
  test.each([
    ['clean.example', 'medium', 0],
    ['clean.example', 'info', 0],
    ['single.example', 'medium', 1],
    ['single.example', 'high', 1],
    ['single.example', 'critical', 0],
    ['single.example', 'never', 0],
    ['alias.example', 'medium', 1],
    ['alias.example', 'high', 0],
    ['null.example', 'low', 0],
    ['null.example', 'info', 1],
    ['broken.example', 'medium', 3],
    ['broken.example', 'critical', 3],
    ['broken.example', 'never', 3],
    ['half.example', 'medium', 3],
    ['broken.example single.example', 'medium', 1],
    ['broken.example single.example', 'critical', 3],
    ['clean.example single.example', 'medium', 1],
  ])('status/%s with --fail-on %s → %s', async (domains, failOn, expected) => {
    expect((await audited(`--fail-on ${failOn} ${domains}`)).status).toBe(expected);
  });

  const problem = {
    kind: 'problem',
    id: 'mx-single',
    probe: 'mx',
    subject: 'a.example',
    what: 'x',
    source: 'x',
    fix: 'x',
    evidence: [],
  } as const;
  const severities = ['critical', 'high', 'medium', 'low', 'info'] as const;
  const thresholds: readonly Threshold[] = [...severities, 'never'];
  test('status/every severity, kind and threshold → 1 for problems at or above, 3 for unknown results above info', () => {
    for (const [at, severity] of severities.entries())
      for (const [from, failOn] of thresholds.entries()) {
        const of = (kind: 'problem' | 'could-not-check'): number =>
          exitCodeOf(reportOf({ ...tidy, findings: [{ ...problem, severity, kind }] }), failOn);
        expect(of('problem'), `${severity} from ${failOn}`).toBe(failOn !== 'never' && at <= from ? 1 : 0);
        expect(of('could-not-check'), `unknown ${severity} from ${failOn}`).toBe(severity === 'info' ? 0 : 3);
      }
  });
});

describe('output', () => {
  test('formats/default → text with a line for each address, and the findings', async () => {
    const { stdout, stderr } = await audited('single.example');
    expect(stderr).toBe('');
    expect(stdout).toContain('single.example: problems (1 high)\n');
    expect(stdout).toMatch(/^ {2}10 +a\.clean\.example +192\.0\.2\.1 +usable$/m);
    expect(stdout).toContain('  high mx-single (single.example)\n');
    expect(stdout).toMatch(/; skipped:\ssmtp,\srelay,/);
  });

  test.each([
    ['--json', /^\{\n {2}"schema": "postern-audit-report"/],
    ['--sarif', /^\{\n {2}"\$schema": ".*sarif-schema-2\.1\.0\.json"/],
    ['--junit', /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<testsuites /],
    ['--prometheus', /^# HELP postern_audit_timestamp_seconds /],
    ['--html', /^<!doctype html>/],
  ])('formats/%s → on standard output, or in the --output file only', async (flag, begins) => {
    const out = await audited(`${flag} single.example`);
    expect(out.stdout).toMatch(begins);
    expect(out.stdout.endsWith('\n')).toBe(true);
    const file = await audited(`${flag} --output report single.example`);
    expect([file.stdout, file.stderr, file.status]).toEqual(['', '', 1]);
    expect(file.written.report).toMatch(begins);
  });

  test('formats/terminal → colours; none with --no-color, NO_COLOR, --output or without a terminal', async () => {
    const colour = '\u001b[';
    expect((await audited('single.example', { terminal: true })).stdout).toContain(`${colour}31mhigh${colour}0m`);
    for (const [words, around] of [
      ['single.example', {}],
      ['--no-color single.example', { terminal: true }],
      ['single.example', { terminal: true, env: { NO_COLOR: '1' } }],
    ] as const)
      expect((await audited(words, around)).stdout).not.toContain(colour);
    expect((await audited('--output report single.example', { terminal: true })).written.report).not.toContain(colour);
    expect((await audited('single.example', { terminal: true, env: { NO_COLOR: '' } })).stdout).toContain(colour);
  });

  test('progress/terminal → one line, overwritten and finally cleared; none with --quiet or without a terminal', async () => {
    const { stderr } = await postern('audit --dns-only --only spf,dmarc --zone zone.json single.example', {
      files,
      terminal: true,
      columns: 60,
    });
    const lines = stderr.split(clear);
    expect(lines[1]).toMatch(/^0 of 1 steps; single\.example (spf|dmarc)$/);
    expect([lines.at(0), lines.at(-1)]).toEqual(['', '']);
    expect(stderr).not.toContain('\n');
    for (const line of lines) expect(line.length).toBeLessThan(60);
    expect((await audited('--quiet single.example', { terminal: true })).stderr).toBe('');
    expect((await audited('single.example')).stderr).toBe('');
  });

  test('domains/given twice → audited once, in the order given', async () => {
    const { domains } = JSON.parse(await json('single.example clean.example SINGLE.example.')) as {
      domains: { domain: string }[];
    };
    expect(domains.map(({ domain }) => domain)).toEqual(['single.example', 'clean.example']);
  });

  test('--dns-only/connecting probes → not in the report', async () => {
    const { stdout } = await postern('audit --dns-only --json --zone zone.json null.example', { files });
    expect((JSON.parse(stdout) as { probes: string[] }).probes).toEqual(
      probeNames.filter((name) => !['smtp', 'relay', 'failover', 'login', 'tls', 'dane'].includes(name)),
    );
  });

  test('--zone/a silent name → DNS timeout', async () => {
    const { status, stdout } = await audited('--timeout 50ms silent.example');
    expect(status).toBe(3);
    expect(stdout).toContain('dns-timeout');
  });
});

describe('--config', () => {
  const read = (config: unknown, words = ''): ReturnType<typeof postern> =>
    postern(`audit --config config.json ${words}`, { files: { ...files, 'config.json': config } });
  const base = {
    zone: 'zone.json',
    dnsOnly: true,
    only: 'mx',
    public: ['192.0.2.0/24', '198.51.100.0/24', '2001:db8::/32'],
  };

  test('config/options in camel case and domains → read', async () => {
    const { status, stdout } = await read({ ...base, domains: ['single.example'], json: true, failOn: 'critical' });
    expect(status).toBe(0);
    expect((JSON.parse(stdout) as { domains: { domain: string }[] }).domains[0]?.domain).toBe('single.example');
  });

  test('config/command line → takes precedence for domains, values and the format', async () => {
    const config = { ...base, domains: ['clean.example'], json: true, failOn: 'critical' };
    const { status, stdout } = await read(config, '--fail-on high --junit single.example');
    expect(status).toBe(1);
    expect(stdout).toMatch(/^<\?xml/);
    expect(stdout).not.toContain('clean.example"');
  });

  test('config/numbers, and ports as an object → read', async () => {
    const { stdout } = await read({ ...base, minimum: 1, timeout: 5, ports: { imap: 1143 } }, 'single.example');
    expect(stdout).not.toContain('mx-single');
    const wrong = await read({ ...base, ports: { imapp: 1143 } }, 'single.example');
    expect(wrong.stderr).toContain(
      '--ports must be services and ports like imap=1143, or usual ports like 993, got "imapp=1143"; did you mean imap?',
    );
  });

  test.each([
    [{ failon: 'high' }, 'unknown option failon; did you mean failOn?'],
    [{ 'dns-only': true }, 'unknown option dns-only; did you mean dnsOnly?'],
    [{ domain: 'a.example' }, 'unknown option domain; did you mean domains?'],
    [{ config: 'other.json' }, 'unknown option config'],
    [{ constructor: 1 }, 'unknown option constructor'],
    [{ dnsOnly: 'yes' }, 'dnsOnly must be true or false, got "yes"'],
    [{ only: [1] }, 'only must be a string or a list of strings, got [1]'],
    [{ minimum: [] }, 'minimum must be a string or a number, got []'],
    [{ domains: 7 }, 'domains must be a list of domains, got 7'],
    [[], 'config.json must be an object'],
    ['{', 'config.json is not JSON'],
    [{ helo: '' }, '--helo must not be empty'],
  ])('config/%j → error message, exit status 2', async (config, message) => {
    const { status, stderr, stdout } = await read(config, 'a.example');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });
});

describe('--diff', () => {
  const changes = async (before: string, now: string, words = ''): ReturnType<typeof postern> =>
    audited(`--diff before.json ${words} ${now}`, { files: { 'before.json': await json(before) } });

  test('diff/same report → no changes, exit status 0 despite findings', async () => {
    const { status, stdout } = await changes('single.example', 'single.example');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Changes from \S+ to \S+\n\nsingle\.example: no changes\n$/);
  });

  test('diff/a new finding → only that, exit status 1', async () => {
    const { status, stdout } = await changes('clean.example', 'clean.example single.example');
    expect(status).toBe(1);
    expect(stdout).toContain('clean.example: no changes');
    expect(stdout).toContain('single.example: 1 new (first audit)');
    expect(stdout).toContain('  new: high mx-single (single.example)');
  });

  test('diff/with --save → saves the whole report', async () => {
    const first = await audited('--save last.json --quiet clean.example');
    expect(first.stdout).toContain('clean.example: clean');
    const files = { 'last.json': first.written['last.json'] };
    const second = await audited('--diff last.json --save last.json single.example clean.example', { files });
    expect(second.stdout).toContain('single.example: 1 new');
    const kept = JSON.parse(second.written['last.json'] ?? '') as { schema: string; domains: { domain: string }[] };
    expect(kept.schema).toBe('postern-audit-report');
    expect(kept.domains.map(({ domain }) => domain)).toEqual(['single.example', 'clean.example']);
  });

  test('diff/--json → the changes as JSON; other formats → new findings', async () => {
    const diff = JSON.parse((await changes('clean.example', 'single.example', '--json')).stdout) as {
      schema: string;
      domains: { domain: string; audited: string; appeared: { id: string }[] }[];
    };
    expect(diff.schema).toBe('postern-audit-diff');
    expect(diff.domains.map(({ domain, audited: when }) => [domain, when])).toEqual([
      ['single.example', 'now'],
      ['clean.example', 'before'],
    ]);
    expect(diff.domains[0]?.appeared.map(({ id }) => id)).toEqual(['mx-single']);
    expect((await changes('single.example', 'single.example', '--sarif')).stdout).toContain('"results": []');
  });

  test.each([
    ['{}', 'its schema is undefined'],
    ['[]', 'not an object'],
    [{ schema: 'postern-check-report' }, 'its schema is "postern-check-report"'],
    [{ schema: 'postern-audit-diff' }, 'it is the output of --diff; pass a whole report'],
    [{ schema: 'postern-audit-report', version: 1 }, 'its version is 1, expected 2'],
    [{ ...reportOf(tidy), probes: [1] }, 'probes is not a list of names'],
    [{ ...reportOf(tidy), domains: {} }, 'domains is not a list'],
    [{ ...reportOf(tidy), domains: [{}] }, 'a domain has no name'],
    [{ ...reportOf(tidy), domains: [{ domain: 'a.example' }] }, 'a.example has no list of findings'],
    [
      { ...reportOf(tidy), domains: [{ domain: 'a.example', findings: [{ id: 'mx-single' }] }] },
      'a finding of a.example is incomplete',
    ],
  ])('diff/not a report (%#) → the reason, exit status 2', async (before, why) => {
    const { status, stderr } = await audited('--diff before.json clean.example', { files: { 'before.json': before } });
    expect(status).toBe(2);
    expect(stderr).toContain(`postern: before.json must be a report of postern audit --json: ${why}`);
  });
});

test('Ctrl-C/during an audit → no output, exit status 130', async () => {
  const end = new AbortController();
  const running = audited('silent.example', { signal: end.signal, terminal: true });
  setTimeout(() => end.abort(), 20);
  const { status, stdout, stderr } = await running;
  expect([status, stdout]).toEqual([130, '']);
  expect(stderr.endsWith(clear)).toBe(true);
});

test('Ctrl-C/steps that end later → no more progress lines', () => {
  let stderr = '';
  const line = progressLine({ stderr: (text: string) => (stderr += text), columns: 80 } as unknown as CommandIo);
  line.show({ domain: 'a.example', step: 'mx', state: 'started' });
  line.end();
  const left = stderr;
  line.show({ domain: 'a.example', step: 'mx', state: 'done' });
  line.end();
  expect(left.endsWith(clear)).toBe(true);
  expect(stderr).toBe(left);
});

test.each([
  ['a private key', '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n'],
  ['passwords', 'root:secret:0:0:/root:/bin/sh\n'],
  ['a broken certificate', '-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----\n'],
  ['an empty file', ''],
])('--ca/%s → exit status 2; the message names the file, not its content', async (_, content) => {
  const { status, stdout, stderr } = await audited('--ca key.pem clean.example', { files: { 'key.pem': content } });
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^postern: --ca key\.pem must be certificates in PEM, got /);
  expect(stderr).not.toMatch(/c2VjcmV0|secret|PRIVATE/);
});

test.each(['--zone', '--config', '--diff'])(
  '%s/a file that is not JSON → the message does not show its content',
  async (option) => {
    const files = { 'zone.json': zone, secrets: '{ "password": hunter2 }' };
    const { status, stderr } = await postern(`audit --dns-only ${option} secrets clean.example`, { files });
    expect(status).toBe(2);
    expect(stderr).toContain('JSON');
    expect(stderr).not.toContain('hunter2');
  },
);

test('IDN/internationalized domain → shown in Unicode and as A-labels', async () => {
  const { stdout } = await audited('bücher.example');
  expect(stdout).toContain('bücher.example (xn--bcher-kva.example): problems');
  const { stdout: page } = await audited('--html bücher.example');
  expect(page).toContain('<h1>bücher.example (xn--bcher-kva.example)</h1>');
  expect(JSON.parse(await json('bücher.example')).domains[0].domain).toBe('xn--bcher-kva.example');
});
