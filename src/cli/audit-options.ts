import type { AuditOptions, ProbeName, ServiceName } from '../audit/index.ts';
import { probeNames, usualPorts } from '../audit/index.ts';
import { didYouMean } from '../core/index.ts';
import { readJson } from './dns.ts';
import { type CommandIo, UsageError } from './io.ts';
import { commonOptions, flag, type Options, one, refuseEmpty, several, type Values } from './options.ts';
import { formNames } from './report/forms.ts';

/** The options of `postern audit`, as `node:util` is told of them. */
export const auditOptions: Options = {
  ...commonOptions,
  only: several,
  'dns-only': flag,
  ports: several,
  'smtp-port': one,
  'https-port': one,
  host: several,
  'dkim-selector': several,
  list: several,
  minimum: one,
  provider: several,
  'expiry-days': one,
  'relay-to': one,
  source: one,
  helo: one,
  ca: several,
  public: several,
  config: one,
  diff: one,
  save: one,
  quiet: flag,
  'list-findings': flag,
};

/** Which probes are to run. @throws UsageError where there is no such probe */
export const probesOf = (texts: readonly string[] | undefined): readonly ProbeName[] | undefined =>
  texts?.map((text) => {
    const probe = probeNames.find((name) => name === text.toLowerCase());
    if (probe === undefined)
      throw new UsageError(
        `--only ${JSON.stringify(text)} must be one of ${probeNames.join(', ')}${didYouMean(text, probeNames)}`,
      );
    return probe;
  });

/** `imap=1143`, a service by itself, or a usual port by itself. @throws UsageError */
export function portsOf(texts: readonly string[] | undefined, smtpPort: number | undefined): AuditOptions['ports'] {
  if (texts === undefined) return undefined;
  const services = Object.keys(usualPorts) as ServiceName[];
  const ports: { [service in ServiceName]?: number } = {};
  for (const text of texts) {
    const [word = '', given, ...more] = text.toLowerCase().split(/[=:]/);
    const service = services.find((name) =>
      given === undefined ? name === word || String(usualPorts[name]) === word : name === word,
    );
    if (service === undefined || more.length > 0)
      throw new UsageError(
        `--ports ${JSON.stringify(text)} must be a service and its port, like imap=1143, with one of ${services.join(', ')}; or a usual port, like 993${didYouMean(word, services)}`,
      );
    const port = given === undefined ? usualPorts[service] : Number(given);
    if (given !== undefined && (!/^\d{1,5}$/.test(given) || port < 1 || port > 65_535))
      throw new UsageError(`--ports ${JSON.stringify(text)} must have a port from 1 to 65535`);
    if (ports[service] !== undefined && ports[service] !== port)
      throw new UsageError(
        `--ports gives ${service} two ports, ${ports[service]} and ${port}: run again for the other`,
      );
    ports[service] = port;
  }
  if (smtpPort !== undefined && ports.smtp !== undefined && ports.smtp !== smtpPort)
    throw new UsageError(`--smtp-port ${smtpPort} and --ports smtp=${ports.smtp} contradict each other`);
  return ports;
}

/** `outlook.example=Outlook`; the name may be left out. @throws UsageError */
export function providersOf(texts: readonly string[] | undefined): AuditOptions['providers'] {
  return texts?.map((text) => {
    const at = text.indexOf('=');
    const suffix = at < 0 ? text : text.slice(0, at);
    const name = at < 0 ? text : text.slice(at + 1);
    if (suffix === '' || name === '')
      throw new UsageError(`--provider ${JSON.stringify(text)} must be like mx.example.net=Example`);
    return { suffix, name };
  });
}

/** What a file of `--config` says, by the names of the options. */
export interface Config {
  readonly domains: readonly string[];
  readonly values: Values;
}

/** Reads options from a file: an object, with the options' names in one word: `dnsOnly`. @throws UsageError */
export async function readConfig(path: string, io: CommandIo): Promise<Config> {
  const config = await readJson(path, io);
  if (!isObject(config))
    throw new UsageError(`${path} must be an object, like { "domains": ["example.org"], "failOn": "high" }`);
  const known = new Map(
    Object.entries(auditOptions)
      .filter(([name]) => !notInConfig.has(name))
      .map(([name, about]) => [inOneWord(name), { name, about }] as const),
  );
  const values: { [name: string]: string | boolean | readonly string[] } = {};
  let domains: readonly string[] = [];
  for (const [key, value] of Object.entries(config)) {
    const wrong = (allowed: string): never => {
      throw new UsageError(`${path}: ${key} ${JSON.stringify(value)} must be ${allowed}`);
    };
    if (key === 'domains') {
      domains = textsIn(value) ?? wrong('a list of domains');
      continue;
    }
    const option = known.get(key);
    if (option === undefined)
      throw new UsageError(
        `${path}: there is no option ${JSON.stringify(key)}${didYouMean(key, [...known.keys(), 'domains'])}`,
      );
    const { name, about } = option;
    if (about.type === 'boolean') values[name] = typeof value === 'boolean' ? value : wrong('true or false');
    else if (name === 'ports' && isObject(value))
      values[name] = Object.entries(value).map(([service, port]) => `${service}=${String(port)}`);
    else if (about.multiple === true) values[name] = textsIn(value) ?? wrong('a text, or a list of texts');
    else
      values[name] =
        typeof value === 'string' || typeof value === 'number' ? String(value) : wrong('a text or a number');
  }
  refuseEmpty(values, 'postern audit');
  return { domains, values };
}

/** What is given by hand wins; of forms, the one given by hand is the only one. */
export function overConfig(config: Values, given: Values): Values {
  const forms: readonly string[] = formNames;
  const kept = formNames.some((form) => given[form] === true)
    ? Object.fromEntries(Object.entries(config).filter(([name]) => !forms.includes(name)))
    : config;
  return { ...kept, ...given };
}

/** A file that names another, or asks for help, does not end. */
const notInConfig: ReadonlySet<string> = new Set(['config', 'help', 'list-findings']);

/** How an option is called in a file. */
export const inOneWord = (name: string): string =>
  name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Options of `audit()`, and what they are called here. */
const flagOf: { readonly [option: string]: string } = {
  only: 'only',
  hosts: 'host',
  lists: 'list',
  dkimSelectors: 'dkim-selector',
  relayTo: 'relay-to',
  publicNetworks: 'public',
  authorities: 'ca',
  timeoutMs: 'timeout',
  httpsPort: 'https-port',
  expiryDays: 'expiry-days',
  source: 'source',
  helo: 'helo',
  minimum: 'minimum',
};

/** What `audit()` says of a wrong option, in the words of the command; undefined where it is another fault. */
export function asUsage(error: unknown, files: readonly string[] = []): UsageError | undefined {
  if (!(error instanceof TypeError)) return undefined;
  const about = /^(?:audit|tcpConnect): (\w+)(.*)$/s.exec(error.message);
  if (about === null) return undefined;
  const [, option = '', rest = ''] = about;
  const authority = /^authorities\[(\d+)\](.*)$/s.exec(`${option}${rest}`);
  if (authority !== null) return new UsageError(`--ca ${files[Number(authority[1])] ?? ''}${authority[2]}`);
  if (option !== 'domain' && option !== 'domains')
    return Object.hasOwn(flagOf, option) ? new UsageError(`--${flagOf[option]}${rest}`) : undefined;
  return new UsageError(`${option}${rest}`);
}

/** What a domain was given as, where it is not one by itself: a mailbox, a URL. */
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
