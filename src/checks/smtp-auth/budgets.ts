import type { Clock, Counters, Rate, Usage } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { ipVersion, prefixKey } from '../../net/index.ts';
import { canonicalAccount } from './account.ts';

/** How many failed logins are borne, before a client has to wait. Every number is a count of failures. */
export interface BudgetOptions {
  /** Failures in one session; the next attempt is answered with 421. 3 where not given. */
  readonly perSession?: number | undefined;
  /** Distinct failures per minute of one client address (/32, /64); ×3 for its /26 or /48, ×9 for its /21 or /32. 10. */
  readonly perMinute?: number | undefined;
  /** The same, per day. 50. */
  readonly perDay?: number | undefined;
  /** Distinct failures of one client address at one account, per ten minutes. 5. */
  readonly perAccount?: number | undefined;
  /**
   * How long the next attempt at an account waits after `n` distinct failures there, from wherever they came:
   * `firstMs × 2ⁿ⁻¹`, never more than `mostMs`. 250 ms and 30 s where not given. It is a delay and never a lock: a lock
   * would let strangers lock the owner out. A client address that has logged in there before does not wait.
   */
  readonly accountDelay?: { readonly firstMs?: number | undefined; readonly mostMs?: number | undefined } | undefined;
  /**
   * The key under which wrong secrets are told apart; at least 16 octets, the same in every process that shares counters.
   * Random for each process where not given.
   */
  readonly key?: Uint8Array<ArrayBuffer> | undefined;
}

/** What the budgets ask of the environment. */
export interface BudgetEnv {
  readonly counters: Counters;
  readonly clock: Clock;
}

/** Whose attempt it is. */
export interface Attempt {
  /** The session's id. */
  readonly session: string;
  readonly client: IpAddress;
  /** The account as the client named it; absent where it is not known yet. */
  readonly account?: string | undefined;
}

/** Which budget is used up. */
export type BudgetName = 'session' | 'prefix' | 'account';

/** What may follow: nothing but patience. */
export type Admission =
  | { readonly allowed: true; readonly holdMs: number }
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

/** RFC 4632 and RFC 6177: what one customer, one site, one provider's pool is likely to be given. */
const classes = [
  { v4: 32, v6: 64, times: 1 },
  { v4: 26, v6: 48, times: 3 },
  { v4: 21, v6: 32, times: 9 },
] as const;

const NOBODY_ELSE: ReadonlyMap<string, number> = new Map();

/** The books of failed logins. One for a server, or for a fleet that shares its counters. */
export interface Budgets {
  /** Before credentials are read: may this client go on? Changes nothing. */
  peek(attempt: Attempt, env: BudgetEnv): Promise<Admission>;
  /**
   * Before credentials are verified: may they be, and after which wait? Every admission that was allowed must be followed
   * by one `record`.
   */
  admit(attempt: Attempt, env: BudgetEnv): Promise<Admission>;
  /**
   * After they have been verified. `secret` tells a repeat of the same wrong secret from a new one; only a keyed digest
   * of it is kept. Without a secret each failure counts.
   */
  record(attempt: Attempt, outcome: AttemptOutcome, env: BudgetEnv, secret?: string | Uint8Array): Promise<void>;
}

/** @throws TypeError for a budget that is not a whole number more than 0 */
export function authBudgets(options: BudgetOptions = {}): Budgets {
  const whole = (name: 'perSession' | 'perMinute' | 'perDay' | 'perAccount', fallback: number): number => {
    const value = options[name] ?? fallback;
    if (!Number.isSafeInteger(value) || value < 1)
      throw new TypeError(`smtpAuth: ${name} ${value} must be a whole number, 1 or more`);
    return value;
  };
  const perSession = whole('perSession', 3);
  const perMinute = whole('perMinute', 10);
  const perDay = whole('perDay', 50);
  const perAccount = whole('perAccount', 5);
  const { firstMs = 250, mostMs = 30_000 } = options.accountDelay ?? {};
  for (const [name, value] of Object.entries({ firstMs, mostMs }))
    if (!(value >= 0) || !Number.isFinite(value))
      throw new TypeError(`smtpAuth: accountDelay.${name} ${value} must be a number of milliseconds, 0 or more`);
  if (options.key !== undefined && !(options.key instanceof Uint8Array && options.key.length >= 16))
    throw new TypeError('smtpAuth: key must be at least 16 octets');

  const digest = secretDigest(options.key);
  /** Attempts that are being verified now, by prefix: they may all fail yet. */
  const underWay = new Map<string, number>();
  const move = (prefixes: readonly string[], by: 1 | -1): void => {
    for (const prefix of prefixes) {
      const count = (underWay.get(prefix) ?? 0) + by;
      if (count > 0) underWay.set(prefix, count);
      else if (underWay.delete(prefix)) wakeNext(prefix);
    }
  };

  /** Attempts that wait for others of their prefix to end, the one that came first in front. */
  const waiting = new Map<string, (() => void)[]>();
  const turnAt = (prefix: string, inFront: boolean): Promise<void> =>
    new Promise((resolve) => {
      const line = waiting.get(prefix) ?? [];
      if (inFront) line.unshift(resolve);
      else line.push(resolve);
      waiting.set(prefix, line);
    });
  const wakeNext = (prefix: string): void => {
    const line = waiting.get(prefix);
    const next = line?.shift();
    if (line?.length === 0) waiting.delete(prefix);
    next?.();
  };

  const sessionRate: Rate = { rate: perSession, periodMs: SESSION_MS };
  const accountRate: Rate = { rate: perAccount, periodMs: ACCOUNT_MS };
  const delayRate: Rate = { rate: ACCOUNT_STEPS, periodMs: DAY };
  const knownRate: Rate = { rate: 1, periodMs: KNOWN_MS };
  const onceRate: Rate = { rate: 1, periodMs: DAY };

  interface Book {
    readonly budget: BudgetName;
    readonly key: string;
    readonly rate: Rate;
    readonly prefix?: string;
  }
  const prefixBooks = (prefixes: readonly string[]): Book[] =>
    prefixes.flatMap((prefix, i) => {
      const { times } = classes[i] as (typeof classes)[number];
      return [
        {
          budget: 'prefix' as const,
          key: `auth/minute/${prefix}`,
          rate: { rate: perMinute * times, periodMs: MINUTE },
          prefix,
        },
        { budget: 'prefix' as const, key: `auth/day/${prefix}`, rate: { rate: perDay * times, periodMs: DAY }, prefix },
      ];
    });
  const sessionBook = (session: string): Book => ({
    budget: 'session',
    key: `auth/session/${session}`,
    rate: sessionRate,
  });
  const accountBook = (prefix: string, account: string): Book => ({
    budget: 'account',
    key: `auth/account/${prefix}/${account}`,
    rate: accountRate,
  });
  const delayKey = (account: string): string => `auth/delay/${account}`;
  const knownKey = (prefix: string, account: string): string => `auth/known/${prefix}/${account}`;

  const named = (attempt: Attempt): string | undefined =>
    attempt.account === undefined ? undefined : canonicalAccount(attempt.account);

  /** @param places by prefix: how many attempts there are with this one, it included */
  async function ask(
    attempt: Attempt,
    env: BudgetEnv,
    places: ReadonlyMap<string, number>,
  ): Promise<Admission & { readonly full?: string }> {
    const { counters } = env;
    const prefixes = prefixesOf(attempt.client);
    const account = named(attempt);
    const narrow = prefixes[0] as string;
    const books = [sessionBook(attempt.session), ...prefixBooks(prefixes)];
    if (account !== undefined) books.push(accountBook(narrow, account));
    const [usages, known, failures] = await Promise.all([
      Promise.all(
        books.map(({ key, rate, prefix }) =>
          counters.peek(key, rate, prefix === undefined ? 1 : (places.get(prefix) ?? 1)),
        ),
      ),
      account === undefined ? undefined : counters.peek(knownKey(narrow, account), knownRate),
      account === undefined ? undefined : counters.peek(delayKey(account), delayRate, 0),
    ]);
    const full = usages.findIndex(({ allowed }) => !allowed);
    if (full >= 0) {
      const { budget, key, prefix } = books[full] as Book;
      const { retryAfterMs } = usages[full] as Usage;
      return { allowed: false, budget, key, retryAfterMs, ...(prefix === undefined ? {} : { full: prefix }) };
    }
    const stranger = known === undefined || known.allowed;
    return { allowed: true, holdMs: stranger ? delayAfter(failures?.used ?? 0, firstMs, mostMs) : 0 };
  }

  return {
    async peek(attempt, env) {
      const { full: _, ...admission } = await ask(attempt, env, NOBODY_ELSE);
      return admission;
    },
    async admit(attempt, env) {
      const prefixes = prefixesOf(attempt.client);
      let woken: string | undefined;
      for (;;) {
        // The place is taken before anything is awaited, or forty attempts at once would all be the first.
        move(prefixes, 1);
        const places = new Map(prefixes.map((prefix) => [prefix, underWay.get(prefix) ?? 1]));
        const { full, ...admission } = await ask(attempt, env, places).catch((error) => {
          move(prefixes, -1);
          throw error;
        });
        if (admission.allowed) {
          if (woken !== undefined) wakeNext(woken);
          return admission;
        }
        move(prefixes, -1);
        // Full with failures, or only with attempts that may all succeed yet? An office behind one address must not be
        // refused because everybody logs in at nine.
        const { full: _, ...alone } = await ask(attempt, env, NOBODY_ELSE);
        if (!alone.allowed) {
          if (woken !== undefined) wakeNext(woken);
          return alone;
        }
        if (full === undefined || !underWay.has(full)) continue;
        const again = woken === full;
        if (woken !== undefined && !again) wakeNext(woken);
        await turnAt(full, again);
        woken = full;
      }
    },
    async record(attempt, outcome, env, secret) {
      const prefixes = prefixesOf(attempt.client);
      try {
        await keep(attempt, prefixes, outcome, env, secret);
      } finally {
        // Only now: until its failure is written down an attempt holds its place.
        move(prefixes, -1);
        for (const prefix of prefixes) wakeNext(prefix);
      }
    },
  };

  async function keep(
    attempt: Attempt,
    prefixes: readonly string[],
    outcome: AttemptOutcome,
    env: BudgetEnv,
    secret: string | Uint8Array | undefined,
  ): Promise<void> {
    const { counters } = env;
    const narrow = prefixes[0] as string;
    const account = named(attempt);
    if (outcome === 'not-judged') return;
    if (outcome === 'accepted') {
      // The wider prefixes keep their count: a spammer with one account of his own must not wash a whole network clean.
      const own = [sessionBook(attempt.session), ...prefixBooks([narrow])];
      if (account !== undefined) own.push(accountBook(narrow, account));
      await Promise.all(own.map(({ key }) => counters.clear(key)));
      if (account === undefined) return;
      await counters.clear(knownKey(narrow, account));
      await counters.charge(knownKey(narrow, account), knownRate);
      return;
    }
    const session = sessionBook(attempt.session);
    await counters.charge(session.key, session.rate);
    if (secret !== undefined) {
      const once = `auth/once/${narrow}/${await digest(account ?? '', secret)}`;
      if (!(await counters.charge(once, onceRate)).allowed) return;
    }
    const books = prefixBooks(prefixes);
    if (account !== undefined && outcome === 'rejected') {
      books.push(accountBook(narrow, account));
      if (await isNewThere(counters, account, secret))
        books.push({ budget: 'account', key: delayKey(account), rate: delayRate });
    }
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

/** The delay after `failures` distinct failures, in milliseconds. */
export const delayAfter = (failures: number, firstMs: number, mostMs: number): number =>
  failures <= 0 ? 0 : Math.min(mostMs, firstMs * 2 ** (Math.min(failures, 32) - 1));

/** The client's address with its neighbours, the narrowest first. */
export const prefixesOf = (client: IpAddress): string[] => {
  const family = ipVersion(client);
  return classes.map(({ v4, v6 }) => prefixKey(client, { v4, v6 })).map((prefix) => `${family}/${prefix}`);
};

/** A digest under a key that never leaves the process: what a wrong secret was cannot be learnt from a counter. */
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
