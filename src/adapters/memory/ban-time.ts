import { positiveNumber, wholeNumber, wrongOption } from '../../core/index.ts';

/** How long a ban lasts, the first time and the next times. */
export interface BanTimes {
  /** The first ban, in milliseconds; 10 minutes where not given. Each further one is twice as long. */
  readonly firstMs?: number;
  /** The longest ban, in milliseconds; 7 days where not given. */
  readonly longestMs?: number;
  /** From the `after`th ban on, the ban lasts `forMs`: 5 and 7 days where not given. */
  readonly recidive?: { readonly after: number; readonly forMs: number };
  /** How long after its end a ban is remembered, in milliseconds; 7 days where not given. */
  readonly rememberMs?: number;
}

/** {@link BanTimes} with nothing left open. */
export interface CheckedBanTimes {
  readonly firstMs: number;
  readonly longestMs: number;
  readonly recidive: { readonly after: number; readonly forMs: number };
  readonly rememberMs: number;
}

const MINUTE = 60_000;
const WEEK = 7 * 24 * 60 * MINUTE;

/** Fills the gaps. @throws TypeError that names the option, its value and what is allowed */
export function checkedBanTimes(maker: string, times: BanTimes): CheckedBanTimes {
  const checked: CheckedBanTimes = {
    firstMs: times.firstMs ?? 10 * MINUTE,
    longestMs: times.longestMs ?? WEEK,
    recidive: times.recidive ?? { after: 5, forMs: WEEK },
    rememberMs: times.rememberMs ?? WEEK,
  };
  for (const name of ['firstMs', 'longestMs', 'rememberMs'] as const) positiveNumber(maker, name, checked[name]);
  if (checked.firstMs > checked.longestMs)
    throw wrongOption(maker, 'firstMs', `at most longestMs (${checked.longestMs})`, checked.firstMs);
  wholeNumber(maker, 'recidive.after', checked.recidive.after, 2);
  positiveNumber(maker, 'recidive.forMs', checked.recidive.forMs);
  return checked;
}

/**
 * How long the `times`th ban lasts: the first, doubled for each one before, up to the longest; from the recidive's
 * number on, at least its time.
 */
export function banTime(times: CheckedBanTimes, nth: number, forMs?: number): number {
  const first = forMs !== undefined && forMs > 0 ? forMs : times.firstMs;
  // The first ban is by far the most frequent, and a power costs more than all the rest.
  const grown = nth <= 1 ? first : Math.min(first * 2 ** Math.min(nth - 1, 50), Math.max(first, times.longestMs));
  return nth >= times.recidive.after ? Math.max(grown, times.recidive.forMs) : grown;
}
