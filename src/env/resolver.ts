/** A DNS record. Names are lower case without a trailing dot; the root is `''`. */
export type DnsRecord =
  | { readonly type: 'A'; readonly address: string }
  | { readonly type: 'AAAA'; readonly address: string }
  | { readonly type: 'MX'; readonly exchange: string; readonly preference: number }
  | {
      readonly type: 'TXT';
      /** The character-strings, joined without spaces (RFC 7208 §3.3). */
      readonly text: string;
    }
  | { readonly type: 'PTR'; readonly name: string }
  | { readonly type: 'CNAME'; readonly name: string }
  | { readonly type: 'NS'; readonly name: string }
  | { readonly type: 'SOA'; readonly primary: string; readonly minimum: number }
  | {
      readonly type: 'SRV';
      readonly target: string;
      readonly port: number;
      readonly priority: number;
      readonly weight: number;
    }
  | {
      readonly type: 'TLSA';
      readonly usage: number;
      readonly selector: number;
      readonly matching: number;
      /** Lower-case hexadecimal. */
      readonly data: string;
    }
  | {
      readonly type: 'CAA';
      /** Whether an issuer that does not understand the property must not issue certificates (RFC 8659 §4.1). */
      readonly critical: boolean;
      /** In lower case: `issue`, `issuewild`, `iodef`. */
      readonly tag: string;
      readonly value: string;
    };

export type RecordType = DnsRecord['type'];
export type RecordOf<T extends RecordType> = Extract<DnsRecord, { readonly type: T }>;

/**
 * The answer to a query. Every outcome is a value; a resolver never throws.
 *
 * - `found`: records of the queried type; aliases have been followed
 * - `nodata`: the name exists, but has no record of this type
 * - `nxdomain`: the name does not exist, or cannot be encoded in DNS
 * - `temperror`: the query failed (SERVFAIL, timeout, refused, aborted); a retry may succeed
 *
 * `ttl` is in seconds: how long the answer may be cached; 0 if unknown.
 */
export type DnsAnswer<T extends RecordType = RecordType> =
  | {
      readonly status: 'found';
      readonly records: readonly RecordOf<T>[];
      readonly ttl: number;
      /** The AD bit: a validating resolver has verified the answer (RFC 4035 §3.2.3). */
      readonly authentic: boolean;
    }
  | { readonly status: 'nodata' | 'nxdomain'; readonly ttl: number }
  | { readonly status: 'temperror'; readonly reason: string };

/** The options of `resolve`. */
export interface ResolveOptions {
  /** Ends the query early; the answer is then `temperror` with the reason `aborted`. Default: no signal. */
  readonly signal?: AbortSignal;
}

/** A DNS resolver: one method, a value for every outcome, no exceptions. */
export interface DnsResolver {
  /** Queries the records of a name of one type. Never rejects. */
  resolve<T extends RecordType>(name: string, type: T, options?: ResolveOptions): Promise<DnsAnswer<T>>;
}
