import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { manifest, root, subpaths } from '../../.config/subpaths.mjs';
import { filesIn } from '../architecture/files.ts';

const pages = [
  ...filesIn(root, '.md').filter((file) => !file.includes('/')),
  ...filesIn(join(root, 'docs'), '.md').map((file) => `docs/${file}`),
].filter((page) => !page.startsWith('docs/api/'));
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

/** The anchor that a heading gets on the usual hosts. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
const anchorsOf = (page: string): string[] =>
  [...textOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchor(heading ?? ''));

const names = new Set(subpaths.map(({ name }) => name));

describe.each(pages)('docs/%s', (page) => {
  const text = textOf(page);

  test('every link within the project leads somewhere', () => {
    const prose = text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
    const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link]) => link ?? '')
      .filter((link) => !/^[a-z]+:/.test(link));
    const broken = links.filter((link) => {
      const [path = '', heading] = link.split('#');
      const target = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(root, target))) return true;
      return heading !== undefined && target.endsWith('.md') && !anchorsOf(target).includes(heading);
    });
    expect(broken).toEqual([]);
  });

  test('every subpath that is named exists', () => {
    const named = [...text.matchAll(/\bpostern\/[a-z][a-z0-9-]*(?:\/[a-z][a-z0-9-]*)?/g)].map(([name]) => name);
    expect(named.filter((name) => !names.has(name) && !['postern/checks', 'postern/adapters'].includes(name))).toEqual(
      [],
    );
  });

  test('every script that is named exists', () => {
    const named = [...text.matchAll(/\bnpm run ([a-z][\w:-]*)/g)].map(([, script]) => script ?? '');
    expect(named.filter((script) => !(script in manifest.scripts))).toEqual([]);
  });
});

/** Every row of the table says what the subpath is for. */
test('docs/README.md → names every subpath', () => {
  const readme = textOf('README.md');
  expect([...names].filter((name) => name !== 'postern' && !readme.includes(`\`${name}\``))).toEqual([]);
});

/** Pages are written to be found: whoever starts at the README reaches each of them. */
test('docs/every page → is linked from README.md, or from a page that is', () => {
  const reached = new Set(['README.md']);
  for (const page of reached)
    for (const [, link = ''] of textOf(page).matchAll(/\]\((?![a-z]+:|#)([^)#\s]+)/g)) {
      const target = join(dirname(page), link);
      if (target.endsWith('.md') && existsSync(join(root, target))) reached.add(target);
    }
  expect(pages.filter((page) => !reached.has(page))).toEqual([]);
});
