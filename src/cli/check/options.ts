import { type ListFormat, listFormats } from '../../checks/ip-blocklist/index.ts';
import { didYouMean } from '../../core/index.ts';
import type { IpAddress, Mailbox } from '../../net/index.ts';
import { parseDomain, parseIp, parseMailbox, parsePrefix } from '../../net/index.ts';
import { UsageError } from '../io.ts';
import {
  commonOptions,
  durationOf,
  type Options,
  one,
  readArguments,
  several,
  textOf,
  type Values,
} from '../options.ts';
import type { FormName } from '../report/forms.ts';
import { formNames, formOf } from '../report/forms.ts';
import type { Threshold } from '../verdict.ts';
import { thresholdOf } from '../verdict.ts';
import type { NamedZone } from './lists.ts';

/** What can be checked. */
export type CheckKind = 'ip' | 'sender' | 'message';

const own: { readonly [kind in CheckKind]: Options } = {
  ip: { list: several, blocklist: several, 'blocklist-format': one },
  sender: { ip: one, helo: one, public: several },
  message: { ip: one, helo: one, from: one, 'uri-list': several, 'trusted-sealer': several },
};

/** What was asked for on the command line, read. */
export interface CheckOptions {
  readonly help: boolean;
  readonly subject: string;
  readonly form: FormName;
  readonly output?: string;
  readonly plain: boolean;
  readonly failOn: Threshold;
  readonly resolvers?: readonly string[];
  readonly zone?: string;
  /** For everything. */
  readonly timeoutMs: number;
  readonly lists: readonly NamedZone[];
  readonly uriLists: readonly NamedZone[];
  readonly blocklists: readonly string[];
  readonly format: ListFormat;
  readonly ip?: IpAddress;
  readonly helo?: string;
  readonly from?: Mailbox | null;
  readonly publicNetworks: readonly string[];
  readonly trustedSealers: readonly string[];
}

/** Reads the arguments behind `postern check ip`, say. @throws UsageError where they cannot be meant */
export function readCheckOptions(kind: CheckKind, argv: readonly string[]): CheckOptions {
  const command = `postern check ${kind}`;
  const { values, words } = readArguments(argv, { ...commonOptions, ...own[kind] }, command);
  const help = values.help === true;
  if (!help && words.length !== 1)
    throw new UsageError(
      `${words.length === 0 ? `${subjects[kind]} is missing` : `one at a time: ${JSON.stringify(words[1])} is too much`}\nSee ${command} --help.`,
    );
  const text = (name: string): string | undefined => textOf(values, name);
  const texts = (name: string): readonly string[] => severalOf(values, name);
  const format = text('blocklist-format') ?? 'plain';
  const ip = text('ip');
  return {
    help,
    subject: words[0] ?? '',
    form: formOf(Object.fromEntries(formNames.map((name) => [name, values[name] === true]))),
    output: text('output'),
    plain: values['no-color'] === true,
    failOn: thresholdOf(text('fail-on')),
    resolvers: values.resolver === undefined ? undefined : texts('resolver'),
    zone: text('zone'),
    timeoutMs: durationOf(values, 'timeout') ?? 30_000,
    lists: texts('list').map((value) => namedZone('--list', value)),
    uriLists: texts('uri-list').map((value) => namedZone('--uri-list', value)),
    blocklists: texts('blocklist'),
    format: among('--blocklist-format', format, listFormats),
    ip: ip === undefined ? undefined : addressOf('--ip', ip),
    helo: text('helo'),
    from: reversePath('--from', text('from')),
    publicNetworks: texts('public').map((value) => prefixOf('--public', value)),
    trustedSealers: texts('trusted-sealer').map((value) => domainOf('--trusted-sealer', value)),
  };
}

const subjects: { readonly [kind in CheckKind]: string } = {
  ip: 'the address',
  sender: 'the mailbox',
  message: 'the file',
};

/** @throws UsageError */
export function addressOf(option: string, text: string): IpAddress {
  const ip = parseIp(text);
  if (ip === undefined)
    throw new UsageError(
      `${option} ${JSON.stringify(text)} is not an IP address; give it like 192.0.2.1 or 2001:db8::1`,
    );
  return ip;
}

/** `<>` is the null reverse-path; angle brackets may stand around a mailbox. @throws UsageError */
export function reversePath(option: string, text: string): Mailbox | null;
export function reversePath(option: string, text: string | undefined): Mailbox | null | undefined;
export function reversePath(option: string, text: string | undefined): Mailbox | null | undefined {
  if (text === undefined) return undefined;
  if (text === '' || text === '<>') return null;
  const mailbox = parseMailbox(text.replace(/^<(.*)>$/s, '$1'));
  if (mailbox === undefined)
    throw new UsageError(`${option} ${JSON.stringify(text)} is not a mailbox; give it like a@example.org, or "<>"`);
  return mailbox;
}

/** All texts of a flag that may stand several times; a comma is one of a file's name, or of a label. */
function severalOf(values: Values, name: string): readonly string[] {
  const value = values[name];
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

function among<T extends string>(option: string, text: string, all: readonly T[]): T {
  const value = all.find((each) => each === text);
  if (value === undefined)
    throw new UsageError(`${option} ${JSON.stringify(text)} must be one of ${all.join(', ')}${didYouMean(text, all)}`);
  return value;
}

function namedZone(option: string, text: string): NamedZone {
  const at = text.indexOf('=');
  const zone = parseDomain(at < 0 ? text : text.slice(0, at));
  const label = at < 0 ? zone : text.slice(at + 1);
  if (zone === undefined || label === undefined || !/^[\x20-\x7e]{1,64}$/.test(label))
    throw new UsageError(`${option} ${JSON.stringify(text)} must be a zone like zen.dnsbl.example, or zone=label`);
  return { zone, label };
}

function prefixOf(option: string, text: string): string {
  try {
    parsePrefix(text);
    return text;
  } catch (error) {
    throw new UsageError(`${option} ${JSON.stringify(text)}: ${(error as Error).message}; give it like 127.0.0.0/8`);
  }
}

function domainOf(option: string, text: string): string {
  const domain = parseDomain(text);
  if (domain === undefined) throw new UsageError(`${option} ${JSON.stringify(text)} is not a domain name`);
  return domain;
}
