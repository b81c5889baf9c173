import type { Answer } from '../../core/index.ts';
import { fail, pass, temperror } from '../../core/index.ts';
import type { Usage } from '../../env/index.ts';

/** What was counted, and how near the limit is: what a `RateLimit` header field would say. Plain data. */
export interface LimitEvidence {
  /** What is limited: `connections`, `connections at once`, `recipients`. */
  readonly limited: string;
  /** Whose count it is: a prefix, a login, an address; `all` where everybody's. */
  readonly key: string;
  readonly limit: number;
  readonly used: number;
  /** Milliseconds until it would be allowed; 0 where it is allowed, and where nobody can know. */
  readonly retryAfterMs: number;
  /** The period of a rate, in milliseconds. */
  readonly periodMs?: number;
  /** The shared store could not be asked. */
  readonly degraded?: true;
}

/**
 * What a limit says while the shared store is down, and the process's own count would allow it:
 *
 * - `open`: `pass`; the own count is limit enough
 * - `defer`: `temperror`; whether to refuse for now is the rule's to say
 * - `closed`: `fail`, as if the limit were reached
 */
export type OnStoreDown = 'open' | 'defer' | 'closed';

/** @throws TypeError that names the option, its value and what is allowed */
export function checkOnStoreDown(maker: string, word: OnStoreDown): OnStoreDown {
  if (word !== 'open' && word !== 'defer' && word !== 'closed')
    throw new TypeError(`${maker}: onStoreDown ${JSON.stringify(word)} must be 'open', 'defer' or 'closed'`);
  return word;
}

/** What a limit can answer, and on what evidence. */
export type LimitAnswer = Answer<'pass' | 'none' | 'fail' | 'temperror', LimitEvidence>;

/** How a limit that is reached is told to the client. */
export interface Refusal {
  /** A row of the reply table; the command's usual code where there is none. */
  readonly cause?: string;
  readonly status: `${number}.${number}`;
  readonly explanation: string;
}

export function evidence(limited: string, key: string, usage: Usage, periodMs?: number): LimitEvidence {
  return {
    limited,
    key,
    limit: usage.limit,
    used: usage.used,
    retryAfterMs: usage.retryAfterMs,
    periodMs,
    ...(usage.degraded === true ? { degraded: true } : {}),
  };
}

/** The answer of a limit, for what its counter said. */
export function answerOf(
  allowed: boolean,
  detail: LimitEvidence,
  refusal: Refusal,
  onStoreDown: OnStoreDown,
): LimitAnswer {
  if (!allowed || (detail.degraded === true && onStoreDown === 'closed')) return fail({ ...refusal, detail });
  if (detail.degraded === true && onStoreDown === 'defer')
    return temperror({
      status: '3.0',
      cause: 'policy-engine',
      explanation: 'A policy check could not be completed',
      detail,
    });
  return pass({ detail });
}

/** The first that was refused; else the one nearest to its limit. */
export function tightest(usages: readonly Usage[]): number {
  let nearest = 0;
  let part = -1;
  for (let i = 0; i < usages.length; i++) {
    const usage = usages[i] as Usage;
    if (!usage.allowed) return i;
    const now = usage.used / usage.limit;
    if (now > part) {
      part = now;
      nearest = i;
    }
  }
  return nearest;
}

/** Whether the store was missing for any of them. */
export const degraded = (usages: readonly Usage[]): boolean => usages.some((usage) => usage.degraded === true);
