import type { Ban, Bans, Clock } from '../../env/index.ts';
import type { OverlayEntry, Prefix } from '../../net/index.ts';
import { PrefixOverlay, PrefixSet, parsePrefix, printPrefix } from '../../net/index.ts';
import type { BanTimes } from './ban-time.ts';
import { banTime, checkedBanTimes } from './ban-time.ts';

/** How {@link memoryBans} are made. */
export interface MemoryBansOptions extends BanTimes {
  readonly clock: Clock;
  /**
   * How many bans are in force at most; 1,000,000 where not given. Beyond that those go that would end soonest. Of those
   * that are over, an eighth as many are remembered.
   */
  readonly atMost?: number | undefined;
  /** Addresses and prefixes that are never banned, nor along with a wider prefix: one's own, the trusted, the allowed. */
  readonly never?: Iterable<string> | PrefixSet | undefined;
}

/** Bans that answer at once. */
export interface MemoryBans extends Bans {
  lookup(address: string): Ban | undefined;
  add(prefix: string, reason: string, forMs?: number): Ban | undefined;
  /** Takes over a ban as it stands, from a file or from another process. False where it may not be held. */
  restore(ban: Ban): boolean;
  lift(prefix: string): boolean;
  list(): readonly Ban[];
  /** Whether the prefix, or a wider one, may never be banned; true for what is no prefix. */
  spares(prefix: string): boolean;
  /** Bans held, those that are over and not swept yet included, and the bytes of their tables. */
  readonly size: number;
  readonly bytes: number;
}

/** A ban's number: 12 bits that name the reason, 5 that count, 15 for how long it lasts. */
const MAX_REASONS = 4_095;
const MAX_TIMES = 31;
const TICK_MS = 100;

/**
 * Bans of this process, in memory, some twenty bytes each. Times are kept to a tenth of a second, and when a ban began
 * to a thousandth of its length. Of more than 4,094 different reasons, the later ones read `other`.
 *
 * @throws TypeError for a wrong option
 *
 * @example
 * ```ts
 * import { memoryBans } from 'postern/adapters/memory';
 * import { systemClock } from 'postern/adapters/system';
 *
 * const bans = memoryBans({ clock: systemClock(), never: ['192.0.2.0/24'] });
 * const ban = bans.add('198.51.100.7', 'five wrong passwords');
 * console.log(ban?.prefix, bans.lookup('198.51.100.7')?.reason);
 * bans.lift('198.51.100.7');
 * ```
 */
export function memoryBans(options: MemoryBansOptions): MemoryBans {
  const { clock, atMost = 1_000_000 } = options;
  if (typeof clock?.now !== 'function')
    throw new TypeError('memoryBans: clock is missing; give systemClock(), or fixedClock() in a test');
  if (!Number.isInteger(atMost) || atMost < 1 || atMost > 100_000_000)
    throw new TypeError(`memoryBans: atMost ${atMost} must be a whole number from 1 to 100000000`);
  const times = checkedBanTimes('memoryBans', options);
  const never = neverSet(options.never);

  const inForce = new PrefixOverlay({ max: atMost });
  /** How many times a prefix was banned, until that is forgotten. */
  const remembered = new PrefixOverlay({ max: Math.max(1, Math.ceil(atMost / 8)) });
  const reasons: string[] = ['other'];
  const reasonNumbers = new Map<string, number>();

  const numberOf = (reason: string): number => {
    const known = reasonNumbers.get(reason);
    if (known !== undefined) return known;
    if (reasons.length >= MAX_REASONS) return 0;
    reasonNumbers.set(reason, reasons.length);
    return reasons.push(reason) - 1;
  };
  const banOf = ({ prefix, expires, value }: OverlayEntry): Ban => ({
    prefix,
    reason: reasons[value >>> 20] as string,
    since: expires - unpackLength(value & 0x7fff),
    until: expires,
    times: (value >>> 15) & 31,
  });
  const put = (prefix: string, reason: string, until: number, lengthMs: number, nth: number, now: number): boolean => {
    const value = ((numberOf(reason) << 20) | (Math.min(nth, MAX_TIMES) << 15) | packLength(lengthMs)) >>> 0;
    if (!inForce.add(prefix, until, now, value)) return false;
    remembered.add(prefix, until + times.rememberMs, now, nth);
    return true;
  };
  const spares = (prefix: Prefix): boolean =>
    never?.explain(prefix.address).some((entry) => parsePrefix(entry.prefix).length <= prefix.length) === true;

  return {
    lookup(address) {
      if (inForce.size === 0) return undefined;
      const entry = attempt(() => inForce.lookup(address, clock.now()));
      return entry === undefined || never?.has(address) === true ? undefined : banOf(entry);
    },
    add(text, reason, forMs) {
      const prefix = canonicalPrefix(text);
      if (prefix === undefined || (never !== undefined && spares(parsePrefix(prefix)))) return undefined;
      const now = clock.now();
      const past = remembered.get(prefix);
      const nth = past === undefined || past.expires <= now ? 1 : past.value + 1;
      const before = inForce.get(prefix);
      const until = Math.max(now + banTime(times, nth, forMs), before?.expires ?? 0);
      if (!put(prefix, reason, until, until - now, nth, now)) return undefined;
      return { prefix, reason, since: now, until, times: nth };
    },
    restore(ban) {
      const prefix = canonicalPrefix(ban.prefix);
      const now = clock.now();
      if (prefix === undefined || !(ban.until > 0) || spares(parsePrefix(prefix))) return false;
      if (ban.until > now) return put(prefix, ban.reason, ban.until, ban.until - ban.since, ban.times, now);
      return remembered.add(prefix, ban.until + times.rememberMs, now, ban.times);
    },
    lift(text) {
      const prefix = canonicalPrefix(text);
      if (prefix === undefined) return false;
      const before = inForce.get(prefix);
      inForce.delete(prefix);
      remembered.delete(prefix);
      return before !== undefined && before.expires > clock.now();
    },
    list: () =>
      inForce
        .entries(clock.now())
        .map(banOf)
        .sort((a, b) => b.since - a.since),
    spares(text) {
      const prefix = canonicalPrefix(text);
      return prefix === undefined || spares(parsePrefix(prefix));
    },
    get size() {
      return inForce.size;
    },
    get bytes() {
      return inForce.byteLength + remembered.byteLength;
    },
  };
}

function neverSet(never: MemoryBansOptions['never']): PrefixSet | undefined {
  if (never === undefined || never instanceof PrefixSet) return never;
  const prefixes = [...never].map((text) => printPrefix(parsePrefix(text)));
  return prefixes.length === 0 ? undefined : PrefixSet.from(prefixes);
}

/** What is written as it is printed needs no parsing: an IPv4 address, or its /32. */
const plainAddress = /^(?:(?:[1-9]?\d|1\d\d|2[0-4]\d|25[0-5])(?:\.(?!\/|$)|(?=\/32$|$))){4}(?:\/32)?$/;

/** The prefix or address in canonical form, host bits cleared; undefined where it is none. */
export function canonicalPrefix(text: string): string | undefined {
  if (typeof text !== 'string' || text.length > 64) return undefined;
  if (plainAddress.test(text)) return text.endsWith('/32') ? text : `${text}/32`;
  const prefix = attempt(() => parsePrefix(text, { hostBits: 'clear' }));
  return prefix === undefined ? undefined : printPrefix(prefix);
}

function attempt<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}

/** How long a ban lasts, in ticks of a tenth of a second: eleven bits, and four that say how far they are shifted. */
function packLength(ms: number): number {
  const ticks = Math.min(Math.round(ms / TICK_MS), 2047 * 2 ** 15);
  const shift = ticks < 2048 ? 0 : Math.ceil(Math.log2((ticks + 1) / 2048));
  return (shift << 11) | Math.min(2047, Math.round(ticks / 2 ** shift));
}

const unpackLength = (packed: number): number => (packed & 2047) * 2 ** (packed >> 11) * TICK_MS;
