import { parseIp } from '../net/index.ts';
import type { AuditContext } from './context.ts';

/** Whether a server may take the audit for itself: it is asked at its own address, and from there. */
export function mayTrustUs(address: string, { localAddresses, settings: { source } }: AuditContext): boolean {
  if (source !== undefined && source !== address) return false;
  if (/^127\.|^::1$|^::ffff:127\./i.test(address)) return true;
  const wanted = parseIp(address);
  return (localAddresses?.() ?? []).some((own) => own === address || (wanted !== undefined && parseIp(own) === wanted));
}

/** What a reader must know of a server that may. */
export const trustNote = (host: string, address: string): string =>
  `The audit ran on the machine of ${host} (${address}): some servers trust their own address, and relay for it or take logins without TLS. Ask again from elsewhere, or with --source.`;
