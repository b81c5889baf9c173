import type { Awaitable, Outcome } from '../../core/index.ts';
import { isPromise } from '../../core/index.ts';
import type { Ban } from '../../env/index.ts';
import type { BanRule, Offence } from '../../smtp/parts.ts';
import { after } from './awaitable.ts';
import type { Prefixes } from './exemption.ts';
import { exemption } from './exemption.ts';
import { atLeastOne, moreThanZero } from './numbers.ts';
import { checkClasses, prefixesOf } from './prefix-classes.ts';

export type { BanRule, Offence } from '../../smtp/parts.ts';

/** Which cause of the reply table is which offence. */
const offenceOfCause: { readonly [cause: string]: Offence } = {
  'credentials-invalid': 'auth-failure',
  'too-many-auth-failures': 'auth-failure',
  'recipient-unknown': 'unknown-recipient',
  listed: 'list-hit',
  'too-many-errors': 'protocol-error',
  'helo-syntax': 'protocol-error',
  'bad-sequence': 'protocol-error',
};

export interface BanAfterOptions {
  /** How many bring the ban: with 5, the fifth. */
  readonly failures: number;
  /** Of what: offences, or what an outcome of a decision must look like. */
  readonly of: Offence | readonly Offence[] | ((outcome: Outcome) => boolean);
  /** Within how many milliseconds; 10 minutes where not given. Fewer than `failures` in this time are forgiven. */
  readonly within?: number;
  /** How long the first ban lasts, in milliseconds; the store says where not given. The store lengthens it for repeats. */
  readonly forMs?: number;
  /** What is banned; /32 and /64 where not given. */
  readonly prefix?: { readonly v4: number; readonly v6: number };
  /** Who is never banned: trusted and allowed prefixes, one's own. */
  readonly never?: Prefixes;
  /** What the ban says of itself in the log; made of `of` where not given. */
  readonly reason?: string;
}

/**
 * A rule that bans a client for what it does again and again.
 *
 * @throws TypeError for a number or a prefix that cannot be, and for a function without a `reason`
 *
 * @example
 * ```ts
 * import { banAfter } from 'postern/checks/connection-limits';
 *
 * const never = ['192.0.2.0/24'];
 * export const rules = [
 *   banAfter({ failures: 10, of: 'auth-failure', within: 10 * 60_000, never }),
 *   banAfter({ failures: 20, of: ['unknown-recipient', 'protocol-error'], never }),
 *   banAfter({ failures: 1, of: (outcome) => outcome.rule === 'spamtrap', reason: 'wrote to a trap', never }),
 * ];
 * ```
 */
export function banAfter(options: BanAfterOptions): BanRule {
  const maker = 'banAfter';
  const failures = Math.ceil(atLeastOne(maker, 'failures', options.failures));
  const within = moreThanZero(maker, 'within', options.within ?? 10 * 60_000);
  if (options.forMs !== undefined) moreThanZero(maker, 'forMs', options.forMs);
  const { of } = options;
  const words = typeof of === 'function' ? undefined : typeof of === 'string' ? [of] : [...of];
  if (words !== undefined && (words.length === 0 || words.some((word) => typeof word !== 'string' || word === '')))
    throw new TypeError(`${maker}: of ${JSON.stringify(of)} must be a misdeed, a list of them, or a function`);
  if (words === undefined && options.reason === undefined)
    throw new TypeError(`${maker}: give a reason; a function cannot be read aloud`);
  const reason = options.reason ?? `${failures} × ${(words ?? []).join(', ')}`;
  const [bits] = checkClasses(maker, [{ v4: 32, v6: 64, times: 1, ...options.prefix }]);
  const classes = [bits as NonNullable<typeof bits>];
  const never = exemption(maker, 'never', options.never);
  const matches =
    typeof of === 'function'
      ? (outcome: Outcome): boolean => {
          const answer: unknown = of(outcome);
          if (!isPromise(answer)) return answer === true;
          // It would be taken for a match of everything.
          answer.then(undefined, () => undefined);
          throw new TypeError(`${maker}: of must answer with true or false, got a promise`);
        }
      : (outcome: Outcome): boolean => {
          const { cause, result } = outcome.finding;
          const offence = cause === undefined ? undefined : offenceOfCause[cause];
          return offence !== undefined && result === 'fail' && (words as string[]).includes(offence);
        };
  // The last of them is the one that is no longer allowed.
  const rate = { rate: failures, periodMs: within, burst: failures - 1 };
  const head = `ban ${reason} `;

  return {
    reason,
    counts(what) {
      if (typeof what === 'string') return words?.includes(what) === true ? 1 : 0;
      return what.outcomes.filter((outcome) => outcome.shadow !== true && matches(outcome)).length;
    },
    feed(times, { client }, { counters, bans }) {
      if (never(client.ip)) return undefined;
      const [prefix] = prefixesOf(client.ip, classes) as [string];
      const key = head + prefix;
      const ban = (): Awaitable<Ban | undefined> =>
        after(counters.clear(key), () => bans.add(prefix, reason, options.forMs));
      const count = (left: number): Awaitable<Ban | undefined> =>
        left === 0
          ? undefined
          : after(counters.charge(key, rate), ({ allowed }) => (allowed ? count(left - 1) : ban()));
      return failures <= times ? ban() : count(times);
    },
  };
}
