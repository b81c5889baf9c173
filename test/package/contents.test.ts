import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { manifest, root } from '../../.config/subpaths.mjs';
import { filesIn } from '../architecture/files.ts';

const packed = join(inject('packed').lean, 'node_modules/postern');
const files = filesIn(packed, '');

test('package/what is packed → the build, two schemas, the guide and the pages', () => {
  const others = files.filter((file) => !file.startsWith('dist/') && !file.startsWith('docs/'));
  expect(others.sort()).toEqual([
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'package.json',
    'src/audit/report.schema.json',
    'src/cli/check/report.schema.json',
  ]);
  expect(files.filter((file) => file.startsWith('dist/') && !/\.(js|d\.ts)$/.test(file))).toEqual([]);
});

test('package/its size → at most 3 MB unpacked, and 1,000 files', () => {
  expect(files.reduce((sum, file) => sum + statSync(join(packed, file)).size, 0)).toBeLessThanOrEqual(3_000_000);
  expect(files.length).toBeLessThanOrEqual(1_000);
});

test('package/every module of the build → has its source, and every source its module', () => {
  const modules = files.filter((file) => /^dist\/.*\.js$/.test(file)).map((file) => file.replace(/^dist\/|\.js$/g, ''));
  expect(modules).toEqual(
    filesIn(join(root, 'src'))
      .filter((file) => !file.endsWith('.d.ts'))
      .map((file) => file.replace(/\.ts$/, '')),
  );
});

test('package/every link of a page → leads to a file of the package', () => {
  const pages = files.filter((file) => file.endsWith('.md'));
  expect(pages.length).toBeGreaterThan(20);
  const broken = pages.flatMap((page) =>
    [
      ...readFileSync(join(packed, page), 'utf8')
        .replace(/^```[\s\S]*?^```/gm, '')
        .matchAll(/\]\((?![a-z]+:|#)([^)#\s]+)/g),
    ]
      .map(([, link = '']) => join(dirname(page), link))
      .filter((target) => !existsSync(join(packed, target)))
      .map((target) => `${page} → ${target}`),
  );
  expect(broken).toEqual([]);
});

test('package/what npm runs when a user installs it → nothing', () => {
  const { scripts } = JSON.parse(readFileSync(join(packed, 'package.json'), 'utf8')) as typeof manifest;
  const runs = ['preinstall', 'install', 'postinstall', 'preprepare', 'prepare', 'postprepare', 'prepublish'];
  expect(Object.keys(scripts).filter((name) => runs.includes(name))).toEqual([]);
  expect(existsSync(join(packed, 'binding.gyp'))).toBe(false);
});

test('package/nothing built → imports a source', () => {
  for (const file of files.filter((name) => name.startsWith('dist/') && /\.(js|d\.ts)$/.test(name))) {
    const imported = [...readFileSync(join(packed, file), 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']*)'/g)];
    for (const [, target = ''] of imported)
      expect(existsSync(join(packed, dirname(file), target.replace(/\.ts$/, '.d.ts'))), `${file} → ${target}`).toBe(
        true,
      );
  }
});

test('package/published types → have nothing that is marked @internal', () => {
  const marked = files.filter(
    (file) => file.endsWith('.d.ts') && readFileSync(join(packed, file), 'utf8').includes('@internal'),
  );
  expect(marked).toEqual([]);
});

test('package/every command → begins with the line that runs it', () => {
  for (const path of Object.values(manifest.bin ?? {})) {
    expect(readFileSync(join(packed, path), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(statSync(join(packed, path)).isFile()).toBe(true);
  }
});
