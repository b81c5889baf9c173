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
 * Which part of a host name is queried.
 *
 * - `registrable`: the registrable domain, with private suffixes (`b.blogspot.com` for `a.b.blogspot.com`)
 * - `organizational`: the registrable domain by ICANN suffixes only (`blogspot.com`)
 * - `host`: the whole name
 */
export type Reduction = 'registrable' | 'organizational' | 'host';

/** How an address in a link is queried: not at all, with its octets reversed (RFC 5782 §2.1), or unchanged. */
export type AddressQuestion = 'never' | 'reversed' | 'plain';

/** A name to query, and the first link that contains it. */
export interface Candidate {
  /** The name or address in its usual form. */
  readonly name: string;
  /** What comes before the zone in the query. */
  readonly labels: string;
  readonly uri?: string;
  readonly where?: LinkPlace;
}

/** A name in the message that is not queried. */
export interface UnaskedName {
  /** The host or address in the message. */
  readonly name: string;
  /**
   * - `skipped`: it is in `skip`
   * - `no public suffix`: no list can contain it (`intranet`, `nas.local`), or the name is a public suffix itself
   * - `address`: addresses are not queried
   * - `IPv6`: IPv6 addresses are not queried
   * - `not a name`: it is not a valid domain name
   * - `too many`: the message has more names than `most`
   */
  readonly why: 'skipped' | 'no public suffix' | 'address' | 'IPv6' | 'not a name' | 'too many';
}

/** The names to query. */
export interface Selection {
  readonly candidates: readonly Candidate[];
  /** How many names are omitted because there are more than `most`. */
  readonly omitted: number;
  /** The first 20 names that are not queried, and why. */
  readonly unasked: readonly UnaskedName[];
}

/** Options of {@link selectNames}. */
export interface SelectionOptions {
  readonly reduce: Reduction;
  readonly addresses: AddressQuestion;
  readonly ipv6: boolean;
  readonly most: number;
  /** Domains that are never queried, and neither are the names below them. */
  readonly skip: readonly string[];
  /** Whether the domains of mail addresses are included. */
  readonly mailHosts: boolean;
  /** Names from other facts. They come first. */
  readonly also: readonly (string | null | undefined)[];
}

/**
 * Returns the distinct names of a message to query.
 *
 * If there are more than `most`, half are taken from the start and half from the end, since spam surrounds its link with many
 * harmless ones. The same message always yields the same names.
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
      distinct.set(found.labels, { ...found, uri, where });
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

/** Limit of names reported as not queried. */
const MAX_UNASKED = 20;

/** Returns the query for a host, or why there is none. */
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
  // An IPv6 address contains colons, so it is always reversed.
  return { name: ip, labels: addresses === 'plain' && ipVersion(ip) === 4 ? ip : reverseLabels(ip) };
}
