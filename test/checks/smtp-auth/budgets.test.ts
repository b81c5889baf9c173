import { memoryCounters } from 'postern/adapters/memory';
import {
  canonicalAccount,
  type LoginResult,
  loginOutcome,
  prefixesOf,
  type SmtpAuthOptions,
  smtpAuth,
  type Verification,
} from 'postern/checks/smtp-auth';
import { defer, judge, reject } from 'postern/core';
import type { Counters } from 'postern/env';
import { parseIp } from 'postern/net';
import { printReply, smtpReply } from 'postern/smtp';
import { fixedClock } from 'postern/testing';
import { describe, expect, test } from 'vitest';

interface Attempt {
  readonly ip?: string;
  readonly account?: string;
  readonly secret?: string;
  readonly session?: string;
  readonly says?: Verification | (() => Verification | Promise<Verification>);
}

let serial = 0;

/** A server with one set of counters; each login comes from a session of its own, unless it says otherwise. */
function server(options: SmtpAuthOptions = {}) {
  const clock = fixedClock();
  const keys = new Set<string>();
  const inner = memoryCounters({ clock });
  const counters: Counters = {
    ...inner,
    charge: (key, rate, cost) => {
      keys.add(key);
      return inner.charge(key, rate, cost);
    },
  };
  const auth = smtpAuth(options);
  const env = { clock, counters };
  async function login({
    ip = '192.0.2.1',
    account = 'bob',
    secret = `wrong-${serial++}`,
    session = `s${serial++}`,
    says = { result: 'rejected' },
  }: Attempt = {}) {
    const before = clock.now();
    let asked = false;
    const result: LoginResult = await clock.until(
      auth.login(
        { session, client: parseIp(ip)!, account, mechanism: 'PLAIN', secret },
        () => {
          asked = true;
          return typeof says === 'function' ? says() : says;
        },
        env,
      ),
    );
    const reply = smtpReply(judge([result.outcome]), 'auth');
    return {
      reply: reply === null ? '235' : printReply(reply),
      close: reply?.close ?? false,
      heldMs: clock.now() - before,
      asked,
      identity: result.identity,
      detail: result.outcome.finding.detail as Record<string, unknown>,
    };
  }
  const times = async (n: number, attempt: (i: number) => Attempt): Promise<string[]> => {
    const replies: string[] = [];
    for (let i = 0; i < n; i++) replies.push((await login(attempt(i))).reply.slice(0, 3));
    return replies;
  };
  return { clock, keys, env, auth, login, times };
}

const no = (count: number): string[] => Array.from({ length: count }, () => '535');
const right: Verification = { result: 'accepted', identity: 'bob' };

describe('auth: replies', () => {
  test.each<[string, Attempt['says'], string, boolean]>([
    ['right', right, '235', false],
    ['wrong', { result: 'rejected' }, '535 5.7.8 Authentication credentials invalid', false],
    [
      'no such account: told the same',
      { result: 'unknown-account' },
      '535 5.7.8 Authentication credentials invalid',
      false,
    ],
    ['disabled', { result: 'disabled' }, '525 5.7.13 Account is disabled', false],
    ['trap: the backend is down', { result: 'unavailable' }, '454 4.7.0 Temporary authentication failure', false],
    [
      'trap: the backend throws',
      () => {
        throw new Error('LDAP');
      },
      '454 4.7.0 Temporary authentication failure',
      false,
    ],
    [
      'trap: the backend rejects',
      () => Promise.reject(new Error('LDAP')),
      '454 4.7.0 Temporary authentication failure',
      false,
    ],
    [
      'trap: the backend never answers',
      () => new Promise(() => undefined),
      '454 4.7.0 Temporary authentication failure',
      false,
    ],
    [
      'trap: the backend answers nothing',
      () => undefined as never,
      '454 4.7.0 Temporary authentication failure',
      false,
    ],
    [
      'trap: accepted as nobody',
      { result: 'accepted', identity: '' },
      '454 4.7.0 Temporary authentication failure',
      false,
    ],
  ])('auth: %s', async (_, says, reply, close) => {
    expect(await server().login({ says: says! })).toMatchObject({ reply, close });
  });

  test.each<[string, () => Verification | Promise<Verification>, string | undefined]>([
    [
      'it throws',
      () => {
        throw new Error('LDAP');
      },
      'LDAP',
    ],
    ['it rejects', () => Promise.reject(new Error('LDAP')), 'LDAP'],
    ['it never answers', () => new Promise(() => undefined), 'verify did not answer within 30000 ms'],
    ['it returns no result', () => undefined as never, 'verify: the verification returned no result'],
    ['it reports an error', () => ({ result: 'unavailable', error: new Error('LDAP') }), 'LDAP'],
    ['it reports that the account is unavailable', () => ({ result: 'unavailable' }), undefined],
    ['it rejects the password', () => ({ result: 'rejected' }), undefined],
  ])('verification: %s → the error for the operator', async (_, says, message) => {
    const { auth, env, clock } = server();
    const { error } = await clock.until(
      auth.login({ session: 's', client: parseIp('192.0.2.1')!, account: 'bob', mechanism: 'PLAIN' }, says, env),
    );
    expect((error as Error | undefined)?.message).toBe(message);
  });

  test.each<[string, SmtpAuthOptions['loginConsequences'], Attempt['says'], string]>([
    ['a wrong password', { fail: reject({ text: 'Wrong', close: true }) }, { result: 'rejected' }, '535 5.7.8 Wrong'],
    [
      'a wrong password, deferred',
      { fail: defer() },
      { result: 'rejected' },
      '454 4.7.8 Authentication credentials invalid',
    ],
    [
      'an outage is never refused for good',
      { temperror: reject({ text: 'Down' }) },
      { result: 'unavailable' },
      '454 4.7.0 Down',
    ],
    [
      'an undefined consequence',
      { fail: undefined },
      { result: 'rejected' },
      '535 5.7.8 Authentication credentials invalid',
    ],
    ['success: no consequence applies', { fail: defer() }, right, '235'],
  ])('loginConsequences: %s', async (_, loginConsequences, says, expected) => {
    const { reply, identity } = await server({ loginConsequences }).login({ says: says! });
    expect(reply).toBe(expected);
    expect(identity).toBe(expected === '235' ? 'bob' : undefined);
  });

  test('the rule about the outcome names its consequences', () => {
    expect(loginOutcome().id).toBe('smtp-auth/login');
    expect(loginOutcome({ softfail: reject() }).recommended).toEqual({
      pass: { action: 'proceed' },
      fail: reject(),
      softfail: reject(),
      temperror: defer(),
    });
  });

  test('the backend is down → no failure is counted', async () => {
    const { times, login } = server();
    await times(40, () => ({ says: { result: 'unavailable' }, session: 'one' }));
    expect((await login({ session: 'one', says: right })).reply).toBe('235');
  });

  test('the detail for the log contains neither secret nor digest', async () => {
    const { login } = server();
    const { detail } = await login({ secret: 'hunter2', says: () => Promise.reject(new Error('LDAP is down')) });
    expect(detail).toEqual({ mechanism: 'PLAIN', account: 'bob', because: 'unavailable', reason: 'LDAP is down' });
  });
});

describe('auth: failures', () => {
  test('three in one session; the fourth is not verified → 421 and close', async () => {
    const { times, login } = server();
    expect(await times(3, () => ({ session: 'one' }))).toEqual(no(3));
    const fourth = await login({ session: 'one', says: right });
    expect(fourth).toMatchObject({
      reply: '421 4.7.0 Too many failed logins; please try again later',
      close: true,
      asked: false,
    });
    expect((await login({ session: 'two' })).reply).toMatch(/^535/);
  });

  test('the same wrong secret four times in one session → the session ends too', async () => {
    const { times } = server();
    expect(await times(4, () => ({ session: 'one', secret: 'old' }))).toEqual([...no(3), '421']);
  });

  test('the stage `auth` refuses before credentials are read', async () => {
    const { times, auth, env } = server();
    await times(3, () => ({ session: 'one' }));
    const asked = {
      session: { id: 'one', role: 'submission' },
      client: { ip: parseIp('192.0.2.1')! },
      tls: { version: 'TLSv1.3' },
      helo: { verb: 'EHLO', name: 'x' },
      attempt: { mechanism: 'PLAIN' },
    } as const;
    expect(await auth.examine(asked, env, new AbortController().signal)).toMatchObject({
      result: 'softfail',
      cause: 'too-many-auth-failures',
    });
  });

  test('ten a minute from one address → 421, and after a minute again', async () => {
    const { times, clock } = server();
    expect(await times(11, (i) => ({ account: `user${i}` }))).toEqual([...no(10), '421']);
    await clock.pass(60_000);
    expect(await times(1, () => ({ account: 'later' }))).toEqual(no(1));
  });

  test('fifty a day from one address', async () => {
    const { times, clock } = server();
    let refused = 0;
    for (let minute = 0; minute < 10; minute++) {
      refused += (await times(6, (i) => ({ account: `u${minute}-${i}` }))).filter((code) => code === '421').length;
      await clock.pass(60_000);
    }
    expect(refused).toBeGreaterThanOrEqual(9);
    expect(refused).toBeLessThanOrEqual(10);
  });

  test.each<[string, (i: number) => string, number]>([
    ['addresses of one /26: three times as many', (i) => `192.0.2.${i % 64}`, 30],
    ['addresses of one /21: nine times as many', (i) => `198.51.${96 + (i % 8)}.${i}`, 90],
    ['trap: addresses of one /64 are one client', (i) => `2001:db8::${(i + 1).toString(16)}`, 10],
    ['networks of one /48: three times as many', (i) => `2001:db8:0:${(i + 1).toString(16)}::1`, 30],
    ['sites of one /32: nine times as many', (i) => `2001:db8:${(i + 1).toString(16)}::1`, 90],
    ['trap: mapped addresses are IPv4', (i) => `::ffff:192.0.2.${i % 64}`, 30],
  ])('%s', async (_, ip, most) => {
    const { times } = server();
    expect(await times(most + 1, (i) => ({ ip: ip(i), account: `user${i}` }))).toEqual([...no(most), '421']);
  });

  test('five at one account from one address → 421 for that account alone', async () => {
    const { times } = server();
    expect(await times(6, () => ({ account: 'bob' }))).toEqual([...no(5), '421']);
    expect(await times(1, () => ({ account: 'ann' }))).toEqual(no(1));
    expect(await times(1, () => ({ account: 'bob', ip: '203.0.113.1' }))).toEqual(no(1));
  });

  test.each([['BOB'], ['ｂｏｂ'], [' bob']])('trap: %s is counted as bob', async (name) => {
    const { times } = server();
    await times(5, () => ({ account: 'bob' }));
    expect(await times(1, () => ({ account: name }))).toEqual(['421']);
  });

  test('the same wrong secret counts once: a phone with an old password', async () => {
    const { times, login } = server();
    expect(await times(30, () => ({ secret: 'last-years' }))).toEqual(no(30));
    expect((await login({ secret: 'this-years', says: right })).reply).toBe('235');
  });

  test('the same wrong secret at another account, or from elsewhere, is another failure', async () => {
    const { times } = server();
    expect(await times(11, (i) => ({ account: `user${i}`, secret: '123456' }))).toEqual([...no(10), '421']);
  });

  test('without a secret to tell them apart each failure counts', async () => {
    const { auth, env } = server();
    const attempt = { client: parseIp('192.0.2.1')!, account: 'bob' };
    for (let i = 0; i < 5; i++) {
      expect((await auth.budgets.admit({ ...attempt, session: `s${i}` }, env)).allowed).toBe(true);
      await auth.budgets.record({ ...attempt, session: `s${i}` }, 'rejected', env);
    }
    expect(await auth.budgets.admit({ ...attempt, session: 'last' }, env)).toMatchObject({
      allowed: false,
      budget: 'account',
    });
  });

  test('success clears the session, the address and its count at the account', async () => {
    const { times, login } = server();
    for (let round = 0; round < 5; round++) {
      expect(await times(4, () => ({ session: undefined as never }))).toEqual(no(4));
      expect((await login({ says: right })).reply).toBe('235');
    }
    expect(await times(2, () => ({ session: 'one' }))).toEqual(no(2));
    expect((await login({ session: 'one', says: right })).reply).toBe('235');
    expect(await times(2, () => ({ session: 'one' }))).toEqual(no(2));
  });

  test('success does not clear the count of the wider network', async () => {
    const { times } = server();
    const replies: string[] = [];
    for (let i = 0; i < 40; i++) {
      replies.push(...(await times(1, () => ({ ip: `192.0.2.${i % 4}`, account: `victim${i}` }))));
      await times(1, () => ({
        ip: `192.0.2.${i % 4}`,
        account: 'spammer',
        says: { result: 'accepted', identity: 'spammer' },
      }));
    }
    expect(replies.filter((code) => code === '535')).toHaveLength(30);
  });

  test('no key contains a secret', async () => {
    const { times, keys } = server();
    await times(3, () => ({ secret: 'correct horse battery staple' }));
    expect([...keys].filter((key) => key.includes('horse'))).toEqual([]);
  });

  test('two servers with the same key recognise a repeated secret; two without do not', async () => {
    const clock = fixedClock();
    const env = { clock, counters: memoryCounters({ clock }) };
    const failures = async (key?: Uint8Array<ArrayBuffer>): Promise<number> => {
      const ip = parseIp(key === undefined ? '192.0.2.1' : '203.0.113.1')!;
      for (let i = 0; i < 4; i++) {
        const auth = smtpAuth(key === undefined ? {} : { key });
        await clock.until(
          auth.login(
            { session: `${serial++}`, client: ip, account: 'bob', mechanism: 'PLAIN', secret: 'old' },
            () => ({ result: 'rejected' }),
            env,
          ),
        );
      }
      const day = { rate: 50, periodMs: 86_400_000, pool: 'auth/day' };
      return env.counters.peek(`auth/day/${prefixesOf(ip)[0]}`, day, 0).used;
    };
    expect(await failures()).toBe(4);
    expect(await failures(new Uint8Array(16).fill(7))).toBe(1);
  });

  test('many at the same moment → no more are verified than the budget allows', async () => {
    const { auth, env, clock } = server();
    let verified = 0;
    const results = await clock.until(
      Promise.all(
        Array.from({ length: 40 }, (_, i) =>
          auth.login(
            {
              session: `p${i}`,
              client: parseIp('192.0.2.1')!,
              account: `user${i}`,
              mechanism: 'PLAIN',
              secret: `${i}`,
            },
            async () => {
              verified++;
              return { result: 'rejected' };
            },
            env,
          ),
        ),
      ),
    );
    expect(verified).toBe(10);
    expect(results.filter(({ outcome }) => outcome.finding.result === 'softfail')).toHaveLength(30);
  });
});

describe('auth: many at the same moment', () => {
  const at = async (count: number, ip: (i: number) => string, verdict: (i: number) => Verification) => {
    const { auth, env, clock } = server({ accountDelay: { firstMs: 0 } });
    let most = 0;
    let now = 0;
    const results = await clock.until(
      Promise.all(
        Array.from({ length: count }, (_, i) =>
          auth.login(
            { session: `m${i}`, client: parseIp(ip(i))!, account: `user${i}`, mechanism: 'PLAIN', secret: `${i}` },
            async () => {
              most = Math.max(most, ++now);
              for (let turns = 0; turns < i % 7; turns++) await undefined;
              now--;
              return verdict(i);
            },
            env,
          ),
        ),
      ),
    );
    return { most, replies: results.map(({ outcome }) => outcome.finding.result) };
  };

  test('an office behind one address: all succeed, none is refused, ten at a time', async () => {
    const { most, replies } = await at(
      300,
      () => '192.0.2.1',
      (i) => ({ result: 'accepted', identity: `user${i}` }),
    );
    expect(replies.filter((reply) => reply === 'pass')).toHaveLength(300);
    expect(most).toBeLessThanOrEqual(10);
  });

  test('a network of offices', async () => {
    const { replies } = await at(
      300,
      (i) => `192.0.2.${i % 50}`,
      (i) => ({ result: 'accepted', identity: `user${i}` }),
    );
    expect(replies.filter((reply) => reply === 'pass')).toHaveLength(300);
  });

  test('some succeed, some fail: all are answered, and no more fail than the budget allows', async () => {
    for (const every of [2, 3, 10]) {
      const { replies } = await at(
        200,
        (i) => `192.0.2.${i % 3}`,
        (i) => (i % every === 0 ? { result: 'rejected' } : { result: 'accepted', identity: `user${i}` }),
      );
      expect(replies).toHaveLength(200);
      expect(replies.filter((reply) => reply === 'fail').length).toBeLessThanOrEqual(30);
    }
  });
});

describe('auth: an account is delayed, and never locked', () => {
  test('the delay rises with each distinct failure from any address, up to its maximum', async () => {
    const { login } = server();
    const held: number[] = [];
    for (let i = 0; i < 12; i++) held.push((await login({ ip: `203.0.${i}.1` })).heldMs);
    expect(held.slice(0, 8)).toEqual([0, 250, 500, 1000, 2000, 4000, 8000, 16_000]);
    expect(Math.max(...held)).toBe(30_000);
  });

  test('a secret that was tried elsewhere before does not raise it', async () => {
    const { login } = server();
    for (let i = 0; i < 6; i++) await login({ ip: `203.0.${i}.1`, secret: 'password' });
    expect((await login({ ip: '203.0.99.1' })).heldMs).toBe(250);
  });

  test('trap: attackers cannot lock the owner out: the right password is accepted, after a delay at most', async () => {
    const { login, times } = server();
    await times(200, (i) => ({ ip: `198.${i % 250}.1.1`, account: 'bob' }));
    expect(await login({ ip: '192.0.2.1', says: right })).toMatchObject({
      reply: '235',
      identity: 'bob',
      heldMs: 30_000,
    });
    // And from there he does not wait again.
    await times(20, (i) => ({ ip: `198.${i}.2.1`, account: 'bob' }));
    expect(await login({ ip: '192.0.2.1', says: right })).toMatchObject({ reply: '235', heldMs: 0 });
  });

  test('other accounts do not wait', async () => {
    const { times, login } = server();
    await times(20, (i) => ({ ip: `203.0.${i}.1` }));
    expect((await login({ account: 'ann', ip: '203.0.99.1' })).heldMs).toBe(0);
  });

  test('the session ends while it waits → nothing is verified or counted, no timer is left', async () => {
    const { times, auth, env, clock } = server();
    await times(20, (i) => ({ ip: `203.0.${i}.1` }));
    const controller = new AbortController();
    let asked = false;
    const result = auth.login(
      { session: 'gone', client: parseIp('192.0.2.9')!, account: 'bob', mechanism: 'PLAIN', secret: 'x' },
      () => {
        asked = true;
        return right;
      },
      env,
      controller.signal,
    );
    await clock.pass(1_000);
    controller.abort();
    expect((await result).outcome.finding).toMatchObject({ result: 'temperror', detail: { reason: 'aborted' } });
    expect([asked, clock.pending]).toEqual([false, 0]);
  });
});

describe('canonicalAccount', () => {
  test.each<[string, string | undefined]>([
    ['Bob', 'bob'],
    ['ｂｏｂ', 'bob'],
    ['Straße', 'straße'],
    ['Å', 'å'],
    ['A\u030a', 'å'],
    ['Bob@EXAMPLE.com.', 'bob@example.com'],
    ['bob@bücher.example', 'bob@xn--bcher-kva.example'],
    ['a@b@example.com', 'a@b@example.com'],
    ['bob@', 'bob@'],
    ['', undefined],
    [' ', undefined],
    ['bob\0', undefined],
    ['bob\x85', undefined],
  ])('%j → %j', (name, account) => {
    expect(canonicalAccount(name)).toBe(account);
  });

  test('a name without end → cut', () => {
    expect(canonicalAccount('a'.repeat(100_000))?.length).toBe(255);
  });
});
