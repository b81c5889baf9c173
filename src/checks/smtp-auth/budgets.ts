import type { Clock, Counters, Rate, Usage } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { ipVersion, prefixKey } from '../../net/index.ts';
import { canonicalAccount } from './account.ts';
import { Patience, placeBook, wait } from './places.ts';

/** How many failed logins are tolerated before a client has to wait. Each number is a count of failures. */
export interface BudgetOptions {
  /** Failures in one session; the next attempt is answered with 421. Default: 3. */
  readonly perSession?: number;
  /** Distinct failures per minute of one client address (/32, /64); ×3 for its /26 or /48, ×9 for its /21 or /32. Default: 10. */
  readonly perMinute?: number;
  /** The same per day; also the most that a known client may fail at its account per day. Default: 50. */
  readonly perDay?: number;
  /** Distinct failures of one client address at one account, per ten minutes. Default: 5. */
  readonly perAccount?: number;
  /**
   * How long the next attempt at an account waits after `n` distinct failures there, from whatever address:
   * `firstMs × 2ⁿ⁻¹`, never more than `mostMs`. Default: 250 ms and 30 s. An account is delayed and never locked: a lock would let
   * strangers lock the owner out. A known client does not wait.
   */
  readonly accountDelay?: { readonly firstMs?: number; readonly mostMs?: number };
  /**
   * How long an attempt waits, in milliseconds, while others of the same network are being verified that could use up the budget.
   * After that it is refused for the moment, without being verified or counted. Default: 10,000.
   */
  readonly waitMs?: number;
  /**
   * The key under which wrong secrets are told apart; at least 16 bytes, the same in every process that shares counters.
   * Default: random for each process.
   */
  readonly key?: Uint8Array<ArrayBuffer>;
}

/** What the budgets ask of the environment. */
export interface BudgetEnv {
  readonly counters: Counters;
  readonly clock: Clock;
}

/** Who attempts to log in. */
export interface Attempt {
  /** The session's id. */
  readonly session: string;
  readonly client: IpAddress;
  /** The account as the client named it; absent while it is not known yet. */
  readonly account?: string;
}

/** Which budget is used up; `busy`: none, but too many attempts of the same network are being verified. */
export type BudgetName = 'session' | 'prefix' | 'account' | 'busy';

/** Whether an attempt may go on. */
export type Admission =
  | {
      readonly allowed: true;
      /** The account's delay: how long the attempt has to wait before it is admitted. */
      readonly holdMs: number;
    }
  | { readonly allowed: false; readonly budget: BudgetName; readonly key: string; readonly retryAfterMs: number };

/** How a login ended, as far as the budgets need to know. */
export type AttemptOutcome = 'accepted' | 'rejected' | 'unknown-account' | 'not-judged';

const MINUTE = 60_000;
const DAY = 86_400_000;
/** A site that does not share counters forgets a session's count with the session; a shared one needs an end. */
const SESSION_MS = 3_600_000;
const ACCOUNT_MS = 600_000;
/** After this many failures a day the delay of an account rises no more. */
const ACCOUNT_STEPS = 16;
/** How long a client address that has logged in is known at its account. */
const KNOWN_MS = 30 * DAY;
/** New addresses a day that an account makes known: one account must not fill the store with addresses. */
const NEW_ADDRESSES = 50;

/** RFC 4632 and RFC 6177: what one customer, one site, one provider's pool is likely to be given. */
const classes = [
  { v4: 32, v6: 64, times: 1 },
  { v4: 26, v6: 48, times: 3 },
  { v4: 21, v6: 32, times: 9 },
] as const;

const NO_OTHERS: ReadonlyMap<string, number> = new Map();

/**
 * The books of failed logins. One for a server, or for a fleet that shares its counters.
 *
 * A client address that has logged in at an account is known there for 30 days. Its attempts at that account are counted by
 * themselves: what its neighbours do to the budget of their network does not concern it. Accounts that exist and accounts that do
 * not are treated alike, so that neither delays nor refusals reveal which is which.
 */
export interface Budgets {
  /**
   * Whether an attempt would be admitted now. Changes nothing. Without `account` only the session is judged: whose login it is, and
   * so whether the client is known, is not clear yet.
   */
  peek(attempt: Attempt, env: BudgetEnv): Promise<Admission>;
  /**
   * Takes a place for one verification. Call it once everything that the client has to send is there and the account's delay is
   * over ({@link admitAfterDelay} does both): an attempt holds its place until `record`, and others of its network may have to wait
   * for it, `waitMs` at most. An admission that was allowed must be followed by one `record` with the same attempt.
   *
   * It rejects only if the store does. If `signal` aborts while it waits for a place, the answer is `busy`.
   */
  admit(attempt: Attempt, env: BudgetEnv, signal?: AbortSignal): Promise<Admission>;
  /**
   * Records how the verification ended, and gives the place back. `secret` tells a repeat of the same wrong secret from a new one;
   * only a keyed digest of it is kept. Without a secret each failure counts.
   */
  record(attempt: Attempt, outcome: AttemptOutcome, env: BudgetEnv, secret?: string | Uint8Array): Promise<void>;
}

/** @throws {TypeError} if an option is not a whole number of 1 or more, or not the length of time or key it must be */
export function authBudgets(options: BudgetOptions = {}): Budgets {
  const whole = (name: 'perSession' | 'perMinute' | 'perDay' | 'perAccount', fallback: number): number => {
    const value = options[name] ?? fallback;
    if (!Number.isSafeInteger(value) || value < 1)
      throw new TypeError(`smtpAuth: ${name} must be a whole number of 1 or more, got ${value}`);
    return value;
  };
  const perSession = whole('perSession', 3);
  const perMinute = whole('perMinute', 10);
  const perDay = whole('perDay', 50);
  const perAccount = whole('perAccount', 5);
  const { firstMs = 250, mostMs = 30_000 } = options.accountDelay ?? {};
  const { waitMs = 10_000 } = options;
  for (const [name, value] of Object.entries({
    'accountDelay.firstMs': firstMs,
    'accountDelay.mostMs': mostMs,
    waitMs,
  }))
    if (!(value >= 0) || !Number.isFinite(value))
      throw new TypeError(`smtpAuth: ${name} must be a number of milliseconds, 0 or more, got ${value}`);
  if (options.key !== undefined && !(options.key instanceof Uint8Array && options.key.length >= 16))
    throw new TypeError('smtpAuth: key must be at least 16 bytes');

  const digest = secretDigest(options.key);
  const places = placeBook();

  const sessionRate: Rate = { rate: perSession, periodMs: SESSION_MS, pool: 'auth' };
  const accountRate: Rate = { rate: perAccount, periodMs: ACCOUNT_MS, pool: 'auth' };
  const accountDayRate: Rate = { rate: perDay, periodMs: DAY, pool: 'auth/day' };
  const delayRate: Rate = { rate: ACCOUNT_STEPS, periodMs: DAY, pool: 'auth/delay' };
  const knownRate: Rate = { rate: 1, periodMs: KNOWN_MS, pool: 'auth/known' };
  const newAddressRate: Rate = { rate: NEW_ADDRESSES, periodMs: DAY, pool: 'auth/day' };
  const onceRate: Rate = { rate: 1, periodMs: DAY, pool: 'auth/once' };
  const prefixRates = classes.map(({ times }) => ({
    minute: { rate: perMinute * times, periodMs: MINUTE, pool: 'auth' } satisfies Rate,
    day: { rate: perDay * times, periodMs: DAY, pool: 'auth/day' } satisfies Rate,
  }));

  interface Book {
    readonly budget: BudgetName;
    readonly key: string;
    readonly rate: Rate;
    /** Attempts under way that may still be charged to this book are counted under this key. */
    readonly place?: string;
  }
  const prefixBooks = (prefixes: readonly string[]): Book[] =>
    prefixes.flatMap((prefix, i) => {
      const { minute, day } = prefixRates[i] as (typeof prefixRates)[number];
      return [
        { budget: 'prefix' as const, key: `auth/minute/${prefix}`, rate: minute, place: prefix },
        { budget: 'prefix' as const, key: `auth/day/${prefix}`, rate: day, place: prefix },
      ];
    });
  const sessionBook = (session: string): Book => ({
    budget: 'session',
    key: `auth/session/${session}`,
    rate: sessionRate,
  });
  const accountBooks = (pair: string | undefined): Book[] =>
    pair === undefined
      ? []
      : [
          { budget: 'account', key: `auth/account/${pair}`, rate: accountRate, place: pair },
          { budget: 'account', key: `auth/account-day/${pair}`, rate: accountDayRate, place: pair },
        ];
  const delayKey = (account: string): string => `auth/delay/${account}`;
  const knownKey = (pair: string): string => `auth/known/${pair}`;

  interface Named {
    readonly prefixes: readonly string[];
    readonly account: string | undefined;
    /** The client address and the account together. */
    readonly pair: string | undefined;
  }
  const named = (attempt: Attempt): Named => {
    const prefixes = prefixesOf(attempt.client);
    const account = attempt.account === undefined ? undefined : canonicalAccount(attempt.account);
    return { prefixes, account, pair: account === undefined ? undefined : `${prefixes[0]}/${account}` };
  };
  const isKnown = async (counters: Counters, pair: string | undefined): Promise<boolean> =>
    pair !== undefined && !(await counters.peek(knownKey(pair), knownRate)).allowed;

  /** @param others by place: how many attempts there are with this one, it included */
  async function ask(
    attempt: Attempt,
    { prefixes, account, pair }: Named,
    known: boolean,
    { counters }: BudgetEnv,
    others: ReadonlyMap<string, number>,
  ): Promise<Admission & { readonly full?: string }> {
    const books = [sessionBook(attempt.session)];
    if (attempt.account !== undefined) books.push(...(known ? [] : prefixBooks(prefixes)), ...accountBooks(pair));
    const [usages, failures] = await Promise.all([
      Promise.all(
        books.map(({ key, rate, place }) =>
          counters.peek(key, rate, place === undefined ? 1 : (others.get(place) ?? 1)),
        ),
      ),
      account === undefined || known ? undefined : counters.peek(delayKey(account), delayRate, 0),
    ]);
    const full = usages.findIndex(({ allowed }) => !allowed);
    if (full >= 0) {
      const { budget, key, place } = books[full] as Book;
      const { retryAfterMs } = usages[full] as Usage;
      return { allowed: false, budget, key, retryAfterMs, full: place };
    }
    return { allowed: true, holdMs: delayAfter(failures?.used ?? 0, firstMs, mostMs) };
  }

  async function peek(attempt: Attempt, env: BudgetEnv): Promise<Admission> {
    const who = named(attempt);
    const { full: _, ...admission } = await ask(attempt, who, await isKnown(env.counters, who.pair), env, NO_OTHERS);
    return admission;
  }

  return {
    peek,
    async admit(given, env, signal) {
      // Without an account, nobody in particular: a stranger.
      const attempt = { ...given, account: given.account ?? '' };
      const who = named(attempt);
      const busy: Admission = { allowed: false, budget: 'busy', key: who.prefixes[0] as string, retryAfterMs: 1_000 };
      const known = await isKnown(env.counters, who.pair);
      const mine = [...(known ? [] : who.prefixes), ...(who.pair === undefined ? [] : [who.pair])];
      const patience = new Patience(env.clock, waitMs, signal);
      try {
        let woken: string | undefined;
        const leave = (admission: Admission): Admission => {
          if (woken !== undefined) places.wakeNext(woken);
          return admission;
        };
        for (;;) {
          // The place is taken before anything is awaited, or forty attempts at once would all be the first.
          const others = places.take(mine);
          const { full, ...admission } = await ask(attempt, who, known, env, others).catch((error) => {
            places.giveBack(mine);
            throw error;
          });
          if (admission.allowed) {
            places.keep(given, { places: mine, known });
            return leave(admission);
          }
          places.giveBack(mine);
          // Full with failures, or only with attempts that may all succeed? An office behind one address must not be refused
          // because everybody logs in at nine.
          const { full: _, ...alone } = await ask(attempt, who, known, env, NO_OTHERS);
          if (!alone.allowed) return leave(alone);
          if (full === undefined || !places.isTaken(full)) {
            if (patience.isOver) return leave(busy);
            continue;
          }
          const again = woken === full;
          if (woken !== undefined && !again) places.wakeNext(woken);
          woken = undefined;
          if (!(await places.turnAt(full, again, patience))) return busy;
          woken = full;
        }
      } finally {
        patience.end();
      }
    },
    async record(attempt, outcome, env, secret) {
      const held = places.heldBy(attempt);
      try {
        await keep(attempt, held?.known === true, outcome, env, secret);
      } finally {
        // Only now: until its failure is written down an attempt holds its place.
        if (held !== undefined) {
          places.giveBack(held.places);
          for (const place of held.places) places.wakeNext(place);
        }
      }
    },
  };

  async function keep(
    attempt: Attempt,
    known: boolean,
    outcome: AttemptOutcome,
    { counters }: BudgetEnv,
    secret: string | Uint8Array | undefined,
  ): Promise<void> {
    if (outcome === 'not-judged') return;
    const { prefixes, account, pair } = named(attempt);
    const narrow = prefixes[0] as string;
    if (outcome === 'accepted') {
      const wasKnown = await isKnown(counters, pair);
      // A spammer with an account of his own must not clear what he has failed elsewhere: wider prefixes keep their count, and the
      // address is cleared only by the login that makes it known.
      const address = wasKnown ? [] : prefixBooks([narrow]);
      const own = [sessionBook(attempt.session), ...address, ...accountBooks(pair)];
      await Promise.all(own.map(({ key }) => counters.clear(key)));
      if (pair === undefined) return;
      if (wasKnown) await counters.clear(knownKey(pair));
      else if (!(await counters.charge(`auth/new-address/${account}`, newAddressRate)).allowed) return;
      await counters.charge(knownKey(pair), knownRate);
      return;
    }
    const session = sessionBook(attempt.session);
    await counters.charge(session.key, session.rate);
    // An account that does not exist is counted like one that does: a difference would reveal which do.
    if (secret !== undefined) {
      const once = `auth/once/${narrow}/${await digest(account ?? '', secret)}`;
      if (!(await counters.charge(once, onceRate)).allowed) return;
    }
    const books = [...(known ? [] : prefixBooks(prefixes)), ...accountBooks(pair)];
    if (account !== undefined && (await isNewThere(counters, account, secret)))
      books.push({ budget: 'account', key: delayKey(account), rate: delayRate });
    await Promise.all(books.map(({ key, rate }) => counters.charge(key, rate)));
  }

  /** A secret that was tried at the account from elsewhere before teaches a guesser nothing. */
  async function isNewThere(
    counters: Counters,
    account: string,
    secret: string | Uint8Array | undefined,
  ): Promise<boolean> {
    if (secret === undefined) return true;
    return (await counters.charge(`auth/once/${await digest(account, secret)}`, onceRate)).allowed;
  }
}

/**
 * Waits for the account's delay, and then has the attempt admitted. `holdMs` is how long it has waited.
 *
 * If `signal` aborts meanwhile, the answer is `busy`.
 */
export async function admitAfterDelay(
  budgets: Budgets,
  attempt: Attempt,
  env: BudgetEnv,
  signal?: AbortSignal,
): Promise<Admission> {
  // Without an account there is no delay, and `admit` takes the attempt for a stranger's.
  const named = { ...attempt, account: attempt.account ?? '' };
  let holdMs = 0;
  for (;;) {
    const now = await budgets.peek(named, env);
    if (!now.allowed) return now;
    // The delay may have grown meanwhile. Only the rest of it is waited for.
    if (now.holdMs <= holdMs) break;
    await wait(env.clock, now.holdMs - holdMs, signal);
    holdMs = now.holdMs;
    if (signal?.aborted) return { allowed: false, budget: 'busy', key: attempt.session, retryAfterMs: 0 };
  }
  const admission = await budgets.admit(attempt, env, signal);
  return admission.allowed ? { allowed: true, holdMs } : admission;
}

/** The delay after `failures` distinct failures, in milliseconds. */
export const delayAfter = (failures: number, firstMs: number, mostMs: number): number =>
  failures <= 0 ? 0 : Math.min(mostMs, firstMs * 2 ** (Math.min(failures, 32) - 1));

/** The client's address with its neighbours, narrowest first. */
export const prefixesOf = (client: IpAddress): string[] => {
  const family = ipVersion(client);
  return classes.map(({ v4, v6 }) => prefixKey(client, { v4, v6 })).map((prefix) => `${family}/${prefix}`);
};

/** Makes digests under a key that stays in the process: counters do not reveal what a wrong secret was. */
function secretDigest(
  key: Uint8Array<ArrayBuffer> | undefined,
): (account: string, secret: string | Uint8Array) => Promise<string> {
  let made: ReturnType<typeof crypto.subtle.importKey> | undefined;
  return async (account, secret) => {
    made ??= crypto.subtle.importKey(
      'raw',
      key ?? crypto.getRandomValues(new Uint8Array(32)),
      { name: 'HMAC', hash: 'SHA-256' },
      false,
      ['sign'],
    );
    const name = new TextEncoder().encode(account);
    const text = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret;
    const data = new Uint8Array(4 + name.length + text.length);
    // The length first: no two pairs of account and secret are the same octets.
    new DataView(data.buffer).setUint32(0, name.length);
    data.set(name, 4);
    data.set(text, 4 + name.length);
    const mac = new Uint8Array(await crypto.subtle.sign('HMAC', await made, data));
    return Array.from(mac.subarray(0, 16), (octet) => octet.toString(16).padStart(2, '0')).join('');
  };
}
