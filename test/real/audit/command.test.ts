import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditOptions, AuditReport } from 'postern/audit';
import { serveZone, type ZoneServer } from 'postern/dns/node';
import { zone } from 'postern/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, makeAuthority } from './certificates.ts';
import { domainCases, domainOptions, domainZone } from './domains.ts';
import type { Fake } from './fakes.ts';
import { makeKit } from './kit.ts';
import { type Kit, madeUp, type Parts, type Posture, postureOptions } from './postures.ts';
import { type Judged, score, scoreTable } from './score.ts';

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `postern` as a process of its own. */
function postern(...given: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', './.config/typescript.mjs', 'src/cli/main.ts', ...given], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.once('error', reject);
    child.once('close', (status) =>
      resolve({ status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    );
  });
}

const judged = ({ stdout, stderr }: Ended, truths: readonly Judged['truth'][]): Judged[] => {
  expect(stderr).toBe('');
  const report = JSON.parse(stdout) as AuditReport;
  return truths.map((truth) => {
    const found = report.domains.find(({ domain }) => domain === truth.domain);
    if (found === undefined) throw new Error(`${truth.domain} is not in the report`);
    return { truth, findings: found.findings };
  });
};
const faultsOf = (all: readonly Judged[]): readonly string[] =>
  score(all).faults.map(({ kind, severity, text }) => `${kind} ${severity}: ${text}`);

describe('postern audit, as a process of its own', () => {
  let folder: string;
  let authority: Authority;
  let kit: Kit;
  let built: readonly (readonly [Posture, Parts])[];
  let dns: ZoneServer;
  const fakes: Fake[] = [];
  let shared: readonly string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'postern-audit-command-'));
    authority = makeAuthority();
    kit = await makeKit(authority);
    await writeFile(join(folder, 'ca.pem'), authority.cert);
    built = madeUp.map((posture) => [posture, posture.build(kit)] as const);
    for (const [, parts] of built) for (const start of parts.fakes) fakes.push(await start());
    dns = await serveZone(zone({ ...domainZone, ...Object.assign({}, ...built.map(([, parts]) => parts.zone)) }));
    const { only = [], publicNetworks = [], source = '', httpsPort } = postureOptions(kit);
    shared = [
      ['audit', '--json', '--resolver', `127.0.0.1:${dns.port}`, '--only', only.join(','), '--source', source],
      ['--https-port', String(httpsPort), '--ca', join(folder, 'ca.pem'), '--timeout', '10s'],
      publicNetworks.flatMap((prefix) => ['--public', prefix]),
    ].flat();
  });
  afterAll(async () => {
    await Promise.all(fakes.map((fake) => fake.close()));
    await dns?.close();
    authority.end();
    await rm(folder, { recursive: true, force: true });
  });
  const argumentsOf = ({ hosts = [], ports = {} }: AuditOptions): string[] => [
    ...hosts.flatMap((host) => ['--host', host]),
    ...Object.entries(ports).flatMap(([service, port]) => ['--ports', `${service}=${port}`]),
  ];

  test('every domain of the set, in one call → nothing is missed, nothing is false', async () => {
    const cases = domainCases.filter(({ options }) => options === undefined);
    const ended = await postern(
      ...['audit', '--json', '--dns-only', '--resolver', `127.0.0.1:${dns.port}`, '--timeout', '5s'],
      ...(domainOptions.publicNetworks ?? []).flatMap((prefix) => ['--public', prefix]),
      ...(domainOptions.dkimSelectors ?? []).flatMap((selector) => ['--dkim-selector', selector]),
      ...cases.map(({ domain }) => domain),
    );
    const all = judged(ended, cases);
    console.log(scoreTable('domains, by the command', score(all)));
    expect(faultsOf(all)).toEqual([]);
    expect(ended.status).toBe(1);
  });

  test('every made-up MX host, in one call → nothing is missed, nothing is false', async () => {
    const sites = built.filter(([, { options }]) => options.ports === undefined);
    const truths = sites.map(([truth]) => truth);
    const ended = await postern(
      ...shared,
      '--smtp-port',
      String(kit.ports.smtp),
      ...argumentsOf({ ports: { smtp: kit.ports.smtp } }),
      ...truths.map(({ domain }) => domain),
    );
    const all = judged(ended, truths);
    console.log(scoreTable('MX hosts, by the command', score(all)));
    expect(faultsOf(all)).toEqual([]);
    expect(ended.status).toBe(1);
  });

  const some = [
    'login-good',
    'login-srv',
    'login-srv-down',
    'imap-clear',
    'imap-xoauth2',
    'imap-preauth',
    'imap-injection',
    'imap-not-tls',
    'imap-expired',
    'imap-old-only',
    'imap-mute',
    'pop3-user',
    'submission-clear',
    'sieve-clear',
  ];
  test.each(some)('%s → as the library says', async (name) => {
    const [truth, parts] = built.find(([{ domain }]) => domain === `${name}.example`) ?? [];
    if (truth === undefined || parts === undefined) throw new Error(`there is no ${name}`);
    const ended = await postern(...shared, ...argumentsOf(parts.options), truth.domain);
    const all = judged(ended, [truth]);
    expect(faultsOf(all)).toEqual([]);
    const bad = all.some(({ findings }) => findings.some(({ severity }) => !['info', 'low'].includes(severity)));
    expect(ended.status).toBe(bad ? 1 : 0);
  });

  test.each<[string, readonly string[], number]>([
    ['all is well', ['good.example'], 0],
    ['a finding of severity medium', ['cname.example'], 1],
    ['the same, where only high ones matter', ['--fail-on', 'high', 'cname.example'], 0],
    ['a finding of severity low', ['dmarc-p-none.example'], 0],
    ['the same, where low ones matter', ['--fail-on', 'low', 'dmarc-p-none.example'], 1],
    ['a finding of severity high', ['--fail-on', 'high', 'one-mx.example'], 1],
    ['nothing matters', ['--fail-on', 'never', 'one-mx.example'], 0],
    ['the DNS does not answer', ['servfail.example'], 3],
    ['the same beside a finding', ['servfail.example', 'one-mx.example'], 1],
    ['no domain', [], 2],
    ['what is no domain', ['not a domain'], 2],
    ['an option that does not exist', ['--frobnicate', 'good.example'], 2],
    ['a severity that does not exist', ['--fail-on', 'dreadful', 'good.example'], 2],
    ['a probe that does not exist', ['--only', 'mxx', 'good.example'], 2],
  ])('%s → the exit status', async (_, given, status) => {
    const networks = (domainOptions.publicNetworks ?? []).flatMap((prefix) => ['--public', prefix]);
    const ended = await postern(
      ...['audit', '--dns-only', '--resolver', `127.0.0.1:${dns.port}`, '--dkim-selector', 's1', ...networks],
      ...given,
    );
    expect(ended.status, ended.stdout + ended.stderr).toBe(status);
    if (status === 2) expect(ended.stderr).toMatch(/^postern: /);
  });
});
