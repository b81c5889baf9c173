import { evidenceOf } from '../../audit/index.ts';
import { heloCheck, senderDomain } from '../../checks/reverse-dns/index.ts';
import type { SpfOutcome } from '../../checks/spf/index.ts';
import { checkHost } from '../../checks/spf/index.ts';
import { mailHosts } from '../../dns/index.ts';
import type { IpAddress, Mailbox } from '../../net/index.ts';
import { parseAddressLiteral, parseDomain, parsePrefix, printMailbox } from '../../net/index.ts';
import type { CheckEnv, CheckFindingId, Results } from './catalogue.ts';
import { found } from './catalogue.ts';

/** Arguments of `postern check sender`. */
export interface SenderQuestion {
  /** Null is the null reverse-path. */
  readonly sender: Mailbox | null;
  readonly ip?: IpAddress;
  readonly helo?: string;
  readonly publicNetworks: readonly string[];
}

/** Checks what a server knows at MAIL FROM: the HELO name, the sender domain and SPF. */
export async function checkSender(question: SenderQuestion, env: CheckEnv): Promise<readonly Results[]> {
  const { sender, ip, helo, publicNetworks } = question;
  return Promise.all([
    ...(helo !== undefined && ip !== undefined ? [heloOf(helo, ip, env)] : []),
    ...(sender === null ? [] : [domainOf(sender, publicNetworks, env), mxHostsOf(sender, publicNetworks, env)]),
    ...(ip === undefined ? [] : spfQuestions(question, ip).map((subject) => spfOf(subject, env))),
    notesOf(question),
  ]);
}

async function notesOf({ sender, ip, helo }: SenderQuestion): Promise<Results> {
  const notes = [
    ...(ip === undefined ? ['SPF and the HELO name were not checked: --ip is missing.'] : []),
    ...(ip !== undefined && helo === undefined ? ['The HELO name was not checked: --helo is missing.'] : []),
    ...(sender === null && ip !== undefined && helo === undefined
      ? ['SPF was not checked: a null reverse-path needs --helo.']
      : []),
  ];
  return { answers: [], findings: [], notes };
}

/** Returns the identities that SPF checks: the reverse-path and the HELO name (RFC 7208 §2.3, §2.4). */
function spfQuestions({ sender, helo }: SenderQuestion, ip: IpAddress): readonly SpfSubject[] {
  const name = helo === undefined ? undefined : parseDomain(helo);
  return [
    ...(sender === null ? [] : [{ ip, helo: helo ?? 'unknown', mailFrom: printMailbox(sender) }]),
    ...(name === undefined ? [] : [{ ip, helo: name, mailFrom: null }]),
  ];
}

interface SpfSubject {
  readonly ip: IpAddress;
  readonly helo: string;
  readonly mailFrom: string | null;
}

async function heloOf(name: string, ip: IpAddress, env: CheckEnv): Promise<Results> {
  const helo = { verb: 'EHLO' as const, name, domain: parseDomain(name), literal: parseAddressLiteral(name) };
  const { state, addresses, reason: why } = await heloCheck(helo, ip, env, { signal: env.signal });
  const evidence = [
    ...(addresses === undefined ? [] : [`${name} resolves to ${addresses.join(', ')}`]),
    ...(why === undefined ? [] : [why]),
  ];
  const { result, reason, finding } = heloWords(state, name, ip);
  return {
    answers: [
      { check: 'helo', subject: name, result, reason, evidence: evidenceOf(evidence), source: 'RFC 5321 §4.1.4' },
    ],
    findings: finding === undefined ? [] : [found(finding, name, reason, [`client ${ip}`, ...evidence])],
  };
}

function heloWords(
  state: Awaited<ReturnType<typeof heloCheck>>['state'],
  name: string,
  ip: IpAddress,
): { result: 'pass' | 'softfail' | 'fail' | 'temperror'; reason: string; finding?: CheckFindingId } {
  switch (state) {
    case 'resolves':
      return { result: 'pass', reason: `${name} resolves to ${ip}.` };
    case 'literal-matches':
      return { result: 'pass', reason: `${name} is the client address.` };
    case 'same-name-as-ptr':
      return { result: 'pass', reason: `${name} is the forward-confirmed reverse DNS name of ${ip}.` };
    case 'same-organization-as-ptr':
      return {
        result: 'pass',
        reason: `${name} belongs to the same organization as the forward-confirmed reverse DNS name of ${ip}.`,
      };
    case 'syntax':
      return {
        result: 'fail',
        reason: `${name} is neither a domain name nor an address literal.`,
        finding: 'helo-syntax',
      };
    case 'not-qualified':
      return {
        result: 'softfail',
        reason: `${name} is not a fully qualified host name.`,
        finding: 'helo-not-qualified',
      };
    case 'literal-differs':
      return {
        result: 'softfail',
        reason: `${name} is not the client address ${ip}.`,
        finding: 'helo-differs',
      };
    case 'claims-us':
      return { result: 'softfail', reason: `${name} is the name of this server.`, finding: 'helo-differs' };
    case 'resolves-elsewhere':
      return { result: 'softfail', reason: `${name} does not resolve to ${ip}.`, finding: 'helo-differs' };
    case 'unresolvable':
      return { result: 'softfail', reason: `${name} has no address.`, finding: 'helo-unresolvable' };
    case 'no-answer':
      return { result: 'temperror', reason: `${name} could not be looked up.`, finding: 'helo-unknown' };
  }
}

async function domainOf(sender: Mailbox, publicNetworks: readonly string[], env: CheckEnv): Promise<Results> {
  const check = senderDomain({ publicNetworks });
  const { result, explanation, cause, detail } = await check.examine({ reversePath: sender }, env, env.signal);
  const { domain } = sender;
  const reason =
    result === 'pass'
      ? `${domain} accepts mail${detail?.state === 'implicit' ? ' at its own address, without an MX record' : ''}.`
      : result === 'neutral'
        ? `${domain} is an address literal, not a domain name.`
        : `${explanation ?? result}.`;
  const finding =
    result === 'temperror'
      ? 'sender-unknown'
      : cause === 'sender-null-mx'
        ? 'sender-null-mx'
        : result === 'fail' || result === 'softfail'
          ? 'sender-undeliverable'
          : undefined;
  return {
    answers: [{ check: 'sender-domain', subject: domain, result, reason, evidence: [], source: 'RFC 5321 §5.1' }],
    findings: finding === undefined ? [] : [found(finding, domain, reason, [`state ${detail?.state ?? 'unknown'}`])],
  };
}

async function mxHostsOf(sender: Mailbox, publicNetworks: readonly string[], env: CheckEnv): Promise<Results> {
  const domain = parseDomain(sender.domain);
  if (domain === undefined) return { answers: [], findings: [] };
  const { mxHosts, state } = await mailHosts(domain, env, {
    look: 'all',
    signal: env.signal,
    publicNetworks: publicNetworks.map((text) => parsePrefix(text)),
  });
  const evidence = mxHosts.map(
    ({ host, preference, addresses, state: of }) =>
      `${preference} ${host}: ${addresses.length === 0 ? of : addresses.map(({ address, scope }) => (scope === 'public' ? address : `${address} (${scope})`)).join(', ')}`,
  );
  const count = mxHosts.length;
  return {
    answers: [
      {
        check: 'mx',
        subject: domain,
        result: 'info',
        reason: `${domain}: ${state}, ${count} ${count === 1 ? 'MX host' : 'MX hosts'}.`,
        evidence: evidenceOf(evidence),
        source: 'RFC 5321 §5.1',
      },
    ],
    findings: [],
  };
}

/** Checks SPF for one identity. */
export async function spfOf(subject: SpfSubject, env: CheckEnv): Promise<Results & { readonly outcome: SpfOutcome }> {
  const outcome = await checkHost(subject, env, { signal: env.signal });
  const { result, identity, domain, term, reason: why, record, explanation, broad, lookups } = outcome;
  const evidence = [
    ...(record === undefined ? [] : [`${domain} TXT ${JSON.stringify(record)}`]),
    ...(outcome.matched === undefined ? [] : [`matched ${outcome.matched.join(', then ')}`]),
    ...(explanation === undefined ? [] : [`explanation of the domain: ${explanation}`]),
    ...(broad ?? []).map((each) => `too broad: ${each}`),
    `DNS lookups: ${lookups.terms} of 10; void lookups: ${lookups.voids} of 2`,
    ...outcome.evidence
      .filter(({ status }) => status === 'temperror')
      .map(({ name, type, reason }) => `${name} ${type}: ${reason ?? 'temperror'}`),
  ];
  const who = identity === 'helo' ? `the HELO name ${domain}` : domain;
  const reason = spfReason(result, subject.ip, who, term, why);
  const finding = spfFindings[result];
  // The HELO identity is checked too (RFC 7208 §2.3). It matters less than the reverse-path.
  const severity = identity === 'helo' ? (result === 'none' || result === 'neutral' ? 'info' : 'medium') : undefined;
  const title = identity === 'helo' ? 'spf (helo)' : 'spf (mail from)';
  return {
    outcome,
    answers: [{ check: title, subject: domain, result, reason, evidence: evidenceOf(evidence), source: 'RFC 7208 §8' }],
    findings: finding === undefined ? [] : [found(finding, domain, reason, evidence, { severity, probe: title })],
  };
}

const spfFindings: { readonly [result in SpfOutcome['result']]?: CheckFindingId } = {
  fail: 'spf-fail',
  softfail: 'spf-softfail',
  neutral: 'spf-neutral',
  none: 'spf-none',
  permerror: 'spf-error',
  temperror: 'spf-unknown',
};

function spfReason(
  result: SpfOutcome['result'],
  ip: string,
  who: string,
  term: string | undefined,
  why: string | undefined,
): string {
  const because = term === undefined ? '' : ` (${term})`;
  switch (result) {
    case 'pass':
      return `${ip} is authorized to send for ${who}${because}.`;
    case 'fail':
      return `${ip} is not authorized to send for ${who}${because}.`;
    case 'softfail':
      return `${ip} is probably not authorized to send for ${who}${because}.`;
    case 'neutral':
      return `The SPF record of ${who} makes no statement about ${ip}${because}.`;
    case 'none':
      return `${who} has no SPF record.`;
    case 'permerror':
      return `The SPF record of ${who} is invalid${why === undefined ? '' : `: ${why}`}.`;
    case 'temperror':
      return `The SPF record of ${who} could not be looked up${why === undefined ? '' : `: ${why}`}.`;
  }
}
