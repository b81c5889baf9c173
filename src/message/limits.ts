import { assertKnownOptions, wholeNumber } from '../core/index.ts';

/** Limits for reading one message. `truncated` reports the limits that were reached. */
export interface MessageLimits {
  /** Bytes of the message. The rest is counted, not read. Default: 67,108,864 (64 MiB). */
  readonly bytes?: number;
  /** Parts that are listed. Links are read in the other parts as well. Default: 1,000. */
  readonly parts?: number;
  /** Depth of nested multiparts and messages. Deeper ones are read as plain text. Default: 32. */
  readonly depth?: number;
  /** Links that are kept: the first half and the last half, and at most a tenth for one host. Default: 10,000. */
  readonly links?: number;
  /** Characters of a link. The rest is cut off. Default: 8,192. */
  readonly linkLength?: number;
  /** Bytes of one header block. Default: 262,144. */
  readonly headers?: number;
  /** Characters of an attribute's value. Default: 262,144. */
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

/** @throws {TypeError} if an option is unknown or not a whole number, 1 or more */
export function resolveLimits(options: MessageLimits = {}): ResolvedLimits {
  const names = Object.keys(DEFAULT_LIMITS) as (keyof MessageLimits)[];
  assertKnownOptions('message', options, names);
  const resolved: Record<keyof MessageLimits, number> = { ...DEFAULT_LIMITS };
  for (const name of names) {
    const value = options[name];
    if (value !== undefined) resolved[name] = wholeNumber('message', name, value);
  }
  return resolved;
}
