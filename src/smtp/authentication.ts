import type { AuthenticationResult, Fault } from '../core/index.ts';

/** The result of one DKIM signature (RFC 8601 §2.7.1). Plain JSON. */
export interface DkimOutcome {
  /**
   * `pass`, `fail`, `neutral` (the signature or its key cannot be parsed), `policy` (too weak), `temperror`, `permerror`,
   * `none`.
   */
  readonly result: string;
  /** The signing domain (`d=`). */
  readonly domain?: string;
  readonly selector?: string;
  readonly algorithm?: string;
  /** The agent or user that the message was signed for (`i=`). */
  readonly identity?: string;
  /** The first characters of the signature, to tell signatures apart (RFC 8601 §2.7.1). */
  readonly signature?: string;
  readonly reason?: string;
  /** The signing domain is aligned with the author's domain, as DMARC requires. */
  readonly aligned?: true;
  /** Number of bytes of the body that are not signed (`l=`). */
  readonly unsigned?: number;
  /** The domain is testing DKIM (`t=y`). */
  readonly testing?: true;
}

/** The chain of intermediaries that handled the message (RFC 8617). Plain JSON. */
export interface ArcOutcome {
  /** `temperror`: the key of a seal, or of the newest message signature, could not be looked up. */
  readonly result: 'pass' | 'fail' | 'none' | 'temperror';
  /** Number of the newest set. */
  readonly instance?: number;
  /** The sealing domains, from the oldest to the newest. */
  readonly sealers: readonly string[];
  /** The newest sealers, without a gap, are trusted. */
  readonly trusted?: true;
  readonly reason?: string;
}

export type DmarcPolicy = 'none' | 'quarantine' | 'reject';

/** The DMARC result for the author's domain (RFC 9989, RFC 7489). Plain JSON. */
export interface DmarcOutcome {
  /**
   * - `pass`: SPF or a DKIM signature passed for the author's domain
   * - `fail`: neither passed
   * - `none`: the domain has no DMARC record
   * - `temperror`: a DNS lookup failed, for the record or for an identifier that could have aligned
   * - `permerror`: the message has no single author (`fault: 'sender'`), or the record is broken (`'third-party'`)
   */
  readonly result: 'pass' | 'fail' | 'none' | 'temperror' | 'permerror';
  /** Who caused a `permerror`. */
  readonly fault?: Fault;
  /** The domain in From. */
  readonly domain?: string;
  /** The domain that publishes the record. */
  readonly policyDomain?: string;
  /** The published policies (`p`, `sp`, `np`). */
  readonly published?: { readonly p: DmarcPolicy; readonly sp?: DmarcPolicy; readonly np?: DmarcPolicy };
  /** The policy for this message: `p`, `sp` or `np`, with `t` and `pct` taken into account. */
  readonly policy?: DmarcPolicy;
  /** Why a weaker policy than the published one applies. */
  readonly weakened?: 'testing' | 'pct';
  /** The domains that are aligned with the author's. */
  readonly aligned?: { readonly spf?: string; readonly dkim?: string };
  /** A trusted ARC sealer reported a pass before the message was modified in transit. */
  readonly override?: { readonly by: 'arc'; readonly sealer: string };
  readonly record?: string;
  readonly reason?: string;
}

/** The SPF result that DMARC uses. */
export interface SpfFact {
  readonly result: string;
  /** The domain that was checked. */
  readonly domain: string;
  readonly identity?: 'mailfrom' | 'helo';
}

/** Authentication results of a message. Plain JSON. Rules at `data` receive it as a fact. */
export interface MessageAuthentication {
  readonly dkim: readonly DkimOutcome[];
  /** Number of DKIM signatures in the message, and how many of them were examined. */
  readonly signatures: { readonly found: number; readonly examined: number };
  readonly arc: ArcOutcome;
  readonly dmarc: DmarcOutcome;
  readonly spf?: SpfFact;
  /** Why the message could not be examined. */
  readonly reason?: string;
  /** Number of DNS queries, not counting those of SPF. */
  readonly questions: number;
  /** The results for an Authentication-Results field. */
  readonly authentication: readonly AuthenticationResult[];
}

/** Returns the result for a message that could not be examined: DMARC is `temperror`. */
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
