import type { AccessCapabilities, AccessFailure } from '../../access/index.ts';
import type { AttemptOutcome } from '../../checks/smtp-auth/index.ts';
import type { Endpoints } from '../proxy-protocol/index.ts';
import type { Backend } from './options.ts';
import type { Peer } from './peer.ts';

/** A command before the login. `tag` is IMAP's. */
export type Command =
  | { readonly kind: 'malformed' }
  | { readonly kind: 'capabilities'; readonly tag?: string }
  /** A command that always has the same reply. `ends`: the connection is closed after it. */
  | { readonly kind: 'fixed'; readonly lines: readonly string[]; readonly ends?: boolean }
  | { readonly kind: 'starttls'; readonly name: string; readonly tag?: string; readonly argument: boolean }
  | LoginCommand
  | { readonly kind: 'other'; readonly tag?: string };

export interface LoginCommand {
  readonly kind: 'login';
  /** In upper case, as the policy's rules know it. */
  readonly name: string;
  readonly tag?: string;
  /** The SASL mechanism as written; absent for logins without SASL. */
  readonly mechanism?: string;
  /** Everything after the command's name. */
  readonly rest: string;
}

/** Name and password, as bytes. */
export type Credentials = readonly [name: Buffer, password: Buffer];

/** What the backend sends during a login: a challenge, or its final reply. */
export type BackendAnswer = { readonly challenge: string } | { readonly last: string };

/** What the backend's greeting contained. */
export interface BackendGreeting {
  readonly line: string;
  readonly capabilities: readonly string[];
  /** What went wrong although the backend can be used. */
  readonly warning?: string;
}

/**
 * One protocol, up to the login. An object serves one session.
 *
 * The session decides what happens and when; the dialect parses, phrases, and converses with the backend. Refusals and
 * failures are phrased by `access/reply`.
 */
export interface Dialect {
  readonly protocol: 'imap' | 'pop3';
  /** Longest command line, in bytes. */
  readonly maxCommand: number;
  /** Longest SASL response, in bytes. */
  readonly maxResponse: number;
  /** The mechanism's name in events, for logins without SASL. */
  readonly plainMechanism: string;
  /** Capabilities while no backend is connected. */
  readonly ownCapabilities: readonly string[];

  parse(line: string): Command;
  /** Reads and discards what belongs to a refused command. */
  skipArguments(client: Peer, line: string): Promise<'skipped' | 'closed' | 'too-long'>;

  /** Returns the capabilities to advertise: the backend's, with those about TLS and logging in replaced by the policy's. */
  advertised(backend: readonly string[], can: AccessCapabilities): string[];
  /** The greeting while no backend is connected. */
  greeting(capabilities: readonly string[], serverName: string): string;
  /** The backend's greeting with the advertised capabilities. */
  rewrittenGreeting(line: string, capabilities: readonly string[]): string;
  capabilityReply(capabilities: readonly string[], tag?: string): readonly string[];
  startTlsReply(tag?: string): string;

  /** Reads the backend's greeting and capabilities, and sends it the client's address. A string says why it cannot be used. */
  greetBackend(peer: Peer, backend: Backend, endpoints: Endpoints): Promise<BackendGreeting | string>;
  /** Reads the credentials of a login without SASL. A reply means that more commands are needed. */
  credentials(
    command: LoginCommand,
    client: Peer,
  ): Promise<Credentials | { readonly reply: string } | { readonly failure: AccessFailure } | 'closed'>;
  /** Sends name and password to the backend. Returns its final reply, or undefined if there is none. */
  plainLogin(credentials: Credentials, backend: Peer, client: Peer, tag?: string): Promise<string | undefined>;
  /** Whether the backend accepts an initial response (RFC 4959). */
  takesInitial(backend: readonly string[]): boolean;
  authCommand(mechanism: string, initial: string | undefined, tag?: string): string;
  /** Reads the backend's next answer. Undefined if the connection is closed. */
  next(backend: Peer, client: Peer, tag?: string): Promise<BackendAnswer | undefined>;
  /** What the backend's final reply says about the credentials. Trouble at the backend is not a wrong password. */
  outcomeOf(line: string): AttemptOutcome;
}
