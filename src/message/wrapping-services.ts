import { isWithin } from '../net/index.ts';
import { base64Text, percentDecode, utf8Text } from './escapes.ts';
import { organizationOf } from './host.ts';
import type { ParsedLink } from './link.ts';

/** What a rewriting service carries, by its own encoding. */
export interface Rewritten {
  readonly name: string;
  readonly targets: readonly string[];
  /** Nothing else in the link is to be read. */
  readonly complete: boolean;
}

interface Service {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly read: (link: ParsedLink) => readonly string[];
  /** What the service's own reading yields is all that the link carries. */
  readonly complete?: boolean;
}

/** The services, by the domain that their links lead to. Formats as their makers' decoders and manuals describe them; as of 2026-11. */
const SERVICES: readonly Service[] = [
  {
    name: 'proofpoint',
    hosts: ['urldefense.proofpoint.com', 'urldefense.com', 'urldefense.us'],
    read: proofpoint,
    complete: true,
  },
  {
    name: 'safelinks',
    hosts: ['safelinks.protection.outlook.com', 'safelinks.protection.office365.us', 'safelinks.o365filtering.com'],
    read: (l) => values(l, 'url'),
    complete: true,
  },
  { name: 'barracuda', hosts: ['linkprotect.cudasvc.com'], read: (l) => values(l, 'a'), complete: true },
  { name: 'mimecast', hosts: ['mimecast.com', 'mimecastprotect.com'], read: (l) => values(l, 'domain', 'url') },
  { name: 'sophos', hosts: ['protection.sophos.com'], read: sophos, complete: true },
  {
    name: 'bing',
    hosts: ['bing.com'],
    read: (l) =>
      values(l, 'u')
        .map((v) => marked(v, 2))
        .filter((v) => v !== ''),
  },
  { name: 'yahoo', hosts: ['search.yahoo.com'], read: (l) => segment(l, 'RU='), complete: true },
  { name: 'amp', hosts: ['cdn.ampproject.org'], read: ampCache },
  { name: 'google-amp', hosts: ['google.com'], read: (l) => afterPath(l, /^\/amp\/(?:s\/)?/) },
  { name: 'translate', hosts: ['translate.goog'], read: translated },
  {
    name: 'avanan',
    hosts: ['url.avanan.click', 'checkpoint.com'],
    read: (l) => between(l, '/v2/___', '___'),
    complete: true,
  },
];

/** The services by registrable domain, so that a link of any other is passed over at once. */
const BY_DOMAIN: ReadonlyMap<string, readonly Service[]> = (() => {
  const found = new Map<string, Service[]>();
  for (const service of SERVICES) {
    for (const host of service.hosts) {
      const domain = organizationOf(host) ?? host;
      found.set(domain, [...(found.get(domain) ?? []), service]);
    }
  }
  return found;
})();

/** The service that the link's host belongs to, and what the link carries; undefined for any other host. */
export function serviceOf(link: ParsedLink): Rewritten | undefined {
  const domain = organizationOf(link.host);
  const services = domain === undefined ? undefined : BY_DOMAIN.get(domain);
  if (services === undefined) return undefined;
  for (const service of services) {
    if (!service.hosts.some((host) => isWithin(link.host, host))) continue;
    return { name: service.name, targets: service.read(link), complete: service.complete === true };
  }
  return undefined;
}

/** The decoded values of the parameters named, in the order of the names. */
function values(link: ParsedLink, ...names: string[]): string[] {
  const query = link.uri.indexOf('?', link.path);
  if (query < 0) return [];
  const found: string[] = [];
  for (const name of names) {
    for (const pair of link.uri.slice(query + 1).split(/[&#]/, 128)) {
      if (pair.length > name.length && pair[name.length] === '=' && pair.slice(0, name.length).toLowerCase() === name) {
        found.push(percentDecode(pair.slice(name.length + 1).replace(/&amp;/g, '&')));
      }
    }
  }
  return found;
}

function afterPath(link: ParsedLink, prefix: RegExp): string[] {
  const path = link.uri.slice(link.path);
  const match = prefix.exec(path);
  return match === null ? [] : [path.slice(match[0].length)];
}

function segment(link: ParsedLink, key: string): string[] {
  const start = link.uri.indexOf(key, link.path);
  if (start < 0) return [];
  const end = link.uri.indexOf('/', start);
  return [percentDecode(link.uri.slice(start + key.length, end < 0 ? link.uri.length : end))];
}

function between(link: ParsedLink, open: string, close: string): string[] {
  const start = link.uri.indexOf(open, link.path);
  if (start < 0) return [];
  const end = link.uri.indexOf(close, start + open.length);
  return end < 0 ? [] : [link.uri.slice(start + open.length, end)];
}

/** Base64 after a mark of some characters. */
function marked(value: string, mark: number): string {
  const decoded = base64Text(value.slice(mark));
  return decoded !== undefined && /^https?:/i.test(decoded) ? utf8Text(decoded) : '';
}

function sophos(link: ParsedLink): string[] {
  const targets = values(link, 'u')
    .map((v) => marked(v, 0))
    .filter((v) => v !== '');
  return [...targets, ...values(link, 'd')];
}

/** `/c/s/www.example.com/path`: kind of content, `s` for TLS, then the link. */
function ampCache(link: ParsedLink): string[] {
  return afterPath(link, /^\/[a-z]+\/(?:s\/)?/);
}

/** `www-example--site-com.translate.goog`: a hyphen is a dot, two are a hyphen. */
function translated(link: ParsedLink): string[] {
  const label = link.host.slice(0, link.host.indexOf('.'));
  return [label.replace(/--|-/g, (hyphens) => (hyphens === '-' ? '.' : '-'))];
}

function proofpoint(link: ParsedLink): string[] {
  const path = link.uri.slice(link.path);
  if (path.startsWith('/v3/__')) return proofpointV3(path);
  const [code] = encodedParameter(path);
  if (code === undefined) return [];
  if (path.startsWith('/v1/')) return [percentDecode(code)];
  if (path.startsWith('/v2/')) return [percentDecode(code.replace(/-/g, '%').replace(/_/g, '/'))];
  return [];
}

/** The value of `u`, as it stands. */
function encodedParameter(path: string): string[] {
  const query = path.indexOf('?');
  return query < 0
    ? []
    : path
        .slice(query + 1)
        .split('&', 64)
        .filter((pair) => pair.startsWith('u='))
        .map((pair) => pair.slice(2));
}

const RUN_LENGTHS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/**
 * Version 3: `/v3/__LINK__;CODE!!…`. Characters that a link may not hold stand in CODE (base64 of UTF-8); in LINK each
 * is a `*`, and a run of 2 to 65 of them is `**` with a letter for its length.
 */
function proofpointV3(path: string): string[] {
  const end = path.lastIndexOf('__;');
  if (end < 6) return [];
  const bang = path.indexOf('!', end);
  const octets = base64Text(path.slice(end + 3, bang < 0 ? path.length : bang));
  const taken = octets === undefined ? [] : Array.from(utf8Text(octets));
  const written = path.slice(6, end);
  let link = '';
  let next = 0;
  for (let i = 0; i < written.length; i++) {
    if (written[i] !== '*') {
      link += written[i];
      continue;
    }
    let count = 1;
    if (written[i + 1] === '*') {
      const length = RUN_LENGTHS.indexOf(written[i + 2] ?? '');
      if (length >= 0 && i + 2 < written.length) {
        count = length + 2;
        i += 2;
      }
    }
    // A code that is too short leaves the rest as it is.
    link += next < taken.length ? taken.slice(next, next + count).join('') : '*';
    next += count;
  }
  return [link];
}
