import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { manifest, root, subpaths } from '../../.config/subpaths.mjs';
import { filesIn } from './files.ts';

const foldersIn = (path: string): string[] =>
  existsSync(join(root, path))
    ? readdirSync(join(root, path), { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => `${path}/${name}`)
    : [];

/** Rooms that others build on and that have no subpath of their own. */
const internal = ['src/cli', 'src/mailauth', 'src/adapters/dns-wire', 'src/adapters/proxy-protocol'];

const rooms = foldersIn('src')
  .filter((room) => !['src/checks', 'src/adapters', 'src/policy'].includes(room))
  .concat(foldersIn('src/checks'), foldersIn('src/adapters'), foldersIn('src/policy'))
  .filter((room) => !internal.includes(room));

test('exports/every subpath → is a room with a door', () => {
  expect(subpaths.map(({ source }) => source).filter((source) => !existsSync(join(root, source)))).toEqual([]);
});

test('exports/every room → has a subpath', () => {
  const entered = new Set(subpaths.map(({ source }) => source));
  expect(rooms.filter((room) => !entered.has(`${room}/index.ts`))).toEqual([]);
});

/** Adapters whose subpath is not their folder. */
const renamed: { readonly [name: string]: string } = {
  postern: 'src/index.ts',
  'postern/smtp-session': 'src/session/index.ts',
  'postern/analysis': 'src/policy/analysis/index.ts',
  'postern/explain': 'src/policy/explain/index.ts',
  'postern/dns/node': 'src/adapters/dns-node/index.ts',
  'postern/dns/doh': 'src/adapters/dns-doh/index.ts',
};

test('exports/a subpath → is called what its room is called', () => {
  for (const { name, source } of subpaths)
    expect(source, name).toBe(renamed[name] ?? `src/${name.slice('postern/'.length)}/index.ts`);
});

test('exports/no pattern, types first, one file of each', () => {
  for (const [subpath, target] of Object.entries(manifest.exports)) {
    expect(subpath).not.toContain('*');
    if (typeof target === 'string') continue;
    expect(Object.keys(target)).toEqual(['types', 'default']);
    expect(target.types).toBe(target.default.replace(/\.js$/, '.d.ts'));
  }
});

/** The ten protections, by the room of each, and the room for what signatures say. */
const checks = [
  'connection-limits',
  'dnsbl',
  'encrypted-auth',
  'ip-blocklist',
  'message-authentication',
  'mx-redundancy',
  'relay-control',
  'reverse-dns',
  'smtp-auth',
  'spf',
  'uribl',
];

test('exports/the ten protections and message-authentication → have a subpath each', () => {
  const found = subpaths.map(({ name }) => name).filter((name) => name.startsWith('postern/checks/'));
  expect(found.map((name) => name.slice('postern/checks/'.length)).sort()).toEqual(checks);
});

test('docs/every protection → has a page, and every page a protection', () => {
  const pages = filesIn(join(root, 'docs/guide/protections'), '.md').map((page) => page.replace(/\.md$/, ''));
  expect(pages.filter((page) => page !== 'README' && page !== 'index').sort()).toEqual(checks);
});

test('typedoc/entry points → are the subpaths, without the root, whose names are documented in their rooms', () => {
  const { entryPoints } = JSON.parse(readFileSync(join(root, 'typedoc.json'), 'utf8')) as { entryPoints: string[] };
  const rooms = subpaths.map(({ source }) => source).filter((source) => source !== 'src/index.ts');
  expect([...entryPoints].sort()).toEqual(rooms.sort());
});

test('package.json/engines, format and side effects → are what the docs say', () => {
  expect(manifest.type).toBe('module');
  expect(manifest.sideEffects).toEqual(['./dist/cli/main.js', './dist/mailauth/before.js', './dist/mailauth/after.js']);
  expect(manifest.engines).toEqual({ node: '>=20.19' });
  // Tools are exact. Of what users install, mailauth is exact since modules below its public face are used, and tldts so that
  // there is one suffix list, mailauth's; the others take patches.
  for (const [name, version] of Object.entries(manifest.devDependencies))
    expect(version, name).toMatch(/^(npm:[\w-]+@)?\d+\.\d+\.\d+$/);
  for (const [name, version] of Object.entries(manifest.dependencies))
    expect(version, name).toMatch(['mailauth', 'tldts'].includes(name) ? /^\d+\.\d+\.\d+$/ : /^~\d+\.\d+\.\d+$/);
});
