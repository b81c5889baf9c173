import { readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '../../env/index.ts';
import type { Server } from '../dns-wire/index.ts';
import { parseResolvConf } from './resolv-conf.ts';
import { type DnsServer, parseServer } from './server-address.ts';
import { openServer } from './servers.ts';

/** Which servers are asked now, and how. */
export interface ServerList {
  /** In the order they are asked in. */
  current(): readonly Server[];
  /** Seconds of `options timeout:`, where a resolv.conf says so. */
  readonly timeout: number | undefined;
  close(): void;
}

/** How often the file is looked at, while questions are asked. */
const LOOK_EVERY_MS = 5_000;

/** Servers that are spelt out. @throws TypeError where one is none */
export function fixedServers(
  servers: readonly (string | DnsServer)[],
  clock: Clock,
  trustAd: boolean | undefined,
): ServerList {
  if (!Array.isArray(servers) || servers.length === 0) {
    throw new TypeError(
      'stubResolver: servers is empty; name at least one, or leave it out for those of /etc/resolv.conf',
    );
  }
  const list = servers.map((server) => openServer(parseServer(server, 'stubResolver: server'), clock, trustAd));
  return {
    current: () => list,
    timeout: undefined,
    close() {
      for (const server of list) server.close();
    },
  };
}

/**
 * The servers of a resolv.conf. The file is looked at again while questions go on: the next questions use what it says,
 * and those under way finish with the old servers.
 *
 * @param longestMs how long a question can be under way
 */
export function configuredServers(
  path: string,
  clock: Clock,
  trustAd: boolean | undefined,
  longestMs: number,
): ServerList {
  let text = readNow(path);
  let conf = parseResolvConf(text);
  let list = open();
  let version = '';
  let nextLook = clock.now() + LOOK_EVERY_MS;
  let turn = 0;
  let closed = false;

  function open(): readonly Server[] {
    const { servers, tcp, trustAd: safe } = conf;
    return servers.map((address) =>
      openServer(parseServer({ address, transport: tcp ? 'tcp' : 'udp' }, path), clock, trustAd ?? (safe || undefined)),
    );
  }
  const look = async (): Promise<void> => {
    const { mtimeMs, ino, size } = await stat(path);
    const seen = `${mtimeMs} ${ino} ${size}`;
    if (seen === version) return;
    const fresh = await readFile(path, 'utf8');
    version = seen;
    if (fresh === text || closed) return;
    const old = list;
    text = fresh;
    conf = parseResolvConf(text);
    list = open();
    clock.after(longestMs, () => {
      for (const server of old) server.close();
    });
  };

  return {
    current() {
      if (clock.now() >= nextLook) {
        nextLook = clock.now() + LOOK_EVERY_MS;
        // The file is missing while it is replaced: what it said last stays true.
        look().catch(() => {});
      }
      if (!conf.rotate) return list;
      const first = turn++ % list.length;
      return [...list.slice(first), ...list.slice(0, first)];
    },
    get timeout() {
      return conf.timeout;
    },
    close() {
      closed = true;
      for (const server of list) server.close();
    },
  };
}

/** Without the file, the server is the one on this machine (resolv.conf(5)). */
function readNow(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
