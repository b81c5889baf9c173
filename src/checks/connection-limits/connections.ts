import type { Awaitable, Check } from '../../core/index.ts';
import {
  assertKnownOptions,
  defer,
  defineCheck,
  none,
  positiveNumber,
  slow,
  softfail,
  wholeNumber,
  wrongOption,
} from '../../core/index.ts';
import type { Charge, Env, Place, Rate, Usage } from '../../env/index.ts';
import type { ConnectFacts } from '../../smtp/facts.ts';
import type { LimitAnswer, LimitEvidence, OnStoreDown, Refusal } from './answers.ts';
import { after, answerOf, checkedOnStoreDown, evidence, numberFromOne, tightest, usagesOf } from './answers.ts';
import type { Prefixes } from './exemption.ts';
import { clientExemption } from './exemption.ts';
import type { PrefixClass } from './prefix-classes.ts';
import { checkedClasses, prefixClasses, prefixesOf } from './prefix-classes.ts';

/** Each number is for the first (narrowest) class of prefixes; wider classes have a multiple. */
export interface ConnectionLimitsOptions {
  /** Connections at once from one client; `false` means no limit. Default: 30. */
  readonly concurrent?: number | false;
  /** New connections per minute from one client; `false` means no limit. Default: 300. */
  readonly perMinute?: number | false;
  /** How many of these may come at once. Default: `perMinute`. */
  readonly burst?: number;
  /** Connections at once of all clients. Default: no limit. */
  readonly total?: number;
  /** How many of `total` are reserved for the clients in `known`. Default: 0. */
  readonly reserved?: number;
  /** Prefixes of clients that may use the reserved places. Default: none. */
  readonly known?: Prefixes;
  /** Prefixes of clients that are not counted. Default: none. */
  readonly exempt?: Prefixes;
  /** Prefixes that are counted together. Default: /32, /26, /21 and /64, /48, /32 with 1, 3 and 9 times the limit. */
  readonly classes?: readonly PrefixClass[];
  /** What follows if the shared store is down. Default: `open`. */
  readonly onStoreDown?: OnStoreDown;
  /** Distinguishes two of these checks, in ids and in counts. Default: none. */
  readonly label?: string;
}

const MINUTE = 60_000;

const tooMany: Refusal = {
  cause: 'too-many-connections',
  status: '7.0',
  explanation: 'Too many connections from your network; please try again later',
};
const tooFast: Refusal = {
  cause: 'too-many-connections',
  status: '7.0',
  explanation: 'Too many new connections from your network; please try again later',
};
const full: Refusal = {
  cause: 'too-many-connections',
  status: '7.0',
  explanation: 'Too many connections; please try again later',
};

/** Whether a count is allowed by the shared store too. */
const fullyAllowed = (usage: Usage): boolean => usage.allowed && usage.degraded !== true;

/**
 * Limits the connections of a client: how many at once, and how many per minute.
 *
 * - `pass`: the connection is allowed, and its place is taken for `session.id`
 * - `none`: the client is exempt
 * - `fail`: a limit is reached; `detail` names it
 * - `temperror`: the shared store is down, and `onStoreDown` is `defer`
 *
 * A refused connection is not counted. The session calls `counters.release(session.id)` when the connection ends, which
 * releases the place.
 *
 * @throws {TypeError} for a wrong or unknown option
 */
export function connectionLimits(
  options: ConnectionLimitsOptions = {},
): Check<
  Pick<ConnectFacts, 'session' | 'client'>,
  Pick<Env, 'counters'>,
  'pass' | 'none' | 'fail' | 'temperror',
  LimitEvidence
> {
  const owner = 'connectionLimits';
  assertKnownOptions(owner, options, [
    'concurrent',
    'perMinute',
    'burst',
    'total',
    'reserved',
    'known',
    'exempt',
    'classes',
    'onStoreDown',
    'label',
  ]);
  const { concurrent = 30, perMinute = 300, total, reserved = 0 } = options;
  if (concurrent !== false) numberFromOne(owner, 'concurrent', concurrent);
  if (perMinute !== false) numberFromOne(owner, 'perMinute', perMinute);
  if (options.burst !== undefined) numberFromOne(owner, 'burst', options.burst);
  if (total !== undefined) numberFromOne(owner, 'total', total);
  wholeNumber(owner, 'reserved', reserved, 0);
  if (reserved > 0 && !(total !== undefined && reserved < total))
    throw wrongOption(owner, 'reserved', 'less than total', reserved);
  const classes = checkedClasses(owner, options.classes ?? prefixClasses);
  const exempt = clientExemption(owner, 'exempt', options.exempt);
  const known = clientExemption(owner, 'known', options.known);
  const onStoreDown = checkedOnStoreDown(owner, options.onStoreDown);

  const rates = classes.map(
    ({ times }): Rate => ({
      rate: (perMinute || 1) * times,
      periodMs: MINUTE,
      burst: (options.burst ?? (perMinute || 1)) * times,
    }),
  );
  const limits = classes.map(({ times }) => Math.floor((concurrent || 0) * times));
  const head = options.label === undefined ? 'conn ' : `conn ${options.label} `;
  const everybody = `${head}all`;

  /** Concludes from the counts of the prefixes, in order. One more count is the total. */
  const conclude = (usages: readonly Usage[], prefixes: readonly string[], periodMs?: number): LimitAnswer => {
    const i = tightest(usages);
    const usage = usages[i] as Usage;
    const key = prefixes[i];
    const limited = periodMs === undefined ? 'connections at once' : 'connections';
    const refusal = key === undefined ? full : periodMs === undefined ? tooMany : tooFast;
    return answerOf(usage.allowed, evidence(limited, key ?? 'all', usage, periodMs), refusal, onStoreDown);
  };

  return defineCheck(
    'connection-limits',
    ({ session, client }, { counters }): Awaitable<LimitAnswer> => {
      if (exempt(client)) return none();
      const prefixes = prefixesOf(client.ip, classes);
      const counted = new Array<Charge & Place>(prefixes.length);
      for (let i = 0; i < prefixes.length; i++)
        counted[i] = { key: head + prefixes[i], limit: limits[i] as number, rate: rates[i] as Rate };
      const charge = (): Awaitable<LimitAnswer> =>
        perMinute === false
          ? none()
          : after(
              usagesOf(
                () => counters.chargeAll(counted),
                rates.map(({ burst, rate }) => burst ?? rate),
              ),
              (usages) => conclude(usages, prefixes, MINUTE),
            );

      // Places first: a connection that is refused for lack of a place does not count towards the rate.
      const places: Place[] = concurrent === false ? [] : counted.slice();
      if (total !== undefined)
        places.push({ key: everybody, limit: reserved > 0 && !known(client) ? total - reserved : total });
      if (places.length === 0) return charge();
      const taken = usagesOf(
        () => counters.acquireAll(places, session.id),
        places.map(({ limit }) => limit),
      );
      return after(taken, (usages) => {
        if (perMinute !== false && usages.every(fullyAllowed)) return charge();
        const answer = conclude(usages, concurrent === false ? [] : prefixes);
        return answer.result === 'pass' && perMinute !== false ? charge() : answer;
      });
    },
    { fail: defer(), temperror: defer() },
    { label: options.label },
  );
}

export interface TarpitOptions {
  /** Delay of the reply, in milliseconds. */
  readonly delayMs: number;
  /** Most sessions that are delayed at once: every one of them costs memory. Default: 100. */
  readonly atMost?: number;
  /** Distinguishes two of these checks, in ids and in counts. Default: none. */
  readonly label?: string;
}

/**
 * Delays a session, unless too many are delayed already. Use it inside `when()`, which selects the sessions.
 *
 * - `softfail`: the session is delayed; recommended: `slow(delayMs)`
 * - `none`: `atMost` sessions are delayed already, so this one continues at once
 *
 * @throws {TypeError} for a wrong or unknown option
 */
export function tarpit(
  options: TarpitOptions,
): Check<Pick<ConnectFacts, 'session'>, Pick<Env, 'counters' | 'clock'>, 'softfail' | 'none', LimitEvidence> {
  const owner = 'tarpit';
  assertKnownOptions(owner, options, ['delayMs', 'atMost', 'label']);
  const delayMs = positiveNumber(owner, 'delayMs', options.delayMs);
  const atMost = numberFromOne(owner, 'atMost', options.atMost ?? 100);
  const key = options.label === undefined ? 'tarpit' : `tarpit ${options.label}`;
  return defineCheck(
    'tarpit',
    ({ session }: Pick<ConnectFacts, 'session'>, { counters, clock }: Pick<Env, 'counters' | 'clock'>) =>
      after(counters.acquire(key, atMost, session.id), (usage: Usage) => {
        const detail = evidence('sessions held', 'all', usage);
        if (!usage.allowed) return none({ detail });
        // If the store cannot release the place, its lease expires.
        clock.after(delayMs, () => void (async () => counters.release(session.id, key))().catch(() => undefined));
        return softfail({ detail });
      }),
    { softfail: slow(delayMs) },
    { label: options.label },
  );
}
