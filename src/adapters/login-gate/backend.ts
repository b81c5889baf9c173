import { connect, type Socket } from 'node:net';
import type { Clock } from '../../env/index.ts';
import { type Endpoints, proxyHeader } from '../proxy-protocol/index.ts';
import type { Backend } from './options.ts';
import { Peer } from './peer.ts';

/** Connects to the real server; undefined where it cannot be reached in time. */
export async function connectBackend(
  { host, port, tellClient }: Backend,
  ends: Endpoints,
  clock: Clock,
  withinMs: number,
  onError: (error: Error) => void,
): Promise<Peer | undefined> {
  const socket: Socket = connect({ host, port, noDelay: true, keepAlive: true });
  socket.on('error', onError);
  const connected = await new Promise<boolean>((resolve) => {
    const settle = (success: boolean): void => {
      cancel();
      socket.off('connect', onConnect);
      socket.off('close', onClose);
      resolve(success);
    };
    const onConnect = (): void => settle(true);
    const onClose = (): void => settle(false);
    const cancel = clock.after(withinMs, () => settle(false));
    socket.on('connect', onConnect);
    socket.on('close', onClose);
  });
  if (!connected) {
    socket.destroy();
    return undefined;
  }
  const peer = new Peer(socket);
  if (tellClient === 'proxy-v1') await peer.write(proxyHeader(1, ends));
  else if (tellClient === 'proxy-v2') await peer.write(proxyHeader(2, ends));
  return peer;
}
