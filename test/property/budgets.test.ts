import fc from 'fast-check';
import { memoryCounters } from 'postern/adapters/memory';
import { authBudgets } from 'postern/checks/smtp-auth';
import { parseIp } from 'postern/net';
import { fixedClock } from 'postern/testing';
import { expect, test } from 'vitest';

const numRuns = Number(process.env.POSTERN_FUZZ_RUNS ?? 60);

const options = { perSession: 2, perMinute: 3, perDay: 4, perAccount: 2 };
/** Addresses in one /26, in one /21, and elsewhere. */
const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.70', '192.0.2.200', '192.0.7.1', '198.51.100.1'];
type Outcome = 'accepted' | 'rejected' | 'unknown-account' | 'not-judged';

interface Step {
  readonly ip: string;
  readonly account: string;
  readonly session: string;
  readonly secret: string | undefined;
  readonly outcome: Outcome;
}

const step: fc.Arbitrary<Step> = fc.record({
  ip: fc.constantFrom(...addresses),
  account: fc.constantFrom('ann', 'bob', 'eve'),
  session: fc.constantFrom('s1', 's2', 's3', 's4', 's5', 's6', 's7', 's8'),
  secret: fc.constantFrom('a', 'b', 'c', 'd', 'e', undefined),
  outcome: fc.constantFrom<Outcome>('accepted', 'rejected', 'rejected', 'rejected', 'unknown-account', 'not-judged'),
});

/** The rules of the guide, as plain counts. No time passes, so no budget recovers. */
class Oracle {
  readonly #counts = new Map<string, number>();
  readonly #known = new Set<string>();
  readonly #tried = new Set<string>();

  #used(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  #networks(ip: string): { key: string; times: number }[] {
    const bits = ip.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
    return [
      { key: `/32 ${bits}`, times: 1 },
      { key: `/26 ${Math.floor(bits / 2 ** 6)}`, times: 3 },
      { key: `/21 ${Math.floor(bits / 2 ** 11)}`, times: 9 },
    ];
  }

  /** The budget that refuses, or undefined. */
  refuses({ ip, account, session }: Step): string | undefined {
    if (this.#used(session) >= options.perSession) return 'session';
    const most = Math.min(options.perMinute, options.perDay);
    const full = this.#networks(ip).some(({ key, times }) => this.#used(key) >= most * times);
    if (full && !this.#known.has(`${ip} ${account}`)) return 'prefix';
    return this.#used(`${ip} ${account}`) >= Math.min(options.perAccount, options.perDay) ? 'account' : undefined;
  }

  record({ ip, account, session, secret, outcome }: Step): void {
    const pair = `${ip} ${account}`;
    if (outcome === 'not-judged') return;
    if (outcome === 'accepted') {
      this.#counts.delete(session);
      this.#counts.delete(pair);
      if (!this.#known.has(pair)) this.#counts.delete((this.#networks(ip)[0] as { key: string }).key);
      this.#known.add(pair);
      return;
    }
    this.#counts.set(session, this.#used(session) + 1);
    if (secret !== undefined && this.#tried.has(`${pair} ${secret}`)) return;
    if (secret !== undefined) this.#tried.add(`${pair} ${secret}`);
    const keys = this.#known.has(pair) ? [pair] : [pair, ...this.#networks(ip).map(({ key }) => key)];
    for (const key of keys) this.#counts.set(key, this.#used(key) + 1);
  }
}

test('budgets admit and refuse exactly as an independent count does', async () => {
  let refused = 0;
  let admitted = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const clock = fixedClock();
      const env = { clock, counters: memoryCounters({ clock }) };
      const budgets = authBudgets({ ...options, accountDelay: { firstMs: 0 } });
      const oracle = new Oracle();
      for (const one of steps) {
        const attempt = { session: one.session, client: parseIp(one.ip)!, account: one.account };
        const expected = oracle.refuses(one);
        const admission = await budgets.admit(attempt, env);
        expect(admission.allowed ? undefined : admission.budget).toBe(expected);
        if (!admission.allowed) {
          refused++;
          continue;
        }
        admitted++;
        await budgets.record(attempt, one.outcome, env, one.secret);
        oracle.record(one);
      }
    }),
    { numRuns },
  );
  // The property has met both answers.
  expect(Math.min(refused, admitted)).toBeGreaterThan(0);
});

test('accounts that exist and accounts that do not lead to the same admissions and delays', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const run = async (outcome: Outcome): Promise<unknown[]> => {
        const clock = fixedClock();
        const env = { clock, counters: memoryCounters({ clock }) };
        const budgets = authBudgets(options);
        const answers: unknown[] = [];
        for (const one of steps) {
          const attempt = { session: one.session, client: parseIp(one.ip)!, account: one.account };
          const admission = await budgets.admit(attempt, env);
          answers.push(admission);
          if (admission.allowed) await budgets.record(attempt, outcome, env, one.secret);
        }
        return answers;
      };
      expect(await run('unknown-account')).toEqual(await run('rejected'));
    }),
    { numRuns: Math.ceil(numRuns / 3) },
  );
});
