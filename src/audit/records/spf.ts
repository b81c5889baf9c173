import { BROAD_V4_SIZE, checkHost, type SpfOutcome, unlistedHosts } from '../../checks/spf/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { addressScope, ipVersion, parsePrefix, prefixHas } from '../../net/index.ts';
import { type AuditFinding, found, printable } from '../finding.ts';
import type { PublishedRecord } from '../report.ts';
import {
  lookupFailed,
  MAX_TEXT,
  type ProbeResolver,
  probeResolver,
  type RecordsContext,
  textsOf,
} from './probe-resolver.ts';

/** Options of {@link auditSpf}. */
export interface AuditSpfOptions {
  /** Whether the domain sends mail. If not, a missing record is less severe. Default: true. */
  readonly sends?: boolean | Promise<boolean>;
}

/** A local part that no record mentions. */
const SENDER = 'postern-audit-nobody';
const MAX_BROAD = 8;

/**
 * Evaluates the SPF record of the domain as receivers do, for an unlisted IPv4 host and an unlisted IPv6 host.
 *
 * @param domain as `parseDomain` gives it
 */
export async function auditSpf(
  domain: string,
  context: RecordsContext,
  { sends = true }: AuditSpfOptions = {},
): Promise<{ readonly audit: PublishedRecord; readonly findings: readonly AuditFinding[] }> {
  const dns = probeResolver(context);
  const evaluate = (ip: string, voids?: number): Promise<SpfOutcome> =>
    checkHost(
      { ip, helo: domain, mailFrom: `${SENDER}@${domain}` },
      { dns, clock: context.clock },
      { voids, signal: context.signal },
    );
  const [own, v4, v6] = await Promise.all([
    dns.resolve(domain, 'TXT'),
    evaluate(unlistedHosts[4]),
    evaluate(unlistedHosts[6]),
  ]);
  if (own.status === 'temperror')
    return {
      audit: { state: 'could-not-check' },
      findings: lookupFailed('spf', domain, [{ name: domain, type: 'TXT', reason: own.reason }]),
    };
  const records = textsOf(own).filter((text) => /^v=spf1(?: |$)/i.test(text));
  const [record] = records;
  if (record === undefined)
    return { audit: { state: 'missing' }, findings: [missing(domain, textsOf(own), await sends)] };

  const text = printable(record, MAX_TEXT);
  const shown = records.slice(0, 5).map((one) => `${domain} TXT ${one}`);
  const fault = await faultOf({ 4: v4, 6: v6 }, dns, evaluate);
  if (fault !== undefined)
    return {
      audit: { state: 'invalid', text },
      findings: [
        found(
          'spf-error',
          domain,
          `The SPF record of ${domain} causes permerror: ${fault.reason}.`,
          [...shown, ...fault.evidence],
          {
            severity: fault.severity,
          },
        ),
      ],
    };

  const findings: AuditFinding[] = [];
  const open = await openTo([v4, v6], dns, evaluate);
  if (open !== undefined)
    findings.push(
      found('spf-open', domain, `The SPF record of ${domain} authorizes ${open.whom}.`, [...shown, ...open.evidence], {
        severity: open.severity,
      }),
    );
  const silent = [v4, v6].filter(({ result }) => result === 'temperror');
  if (silent.length > 0) {
    const questions = silent.flatMap(({ evidence }) =>
      evidence.flatMap(({ name, type, status, reason = '' }) =>
        status === 'temperror' ? [{ name, type, reason }] : [],
      ),
    );
    const distinct = [...new Map(questions.map((one) => [`${one.name} ${one.type}`, one])).values()];
    findings.push(
      ...lookupFailed(
        'spf',
        domain,
        distinct.length > 0
          ? distinct
          : [{ name: domain, type: 'TXT', reason: silent[0]?.reason ?? 'the record could not be evaluated' }],
      ),
    );
  } else if (open === undefined && [v4, v6].some(({ result }) => result === 'neutral')) {
    const term = v4.term ?? v6.term;
    findings.push(
      found(
        'spf-neutral',
        domain,
        term === undefined
          ? `The SPF record of ${domain} ends without "all" or "redirect": the result for other hosts is neutral.`
          : `The SPF record of ${domain} contains "${term}": the result for other hosts is neutral.`,
        shown,
      ),
    );
  }
  return { audit: { state: silent.length > 0 ? 'could-not-check' : 'found', text }, findings };
}

function missing(domain: string, texts: readonly string[], sends: boolean): AuditFinding {
  const near = texts.filter((text) => /spf/i.test(text.slice(0, 20)));
  const what =
    near.length > 0
      ? `${domain} publishes no SPF record; a similar TXT record does not begin with "v=spf1 ".`
      : `${domain} publishes no SPF record.`;
  return found(
    'spf-missing',
    domain,
    what,
    near.map((text) => `${domain} TXT ${text}`),
    sends ? {} : { severity: 'low', fix: 'Publish "v=spf1 -all": the domain sends no mail.' },
  );
}

interface Fault {
  readonly reason: string;
  readonly evidence: readonly string[];
  readonly severity: 'high' | 'medium';
}

type Family = keyof typeof unlistedHosts;
const families: readonly Family[] = [4, 6];

/** Checks whether receivers get permerror, and how severe that is. */
async function faultOf(
  outcomes: { readonly [family in Family]: SpfOutcome },
  dns: ProbeResolver,
  evaluate: (ip: string, voids: number) => Promise<SpfOutcome>,
): Promise<Fault | undefined> {
  const failing = families.filter((family) => outcomes[family].result === 'permerror');
  const [family] = failing;
  if (family === undefined) return undefined;
  const reasons = [...new Set(failing.map((one) => outcomes[one].reason ?? 'it cannot be evaluated'))];
  const reason = reasons.map(printable).join('; ');
  const evidence = failing.map(
    (one) => `IPv${one} clients: ${outcomes[one].reason ?? 'permerror'} (${outcomes[one].lookups.terms} lookups)`,
  );
  if (failing.length === 2) {
    // A name built from the client address may exist for authorized hosts only.
    const byClient = dns
      .texts()
      .some((text) => /^v=spf1 /i.test(text) && text.split(' ').some((word) => madeFromClient(word)));
    return { reason, evidence, severity: byClient && !certain(reason) ? 'medium' : 'high' };
  }
  // A host with addresses of one family is a void lookup for clients of the other family.
  if (outcomes[family].lookups.voids > MAX_VOIDS && !(await sendsFrom(family, dns, evaluate))) return undefined;
  return { reason: `${reason}, for IPv${family} clients`, evidence, severity: 'medium' };
}

const MAX_VOIDS = 2; // RFC 7208 §4.6.4
const madeFromClient = (word: string): boolean =>
  /^[-+?~]?(?:include:|redirect=)/i.test(word) && /%\{[ilshpcr]/i.test(word);
const certain = (reason: string): boolean => /more than|multiple|unknown|invalid|syntax/i.test(reason);

/** Whether the records authorize any address of this family. */
async function sendsFrom(
  family: Family,
  dns: ProbeResolver,
  evaluate: (ip: string, voids: number) => Promise<SpfOutcome>,
): Promise<boolean> {
  const { evidence } = await evaluate(unlistedHosts[family], 100);
  const type = family === 4 ? 'A' : 'AAAA';
  const term = family === 4 ? / [+]?ip4:/i : / [+]?ip6:/i;
  return (
    evidence.some((one) => one.type === type && one.status === 'found') ||
    dns.texts().some((text) => /^v=spf1 /i.test(text) && term.test(text))
  );
}

interface Open {
  readonly whom: string;
  readonly evidence: readonly string[];
  readonly severity: 'high' | 'medium';
}

/** Checks whether the record authorizes too many hosts. Broad terms are evaluated, since an earlier term may exclude them. */
async function openTo(
  outcomes: readonly SpfOutcome[],
  dns: ProbeResolver,
  evaluate: (ip: string) => Promise<SpfOutcome>,
): Promise<Open | undefined> {
  const passing = outcomes.find(({ result }) => result === 'pass');
  if (passing !== undefined)
    return {
      whom: 'every host',
      evidence: [`an unlisted host passes by ${(passing.matched ?? ['the record']).join(' → ')}`],
      severity: 'high',
    };
  const broad = [...new Set(outcomes.flatMap((outcome) => outcome.broad ?? []))].slice(0, MAX_BROAD);
  const tried = await Promise.all(
    broad.flatMap((term) => clientsOf(term, outcomes).map(async (ip) => ({ term, ip, ...(await evaluate(ip)) }))),
  );
  const passed = tried.filter(({ result }) => result === 'pass');
  if (passed.length > 0)
    return {
      whom: 'more hosts than one organization controls',
      evidence: [...new Set(passed.map(({ term }) => `over-broad: ${term}`))],
      severity: 'high',
    };
  const total = authorizedAddresses(dns.texts());
  if (!broad.includes('ip4 total') || total <= BROAD_V4_SIZE) return undefined;
  return {
    whom: 'more hosts than one organization controls',
    evidence: [`its ip4 terms contain ${total} addresses`],
    severity: 'medium',
  };
}

/** Returns client addresses that a broad term should authorize. */
function clientsOf(term: string, outcomes: readonly SpfOutcome[]): readonly string[] {
  const written = /^[+]?ip[46]:(.*)$/i.exec(term)?.[1];
  if (written !== undefined) {
    try {
      const { address } = parsePrefix(written, { hostBits: 'clear' });
      return sendsNoMail(address) ? [] : [address];
    } catch {
      return [];
    }
  }
  // A host with a short prefix: its own addresses are inside the prefix.
  if (!/^[+]?(?:a|mx)\b/i.test(term)) return [];
  return [
    ...new Set(
      outcomes.flatMap(({ evidence }) =>
        evidence.flatMap(({ type, records }) => (type === 'A' || type === 'AAAA' ? (records ?? []) : [])),
      ),
    ),
  ].slice(0, 4);
}

const multicastAndReserved = parsePrefix('224.0.0.0/3');

/** Whether no mail can come from a network that begins at this address. */
function sendsNoMail(address: IpAddress): boolean {
  return ipVersion(address) === 4 ? prefixHas(multicastAndReserved, address) : /^f[c-f]/.test(address);
}

/** Counts the public addresses in passing `ip4` terms. Duplicate networks count once. */
function authorizedAddresses(texts: readonly string[]): number {
  const prefixes = new Map<string, number>();
  for (const text of texts) {
    if (!/^v=spf1 /i.test(text)) continue;
    for (const [, written = ''] of text.matchAll(/ [+]?ip4:([0-9./]{7,18})(?= |$)/gi)) {
      try {
        const { address, length } = parsePrefix(written, { hostBits: 'clear' });
        if (addressScope(address) === 'public') prefixes.set(`${address}/${length}`, 2 ** (32 - length));
      } catch {
        // Invalid terms are reported as permerror.
      }
    }
  }
  return [...prefixes.values()].reduce((sum, size) => sum + size, 0);
}

/** Whether a record declares that the domain sends no mail. */
export const sendsNothing = (texts: readonly string[]): boolean => texts.some((text) => /^v=spf1 +-all *$/i.test(text));
