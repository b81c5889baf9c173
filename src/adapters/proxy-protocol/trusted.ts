import type { Prefix } from '../../net/index.ts';
import { parseIp, parsePrefix, prefixHas } from '../../net/index.ts';

/** The proxies that are believed. */
export class TrustedProxies {
  readonly #prefixes: readonly Prefix[];
  readonly #unix: boolean;

  /**
   * @param option the maker and its option, for messages: `guardedServer: server.useProxy`
   * @param entries addresses, prefixes, and `unix` for sockets in the file system
   * @throws TypeError if the entries are not such a list, name nobody, or name everybody
   */
  constructor(option: string, entries: unknown) {
    const wrong = (got: unknown): TypeError =>
      new TypeError(
        `${option} must be a list of the trusted proxies' addresses or prefixes, like ["192.0.2.10", "2001:db8:7::/64"], or "unix", got ${JSON.stringify(got)}`,
      );
    if (!Array.isArray(entries) || entries.length === 0) throw wrong(entries);
    this.#unix = entries.includes('unix');
    this.#prefixes = entries
      .filter((entry) => entry !== 'unix')
      .map((entry: unknown) => {
        let prefix: Prefix;
        try {
          prefix = parsePrefix(entry as string);
        } catch {
          throw wrong(entry);
        }
        if (prefix.length === 0)
          throw new TypeError(`${option} must not hold ${JSON.stringify(entry)}: every client could name any address`);
        return prefix;
      });
  }

  /** @param address of the connection; `unix` for a socket in the file system */
  has(address: string | undefined): boolean {
    if (address === 'unix') return this.#unix;
    const ip = address === undefined ? undefined : parseIp(address);
    return ip !== undefined && this.#prefixes.some((prefix) => prefixHas(prefix, ip));
  }
}
