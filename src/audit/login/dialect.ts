import type { Answer, Judge, Talk } from './talk.ts';

/** A login that cannot be anybody's. */
export interface Dummy {
  readonly name: string;
  readonly secret: string;
}

/** What came of a login: `name` is the answer to the name alone, where it is sent by itself. */
export interface LoginAnswer {
  readonly answer: Answer;
  readonly name?: Answer;
}

/** One way to log in. */
export interface LoginForm {
  /** As the protocol calls it. */
  readonly name: string;
  /** The mechanism, where it is one of SASL (RFC 4422). */
  readonly mechanism?: string;
  /** Where the server asks for more than what was sent, it is told that nothing will come. */
  readonly run: (talk: Talk, dummy: Dummy) => Promise<LoginAnswer>;
}

/** How a protocol says what is asked of it before a login. */
export interface Dialect {
  /** As people call it. */
  readonly name: string;
  readonly literals: boolean;
  /** `ok`; `no` where the server greets with a refusal. */
  readonly greet: (talk: Talk, timeoutMs?: number) => Promise<Answer>;
  /** Whether the greeting says that somebody is logged in already. */
  readonly preauthenticated: (greeting: Answer) => boolean;
  /** What is offered; undefined where the server does not say. Where the greeting says it, nothing is asked. */
  readonly capabilities: (talk: Talk, helo: string, greeting?: Answer) => Promise<readonly string[] | undefined>;
  /** Whether `capabilities` must be asked for before anything else. */
  readonly asksFirst: boolean;
  readonly offersTls: (capabilities: readonly string[]) => boolean;
  /** Asks for TLS; `behind` goes out in the same segment. */
  readonly askTls: (talk: Talk, behind?: string) => Promise<Answer>;
  /** Mechanisms that are offered, in upper case. */
  readonly mechanisms: (capabilities: readonly string[]) => readonly string[];
  /** How a login by name and password is offered, where it is: "USER", "LOGIN". */
  readonly password: (capabilities: readonly string[]) => string | undefined;
  /** Begins a mechanism without a secret. The server that invites one is told that none will come. */
  readonly invite: (talk: Talk, mechanism: string) => Promise<Answer>;
  /** The ways to log in with a password, the usual one first. */
  readonly logins: readonly LoginForm[];
  /** Logs in by a bearer token (XOAUTH2), in one command. */
  readonly bearer: LoginForm;
  /** A command that does nothing, to be smuggled in. */
  readonly smuggled: string;
  /** Whether the server answers, within TLS, a command that was sent before it; the lines that show it. */
  readonly smuggledAnswer: (talk: Talk, waitMs: number) => Promise<readonly string[] | undefined>;
  readonly farewell: string;
}

const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');

/** RFC 4616 §2. */
const plainResponse = ({ name, secret }: Dummy): string => base64(`\0${name}\0${secret}`);

/** As Google and Microsoft have it; no RFC does. */
const bearerResponse = ({ name, secret }: Dummy): string => base64(`user=${name}\x01auth=Bearer ${secret}\x01\x01`);

/** Begins a mechanism of SASL, with an initial response or without. */
export type Authenticate = (talk: Talk, mechanism: string, initial?: string) => Promise<Answer>;

/** The login by PLAIN, with its initial response. @param verb what the command is called */
export const plainLogin = (verb: string, authenticate: Authenticate): LoginForm => ({
  name: `${verb} PLAIN`,
  mechanism: 'PLAIN',
  run: async (talk, dummy) => ({ answer: await authenticate(talk, 'PLAIN', plainResponse(dummy)) }),
});

/** The login by a bearer token, with its initial response. @param verb what the command is called */
export const bearerLogin = (verb: string, authenticate: Authenticate): LoginForm => ({
  name: `${verb} XOAUTH2`,
  mechanism: 'XOAUTH2',
  run: async (talk, dummy) => ({ answer: await authenticate(talk, 'XOAUTH2', bearerResponse(dummy)) }),
});

/** AUTH of POP3 and of SMTP (RFC 5034 §4, RFC 4954 §4), as far as it goes without another word. */
export const authOf =
  (judge: Judge): Authenticate =>
  (talk, mechanism, initial) =>
    talk.begin(`AUTH ${mechanism}${initial === undefined ? '' : ` ${initial}`}`, judge);
