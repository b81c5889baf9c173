/**
 * DNS messages, as far as a stub resolver and a small server need them.
 *
 * **Answers**: which octets ask this question, and what do these octets answer?
 * **Knows**: octets. **Asks**: nothing; no runtime's builtins, so that it runs wherever there is a `Uint8Array`.
 * **Standards**: RFC 1035, 2181 §8, 2308, 3596, 2782, 6698, 6891 (EDNS0), 7830 and 8467 (padding), 5452 (matching).
 * **Limits**: ten record types, class IN; others are skipped. Names are read into text without ambiguity: an octet that
 * text cannot carry is escaped, and a label of more than 63 or a name of more than 255 octets makes the message malformed.
 *
 * @module
 */
export * from './answer.ts';
export * from './exchange.ts';
export * from './https.ts';
export * from './message.ts';
export * from './name.ts';
export * from './query.ts';
export * from './reply.ts';
export * from './server.ts';
export * from './stall-aware-timeout.ts';
export * from './stub.ts';
export * from './turns.ts';
