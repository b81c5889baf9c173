import { X509Certificate } from 'node:crypto';
import type { Provider } from '../checks/mx-redundancy/index.ts';
import type { Prefix } from '../net/index.ts';
import { parseDomain, parseIp, parsePrefix } from '../net/index.ts';
import type { ProbeName } from './catalogue.ts';
import { probeNames } from './catalogue.ts';
import type { AuditProgress } from './progress.ts';
import type { ServiceName } from './report.ts';

/** Options of {@link audit}. */
export interface AuditOptions {
  /** Probes to run; all where not given. */
  readonly only?: readonly ProbeName[];
  /** Connect to nobody; false where not given. */
  readonly dnsOnly?: boolean;
  /**
   * The port of each service to look at; the usual ones where not given. Where given, services that are not named are not
   * looked at, but for `smtp`: the MX hosts are, on 25, as long as the probes ask for it.
   */
  readonly ports?: { readonly [service in ServiceName]?: number | undefined };
  /** The port of the MX hosts, where it alone is another: as `ports.smtp`, and the other services stay as they are. */
  readonly smtpPort?: number;
  /** The port that MTA-STS policies are fetched from; 443 where not given. */
  readonly httpsPort?: number;
  /** Hosts to look for login services on, beside those that the domain announces. */
  readonly hosts?: readonly string[];
  /** Milliseconds for one step of a conversation: a connection, a greeting, a reply, a handshake; 30,000 where not given. */
  readonly timeoutMs?: number;
  /** Connections to one service, an address and a port, at once; 10 where not given, which a whole look at it takes. */
  readonly connectionsPerService?: number;
  /** The address to connect from. */
  readonly source?: string;
  /** Certificates (PEM) of authorities to trust, beside those that Node.js knows. */
  readonly authorities?: readonly string[];
  /** Prefixes that count as public although they are not: `127.0.0.0/8` in a test. */
  readonly publicNetworks?: readonly string[];
  /** What is said in EHLO; `audit.invalid` where not given. Give the name of the host that runs the audit. */
  readonly helo?: string;
  /** A foreign mailbox that the MX hosts are asked to relay to, and that no mail is ever sent to. */
  readonly relayTo?: string;
  /** DNS lists to look the MX hosts up in: `zen.dnsbl.example`. */
  readonly lists?: readonly string[];
  /** Selectors of the domain's DKIM keys. */
  readonly dkimSelectors?: readonly string[];
  /** How many MX hosts there should be; 2 where not given. */
  readonly minimum?: number;
  /** Providers that are redundant behind one name, in addition to those that are known. */
  readonly providers?: readonly Provider[];
  /** Days before its end at which a certificate is said to expire soon; 14 where not given. */
  readonly expiryDays?: number;
  readonly signal?: AbortSignal;
  /** Is told what is being done. What it throws is dropped. */
  readonly onProgress?: (event: AuditProgress) => void;
}

/** The options, read. */
export interface AuditSettings {
  readonly probes: ReadonlySet<ProbeName>;
  readonly dnsOnly: boolean;
  readonly ports: { readonly [service in ServiceName]?: number | undefined };
  /** Whether `ports` were given, rather than the usual ones. */
  readonly portsGiven: boolean;
  readonly httpsPort: number;
  readonly hosts: readonly string[];
  readonly timeoutMs: number;
  readonly connectionsPerService: number;
  readonly source: string | undefined;
  readonly authorities: readonly string[];
  readonly publicNetworks: readonly string[];
  readonly publicPrefixes: readonly Prefix[];
  readonly helo: string;
  readonly relayTo: { readonly localPart: string; readonly domain: string };
  readonly lists: readonly string[];
  readonly dkimSelectors: readonly string[];
  readonly minimum: number;
  readonly providers: readonly Provider[];
  readonly expiryDays: number;
}

/** Where services listen (RFC 5321, 6409, 8314, 9051, 1939, 5804). */
export const usualPorts: { readonly [service in ServiceName]: number } = {
  smtp: 25,
  submission: 587,
  submissions: 465,
  imap: 143,
  imaps: 993,
  pop3: 110,
  pop3s: 995,
  managesieve: 4190,
};

/** Probes of which nothing is left where nobody is connected to. */
const connectingProbes: ReadonlySet<ProbeName> = new Set(['smtp', 'relay', 'failover', 'login', 'tls', 'dane']);

/** Reads the options. @throws TypeError where one is wrong */
export function readOptions(options: AuditOptions): AuditSettings {
  const only = options.only ?? probeNames;
  for (const name of only) if (!probeNames.includes(name)) wrong('only', name, `one of ${probeNames.join(', ')}`);
  const dnsOnly = options.dnsOnly ?? false;
  // A report says which probes ran: what was not looked at must not look like what was found to be well.
  const probes = only.filter((name) => !(dnsOnly && connectingProbes.has(name)));
  if (probes.length === 0)
    wrong(
      'only',
      only.join(),
      dnsOnly ? 'probes that need the DNS alone, where dnsOnly says so' : 'one probe at least',
    );
  const ports = options.ports ?? usualPorts;
  for (const [service, port] of Object.entries(ports)) {
    if (!Object.hasOwn(usualPorts, service)) wrong('ports', service, `one of ${Object.keys(usualPorts).join(', ')}`);
    if (port !== undefined) whole(`ports.${service}`, port, 1, 65_535);
  }
  const publicNetworks = options.publicNetworks ?? [];
  const relayTo = options.relayTo ?? 'postern-relay-test@example.com';
  const at = relayTo.lastIndexOf('@');
  const target = parseDomain(relayTo.slice(at + 1));
  if (at < 1 || target === undefined || !/^[a-z0-9._+-]+$/i.test(relayTo.slice(0, at)))
    wrong('relayTo', relayTo, 'a mailbox like "relay-test@example.org", of letters, digits and ._+-');
  const { source, helo = 'audit.invalid' } = options;
  if (source !== undefined && parseIp(source) === undefined) wrong('source', source, 'an IP address of this machine');
  if (parseDomain(helo) === undefined) wrong('helo', helo, 'a host name');
  const authorities = options.authorities ?? [];
  authorities.forEach(readable);
  return {
    probes: new Set(probes),
    dnsOnly,
    ports: {
      ...(options.ports === undefined ? {} : { smtp: usualPorts.smtp }),
      ...ports,
      ...(options.smtpPort === undefined ? {} : { smtp: whole('smtpPort', options.smtpPort, 1, 65_535) }),
    },
    portsGiven: options.ports !== undefined,
    httpsPort: whole('httpsPort', options.httpsPort ?? 443, 1, 65_535),
    hosts: (options.hosts ?? []).map((host) => name('hosts', host)),
    timeoutMs: whole('timeoutMs', options.timeoutMs ?? 30_000, 1, 600_000),
    connectionsPerService: whole('connectionsPerService', options.connectionsPerService ?? 10, 1, 100),
    source,
    authorities,
    publicNetworks,
    publicPrefixes: publicNetworks.map((text) => {
      try {
        return parsePrefix(text);
      } catch {
        return wrong('publicNetworks', text, 'prefixes like "127.0.0.0/8"');
      }
    }),
    helo,
    relayTo: { localPart: relayTo.slice(0, at), domain: target ?? '' },
    lists: (options.lists ?? []).map((zone) => name('lists', zone)),
    dkimSelectors: (options.dkimSelectors ?? []).map((selector) => name('dkimSelectors', selector)),
    minimum: whole('minimum', options.minimum ?? 2, 1, 100),
    providers: options.providers ?? [],
    expiryDays: whole('expiryDays', options.expiryDays ?? 14, 0, 10_000),
  };
}

/**
 * A text may hold several certificates; each must be one, or every handshake would fail. What the text holds is not shown:
 * it may be a private key.
 */
function readable(pem: string, at: number): void {
  const all = pem.match(/-----BEGIN (TRUSTED )?CERTIFICATE-----[^-]*-----END \1?CERTIFICATE-----/g) ?? [];
  const refuse = (got: string): never => {
    throw new TypeError(`audit: authorities[${at}] must be certificates in PEM, got ${got}`);
  };
  if (all.length === 0) refuse('a text without -----BEGIN CERTIFICATE-----');
  all.forEach((one, index) => {
    try {
      new X509Certificate(one);
    } catch {
      refuse(`a text whose certificate ${index + 1} cannot be read`);
    }
  });
}

function wrong(option: string, value: unknown, allowed: string): never {
  throw new TypeError(`audit: ${option} ${JSON.stringify(value)} must be ${allowed}`);
}

function whole(option: string, value: number, least: number, most: number): number {
  return Number.isInteger(value) && value >= least && value <= most
    ? value
    : wrong(option, value, `a whole number from ${least} to ${most}`);
}

const name = (option: string, text: string): string => parseDomain(text) ?? wrong(option, text, 'a domain name');
