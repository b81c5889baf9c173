import type { Awaitable, Check } from '../../core/index.ts';
import { defer, defineCheck, none } from '../../core/index.ts';
import type { Env, Usage } from '../../env/index.ts';
import type { ConnectFacts, MailFacts, RcptFacts } from '../../smtp/facts.ts';
import { after, usagesOf } from './awaitable.ts';
import type { LimitAnswer, LimitEvidence, OnStoreDown, Refusal } from './evidence.ts';
import { answerOf, checkOnStoreDown, evidence } from './evidence.ts';
import type { Prefixes } from './exemption.ts';
import { clientExemption } from './exemption.ts';
import type { CountedKey, KeyOf } from './keys.ts';
import { recipient, sender } from './keys.ts';
import { atLeastOne, moreThanZero } from './numbers.ts';

/** What every limit of distinct values takes. */
export interface DistinctLimitOptions {
  /** How many different ones are allowed within the period. */
  readonly limit: number;
  /** The period, in milliseconds. */
  readonly periodMs: number;
  readonly exempt?: Prefixes;
  readonly onStoreDown?: OnStoreDown;
  readonly label?: string;
}

type DistinctCheck<Facts> = Check<Facts, Pick<Env, 'counters'>, 'pass' | 'none' | 'fail' | 'temperror', LimitEvidence>;

/**
 * How many different values were seen for a key: the sign of a login that somebody else uses, or of a client that
 * guesses addresses. A value that was seen before is always allowed.
 */
export function distinctLimit<Facts extends Pick<ConnectFacts, 'client'>>(
  what: { readonly name: string; readonly of: KeyOf<Facts>; readonly explanation: string },
  by: KeyOf<Facts>,
  options: DistinctLimitOptions,
): DistinctCheck<Facts> {
  const maker = 'distinctLimit';
  const limit = atLeastOne(maker, 'limit', options.limit);
  const periodMs = moreThanZero(maker, 'periodMs', options.periodMs);
  const onStoreDown = checkOnStoreDown(maker, options.onStoreDown ?? 'open');
  const exempt = clientExemption(maker, 'exempt', options.exempt);
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
        const ask = (): Awaitable<readonly Usage[]> =>
          after(counters.distinct(`${label} ${key}`, value, limit * times, periodMs), (usage) => [usage]);
        return after(usagesOf(ask, [limit * times]), (usages) => {
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

/** Different recipients of a login, a client or whatever else, at RCPT. */
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

/** Different senders of a login, a client or whatever else, at MAIL. */
export const distinctSenders = <Facts>(
  by: KeyOf<Facts>,
  options: DistinctLimitOptions,
): DistinctCheck<Facts & MailFacts> =>
  distinctLimit<Facts & MailFacts>(
    { name: 'distinct-senders', of: sender, explanation: 'Too many different senders; please try again later' },
    by,
    options,
  );
