import type { Awaitable, Check } from '../../core/index.ts';
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
   * When the rate is charged. `now`: by the check itself. `when-accepted`: the check only looks, and names the charges in
   * `afterwards`; the session (`chargeAccepted` of `postern/smtp`) makes them once the mail is accepted, so that a client whose
   * mail is deferred (greylisting) does not use up its rate by retrying. Default: `now`.
   */
  readonly charge?: 'now' | 'when-accepted';
  /** Prefixes of clients that are not counted. */
  readonly exempt?: Prefixes;
  /** `open` where not given. */
  readonly onStoreDown?: OnStoreDown;
  /** Part of the rule's id and of the counters' keys; what is counted, by what and for how long, where not given. */
  readonly label?: string;
}

type RateCheck<Facts> = Check<Facts, Pick<Env, 'counters'>, 'pass' | 'none' | 'fail' | 'temperror', LimitEvidence>;

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
        const detail = evidence(what, (keys[i] as CountedKey).key, usage, rate.periodMs);
        const answer = answerOf(usage.allowed, detail, refusal, onStoreDown);
        return charge === 'when-accepted' && answer.result === 'pass' ? { ...answer, afterwards: charges } : answer;
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
