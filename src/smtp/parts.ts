/**
 * The parts of a policy that are not rules of a stage: the authenticator of messages, the limits of a session, and the bans.
 *
 * @module
 */
import type { Awaitable, Check, Decision, Finding } from '../core/index.ts';
import type { Ban, Env } from '../env/index.ts';
import type { MessageAuthentication } from './authentication.ts';
import type { ConnectFacts, MailFacts, SessionTally } from './facts.ts';

/** What an authenticator is told besides the message. */
export interface AuthenticationContext {
  /** Fires when nobody waits for the result any more. */
  readonly signal: AbortSignal;
  /** What one of the authenticator's `checks` has found, where it has been examined ahead. */
  readonly found: (check: object) => Awaitable<Finding> | undefined;
}

/**
 * Finds out what a message proves, while it arrives: `authenticator()` of `postern/checks/message-authentication` makes one.
 * A policy that names it has `facts.authentication` at `data`.
 */
export interface MessageAuthenticator<in E = Env> {
  /** Checks that it goes by; a session examines them as soon as their facts exist. */
  readonly checks: readonly Check<MailFacts, E>[];
  /**
   * Reads the message as it came, dot-stuffing undone, to its end or as far as it wants to. Never rejects: where the message
   * breaks off, nobody asks for the result.
   */
  readonly authenticate: (
    message: AsyncIterable<Uint8Array>,
    facts: MailFacts,
    env: E,
    context: AuthenticationContext,
  ) => Promise<MessageAuthentication>;
}

/** A limit that a session holds the client to at every command, whatever the stages decide. `sessionLimits()` makes it. */
export interface SessionLimitRule {
  readonly id: string;
  /** The finding that ends the session with 421, or `undefined` while the client stays within the limit. */
  readonly exceeded: (tally: SessionTally) => Finding | undefined;
}

/**
 * What a client is banned for in the end. The session tells of what no rule decides (`auth-failure`: wrong credentials;
 * `protocol-error`: a command that was none); the others are read from decisions. Any other word is the author's own.
 */
export type Offence = 'auth-failure' | 'unknown-recipient' | 'list-hit' | 'protocol-error' | (string & {});

/** A rule that ends in a ban. `banAfter()` makes it. */
export interface BanRule {
  readonly reason: string;
  /** How much of it the outcomes of a decision are; or what the session told of. */
  readonly counts: (what: Decision | Offence) => number;
  /** Counts it, and bans where it was too often. */
  readonly feed: (
    times: number,
    facts: Pick<ConnectFacts, 'client'>,
    env: Pick<Env, 'counters' | 'bans'>,
  ) => Awaitable<Ban | undefined>;
}
