import { decodeBase64, encodeBase64, parseOauthBearer, parseXoauth2 } from '../../access/index.ts';
import { canonicalAccount } from '../../checks/smtp-auth/index.ts';

/** The account of a login, and its secret, as far as the client's messages reveal them. */
export interface ObservedLogin {
  readonly account?: string;
  /** The password or token, if the mechanism reveals it. It only serves to recognise a repeat of a wrong one. */
  readonly secret?: string;
}

/** Reads the account from the messages of a SASL mechanism, before the backend receives them. */
export interface SaslReader {
  /**
   * The challenges, in base64, that the gate sends itself: one for each message it needs. Empty if the server's challenge
   * comes first.
   */
  readonly prompts: readonly string[];
  /** Whether an empty initial response means that there is none, so that the gate requests the name. */
  readonly emptyIsNone?: boolean;
  /** Reads these messages, or the answer to the first challenge if there are no prompts. Undefined if they are malformed. */
  read(messages: readonly Uint8Array[]): ObservedLogin | undefined;
  /** Whether the backend's next challenge reports that the login has failed; the client only acknowledges it. */
  isFailure(challenge: Uint8Array | undefined): boolean;
}

/** One empty challenge: the client's first message contains the account. */
const EMPTY = [''];
const never = (): boolean => false;
const text = (message: Uint8Array | undefined): string => Buffer.from(message ?? []).toString('utf8');

/** A login at an account that can be counted. No budget counts a name without a canonical form. */
const observed = (account: string | undefined, secret?: string): ObservedLogin | undefined =>
  account === undefined || canonicalAccount(account) === undefined ? undefined : { account, secret };

const token = (parse: typeof parseXoauth2): SaslReader => ({
  prompts: EMPTY,
  read: ([message]) => {
    const step = parse(message as Uint8Array);
    if (step.state !== 'login') return undefined;
    const { account, secret } = step.login;
    // In OAUTHBEARER the token alone may identify the account.
    return account === '' ? { secret } : observed(account, secret);
  },
  // RFC 7628 §3.2.2: an error comes as a challenge.
  isFailure: () => true,
});

const readers: { readonly [mechanism: string]: SaslReader } = {
  PLAIN: {
    prompts: EMPTY,
    read: ([message]) => {
      const [authorizeAs, account, secret, ...more] = text(message).split('\0');
      if (authorizeAs === undefined || secret === undefined || secret === '' || more.length > 0) return undefined;
      return observed(account, secret);
    },
    isFailure: never,
  },
  LOGIN: {
    prompts: ['Username:', 'Password:'].map((prompt) => encodeBase64(new TextEncoder().encode(prompt))),
    emptyIsNone: true,
    read: ([account, secret]) => observed(text(account), text(secret)),
    isFailure: never,
  },
  'CRAM-MD5': {
    prompts: [],
    read: ([message]) => observed(/^(.+) [0-9a-fA-F]{32}$/s.exec(text(message))?.[1]),
    isFailure: never,
  },
  XOAUTH2: token(parseXoauth2),
  OAUTHBEARER: token(parseOauthBearer),
};

const scram: SaslReader = {
  prompts: EMPTY,
  // RFC 5802 §5.1: GS2 header, then `n=` and the name, in which `,` and `=` are escaped.
  read: ([message]) => {
    const name = /^(?:[ny]|p=[A-Za-z0-9.-]+),(?:a=[^,]*)?,n=([^,]+),r=/.exec(text(message))?.[1];
    return name === undefined || /=(?!2C|3D)/.test(name)
      ? undefined
      : observed(name.replaceAll('=2C', ',').replaceAll('=3D', '='));
  },
  isFailure: (challenge) => text(challenge).startsWith('e='),
};

/** Returns the reader for a mechanism, in upper case; undefined if the gate cannot read the account from it. */
export const saslReader = (mechanism: string): SaslReader | undefined =>
  mechanism.startsWith('SCRAM-') ? scram : Object.hasOwn(readers, mechanism) ? readers[mechanism] : undefined;

/** Reads a name and a password that were sent without SASL. */
export const observedInClear = (account: Buffer, secret: Buffer): ObservedLogin | undefined =>
  observed(account.toString('utf8'), secret.toString('utf8'));

/** Decodes a SASL message. As an initial response, `=` is an empty one (RFC 4954 §4, RFC 4959 §3, RFC 5034 §4). */
export const saslMessage = (base64: string, initial: boolean): Uint8Array | undefined =>
  initial && base64 === '=' ? new Uint8Array(0) : decodeBase64(base64);
