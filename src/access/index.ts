/**
 * The vocabulary of logins in IMAP, POP3, submission and ManageSieve: facts, policies, replies and SASL.
 *
 * @module
 */
export type {
  AccessCapabilities,
  AccessCommand,
  AccessCommandFacts,
  AccessConnectFacts,
  AccessFailure,
  AccessProtocol,
  AccessRefusal,
  AccessStages,
} from './facts.ts';
export type { AccessPolicy, AccessRules, EncryptionCheck } from './policy.ts';
export { accessPolicy } from './policy.ts';
export type { AccessReply, AccessReplyOptions, RefusalWords } from './reply.ts';
export { accessReply, capabilityWords, isAccessRefusal, refusalReply } from './reply.ts';
export type {
  SaslExchange,
  SaslLogin,
  SaslOptions,
  SaslProof,
  SaslStep,
  ScramOptions,
  ScramSecret,
} from './sasl/index.ts';
export {
  decodeBase64,
  encodeBase64,
  equalInConstantTime,
  parseOauthBearer,
  parsePlain,
  parseXoauth2,
  saslExchange,
  saslMechanisms,
  saslPrepare,
  scramSecret,
} from './sasl/index.ts';
