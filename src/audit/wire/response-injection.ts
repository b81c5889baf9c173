import { type Clock, pause } from '../../env/index.ts';
import type { Find } from '../finding.ts';
import type { Wire } from './wire.ts';

/** Data that is sent together with the reply to STARTTLS arrives within this time. */
const WAIT_MS = 50;

/**
 * Checks for data between the reply to STARTTLS and the handshake. None is allowed: a client that keeps such data treats it as
 * a reply received over TLS. Call it before `startTls`, in a conversation without pipelined commands.
 */
export async function responseInjection(wire: Wire, clock: Clock): Promise<Parameters<Find> | undefined> {
  await pause(clock, WAIT_MS);
  if (wire.unread === 0) return undefined;
  return [
    'starttls-response-injection',
    `${wire.unread} bytes of cleartext follow the reply to STARTTLS: clients that keep them treat them as a reply received over TLS.`,
    wire.peek().split('\n').slice(0, 5),
  ];
}
