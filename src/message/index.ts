/**
 * **Answers** what a message says: its header fields, its parts, and every link that its reader could follow.
 *
 * @module
 */
export type {
  HeaderField,
  MailHost,
  MessageFacts,
  MessageUri,
  Part,
  Place,
  Truncation,
  Uri,
  WrappedUri,
} from './facts.ts';
export type { MessageLimits, MessageLimits as ReadOptions } from './limits.ts';
export { type ExtractedUris, extractUris, type MessageSource, readMessage } from './message.ts';
export { readUri, urisInHtml, urisInText } from './pieces.ts';
export { MessageReader } from './reader.ts';
