import { isIP } from 'node:net';

/** What a stub needs of `/etc/resolv.conf` (resolv.conf(5)). */
export interface ResolvConf {
  readonly servers: readonly string[];
  /** Seconds to wait for a server before the next is asked. */
  readonly timeout: number | undefined;
  /** `options trust-ad`: the way to the servers is safe, and the AD bit may be believed. */
  readonly trustAd: boolean;
  /** `options use-vc`: TCP only. */
  readonly tcp: boolean;
  /** `options rotate`: spread the questions over the servers. */
  readonly rotate: boolean;
}

/** MAXNS of resolv.h. */
const MAX_SERVERS = 3;

/**
 * Reads the text of a resolv.conf. What it does not know it passes over, as every resolver does. `search` and `domain`
 * are passed over too: every name that mail asks for is whole. Without a `nameserver` it is the one on this machine.
 */
export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  let timeout: number | undefined;
  const options = new Set<string>();
  for (const line of text.slice(0, 65_536).split('\n')) {
    const [word, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/[ \t]+/);
    const [value = ''] = values;
    if (word === 'nameserver' && isIP(value) !== 0 && servers.length < MAX_SERVERS) servers.push(value);
    if (word !== 'options') continue;
    for (const option of values) {
      const seconds = /^timeout:(\d{1,3})$/.exec(option)?.[1];
      if (seconds !== undefined) timeout = Math.min(30, Math.max(1, Number(seconds)));
      options.add(option);
    }
  }
  return {
    servers: servers.length > 0 ? servers : ['127.0.0.1'],
    timeout,
    trustAd: options.has('trust-ad'),
    tcp: options.has('use-vc') || options.has('usevc'),
    rotate: options.has('rotate'),
  };
}
