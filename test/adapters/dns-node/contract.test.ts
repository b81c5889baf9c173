import { cached } from 'postern/dns';
import { dohResolver } from 'postern/dns/doh';
import { nodeResolver, type StubResolver, serveZone, stubResolver, type ZoneServer } from 'postern/dns/node';
import type { DnsResolver } from 'postern/env';
import { contractZone, fixedClock, type ResolverAbilities, resolverContract, zone } from 'postern/testing';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { selfSigned } from './certificate.ts';
import { fetchWith } from './fetch-with.ts';

const tls = selfSigned();
const node: ResolverAbilities = {
  ttl: false,
  negativeTtl: false,
  authentic: false,
  anyName: false,
  tlsa: Number(process.versions.node.split('.')[0]) >= 24,
};

let server: ZoneServer;
const stubs: StubResolver[] = [];
const stub = (made: StubResolver): StubResolver => {
  stubs.push(made);
  return made;
};
beforeAll(async () => {
  server = await serveZone(zone(contractZone, { ttl: 120 }), { tls });
});
afterAll(async () => {
  for (const one of stubs) one.close();
  await server.close();
});

const quick = { timeoutMs: 4_000 };
const resolvers: [string, () => DnsResolver, ResolverAbilities?][] = [
  ['zone()', () => zone(contractZone, { ttl: 120 })],
  ['cached over zone()', () => cached(zone(contractZone, { ttl: 120 }), { clock: fixedClock() })],
  ["Node's resolver", () => nodeResolver({ servers: [`127.0.0.1:${server.port}`], timeoutMs: 1_000 }), node],
  ['stub by UDP', () => stub(stubResolver({ ...quick, servers: [`127.0.0.1:${server.port}`] }))],
  [
    'stub by UDP in mixed case',
    () => stub(stubResolver({ ...quick, mixedCase: true, servers: [`127.0.0.1:${server.port}`] })),
  ],
  ['stub by TCP', () => stub(stubResolver({ ...quick, servers: [`tcp://127.0.0.1:${server.port}`] }))],
  [
    'stub by TLS',
    () =>
      stub(
        stubResolver({
          ...quick,
          servers: [{ transport: 'tls', address: '127.0.0.1', port: server.tlsPort, name: 'dns.test', ca: tls.cert }],
        }),
      ),
  ],
  [
    'stub by HTTPS',
    () =>
      stub(
        stubResolver({
          ...quick,
          servers: [{ transport: 'https', address: '127.0.0.1', port: server.httpsPort, ca: tls.cert }],
        }),
      ),
  ],
  [
    'by HTTPS and fetch',
    () =>
      stub(
        dohResolver({
          ...quick,
          servers: [`https://127.0.0.1:${server.httpsPort}/dns-query`],
          fetch: fetchWith(tls.cert),
        }),
      ),
  ],
];

describe.each(resolvers)('%s keeps the contract', (_, make, abilities = {}) => {
  let made: DnsResolver | undefined;
  for (const { name, run } of resolverContract(() => (made ??= make()), abilities)) test(name, run);
});
