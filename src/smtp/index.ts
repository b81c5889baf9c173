/**
 * The vocabulary of RFC 5321: the facts of each stage, policies, and the one place that knows reply codes.
 *
 * @module
 */

export type { AuthenticationResult } from '../core/index.ts';
export { chargeAccepted, feedBans } from './after-decision.ts';
export type {
  ArcOutcome,
  DkimOutcome,
  DmarcOutcome,
  DmarcPolicy,
  MessageAuthentication,
  SpfFact,
} from './authentication.ts';
export { notAuthenticated } from './authentication.ts';
export { addressToTrust, isOnThisMachine } from './client.ts';
export type {
  AuthenticatedDataFacts,
  AuthenticatedStages,
  AuthFacts,
  BareLineEndings,
  ConnectFacts,
  DataFacts,
  HeloFacts,
  MailFacts,
  RcptFacts,
  Role,
  SessionTally,
  SmtpStages,
  TlsFacts,
} from './facts.ts';
export { authenticated, toPostmaster } from './facts.ts';
export type { AuthenticationContext, BanRule, MessageAuthenticator, Offence, SessionLimitRule } from './parts.ts';
export type { DataFactsOf, PolicyParts, SessionPolicy, SmtpPolicy, SmtpRules } from './policy.ts';
export { isSmtpPolicy, smtpPolicy } from './policy.ts';
export type { RelayCheck, RelayFacts } from './relay.ts';
export type { Cause, Reply, ReplyOptions, ReplyRow } from './reply.ts';
export { hostReply, isCause, printReply, replyFor, replyTable, smtpReply } from './reply.ts';
export type { Proof } from './trace.ts';
export { authenticationResults, printField, strippedHeaders } from './trace.ts';
export { withoutOwnResults } from './without-own-results.ts';

// Only for the project: stripped from the published types.

/** @internal */
export { policyParts } from './policy.ts';
/** @internal */
export { acceptedReply, isRefusalCode, positiveReply, protocolErrorOf } from './reply.ts';
