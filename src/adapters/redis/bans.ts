import type { Redis } from 'ioredis';
import type { Ban, Bans, Clock } from '../../env/index.ts';
import type { MemoryBans } from '../memory/index.ts';
import { type CheckedBanTimes, canonicalPrefix } from '../memory/index.ts';
import type { Link } from './link.ts';
import { banScript, liftScript, restoreScript } from './scripts.ts';

export interface RedisBansOptions {
  readonly link: Link;
  readonly clock: Clock;
  /** This process's copy: what look-ups are answered from. */
  readonly local: MemoryBans;
  readonly times: CheckedBanTimes;
  readonly prefix: string;
  readonly atMost: number;
}

/** A copy is read whole; that takes longer than a question. */
const COPY_DEADLINE_MS = 5_000;
const SCAN_COUNT = 1_000;
/** Bans made while the server is away and told to it later; beyond that they stay this process's own. */
const MAX_UNTOLD = 10_000;
const TOLD_AT_ONCE = 200;

/**
 * Bans that a fleet shares. Each process holds a copy of all and answers look-ups from it, at once and whether or not the
 * server is there; the server orders what is added and lifted, and announces it to every process.
 */
export class RedisBans implements Bans {
  readonly #link: Link;
  readonly #local: MemoryBans;
  readonly #options: RedisBansOptions;
  readonly #keys: readonly [bans: string, forgotten: string];
  readonly #born: string;
  readonly channel: string;
  /** Prefixes banned here while the server was away. */
  readonly #untold = new Set<string>();

  constructor(options: RedisBansOptions) {
    this.#link = options.link;
    this.#local = options.local;
    this.#options = options;
    this.#keys = [`${options.prefix}bans`, `${options.prefix}bans:forgotten`];
    this.#born = `${options.prefix}bans:born`;
    this.channel = `${options.prefix}announced`;
  }

  lookup(address: string): Ban | undefined {
    return this.#local.lookup(address);
  }

  add(text: string, reason: string, forMs?: number): Ban | undefined | Promise<Ban | undefined> {
    const prefix = canonicalPrefix(text);
    if (prefix === undefined || this.#local.spares(prefix)) return undefined;
    const { times, atMost } = this.#options;
    const alone = (): Ban | undefined => {
      const ban = this.#local.add(prefix, reason, forMs);
      if (ban !== undefined && this.#untold.size < MAX_UNTOLD) this.#untold.add(prefix);
      return ban;
    };
    const args = [
      prefix,
      reason,
      forMs !== undefined && forMs > 0 && forMs < Number.POSITIVE_INFINITY ? forMs : times.firstMs,
      times.longestMs,
      times.recidive.after,
      times.recidive.forMs,
      times.rememberMs,
      atMost,
      this.channel,
    ];
    const asked = this.#link.run(banScript, this.#keys, args);
    if (asked === undefined) return alone();
    return asked.then((answer) => {
      if (answer === null) return undefined;
      const ban = typeof answer === 'string' ? banOf(prefix, answer) : undefined;
      if (ban === undefined) return alone();
      this.#local.restore(ban);
      return ban;
    });
  }

  async lift(text: string): Promise<boolean> {
    const prefix = canonicalPrefix(text);
    if (prefix === undefined) return false;
    this.#untold.delete(prefix);
    const own = this.#local.lift(prefix);
    const answer = await this.#link.run(liftScript, this.#keys, [prefix, this.channel]);
    return answer === undefined ? own : answer === 1;
  }

  list(): readonly Ban[] {
    return this.#local.list();
  }

  /** What another process, or this one, has announced. */
  heard(message: string): void {
    const [verb, prefix = ''] = message.split(' ', 2);
    if (verb === 'lift') this.#local.lift(prefix);
    if (verb !== 'ban') return;
    const ban = banOf(prefix, message.slice(verb.length + prefix.length + 2));
    if (ban !== undefined) this.#local.restore(ban);
  }

  /**
   * Brings copy and server together: what was banned here while it was away is told to it; where it has lost everything
   * (a flush, a server that came up empty), it is given this copy; then the copy is read anew.
   */
  async synchronise(): Promise<void> {
    const born = await this.#link.call((client) => client.set(this.#born, '1', 'NX'));
    if (born === undefined) return;
    const mine = this.#local.list();
    const tell = born === 'OK' ? mine : mine.filter(({ prefix }) => this.#untold.has(prefix));
    if (!(await this.#tell(tell))) return;
    this.#untold.clear();
    await this.#link.call((client) => this.#read(client, mine), COPY_DEADLINE_MS);
  }

  async #tell(bans: readonly Ban[]): Promise<boolean> {
    const { times, atMost } = this.#options;
    for (let from = 0; from < bans.length; from += TOLD_AT_ONCE) {
      const args: (string | number)[] = [times.rememberMs, atMost, this.channel];
      for (const ban of bans.slice(from, from + TOLD_AT_ONCE)) args.push(ban.prefix, textOf(ban));
      if ((await this.#link.run(restoreScript, this.#keys, args)) === undefined) return false;
    }
    return true;
  }

  async #read(client: Redis, before: readonly Ban[]): Promise<void> {
    const there = new Set<string>();
    let cursor = '0';
    do {
      const [next, found] = await client.hscan(this.#keys[0], cursor, 'COUNT', SCAN_COUNT);
      for (let i = 0; i + 1 < found.length; i += 2) {
        const prefix = found[i] as string;
        there.add(prefix);
        const ban = banOf(prefix, found[i + 1] as string);
        if (ban !== undefined) this.#local.restore(ban);
      }
      cursor = next;
    } while (cursor !== '0');
    // What was here before and is there no more was lifted while nobody could hear it.
    for (const { prefix } of before) if (!there.has(prefix) && !this.#untold.has(prefix)) this.#local.lift(prefix);
  }
}

/** `since until times reason`, as the server keeps it. */
const textOf = ({ since, until, times, reason }: Ban): string =>
  `${Math.round(since)} ${Math.min(Math.round(until), Number.MAX_SAFE_INTEGER)} ${times} ${reason}`;

function banOf(prefix: string, text: string): Ban | undefined {
  const found = /^(\d+) (\d+) (\d+) /.exec(text);
  if (found === null) return undefined;
  const [all, since, until, times] = found;
  return { prefix, reason: text.slice(all.length), since: Number(since), until: Number(until), times: Number(times) };
}
