import type { Answer, Awaitable, Check } from '../../core/index.ts';
import { defer, defineCheck, fail, none, pass, reject, temperror } from '../../core/index.ts';
import type { DomainName, Mailbox } from '../../net/index.ts';
import { isWithin, parseDomain, parseMailbox, printMailbox } from '../../net/index.ts';
import type { DataFacts, MailFacts } from '../../smtp/facts.ts';
import { canonicalAccount } from './account.ts';
import { authorsOf } from './authors.ts';

export interface SenderOptions {
  /**
   * What each login may send as, by the login's name; or a function that knows. `bob@example.com` is one address,
   * `example.com` or `*@example.com` every address of the domain, `.example.com` every address below it, `bob-*@example.com`
   * addresses that begin so, `*` everything. Where it is not given, a login that is an address may send as that address.
   */
  readonly senders?:
    | { readonly [identity: string]: readonly string[] }
    | ((identity: string) => Awaitable<readonly string[]>);
  /** What stands between a mailbox and its detail: `bob+lists@example.com` belongs to `bob@example.com`. `+`; `''` for none. */
  readonly detailSeparator?: string;
  /** Whether every login may send with the null reverse-path `<>`, as for read receipts (RFC 8098 §2.1). True. */
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
 * Whether the login owns the address it sends as, at MAIL: 553 5.7.1 where not. A client that has not logged in is not asked
 * (`none`); whether it may send at all is another question.
 *
 * @throws TypeError for a pattern that cannot be read
 */
export function senderMatchesLogin(
  options: SenderOptions = {},
): Check<Pick<MailFacts, 'auth' | 'reversePath'>, object, SenderResult, SenderDetail> {
  const owned = ownership(options);
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
 * Whether the login owns every address that the message says it is from, in every From field (RFC 5322 §3.6.2), at DATA. A
 * message without a From, or with one that cannot be read, is not the login's.
 *
 * @throws TypeError for a pattern that cannot be read
 */
export function headerFromMatchesLogin(
  options: SenderOptions = {},
): Check<Pick<DataFacts, 'auth' | 'message'>, object, SenderResult, SenderDetail> {
  const owned = ownership(options);
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

/** Reads the option once; what it returns says whether a login owns all of the addresses. */
function ownership(
  options: SenderOptions,
): (identity: string, senders: readonly Mailbox[]) => Promise<Answer<SenderResult, SenderDetail>> {
  const { senders, detailSeparator = '+' } = options;
  if (typeof detailSeparator !== 'string' || detailSeparator.length > 1)
    throw new TypeError(
      `senderMatchesLogin: detailSeparator ${JSON.stringify(detailSeparator)} must be one character, or none`,
    );
  let table: Map<string, readonly Pattern[]> | undefined;
  if (typeof senders === 'object') {
    table = new Map();
    for (const [identity, patterns] of Object.entries(senders)) {
      const name = canonicalAccount(identity);
      if (name === undefined)
        throw new TypeError(
          `senderMatchesLogin: senders names the login ${JSON.stringify(identity)}, which no login can be`,
        );
      if (!Array.isArray(patterns))
        throw new TypeError(`senderMatchesLogin: senders of ${JSON.stringify(identity)} must be a list of addresses`);
      table.set(name, patterns.map(readPattern));
    }
  } else if (senders !== undefined && typeof senders !== 'function')
    throw new TypeError('senderMatchesLogin: senders must be a table by login, or a function that is given one');

  const patternsOf = async (identity: string): Promise<readonly Pattern[]> => {
    if (typeof senders === 'function') return (await senders(identity)).map(readPattern);
    const name = canonicalAccount(identity);
    if (name === undefined) return [];
    if (table !== undefined) return table.get(name) ?? [];
    // A login's name is an address here, never a pattern: somebody could be called `*@example.com`.
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

/** @throws TypeError where the pattern is neither an address, nor a domain, nor one of these with a `*` before the `@` */
function readPattern(text: string): Pattern {
  const wrong = (): TypeError =>
    new TypeError(
      `senderMatchesLogin: senders ${JSON.stringify(text)} is no address or domain; give it like "bob@example.com", "example.com", "*@example.com" or ".example.com"`,
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

/** One address, and its details. */
function exactly({ localPart, domain }: Mailbox): Pattern {
  const wanted = fold(localPart);
  return {
    owns: (mailbox, separator) =>
      mailbox.domain === domain && withoutDetail(fold(mailbox.localPart), wanted, separator) === wanted,
  };
}

/** Case and form make no difference among one's own mailboxes. */
const fold = (localPart: string): string => localPart.normalize('NFC').toLowerCase();

/** The local part without its detail, unless the pattern has one itself. */
function withoutDetail(localPart: string, wanted: string, separator: string): string {
  if (separator === '' || wanted.includes(separator)) return localPart;
  const cut = localPart.indexOf(separator);
  return cut > 0 ? localPart.slice(0, cut) : localPart;
}
