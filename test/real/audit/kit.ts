import { type AddressInfo, createServer } from 'node:net';
import type { ServiceName } from 'postern/audit';
import type { Authority } from './certificates.ts';
import type { Kit } from './postures.ts';

/** Ports that are free on every address of this machine. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise<void>((done) => server.listen(0, '0.0.0.0', done))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

const services: readonly ServiceName[] = [
  'smtp',
  'submission',
  'submissions',
  'imap',
  'imaps',
  'pop3',
  'pop3s',
  'managesieve',
];

/** One port for each service; each site has addresses of its own. */
export async function makeKit(authority: Authority): Promise<Kit> {
  const [httpsPort = 0, ...free] = await freePorts(services.length + 1);
  const ports = Object.fromEntries(services.map((service, at) => [service, free[at] ?? 0])) as Kit['ports'];
  return { ports, httpsPort, authority };
}
