import type { IpAddress } from '../../net/index.ts';
import { ipBytes, ipVersion } from '../../net/index.ts';

/** Both ends of the client's connection. */
export interface Endpoints {
  readonly client: { readonly ip: IpAddress; readonly port: number };
  readonly server: { readonly ip: IpAddress; readonly port: number };
}

/** HAProxy's PROXY protocol, §2.2. */
const SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);

/** The header of the PROXY protocol, version 1 (text) or 2 (binary): who the client really is. */
export function proxyHeader(version: 1 | 2, { client, server }: Endpoints): Buffer {
  const family = ipVersion(client.ip);
  // Ends of different families cannot be said; "unknown" leaves the backend with the address of the gate.
  const known = family === ipVersion(server.ip);
  if (version === 1) {
    const words = known
      ? `PROXY TCP${family} ${client.ip} ${server.ip} ${client.port} ${server.port}`
      : 'PROXY UNKNOWN';
    return Buffer.from(`${words}\r\n`, 'latin1');
  }
  if (!known) return Buffer.concat([SIGNATURE, Buffer.from([0x20, 0x00, 0, 0])]);
  const addresses = Buffer.concat([ipBytes(client.ip), ipBytes(server.ip), port(client.port), port(server.port)]);
  const head = Buffer.from([0x21, family === 4 ? 0x11 : 0x21, addresses.length >> 8, addresses.length & 255]);
  return Buffer.concat([SIGNATURE, head, addresses]);
}

const port = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
