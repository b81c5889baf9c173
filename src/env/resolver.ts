/** One DNS record, as a check wants to read it. Names are lower case and carry no trailing dot; the root is `''`. */
export type DnsRecord =
  | { readonly type: 'A'; readonly address: string }
  | { readonly type: 'AAAA'; readonly address: string }
  | { readonly type: 'MX'; readonly exchange: string; readonly preference: number }
  | {
      readonly type: 'TXT';
      /** The character-strings joined without a space (RFC 7208 §3.3). */
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
      /** Whether an authority that does not understand the property must not issue (RFC 8659 §4.1). */
      readonly critical: boolean;
      /** In lower case: `issue`, `issuewild`, `iodef`. */
      readonly tag: string;
      readonly value: string;
    };

export type RecordType = DnsRecord['type'];
export type RecordOf<T extends RecordType> = Extract<DnsRecord, { readonly type: T }>;

/**
 * Every way a look-up can end is a value; nothing is thrown.
 *
 * - `found`: records of the asked type, aliases already followed
 * - `nodata`: the name exists, but has no record of this type
 * - `nxdomain`: there is no such name (also: a name that cannot be put on the wire)
 * - `temperror`: nothing was learnt (SERVFAIL, timeout, refused, aborted); asking later may help
 *
 * `ttl` is in seconds and says how long the answer may be kept; 0 where the source does not tell.
 */
export type DnsAnswer<T extends RecordType = RecordType> =
  | {
      readonly status: 'found';
      readonly records: readonly RecordOf<T>[];
      readonly ttl: number;
      /** The AD bit: a validating resolver vouches for the answer (RFC 4035 §3.2.3). */
      readonly authentic: boolean;
    }
  | { readonly status: 'nodata' | 'nxdomain'; readonly ttl: number }
  | { readonly status: 'temperror'; readonly reason: string };

export interface ResolveOptions {
  /** Gives up early; the answer is then `temperror` with the reason `aborted`. */
  readonly signal?: AbortSignal;
}

/** What a check asks of the DNS. One method, total answers, no exceptions. */
export interface DnsResolver {
  /** Asks for the records of one type that a name has. Never rejects. */
  resolve<T extends RecordType>(name: string, type: T, options?: ResolveOptions): Promise<DnsAnswer<T>>;
}
