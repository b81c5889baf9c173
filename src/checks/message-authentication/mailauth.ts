/**
 * The parts of mailauth that message authentication uses: it parses and verifies one signature or seal at a time, and
 * evaluates DMARC records (ADR 22).
 *
 * **Limits**: `dkimVerify()` and its stream are not used: they hash a long line in quadratic time, and an error in one
 * signature loses the others.
 *
 * @module
 */
import { mailauth as loadMailauth } from '../../mailauth/index.ts';
import type { RunningHash } from './body.ts';
import type { Field, Line } from './header.ts';

/** A resolver in the form of `node:dns`, which mailauth expects. It throws errors with codes. */
export type NodeResolve = (name: string, type: string) => Promise<unknown[]>;

export interface Tags {
  [tag: string]: { value?: unknown } | undefined;
}

/** A tag list (RFC 6376 §3.2), and the fields that `prepareSignature` adds to it. */
export interface SignatureHeader {
  type?: 'DKIM' | 'ARC';
  readonly original?: Line;
  readonly parsed?: Tags;
  signingDomain?: string;
  selector?: string;
  readonly identity?: string;
  readonly hashAlgo?: string;
  readonly headerCanon?: string;
  readonly bodyCanon?: string;
  /** The value of `l=`; empty if there is none. */
  readonly maxBodyLength?: number | '';
  bodyHashKey?: string;
  /** Why the signature is not examined. */
  readonly skip?: string;
  /** Why the signature cannot be valid. */
  readonly invalid?: string;
}

export interface SignatureStatus {
  readonly result: string;
  readonly comment?: string;
  readonly policy?: { readonly [rule: string]: string };
  readonly testing?: boolean;
}

export interface KeyOptions {
  readonly strict?: boolean;
  readonly hashAlgo?: string;
}
export interface KeyCache {
  get(type: string, name: string, minBitLength?: number, options?: KeyOptions): Promise<unknown>;
}

export interface DkimVerifierInstance {
  headers: { readonly parsed: readonly Field[] };
  keyCache: KeyCache;
  /** The body hashes, by `bodyHashKey`. */
  readonly bodyHashes: Map<string, { readonly hash: string }>;
  prepareSignature(header: SignatureHeader): void;
  verifySignature(header: SignatureHeader): Promise<{ readonly status: SignatureStatus }>;
}

export interface ArcSet {
  readonly i: number;
  readonly 'arc-seal'?: SignatureHeader;
  readonly 'arc-message-signature'?: SignatureHeader;
  readonly 'arc-authentication-results'?: { readonly parsed?: { readonly [method: string]: unknown } };
}

export interface DmarcResponse {
  readonly policyDomain?: string;
  readonly policy?: string;
  readonly p?: string;
  readonly sp?: string;
  readonly np?: string;
  readonly testMode?: boolean;
  readonly rr?: string;
  readonly status: { readonly result: string };
  readonly alignment?: { readonly spf: { readonly result?: string }; readonly dkim: { readonly result?: string } };
}

export interface Mailauth {
  readonly DkimVerifier: new (options: { readonly strict: true; readonly curTime: Date }) => DkimVerifierInstance;
  readonly parseTags: (line: Line, options: { readonly strict: true }) => SignatureHeader;
  readonly sha256: () => RunningHash;
  readonly getPublicKey: (
    type: string,
    name: string,
    minBitLength: number | undefined,
    resolver: NodeResolve,
    options: KeyOptions | undefined,
  ) => Promise<unknown>;
  /** Throws if the chain is incomplete. Returns false if there is none. */
  readonly getARChain: (
    headers: { readonly parsed: readonly Field[] },
    options: { readonly strict: true },
  ) => readonly ArcSet[] | false;
  readonly verifyASChain: (
    data: { readonly chain: readonly ArcSet[] },
    options: { readonly strict: true; readonly keyCache: KeyCache },
  ) => Promise<boolean>;
  readonly evaluateDmarc: (options: {
    readonly headerFrom: readonly string[];
    readonly fromFields: 1;
    readonly spfDomains: readonly string[];
    readonly dkimDomains: readonly { readonly domain: string; readonly underSized?: number }[];
    readonly resolver: NodeResolve;
    readonly strict: true;
  }) => Promise<{ readonly response: DmarcResponse | false; readonly dkimAligned?: ReadonlySet<string> }>;
}

let verifying: Mailauth | undefined;

/** Loads mailauth. */
export async function mailauth(): Promise<Mailauth> {
  if (verifying !== undefined) return verifying;
  const { dkimVerifier, dkimBody, dkimTags, tools, dmarc, arc } = await loadMailauth();
  const { SimpleHash } = dkimBody as { readonly SimpleHash: new (name: string) => { readonly bodyHash: RunningHash } };
  verifying = {
    ...(dkimVerifier as Pick<Mailauth, 'DkimVerifier'>),
    ...(tools as Pick<Mailauth, 'getPublicKey'>),
    ...(arc as Pick<Mailauth, 'getARChain' | 'verifyASChain'>),
    ...(dmarc as Pick<Mailauth, 'evaluateDmarc'>),
    parseTags: dkimTags as Mailauth['parseTags'],
    // Neutral code has no incremental hash.
    sha256: () => new SimpleHash('sha256').bodyHash,
  };
  return verifying;
}
