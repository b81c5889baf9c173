/**
 * The options of `postern check`: tables for the parser and the help, and the reading of their values.
 *
 * @module
 */
import { type ListFormat, listFormats } from '../../checks/ip-blocklist/index.ts';
import type { IpAddress, Mailbox } from '../../net/index.ts';
import { parseDomain, parseIp, parseMailbox, parsePrefix } from '../../net/index.ts';
import { type CommandIo, UsageError, wordOf, wrongValue } from '../io.ts';
import {
  dnsOptions,
  durationOf,
  type Options,
  one,
  optionHelp,
  outputOptions,
  readArguments,
  several,
  textOf,
  textsOf,
} from '../options.ts';
import { type Output, outputOf } from '../output.ts';

/** What can be checked. */
export type CheckKind = 'ip' | 'sender' | 'message';

/** A DNS list and its name in reports: `--list zone=label`. */
export interface NamedZone {
  readonly zone: string;
  readonly label: string;
}

const common = {
  DNS: dnsOptions('the whole check'),
  Output: outputOptions,
};

const client = one('<address>', 'address of the client. SPF needs it');
const helo = one('<name>', 'name that the client sends in EHLO');

const tables: { readonly [kind in CheckKind]: { readonly [heading: string]: Options } } = {
  ip: {
    Lists: {
      list: several('<zone[=label]>', 'query this DNS list; the label is its name in the report. Default: no list'),
      blocklist: several('<file>', 'look the address up in this file of addresses and prefixes'),
      'blocklist-format': one('<name>', `format of the files: ${listFormats.join(', ')}. Default: plain`),
    },
    ...common,
  },
  sender: {
    Session: { ip: client, helo, public: several('<prefix>', 'treat this network as public: 127.0.0.0/8') },
    ...common,
  },
  message: {
    Session: {
      ip: client,
      helo,
      from: one('<mailbox>', 'reverse-path; "<>" is the null reverse-path'),
    },
    Lists: {
      'uri-list': several('<zone[=label]>', 'look the links up in this list of domain names'),
      'trusted-sealer': several('<domain>', 'trust the ARC seals of this domain'),
    },
    ...common,
  },
};

const exitStatus = `Exit status
  0    no problem at or above --fail-on
  1    at least one problem at or above --fail-on
  2    wrong usage
  3    no such problem, but some checks reached no result
  130  interrupted by Ctrl-C; nothing is printed
`;

/** The help texts of `postern check`. */
export const help: { readonly [command in 'check' | CheckKind]: string } = {
  check: `postern check <ip | sender | message> [options] <subject>

Runs checks on one address, sender or message, and reports the results and their reasons.
It sends DNS queries only. It connects to no other server and sends no mail.

  postern check ip <address>         reverse DNS, DNS lists and block lists for a client address
  postern check sender <mailbox>     SPF, HELO name and mail domain of a sender
  postern check message <file>       DKIM, ARC, DMARC and links of a message

Run each with --help for its options.

  postern check ip --list zen.dnsbl.example=ZEN 192.0.2.1
  postern check sender --ip 192.0.2.1 --helo mx.example.org a@example.org
  postern check message --ip 192.0.2.1 --from a@example.org - < message.eml

${exitStatus}`,

  ip: `postern check ip [options] <address>

Checks a client address: whether its reverse DNS name leads back to it, and whether the given lists contain it.

  postern check ip --list zen.dnsbl.example=ZEN --blocklist blocked.txt 192.0.2.1

${optionHelp(tables.ip)}
${exitStatus}`,

  sender: `postern check sender [options] <mailbox>

Checks a sender: whether its domain accepts mail, the SPF results for the mailbox and for the HELO name, and whether the
HELO name belongs to the client. "<>" is the null reverse-path.

  postern check sender --ip 192.0.2.1 --helo mx.example.org a@example.org

${optionHelp(tables.sender)}
${exitStatus}`,

  message: `postern check message [options] <file>

Checks a message: DKIM signatures, ARC seals, DMARC, and links. The file contains the message as a server received it:
header, empty line, body. "-" is standard input.

  postern check message --ip 192.0.2.1 --from a@example.org --uri-list multi.uri.example=Multi message.eml

${optionHelp(tables.message)}
${exitStatus}`,
};

/** Options with defaults. */
export interface CheckOptions {
  readonly help: boolean;
  readonly subject: string;
  readonly output: Output;
  readonly resolvers?: readonly string[];
  readonly zone?: string;
  /** Timeout of the whole check. */
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

/** Reads the arguments of `postern check <kind>`. @throws {UsageError} if they are wrong */
export function readCheckOptions(kind: CheckKind, argv: readonly string[], io: CommandIo): CheckOptions {
  const command = `postern check ${kind}`;
  const options: Options = Object.assign({}, ...Object.values(tables[kind]));
  const { values, words } = readArguments(argv, options, command);
  const wantsHelp = values.help === true;
  if (!wantsHelp && words.length !== 1)
    throw new UsageError(
      `${words.length === 0 ? `${subjects[kind]} is missing` : `only one subject at a time: unexpected ${JSON.stringify(words[1])}`}\nSee ${command} --help.`,
    );
  const text = (name: string): string | undefined => textOf(values, name);
  // Not split at commas: file names and labels may contain them.
  const texts = (name: string): readonly string[] => textsOf(values, name) ?? [];
  const ip = text('ip');
  return {
    help: wantsHelp,
    subject: words[0] ?? '',
    output: outputOf(values, io),
    resolvers: textsOf(values, 'resolver'),
    zone: text('zone'),
    timeoutMs: durationOf(values, 'timeout') ?? 30_000,
    lists: texts('list').map((value) => namedZone('--list', value)),
    uriLists: texts('uri-list').map((value) => namedZone('--uri-list', value)),
    blocklists: texts('blocklist'),
    format: wordOf('--blocklist-format', text('blocklist-format') ?? 'plain', listFormats),
    ip: ip === undefined ? undefined : addressOf('--ip', ip),
    helo: text('helo'),
    from: reversePath('--from', text('from')),
    publicNetworks: texts('public').map((value) => prefixOf('--public', value)),
    trustedSealers: texts('trusted-sealer').map((value) => domainOf('--trusted-sealer', value)),
  };
}

const subjects: { readonly [kind in CheckKind]: string } = {
  ip: '<address>',
  sender: '<mailbox>',
  message: '<file>',
};

/** Reads an IP address. @throws {UsageError} if `text` is not one */
export function addressOf(option: string, text: string): IpAddress {
  const ip = parseIp(text);
  if (ip === undefined) throw wrongValue(option, 'an IP address like 192.0.2.1 or 2001:db8::1', text);
  return ip;
}

/** Reads a mailbox, with or without angle brackets. `<>` is the null reverse-path. @throws {UsageError} if `text` is wrong */
export function reversePath(option: string, text: string): Mailbox | null;
export function reversePath(option: string, text: string | undefined): Mailbox | null | undefined;
export function reversePath(option: string, text: string | undefined): Mailbox | null | undefined {
  if (text === undefined) return undefined;
  if (text === '' || text === '<>') return null;
  const mailbox = parseMailbox(text.replace(/^<(.*)>$/s, '$1'));
  if (mailbox === undefined) throw wrongValue(option, 'a mailbox like a@example.org, or "<>"', text);
  return mailbox;
}

function namedZone(option: string, text: string): NamedZone {
  const at = text.indexOf('=');
  const zone = parseDomain(at < 0 ? text : text.slice(0, at));
  const label = at < 0 ? zone : text.slice(at + 1);
  if (zone === undefined || label === undefined || !/^[\x20-\x7e]{1,64}$/.test(label))
    throw wrongValue(option, 'a zone like zen.dnsbl.example, or zone=label', text);
  return { zone, label };
}

function prefixOf(option: string, text: string): string {
  try {
    parsePrefix(text);
    return text;
  } catch (error) {
    const wrong = wrongValue(option, 'a prefix like 127.0.0.0/8', text);
    wrong.message += `: ${(error as Error).message}`;
    throw wrong;
  }
}

function domainOf(option: string, text: string): string {
  const domain = parseDomain(text);
  if (domain === undefined) throw wrongValue(option, 'a domain name', text);
  return domain;
}
