import { accessPolicy } from 'postern/access';
import {
  type GateEvent,
  type LoginGateOptions,
  type LoginGateServer,
  loginGateServer,
} from 'postern/adapters/login-gate';
import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import { systemClock } from 'postern/adapters/system';
import { encryptedAuth, type GateOptions } from 'postern/checks/encrypted-auth';
import { authBudgets, type BudgetOptions } from 'postern/checks/smtp-auth';
import { defineCheck, fail, pass, reject } from 'postern/core';
import { afterEach, describe, expect, test } from 'vitest';
import { certificate } from './certificate.ts';
import { Client } from './client.ts';
import { type FakeBackend, fakeBackend, type Script } from './fake-backend.ts';

const tls = certificate('mail.example.com');
const open: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

interface Set {
  readonly gate: LoginGateServer;
  readonly backend: FakeBackend;
  readonly events: GateEvent[];
  readonly port: number;
  client(): Promise<Client>;
  /** A client that has been through STARTTLS. */
  secure(): Promise<Client>;
}

async function set(
  more: Omit<Partial<LoginGateOptions>, 'budgets'> & {
    script?: Partial<Script>;
    gateOptions?: GateOptions;
    budgets?: BudgetOptions;
  } = {},
): Promise<Set> {
  const { script, gateOptions, budgets, ...options } = more;
  const backend = await fakeBackend({ protocol: 'imap', ...script });
  const clock = systemClock();
  const events: GateEvent[] = [];
  const gate = loginGateServer({
    protocol: 'imap',
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
  return {
    gate,
    backend,
    events,
    port,
    client,
    async secure() {
      const made = await client();
      await made.line();
      if (options.implicitTls) return made;
      expect(await made.ask('t STARTTLS')).toBe('t OK Begin TLS negotiation now');
      await made.startTls();
      return made;
    },
  };
}

const ends = async (client: Client): Promise<void> => {
  expect(await client.rest()).toBe('');
};

describe('IMAP without TLS', () => {
  test('greeting and capabilities: STARTTLS and LOGINDISABLED, no AUTH; the backend is not connected', async () => {
    const { client, backend } = await set();
    const c = await client();
    expect(await c.line()).toBe('* OK [CAPABILITY IMAP4rev1 SASL-IR STARTTLS LOGINDISABLED] postern ready');
    c.send('a CAPABILITY\r\n');
    expect(await c.lines(2)).toEqual([
      '* CAPABILITY IMAP4rev1 SASL-IR STARTTLS LOGINDISABLED',
      'a OK CAPABILITY completed',
    ]);
    expect(await c.ask('b NOOP')).toBe('b OK NOOP completed');
    c.send('c ID ("name" "x")\r\nd LOGOUT\r\n');
    expect(await c.lines(4)).toEqual(['* ID NIL', 'c OK ID completed', '* BYE Logging out', 'd OK LOGOUT completed']);
    await ends(c);
    expect(backend.connections).toBe(0);
  });

  const privacy = 'a NO [PRIVACYREQUIRED] TLS is required to log in';
  test.each<[string, string]>([
    ['LOGIN, quoted', 'a LOGIN "bob" "secret"\r\n'],
    ['LOGIN, a literal that comes unasked', 'a LOGIN {3+}\r\nbob {6+}\r\nsecret\r\n'],
    ['LOGIN, a literal with a command in it', 'a LOGIN bob {10+}\r\nx LOGOUT\r\n\r\n'],
    ['LOGIN, a literal that waits: it is not asked for', 'a LOGIN {3}\r\n'],
    ['AUTHENTICATE PLAIN with initial response', 'a AUTHENTICATE PLAIN AGJvYgBzZWNyZXQ=\r\n'],
    ['AUTHENTICATE PLAIN without', 'a AUTHENTICATE PLAIN\r\n'],
    ['a mechanism that nobody knows', 'a AUTHENTICATE X-TOKEN abc\r\n'],
    ['in lower case', 'a authenticate plain\r\n'],
  ])('%s → refused by the command’s name, and the session stays in step', async (_, sent) => {
    const { client, backend, events } = await set();
    const c = await client();
    await c.line();
    c.send(`${sent}z NOOP\r\n`);
    expect(await c.lines(2)).toEqual([privacy, 'z OK NOOP completed']);
    expect(backend.connections).toBe(0);
    expect(JSON.stringify(events)).not.toMatch(/secret|c2Vjcm/);
  });

  test('input after STARTTLS → refused and closed; it is never taken for a command inside TLS', async () => {
    const { client, backend, events } = await set();
    const c = await client();
    await c.line();
    c.send('a STARTTLS\r\nb LOGIN bob secret\r\n');
    expect(await c.line()).toBe('a BAD Nothing may follow STARTTLS');
    await ends(c);
    expect(backend.heard).toEqual([]);
    expect(events.map(({ type }) => type)).toContain('pipelined');
  });

  test('the same with pipelinedStarttls discard → discarded', async () => {
    const { client, backend } = await set({ gateOptions: { pipelinedStarttls: 'discard' } });
    const c = await client();
    await c.line();
    c.send('a STARTTLS\r\nb LOGIN bob secret\r\nc NOOP\r\n');
    expect(await c.line()).toBe('a OK Begin TLS negotiation now');
    await c.startTls();
    expect(await c.ask('d NOOP')).toBe('d OK NOOP completed');
    expect(backend.heard.filter((line) => line.includes('LOGIN'))).toEqual([]);
  });

  test('clear text after STARTTLS was granted → no handshake, closed', async () => {
    const { client } = await set();
    const c = await client();
    await c.line();
    expect(await c.ask('a STARTTLS')).toBe('a OK Begin TLS negotiation now');
    c.send('b LOGIN bob secret\r\n');
    expect(await c.rest()).not.toMatch(/OK|NO|BAD/);
  });

  test.each<[string, string, string]>([
    ['another command', 'a SELECT INBOX', 'a BAD Log in first'],
    ['STARTTLS with an argument', 'a STARTTLS now', 'a BAD Syntax error'],
    ['no tag', 'NOOP', '* BAD Syntax error'],
    ['an empty line', '', '* BAD Syntax error'],
    ['a tag that is none', '* NOOP', '* BAD Syntax error'],
    ['octets', '\x00\xff\x80', '* BAD Syntax error'],
  ])('%s → %s %s', async (_, sent, reply) => {
    const { client } = await set();
    const c = await client();
    await c.line();
    expect(await c.ask(sent)).toBe(reply);
    expect(await c.ask('z NOOP')).toBe('z OK NOOP completed');
  });

  test('more than ten errors → BYE', async () => {
    const { client } = await set();
    const c = await client();
    await c.line();
    for (let i = 0; i < 10; i++) expect(await c.ask('x')).toBe('* BAD Syntax error');
    expect(await c.ask('x')).toBe('* BYE Too many errors');
    await ends(c);
  });

  test('a line that is too long → BYE; a literal that is too long → BYE', async () => {
    const { client } = await set();
    const c = await client();
    await c.line();
    c.send('a LOGIN '.padEnd(20_000, 'x'));
    expect(await c.line()).toBe('* BYE Command is too long');
    await ends(c);
    const d = await client();
    await d.line();
    d.send('a LOGIN {999999999+}\r\n');
    expect(await d.lines(2)).toEqual([privacy, '* BYE Command is too long']);
    await ends(d);
  });

  test('E1: an exempt client may log in without TLS, sees that in the capabilities, and may still use TLS', async () => {
    const { client, backend } = await set({ gateOptions: { clearTextFrom: ['127.0.0.0/8'] } });
    const c = await client();
    expect(await c.line()).toBe(
      '* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE STARTTLS AUTH=PLAIN AUTH=LOGIN] Backend ready.',
    );
    expect(await c.ask('a LOGIN bob secret')).toMatch(/^a OK/);
    const d = await client();
    await d.line();
    expect(await d.ask('a STARTTLS')).toMatch(/^a OK/);
    await d.startTls();
    expect(await d.ask('b LOGIN bob secret')).toMatch(/^b OK/);
    expect(backend.connections).toBe(3);
  });
});

describe('IMAP inside TLS', () => {
  test('capabilities are the backend’s, except those about TLS and logging in', async () => {
    const { secure } = await set();
    const c = await secure();
    c.send('a CAPABILITY\r\n');
    expect(await c.lines(2)).toEqual([
      '* CAPABILITY IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE AUTH=PLAIN AUTH=LOGIN',
      'a OK CAPABILITY completed',
    ]);
    expect(await c.ask('b STARTTLS')).toBe('b BAD TLS already active');
  });

  test('implicit TLS: the backend’s greeting, rewritten; capabilities are requested if the greeting has none', async () => {
    const { client } = await set({ implicitTls: true });
    expect(await (await client()).line()).toBe(
      '* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE AUTH=PLAIN AUTH=LOGIN] Backend ready.',
    );
    const bare = await set({ implicitTls: true, script: { greeting: '* OK hello' } });
    expect(await (await bare.client()).line()).toBe(
      '* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE AUTH=PLAIN AUTH=LOGIN] hello',
    );
  });

  test('I20: clear text on an implicit port → closed without a reply', async () => {
    const { port, backend } = await set({ implicitTls: true });
    const c = await Client.open(port);
    open.push(c);
    c.send('a LOGIN bob secret\r\n');
    expect(await c.rest()).not.toMatch(/[A-Za-z]{2}/);
    expect(backend.connections).toBe(0);
  });

  test.each<[string, string, string]>([
    ['quoted', 'a LOGIN "bob" "secret"\r\n', 'a LOGIN "bob" "secret"'],
    ['atoms', 'a LOGIN bob secret\r\n', 'a LOGIN "bob" "secret"'],
    ['escaped', 'a LOGIN "b\\"o\\\\b" secret\r\n', 'a LOGIN "b\\"o\\\\b" "secret"'],
    ['literals that come unasked', 'a LOGIN {3+}\r\nbob {6+}\r\nsecret\r\n', 'a LOGIN "bob" "secret"'],
    [
      'AUTHENTICATE with initial response',
      'a AUTHENTICATE PLAIN AGJvYgBzZWNyZXQ=\r\n',
      'a AUTHENTICATE PLAIN AGJvYgBzZWNyZXQ=',
    ],
  ])('LOGIN, %s → logged in', async (_, sent, heard) => {
    const { secure, backend, events } = await set();
    const c = await secure();
    c.send(sent);
    expect(await c.line()).toBe('a OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE] Logged in');
    expect(await c.ask('b SELECT INBOX')).toBe('b OK SELECT done');
    expect(backend.heard).toContain(heard);
    expect(events.find(({ type }) => type === 'login')).toMatchObject({ client: '127.0.0.1' });
    expect(JSON.stringify(events)).not.toMatch(/secret|c2Vjcm/);
  });

  test('LOGIN with synchronizing literals → the gate and the backend request each', async () => {
    const { secure, backend } = await set({
      script: { login: (account, password) => (account === 'bób' && password === 'gehéim' ? 'OK' : 'NO') },
    });
    const c = await secure();
    expect(await c.ask('a LOGIN {4}')).toMatch(/^\+/);
    c.send(Buffer.from('bób {7}\r\n'));
    expect(await c.line()).toMatch(/^\+/);
    c.send(Buffer.from('gehéim\r\n'));
    expect(await c.line()).toMatch(/^a OK/);
    expect(backend.heard).toEqual(['a LOGIN {4}', '<4 octets>', ' {7}', '<7 octets>', '']);
  });

  test('AUTHENTICATE without initial response, and a mechanism of two messages', async () => {
    const { secure } = await set();
    const c = await secure();
    expect(await c.ask('a AUTHENTICATE PLAIN')).toBe('+ ');
    expect(await c.ask('AGJvYgBzZWNyZXQ=')).toMatch(/^a OK/);
    const d = await secure();
    expect(await d.ask('a AUTHENTICATE LOGIN')).toMatch(/^\+ /);
    expect(await d.ask(Buffer.from('bob').toString('base64'))).toMatch(/^\+ /);
    expect(await d.ask(Buffer.from('secret').toString('base64'))).toMatch(/^a OK/);
  });

  test('an initial response for a backend without SASL-IR → sent as the answer to the challenge', async () => {
    const { secure, backend } = await set({ script: { greeting: '* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] old' } });
    const c = await secure();
    expect(await c.ask('a AUTHENTICATE PLAIN AGJvYgBzZWNyZXQ=')).toMatch(/^a OK/);
    expect(backend.heard).toEqual(['a AUTHENTICATE PLAIN', 'AGJvYgBzZWNyZXQ=']);
  });

  test('a mechanism that is not configured → refused, although the backend offers it', async () => {
    const { secure, backend } = await set();
    const c = await secure();
    expect(await c.ask('a AUTHENTICATE CRAM-MD5')).toBe('a NO [CANNOT] Unsupported authentication mechanism');
    expect(backend.heard).toEqual([]);
  });

  test('the client cancels → BAD, and nothing is counted', async () => {
    const { secure } = await set({ budgets: { perSession: 1 } });
    const c = await secure();
    for (let i = 0; i < 3; i++) {
      expect(await c.ask('a AUTHENTICATE PLAIN')).toBe('+ ');
      expect(await c.ask('*')).toBe('a BAD Authentication cancelled');
    }
    expect(await c.ask('b LOGIN bob secret')).toMatch(/^b OK/);
  });

  test('commands sent after LOGIN wait for its outcome; after a failure they need a login', async () => {
    const { secure } = await set();
    const c = await secure();
    c.send('a LOGIN bob secret\r\nb SELECT INBOX\r\nc NOOP\r\n');
    expect((await c.lines(3)).map((line) => line?.slice(0, 4))).toEqual(['a OK', 'b OK', 'c OK']);
    const d = await secure();
    d.send('a LOGIN bob wrong\r\nb SELECT INBOX\r\n');
    expect(await d.lines(2)).toEqual(['a NO [AUTHENTICATIONFAILED] Authentication failed.', 'b BAD Log in first']);
  });

  test('literals in the backend’s responses are not taken for lines', async () => {
    const { secure } = await set({
      script: {
        rawLogin: (tag) =>
          Buffer.from(
            `* NOTE {35}\r\n${tag} OK in\r\n* CAPABILITY STARTTLS A \r\n)\r\n* CAPABILITY X STARTTLS AUTH=PLAIN\r\n${tag} OK [CAPABILITY Y STARTTLS] in\r\n`,
          ),
      },
    });
    const c = await secure();
    c.send('a LOGIN bob secret\r\n');
    expect(await c.lines(6)).toEqual([
      '* NOTE {35}',
      'a OK in',
      '* CAPABILITY STARTTLS A ',
      ')',
      '* CAPABILITY X',
      'a OK [CAPABILITY Y] in',
    ]);
  });

  test('TLS older than the minimum → LOGIN is disabled and refused', async () => {
    const { port, gate } = await set({ gateOptions: { minimumTls: 'TLSv1.3' } });
    void gate;
    const c = await Client.open(port);
    open.push(c);
    await c.line();
    await c.ask('a STARTTLS');
    await c.startTls({ maxVersion: 'TLSv1.2' });
    c.send('b CAPABILITY\r\n');
    expect((await c.lines(2))[0]).toMatch(/ LOGINDISABLED$/);
    expect(await c.ask('c LOGIN bob secret')).toBe('c NO [PRIVACYREQUIRED] TLS 1.3 or later is required');
  });
});

describe('the backend', () => {
  test.each<[string, Partial<Script>]>([
    ['PREAUTH', { greeting: '* PREAUTH welcome, root' }],
    ['BYE', { greeting: '* BYE too busy' }],
    ['another protocol', { greeting: '220 smtp.example ESMTP' }],
  ])('it greets with %s → no client can log in', async (_, script) => {
    const { secure, events } = await set({ script });
    const c = await secure();
    expect(await c.line()).toBe('* BYE [UNAVAILABLE] Server is not available');
    await ends(c);
    expect(events.map(({ type }) => type)).toContain('backend');
  });

  test('it is down → BYE, and no failure is counted', async () => {
    const { secure, backend } = await set();
    await backend.close();
    const c = await secure();
    expect(await c.line()).toBe('* BYE [UNAVAILABLE] Server is not available');
  });

  test('it closes during a login → BYE', async () => {
    const { secure } = await set({ script: { rawLogin: () => null } });
    const c = await secure();
    expect(await c.ask('a LOGIN bob secret')).toBe('* BYE [UNAVAILABLE] Server is not available');
    await ends(c);
  });

  test.each<['proxy-v1' | 'id', RegExp]>([
    ['proxy-v1', /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+$/],
    [
      'id',
      /^p2 ID \("x-originating-ip" "127\.0\.0\.1" "x-originating-port" "\d+" "x-connected-ip" "127\.0\.0\.1" "x-connected-port" "\d+"\)$/,
    ],
  ])('it receives the client’s address by %s; the client’s ID is not passed on', async (tellClient, expected) => {
    const { secure, backend } = await set({ backend: { tellClient } as never });
    const c = await secure();
    c.send('a ID ("x-originating-ip" "192.0.2.99")\r\n');
    expect(await c.lines(2)).toEqual(['* ID NIL', 'a OK ID completed']);
    expect(await c.ask('b LOGIN bob secret')).toMatch(/^b OK/);
    expect(backend.heard[0]).toMatch(expected);
    expect(backend.heard.join()).not.toContain('192.0.2.99');
  });
});

describe('failed logins', () => {
  test('three in one session; the fourth does not reach the backend → BYE', async () => {
    const { secure, backend } = await set();
    const c = await secure();
    for (let i = 0; i < 3; i++) expect(await c.ask(`a LOGIN bob wrong${i}`)).toMatch(/^a NO/);
    expect(await c.ask('a LOGIN bob secret')).toBe(
      '* BYE [UNAVAILABLE] Too many failed logins; please try again later',
    );
    await ends(c);
    expect(backend.heard.filter((line) => line.includes('LOGIN'))).toHaveLength(3);
  });

  test('at one account from one address, with any mechanism and letter case', async () => {
    const { secure } = await set();
    const attempt = async (command: string): Promise<string | undefined> => {
      const c = await secure();
      const reply = await c.ask(command);
      c.close();
      return reply?.slice(0, 5);
    };
    const plain = (account: string, password: string): string =>
      Buffer.from(`\0${account}\0${password}`).toString('base64');
    expect(await attempt('a LOGIN bob w1')).toBe('a NO ');
    expect(await attempt('a LOGIN BOB w2')).toBe('a NO ');
    expect(await attempt(`a AUTHENTICATE PLAIN ${plain('Bob', 'w3')}`)).toBe('a NO ');
    expect(await attempt('a LOGIN {3+}\r\nbob w4')).toBe('a NO ');
    expect(await attempt('a LOGIN bob w4')).toBe('a NO '); // Once more: it does not count again.
    expect(await attempt('a LOGIN bob w5')).toBe('a NO ');
    expect(await attempt('a LOGIN bob w6')).toBe('* BYE');
    expect(await attempt('a LOGIN ann secret')).toBe('a OK ');
  });

  test('trouble at the backend does not count as a wrong password', async () => {
    const { secure } = await set({
      budgets: { perSession: 2 },
      script: { login: (_, password) => (password === 'secret' ? 'OK' : 'NO [UNAVAILABLE] LDAP') },
    });
    const c = await secure();
    for (let i = 0; i < 5; i++) expect(await c.ask('a LOGIN bob x')).toBe('a NO [UNAVAILABLE] LDAP');
    expect(await c.ask('a LOGIN bob secret')).toMatch(/^a OK/);
  });

  test('the delay comes before the backend receives the login', async () => {
    const { secure } = await set({ budgets: { accountDelay: { firstMs: 60 } } });
    const c = await secure();
    await c.ask('a LOGIN bob w1');
    const before = performance.now();
    await c.ask('a LOGIN bob w2');
    expect(performance.now() - before).toBeGreaterThanOrEqual(50);
  });
});

describe('the connection', () => {
  test('a rule refuses it → BYE, before anything else; on an implicit port it is only closed', async () => {
    const listed = defineCheck('listed', () => fail({ explanation: 'Your network is not welcome' }), {
      fail: reject(),
    });
    const policy = accessPolicy<object>({ encryption: encryptedAuth(), connect: [listed] });
    const { client } = await set({ policy });
    const c = await client();
    expect(await c.line()).toBe('* BYE Your network is not welcome');
    await ends(c);
    const implicit = await set({ policy, implicitTls: true });
    await expect(Client.openTls(implicit.port)).rejects.toThrow();
  });

  test('it is banned → BYE', async () => {
    const clock = systemClock();
    const bans = memoryBans({ clock });
    bans.add('127.0.0.0/8', 'guessing');
    const { client } = await set({ env: { clock, counters: memoryCounters({ clock }), bans } });
    expect(await (await client()).line()).toBe('* BYE Client address is banned');
  });

  test('places that a session holds are released when it ends', async () => {
    const clock = systemClock();
    const counters = memoryCounters({ clock });
    const places = defineCheck(
      'places',
      ({ session }: { session: { id: string } }) =>
        counters.acquire('all', 1, session.id).allowed ? pass() : fail({ explanation: 'Full' }),
      { fail: reject() },
    );
    const { client, gate } = await set({
      env: { clock, counters, bans: memoryBans({ clock }) },
      policy: accessPolicy<object>({ encryption: encryptedAuth(), connect: [places] }),
    });
    const c = await client();
    expect(await c.line()).toMatch(/^\* OK/);
    expect(await (await client()).line()).toBe('* BYE Full');
    c.close();
    while (gate.connections > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await (await client()).line()).toMatch(/^\* OK/);
  });

  test('more than the limit → closed', async () => {
    const { client, gate } = await set({ connections: 1 });
    const c = await client();
    await c.line();
    expect(await (await client()).rest()).toBe('');
    expect(gate.connections).toBe(1);
  });

  test('a silent client is disconnected after loginWithinMs', async () => {
    const { client } = await set({ loginWithinMs: 40 });
    const c = await client();
    await c.line();
    expect(await c.rest()).toBe('* BYE Login took too long\r\n');
  });

  test('a client without a handshake is disconnected after handshakeWithinMs', async () => {
    const { client } = await set({ handshakeWithinMs: 40 });
    const c = await client();
    await c.line();
    await c.ask('a STARTTLS');
    await ends(c);
  });

  test('no traffic for idleMs after the login → closed', async () => {
    const { secure, events } = await set({ idleMs: 40 });
    const c = await secure();
    expect(await c.ask('a LOGIN bob secret')).toMatch(/^a OK/);
    await ends(c);
    expect(events.some(({ reason }) => reason === 'idle')).toBe(true);
  });

  test.each<[string, (c: Client) => Promise<unknown>]>([
    ['before the greeting', async () => undefined],
    ['after the greeting', (c) => c.line()],
    ['in the middle of a line', async (c) => c.send('a LOG')],
    ['in the middle of a literal', async (c) => c.send('a LOGIN {500+}\r\nabc')],
    ['after STARTTLS', async (c) => c.send('a STARTTLS\r\n')],
    [
      'in the middle of a handshake',
      async (c) => {
        await c.line();
        await c.ask('a STARTTLS');
        c.send(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
      },
    ],
    [
      'in the middle of AUTHENTICATE',
      async (c) => {
        await c.line();
        await c.ask('a STARTTLS');
        await c.startTls();
        await c.ask('b AUTHENTICATE PLAIN');
      },
    ],
    [
      'while the backend thinks',
      async (c) => {
        await c.line();
        await c.ask('a STARTTLS');
        await c.startTls();
        c.send('b LOGIN bob slow\r\n');
      },
    ],
    [
      'after the login',
      async (c) => {
        await c.line();
        await c.ask('a STARTTLS');
        await c.startTls();
        await c.ask('b LOGIN bob secret');
      },
    ],
  ])('a client that vanishes %s → the session ends', async (_, until) => {
    const { client, gate } = await set({
      script: { login: (__, password) => (password === 'slow' ? '' : password === 'secret' ? 'OK' : 'NO') },
    });
    const c = await client();
    await until(c);
    c.close();
    const limit = Date.now() + 10_000;
    while (gate.connections > 0 && Date.now() < limit) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(gate.connections).toBe(0);
  });

  test('a large answer to a client that does not read waits at the backend', async () => {
    const size = 24 * 1024 * 1024;
    let sent = 0;
    const chunk = Buffer.alloc(65_536, 'x');
    const { secure } = await set({
      script: {
        fetch: (socket) => {
          const more = (): void => {
            while (sent < size) {
              sent += chunk.length;
              if (!socket.write(chunk)) return void socket.once('drain', more);
            }
          };
          more();
        },
      },
    });
    const c = await secure();
    await c.ask('a LOGIN bob secret');
    c.socket.removeAllListeners('data');
    c.socket.pause();
    c.send('b FETCH 1 BODY[]\r\n');
    let before = -1;
    while (sent !== before || sent === 0) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    // What is on the way is in the buffers of two connections, not in the gate.
    expect(sent).toBeLessThan(size);
    let got = 0;
    c.socket.on('data', (octets) => {
      got += octets.length;
    });
    c.socket.resume();
    while (got < size) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(sent).toBe(size);
  });
});

describe('certificates', () => {
  test('reloaded ones apply to new handshakes, and sessions continue', async () => {
    const { secure, gate, port } = await set();
    const c = await secure();
    await c.ask('a LOGIN bob secret');
    const next = certificate('next.example.com');
    gate.reload(next);
    const d = await Client.open(port);
    open.push(d);
    await d.line();
    await d.ask('a STARTTLS');
    expect((await d.startTls()).getPeerCertificate().subject.CN).toBe('next.example.com');
    expect(await c.ask('b SELECT INBOX')).toBe('b OK SELECT done');
    expect(() => gate.reload({ ...tls, key: next.key })).toThrow();
    const e = await Client.open(port);
    open.push(e);
    await e.line();
    await e.ask('a STARTTLS');
    expect((await e.startTls()).getPeerCertificate().subject.CN).toBe('next.example.com');
  });

  test('selected by the name in SNI', async () => {
    const { port } = await set({
      implicitTls: true,
      tls: { ...tls, names: { 'Other.example.com': certificate('other.example.com') } },
    });
    for (const [servername, expected] of [
      ['other.example.com', 'other.example.com'],
      ['unknown.example.com', 'mail.example.com'],
    ] as const) {
      const c = await Client.openTls(port, { servername });
      open.push(c);
      expect((c.socket as import('node:tls').TLSSocket).getPeerCertificate().subject.CN).toBe(expected);
    }
  });
});

describe('options', () => {
  const clock = systemClock();
  const good = {
    protocol: 'imap',
    backend: { host: '127.0.0.1', port: 1 },
    tls,
    policy: accessPolicy<object>({ encryption: encryptedAuth() }),
    env: { clock, counters: memoryCounters({ clock }), bans: memoryBans({ clock }) },
  };
  test.each<[string, object, RegExp]>([
    ['a protocol', { protocol: 'smtp' }, /protocol must be "imap" or "pop3", got "smtp"/],
    ['no backend', { backend: {} }, /backend must be a host and a port/],
    [
      'a way of POP3',
      { backend: { host: 'x', port: 1, tellClient: 'xclient' } },
      /tellClient must be "proxy-v1", "proxy-v2" or "id", got "xclient"/,
    ],
    ['I2: no TLS: a start-up error', { tls: undefined }, /tls must be a certificate and its key/],
    ['no policy', { policy: undefined }, /policy must be accessPolicy/],
    ['no counters', { env: { clock } }, /env must be an object with clock, counters and bans/],
    ['no time', { loginWithinMs: 0 }, /loginWithinMs must be a positive number, got 0/],
  ])('%s → TypeError', (_, wrong, message) => {
    expect(() => loginGateServer({ ...good, ...wrong } as never)).toThrow(message);
  });
});
