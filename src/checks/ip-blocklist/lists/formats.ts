import { csv } from './csv.ts';
import { fail2ban, ipset } from './ipset.ts';
import type { LineReader, Lines } from './lines.ts';
import { nftables } from './nftables.ts';
import { dat, dshield, hosts, netset, p2p, plain, range, spamhausDrop, spamhausDropJson } from './plain.ts';
import { mynetworks, postfixCidr } from './postfix.ts';
import { rbldnsd } from './rbldnsd.ts';

/**
 * The supported formats. A leading zero in an IPv4 octet is an error unless noted otherwise.
 *
 * - `plain`: one address or prefix per line; comments from `#`, `;` or `//`
 * - `range`: the same, and `192.0.2.4-192.0.2.9`
 * - `spamhaus-drop`: `1.10.16.0/20 ; SBL256894`, the text form
 * - `spamhaus-drop-json`: JSON lines; the last one contains their number
 * - `netset`: FireHOL's netset and ipset files; the header contains the number of entries
 * - `hosts`: `192.0.2.1 name`, the address is listed; a hosts file that sends *names* to 0.0.0.0 is not a list of addresses
 * - `postfix-cidr`: Postfix `cidr:` tables, the first match wins; a leading zero is octal
 * - `postfix-mynetworks`: prefixes with `[::1]/128` and `!`, the first match wins
 * - `fail2ban`: its log, `banip --with-time`, `Banned IP list:`, and its ipset commands
 * - `ipset`: the output of `ipset save`
 * - `nftables`: sets in the output of `nft list ruleset`
 * - `csv`: with or without a header; including CrowdSec's decisions
 * - `p2p`: `Some name:1.0.0.0-1.255.255.255`; leading zeroes are padding
 * - `dat`: `001.009.096.105 - 001.009.096.105 , 000 , Some name`; leading zeroes are padding
 * - `dshield`: first and last address, netmask and other columns, separated by tabs
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
