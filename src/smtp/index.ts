/**
 * The vocabulary of RFC 5321: what is known at each stage, what a policy is, and the one place that knows a 4 from a 5.
 *
 * @module
 */
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
export type { AuthenticatingRules, PolicyParts, SessionPolicy, SmtpPolicy, SmtpRules } from './policy.ts';
export { isSmtpPolicy, policyParts, smtpPolicy } from './policy.ts';
export type { RelayCheck, RelayFacts } from './relay.ts';
export type { Cause, Reply, ReplyOptions, ReplyRow } from './reply.ts';
export { hostReply, isCause, printReply, replyFor, replyTable, smtpReply } from './reply.ts';
export type { AuthenticationResult, TraceFacts } from './trace.ts';
export { authenticationResults, printField, strippedHeaders } from './trace.ts';
export { withoutOwnResults } from './without-own-results.ts';
