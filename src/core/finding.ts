/**
 * The result words of RFC 8601 §2.7, shared by every check.
 *
 * - `pass`: the test succeeded
 * - `none`: there is nothing to test (no record, not listed)
 * - `neutral`: there is a record, and it asserts nothing
 * - `softfail`: the test probably failed
 * - `fail`: the test failed
 * - `temperror`: the check failed because of a temporary error; a retry may succeed
 * - `permerror`: the answer cannot be used (malformed record, limit exceeded); a later try will not help
 */
export type Result = 'pass' | 'none' | 'neutral' | 'softfail' | 'fail' | 'temperror' | 'permerror';

/** Every result word. */
export const results: readonly Result[] = ['pass', 'none', 'neutral', 'softfail', 'fail', 'temperror', 'permerror'];

/** Subject and detail of an enhanced status code (`7.23`). The reply adds the class digit. */
export type StatusDetail = `${number}.${number}`;

/** Who made the input wrong: the client that sends the message, or a party that the client does not control. */
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
  /** The enhanced status code for a refusal, without its class (RFC 3463, RFC 7372). */
  readonly status?: StatusDetail;
  /** The row of the reply table to use, if the status alone does not determine the basic code: `sender-not-owned`. */
  readonly cause?: string;
  /** A sentence for the client. It may be sent in a reply, so it must not contain a zone, key, path or internal name. */
  readonly explanation?: string;
  /** A weight, if the check has one (from a list's code, for example). It counts if the rule's verdict is `weigh()`. */
  readonly weight?: number;
  /**
   * Who caused a `permerror`. With `'sender'` the table's `'permerror:sender'` applies, if it has one. A client must not be
   * able to bypass a rule by causing an error.
   */
  readonly fault?: Fault;
  /** Charges to make once the mail is accepted. A session makes them if the rule did not refuse. */
  readonly afterwards?: readonly LaterCharge[];
  /** What the check proves about the message or its sender, for the Authentication-Results field. */
  readonly authentication?: readonly AuthenticationResult[];
  /** Evidence for the log. It never goes on the wire, and no code acts on it. */
  readonly detail?: D;
}

/** An answer with the name of its check. */
export interface Finding<R extends Result = Result, D = unknown> extends Answer<R, D> {
  readonly check: string;
}

type More<D> = Omit<Answer<never, D>, 'result'>;

/** Answers `pass`: the test succeeded. */
export const pass = <const D = undefined>(more: More<D> = {}): Answer<'pass', D> => ({ result: 'pass', ...more });
/** Answers `none`: there is nothing to test. */
export const none = <const D = undefined>(more: More<D> = {}): Answer<'none', D> => ({ result: 'none', ...more });
/** Answers `neutral`: there is a record, and it asserts nothing. */
export const neutral = <const D = undefined>(more: More<D> = {}): Answer<'neutral', D> => ({
  result: 'neutral',
  ...more,
});
/** Answers `softfail`: the test probably failed. */
export const softfail = <const D = undefined>(more: More<D> = {}): Answer<'softfail', D> => ({
  result: 'softfail',
  ...more,
});
/** Answers `fail`: the test failed. */
export const fail = <const D = undefined>(more: More<D> = {}): Answer<'fail', D> => ({ result: 'fail', ...more });
/** Answers `temperror`: the check failed for now; a retry may succeed. */
export const temperror = <const D = undefined>(more: More<D> = {}): Answer<'temperror', D> => ({
  result: 'temperror',
  ...more,
});
/** Answers `permerror`: the answer cannot be used; a later try will not help. */
export const permerror = <const D = undefined>(more: More<D> = {}): Answer<'permerror', D> => ({
  result: 'permerror',
  ...more,
});
