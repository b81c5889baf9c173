import type { MessageFacts, MessageUri, Part, Truncation } from './facts.ts';
import type { MessageLimits } from './limits.ts';
import { MessageReader } from './reader.ts';

/** A message as octets: all at once, or as they come. */
export type MessageSource = Uint8Array | AsyncIterable<Uint8Array>;

/**
 * Reads a whole message: its header fields, its parts and its links.
 *
 * @param message RFC 5322 octets, dot-stuffing undone; any line ends
 * @throws TypeError for a wrong option; what the source throws. No octets make it throw.
 */
export async function readMessage(message: MessageSource, options: MessageLimits = {}): Promise<MessageFacts> {
  const reader = new MessageReader(options);
  if (message instanceof Uint8Array) reader.write(message);
  else for await (const chunk of message) reader.write(chunk);
  return reader.end();
}

/** What a message's links are. */
export interface ExtractedUris {
  readonly uris: readonly MessageUri[];
  readonly parts: readonly Part[];
  /** The bounds that were met; empty where all was read. */
  readonly truncated: readonly Truncation[];
}

/** The links of a whole message, with the parts that were read; see {@link readMessage}. */
export async function extractUris(message: MessageSource, options: MessageLimits = {}): Promise<ExtractedUris> {
  const { uris, parts, truncated } = await readMessage(message, options);
  return { uris, parts, truncated };
}
