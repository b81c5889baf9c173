import type { CatalogueEntry, CheckAnswer, CheckFinding, Severity } from '../../audit/index.ts';
import { entriesOf, evidenceOf, printable } from '../../audit/index.ts';
import type { Clock, DnsResolver } from '../../env/index.ts';

/** What checks may touch. */
export interface CheckEnv {
  readonly dns: DnsResolver;
  readonly clock: Clock;
  /** Aborted when the time is up. Checks then report that they could not find out. */
  readonly signal: AbortSignal;
}

/** The results of one part of a check. */
export interface Results {
  readonly answers: readonly CheckAnswer[];
  readonly findings: readonly CheckFinding[];
  readonly notes?: readonly string[];
}

/** What all findings with one id have in common. */
export type CheckCatalogueEntry = CatalogueEntry<string>;

const ip = entriesOf<string>('ip');
const iprev = entriesOf<string>('iprev');
const dnsbl = entriesOf<string>('dnsbl');
const blocklist = entriesOf<string>('ip-blocklist');
const helo = entriesOf<string>('helo');
const sender = entriesOf<string>('sender-domain');
const spf = entriesOf<string>('spf');
const dkim = entriesOf<string>('dkim');
const arc = entriesOf<string>('arc');
const dmarc = entriesOf<string>('dmarc');
const uri = entriesOf<string>('uri');
const uribl = entriesOf<string>('uribl');
const message = entriesOf<string>('message');
const unknown = (probe: string): ReturnType<typeof entriesOf<string>> => entriesOf(probe, 'could-not-check');

const tryAgain = 'Check the name servers of the name, and try again.';

/** The ids of all findings of `postern check`. */
export type CheckFindingId =
  | 'ip-not-public'
  | 'iprev-missing'
  | 'iprev-unconfirmed'
  | 'iprev-generic'
  | 'iprev-unknown'
  | 'listed'
  | 'list-silent'
  | 'list-broken'
  | 'blocked'
  | 'blocklist-unread'
  | 'helo-syntax'
  | 'helo-not-qualified'
  | 'helo-differs'
  | 'helo-unresolvable'
  | 'helo-unknown'
  | 'sender-null-mx'
  | 'sender-undeliverable'
  | 'sender-unknown'
  | 'spf-fail'
  | 'spf-softfail'
  | 'spf-neutral'
  | 'spf-none'
  | 'spf-error'
  | 'spf-unknown'
  | 'dkim-none'
  | 'dkim-invalid'
  | 'dkim-error'
  | 'dkim-unsigned-body'
  | 'dkim-unknown'
  | 'arc-fail'
  | 'dmarc-fail'
  | 'dmarc-unvouched'
  | 'dmarc-none'
  | 'dmarc-author'
  | 'dmarc-unknown'
  | 'message-unexamined'
  | 'message-truncated'
  | 'message-empty'
  | 'link-displayed'
  | 'link-disguised'
  | 'uri-listed'
  | 'uri-list-silent'
  | 'uri-list-broken';

/** All findings of `postern check` by id. */
export const checkCatalogue: { readonly [id in CheckFindingId]: CheckCatalogueEntry } = {
  'ip-not-public': ip(
    'info',
    'The address is not public',
    'RFC 6890 §2.2',
    'Check the public address instead: receivers never see this one.',
  ),
  'iprev-missing': iprev(
    'medium',
    'The address has no reverse DNS name',
    'RFC 1912 §2.1, RFC 8601 §3',
    'Ask the owner of the address to publish a PTR record: receivers distrust hosts without one.',
  ),
  'iprev-unconfirmed': iprev(
    'medium',
    'Reverse DNS is not forward-confirmed',
    'RFC 1912 §2.1, RFC 8601 §3',
    'Publish this address for the name, or change the PTR record.',
  ),
  'iprev-generic': iprev(
    'low',
    'The reverse DNS name looks generic',
    'RFC 1912 §2.1',
    'Set the PTR record to the name of the mail server.',
  ),
  'iprev-unknown': unknown('iprev')('medium', 'Reverse DNS did not answer', 'RFC 8601 §3', tryAgain),
  listed: dnsbl(
    'high',
    'The address is on a DNS list',
    'RFC 5782 §2.1',
    'Look up the reason at the list, remove the cause, then request removal.',
  ),
  'list-silent': unknown('dnsbl')(
    'medium',
    'A DNS list did not answer',
    'RFC 5782 §2',
    'Try again, and check whether the list still exists.',
  ),
  'list-broken': unknown('dnsbl')(
    'medium',
    'A DNS list is not usable',
    'RFC 5782 §5',
    'Check whether the list still exists and answers this resolver: many refuse public resolvers.',
  ),
  blocked: blocklist(
    'high',
    'A block list blocks the address',
    'RFC 5321 §3.1',
    'Remove the entry from the list, or add an exception for the address.',
  ),
  'blocklist-unread': unknown('ip-blocklist')(
    'medium',
    'A block list file is not usable',
    'RFC 4632 §3.1',
    'Correct the listed lines, or set --blocklist-format.',
  ),
  'helo-syntax': helo(
    'high',
    'The HELO name is invalid',
    'RFC 5321 §4.1.1.1, §2.3.5',
    'Configure the client to send its host name, or its address in brackets.',
  ),
  'helo-not-qualified': helo(
    'medium',
    'The HELO name is not fully qualified',
    'RFC 5321 §2.3.5',
    'Configure the client to send its fully qualified host name.',
  ),
  'helo-differs': helo(
    'low',
    'The HELO name does not match the client',
    'RFC 5321 §4.1.4',
    'Configure the client to send a name that resolves to its address.',
  ),
  'helo-unresolvable': helo(
    'medium',
    'The HELO name has no address',
    'RFC 5321 §2.3.5, §4.1.4',
    'Publish an address for the name, or configure the client to send another name.',
  ),
  'helo-unknown': unknown('helo')('medium', 'The HELO name could not be looked up', 'RFC 5321 §4.1.4', tryAgain),
  'sender-null-mx': sender(
    'high',
    'The sender domain accepts no mail',
    'RFC 7505 §4.2',
    'Send from a domain that accepts mail, or remove the null MX.',
  ),
  'sender-undeliverable': sender(
    'high',
    'The sender cannot receive replies',
    'RFC 5321 §5.1',
    'Publish MX records for the domain that resolve to a public address.',
  ),
  'sender-unknown': unknown('sender-domain')(
    'medium',
    'The MX records of the sender domain could not be looked up',
    'RFC 5321 §5.1',
    tryAgain,
  ),
  'spf-fail': spf(
    'high',
    'SPF fail: the client may not send for the domain',
    'RFC 7208 §8.4',
    'Add the address to the SPF record of the domain, or send from an authorized host.',
  ),
  'spf-softfail': spf(
    'medium',
    'SPF softfail: the client is probably not authorized',
    'RFC 7208 §8.5',
    'Add the address to the SPF record of the domain, or send from an authorized host.',
  ),
  'spf-neutral': spf(
    'low',
    'SPF neutral: the domain makes no statement about the client',
    'RFC 7208 §8.2',
    'List all sending hosts in the SPF record, and end it with -all or ~all.',
  ),
  'spf-none': spf(
    'low',
    'The domain publishes no SPF record',
    'RFC 7208 §3, §8.1',
    'Publish a record that lists the sending hosts.',
  ),
  'spf-error': spf(
    'high',
    'The SPF record is invalid',
    'RFC 7208 §8.7',
    'Correct the record: receivers ignore it or refuse the mail.',
  ),
  'spf-unknown': unknown('spf')('medium', 'The SPF record could not be looked up', 'RFC 7208 §8.6', tryAgain),
  'dkim-none': dkim('low', 'The message is not signed', 'RFC 6376 §1', 'Sign outgoing mail with DKIM.'),
  'dkim-invalid': dkim(
    'medium',
    'A DKIM signature is invalid',
    'RFC 6376 §6.1.3',
    'Find out what changes the message after signing, or whether the key in the DNS belongs to the signer.',
  ),
  'dkim-error': dkim(
    'medium',
    'A DKIM signature or its key is not usable',
    'RFC 6376 §6.1, RFC 8301 §3',
    'Publish the key of the selector with at least 1024 bits, and sign with SHA-256.',
  ),
  'dkim-unsigned-body': dkim(
    'medium',
    'Part of the body is not signed',
    'RFC 6376 §8.2',
    'Sign without l=, which lets anyone append text to the message.',
  ),
  'dkim-unknown': unknown('dkim')('medium', 'A DKIM key could not be looked up', 'RFC 6376 §6.1.2', tryAgain),
  'arc-fail': arc(
    'low',
    'The ARC chain is broken',
    'RFC 8617 §5.2',
    'Find out which sealer changed the message after another had sealed it.',
  ),
  'dmarc-fail': dmarc(
    'high',
    'DMARC fail: the author domain requests rejection or quarantine',
    'RFC 9989 §5.3, RFC 7489 §6.6.2',
    'Sign with DKIM in the author domain, or send from an aligned domain and a host that its SPF record authorizes.',
  ),
  'dmarc-unvouched': dmarc(
    'medium',
    'DMARC fail: neither SPF nor DKIM passes for the author domain',
    'RFC 9989 §5.3, RFC 7489 §6.6.2',
    'Sign with DKIM in the author domain, or send from an aligned domain and a host that its SPF record authorizes.',
  ),
  'dmarc-none': dmarc(
    'low',
    'The author domain publishes no DMARC policy',
    'RFC 9989 §4.10, RFC 7489 §6.1',
    'Publish a TXT record at _dmarc, at first with p=none and an address for reports.',
  ),
  'dmarc-author': dmarc(
    'high',
    'The message has no single author domain',
    'RFC 5322 §3.6.2, RFC 9989 §5.3.1',
    'Use one From field, with mailboxes of one domain.',
  ),
  'dmarc-unknown': unknown('dmarc')('medium', 'DMARC could not be checked', 'RFC 9989 §4.10', tryAgain),
  'message-unexamined': unknown('dkim')(
    'high',
    'The signatures of the message cannot be checked',
    'RFC 5322 §2.1',
    'Check that the file is a message, and inspect its header.',
  ),
  'message-truncated': unknown('message')(
    'low',
    'The message was not read completely',
    'RFC 5321 §4.5.3.1',
    'Inspect the rest by hand: links and parts beyond the limit are not in this report.',
  ),
  'message-empty': message(
    'high',
    'The message has neither header nor body',
    'RFC 5322 §3.6',
    'Provide the message as a server received it, with its header.',
  ),
  'link-displayed': uri(
    'medium',
    'Link text shows a different host than its target',
    'RFC 3986 §7.6',
    'Change the link text to show the host of the target.',
  ),
  'link-disguised': uri('medium', 'Disguised link', 'RFC 3986 §7.6', 'Write the link in its usual form.'),
  'uri-listed': uribl(
    'high',
    'A domain in the message is on a URI list',
    'RFC 5782 §2.2',
    'Look up the reason at the list, and remove the link from the message.',
  ),
  'uri-list-silent': unknown('uribl')(
    'medium',
    'A URI list did not answer',
    'RFC 5782 §2.2',
    'Try again, and check whether the list still exists.',
  ),
  'uri-list-broken': unknown('uribl')(
    'medium',
    'A URI list is not usable',
    'RFC 5782 §5',
    'Check whether the list still exists and answers this resolver: many refuse public resolvers.',
  ),
};

/** Creates a finding from the catalogue. */
export function found(
  id: CheckFindingId,
  subject: string,
  what: string,
  evidence: readonly string[] = [],
  change: { readonly severity?: Severity; readonly probe?: string } = {},
): CheckFinding {
  const { probe, severity, kind, title, source, fix }: CheckCatalogueEntry = checkCatalogue[id];
  return {
    id,
    probe: change.probe ?? probe,
    severity: change.severity ?? severity,
    kind,
    title,
    subject: printable(subject),
    what: printable(what, 1_000),
    source,
    fix,
    evidence: evidenceOf(evidence),
  };
}
