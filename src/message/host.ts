import { type DomainName, registrableDomains, urlHost } from '../net/index.ts';
import { detach } from './escapes.ts';

/** The longest host that is looked at, escapes included; a name has at most 253 characters. */
const MAX_HOST = 2_048;

/**
 * The host of a link in canonical text, by the rules that browsers follow (WHATWG URL §3.5): percent-encoding, UTS 46
 * mapping to A-labels, octal, hexadecimal and short IPv4, IPv6 in brackets. A name that the DNS cannot carry (an empty
 * or overlong label) is none.
 *
 * @param raw the text between the userinfo and the port
 */
export function canonicalHost(raw: string): string | undefined {
  if (raw.length === 0 || raw.length > MAX_HOST) return undefined;
  let upper = false;
  let simple = true;
  let labelStart = 0;
  for (let i = 0; i < raw.length; i++) {
    const c = raw.charCodeAt(i);
    if ((c >= 97 && c <= 122) || (c >= 48 && c <= 57) || c === 45 || c === 95) continue;
    if (c >= 65 && c <= 90) upper = true;
    else if (c === 46) labelStart = i + 1;
    else {
      simple = false;
      break;
    }
  }
  if (simple) {
    const name = upper ? raw.toLowerCase() : raw;
    if (labelStart === raw.length) labelStart = raw.lastIndexOf('.', raw.length - 2) + 1;
    const first = name.charCodeAt(labelStart);
    // A host whose last label is a number is an address, or none (WHATWG URL §3.5, "ends in a number").
    if (first >= 48 && first <= 57) {
      const last = name.endsWith('.') ? name.slice(labelStart, -1) : name.slice(labelStart);
      if (/^(?:\d+|0x[\da-f]*)$/.test(last)) return ipv4Of(name.endsWith('.') ? name.slice(0, -1) : name);
    }
    // A-labels are not decoded: the DNS, and its lists, do not look inside either.
    return wireName(name);
  }
  if (raw === latestRaw) return latestHost;
  latestHost = byParser(raw);
  latestRaw = raw;
  return latestHost;
}

/** The same name is often read twice: as a link, and as one that may be meant as a link. */
let latestRaw = '';
let latestHost: string | undefined;

/** One to four numbers, each decimal, octal or hexadecimal; the last fills what is left (WHATWG URL §3.5, IPv4 parser). */
function ipv4Of(text: string): string | undefined {
  const parts = text.split('.', 5);
  if (parts.length > 4) return undefined;
  let address = 0;
  for (const [i, part] of parts.entries()) {
    if (part === '') return undefined;
    const value = numberOf(part);
    const room = i === parts.length - 1 ? 256 ** (5 - parts.length) : 256;
    if (value === undefined || value >= room) return undefined;
    address += i === parts.length - 1 ? value : value * 256 ** (3 - i);
  }
  return `${Math.floor(address / 16_777_216)}.${Math.floor(address / 65_536) % 256}.${Math.floor(address / 256) % 256}.${address % 256}`;
}

function numberOf(part: string): number | undefined {
  if (/^0x[\da-f]*$/.test(part)) return part === '0x' ? 0 : Number.parseInt(part.slice(2), 16);
  if (/^0[0-7]*$/.test(part)) return Number.parseInt(part, 8);
  return /^[1-9]\d*$/.test(part) ? Number(part) : undefined;
}

function byParser(raw: string): string | undefined {
  const host = urlHost(raw);
  return host?.startsWith('[') ? host.slice(1, -1) : host === undefined ? undefined : wireName(host);
}

/** The name without its trailing dot, if the DNS can carry it (RFC 1035 §2.3.4). */
function wireName(text: string): string | undefined {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  if (name.length === 0 || name.length > 253) return undefined;
  let start = 0;
  for (;;) {
    const dot = name.indexOf('.', start);
    const end = dot < 0 ? name.length : dot;
    if (end === start || end - start > 63) return undefined;
    if (dot < 0) return name;
    start = dot + 1;
  }
}

/** Whether a canonical host is an address. No name of the DNS ends in a digit (RFC 3696 §2). */
export const isAddress = (host: string): boolean => {
  if (host.includes(':')) return true;
  const last = host.charCodeAt(host.length - 1);
  return last >= 48 && last <= 57 && /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
};

/** What the suffix list says of a host. */
interface Standing {
  readonly domain: DomainName | undefined;
  readonly organization: DomainName | undefined;
  readonly public: boolean;
}

/** Hosts come in heaps: the latest are remembered. */
const standings = new Map<string, Standing>();
const MAX_STANDINGS = 1_024;

function standingOf(host: string): Standing {
  const known = standings.get(host);
  if (known !== undefined) return known;
  const { icann, all } = registrableDomains(host);
  const found = { domain: all, organization: icann, public: icann !== undefined && isRegistrable(host, icann) };
  if (standings.size >= MAX_STANDINGS) standings.clear();
  standings.set(detach(host), found);
  return found;
}

/** The registrable domain of a canonical host; undefined for an address. */
export const domainOf = (host: string): DomainName | undefined =>
  isAddress(host) ? undefined : standingOf(host).domain;

/** The registrable domain by the ICANN suffixes alone. */
export const organizationOf = (host: string): DomainName | undefined => standingOf(host).organization;

/**
 * Whether a name in running text can be meant as a host: a listed suffix with a label before it, whose registrable
 * part is made of letters, digits and inner hyphens, as registries demand.
 */
export const isPublicName = (host: string): boolean => standingOf(host).public;

/**
 * Whether a name without a public suffix can be the host of a web page: `intranet`, `wiki.office`. In running text this
 * takes an explicit `http://` or `https://`.
 */
export function isUnlistedName(host: string): boolean {
  const { domain, organization } = standingOf(host);
  if (domain !== undefined || organization !== undefined || hasEdgeHyphen(host) || isAddress(host)) return false;
  const last = host.slice(host.lastIndexOf('.') + 1);
  if (last !== host && last.includes('_')) return false;
  // `example.com-and-more`: a name with a suffix, and prose that is glued to it.
  const hyphen = host.indexOf('-', host.lastIndexOf('.') + 1);
  return hyphen < 0 || !isPublicName(host.slice(0, hyphen));
}

/** Whether a host may be without a public suffix after this scheme. */
export const isWebScheme = (scheme: string): boolean => scheme === 'http' || scheme === 'https';

const isRegistrable = (host: string, domain: DomainName): boolean =>
  !(host.includes('_') && domain.slice(0, domain.indexOf('.')).includes('_')) && !hasEdgeHyphen(host);

function hasEdgeHyphen(host: string): boolean {
  if (!host.includes('-')) return false;
  return (
    host.charCodeAt(0) === 45 || host.charCodeAt(host.length - 1) === 45 || host.includes('.-') || host.includes('-.')
  );
}
