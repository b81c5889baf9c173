import type { Awaitable } from '../../core/index.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import type { Mechanism, SaslProof, SaslStep } from './exchange.ts';
import { malformed } from './exchange.ts';
import { saslPrepare } from './prepare.ts';
import { decodeUtf8, encodeUtf8, equalInConstantTime } from './text.ts';
import { decodeSaslName } from './tokens.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** What a server keeps instead of a password (RFC 5802 §3). */
export interface ScramSecret {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
  /** The account's name from here on; the name the client gave where it is not given. */
  readonly identity?: string;
}

export interface ScramOptions {
  /**
   * What is stored for an account, whose name has been prepared by SASLprep; undefined where there is none. One that throws
   * makes the login `unavailable`.
   */
  readonly lookup: (account: string) => Awaitable<ScramSecret | undefined>;
  /**
   * The key from which the salts of accounts that do not exist are made, at least 16 octets: they must be the same each time,
   * or they tell. Random for each process where not given.
   */
  readonly decoyKey?: Uint8Array<ArrayBuffer>;
  /** The iterations that accounts which do not exist are said to have; 4096 where not given (RFC 7677 §4). */
  readonly decoyIterations?: number;
  /** The server offers `SCRAM-SHA-256-PLUS` on this connection, so a client that could have used it (`y`) was deceived. */
  readonly bindingOffered?: boolean;
  /** The channel binding of this TLS layer, for `-PLUS`: the name of its kind (`tls-exporter`) and its octets (RFC 9266). */
  readonly binding?: { readonly name: string; readonly data: Uint8Array };
  /** Random octets; from the runtime's source where not given. */
  readonly random?: (length: number) => Uint8Array;
}

/** RFC 7677 §4. */
const MIN_ITERATIONS = 4096;
const MAX_ITERATIONS = 10_000_000;
const NONCE_OCTETS = 18;
const SALT_OCTETS = 16;

/**
 * Makes what a server keeps of a password.
 *
 * `iterations`: 4096 or more (RFC 7677 §4); 10,000 where not given
 * @throws TypeError for a password that SASLprep refuses, or iterations out of range
 */
export async function scramSecret(
  password: string,
  options: { readonly salt?: Uint8Array; readonly iterations?: number } = {},
): Promise<ScramSecret> {
  const { iterations = 10_000, salt = crypto.getRandomValues(new Uint8Array(SALT_OCTETS)) } = options;
  if (!Number.isInteger(iterations) || iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS)
    throw new TypeError(`scramSecret: iterations ${iterations} must be ${MIN_ITERATIONS} to ${MAX_ITERATIONS}`);
  const prepared = await saslPrepare(password, true);
  if (prepared === undefined) throw new TypeError('scramSecret: the password holds characters that SASLprep forbids');
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
 * SCRAM-SHA-256, the server's side (RFC 5802, RFC 7677).
 *
 * An account that does not exist is asked for its proof like any other, with a salt of its own, and fails at the end.
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
  let trouble: string | undefined;
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
    if (flag.startsWith('p') !== plus)
      return malformed(plus ? 'no channel binding' : 'a channel binding that is not offered');
    if (plus && bindingName !== options.binding?.name) return malformed('an unknown channel binding');
    // RFC 5802 §6: the client thinks that the server cannot bind, and the server has offered to.
    if (flag === 'y' && options.bindingOffered === true) return malformed('channel binding was offered and taken away');
    gs2 = text.slice(0, text.length - rest.length);
    firstBare = rest;
    const message = /^n=([^,\0]+),r=([\x21-\x2b\x2d-\x7e]{1,512})(?:,(?!m=)[^\0]*)?$/u.exec(rest);
    if (message === null) return malformed('not a client-first message');
    const written = decodeSaslName(message[1] as string);
    const prepared = written === undefined ? undefined : await saslPrepare(written);
    if (prepared === undefined) return malformed('not a name');
    account = prepared;
    authorizeAs = as === undefined ? undefined : decodeSaslName(as);
    if (as !== undefined && authorizeAs === undefined) return malformed('not an authorization identity');
    try {
      const stored = await options.lookup(account);
      known = stored !== undefined;
      secret = stored;
    } catch (error) {
      trouble = error instanceof Error ? error.message : String(error);
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
    if (trouble !== undefined) return { result: 'unavailable', reason: trouble };
    const storedKey = own(secret?.storedKey ?? new Uint8Array(32));
    const signature = await hmac(storedKey, authMessage);
    const clientKey = new Uint8Array(32);
    for (let i = 0; i < 32; i++) clientKey[i] = (proof[i] ?? 0) ^ (signature[i] as number);
    const fits = equalInConstantTime(await sha256(clientKey), storedKey) && proof.length === 32;
    if (!known || secret === undefined) return { result: 'unknown-account' };
    if (!fits) return { result: 'rejected' };
    // Acting for somebody else needs the host's word, which this mechanism does not ask for.
    if (authorizeAs !== undefined && authorizeAs !== account) return { result: 'rejected' };
    serverSignature = await hmac(own(secret.serverKey), authMessage);
    return { result: 'accepted', identity: secret.identity ?? account };
  }

  return {
    receive(message) {
      if (phase === 'end') return { state: 'done' };
      if (message === undefined)
        return phase === 'first' ? { state: 'challenge', data: new Uint8Array(0) } : malformed('nothing');
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

/** A copy with a buffer of its own, which is what WebCrypto takes. */
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
