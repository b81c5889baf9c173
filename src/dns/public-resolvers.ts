/**
 * Public resolvers, which many DNS lists do not answer.
 *
 * **Answers**: does this address or name belong to a known public resolver, and who operates it?
 * **Knows**: the addresses and names below, as published by the operators (2026-11). **Asks**: nothing.
 * **Limits**: only the large services are known. Lists also refuse the shared resolvers of many providers.
 *
 * @module
 */
import { parseIp, parsePrefix, prefixHas } from '../net/index.ts';

const operators: readonly (readonly [operator: string, prefixes: readonly string[]])[] = [
  ['Google', ['8.8.8.8', '8.8.4.4', '2001:4860:4860::/48']],
  ['Cloudflare', ['1.1.1.0/29', '1.0.0.0/29', '2606:4700:4700::/48']],
  ['Quad9', ['9.9.9.0/24', '149.112.112.0/24', '2620:fe::/48']],
  ['OpenDNS', ['208.67.222.0/24', '208.67.220.0/24', '2620:119:35::/48', '2620:119:53::/48']],
  ['AdGuard', ['94.140.14.0/24', '94.140.15.0/24', '2a10:50c0::/32']],
  ['Level 3', ['4.2.2.0/29', '209.244.0.3', '209.244.0.4']],
  ['CleanBrowsing', ['185.228.168.0/24', '185.228.169.0/24', '2a0d:2a00:1::/48', '2a0d:2a00:2::/48']],
  ['Yandex', ['77.88.8.0/24', '2a02:6b8::feed:0/112']],
  ['Verisign', ['64.6.64.6', '64.6.65.6', '2620:74:1b::/48', '2620:74:1c::/48']],
  ['DNS.SB', ['185.222.222.222', '45.11.45.11']],
  ['Control D', ['76.76.2.0/24', '76.76.10.0/24']],
  ['AliDNS', ['223.5.5.5', '223.6.6.6', '2400:3200::/32']],
  ['114DNS', ['114.114.114.114', '114.114.115.115']],
  ['Comodo', ['8.26.56.26', '8.20.247.20']],
];
const prefixes = operators.flatMap(([operator, texts]) => texts.map((text) => [operator, parsePrefix(text)] as const));

/** Their names for DNS over HTTPS. */
const names: readonly (readonly [operator: string, name: string])[] = [
  ['Google', 'dns.google'],
  ['Cloudflare', 'cloudflare-dns.com'],
  ['Cloudflare', 'one.one.one.one'],
  ['Quad9', 'quad9.net'],
  ['OpenDNS', 'opendns.com'],
  ['OpenDNS', 'umbrella.com'],
  ['AdGuard', 'adguard-dns.com'],
  ['AdGuard', 'adguard.com'],
  ['CleanBrowsing', 'cleanbrowsing.org'],
  ['Yandex', 'dns.yandex.ru'],
  ['DNS.SB', 'dns.sb'],
  ['Control D', 'controld.com'],
  ['AliDNS', 'alidns.com'],
];

/**
 * Returns the operator of a known public resolver, or undefined.
 *
 * @param server an address as in a configuration (`8.8.8.8`, `[2001:db8::1]:53`), or a server as a resolver names it
 *   (`udp://8.8.8.8:53`, `tls://9.9.9.9#dns.quad9.net`, `https://dns.google/dns-query`). Port, path and certificate name are
 *   ignored.
 */
export function knownPublicResolver(server: string): string | undefined {
  const authority = /^(?:(?:udp|tcp|tls|https):\/\/)?([^/#?]*)/i.exec(server)?.[1] ?? '';
  const bare = /^\[([^\]]+)\](:\d+)?$/.exec(authority)?.[1] ?? authority.replace(/^([^:]+):\d+$/, '$1');
  const ip = parseIp(bare);
  if (ip !== undefined) return prefixes.find(([, prefix]) => prefixHas(prefix, ip))?.[0];
  const name = bare.toLowerCase().replace(/\.$/, '');
  return names.find(([, known]) => name === known || name.endsWith(`.${known}`))?.[0];
}
