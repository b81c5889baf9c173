import type { Awaitable } from '../../core/index.ts';

/** What a client has given to log in with, or the proof that it knows it. */
export interface SaslLogin {
  /** In upper case. */
  readonly mechanism: string;
  /**
   * Who the client claims to be (the authentication identity). Empty if something else says it: the TLS layer (EXTERNAL), or
   * the token alone (OAUTHBEARER without `a=`).
   */
  readonly account: string;
  /** As whom it wants to act, where that is said (the authorization identity). Whether it may is the host's to say. */
  readonly authorizeAs?: string;
  /** The password, or the bearer token. Absent for mechanisms that do not show it. */
  readonly secret?: string;
  /** Verifies the proof of a challenge-response mechanism. Absent where the host verifies `secret`. */
  readonly prove?: () => Promise<SaslProof>;
}

/** What a proof has shown; the same words as the host's own verification. */
export type SaslProof =
  | { readonly result: 'accepted'; readonly identity: string }
  | { readonly result: 'rejected' | 'unknown-account' }
  | { readonly result: 'unavailable'; readonly reason?: string };

/**
 * Where an exchange stands.
 *
 * - `challenge`: send `data` (in base64, after `334 ` or `+ `) and give the answer to `step`
 * - `login`: everything is there; verify it, and tell `conclude` how it ended
 * - `done`: the exchange is over; say whether the login succeeded
 * - `cancelled`: the client has sent `*` (501 5.7.0)
 * - `malformed`: what it sent cannot be read (501 5.5.2), or is too long (500 5.5.6)
 */
export type SaslStep =
  | { readonly state: 'challenge'; readonly data: Uint8Array<ArrayBuffer> }
  | { readonly state: 'login'; readonly login: SaslLogin }
  | { readonly state: 'done' }
  | { readonly state: 'cancelled' }
  | { readonly state: 'malformed'; readonly reason: string; readonly tooLong?: true };

/**
 * One attempt to log in by SASL (RFC 4422), the server's side. It belongs to one connection and one TLS layer: throw it away
 * when either changes.
 */
export interface SaslExchange {
  readonly mechanism: string;
  /**
   * Takes what the client has sent, in base64, without CR LF. First its initial response, undefined where there was none;
   * an empty initial response is written `=` (RFC 4954 §4).
   */
  step(response: string | undefined): Promise<SaslStep>;
  /** After `login`: whether it was accepted. Some mechanisms have a last word to say, as a `challenge`. */
  conclude(accepted: boolean): SaslStep;
}

/** A mechanism after its messages have been decoded: the message in, the next step out. */
export type Mechanism = {
  /** Octets, or undefined for "no initial response". */
  receive(message: Uint8Array<ArrayBuffer> | undefined): Awaitable<SaslStep>;
  conclude?(accepted: boolean): SaslStep;
};

export const malformed = (reason: string): SaslStep => ({ state: 'malformed', reason });
