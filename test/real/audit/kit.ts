import type { ServiceName } from 'postern/audit';
import { freePorts } from '../run-server.ts';
import type { Authority } from './certificates.ts';
import type { Kit } from './postures.ts';

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
