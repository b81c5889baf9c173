import { accessPolicy } from 'postern/access';
import { type GateEvent, type LoginGateOptions, loginGateServer } from 'postern/adapters/login-gate';
import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import { systemClock } from 'postern/adapters/system';
import { banAfter } from 'postern/checks/connection-limits';
import { encryptedAuth } from 'postern/checks/encrypted-auth';
import { authBudgets } from 'postern/checks/smtp-auth';
import { defer, defineCheck, fail, reject } from 'postern/core';
import { afterEach, describe, expect, test } from 'vitest';
import { certificate } from './certificate.ts';
import { Client } from './client.ts';
import { fakeBackend, type Script } from './fake-backend.ts';

type Protocol = 'imap' | 'pop3';
const protocols = ['imap', 'pop3'] as const;
const tls = certificate('mail.example.com');
const open: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

const encryption = encryptedAuth({ mechanisms: ['PLAIN'], clearTextFrom: ['127.0.0.0/8'] });

async function gate(protocol: Protocol, options: Partial<LoginGateOptions> = {}, script: Partial<Script> = {}) {
  const backend = await fakeBackend({ protocol, ...script });
  const clock = systemClock();
  const events: GateEvent[] = [];
  const errors: Error[] = [];
  const env = { clock, counters: memoryCounters({ clock }), bans: memoryBans({ clock }) };
  const server = loginGateServer({
    protocol,
    tls,
    policy: accessPolicy<object>({ encryption }),
    env,
    budgets: authBudgets({ accountDelay: { firstMs: 0 }, perSession: 50, perAccount: 50, perMinute: 50 }),
    onEvent: (event) => events.push(event),
    onError: (error) => errors.push(error),
    ...options,
    backend: { host: '127.0.0.1', port: backend.port },
  });
  const port = await server.listen(0, '127.0.0.1');
  open.push(backend, server);
  return {
    backend,
    events,
    errors,
    env,
    async client() {
      const client = await Client.open(port);
      open.push(client);
      return client;
    },
  };
}

/** Logs in with one password. Returns the reply. */
async function logIn(client: Client, protocol: Protocol, password: string): Promise<string | undefined> {
  if (protocol === 'imap') return client.ask(`a LOGIN bob ${password}`);
  await client.ask('USER bob');
  return client.ask(`PASS ${password}`);
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};

describe('bans', () => {
  test.each(protocols)(
    '%s: three wrong passwords ban the client, and its next connection is refused',
    async (protocol) => {
      const policy = accessPolicy<object>({ encryption, bans: [banAfter({ failures: 3, of: 'auth-failure' })] });
      const { client, events } = await gate(protocol, { policy });
      const c = await client();
      await c.line();
      for (let i = 0; i < 2; i++) await logIn(c, protocol, `wrong${i}`);
      expect(events.some(({ type }) => type === 'banned')).toBe(false);
      await logIn(c, protocol, 'wrong2');
      await until(() => events.some(({ type }) => type === 'banned'));
      expect(events.find(({ type }) => type === 'banned')).toMatchObject({ reason: '3 × auth-failure' });
      expect(await (await client()).line()).toBe(
        protocol === 'imap' ? '* BYE Client address is banned' : '-ERR [SYS/PERM] Client address is banned',
      );
    },
  );

  test('trouble at the backend and right passwords ban nobody', async () => {
    const policy = accessPolicy<object>({ encryption, bans: [banAfter({ failures: 1, of: 'auth-failure' })] });
    const { client, env } = await gate(
      'imap',
      { policy },
      { login: (_, password) => (password === 'secret' ? 'OK' : 'NO [UNAVAILABLE] LDAP') },
    );
    const c = await client();
    await c.line();
    for (let i = 0; i < 3; i++) await logIn(c, 'imap', `wrong${i}`);
    expect(await logIn(c, 'imap', 'secret')).toMatch(/^a OK/);
    expect(await env.bans.lookup('127.0.0.1')).toBeUndefined();
  });

  test('malformed commands, and refusals of a rule, count as offences', async () => {
    const listed = defineCheck('dnsbl', () => fail({ cause: 'listed', explanation: 'Listed' }), { fail: reject() });
    const { client, env } = await gate('imap', {
      policy: accessPolicy<object>({ encryption, bans: [banAfter({ failures: 2, of: 'protocol-error' })] }),
    });
    const c = await client();
    await c.line();
    await c.ask('x');
    await c.ask('x');
    await until(() => env.bans.lookup('127.0.0.1') !== undefined);
    const other = await gate('imap', {
      policy: accessPolicy<object>({
        encryption,
        connect: [listed],
        bans: [banAfter({ failures: 1, of: 'list-hit' })],
      }),
    });
    expect(await (await other.client()).line()).toBe('* BYE Listed');
    await until(() => other.events.some(({ type }) => type === 'banned'));
  });

  test('a store of bans that fails is reported once, and the login continues', async () => {
    const clock = systemClock();
    const bans = { ...memoryBans({ clock }), add: () => Promise.reject(new Error('boom')) };
    const { client, errors } = await gate('imap', {
      env: { clock, counters: memoryCounters({ clock }), bans },
      policy: accessPolicy<object>({ encryption, bans: [banAfter({ failures: 1, of: 'auth-failure' })] }),
    });
    const c = await client();
    await c.line();
    expect(await logIn(c, 'imap', 'wrong')).toMatch(/^a NO/);
    expect(await logIn(c, 'imap', 'secret')).toMatch(/^a OK/);
    await until(() => errors.length > 0);
    expect(errors.map(({ message }) => message)).toEqual(['boom']);
  });
});

describe('the outcome of a login is a finding', () => {
  test.each(protocols)('%s: accepted, rejected and not verified', async (protocol) => {
    const unavailable = protocol === 'imap' ? 'NO [UNAVAILABLE] LDAP' : '-ERR [SYS/TEMP] LDAP';
    const { client, events } = await gate(
      protocol,
      {},
      { login: (_, password) => (password === 'secret' ? 'OK' : password === 'later' ? unavailable : 'NO') },
    );
    const c = await client();
    await c.line();
    for (const password of ['wrong', 'later', 'secret']) await logIn(c, protocol, password);
    expect(events.flatMap(({ finding }) => (finding === undefined ? [] : [[finding.result, finding.cause]]))).toEqual([
      ['fail', 'credentials-invalid'],
      ['temperror', 'auth-unavailable'],
      ['pass', undefined],
    ]);
  });

  test.each<[Protocol, string]>([
    ['imap', '* BYE Go away'],
    ['pop3', '-ERR [SYS/PERM] Go away'],
  ])('%s: loginConsequences replace the backend’s reply', async (protocol, line) => {
    const { client, backend } = await gate(protocol, {
      loginConsequences: { fail: reject({ text: 'Go away', close: true }) },
    });
    const c = await client();
    await c.line();
    expect(await logIn(c, protocol, 'wrong')).toBe(line);
    expect(await c.rest()).toBe('');
    expect(backend.heard.some((each) => each.includes('wrong'))).toBe(true);
  });

  test('a consequence without `close` keeps the session', async () => {
    const { client } = await gate('imap', { loginConsequences: { fail: defer({ text: 'Wait' }) } });
    const c = await client();
    await c.line();
    expect(await logIn(c, 'imap', 'wrong')).toBe('a NO [UNAVAILABLE] Wait');
    expect(await logIn(c, 'imap', 'secret')).toMatch(/^a OK/);
  });

  test('a budget that is used up is refused as its consequence says', async () => {
    const { client, events } = await gate('imap', {
      budgets: authBudgets({ perSession: 1 }),
      loginConsequences: { softfail: reject({ text: 'No more logins' }) },
    });
    const c = await client();
    await c.line();
    await logIn(c, 'imap', 'wrong');
    expect(await logIn(c, 'imap', 'secret')).toBe('* BYE No more logins');
    expect(events.find(({ type }) => type === 'refused')).toMatchObject({
      finding: { result: 'softfail', cause: 'too-many-auth-failures' },
    });
  });
});

describe('options', () => {
  test('an unknown option, and a consequence that lets a failed login pass → TypeError', async () => {
    await expect(gate('imap', { tlsOptions: {} } as never)).rejects.toThrow(
      /^loginGateServer: unknown option tlsOptions/,
    );
    await expect(gate('imap', { loginConsequences: { fail: { action: 'permit' } } } as never)).rejects.toThrow(
      /fail: action must be "defer" or "reject", got "permit"/,
    );
    expect(() => accessPolicy({ encryption, bans: [{}] } as never)).toThrow(/bans must be rules made by banAfter/);
  });
});
