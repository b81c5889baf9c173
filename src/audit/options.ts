import { X509Certificate } from 'node:crypto';
import type { Provider } from '../checks/mx-redundancy/index.ts';
import { assertKnownOptions, oneOf, wholeNumber, wrongOption } from '../core/index.ts';
import type { Prefix } from '../net/index.ts';
import { parseDomain, parseIp, parsePrefix } from '../net/index.ts';
import type { ProbeName } from './catalogue.ts';
import { probeNames } from './catalogue.ts';
import type { ServiceName } from './report.ts';

/** Start or end of one step of an audit. */
export interface AuditProgress {
  readonly domain: string;
  /** Name of the step: "spf", "mx1.example.org[192.0.2.1]:25". */
  readonly step: string;
  readonly state: 'started' | 'done';
}

/** Options of {@link audit}. */
export interface AuditOptions {
  /** Probes to run. Default: all. */
  readonly only?: readonly ProbeName[];
  /** Send DNS queries only, and connect to no other server. Default: false. */
  readonly dnsOnly?: boolean;
  /**
   * Services to check, with their ports. The MX hosts are always checked, by default on port 25. Default: all services on
   * their usual ports.
   */
  readonly ports?: { readonly [service in ServiceName]?: number | undefined };
  /** Port of the MX hosts, without a change to the other services. Default: `ports.smtp`, or 25. */
  readonly smtpPort?: number;
  /** Port that MTA-STS policies are fetched from. Default: 443. */
  readonly httpsPort?: number;
  /** Additional hosts to check for login services. Default: none. */
  readonly hosts?: readonly string[];
  /** Timeout in milliseconds of one step: a connection, a greeting, a reply, a handshake. Default: 30,000. */
  readonly timeoutMs?: number;
  /** Maximum number of simultaneous connections to one address and port. Default: 10. */
  readonly connectionsPerService?: number;
  /**
   * Local address that `connect` uses; {@link systemEnv} has the same option. It decides only whether a server may trust the
   * audit. Default: any address of this machine.
   */
  readonly source?: string;
  /** Certificates (PEM) of authorities to trust in addition to those of Node.js. Default: none. */
  readonly authorities?: readonly string[];
  /** Prefixes to treat as public, such as `127.0.0.0/8` in a test. Default: none. */
  readonly publicNetworks?: readonly string[];
  /** Name in EHLO. Use the name of the host that runs the audit. Default: `audit.invalid`. */
  readonly helo?: string;
  /** Foreign mailbox for the open relay test. No mail is sent to it. Default: `postern-relay-test@example.com`. */
  readonly relayTo?: string;
  /** DNS lists to look the MX hosts up in: `zen.dnsbl.example`. Default: none. */
  readonly lists?: readonly string[];
  /** Selectors of the DKIM keys of the domain. Default: none. */
  readonly dkimSelectors?: readonly string[];
  /** Minimum number of MX hosts. Default: 2. */
  readonly minimum?: number;
  /** Additional mail providers that are redundant behind one host name. Default: none. */
  readonly providers?: readonly Provider[];
  /** A certificate that expires within this number of days is reported. Default: 14. */
  readonly expiryDays?: number;
  /** Ends the audit early. Default: none. */
  readonly signal?: AbortSignal;
  /** Receives the progress. Exceptions are ignored. Default: none. */
  readonly onProgress?: (event: AuditProgress) => void;
}

const known: readonly (keyof AuditOptions)[] = [
  'only',
  'dnsOnly',
  'ports',
  'smtpPort',
  'httpsPort',
  'hosts',
  'timeoutMs',
  'connectionsPerService',
  'source',
  'authorities',
  'publicNetworks',
  'helo',
  'relayTo',
  'lists',
  'dkimSelectors',
  'minimum',
  'providers',
  'expiryDays',
  'signal',
  'onProgress',
];

/** Checked options with defaults. */
export interface AuditSettings {
  readonly probes: ReadonlySet<ProbeName>;
  readonly dnsOnly: boolean;
  readonly ports: { readonly [service in ServiceName]?: number | undefined };
  /** `ports` was given. */
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

/** Default ports of the services (RFC 5321, 6409, 8314, 9051, 1939, 5804). */
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

/** Probes that need connections. */
const connectingProbes: ReadonlySet<ProbeName> = new Set(['smtp', 'relay', 'failover', 'login', 'tls', 'dane']);

/**
 * Checks the options and fills in defaults.
 *
 * @throws {TypeError} if an option is wrong or unknown
 */
export function readOptions(options: AuditOptions): AuditSettings {
  assertKnownOptions('audit', options, known);
  const only = (options.only ?? probeNames).map((name) => oneOf('audit', 'only', name, probeNames));
  const dnsOnly = options.dnsOnly ?? false;
  // Only probes that run appear in the report: a probe that did not run must not look like one without findings.
  const probes = only.filter((name) => !(dnsOnly && connectingProbes.has(name)));
  if (probes.length === 0)
    throw wrong('only', dnsOnly ? 'at least one DNS probe if dnsOnly is set' : 'at least one probe', only.join());
  const ports = options.ports ?? usualPorts;
  for (const [service, port] of Object.entries(ports)) {
    oneOf('audit', 'ports', service, Object.keys(usualPorts));
    if (port !== undefined) whole(`ports.${service}`, port, 1, 65_535);
  }
  const publicNetworks = options.publicNetworks ?? [];
  const relayTo = options.relayTo ?? 'postern-relay-test@example.com';
  const at = relayTo.lastIndexOf('@');
  const target = parseDomain(relayTo.slice(at + 1));
  if (at < 1 || target === undefined || !/^[a-z0-9._+-]+$/i.test(relayTo.slice(0, at)))
    throw wrong('relayTo', 'a mailbox like "relay-test@example.org", with letters, digits and ._+- only', relayTo);
  const { source, helo = 'audit.invalid' } = options;
  if (source !== undefined && parseIp(source) === undefined)
    throw wrong('source', 'an IP address of this machine', source);
  if (parseDomain(helo) === undefined) throw wrong('helo', 'a host name', helo);
  const authorities = options.authorities ?? [];
  authorities.forEach(assertCertificates);
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
        throw wrong('publicNetworks', 'prefixes like "127.0.0.0/8"', text);
      }
    }),
    helo,
    relayTo: { localPart: relayTo.slice(0, at), domain: target },
    lists: (options.lists ?? []).map((zone) => name('lists', zone)),
    dkimSelectors: (options.dkimSelectors ?? []).map((selector) => name('dkimSelectors', selector)),
    minimum: whole('minimum', options.minimum ?? 2, 1, 100),
    providers: options.providers ?? [],
    expiryDays: whole('expiryDays', options.expiryDays ?? 14, 0, 10_000),
  };
}

/**
 * Checks that a PEM text contains valid certificates only: an invalid one would make every handshake fail. The message does
 * not show the text, which may be a private key.
 */
function assertCertificates(pem: string, at: number): void {
  const all = pem.match(/-----BEGIN (TRUSTED )?CERTIFICATE-----[^-]*-----END \1?CERTIFICATE-----/g) ?? [];
  const refuse = (got: string): never => {
    throw new TypeError(`audit: authorities[${at}] must be certificates in PEM, got ${got}`);
  };
  if (all.length === 0) refuse('a text without -----BEGIN CERTIFICATE-----');
  all.forEach((one, index) => {
    try {
      new X509Certificate(one);
    } catch {
      refuse(`a text whose certificate ${index + 1} is invalid`);
    }
  });
}

const wrong = (option: string, what: string, got: unknown): TypeError => wrongOption('audit', option, what, got);

const whole = (option: string, value: number, least: number, most: number): number =>
  wholeNumber('audit', option, value, least, most);

function name(option: string, text: string): string {
  const domain = parseDomain(text);
  if (domain === undefined) throw wrong(option, 'a domain name', text);
  return domain;
}
