import { isIP } from 'node:net';
import type { Clock } from '../../env/index.ts';
import type { Server, Transport } from '../dns-wire/index.ts';
import { http2Transport } from './https.ts';
import { printServer, type ServerAddress } from './server-address.ts';
import { streamTransport } from './stream.ts';
import { udpTransport } from './udp.ts';

/** A server that is silent is asked last, for longer each time. */
const FIRST_REST_MS = 2_000;
const LONGEST_REST_MS = 60_000;

const isLoopback = (address: string): boolean =>
  (isIP(address) === 4 && address.startsWith('127.')) || address === '::1';

export function openServer(address: ServerAddress, clock: Clock, trustAd: boolean | undefined): Server {
  const { transport } = address;
  const first =
    transport === 'udp'
      ? udpTransport(address, clock)
      : transport === 'https'
        ? http2Transport(address, clock)
        : streamTransport(address, clock);
  let stream: Transport | undefined = transport === 'udp' ? undefined : first;
  let silences = 0;
  let restUntil = Number.NEGATIVE_INFINITY;
  return {
    label: printServer(address),
    // RFC 4035 §4.9.3: the AD bit means something where the way to the server is safe.
    trusted: trustAd ?? (transport === 'tls' || transport === 'https' || isLoopback(address.address)),
    datagrams: transport === 'udp',
    first,
    get stream() {
      stream ??= streamTransport(address, clock);
      return stream;
    },
    plain: false,
    heard() {
      silences = 0;
      restUntil = Number.NEGATIVE_INFINITY;
    },
    silent() {
      if (clock.now() < restUntil) return;
      restUntil = clock.now() + Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** silences++);
    },
    get resting() {
      return clock.now() < restUntil;
    },
    close() {
      first.close();
      if (stream !== first) stream?.close();
    },
  };
}
