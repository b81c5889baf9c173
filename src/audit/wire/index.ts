/**
 * Line-based connections over TCP and TLS for probes.
 *
 * **Answers**: what does this server send, before and after TLS begins?
 * **Knows**: an address and a port. **Asks**: sockets and a clock.
 * **Limits**: it accepts every certificate; probes judge it. Input is limited by {@link MAX_LINE} and {@link MAX_UNREAD}.
 * Network errors are return values, not exceptions.
 *
 * @module
 */
export { type ConnectOptions, tcpConnect } from './connect.ts';
export { type ConnectionSlots, connectionSlots, type SideResult } from './connection-slots.ts';
export { limitConnections } from './limit.ts';
export { responseInjection } from './response-injection.ts';
export type { Connect, Opened, ReadLine, TlsAsk, TlsBegun, Wire } from './wire.ts';
export { MAX_LINE, MAX_UNREAD } from './wire.ts';
