import { assertKnownOptions, numberFromZero, wholeNumber, wrongOption } from '../../core/index.ts';
import type { Counters, Env, Rate, Usage } from '../../env/index.ts';
import { pause } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { ipVersion, prefixKey } from '../../net/index.ts';
import type { Attempt } from './account.ts';
import { canonicalAccount } from './account.ts';
import { placeBook, WaitDeadline } from './waiting.ts';

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
   * Delay of the next attempt at an account after `n` distinct failures there, from any address: `firstMs × 2ⁿ⁻¹`, at most
   * `mostMs`. An account is delayed and never locked, because a lock would let attackers lock the owner out. A known client
   * does not wait. Default: 250 ms and 30 s.
   */
  readonly accountDelay?: { readonly firstMs?: number; readonly mostMs?: number };
  /**
   * How long an attempt waits, in milliseconds, while other attempts of its network are being verified that could use up the
   * budget. After that it is refused for now, without being verified or counted. Default: 10,000.
   */
  readonly waitMs?: number;
  /**
   * The key of the digests that distinguish wrong secrets: at least 16 bytes, and the same in every process that shares
   * counters. Default: random for each process.
   */
  readonly key?: Uint8Array<ArrayBuffer>;
}

/** The names of all budget options. */
export const budgetOptions: readonly (keyof BudgetOptions)[] = [
  'perSession',
  'perMinute',
  'perDay',
  'perAccount',
  'accountDelay',
  'waitMs',
  'key',
];

/** What the budgets use of the environment. */
export type BudgetEnv = Pick<Env, 'counters' | 'clock'>;

/** Which budget is used up. `busy`: none, but too many attempts of the same network are being verified. */
export type BudgetName = 'session' | 'prefix' | 'account' | 'busy';

/** Whether an attempt may continue. */
export type Admission =
  | {
      readonly allowed: true;
      /** The account's delay: how long the attempt has to wait before it is admitted, in milliseconds. */
      readonly holdMs: number;
    }
  | { readonly allowed: false; readonly budget: BudgetName; readonly key: string; readonly retryAfterMs: number };

/** How a login ended, as far as the budgets need to know. */
export type AttemptOutcome = 'accepted' | 'rejected' | 'unknown-account' | 'not-judged';

const MINUTE = 60_000;
const DAY = 86_400_000;
/** Counters in memory drop a session's count with the session. Shared counters need a limit. */
const SESSION_MS = 3_600_000;
const ACCOUNT_MS = 600_000;
/** After this many failures a day the delay of an account no longer rises. */
const ACCOUNT_STEPS = 16;
/** How long a client address that has logged in is known at its account. */
const KNOWN_MS = 30 * DAY;
/** New addresses a day that one account makes known, so that an account cannot fill the store with addresses. */
const NEW_ADDRESSES = 50;

/** RFC 4632 and RFC 6177: the usual allocations of one customer, one site and one provider's pool. */
const classes = [
  { v4: 32, v6: 64, times: 1 },
  { v4: 26, v6: 48, times: 3 },
  { v4: 21, v6: 32, times: 9 },
] as const;

const NO_OTHERS: ReadonlyMap<string, number> = new Map();

/**
 * Counts of failed logins, for one server or for several that share their counters.
 *
 * A client address that has logged in at an account is known there for 30 days. Its attempts at that account are counted
 * separately, so failures of its neighbours do not affect it. Accounts that exist and accounts that do not are treated alike:
 * neither delays nor refusals reveal which exist.
 */
export interface Budgets {
  /**
   * Returns whether an attempt would be admitted now. Changes nothing. Without `account` only the session is judged, because
   * it is not clear yet whether the client is known.
   */
  peek(attempt: Attempt, env: BudgetEnv): Promise<Admission>;
  /**
   * Takes a place for one verification. Call it once the client has sent everything and the account's delay is over
   * ({@link admitAfterDelay} does both): an attempt holds its place until `record`, and others of its network may have to wait
   * for it, at most `waitMs`. After an admission that was allowed, call `record` once with the same attempt.
   *
   * Rejects only if the store does. If `signal` is aborted while the attempt waits for a place, the answer is `busy`.
   */
  admit(attempt: Attempt, env: BudgetEnv, signal?: AbortSignal): Promise<Admission>;
  /**
   * Records how the verification ended, and releases the place. `secret` distinguishes a repeat of the same wrong secret from
   * a new one; only a keyed digest of it is kept. Without a secret each failure counts.
   */
  record(attempt: Attempt, outcome: AttemptOutcome, env: BudgetEnv, secret?: string | Uint8Array): Promise<void>;
}

/**
 * Creates the budgets of failed logins.
 *
 * @throws {TypeError} for a wrong option
 */
export function authBudgets(options: BudgetOptions = {}): Budgets {
  assertKnownOptions('authBudgets', options, budgetOptions);
  return checkedBudgets('authBudgets', options);
}

/** The same, for options that may contain others, which the caller has checked. */
export function checkedBudgets(owner: string, options: BudgetOptions): Budgets {
  const perSession = wholeNumber(owner, 'perSession', options.perSession ?? 3);
  const perMinute = wholeNumber(owner, 'perMinute', options.perMinute ?? 10);
  const perDay = wholeNumber(owner, 'perDay', options.perDay ?? 50);
  const perAccount = wholeNumber(owner, 'perAccount', options.perAccount ?? 5);
  const { accountDelay = {} } = options;
  assertKnownOptions(`${owner}: accountDelay`, accountDelay, ['firstMs', 'mostMs']);
  const firstMs = numberFromZero(owner, 'accountDelay.firstMs', accountDelay.firstMs ?? 250);
  const mostMs = numberFromZero(owner, 'accountDelay.mostMs', accountDelay.mostMs ?? 30_000);
  const waitMs = numberFromZero(owner, 'waitMs', options.waitMs ?? 10_000);
  if (options.key !== undefined && !(options.key instanceof Uint8Array && options.key.length >= 16))
    throw wrongOption(owner, 'key', 'a Uint8Array of at least 16 bytes', options.key);

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
    /** The key under which attempts are counted that may still be charged to this book. */
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

  /** @param others by place: how many attempts are being verified there, this one included */
  async function query(
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
    const { full: _, ...admission } = await query(attempt, who, await isKnown(env.counters, who.pair), env, NO_OTHERS);
    return admission;
  }

  return {
    peek,
    async admit(given, env, signal) {
      // Without an account the client cannot be known.
      const attempt = { ...given, account: given.account ?? '' };
      const who = named(attempt);
      const busy: Admission = { allowed: false, budget: 'busy', key: who.prefixes[0] as string, retryAfterMs: 1_000 };
      const known = await isKnown(env.counters, who.pair);
      const mine = [...(known ? [] : who.prefixes), ...(who.pair === undefined ? [] : [who.pair])];
      const deadline = new WaitDeadline(env.clock, waitMs, signal);
      try {
        let woken: string | undefined;
        const leave = (admission: Admission): Admission => {
          if (woken !== undefined) places.wakeNext(woken);
          return admission;
        };
        for (;;) {
          // The place is taken before the first await: otherwise forty attempts at once would all count as the first.
          const others = places.take(mine);
          const { full, ...admission } = await query(attempt, who, known, env, others).catch((error) => {
            places.release(mine);
            throw error;
          });
          if (admission.allowed) {
            places.keep(given, { places: mine, known });
            return leave(admission);
          }
          places.release(mine);
          // Used up by failures, or only by attempts that may all succeed? An office behind one address must not be refused
          // because all its users log in at nine.
          const { full: _, ...alone } = await query(attempt, who, known, env, NO_OTHERS);
          if (!alone.allowed) return leave(alone);
          if (full === undefined || !places.isTaken(full)) {
            if (deadline.passed) return leave(busy);
            continue;
          }
          const again = woken === full;
          if (woken !== undefined && !again) places.wakeNext(woken);
          woken = undefined;
          if (!(await places.turnAt(full, again, deadline))) return busy;
          woken = full;
        }
      } finally {
        deadline.cancel();
      }
    },
    async record(attempt, outcome, env, secret) {
      const held = places.heldBy(attempt);
      try {
        await keep(attempt, held?.known === true, outcome, env, secret);
      } finally {
        // Not before: an attempt holds its place until its failure is recorded.
        if (held !== undefined) {
          places.release(held.places);
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
      // A spammer with an own account must not clear the failures at other accounts: wider prefixes keep their count, and only
      // the login that makes the address known clears the count of the address.
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
    // An account that does not exist is counted like one that does: a difference would reveal which exist.
    if (secret !== undefined) {
      const once = `auth/once/${narrow}/${await digest(account ?? '', secret)}`;
      if (!(await counters.charge(once, onceRate)).allowed) return;
    }
    const books = [...(known ? [] : prefixBooks(prefixes)), ...accountBooks(pair)];
    if (account !== undefined && (await isNewThere(counters, account, secret)))
      books.push({ budget: 'account', key: delayKey(account), rate: delayRate });
    await Promise.all(books.map(({ key, rate }) => counters.charge(key, rate)));
  }

  /** Whether the secret is new at this account: a repeat from another address gains an attacker nothing, and is not counted. */
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
 * Waits for the account's delay, then admits the attempt. `holdMs` in the answer is how long it has waited.
 *
 * If `signal` is aborted during the delay, the answer is `busy`.
 */
export async function admitAfterDelay(
  budgets: Budgets,
  attempt: Attempt,
  env: BudgetEnv,
  signal?: AbortSignal,
): Promise<Admission> {
  // Without an account there is no delay, and `admit` treats the client as unknown.
  const named = { ...attempt, account: attempt.account ?? '' };
  let holdMs = 0;
  for (;;) {
    const now = await budgets.peek(named, env);
    if (!now.allowed) return now;
    // The delay may have grown during the pause. Only the rest of it is added.
    if (now.holdMs <= holdMs) break;
    await pause(env.clock, now.holdMs - holdMs, signal);
    holdMs = now.holdMs;
    if (signal?.aborted) return { allowed: false, budget: 'busy', key: attempt.session, retryAfterMs: 0 };
  }
  const admission = await budgets.admit(attempt, env, signal);
  return admission.allowed ? { allowed: true, holdMs } : admission;
}

/** Returns the delay after `failures` distinct failures, in milliseconds. */
export const delayAfter = (failures: number, firstMs: number, mostMs: number): number =>
  failures <= 0 ? 0 : Math.min(mostMs, firstMs * 2 ** (Math.min(failures, 32) - 1));

/**
 * Returns the prefixes that the client's failures are counted by, narrowest first.
 *
 * @internal
 */
export const prefixesOf = (client: IpAddress): string[] => {
  const family = ipVersion(client);
  return classes.map(({ v4, v6 }) => prefixKey(client, { v4, v6 })).map((prefix) => `${family}/${prefix}`);
};

/** Returns a function that makes keyed digests. The key stays in the process, so counters do not reveal wrong secrets. */
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
    // The length comes first, so that no two pairs of account and secret have the same bytes.
    new DataView(data.buffer).setUint32(0, name.length);
    data.set(name, 4);
    data.set(text, 4 + name.length);
    const mac = new Uint8Array(await crypto.subtle.sign('HMAC', await made, data));
    return Array.from(mac.subarray(0, 16), (octet) => octet.toString(16).padStart(2, '0')).join('');
  };
}
