import { accessPolicy } from 'postern/access';
import {
  type GateEvent,
  type LoginGateOptions,
  type LoginGateServer,
  loginGateServer,
} from 'postern/adapters/login-gate';
import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import { systemClock } from 'postern/adapters/system';
import { encryptedAuth } from 'postern/checks/encrypted-auth';
import { authBudgets, type BudgetOptions } from 'postern/checks/smtp-auth';
import type { Counters } from 'postern/env';
import { parseIp } from 'postern/net';
import { afterEach, describe, expect, test } from 'vitest';
import { certificate } from './certificate.ts';
import { Client } from './client.ts';
import { type FakeBackend, fakeBackend, type Script } from './fake-backend.ts';

type Protocol = 'imap' | 'pop3';
const tls = certificate('mail.example.com');
const open: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

const b64 = (text: string): string => Buffer.from(text).toString('base64');

/** What a client sends for each mechanism, message by message, and whether the first may be an initial response. */
const mechanisms: { readonly [mechanism: string]: { initial: boolean; messages: (password: string) => string[] } } = {
  PLAIN: { initial: true, messages: (password) => [b64(`\0bob\0${password}`)] },
  LOGIN: { initial: true, messages: (password) => [b64('bob'), b64(password)] },
  'CRAM-MD5': {
    initial: false,
    messages: (password) => [b64(`bob ${(password === 'secret' ? 'a' : 'b').repeat(32)}`)],
  },
  'SCRAM-SHA-256': {
    initial: true,
    messages: (password) => [b64('n,,n=bob,r=abc'), b64(`c=biws,r=abcdef,p=${b64(password)}`)],
  },
  XOAUTH2: { initial: true, messages: (password) => [b64(`user=bob\x01auth=Bearer ${password}\x01\x01`)] },
  OAUTHBEARER: { initial: true, messages: (password) => [b64(`n,a=bob,\x01auth=Bearer ${password}\x01\x01`)] },
};
const names = Object.keys(mechanisms);

interface Running {
  readonly backend: FakeBackend;
  readonly gate: LoginGateServer;
  readonly events: GateEvent[];
  readonly errors: Error[];
  readonly env: LoginGateOptions['env'];
  readonly budgets: ReturnType<typeof authBudgets>;
  client(): Promise<Client>;
}

async function gate(
  protocol: Protocol,
  more: Partial<LoginGateOptions> & { script?: Partial<Script>; budgetOptions?: BudgetOptions; spoil?: object } = {},
): Promise<Running> {
  const { script, budgetOptions, spoil, ...options } = more;
  const backend = await fakeBackend({ protocol, ...script });
  const clock = systemClock();
  const events: GateEvent[] = [];
  const errors: Error[] = [];
  const counters: Counters = { ...memoryCounters({ clock }), ...spoil };
  const env = { clock, counters, bans: memoryBans({ clock }) };
  const budgets = authBudgets({ accountDelay: { firstMs: 0 }, ...budgetOptions });
  const server = loginGateServer({
    protocol,
    tls,
    // In the clear: what is tested here is the same under TLS, and two hundred handshakes are not.
    policy: accessPolicy<object>({
      encryption: encryptedAuth({ mechanisms: [...names, 'GSSAPI'], clearTextFrom: ['127.0.0.0/8'] }),
    }),
    env,
    budgets,
    onEvent: (event) => events.push(event),
    onError: (error) => errors.push(error),
    ...options,
    backend: { host: '127.0.0.1', port: backend.port, ...options.backend },
  });
  const port = await server.listen(0, '127.0.0.1');
  open.push(backend, server);
  return {
    backend,
    gate: server,
    events,
    errors,
    env,
    budgets,
    async client() {
      const client = await Client.open(port);
      open.push(client);
      expect(await client.line()).toMatch(/OK/);
      return client;
    },
  };
}

/** Tells the reply to a login by its protocol: `in`, `no`, `bad`, `later` or `closed`. */
const kindOf = (reply: string | undefined): string => {
  if (reply === undefined) return 'closed';
  if (/^(a OK|\+OK)/.test(reply)) return 'in';
  if (/Too many failed/.test(reply)) return 'refused';
  if (/UNAVAILABLE|SYS\/TEMP/.test(reply)) return 'later';
  return /^a BAD|cannot be read|Syntax/.test(reply) ? 'bad' : 'no';
};
const challenge = /^\+(?!OK)/;

/** Logs in, with the first message as the initial response, none, or an empty one. */
async function logIn(
  client: Client,
  protocol: Protocol,
  mechanism: string,
  initial: 'none' | 'empty' | 'full',
  messages: readonly string[],
): Promise<string> {
  const verb = protocol === 'imap' ? 'a AUTHENTICATE' : 'AUTH';
  const rest = [...messages];
  const first = initial === 'none' ? '' : initial === 'empty' ? ' =' : ` ${rest.shift()}`;
  let reply = await client.ask(`${verb} ${mechanism}${first}`);
  while (reply !== undefined && challenge.test(reply)) reply = await client.ask(rest.shift() ?? '');
  return kindOf(reply);
}

const cases = (['imap', 'pop3'] as const).flatMap((protocol) =>
  names.flatMap((mechanism) =>
    (['none', 'empty', 'full'] as const).map((initial) => {
      // Nothing can be read from an empty message, but that the name is to be asked for; a challenge that was not yet made has
      // no answer.
      const readable =
        initial === 'none' || (initial === 'empty' ? mechanism === 'LOGIN' : (mechanisms[mechanism]?.initial ?? false));
      return { protocol, mechanism, initial, readable };
    }),
  ),
);

describe('every mechanism, with and without an initial response', () => {
  test.each(cases)(
    '$protocol $mechanism, initial response $initial',
    async ({ protocol, mechanism, initial, readable }) => {
      const { client, backend, events, budgets, env } = await gate(protocol);
      const { messages } = mechanisms[mechanism]!;
      const credentials = (): string[] =>
        backend.heard.filter((line) =>
          [...messages('secret'), ...messages('wrong')].some((each) => line.includes(each)),
        );

      // The right password is let in, the wrong one counted, for bob.
      const good = await client();
      expect(await logIn(good, protocol, mechanism, initial, messages('secret'))).toBe(readable ? 'in' : 'bad');
      if (!readable) {
        expect(backend.heard.filter((line) => /AUTH/i.test(line))).toEqual([]);
        expect(events.some(({ type }) => type === 'login-attempt')).toBe(false);
        return;
      }
      expect(events.find(({ type }) => type === 'login')).toMatchObject({
        account: 'bob',
        login: { mechanism, account: 'bob', because: 'accepted' },
      });
      const bad = await client();
      expect(await logIn(bad, protocol, mechanism, initial, messages('wrong'))).toBe('no');
      expect(events.find(({ type }) => type === 'login-failed')).toMatchObject({
        account: 'bob',
        login: { mechanism, account: 'bob', because: 'rejected' },
      });

      // Once the book of this address and bob is full, the backend hears nothing of either any more.
      const attempt = { session: 'x', client: parseIp('127.0.0.1')!, account: 'bob' };
      for (let i = 0; i < 5; i++) await budgets.record({ ...attempt, session: `${i}` }, 'rejected', env);
      const before = credentials().length;
      const late = await client();
      expect(await logIn(late, protocol, mechanism, initial, messages('secret'))).toBe('refused');
      expect(credentials().length).toBe(before);
      expect(events.find(({ type }) => type === 'refused')).toMatchObject({
        login: { mechanism, account: 'bob', because: 'too-many-failures', budget: 'account' },
      });
      expect(JSON.stringify(events)).not.toMatch(/secret|wrong|c2VjcmV0/);
    },
  );

  test.each(cases.filter(({ readable, initial }) => readable && initial !== 'full'))(
    '$protocol $mechanism, initial response $initial: a sixth guess at an account is not passed on',
    async ({ protocol, mechanism, initial }) => {
      const { client, backend, events } = await gate(protocol);
      const { messages } = mechanisms[mechanism]!;
      const observed: string[] = [];
      for (let i = 0; i < 7; i++) {
        const c = await client();
        observed.push(
          await logIn(c, protocol, mechanism, initial, messages(mechanism === 'CRAM-MD5' ? 'x' : `wrong${i}`)),
        );
        c.close();
      }
      expect(observed).toEqual(['no', 'no', 'no', 'no', 'no', 'refused', 'refused']);
      expect(events.filter(({ type }) => type === 'login-attempt')).toHaveLength(7);
      expect(backend.connections).toBe(7);
    },
  );

  test.each(['imap', 'pop3'] as const)(
    '%s: a mechanism that hides whose login it is → not offered, not carried',
    async (protocol) => {
      const { client, backend } = await gate(protocol);
      const c = await client();
      expect(await c.ask(protocol === 'imap' ? 'a AUTHENTICATE GSSAPI' : 'AUTH GSSAPI')).toMatch(
        /Unsupported authentication/,
      );
      c.send(protocol === 'imap' ? 'a CAPABILITY\r\n' : 'CAPA\r\n');
      expect((await c.lines(2)).join()).not.toContain('GSSAPI');
      expect(backend.heard.join()).not.toContain('GSSAPI');
    },
  );

  test.each(['imap', 'pop3'] as const)('%s: the same without budgets → carried, in base64 only', async (protocol) => {
    const { client, backend } = await gate(protocol, { budgets: undefined });
    const ask = async (response: string): Promise<string> => {
      const c = await client();
      expect(await c.ask(protocol === 'imap' ? 'a AUTHENTICATE GSSAPI' : 'AUTH GSSAPI')).toMatch(challenge);
      return kindOf(await c.ask(response));
    };
    expect(await ask('not base64!')).toBe('bad');
    expect(await ask('dG9rZW4=')).toBe('no');
    expect(backend.heard.join('\n')).not.toContain('base64!');
    expect(backend.heard).toContain('*');
  });
});

describe('responses that are not base64', () => {
  const hostile = ['???', 'AGJvYgBzZWNyZXQ', 'AB==', 'YWJj\tYWJj', 'YWJj\0', 'YWJj\rLOGOUT', ' YWJj', '=', '\xff'];
  test.each((['imap', 'pop3'] as const).flatMap((protocol) => names.map((mechanism) => ({ protocol, mechanism }))))(
    '$protocol $mechanism → refused, and the backend hears none of it',
    async ({ protocol, mechanism }) => {
      const { client, backend } = await gate(protocol, { errors: 100 });
      const c = await client();
      const verb = protocol === 'imap' ? 'a AUTHENTICATE' : 'AUTH';
      const { messages, initial } = mechanisms[mechanism]!;
      for (const line of hostile) {
        expect(await c.ask(`${verb} ${mechanism}`)).toMatch(challenge);
        expect(kindOf(await c.ask(line))).toBe('bad');
        if (line.startsWith(' ') || line === '=') continue;
        if (initial) expect(kindOf(await c.ask(`${verb} ${mechanism} ${line}`))).toBe('bad');
      }
      const rest = messages('secret');
      if (rest.length > 1) {
        for (const line of hostile) {
          let reply = await c.ask(`${verb} ${mechanism} ${rest[0]}`);
          expect(reply).toMatch(challenge);
          reply = await c.ask(line);
          expect(kindOf(reply)).toBe('bad');
        }
      }
      for (const line of hostile) expect(backend.heard).not.toContain(line);
      // In step all the same: the right ones are taken.
      expect(await logIn(c, protocol, mechanism, 'none', messages('secret'))).toBe('in');
    },
  );
});

describe('exchanges that stall', () => {
  test.each(cases.filter(({ readable, initial }) => readable && initial !== 'empty'))(
    '$protocol $mechanism, initial response $initial: thirty clients that stop half-way hold no place',
    async ({ protocol, mechanism, initial }) => {
      const { client } = await gate(protocol, { budgetOptions: { perMinute: 3, perAccount: 3, waitMs: 100 } });
      const { messages } = mechanisms[mechanism]!;
      const all = messages('secret');
      const verb = protocol === 'imap' ? 'a AUTHENTICATE' : 'AUTH';
      for (let i = 0; i < 8; i++) {
        const c = await client();
        const rest = [...all];
        let reply = await c.ask(
          `${verb} ${mechanism}${initial === 'full' && all.length > 1 ? ` ${rest.shift()}` : ''}`,
        );
        // All but the last message.
        while (challenge.test(reply ?? '') && rest.length > 1) reply = await c.ask(rest.shift()!);
        expect(reply).toMatch(challenge);
      }
      const c = await client();
      expect(await logIn(c, protocol, mechanism, initial, all)).toBe('in');
    },
  );

  test('a rejected token counts even if the client never acknowledges it', async () => {
    const { client, events } = await gate('imap');
    for (let i = 0; i < 5; i++) {
      const c = await client();
      const message = mechanisms.XOAUTH2!.messages(`wrong${i}`)[0];
      expect(await c.ask(`a AUTHENTICATE XOAUTH2 ${message}`)).toMatch(challenge);
      c.close();
    }
    const c = await client();
    expect(await logIn(c, 'imap', 'XOAUTH2', 'full', mechanisms.XOAUTH2!.messages('secret'))).toBe('refused');
    expect(JSON.stringify(events)).not.toContain('secret');
  });

  test.each(['imap', 'pop3'] as const)(
    '%s: a backend that never answers → told so in time, nothing counted',
    async (protocol) => {
      const { client, events } = await gate(protocol, {
        backend: { answerWithinMs: 60 } as never,
        budgetOptions: { perSession: 1, perMinute: 1 },
        script: { login: () => undefined },
      });
      for (let i = 0; i < 3; i++) {
        const c = await client();
        if (protocol === 'imap') c.send(`a LOGIN bob x${i}\r\n`);
        else c.send(`USER bob\r\nPASS x${i}\r\n`);
        const lines = await c.rest();
        // The empty line is the backend's.
        expect(lines).toMatch(/Server is not available\r\n$/);
      }
      expect(events.filter(({ login }) => login?.because === 'unavailable')).toHaveLength(3);
    },
  );

  test('a client that sends a byte now and then is disconnected after loginWithinMs', async () => {
    const { client } = await gate('imap', { loginWithinMs: 120 });
    const c = await client();
    c.send('a AUTHENTICATE PLAIN\r\n');
    expect(await c.line()).toMatch(challenge);
    const drip = setInterval(() => c.send('A'), 10);
    expect(await c.rest()).toBe('* BYE Login took too long\r\n');
    clearInterval(drip);
  });
});

describe('unsolicited answers', () => {
  test('input before the login’s first message is not taken for its answer', async () => {
    const { client, events } = await gate('imap', {
      script: { greeting: '* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello\r\na OK [CAPABILITY X] Logged in' },
    });
    const c = await client();
    expect(await c.ask('a LOGIN bob wrong')).toMatch(/^a NO/);
    expect(events.some(({ type, reason }) => type === 'backend' && reason === 'unsolicited answer')).toBe(true);
  });

  test('input from before STARTTLS does not reach the client after it', async () => {
    const { client } = await gate('imap', {
      script: { greeting: '* OK [CAPABILITY IMAP4rev1] hello\r\nb OK injected\r\n* CAPABILITY INJECTED' },
    });
    const c = await client();
    expect(await c.ask('a STARTTLS')).toBe('a OK Begin TLS negotiation now');
    await c.startTls();
    expect(await c.ask('b NOOP')).toBe('b OK NOOP completed');
    c.send('c CAPABILITY\r\nb LOGIN bob wrong\r\n');
    const said = (await c.lines(3)).join('\n');
    expect(said).toMatch(/^b NO/m);
    expect(said).not.toMatch(/inject/i);
  });
});

describe('hooks and stores that fail', () => {
  const boom = (): never => {
    throw new Error('boom');
  };
  const reject = (): Promise<never> => Promise.reject(new Error('boom'));
  test.each(
    (['imap', 'pop3'] as const).flatMap((protocol) =>
      (
        [
          ['onEvent throws', { onEvent: boom }],
          ['onEvent rejects', { onEvent: reject as never }],
          ['counters.release throws', { spoil: { release: boom } }],
          ['counters.release rejects', { spoil: { release: reject } }],
          ['budgets.record throws', { budgets: { ...authBudgets(), record: boom } }],
          ['budgets.record rejects', { budgets: { ...authBudgets(), record: reject } }],
          ['onEvent and onError throw', { onEvent: boom, onError: boom }],
          ['onEvent and onError reject', { onEvent: reject as never, onError: reject as never }],
        ] as const
      ).map(([what, options]) => ({ protocol, what, options })),
    ),
  )('$protocol: $what → decisions stay, and the session ends normally', async ({ protocol, options }) => {
    const { client, gate: server, errors } = await gate(protocol, options as never);
    const c = await client();
    expect(await logIn(c, protocol, 'PLAIN', 'full', [b64('\0bob\0wrong')])).toBe('no');
    expect(await logIn(c, protocol, 'PLAIN', 'full', [b64('\0bob\0secret')])).toBe('in');
    expect(await c.ask('b NOOP')).toMatch(/OK/);
    c.close();
    while (server.connections > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    if (!('onError' in options)) expect(errors.every(({ message }) => message === 'boom')).toBe(true);
    if ('spoil' in options) expect(errors).toHaveLength(1);
    if ('budgets' in options) expect(errors).toHaveLength(2);
  });

  test.each([
    ['bans.lookup throws', { bans: { lookup: boom } }],
    ['bans.lookup rejects', { bans: { lookup: reject } }],
  ])('%s → the client is not refused, and the error is reported once', async (_, { bans }) => {
    const clock = systemClock();
    const env = { clock, counters: memoryCounters({ clock }), bans: { ...memoryBans({ clock }), ...bans } };
    const { client, errors } = await gate('imap', { env: env as never });
    expect(await logIn(await client(), 'imap', 'PLAIN', 'full', [b64('\0bob\0secret')])).toBe('in');
    expect(errors.map(({ message }) => message)).toEqual(['boom']);
  });

  test.each(['imap', 'pop3'] as const)(
    '%s: a store that fails before the verification → later, and the session goes on',
    async (protocol) => {
      const { client, errors, backend, events } = await gate(protocol, { spoil: { peek: boom } });
      const c = await client();
      for (let i = 1; i <= 2; i++) {
        expect(await logIn(c, protocol, 'PLAIN', 'full', [b64('\0bob\0secret')])).toBe('later');
        expect(errors).toHaveLength(i);
      }
      expect(events.filter(({ login }) => login?.because === 'unavailable')).toHaveLength(2);
      expect(backend.heard.join()).not.toContain(b64('\0bob\0secret'));
    },
  );
});
