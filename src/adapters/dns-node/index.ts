/**
 * Resolvers for Node.
 *
 * **Answers**: what does the DNS say? Every outcome is a value.
 * **Knows**: the servers to ask. **Asks**: sockets, `/etc/resolv.conf`, a monotonic clock.
 * **Standards**: RFC 1035, 2181, 2308 (negative TTL), 5452 (forgery), 6891 (EDNS0), 7766 (TCP), 7858 and 8310 (TLS),
 * 8484 (HTTPS), 8467 (padding), 9715 (datagrams without fragments).
 * **Limits**: it needs a recursive server; it does not validate DNSSEC itself, but reads the AD bit of a server that does
 * and can be trusted. It keeps no answers: wrap it in `cached` of `postern/dns`.
 *
 * @example
 * ```ts
 * import { stubResolver } from 'postern/dns/node';
 *
 * const dns = stubResolver({ servers: ['127.0.0.1', 'tls://192.0.2.53#dns.example'], timeoutMs: 4_000 });
 * const answer = await dns.resolve('example.org', 'MX');
 * switch (answer.status) {
 *   case 'found':     answer.records.map((mx) => mx.exchange); break;
 *   case 'nodata':    // the name exists, without MX
 *   case 'nxdomain':  break;
 *   case 'temperror': answer.reason; // 'timeout', 'servfail', …
 * }
 * ```
 *
 * @module
 */
export type { StubResolver, StubResolverStats } from '../dns-wire/index.ts';
export { type NodeResolver, type NodeResolverOptions, nodeResolver } from './node-resolver.ts';
export { type Servable, type ServeZoneOptions, serveZone, type ZoneServer } from './serve.ts';
export type { DnsServer, DnsTransport } from './server-address.ts';
export { type StubResolverOptions, stubResolver } from './stub.ts';
