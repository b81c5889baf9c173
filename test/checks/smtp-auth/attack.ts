import { memoryCounters } from 'postern/adapters/memory';
import { type BudgetOptions, type LoginResult, smtpAuth, type Verification } from 'postern/checks/smtp-auth';
import type { Counters } from 'postern/env';
import { parseIp } from 'postern/net';
import { type FixedClock, fixedClock } from 'postern/testing';

/** A server under attack, in simulated time: every password but `right` is wrong, and every verification takes `verifyMs`. */
export class Attacked {
  readonly clock: FixedClock = fixedClock();
  readonly counters: Counters;
  readonly #auth;
  readonly #verifyMs: number;
  /** How many passwords were verified. */
  verified = 0;
  #serial = 0;

  constructor(options: BudgetOptions & { rates?: number; verifyMs?: number } = {}) {
    const { rates, verifyMs = 0, ...budgets } = options;
    this.counters = memoryCounters({
      clock: this.clock,
      seed: Uint32Array.of(1, 2, 3, 4),
      ...(rates === undefined ? {} : { rates }),
    });
    this.#auth = smtpAuth(budgets);
    this.#verifyMs = verifyMs;
  }

  /** One login from a session of its own. */
  start(ip: string, account: string, secret: string, judge?: () => Promise<Verification>): Promise<LoginResult> {
    const verify = async (): Promise<Verification> => {
      this.verified++;
      if (judge !== undefined) return judge();
      if (this.#verifyMs > 0) await new Promise<void>((done) => void this.clock.after(this.#verifyMs, done));
      return secret === 'right' ? { result: 'accepted', identity: account } : { result: 'rejected' };
    };
    const login = { session: `s${this.#serial++}`, client: parseIp(ip)!, account, mechanism: 'PLAIN', secret };
    return this.#auth.login(login, verify, { clock: this.clock, counters: this.counters });
  }

  /** The login, and how long it took until it was answered. */
  async login(ip: string, account: string, secret = 'right'): Promise<{ result: string; tookMs: number }> {
    const before = this.clock.monotonic();
    const { outcome } = await this.clock.until(this.start(ip, account, secret));
    return { result: outcome.finding.result, tookMs: this.clock.monotonic() - before };
  }

  /** Lets time pass until all are answered. Between the steps, digests are waited for: a burst of them takes many turns. */
  async answered(logins: readonly Promise<LoginResult>[]): Promise<void> {
    let done = false;
    const all = Promise.all(logins).finally(() => {
      done = true;
    });
    while (!done) {
      for (let turn = 0; turn < 10; turn++) await crypto.subtle.digest('SHA-256', new Uint8Array(0));
      await this.clock.pass(50);
    }
    await all;
  }

  guess = (ip: string, account = `user${this.#serial % 97}`): Promise<LoginResult> =>
    this.start(ip, account, `guess ${this.#serial}`);
}

/** Addresses of the attackers beside an honest client, by how near they are. */
export const near: { readonly [where: string]: { readonly honest: string; readonly ip: (i: number) => string } } = {
  'the same IPv4 address': { honest: '198.51.100.7', ip: () => '198.51.100.7' },
  'the same /26': { honest: '198.51.100.7', ip: (i) => `198.51.100.${8 + (i % 50)}` },
  'the same /21': { honest: '198.51.100.7', ip: (i) => `198.51.${96 + (i % 8)}.${128 + (i % 100)}` },
  'the same /64': { honest: '2001:db8:1:1::7', ip: (i) => `2001:db8:1:1::${(i + 8).toString(16)}` },
  'the same /48': { honest: '2001:db8:1:1::7', ip: (i) => `2001:db8:1:${(i + 2).toString(16)}::1` },
  'the same IPv6 /32': { honest: '2001:db8:1:1::7', ip: (i) => `2001:db8:${(i + 2).toString(16)}:1::1` },
};
