import { setImmediate as nextTurn } from 'node:timers/promises';
import { numberFrom } from '../../core/index.ts';
import type { PrefixInput } from '../../prefix-set/index.ts';
import { type PrefixSet, PrefixSetBuilder } from '../../prefix-set/index.ts';
import type { ListEvent, ListSource } from './list-source.ts';
import { assertMaxShrink, shrinkage, tell } from './list-source.ts';

export interface EntriesListOptions {
  readonly name?: string;
  /** How often the entries are asked for again, in milliseconds; only when `reload` is called, where not given. */
  readonly intervalMs?: number;
  /** The share of its prefixes that a list of 10 or more may lose at once. Default: 0.5. */
  readonly maxShrink?: number;
  /** Told of every load and every failure. */
  readonly onEvent?: (event: ListEvent) => void;
}

/** After so many entries the event loop gets its turn. */
const ENTRIES_PER_TURN = 2_000;

/**
 * A list from a program: from a database, say. Entries are taken a few thousand at a time between other work; the set is then
 * made at once, so a million of them should rather come as text.
 *
 * @param entries called for each load
 * @throws TypeError where an option is wrong
 */
export function entriesList(
  entries: () => Iterable<PrefixInput> | AsyncIterable<PrefixInput> | Promise<Iterable<PrefixInput>>,
  options: EntriesListOptions = {},
): ListSource {
  const { name = 'entries', intervalMs, maxShrink = 0.5, onEvent } = options;
  if (typeof entries !== 'function') throw new TypeError('entriesList: entries must be a function that gives them');
  assertMaxShrink('entriesList', maxShrink);
  if (intervalMs !== undefined) numberFrom('entriesList', 'intervalMs', intervalMs, 10);
  let set: PrefixSet | undefined;
  let last: ListEvent | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  let waiting = 0;

  const collect = async (): Promise<PrefixSet> => {
    const builder = new PrefixSetBuilder();
    const given = await entries();
    let n = 0;
    for await (const entry of given) {
      builder.add(entry);
      if (++n % ENTRIES_PER_TURN === 0) await nextTurn();
    }
    return builder.build();
  };
  const load = async (force: boolean): Promise<ListEvent> => {
    const before = set?.size;
    let reason: string | undefined;
    try {
      const next = await collect();
      reason = force ? undefined : shrinkage(before, next.size, maxShrink);
      if (reason === undefined) set = next;
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
    last = {
      type: reason === undefined ? 'loaded' : 'kept',
      list: name,
      at: Date.now(),
      size: set?.size,
      before,
      reason,
    };
    tell(onEvent, last);
    return last;
  };
  const reload = ({ force = false }: { readonly force?: boolean } = {}): Promise<ListEvent> => {
    waiting++;
    const done = queue.then(() => load(force)).finally(() => waiting--);
    queue = done.catch(() => undefined);
    return done;
  };
  const ready = reload().then(() => undefined);
  /** One that has not come back yet is not asked again: nothing piles up behind a database that is away. */
  const again = (): void => {
    if (waiting === 0) void reload();
  };
  const timer = intervalMs === undefined ? undefined : setInterval(again, intervalMs).unref();
  const close = async (): Promise<void> => {
    clearInterval(timer);
    await queue;
  };
  return {
    name,
    current: () => set,
    ready,
    get last() {
      return last;
    },
    reload,
    close,
    [Symbol.asyncDispose]: close,
  };
}
