import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { root } from '../../.config/subpaths.mjs';
import { allSnippets, compile, examplesIn, placeOf, snippetsIn, writeSnippets } from './snippets.ts';

const folder = join(root, 'test/docs/.snippets/compiled');
const snippets = allSnippets(root);
const placed = writeSnippets(folder, snippets);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('docs/two snippets of a page → never have the same name', () => {
  expect(placed.size).toBe(snippets.length);
});

describe('docs/what is shown compiles', () => {
  const problems = compile(root, placed);
  test.each(snippets.map((snippet) => [snippet.at, placeOf(folder, snippet)]))('%s', (_, file) => {
    expect(problems.get(file)).toEqual([]);
  });
});

describe('docs/what says it can be run runs', () => {
  const runnable = snippets.filter(({ use }) => use === 'run').map((snippet) => [snippet.at, placeOf(folder, snippet)]);
  test.each(runnable)('%s', async (_, file) => {
    await import(file);
  });
  test('and there is some', () => {
    expect(runnable.length).toBeGreaterThan(0);
  });
});

describe('docs/the tool itself', () => {
  const fence = '```';
  test('a wrong snippet is caught, with its line', () => {
    const file = join(folder, 'wrong.ts');
    const text = "import { reject } from 'postern/core';\nreject(5);\nexport const n: number = 'x';\n";
    expect(compile(root, new Map([[file, text]])).get(file)).toEqual([
      "line 2: Type '5' has no properties in common with type 'Refusal'.",
      "line 3: Type 'string' is not assignable to type 'number'.",
    ]);
  });
  test('a subpath that does not exist is caught', () => {
    const file = join(folder, 'nowhere.ts');
    const [problem] =
      compile(root, new Map([[file, "import 'postern/nowhere';\nimport { a } from 'postern/no';\nexport { a };"]])).get(
        file,
      ) ?? [];
    expect(problem).toMatch(/postern\/no/);
  });
  test('a fence says what is done with it', () => {
    const page = [
      'x',
      `${fence}ts run file=a.ts`,
      'one',
      fence,
      `${fence}sh`,
      'two',
      fence,
      `${fence}ts`,
      'three',
      fence,
    ];
    expect(snippetsIn('p.md', page.join('\n'))).toMatchObject([
      { at: 'p.md:2', text: 'one', use: 'run', file: 'a.ts' },
      { at: 'p.md:8', text: 'three', use: undefined, file: undefined },
    ]);
  });
  test('an example in a doc comment is found where it stands', () => {
    const text = [
      'const a = 1;',
      '/**',
      ' * @example',
      ` * ${fence}ts`,
      ' * one();',
      ' *   two();',
      ` * ${fence}`,
      ' */',
    ].join('\n');
    expect(examplesIn('a.ts', text)).toMatchObject([{ at: 'a.ts:4', text: 'one();\n  two();' }]);
  });
  test('a fence that is never closed is an error', () => {
    expect(() => snippetsIn('p.md', `${fence}ts\none`)).toThrow('p.md:1: the fence is never closed');
  });
});
