import { open, readFile, rename, rm } from 'node:fs/promises';
import type { ListProblem, ReadListOptions } from '../../checks/ip-blocklist/index.ts';
import type { PrefixSource } from '../../prefix-set/index.ts';
import { PrefixSet } from '../../prefix-set/index.ts';
import type { BuildRequest, Built } from './build.ts';
import { build } from './build.ts';

/** How every source is made. */
export interface ListSourceOptions extends Omit<ReadListOptions, 'now' | 'file'> {
  /** What the list is called in findings and events. */
  readonly name?: string;
  /**
   * The share of its prefixes that a list of 10 or more may lose at once; a list that loses more is not taken. 1 takes
   * everything. Default: 0.5 for `urlList` and `entriesList`, 1 for `fileList`: a file is often kept by hand.
   */
  readonly maxShrink?: number;
  /** A file that keeps the set as it was loaded last: it is in force from the start, before the list itself was had. */
  readonly snapshot?: string;
  /** Where lists are read: in a worker (true, the default), in a worker whose file is given, or on this thread. */
  readonly worker?: URL | boolean;
  /** Hears of every reload, and of what is wrong with a list. What it throws is not caught. */
  readonly onEvent?: (event: ListEvent) => void;
}

/** What became of a reload. Plain data. */
export interface ListEvent {
  /**
   * - `loaded`: another set is in force
   * - `unchanged`: the list is the same as before
   * - `kept`: the list could not be had or may not be used; `reason` says why, and the old set, if any, stays in force
   */
  readonly type: 'loaded' | 'unchanged' | 'kept';
  readonly list: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** How many prefixes are in force now; undefined where there is no set. */
  readonly size: number | undefined;
  /** How many were before. */
  readonly before: number | undefined;
  readonly reason?: string;
  readonly errors?: number;
  readonly warnings?: number;
  readonly problems?: readonly ListProblem[];
  /** The list was read on the event loop's thread, because no worker could be started: why. */
  readonly here?: string;
}

/** A list that is kept up to date. */
export interface ListSource extends PrefixSource, AsyncDisposable {
  readonly name: string;
  /** The set in force now; undefined as long as none could be loaded. */
  current(): PrefixSet | undefined;
  /** Resolves when the first load was tried, whatever came of it. */
  readonly ready: Promise<void>;
  /** What became of the last reload. */
  readonly last: ListEvent | undefined;
  /**
   * Loads the list again, now. Never rejects.
   *
   * @param options.force takes a list although it has shrunk
   */
  reload(options?: { readonly force?: boolean }): Promise<ListEvent>;
  /** Ends watching and asking. The set stays in force. */
  close(): Promise<void>;
}

/** A list's bytes or the file they are in; or why there are none, or that they are the same as last time. */
export type Fetched =
  | {
      readonly list: BuildRequest['list'];
      readonly file?: string;
      readonly accepted?: () => void;
    }
  | { readonly unchanged: true }
  | { readonly failed: string };

/** Where a source has its sets from. */
export interface Origin {
  readonly name: string;
  /** The share of its prefixes that it may lose at once, unless the options say otherwise. */
  readonly maxShrink: number;
  /** The list's bytes, as often as asked. It may reject; that is a failure. `force` asks for them even if they are the same. */
  fetch(force: boolean): Promise<Fetched>;
  /** Called once: asks for reloads from now on. Returns what ends that. */
  start(reload: () => Promise<ListEvent>): () => void;
}

/** A listener that throws keeps no list from being in force, and ends no process: it is a warning. */
export function tell(onEvent: ListSourceOptions['onEvent'], event: ListEvent): void {
  try {
    onEvent?.(event);
  } catch (error) {
    process.emitWarning(`onEvent of the list ${event.list} threw: ${reasonOf(error)}`);
  }
}

/** A shorter list may lose everything: two of three entries are easily deleted on purpose. */
const LEAST_GUARDED = 10;

/** Why the list may not be used: it has lost too many of its prefixes. Undefined if it has not. */
export const shrinkage = (before: number | undefined, now: number, maxShrink: number): string | undefined =>
  before !== undefined && before >= LEAST_GUARDED && now < before * (1 - maxShrink)
    ? `it shrank from ${before} to ${now} prefixes`
    : undefined;

/** @throws {TypeError} if `maxShrink` is not a share */
export function assertMaxShrink(maker: string, maxShrink: number): void {
  if (!(maxShrink >= 0 && maxShrink <= 1))
    throw new TypeError(`${maker}: maxShrink must be from 0 to 1, got ${String(maxShrink)}`);
}

/** Puts the parts of a source together: one reload after the other, and the guards between a list and its being in force. */
export function listSource(origin: Origin, options: ListSourceOptions): ListSource {
  const { maxShrink = origin.maxShrink, worker = true, snapshot, onEvent } = options;
  assertMaxShrink(origin.name, maxShrink);
  if (snapshot !== undefined && (typeof snapshot !== 'string' || snapshot === ''))
    throw new TypeError(`${origin.name}: snapshot must be the path of a file`);
  const reading: ReadListOptions = {
    format: options.format,
    list: options.list ?? origin.name,
    purpose: options.purpose,
    widest: options.widest,
    maxBadShare: options.maxBadShare,
    maxProblems: options.maxProblems ?? 100,
  };

  let set: PrefixSet | undefined;
  let last: ListEvent | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  let closed = false;

  const conclude = (event: Omit<ListEvent, 'list' | 'at' | 'size'>): ListEvent => {
    last = { ...event, list: origin.name, at: Date.now(), size: set?.size };
    tell(onEvent, last);
    return last;
  };

  const load = async (force: boolean): Promise<ListEvent> => {
    const before = set?.size;
    const kept = (reason: string, more: Partial<ListEvent> = {}): ListEvent =>
      conclude({ type: 'kept', before, reason, ...more });
    if (closed) return kept('the source is closed');
    let fetched: Fetched;
    try {
      fetched = await origin.fetch(force || set === undefined);
    } catch (error) {
      return kept(reasonOf(error));
    }
    if ('failed' in fetched) return kept(fetched.failed);
    if ('unchanged' in fetched) return conclude({ type: 'unchanged', before });
    const { list, file, accepted } = fetched;
    let built: Built;
    try {
      built = await build({ list, options: { ...reading, file, now: Date.now() } }, worker);
    } catch (error) {
      return kept(reasonOf(error));
    }
    const { errors, warnings, problems, here } = built;
    const found = { errors, warnings, problems, here };
    if (built.set === undefined) return kept(built.refused ?? 'it was refused', found);
    const shrunk = force ? undefined : shrinkage(before, built.set.size, maxShrink);
    if (shrunk !== undefined) return kept(shrunk, found);
    set = built.set;
    accepted?.();
    const event = conclude({ type: 'loaded', before, ...found });
    if (snapshot !== undefined) {
      const trouble = await writeSnapshotFile(snapshot, set);
      if (trouble !== undefined)
        tell(onEvent, { ...event, type: 'unchanged', reason: `the snapshot was not written: ${trouble}` });
    }
    return event;
  };

  const reload = ({ force = false }: { readonly force?: boolean } = {}): Promise<ListEvent> => {
    const done = queue.then(() => load(force));
    queue = done.catch(() => undefined);
    return done;
  };

  const begin = async (): Promise<void> => {
    if (snapshot !== undefined) set = await readSnapshotFile(snapshot);
    await load(set === undefined);
  };
  const ready = begin();
  queue = ready.catch(() => undefined);
  const stop = origin.start(() => reload());

  const close = async (): Promise<void> => {
    closed = true;
    stop();
    await queue;
  };
  return {
    name: origin.name,
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

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
};

async function readSnapshotFile(path: string): Promise<PrefixSet | undefined> {
  try {
    return PrefixSet.fromBytes(await readFile(path));
  } catch {
    // None yet, or of another version: the list itself is read next.
    return undefined;
  }
}

/** Writes beside the file and puts it in its place: a reader finds the old one or the new one, whole. */
async function writeSnapshotFile(path: string, set: PrefixSet): Promise<string | undefined> {
  const beside = `${path}.${process.pid}.new`;
  try {
    const file = await open(beside, 'w', 0o600);
    try {
      await file.writeFile(set.toBytes());
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
    return undefined;
  } catch (error) {
    await rm(beside, { force: true }).catch(() => undefined);
    return (error as Error).message;
  }
}
