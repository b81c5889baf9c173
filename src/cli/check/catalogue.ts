import type { CatalogueEntry, Severity } from '../../audit/index.ts';
import { entriesOf, evidenceOf, printable } from '../../audit/index.ts';
import type { CheckFinding } from './report.ts';

/** What every finding of one kind has in common. */
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

const askAgain = 'Look at the name servers of the name, and ask again.';

/** What a check by hand can find. */
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

/** Everything that it can find, with what all findings of one kind have in common. */
export const checkCatalogue: { readonly [id in CheckFindingId]: CheckCatalogueEntry } = {
  'ip-not-public': ip(
    'info',
    'The address is not one of the Internet',
    'RFC 6890 §2.2',
    'Ask about the address that the world sees: receivers never meet this one.',
  ),
  'iprev-missing': iprev(
    'medium',
    'The address has no name',
    'RFC 1912 §2.1, RFC 8601 §3',
    'Let the owner of the address publish a PTR record: receivers distrust hosts without one.',
  ),
  'iprev-unconfirmed': iprev(
    'medium',
    'The name of the address does not lead back to it',
    'RFC 1912 §2.1, RFC 8601 §3',
    'Let the name have this address, or the address another name.',
  ),
  'iprev-generic': iprev(
    'low',
    'The name looks like one that a provider gives to a line',
    'RFC 1912 §2.1',
    'Give the address the name of the mail server.',
  ),
  'iprev-unknown': unknown('iprev')('medium', 'Reverse DNS did not answer', 'RFC 8601 §3', askAgain),
  listed: dnsbl(
    'high',
    'The address stands on a DNS list',
    'RFC 5782 §2.1',
    'Read at the list why, stop the cause, then ask to be taken off.',
  ),
  'list-silent': unknown('dnsbl')(
    'medium',
    'A DNS list did not answer',
    'RFC 5782 §2',
    'Ask again; look whether the list still exists.',
  ),
  'list-broken': unknown('dnsbl')(
    'medium',
    'A DNS list did not answer as lists do',
    'RFC 5782 §5',
    'Look whether the list still exists and answers this resolver: many refuse public ones.',
  ),
  blocked: blocklist(
    'high',
    'The address is blocked by a list of addresses',
    'RFC 5321 §3.1',
    'Take the entry out of the list, or allow the address in it.',
  ),
  'blocklist-unread': unknown('ip-blocklist')(
    'medium',
    'A list of addresses cannot be used',
    'RFC 4632 §3.1',
    'Mend the lines that are named, or say which format the list has.',
  ),
  'helo-syntax': helo(
    'high',
    'The HELO name cannot be read',
    'RFC 5321 §4.1.1.1, §2.3.5',
    'Let the client say its host name, or its address in brackets.',
  ),
  'helo-not-qualified': helo(
    'medium',
    'The HELO name is not the whole name of a host',
    'RFC 5321 §2.3.5',
    'Let the client say its whole host name.',
  ),
  'helo-differs': helo(
    'low',
    'The HELO name does not lead to the client',
    'RFC 5321 §4.1.4',
    'Let the client say a name that has its address.',
  ),
  'helo-unresolvable': helo(
    'medium',
    'The HELO name has no address',
    'RFC 5321 §2.3.5, §4.1.4',
    'Publish an address for the name, or let the client say one that has some.',
  ),
  'helo-unknown': unknown('helo')('medium', 'The HELO name could not be looked up', 'RFC 5321 §4.1.4', askAgain),
  'sender-null-mx': sender(
    'high',
    'The domain of the sender takes no mail',
    'RFC 7505 §4.2',
    'Send from a domain that takes mail, or take the null MX away.',
  ),
  'sender-undeliverable': sender(
    'high',
    'An answer to the sender could not be delivered',
    'RFC 5321 §5.1',
    'Publish MX records for the domain that lead to a public address.',
  ),
  'sender-unknown': unknown('sender-domain')(
    'medium',
    'Where the domain of the sender takes its mail could not be looked up',
    'RFC 5321 §5.1',
    askAgain,
  ),
  'spf-fail': spf(
    'high',
    'The client may not send for the domain',
    'RFC 7208 §8.4',
    'Add the address to the SPF record of the domain, or send from a host that is in it.',
  ),
  'spf-softfail': spf(
    'medium',
    'The client may probably not send for the domain',
    'RFC 7208 §8.5',
    'Add the address to the SPF record of the domain, or send from a host that is in it.',
  ),
  'spf-neutral': spf(
    'low',
    'The domain does not say whether the client may send for it',
    'RFC 7208 §8.2',
    'Name the hosts that send in the SPF record, and end it in -all or ~all.',
  ),
  'spf-none': spf(
    'low',
    'The domain publishes no SPF record',
    'RFC 7208 §3, §8.1',
    'Publish a record that names the hosts that send.',
  ),
  'spf-error': spf(
    'high',
    'The SPF record is in error',
    'RFC 7208 §8.7',
    'Mend the record: receivers treat it as absent, or refuse the mail.',
  ),
  'spf-unknown': unknown('spf')('medium', 'The SPF record could not be looked up', 'RFC 7208 §8.6', askAgain),
  'dkim-none': dkim('low', 'The message is not signed', 'RFC 6376 §1', 'Sign outgoing mail with DKIM.'),
  'dkim-invalid': dkim(
    'medium',
    'A DKIM signature is not valid',
    'RFC 6376 §6.1.3',
    'Find out what changes the message between signing and here, or whether the key in the DNS is that of the signer.',
  ),
  'dkim-error': dkim(
    'medium',
    'A DKIM signature or its key cannot be used',
    'RFC 6376 §6.1, RFC 8301 §3',
    'Publish the key of the selector, with 1024 bits or more, and sign with SHA-256.',
  ),
  'dkim-unsigned-body': dkim(
    'medium',
    'A part of the body is not signed',
    'RFC 6376 §8.2',
    'Sign without l=: what is added behind the signed part is believed otherwise.',
  ),
  'dkim-unknown': unknown('dkim')('medium', 'A DKIM key could not be looked up', 'RFC 6376 §6.1.2', askAgain),
  'arc-fail': arc(
    'low',
    'The chain of ARC seals is broken',
    'RFC 8617 §5.2',
    'Find out which of the sealers changed the message after another had sealed it.',
  ),
  'dmarc-fail': dmarc(
    'high',
    'Nothing vouches for the domain of the author, which asks that such mail be refused or set apart',
    'RFC 9989 §5.3, RFC 7489 §6.6.2',
    'Sign with DKIM in the domain of the author, or send from a domain and a host that its SPF names.',
  ),
  'dmarc-unvouched': dmarc(
    'medium',
    'Nothing vouches for the domain of the author',
    'RFC 9989 §5.3, RFC 7489 §6.6.2',
    'Sign with DKIM in the domain of the author, or send from a domain and a host that its SPF names.',
  ),
  'dmarc-none': dmarc(
    'low',
    'The domain of the author publishes no DMARC policy',
    'RFC 9989 §4.10, RFC 7489 §6.1',
    'Publish a TXT record at _dmarc, beginning with p=none and an address for reports.',
  ),
  'dmarc-author': dmarc(
    'high',
    'The message has no single author whose domain could be asked',
    'RFC 5322 §3.6.2, RFC 9989 §5.3.1',
    'Give the message one From field, with one mailbox or mailboxes of one domain.',
  ),
  'dmarc-unknown': unknown('dmarc')(
    'medium',
    'Whether DMARC passes could not be found out',
    'RFC 9989 §4.10',
    askAgain,
  ),
  'message-unexamined': unknown('dkim')(
    'high',
    'The message is not one whose signatures can be looked at',
    'RFC 5322 §2.1',
    'Look whether this is a message, and what its header holds.',
  ),
  'message-truncated': unknown('message')(
    'low',
    'Not the whole message was read',
    'RFC 5321 §4.5.3.1',
    'Look at the rest by hand: links and parts beyond the limit are not in this report.',
  ),
  'message-empty': message(
    'high',
    'The message has neither header nor body',
    'RFC 5322 §3.6',
    'Give a message with its header, as a server took it.',
  ),
  'link-displayed': uri(
    'medium',
    'A link shows one host and leads to another',
    'RFC 3986 §7.6',
    'Let the text of the link name the host that it leads to.',
  ),
  'link-disguised': uri(
    'medium',
    'A link is written so that programs do not see it',
    'RFC 3986 §7.6',
    'Write the link out.',
  ),
  'uri-listed': uribl(
    'high',
    'A name in the message stands on a URI list',
    'RFC 5782 §2.2',
    'Read at the list why; take the link out of the message.',
  ),
  'uri-list-silent': unknown('uribl')(
    'medium',
    'A URI list did not answer',
    'RFC 5782 §2.2',
    'Ask again; look whether the list still exists.',
  ),
  'uri-list-broken': unknown('uribl')(
    'medium',
    'A URI list did not answer as lists do',
    'RFC 5782 §5',
    'Look whether the list still exists and answers this resolver: many refuse public ones.',
  ),
};

/** Makes a finding out of the catalogue. */
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
