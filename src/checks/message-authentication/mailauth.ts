/**
 * What message authentication uses of mailauth.
 *
 * **Limits**: the verifier's class is used below `dkimVerify()`, since only so can signatures be left out before they cost
 * anything.
 *
 * @module
 */
import { mailauth as loadMailauth } from '../../mailauth/index.ts';

/** The shapes of `node:dns`, which mailauth reads; it throws errors with codes. */
export type NodeResolve = (name: string, type: string) => Promise<unknown[]>;

export interface SignatureHeader {
  readonly type: 'DKIM' | 'ARC';
  readonly original?: { readonly length: number };
  readonly parsed?: { readonly [tag: string]: { readonly value?: unknown } | undefined };
  readonly signingDomain?: string;
  readonly selector?: string;
  /** Why it is not looked at. */
  skip?: string;
  /** Why it cannot be valid. */
  invalid?: string;
}

export interface SignatureResult {
  readonly signingDomain?: string;
  readonly selector?: string;
  readonly algo?: string;
  readonly signature?: string;
  readonly status: {
    readonly result: string;
    readonly comment?: string;
    readonly header?: { readonly i?: string | false; readonly b?: string | false };
    readonly policy?: { readonly [rule: string]: string };
    readonly underSized?: number;
    readonly testing?: boolean;
  };
}

export interface ParsedHeaders {
  readonly parsed: readonly { readonly key: string; readonly line: Uint8Array }[];
}

/** What is left after a message: the chain of ARC sets, and its newest set. */
export interface ArcData {
  readonly chain: readonly ArcSet[] | false;
  readonly lastEntry?: ArcSet;
}

type Tags = { readonly [tag: string]: unknown };
export interface ArcSet {
  readonly i: number;
  readonly 'arc-seal'?: { readonly parsed?: { readonly [tag: string]: { readonly value?: unknown } | undefined } };
  readonly 'arc-message-signature'?: {
    readonly parsed?: { readonly [tag: string]: { readonly value?: unknown } | undefined };
  };
  readonly 'arc-authentication-results'?: { readonly parsed?: Tags };
}

export interface DkimVerifierInstance {
  readonly headerFrom: readonly string[];
  readonly fromFields: number;
  readonly results: readonly SignatureResult[];
  readonly signatureHeaders: readonly SignatureHeader[];
  readonly arc: ArcData;
  messageHeaders(headers: ParsedHeaders): Promise<void>;
  prepareSignature(header: SignatureHeader): void;
  write(chunk: Uint8Array, done: (error?: Error | null) => void): boolean;
  end(done: () => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  destroy(): void;
}

export type DkimVerifierClass = new (options: {
  readonly resolver: NodeResolve;
  readonly strict: true;
  readonly curTime: Date;
  readonly minBitLength?: number;
  readonly sender?: string;
}) => DkimVerifierInstance;

export interface DmarcResponse {
  readonly domain?: string;
  readonly policyDomain?: string;
  readonly policy?: string;
  readonly p?: string;
  readonly sp?: string;
  readonly np?: string;
  readonly testMode?: boolean;
  readonly rr?: string;
  readonly error?: string;
  readonly status: { readonly result: string };
  readonly alignment?: { readonly spf: { readonly result?: string }; readonly dkim: { readonly result?: string } };
}

export interface Mailauth {
  readonly DkimVerifier: DkimVerifierClass;
  readonly evaluateDmarc: (options: {
    readonly headerFrom: readonly string[];
    readonly fromFields: number;
    readonly spfDomains: readonly string[];
    readonly dkimDomains: readonly { readonly domain: string; readonly underSized?: number | undefined }[];
    readonly resolver: NodeResolve;
    readonly strict: true;
  }) => Promise<{
    readonly response: DmarcResponse | false;
    readonly reason?: string;
    readonly authorDomains?: readonly string[];
    readonly dkimAligned?: ReadonlySet<string>;
  }>;
  readonly arc: (
    data: ArcData,
    options: { readonly resolver: NodeResolve; readonly strict: true },
  ) => Promise<{
    readonly i?: number | false;
    readonly status: { readonly result: string; readonly comment?: string };
  }>;
}

let verifying: Mailauth | undefined;

export async function mailauth(): Promise<Mailauth> {
  if (verifying !== undefined) return verifying;
  const { dkimVerifier, dmarc, arc } = await loadMailauth();
  verifying = {
    ...(dkimVerifier as Pick<Mailauth, 'DkimVerifier'>),
    ...(dmarc as Pick<Mailauth, 'evaluateDmarc'>),
    ...(arc as Pick<Mailauth, 'arc'>),
  };
  return verifying;
}
