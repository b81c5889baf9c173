import { csv } from './csv.ts';
import { fail2ban, ipset } from './ipset.ts';
import type { LineReader, Lines } from './lines.ts';
import { nftables } from './nftables.ts';
import { dat, dshield, hosts, netset, p2p, plain, range, spamhausDrop, spamhausDropJson } from './plain.ts';
import { mynetworks, postfixCidr } from './postfix.ts';
import { rbldnsd } from './rbldnsd.ts';

/**
 * The formats that are read. What a leading zero in an IPv4 octet means is each format's own: it is refused where nothing
 * else is said.
 *
 * - `plain`: an address or prefix a line; comments from `#`, `;` or `//`
 * - `range`: the same, and `192.0.2.4-192.0.2.9`
 * - `spamhaus-drop`: `1.10.16.0/20 ; SBL256894`, the text form
 * - `spamhaus-drop-json`: JSON lines; the last one says how many there are
 * - `netset`: FireHOL's netset and ipset files; the header says how many there are
 * - `hosts`: `192.0.2.1 name`, the address is listed; a hosts file that sends *names* to 0.0.0.0 is not a list of addresses
 * - `postfix-cidr`: Postfix `cidr:` tables, the first match wins; a leading zero is octal
 * - `postfix-mynetworks`: prefixes with `[::1]/128` and `!`, the first match wins
 * - `fail2ban`: its log, `banip --with-time`, `Banned IP list:`, and the ipset commands it gives
 * - `ipset`: what `ipset save` prints
 * - `nftables`: sets as `nft list ruleset` prints them
 * - `csv`: with or without a header; CrowdSec's decisions among them
 * - `p2p`: `Some name:1.0.0.0-1.255.255.255`; zeroes only pad
 * - `dat`: `001.009.096.105 - 001.009.096.105 , 000 , Some name`; zeroes only pad
 * - `dshield`: first and last address, netmask, and more, apart by tabs
 * - `rbldnsd`: ip4set, ip4trie and ip6trie data
 */
export type ListFormat =
  | 'plain'
  | 'range'
  | 'spamhaus-drop'
  | 'spamhaus-drop-json'
  | 'netset'
  | 'hosts'
  | 'postfix-cidr'
  | 'postfix-mynetworks'
  | 'fail2ban'
  | 'ipset'
  | 'nftables'
  | 'csv'
  | 'p2p'
  | 'dat'
  | 'dshield'
  | 'rbldnsd';

export const formats: { readonly [format in ListFormat]: (lines: Lines) => LineReader } = {
  plain,
  range,
  'spamhaus-drop': spamhausDrop,
  'spamhaus-drop-json': spamhausDropJson,
  netset,
  hosts,
  'postfix-cidr': postfixCidr,
  'postfix-mynetworks': mynetworks,
  fail2ban,
  ipset,
  nftables,
  csv,
  p2p,
  dat,
  dshield,
  rbldnsd,
};

/** The names of all formats. */
export const listFormats: readonly ListFormat[] = Object.keys(formats) as ListFormat[];
