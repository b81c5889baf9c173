import { evidenceOf } from '../../audit/index.ts';
import { dnsbl } from '../../checks/dnsbl/index.ts';
import type { ListFormat } from '../../checks/ip-blocklist/index.ts';
import { ipBlocklist, readPrefixSet } from '../../checks/ip-blocklist/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { found } from './catalogue.ts';
import type { CheckEnv, Looked } from './env.ts';

/** A list, as `--list zone=label` names it. */
export interface NamedZone {
  readonly zone: string;
  readonly label: string;
}

/** A file of addresses, as `--blocklist` names it. */
export interface ListFile {
  readonly path: string;
  readonly octets: Uint8Array;
}

/** Asks a DNS list about an address. */
export async function lookOnList(ip: IpAddress, { zone, label }: NamedZone, env: CheckEnv): Promise<Looked> {
  // Asked by hand, so about every address: an exemption would hide what the list says.
  const check = dnsbl({ zone, label, reason: 'log', exempt: [] });
  const { result, detail } = await check.examine({ client: { ip } }, env, env.signal);
  const evidence = [
    ...(detail?.listed ?? []).flatMap(({ subject, codes, text }) => [
      ...codes.map(({ code, meaning }) => `${subject}: ${code}${meaning === undefined ? '' : ` (${meaning})`}`),
      ...(text === undefined ? [] : [`${subject}: ${text}`]),
    ]),
    ...(detail?.unknown ?? []).map((code) => `answer of no known meaning: ${code}`),
    ...(detail?.reason === undefined ? [] : [detail.reason]),
  ];
  const answer = {
    check: 'dnsbl',
    subject: `${ip} on ${label}`,
    evidence: evidenceOf(evidence),
    source: 'RFC 5782 §2.1',
  };
  switch (result) {
    case 'fail': {
      const reason = `${ip} is on ${label}.`;
      return {
        answers: [{ ...answer, result, reason }],
        findings: [found('listed', `${ip} on ${label}`, reason, [`list ${zone}`, ...evidence])],
      };
    }
    case 'temperror': {
      const reason = `${label} did not answer.`;
      return { answers: [{ ...answer, result, reason }], findings: [found('list-silent', zone, reason, evidence)] };
    }
    case 'permerror': {
      const reason = `${label} cannot be believed: it answers with an error, or fails its own test entries.`;
      return { answers: [{ ...answer, result, reason }], findings: [found('list-broken', zone, reason, evidence)] };
    }
    default:
      return { answers: [{ ...answer, result, reason: `${ip} is not on ${label}.` }], findings: [] };
  }
}

/** Looks an address up in a file of addresses. */
export async function lookInFile(
  ip: IpAddress,
  { path, octets }: ListFile,
  format: ListFormat,
  env: CheckEnv,
): Promise<Looked> {
  const { set, refused, problems, errors, taken } = readPrefixSet(octets, {
    format,
    file: path,
    list: path,
    now: env.clock.now(),
    maxProblems: 10,
  });
  const asked = { check: 'ip-blocklist', subject: `${ip} in ${path}`, source: 'RFC 4632 §3.1' };
  const lines = problems.map(({ line, reason, text }) => `${path}:${line}: ${reason}: ${text}`);
  if (set === undefined) {
    const reason = `${path} cannot be used: ${refused ?? 'it could not be read'}.`;
    return {
      answers: [{ ...asked, result: 'temperror', reason, evidence: evidenceOf(lines) }],
      findings: [found('blocklist-unread', path, reason, lines)],
    };
  }
  const notes = errors > 0 ? [`${path}: ${errors} lines gave no entry; ${taken} prefixes were taken.`] : [];
  const { result, detail } = await ipBlocklist(set).examine({ client: { ip } }, env, env.signal);
  const evidence = (detail?.matches ?? []).map(
    ({ prefix, reason, carried }) =>
      `${prefix}${reason === undefined ? '' : `: ${reason}`}${carried === undefined ? '' : ` (carries ${carried})`}`,
  );
  const answer = { ...asked, result, evidence: evidenceOf(evidence) };
  switch (result) {
    case 'fail': {
      const reason = `${ip} is blocked by ${detail?.decided?.prefix ?? 'an entry'} in ${path}.`;
      return {
        answers: [{ ...answer, reason }],
        findings: [found('blocked', `${ip} in ${path}`, reason, evidence)],
        notes,
      };
    }
    case 'pass':
      return {
        answers: [{ ...answer, reason: `${ip} is allowed by ${detail?.decided?.prefix ?? 'an entry'} in ${path}.` }],
        findings: [],
        notes,
      };
    default:
      return { answers: [{ ...answer, reason: `No entry of ${taken} in ${path} holds ${ip}.` }], findings: [], notes };
  }
}
