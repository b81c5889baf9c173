/**
 * The result words of RFC 8601 §2.7, shared by every check.
 *
 * - `pass`: the question was answered well
 * - `none`: there was nothing to say (no record, not listed)
 * - `neutral`: something was said, and it commits to nothing
 * - `softfail`: probably not well
 * - `fail`: not well
 * - `temperror`: the world did not answer; asking later may help
 * - `permerror`: what the world answered cannot be used; asking later will not help
 */
export type Result = 'pass' | 'none' | 'neutral' | 'softfail' | 'fail' | 'temperror' | 'permerror';

/** Every result word. */
export const results: readonly Result[] = ['pass', 'none', 'neutral', 'softfail', 'fail', 'temperror', 'permerror'];

/** Subject and detail of an enhanced status code (`7.23`); the class digit is added when it is spoken. */
export type StatusDetail = `${number}.${number}`;

/** Who made the input wrong: the client that sends the message, or somebody it has no power over. */
export type Fault = 'sender' | 'third-party';

/** A charge against a rate. `Charge` of `postern/env` is the same. */
export interface LaterCharge {
  readonly key: string;
  readonly rate: { readonly rate: number; readonly periodMs: number; readonly burst?: number };
  /** Default: 1. */
  readonly cost?: number;
}

/** One `method=result` of an Authentication-Results field (RFC 8601 §2.2). Plain JSON. */
export interface AuthenticationResult {
  /** A registered method: `spf`, `dkim`, `dmarc`, `arc`, `iprev`, `auth`. */
  readonly method: string;
  /** A result that is registered for the method. */
  readonly result: string;
  readonly reason?: string;
  /** Pairs such as `['header.d', 'example.org']`. */
  readonly properties?: readonly (readonly [string, string])[];
}

/** What a check returns. Plain data: it survives JSON. */
export interface Answer<R extends Result = Result, D = unknown> {
  readonly result: R;
  /** The enhanced status code that fits, without its class (RFC 3463, RFC 7372). */
  readonly status?: StatusDetail;
  /** The row of the reply table that fits, where the status alone does not name the basic code: `sender-not-owned`. */
  readonly cause?: string;
  /** A sentence for the client. It may go on the wire: no zone, key, path or internal name. */
  readonly explanation?: string;
  /** How heavy it is, where the check can tell (a list's code, say). It counts where the rule says `weigh()`. */
  readonly weight?: number;
  /**
   * Who caused a `permerror`. With `'sender'` the table's `'permerror:sender'` applies, if it has one: what a client can
   * cause by itself must not be a way around a rule.
   */
  readonly fault?: Fault;
  /** Charges to make once the mail is accepted. A session makes them if the rule did not refuse. */
  readonly afterwards?: readonly LaterCharge[];
  /** What the check proves about the message or its sender, for the Authentication-Results field. */
  readonly authentication?: readonly AuthenticationResult[];
  /** Evidence for the log. It never goes on the wire, and no code acts on it. */
  readonly detail?: D;
}

/** An answer with the name of the check that gave it. */
export interface Finding<R extends Result = Result, D = unknown> extends Answer<R, D> {
  readonly check: string;
}

type More<D> = Omit<Answer<never, D>, 'result'>;

/** The question was answered well. */
export const pass = <const D = undefined>(more: More<D> = {}): Answer<'pass', D> => ({ result: 'pass', ...more });
/** There was nothing to say. */
export const none = <const D = undefined>(more: More<D> = {}): Answer<'none', D> => ({ result: 'none', ...more });
/** Something was said, and it commits to nothing. */
export const neutral = <const D = undefined>(more: More<D> = {}): Answer<'neutral', D> => ({
  result: 'neutral',
  ...more,
});
/** Probably not well. */
export const softfail = <const D = undefined>(more: More<D> = {}): Answer<'softfail', D> => ({
  result: 'softfail',
  ...more,
});
/** Not well. */
export const fail = <const D = undefined>(more: More<D> = {}): Answer<'fail', D> => ({ result: 'fail', ...more });
/** The world did not answer; asking later may help. */
export const temperror = <const D = undefined>(more: More<D> = {}): Answer<'temperror', D> => ({
  result: 'temperror',
  ...more,
});
/** What the world answered cannot be used; asking later will not help. */
export const permerror = <const D = undefined>(more: More<D> = {}): Answer<'permerror', D> => ({
  result: 'permerror',
  ...more,
});
