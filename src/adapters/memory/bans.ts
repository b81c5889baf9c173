import type { Ban, Bans, Clock } from '../../env/index.ts';
import { steadyTime } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { ipVersion, networkOf, parseIp, parsePrefix, printPrefix } from '../../net/index.ts';
import type { OverlayEntry } from '../../prefix-set/index.ts';
import { PrefixOverlay, PrefixSet } from '../../prefix-set/index.ts';
import type { BanTimes } from './ban-time.ts';
import { banTime, checkedBanTimes } from './ban-time.ts';

/** How {@link memoryBans} are made. */
export interface MemoryBansOptions extends BanTimes {
  readonly clock: Clock;
  /**
   * How many bans are held at most, those that are over and remembered included; 1,000,000 where not given. Beyond that
   * those go that would be forgotten soonest.
   */
  readonly atMost?: number;
  /** Addresses and prefixes that are never banned, nor along with a wider prefix: one's own, the trusted, the allowed. */
  readonly never?: Iterable<string> | PrefixSet;
  /** A 32-bit number that nobody outside may know. From the runtime's random source where not given. */
  readonly seed?: number;
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
  /** Bans held, those that are over and remembered included, and the bytes of their table. */
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
  const { clock, atMost = 1_000_000, seed } = options;
  if (typeof clock?.now !== 'function')
    throw new TypeError('memoryBans: clock is missing; give systemClock(), or fixedClock() in a test');
  if (!Number.isInteger(atMost) || atMost < 1 || atMost > 100_000_000)
    throw new TypeError(`memoryBans: atMost ${atMost} must be a whole number from 1 to 100000000`);
  const times = checkedBanTimes('memoryBans', options);
  const never = neverSet(options.never);

  /** Bans are held until they are forgotten, which is a constant time after their end. */
  const held = new PrefixOverlay({ max: atMost, seed });
  /** Lengths of prefixes that were banned, other than the usual: where a wider ban may lie behind one that is over. */
  const wider = { 4: new Set<number>(), 6: new Set<number>() };
  const reasons: string[] = ['other'];
  const reasonNumbers = new Map<string, number>();

  const numberOf = (reason: string): number => {
    const known = reasonNumbers.get(reason);
    if (known !== undefined) return known;
    if (reasons.length >= MAX_REASONS) return 0;
    reasonNumbers.set(reason, reasons.length);
    return reasons.push(reason) - 1;
  };
  /** Ends are kept in steady time, or a clock set back by a month would make every ban last a month longer. */
  const steady = steadyTime(clock);
  const onTheWall = (at: number): number => Math.round(at + (clock.now() - steady()));
  const untilOf = ({ expires }: OverlayEntry): number => expires - times.rememberMs;
  const countOf = ({ value }: OverlayEntry): number => (value >>> 15) & MAX_TIMES;
  const banOf = (entry: OverlayEntry): Ban => {
    const until = onTheWall(untilOf(entry));
    return {
      prefix: entry.prefix,
      reason: reasons[entry.value >>> 20] as string,
      since: until - unpackLength(entry.value & 0x7fff),
      until,
      times: countOf(entry),
    };
  };
  const put = (prefix: string, reason: string, until: number, lengthMs: number, nth: number, now: number): boolean => {
    const value = ((numberOf(reason) << 20) | (Math.min(nth, MAX_TIMES) << 15) | packLength(lengthMs)) >>> 0;
    if (!prefix.endsWith('/32') && !prefix.endsWith('/64')) {
      const { address, length } = parsePrefix(prefix);
      wider[ipVersion(address)].add(length);
    } else if (prefix.includes(':')) wider[6].add(prefix.endsWith('/32') ? 32 : 64);
    return held.add(prefix, until + times.rememberMs, now, value);
  };
  /** The longest ban in force around the address, where that of `length` bits is over. */
  const behind = (address: IpAddress, length: number, now: number): Ban | undefined => {
    const shorter = [...wider[ipVersion(address)]].filter((each) => each < length).sort((one, other) => other - one);
    for (const each of shorter) {
      const entry = held.get({ address: networkOf(address, each), length: each });
      if (entry !== undefined && untilOf(entry) > now) return banOf(entry);
    }
    return undefined;
  };
  /** Of a canonical prefix. Most are near nothing that is spared, which `has` knows at once. */
  const spares = (prefix: string): boolean => {
    if (never === undefined) return false;
    const { address, length } = parsePrefix(prefix);
    return never.has(address) && never.explain(address).some((entry) => parsePrefix(entry.prefix).length <= length);
  };

  return {
    lookup(address) {
      if (held.size === 0) return undefined;
      const now = steady();
      const entry = attempt(() => held.lookup(address, now));
      if (entry === undefined || never?.has(address) === true) return undefined;
      if (untilOf(entry) > now) return banOf(entry);
      const ip = parseIp(address);
      return ip === undefined ? undefined : behind(ip, parsePrefix(entry.prefix).length, now);
    },
    add(text, reason, forMs) {
      const prefix = held.canonical(text);
      if (prefix === undefined || spares(prefix)) return undefined;
      const now = steady();
      const found = held.get(prefix);
      const before = found !== undefined && found.expires > now ? found : undefined;
      const nth = before === undefined ? 1 : countOf(before) + 1;
      const until = Math.max(now + banTime(times, nth, forMs), before === undefined ? 0 : untilOf(before));
      if (!put(prefix, reason, until, until - now, nth, now)) return undefined;
      return { prefix, reason, since: onTheWall(now), until: onTheWall(until), times: nth };
    },
    restore(ban) {
      const prefix = held.canonical(ban.prefix);
      if (prefix === undefined || !(ban.until > 0) || spares(prefix)) return false;
      const lengthMs = ban.until - ban.since;
      // A ban that has yet to begin was made before the clock was set back: what is left of it is never more than all of it.
      const leftMs = ban.since > clock.now() ? lengthMs : ban.until - clock.now();
      const now = steady();
      return put(prefix, ban.reason, now + leftMs, lengthMs, ban.times, now);
    },
    lift(text) {
      const prefix = held.canonical(text);
      if (prefix === undefined) return false;
      const before = held.get(prefix);
      held.delete(prefix);
      return before !== undefined && untilOf(before) > steady();
    },
    list() {
      const now = steady();
      const bans = held.entries(now).filter((entry) => untilOf(entry) > now);
      return bans.map(banOf).sort((one, other) => other.since - one.since);
    },
    spares(text) {
      const prefix = held.canonical(text);
      return prefix === undefined || spares(prefix);
    },
    get size() {
      return held.size;
    },
    get bytes() {
      return held.byteLength;
    },
  };
}

function neverSet(never: MemoryBansOptions['never']): PrefixSet | undefined {
  if (never === undefined || never instanceof PrefixSet) return never;
  const prefixes = [...never].map((text) => printPrefix(parsePrefix(text)));
  return prefixes.length === 0 ? undefined : PrefixSet.from(prefixes);
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
