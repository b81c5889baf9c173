import type { Clock } from '../../env/index.ts';
import type { Find } from '../finding.ts';
import type { Wire } from './wire.ts';

/** What is sent along with the answer to STARTTLS has arrived by then. */
const WAIT_MS = 50;

/**
 * Looks for data between the answer to STARTTLS and the handshake, where nothing may come: a client that keeps it takes it
 * for an answer within TLS. Call it before `startTls`, in a conversation that has pipelined nothing.
 */
export async function uninvited(wire: Wire, clock: Clock): Promise<Parameters<Find> | undefined> {
  await new Promise<void>((resolve) => void clock.after(WAIT_MS, resolve));
  if (wire.unread === 0) return undefined;
  return [
    'starttls-response-injection',
    `${wire.unread} bytes arrive in the clear behind the answer to STARTTLS: clients that keep them take them for an answer within TLS.`,
    wire.peek().split('\n').slice(0, 5),
  ];
}
