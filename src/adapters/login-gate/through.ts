import type { Socket } from 'node:net';
import type { Clock } from '../../env/index.ts';

/** How often it is looked whether anything has passed, as a part of the idle time. */
const LOOKS = 4;
/**
 * Octets on their way to one side before the other is no longer read, and at which it is read again. More than one chunk of the
 * kernel's, so that a side is read while the other is written; not more, since this is what a client that does not read costs.
 */
const HIGH = 262_144;
const LOW = 131_072;

/**
 * Lets octets through in both directions, each no faster than the other side takes them, until either side is closed and what
 * it had sent is written, or nothing has passed for `idleMs`.
 *
 * @param first what was read already and belongs to the other side
 */
export function letThrough(
  client: Socket,
  backend: Socket,
  first: { readonly fromClient: Buffer; readonly fromBackend: Buffer },
  clock: Clock,
  idleMs: number,
): Promise<'closed' | 'idle'> {
  return new Promise((resolve) => {
    let passed = true;
    let quiet = 0;
    let cancel: () => void = () => undefined;
    const finish = (why: 'closed' | 'idle'): void => {
      cancel();
      client.destroy();
      backend.destroy();
      resolve(why);
    };
    const look = (): void => {
      quiet = passed ? 0 : quiet + 1;
      passed = false;
      if (quiet >= LOOKS) finish('idle');
      else cancel = clock.after(idleMs / LOOKS, look);
    };
    look();

    const oneWay = (from: Socket, to: Socket, rest: Buffer): void => {
      let held = false;
      const written = (): void => {
        if (!held || to.writableLength > LOW) return;
        held = false;
        from.resume();
      };
      const pass = (chunk: Buffer): void => {
        passed = true;
        to.write(chunk, written);
        if (held || to.writableLength < HIGH) return;
        held = true;
        from.pause();
      };
      from.on('data', pass);
      from.once('end', () => to.end());
      from.once('close', () => {
        // What is still to be written is written first; a side that takes nothing more is cut off by the idle time.
        if (to.destroyed) finish('closed');
        else to.destroySoon();
      });
      if (rest.length > 0) pass(rest);
      if (!held) from.resume();
    };
    oneWay(client, backend, first.fromClient);
    oneWay(backend, client, first.fromBackend);
    if (client.destroyed && backend.destroyed) finish('closed');
    else if (client.destroyed) backend.destroySoon();
    else if (backend.destroyed) client.destroySoon();
  });
}
