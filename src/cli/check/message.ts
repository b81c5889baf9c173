import type { CheckAnswer, CheckedMessage, CheckFinding } from '../../audit/index.ts';
import { evidenceOf, printable } from '../../audit/index.ts';
import { authenticateMessage } from '../../checks/message-authentication/index.ts';
import { uribl } from '../../checks/uribl/index.ts';
import type { Result } from '../../core/index.ts';
import type { MessageFacts, MessageUri } from '../../message/index.ts';
import { MessageReader } from '../../message/index.ts';
import type { IpAddress, Mailbox } from '../../net/index.ts';
import { parseDomain, printMailbox } from '../../net/index.ts';
import type { DkimOutcome, MessageAuthentication, SpfFact } from '../../smtp/index.ts';
import type { CheckEnv, CheckFindingId, Results } from './catalogue.ts';
import { found } from './catalogue.ts';
import type { NamedZone } from './options.ts';
import { spfOf } from './sender.ts';

/** Arguments of `postern check message`. */
export interface MessageQuestion {
  readonly bytes: Uint8Array;
  /** File name of the message. */
  readonly name: string;
  readonly ip?: IpAddress;
  readonly helo?: string;
  /** Null is the null reverse-path. */
  readonly from?: Mailbox | null;
  readonly uriLists: readonly NamedZone[];
  readonly trustedSealers: readonly string[];
}

/** Longest list of links in a report. */
const MOST_URIS = 500;

/** Checks a message: authentication and links. */
export async function checkMessage(
  question: MessageQuestion,
  env: CheckEnv,
): Promise<{ readonly results: readonly Results[]; readonly message: CheckedMessage }> {
  const { bytes, name, uriLists } = question;
  const reader = new MessageReader({});
  reader.write(bytes);
  const facts = reader.end();
  const [authentication, ...lists] = await Promise.all([
    authenticity(question, env),
    ...uriLists.map((list) => onUriList(facts, list, env)),
  ]);
  const subject = facts.headers.find((field) => field.name.toLowerCase() === 'subject')?.value;
  return {
    results: [contentOf(facts, name), authentication, linksOf(facts.uris), ...lists],
    message: {
      size: facts.size,
      from: facts.from,
      ...(subject === undefined ? {} : { subject: subject.slice(0, 998) }),
      parts: facts.parts,
      uris: facts.uris.slice(0, MOST_URIS),
      uriCount: facts.uris.length,
      truncated: facts.truncated,
    },
  };
}

function contentOf({ size, headers, parts, truncated }: MessageFacts, name: string): Results {
  const limits = truncated.map(({ limit, value }) => `${limit}: more than ${value}`);
  const findings: CheckFinding[] = [];
  if (size === 0) findings.push(found('message-empty', name, `${printable(name)} is empty.`));
  if (limits.length > 0)
    findings.push(found('message-truncated', name, `${printable(name)} was not read completely.`, limits));
  return {
    answers: [
      {
        check: 'message',
        subject: printable(name),
        result: 'info',
        reason: `${size} bytes, ${headers.length} header fields, ${parts.length} ${parts.length === 1 ? 'part' : 'parts'}.`,
        evidence: evidenceOf([
          ...limits,
          ...parts.map(
            ({ part, type, size: bytes, filename }) =>
              `${part === '' ? 'whole message' : part} ${type}, ${bytes} bytes${filename === undefined ? '' : `, ${filename}`}`,
          ),
        ]),
        source: 'RFC 5322 §2.1',
      },
    ],
    findings,
  };
}

async function authenticity(question: MessageQuestion, env: CheckEnv): Promise<Results> {
  const { bytes, name, trustedSealers } = question;
  const sender = await senderOf(question, env);
  const authentication = await authenticateMessage(
    { raw: bytes, spf: sender.fact },
    { dns: env.dns, clock: env.clock },
    { signal: env.signal, trustedSealers, timeoutMs: 30_000 },
  );
  const parts = [
    sender.results,
    ...signaturesOf(authentication, name),
    arcOf(authentication, name),
    dmarcOf(authentication, name),
  ];
  return {
    answers: parts.flatMap(({ answers }) => answers),
    findings: parts.flatMap(({ findings }) => findings),
    notes: parts.flatMap(({ notes }) => notes ?? []),
  };
}

/** Checks SPF if the client and an identity are known. */
async function senderOf(
  { ip, helo, from }: MessageQuestion,
  env: CheckEnv,
): Promise<{ readonly results: Results; readonly fact?: SpfFact }> {
  const none = { answers: [], findings: [] };
  if (ip === undefined)
    return {
      results: { ...none, notes: ['SPF was not checked: --ip is missing. DMARC used DKIM only.'] },
    };
  const mailFrom = from === undefined || from === null ? null : printMailbox(from);
  const name = helo === undefined ? undefined : parseDomain(helo);
  if (mailFrom === null && name === undefined)
    return {
      results: { ...none, notes: ['SPF was not checked: --from or --helo is missing.'] },
    };
  const { outcome, ...results } = await spfOf({ ip, helo: name ?? 'unknown', mailFrom }, env);
  const { result, domain, identity } = outcome;
  return { results, fact: { result, domain, identity } };
}

function signaturesOf({ dkim, signatures, reason }: MessageAuthentication, name: string): readonly Results[] {
  if (reason !== undefined) {
    const what = `The signatures of ${printable(name)} were not checked: ${printable(reason)}.`;
    return [
      {
        answers: [answer('dkim', name, 'permerror', what, [], 'RFC 6376 §6.1')],
        findings: [found('message-unexamined', name, what)],
      },
    ];
  }
  const signed = dkim.filter(({ result }) => result !== 'none');
  if (signed.length === 0) {
    const what = `${printable(name)} has no DKIM signature.`;
    return [
      {
        answers: [answer('dkim', name, 'none', what, [], 'RFC 6376 §6.1')],
        findings: [found('dkim-none', name, what)],
      },
    ];
  }
  const left = signatures.found - signatures.examined;
  return [
    ...signed.map(signatureOf),
    ...(left > 0
      ? [{ answers: [], findings: [], notes: [`${left} of ${signatures.found} signatures were not checked.`] }]
      : []),
  ];
}

function signatureOf(outcome: DkimOutcome): Results {
  const { result, domain, selector, algorithm, identity, aligned, unsigned, testing, reason: why } = outcome;
  const subject = `${domain ?? 'unknown domain'}${selector === undefined ? '' : ` (${selector})`}`;
  const evidence = [
    ...(selector === undefined || domain === undefined ? [] : [`key ${selector}._domainkey.${domain}`]),
    ...(algorithm === undefined ? [] : [`algorithm ${algorithm}`]),
    ...(identity === undefined ? [] : [`identity ${identity}`]),
    ...(why === undefined ? [] : [why]),
    ...(aligned ? ['aligned with the author domain'] : []),
    ...(testing ? ['test mode (t=y)'] : []),
    ...(unsigned === undefined ? [] : [`${unsigned} bytes of the body are not signed`]),
  ];
  const word = dkimWords[result] ?? 'permerror';
  const reason =
    word === 'pass'
      ? `The signature of ${subject} is valid.`
      : `The signature of ${subject} ${word === 'fail' ? 'is invalid' : word === 'temperror' ? 'could not be checked' : 'is not usable'}${why === undefined ? '' : `: ${why}`}.`;
  const partial = unsigned !== undefined && unsigned > 0;
  const finding: CheckFindingId | undefined =
    word === 'pass' || partial
      ? undefined
      : word === 'fail'
        ? 'dkim-invalid'
        : word === 'temperror'
          ? 'dkim-unknown'
          : 'dkim-error';
  return {
    answers: [answer('dkim', subject, word, reason, evidence, 'RFC 6376 §6.1')],
    findings: [
      ...(finding === undefined ? [] : [found(finding, subject, reason, evidence)]),
      ...(partial
        ? [
            found(
              'dkim-unsigned-body',
              subject,
              `The signature of ${subject} does not cover ${unsigned} bytes of the body.`,
              evidence,
            ),
          ]
        : []),
    ],
  };
}

/** `policy` (the key is too weak) counts as an error of the signature. */
const dkimWords: { readonly [result: string]: Result | undefined } = {
  pass: 'pass',
  fail: 'fail',
  neutral: 'permerror',
  policy: 'permerror',
  temperror: 'temperror',
  permerror: 'permerror',
};

function arcOf({ arc }: MessageAuthentication, name: string): Results {
  if (arc.result === 'none') return { answers: [], findings: [] };
  const evidence = arc.sealers.map((sealer, index) => `seal ${index + 1}: ${sealer}`);
  const reason =
    arc.result === 'pass'
      ? `The ARC chain with ${arc.sealers.length} ${arc.sealers.length === 1 ? 'seal' : 'seals'} is valid${arc.trusted ? ', and its latest sealers are trusted' : ''}.`
      : `The ARC chain ${arc.result === 'temperror' ? 'could not be checked' : 'is broken'}${arc.reason === undefined ? '' : `: ${arc.reason}`}.`;
  return {
    answers: [answer('arc', name, arc.result, reason, evidence, 'RFC 8617 §5.2')],
    findings: arc.result === 'fail' ? [found('arc-fail', name, reason, evidence)] : [],
  };
}

function dmarcOf({ dmarc }: MessageAuthentication, name: string): Results {
  const { result, domain, policyDomain, policy, published, record, aligned, override, reason: why } = dmarc;
  const subject = domain ?? name;
  const evidence = [
    ...(record === undefined ? [] : [`_dmarc.${policyDomain ?? subject} TXT ${JSON.stringify(record)}`]),
    ...(published === undefined
      ? []
      : [`published p=${published.p}${published.sp === undefined ? '' : ` sp=${published.sp}`}`]),
    ...(policy === undefined
      ? []
      : [`applied policy: ${policy}${dmarc.weakened === undefined ? '' : ` (${dmarc.weakened})`}`]),
    ...(aligned?.spf === undefined ? [] : [`aligned by SPF: ${aligned.spf}`]),
    ...(aligned?.dkim === undefined ? [] : [`aligned by DKIM: ${aligned.dkim}`]),
    ...(override === undefined ? [] : [`passed at the trusted sealer ${override.sealer}`]),
    ...(why === undefined ? [] : [why]),
  ];
  const { reason, finding } = dmarcWords(dmarc, subject);
  return {
    answers: [answer('dmarc', subject, result, reason, evidence, 'RFC 9989 §5.3, RFC 7489 §6.6')],
    findings: finding === undefined ? [] : [found(finding, subject, reason, evidence)],
  };
}

function dmarcWords(
  { result, policy, override, fault, reason: why }: MessageAuthentication['dmarc'],
  subject: string,
): { readonly reason: string; readonly finding?: CheckFindingId } {
  switch (result) {
    case 'pass':
      return { reason: `SPF or DKIM passes for ${subject}.` };
    case 'fail':
      if (override !== undefined)
        return {
          reason: `Neither SPF nor DKIM passes for ${subject}, but the trusted sealer ${override.sealer} reports that DMARC passed.`,
        };
      return {
        reason: `Neither SPF nor DKIM passes for ${subject}, whose policy is ${policy ?? 'none'}.`,
        finding: policy === 'reject' || policy === 'quarantine' ? 'dmarc-fail' : 'dmarc-unvouched',
      };
    case 'none':
      return { reason: `${subject} publishes no DMARC policy.`, finding: 'dmarc-none' };
    case 'temperror':
      return {
        reason: `DMARC of ${subject} could not be checked${why === undefined ? '' : `: ${why}`}.`,
        finding: 'dmarc-unknown',
      };
    case 'permerror':
      if (fault === 'third-party')
        return { reason: `The DMARC record of ${subject} is invalid.`, finding: 'dmarc-none' };
      return {
        reason: `The message has no single author domain${why === undefined ? '' : `: ${why}`}.`,
        finding: 'dmarc-author',
      };
  }
}

function linksOf(uris: readonly MessageUri[]): Results {
  const placed = ({ where }: MessageUri): string =>
    `${where.part === '' ? 'header' : `part ${where.part}`}, ${where.name ?? where.kind}`;
  const wrong = uris.filter(({ displayed }) => displayed !== undefined);
  const disguised = uris.filter((uri) => uri.disguised === true);
  const hosts = new Set(uris.map(({ host }) => host));
  return {
    answers: [
      answer(
        'links',
        'the message',
        'info',
        `${uris.length} ${uris.length === 1 ? 'link' : 'links'} to ${hosts.size} ${hosts.size === 1 ? 'host' : 'hosts'}.`,
        [...hosts],
        'RFC 3986',
      ),
    ],
    findings: [
      ...perHost(wrong).map(([host, all]) =>
        found(
          'link-displayed',
          host,
          `The text of a link shows ${all[0]?.displayed ?? ''}, its target is ${host}.`,
          all.map((uri) => `${placed(uri)}: ${uri.uri} is shown as ${uri.displayed ?? ''}`),
        ),
      ),
      ...perHost(disguised).map(([host, all]) =>
        found(
          'link-disguised',
          host,
          `A link to ${host} is disguised, so that programs do not recognize it.`,
          all.map((uri) => `${placed(uri)}: ${uri.uri}`),
        ),
      ),
    ],
  };
}

/** Groups links by host, for at most 20 hosts: a message may contain ten thousand links. */
function perHost(uris: readonly MessageUri[]): readonly (readonly [string, readonly MessageUri[]])[] {
  const hosts = new Map<string, MessageUri[]>();
  for (const uri of uris) {
    const same = hosts.get(uri.host);
    if (same === undefined) hosts.set(uri.host, [uri]);
    else same.push(uri);
  }
  return [...hosts].slice(0, 20);
}

async function onUriList(facts: MessageFacts, { zone, label }: NamedZone, env: CheckEnv): Promise<Results> {
  const check = uribl({ zone, label, text: true });
  const { result, detail } = await check.examine({ message: facts }, env, env.signal);
  const names = detail?.asked ?? [];
  const evidence = [
    ...(detail?.reason === undefined ? [] : [detail.reason]),
    ...(detail?.unknown ?? []).map((code) => `unknown return code: ${code}`),
    ...(detail?.omitted === undefined ? [] : [`${detail.omitted} more names were not looked up`]),
  ];
  const count = `${names.length} ${names.length === 1 ? 'name' : 'names'}`;
  const answered = (reason: string, more: readonly string[] = evidence): CheckAnswer =>
    answer('uribl', label, result, reason, more, 'RFC 5782 §2.2');
  switch (result) {
    case 'fail': {
      const listed = detail?.listed ?? [];
      return {
        answers: [
          answered(`${label} lists ${listed.length} of ${count}.`, [...listed.map(({ name }) => name), ...evidence]),
        ],
        findings: listed.map(({ name, uri, where, codes, text }) =>
          found('uri-listed', `${name} on ${label}`, `${label} lists ${name}.`, [
            `list ${zone}`,
            ...codes.map(({ code, meaning }) => `${code}${meaning === undefined ? '' : ` (${meaning})`}`),
            ...(text === undefined ? [] : [text]),
            ...(uri === undefined ? [] : [`link ${uri}`]),
            ...(where === undefined ? [] : [`in ${where.part === '' ? 'the header' : `part ${where.part}`}`]),
          ]),
        ),
      };
    }
    case 'temperror': {
      const reason = `${label} did not answer.`;
      return { answers: [answered(reason)], findings: [found('uri-list-silent', zone, reason, evidence)] };
    }
    case 'permerror': {
      const reason = `${label} is not usable: it answers with an error code or fails its own test entries.`;
      return { answers: [answered(reason)], findings: [found('uri-list-broken', zone, reason, evidence)] };
    }
    default:
      return { answers: [answered(`${label} lists none of ${count}.`, [...names, ...evidence])], findings: [] };
  }
}

const answer = (
  check: string,
  subject: string,
  result: CheckAnswer['result'],
  reason: string,
  evidence: readonly string[],
  source: string,
): CheckAnswer => ({
  check,
  subject: printable(subject),
  result,
  reason: printable(reason, 1_000),
  evidence: evidenceOf(evidence),
  source,
});
