import { checkHost, type SpfOutcome } from '../../checks/spf/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { addressScope, ipVersion, parsePrefix, prefixHas } from '../../net/index.ts';
import { type AuditFinding, found, printable } from '../finding.ts';
import type { PublishedRecord } from '../report.ts';
import { lookupFailed, MAX_TEXT, type Questions, questionsOf, type RecordsContext, textsOf } from './questions.ts';

/** Options of {@link auditSpf}. */
export interface AuditSpfOptions {
  /** Whether the domain sends mail at all; true where not given. One that does not needs a record less urgently. */
  readonly sends?: boolean | Promise<boolean>;
}

/** Nobody sends mail from these (RFC 1112 §4, RFC 6666): whom they are let in, everybody is. */
const STRANGERS = { IPv4: '240.0.0.1', IPv6: '0100::1' } as const;
/** A mailbox that no record has been made for. */
const SENDER = 'postern-audit-nobody';
const MAX_BROAD = 8;
/** An organisation that has more of IPv4 than a /8 does not send from all of it. */
const BROAD_TOTAL = 2 ** 24;

/**
 * What the domain's SPF record says: evaluated as receivers do it, for clients that nobody knows, with IPv4 and with IPv6.
 *
 * @param domain as `parseDomain` gives it
 */
export async function auditSpf(
  domain: string,
  context: RecordsContext,
  { sends = true }: AuditSpfOptions = {},
): Promise<{ readonly audit: PublishedRecord; readonly findings: readonly AuditFinding[] }> {
  const dns = questionsOf(context);
  const evaluate = (ip: string, voids?: number): Promise<SpfOutcome> =>
    checkHost(
      { ip, helo: domain, mailFrom: `${SENDER}@${domain}` },
      { dns, clock: context.clock },
      { voids, signal: context.signal },
    );
  const [own, v4, v6] = await Promise.all([
    dns.resolve(domain, 'TXT'),
    evaluate(STRANGERS.IPv4),
    evaluate(STRANGERS.IPv6),
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
  const fault = await faultOf({ IPv4: v4, IPv6: v6 }, dns, evaluate);
  if (fault !== undefined)
    return {
      audit: { state: 'invalid', text },
      findings: [
        found(
          'spf-error',
          domain,
          `The SPF record of ${domain} is in error: ${fault.reason}.`,
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
      found('spf-open', domain, `The SPF record of ${domain} lets ${open.whom} send.`, [...shown, ...open.evidence], {
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
          ? `The SPF record of ${domain} ends without "all" or "redirect": of other hosts it says nothing.`
          : `The SPF record of ${domain} says "${term}": of other hosts it says nothing.`,
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
      ? `${domain} publishes no SPF record; what looks like one does not begin with "v=spf1 ".`
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

type Family = keyof typeof STRANGERS;
const families: readonly Family[] = ['IPv4', 'IPv6'];

/** Whether receivers come to "permerror", and how badly that is. */
async function faultOf(
  outcomes: { readonly [family in Family]: SpfOutcome },
  dns: Questions,
  evaluate: (ip: string, voids: number) => Promise<SpfOutcome>,
): Promise<Fault | undefined> {
  const failing = families.filter((family) => outcomes[family].result === 'permerror');
  const [family] = failing;
  if (family === undefined) return undefined;
  const reasons = [...new Set(failing.map((one) => outcomes[one].reason ?? 'it cannot be evaluated'))];
  const reason = reasons.map(printable).join('; ');
  const evidence = failing.map(
    (one) => `clients with ${one}: ${outcomes[one].reason ?? 'permerror'} (${outcomes[one].lookups.terms} look-ups)`,
  );
  if (failing.length === 2) {
    // A name made from the client may exist for those who may send, and for no stranger.
    const byClient = dns
      .texts()
      .some((text) => /^v=spf1 /i.test(text) && text.split(' ').some((word) => madeFromClient(word)));
    return { reason, evidence, severity: byClient && !certain(reason) ? 'medium' : 'high' };
  }
  // Hosts that have addresses of one kind alone are nothing to be found for clients of the other kind.
  if (outcomes[family].lookups.voids > MAX_VOIDS && !(await sendsFrom(family, dns, evaluate))) return undefined;
  return { reason: `${reason}, for clients with ${family}`, evidence, severity: 'medium' };
}

const MAX_VOIDS = 2; // RFC 7208 §4.6.4
const madeFromClient = (word: string): boolean =>
  /^[-+?~]?(?:include:|redirect=)/i.test(word) && /%\{[ilshpcr]/i.test(word);
const certain = (reason: string): boolean => /more than|multiple|unknown|invalid|syntax/i.test(reason);

/** Whether the records let anybody send with addresses of this family. */
async function sendsFrom(
  family: Family,
  dns: Questions,
  evaluate: (ip: string, voids: number) => Promise<SpfOutcome>,
): Promise<boolean> {
  const { evidence } = await evaluate(STRANGERS[family], 100);
  const type = family === 'IPv4' ? 'A' : 'AAAA';
  const term = family === 'IPv4' ? / [+]?ip4:/i : / [+]?ip6:/i;
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

/** Whether the record lets in more than anybody can vouch for. What looks so is tried, since it may stand behind a minus. */
async function openTo(
  outcomes: readonly SpfOutcome[],
  dns: Questions,
  evaluate: (ip: string) => Promise<SpfOutcome>,
): Promise<Open | undefined> {
  const everybody = outcomes.find(({ result }) => result === 'pass');
  if (everybody !== undefined)
    return {
      whom: 'everybody',
      evidence: [`a client that nobody knows passes by ${(everybody.matched ?? ['the record']).join(' → ')}`],
      severity: 'high',
    };
  const broad = [...new Set(outcomes.flatMap((outcome) => outcome.broad ?? []))].slice(0, MAX_BROAD);
  const tried = await Promise.all(
    broad.flatMap((term) => clientsOf(term, outcomes).map(async (ip) => ({ term, ip, ...(await evaluate(ip)) }))),
  );
  const passed = tried.filter(({ result }) => result === 'pass');
  if (passed.length > 0)
    return {
      whom: 'more hosts than anybody can vouch for',
      evidence: [...new Set(passed.map(({ term }) => `over-broad: ${term}`))],
      severity: 'high',
    };
  const total = addressesLetIn(dns.texts());
  if (!broad.includes('ip4 total') || total <= BROAD_TOTAL) return undefined;
  return {
    whom: 'more hosts than anybody can vouch for',
    evidence: [`its ip4 terms hold ${total} addresses`],
    severity: 'medium',
  };
}

/** Clients that a broad term should let in. */
function clientsOf(term: string, outcomes: readonly SpfOutcome[]): readonly string[] {
  const written = /^[+]?ip[46]:(.*)$/i.exec(term)?.[1];
  if (written !== undefined) {
    try {
      const { address } = parsePrefix(written, { hostBits: 'clear' });
      return isNobodys(address) ? [] : [address];
    } catch {
      return [];
    }
  }
  // A host with a short prefix behind it: its own addresses are among those that are let in.
  if (!/^[+]?(?:a|mx)\b/i.test(term)) return [];
  return [
    ...new Set(
      outcomes.flatMap(({ evidence }) =>
        evidence.flatMap(({ type, records }) => (type === 'A' || type === 'AAAA' ? (records ?? []) : [])),
      ),
    ),
  ].slice(0, 4);
}

const nobodys = parsePrefix('224.0.0.0/3');

/** Whether no mail can come from a network that begins here. */
function isNobodys(address: IpAddress): boolean {
  return ipVersion(address) === 4 ? prefixHas(nobodys, address) : /^f[c-f]/.test(address);
}

/** How many public addresses the `ip4` terms hold that let in; a network that stands twice counts once. */
function addressesLetIn(texts: readonly string[]): number {
  const prefixes = new Map<string, number>();
  for (const text of texts) {
    if (!/^v=spf1 /i.test(text)) continue;
    for (const [, written = ''] of text.matchAll(/ [+]?ip4:([0-9./]{7,18})(?= |$)/gi)) {
      try {
        const { address, length } = parsePrefix(written, { hostBits: 'clear' });
        if (addressScope(address) === 'public') prefixes.set(`${address}/${length}`, 2 ** (32 - length));
      } catch {
        // The evaluation has judged it.
      }
    }
  }
  return [...prefixes.values()].reduce((sum, size) => sum + size, 0);
}

/** Whether a record says that the domain sends no mail at all. */
export const sendsNothing = (texts: readonly string[]): boolean => texts.some((text) => /^v=spf1 +-all *$/i.test(text));
