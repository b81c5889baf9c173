import { accessPolicy } from 'postern/access';
import { type GateEvent, type LoginGateOptions, loginGateServer } from 'postern/adapters/login-gate';
import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import { systemClock } from 'postern/adapters/system';
import { encryptedAuth, type GateOptions } from 'postern/checks/encrypted-auth';
import { authBudgets, type BudgetOptions } from 'postern/checks/smtp-auth';
import { afterEach, describe, expect, test } from 'vitest';
import { certificate } from './certificate.ts';
import { Client } from './client.ts';
import { fakeBackend, type Script } from './fake-backend.ts';

const tls = certificate('mail.example.com');
const open: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function set(
  more: Omit<Partial<LoginGateOptions>, 'budgets'> & {
    script?: Partial<Script>;
    gateOptions?: GateOptions;
    budgets?: BudgetOptions;
  } = {},
) {
  const { script, gateOptions, budgets, ...options } = more;
  const backend = await fakeBackend({ protocol: 'pop3', ...script });
  const clock = systemClock();
  const events: GateEvent[] = [];
  const gate = loginGateServer({
    protocol: 'pop3',
    tls,
    policy: accessPolicy<object>({ encryption: encryptedAuth({ mechanisms: ['PLAIN', 'LOGIN'], ...gateOptions }) }),
    env: { clock, counters: memoryCounters({ clock }), bans: memoryBans({ clock }) },
    budgets: authBudgets({ accountDelay: { firstMs: 0 }, ...budgets }),
    onEvent: (event) => events.push(event),
    ...options,
    backend: { host: '127.0.0.1', port: backend.port, ...options.backend },
  });
  const port = await gate.listen(0, '127.0.0.1');
  open.push(backend, gate);
  const client = async (): Promise<Client> => {
    const made = await (options.implicitTls ? Client.openTls(port) : Client.open(port));
    open.push(made);
    return made;
  };
  const secure = async (): Promise<Client> => {
    const made = await client();
    await made.line();
    if (options.implicitTls) return made;
    expect(await made.ask('STLS')).toBe('+OK Begin TLS negotiation');
    await made.startTls();
    return made;
  };
  const capabilities = async (c: Client): Promise<string[]> => {
    const lines: string[] = [];
    expect(await c.ask('CAPA')).toMatch(/^\+OK/);
    for (let line = await c.line(); line !== '.' && line !== undefined; line = await c.line()) lines.push(line);
    return lines;
  };
  return { backend, events, gate, client, secure, capabilities };
}

const plain = (account: string, password: string): string =>
  Buffer.from(`\0${account}\0${password}`).toString('base64');

describe('POP3 without TLS', () => {
  test('no time stamp in the greeting, STLS and no USER in CAPA, the backend is not connected', async () => {
    const { client, capabilities, backend } = await set();
    const c = await client();
    expect(await c.line()).toBe('+OK postern ready');
    expect(await capabilities(c)).toEqual(['RESP-CODES', 'AUTH-RESP-CODE', 'STLS']);
    expect(await c.ask('QUIT')).toBe('+OK Bye');
    expect(await c.rest()).toBe('');
    expect(backend.connections).toBe(0);
  });

  test.each([
    'USER bob',
    'PASS secret',
    'APOP bob c4c9334bac560ecc979e58001b3e22fb',
    'AUTH',
    'AUTH PLAIN',
    `AUTH PLAIN ${plain('bob', 'secret')}`,
    'auth x-token abc',
  ])('%s → refused by the command’s name', async (command) => {
    const { client, backend, events } = await set();
    const c = await client();
    await c.line();
    expect(await c.ask(command)).toBe('-ERR [AUTH] TLS is required to log in');
    expect(backend.connections).toBe(0);
    expect(JSON.stringify(events)).not.toMatch(/secret|c2Vjcm/);
  });

  test('input after STLS → refused, and closed', async () => {
    const { client, backend } = await set();
    const c = await client();
    await c.line();
    c.send('STLS\r\nUSER bob\r\nPASS secret\r\n');
    expect(await c.rest()).toBe('-ERR Nothing may follow STLS\r\n');
    expect(backend.heard).toEqual([]);
  });

  test.each([
    ['STAT', '-ERR Log in first'],
    ['XCLIENT ADDR=192.0.2.99', '-ERR Log in first'],
    ['STLS now', '-ERR Syntax error'],
    ['', '-ERR Log in first'],
  ])('%j → %s', async (command, reply) => {
    const { client } = await set();
    const c = await client();
    await c.line();
    expect(await c.ask(command)).toBe(reply);
  });
});

describe('POP3 inside TLS', () => {
  test('capabilities are the backend’s, except those about TLS, logging in and XCLIENT', async () => {
    const { secure, capabilities } = await set();
    const c = await secure();
    expect(await capabilities(c)).toEqual(['TOP', 'UIDL', 'RESP-CODES', 'PIPELINING', 'USER', 'SASL PLAIN LOGIN']);
    expect(await c.ask('STLS')).toBe('-ERR Command not permitted when TLS active');
    expect(await c.ask('AUTH CRAM-MD5')).toBe('-ERR Unsupported authentication mechanism');
    expect(await c.ask('XCLIENT ADDR=192.0.2.99')).toBe('-ERR Log in first');
  });

  test('implicit TLS: the backend’s greeting, without its time stamp', async () => {
    const { client } = await set({ implicitTls: true });
    expect(await (await client()).line()).toBe('+OK Backend ready');
  });

  test.each<[string, string[]]>([
    ['USER and PASS', ['USER bob', 'PASS secret']],
    ['a password with spaces', ['USER bob', 'PASS my secret']],
    ['AUTH PLAIN with initial response', [`AUTH PLAIN ${plain('bob', 'secret')}`]],
    ['AUTH PLAIN without', ['AUTH PLAIN', plain('bob', 'secret')]],
  ])('%s → logged in, and later commands pass through', async (_, commands) => {
    const { secure, backend } = await set({
      script: { login: (account, password) => (account === 'bob' && password.endsWith('secret') ? 'OK' : 'NO') },
    });
    const c = await secure();
    for (const command of commands.slice(0, -1)) expect(await c.ask(command)).toMatch(/^\+/);
    expect(await c.ask(commands.at(-1)!)).toBe('+OK Logged in.');
    expect(await c.ask('STAT')).toBe('+OK STAT');
    expect(backend.heard.at(-1)).toBe('STAT');
  });

  test('commands sent at once are handled in order', async () => {
    const { secure } = await set();
    const c = await secure();
    c.send('USER bob\r\nPASS secret\r\nSTAT\r\n');
    expect(await c.lines(3)).toEqual(['+OK', '+OK Logged in.', '+OK STAT']);
  });

  test('PASS without USER, and a malformed name → refused by the gate', async () => {
    const { secure, backend } = await set();
    const c = await secure();
    expect(await c.ask('PASS secret')).toBe('-ERR Send USER first');
    expect(await c.ask('USER ')).toBe('-ERR USER needs a user name');
    expect(await c.ask('USER a b')).toBe('-ERR USER needs a user name');
    expect(backend.heard.filter((line) => /USER|PASS/.test(line))).toEqual([]);
  });

  test('three failures; the fourth does not reach the backend', async () => {
    const { secure, backend } = await set();
    const c = await secure();
    for (let i = 0; i < 3; i++) {
      await c.ask('USER bob');
      expect(await c.ask(`PASS wrong${i}`)).toBe('-ERR [AUTH] Authentication failed.');
    }
    await c.ask('USER bob');
    c.send('PASS secret\r\n');
    expect(await c.rest()).toBe('-ERR [SYS/TEMP] Too many failed logins; please try again later\r\n');
    expect(backend.heard.filter((line) => line.startsWith('PASS'))).toHaveLength(3);
  });

  test('a mailbox in use does not count as a wrong password', async () => {
    const { secure } = await set({
      budgets: { perSession: 1 },
      script: { login: (_, password) => (password === 'secret' ? 'OK' : '-ERR [IN-USE] Locked') },
    });
    const c = await secure();
    for (let i = 0; i < 3; i++) {
      await c.ask('USER bob');
      expect(await c.ask('PASS x')).toBe('-ERR [IN-USE] Locked');
    }
    await c.ask('USER bob');
    expect(await c.ask('PASS secret')).toBe('+OK Logged in.');
  });

  test.each<['xclient' | 'proxy-v1', RegExp]>([
    ['xclient', /^XCLIENT ADDR=127\.0\.0\.1 PORT=\d+$/],
    ['proxy-v1', /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+$/],
  ])('the backend receives the client’s address by %s', async (tellClient, expected) => {
    const { secure, backend } = await set({ backend: { tellClient } as never });
    await secure();
    while (backend.heard.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(backend.heard[0]).toMatch(expected);
  });

  test('the backend is down → server not available', async () => {
    const { secure, backend } = await set();
    await backend.close();
    expect(await (await secure()).rest()).toBe('-ERR [SYS/TEMP] Server is not available\r\n');
  });
});
