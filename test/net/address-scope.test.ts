import fc from 'fast-check';
import type { AddressScope, IpAddress } from 'postern/net';
import { addressScope, ipFromBytes, parseIp, parsePrefix, prefixHas } from 'postern/net';
import { describe, expect, test } from 'vitest';

const ip = (text: string): IpAddress => parseIp(text) as IpAddress;

/**
 * Every block of the IANA special-purpose address registries (RFC 6890), with what the registry says of "Globally Reachable":
 * https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry, both as of 2025-10.
 */
const registry: readonly (readonly [block: string, reachable: true | false | 'N/A', scope: AddressScope])[] = [
  ['0.0.0.0/8', false, 'reserved'],
  ['0.0.0.0/32', false, 'reserved'],
  ['10.0.0.0/8', false, 'private'],
  ['100.64.0.0/10', false, 'shared'],
  ['127.0.0.0/8', false, 'loopback'],
  ['169.254.0.0/16', false, 'link-local'],
  ['172.16.0.0/12', false, 'private'],
  ['192.0.0.0/24', false, 'reserved'],
  ['192.0.0.0/29', false, 'reserved'],
  ['192.0.0.8/32', false, 'reserved'],
  ['192.0.0.9/32', true, 'public'],
  ['192.0.0.10/32', true, 'public'],
  ['192.0.0.170/32', false, 'reserved'],
  ['192.0.0.171/32', false, 'reserved'],
  ['192.0.2.0/24', false, 'documentation'],
  ['192.31.196.0/24', true, 'public'],
  ['192.52.193.0/24', true, 'public'],
  ['192.88.99.0/24', 'N/A', 'reserved'],
  ['192.88.99.2/32', false, 'reserved'],
  ['192.168.0.0/16', false, 'private'],
  ['192.175.48.0/24', true, 'public'],
  ['198.18.0.0/15', false, 'reserved'],
  ['198.51.100.0/24', false, 'documentation'],
  ['203.0.113.0/24', false, 'documentation'],
  ['240.0.0.0/4', false, 'reserved'],
  ['255.255.255.255/32', false, 'reserved'],
  ['::1/128', false, 'loopback'],
  ['::/128', false, 'reserved'],
  ['64:ff9b:1::/48', false, 'private'],
  ['100::/64', false, 'reserved'],
  ['100:0:0:1::/64', false, 'reserved'],
  ['2001::/23', false, 'reserved'],
  ['2001:1::1/128', true, 'public'],
  ['2001:1::2/128', true, 'public'],
  ['2001:1::3/128', true, 'public'],
  ['2001:2::/48', false, 'reserved'],
  ['2001:3::/32', true, 'public'],
  ['2001:4:112::/48', true, 'public'],
  ['2001:10::/28', 'N/A', 'reserved'],
  ['2001:20::/28', true, 'public'],
  ['2001:30::/28', true, 'public'],
  ['2001:db8::/32', false, 'documentation'],
  ['2620:4f:8000::/48', true, 'public'],
  ['3fff::/20', false, 'documentation'],
  ['5f00::/16', false, 'reserved'],
  ['fc00::/7', false, 'private'],
  ['fe80::/10', false, 'link-local'],
];
/** The blocks whose addresses carry an IPv4 address, which decides. */
const carriers = ['::ffff:0:0/96', '64:ff9b::/96', '2001::/32', '2002::/16', '::/96'].map((text) => parsePrefix(text));

/** The first and the last address of a block, and one in between. */
function samples(block: string): IpAddress[] {
  const { address, length } = parsePrefix(block);
  const bits = address.includes(':') ? 128 : 32;
  const first = address.includes(':') ? expand(address) : address.split('.').map(Number);
  const fill = (pattern: number): IpAddress =>
    ipFromBytes(
      first.map((octet, i) => {
        const host = i * 8 >= length ? 255 : 255 >> Math.min(8, length - i * 8);
        return octet | (pattern & host);
      }),
    );
  return length === bits ? [address] : [address, fill(0x55), fill(0xff)];
}

function expand(address: string): number[] {
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const missing = 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array.from({ length: missing }, () => '0'), ...groups(tail)];
  return all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]);
}

/** The scope of the smallest block of the registry that holds the address. */
function registered(address: IpAddress): AddressScope | undefined {
  let found: readonly [number, AddressScope] | undefined;
  for (const [block, , scope] of registry) {
    const prefix = parsePrefix(block);
    if (prefixHas(prefix, address) && prefix.length >= (found?.[0] ?? 0)) found = [prefix.length, scope];
  }
  return found?.[1];
}

describe('the IANA special-purpose registries', () => {
  test.each(registry)('%s, reachable: %s → %s', (block, reachable, scope) => {
    expect(scope === 'public').toBe(reachable === true);
    for (const address of samples(block)) {
      if (carriers.some((prefix) => prefixHas(prefix, address)) && !['::', '::1'].includes(address)) continue;
      expect(addressScope(address), address).toBe(registered(address));
    }
  });

  test.each([
    ['1.0.0.0'],
    ['9.255.255.255'],
    ['11.0.0.0'],
    ['100.63.255.255'],
    ['100.128.0.0'],
    ['126.255.255.255'],
    ['128.0.0.0'],
    ['172.15.255.255'],
    ['172.32.0.0'],
    ['191.255.255.255'],
    ['192.0.1.0'],
    ['192.0.3.0'],
    ['198.17.255.255'],
    ['198.20.0.0'],
    ['203.0.114.0'],
    ['223.255.255.255'],
    ['2001:200::'],
    ['2001:db7:ffff::'],
    ['2001:db9::'],
    ['2003::'],
    ['2606:4700:4700::1111'],
    ['3ffe:ffff::'],
    ['3fff:1000::'],
  ])('%s lies just outside them → public', (address) => expect(addressScope(ip(address))).toBe('public'));

  test.each([
    ['224.0.0.0', 'multicast'],
    ['239.255.255.255', 'multicast'],
    ['ff02::1', 'multicast'],
    ['fec0::1', 'private'],
    ['feff:ffff::', 'private'],
    ['0100::1:0:0:0:0', 'reserved'],
    ['400::1', 'reserved'],
    ['1fff:ffff::', 'reserved'],
    ['4000::', 'reserved'],
    ['abcd::1', 'reserved'],
    ['::2:0:0:0', 'reserved'],
    ['::ffff:0:8.8.8.8', 'reserved'],
  ] as const)('%s → %s', (address, scope) => expect(addressScope(ip(address))).toBe(scope));
});

describe('an IPv6 address that carries an IPv4 address', () => {
  const hex = (octets: readonly number[]): string =>
    [0, 2].map((i) => (((octets[i] as number) << 8) | (octets[i + 1] as number)).toString(16)).join(':');
  const inverted = (octets: readonly number[]): number[] => octets.map((octet) => octet ^ 255);
  const octet = fc.nat(255);
  const v4 = fc.oneof(
    fc.tuple(octet, octet, octet, octet),
    fc.constantFrom(
      [127, 0, 0, 1],
      [10, 0, 0, 1],
      [192, 168, 1, 1],
      [169, 254, 169, 254],
      [192, 0, 2, 1],
      [224, 0, 0, 1],
      [8, 8, 8, 8],
    ),
  );
  const forms: { readonly [name: string]: (octets: readonly number[]) => string } = {
    mapped: (octets) => `::ffff:${octets.join('.')}`,
    NAT64: (octets) => `64:ff9b::${octets.join('.')}`,
    '6to4': (octets) => `2002:${hex(octets)}::1`,
    'Teredo client': (octets) => `2001:0:808:808:0:ffff:${hex(inverted(octets))}`,
    'Teredo server': (octets) => `2001:0:${hex(octets)}:0:ffff:${hex(inverted([8, 8, 8, 8]))}`,
  };
  test.each(Object.entries(forms))('%s → what it carries', (_, form) => {
    fc.assert(
      fc.property(v4, (octets) => {
        expect(addressScope(ip(form(octets)))).toBe(addressScope(ip(octets.join('.'))));
      }),
    );
  });
  test('IPv4-compatible → what it carries, and never public', () => {
    fc.assert(
      fc.property(
        v4.filter(([a]) => a !== 0),
        (octets) => {
          const carried = addressScope(ip(octets.join('.')));
          expect(addressScope(ip(`::${octets.join('.')}`))).toBe(carried === 'public' ? 'reserved' : carried);
        },
      ),
    );
  });
  test.each(['127.0.0.1', '8.8.8.8'])('64:ff9b:1::%s is one site’s own → private', (carried) =>
    expect(addressScope(ip(`64:ff9b:1::${carried}`))).toBe('private'),
  );
});
