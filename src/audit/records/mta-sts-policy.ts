import { parseDomain, parseIp } from '../../net/index.ts';
import { type AuditFinding, found, printable } from '../finding.ts';
import type { RecordsAudit } from '../report.ts';
import { namesHost } from '../tls/index.ts';

/** An MTA-STS policy. */
export type MtaStsPolicy = NonNullable<NonNullable<RecordsAudit['mtaSts']>['policy']>;

/** A parsed policy file. `policy` is absent if senders ignore the file. */
export interface ReadPolicy {
  readonly policy?: MtaStsPolicy;
  /** Descriptions of the faults. */
  readonly faults: readonly string[];
}

/** Maximum `max_age`, one leap year in seconds (RFC 8461 §3.2). */
const MAX_AGE = 31_557_600;
const MAX_PATTERNS = 200;

/** Parses a policy (RFC 8461 §3.2). Unknown fields are skipped; of duplicate fields, the first counts. */
export function readMtaStsPolicy(text: string): ReadPolicy {
  const fields = new Map<string, string>();
  const mx: string[] = [];
  const faults: string[] = [];
  for (const line of text.split('\n')) {
    const written = line.trim();
    if (written === '') continue;
    const colon = written.indexOf(':');
    const name = colon < 0 ? '' : written.slice(0, colon);
    if (!/^[a-z0-9][a-z0-9_.-]{0,31}$/i.test(name)) {
      if (faults.length < 5) faults.push(`"${printable(written, 60)}" is not a field`);
      continue;
    }
    const value = written.slice(colon + 1).trim();
    if (name !== 'mx') {
      if (!fields.has(name)) fields.set(name, value);
    } else if (isPattern(value)) {
      if (mx.length < MAX_PATTERNS && !mx.includes(canonical(value))) mx.push(canonical(value));
    } else if (faults.length < 5)
      faults.push(`mx: ${printable(value, 60)} is neither a host nor a wildcard like *.example.org`);
  }
  const fatal = (fault: string): ReadPolicy => ({ faults: [fault, ...faults] });
  if (fields.get('version') !== 'STSv1') return fatal('it has no line "version: STSv1"');
  const mode = fields.get('mode');
  if (mode !== 'enforce' && mode !== 'testing' && mode !== 'none')
    return fatal(
      mode === undefined ? 'it has no mode' : `its mode "${printable(mode, 40)}" is not enforce, testing or none`,
    );
  const age = fields.get('max_age');
  if (age === undefined || !/^\d{1,10}$/.test(age)) return fatal('it has no max_age with a number of seconds');
  if (mx.length === 0 && mode !== 'none') return fatal('it names no MX host (mx)');
  const maxAge = Number(age);
  if (maxAge > MAX_AGE) faults.push(`its max_age ${maxAge} exceeds one year (${MAX_AGE} seconds)`);
  return { policy: { mode, mx, maxAge }, faults };
}

function isPattern(text: string): boolean {
  const host = text.startsWith('*.') ? text.slice(2) : text;
  // The grammar has no trailing dot, and senders that compare bytes would match no host.
  return parseDomain(host) !== undefined && parseIp(host) === undefined && !host.endsWith('.');
}

const canonical = (pattern: string): string =>
  pattern.startsWith('*.') ? `*.${parseDomain(pattern.slice(2))}` : (parseDomain(pattern) ?? pattern);

/** Whether a policy allows delivery to a host. A wildcard matches one label (RFC 8461 §4.1). */
export const mtaStsAllows = ({ mx }: Pick<MtaStsPolicy, 'mx'>, host: string): boolean =>
  mx.some((pattern) => namesHost(pattern, host));

/**
 * Compares a policy with the MX hosts of the domain.
 *
 * @param mxHosts the hosts of all MX records; without any, there are no findings
 */
export function mtaStsFindings(
  domain: string,
  policy: MtaStsPolicy,
  mxHosts: readonly string[],
): readonly AuditFinding[] {
  const hosts = [...new Set(mxHosts)].filter((host) => parseDomain(host) !== undefined && parseIp(host) === undefined);
  if (policy.mode === 'none' || hosts.length === 0) return [];
  const shown = [`mode: ${policy.mode}`, ...policy.mx.map((pattern) => `mx: ${pattern}`)];
  const missing = hosts.filter((host) => !mtaStsAllows(policy, host));
  const unused = policy.mx.filter((pattern) => !hosts.some((host) => namesHost(pattern, host)));
  return [
    ...missing.map((host) =>
      found('mta-sts-mx', host, `The MTA-STS policy of ${domain} does not name its MX host ${host}.`, shown, {
        severity: policy.mode === 'enforce' ? 'high' : 'medium',
      }),
    ),
    ...unused.map((pattern) =>
      found('mta-sts-unused', domain, `The MTA-STS policy of ${domain} names ${pattern}, which matches no MX host.`, [
        ...shown,
        `MX: ${hosts.slice(0, 10).join(', ')}`,
      ]),
    ),
  ];
}
