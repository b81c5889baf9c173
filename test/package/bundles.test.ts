import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuildOptions } from 'esbuild';
import { build } from 'esbuild';
import { build as viteBuild } from 'vite';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { NOW, plain, records, seal, sign } from '../checks/message-authentication/mail.ts';

const { project } = inject('packed');

/** A user's program: it evaluates SPF, DKIM, ARC and DMARC for one mail, and prints the results. */
const program = (mail: string): string => `
  import { authenticateMessage, messageAuthentication } from 'postern/checks/message-authentication';
  import { checkHost, spf } from 'postern/checks/spf';
  import { fixedClock, zone } from 'postern/testing';

  const globals = () => [typeof globalThis.require, typeof globalThis.self].join();
  async function main() {
  const before = globals();
  const mail = ${JSON.stringify(mail)};
  messageAuthentication({ spf: spf() });
  console.log('made');
  const dns = zone({
    'example.org': { TXT: ['v=spf1 exists:%{i}.allowed.example.org include:hosts.example.org -all'] },
    'hosts.example.org': { TXT: ['v=spf1 ip4:192.0.2.0/24 -all'] },
    'rsa._domainkey.example.org': { TXT: [${JSON.stringify(records.rsa)}] },
    'ed25519._domainkey.example.org': { TXT: [${JSON.stringify(records.ed25519)}] },
    'rsa._domainkey.lists.example.net': { TXT: [${JSON.stringify(records.rsa)}] },
    '_dmarc.example.org': { TXT: ['v=DMARC1; p=reject'] },
  });
  const env = { dns, clock: fixedClock(${NOW}) };
  const of = (ip) => checkHost({ ip, helo: 'mx.example.org', mailFrom: 'alice@example.org' }, env);
  const [allowed, foreign] = await Promise.all([of('192.0.2.1'), of('198.51.100.1')]);
  const { dkim, arc, dmarc } = await authenticateMessage({ raw: new TextEncoder().encode(mail) }, env);
  console.log(JSON.stringify({
    spf: [allowed.result, foreign.result],
    dkim: dkim.map(({ result }) => result),
    arc: arc.result,
    dmarc: dmarc.result,
    untouched: globals() === before,
  }));
  }
  void main();
`;

const works = {
  spf: ['pass', 'fail'],
  dkim: ['pass', 'pass'],
  arc: 'pass',
  dmarc: 'pass',
  untouched: true,
};

/** Where a bundle runs: no package can be found from here. */
const alone = realpathSync(mkdtempSync(join(tmpdir(), 'postern-bundles-')));
afterAll(() => rmSync(alone, { recursive: true, force: true }));

let entry = '';
beforeAll(async () => {
  const signed = await sign(await sign(plain(), 'example.org'), 'example.org', 'ed25519');
  entry = join(project, 'entry.mjs');
  writeFileSync(entry, program(await seal(signed, 'lists.example.net', 'mx.example.net; dmarc=pass')));
});

async function withEsbuild(folder: string, options: BuildOptions): Promise<void> {
  await build({
    entryPoints: [entry],
    absWorkingDir: project,
    outdir: folder,
    bundle: true,
    logLevel: 'error',
    ...options,
  });
}

async function withVite(folder: string): Promise<void> {
  await viteBuild({
    root: project,
    configFile: false,
    logLevel: 'error',
    build: { ssr: entry, outDir: folder, emptyOutDir: false },
    ssr: { noExternal: true },
  });
}

const esm: BuildOptions = { format: 'esm', platform: 'node', outExtension: { '.js': '.mjs' } };
/** What wrangler hands to esbuild for a Worker with nodejs_compat. */
const wrangler: BuildOptions = {
  ...esm,
  platform: 'browser',
  target: 'es2022',
  conditions: ['workerd', 'worker', 'browser'],
  // punycode is a package here.
  external: ['node:*', 'cloudflare:*', ...builtinModules.filter((name) => name !== 'punycode')],
};
/** CommonJS has no await at the top level. */
const cjs: BuildOptions = {
  format: 'cjs',
  platform: 'node',
  supported: { 'top-level-await': true },
  outExtension: { '.js': '.cjs' },
};

let made = 0;

/** Bundles, and runs the bundle in a process of its own. */
async function run(
  bundle: (folder: string) => Promise<void>,
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const folder = join(alone, String(made++));
  mkdirSync(folder);
  await bundle(folder);
  const file = readdirSync(folder).find((name) => /^entry\.[mc]?js$/.test(name));
  expect(existsSync(join(alone, 'node_modules'))).toBe(false);
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, file ?? 'none')], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
    env: { PATH: process.env.PATH },
  });
  return { status, stdout, stderr };
}

test.each<[string, (folder: string) => Promise<void>]>([
  ['esbuild, ESM', (folder) => withEsbuild(folder, esm)],
  ['esbuild, ESM, split into chunks', (folder) => withEsbuild(folder, { ...esm, splitting: true })],
  ['esbuild, ESM, minified', (folder) => withEsbuild(folder, { ...esm, minify: true })],
  ['esbuild, CommonJS', (folder) => withEsbuild(folder, cjs)],
  ["esbuild, wrangler's settings", (folder) => withEsbuild(folder, wrangler)],
  ['Vite, SSR, nothing external', withVite],
])('bundles/%s → SPF, DKIM, ARC and DMARC work', async (_, bundle) => {
  const { status, stdout, stderr } = await run(bundle);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(JSON.parse(stdout.replace('made\n', ''))).toEqual(works);
});

test.each<[string, BuildOptions]>([
  ['ESM', esm],
  ['ESM, split into chunks', { ...esm, splitting: true }],
])('bundles/esbuild, %s, without mailauth, which is not there → the program does not start', async (_, options) => {
  const { status, stdout, stderr } = await run((folder) => withEsbuild(folder, { ...options, external: ['mailauth'] }));
  expect(stderr).toMatch(/mailauth cannot be loaded|Cannot find package 'mailauth'/);
  expect(status).toBe(1);
  expect(stdout).not.toContain('spf');
});
