import type { Mechanism, SaslStep } from './exchange.ts';
import { malformed } from './exchange.ts';
import { decodeUtf8, encodeUtf8 } from './text.ts';

/** RFC 4616 §2: names and passwords are 1 to 255 octets; some hosts bear longer passwords. */
const MAX_NAME = 255;
const MAX_PASSWORD = 1024;

/**
 * Reads a PLAIN message: `[authzid] NUL authcid NUL password` (RFC 4616 §2).
 *
 * Exactly two NULs: a third could end the password early in a verifier written in C, and so make a shorter one good.
 */
export function parsePlain(message: Uint8Array): SaslStep {
  const text = decodeUtf8(message);
  if (text === undefined) return malformed('not UTF-8');
  const fields = text.split('\0');
  if (fields.length !== 3) return malformed('not three fields');
  const [authorizeAs, account, secret] = fields as [string, string, string];
  if (account === '' || secret === '') return malformed('no name or no password');
  if (tooLong(account, MAX_NAME) || tooLong(authorizeAs, MAX_NAME) || tooLong(secret, MAX_PASSWORD))
    return malformed('name or password too long');
  return {
    state: 'login',
    login: { mechanism: 'PLAIN', account, ...(authorizeAs === '' ? {} : { authorizeAs }), secret },
  };
}

const tooLong = (text: string, most: number): boolean => encodeUtf8(text).length > most;

/** PLAIN: one message. */
export const plain = (): Mechanism => ({
  receive: (message) => (message === undefined ? { state: 'challenge', data: new Uint8Array(0) } : parsePlain(message)),
});

/** LOGIN: name and password, each asked for. Never standardised, and spoken by Outlook all the same. */
export function loginMechanism(): Mechanism {
  let account: string | undefined;
  return {
    receive(message) {
      if (message === undefined) return { state: 'challenge', data: encodeUtf8('Username:') };
      const text = decodeUtf8(message);
      if (text === undefined || text === '' || text.includes('\0')) return malformed('no name or password');
      if (account === undefined) {
        if (tooLong(text, MAX_NAME)) return malformed('name too long');
        account = text;
        return { state: 'challenge', data: encodeUtf8('Password:') };
      }
      if (tooLong(text, MAX_PASSWORD)) return malformed('password too long');
      return { state: 'login', login: { mechanism: 'LOGIN', account, secret: text } };
    },
  };
}

/** EXTERNAL: who the client is, the TLS layer knows; it may say as whom it wants to act (RFC 4422 appendix A). */
export const external = (): Mechanism => ({
  receive(message) {
    if (message === undefined) return { state: 'challenge', data: new Uint8Array(0) };
    const authorizeAs = decodeUtf8(message);
    if (authorizeAs === undefined || authorizeAs.includes('\0') || tooLong(authorizeAs, MAX_NAME))
      return malformed('not an identity');
    return {
      state: 'login',
      login: { mechanism: 'EXTERNAL', account: '', ...(authorizeAs === '' ? {} : { authorizeAs }) },
    };
  },
});
