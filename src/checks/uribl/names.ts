import type { MessageFacts, Place } from '../../message/index.ts';
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
  readonly uri?: string | undefined;
  readonly where?: Place | undefined;
}

export interface Selection {
  readonly candidates: readonly Candidate[];
  /** How many further names the message holds that are not asked about. */
  readonly omitted: number;
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
  const add = (host: string, uri?: string, where?: Place): void => {
    const found = reduced(host, options);
    if (found === undefined || distinct.has(found.labels)) return;
    distinct.set(found.labels, {
      ...found,
      ...(uri === undefined ? {} : { uri }),
      ...(where === undefined ? {} : { where }),
    });
  };
  for (const name of options.also) if (typeof name === 'string') add(name);
  for (const { host, uri, where } of message.uris) add(host, uri, where);
  if (options.mailHosts) for (const { host, where } of message.mailHosts) add(host, undefined, where);
  const all = [...distinct.values()];
  const { most } = options;
  if (all.length <= most) return { candidates: all, omitted: 0 };
  const head = Math.ceil(most / 2);
  return { candidates: [...all.slice(0, head), ...all.slice(all.length - (most - head))], omitted: all.length - most };
}

function reduced(host: string, options: SelectionOptions): Candidate | undefined {
  const ip = parseIp(host);
  if (ip !== undefined) return addressOf(ip, options);
  const domain = parseDomain(host);
  if (domain === undefined || !domain.includes('.') || options.skip.some((skipped) => isWithin(domain, skipped)))
    return undefined;
  if (options.reduce === 'host') return { name: domain, labels: domain };
  const name = options.reduce === 'registrable' ? registrableDomain(domain) : organizationalDomain(domain);
  return name === undefined ? undefined : { name, labels: name };
}

function addressOf(ip: IpAddress, { addresses, ipv6, skip }: SelectionOptions): Candidate | undefined {
  if (addresses === 'never' || skip.includes(ip) || (ipVersion(ip) === 6 && !ipv6)) return undefined;
  // An IPv6 address cannot stand in a name as it is.
  return { name: ip, labels: addresses === 'plain' && ipVersion(ip) === 4 ? ip : reverseLabels(ip) };
}
