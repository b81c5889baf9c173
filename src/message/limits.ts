/** Bounds on what is read of one message. What lies beyond a bound is reported in `truncated`. */
export interface MessageLimits {
  /** Octets of the message; 67,108,864 (64 MiB) where not given. The rest is counted, not read. */
  readonly bytes?: number;
  /** Parts that are listed; 1,000. Links are still read in the parts beyond. */
  readonly parts?: number;
  /** Multiparts and messages inside each other; 32. What lies deeper is read as plain text. */
  readonly depth?: number;
  /** Links that are kept; 10,000. The first half and the last half are kept, and no host takes more than a tenth. */
  readonly links?: number;
  /** Characters of a link; 8,192. The rest is cut off. */
  readonly linkLength?: number;
  /** Octets of one header block; 262,144. */
  readonly headers?: number;
  /** Characters of an attribute's value; 262,144. */
  readonly value?: number;
}

export type ResolvedLimits = { readonly [K in keyof MessageLimits]-?: number };

export const DEFAULT_LIMITS: ResolvedLimits = {
  bytes: 67_108_864,
  parts: 1_000,
  depth: 32,
  links: 10_000,
  linkLength: 8_192,
  headers: 262_144,
  value: 262_144,
};

/** Fills in the defaults; throws `TypeError` for what is not a whole number of at least 1. */
export function resolveLimits(options: MessageLimits = {}): ResolvedLimits {
  if (typeof options !== 'object' || options === null) throw new TypeError('message: options are not an object');
  const resolved: Record<string, number> = { ...DEFAULT_LIMITS };
  for (const key of Object.keys(DEFAULT_LIMITS) as (keyof MessageLimits)[]) {
    const value = options[key];
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new TypeError(`message: ${key} ${JSON.stringify(value)} is not a whole number of at least 1`);
    }
    resolved[key] = value;
  }
  return resolved as ResolvedLimits;
}
