import type { LinkPlace, MessageFacts } from '../../message/index.ts';
import type { IpAddress } from '../../net/index.ts';
import {
  ipVersion,
  isWithin,
  organizationalDomain,
  parseDomain,
  parseIp,
  registrableDomain,
  reverseLabels,
} from '../../net/index.ts';

/**
 * What a list is asked about a host.
 *
 * - `registrable`: its registrable domain, private suffixes counted (`a.b.blogspot.com` is `b.blogspot.com`)
 * - `organizational`: its registrable domain by the ICANN suffixes alone (`blogspot.com`)
 * - `host`: the host as it is
 */
export type Reduction = 'registrable' | 'organizational' | 'host';

/** How a list is asked about an address in a link: not at all, octets reversed (RFC 5782 §2.1), or as they stand. */
export type AddressQuestion = 'never' | 'reversed' | 'plain';

/** A name that a list is asked about, and the first link that led to it. */
export interface Candidate {
  /** The name or address, as a reader knows it. */
  readonly name: string;
  /** What stands before the list's zone. */
  readonly labels: string;
  readonly uri?: string;
  readonly where?: LinkPlace;
}

/** A name of the message that the list is not asked about. */
export interface UnaskedName {
  /** The host or address as the message has it. */
  readonly name: string;
  /**
   * - `skipped`: it is in `skip`
   * - `no public suffix`: no list of domains can hold it (`intranet`, `nas.local`), or the name is itself a suffix
   * - `address`: the list is not asked about addresses
   * - `IPv6`: the list is not asked about IPv6 addresses
   * - `not a name`: the DNS cannot carry it
   * - `too many`: the message has more names than `most`
   */
  readonly why: 'skipped' | 'no public suffix' | 'address' | 'IPv6' | 'not a name' | 'too many';
}

export interface Selection {
  readonly candidates: readonly Candidate[];
  /** How many names are left out because there are more than `most`. */
  readonly omitted: number;
  /** The names that are not asked about and why; the first 20. */
  readonly unasked: readonly UnaskedName[];
}

export interface SelectionOptions {
  readonly reduce: Reduction;
  readonly addresses: AddressQuestion;
  readonly ipv6: boolean;
  readonly most: number;
  /** Domains that are never asked about; what lies below them neither. */
  readonly skip: readonly string[];
  /** Mail addresses too. */
  readonly mailHosts: boolean;
  /** Names from elsewhere: they are asked about first. */
  readonly also: readonly (string | null | undefined)[];
}

/**
 * The distinct names that a message gives a list to be asked about. Where there are more than `most`, the first half and
 * the last half: spam hides its link behind many good ones, at either end, and the same message gives the same names.
 */
export function selectNames(message: Pick<MessageFacts, 'uris' | 'mailHosts'>, options: SelectionOptions): Selection {
  const distinct = new Map<string, Candidate>();
  const unasked = new Map<string, UnaskedName['why']>();
  const leaveOut = (name: string, why: UnaskedName['why']): void => {
    if (unasked.size < MAX_UNASKED && !unasked.has(name)) unasked.set(name, why);
  };
  const add = (host: string, uri?: string, where?: LinkPlace): void => {
    const found = reduced(host, options);
    if (typeof found === 'string') leaveOut(host, found);
    else if (!distinct.has(found.labels)) {
      distinct.set(found.labels, {
        ...found,
        uri,
        where,
      });
    }
  };
  for (const name of options.also) if (typeof name === 'string') add(name);
  for (const { host, uri, where } of message.uris) add(host, uri, where);
  if (options.mailHosts) for (const { host, where } of message.mailHosts) add(host, undefined, where);
  const all = [...distinct.values()];
  const { most } = options;
  const head = Math.ceil(most / 2);
  const tail = Math.max(head, all.length - (most - head));
  const left = all.length <= most ? [] : all.slice(head, tail);
  for (const { name } of left) leaveOut(name, 'too many');
  return {
    candidates: left.length === 0 ? all : [...all.slice(0, head), ...all.slice(tail)],
    omitted: left.length,
    unasked: Array.from(unasked, ([name, why]) => ({ name, why })),
  };
}

/** Names that a finding lists as not asked about. */
const MAX_UNASKED = 20;

/** What the list is asked about a host, or why it is not. */
function reduced(host: string, options: SelectionOptions): Candidate | UnaskedName['why'] {
  const ip = parseIp(host);
  if (ip !== undefined) return addressOf(ip, options);
  const domain = parseDomain(host);
  if (domain === undefined) return 'not a name';
  if (options.skip.some((skipped) => isWithin(domain, skipped))) return 'skipped';
  if (!domain.includes('.')) return 'no public suffix';
  if (options.reduce === 'host') return { name: domain, labels: domain };
  const name = options.reduce === 'registrable' ? registrableDomain(domain) : organizationalDomain(domain);
  return name === undefined ? 'no public suffix' : { name, labels: name };
}

function addressOf(ip: IpAddress, { addresses, ipv6, skip }: SelectionOptions): Candidate | UnaskedName['why'] {
  if (skip.includes(ip)) return 'skipped';
  if (addresses === 'never') return 'address';
  if (ipVersion(ip) === 6 && !ipv6) return 'IPv6';
  // An IPv6 address cannot stand in a name as it is.
  return { name: ip, labels: addresses === 'plain' && ipVersion(ip) === 4 ? ip : reverseLabels(ip) };
}
