import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { root } from '../../.config/subpaths.mjs';
import { allSnippets, placeOf, writeSnippets } from './snippets.ts';

const folder = join(root, 'test/docs/.snippets/tests');
const snippets = allSnippets(root).filter(({ page }) => page.endsWith('.md'));
writeSnippets(folder, snippets);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const shown = snippets.filter(({ use }) => use === 'test');

test('docs/some tests are shown', () => {
  expect(shown.length).toBeGreaterThan(0);
});

for (const snippet of shown)
  describe(`docs/the tests shown at ${snippet.at} pass`, async () => {
    await import(placeOf(folder, snippet));
  });
