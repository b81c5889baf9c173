import type { Awaitable } from '../../core/index.ts';
import { assertKnownOptions, wholeNumber } from '../../core/index.ts';
import { decodeBase64, decodeUtf8, encodeBase64, encodeUtf8, equalInConstantTime } from './encoding.ts';
import type { Mechanism, SaslProof, SaslStep } from './exchange.ts';
import { malformed } from './exchange.ts';
import { saslPrepare } from './prepare.ts';
import { decodeSaslName } from './tokens.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** What a server stores instead of a password (RFC 5802 §3). */
export interface ScramSecret {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
  /** The account's name after the login. Default: the name that the client used. */
  readonly identity?: string;
}

export interface ScramOptions {
  /**
   * Returns what is stored for an account, or undefined if it does not exist. SASLprep has been applied to the name. If it
   * throws, the login is `unavailable`.
   */
  readonly lookup: (account: string) => Awaitable<ScramSecret | undefined>;
  /**
   * The key that the salts of accounts that do not exist are derived from, at least 16 bytes. Salts that change would reveal
   * that the account does not exist. Default: random for each process.
   */
  readonly decoyKey?: Uint8Array<ArrayBuffer>;
  /** The number of iterations sent for accounts that do not exist (RFC 7677 §4). Default: 4096. */
  readonly decoyIterations?: number;
  /** Whether the server offers `SCRAM-SHA-256-PLUS` on this connection. A client that reports the opposite (`y`) was attacked. Default: false. */
  readonly bindingOffered?: boolean;
  /** The channel binding of this TLS layer, for `-PLUS`: its type (`tls-exporter`) and its data (RFC 9266). Default: none. */
  readonly binding?: { readonly name: string; readonly data: Uint8Array };
  /** Returns random bytes. Default: `crypto.getRandomValues`. */
  readonly random?: (length: number) => Uint8Array;
}

/** RFC 7677 §4. */
const MIN_ITERATIONS = 4096;
const MAX_ITERATIONS = 10_000_000;
const NONCE_OCTETS = 18;
const SALT_OCTETS = 16;

/**
 * Derives what a server stores from a password.
 *
 * `iterations` is 4096 or more (RFC 7677 §4), by default 10,000. `salt` is random by default.
 *
 * @throws {TypeError} if SASLprep prohibits the password, if `iterations` is out of range, and for an unknown option
 */
export async function scramSecret(
  password: string,
  options: { readonly salt?: Uint8Array; readonly iterations?: number } = {},
): Promise<ScramSecret> {
  assertKnownOptions('scramSecret', options, ['salt', 'iterations']);
  const { iterations = 10_000, salt = crypto.getRandomValues(new Uint8Array(SALT_OCTETS)) } = options;
  wholeNumber('scramSecret', 'iterations', iterations, MIN_ITERATIONS, MAX_ITERATIONS);
  const prepared = await saslPrepare(password, true);
  if (prepared === undefined)
    throw new TypeError('scramSecret: password must not contain characters that SASLprep prohibits');
  const key = await crypto.subtle.importKey('raw', encodeUtf8(prepared), 'PBKDF2', false, ['deriveBits']);
  const bits = await crypto.subtle.deriveBits(
    { name: 'PBKDF2', hash: 'SHA-256', salt: own(salt), iterations },
    key,
    256,
  );
  const salted = new Uint8Array(bits);
  const clientKey = await hmac(salted, encodeUtf8('Client Key'));
  return {
    salt,
    iterations,
    storedKey: await sha256(clientKey),
    serverKey: await hmac(salted, encodeUtf8('Server Key')),
  };
}

/**
 * The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677).
 *
 * An account that does not exist receives the same messages as any other, with a derived salt, and fails at the end.
 */
export function scram(options: ScramOptions, plus: boolean = false): Mechanism {
  const name = plus ? 'SCRAM-SHA-256-PLUS' : 'SCRAM-SHA-256';
  const random = options.random ?? ((length) => crypto.getRandomValues(new Uint8Array(length)));
  let phase: 'first' | 'final' | 'end' = 'first';
  let gs2 = '';
  let firstBare = '';
  let serverFirst = '';
  let nonce = '';
  let account = '';
  let authorizeAs: string | undefined;
  let secret: ScramSecret | undefined;
  let known = false;
  let lookupError: { readonly error: unknown } | undefined;
  let serverSignature: Bytes | undefined;

  async function first(text: string): Promise<SaslStep> {
    const found = /^(n|y|p=([A-Za-z0-9.-]+)),(?:a=([^,\0]+))?,(.*)$/su.exec(text);
    if (found === null) return malformed('no GS2 header');
    const [, flag, bindingName, as, rest] = found as unknown as [
      string,
      string,
      string | undefined,
      string | undefined,
      string,
    ];
    if (flag.startsWith('p') !== plus) return malformed(plus ? 'no channel binding' : 'channel binding is not offered');
    if (plus && bindingName !== options.binding?.name) return malformed('unknown channel binding');
    // RFC 5802 §6: the client believes that the server does not support channel binding, although it has offered it.
    if (flag === 'y' && options.bindingOffered === true)
      return malformed('channel binding was offered but removed on the way');
    gs2 = text.slice(0, text.length - rest.length);
    firstBare = rest;
    const message = /^n=([^,\0]+),r=([\x21-\x2b\x2d-\x7e]{1,512})(?:,(?!m=)[^\0]*)?$/u.exec(rest);
    if (message === null) return malformed('not a client-first message');
    const written = decodeSaslName(message[1] as string);
    const prepared = written === undefined ? undefined : await saslPrepare(written);
    if (prepared === undefined) return malformed('name is malformed');
    account = prepared;
    authorizeAs = as === undefined ? undefined : decodeSaslName(as);
    if (as !== undefined && authorizeAs === undefined) return malformed('not an authorization identity');
    try {
      const stored = await options.lookup(account);
      known = stored !== undefined;
      secret = stored;
    } catch (error) {
      lookupError = { error };
    }
    const salt = secret?.salt ?? (await decoySalt(account, options.decoyKey));
    const iterations = secret?.iterations ?? options.decoyIterations ?? MIN_ITERATIONS;
    nonce = `${message[2]}${encodeBase64(own(random(NONCE_OCTETS)))}`;
    serverFirst = `r=${nonce},s=${encodeBase64(own(salt))},i=${iterations}`;
    phase = 'final';
    return { state: 'challenge', data: encodeUtf8(serverFirst) };
  }

  async function final(text: string): Promise<SaslStep> {
    const found = /^(c=([A-Za-z0-9+/=]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,(?!p=)[^\0]*)?),p=([A-Za-z0-9+/=]+)$/u.exec(text);
    if (found === null) return malformed('not a client-final message');
    const [, withoutProof, binding, echoed, proofText] = found as unknown as [string, string, string, string, string];
    const expected = concat(
      encodeUtf8(gs2),
      plus ? own(options.binding?.data ?? new Uint8Array(0)) : new Uint8Array(0),
    );
    if (binding !== encodeBase64(expected)) return malformed('channel binding does not match');
    if (echoed !== nonce) return malformed('nonce does not match');
    const proof = decodeBase64(proofText);
    if (proof === undefined) return malformed('proof is not base64');
    phase = 'end';
    const authMessage = encodeUtf8(`${firstBare},${serverFirst},${withoutProof}`);
    const prove = (): Promise<SaslProof> => verify(proof, authMessage);
    return {
      state: 'login',
      login: { mechanism: name, account, authorizeAs, prove },
    };
  }

  async function verify(proof: Bytes, authMessage: Bytes): Promise<SaslProof> {
    if (lookupError !== undefined) {
      const { error } = lookupError;
      return { result: 'unavailable', reason: error instanceof Error ? error.message : String(error), error };
    }
    const storedKey = own(secret?.storedKey ?? new Uint8Array(32));
    const signature = await hmac(storedKey, authMessage);
    const clientKey = new Uint8Array(32);
    for (let i = 0; i < 32; i++) clientKey[i] = (proof[i] ?? 0) ^ (signature[i] as number);
    const fits = equalInConstantTime(await sha256(clientKey), storedKey) && proof.length === 32;
    if (!known || secret === undefined) return { result: 'unknown-account' };
    if (!fits) return { result: 'rejected' };
    // Acting as another account needs the host's permission, which this mechanism does not request.
    if (authorizeAs !== undefined && authorizeAs !== account) return { result: 'rejected' };
    serverSignature = await hmac(own(secret.serverKey), authMessage);
    return { result: 'accepted', identity: secret.identity ?? account };
  }

  return {
    receive(message) {
      if (phase === 'end') return { state: 'done' };
      if (message === undefined)
        return phase === 'first'
          ? { state: 'challenge', data: new Uint8Array(0) }
          : malformed('the response is missing');
      const text = decodeUtf8(message);
      if (text === undefined) return malformed('not UTF-8');
      return phase === 'first' ? first(text) : final(text);
    },
    conclude(accepted) {
      if (!accepted || serverSignature === undefined) return { state: 'done' };
      return { state: 'challenge', data: encodeUtf8(`v=${encodeBase64(serverSignature)}`) };
    },
  };
}

let processKey: Bytes | undefined;

async function decoySalt(account: string, key: Bytes | undefined): Promise<Bytes> {
  processKey ??= crypto.getRandomValues(new Uint8Array(32));
  return (await hmac(key ?? processKey, encodeUtf8(account))).slice(0, SALT_OCTETS);
}

/** A copy with its own buffer, as WebCrypto requires. */
const own = (bytes: Uint8Array): Bytes => new Uint8Array(bytes);

function concat(a: Bytes, b: Bytes): Bytes {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

async function hmac(key: Bytes, data: Bytes): Promise<Bytes> {
  const imported = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, data));
}

const sha256 = async (data: Bytes): Promise<Bytes> => new Uint8Array(await crypto.subtle.digest('SHA-256', data));
