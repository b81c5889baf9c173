import { parseDomain, parseIp } from '../../net/index.ts';
import { type AuditFinding, found, printable } from '../finding.ts';
import type { RecordsAudit } from '../report.ts';
import { namesHost } from '../tls/index.ts';

/** A policy of MTA-STS, as senders keep it. */
export type MtaStsPolicy = NonNullable<NonNullable<RecordsAudit['mtaSts']>['policy']>;

/** What was read. `policy` is absent where senders do as if there were none. */
export interface ReadPolicy {
  readonly policy?: MtaStsPolicy;
  /** What is wrong, in words. */
  readonly faults: readonly string[];
}

/** RFC 8461 §3.2: a year and a leap day. */
const MAX_AGE = 31_557_600;
const MAX_PATTERNS = 200;

/** Reads a policy (RFC 8461 §3.2). Fields that are not known are skipped; of one that stands twice, the first counts. */
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
      if (faults.length < 5) faults.push(`"${printable(written, 60)}" is no field`);
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
      mode === undefined ? 'it has no mode' : `its mode "${printable(mode, 40)}" is none of enforce, testing and none`,
    );
  const age = fields.get('max_age');
  if (age === undefined || !/^\d{1,10}$/.test(age)) return fatal('it has no max_age that is a number of seconds');
  if (mx.length === 0 && mode !== 'none') return fatal('it names no MX host (mx)');
  const maxAge = Number(age);
  if (maxAge > MAX_AGE) faults.push(`its max_age ${maxAge} is longer than a year (${MAX_AGE} seconds)`);
  return { policy: { mode, mx, maxAge }, faults };
}

function isPattern(text: string): boolean {
  const host = text.startsWith('*.') ? text.slice(2) : text;
  // A dot at its end is not in the grammar, and senders that compare octets find no host.
  return parseDomain(host) !== undefined && parseIp(host) === undefined && !host.endsWith('.');
}

const canonical = (pattern: string): string =>
  pattern.startsWith('*.') ? `*.${parseDomain(pattern.slice(2))}` : (parseDomain(pattern) ?? pattern);

/** Whether a policy lets mail go to a host: a wildcard stands for one label (RFC 8461 §4.1). */
export const mtaStsAllows = ({ mx }: Pick<MtaStsPolicy, 'mx'>, host: string): boolean =>
  mx.some((pattern) => namesHost(pattern, host));

/**
 * Whether a policy names the domain's MX hosts, and nobody else.
 *
 * @param MX hosts the hosts of the MX records, all of them; where none is known, nothing is found
 */
export function mtaStsFindings(
  domain: string,
  policy: MtaStsPolicy,
  mxHosts: readonly string[],
): readonly AuditFinding[] {
  const hosts = [...new Set(mxHosts)].filter((host) => parseDomain(host) !== undefined && parseIp(host) === undefined);
  if (policy.mode === 'none' || hosts.length === 0) return [];
  const shown = [`mode: ${policy.mode}`, ...policy.mx.map((pattern) => `mx: ${pattern}`)];
  const strangers = hosts.filter((host) => !mtaStsAllows(policy, host));
  const unused = policy.mx.filter((pattern) => !hosts.some((host) => namesHost(pattern, host)));
  return [
    ...strangers.map((host) =>
      found('mta-sts-mx', host, `The MTA-STS policy of ${domain} does not name its MX host ${host}.`, shown, {
        severity: policy.mode === 'enforce' ? 'high' : 'medium',
      }),
    ),
    ...unused.map((pattern) =>
      found('mta-sts-unused', domain, `The MTA-STS policy of ${domain} names ${pattern}, and no MX record does.`, [
        ...shown,
        `MX: ${hosts.slice(0, 10).join(', ')}`,
      ]),
    ),
  ];
}
