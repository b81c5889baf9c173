import type { Check } from '../../core/index.ts';
import { defineCheck, none, slow, softfail } from '../../core/index.ts';
import type { Env, Usage } from '../../env/index.ts';
import type { ConnectFacts } from '../../smtp/facts.ts';
import { after } from './awaitable.ts';
import type { LimitEvidence } from './evidence.ts';
import { evidence } from './evidence.ts';
import { atLeastOne, moreThanZero } from './numbers.ts';

export interface TarpitOptions {
  /** How long a reply is held back, in milliseconds. */
  readonly delayMs: number;
  /** How many sessions are held at the same time; 100 where not given. A tarpit without end drowns its owner. */
  readonly atMost?: number;
  readonly label?: string;
}

/**
 * Holds a session back, as long as not too many are held. Put it behind `when()`: whom to hold is another question.
 *
 * - `softfail`: this one is held; recommended: `slow(delayMs)`
 * - `none`: as many are held as may be, and this one goes on at once
 */
export function tarpit(
  options: TarpitOptions,
): Check<Pick<ConnectFacts, 'session'>, Pick<Env, 'counters' | 'clock'>, 'softfail' | 'none', LimitEvidence> {
  const delayMs = moreThanZero('tarpit', 'delayMs', options.delayMs);
  const atMost = atLeastOne('tarpit', 'atMost', options.atMost ?? 100);
  const key = options.label === undefined ? 'tarpit' : `tarpit ${options.label}`;
  return defineCheck(
    'tarpit',
    ({ session }: Pick<ConnectFacts, 'session'>, { counters, clock }: Pick<Env, 'counters' | 'clock'>) =>
      after(counters.acquire(key, atMost, session.id), (usage: Usage) => {
        const detail = evidence('sessions held', 'all', usage);
        if (!usage.allowed) return none({ detail });
        // A store that cannot release it lets the lease run out.
        clock.after(delayMs, () => void (async () => counters.release(session.id, key))().catch(() => undefined));
        return softfail({ detail });
      }),
    { softfail: slow(delayMs) },
    { label: options.label },
  );
}
