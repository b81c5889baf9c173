import type { Awaitable, Check, Verdict } from '../../core/index.ts';
import { defer, defineCheck, none } from '../../core/index.ts';
import type { Charge, Env, Place, Rate, Usage } from '../../env/index.ts';
import type { ConnectFacts } from '../../smtp/facts.ts';
import { after, usagesOf } from './awaitable.ts';
import type { LimitAnswer, LimitEvidence, OnStoreDown, Refusal } from './evidence.ts';
import { answerOf, checkOnStoreDown, evidence, tightest } from './evidence.ts';
import type { Prefixes } from './exemption.ts';
import { clientExemption } from './exemption.ts';
import { atLeastOne } from './numbers.ts';
import type { PrefixClass } from './prefix-classes.ts';
import { checkClasses, prefixClasses, prefixesOf } from './prefix-classes.ts';

/** What is allowed. Every number is for the first (narrowest) class of prefixes; the wider ones have a multiple. */
export interface ConnectionLimitsOptions {
  /** Connections at once from one client; 30 where not given. `false`: no limit. */
  readonly concurrent?: number | false;
  /** New connections per minute from one client; 300 where not given. `false`: no limit. */
  readonly perMinute?: number | false;
  /** How many of these may come at once; as many as `perMinute` where not given. */
  readonly burst?: number;
  /** Connections at once over all clients; no limit where not given. */
  readonly total?: number;
  /** How many of `total` are kept free for the clients in `known`; 0 where not given. */
  readonly reserved?: number;
  /** Prefixes of clients that may have the reserved places. */
  readonly known?: Prefixes;
  /** Prefixes of clients that are not counted at all. */
  readonly exempt?: Prefixes;
  /** Which neighbourhoods are counted together: /32, /26, /21 and /64, /48, /32 with 1, 3 and 9 times the limit. */
  readonly classes?: readonly PrefixClass[];
  /** `open` where not given. */
  readonly onStoreDown?: OnStoreDown;
  /** Tells two of these from each other, in ids and in counts. */
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

/** Allowed, and by the whole fleet: nothing that would have to be told. */
const undisturbed = (usage: Usage): boolean => usage.allowed && usage.degraded !== true;

/**
 * Whether this client has too many connections, or opens them too fast.
 *
 * - `pass`: it may have this one; its place is taken in the name of `session.id`
 * - `none`: the client is exempt
 * - `fail`: a limit is reached; `detail` says which
 * - `temperror`: the shared store is down, and `onStoreDown` is `defer`
 *
 * A connection that is refused is not counted. The place is given back by `counters.release(session.id)`, which the
 * session calls when the connection has ended, whatever was decided.
 *
 * @throws TypeError for a limit that is no number more than 0, or a prefix that is none
 */
export function connectionLimits(
  options: ConnectionLimitsOptions = {},
): Check<
  Pick<ConnectFacts, 'session' | 'client'>,
  Pick<Env, 'counters'>,
  'pass' | 'none' | 'fail' | 'temperror',
  LimitEvidence
> {
  const maker = 'connectionLimits';
  const { concurrent = 30, perMinute = 300, total, reserved = 0 } = options;
  if (concurrent !== false) atLeastOne(maker, 'concurrent', concurrent);
  if (perMinute !== false) atLeastOne(maker, 'perMinute', perMinute);
  if (options.burst !== undefined) atLeastOne(maker, 'burst', options.burst);
  if (total !== undefined) atLeastOne(maker, 'total', total);
  if (!(Number.isInteger(reserved) && reserved >= 0) || (reserved > 0 && !(total !== undefined && reserved < total)))
    throw new TypeError(`${maker}: reserved ${reserved} must be a whole number from 0, and less than total`);
  const classes = checkClasses(maker, options.classes ?? prefixClasses);
  const exempt = clientExemption(maker, 'exempt', options.exempt);
  const known = clientExemption(maker, 'known', options.known);
  const onStoreDown = checkOnStoreDown(maker, options.onStoreDown ?? 'open');

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

  /** What the counters said of the prefixes, in order; one more is everybody. */
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

      // Places first: a connection that finds none has not been one, and does not count towards the rate.
      const places: Place[] = concurrent === false ? [] : counted.slice();
      if (total !== undefined)
        places.push({ key: everybody, limit: reserved > 0 && !known(client) ? total - reserved : total });
      if (places.length === 0) return charge();
      const taken = usagesOf(
        () => counters.acquireAll(places, session.id),
        places.map(({ limit }) => limit),
      );
      return after(taken, (usages) => {
        if (perMinute !== false && usages.every(undisturbed)) return charge();
        const answer = conclude(usages, concurrent === false ? [] : prefixes);
        return answer.result === 'pass' && perMinute !== false ? charge() : answer;
      });
    },
    { fail: defer(), temperror: defer() } satisfies { fail: Verdict; temperror: Verdict },
    { label: options.label },
  );
}
