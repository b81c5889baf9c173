import { createHash } from 'node:crypto';
import { isPromise } from '../../core/index.ts';
import type { Charge, Clock, Counters, Place, Rate, Usage } from '../../env/index.ts';
import type { MemoryCounters } from '../memory/index.ts';
import type { Link } from './link.ts';
import { acquireScript, chargeScript, distinctScript, releaseScript, renewScript } from './scripts.ts';

export interface RedisCountersOptions {
  readonly link: Link;
  readonly clock: Clock;
  /** What decides first, and alone while the server is away. */
  readonly local: MemoryCounters;
  /** What every key begins with. */
  readonly prefix: string;
  /** How long a place is held without being renewed, in milliseconds. */
  readonly leaseMs: number;
}

/** Values are kept as they are up to this length; longer ones as their digest. */
const MAX_VALUE = 64;
/** Keys of one call that renews: short enough not to hold the server up. */
const RENEWED_AT_ONCE = 500;

const degradedAll = (usages: readonly Usage[]): Usage[] => usages.map((usage) => ({ ...usage, degraded: true }));
const degradedOne = (usage: Usage): Usage => ({ ...usage, degraded: true });
const limitOf = (rate: Rate): number => rate.burst ?? rate.rate;

/**
 * Counters that a fleet shares. The process's own counters always decide first: what they refuse is refused without a
 * question; what they allow is asked of the server; and what that refuses is taken back. Where it does not answer in
 * time, the own answer stands, and says `degraded`.
 */
export class RedisCounters implements Counters {
  readonly #link: Link;
  readonly #local: MemoryCounters;
  readonly #rates: string;
  readonly #places: string;
  readonly #values: string;
  readonly #leaseMs: number;
  /** Which places each holder of this process has, by key: what has to be renewed. */
  readonly #held = new Map<string, Set<string>>();
  readonly #clock: Clock;
  #stopBeating: () => void = () => {};
  #closed = false;

  constructor(options: RedisCountersOptions) {
    this.#link = options.link;
    this.#local = options.local;
    this.#clock = options.clock;
    this.#rates = `${options.prefix}rate:`;
    this.#places = `${options.prefix}places:`;
    this.#values = `${options.prefix}values:`;
    this.#leaseMs = options.leaseMs;
    this.#beat();
  }

  peek(key: string, rate: Rate, cost = 1): Usage | Promise<Usage> {
    const own = this.#local.peek(key, rate, cost);
    if (!own.allowed) return own;
    const asked = this.#ask([{ key, rate, cost }], false);
    if (asked === undefined) return degradedOne(own);
    return asked.then((usages) => usages?.[0] ?? degradedOne(own));
  }

  charge(key: string, rate: Rate, cost = 1): Usage | Promise<Usage> {
    const usages = this.chargeAll([{ key, rate, cost }]);
    return isPromise(usages) ? usages.then(([usage]) => usage as Usage) : (usages[0] as Usage);
  }

  chargeAll(charges: readonly Charge[]): readonly Usage[] | Promise<readonly Usage[]> {
    const own = this.#local.chargeAll(charges);
    if (charges.length === 0 || own.some(({ allowed }) => !allowed)) return own;
    const asked = this.#ask(charges, true);
    if (asked === undefined) return degradedAll(own);
    return asked.then((usages) => {
      if (usages === undefined) return degradedAll(own);
      if (usages.some(({ allowed }) => !allowed))
        for (const { key, rate, cost } of charges) this.#local.refund(key, rate, cost);
      return usages;
    });
  }

  #ask(charges: readonly Charge[], take: boolean): Promise<readonly Usage[] | undefined> | undefined {
    const args: (string | number)[] = [take ? 1 : 0];
    for (const { rate, cost = 1 } of charges) args.push((rate.periodMs * 1000) / rate.rate, limitOf(rate), cost);
    const keys = charges.map(({ key }) => this.#rates + wellFormed(key));
    return this.#link.run(chargeScript, keys, args)?.then((answer) => {
      if (!isNumbers(answer, charges.length * 3)) return undefined;
      return charges.map(({ rate }, i) => ({
        allowed: answer[i * 3] === 1,
        limit: limitOf(rate),
        used: answer[i * 3 + 1] as number,
        retryAfterMs: answer[i * 3 + 2] as number,
      }));
    });
  }

  async clear(key: string): Promise<void> {
    this.#local.clear(key);
    const text = wellFormed(key);
    await this.#link.call((client) => client.del(this.#rates + text, this.#values + text));
  }

  acquire(key: string, limit: number, holder: string): Usage | Promise<Usage> {
    const usages = this.acquireAll([{ key, limit }], holder);
    return isPromise(usages) ? usages.then(([usage]) => usage as Usage) : (usages[0] as Usage);
  }

  acquireAll(places: readonly Place[], holder: string): readonly Usage[] | Promise<readonly Usage[]> {
    const own = this.#local.acquireAll(places, holder);
    if (places.length === 0 || own.some(({ allowed }) => !allowed)) return own;
    const held = this.#held.get(holder) ?? new Set<string>();
    const fresh = places.filter(({ key }) => !held.has(key)).map(({ key }) => key);
    for (const key of fresh) held.add(key);
    this.#held.set(holder, held);
    const keys = places.map(({ key }) => this.#places + wellFormed(key));
    const args = [wellFormed(holder), this.#leaseMs, ...places.map(({ limit }) => limit)];
    const asked = this.#link.run(acquireScript, keys, args);
    if (asked === undefined) return degradedAll(own);
    return asked.then((answer) => {
      if (!isNumbers(answer, places.length * 2)) return degradedAll(own);
      const usages = places.map(({ limit }, i) => ({
        allowed: answer[i * 2] === 1,
        limit,
        used: answer[i * 2 + 1] as number,
        retryAfterMs: 0,
      }));
      if (usages.some(({ allowed }) => !allowed)) {
        for (const key of fresh) {
          this.#local.release(holder, key);
          held.delete(key);
        }
        if (held.size === 0 && this.#held.get(holder) === held) this.#held.delete(holder);
      }
      return usages;
    });
  }

  async release(holder: string, key?: string): Promise<void> {
    const held = this.#held.get(holder);
    this.#local.release(holder, key);
    if (held === undefined) return;
    const keys = key === undefined ? [...held] : held.delete(key) ? [key] : [];
    if (key === undefined || held.size === 0) this.#held.delete(holder);
    if (keys.length === 0) return;
    // Where this does not arrive, the lease runs out: nobody renews it any more.
    await this.#link.run(
      releaseScript,
      keys.map((each) => this.#places + wellFormed(each)),
      [wellFormed(holder)],
    );
  }

  distinct(key: string, value: string, limit: number, periodMs: number): Usage | Promise<Usage> {
    const own = this.#local.distinct(key, value, limit, periodMs);
    if (!own.allowed) return own;
    const text = wellFormed(value);
    const kept = text.length > MAX_VALUE ? createHash('sha256').update(text).digest('base64') : text;
    const asked = this.#link.run(distinctScript, [this.#values + wellFormed(key)], [kept, limit, periodMs]);
    if (asked === undefined) return degradedOne(own);
    return asked.then((answer) =>
      isNumbers(answer, 3)
        ? { allowed: answer[0] === 1, limit, used: answer[1] as number, retryAfterMs: answer[2] as number }
        : degradedOne(own),
    );
  }

  /** Renews every place of this process now; also takes again what the server has lost. */
  async renew(): Promise<void> {
    let keys: string[] = [];
    let holders: string[] = [];
    const send = async (): Promise<void> => {
      if (keys.length === 0) return;
      const sent = this.#link.run(renewScript, keys, [this.#leaseMs, ...holders]);
      keys = [];
      holders = [];
      await sent;
    };
    for (const [holder, held] of [...this.#held]) {
      for (const key of held) {
        // What was released while this was waiting is not taken again.
        if (this.#held.get(holder)?.has(key) !== true) continue;
        keys.push(this.#places + wellFormed(key));
        holders.push(wellFormed(holder));
      }
      if (keys.length >= RENEWED_AT_ONCE) await send();
    }
    await send();
  }

  #beat(): void {
    this.#stopBeating = this.#clock.after(this.#leaseMs / 3, () => {
      void this.renew().finally(() => {
        if (!this.#closed) this.#beat();
      });
    });
  }

  /** Stops renewing and gives back every place of this process. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopBeating();
    await Promise.all([...this.#held.keys()].map((holder) => this.release(holder)));
  }
}

const isNumbers = (answer: unknown, length: number): answer is number[] =>
  Array.isArray(answer) && answer.length === length && answer.every((each) => typeof each === 'number');

/** A lone surrogate has no octets of its own: written out, so that two different texts stay two keys. */
const wellFormed = (text: string): string =>
  /[\ud800-\udfff]/.test(text)
    ? text.replace(/[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g, (found) =>
        found.length === 2 ? found : `\\u${found.charCodeAt(0).toString(16)}`,
      )
    : text;
