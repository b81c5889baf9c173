/**
 * Facts for a test: whole, ordinary, and changed in what the test is about.
 *
 * **Answers**: what would a session know? **Knows**: what it is given; the rest is a client of 192.0.2.1 that says
 * `EHLO mx.example.org` and sends from `a@example.org` to `b@example.com`. **Asks**: nothing.
 * **Limits**: what cannot be read is a `TypeError`, since a session would have refused it.
 *
 * @example
 * ```ts
 * import { rcptFacts } from 'postern/testing';
 *
 * const facts = rcptFacts({ client: '2001:db8::1', from: null, to: 'bob@example.com' });
 * console.log(facts.reversePath); // null
 * ```
 *
 * @module
 */
import type { MessageFacts } from '../message/index.ts';
import { MessageReader } from '../message/index.ts';
import type { IpAddress, Mailbox } from '../net/index.ts';
import { parseAddressLiteral, parseDomain, parseIp, parseMailbox } from '../net/index.ts';
import type {
  AuthenticatedDataFacts,
  AuthenticatedStages,
  AuthFacts,
  ConnectFacts,
  HeloFacts,
  MailFacts,
  MessageAuthentication,
  RcptFacts,
  Role,
  SmtpStages,
  TlsFacts,
} from '../smtp/index.ts';

/** What a test changes; the same words at every stage. */
export interface FactsOver {
  readonly client?: string;
  readonly role?: Role;
  /** `true` is TLS 1.3. */
  readonly tls?: boolean | TlsFacts;
  readonly session?: string;
  readonly helo?: string;
  /** The mechanism that the client asks to log in with. */
  readonly mechanism?: string;
  /** Who has logged in. */
  readonly auth?: string;
  /** The sender; `null` is the null reverse-path. */
  readonly from?: string | null;
  readonly to?: string;
  readonly sourceRoute?: boolean;
  /** The message, as octets or as text with any line ends. */
  readonly message?: string | Uint8Array;
  /** What the message proves; no signatures and no DMARC record where not given. */
  readonly authentication?: Partial<MessageAuthentication>;
}

const nothingProved: MessageAuthentication = {
  dkim: [],
  signatures: { found: 0, examined: 0 },
  arc: { result: 'none', sealers: [] },
  dmarc: { result: 'none' },
  questions: 0,
  authentication: [],
};

const wrong = (what: string, value: string): TypeError =>
  new TypeError(`facts: ${what} ${JSON.stringify(value)} cannot be read, so that no session would know it`);

function address(text: string): IpAddress {
  const ip = parseIp(text);
  if (ip === undefined) throw wrong('client', text);
  return ip;
}

function mailbox(what: string, text: string): Mailbox {
  const read = parseMailbox(text);
  if (read === undefined) throw wrong(what, text);
  return read;
}

/** What is known at the connection. */
export function connectFacts(over: FactsOver = {}): ConnectFacts {
  const { client = '192.0.2.1', role = 'mx', tls = false, session = 'test' } = over;
  return {
    session: { id: session, role, serverName: 'mx.example.com' },
    client: { ip: address(client) },
    tls: typeof tls === 'object' ? tls : tls ? { version: 'TLSv1.3' } : null,
  };
}

/** What is known after HELO, EHLO or LHLO. */
export function heloFacts(over: FactsOver = {}): HeloFacts {
  const name = over.helo ?? 'mx.example.org';
  const domain = parseDomain(name);
  const literal = parseAddressLiteral(name);
  return {
    ...connectFacts(over),
    helo: {
      verb: 'EHLO',
      name,
      domain,
      literal,
    },
  };
}

/** What is known when a mechanism is named. */
export const authFacts = (over: FactsOver = {}): AuthFacts => ({
  ...heloFacts(over),
  attempt: { mechanism: (over.mechanism ?? 'PLAIN').toUpperCase() },
});

/** What is known after MAIL FROM. */
export function mailFacts(over: FactsOver = {}): MailFacts {
  const { from = 'a@example.org', auth } = over;
  return {
    ...heloFacts(over),
    auth: auth === undefined ? null : { identity: auth },
    reversePath: from === null ? null : mailbox('from', from),
    messagesBefore: 0,
  };
}

/** What is known at RCPT TO. */
export const rcptFacts = (over: FactsOver = {}): RcptFacts => ({
  ...mailFacts(over),
  forwardPath: mailbox('to', over.to ?? 'b@example.com'),
  recipientsBefore: 0,
  ...(over.sourceRoute ? { sourceRoute: true } : {}),
});

/** What is known when the message has been read. */
export const dataFacts = (over: FactsOver = {}): AuthenticatedDataFacts => ({
  ...mailFacts(over),
  forwardPaths: [mailbox('to', over.to ?? 'b@example.com')],
  message: messageFacts(over.message ?? 'From: a@example.org\r\nSubject: x\r\n\r\nhello\r\n'),
  authentication: { ...nothingProved, ...over.authentication },
});

/** What a message says, read from octets or from text. */
export function messageFacts(message: string | Uint8Array): MessageFacts {
  const reader = new MessageReader();
  reader.write(typeof message === 'string' ? new TextEncoder().encode(message) : message);
  return reader.end();
}

/** The facts of a stage. */
export function factsAt<S extends keyof SmtpStages>(stage: S, over: FactsOver = {}): AuthenticatedStages[S] {
  return builders[stage](over) as AuthenticatedStages[S];
}

const builders: { readonly [S in keyof SmtpStages]: (over: FactsOver) => AuthenticatedStages[S] } = {
  connect: connectFacts,
  helo: heloFacts,
  auth: authFacts,
  mail: mailFacts,
  rcpt: rcptFacts,
  data: dataFacts,
};
