import type { Prefix } from '../../net/index.ts';
import { parseIp, parsePrefix, prefixHas } from '../../net/index.ts';

/** The proxies that may name their clients. */
export class TrustedProxies {
  readonly #prefixes: readonly Prefix[];
  readonly #unix: boolean;

  /**
   * @param option function and option for error messages: `guardedServer: server.useProxy`
   * @param entries addresses, prefixes, and `unix` for Unix domain sockets
   * @throws {TypeError} if `entries` is not a list of these, is empty, or contains a prefix of length 0
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

  /**
   * Reports whether a peer is a trusted proxy.
   *
   * @param address the peer's address, or `unix` for a Unix domain socket
   */
  has(address: string | undefined): boolean {
    if (address === 'unix') return this.#unix;
    const ip = address === undefined ? undefined : parseIp(address);
    return ip !== undefined && this.#prefixes.some((prefix) => prefixHas(prefix, ip));
  }
}
