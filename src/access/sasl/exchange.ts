import type { Awaitable } from '../../core/index.ts';

/** The credentials of a login, or a function that verifies the client's proof. */
export interface SaslLogin {
  /** In upper case. */
  readonly mechanism: string;
  /**
   * The authentication identity that the client names. Empty if the TLS layer (EXTERNAL) or the token (OAUTHBEARER without
   * `a=`) identifies the client.
   */
  readonly account: string;
  /** The authorization identity, if the client wants to act as another account. The host decides whether it may. */
  readonly authorizeAs?: string;
  /** The password or bearer token. Absent for mechanisms that do not reveal it. */
  readonly secret?: string;
  /** Verifies the proof of a challenge-response mechanism. Absent if the host verifies `secret`. */
  readonly prove?: () => Promise<SaslProof>;
}

/** The result of verifying a proof, in the words of the host's own verification. */
export type SaslProof =
  | { readonly result: 'accepted'; readonly identity: string }
  | { readonly result: 'rejected' | 'unknown-account' }
  | { readonly result: 'unavailable'; readonly reason?: string; readonly error?: unknown };

/**
 * The next step of an exchange.
 *
 * - `challenge`: send `data` (in base64, after `334 ` or `+ `) and pass the answer to `step`
 * - `login`: the credentials are complete; verify them, and pass the result to `conclude`
 * - `done`: the exchange is over; reply whether the login succeeded
 * - `cancelled`: the client has sent `*` (501 5.7.0)
 * - `malformed`: the response is malformed (501 5.5.2) or too long (500 5.5.6)
 */
export type SaslStep =
  | { readonly state: 'challenge'; readonly data: Uint8Array<ArrayBuffer> }
  | { readonly state: 'login'; readonly login: SaslLogin }
  | { readonly state: 'done' }
  | { readonly state: 'cancelled' }
  | { readonly state: 'malformed'; readonly reason: string; readonly tooLong?: true };

/**
 * One SASL exchange (RFC 4422), the server's side. It belongs to one connection and one TLS layer: discard it when either
 * changes.
 */
export interface SaslExchange {
  readonly mechanism: string;
  /**
   * Takes the client's response in base64, without CR LF. The first is the initial response, or undefined if there was none;
   * `=` is an empty initial response (RFC 4954 §4).
   */
  step(response: string | undefined): Promise<SaslStep>;
  /** Call it after `login`. Some mechanisms send a last message, as a `challenge`. */
  conclude(accepted: boolean): SaslStep;
}

/** A mechanism: takes a decoded message and returns the next step. */
export type Mechanism = {
  /** @param message undefined if there was no initial response */
  receive(message: Uint8Array<ArrayBuffer> | undefined): Awaitable<SaslStep>;
  conclude?(accepted: boolean): SaslStep;
};

export const malformed = (reason: string): SaslStep => ({ state: 'malformed', reason });
