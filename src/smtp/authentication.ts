import type { Fault } from '../core/index.ts';

/** What is so of one signature (RFC 8601 §2.7.1). Plain JSON. */
export interface DkimOutcome {
  /** `pass`, `fail`, `neutral` (it cannot be read, or its key cannot), `policy` (too weak), `temperror`, `permerror`, `none`. */
  readonly result: string;
  /** Who signed (`d=`). */
  readonly domain?: string;
  readonly selector?: string;
  readonly algorithm?: string;
  /** The agent or user it was signed for (`i=`). */
  readonly identity?: string;
  /** The first octets of the signature, which tell it from others (RFC 8601 §2.7.1). */
  readonly signature?: string;
  readonly reason?: string;
  /** The signing domain is the author's, in the way that DMARC wants. */
  readonly aligned?: true;
  /** So many octets of the body are not signed (`l=`). */
  readonly unsigned?: number;
  /** The domain is only trying it out (`t=y`). */
  readonly testing?: true;
}

/** The chain of those who handed the message on (RFC 8617). Plain JSON. */
export interface ArcOutcome {
  /** `temperror`: the key of a seal, or of the newest message signature, could not be looked up. */
  readonly result: 'pass' | 'fail' | 'none' | 'temperror';
  /** The newest set. */
  readonly instance?: number;
  /** Who has sealed, from the first to the newest. */
  readonly sealers: readonly string[];
  /** The newest sealers, without a gap, are on the list of those that are trusted. */
  readonly trusted?: true;
  readonly reason?: string;
}

export type DmarcPolicy = 'none' | 'quarantine' | 'reject';

/** What the author's domain asks for (RFC 9989, RFC 7489). Plain JSON. */
export interface DmarcOutcome {
  /**
   * - `pass`: SPF or a signature vouches for the author's domain
   * - `fail`: neither does
   * - `none`: the domain has no DMARC record
   * - `temperror`: the DNS did not answer for the record, or for an identifier that could have aligned
   * - `permerror`: the message has no single author (`fault: 'sender'`), or the record is broken (`'third-party'`)
   */
  readonly result: 'pass' | 'fail' | 'none' | 'temperror' | 'permerror';
  /** Who caused a `permerror`. */
  readonly fault?: Fault;
  /** The domain in From. */
  readonly domain?: string;
  /** Where the record stands. */
  readonly policyDomain?: string;
  /** What the record says (`p`, `sp`, `np`). */
  readonly published?: { readonly p: DmarcPolicy; readonly sp?: DmarcPolicy; readonly np?: DmarcPolicy };
  /** What applies to this message: of `p`, `sp` and `np` the one that fits, with `t` and `pct` taken into account. */
  readonly policy?: DmarcPolicy;
  /** Why a weaker policy than the published one applies. */
  readonly weakened?: 'testing' | 'pct';
  /** Which domains vouch for the author's. */
  readonly aligned?: { readonly spf?: string; readonly dkim?: string };
  /** A trusted sealer found that it passed before it was changed on the way. */
  readonly override?: { readonly by: 'arc'; readonly sealer: string };
  readonly record?: string;
  readonly reason?: string;
}

/** The SPF result that DMARC goes by. */
export interface SpfFact {
  readonly result: string;
  /** The domain that was checked. */
  readonly domain: string;
  readonly identity?: 'mailfrom' | 'helo';
}

/** What a message proves of its author. Plain JSON: a fact for the rules of `data`. */
export interface MessageAuthentication {
  readonly dkim: readonly DkimOutcome[];
  /** How many signatures there are, and how many were looked at. */
  readonly signatures: { readonly found: number; readonly examined: number };
  readonly arc: ArcOutcome;
  readonly dmarc: DmarcOutcome;
  readonly spf?: SpfFact;
  /** Why the message could not be examined. */
  readonly reason?: string;
  /** How many questions went out, SPF's not counted. */
  readonly questions: number;
  /** The same for an Authentication-Results field. */
  readonly authentication: readonly {
    readonly method: string;
    readonly result: string;
    readonly reason?: string;
    readonly properties?: readonly (readonly [string, string])[];
  }[];
}

/** What is known of a message that could not be authenticated: DMARC could not be found out. */
export function notAuthenticated(reason: string): MessageAuthentication {
  const dmarc = { result: 'temperror', reason } as const;
  return {
    dkim: [],
    signatures: { found: 0, examined: 0 },
    arc: { result: 'none', sealers: [] },
    dmarc,
    reason,
    questions: 0,
    authentication: [{ method: 'dmarc', ...dmarc }],
  };
}
