import { createHash } from 'node:crypto';
import type { PrefixSource } from '../../prefix-set/index.ts';
import { PrefixSet } from '../../prefix-set/index.ts';
import type { Link } from './link.ts';
import { publishScript } from './scripts.ts';

/** A list of a million prefixes is some megabytes. */
const LIST_DEADLINE_MS = 10_000;

/** Lists of prefixes that one process makes and all read. */
export class RedisLists {
  readonly #link: Link;
  readonly #prefix: string;
  readonly #channel: string;
  readonly #read = new Map<string, { version: string; set: PrefixSet | undefined }>();

  constructor(link: Link, prefix: string, channel: string) {
    this.#link = link;
    this.#prefix = `${prefix}list:`;
    this.#channel = channel;
  }

  /** Stores the set under the name and announces it. False where the server did not take it. */
  async publish(name: string, set: PrefixSet): Promise<boolean> {
    const octets = Buffer.from(set.toBytes());
    const version = createHash('sha256').update(octets).digest('hex');
    const run = (): Promise<unknown> | undefined =>
      this.#link.call(
        (client) => client.eval(publishScript.lua, 1, this.#prefix + name, octets, version, this.#channel, name),
        LIST_DEADLINE_MS,
      );
    return (await run()) === 1;
  }

  /**
   * A list by its name, for `ipBlocklist`. It has no set until the first one was read, and keeps the last one it could
   * read; a set whose digest is wrong is none.
   */
  source(name: string): PrefixSource {
    if (!this.#read.has(name)) {
      this.#read.set(name, { version: '', set: undefined });
      void this.heard(name);
    }
    return { name, current: () => this.#read.get(name)?.set };
  }

  /** Reads a list that was announced, where somebody here wants it. */
  async heard(name: string): Promise<void> {
    const known = this.#read.get(name);
    if (known === undefined) return;
    const answer = await this.#link.call(
      (client) => client.hmgetBuffer(this.#prefix + name, 'version', 'octets'),
      LIST_DEADLINE_MS,
    );
    const [version, octets] = answer ?? [];
    if (version == null || octets == null || version.toString() === known.version) return;
    if (createHash('sha256').update(octets).digest('hex') !== version.toString()) return;
    try {
      this.#read.set(name, { version: version.toString(), set: PrefixSet.fromBytes(octets) });
    } catch {
      // Written by another version of the library, or a machine of another byte order: the last one stays.
    }
  }

  /** Reads again what has changed while nobody could hear it. */
  async synchronise(): Promise<void> {
    for (const name of this.#read.keys()) await this.heard(name);
  }
}
