/**
 * The options of `postern audit`: one table for the parser, the help and `--config`, and the reading of their values.
 *
 * @module
 */
import type { AuditOptions, ProbeName, ServiceName } from '../audit/index.ts';
import { probeNames, usualPorts } from '../audit/index.ts';
import { didYouMean } from '../core/index.ts';
import { type CommandIo, readJson, UsageError, wordOf, wrongValue } from './io.ts';
import {
  dnsOptions,
  flag,
  type Options,
  one,
  optionHelp,
  outputOptions,
  refuseEmpty,
  several,
  type Values,
} from './options.ts';
import { formats } from './output.ts';

const services = Object.keys(usualPorts) as ServiceName[];

const groups: { readonly [heading: string]: Options } = {
  'What to audit': {
    only: several('<probe,…>', `run only these probes: ${probeNames.join(', ')}`),
    'dns-only': flag('send DNS queries only; connect to no server'),
    ports: several(
      '<service=port,…>',
      `check only these services, and the MX hosts: ${services.join(', ')}; or usual ports like 143,993`,
    ),
    'smtp-port': one('<port>', 'port of the MX hosts. Default: 25'),
    'https-port': one('<port>', 'port of the MTA-STS policy server. Default: 443'),
    host: several('<name>', 'also check this host for login services'),
    'dkim-selector': several('<name>', 'check the DKIM key of this selector'),
    list: several('<zone>', 'look up the MX hosts in this DNS list'),
    minimum: one('<n>', 'minimum number of MX hosts. Default: 2'),
    provider: several('<suffix=name>', 'treat MX hosts below this domain as redundant behind one name'),
    'expiry-days': one('<n>', 'report certificates that expire within n days. Default: 14'),
    'relay-to': one('<mailbox>', 'foreign mailbox for the open relay test; no mail is sent to it'),
  },
  'How to connect': {
    ...dnsOptions('each step of a session'),
    source: one('<address>', 'connect from this local address'),
    helo: one('<name>', 'name to send in EHLO: the host name of this machine'),
    ca: several('<file>', 'PEM file with additional trusted certificate authorities'),
    public: several('<prefix,…>', 'treat these networks as public: 127.0.0.0/8'),
    config: one('<file>', 'read options from a JSON file, with names like dnsOnly; the command line takes precedence'),
  },
  Output: {
    ...outputOptions,
    save: one('<file>', 'also write the whole report as JSON, for a later --diff'),
    diff: one(
      '<report.json>',
      'print only the changes since this report of --save or --json; the exit status covers new and worse findings',
    ),
    quiet: flag('show no progress'),
    'list-findings': flag('list all possible findings; with --json as JSON'),
  },
};

/** All options by name. */
export const auditOptions: Options = Object.assign({}, ...Object.values(groups));

/** The text of `postern audit --help`. */
export const auditHelp: string = `postern audit [options] <domain…>

Audits the mail setup of domains from outside and reports problems, their severity and how to fix them.
Audit only domains that you are responsible for.

  postern audit example.org
  postern audit --dns-only --only mx,spf,dmarc example.org example.net
  postern audit --html --output report.html example.org
  postern audit --save last.json example.org
  postern audit --diff last.json --save last.json example.org
  postern audit --ports imap=1143,imaps=1993 --resolver 127.0.0.1:5353 --public 127.0.0.0/8 --ca ca.pem test.example

What it sends
  DNS                queries for MX hosts and their addresses, SPF, DKIM, DMARC, MTA-STS, TLS-RPT, SRV, TLSA, PTR and
                     CAA records, and DNSSEC status
  MX hosts           EHLO, STARTTLS, and MAIL and RCPT for the postmaster and for a foreign mailbox. It goes no further
                     than DATA and sends no message
  login services     submission, IMAP, POP3, ManageSieve: capabilities before and after TLS, and, if they leave it open,
                     a login with an account that does not exist
  mta-sts.<domain>   a request for the policy over HTTPS
It also checks certificates and TLS versions of all these servers. With --dns-only it connects to no server.
It trusts the AD bit of a resolver given with --resolver: use a validating resolver over a trusted path.

${optionHelp(groups)}
Exit status
  0    no problem at or above --fail-on
  1    at least one problem at or above --fail-on
  2    wrong usage
  3    no such problem, but some checks reached no result
  130  interrupted by Ctrl-C; nothing is printed
`;

/** Reads `--only`. @throws {UsageError} if a probe does not exist */
export const probesOf = (texts: readonly string[] | undefined): readonly ProbeName[] | undefined =>
  texts?.map((text) => wordOf('--only', text.toLowerCase(), probeNames));

/** Reads `--ports`: `imap=1143`, a service name, or a usual port. @throws {UsageError} if a port is wrong */
export function portsOf(texts: readonly string[] | undefined, smtpPort: number | undefined): AuditOptions['ports'] {
  if (texts === undefined) return undefined;
  const ports: { [service in ServiceName]?: number } = {};
  for (const text of texts) {
    const [word = '', given, ...more] = text.toLowerCase().split(/[=:]/);
    const service = services.find((name) =>
      given === undefined ? name === word || String(usualPorts[name]) === word : name === word,
    );
    if (service === undefined || more.length > 0) {
      const error = wrongValue('--ports', `services and ports like imap=1143, or usual ports like 993`, text);
      error.message += didYouMean(word, services) || ` (services: ${services.join(', ')})`;
      throw error;
    }
    const port = given === undefined ? usualPorts[service] : Number(given);
    if (given !== undefined && (!/^\d{1,5}$/.test(given) || port < 1 || port > 65_535))
      throw wrongValue('--ports', 'a port from 1 to 65535', text);
    if (ports[service] !== undefined && ports[service] !== port)
      throw new UsageError(
        `--ports has two ports for ${service}, ${ports[service]} and ${port}: run the command once for each`,
      );
    ports[service] = port;
  }
  if (smtpPort !== undefined && ports.smtp !== undefined && ports.smtp !== smtpPort)
    throw new UsageError(`--smtp-port ${smtpPort} contradicts --ports smtp=${ports.smtp}`);
  return ports;
}

/** Reads `--provider`: `outlook.example=Outlook`, or the suffix alone. @throws {UsageError} if one is empty */
export const providersOf = (texts: readonly string[] | undefined): AuditOptions['providers'] =>
  texts?.map((text) => {
    const at = text.indexOf('=');
    const suffix = at < 0 ? text : text.slice(0, at);
    const name = at < 0 ? text : text.slice(at + 1);
    if (suffix === '' || name === '') throw wrongValue('--provider', 'like mx.example.net=Example', text);
    return { suffix, name };
  });

/** The content of a `--config` file. */
export interface Config {
  readonly domains: readonly string[];
  readonly values: Values;
}

/** Reads a `--config` file: an object with option names in camel case. @throws {UsageError} if it is wrong */
export async function readConfig(path: string, io: CommandIo): Promise<Config> {
  const config = await readJson(path, io);
  if (!isObject(config))
    throw new UsageError(`${path} must be an object, like { "domains": ["example.org"], "failOn": "high" }`);
  const known = new Map(
    Object.entries(auditOptions)
      .filter(([name]) => !notInConfig.has(name))
      .map(([name, option]) => [camelCase(name), { name, option }] as const),
  );
  const values: { [name: string]: string | boolean | readonly string[] } = {};
  let domains: readonly string[] = [];
  for (const [key, value] of Object.entries(config)) {
    const wrong = (what: string): never => {
      throw wrongValue(`${path}: ${key}`, what, value);
    };
    if (key === 'domains') {
      domains = textsIn(value) ?? wrong('a list of domains');
      continue;
    }
    const entry = known.get(key);
    if (entry === undefined)
      throw new UsageError(`${path}: unknown option ${key}${didYouMean(key, [...known.keys(), 'domains'])}`);
    const { name, option } = entry;
    if (option.type === 'boolean') values[name] = typeof value === 'boolean' ? value : wrong('true or false');
    else if (name === 'ports' && isObject(value))
      values[name] = Object.entries(value).map(([service, port]) => `${service}=${String(port)}`);
    else if (option.multiple === true) values[name] = textsIn(value) ?? wrong('a string or a list of strings');
    else
      values[name] =
        typeof value === 'string' || typeof value === 'number' ? String(value) : wrong('a string or a number');
  }
  refuseEmpty(values, 'postern audit');
  return { domains, values };
}

/** Merges a config file with the command line, which takes precedence. A format given there replaces that of the file. */
export function overConfig(config: Values, given: Values): Values {
  const replaced: readonly string[] = formats.some((format) => given[format] === true) ? formats : [];
  const kept = Object.entries(config).filter(([name]) => !replaced.includes(name));
  return { ...Object.fromEntries(kept), ...given };
}

/** Options that make no sense in a file. */
const notInConfig: ReadonlySet<string> = new Set(['config', 'help', 'list-findings']);

const camelCase = (name: string): string => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Options of `audit()` whose name differs from that of the command's option. */
const optionNames: { readonly [option: string]: string } = {
  hosts: 'host',
  lists: 'list',
  dkimSelectors: 'dkim-selector',
  publicNetworks: 'public',
  timeoutMs: 'timeout',
};

/** Turns an option error of `audit()` into one that names the command's option. Returns undefined for other errors. */
export function asUsage(error: unknown, caFiles: readonly string[]): UsageError | undefined {
  if (!(error instanceof TypeError)) return undefined;
  const [, option = '', rest = ''] = /^(?:audit|tcpConnect): (\w+)(.*)$/s.exec(error.message) ?? [];
  const authority = /^\[(\d+)\](.*)$/s.exec(rest);
  if (option === 'authorities' && authority !== null)
    return new UsageError(`--ca ${caFiles[Number(authority[1])] ?? ''}${authority[2]}`);
  if (option === 'domain' || option === 'domains') return new UsageError(`${option}${rest}`);
  const name = optionNames[option] ?? Object.keys(auditOptions).find((each) => camelCase(each) === option);
  return name === undefined ? undefined : new UsageError(`--${name}${rest}`);
}

/** Suggests the domain within a mailbox or URL. */
export function domainHint(text: string): string {
  const within = /^(?:[a-z][a-z0-9+.-]*:\/\/)?(?:[^/@]*@)?([^/:@\s]+)[:/]?.*$/is.exec(text)?.[1];
  return within !== undefined && within !== text && within.includes('.') ? `; did you mean ${within}?` : '';
}

const isObject = (value: unknown): value is { readonly [name: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function textsIn(value: unknown): readonly string[] | undefined {
  const texts: readonly unknown[] = Array.isArray(value) ? value : [value];
  return texts.every((text): text is string => typeof text === 'string') ? texts : undefined;
}
