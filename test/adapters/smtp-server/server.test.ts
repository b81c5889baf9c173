import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { scramSecret } from 'postern/access';
import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import type { Delivery, GuardedServer, GuardOptions } from 'postern/adapters/smtp-server';
import { guardedServer } from 'postern/adapters/smtp-server';
import { systemClock } from 'postern/adapters/system';
import { banAfter, connectionLimits } from 'postern/checks/connection-limits';
import { relayControl } from 'postern/checks/relay-control';
import { authenticationRequired, senderMatchesLogin, smtpAuth } from 'postern/checks/smtp-auth';
import { defineCheck, fail, pass, quarantine, reject, softfail } from 'postern/core';
import type { Env } from 'postern/env';
import type { ConnectFacts, DataFacts, HeloFacts, MailFacts, SmtpRules } from 'postern/smtp';
import { printField, smtpPolicy } from 'postern/smtp';
import { zone } from 'postern/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { LineClient } from './line-client.ts';

const clock = systemClock();
const servers: GuardedServer[] = [];
const errors: Error[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise<void>((done) => server.close(done));
  errors.length = 0;
});

interface Running {
  readonly server: GuardedServer;
  readonly port: number;
  readonly env: Env;
  readonly taken: { readonly from: string; readonly octets: number; readonly action: string }[];
}
async function run(rules: Partial<SmtpRules> = {}, options: Partial<GuardOptions> = {}): Promise<Running> {
  const env: Env = { clock, dns: zone({}), counters: memoryCounters({ clock }), bans: memoryBans({ clock }) };
  const taken: Running['taken'] = [];
  const relay = relayControl({ localDomains: ['example.com'], trustedNetworks: [] });
  const deliver = async ({ message, reversePath, outcome }: Delivery): Promise<void> => {
    let octets = 0;
    for await (const chunk of message) octets += chunk.length;
    const { action } = await outcome;
    taken.push({ from: reversePath?.localPart ?? '', octets, action });
  };
  const server = guardedServer({
    policy: smtpPolicy({ relay, ...rules }),
    env,
    role: 'mx',
    deliver,
    onError: (error) => errors.push(error),
    ...options,
    server: { name: 'mx.example.com', logger: false, closeTimeout: 200, ...options.server },
  });
  servers.push(server);
  const listening = server.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  return { server, port: (listening.address() as AddressInfo).port, env, taken };
}
const MESSAGE = 'From: a@example.org\r\nSubject: x\r\n\r\n.hello\r\n';

/** Says each line, hears each reply; `[data]` stands for the message. */
async function play(port: number, lines: readonly string[], from?: string): Promise<string[]> {
  const client = await LineClient.to(port, from === undefined ? undefined : { ip: from, port: 4000 });
  const replies = [await client.hear()];
  for (const line of lines) {
    if (line === '[tls]') await client.startTls();
    else replies.push(line === '[data]' ? await client.send(MESSAGE) : await client.ask(line));
  }
  client.close();
  return replies;
}
const codes = (replies: readonly string[]): string[] =>
  replies.map((reply) => /^\d{3}(?: \d\.\d+\.\d+)?/.exec(reply)?.[0] ?? reply);
const says = (name: string, stage: 'fail' | 'pass') =>
  defineCheck(name, () => (stage === 'fail' ? fail({ explanation: `${name} says no` }) : pass()), { fail: reject() });
const settled = async (what: () => boolean): Promise<void> => {
  for (let i = 0; i < 200 && !what(); i++) await pause(10);
};

describe('a session', () => {
  test('nothing objected to → taken', async () => {
    const { port, taken } = await run();
    const replies = await play(port, [
      'EHLO mx.example.org',
      'MAIL FROM:<a@example.org>',
      'RCPT TO:<b@example.com>',
      'DATA',
      '[data]',
      'QUIT',
    ]);
    expect(codes(replies)).toEqual(['220', '250', '250 2.1.0', '250 2.1.5', '354', '250 2.0.0', '221 2.0.0']);
    expect(taken).toEqual([{ from: 'a', octets: MESSAGE.length, action: 'accept' }]);
  });
  test('relay refused → the reply table’s code, once', async () => {
    const { port } = await run();
    const replies = await play(port, ['EHLO mx.example.org', 'MAIL FROM:<a@example.org>', 'RCPT TO:<x@example.net>']);
    expect(replies[3]).toBe('550 5.7.1 Relaying denied');
  });
  test('ENHANCEDSTATUSCODES is offered, jokes are not', async () => {
    const { port } = await run();
    const client = await LineClient.to(port);
    await client.hear();
    await client.ask('EHLO mx.example.org');
    expect(client.transcript.join('\n')).toContain('S: 250-ENHANCEDSTATUSCODES');
    expect(await client.ask('WIZ please')).toMatch(/^500 /);
    client.close();
  });
  test('refused at connect → 554 and closed', async () => {
    const { port } = await run({ connect: [says('door', 'fail')] });
    expect(await play(port, ['EHLO x'])).toEqual(['554 5.7.1 door says no', '']);
  });
  test('refused at HELO → no enhanced code, and HELO may be said again', async () => {
    const polite = defineCheck(
      'polite',
      ({ helo }: HeloFacts) =>
        helo.name === 'rude' ? fail({ cause: 'helo-syntax', explanation: 'Be polite' }) : pass(),
      { fail: reject() },
    );
    const { port } = await run({ helo: [polite] });
    expect(
      codes(await play(port, ['EHLO rude', 'MAIL FROM:<a@example.org>', 'EHLO kind', 'MAIL FROM:<a@example.org>'])),
    ).toEqual(['220', '501', '503 5.5.1', '250', '250 2.1.0']);
  });
  test('a rule that closes → the reply, then the end', async () => {
    const { port } = await run({ mail: [defineCheck('out', () => fail(), { fail: reject({ close: true }) })] });
    expect(codes(await play(port, ['EHLO a.example', 'MAIL FROM:<a@example.org>', 'NOOP']))).toEqual([
      '220',
      '250',
      '550 5.7.1',
      '',
    ]);
  });
  test('refused at DATA → the message is not kept', async () => {
    const { port, taken } = await run({ data: [says('content', 'fail')] });
    const replies = await play(port, [
      'EHLO a.example',
      'MAIL FROM:<a@example.org>',
      'RCPT TO:<b@example.com>',
      'DATA',
      '[data]',
      'MAIL FROM:<a@example.org>',
    ]);
    expect(codes(replies).slice(4)).toEqual(['354', '550 5.7.1', '250 2.1.0']);
    expect(taken[0]?.action).toBe('reject');
  });
  test('set apart → taken, and told so', async () => {
    const { port, taken } = await run(
      { data: [defineCheck('odd', () => softfail(), { softfail: quarantine })] },
      { quarantine: 'deliver' },
    );
    await play(port, ['EHLO a.example', 'MAIL FROM:<a@example.org>', 'RCPT TO:<b@example.com>', 'DATA', '[data]']);
    expect(taken[0]?.action).toBe('quarantine');
  });
  test('RSET → a new MAIL may be said', async () => {
    const { port } = await run();
    expect(
      codes(await play(port, ['EHLO a.example', 'MAIL FROM:<a@example.org>', 'RSET', 'MAIL FROM:<b@example.org>'])),
    ).toEqual(['220', '250', '250 2.1.0', '250 2.0.0', '250 2.1.0']);
  });
  test('a source route → the relay is asked about what the client wrote', async () => {
    const { port } = await run();
    expect(
      codes(
        await play(port, [
          'EHLO a.example',
          'MAIL FROM:<a@example.org>',
          'RCPT TO:<@example.com:x@example.net>',
          'RCPT TO:<x%example.net@example.com>',
        ]),
      ).slice(3),
    ).toEqual(['501 5.1.3', '550 5.7.1']);
  });
});

describe('who the client is', () => {
  const remembers = (seen: string[]) =>
    defineCheck(
      'remembers',
      ({ client }: ConnectFacts) => {
        seen.push(client.ip);
        return pass();
      },
      {},
    );
  test.each([
    ['the PROXY header’s address', '203.0.113.9', '203.0.113.9'],
    ['an IPv6 address', '2001:DB8::9', '2001:db8::9'],
    ['an IPv4-mapped address is the IPv4 address', '::ffff:203.0.113.9', '203.0.113.9'],
  ])('%s', async (_, said, expected) => {
    const seen: string[] = [];
    const { port } = await run({ connect: [remembers(seen)] }, { server: { useProxy: ['127.0.0.1'] } });
    await play(port, ['QUIT'], said);
    expect(seen).toEqual([expected]);
  });
  test('a PROXY header from nobody who is trusted → is no header', async () => {
    const seen: string[] = [];
    const { port } = await run({ connect: [remembers(seen)] }, { server: { useProxy: ['192.0.2.1'] } });
    await play(port, [], '203.0.113.9').catch(() => undefined);
    expect(seen).toEqual(['127.0.0.1']);
  });
});

describe('what the one who keeps the mail is handed', () => {
  test('a forged Authentication-Results → removed, and ours in its place', async () => {
    const kept: string[] = [];
    const { port } = await run(
      {},
      {
        deliver: async ({ message, outcome }) => {
          const chunks: Uint8Array[] = [];
          for await (const chunk of message) chunks.push(chunk);
          const { headers } = await outcome;
          kept.push(headers.map(printField).join('') + Buffer.concat(chunks).toString());
        },
      },
    );
    const client = await LineClient.to(port);
    await client.hear();
    for (const line of ['EHLO mx.example.org', 'MAIL FROM:<a@example.org>', 'RCPT TO:<b@example.com>', 'DATA'])
      await client.ask(line);
    const forged = 'Authentication-Results: mx.example.com; spf=pass smtp.mailfrom=bank.example\r\n';
    expect(await client.send(`${forged}${MESSAGE}`)).toMatch(/^250 /);
    client.close();
    expect(kept).toEqual([`Authentication-Results: mx.example.com; none\r\n${MESSAGE}`]);
  });
});

describe('bans', () => {
  const never: string[] = [];
  test('commands that are none → a ban, and it is told of', async () => {
    const banned: string[] = [];
    const { port, env } = await run(
      { bans: [banAfter({ failures: 3, of: 'protocol-error', never })] },
      { session: { onBan: ({ prefix, reason }) => banned.push(`${prefix} ${reason}`) } },
    );
    const client = await LineClient.to(port);
    await client.hear();
    for (const line of ['NONSENSE', 'EHLO', 'MOO']) await client.ask(line);
    await settled(() => banned.length > 0);
    client.close();
    expect(banned).toEqual(['127.0.0.1/32 3 × protocol-error']);
    expect(await env.bans.lookup('127.0.0.1')).toMatchObject({ times: 1 });
  });
  test('a pipelined RCPT whose MAIL was refused → nobody is banned', async () => {
    const { port, env } = await run({
      mail: [says('sender', 'fail')],
      bans: [banAfter({ failures: 1, of: 'protocol-error', never })],
    });
    await play(port, ['EHLO mx.example.org', 'MAIL FROM:<a@example.org>', 'RCPT TO:<b@example.com>', 'DATA', 'QUIT']);
    expect(await env.bans.list()).toEqual([]);
  });
});

describe('TLS and logging in', () => {
  const check = smtpAuth({ mechanisms: ['PLAIN', 'LOGIN'], accountDelay: { firstMs: 0, mostMs: 0 } });
  const plain = (name: string, password: string): string => Buffer.from(`\0${name}\0${password}`).toString('base64');
  const submission = (over: Partial<GuardOptions> = {}) =>
    run(
      {
        auth: [check],
        mail: [authenticationRequired(), senderMatchesLogin({ senders: { bob: ['bob@example.com'] } })],
      },
      {
        role: 'submission',
        auth: {
          check,
          verify: ({ account: username, secret: password }) => {
            if (username === 'down') throw new Error('the backend is down');
            if (username === 'gone') return { result: 'disabled' };
            return username === 'bob' && password === 'right'
              ? { result: 'accepted', identity: 'bob' }
              : { result: 'rejected' };
          },
        },
        ...over,
      },
    );
  test('in clear text → no AUTH line, AUTH refused before any secret, MAIL refused', async () => {
    const { port } = await submission();
    const client = await LineClient.to(port);
    await client.hear();
    await client.ask('EHLO a.example');
    expect(client.transcript.join('\n')).not.toContain('AUTH');
    expect(await client.ask('AUTH PLAIN')).toBe('530 5.7.0 Must issue a STARTTLS command first');
    expect(await client.ask('AUTH LOGIN')).toMatch(/^530 /);
    expect(await client.ask('AUTH XYZ')).toMatch(/^530 /);
    expect(await client.ask('MAIL FROM:<bob@example.com>')).toMatch(/^530 5\.7\.0 /);
    client.close();
  });
  test('after STARTTLS → PLAIN, then mail for anywhere as oneself', async () => {
    const { port } = await submission();
    const replies = await play(port, [
      'EHLO a.example',
      'STARTTLS',
      '[tls]',
      'EHLO a.example',
      `AUTH PLAIN ${plain('bob', 'right')}`,
      'MAIL FROM:<eve@example.com>',
      'MAIL FROM:<bob@example.com>',
      'RCPT TO:<x@example.net>',
      'DATA',
      '[data]',
    ]);
    expect(codes(replies)).toEqual([
      '220',
      '250',
      '220 2.0.0',
      '250',
      '235 2.7.0',
      '553 5.7.1',
      '250 2.1.0',
      '250 2.1.5',
      '354',
      '250 2.0.0',
    ]);
  });
  test('implicit TLS → the same, without STARTTLS', async () => {
    const { port } = await submission({ server: { secure: true } });
    const client = await LineClient.to(port);
    await client.startTls();
    expect(await client.hear()).toMatch(/^220 /);
    await client.ask('EHLO a.example');
    expect(client.transcript.join('\n')).toContain('AUTH PLAIN LOGIN');
    expect(client.transcript.join('\n')).not.toContain('STARTTLS');
    expect(await client.ask('AUTH LOGIN')).toBe('334 VXNlcm5hbWU6');
    expect(await client.ask(Buffer.from('bob').toString('base64'))).toBe('334 UGFzc3dvcmQ6');
    expect(await client.ask(Buffer.from('right').toString('base64'))).toMatch(/^235 2\.7\.0 /);
    expect(await client.ask('AUTH PLAIN')).toMatch(/^503 5\.5\.1 /);
    client.close();
  });
  test.each([
    ['a wrong password', `AUTH PLAIN ${plain('bob', 'wrong')}`, '535 5.7.8'],
    ['a backend that is down', `AUTH PLAIN ${plain('down', 'x')}`, '454 4.7.0'],
    ['an account that is disabled', `AUTH PLAIN ${plain('gone', 'x')}`, '525 5.7.13'],
    ['a mechanism that is not offered', 'AUTH CRAM-MD5', '504 5.5.4'],
    ['no base64', 'AUTH PLAIN ???', '501 5.5.2'],
    ['four fields', `AUTH PLAIN ${Buffer.from('\0a\0b\0c').toString('base64')}`, '501 5.5.2'],
    ['another’s name', `AUTH PLAIN ${Buffer.from('alice\0bob\0right').toString('base64')}`, '535 5.7.8'],
    ['an exchange that the client cancels', 'AUTH PLAIN *', '501 5.7.0'],
  ])('%s → %s', async (_, command, expected) => {
    const { port } = await submission();
    const replies = await play(port, ['EHLO a.example', 'STARTTLS', '[tls]', 'EHLO a.example', command]);
    expect(codes(replies).at(-1)).toBe(expected);
  });
  test.each([
    ['the right password', 'pencil', '235 2.7.0'],
    ['a wrong password', 'pen', '535 5.7.8'],
  ])('SCRAM-SHA-256 with %s → %s', async (_, password, expected) => {
    const scramCheck = smtpAuth({ mechanisms: ['SCRAM-SHA-256'] });
    const stored = await scramSecret('pencil', { iterations: 4096 });
    const { port } = await submission({
      policy: smtpPolicy({ relay: relayControl({ localDomains: ['example.com'] }), auth: [scramCheck] }),
      server: { secure: true },
      auth: {
        check: scramCheck,
        verify: () => ({ result: 'rejected' }),
        scram: { lookup: (name: string) => (name === 'bob' ? stored : undefined) },
      },
    });
    const client = await LineClient.to(port);
    await client.startTls();
    await client.hear();
    await client.ask('EHLO a.example');
    const bare = 'n=bob,r=clientnonce';
    const b64 = (text: string): string => Buffer.from(text).toString('base64');
    const first = Buffer.from(
      (await client.ask(`AUTH SCRAM-SHA-256 ${b64(`n,,${bare}`)}`)).slice(4),
      'base64',
    ).toString();
    const { r, s, i } = Object.fromEntries(first.split(',').map((part) => [part[0], part.slice(2)]));
    const salted = pbkdf2Sync(password, Buffer.from(s ?? '', 'base64'), Number(i), 32, 'sha256');
    const clientKey = createHmac('sha256', salted).update('Client Key').digest();
    const storedKey = createHash('sha256').update(clientKey).digest();
    const without = `c=biws,r=${r}`;
    const signature = createHmac('sha256', storedKey).update(`${bare},${first},${without}`).digest();
    const proof = clientKey.map((octet, at) => octet ^ (signature[at] as number));
    let reply = await client.ask(b64(`${without},p=${Buffer.from(proof).toString('base64')}`));
    if (reply.startsWith('334 ')) reply = await client.ask('');
    expect(codes([reply])).toEqual([expected]);
    client.close();
  });
  test('TLS 1.1 → no handshake', async () => {
    const { port } = await submission({ server: { secure: true } });
    const socket = connectTls({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    const [error] = await once(socket, 'error').catch((caught: unknown) => [caught]);
    expect(String(error)).toMatch(/protocol|version|closed|reset|disconnected/i);
  });
  test('four wrong passwords → the fourth is not even verified: 421, closed', async () => {
    const { port } = await submission();
    const wrong = ['1', '2', '3', '4'].map((n) => `AUTH PLAIN ${plain('bob', n)}`);
    const replies = await play(port, ['EHLO a.example', 'STARTTLS', '[tls]', 'EHLO a.example', ...wrong, 'NOOP']);
    expect(codes(replies).slice(-5)).toEqual(['535 5.7.8', '535 5.7.8', '535 5.7.8', '421 4.7.0', '']);
  });
  test('a client that vanishes in the middle of AUTH LOGIN → nothing is left', async () => {
    const { port, server } = await submission({ server: { secure: true } });
    const client = await LineClient.to(port);
    await client.startTls();
    await client.hear();
    await client.ask('EHLO a.example');
    await client.ask('AUTH LOGIN');
    client.close();
    await settled(() => server.openSessions === 0);
    expect(server.openSessions).toBe(0);
  });
  test('logging in, then STARTTLS state: what was pipelined behind STARTTLS is dropped', async () => {
    const { port } = await submission();
    const client = await LineClient.to(port);
    await client.hear();
    await client.ask('EHLO a.example');
    client.say('STARTTLS\r\nMAIL FROM:<injected@example.com>');
    expect(await client.hear()).toMatch(/^220 /);
    await client.startTls();
    expect(await client.ask('NOOP')).toMatch(/^250 /);
    client.close();
  });
});

describe('LMTP', () => {
  test('each recipient is answered for itself', async () => {
    const choosy = defineCheck(
      'choosy',
      ({ forwardPaths }: DataFacts) => (forwardPaths[0]?.localPart === 'no' ? fail() : pass()),
      { fail: reject() },
    );
    const { port, taken } = await run({ data: [choosy] }, { role: 'lmtp' });
    const client = await LineClient.to(port);
    await client.hear();
    expect(await client.ask('EHLO a.example')).toMatch(/^500 /);
    expect(await client.ask('LHLO a.example')).toMatch(/^250 /);
    await client.ask('MAIL FROM:<a@example.org>');
    await client.ask('RCPT TO:<yes@example.com>');
    await client.ask('RCPT TO:<no@example.com>');
    await client.ask('DATA');
    expect([await client.send(MESSAGE), await client.hear()].map((reply) => reply.slice(0, 9))).toEqual([
      '250 2.0.0',
      '550 5.7.1',
    ]);
    expect(taken).toHaveLength(1);
    client.close();
  });
});

describe('what clients do wrong', () => {
  test.each<[string, string | Buffer]>([
    ['NUL in a command', 'EHLO a\0b\r\n'],
    ['8-bit HELO', Buffer.from('EHLO m\xfcller\r\n', 'latin1')],
    ['bare LF line ends', 'EHLO a.example\nMAIL FROM:<a@example.org>\n'],
    ['bare CR', 'EHLO a.example\rMAIL FROM:<a@example.org>\r\n'],
    ['two @', 'EHLO a.example\r\nMAIL FROM:<a@b@example.org>\r\n'],
    ['no brackets', 'EHLO a.example\r\nMAIL FROM: a@example.org\r\n'],
    ['a line of 20,000 octets', `EHLO ${'a'.repeat(20_000)}\r\n`],
    ['a line of 200,000 octets without an end', 'a'.repeat(200_000)],
    ['random octets', Buffer.from(Array.from({ length: 4_000 }, (_, i) => (i * 7919) & 255))],
    ['unknown commands', 'XYZ\r\n'.repeat(20)],
    ['MAIL with parameters that are none', 'EHLO a.example\r\nMAIL FROM:<a@example.org> =x SIZE=-1 =\r\n'],
    ['UTF-8 address without SMTPUTF8', 'EHLO a.example\r\nMAIL FROM:<\u00e4@example.org>\r\n'],
    ['HTTP', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ])('%s → replies or an end, no exception, and the server serves on', async (_, octets) => {
    const { port, server } = await run();
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'data');
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
    });
    socket.write(octets);
    socket.end();
    await Promise.race([once(socket, 'close'), pause(3_000)]);
    socket.destroy();
    for (const line of heard.split('\r\n').filter(Boolean)) expect(line).toMatch(/^\d{3}[ -][\x20-\x7e]*$/);
    expect(
      codes(
        await play(port, ['EHLO a.example', 'MAIL FROM:<a@example.org>', 'RCPT TO:<b@example.com>', 'DATA', '[data]']),
      ).at(-1),
    ).toBe('250 2.0.0');
    await settled(() => server.openSessions === 0);
    expect(server.openSessions).toBe(0);
  });

  test('a header of a million octets → taken, and the bound is reported', async () => {
    const seen: unknown[] = [];
    const { port } = await run({
      data: [
        defineCheck(
          'sees',
          ({ message }: DataFacts) => {
            seen.push(message.truncated.length > 0);
            return pass();
          },
          {},
        ),
      ],
    });
    const client = await LineClient.to(port);
    await client.hear();
    for (const line of ['EHLO a.example', 'MAIL FROM:<a@example.org>', 'RCPT TO:<b@example.com>', 'DATA'])
      await client.ask(line);
    expect(await client.send(`From: a@example.org\r\nX-Long: ${'a'.repeat(1_000_000)}\r\n\r\nhello\r\n`)).toMatch(
      /^250 /,
    );
    expect(seen).toEqual([true]);
    client.close();
  });
  test('a message larger than is taken → 552 5.3.4, and the next is taken', async () => {
    const { port, taken } = await run({}, { server: { size: 10_000 } });
    const client = await LineClient.to(port);
    await client.hear();
    for (const line of ['EHLO a.example', 'MAIL FROM:<a@example.org>', 'RCPT TO:<b@example.com>', 'DATA'])
      await client.ask(line);
    expect(await client.send('a'.repeat(100_000))).toMatch(/^552 5\.3\.4 /);
    for (const line of ['MAIL FROM:<a@example.org>', 'RCPT TO:<b@example.com>', 'DATA']) await client.ask(line);
    expect(await client.send(MESSAGE)).toMatch(/^250 /);
    expect(taken.map(({ action }) => action)).toEqual(['accept']);
    client.close();
  });

  const stages: [string, (client: LineClient) => Promise<unknown>][] = [
    ['before the greeting', async () => undefined],
    ['after the greeting', (client) => client.hear()],
    [
      'after EHLO',
      async (client) => {
        await client.hear();
        await client.ask('EHLO a.example');
      },
    ],
    [
      'after MAIL',
      async (client) => {
        await client.hear();
        for (const line of ['EHLO a.example', 'MAIL FROM:<a@example.org>']) await client.ask(line);
      },
    ],
    [
      'after RCPT',
      async (client) => {
        await client.hear();
        for (const line of ['EHLO a.example', 'MAIL FROM:<a@example.org>', 'RCPT TO:<b@example.com>'])
          await client.ask(line);
      },
    ],
    [
      'in the middle of the message',
      async (client) => {
        await client.hear();
        for (const line of ['EHLO a.example', 'MAIL FROM:<a@example.org>', 'RCPT TO:<b@example.com>', 'DATA'])
          await client.ask(line);
        client.say('Subject: half');
        await pause(20);
      },
    ],
    [
      'after QUIT',
      async (client) => {
        await client.hear();
        await client.ask('QUIT');
      },
    ],
  ];
  test.each(stages)('a client that vanishes %s → its place comes back', async (_, until) => {
    const { port, server, taken } = await run({ connect: [connectionLimits({ concurrent: 1 })] });
    const client = await LineClient.to(port);
    await settled(() => server.openSessions === 1);
    await until(client);
    client.close();
    await settled(() => server.openSessions === 0);
    expect(server.openSessions).toBe(0);
    expect(taken.filter(({ action }) => action === 'accept')).toEqual([]);
    expect(codes(await play(port, ['QUIT']))).toEqual(['220', '221 2.0.0']);
  });
  test('a client that resets the connection → its place comes back', async () => {
    const { port, server } = await run({ connect: [connectionLimits({ concurrent: 1 })] });
    const socket: Socket = connect(port, '127.0.0.1');
    await once(socket, 'data');
    socket.resetAndDestroy();
    await settled(() => server.openSessions === 0);
    expect(codes(await play(port, ['QUIT']))).toEqual(['220', '221 2.0.0']);
  });
});

describe('the one who keeps the mail', () => {
  const message = ['EHLO a.example', 'MAIL FROM:<a@example.org>', 'RCPT TO:<b@example.com>', 'DATA', '[data]'];
  test('throws → 451, and the server serves on', async () => {
    const { port } = await run(
      {},
      {
        deliver: () => {
          throw new Error('disk full');
        },
      },
    );
    expect(codes(await play(port, [...message, 'NOOP'])).slice(-2)).toEqual(['451 4.3.0', '250 2.0.0']);
    expect(errors.map((error) => error.message)).toContain('disk full');
  });
  test('says its own code → that', async () => {
    const { port } = await run(
      {},
      { deliver: () => Promise.reject(Object.assign(new Error('4.2.2 Mailbox full'), { responseCode: 452 })) },
    );
    expect((await play(port, message)).at(-1)).toBe('452 4.2.2 Mailbox full');
  });
  test('does not read the message → nothing hangs', async () => {
    const { port } = await run({}, { deliver: async () => 'Queued as 1' });
    expect((await play(port, message)).at(-1)).toBe('250 2.0.0 Queued as 1');
  });
  test('stops in the middle of a large message → nothing hangs', async () => {
    const { port } = await run(
      {},
      {
        deliver: async ({ message: octets }) => {
          for await (const _ of octets) break;
        },
      },
    );
    const client = await LineClient.to(port);
    await client.hear();
    for (const line of message.slice(0, 4)) await client.ask(line);
    expect(await client.send(`Subject: x\r\n\r\n${'0123456789\r\n'.repeat(100_000)}`)).toMatch(/^250 /);
    client.close();
  });
});

test('an author’s own listener that throws → is trouble, not the end', async () => {
  const { port } = await run(
    {},
    {
      session: {
        onEvent: () => {
          throw new Error('boom');
        },
      },
    },
  );
  expect(codes(await play(port, ['EHLO a.example']))).toEqual(['220', '250']);
  expect(errors.map((error) => error.message)).toContain('boom');
});

test.each([
  ['a policy written by hand', { policy: {} }, /policy must be made by smtpPolicy/],
  [
    'a role that is none',
    { policy: smtpPolicy({ relay: 'decided-by-the-server' }), role: 'out' },
    /role must be "mx", "submission" or "lmtp", got "out"/,
  ],
  [
    'an unknown option',
    { policy: smtpPolicy({ relay: 'decided-by-the-server' }), role: 'mx', delivr: () => undefined },
    /unknown option delivr .*did you mean deliver/,
  ],
  [
    'an unknown option of the session',
    {
      policy: smtpPolicy({ relay: 'decided-by-the-server' }),
      role: 'mx',
      deliver: () => undefined,
      session: { ahead: true },
    },
    /guardedServer: session: unknown option ahead/,
  ],
  ['no deliver', { policy: smtpPolicy({ relay: 'decided-by-the-server' }), role: 'mx' }, /deliver must be a function/],
])('%s → TypeError', (_, options, message) => {
  expect(() => guardedServer(options as never)).toThrow(message);
  expect(() => guardedServer(options as never)).toThrow(TypeError);
});

test('look-ups that begin at the TCP connection → are out before the greeting is', async () => {
  const dns = zone({});
  const asks = defineCheck(
    'asks',
    async (_: Pick<MailFacts, 'client'>, env: Pick<Env, 'dns'>) => {
      await env.dns.resolve('early.example', 'A');
      return pass();
    },
    {},
    { earliest: 'connect' },
  );
  const env: Env = { clock, dns, counters: memoryCounters({ clock }), bans: memoryBans({ clock }) };
  const { port } = await run({ rcpt: [asks] }, { env });
  const client = await LineClient.to(port);
  await settled(() => dns.questions.length > 0);
  expect(client.transcript).toEqual([]);
  client.close();
});
