/**
 * The parts of a policy that are not rules of a stage: the message authenticator, session limits and ban rules.
 *
 * @module
 */
import type { Awaitable, Check, Decision, Finding } from '../core/index.ts';
import type { Ban, Env } from '../env/index.ts';
import type { MessageAuthentication } from './authentication.ts';
import type { ConnectFacts, MailFacts, SessionTally } from './facts.ts';

/** Context that an authenticator receives with the message. */
export interface AuthenticationContext {
  /** Fires when the result is no longer needed. */
  readonly signal: AbortSignal;
  /** Returns the finding of one of the authenticator's `checks`, if the session has run it early. */
  readonly found: (check: object) => Awaitable<Finding> | undefined;
}

/**
 * Authenticates a message while it arrives. `authenticator()` of `postern/checks/message-authentication` creates one.
 * A policy that has one provides `facts.authentication` at `data`.
 */
export interface MessageAuthenticator<in E = Env> {
  /** Checks whose findings the authenticator uses. The session runs them as soon as their facts are available. */
  readonly checks: readonly Check<MailFacts, E>[];
  /**
   * Reads the message as it arrived, with dot-stuffing undone, to its end or as far as needed. Never rejects. The result is
   * not used if the message is not received completely.
   */
  readonly authenticate: (
    message: AsyncIterable<Uint8Array>,
    facts: MailFacts,
    env: E,
    context: AuthenticationContext,
  ) => Promise<MessageAuthentication>;
}

/** A limit that the session checks at every command, whatever the stages decide. `sessionLimits()` creates one. */
export interface SessionLimitRule {
  readonly id: string;
  /** Returns the finding that ends the session with 421, or `undefined` if the client is within the limit. */
  readonly exceeded: (tally: SessionTally) => Finding | undefined;
}

/**
 * A reason to ban a client. The session reports `auth-failure` (wrong credentials) and `protocol-error` (an unknown or
 * malformed command), because no rule decides about them. The others are taken from decisions. A policy can define its own.
 */
export type Offence = 'auth-failure' | 'unknown-recipient' | 'list-hit' | 'protocol-error' | (string & {});

/** A rule that bans clients. `banAfter()` creates one. */
export interface BanRule {
  readonly reason: string;
  /** Returns how often the offence occurs in a decision, or whether a reported offence (0 or 1) counts. */
  readonly counts: (what: Decision | Offence) => number;
  /** Counts the offence, and bans the client if the limit is reached. */
  readonly feed: (
    times: number,
    facts: Pick<ConnectFacts, 'client'>,
    env: Pick<Env, 'counters' | 'bans'>,
  ) => Awaitable<Ban | undefined>;
}
