import type { IpAddress } from '../../net/index.ts';
import { ipBytes, ipVersion } from '../../net/index.ts';

/** One end of a connection. */
export interface Endpoint {
  readonly ip: IpAddress;
  readonly port: number;
}

/** Both ends of the client's connection. */
export interface Endpoints {
  readonly client: Endpoint;
  readonly server: Endpoint;
}

/** The first bytes of a version 2 header (PROXY protocol §2.2). */
export const SIGNATURE: Buffer = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);

/** Encodes a PROXY protocol header that names the client, in version 1 (text) or 2 (binary). */
export function proxyHeader(version: 1 | 2, { client, server }: Endpoints): Buffer {
  const family = ipVersion(client.ip);
  // A header cannot mix address families. With "unknown", the receiver uses the address of the connection itself.
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
