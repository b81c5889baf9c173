import type { Connect, Opened, Wire } from './wire.ts';

/**
 * Limits the number of simultaneous connections to each address and port to `most`. Further connections wait.
 *
 * Servers limit the connections of a client. The audit must not exceed such a limit.
 */
export function limitConnections(connect: Connect, most: number): Connect {
  const open = new Map<string, { count: number; readonly waiting: (() => void)[] }>();
  const leave = (service: string): void => {
    const place = open.get(service);
    if (place === undefined) return;
    const next = place.waiting.shift();
    if (next !== undefined) next();
    else if (--place.count === 0) open.delete(service);
  };
  return async (target, options) => {
    const service = `${target.address} ${target.port}`;
    const place = open.get(service) ?? { count: 0, waiting: [] };
    open.set(service, place);
    if (place.count < most) place.count++;
    else await new Promise<void>((resolve) => place.waiting.push(resolve));
    let opened: Opened;
    try {
      opened = await connect(target, options);
    } catch (error) {
      leave(service);
      throw error;
    }
    if (opened.status !== 'open') {
      leave(service);
      return opened;
    }
    return { status: 'open', wire: whenClosed(opened.wire, () => leave(service)) };
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
