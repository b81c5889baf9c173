import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { scramSecret } from 'postern/access';
import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import type { GuardedServer } from 'postern/adapters/smtp-server';
import { guardedServer } from 'postern/adapters/smtp-server';
import { systemClock } from 'postern/adapters/system';
import { relayControl } from 'postern/checks/relay-control';
import { smtpAuth } from 'postern/checks/smtp-auth';
import type { Counters, Env } from 'postern/env';
import { parseIp } from 'postern/net';
import { smtpPolicy } from 'postern/smtp';
import { zone } from 'postern/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { LineClient } from './line-client.ts';

const servers: GuardedServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise<void>((done) => server.close(done));
});

const b64 = (text: string): string => Buffer.from(text).toString('base64');
const stored = await scramSecret('secret', { iterations: 4096 });

/** The messages of each mechanism; SCRAM's last one is made of the server's challenge. */
const mechanisms: { readonly [mechanism: string]: (password: string) => (string | ((challenge: string) => string))[] } =
  {
    PLAIN: (password) => [b64(`\0bob\0${password}`)],
    LOGIN: (password) => [b64('bob'), b64(password)],
    XOAUTH2: (password) => [b64(`user=bob\x01auth=Bearer ${password}\x01\x01`)],
    OAUTHBEARER: (password) => [b64(`n,a=bob,\x01auth=Bearer ${password}\x01\x01`)],
    'SCRAM-SHA-256': (password) => [
      b64('n,,n=bob,r=abc'),
      (challenge) => {
        const first = Buffer.from(challenge, 'base64').toString();
        const { r, s, i } = Object.fromEntries(first.split(',').map((part) => [part[0], part.slice(2)]));
        const salted = pbkdf2Sync(password, Buffer.from(s ?? '', 'base64'), Number(i), 32, 'sha256');
        const clientKey = createHmac('sha256', salted).update('Client Key').digest();
        const without = `c=biws,r=${r}`;
        const storedKey = createHash('sha256').update(clientKey).digest();
        const signature = createHmac('sha256', storedKey).update(`n=bob,r=abc,${first},${without}`).digest();
        return b64(
          `${without},p=${Buffer.from(clientKey.map((octet, at) => octet ^ (signature[at] as number))).toString('base64')}`,
        );
      },
    ],
  };
const names = Object.keys(mechanisms);

async function submission(options: { spoil?: Partial<Counters>; perMinute?: number } = {}) {
  const clock = systemClock();
  const counters: Counters = { ...memoryCounters({ clock }), ...options.spoil };
  const env: Env = { clock, dns: zone({}), counters, bans: memoryBans({ clock }) };
  const errors: Error[] = [];
  let asked = 0;
  const check = smtpAuth({
    mechanisms: names,
    clearTextFrom: 'loopback',
    accountDelay: { firstMs: 0 },
    waitMs: 100,
    ...(options.perMinute === undefined ? {} : { perMinute: options.perMinute }),
  });
  const server = guardedServer({
    policy: smtpPolicy({ relay: relayControl({ localDomains: ['example.com'] }), auth: [check] }),
    env,
    role: 'submission',
    deliver: async () => undefined,
    onError: (error) => errors.push(error),
    auth: {
      check,
      verify: ({ account, secret }) => {
        asked++;
        return account === 'bob' && secret === 'secret'
          ? { result: 'accepted', identity: 'bob' }
          : { result: 'rejected' };
      },
      scram: {
        lookup: (name) => (name === 'bob' ? stored : undefined),
      },
    },
    server: { name: 'mx.example.com', logger: false, closeTimeout: 200 },
  });
  servers.push(server);
  const listening = server.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo;
  const client = async (): Promise<LineClient> => {
    const made = await LineClient.to(port);
    await made.hear();
    await made.ask('EHLO a.example');
    return made;
  };
  return { client, env, check, errors, asked: () => asked };
}

type Initial = 'none' | 'empty' | 'full';
async function logIn(client: LineClient, mechanism: string, initial: Initial, password: string): Promise<string> {
  const rest = (mechanisms[mechanism] as (typeof mechanisms)[string])(password);
  const first = initial === 'none' ? '' : initial === 'empty' ? ' =' : ` ${rest.shift()}`;
  let reply = await client.ask(`AUTH ${mechanism}${first}`);
  while (reply.startsWith('334')) {
    const next = rest.shift() ?? '';
    reply = await client.ask(typeof next === 'string' ? next : next(reply.slice(4)));
  }
  return reply.slice(0, 3);
}
const cases = names.flatMap((mechanism) =>
  (['none', 'empty', 'full'] as const).map((initial) => ({ mechanism, initial })),
);

describe('every mechanism, with and without an initial response', () => {
  test.each(cases)('submission $mechanism, initial response $initial', async ({ mechanism, initial }) => {
    const { client, env, check, asked } = await submission();
    const attempt = { client: parseIp('127.0.0.1')!, account: 'bob' };
    // An empty message is no credentials in any mechanism (RFC 4954 §4: 501).
    const readable = initial !== 'empty';
    expect(await logIn(await client(), mechanism, initial, 'secret')).toBe(readable ? '235' : '501');
    expect(await logIn(await client(), mechanism, initial, 'wrong')).toBe(readable ? '535' : '501');
    for (let i = 0; i < 5; i++) await check.budgets.record({ ...attempt, session: `${i}` }, 'rejected', env);
    const before = asked();
    expect(await logIn(await client(), mechanism, initial, 'secret')).toBe(readable ? '421' : '501');
    expect(asked()).toBe(before);
  });

  test.each(names.filter((name) => name !== 'PLAIN'))(
    '%s: clients that stop half-way hold no place',
    async (mechanism) => {
      const { client } = await submission({ perMinute: 3 });
      for (let i = 0; i < 6; i++) {
        const c = await client();
        const [first] = (mechanisms[mechanism] as (typeof mechanisms)[string])('secret');
        const more = mechanism === 'LOGIN' || mechanism.startsWith('SCRAM');
        expect(await c.ask(`AUTH ${mechanism}${more ? ` ${first}` : ''}`)).toMatch(/^334/);
      }
      expect(await logIn(await client(), mechanism, 'none', 'secret')).toBe('235');
    },
  );
});

describe('a store that fails', () => {
  const boom = (): never => {
    throw new Error('boom');
  };
  test.each<[string, Partial<Counters>, string, string]>([
    ['after a login that is accepted', { charge: boom, clear: boom }, 'secret', '235'],
    ['after a login that is rejected', { charge: boom, clear: boom }, 'wrong', '535'],
  ])('%s → the answer stands, and the error is reported once', async (_, spoil, password, code) => {
    const { client, errors } = await submission({ spoil });
    expect(await logIn(await client(), 'PLAIN', 'full', password)).toBe(code);
    expect(errors.map(({ message }) => message)).toEqual(['boom']);
  });
});
