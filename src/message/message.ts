import type { MessageFacts, MessageUri, Part, Truncation } from './facts.ts';
import type { MessageLimits } from './limits.ts';
import { MessageReader } from './reader.ts';

/** A message as bytes: in one piece, or as a stream. */
export type MessageSource = Uint8Array | AsyncIterable<Uint8Array>;

/**
 * Reads a whole message: its header fields, its parts and its links.
 *
 * @param message RFC 5322 bytes without dot-stuffing, with any line endings
 * @throws {TypeError} if an option is wrong; also rejects with an error of the source. No content makes it throw.
 */
export async function readMessage(message: MessageSource, options: MessageLimits = {}): Promise<MessageFacts> {
  const reader = new MessageReader(options);
  if (message instanceof Uint8Array) reader.write(message);
  else for await (const chunk of message) reader.write(chunk);
  return reader.end();
}

/** The links of a message. */
export interface ExtractedUris {
  readonly uris: readonly MessageUri[];
  readonly parts: readonly Part[];
  /** The limits that were reached; empty if everything was read. */
  readonly truncated: readonly Truncation[];
}

/** Reads the links of a whole message, and the parts that were read; see {@link readMessage}. */
export async function extractUris(message: MessageSource, options: MessageLimits = {}): Promise<ExtractedUris> {
  const { uris, parts, truncated } = await readMessage(message, options);
  return { uris, parts, truncated };
}
