import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Ban, Bans, Clock } from '../../env/index.ts';
import { canonicalPrefix } from '../../net/index.ts';
import type { CheckedBanTimes, MemoryBans } from '../memory/index.ts';
import type { Link } from './link.ts';
import { banScript, liftScript, restoreScript, stateScript } from './scripts.ts';

export interface RedisBansOptions {
  readonly link: Link;
  readonly clock: Clock;
  /** This process's copy: what look-ups are answered from. */
  readonly local: MemoryBans;
  readonly times: CheckedBanTimes;
  readonly prefix: string;
  readonly atMost: number;
  /** Called if the server turns out to have lost changes: `synchronise` has to be called. */
  readonly onLoss: () => void;
}

/** A copy is read whole; that takes longer than a question. */
const COPY_DEADLINE_MS = 5_000;
const SCAN_COUNT = 1_000;
/** Bans made while the server is away and told to it later; beyond that they stay this process's own. */
const MAX_UNTOLD = 10_000;
const TOLD_AT_ONCE = 200;
/** The copy rounds the end of a ban up by less than this. */
const ROUNDED_MS = 1_000;

/**
 * Bans that a fleet shares. Each process holds a copy of all and answers look-ups from it, at once and whether or not the
 * server is there; the server numbers what is added and lifted, and announces it to every process.
 *
 * A server can lose changes: it is flushed, restored from a snapshot, or replaced by a replica that lagged behind. It shows by the
 * name of its data, by its own name, or by a number lower than one already seen. Then nothing is lifted because it is missing
 * there; what this process knows to be in force is given back to the server.
 */
export class RedisBans implements Bans {
  readonly #link: Link;
  readonly #local: MemoryBans;
  readonly #options: RedisBansOptions;
  readonly #keys: readonly [bans: string, forgotten: string, number: string, lifted: string];
  readonly #born: string;
  /** Which data of which server this copy was last read from. */
  #source: string | undefined;
  /** The highest numbers seen: in answers of the server, and in announcements. Each comes in order, by a connection of its own. */
  #told = 0;
  #heard = 0;
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
    const all = `${options.prefix}bans`;
    this.#keys = [all, `${all}:forgotten`, `${all}:number`, `${all}:lifted`];
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
    const answer = await this.#link.run(liftScript, this.#keys, [prefix, this.channel, this.#options.times.rememberMs]);
    const [number, lifted] = Array.isArray(answer) ? answer : [];
    if (typeof number !== 'number') return this.#local.lift(prefix);
    if (this.#isNews(prefix, number, true)) this.#local.lift(prefix);
    return lifted === 1;
  }

  /** Whether a change is later than the last one that is known of the prefix. */
  #isNews(prefix: string, number: number, told: boolean): boolean {
    // Numbers of one connection only rise, unless the server has lost some.
    if (number < (told ? this.#told : this.#heard)) this.#lost(number);
    if (told) this.#told = number;
    else this.#heard = number;
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

  /** The server counts from an earlier number again: numbers seen before say nothing any more. */
  #lost(number: number): void {
    this.#known.clear();
    this.#told = number;
    this.#heard = number;
    this.#source = undefined;
    this.#options.onLoss();
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
   * Brings copy and server together: what was banned here while it was away is told to it, and the copy is read anew. Prefixes that
   * the server does not have were lifted while this process could not hear it; but if the server has lost changes, they are given
   * back to it.
   */
  async synchronise(): Promise<void> {
    // Asked before the server is: an announcement that arrives meanwhile is later than its answer.
    const seen = Math.max(this.#told, this.#heard);
    const state = await this.#link.run(stateScript, [this.#born, this.#keys[2]], [randomUUID()]);
    const [generation, number] = Array.isArray(state) ? state : [];
    if (typeof generation !== 'string' || typeof number !== 'number') return;
    const source = `${generation} ${await this.#serverName()}`;
    const lost = source !== this.#source || number < seen;
    if (lost) {
      this.#known.clear();
      this.#told = number;
      this.#heard = number;
    }
    const mine = this.#local.list();
    if ((await this.#tell(mine.filter(({ prefix }) => this.#untold.has(prefix)))) === undefined) return;
    this.#untold.clear();
    const there = await this.#link.call((client) => this.#read(client, lost), COPY_DEADLINE_MS);
    if (there === undefined) return;
    const missing = mine.filter(
      ({ prefix, until }) => !this.#untold.has(prefix) && (there.get(prefix) ?? 0) < until - ROUNDED_MS,
    );
    if (!lost) {
      for (const { prefix } of missing) if (!there.has(prefix)) this.#local.lift(prefix);
    } else {
      const lifted = await this.#tell(missing);
      if (lifted === undefined) return;
      for (const prefix of lifted) this.#local.lift(prefix);
    }
    this.#source = source;
  }

  /** Which process answers: after a restart or a failover another one does. */
  async #serverName(): Promise<string> {
    const info = await this.#link.call((client) => client.info('server'));
    return /^run_id:(\w+)/m.exec(info ?? '')?.[1] ?? '';
  }

  /** Puts bans on the server where they are not. Returns those that were lifted there since; undefined if it did not answer. */
  async #tell(bans: readonly Ban[]): Promise<readonly string[] | undefined> {
    const { times, atMost } = this.#options;
    const lifted: string[] = [];
    for (let from = 0; from < bans.length; from += TOLD_AT_ONCE) {
      const args: (string | number)[] = [times.rememberMs, atMost, this.channel];
      for (const ban of bans.slice(from, from + TOLD_AT_ONCE)) args.push(ban.prefix, textOf(ban));
      const answer = await this.#link.run(restoreScript, this.#keys, args);
      if (!Array.isArray(answer)) return undefined;
      lifted.push(...answer);
    }
    return lifted;
  }

  /** Reads all bans of the server into the copy; returns when each ends. */
  async #read(client: Redis, lost: boolean): Promise<ReadonlyMap<string, number>> {
    const there = new Map<string, number>();
    let cursor = '0';
    do {
      const [next, found] = await client.hscan(this.#keys[0], cursor, 'COUNT', SCAN_COUNT);
      for (let i = 0; i + 1 < found.length; i += 2) {
        const prefix = found[i] as string;
        const ban = banOf(prefix, found[i + 1] as string);
        there.set(prefix, ban?.until ?? 0);
        if (ban === undefined) continue;
        // A server that has lost changes may know a shorter ban than the one in force.
        const held = lost ? this.#local.lookup(prefix.slice(0, prefix.indexOf('/'))) : undefined;
        if (held?.prefix !== prefix || held.until <= ban.until) this.#local.restore(ban);
      }
      cursor = next;
    } while (cursor !== '0');
    return there;
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
