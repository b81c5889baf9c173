import type { DomainName } from 'postern/net';
import { organizationalDomain, publicSuffix, registrableDomain } from 'postern/net';
import { describe, expect, test } from 'vitest';
import { registrableDomains } from '../../src/net/registrable.ts';

describe('the registrable domain of a host', () => {
  test.each<[host: string, all: string | undefined, icann?: string | undefined]>([
    ['example.com', 'example.com'],
    ['a.b.example.com', 'example.com'],
    ['a.b.example.co.uk', 'example.co.uk'],
    ['me.github.io', 'me.github.io', 'github.io'],
    ['a.me.github.io', 'me.github.io', 'github.io'],
    ['github.io', undefined, 'github.io'],
    ['com', undefined],
    ['co.uk', undefined],
    ['localhost', undefined],
    ['host.internal', undefined],
    ['a.host.internal', undefined],
    ['192.0.2.1', undefined],
    ['[2001:db8::1]', undefined],
    ['a..example.com', undefined],
    ['a..me.github.io', undefined],
    ['a_b.example.com', 'example.com'],
    ['xn--bcher-kva.example.org', 'example.org'],
  ])('%s → %s', (host, all, icann = all) => {
    expect(registrableDomain(host)).toBe(all);
    expect(registrableDomain(host, { privateSuffixes: true })).toBe(all);
    expect(registrableDomain(host, { privateSuffixes: false })).toBe(icann);
    expect(registrableDomains(host)).toEqual({ all, icann });
  });

  test.each([
    ['https://a.example.com/b.example.org', 'example.com'],
    ['https://me@a.example.com:8080/', 'example.com'],
    ['https://192.0.2.1/', undefined],
    ['BÜCHER.de', 'xn--bcher-kva.de'],
    ['a.bücher.de', 'xn--bcher-kva.de'],
    ['Example.COM', 'example.com'],
  ])('of a URI, or of what people write: %s → %s', (text, domain) => expect(registrableDomain(text)).toBe(domain));
});

test.each([
  ['a.b.example.com', 'example.com'],
  ['a.me.github.io', 'github.io'],
  ['github.io', 'github.io'],
  ['com', 'com'],
  ['localhost', 'localhost'],
])('the organization of %s is %s', (name, domain) => expect(organizationalDomain(name as DomainName)).toBe(domain));

test.each([
  ['example.com', 'com'],
  ['com', 'com'],
  ['a.example.co.uk', 'co.uk'],
  ['me.github.io', 'github.io'],
  ['a_b.me.github.io', 'github.io'],
  ['host.internal', 'internal'],
  ['localhost', 'localhost'],
  ['192.0.2.1', undefined],
])('the public suffix of %s is %s', (host, suffix) => {
  expect(publicSuffix(host)).toBe(suffix);
});
