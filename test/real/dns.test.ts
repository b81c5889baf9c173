import { type DnsServer, nodeResolver, type StubResolver, stubResolver } from 'postern/dns/node';
import type { DnsResolver } from 'postern/env';
import { contractZone, type ResolverAbilities, resolverContract } from 'postern/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RealServers, startServers, withoutServers } from './dns-servers.ts';

/** What real servers cannot be told to do: to fail, to keep silent, and to have validated an unsigned zone. */
const real: ResolverAbilities = { outages: false, authentic: false };
const node: ResolverAbilities = {
  ...real,
  ttl: false,
  negativeTtl: false,
  anyName: false,
  circles: false,
  tlsa: Number(process.versions.node.split('.')[0]) >= 24,
};

describe.skipIf(withoutServers)(`real servers${withoutServers ? ` (${withoutServers})` : ''}`, () => {
  let servers: RealServers;
  const stubs: StubResolver[] = [];
  beforeAll(async () => {
    servers = await startServers('contract.test', contractZone, 120);
  });
  afterAll(async () => {
    for (const one of stubs) one.close();
    await servers?.end();
  });

  const stub = (server: Omit<DnsServer, 'address'>, mixedCase = false): StubResolver => {
    const made = stubResolver({
      servers: [{ address: '127.0.0.1', ca: servers.ca, ...server }],
      mixedCase,
      timeoutMs: 10_000,
    });
    stubs.push(made);
    return made;
  };
  const resolvers: [string, () => DnsResolver, ResolverAbilities][] = [
    ['nsd, by UDP', () => stub({ port: servers.nsd.port }), real],
    ['nsd, by TCP', () => stub({ port: servers.nsd.port, transport: 'tcp' }), real],
    ['nsd, by TLS', () => stub({ port: servers.nsd.tlsPort, transport: 'tls', name: 'dns.test' }), real],
    ["nsd, by Node's resolver", () => nodeResolver({ servers: [`127.0.0.1:${servers.nsd.port}`] }), node],
    ['unbound, by UDP', () => stub({ port: servers.unbound.port }), real],
    ['unbound, by UDP in mixed case', () => stub({ port: servers.unbound.port }, true), real],
    ['unbound, by TCP', () => stub({ port: servers.unbound.port, transport: 'tcp' }), real],
    ['unbound, by TLS', () => stub({ port: servers.unbound.tlsPort, transport: 'tls', name: 'dns.test' }), real],
    ['unbound, by HTTPS', () => stub({ port: servers.unbound.httpsPort, transport: 'https', name: 'dns.test' }), real],
    ["unbound, by Node's resolver", () => nodeResolver({ servers: [`127.0.0.1:${servers.unbound.port}`] }), node],
  ];

  describe.each(resolvers)('%s keeps the contract', (_, make, abilities) => {
    let made: DnsResolver | undefined;
    for (const { name, run } of resolverContract(() => (made ??= make()), abilities)) test(name, run);
  });

  test.each([100, 500, 1_500, 5_500])(
    'unbound, loop blocked for %i ms while answers wait: none is lost',
    async (blockMs) => {
      const ways = resolvers
        .filter(([name]) => name.startsWith('unbound'))
        .map(([name, make]) => [name, make()] as const);
      for (const [, dns] of ways) await dns.resolve('contract.test', 'A');
      const asked = ways.map(
        ([name, dns]) =>
          [
            name,
            Promise.all(Array.from({ length: 60 }, (_, i) => dns.resolve(`b${blockMs}-${i}.wild.contract.test`, 'A'))),
          ] as const,
      );
      for (let i = 0; i < 3; i++) await new Promise(setImmediate);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs);
      for (const [name, answers] of asked) {
        expect([
          name,
          (await answers).map((answer) => (answer.status === 'temperror' ? answer.reason : answer.status)),
        ]).toEqual([name, Array(60).fill('found')]);
      }
    },
  );
});
