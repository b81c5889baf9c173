import { decodeUtf8, encodeUtf8 } from './encoding.ts';
import type { Mechanism, SaslStep } from './exchange.ts';
import { malformed } from './exchange.ts';

/** RFC 4616 §2: names and passwords have 1 to 255 octets. Some hosts accept longer passwords. */
const MAX_NAME = 255;
const MAX_PASSWORD = 1024;

/**
 * Reads a PLAIN message: `[authzid] NUL authcid NUL password` (RFC 4616 §2).
 *
 * Requires exactly two NULs: a verifier written in C could stop at a third, and accept a prefix of the password.
 */
export function parsePlain(message: Uint8Array): SaslStep {
  const text = decodeUtf8(message);
  if (text === undefined) return malformed('not UTF-8');
  const fields = text.split('\0');
  if (fields.length !== 3) return malformed('not three fields');
  const [authorizeAs, account, secret] = fields as [string, string, string];
  if (account === '' || secret === '') return malformed('name or password is empty');
  if (tooLong(account, MAX_NAME) || tooLong(authorizeAs, MAX_NAME) || tooLong(secret, MAX_PASSWORD))
    return malformed('name or password is too long');
  return {
    state: 'login',
    login: { mechanism: 'PLAIN', account, authorizeAs: authorizeAs === '' ? undefined : authorizeAs, secret },
  };
}

const tooLong = (text: string, most: number): boolean => encodeUtf8(text).length > most;

/** PLAIN: one message. */
export const plain = (): Mechanism => ({
  receive: (message) => (message === undefined ? { state: 'challenge', data: new Uint8Array(0) } : parsePlain(message)),
});

/** LOGIN: the server requests name and password in turn. It was never standardised, but Outlook uses it. */
export function loginMechanism(): Mechanism {
  let account: string | undefined;
  return {
    receive(message) {
      if (message === undefined) return { state: 'challenge', data: encodeUtf8('Username:') };
      const text = decodeUtf8(message);
      if (text === undefined || text === '' || text.includes('\0')) return malformed('name or password is empty');
      if (account === undefined) {
        if (tooLong(text, MAX_NAME)) return malformed('name is too long');
        account = text;
        return { state: 'challenge', data: encodeUtf8('Password:') };
      }
      if (tooLong(text, MAX_PASSWORD)) return malformed('password is too long');
      return { state: 'login', login: { mechanism: 'LOGIN', account, secret: text } };
    },
  };
}

/** EXTERNAL: the TLS layer identifies the client; the message may name another identity to act as (RFC 4422 appendix A). */
export const external = (): Mechanism => ({
  receive(message) {
    if (message === undefined) return { state: 'challenge', data: new Uint8Array(0) };
    const authorizeAs = decodeUtf8(message);
    if (authorizeAs === undefined || authorizeAs.includes('\0') || tooLong(authorizeAs, MAX_NAME))
      return malformed('not an identity');
    return {
      state: 'login',
      login: { mechanism: 'EXTERNAL', account: '', authorizeAs: authorizeAs === '' ? undefined : authorizeAs },
    };
  },
});
