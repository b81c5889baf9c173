import type { FSWatcher } from 'node:fs';
import { watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { numberFrom } from '../../core/index.ts';
import { MAX_LIST_BYTES } from './build.ts';
import type { Fetched, ListSource, ListSourceOptions } from './list-source.ts';
import { listSource } from './list-source.ts';

export interface FileListOptions extends ListSourceOptions {
  /** Look for changes; true. */
  readonly watch?: boolean;
  /** How often the file is looked at besides, in milliseconds; 60,000. Some file systems tell of no change. */
  readonly pollMs?: number;
}

/** A file is read when it has not changed for this long: an editor or a download may still be at it. */
const SETTLE_MS = 200;

/**
 * A list from a file, plain or packed with gzip. It is read again when it changes, be it in place or by a rename.
 *
 * @param path the file; it may come later
 * @throws TypeError where an option is wrong
 */
export function fileList(path: string, options: FileListOptions): ListSource {
  if (typeof path !== 'string' || path === '') throw new TypeError('fileList: path must be the path of a file');
  const { name = basename(path), watch: watches = true, pollMs = 60_000 } = options;
  numberFrom('fileList', 'pollMs', pollMs, 10);
  let loaded = '';

  const versionOf = async (): Promise<string> => {
    const { mtimeMs, ctimeMs, size, ino } = await stat(path);
    return `${mtimeMs} ${ctimeMs} ${size} ${ino}`;
  };

  const fetch = async (force: boolean): Promise<Fetched> => {
    const version = await versionOf();
    if (!force && version === loaded) return { unchanged: true };
    const { size } = await stat(path);
    if (size > MAX_LIST_BYTES) return { failed: `the file has ${size} bytes; at most ${MAX_LIST_BYTES} are read` };
    return {
      list: { path },
      file: path,
      accepted: () => {
        loaded = version;
      },
    };
  };

  const start = (reload: () => Promise<unknown>): (() => void) => {
    if (!watches) return () => undefined;
    let settling: NodeJS.Timeout | undefined;
    let seen = '';
    let stopped = false;
    const look = async (): Promise<void> => {
      const version = await versionOf().catch(() => '');
      if (stopped || version === seen) return;
      seen = version;
      settle();
    };
    const settle = (): void => {
      clearTimeout(settling);
      settling = setTimeout(async () => {
        const version = await versionOf().catch(() => '');
        if (stopped) return;
        if (version !== seen) {
          seen = version;
          settle();
        } else if (version !== '' && version !== loaded) await reload();
      }, SETTLE_MS).unref();
    };
    let watcher: FSWatcher | undefined;
    try {
      // The folder is watched, not the file: a file that is put in its place by a rename is another one.
      watcher = watch(dirname(path), { persistent: false }, (_, changed) => {
        if (changed === null || changed === basename(path)) settle();
      });
      watcher.on('error', () => watcher?.close());
    } catch {
      // The folder is not there, or may not be watched: the file is still looked at now and then.
    }
    const poll = setInterval(() => void look(), pollMs).unref();
    void versionOf().then(
      (version) => {
        if (seen === '') seen = version;
      },
      () => undefined,
    );
    return () => {
      stopped = true;
      watcher?.close();
      clearInterval(poll);
      clearTimeout(settling);
    };
  };

  return listSource({ name, maxShrink: 1, fetch, start }, options);
}
