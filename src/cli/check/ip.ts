import { evidenceOf } from '../../audit/index.ts';
import { dnsbl } from '../../checks/dnsbl/index.ts';
import type { ListFormat } from '../../checks/ip-blocklist/index.ts';
import { ipBlocklist, readPrefixSet } from '../../checks/ip-blocklist/index.ts';
import { reverseDns } from '../../checks/reverse-dns/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { addressScope, reverseName } from '../../net/index.ts';
import type { CheckEnv, Results } from './catalogue.ts';
import { found } from './catalogue.ts';
import type { NamedZone } from './options.ts';

/** Arguments of `postern check ip`. */
export interface IpQuestion {
  readonly ip: IpAddress;
  readonly lists: readonly NamedZone[];
  readonly files: readonly ListFile[];
  readonly format: ListFormat;
}

interface ListFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Checks a client address: its scope, reverse DNS, DNS lists and files of addresses. */
export async function checkIp({ ip, lists, files, format }: IpQuestion, env: CheckEnv): Promise<readonly Results[]> {
  return Promise.all([
    scopeOf(ip),
    reverse(ip, env),
    ...lists.map((list) => onList(ip, list, env)),
    ...files.map((file) => inFile(ip, file, format, env)),
  ]);
}

function scopeOf(ip: IpAddress): Results {
  const scope = addressScope(ip);
  const reason =
    scope === 'public' ? `${ip} is a public address.` : `${ip} is a ${scope} address, not routed on the Internet.`;
  return {
    answers: [{ check: 'ip', subject: ip, result: 'info', reason, evidence: [], source: 'RFC 6890 §2.2' }],
    findings: scope === 'public' ? [] : [found('ip-not-public', ip, reason)],
  };
}

async function reverse(ip: IpAddress, env: CheckEnv): Promise<Results> {
  const { result, detail, explanation } = await reverseDns().examine({ client: { ip } }, env, env.signal);
  const question = `${reverseName(ip)} PTR`;
  const evidence = [
    ...(detail === undefined ? [] : detail.names.length === 0 ? [`${question}: ${detail.reason ?? 'none'}`] : []),
    ...(detail?.names ?? []).map(
      ({ name, state, addresses }) =>
        `${question} ${name}: ${state}${addresses === undefined ? '' : ` (${addresses.join(', ')})`}`,
    ),
    ...(detail?.generic !== undefined && detail.generic.signs.length > 0
      ? [`${detail.generic.name} looks generic: ${detail.generic.signs.join(', ')}`]
      : []),
  ];
  const answer = { check: 'iprev', subject: ip, result, evidence: evidenceOf(evidence), source: 'RFC 8601 §3' };
  const names = detail?.confirmed.join(', ') ?? '';
  const reason =
    result === 'pass'
      ? `${ip} has the forward-confirmed name ${names}.`
      : result === 'none'
        ? `Reverse DNS does not apply to ${ip}, which is not public.`
        : `${explanation ?? result}.`;
  const finding = {
    fail: 'iprev-unconfirmed',
    permerror: 'iprev-missing',
    softfail: 'iprev-generic',
    temperror: 'iprev-unknown',
  } as const;
  return {
    answers: [{ ...answer, reason }],
    findings: result === 'pass' || result === 'none' ? [] : [found(finding[result], ip, reason, evidence)],
  };
}

async function onList(ip: IpAddress, { zone, label }: NamedZone, env: CheckEnv): Promise<Results> {
  // No exemptions: the user asked about this very address.
  const check = dnsbl({ zone, label, reason: 'log', exempt: [] });
  const { result, detail } = await check.examine({ client: { ip } }, env, env.signal);
  const evidence = [
    ...(detail?.listed ?? []).flatMap(({ subject, codes, text }) => [
      ...codes.map(({ code, meaning }) => `${subject}: ${code}${meaning === undefined ? '' : ` (${meaning})`}`),
      ...(text === undefined ? [] : [`${subject}: ${text}`]),
    ]),
    ...(detail?.unknown ?? []).map((code) => `unknown return code: ${code}`),
    ...(detail?.reason === undefined ? [] : [detail.reason]),
  ];
  const subject = `${ip} on ${label}`;
  const answer = { check: 'dnsbl', subject, result, evidence: evidenceOf(evidence), source: 'RFC 5782 §2.1' };
  switch (result) {
    case 'fail': {
      const reason = `${label} lists ${ip}.`;
      return {
        answers: [{ ...answer, reason }],
        findings: [found('listed', subject, reason, [`list ${zone}`, ...evidence])],
      };
    }
    case 'temperror': {
      const reason = `${label} did not answer.`;
      return { answers: [{ ...answer, reason }], findings: [found('list-silent', zone, reason, evidence)] };
    }
    case 'permerror': {
      const reason = `${label} is not usable: it answers with an error code or fails its own test entries.`;
      return { answers: [{ ...answer, reason }], findings: [found('list-broken', zone, reason, evidence)] };
    }
    default:
      return { answers: [{ ...answer, reason: `${label} does not list ${ip}.` }], findings: [] };
  }
}

async function inFile(ip: IpAddress, { path, bytes }: ListFile, format: ListFormat, env: CheckEnv): Promise<Results> {
  const { set, refused, problems, errors, taken } = readPrefixSet(bytes, {
    format,
    file: path,
    list: path,
    now: env.clock.now(),
    maxProblems: 10,
  });
  const answer = { check: 'ip-blocklist', subject: `${ip} in ${path}`, source: 'RFC 4632 §3.1' };
  if (set === undefined) {
    const lines = problems.map(({ line, reason, text }) => `${path}:${line}: ${reason}: ${text}`);
    const reason = `${path} is not usable: ${refused ?? 'it could not be read'}.`;
    return {
      answers: [{ ...answer, result: 'temperror', reason, evidence: evidenceOf(lines) }],
      findings: [found('blocklist-unread', path, reason, lines)],
    };
  }
  const notes =
    errors > 0
      ? [`${path}: skipped ${errors} invalid ${errors === 1 ? 'line' : 'lines'}; read ${taken} prefixes.`]
      : [];
  const { result, detail } = await ipBlocklist(set).examine({ client: { ip } }, env, env.signal);
  const evidence = (detail?.matches ?? []).map(
    ({ prefix, reason, carried }) =>
      `${prefix}${reason === undefined ? '' : `: ${reason}`}${carried === undefined ? '' : ` (embedded IPv4 address ${carried})`}`,
  );
  const entry = detail?.decided?.prefix ?? 'an entry';
  const reason =
    result === 'fail'
      ? `${path} blocks ${ip} with ${entry}.`
      : result === 'pass'
        ? `${path} allows ${ip} with ${entry}.`
        : `None of the ${taken} prefixes in ${path} contains ${ip}.`;
  return {
    answers: [{ ...answer, result, reason, evidence: evidenceOf(evidence) }],
    findings: result === 'fail' ? [found('blocked', `${ip} in ${path}`, reason, evidence)] : [],
    notes,
  };
}
