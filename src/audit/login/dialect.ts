import type { Answer, Classify, LoginSession } from './session.ts';

/** Credentials of an account that does not exist. */
export interface FakeAccount {
  readonly name: string;
  readonly secret: string;
}

/** The result of a login. `name` is the answer to the user name, if it is sent separately. */
export interface LoginAnswer {
  readonly answer: Answer;
  readonly name?: Answer;
}

/** One way to log in. */
export interface LoginForm {
  /** Name of the command in the protocol. */
  readonly name: string;
  /** The SASL mechanism (RFC 4422), if any. */
  readonly mechanism?: string;
  /** Tries the login. If the server asks for more data, cancels. */
  readonly run: (session: LoginSession, account: FakeAccount) => Promise<LoginAnswer>;
}

/** Commands and answers of one protocol before a login. */
export interface Dialect {
  /** Common name of the protocol. */
  readonly name: string;
  readonly literals: boolean;
  /** Reads the greeting: `ok`, or `no` for a refusal. */
  readonly greet: (session: LoginSession, timeoutMs?: number) => Promise<Answer>;
  /** Whether the greeting announces a session that is already authenticated. */
  readonly preauthenticated: (greeting: Answer) => boolean;
  /** Returns the capabilities, from the greeting if it contains them. Undefined if the server announces none. */
  readonly capabilities: (
    session: LoginSession,
    helo: string,
    greeting?: Answer,
  ) => Promise<readonly string[] | undefined>;
  /** Whether the client must send EHLO first. */
  readonly needsEhlo: boolean;
  readonly offersTls: (capabilities: readonly string[]) => boolean;
  /** Requests TLS. `injected` is sent in the same segment. */
  readonly requestTls: (session: LoginSession, injected?: string) => Promise<Answer>;
  /** Returns the offered mechanisms in upper case. */
  readonly mechanisms: (capabilities: readonly string[]) => readonly string[];
  /** Returns the command of the login by name and password, if it is offered: "USER", "LOGIN". */
  readonly password: (capabilities: readonly string[]) => string | undefined;
  /** Starts a mechanism without credentials. If the server asks for them, cancels. */
  readonly startMechanism: (session: LoginSession, mechanism: string) => Promise<Answer>;
  /** All ways to log in with a password, the usual one first. */
  readonly logins: readonly LoginForm[];
  /** Logs in with a bearer token (XOAUTH2), in one command. */
  readonly bearer: LoginForm;
  /** A harmless command for the STARTTLS injection test. */
  readonly injected: string;
  /** Returns lines that prove that the server executed the injected command over TLS. */
  readonly injectedAnswer: (session: LoginSession, waitMs: number) => Promise<readonly string[] | undefined>;
  /** Command that ends the session. */
  readonly farewell: string;
}

const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');

/** RFC 4616 §2. */
const plainResponse = ({ name, secret }: FakeAccount): string => base64(`\0${name}\0${secret}`);

/** Initial response of XOAUTH2, which Google and Microsoft define. */
const bearerResponse = ({ name, secret }: FakeAccount): string =>
  base64(`user=${name}\x01auth=Bearer ${secret}\x01\x01`);

/** Starts a SASL mechanism, with or without an initial response. */
export type Authenticate = (session: LoginSession, mechanism: string, initial?: string) => Promise<Answer>;

/** Returns the PLAIN login with an initial response. @param verb the command of the protocol */
export const plainLogin = (verb: string, authenticate: Authenticate): LoginForm => ({
  name: `${verb} PLAIN`,
  mechanism: 'PLAIN',
  run: async (session, account) => ({ answer: await authenticate(session, 'PLAIN', plainResponse(account)) }),
});

/** Returns the XOAUTH2 login with an initial response. @param verb the command of the protocol */
export const bearerLogin = (verb: string, authenticate: Authenticate): LoginForm => ({
  name: `${verb} XOAUTH2`,
  mechanism: 'XOAUTH2',
  run: async (session, account) => ({ answer: await authenticate(session, 'XOAUTH2', bearerResponse(account)) }),
});

/** AUTH of POP3 and SMTP (RFC 5034 §4, RFC 4954 §4). Cancels if the server asks for more data. */
export const authOf =
  (classify: Classify): Authenticate =>
  (session, mechanism, initial) =>
    session.beginAuth(`AUTH ${mechanism}${initial === undefined ? '' : ` ${initial}`}`, classify);
