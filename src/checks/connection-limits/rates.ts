import type { Awaitable, Check } from '../../core/index.ts';
import { assertKnownOptions, defer, defineCheck, isPromise, none, oneOf, positiveNumber } from '../../core/index.ts';
import type { Charge, Counters, Env, Rate, Usage } from '../../env/index.ts';
import type { AuthFacts, ConnectFacts, DataFacts, HeloFacts, MailFacts, RcptFacts } from '../../smtp/facts.ts';
import type { LimitAnswer, LimitEvidence, OnStoreDown, Refusal } from './answers.ts';
import { after, answerOf, checkedOnStoreDown, evidence, numberFromOne, tightest, usagesOf } from './answers.ts';
import type { Prefixes } from './exemption.ts';
import { clientExemption } from './exemption.ts';
import type { CountedKey, KeyOf } from './keys.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A rate per minute, `burst` of them at once. Default: as many as the rate. */
export const perMinute = (rate: number, burst?: number): Rate => ({ rate, periodMs: MINUTE, burst });
/** A rate per hour, `burst` of them at once. Default: as many as the rate. */
export const perHour = (rate: number, burst?: number): Rate => ({ rate, periodMs: HOUR, burst });
/** A rate per day, `burst` of them at once. Default: as many as the rate. */
export const perDay = (rate: number, burst?: number): Rate => ({ rate, periodMs: DAY, burst });

/** Options of every rate limit. */
export interface RateLimitOptions {
  /**
   * When the rate is charged. `now`: by the check itself. `when-accepted`: the check only looks, and names the charges in
   * `afterwards`; the session (`chargeAccepted` of `postern/smtp`) makes them once the mail is accepted, so that a client whose
   * mail is deferred (greylisting) does not use up its rate by retrying. Default: `now`.
   */
  readonly charge?: 'now' | 'when-accepted';
  /** Prefixes of clients that are not counted. Default: none. */
  readonly exempt?: Prefixes;
  /** What follows if the shared store is down. Default: `open`. */
  readonly onStoreDown?: OnStoreDown;
  /** Part of the rule's id and of the counters' keys. Default: what is counted, by what, and the period. */
  readonly label?: string;
}

type RateCheck<Facts> = Check<Facts, Pick<Env, 'counters'>, 'pass' | 'none' | 'fail' | 'temperror', LimitEvidence>;

/** What is counted, and how it is refused. */
export interface Counted<in Facts> {
  /** In the plural: `messages`. */
  readonly what: string;
  /** Returns the cost of these facts; 0 is not counted. Default: 1. */
  readonly cost?: (facts: Facts) => number;
  /** Returns the cost that is pending with `when-accepted`: earlier recipients of the same message. Default: 0. */
  readonly pending?: (facts: Facts) => number;
  readonly refusal: Refusal;
}

/**
 * Limits the rate of anything, by any key, at any stage that knows both.
 *
 * - `pass`: allowed; `detail` contains the usage
 * - `none`: not counted, because these facts have no such key, or the client is exempt
 * - `fail`: the limit is reached, and nothing was charged; `detail.retryAfterMs` is the time until it is allowed again
 * - `temperror`: the shared store is down, and `onStoreDown` is `defer`
 *
 * @throws {TypeError} for a wrong rate, and a wrong or unknown option
 */
export function rateLimit<Facts extends Pick<ConnectFacts, 'client'>>(
  counted: Counted<Facts>,
  by: KeyOf<Facts>,
  rate: Rate,
  options: RateLimitOptions = {},
): RateCheck<Facts> {
  const owner = 'rateLimit';
  assertKnownOptions(owner, options, ['charge', 'exempt', 'onStoreDown', 'label']);
  positiveNumber(owner, 'rate', rate.rate);
  positiveNumber(owner, 'periodMs', rate.periodMs);
  if (rate.burst !== undefined) numberFromOne(owner, 'burst', rate.burst);
  else numberFromOne(owner, 'rate without burst', rate.rate);
  const onStoreDown = checkedOnStoreDown(owner, options.onStoreDown);
  const exempt = clientExemption(owner, 'exempt', options.exempt);
  const charge = oneOf(owner, 'charge', options.charge ?? 'now', ['now', 'when-accepted']);
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
        const detail = evidence(what, (keys[i] as CountedKey).key, usage, rate.periodMs);
        const answer = answerOf(usage.allowed, detail, refusal, onStoreDown);
        return charge === 'when-accepted' && answer.result === 'pass' ? { ...answer, afterwards: charges } : answer;
      };
      const query = (): Awaitable<readonly Usage[]> =>
        charge === 'now' ? counters.chargeAll(charges) : peekAll(counters, charges, counted.pending?.(facts) ?? 0);
      return after(
        usagesOf(
          query,
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

const tooFast = (explanation: string): Refusal => ({ cause: 'rate-exceeded', status: '7.1', explanation });

/** Limits the rate of messages, at MAIL. */
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

/** Limits the rate of recipients, at RCPT. */
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

/** Limits the rate of message bytes, at the end of DATA. */
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

/** Limits the rate of login attempts, at AUTH. Successful ones count too; the budgets of `smtpAuth()` count failures. */
export const authRate = <Facts>(
  by: KeyOf<Facts>,
  rate: Rate,
  options?: RateLimitOptions,
): RateCheck<Facts & AuthFacts> =>
  rateLimit<Facts & AuthFacts>(
    {
      what: 'logins',
      // Without a cause the reply is AUTH's usual 454: a rate limit is not a wrong password.
      refusal: { status: '7.0', explanation: 'Too many login attempts; please try again later' },
    },
    by,
    rate,
    options,
  );

/**
 * Limits the rate of TLS handshakes by STARTTLS. They are counted at the HELO that follows (RFC 3207 §4.2); another HELO counts
 * again.
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
