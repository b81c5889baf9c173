import type { Awaitable, Check } from '../../core/index.ts';
import { assertKnownOptions, defer, defineCheck, none, positiveNumber } from '../../core/index.ts';
import type { Env, Usage } from '../../env/index.ts';
import type { ConnectFacts, MailFacts, RcptFacts } from '../../smtp/facts.ts';
import type { LimitAnswer, LimitEvidence, OnStoreDown, Refusal } from './answers.ts';
import { after, answerOf, checkedOnStoreDown, evidence, numberFromOne, usagesOf } from './answers.ts';
import type { Prefixes } from './exemption.ts';
import { clientExemption } from './exemption.ts';
import type { CountedKey, KeyOf } from './keys.ts';
import { recipient, sender } from './keys.ts';

/** Options of every limit of distinct values. */
export interface DistinctLimitOptions {
  /** Most different values within the period. */
  readonly limit: number;
  /** The period, in milliseconds. */
  readonly periodMs: number;
  /** Prefixes of clients that are not counted. Default: none. */
  readonly exempt?: Prefixes;
  /** What follows if the shared store is down. Default: `open`. */
  readonly onStoreDown?: OnStoreDown;
  /** Part of the rule's id and of the counters' keys. Default: what is counted and by what. */
  readonly label?: string;
}

type DistinctCheck<Facts> = Check<Facts, Pick<Env, 'counters'>, 'pass' | 'none' | 'fail' | 'temperror', LimitEvidence>;

/**
 * Limits the number of different values per key. Many different values are a sign of a stolen login, or of a client that
 * guesses addresses. A value that was seen before is always allowed.
 *
 * @throws {TypeError} for a wrong or unknown option
 */
export function distinctLimit<Facts extends Pick<ConnectFacts, 'client'>>(
  what: { readonly name: string; readonly of: KeyOf<Facts>; readonly explanation: string },
  by: KeyOf<Facts>,
  options: DistinctLimitOptions,
): DistinctCheck<Facts> {
  const owner = 'distinctLimit';
  assertKnownOptions(owner, options, ['limit', 'periodMs', 'exempt', 'onStoreDown', 'label']);
  const limit = numberFromOne(owner, 'limit', options.limit);
  const periodMs = positiveNumber(owner, 'periodMs', options.periodMs);
  const onStoreDown = checkedOnStoreDown(owner, options.onStoreDown);
  const exempt = clientExemption(owner, 'exempt', options.exempt);
  const label = options.label ?? `${what.name}-per-${by.name}`;
  const refusal: Refusal = { cause: 'rate-exceeded', status: '7.1', explanation: what.explanation };
  return defineCheck(
    'distinct-limit',
    (facts: Facts, { counters }: Pick<Env, 'counters'>): Awaitable<LimitAnswer> => {
      if (exempt(facts.client)) return none();
      const value = what.of.of(facts)[0]?.key;
      const keys = by.of(facts);
      if (value === undefined || keys.length === 0) return none();
      const from = (i: number): Awaitable<LimitAnswer> => {
        const { key, times } = keys[i] as CountedKey;
        const query = (): Awaitable<readonly Usage[]> =>
          after(counters.distinct(`${label} ${key}`, value, limit * times, periodMs), (usage) => [usage]);
        return after(usagesOf(query, [limit * times]), (usages) => {
          const usage = usages[0] as Usage;
          const answer = answerOf(usage.allowed, evidence(what.name, key, usage, periodMs), refusal, onStoreDown);
          return answer.result === 'pass' && i + 1 < keys.length ? from(i + 1) : answer;
        });
      };
      return from(0);
    },
    { fail: defer(), temperror: defer() },
    { label },
  );
}

/** Limits the different recipients of a login, a client or any other key, at RCPT. */
export const distinctRecipients = <Facts>(
  by: KeyOf<Facts>,
  options: DistinctLimitOptions,
): DistinctCheck<Facts & RcptFacts> =>
  distinctLimit<Facts & RcptFacts>(
    {
      name: 'distinct-recipients',
      of: recipient,
      explanation: 'Too many different recipients; please try again later',
    },
    by,
    options,
  );

/** Limits the different senders of a login, a client or any other key, at MAIL. */
export const distinctSenders = <Facts>(
  by: KeyOf<Facts>,
  options: DistinctLimitOptions,
): DistinctCheck<Facts & MailFacts> =>
  distinctLimit<Facts & MailFacts>(
    { name: 'distinct-senders', of: sender, explanation: 'Too many different senders; please try again later' },
    by,
    options,
  );
