import { readdirSync, readFileSync } from 'node:fs';
import { check } from 'recheck';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const rooms = ['message', 'checks/uribl', 'checks/ip-blocklist/lists'];

/** Every regular expression literal of the rooms that read what strangers write. */
const literals = rooms.flatMap((room) => {
  const folder = new URL(`../../src/${room}/`, import.meta.url);
  return readdirSync(folder).flatMap((file) => {
    const source = ts.createSourceFile(file, readFileSync(new URL(file, folder), 'utf8'), ts.ScriptTarget.ES2022);
    const found: [string, string, string][] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isRegularExpressionLiteral(node)) {
        const text = node.getText(source);
        const slash = text.lastIndexOf('/');
        found.push([`${room}/${file}`, text.slice(1, slash), text.slice(slash + 1)]);
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
    return found;
  });
});

test('there are some', () => expect(literals.length).toBeGreaterThan(20));

describe('no regular expression takes more than linear time', () => {
  test.each(literals)('%s /%s/%s', async (_, source, flags) => {
    const found = await check(source, flags, { timeout: 20_000, checker: 'automaton' });
    expect(found.status).toBe('safe');
  });
});
