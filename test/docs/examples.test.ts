import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { root } from '../../.config/subpaths.mjs';
import { main as blockList } from '../../docs/examples/block-list.ts';
import { firstRefusal, main as inbound } from '../../docs/examples/inbound.ts';
import { main as mailHook } from '../../docs/examples/mail-hook.ts';
import { main as replay } from '../../docs/examples/replay.ts';
import { main as server } from '../../docs/examples/server.ts';
import { filesIn } from '../architecture/files.ts';

const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);

const runs: { readonly [example: string]: () => Promise<unknown> } = {
  'block-list.ts': async () => expect(await blockList()).toEqual(['reject', 'reject', 'accept', 'accept']),
  'inbound.ts': async () => {
    await inbound();
    expect(await firstRefusal('8.8.4.4', 'alice@example.org', 'bob@example.com')).toBeNull();
    expect(await firstRefusal('9.9.9.9', 'alice@example.org', 'bob@example.com')).toMatch(/^550 5\.7\.23 /);
    expect(await firstRefusal('9.9.9.9', 'alice@example.org', 'postmaster@example.com')).toBeNull();
    expect(await firstRefusal('8.8.4.4', 'alice@example.org', 'bob@example.net')).toMatch(/^550 5\.7\.1 /);
  },
  'mail-hook.ts': async () => expect(await mailHook()).toEqual(['drop', 'junk', 'inbox']),
  'replay.ts': async () => expect(await replay()).toMatchObject([{ result: 'softfail' }, { result: 'fail' }]),
  'server.ts': async () =>
    expect((await server()).map((line) => line.slice(0, 9))).toEqual([
      expect.stringMatching(/^220 /),
      expect.stringMatching(/^250 /),
      '250 2.1.0',
      '250 2.1.5',
      expect.stringMatching(/^354 /),
      '250 2.0.0',
      '250 2.1.0',
      '550 5.7.1',
      expect.stringMatching(/^221 /),
    ]),
};

test.each(Object.entries(runs))('examples/%s → runs, and does what it says', async (_, run) => {
  await run();
  expect(log).toHaveBeenCalled();
});

test('examples/every example → is run here, and named on the page', () => {
  const files = filesIn(join(root, 'docs/examples')).filter((file) => !file.includes('/'));
  expect(Object.keys(runs).sort()).toEqual(files);
  const page = readFileSync(join(root, 'docs/examples/README.md'), 'utf8');
  expect(files.filter((file) => !page.includes(`](${file})`))).toEqual([]);
});
