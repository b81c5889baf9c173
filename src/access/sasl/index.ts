/**
 * The server's side of SASL: parses the client's messages, creates challenges, and returns the credentials to verify.
 *
 * **Answers**: which account does the client name, and with which credentials? **Knows**: the messages of one exchange.
 * **Asks**: for SCRAM, what is stored for an account.
 * **Standards**: RFC 4422; RFC 4616 (PLAIN), RFC 5802 and RFC 7677 (SCRAM-SHA-256), RFC 7628 (OAUTHBEARER), RFC 4013 (SASLprep);
 * LOGIN and XOAUTH2 as clients use them.
 * **Limits**: the host verifies passwords and tokens. CRAM-MD5, DIGEST-MD5 and NTLM are not supported: they need stored
 * passwords in clear text, or broken digests.
 *
 * @example
 * ```ts
 * import { saslExchange } from 'postern/access';
 *
 * const exchange = saslExchange('PLAIN');
 * const step = await exchange.step(btoa('\0bob\0secret'));
 * if (step.state === 'login') console.log(step.login.account); // bob
 * ```
 *
 * @module
 */
import { assertKnownOptions, wrongOption } from '../../core/index.ts';
import { decodeBase64 } from './encoding.ts';
import type { Mechanism, SaslExchange, SaslStep } from './exchange.ts';
import { malformed } from './exchange.ts';
import { external, loginMechanism, plain } from './passwords.ts';
import type { ScramOptions } from './scram.ts';
import { scram } from './scram.ts';
import { parseOauthBearer, parseXoauth2, tokenMechanism } from './tokens.ts';

export { decodeBase64, encodeBase64, equalInConstantTime } from './encoding.ts';
export type { SaslExchange, SaslLogin, SaslProof, SaslStep } from './exchange.ts';
export { parsePlain } from './passwords.ts';
export { saslPrepare } from './prepare.ts';
export type { ScramOptions, ScramSecret } from './scram.ts';
export { scramSecret } from './scram.ts';
export { parseOauthBearer, parseXoauth2 } from './tokens.ts';

const OWNER = 'saslExchange';
/** RFC 4954 §4: the longest response that a server must accept. */
const MAX_RESPONSE = 12_288;
/** No supported mechanism has more messages. */
const MAX_STEPS = 8;

export interface SaslOptions {
  /** Required for SCRAM. */
  readonly scram?: ScramOptions;
}

/** The mechanisms that `saslExchange` supports, best first. SCRAM needs its options. */
export const saslMechanisms: readonly string[] = [
  'SCRAM-SHA-256-PLUS',
  'SCRAM-SHA-256',
  'OAUTHBEARER',
  'XOAUTH2',
  'PLAIN',
  'LOGIN',
  'EXTERNAL',
];

/**
 * Begins an exchange.
 *
 * It does not check whether the mechanism may be used now; `mechanismsFor` of `smtpAuth` does.
 *
 * @throws {TypeError} for a mechanism that is not in `saslMechanisms`, for SCRAM without its options, and for an unknown option
 */
export function saslExchange(mechanism: string, options: SaslOptions = {}): SaslExchange {
  assertKnownOptions(OWNER, options, ['scram']);
  const name = mechanism.toUpperCase();
  const inner = mechanismOf(name, options);
  let steps = 0;
  let over = false;
  const ending = (step: SaslStep): SaslStep => {
    if (step.state === 'malformed' || step.state === 'cancelled' || step.state === 'done') over = true;
    return step;
  };
  return {
    mechanism: name,
    async step(response) {
      if (over || steps++ > MAX_STEPS) return ending(malformed('the exchange is over'));
      const first = steps === 1;
      if (response === undefined)
        return ending(first ? await inner.receive(undefined) : malformed('the response is missing'));
      if (response === '*') return ending({ state: 'cancelled' });
      if (response.length > MAX_RESPONSE)
        return ending({ state: 'malformed', reason: 'the response is too long', tooLong: true });
      const message = first && response === '=' ? new Uint8Array(0) : decodeBase64(response);
      if (message === undefined) return ending(malformed('not base64'));
      return ending(await inner.receive(message));
    },
    conclude: (accepted) => ending(inner.conclude?.(accepted) ?? { state: 'done' }),
  };
}

function mechanismOf(name: string, { scram: scramOptions }: SaslOptions): Mechanism {
  switch (name) {
    case 'PLAIN':
      return plain();
    case 'LOGIN':
      return loginMechanism();
    case 'EXTERNAL':
      return external();
    case 'XOAUTH2':
      return tokenMechanism(parseXoauth2);
    case 'OAUTHBEARER':
      return tokenMechanism(parseOauthBearer);
    case 'SCRAM-SHA-256':
    case 'SCRAM-SHA-256-PLUS':
      if (scramOptions === undefined) throw wrongOption(OWNER, 'scram', `given for ${name}`, scramOptions);
      if (name.endsWith('-PLUS') && scramOptions.binding === undefined)
        throw wrongOption(OWNER, 'scram.binding', `given for ${name}`, scramOptions.binding);
      return scram(scramOptions, name.endsWith('-PLUS'));
    default:
      throw wrongOption(OWNER, 'mechanism', `one of ${saslMechanisms.join(', ')}`, name);
  }
}
