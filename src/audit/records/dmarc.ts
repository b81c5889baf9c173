import type { DnsAnswer } from '../../env/index.ts';
import type { DomainName } from '../../net/index.ts';
import { organizationalDomain, parseDomain, publicSuffix } from '../../net/index.ts';
import { type AuditFinding, found, printable } from '../finding.ts';
import type { PublishedRecord } from '../report.ts';
import {
  failedOf,
  lookupFailed,
  MAX_TEXT,
  type ProbeResolver,
  probeResolver,
  type RecordsContext,
  textsOf,
} from './probe-resolver.ts';
import { readTags } from './tags.ts';

/** Maximum number of names queried in a DNS tree walk (RFC 9989 §4.10). */
const MAX_NAMES = 8;
/** Maximum number of report addresses checked in each of `rua` and `ruf`. */
const MAX_RECEIVERS = 20;

/**
 * Checks the DMARC policy that applies to the domain: its own, else that of the organizational domain (RFC 7489 §6.6.3), else
 * that of another parent domain (tree walk, RFC 9989 §4.10).
 */
export async function auditDmarc(
  domain: string,
  context: RecordsContext,
): Promise<{ readonly audit: PublishedRecord; readonly findings: readonly AuditFinding[] }> {
  const dns = probeResolver(context);
  const answers = await Promise.all(
    policyNames(domain).map(async (name) => {
      const answer = await dns.resolve(`_dmarc.${name}`, 'TXT');
      return { name, answer, reading: readDmarc(answer) };
    }),
  );
  const organisation = organizationalDomain(domain as DomainName);
  const inOrder = [
    ...answers.filter(({ name }) => name === domain),
    ...answers.filter(({ name }) => name === organisation && name !== domain),
    ...answers.filter(({ name }) => name !== organisation && name !== domain),
  ];
  const { name, reading } = inOrder.find(
    ({ name, reading }) =>
      reading.kind !== 'none' &&
      // The policy of a public suffix applies to domains below it only with psd=y (RFC 9989 §4.7).
      (name === domain || !isSuffix(name) || reading.kind === 'unknown' || reading.policy?.psd === true),
  ) ?? { name: domain, reading: nothing };
  if (reading.kind === 'none')
    return {
      audit: { state: 'missing' },
      findings: [
        found('dmarc-missing', domain, `Neither ${domain} nor a parent domain publishes a DMARC policy for it.`),
      ],
    };
  if (reading.kind === 'unknown')
    return {
      audit: { state: 'could-not-check' },
      findings: lookupFailed(
        'dmarc',
        domain,
        failedOf(answers.map((one) => ({ name: `_dmarc.${one.name}`, type: 'TXT', answer: one.answer }))),
      ),
    };
  const text = printable(reading.texts[0] ?? '', MAX_TEXT);
  const shown = reading.texts.slice(0, 5).map((one) => `_dmarc.${name} TXT ${one}`);
  const { policy } = reading;
  if (policy === undefined)
    return {
      audit: { state: 'invalid', text },
      findings: [
        found('dmarc-record', name, `The DMARC record of ${name} has no effect: ${reading.faults.join('; ')}.`, shown),
      ],
    };

  const findings: AuditFinding[] = [];
  if (policy.faults.length > 0)
    findings.push(
      found(
        'dmarc-record',
        name,
        `The DMARC record of ${name} is partly invalid: ${policy.faults.join('; ')}.`,
        shown,
        {
          severity: policy.wrongPolicy ? 'medium' : 'low',
        },
      ),
    );
  const unenforced = whyUnenforced(policy, name === domain);
  if (unenforced !== undefined)
    findings.push(
      found(
        'dmarc-none',
        domain,
        name === domain
          ? `The DMARC policy of ${domain} is not enforced: ${unenforced}.`
          : `The DMARC policy that ${name} publishes for ${domain} is not enforced: ${unenforced}.`,
        shown,
      ),
    );
  findings.push(...(await receiverFindings(name, policy.receivers, dns, shown)));
  return { audit: { state: 'found', text }, findings };
}

/** Returns the domain and its parents, the nearest first. For a long name, those in the middle are left out. */
function policyNames(domain: string): readonly string[] {
  const labels = domain.split('.');
  const names = labels.map((_, index) => labels.slice(index).join('.'));
  return names.length <= MAX_NAMES ? names : [domain, ...names.slice(1 - MAX_NAMES)];
}

const isSuffix = (name: string): boolean => !name.includes('.') || publicSuffix(name) === name;

interface Policy {
  readonly p: string;
  readonly sp: string | undefined;
  /** Tags that are invalid and therefore ignored. */
  readonly faults: readonly string[];
  /** `p` or `sp` is invalid. */
  readonly wrongPolicy: boolean;
  readonly testing: boolean;
  readonly percent: number;
  readonly psd: boolean;
  /** Domains that receive reports. */
  readonly receivers: readonly string[];
}

type Reading =
  | { readonly kind: 'none'; readonly policy?: undefined }
  | { readonly kind: 'unknown'; readonly policy?: undefined }
  | {
      readonly kind: 'record';
      readonly texts: readonly string[];
      /** Undefined if receivers ignore the record. */
      readonly policy: Policy | undefined;
      readonly faults: readonly string[];
    };

/** RFC 7489 §6.3: the version must be the first tag and match exactly. Other texts are not DMARC records. */
const begins = /^v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|$)/;
/** Matches texts that were meant as DMARC records. */
const resembles = /\bv[ \t]*=[ \t]*"?dmarc/i;

const nothing: Reading = { kind: 'none' };

function readDmarc(answer: DnsAnswer<'TXT'>): Reading {
  if (answer.status === 'temperror') return { kind: 'unknown' };
  const all = textsOf(answer);
  const texts = all.filter((text) => begins.test(text));
  const [text, second] = texts;
  if (text === undefined) {
    const near = all.filter((one) => resembles.test(one.slice(0, 512)));
    if (near.length === 0) return nothing;
    return {
      kind: 'record',
      texts: near,
      policy: undefined,
      faults: ['it does not begin with exactly "v=DMARC1;"'],
    };
  }
  // RFC 7489 §6.6.3: several records cancel each other.
  if (second !== undefined)
    return { kind: 'record', texts, policy: undefined, faults: [`there are ${texts.length} records`] };
  const { policy, faults } = readPolicy(text);
  return { kind: 'record', texts, policy, faults };
}

const policies: ReadonlySet<string> = new Set(['none', 'quarantine', 'reject']);

function readPolicy(text: string): { readonly policy: Policy | undefined; readonly faults: readonly string[] } {
  const list = readTags(text);
  const tags = new Map([...list.tags].map(([name, value]) => [name.toLowerCase(), value]));
  const faults: string[] = [...list.faults];
  const word = (name: string): string | undefined => tags.get(name)?.toLowerCase();
  const wrong = (name: string, allowed: string): void =>
    void faults.push(`${name}=${printable(tags.get(name) ?? '', 60)} should be ${allowed}`);
  const check = (name: string, is: (value: string) => boolean, allowed: string): boolean => {
    const value = word(name);
    if (value === undefined || is(value)) return true;
    wrong(name, allowed);
    return false;
  };
  const isPolicy = (value: string): boolean => policies.has(value);
  const rightP = check('p', isPolicy, 'none, quarantine or reject');
  const rightSp = check('sp', isPolicy, 'none, quarantine or reject');
  check('np', isPolicy, 'none, quarantine or reject');
  check('adkim', (value) => value === 'r' || value === 's', 'r or s');
  check('aspf', (value) => value === 'r' || value === 's', 'r or s');
  check('t', (value) => value === 'y' || value === 'n', 'y or n');
  check('psd', (value) => /^[ynu]$/.test(value), 'y, n or u');
  const rightPercent = check('pct', (value) => /^\d{1,3}$/.test(value) && Number(value) <= 100, 'from 0 to 100');
  check('ri', (value) => /^\d{1,10}$/.test(value), 'a number of seconds');
  check('fo', (value) => value.split(':').every((one) => /^[01ds]$/.test(one.trim())), '0, 1, d or s');
  const receivers = new Set<string>();
  let reporting = false;
  for (const name of ['rua', 'ruf']) {
    for (const written of tags.get(name)?.split(',', MAX_RECEIVERS) ?? []) {
      const uri = readUri(written);
      if (uri === undefined)
        faults.push(`${name}=${printable(written.trim(), 60)} should be a URI like mailto:reports@example.org`);
      else {
        if (name === 'rua') reporting = true;
        if (uri.domain !== undefined) receivers.add(uri.domain);
      }
    }
  }
  // RFC 7489 §6.6.3 step 6: a record without a valid policy counts only if it requests reports.
  const p = word('p');
  if (p === undefined || !rightP || !rightSp) {
    if (!reporting) {
      if (p === undefined) faults.unshift('it has no policy (p=)');
      return { policy: undefined, faults };
    }
  }
  const policy: Policy = {
    p: p === undefined || !rightP || !rightSp ? 'none' : p,
    sp: rightSp && rightP ? word('sp') : undefined,
    faults,
    wrongPolicy: !rightP || !rightSp,
    testing: word('t') === 'y',
    percent: rightPercent ? Number(word('pct') ?? 100) : 100,
    psd: word('psd') === 'y',
    receivers: [...receivers],
  };
  return { policy, faults };
}

/** Parses a report URI. `domain` is set for a mailto URI, which may end in `!` and a size limit (RFC 7489 §6.2). */
function readUri(written: string): { readonly domain: string | undefined } | undefined {
  const uri = written.trim();
  const mailbox = /^mailto:([^?!]{1,320})/i.exec(uri)?.[1];
  if (mailbox !== undefined) {
    const at = mailbox.lastIndexOf('@');
    const domain = at < 1 ? undefined : parseDomain(decoded(mailbox.slice(at + 1)));
    return domain === undefined ? undefined : { domain };
  }
  return /^(?!mailto:)[a-z][a-z0-9+.-]*:[^ ]/i.test(uri) ? { domain: undefined } : undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Explains why the policy asks receivers to do nothing. */
function whyUnenforced({ p, sp, testing, percent }: Policy, own: boolean): string | undefined {
  const applies = own ? p : (sp ?? p);
  if (applies === 'none') return own || sp === undefined ? 'p=none' : 'sp=none';
  if (applies === 'quarantine' && testing) return 'p=quarantine with t=y';
  if (applies === 'quarantine' && percent === 0) return 'p=quarantine with pct=0';
  return undefined;
}

/** Checks that foreign report domains agree to receive reports; otherwise none are sent (RFC 7489 §7.1). */
async function receiverFindings(
  policyDomain: string,
  receivers: readonly string[],
  dns: ProbeResolver,
  shown: readonly string[],
): Promise<readonly AuditFinding[]> {
  const organisation = organizationalDomain(policyDomain as DomainName);
  const foreign = receivers.filter((domain) => organizationalDomain(domain as DomainName) !== organisation);
  const answers = await Promise.all(
    foreign.map(async (domain) => {
      const name = `${policyDomain}._report._dmarc.${domain}`;
      return { domain, name, type: 'TXT' as const, answer: await dns.resolve(name, 'TXT') };
    }),
  );
  const withoutConsent = answers.filter(
    ({ answer }) =>
      answer.status !== 'temperror' && !textsOf(answer).some((text) => /^v[ \t]*=[ \t]*DMARC1\b/i.test(text)),
  );
  const findings = withoutConsent.map(({ domain, name, answer }) =>
    found('dmarc-reports', policyDomain, `${domain} has not agreed to receive reports about ${policyDomain}.`, [
      ...shown,
      `${name} TXT: ${answer.status === 'found' ? 'no record that begins with v=DMARC1' : answer.status}`,
    ]),
  );
  return [...findings, ...lookupFailed('dmarc', policyDomain, failedOf(answers))];
}
