import type { Awaitable, Check, Decision } from '../../core/index.ts';
import { defer, defineCheck, isPromise, none } from '../../core/index.ts';
import type { Charge, Counters, Env, Rate, Usage } from '../../env/index.ts';
import type { AuthFacts, ConnectFacts, DataFacts, HeloFacts, MailFacts, RcptFacts } from '../../smtp/facts.ts';
import { after, usagesOf } from './awaitable.ts';
import type { LimitAnswer, LimitEvidence, OnStoreDown, Refusal } from './evidence.ts';
import { answerOf, checkOnStoreDown, evidence, tightest } from './evidence.ts';
import type { Prefixes } from './exemption.ts';
import { clientExemption } from './exemption.ts';
import type { CountedKey, KeyOf } from './keys.ts';
import { atLeastOne, moreThanZero } from './numbers.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** So many a minute, `burst` of them at once (as many where not given). */
export const perMinute = (rate: number, burst?: number): Rate => ({ rate, periodMs: MINUTE, burst });
/** So many an hour. */
export const perHour = (rate: number, burst?: number): Rate => ({ rate, periodMs: HOUR, burst });
/** So many a day. */
export const perDay = (rate: number, burst?: number): Rate => ({ rate, periodMs: DAY, burst });

/** What every limit of a rate takes. */
export interface RateLimitOptions {
  /**
   * When it is charged. `now`, where not given: by asking. `when-accepted`: the check only looks, and says in its detail
   * what is to be charged; the session ({@link chargeAccepted}) charges it once mail was taken, so that a client whose mail is put off
   * (greylisting) does not use up its rate by coming again, as it was told to.
   */
  readonly charge?: 'now' | 'when-accepted';
  /** Prefixes of clients that are not counted. */
  readonly exempt?: Prefixes;
  /** `open` where not given. */
  readonly onStoreDown?: OnStoreDown;
  /** Part of the rule's id and of the counters' keys; what is counted, by what and for how long, where not given. */
  readonly label?: string;
}

/** Evidence of a rate, and what is to be charged once the mail is taken. */
export interface RateEvidence extends LimitEvidence {
  readonly charges?: readonly Charge[];
}

type RateCheck<Facts> = Check<Facts, Pick<Env, 'counters'>, 'pass' | 'none' | 'fail' | 'temperror', RateEvidence>;

/** What is counted, and how a refusal is told. */
export interface Counted<in Facts> {
  /** In the plural: `messages`. */
  readonly what: string;
  /** How much these facts cost; 1 where not given. 0: nothing. */
  readonly cost?: (facts: Facts) => number;
  /** How much is already on its way to be charged when accepted: recipients of the same message before this one. */
  readonly pending?: (facts: Facts) => number;
  readonly refusal: Refusal;
}

/**
 * A limit of a rate, of anything, by any key, at any stage that knows both.
 *
 * - `pass`: it may; `detail` says what is used of what
 * - `none`: nothing to count: there is no such key for these facts, or the client is exempt
 * - `fail`: the limit is reached, and nothing was charged; `detail.retryAfterMs` says for how long
 * - `temperror`: the shared store is down, and `onStoreDown` is `defer`
 *
 * @throws TypeError for a rate or an option that cannot be
 */
export function rateLimit<Facts extends Pick<ConnectFacts, 'client'>>(
  counted: Counted<Facts>,
  by: KeyOf<Facts>,
  rate: Rate,
  options: RateLimitOptions = {},
): RateCheck<Facts> {
  const maker = 'rateLimit';
  moreThanZero(maker, 'rate', rate.rate);
  moreThanZero(maker, 'periodMs', rate.periodMs);
  if (rate.burst !== undefined) atLeastOne(maker, 'burst', rate.burst);
  else atLeastOne(maker, 'rate without burst', rate.rate);
  const onStoreDown = checkOnStoreDown(maker, options.onStoreDown ?? 'open');
  const exempt = clientExemption(maker, 'exempt', options.exempt);
  const { charge = 'now' } = options;
  if (charge !== 'now' && charge !== 'when-accepted')
    throw new TypeError(`${maker}: charge ${JSON.stringify(charge)} must be 'now' or 'when-accepted'`);
  const label = options.label ?? `${counted.what}-per-${by.name}-per-${periodName(rate.periodMs)}`;
  const head = `${label} `;
  const { what, refusal } = counted;

  return defineCheck(
    'rate-limit',
    (facts: Facts, { counters }: Pick<Env, 'counters'>): Awaitable<LimitAnswer> => {
      if (exempt(facts.client)) return none();
      const cost = counted.cost === undefined ? 1 : counted.cost(facts);
      if (!(cost > 0)) return none();
      const keys = by.of(facts);
      if (keys.length === 0) return none();
      const charges = keys.map(({ key, times }): Charge => ({ key: head + key, rate: scaled(rate, times), cost }));
      const conclude = (usages: readonly Usage[]): LimitAnswer => {
        const i = tightest(usages);
        const usage = usages[i] as Usage;
        const detail: RateEvidence = {
          ...evidence(what, (keys[i] as CountedKey).key, usage, rate.periodMs),
          ...(charge === 'when-accepted' && usage.allowed ? { charges } : {}),
        };
        return answerOf(usage.allowed, detail, refusal, onStoreDown);
      };
      const ask = (): Awaitable<readonly Usage[]> =>
        charge === 'now' ? counters.chargeAll(charges) : peekAll(counters, charges, counted.pending?.(facts) ?? 0);
      return after(
        usagesOf(
          ask,
          charges.map((one) => one.rate.burst ?? one.rate.rate),
        ),
        conclude,
      );
    },
    { fail: defer(), temperror: defer() },
    { label },
  );
}

function peekAll(counters: Counters, charges: readonly Charge[], pending: number): Awaitable<readonly Usage[]> {
  const usages = charges.map(({ key, rate, cost = 1 }) => counters.peek(key, rate, cost + pending));
  return usages.some(isPromise) ? Promise.all(usages) : (usages as Usage[]);
}

const scaled = (rate: Rate, times: number): Rate =>
  times === 1 ? rate : { rate: rate.rate * times, periodMs: rate.periodMs, burst: (rate.burst ?? rate.rate) * times };

const periodName = (ms: number): string =>
  ms === MINUTE ? 'minute' : ms === HOUR ? 'hour' : ms === DAY ? 'day' : `${ms}ms`;

/**
 * Charges what limits with `charge: 'when-accepted'` held open, for decisions that let the mail in: those of one
 * transaction, once the message was taken. A session does so by itself; a host without one calls it. Decisions that refused, and rules in shadow, charge nothing.
 *
 * @returns how many charges were made
 */
export async function chargeAccepted(
  decisions: Decision | readonly Decision[],
  { counters }: Pick<Env, 'counters'>,
): Promise<number> {
  let made = 0;
  for (const decision of 'action' in decisions ? [decisions] : decisions) {
    if (decision.action === 'defer' || decision.action === 'reject') continue;
    for (const { finding, shadow } of decision.outcomes) {
      if (shadow || finding.check !== 'rate-limit' || finding.result !== 'pass') continue;
      const { charges = [] } = (finding.detail ?? {}) as RateEvidence;
      if (charges.length === 0) continue;
      await counters.chargeAll(charges);
      made += charges.length;
    }
  }
  return made;
}

const tooFast = (explanation: string): Refusal => ({ cause: 'rate-exceeded', status: '7.1', explanation });

/** Messages, at MAIL. */
export const messageRate = <Facts>(
  by: KeyOf<Facts>,
  rate: Rate,
  options?: RateLimitOptions,
): RateCheck<Facts & MailFacts> =>
  rateLimit<Facts & MailFacts>(
    { what: 'messages', refusal: tooFast('Too many messages; please try again later') },
    by,
    rate,
    options,
  );

/** Recipients, at RCPT. */
export const recipientRate = <Facts>(
  by: KeyOf<Facts>,
  rate: Rate,
  options?: RateLimitOptions,
): RateCheck<Facts & RcptFacts> =>
  rateLimit<Facts & RcptFacts>(
    {
      what: 'recipients',
      pending: (facts) => facts.recipientsBefore ?? 0,
      refusal: tooFast('Too many recipients; please try again later'),
    },
    by,
    rate,
    options,
  );

/** Octets of messages, when one has been read. */
export const octetRate = <Facts>(
  by: KeyOf<Facts>,
  rate: Rate,
  options?: RateLimitOptions,
): RateCheck<Facts & DataFacts> =>
  rateLimit<Facts & DataFacts>(
    {
      what: 'octets',
      cost: (facts) => facts.message.size,
      refusal: tooFast('Too much mail; please try again later'),
    },
    by,
    rate,
    options,
  );

/** Attempts to log in, at AUTH, before any secret was shown: right ones count too. Failures are for smtp-auth to count. */
export const authRate = <Facts>(
  by: KeyOf<Facts>,
  rate: Rate,
  options?: RateLimitOptions,
): RateCheck<Facts & AuthFacts> =>
  rateLimit<Facts & AuthFacts>(
    {
      what: 'logins',
      // Without a row of the table it is AUTH's usual 454: a rate is not a wrong password.
      refusal: { status: '7.0', explanation: 'Too many attempts to log in; please try again later' },
    },
    by,
    rate,
    options,
  );

/**
 * TLS handshakes by STARTTLS, at HELO: the greeting that follows one (RFC 3207 §4.2). A client that greets again is
 * counted again.
 */
export const startTlsRate = <Facts>(
  by: KeyOf<Facts>,
  rate: Rate,
  options?: RateLimitOptions,
): RateCheck<Facts & HeloFacts> =>
  rateLimit<Facts & HeloFacts>(
    {
      what: 'handshakes',
      cost: (facts) => (facts.tls !== null && facts.session.implicitTls !== true ? 1 : 0),
      refusal: { status: '7.0', explanation: 'Too many TLS handshakes; please try again later' },
    },
    by,
    rate,
    options,
  );
