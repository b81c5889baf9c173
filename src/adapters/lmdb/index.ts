/**
 * Bans that outlive the process, in an embedded LMDB file.
 *
 * **Answers**: is this address banned, since when, for how long, for the how-manieth time, whatever has become of the
 * process that banned it?
 * **Knows**: a copy of all bans, from which look-ups are answered at once.
 * **Asks**: a clock; the file, through `lmdb`, which is native code: Node only.
 * **Limits**: for one process. Several may have the file open, and each keeps its word to the file, but none hears of the
 * others' bans until it begins anew: several processes share bans by `postern/adapters/redis`.
 *
 * @example
 * ```ts
 * import { lmdbBans } from 'postern/adapters/lmdb';
 * import { systemClock } from 'postern/adapters/system';
 *
 * const bans = lmdbBans({ path: 'var/bans', clock: systemClock(), never: ['192.0.2.0/24'] });
 * await bans.add('198.51.100.7', 'five wrong passwords'); // once this is here, it survives the process
 * await bans.close();
 * ```
 *
 * @module
 */
import type { RootDatabase } from 'lmdb';
import { open } from 'lmdb';
import type { Ban, Bans } from '../../env/index.ts';
import { canonicalPrefix } from '../../net/index.ts';
import type { MemoryBansOptions } from '../memory/index.ts';
import { checkedBanTimes, memoryBans } from '../memory/index.ts';

export interface LmdbBansOptions extends MemoryBansOptions {
  /** The folder of the database; it is made where it is not there. */
  readonly path: string;
  /**
   * Until when `add` and `lift` wait. `process`, where not given: what they answered survives the end of the process,
   * however it comes. `power`: it is on the disk, and survives the machine as well.
   */
  readonly survives?: 'process' | 'power';
  /** Is told where the file could not be written; the ban is in force all the same, as long as the process lives. */
  readonly onTrouble?: (error: Error) => void;
}

/** Bans in a file. */
export interface LmdbBans extends Bans {
  lookup(address: string): Ban | undefined;
  add(prefix: string, reason: string, forMs?: number): Promise<Ban | undefined>;
  lift(prefix: string): Promise<boolean>;
  list(): readonly Ban[];
  /** Waits until everything is written, and closes the file. */
  close(): Promise<void>;
}

/** Entries that are looked at, where the file is full, to find some that may go. */
const LOOKED_AT = 64;
/** After so many additions, entries that are forgotten are swept out. */
const SWEEP_EVERY = 256;

/**
 * Opens the file and reads the bans that are in it.
 *
 * @throws TypeError for a wrong option
 * @throws Error where the file cannot be opened: a ban store that cannot keep its word is not begun with
 */
export function lmdbBans(options: LmdbBansOptions): LmdbBans {
  const { path, clock, atMost = 1_000_000, survives = 'process', onTrouble = () => {} } = options;
  if (typeof path !== 'string' || path === '')
    throw new TypeError(`lmdbBans: path ${JSON.stringify(path)} must name a folder`);
  if (survives !== 'process' && survives !== 'power')
    throw new TypeError(`lmdbBans: survives ${JSON.stringify(survives)} must be 'process' or 'power'`);
  const times = checkedBanTimes('lmdbBans', options);
  const copy = memoryBans({ ...options, atMost });
  const file: RootDatabase<string, string> = open<string, string>({ path, encoding: 'string' });

  let entries = 0;
  let hand: string | undefined;
  let additions = 0;
  const begun = clock.now();
  const unreadable: string[] = [];
  const moved: Ban[] = [];
  for (const { key, value } of file.getRange()) {
    entries++;
    const ban = banOf(key, value);
    if (ban === undefined || ban.until + times.rememberMs <= begun) unreadable.push(key);
    else if (ban.since <= begun) copy.restore(ban);
    else {
      // Made before the clock was set back: from now on it has its full length left, and no more after the next start.
      const shifted = { ...ban, since: begun, until: ban.until - (ban.since - begun) };
      copy.restore(shifted);
      moved.push(shifted);
    }
  }

  /** Waits for what was written, and says whether it was. */
  const written = async (writing: Promise<unknown>): Promise<boolean> => {
    try {
      await writing;
      if (survives === 'power') await file.flushed;
      return true;
    } catch (error) {
      onTrouble(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  };
  /** Struck out, and perhaps still to be seen until that is written. */
  const going = new Set<string>();
  const strike = (key: string): void => {
    if (going.has(key)) return;
    going.add(key);
    entries--;
    void written(file.remove(key)).then(() => going.delete(key));
  };
  for (const key of unreadable) strike(key);
  for (const ban of moved) void written(file.put(ban.prefix, textOf(ban)));

  /** Goes on through the file and strikes out what is over; where it is full, also what would end soonest. */
  const sweep = (now: number, full: boolean): void => {
    const rest: Ban[] = [];
    let last: string | undefined;
    let seen = 0;
    for (const { key, value } of file.getRange({ limit: LOOKED_AT, start: hand })) {
      seen++;
      last = key;
      const ban = banOf(key, value);
      if (ban === undefined || ban.until + (full ? 0 : times.rememberMs) <= now) strike(key);
      else if (!going.has(key)) rest.push(ban);
    }
    hand = seen < LOOKED_AT ? undefined : last;
    if (!full || entries < atMost) return;
    rest.sort((one, other) => one.until - other.until);
    for (const { prefix } of rest.slice(0, entries - atMost + 1)) strike(prefix);
  };

  return {
    lookup: (address) => copy.lookup(address),
    async add(text, reason, forMs) {
      const ban = copy.add(text, reason, forMs);
      if (ban === undefined) return undefined;
      if (going.delete(ban.prefix) || !file.doesExist(ban.prefix)) {
        if (entries >= atMost) sweep(ban.since, true);
        entries++;
      }
      if (++additions % SWEEP_EVERY === 0) sweep(ban.since, false);
      await written(file.put(ban.prefix, textOf(ban)));
      return ban;
    },
    async lift(text) {
      const prefix = canonicalPrefix(text);
      if (prefix === undefined) return false;
      const lifted = copy.lift(prefix);
      if (file.doesExist(prefix)) {
        if (!going.has(prefix)) entries--;
        await written(file.remove(prefix));
      }
      return lifted;
    },
    list: () => copy.list(),
    async close() {
      try {
        await file.flushed;
        await file.close();
      } catch (error) {
        onTrouble(error instanceof Error ? error : new Error(String(error)));
      }
    },
  };
}

/** `since until times reason`: numbers first, since a reason may be any text. */
const textOf = ({ since, until, times, reason }: Ban): string =>
  `${Math.round(since)} ${Math.min(Math.round(until), Number.MAX_SAFE_INTEGER)} ${times} ${reason}`;

function banOf(prefix: string, text: unknown): Ban | undefined {
  const found = typeof text === 'string' ? /^(\d+) (\d+) (\d+) /.exec(text) : null;
  if (found === null) return undefined;
  const [all, since, until, times] = found;
  return {
    prefix,
    reason: (text as string).slice(all.length),
    since: Number(since),
    until: Number(until),
    times: Number(times),
  };
}
