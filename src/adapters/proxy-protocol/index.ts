/**
 * The PROXY protocol, versions 1 and 2, for adapters that listen or connect. It carries the address of the client behind a
 * proxy.
 *
 * **Answers**: which client does this header name? **Knows**: the first bytes of a connection from a trusted proxy.
 * **Asks**: the clock, for the deadline.
 * **Standards**: "The PROXY protocol, Versions 1 & 2" (HAProxy, 2025), §2.1 and §2.2.
 * **Limits**: type-length-values are skipped, including checksums. Only TCP headers name a client. UDP and Unix families
 * count as unknown.
 *
 * @module
 */
export type { ProxyHeader } from './parse.ts';
export { parseProxyHeader } from './parse.ts';
export { readProxyHeader } from './read.ts';
export { TrustedProxies } from './trusted.ts';
export type { Endpoint, Endpoints } from './write.ts';
export { proxyHeader } from './write.ts';
