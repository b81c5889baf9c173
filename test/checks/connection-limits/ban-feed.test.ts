import type { BanAfterOptions } from 'postern/checks/connection-limits';
import { banAfter } from 'postern/checks/connection-limits';
import type { Decision } from 'postern/core';
import { defineCheck, evaluate, fail, flag, reject, shadow } from 'postern/core';
import { feedBans } from 'postern/smtp';
import { describe, expect, test } from 'vitest';
import { facts, house } from './facts.ts';

/** The decision of a rule that finds `cause`. */
const refused = (cause: string): Promise<Decision> =>
  evaluate({ rcpt: [defineCheck('made-up', () => fail({ cause }), { fail: reject() })] }, 'rcpt', {}, {});

const rules = (options: Partial<BanAfterOptions> = {}) => [
  banAfter({ failures: 3, of: ['unknown-recipient', 'auth-failure'], within: 60_000, ...options }),
];

describe('bans for offences', () => {
  test('the third unknown recipient within a minute → a ban of its /32, with its reason', async () => {
    const { bans, counters } = house();
    const decision = await refused('recipient-unknown');
    for (let i = 0; i < 2; i++) expect(await feedBans(rules(), decision, facts(), { bans, counters })).toBeUndefined();
    expect(await feedBans(rules(), decision, facts(), { bans, counters })).toMatchObject({
      prefix: '192.0.2.1/32',
      reason: '3 × unknown-recipient, auth-failure',
      times: 1,
    });
    expect(await bans.lookup('192.0.2.1')).toBeDefined();
    expect(await bans.lookup('192.0.2.2')).toBeUndefined();
  });

  test('offences that only the session knows count together with those in decisions', async () => {
    const { bans, counters } = house();
    await feedBans(rules(), 'auth-failure', facts(), { bans, counters });
    await feedBans(rules(), await refused('recipient-unknown'), facts(), { bans, counters });
    expect(await feedBans(rules(), 'protocol-error', facts(), { bans, counters })).toBeUndefined();
    expect(await feedBans(rules(), 'auth-failure', facts(), { bans, counters })).toBeDefined();
  });

  test.each([
    ['recipient-unknown', 'unknown-recipient'],
    ['credentials-invalid', 'auth-failure'],
    ['listed', 'list-hit'],
    ['too-many-errors', 'protocol-error'],
    ['helo-syntax', 'protocol-error'],
  ])('a refusal for %s is %s', async (cause, of) => {
    const { bans, counters } = house();
    const once = [banAfter({ failures: 1, of })];
    expect(await feedBans(once, await refused(cause), facts(), { bans, counters })).toBeDefined();
    expect(
      await feedBans(once, await refused('sender-domain'), facts({ ip: '198.51.100.1' }), { bans, counters }),
    ).toBeUndefined();
  });

  test('a client that uses many addresses of its /64 → the /64 is banned', async () => {
    const { bans, counters } = house();
    for (const ip of ['2001:db8::1', '2001:db8::2', '2001:db8::dead:beef'])
      await feedBans(rules(), 'auth-failure', facts({ ip }), { bans, counters });
    expect(await bans.lookup('2001:db8::77')).toMatchObject({ prefix: '2001:db8::/64' });
  });

  test('failures outside the period do not count', async () => {
    const { bans, counters, clock } = house();
    for (let i = 0; i < 20; i++) {
      expect(await feedBans(rules(), 'auth-failure', facts(), { bans, counters })).toBeUndefined();
      clock.advance(30_000);
    }
  });

  test('a trusted or allowed prefix is never banned', async () => {
    const { bans, counters } = house();
    const sparing = rules({ never: ['192.0.2.0/24'] });
    for (let i = 0; i < 50; i++)
      expect(await feedBans(sparing, 'auth-failure', facts(), { bans, counters })).toBeUndefined();
    expect(await bans.list()).toEqual([]);
  });

  test('the count begins anew after a ban, and the next ban is longer', async () => {
    const { bans, counters, clock } = house();
    const lengths: number[] = [];
    for (let round = 0; round < 3; round++) {
      let ban: Awaited<ReturnType<typeof feedBans>>;
      for (let i = 0; i < 3; i++) ban = await feedBans(rules(), 'auth-failure', facts(), { bans, counters });
      lengths.push(((ban?.until ?? 0) - (ban?.since ?? 0)) / 60_000);
      clock.advance((ban?.until ?? 0) - clock.now() + 1);
    }
    expect(lengths).toEqual([10, 20, 40]);
  });

  test('a function over outcomes: a flag counts, a rule in shadow does not', async () => {
    const { bans, counters } = house();
    const trap = defineCheck('trap', () => fail(), { fail: flag(1) });
    const own = [banAfter({ failures: 1, of: ({ rule }) => rule === 'trap', reason: 'wrote to a trap' })];
    const inShadow = await evaluate({ rcpt: [shadow(trap)] }, 'rcpt', {}, {});
    expect(await feedBans(own, inShadow, facts(), { bans, counters })).toBeUndefined();
    const seen = await evaluate({ rcpt: [trap] }, 'rcpt', {}, {});
    expect(await feedBans(own, seen, facts(), { bans, counters })).toMatchObject({ reason: 'wrote to a trap' });
  });

  test('a function or a store that throws → no ban, and no exception', async () => {
    const { bans, counters } = house();
    const broken = banAfter({
      failures: 1,
      of: () => {
        throw new Error('slip');
      },
      reason: 'r',
    });
    const decision = await refused('listed');
    expect(await feedBans([broken], decision, facts(), { bans, counters })).toBeUndefined();
    const badStore = { ...counters, charge: () => Promise.reject(new Error('away')) };
    expect(await feedBans(rules(), 'auth-failure', facts(), { bans, counters: badStore })).toBeUndefined();
  });

  test.each<[Partial<BanAfterOptions>, RegExp]>([
    [{ failures: 0 }, /failures must be .*, got 0/],
    [{ within: 0 }, /within must be .*, got 0/],
    [{ forMs: -1 }, /forMs must be .*, got -1/],
    [{ of: [] }, /of must be an offence, .*, got an empty array/],
    [{ of: () => true }, /reason must be given if `of` is a function/],
    [{ prefix: { v4: 40, v6: 64 } }, /v4 must be .*, got 40/],
    [{ never: ['x'] }, /never must be a list of prefixes .*got "x"/],
  ])('a wrong option %o → TypeError', (wrong, message) => {
    expect(() => rules(wrong)).toThrow(message);
  });
});
