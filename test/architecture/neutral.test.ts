import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { root } from '../../.config/subpaths.mjs';
import { filesIn } from './files.ts';

/** What neutral code must not name: time, chance, output and the runtime are handed in, or are not its business. */
const banned = new Set([
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'console',
  'process',
  'Buffer',
  'globalThis',
  'performance',
  'fetch',
  'require',
]);
const bannedCalls = new Set(['Date.now', 'Math.random', 'Date.prototype.now']);

/** Where a text names what is banned, as `line: name`. */
function faults(text: string, file = 'neutral.ts'): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const found: string[] = [];
  const say = (node: ts.Node, what: string): void => {
    found.push(`${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${what}`);
  };
  const isName = (node: ts.Identifier): boolean => {
    const { parent } = node;
    if (ts.isPropertyAccessExpression(parent) || ts.isQualifiedName(parent)) return parent.getChildAt(0) === node;
    if (ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) || ts.isMethodSignature(parent))
      return parent.name !== node;
    return !(ts.isMethodDeclaration(parent) || ts.isPropertyDeclaration(parent) || ts.isBindingElement(parent));
  };
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && banned.has(node.text) && isName(node)) say(node, node.text);
    if (ts.isPropertyAccessExpression(node) && bannedCalls.has(node.getText())) say(node, node.getText());
    if (ts.isElementAccessExpression(node) && /^(Date|Math)$/.test(node.expression.getText()))
      say(node, node.getText());
    const isDate = (ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === 'Date';
    if (isDate && (ts.isCallExpression(node) || (node.arguments ?? []).length === 0)) say(node, node.getText());
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

test.each([
  ['Date.now()', ['1: Date.now']],
  ['const now = Date.now;', ['1: Date.now']],
  ["Date['now']()", ["1: Date['now']"]],
  ['new Date()', ['1: new Date()']],
  ['Date()', ['1: Date()']],
  ['Math.random()', ['1: Math.random']],
  ['\nsetTimeout(run, 5)', ['2: setTimeout']],
  ['globalThis.setTimeout(run)', ['1: globalThis']],
  ["console.log('x')", ['1: console']],
  ['Buffer.from(x)', ['1: Buffer']],
  ['new Date(clock.now())', []],
  ['env.process', []],
  ['const options = { process: 1 };', []],
  ['// Date.now() is not asked', []],
  ["const text = 'Math.random()';", []],
] as [string, string[]][])('architecture/the ban sees %j → %j', (text, expected) => {
  expect(faults(text)).toEqual(expected);
});

/** The rooms that every runtime can hold, as the compiler is told them. */
const neutral: string[] = (
  ts.readConfigFile(join(root, '.config/tsconfig.neutral.json'), ts.sys.readFile).config as { include: string[] }
).include
  .filter((path) => path.startsWith('../src/'))
  .map((path) => path.slice('../'.length));

test('architecture/neutral rooms → are every room that is not a leaf, and memory', () => {
  const rooms = filesIn(join(root, 'src'))
    .map((file) => file.split('/')[0] as string)
    .filter((room) => !room.endsWith('.ts') && !['adapters', 'audit', 'cli'].includes(room));
  expect([...neutral].sort()).toEqual([...new Set(rooms.map((room) => `src/${room}`)), 'src/adapters/memory'].sort());
});

test('architecture/neutral rooms → name no clock, no chance, no output and no runtime', () => {
  // The builtins that mailauth needs are found by one file.
  const seesTheRuntime = ['src/mailauth/globals.ts'];
  const found = neutral.flatMap((room) =>
    filesIn(join(root, room))
      .filter((file) => !seesTheRuntime.includes(`${room}/${file}`))
      .flatMap((file) =>
        faults(readFileSync(join(root, room, file), 'utf8'), file).map((fault) => `${room}/${file}:${fault}`),
      ),
  );
  expect(found).toEqual([]);
});
