import type { Ban, Bans, Clock } from '../../env/index.ts';
import type { IpAddress, Prefix } from '../../net/index.ts';
import { ipVersion, networkOf, parseIp, parsePrefix, prefixHas, printPrefix } from '../../net/index.ts';
import type { BanTimes } from './ban-time.ts';
import { banTime, checkedBanTimes } from './ban-time.ts';

/** How {@link memoryBans} are made. */
export interface MemoryBansOptions extends BanTimes {
  readonly clock: Clock;
  /** How many bans are held, those that are over and remembered included; 1,000,000 where not given. */
  readonly atMost?: number | undefined;
  /** Addresses and prefixes that are never banned, and never banned along with a wider prefix: one's own, the trusted. */
  readonly never?: Iterable<string> | undefined;
}

/** Bans that answer at once. */
export interface MemoryBans extends Bans {
  lookup(address: string): Ban | undefined;
  add(prefix: string, reason: string, forMs?: number): Ban | undefined;
  /** Takes over a ban as it stands: from a file, or from another process. False where it may not be held. */
  restore(ban: Ban): boolean;
  lift(prefix: string): boolean;
  list(): readonly Ban[];
  /** Bans held, those that are over and only remembered included. */
  readonly size: number;
}

/**
 * Bans of this process, in memory, bounded.
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
  if (!Number.isInteger(atMost) || atMost < 1)
    throw new TypeError(`memoryBans: atMost ${atMost} must be a whole number, more than 0`);
  const times = checkedBanTimes('memoryBans', options);
  const never = [...(options.never ?? [])].map((text) => parsePrefix(text));

  const bans = new Map<string, Ban>();
  /** How many bans there are of each length, for each family. */
  const lengths = { 4: new Map<number, number>(), 6: new Map<number, number>() };

  const spared = (prefix: Prefix): boolean =>
    never.some((each) => each.length <= prefix.length && prefixHas(each, prefix.address));
  const put = (prefix: Prefix, ban: Ban): void => {
    const counts = lengths[ipVersion(prefix.address)];
    if (!bans.delete(ban.prefix)) counts.set(prefix.length, (counts.get(prefix.length) ?? 0) + 1);
    bans.set(ban.prefix, ban);
  };
  const strike = (prefix: Prefix, key: string): boolean => {
    if (!bans.delete(key)) return false;
    const counts = lengths[ipVersion(prefix.address)];
    const left = (counts.get(prefix.length) ?? 1) - 1;
    if (left > 0) counts.set(prefix.length, left);
    else counts.delete(prefix.length);
    return true;
  };
  /** Looks at a few of the oldest: the forgotten go, the others move to the end. */
  const sweep = (now: number, several: number): void => {
    for (const [key, ban] of bans) {
      if (several-- <= 0) return;
      if (ban.until + times.rememberMs <= now) strike(parsePrefix(key), key);
      else {
        bans.delete(key);
        bans.set(key, ban);
      }
    }
  };
  const roomFor = (key: string, now: number): boolean => {
    if (bans.has(key) || bans.size < atMost) return true;
    sweep(now, 16);
    return bans.size < atMost;
  };

  return {
    lookup(address) {
      if (bans.size === 0) return undefined;
      const ip = parseIp(address);
      if (ip === undefined) return undefined;
      const now = clock.now();
      let found: Ban | undefined;
      let longest = -1;
      for (const length of lengths[ipVersion(ip)].keys()) {
        if (length <= longest) continue;
        const ban = bans.get(`${networkOf(ip, length)}/${length}`);
        if (ban !== undefined && ban.until > now) {
          found = ban;
          longest = length;
        }
      }
      return found !== undefined && never.some((each) => prefixHas(each, ip)) ? undefined : found;
    },
    add(text, reason, forMs) {
      const prefix = readPrefix(text);
      if (prefix === undefined || spared(prefix)) return undefined;
      const key = printPrefix(prefix);
      const now = clock.now();
      sweep(now, 2);
      if (!roomFor(key, now)) return undefined;
      const before = bans.get(key);
      const nth = before === undefined || before.until + times.rememberMs <= now ? 1 : before.times + 1;
      const until = Math.max(now + banTime(times, nth, forMs), before?.until ?? 0);
      const ban: Ban = { prefix: key, reason, since: now, until, times: nth };
      put(prefix, ban);
      return ban;
    },
    restore(ban) {
      const prefix = readPrefix(ban.prefix);
      const now = clock.now();
      if (prefix === undefined || spared(prefix) || ban.until + times.rememberMs <= now) return false;
      const key = printPrefix(prefix);
      if (!roomFor(key, now)) return false;
      put(prefix, { ...ban, prefix: key });
      return true;
    },
    lift(text) {
      const prefix = readPrefix(text);
      if (prefix === undefined) return false;
      const key = printPrefix(prefix);
      const ban = bans.get(key);
      return strike(prefix, key) && (ban as Ban).until > clock.now();
    },
    list() {
      const now = clock.now();
      return [...bans.values()].filter((ban) => ban.until > now).sort((a, b) => b.since - a.since);
    },
    get size() {
      return bans.size;
    },
  };
}

function readPrefix(text: string): Prefix | undefined {
  try {
    return parsePrefix(text, { hostBits: 'clear' });
  } catch {
    return undefined;
  }
}

/** The canonical text of a prefix or address, or undefined: `192.0.2.1` is `192.0.2.1/32`. */
export const canonicalPrefix = (text: IpAddress | string): string | undefined => {
  const prefix = readPrefix(text);
  return prefix === undefined ? undefined : printPrefix(prefix);
};
