import type { Socket } from 'node:net';
import type { Clock } from '../../env/index.ts';
import { parseProxyHeader } from './parse.ts';
import type { Endpoint } from './write.ts';

/** Deadline for the header. A proxy sends it immediately, before any data from the client. */
const HEADER_WITHIN_MS = 10_000;

/**
 * Reads the header that a trusted proxy must send first. The bytes after it remain in the socket for the next reader.
 *
 * @param patienceMs idle timeout of the connection. The deadline for the whole header is this or 10 seconds, whichever is
 *   shorter. Default: 10,000.
 * @returns the client, which is undefined if the header does not name one, or `failed`, the reason why there is no valid
 *   header. In that case the socket has been destroyed.
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
    // Remains attached, so that a connection reset never becomes an uncaught exception.
    socket.on('error', () => undefined);
    socket.on('readable', read);
    socket.on('end', ended);
    socket.on('close', ended);
    if (socket.destroyed) ended();
    else read();
  });
}
