/**
 * The door to mailauth, which verifies signatures and seals and evaluates DMARC records.
 *
 * **Limits**: the verifier's class is used below `dkimVerify()`, since only so can signatures be left out before they cost
 * anything. Loaded with the first message, since it needs Node's builtins. The package's root is never loaded: it does not
 * load on Node 20.
 *
 * @module
 */

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

let loading: Promise<Mailauth> | undefined;

export function mailauth(): Promise<Mailauth> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Mailauth> {
  try {
    const [dkim, dmarc, arc] = await Promise.all([
      import('mailauth/lib/dkim/dkim-verifier.js'),
      import('mailauth/lib/dmarc/index.js'),
      import('mailauth/lib/arc/index.js'),
    ]);
    // Their own types name Node's, which neutral code does not know.
    const { evaluateDmarc } = dmarc as unknown as Pick<Mailauth, 'evaluateDmarc'>;
    return { DkimVerifier: dkim.DkimVerifier, evaluateDmarc, arc: (arc as unknown as Pick<Mailauth, 'arc'>).arc };
  } catch (error) {
    loading = undefined;
    throw error;
  }
}
