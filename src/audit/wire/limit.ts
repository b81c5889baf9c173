import type { Connect, Opened, Wire } from './wire.ts';

/**
 * Lets at most `most` connections to one address be open at once; more wait for their turn.
 *
 * Servers count connections per client, and a test of a site must not be what its limits act on.
 */
export function limitConnections(connect: Connect, most: number): Connect {
  const open = new Map<string, { count: number; readonly waiting: (() => void)[] }>();
  const leave = (address: string): void => {
    const place = open.get(address);
    if (place === undefined) return;
    const next = place.waiting.shift();
    if (next !== undefined) next();
    else if (--place.count === 0) open.delete(address);
  };
  return async (target, options) => {
    const place = open.get(target.address) ?? { count: 0, waiting: [] };
    open.set(target.address, place);
    if (place.count < most) place.count++;
    else await new Promise<void>((resolve) => place.waiting.push(resolve));
    let opened: Opened;
    try {
      opened = await connect(target, options);
    } catch (error) {
      leave(target.address);
      throw error;
    }
    if (opened.status !== 'open') {
      leave(target.address);
      return opened;
    }
    return { status: 'open', wire: whenClosed(opened.wire, () => leave(target.address)) };
  };
}

function whenClosed(wire: Wire, run: () => void): Wire {
  let closed = false;
  return {
    address: wire.address,
    port: wire.port,
    readLine: (timeoutMs) => wire.readLine(timeoutMs),
    write: (text) => wire.write(text),
    get unread() {
      return wire.unread;
    },
    peek: () => wire.peek(),
    startTls: (ask) => wire.startTls(ask),
    get dropped() {
      return wire.dropped;
    },
    get secure() {
      return wire.secure;
    },
    async close(farewell) {
      await wire.close(farewell);
      if (closed) return;
      closed = true;
      run();
    },
  };
}
