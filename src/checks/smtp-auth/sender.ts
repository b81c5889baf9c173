import type { Answer, Awaitable, Check } from '../../core/index.ts';
import {
  assertKnownOptions,
  defer,
  defineCheck,
  fail,
  none,
  pass,
  reject,
  temperror,
  wrongOption,
} from '../../core/index.ts';
import type { DomainName, Mailbox } from '../../net/index.ts';
import { isWithin, parseDomain, parseMailbox, parseMailboxList, printMailbox } from '../../net/index.ts';
import type { DataFacts, MailFacts } from '../../smtp/facts.ts';
import { canonicalAccount } from './account.ts';

export interface SenderOptions {
  /**
   * The addresses that each login may send as: a table by the login's name, or a function that returns its list.
   *
   * `bob@example.com` is one address, `example.com` or `*@example.com` every address of the domain, `.example.com` every
   * address below it, `bob-*@example.com` every address that begins so, and `*` every address. Default: a login whose name
   * is an address may send as that address.
   */
  readonly senders?:
    | { readonly [identity: string]: readonly string[] }
    | ((identity: string) => Awaitable<readonly string[]>);
  /** Separates a mailbox from its detail: `bob+lists@example.com` belongs to `bob@example.com`. `''` means none. Default: `+`. */
  readonly detailSeparator?: string;
  /** Whether every login may send with the null reverse-path `<>`, as read receipts do (RFC 8098 §2.1). Default: true. */
  readonly nullSender?: boolean;
}

/** What was compared, for the log. */
export interface SenderDetail {
  readonly identity?: string;
  readonly sender?: string;
  readonly error?: string;
}

type SenderResult = 'pass' | 'none' | 'fail' | 'temperror';

interface Pattern {
  owns(mailbox: Mailbox, separator: string): boolean;
}

/**
 * Checks at MAIL that the login owns the address it sends as. Refused with 553 5.7.1.
 *
 * A client that has not logged in gets `none`: whether it may send at all is the question of other rules.
 *
 * @throws {TypeError} if a pattern is malformed
 */
export function senderMatchesLogin(
  options: SenderOptions = {},
): Check<Pick<MailFacts, 'auth' | 'reversePath'>, object, SenderResult, SenderDetail> {
  const owned = ownership('senderMatchesLogin', options);
  const nullSender = options.nullSender ?? true;
  return defineCheck(
    'sender-matches-login',
    async ({
      auth,
      reversePath,
    }: Pick<MailFacts, 'auth' | 'reversePath'>): Promise<Answer<SenderResult, SenderDetail>> => {
      if (auth === null || auth === undefined) return none();
      const { identity } = auth;
      if (reversePath === null) return nullSender ? pass({ detail: { identity, sender: '' } }) : notOwned(identity, '');
      return owned(identity, [reversePath]);
    },
    { fail: reject(), temperror: defer() },
  );
}

/**
 * Checks at DATA that the login owns every address in every From field (RFC 5322 §3.6.2).
 *
 * A message without a From field, or with one that cannot be parsed, fails.
 *
 * @throws {TypeError} if a pattern is malformed
 */
export function headerFromMatchesLogin(
  options: SenderOptions = {},
): Check<Pick<DataFacts, 'auth' | 'message'>, object, SenderResult, SenderDetail> {
  const owned = ownership('headerFromMatchesLogin', options);
  return defineCheck(
    'header-from-matches-login',
    async ({ auth, message }: Pick<DataFacts, 'auth' | 'message'>): Promise<Answer<SenderResult, SenderDetail>> => {
      if (auth === null || auth === undefined) return none();
      const authors = authorsOf(message.headers);
      return authors === undefined || authors.length === 0
        ? notOwned(auth.identity, '')
        : owned(auth.identity, authors);
    },
    { fail: reject(), temperror: defer() },
  );
}

const notOwned = (identity: string, sender: string): Answer<'fail', SenderDetail> =>
  fail({
    cause: 'sender-not-owned',
    status: '7.1',
    explanation: 'Sender address is not owned by the login',
    detail: { identity, sender },
  });

/** Most authors that one message may have. */
const MAX_AUTHORS = 100;
/** Longest From field that is parsed, in characters. */
const MAX_FIELD = 16_384;

/**
 * Returns the addresses in all From fields. Encoded words are not decoded: they are display text, never an address.
 *
 * @returns undefined if a field cannot be parsed: half of a field is not enough to trust it
 */
function authorsOf(headers: DataFacts['message']['headers']): Mailbox[] | undefined {
  const authors: Mailbox[] = [];
  for (const { name, value, raw } of headers) {
    if (name.toLowerCase() !== 'from') continue;
    const field = raw ?? value;
    const found = field.length > MAX_FIELD ? undefined : parseMailboxList(field);
    if (found === undefined) return undefined;
    authors.push(...found);
    if (authors.length > MAX_AUTHORS) return undefined;
  }
  return authors;
}

/** Reads the options once. Returns a function that checks whether a login owns all of the addresses. */
function ownership(
  owner: string,
  options: SenderOptions,
): (identity: string, senders: readonly Mailbox[]) => Promise<Answer<SenderResult, SenderDetail>> {
  assertKnownOptions(owner, options, ['senders', 'detailSeparator', 'nullSender']);
  const { senders, detailSeparator = '+' } = options;
  if (typeof detailSeparator !== 'string' || detailSeparator.length > 1)
    throw wrongOption(owner, 'detailSeparator', "one character, or '' for none", detailSeparator);
  const read = (text: string): Pattern => readPattern(owner, text);
  let table: Map<string, readonly Pattern[]> | undefined;
  if (typeof senders === 'object' && senders !== null) {
    table = new Map();
    for (const [identity, patterns] of Object.entries(senders)) {
      const name = canonicalAccount(identity);
      if (name === undefined) throw wrongOption(owner, 'senders', 'a table by login name', identity);
      if (!Array.isArray(patterns))
        throw wrongOption(owner, `senders[${JSON.stringify(identity)}]`, 'a list of addresses', patterns);
      table.set(name, patterns.map(read));
    }
  } else if (senders !== undefined && typeof senders !== 'function')
    throw wrongOption(
      owner,
      'senders',
      'a table by login name, or a function that returns the list of a login',
      senders,
    );

  const patternsOf = async (identity: string): Promise<readonly Pattern[]> => {
    if (typeof senders === 'function') return (await senders(identity)).map(read);
    const name = canonicalAccount(identity);
    if (name === undefined) return [];
    if (table !== undefined) return table.get(name) ?? [];
    // A login's name is an address here, never a pattern: an account could have the name `*@example.com`.
    const own = parseMailbox(identity);
    return own === undefined ? [] : [exactly(own)];
  };
  return async (identity, mailboxes) => {
    let patterns: readonly Pattern[];
    try {
      patterns = await patternsOf(identity);
    } catch (error) {
      return temperror({
        status: '3.0',
        explanation: 'Sender could not be checked; please try again later',
        detail: { identity, error: error instanceof Error ? error.message : String(error) },
      });
    }
    const foreign = mailboxes.find((mailbox) => !patterns.some((pattern) => pattern.owns(mailbox, detailSeparator)));
    return foreign === undefined
      ? pass({ detail: { identity, sender: mailboxes.map(printMailbox).join(', ') } })
      : notOwned(identity, printMailbox(foreign));
  };
}

/** @throws {TypeError} if the pattern is neither an address, nor a domain, nor one of these with a `*` before the `@` */
function readPattern(owner: string, text: string): Pattern {
  const wrong = (): TypeError =>
    wrongOption(
      owner,
      'senders',
      'addresses or domains like "bob@example.com", "example.com", "*@example.com" or ".example.com"',
      text,
    );
  if (typeof text !== 'string') throw wrong();
  if (text === '*') return { owns: () => true };
  const at = text.lastIndexOf('@');
  const local = at < 0 ? '*' : text.slice(0, at);
  const host = at < 0 ? text : text.slice(at + 1);
  const below = host.startsWith('.');
  if (local === '*') {
    const domain = parseDomain(below ? host.slice(1) : host);
    if (domain === undefined) throw wrong();
    return {
      owns: (mailbox) =>
        below ? mailbox.domain !== domain && isWithin(mailbox.domain, domain) : mailbox.domain === domain,
    };
  }
  if (local.endsWith('*')) {
    const start = fold(local.slice(0, -1));
    const domain: DomainName | undefined = parseDomain(host);
    if (domain === undefined || start === '' || start.includes('*')) throw wrong();
    return { owns: (mailbox) => mailbox.domain === domain && fold(mailbox.localPart).startsWith(start) };
  }
  const address = parseMailbox(text);
  if (address === undefined) throw wrong();
  return exactly(address);
}

/** Matches one address, and the same address with a detail. */
function exactly({ localPart, domain }: Mailbox): Pattern {
  const wanted = fold(localPart);
  return {
    owns: (mailbox, separator) =>
      mailbox.domain === domain && withoutDetail(fold(mailbox.localPart), wanted, separator) === wanted,
  };
}

/** Within one site, case and Unicode form make no difference between mailboxes. */
const fold = (localPart: string): string => localPart.normalize('NFC').toLowerCase();

/** Removes the detail of a local part, unless the pattern has a detail itself. */
function withoutDetail(localPart: string, wanted: string, separator: string): string {
  if (separator === '' || wanted.includes(separator)) return localPart;
  const cut = localPart.indexOf(separator);
  return cut > 0 ? localPart.slice(0, cut) : localPart;
}
