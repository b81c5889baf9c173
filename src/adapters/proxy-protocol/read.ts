import type { Socket } from 'node:net';
import type { Clock } from '../../env/index.ts';
import { parseProxyHeader } from './parse.ts';
import type { Endpoint } from './write.ts';

/** How long a trusted proxy may take to send its header. It is sent at once, before anything of the client's. */
const HEADER_WITHIN_MS = 10_000;

/**
 * Reads the header that a trusted proxy must send first. What stands behind it stays in the socket, for whoever reads next.
 *
 * @param patienceMs how long the connection may idle; the whole header may take no longer, nor 10 seconds
 * @returns the client that the header names, undefined if it names none; or why there is no header, and then the socket is
 *   destroyed
 */
export function readProxyHeader(
  socket: Socket,
  clock: Clock,
  patienceMs: number = HEADER_WITHIN_MS,
): Promise<{ readonly client: Endpoint | undefined } | { readonly failed: string }> {
  return new Promise((resolve) => {
    let seen: Buffer = Buffer.alloc(0);
    const stop = (): void => {
      cancel();
      socket.off('readable', read);
      socket.off('end', ended);
      socket.off('close', ended);
    };
    const fail = (failed: string): void => {
      stop();
      socket.destroy();
      resolve({ failed });
    };
    const ended = (): void => fail('the connection ended before the PROXY header');
    const read = (): void => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
        seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
        const header = parseProxyHeader(seen);
        if (header.state === 'incomplete') continue;
        if (header.state === 'complete') {
          stop();
          if (seen.length > header.length) socket.unshift(seen.subarray(header.length));
          resolve({ client: header.client });
        } else fail(`malformed PROXY header: ${header.reason}`);
        return;
      }
    };
    const cancel = clock.after(Math.min(patienceMs, HEADER_WITHIN_MS), () => fail('the PROXY header took too long'));
    // A reset is never uncaught, whoever owns the socket afterwards.
    socket.on('error', () => undefined);
    socket.on('readable', read);
    socket.on('end', ended);
    socket.on('close', ended);
    if (socket.destroyed) ended();
    else read();
  });
}
