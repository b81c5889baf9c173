import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { ListEvent, ListSource } from 'postern/adapters/list-sources';
import { entriesList, fileList, urlList } from 'postern/adapters/list-sources';
import { memoryBans } from 'postern/adapters/memory';
import { ipBlocklist } from 'postern/checks/ip-blocklist';
import type { IpAddress } from 'postern/net';
import { PrefixSet } from 'postern/prefix-set';
import { fixedClock } from 'postern/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const worker = new URL('./worker.mjs', import.meta.url);
let folder: string;
let open: { close(): Promise<void> }[];
let events: ListEvent[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lists-'));
  open = [];
  events = [];
});
afterEach(async () => {
  for (const each of open) await each.close();
  await rm(folder, { recursive: true });
});

const onEvent = (event: ListEvent): void => void events.push(event);
const opened = async <T extends ListSource>(source: T): Promise<T> => {
  open.push(source);
  await source.ready;
  return source;
};
const happens = async (type: ListEvent['type']): Promise<ListEvent> => {
  for (let i = 0; i < 400; i++) {
    const at = events.findIndex((event) => event.type === type);
    if (at >= 0) return events.splice(0, at + 1)[at]!;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`no ${type}; last: ${JSON.stringify(events.at(-1))}`);
};
const listOf = (n: number, first = 0): string =>
  Array.from({ length: n }, (_, i) => `198.18.${(i + first) >> 8}.${(i + first) & 255}`).join('\n');

describe('a file', () => {
  test('is read, and again when it changes, in place or by a rename; deletions apply', async () => {
    const path = join(folder, 'blocked');
    await writeFile(path, '192.0.2.1\n192.0.2.2\n');
    const source = await opened(fileList(path, { format: 'plain', worker: false, pollMs: 500, onEvent }));
    expect(await happens('loaded')).toMatchObject({ list: 'blocked', size: 2, before: undefined, errors: 0 });
    expect(source.current()?.lookup('192.0.2.1')).toEqual({ prefix: '192.0.2.1/32', list: 'blocked' });

    await writeFile(path, '192.0.2.2\n192.0.2.3\n192.0.2.4\n');
    expect(await happens('loaded')).toMatchObject({ size: 3, before: 2 });
    expect([source.current()?.has('192.0.2.1'), source.current()?.has('192.0.2.3')]).toEqual([false, true]);

    await writeFile(join(folder, 'next'), '192.0.2.9\n192.0.2.8\n');
    await rename(join(folder, 'next'), path);
    expect(await happens('loaded')).toMatchObject({ size: 2, before: 3 });
    expect(source.current()?.has('192.0.2.9')).toBe(true);
  });

  test('is not read again where nothing has changed', async () => {
    const path = join(folder, 'blocked');
    await writeFile(path, '192.0.2.1\n');
    const source = await opened(fileList(path, { format: 'plain', worker: false, watch: false }));
    const before = source.current();
    expect((await source.reload()).type).toBe('unchanged');
    expect(source.current()).toBe(before);
  });

  test.each([
    ['shrunk by more than half', listOf(49), /^it shrank from 100 to 49 prefixes$/],
    ['an HTML page', '<!DOCTYPE html><html>', /HTML/],
    ['mostly no addresses', 'x\ny\nz\n192.0.2.1', /3 of 4 lines are bad/],
    ['empty', '', /shrank from 100 to 0/],
  ])('that is %s → the old list stays in force, and the source says so', async (_, text, reason) => {
    const path = join(folder, 'blocked');
    await writeFile(path, listOf(100));
    const source = await opened(fileList(path, { format: 'plain', worker: false, watch: false, maxShrink: 0.5 }));
    await writeFile(path, text);
    expect(await source.reload()).toMatchObject({
      type: 'kept',
      reason: expect.stringMatching(reason),
      size: 100,
      before: 100,
    });
    expect(source.last?.type).toBe('kept');
    expect(source.current()?.has('198.18.0.99')).toBe(true);
  });

  test('that is gone → the old list stays in force', async () => {
    const path = join(folder, 'blocked');
    await writeFile(path, listOf(3));
    const source = await opened(fileList(path, { format: 'plain', worker: false, watch: false }));
    await rm(path);
    expect(await source.reload()).toMatchObject({ type: 'kept', reason: expect.stringContaining('ENOENT'), size: 3 });
  });

  test.each([
    ['two of three lines deleted', 3, 1, {}],
    ['two of three lines deleted, with a limit', 3, 1, { maxShrink: 0.5 }],
    ['all lines of a short file deleted', 9, 0, { maxShrink: 0 }],
    ['most lines of a long file deleted', 1000, 2, {}],
  ])('that is kept by hand, %s → the deletions apply', async (_, before, after, more) => {
    const path = join(folder, 'blocked');
    await writeFile(path, listOf(before));
    const source = await opened(fileList(path, { format: 'plain', worker: false, watch: false, ...more }));
    await writeFile(path, listOf(after));
    expect(await source.reload()).toMatchObject({ type: 'loaded', size: after });
  });

  test('that has shrunk is taken by force, or where the limit allows it', async () => {
    const path = join(folder, 'blocked');
    await writeFile(path, listOf(100));
    const source = await opened(fileList(path, { format: 'plain', worker: false, watch: false, maxShrink: 0.5 }));
    const lenient = await opened(fileList(path, { format: 'plain', worker: false, watch: false }));
    await writeFile(path, listOf(1));
    expect((await source.reload()).type).toBe('kept');
    expect(await source.reload({ force: true })).toMatchObject({ type: 'loaded', size: 1 });
    expect(await lenient.reload()).toMatchObject({ type: 'loaded', size: 1 });
  });

  test('that comes later: no set until then, which the check calls temperror', async () => {
    const path = join(folder, 'late');
    const source = await opened(fileList(path, { format: 'plain', worker: false, pollMs: 100, onEvent }));
    const check = ipBlocklist(source);
    const ask = async (): Promise<string> =>
      (
        await check.examine(
          { client: { ip: '192.0.2.1' as IpAddress } },
          { clock: fixedClock() },
          new AbortController().signal,
        )
      ).result;
    expect(source.current()).toBe(undefined);
    expect(await ask()).toBe('temperror');
    await writeFile(path, '192.0.2.1\n');
    await happens('loaded');
    expect(await ask()).toBe('fail');
  });

  test('problems come with file and line', async () => {
    const path = join(folder, 'blocked');
    await writeFile(path, '192.0.2.1\nnonsense\n');
    const source = await opened(fileList(path, { format: 'plain', worker: false, watch: false }));
    expect(source.last?.problems).toEqual([
      expect.objectContaining({ file: path, line: 2, severity: 'error', text: 'nonsense' }),
    ]);
  });

  test('a set that was taken keeps what it had when the source has moved on', async () => {
    const path = join(folder, 'blocked');
    await writeFile(path, '192.0.2.1\n192.0.2.2\n');
    const source = await opened(fileList(path, { format: 'plain', worker: false, watch: false }));
    const taken = source.current()!;
    await writeFile(path, '192.0.2.2\n192.0.2.3\n');
    await source.reload();
    expect([taken.has('192.0.2.1'), source.current()?.has('192.0.2.1')]).toEqual([true, false]);
  });

  test('packed with gzip is unpacked; what cannot be unpacked is refused', async () => {
    const path = join(folder, 'blocked.gz');
    await writeFile(path, gzipSync(listOf(10)));
    const source = await opened(fileList(path, { format: 'plain', worker: false, watch: false }));
    expect(source.current()?.size).toBe(10);
    await writeFile(path, gzipSync(listOf(10)).subarray(0, 30));
    expect(await source.reload()).toMatchObject({
      type: 'kept',
      reason: expect.stringMatching(/cannot be unpacked/),
      size: 10,
    });
  });
});

describe('a worker', () => {
  test('reads the list, and hands over the same set and the same problems', async () => {
    const path = join(folder, 'blocked');
    await writeFile(path, `${listOf(5_000)}\nnonsense\n2001:db8::/32\n`);
    const [here, there] = [
      await opened(fileList(path, { format: 'plain', worker: false, watch: false })),
      await opened(fileList(path, { format: 'plain', worker, watch: false })),
    ];
    expect(there.last).toMatchObject({ type: 'loaded', size: 5_001, errors: 1 });
    expect(there.last?.here).toBe(undefined);
    expect(there.last?.problems).toEqual(here.last?.problems);
    expect(there.current()?.toBytes()).toEqual(here.current()?.toBytes());
  });

  test('that cannot be started → the list is read here, and the event says why', async () => {
    const path = join(folder, 'blocked');
    await writeFile(path, listOf(5));
    const missing = new URL('./not-there.mjs', import.meta.url);
    const source = await opened(fileList(path, { format: 'plain', worker: missing, watch: false }));
    expect(source.last).toMatchObject({ type: 'loaded', size: 5, here: expect.stringContaining('not-there') });
  });
});

describe('under traffic', () => {
  test('lists are reloaded and clients banned at once → each answer is of one whole list, and no ban is lost', async () => {
    const path = join(folder, 'blocked');
    const lists = ['192.0.2.0/25\n198.51.100.1\n', '192.0.2.128/25\n198.51.100.2\n'];
    await writeFile(path, lists[0]!);
    const source = await opened(fileList(path, { format: 'plain', worker, watch: false }));
    const clock = fixedClock();
    const bans = memoryBans({ clock, never: ['203.0.113.0/24'] });
    const check = ipBlocklist({ block: source, allow: ['203.0.113.0/24'] });
    const { signal } = new AbortController();
    const result = async (ip: string): Promise<string> =>
      (await check.examine({ client: { ip: ip as IpAddress } }, { clock, bans }, signal)).result;

    let reloads = 0;
    let done = false;
    const reloading = (async () => {
      for (; reloads < 2; reloads++) {
        await writeFile(path, lists[(reloads + 1) % 2]!);
        expect((await source.reload({ force: true })).type).toBe('loaded');
      }
    })().finally(() => {
      done = true;
    });
    const seen = new Set<string>();
    let banned = 0;
    for (; !done; banned++) {
      for (let i = 0; i < 50; i++) {
        const answers = ['192.0.2.1', '198.51.100.1', '192.0.2.200', '198.51.100.2'].map(result);
        seen.add((await Promise.all(answers)).join());
      }
      bans.add(`100.64.${(banned >> 8) & 255}.${banned & 255}`, 'made for the test');
      bans.add('203.0.113.9', 'made for the test');
      expect(await result('203.0.113.9')).toBe('pass');
      await new Promise((resolve) => setImmediate(resolve));
    }
    await reloading;
    expect([...seen].sort()).toEqual(['fail,fail,none,none', 'none,none,fail,fail']);
    expect(bans.list()).toHaveLength(banned);
    expect(await result('100.64.0.0')).toBe('softfail');
  });
});

describe('a snapshot', () => {
  test('is in force before the list was had, and after it could not be had', async () => {
    const path = join(folder, 'blocked');
    const snapshot = join(folder, 'blocked.pxs');
    await writeFile(path, listOf(10));
    await opened(fileList(path, { format: 'plain', worker: false, watch: false, snapshot }));
    expect(PrefixSet.fromBytes(await readFile(snapshot)).size).toBe(10);
    await rm(path);
    const again = await opened(fileList(path, { format: 'plain', worker: false, watch: false, snapshot }));
    expect(again.last).toMatchObject({ type: 'kept', size: 10 });
    expect(again.current()?.has('198.18.0.9')).toBe(true);
  });
  test('that is damaged is passed over', async () => {
    const path = join(folder, 'blocked');
    const snapshot = join(folder, 'blocked.pxs');
    await writeFile(path, listOf(10));
    await writeFile(snapshot, 'not a snapshot');
    const source = await opened(fileList(path, { format: 'plain', worker: false, watch: false, snapshot }));
    expect(source.last).toMatchObject({ type: 'loaded', size: 10, before: undefined });
  });
  test('that cannot be written is said, and the list is in force', async () => {
    const path = join(folder, 'blocked');
    await writeFile(path, listOf(10));
    const source = await opened(
      fileList(path, { format: 'plain', worker: false, watch: false, snapshot: join(folder, 'no', 'such'), onEvent }),
    );
    expect(events.at(-1)?.reason).toMatch(/^the snapshot was not written/);
    expect(source.current()?.size).toBe(10);
  });
});

describe('a URL', () => {
  const pages = new Map<string, { status?: number; type?: string; etag?: string; body: Uint8Array | string }>();
  const asked: IncomingMessage[] = [];
  let base: string;

  beforeEach(async () => {
    pages.clear();
    asked.length = 0;
    const server = createServer((request: IncomingMessage, response: ServerResponse) => {
      asked.push(request);
      const page = pages.get(request.url ?? '');
      if (page === undefined) return response.writeHead(404).end();
      if (page.etag !== undefined && request.headers['if-none-match'] === page.etag)
        return response.writeHead(304).end();
      response.writeHead(page.status ?? 200, {
        'content-type': page.type ?? 'text/plain',
        ...(page.etag === undefined ? {} : { etag: page.etag }),
      });
      return response.end(page.body);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    open.push({
      close: async () => {
        server.close();
        server.closeAllConnections();
      },
    });
  });

  test('is asked again with its entity tag, and only what has changed is loaded', async () => {
    pages.set('/list', { body: listOf(3), etag: '"a"' });
    const source = await opened(urlList(`${base}/list`, { format: 'plain', worker: false, name: 'remote' }));
    expect(source.current()?.lookup('198.18.0.1')).toEqual({ prefix: '198.18.0.1/32', list: 'remote' });
    expect((await source.reload()).type).toBe('unchanged');
    expect(asked[1]?.headers['if-none-match']).toBe('"a"');
    pages.set('/list', { body: listOf(4), etag: '"b"' });
    expect(await source.reload()).toMatchObject({ type: 'loaded', size: 4 });
  });

  test('a list that was refused is asked for in full the next time', async () => {
    pages.set('/list', { body: listOf(100), etag: '"a"' });
    const source = await opened(urlList(`${base}/list`, { format: 'plain', worker: false }));
    pages.set('/list', { body: listOf(2), etag: '"b"' });
    expect((await source.reload()).type).toBe('kept');
    expect(await source.reload()).toMatchObject({ type: 'kept', reason: 'it shrank from 100 to 2 prefixes' });
    expect(asked[2]?.headers['if-none-match']).toBe('"a"');
  });

  test.each<[string, () => void, RegExp]>([
    ['an error', () => pages.set('/list', { status: 503, body: '' }), /503/],
    ['an HTML page', () => pages.set('/list', { type: 'text/html; charset=utf-8', body: listOf(100) }), /HTML page/],
    ['nothing', () => pages.delete('/list'), /404/],
  ])('that answers with %s → the old list stays in force', async (_, change, reason) => {
    pages.set('/list', { body: listOf(100) });
    const source = await opened(urlList(`${base}/list`, { format: 'plain', worker: false }));
    change();
    expect(await source.reload()).toMatchObject({ type: 'kept', reason: expect.stringMatching(reason), size: 100 });
  });

  test('that does not answer in time → kept', async () => {
    const slow = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(slow, 'listening');
    const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}/`;
    const source = await opened(urlList(url, { format: 'plain', worker: false, timeoutMs: 50 }));
    expect(source.last).toMatchObject({ type: 'kept', size: undefined });
    slow.close();
    slow.closeAllConnections();
  });

  test('with a checksum: what does not fit it is not taken', async () => {
    const body = listOf(3);
    pages.set('/list', { body });
    pages.set('/list.sha256', { body: `${createHash('sha256').update(body).digest('hex')}  list\n` });
    const options = { format: 'plain', worker: false, sha256: `${base}/list.sha256` } as const;
    expect((await opened(urlList(`${base}/list`, options))).current()?.size).toBe(3);
    pages.set('/list', { body: `${body}\n192.0.2.1` });
    expect((await opened(urlList(`${base}/list`, options))).last?.reason).toBe('the checksum does not fit the list');
    pages.delete('/list.sha256');
    expect((await opened(urlList(`${base}/list`, options))).last?.reason).toMatch(/checksum could not be had/);
  });

  test.each(['ed25519', 'rsa'] as const)('with a signature (%s): what it does not fit is not taken', async (kind) => {
    const { publicKey, privateKey } =
      kind === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ed25519');
    const body = Buffer.from(listOf(3));
    const signed = sign(kind === 'rsa' ? 'sha256' : null, body, privateKey);
    pages.set('/list', { body });
    pages.set('/list.sig', { body: kind === 'rsa' ? signed : signed.toString('base64') });
    const options = {
      format: 'plain',
      worker: false,
      signature: { url: `${base}/list.sig`, publicKey: publicKey.export({ type: 'spki', format: 'pem' }) as string },
    } as const;
    expect((await opened(urlList(`${base}/list`, options))).current()?.size).toBe(3);
    pages.set('/list', { body: Buffer.concat([body, Buffer.from('\n192.0.2.1')]) });
    expect((await opened(urlList(`${base}/list`, options))).last?.reason).toBe('the signature does not fit the list');
  });

  test.each<[string, object, RegExp]>([
    ['http://lists.example/x', {}, /must be https/],
    ['ftp://lists.example/x', {}, /must be https/],
    ['lists.example', {}, /is not a URL/],
    ['https://lists.example/x', { intervalMs: 5 }, /intervalMs must be a number, 60000 or more, got 5/],
    ['https://lists.example/x', { timeoutMs: 0 }, /timeoutMs/],
    ['https://lists.example/x', { maxShrink: 2 }, /maxShrink must be from 0 to 1, got 2/],
    [
      'https://lists.example/x',
      { signature: { url: 'https://lists.example/s', publicKey: 'x' } },
      /publicKey cannot be read/,
    ],
  ])('%s %j → a TypeError', (url, options, message) => {
    expect(() => urlList(url, { format: 'plain', ...options })).toThrow(message);
  });
});

describe('entries of a program', () => {
  test('are asked for again; a failure and a shrunken list change nothing', async () => {
    let give: () => string[] = () => listOf(10).split('\n');
    const source = await opened(entriesList(() => give(), { name: 'database', onEvent }));
    expect(source.current()?.size).toBe(10);
    give = () => {
      throw new Error('the database is away');
    };
    expect(await source.reload()).toMatchObject({ type: 'kept', reason: 'the database is away', size: 10 });
    give = () => ['192.0.2.1'];
    expect((await source.reload()).type).toBe('kept');
    expect(await source.reload({ force: true })).toMatchObject({ type: 'loaded', size: 1 });
    give = () => ['192.0.2.1', '010.1.1.1'];
    expect(await source.reload()).toMatchObject({ type: 'kept', reason: expect.stringMatching(/leading zero/) });
  });
  test('that do not come back are not asked for again and again', async () => {
    let asked = 0;
    let come: (entries: string[]) => void = () => undefined;
    const entries = (): Promise<string[]> =>
      new Promise((resolve) => {
        asked++;
        come = resolve;
      });
    const source = entriesList(entries, { intervalMs: 10 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(asked).toBe(1);
    come(['192.0.2.1']);
    await source.ready;
    expect(source.current()?.size).toBe(1);
    await expect.poll(() => asked).toBe(2);
    const closed = source.close();
    come([]);
    await closed;
  });
  test('a listener that throws → the list is in force all the same, and there is a warning', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    const throws = (): void => {
      throw new Error('the log is full');
    };
    const source = await opened(entriesList(() => ['192.0.2.1'], { name: 'database', onEvent: throws }));
    expect(source.current()?.size).toBe(1);
    expect((await source.reload()).type).toBe('loaded');
    expect((await warned).message).toBe('onEvent of the list database threw: the log is full');
  });
  test('may come one by one', async () => {
    async function* rows() {
      yield { prefix: '192.0.2.0/24', reason: 'a' };
      yield '2001:db8::/32';
    }
    expect((await opened(entriesList(rows))).current()?.lookup('192.0.2.1')?.reason).toBe('a');
  });
});
