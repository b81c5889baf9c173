import type { Awaitable, Outcome } from '../../core/index.ts';
import { assertKnownOptions, isPromise, positiveNumber, wrongOption } from '../../core/index.ts';
import type { Ban } from '../../env/index.ts';
import type { BanRule, Offence } from '../../smtp/parts.ts';
import { after, numberFromOne } from './answers.ts';
import type { Prefixes } from './exemption.ts';
import { exemption } from './exemption.ts';
import { checkedClasses, prefixesOf } from './prefix-classes.ts';

export type { BanRule, Offence } from '../../smtp/parts.ts';

/** The offence behind each cause of the reply table. */
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
  /** The number of offences that leads to the ban: with 5, the fifth does. */
  readonly failures: number;
  /** The offences that count, or a function that returns whether an outcome counts. */
  readonly of: Offence | readonly Offence[] | ((outcome: Outcome) => boolean);
  /** The period in which they count, in milliseconds. Default: 600,000. */
  readonly within?: number;
  /** Duration of the first ban, in milliseconds; the store extends it for repeats. Default: the store's. */
  readonly forMs?: number;
  /** Lengths of the banned prefix. Default: /32 and /64. */
  readonly prefix?: { readonly v4: number; readonly v6: number };
  /** Prefixes that are never banned, such as your own networks. Default: none. */
  readonly never?: Prefixes;
  /** The reason in the log. Required if `of` is a function. Default: made of `of`. */
  readonly reason?: string;
}

/**
 * Creates a rule that bans a client for repeated offences.
 *
 * @throws {TypeError} for a wrong or unknown option, and for a function without a `reason`
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
  const owner = 'banAfter';
  assertKnownOptions(owner, options, ['failures', 'of', 'within', 'forMs', 'prefix', 'never', 'reason']);
  const failures = Math.ceil(numberFromOne(owner, 'failures', options.failures));
  const within = positiveNumber(owner, 'within', options.within ?? 10 * 60_000);
  if (options.forMs !== undefined) positiveNumber(owner, 'forMs', options.forMs);
  const { of } = options;
  const words = typeof of === 'function' ? undefined : typeof of === 'string' ? [of] : [...of];
  if (words !== undefined && (words.length === 0 || words.some((word) => typeof word !== 'string' || word === '')))
    throw wrongOption(owner, 'of', 'an offence, a list of offences, or a function', of);
  if (words === undefined && options.reason === undefined)
    throw wrongOption(owner, 'reason', 'given if `of` is a function', undefined);
  const reason = options.reason ?? `${failures} × ${(words ?? []).join(', ')}`;
  const [bits] = checkedClasses(owner, [{ v4: 32, v6: 64, times: 1, ...options.prefix }]);
  const classes = [bits as NonNullable<typeof bits>];
  const never = exemption(owner, 'never', options.never);
  const matches =
    typeof of === 'function'
      ? (outcome: Outcome): boolean => {
          const answer: unknown = of(outcome);
          if (!isPromise(answer)) return answer === true;
          // A promise would count as a match of every outcome.
          answer.then(undefined, () => undefined);
          throw wrongOption(owner, 'of', 'a function that returns true or false', answer);
        }
      : (outcome: Outcome): boolean => {
          const { cause, result } = outcome.finding;
          const offence = cause === undefined ? undefined : offenceOfCause[cause];
          return offence !== undefined && result === 'fail' && (words as string[]).includes(offence);
        };
  // The last offence is the one that the rate no longer allows.
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
