import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { accessPolicy } from 'postern/access';
import { type LoginGateOptions, loginGateServer, proxyHeader } from 'postern/adapters/login-gate';
import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import { systemClock } from 'postern/adapters/system';
import { encryptedAuth } from 'postern/checks/encrypted-auth';
import { defineCheck, pass } from 'postern/core';
import type { Bans } from 'postern/env';
import { parseIp } from 'postern/net';
import type { ConnectFacts } from 'postern/smtp';
import { afterEach, describe, expect, test } from 'vitest';
import { certificate } from './certificate.ts';
import { fakeBackend } from './fake-backend.ts';

const { cert, key } = certificate('mail.example.com');
const clock = systemClock();
const open: { close(): unknown }[] = [];
const seen: ConnectFacts[] = [];
const errors: string[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
  seen.length = 0;
  errors.length = 0;
});
const remembers = defineCheck(
  'remembers',
  (facts: ConnectFacts) => {
    seen.push(facts);
    return pass();
  },
  {},
);

async function run(more: Partial<LoginGateOptions> = {}, clearTextFrom: readonly string[] = []): Promise<number> {
  const backend = await fakeBackend({ protocol: 'imap' });
  const gate = loginGateServer({
    protocol: 'imap',
    tls: { cert, key },
    policy: accessPolicy<object>({
      encryption: encryptedAuth({ mechanisms: ['PLAIN'], clearTextFrom }),
      connect: [remembers],
    }),
    env: { clock, counters: memoryCounters({ clock }), bans: memoryBans({ clock }) },
    onError: (error) => void errors.push(error.message),
    useProxy: ['127.0.0.1'],
    ...more,
    backend: { host: '127.0.0.1', port: backend.port },
  });
  open.push(backend, gate);
  return gate.listen(0, '127.0.0.1');
}

/** Writes what it is given, and returns the first line; empty if the gate closes instead. */
function greeting(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ host: '127.0.0.1', port });
    open.push({ close: () => socket.destroy() });
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.includes('\r\n')) resolve(text.slice(0, text.indexOf('\r\n')));
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  });
}

const ends = (ip: string) => ({
  client: { ip: parseIp(ip)!, port: 4000 },
  server: { ip: parseIp(ip.includes(':') ? '::1' : '127.0.0.1')!, port: 143 },
});
const LOCAL = Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'), Buffer.from([0x20, 0, 0, 0])]);

describe('a trusted proxy before the gate', () => {
  test.each([
    ['version 1', proxyHeader(1, ends('192.0.2.7')), { ip: '192.0.2.7', port: 4000, via: 'proxy-header' }],
    ['version 2', proxyHeader(2, ends('2001:db8::7')), { ip: '2001:db8::7', port: 4000, via: 'proxy-header' }],
    ['a health check', LOCAL, { ip: '127.0.0.1', via: 'proxy' }],
    ['an unknown client', Buffer.from('PROXY UNKNOWN\r\n'), { ip: '127.0.0.1', via: 'proxy' }],
  ])('%s → the policy knows the client', async (_, header, client) => {
    expect(await greeting(await run(), header)).toMatch(/^\* OK /);
    expect(seen[0]?.client).toMatchObject(client);
  });

  test.each([
    ['loopback', proxyHeader(2, ends('127.0.0.1'))],
    ['loopback of IPv6', proxyHeader(2, ends('::1'))],
    ['a health check', LOCAL],
    ['an unknown client', Buffer.from('PROXY UNKNOWN\r\n')],
  ])('%s gets no exemption from TLS, a client on this machine does', async (_, header) => {
    const exempt = ['127.0.0.0/8', '::1', 'unix'];
    expect(await greeting(await run({}, exempt), header)).toContain('LOGINDISABLED');
    expect(await greeting(await run({ useProxy: ['192.0.2.10'] }, exempt), '')).not.toContain('LOGINDISABLED');
  });

  test.each(['a LOGIN bob secret\r\n', 'PROXY TCP4 127.0.0.1\r\n'])(
    '%j instead of a header → closed',
    async (bytes) => {
      expect(await greeting(await run(), bytes)).toBe('');
      expect(errors).toEqual([expect.stringMatching(/^login gate: malformed PROXY header/)]);
      expect(seen).toEqual([]);
    },
  );

  test('no header in time → closed', async () => {
    expect(await greeting(await run({ loginWithinMs: 50 }), 'PROXY')).toBe('');
    expect(errors).toEqual([expect.stringMatching(/took too long/)]);
  });

  test.each(['at once', 'late'])('TLS from the first byte behind the header, the policy answers %s', async (when) => {
    const bans = memoryBans({ clock });
    const lookup: Bans['lookup'] = async (address) => {
      if (when === 'late') await new Promise((resolve) => setTimeout(resolve, 50));
      return bans.lookup(address);
    };
    const env = { clock, counters: memoryCounters({ clock }), bans: { ...bans, lookup } };
    const port = await run({ implicitTls: true, env });
    const raw = connect({ host: '127.0.0.1', port });
    raw.cork();
    raw.write(proxyHeader(2, ends('192.0.2.7')));
    const secure = connectTls({ socket: raw, rejectUnauthorized: false });
    open.push({ close: () => secure.destroy() });
    setImmediate(() => raw.uncork());
    const line = await new Promise<string>((resolve) => secure.once('data', (chunk) => resolve(chunk.toString())));
    expect(line).toMatch(/^\* OK /);
    expect(seen[0]?.client).toMatchObject({ ip: '192.0.2.7', via: 'proxy-header' });
  });

  test.each([[true], [[]], [['*']], [['0.0.0.0/0']]])('useProxy %j → TypeError', async (useProxy) => {
    await expect(run({ useProxy: useProxy as never })).rejects.toThrow(/^loginGateServer: useProxy must/);
  });
});
