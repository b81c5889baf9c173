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
  SmtpStages,
  TlsFacts,
} from './facts.ts';
export { authenticated, toPostmaster } from './facts.ts';
export type { RelayCheck, SmtpPolicy, SmtpRules } from './policy.ts';
export { asRelayCheck, isSmtpPolicy, smtpPolicy } from './policy.ts';
export type { Cause, Reply, ReplyOptions } from './reply.ts';
export { isCause, printReply, replyFor, replyTable, smtpReply } from './reply.ts';
