/**
 * Facts for a test: complete, ordinary, and changed where the test needs it.
 *
 * **Answers**: which facts does a session have at a stage? **Knows**: its options; by default the client is 192.0.2.1, says
 * `EHLO mx.example.org`, and sends from `a@example.org` to `b@example.com`. **Asks**: nothing.
 * **Limits**: a value that cannot be read is a `TypeError`, because a session would have refused it.
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

/** The facts that a test changes. The names are the same at every stage. */
export interface FactsOver {
  readonly client?: string;
  readonly role?: Role;
  /** `true` is TLS 1.3. */
  readonly tls?: boolean | TlsFacts;
  readonly session?: string;
  readonly helo?: string;
  /** The SASL mechanism of the login. */
  readonly mechanism?: string;
  /** The user who is logged in. */
  readonly auth?: string;
  /** The sender; `null` is the null reverse-path. */
  readonly from?: string | null;
  readonly to?: string;
  readonly sourceRoute?: boolean;
  /** The message, as bytes or as text with any line endings. */
  readonly message?: string | Uint8Array;
  /** What the message proves. Default: no signatures and no DMARC record. */
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
  new TypeError(`facts: ${what} ${JSON.stringify(value)} cannot be read, so a session would refuse it`);

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

/** Makes the facts at the connection. */
export function connectFacts(over: FactsOver = {}): ConnectFacts {
  const { client = '192.0.2.1', role = 'mx', tls = false, session = 'test' } = over;
  return {
    session: { id: session, role, serverName: 'mx.example.com' },
    client: { ip: address(client) },
    tls: typeof tls === 'object' ? tls : tls ? { version: 'TLSv1.3' } : null,
  };
}

/** Makes the facts after HELO, EHLO or LHLO. */
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

/** Makes the facts when the client names a mechanism. */
export const authFacts = (over: FactsOver = {}): AuthFacts => ({
  ...heloFacts(over),
  attempt: { mechanism: (over.mechanism ?? 'PLAIN').toUpperCase() },
});

/** Makes the facts after MAIL FROM. */
export function mailFacts(over: FactsOver = {}): MailFacts {
  const { from = 'a@example.org', auth } = over;
  return {
    ...heloFacts(over),
    auth: auth === undefined ? null : { identity: auth },
    reversePath: from === null ? null : mailbox('from', from),
    messagesBefore: 0,
  };
}

/** Makes the facts at RCPT TO. */
export const rcptFacts = (over: FactsOver = {}): RcptFacts => ({
  ...mailFacts(over),
  forwardPath: mailbox('to', over.to ?? 'b@example.com'),
  recipientsBefore: 0,
  ...(over.sourceRoute ? { sourceRoute: true } : {}),
});

/** Makes the facts after the message has been read. */
export const dataFacts = (over: FactsOver = {}): AuthenticatedDataFacts => ({
  ...mailFacts(over),
  forwardPaths: [mailbox('to', over.to ?? 'b@example.com')],
  message: messageFacts(over.message ?? 'From: a@example.org\r\nSubject: x\r\n\r\nhello\r\n'),
  authentication: { ...nothingProved, ...over.authentication },
});

/** Reads a message from bytes or from text. */
export function messageFacts(message: string | Uint8Array): MessageFacts {
  const reader = new MessageReader();
  reader.write(typeof message === 'string' ? new TextEncoder().encode(message) : message);
  return reader.end();
}

/** Makes the facts of a stage. */
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
