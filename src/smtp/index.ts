/**
 * The vocabulary of RFC 5321: what is known at each stage, what a policy is, and the one place that knows a 4 from a 5.
 *
 * @module
 */
export type {
  AuthFacts,
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
export type { SmtpPolicy, SmtpRules } from './policy.ts';
export { isSmtpPolicy, smtpPolicy } from './policy.ts';
export type { RelayCheck, RelayFacts } from './relay.ts';
export { asRelayCheck, isRelayCheck } from './relay.ts';
export type { Cause, Reply, ReplyOptions, ReplyRow } from './reply.ts';
export { isCause, printReply, replyFor, replyTable, smtpReply } from './reply.ts';
export type { AuthenticationResult, TraceFacts } from './trace.ts';
export { authenticationResults, printField, strippedHeaders } from './trace.ts';
