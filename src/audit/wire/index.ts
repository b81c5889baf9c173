/**
 * Conversations by line, over TCP and TLS, for probes.
 *
 * **Answers**: what does this server say, and what does it do when TLS begins?
 * **Knows**: an address and a port. **Asks**: sockets and a clock.
 * **Limits**: it takes every certificate: what is wrong with one is for a probe to say. What a server sends is bounded
 * ({@link MAX_LINE}, {@link MAX_UNREAD}); nothing here throws for what the world does.
 *
 * @module
 */
export { type ConnectOptions, tcpConnect } from './connect.ts';
export { type ConnectionSlots, connectionSlots, type Held } from './connection-slots.ts';
export { limitConnections } from './limit.ts';
export { uninvited } from './uninvited.ts';
export type { Connect, Opened, ReadLine, TlsAsk, TlsBegun, Wire } from './wire.ts';
export { MAX_LINE, MAX_UNREAD } from './wire.ts';
