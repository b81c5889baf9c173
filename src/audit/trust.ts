import { parseIp } from '../net/index.ts';
import type { AuditContext } from './context.ts';

/** Whether the server runs on this machine, and so may trust the address that the audit connects from. */
export function mayTrustUs(address: string, { localAddresses, settings: { source } }: AuditContext): boolean {
  if (source !== undefined && source !== address) return false;
  if (/^127\.|^::1$|^::ffff:127\./i.test(address)) return true;
  const wanted = parseIp(address);
  return (localAddresses?.() ?? []).some((own) => own === address || (wanted !== undefined && parseIp(own) === wanted));
}

const NAMED = 5;

/** Returns the note about servers on this machine. */
export const trustNote = (servers: readonly string[]): string =>
  `The audit ran on the machine of ${servers.slice(0, NAMED).join(', ')}${servers.length > NAMED ? ` and ${servers.length - NAMED} more` : ''}. Some servers trust their own address: they relay for it, or accept logins without TLS. Run the audit from elsewhere, or with --source.`;
