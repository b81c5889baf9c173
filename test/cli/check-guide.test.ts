import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { postern } from './command.ts';

const page = readFileSync(new URL('../../docs/guide/check.md', import.meta.url), 'utf8');

/** Files on the page: their name and the code block that follows it. */
const files = new Map(
  [...page.matchAll(/^`([\w.]+)`:\n\n```\w+\n([\s\S]*?)^```/gm)].map(
    ([, name = '', text = '']) => [name, text] as const,
  ),
);
const commands = [...page.matchAll(/^\$ postern (.*)$/gm)].map(([, line = '']) => line);

async function play(line: string): Promise<{ code: number; out: string; written: readonly string[] }> {
  const { status, stdout, stderr, written } = await postern(line, { files: Object.fromEntries(files) });
  return { code: status, out: stdout + stderr, written: Object.values(written) };
}

describe('docs/guide/check.md', () => {
  test('guide/files → found', () => expect([...files.keys()]).toEqual(['zone.json', 'message.eml']));

  test.each<[string, number, readonly string[]]>([
    ['check ip --zone zone.json 192.0.2.1', 0, ['iprev', 'pass', 'info ip-not-public']],
    [
      'check ip --zone zone.json --list bl.example=BL 198.51.100.9',
      1,
      ['high listed', 'seen in a trap', 'medium iprev-missing'],
    ],
    [
      'check sender --zone zone.json --public 192.0.2.0/24 --ip 192.0.2.1 --helo mx.example.org a@example.org',
      0,
      ['spf (mail from)        pass', 'spf (helo)             pass', 'helo                   pass'],
    ],
    ['check sender --zone zone.json --ip 198.51.100.9 a@example.org', 1, ['high spf-fail', '(-all)']],
    [
      'check message --zone zone.json --uri-list uri.example=URI message.eml',
      1,
      ['high dmarc-fail', 'high uri-listed', 'medium link-displayed'],
    ],
    [
      'check message --zone zone.json --ip 192.0.2.1 --from a@example.org message.eml',
      1,
      ['dmarc                  pass', 'medium link-displayed'],
    ],
    ['check ip --zone zone.json --list bl.example=BL --html --output page.html 198.51.100.9', 1, []],
    ['check ip --zone zone.json --list bl.example=BL --fail-on never 198.51.100.9', 0, ['high listed']],
  ])('guide/%s → exit status %i, and the output that the page describes', async (line, code, said) => {
    expect(commands).toContain(line);
    const { code: ended, out, written } = await play(line);
    expect({ code: ended, out }).toMatchObject({ code });
    for (const words of said) expect(out).toContain(words);
    if (line.includes('--output')) expect(written[0]).toMatch(/^<!doctype html>/);
  });

  test('guide/every command on the page → tested here', () => expect(commands).toHaveLength(8));
});
