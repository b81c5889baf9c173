import { parseIp } from '../net/index.ts';
import type { AuditContext } from './context.ts';

/** Whether a server may take the audit for itself: it is asked at its own address, and from there. */
export function mayTrustUs(address: string, { localAddresses, settings: { source } }: AuditContext): boolean {
  if (source !== undefined && source !== address) return false;
  if (/^127\.|^::1$|^::ffff:127\./i.test(address)) return true;
  const wanted = parseIp(address);
  return (localAddresses?.() ?? []).some((own) => own === address || (wanted !== undefined && parseIp(own) === wanted));
}

const NAMED = 5;

/** What a reader must know of servers that may. */
export const trustNote = (servers: readonly string[]): string =>
  `The audit ran on the machine of ${servers.slice(0, NAMED).join(', ')}${servers.length > NAMED ? ` and ${servers.length - NAMED} more` : ''}. Some servers trust their own address: they relay for it, or accept logins without TLS. Run the audit from elsewhere, or with --source.`;
