/**
 * Counters, bans and lists that a fleet shares, in Redis or Valkey.
 *
 * **Answers**: how much has this client used, over all processes; who is banned; which lists are in force?
 * **Knows**: this process's own counters and a copy of the bans, which decide first, and alone where the server is away.
 * **Asks**: a Redis server from 6.2 on, by `ioredis`; a clock, for deadlines and heartbeats. What is counted is timed by
 * the server's clock.
 * **Limits**: it adds to what the process knows and never holds a session longer than its deadline (50 ms where not
 * given, for each call). While the server is away each process allows what the limit says, so that a fleet of ten allows ten
 * times as much: `degraded` says so, and a rule's `onStoreDown` what follows. One server or one with replicas; keys of one
 * call lie in many slots, so that Redis Cluster needs a `prefix` with a hash tag, like `{postern}:`.
 *
 * @example
 * ```ts
 * import { redisStore } from 'postern/adapters/redis';
 * import { systemClock } from 'postern/adapters/system';
 *
 * const clock = systemClock();
 * const store = redisStore({ url: 'redis://127.0.0.1:6379', clock, never: ['192.0.2.0/24'] });
 * export const shared = { clock, counters: store.counters, bans: store.bans };
 * export const atTheEnd = () => store.close();
 * ```
 *
 * @module
 */

import { Redis } from 'ioredis';
import { positiveNumber } from '../../core/index.ts';
import type { Bans, Clock, Counters } from '../../env/index.ts';
import type { PrefixSet, PrefixSource } from '../../prefix-set/index.ts';
import type { BanTimes, MemoryBans, MemoryCounters } from '../memory/index.ts';
import { checkedBanTimes, memoryBans, memoryCounters } from '../memory/index.ts';
import { RedisBans } from './bans.ts';
import { RedisCounters } from './counters.ts';
import type { LinkState } from './link.ts';
import { Link } from './link.ts';
import { RedisLists } from './lists.ts';

export interface RedisStoreOptions extends BanTimes {
  /** Where the server is: `redis://user:secret@host:port/db`, `rediss://` with TLS. This, or `client`. */
  readonly url?: string;
  /** A client that is there already. It must have `enableOfflineQueue: false`, or it waits for a dead server for ever. */
  readonly client?: Redis;
  readonly clock: Clock;
  /** How long a call may take, in milliseconds; 50 where not given. */
  readonly deadlineMs?: number;
  /** How long a place outlives its process, in milliseconds; 30,000 where not given. It is renewed three times as often. */
  readonly leaseMs?: number;
  /** What every key and channel begins with; `postern:` where not given. */
  readonly prefix?: string;
  /** The process's own counters; some of the usual size where not given. */
  readonly local?: MemoryCounters;
  /** How many bans are held at most; 1,000,000 where not given. */
  readonly atMost?: number;
  /** Addresses and prefixes that are never banned. */
  readonly never?: Iterable<string> | PrefixSet;
}

/** What a fleet shares. */
export interface RedisStore {
  readonly counters: Counters;
  readonly bans: Bans;
  /** Whether the server is asked at present. */
  readonly state: LinkState;
  /** Settles when bans were read for the first time, or could not be. */
  readonly ready: Promise<void>;
  /** Makes a list known to every process that has its `list(name)`. False where the server did not take it. */
  publishList(name: string, set: PrefixSet): Promise<boolean>;
  /** A list that is replaced when it is published anew: a source for `ipBlocklist`. */
  list(name: string): PrefixSource;
  /** Gives back the places of this process and ends its connections. A client that was handed in stays open. */
  close(): Promise<void>;
}

/**
 * Connects to the server. It does not have to be there: until it is, the process's own counters decide.
 *
 * @throws TypeError for a wrong option, and for a client that queues commands while it is offline
 */
export function redisStore(options: RedisStoreOptions): RedisStore {
  const { clock, url, deadlineMs = 50, leaseMs = 30_000, prefix = 'postern:', atMost = 1_000_000 } = options;
  const maker = 'redisStore';
  if (typeof clock?.after !== 'function') throw new TypeError(`${maker}: clock is missing; give systemClock()`);
  if ((url === undefined) === (options.client === undefined))
    throw new TypeError(`${maker}: give either url or client`);
  for (const [name, value] of Object.entries({ deadlineMs, leaseMs })) positiveNumber(maker, name, value);
  if (options.client !== undefined && options.client.options.enableOfflineQueue !== false)
    throw new TypeError(
      `${maker}: client has its offline queue on, so that a command to a dead server stays pending; make it with enableOfflineQueue: false`,
    );
  const times = checkedBanTimes(maker, options);
  const client = options.client ?? connect(url as string);
  let closed = false;
  let busy: Promise<void> | undefined;
  const link = new Link({ client, clock, deadlineMs });
  const local: MemoryCounters = options.local ?? memoryCounters({ clock });
  const copy: MemoryBans = memoryBans({ ...options, clock, atMost });
  const counters = new RedisCounters({ link, clock, local, prefix, leaseMs });
  const bans = new RedisBans({
    link,
    clock,
    local: copy,
    times,
    prefix,
    atMost,
    onLoss: () => void (busy ?? Promise.resolve()).then(() => synchronise()),
  });
  const lists = new RedisLists(link, prefix, bans.channel);

  // A connection that listens can ask nothing, so there is a second one.
  const listener = client.duplicate({ enableOfflineQueue: false, lazyConnect: true });
  listener.on('error', ignore);
  listener.on('message', (_channel: string, message: string) => {
    bans.heard(message);
    if (message.startsWith('list ')) void lists.heard(message.slice('list '.length));
  });
  listener.on('ready', () => {
    listener.subscribe(bans.channel).catch(ignore);
  });
  listener.connect().catch(ignore);

  const synchronise = (): Promise<void> => {
    if (closed) return Promise.resolve();
    busy ??= Promise.all([counters.renew(), bans.synchronise(), lists.synchronise()])
      .then(ignore, ignore)
      .finally(() => {
        busy = undefined;
      });
    return busy;
  };
  const onReady = (): void => void synchronise();
  client.on('ready', onReady);
  let stop: () => void = ignore;
  const again = (): void => {
    stop = clock.after(leaseMs, () => {
      void synchronise().then(() => {
        if (!closed) again();
      });
    });
  };
  again();

  return {
    counters,
    bans,
    get state() {
      return link.state;
    },
    ready:
      client.status === 'ready'
        ? synchronise()
        : new Promise((resolve) => {
            const settle = (): void => {
              cancel();
              resolve(synchronise());
            };
            const cancel = clock.after(2_000, settle);
            client.once('ready', settle);
          }),
    publishList: (name, set) => lists.publish(name, set),
    list: (name) => lists.source(name),
    async close() {
      if (closed) return;
      closed = true;
      stop();
      client.off('ready', onReady);
      await counters.close();
      listener.disconnect();
      if (options.client === undefined) client.disconnect();
    },
  };
}

/** A client that fails at once where the server is away, and keeps trying to reach it. */
function connect(url: string): Redis {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new TypeError('redisStore: url is no URL; give it like "redis://127.0.0.1:6379"');
  }
  if (parsed.protocol !== 'redis:' && parsed.protocol !== 'rediss:')
    throw new TypeError(`redisStore: url begins with "${parsed.protocol}"; it must be redis: or rediss:`);
  const client = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: 2_000,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000),
  });
  // Trouble shows in `state` and in `degraded`; an event without a listener would end the process.
  client.on('error', ignore);
  return client;
}

const ignore = (): void => {};

export type { LinkState } from './link.ts';
