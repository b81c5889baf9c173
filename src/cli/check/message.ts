import { evidenceOf, printable } from '../../audit/index.ts';
import { authenticateMessage } from '../../checks/message-authentication/index.ts';
import { uribl } from '../../checks/uribl/index.ts';
import type { Result } from '../../core/index.ts';
import type { MessageFacts, MessageUri } from '../../message/index.ts';
import { MessageReader } from '../../message/index.ts';
import type { IpAddress, Mailbox } from '../../net/index.ts';
import { parseDomain, printMailbox } from '../../net/index.ts';
import type { DkimOutcome, MessageAuthentication, SpfFact } from '../../smtp/index.ts';
import type { CheckFindingId } from './catalogue.ts';
import { found } from './catalogue.ts';
import type { CheckEnv, Looked } from './env.ts';
import type { NamedZone } from './lists.ts';
import type { CheckAnswer, CheckedMessage, CheckFinding } from './report.ts';
import { spfOf } from './sender.ts';

/** What `postern check message` asks for. */
export interface MessageQuestion {
  readonly octets: Uint8Array;
  /** What the message is called: its file. */
  readonly name: string;
  readonly ip?: IpAddress;
  readonly helo?: string;
  /** Of the reverse-path; `null` is the null one. */
  readonly from?: Mailbox | null;
  readonly uriLists: readonly NamedZone[];
  readonly trustedSealers: readonly string[];
}

/** More links are not told one by one. */
const MOST_URIS = 500;

/** Everything that a message shows of itself. */
export async function checkMessage(
  question: MessageQuestion,
  env: CheckEnv,
): Promise<{ readonly looked: readonly Looked[]; readonly message: CheckedMessage }> {
  const { octets, name, uriLists } = question;
  const reader = new MessageReader({});
  reader.write(octets);
  const facts = reader.end();
  const [authentication, ...lists] = await Promise.all([
    authenticity(question, env),
    ...uriLists.map((list) => onUriList(facts, list, env)),
  ]);
  const subject = facts.headers.find((field) => field.name.toLowerCase() === 'subject')?.value;
  return {
    looked: [readingOf(facts, name), authentication, linksOf(facts.uris), ...lists],
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

function readingOf({ size, headers, parts, truncated }: MessageFacts, name: string): Looked {
  const limits = truncated.map(({ limit, value }) => `${limit}: more than ${value}`);
  const findings: CheckFinding[] = [];
  if (size === 0) findings.push(found('message-empty', name, `${printable(name)} is empty.`));
  if (limits.length > 0)
    findings.push(found('message-truncated', name, `Not the whole of ${printable(name)} was read.`, limits));
  return {
    answers: [
      {
        check: 'message',
        subject: printable(name),
        result: 'info',
        reason: `${size} octets, ${headers.length} header fields, ${parts.length} ${parts.length === 1 ? 'part' : 'parts'}.`,
        evidence: evidenceOf([
          ...limits,
          ...parts.map(
            ({ part, type, size: octets, filename }) =>
              `${part === '' ? 'whole' : part} ${type}, ${octets} octets${filename === undefined ? '' : `, ${filename}`}`,
          ),
        ]),
        source: 'RFC 5322 §2.1',
      },
    ],
    findings,
  };
}

async function authenticity(question: MessageQuestion, env: CheckEnv): Promise<Looked> {
  const { octets, name, trustedSealers } = question;
  const sender = await senderOf(question, env);
  const found = await authenticateMessage(
    { raw: octets, spf: sender.fact },
    { dns: env.dns, clock: env.clock },
    { signal: env.signal, trustedSealers, timeoutMs: 30_000 },
  );
  const parts = [sender.looked, ...signaturesOf(found, name), arcOf(found, name), dmarcOf(found, name)];
  return {
    answers: parts.flatMap(({ answers }) => answers),
    findings: parts.flatMap(({ findings }) => findings),
    notes: parts.flatMap(({ notes }) => notes ?? []),
  };
}

/** What SPF says of the sender, where enough is known of him. */
async function senderOf(
  { ip, helo, from }: MessageQuestion,
  env: CheckEnv,
): Promise<{ readonly looked: Looked; readonly fact?: SpfFact }> {
  const none = { answers: [], findings: [] };
  if (ip === undefined)
    return {
      looked: { ...none, notes: ['No --ip was given: SPF was not asked, and DMARC goes by signatures alone.'] },
    };
  const mailFrom = from === undefined || from === null ? null : printMailbox(from);
  const name = helo === undefined ? undefined : parseDomain(helo);
  if (mailFrom === null && name === undefined)
    return {
      looked: { ...none, notes: ['Neither --from nor --helo was given: SPF was not asked about anybody.'] },
    };
  const { outcome, ...looked } = await spfOf({ ip, helo: name ?? 'unknown', mailFrom }, env);
  const { result, domain, identity } = outcome;
  return { looked, fact: { result, domain, identity } };
}

function signaturesOf({ dkim, signatures, reason }: MessageAuthentication, name: string): readonly Looked[] {
  if (reason !== undefined) {
    const what = `The signatures of ${printable(name)} were not looked at: ${printable(reason)}.`;
    return [
      {
        answers: [answer('dkim', name, 'permerror', what, [], 'RFC 6376 §6.1')],
        findings: [found('message-unexamined', name, what)],
      },
    ];
  }
  const signed = dkim.filter(({ result }) => result !== 'none');
  if (signed.length === 0) {
    const what = `${printable(name)} bears no DKIM signature.`;
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
      ? [{ answers: [], findings: [], notes: [`${left} of ${signatures.found} signatures were not looked at.`] }]
      : []),
  ];
}

function signatureOf(outcome: DkimOutcome): Looked {
  const { result, domain, selector, algorithm, identity, aligned, unsigned, testing, reason: why } = outcome;
  const subject = `${domain ?? 'nobody'}${selector === undefined ? '' : ` (${selector})`}`;
  const evidence = [
    ...(selector === undefined || domain === undefined ? [] : [`key ${selector}._domainkey.${domain}`]),
    ...(algorithm === undefined ? [] : [`algorithm ${algorithm}`]),
    ...(identity === undefined ? [] : [`identity ${identity}`]),
    ...(why === undefined ? [] : [why]),
    ...(aligned ? ['in the domain of the author'] : []),
    ...(testing ? ['the domain is only trying it out (t=y)'] : []),
    ...(unsigned === undefined ? [] : [`${unsigned} bytes of the body are not signed`]),
  ];
  const word = dkimWords[result] ?? 'permerror';
  const reason =
    word === 'pass'
      ? `The signature of ${subject} is valid.`
      : `The signature of ${subject} ${word === 'fail' ? 'is not valid' : word === 'temperror' ? 'could not be examined' : 'cannot be used'}${why === undefined ? '' : `: ${why}`}.`;
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
              `The signature of ${subject} leaves ${unsigned} bytes of the body unsigned.`,
              evidence,
            ),
          ]
        : []),
    ],
  };
}

/** `policy` (too weak a key) is said as an error of the signature. */
const dkimWords: { readonly [result: string]: Result | undefined } = {
  pass: 'pass',
  fail: 'fail',
  neutral: 'permerror',
  policy: 'permerror',
  temperror: 'temperror',
  permerror: 'permerror',
};

function arcOf({ arc }: MessageAuthentication, name: string): Looked {
  if (arc.result === 'none') return { answers: [], findings: [] };
  const evidence = arc.sealers.map((sealer, index) => `seal ${index + 1}: ${sealer}`);
  const reason =
    arc.result === 'pass'
      ? `The chain of ${arc.sealers.length} ARC seals is whole${arc.trusted ? ', and its newest sealers are trusted' : ''}.`
      : `The chain of ARC seals ${arc.result === 'temperror' ? 'could not be checked' : 'is broken'}${arc.reason === undefined ? '' : `: ${arc.reason}`}.`;
  return {
    answers: [answer('arc', name, arc.result, reason, evidence, 'RFC 8617 §5.2')],
    findings: arc.result === 'fail' ? [found('arc-fail', name, reason, evidence)] : [],
  };
}

function dmarcOf({ dmarc }: MessageAuthentication, name: string): Looked {
  const { result, domain, policyDomain, policy, published, record, aligned, override, reason: why } = dmarc;
  const subject = domain ?? name;
  const evidence = [
    ...(record === undefined ? [] : [`_dmarc.${policyDomain ?? subject} TXT ${JSON.stringify(record)}`]),
    ...(published === undefined
      ? []
      : [`published p=${published.p}${published.sp === undefined ? '' : ` sp=${published.sp}`}`]),
    ...(policy === undefined
      ? []
      : [`applies: ${policy}${dmarc.weakened === undefined ? '' : ` (${dmarc.weakened})`}`]),
    ...(aligned?.spf === undefined ? [] : [`SPF vouches: ${aligned.spf}`]),
    ...(aligned?.dkim === undefined ? [] : [`DKIM vouches: ${aligned.dkim}`]),
    ...(override === undefined ? [] : [`passed at ${override.sealer}, which is trusted`]),
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
      return { reason: `SPF or a signature vouches for ${subject}.` };
    case 'fail':
      if (override !== undefined)
        return {
          reason: `Nothing vouches for ${subject} now; ${override.sealer}, which is trusted, saw that it passed.`,
        };
      return {
        reason: `Neither SPF nor a signature vouches for ${subject}, which asks for: ${policy ?? 'nothing'}.`,
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
        return { reason: `The DMARC record of ${subject} cannot be used.`, finding: 'dmarc-none' };
      return {
        reason: `The message has no single author whose domain could be asked${why === undefined ? '' : `: ${why}`}.`,
        finding: 'dmarc-author',
      };
  }
}

function linksOf(uris: readonly MessageUri[]): Looked {
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
          `A link shows ${all[0]?.displayed ?? ''} and leads to ${host}.`,
          all.map((uri) => `${placed(uri)}: ${uri.uri} is shown as ${uri.displayed ?? ''}`),
        ),
      ),
      ...perHost(disguised).map(([host, all]) =>
        found(
          'link-disguised',
          host,
          `A link to ${host} is written so that programs do not see it.`,
          all.map((uri) => `${placed(uri)}: ${uri.uri}`),
        ),
      ),
    ],
  };
}

/** One finding for each host, of twenty hosts at most: a message may hold ten thousand links. */
function perHost(uris: readonly MessageUri[]): readonly (readonly [string, readonly MessageUri[]])[] {
  const hosts = new Map<string, MessageUri[]>();
  for (const uri of uris) {
    const same = hosts.get(uri.host);
    if (same === undefined) hosts.set(uri.host, [uri]);
    else same.push(uri);
  }
  return [...hosts].slice(0, 20);
}

async function onUriList(facts: MessageFacts, { zone, label }: NamedZone, env: CheckEnv): Promise<Looked> {
  const check = uribl({ zone, label, text: true });
  const { result, detail } = await check.examine({ message: facts }, env, env.signal);
  const asked = detail?.asked ?? [];
  const evidence = [
    ...(detail?.reason === undefined ? [] : [detail.reason]),
    ...(detail?.unknown ?? []).map((code) => `answer of no known meaning: ${code}`),
    ...(detail?.omitted === undefined ? [] : [`${detail.omitted} further names were not asked about`]),
  ];
  const names = `${asked.length} ${asked.length === 1 ? 'name' : 'names'}`;
  const told = (reason: string, more: readonly string[] = evidence): CheckAnswer =>
    answer('uribl', label, result, reason, more, 'RFC 5782 §2.2');
  switch (result) {
    case 'fail': {
      const listed = detail?.listed ?? [];
      return {
        answers: [told(`${listed.length} of ${names} on ${label}.`, [...listed.map(({ name }) => name), ...evidence])],
        findings: listed.map(({ name, uri, where, codes, text }) =>
          found('uri-listed', `${name} on ${label}`, `${name} is on ${label}.`, [
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
      return { answers: [told(reason)], findings: [found('uri-list-silent', zone, reason, evidence)] };
    }
    case 'permerror': {
      const reason = `${label} cannot be believed: it answers with an error, or fails its own test entries.`;
      return { answers: [told(reason)], findings: [found('uri-list-broken', zone, reason, evidence)] };
    }
    default:
      return { answers: [told(`None of ${names} is on ${label}.`, [...asked, ...evidence])], findings: [] };
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
