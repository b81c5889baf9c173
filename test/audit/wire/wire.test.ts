import { systemClock } from 'postern/adapters/system';
import { afterEach, describe, expect, test } from 'vitest';
import { chainFault } from '../../../src/audit/tls/certificate.ts';
import {
  type Connect,
  limitConnections,
  MAX_LINE,
  MAX_UNREAD,
  tcpConnect,
  type Wire,
} from '../../../src/audit/wire/index.ts';
import { authority, issue } from '../tls/certificates.ts';
import { type Listening, tcpServer, tlsServer } from '../tls/tls-server.ts';

const clock = systemClock();
const connect = tcpConnect({ clock, timeoutMs: 2_000 });
const running: Listening[] = [];
const wires: Wire[] = [];
afterEach(async () => {
  await Promise.all(wires.splice(0).map((wire) => wire.close()));
  await Promise.all(running.splice(0).map((server) => server.close()));
});

async function wireTo(server: Promise<Listening>, options: Parameters<Connect>[1] = {}): Promise<Wire> {
  const listening = await server;
  running.push(listening);
  const opened = await connect({ address: '127.0.0.1', port: listening.port }, options);
  if (opened.status !== 'open') throw new Error(opened.reason);
  wires.push(opened.wire);
  return opened.wire;
}
const sends = (...chunks: readonly string[]): Promise<Listening> =>
  tcpServer(async (socket) => {
    for (const chunk of chunks)
      await new Promise<void>((sent) => socket.write(chunk, 'latin1', () => setTimeout(sent, 5)));
  });

describe('lines', () => {
  test('lines in one piece, in many, with LF alone, empty, above ASCII', async () => {
    const wire = await wireTo(sends('220 a\r\n22', '0 b\r', '\n\r\nc\n', '\xe9\r\n'));
    const lines = [];
    for (let at = 0; at < 5; at++) lines.push(await wire.readLine());
    expect(lines.map((line) => line.status === 'line' && line.text)).toEqual(['220 a', '220 b', '', 'c', '\xe9']);
  });

  test('a line without an end → timeout, and peek() returns it', async () => {
    const wire = await wireTo(sends('220 hel'));
    expect(await wire.readLine(100)).toEqual({ status: 'timeout' });
    expect(wire.unread).toBe(7);
    expect(wire.peek()).toBe('220 hel');
  });

  test('a line that comes after a timeout is still read', async () => {
    const wire = await wireTo(tcpServer((socket) => void setTimeout(() => socket.write('late\r\n'), 100)));
    expect(await wire.readLine(10)).toEqual({ status: 'timeout' });
    expect(await wire.readLine()).toEqual({ status: 'line', text: 'late' });
  });

  test('a long line is cut; the next one is complete', async () => {
    const wire = await wireTo(sends(`${'x'.repeat(MAX_LINE + 1_000)}\r\nnext\r\n`));
    const line = await wire.readLine();
    expect(line.status === 'line' && line.text.length).toBe(MAX_LINE);
    expect(await wire.readLine()).toEqual({ status: 'line', text: 'next' });
  });

  test('too much unread data → closed, with the reason', async () => {
    const wire = await wireTo(
      tcpServer((socket) => {
        const more = (): void => {
          while (socket.writable && socket.write('x'.repeat(65_536)));
        };
        socket.on('drain', more);
        more();
      }),
    );
    expect(await wire.readLine()).toMatchObject({ status: 'closed', reason: expect.stringContaining(`${MAX_UNREAD}`) });
    expect(wire.unread).toBeGreaterThan(MAX_UNREAD);
    expect(wire.peek()).toHaveLength(200);
  });

  test('lines that came before the end are read first', async () => {
    const wire = await wireTo(tcpServer((socket) => socket.end('a\r\nb\r\nrest')));
    expect(await wire.readLine()).toEqual({ status: 'line', text: 'a' });
    expect(await wire.readLine()).toEqual({ status: 'line', text: 'b' });
    expect(await wire.readLine()).toEqual({ status: 'closed' });
    expect(wire.peek()).toBe('rest');
  });

  test('a reset → closed', async () => {
    const wire = await wireTo(tcpServer((socket) => void socket.once('data', () => socket.resetAndDestroy())));
    wire.write('x');
    expect((await wire.readLine()).status).toBe('closed');
    wire.write('not received');
    expect((await wire.readLine()).status).toBe('closed');
  });

  test('every byte that is written arrives', async () => {
    const wire = await wireTo(tcpServer((socket) => void socket.pipe(socket)));
    wire.write('\x00\xff\r\n');
    expect(await wire.readLine()).toEqual({ status: 'line', text: '\x00\xff' });
  });
});

describe('aborting and closing', () => {
  test('aborted while connecting, and while reading', async () => {
    const already = await connect({ address: '127.0.0.1', port: 1 }, { signal: AbortSignal.abort() });
    expect(already.status).toBe('aborted');
    const abort = new AbortController();
    const wire = await wireTo(sends(), { signal: abort.signal });
    const line = wire.readLine();
    abort.abort();
    expect(await line).toEqual({ status: 'aborted' });
    expect(await wire.readLine()).toEqual({ status: 'aborted' });
    expect((await wire.startTls()).status).toBe('closed');
  });

  test('aborted during a handshake', async () => {
    const abort = new AbortController();
    const wire = await wireTo(sends(), { signal: abort.signal });
    const begun = wire.startTls();
    abort.abort();
    expect((await begun).status).toBe('aborted');
  });

  test('a farewell is written, and nothing is read after it', async () => {
    let heard = '';
    const gone = new Promise<void>((resolve) => {
      void wireTo(
        tcpServer((socket) => {
          socket.on('data', (chunk) => {
            heard += chunk.toString();
          });
          socket.on('end', () => resolve());
        }),
      ).then(async (wire) => {
        const closed = wire.close('QUIT\r\n');
        expect((await wire.readLine()).status).toBe('closed');
        await closed;
        await wire.close('again\r\n');
      });
    });
    await gone;
    expect(heard).toBe('QUIT\r\n');
  });

  test('a server that does not close the connection does not keep it open', async () => {
    const wire = await wireTo(sends('hello\r\n'));
    await wire.close('QUIT\r\n');
    await wire.close();
  });

  test('a closed port → refused', async () => {
    const server = await sends();
    await server.close();
    expect((await connect({ address: '127.0.0.1', port: server.port })).status).toBe('refused');
  });

  test('a port out of range → unreachable, not an exception', async () => {
    const opened = await tcpConnect({ clock })({ address: '127.0.0.1', port: 70_000 });
    expect(opened).toMatchObject({ status: 'unreachable' });
  });

  test.each([
    ['a timeout of 0', { clock, timeoutMs: 0 }, 'tcpConnect: timeoutMs must be a positive number, got 0'],
    [
      'a source that is not an address',
      { clock, source: 'eth0' },
      'tcpConnect: source must be an IP address of this machine, got "eth0"',
    ],
    [
      'an unknown option',
      { clock, timeout: 1 },
      'tcpConnect: unknown option timeout (known: clock, source, timeoutMs)',
    ],
  ])('%s → TypeError', (_, options, message) => {
    expect(() => tcpConnect(options as never)).toThrow(TypeError);
    expect(() => tcpConnect(options as never)).toThrow(message);
  });

  test('a source address of another machine → unreachable', async () => {
    const elsewhere = tcpConnect({ clock: systemClock(), source: '192.0.2.1', timeoutMs: 500 });
    expect((await elsewhere({ address: '127.0.0.1', port: 1 })).status).toBe('unreachable');
  });
});

describe('TLS', () => {
  const ca = authority();
  const chain = [issue({ names: ['mx.example.org'], by: ca })];

  test('a given authority is trusted; another one is an error', async () => {
    const known = await (await wireTo(tlsServer(chain))).startTls({ name: 'x', authorities: [ca.cert] });
    expect(known.status === 'secure' && chainFault(known.socket)).toBeUndefined();
    const unknown = await (await wireTo(tlsServer(chain))).startTls({ name: 'x' });
    expect(unknown.status === 'secure' && chainFault(unknown.socket)).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  test('TLS can begin only once', async () => {
    const wire = await wireTo(tlsServer(chain));
    expect(wire.secure).toBe(false);
    expect((await wire.startTls()).status).toBe('secure');
    expect(wire.secure).toBe(true);
    expect(wire.dropped).toBe(0);
    expect((await wire.startTls()).status).toBe('closed');
  });

  test('bytes received before TLS are not read after it', async () => {
    const wire = await wireTo(sends('220 ready\r\n250 in the clear\r\n'));
    expect(await wire.readLine()).toEqual({ status: 'line', text: '220 ready' });
    const begun = await wire.startTls({ timeoutMs: 100 });
    expect(begun.status).toBe('timeout');
    expect(wire.dropped).toBe(18);
  });

  test('an answer that is not TLS → failed', async () => {
    const wire = await wireTo(tcpServer((socket) => void socket.once('data', () => socket.write('500 What?\r\n'))));
    expect(await wire.startTls()).toMatchObject({ status: 'failed', reason: 'ERR_SSL_WRONG_VERSION_NUMBER' });
    expect((await wire.readLine()).status).toBe('closed');
  });

  test.each(['destroy', 'resetAndDestroy', 'end'] as const)(
    'the server does %s in the handshake → closed',
    async (how) => {
      const wire = await wireTo(tcpServer((socket) => void socket.once('data', () => socket[how]())));
      expect((await wire.startTls()).status).toBe('closed');
    },
  );

  test('an unsupported version → failed', async () => {
    const wire = await wireTo(tlsServer(chain, { minVersion: 'TLSv1.3' }));
    expect(await wire.startTls({ version: 'TLSv1' })).toMatchObject({ status: 'failed' });
  });

  test('anonymous ciphers are not offered', async () => {
    const wire = await wireTo(tlsServer(chain, { maxVersion: 'TLSv1.2', ciphers: 'aNULL:@SECLEVEL=0' }));
    expect((await wire.startTls()).status).toBe('failed');
  });
});

describe('connection limit', () => {
  test('the limit is kept, and waiting connections open later', async () => {
    let open = 0;
    let most = 0;
    const limited = limitConnections((target) => {
      most = Math.max(most, ++open);
      return Promise.resolve({
        status: 'open',
        wire: { address: target.address, close: async () => void open-- } as unknown as Wire,
      });
    }, 2);
    const done = await Promise.all(
      Array.from({ length: 9 }, async () => {
        const opened = await limited({ address: '192.0.2.1', port: 25 });
        await new Promise((resolve) => setTimeout(resolve, 2));
        if (opened.status === 'open') {
          await opened.wire.close();
          await opened.wire.close();
        }
        return opened.status;
      }),
    );
    expect(done).toHaveLength(9);
    expect(most).toBe(2);
  });

  test('a failed connection frees its slot; services are counted separately', async () => {
    let fail = true;
    const limited = limitConnections((target) => {
      if (target.port === 1) return Promise.reject(new Error('broken'));
      return Promise.resolve(
        fail
          ? { status: 'refused', reason: 'x' }
          : { status: 'open', wire: { close: () => Promise.resolve() } as unknown as Wire },
      );
    }, 1);
    for (let at = 0; at < 3; at++) expect((await limited({ address: 'a', port: 25 })).status).toBe('refused');
    await expect(limited({ address: 'a', port: 1 })).rejects.toThrow('broken');
    fail = false;
    expect((await limited({ address: 'a', port: 25 })).status).toBe('open');
    expect((await limited({ address: 'b', port: 25 })).status).toBe('open');
    expect((await limited({ address: 'a', port: 587 })).status).toBe('open');
  });
});
