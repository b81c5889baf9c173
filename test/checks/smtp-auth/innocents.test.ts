import fc from 'fast-check';
import { memoryCounters } from 'postern/adapters/memory';
import {
  admitAfterDelay,
  authBudgets,
  type LoginResult,
  prefixesOf,
  smtpAuth,
  type Verification,
} from 'postern/checks/smtp-auth';
import { judge } from 'postern/core';
import type { Counters } from 'postern/env';
import { parseIp } from 'postern/net';
import { printReply, smtpReply } from 'postern/smtp';
import { fixedClock } from 'postern/testing';
import { describe, expect, test } from 'vitest';
import { Attacked, near } from './attack.ts';

const runs = Number(process.env.POSTERN_FUZZ_RUNS ?? 15);
const MINUTE = 60_000;

const same = (one: string, other: string): boolean => prefixesOf(parseIp(one)!)[0] === prefixesOf(parseIp(other)!)[0];

describe('a known client beside attackers', () => {
  const attackers = [1, 10, 1_000];
  test.each(Object.entries(near).flatMap(([where, place]) => attackers.map((count) => ({ where, count, ...place }))))(
    '$count at $where, guessing at accounts, and from other addresses at the client’s own → answered within 5 s, and let in',
    async ({ honest, ip, count }) => {
      const server = new Attacked({ verifyMs: 100 });
      expect(await server.login(honest, 'ann')).toMatchObject({ result: 'pass' });
      const guesses = Array.from({ length: Math.min(120, count * 12) }, (_, i) =>
        server.guess(ip(i % count), i % 5 === 0 && !same(ip(i % count), honest) ? 'ann' : undefined),
      );
      await server.answered(guesses);
      // That the budget of the network is used up: a stranger is refused.
      if (count === 1_000) expect(await server.login(honest, 'a stranger')).toMatchObject({ result: 'softfail' });
      const during = Array.from({ length: Math.min(count, 50) }, (_, i) => server.guess(ip(i)));
      const { result, tookMs } = await server.login(honest, 'ann');
      expect(result).toBe('pass');
      expect(tookMs).toBeLessThanOrEqual(5_000);
      await server.answered(during);
    },
  );

  test('attackers whose verifications never end → the known client does not wait for them', async () => {
    const server = new Attacked();
    await server.login('192.0.2.1', 'ann');
    const stalled = Array.from({ length: 40 }, (_, i) =>
      server.start('192.0.2.1', `user${i}`, `${i}`, () => new Promise(() => undefined)),
    );
    expect(await server.login('192.0.2.1', 'ann')).toEqual({ result: 'pass', tookMs: 0 });
    await server.clock.until(Promise.all(stalled));
  });

  test('a known client is known at its own account only, and its failures there are bounded by minute and day', async () => {
    const server = new Attacked();
    await server.login('192.0.2.1', 'ann');
    const before = server.verified;
    for (let i = 0; i < 60; i++) await server.login('192.0.2.1', `other${i}`, `${i}`);
    expect(server.verified - before).toBe(10);
    const start = server.verified;
    for (let hour = 0; hour < 24; hour++) {
      for (let i = 0; i < 10; i++) await server.login('192.0.2.1', 'ann', `guess ${hour} ${i}`);
      await server.clock.pass(60 * MINUTE);
    }
    // 50 at once and 50 over the day at most; 5 in ten minutes.
    expect(server.verified - start).toBeLessThanOrEqual(100);
  });

  test('limit: guesses from the very address at the very account cannot be told from its owner’s', async () => {
    const server = new Attacked();
    await server.login('192.0.2.1', 'ann');
    for (let i = 0; i < 6; i++) await server.login('192.0.2.1', 'ann', `guess ${i}`);
    expect(await server.login('192.0.2.1', 'ann')).toMatchObject({ result: 'softfail' });
    await server.clock.pass(2 * MINUTE);
    expect(await server.login('192.0.2.1', 'ann')).toMatchObject({ result: 'pass' });
  });

  test('an account of one’s own does not clear what was failed at other accounts', async () => {
    const server = new Attacked();
    await server.login('192.0.2.1', 'spammer');
    const before = server.verified;
    for (let i = 0; i < 100; i++) {
      await server.login('192.0.2.1', `victim${i}`, `guess ${i}`);
      await server.login('192.0.2.1', 'spammer');
    }
    expect(server.verified - before - 100).toBe(10);
  });

  test('one account with a thousand addresses does not evict what is known of others', async () => {
    const server = new Attacked({ rates: 256 });
    for (let i = 0; i < 20; i++) await server.login(`203.0.${i}.1`, `owner${i}`);
    for (let i = 0; i < 1_000; i++) await server.login(`2001:db8:${i.toString(16)}::1`, 'spammer');
    for (let i = 0; i < 30; i++) await server.login('198.51.100.1', `owner${i % 20}`, `${i}`);
    for (let i = 0; i < 20; i++)
      expect(await server.login(`203.0.${i}.1`, `owner${i}`)).toEqual({ result: 'pass', tookMs: 0 });
  });
});

describe('a client that is not known yet', () => {
  test.each<[string, (i: number) => string, string, number]>([
    ['its own address', () => '198.51.100.7', '198.51.100.7', 29 * MINUTE],
    ['its /26', (i) => `198.51.100.${8 + (i % 50)}`, '198.51.100.7', 10 * MINUTE],
    ['its /21', (i) => `198.51.${96 + (i % 7)}.${128 + (i % 100)}`, '198.51.103.7', 4 * MINUTE],
    ['its IPv6 /32', (i) => `2001:db8:${(i + 2).toString(16)}:1::1`, '2001:db8:1:1::7', 4 * MINUTE],
  ])('after a day of attack from %s it waits no longer than documented', async (_, ip, honest, mostMs) => {
    const server = new Attacked({ accountDelay: { firstMs: 0 } });
    for (let hour = 0; hour < 24; hour++) {
      for (let i = 0; i < 600; i++) await server.start(ip(i), `user${i}`, `guess ${hour} ${i}`);
      await server.clock.pass(60 * MINUTE);
    }
    for (let i = 0; i < 600; i++) await server.start(ip(i), `user${i}`, `last ${i}`);
    expect(await server.login(honest, 'ann')).toMatchObject({ result: 'softfail' });
    await server.clock.pass(mostMs);
    expect(await server.login(honest, 'ann')).toMatchObject({ result: 'pass' });
  });

  test('its failures at one address do not count for strangers elsewhere once it is known', async () => {
    const server = new Attacked();
    for (let i = 0; i < 400; i++) {
      const ip = `2001:db8:${(i % 200).toString(16)}::1`;
      await server.login(ip, `user${i % 200}`);
      await server.login(ip, `user${i % 200}`, `typing error ${i}`);
    }
    // 400 failures of known clients in one /32, whose strangers may fail 90 times a minute.
    expect(await server.login('2001:db8:ffff::1', 'new')).toMatchObject({ result: 'pass' });
  });
});

describe('accounts that exist, and accounts that do not', () => {
  /** Everything that a client can notice of one login: the reply, whether the connection closes, how long it took. */
  const transcript = async (
    tries: readonly { ip: number; account: number; secret: number; session: number; waitMs: number }[],
    wrong: Verification,
  ): Promise<string[]> => {
    const clock = fixedClock();
    const env = { clock, counters: memoryCounters({ clock, seed: Uint32Array.of(1, 2, 3, 4) }) };
    const auth = smtpAuth({ key: new Uint8Array(16).fill(1) });
    const lines: string[] = [];
    for (const { ip, account, secret, session, waitMs } of tries) {
      await clock.pass(waitMs);
      const before = clock.now();
      const login = {
        session: `s${session}`,
        client: parseIp(`192.0.${ip}.1`)!,
        account: `name${account}`,
        mechanism: 'PLAIN',
        secret: `wrong${secret}`,
      };
      const result: LoginResult = await clock.until(auth.login(login, () => wrong, env));
      const reply = smtpReply(judge([result.outcome]), 'auth');
      lines.push(`${reply === null ? 235 : printReply(reply)} close=${reply?.close} after ${clock.now() - before} ms`);
    }
    return lines;
  };

  test('whatever is tried when and from where, delays and replies are the same', async () => {
    const attempt = fc.record({
      ip: fc.integer({ min: 0, max: 3 }),
      account: fc.integer({ min: 0, max: 2 }),
      secret: fc.integer({ min: 0, max: 30 }),
      session: fc.integer({ min: 0, max: 40 }),
      waitMs: fc.constantFrom(0, 0, 0, 1_000, 60_000, 600_000),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(attempt, { maxLength: 60 }), async (tries) => {
        expect(await transcript(tries, { result: 'unknown-account' })).toEqual(
          await transcript(tries, { result: 'rejected' }),
        );
      }),
      { numRuns: runs },
    );
  });

  test('ten wrong passwords at each → delays and a refusal at both', async () => {
    const tries = Array.from({ length: 10 }, (_, i) => ({ ip: 0, account: 0, secret: i, session: i, waitMs: 0 }));
    const missing = await transcript(tries, { result: 'unknown-account' });
    expect(missing).toEqual(await transcript(tries, { result: 'rejected' }));
    expect(missing[1]).toBe('535 5.7.8 Authentication credentials invalid close=false after 250 ms');
    expect(missing.at(-1)).toMatch(/^421 /);
  });
});

describe('places', () => {
  test('attempts that wait for a delay hold no place: the address goes on being served', async () => {
    const server = new Attacked();
    for (let i = 0; i < 16; i++) await server.login(`203.0.${i}.1`, 'victim', `${i}`);
    const waiting = Array.from({ length: 40 }, (_, i) => server.start('192.0.2.1', 'victim', `other ${i}`));
    await server.clock.pass(100);
    expect(await server.login('192.0.2.1', 'ann')).toEqual({ result: 'pass', tookMs: 0 });
    await server.clock.until(Promise.all(waiting));
  });

  test('verifications that never end → the eleventh stranger is answered after the wait, without being counted', async () => {
    const server = new Attacked({ waitMs: 3_000 });
    const stalled = Array.from({ length: 10 }, (_, i) =>
      server.start('192.0.2.1', `user${i}`, `${i}`, () => new Promise(() => undefined)),
    );
    await server.clock.pass(1);
    const before = server.clock.now();
    const { outcome } = await server.clock.until(server.start('192.0.2.1', 'ann', 'right'));
    expect(outcome.finding).toMatchObject({ result: 'temperror', detail: { budget: 'busy' } });
    expect(printReply(smtpReply(judge([outcome]), 'auth')!)).toMatch(/^454 4\.7\.0 /);
    expect(server.clock.now() - before).toBe(3_000);
    await server.clock.until(Promise.all(stalled));
    expect(await server.login('192.0.2.1', 'ann')).toEqual({ result: 'pass', tookMs: 0 });
    expect(server.clock.pending).toBe(0);
  });

  test('a client that disconnects while it waits for a place → answered at once, nothing left behind', async () => {
    const clock = fixedClock();
    const env = { clock, counters: memoryCounters({ clock }) };
    const budgets = authBudgets();
    const attempt = (i: number) => ({ session: `s${i}`, client: parseIp('192.0.2.1')!, account: `user${i}` });
    for (let i = 0; i < 10; i++) expect((await budgets.admit(attempt(i), env)).allowed).toBe(true);
    const controller = new AbortController();
    const waiting = admitAfterDelay(budgets, attempt(10), env, controller.signal);
    await clock.pass(10);
    controller.abort();
    expect(await waiting).toMatchObject({ allowed: false, budget: 'busy' });
    for (let i = 0; i < 10; i++) await budgets.record(attempt(i), 'not-judged', env);
    for (let i = 20; i < 30; i++) expect((await budgets.admit(attempt(i), env)).allowed).toBe(true);
    expect(clock.pending).toBe(0);
  });
});

describe('a table of the usual size under many addresses', () => {
  test('guesses let through are those that the daily budget allows', async () => {
    // As 1,000 addresses at 65,536 keys (test/bench/login-attack.ts), at an eighth.
    const server = new Attacked({ rates: 8_192, accountDelay: { firstMs: 0 } });
    const addresses = Array.from({ length: 125 }, (_, i) => `${20 + (i >> 5)}.${(i & 31) * 8}.0.1`);
    for (let minute = 0; minute < 120; minute += 4) {
      for (const ip of addresses)
        for (let i = 0; i < 11; i++) await server.start(ip, `user${(minute * 11 + i) % 500}`, `${ip} ${minute} ${i}`);
      await server.clock.pass(4 * MINUTE);
    }
    expect(server.verified).toBeLessThanOrEqual(125 * 54.5);
    expect(server.verified).toBeGreaterThan(125 * 50);
  });
});

describe('a store that fails', () => {
  const failing = (counters: Counters, methods: readonly (keyof Counters)[]): Counters =>
    Object.fromEntries(
      Object.entries(counters).map(([name, method]) => [
        name,
        methods.includes(name as keyof Counters)
          ? () => {
              throw new Error(`${name} failed`);
            }
          : method,
      ]),
    ) as unknown as Counters;

  test.each<[string, (keyof Counters)[], Verification, string, string]>([
    ['before the verification', ['peek'], { result: 'accepted', identity: 'ann' }, 'temperror', 'peek failed'],
    [
      'after a login that was accepted',
      ['charge', 'clear'],
      { result: 'accepted', identity: 'ann' },
      'pass',
      'clear failed',
    ],
    ['after a login that was rejected', ['charge', 'clear'], { result: 'rejected' }, 'fail', 'charge failed'],
  ])('%s → an answer, the error for the log, and no place lost', async (_, methods, verdict, result, message) => {
    const clock = fixedClock();
    const counters = failing(memoryCounters({ clock }), methods);
    const auth = smtpAuth();
    for (let i = 0; i < 30; i++) {
      const login = {
        session: `s${i}`,
        client: parseIp('192.0.2.1')!,
        account: 'ann',
        mechanism: 'PLAIN',
        secret: `${i}`,
      };
      const { outcome, error } = await clock.until(auth.login(login, () => verdict, { clock, counters }));
      expect(outcome.finding.result).toBe(result);
      expect((error as Error).message).toBe(message);
    }
    expect(clock.pending).toBe(0);
  });
});
