/**
 * The vocabulary of logging in, in IMAP, POP3, submission and ManageSieve: what is known, what a policy is, and the one place
 * that knows each protocol's words.
 *
 * @module
 */
export { capabilityWords } from './capabilities.ts';
export type {
  AccessCapabilities,
  AccessCommand,
  AccessCommandFacts,
  AccessConnectFacts,
  AccessProtocol,
  AccessRefusal,
  AccessStages,
} from './facts.ts';
export type { AccessPolicy, AccessRules, EncryptionCheck } from './policy.ts';
export { accessPolicy } from './policy.ts';
export type { AccessReply, AccessReplyOptions, RefusalWords } from './reply.ts';
export { accessReply, isAccessRefusal, refusalReply } from './reply.ts';
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
