import { iprev } from '../../checks/reverse-dns/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { reverseName } from '../../net/index.ts';
import { type AuditFinding, found, printable } from '../finding.ts';
import type { RecordsAudit } from '../report.ts';
import { lookupFailed, probeResolver, type RecordsContext } from './probe-resolver.ts';

type PtrAudit = NonNullable<RecordsAudit['ptr']>;

/** Checks that reverse DNS of the addresses is forward-confirmed (RFC 8601 §3). `audit` omits addresses whose lookup failed. */
export async function auditPtr(
  addresses: readonly IpAddress[],
  context: RecordsContext,
): Promise<{ readonly audit: PtrAudit; readonly findings: readonly AuditFinding[] }> {
  const dns = probeResolver(context);
  const audit: PtrAudit[number][] = [];
  const findings: AuditFinding[] = [];
  const looked = await Promise.all(
    [...new Set(addresses)].map(async (address) => ({ address, ...(await iprev(address, { dns })) })),
  );
  for (const { address, result, names, unexamined, reason } of looked) {
    if (result === 'temperror') {
      const silent = names.find(({ state }) => state === 'no-answer')?.name;
      const question =
        silent === undefined
          ? ({ name: reverseName(address), type: 'PTR' } as const)
          : ({ name: silent, type: address.includes(':') ? 'AAAA' : 'A' } as const);
      findings.push(...lookupFailed('ptr', address, [{ ...question, reason: reason ?? 'no answer' }]));
      continue;
    }
    audit.push({ address, names: names.map(({ name }) => printable(name)), confirmed: result === 'pass' });
    if (result === 'permerror')
      findings.push(
        found('ptr-missing', address, `The address ${address} has no PTR record.`, [
          `${reverseName(address)} PTR: none`,
        ]),
      );
    else if (result === 'fail')
      findings.push(
        found(
          'ptr-unconfirmed',
          address,
          `No PTR name of ${address} resolves back to this address.`,
          names
            .map(
              ({ name, state, addresses: others }) =>
                `${name}: ${states[state]}${others === undefined ? '' : ` ${others.join(', ')}`}`,
            )
            .concat(unexamined > 0 ? [`and ${unexamined} more names, which receivers do not check`] : []),
        ),
      );
  }
  return { audit, findings };
}

const states = {
  confirmed: 'resolves back',
  differs: 'has other addresses:',
  'no-address': 'has no address of this family',
  'no-answer': 'could not be looked up',
  'no-host-name': 'is not a host name',
} as const;
