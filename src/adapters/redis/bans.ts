import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Ban, Bans, Clock } from '../../env/index.ts';
import { canonicalPrefix } from '../../net/index.ts';
import type { CheckedBanTimes, MemoryBans } from '../memory/index.ts';
import type { Link } from './link.ts';
import { banScript, generationScript, liftScript, restoreScript } from './scripts.ts';

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
  readonly #keys: readonly [bans: string, forgotten: string, number: string];
  readonly #born: string;
  /** The name of what the server held when it was last asked. */
  #generation: string | undefined;
  readonly channel: string;
  /** Prefixes banned here while the server was away. */
  readonly #untold = new Set<string>();
  /**
   * The number of the last change that the server has told us itself, by prefix: announcements come by another connection,
   * and one that is older must not undo it.
   */
  readonly #known = new Map<string, number>();

  constructor(options: RedisBansOptions) {
    this.#link = options.link;
    this.#local = options.local;
    this.#options = options;
    this.#keys = [`${options.prefix}bans`, `${options.prefix}bans:forgotten`, `${options.prefix}bans:number`];
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
      const [number, text] = Array.isArray(answer) ? answer : [];
      const ban = typeof number === 'number' && typeof text === 'string' ? banOf(prefix, text) : undefined;
      if (ban === undefined) return alone();
      if (this.#isNews(prefix, number, true)) this.#local.restore(ban);
      return ban;
    });
  }

  async lift(text: string): Promise<boolean> {
    const prefix = canonicalPrefix(text);
    if (prefix === undefined) return false;
    this.#untold.delete(prefix);
    const answer = await this.#link.run(liftScript, this.#keys, [prefix, this.channel]);
    const [number, lifted] = Array.isArray(answer) ? answer : [];
    if (typeof number !== 'number') return this.#local.lift(prefix);
    if (this.#isNews(prefix, number, true)) this.#local.lift(prefix);
    return lifted === 1;
  }

  /** Whether a change is later than the last one that is known of the prefix. */
  #isNews(prefix: string, number: number, told: boolean): boolean {
    const last = this.#known.get(prefix);
    if (last !== undefined && number < last) return false;
    // Once its announcement is here, nothing older can follow.
    this.#known.delete(prefix);
    if (told) {
      this.#known.set(prefix, number);
      const [oldest] = this.#known.keys();
      if (this.#known.size > MAX_UNTOLD && oldest !== undefined) this.#known.delete(oldest);
    }
    return last === undefined || number > last;
  }

  list(): readonly Ban[] {
    return this.#local.list();
  }

  /** What another process, or this one, has announced. */
  heard(message: string): void {
    const [verb = '', number = '', prefix = ''] = message.split(' ', 3);
    if ((verb !== 'ban' && verb !== 'lift') || !this.#isNews(prefix, Number(number), false)) return;
    if (verb === 'lift') this.#local.lift(prefix);
    const ban = banOf(prefix, message.slice(verb.length + number.length + prefix.length + 3));
    if (verb === 'ban' && ban !== undefined) this.#local.restore(ban);
  }

  /**
   * Brings copy and server together: what was banned here while it was away is told to it; where it has lost everything
   * (a flush, a server that came up empty), it is given this copy; then the copy is read anew.
   */
  async synchronise(): Promise<void> {
    const generation = await this.#link.run(generationScript, [this.#born], [randomUUID()]);
    if (typeof generation !== 'string') return;
    const lost = generation !== this.#generation;
    // A server that begins anew also counts anew.
    if (lost) this.#known.clear();
    const mine = this.#local.list();
    const tell = lost ? mine : mine.filter(({ prefix }) => this.#untold.has(prefix));
    if (!(await this.#tell(tell))) return;
    this.#untold.clear();
    this.#generation = generation;
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
