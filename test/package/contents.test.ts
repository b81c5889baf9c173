import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, inject, test } from 'vitest';
import { manifest, root } from '../../.config/subpaths.mjs';
import { filesIn } from '../architecture/files.ts';

const packed = join(inject('packed').lean, 'node_modules/postern');
const files = filesIn(packed, '');

test('package/what is packed → is the build, its sources and the four pages', () => {
  const others = files.filter((file) => !file.startsWith('dist/') && !file.startsWith('src/'));
  expect(others.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json']);
});

test('package/every module of the build → has its source, and every source its module', () => {
  const sources = files
    .filter((file) => /^src\/.*(?<!\.d)\.ts$/.test(file))
    .map((file) => file.replace(/^src\/|\.ts$/g, ''));
  const modules = files.filter((file) => /^dist\/.*\.js$/.test(file)).map((file) => file.replace(/^dist\/|\.js$/g, ''));
  expect(modules).toEqual(sources);
  expect(sources).toEqual(
    filesIn(join(root, 'src'))
      .filter((file) => !file.endsWith('.d.ts'))
      .map((file) => file.replace(/\.ts$/, '')),
  );
});

test('package/every source map → leads to a source that is packed', () => {
  const maps = files.filter((file) => file.endsWith('.map'));
  expect(maps.length).toBeGreaterThan(0);
  for (const map of maps) {
    const { sources } = JSON.parse(readFileSync(join(packed, map), 'utf8')) as { sources: string[] };
    for (const source of sources)
      expect(existsSync(resolve(packed, dirname(map), source)), `${map} → ${source}`).toBe(true);
  }
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

test('package/every command → begins with the line that runs it', () => {
  for (const path of Object.values(manifest.bin ?? {})) {
    expect(readFileSync(join(packed, path), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(statSync(join(packed, path)).isFile()).toBe(true);
  }
});
