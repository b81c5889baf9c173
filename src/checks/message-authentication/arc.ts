/**
 * ARC: the chain of hosts that forwarded a message.
 *
 * **Answers**: is the chain valid, and did a trusted sealer see DMARC pass?
 * **Knows**: the sets, and whether the newest message signature is valid. **Asks**: `dns` for the keys of the seals.
 * **Standards**: RFC 8617 §5.2 (validation), §7.2 (local policy).
 *
 * @module
 */
import { parseDomain } from '../../net/index.ts';
import { type Breath, Late } from './breath.ts';
import type { Lookups } from './keys.ts';
import { keyRecords, publicKey, TEMPORARY } from './keys.ts';
import type { ArcSet, KeyCache, Mailauth } from './mailauth.ts';
import type { ArcOutcome } from './outcome.ts';
import { type ArcChain, MAX_SETS } from './signatures.ts';

/** The DMARC result that a sealer recorded in its set. */
interface Word {
  readonly sealer: string;
  readonly passed: boolean;
  /** The author's domain in that result, if recorded. */
  readonly author: string | undefined;
}

/** Returns the recorded DMARC results, from the oldest to the newest. */
export const wordsOf = (sets: readonly ArcSet[] = []): Word[] =>
  sets.map((set) => {
    const dmarc = set['arc-authentication-results']?.parsed?.dmarc as
      | { readonly value?: unknown; readonly header?: { readonly from?: unknown } }
      | undefined;
    const from = dmarc?.header?.from;
    return {
      sealer: nameOf(set),
      passed: dmarc?.value === 'pass',
      author: from === undefined ? undefined : (parseDomain(String(from)) ?? ''),
    };
  });

const nameOf = (set: ArcSet): string => {
  const written = String(set['arc-seal']?.parsed?.d?.value ?? '');
  return parseDomain(written) ?? written.toLowerCase().slice(0, 253);
};

/** Validates the chain, and reports whether its newest sealer is trusted. */
export async function arcOf(
  { sets, newest }: ArcChain,
  trusted: ReadonlySet<string>,
  lookups: Lookups,
  mailauth: Mailauth,
  breath: Breath,
): Promise<ArcOutcome> {
  if (sets === undefined) return { result: 'fail', sealers: [], reason: 'the chain is not well formed' };
  const last = sets.at(-1);
  if (last === undefined) return { result: 'none', sealers: [] };
  const about = { instance: last.i, sealers: sets.map(nameOf) };
  if (sets.length > MAX_SETS) return { result: 'fail', ...about, reason: 'the chain is too long' };
  const seals = await sealsOf(sets, lookups, mailauth, breath);
  if (seals === 'fail') return { result: 'fail', ...about, reason: 'a seal did not verify' };
  if (newest === 'fail') return { result: 'fail', ...about, reason: 'the newest message signature did not verify' };
  if (seals === 'temperror' || newest === 'temperror')
    return { result: 'temperror', ...about, reason: 'a key could not be looked up' };
  return { result: 'pass', ...about, ...(trusted.has(nameOf(last)) ? { trusted: true as const } : {}) };
}

/** Verifies the seals from the newest to the oldest, until one does not verify. */
async function sealsOf(
  chain: readonly ArcSet[],
  lookups: Lookups,
  mailauth: Mailauth,
  breath: Breath,
): Promise<'pass' | 'fail' | 'temperror'> {
  const keyCache: KeyCache = {
    get: (...question) => {
      const key = (async () => {
        await breath.spend(1 << 18);
        const found = await keyRecords(lookups, question[1]);
        return publicKey(mailauth, Array.isArray(found) ? (found[0] ?? '') : found, question);
      })();
      // mailauth requests keys ahead and awaits them later.
      key.catch(() => undefined);
      return key;
    },
  };
  try {
    await mailauth.verifyASChain({ chain }, { strict: true, keyCache });
    return 'pass';
  } catch (error) {
    if (error instanceof Late) throw error;
    return (error as { readonly code?: unknown } | null)?.code === TEMPORARY ? 'temperror' : 'fail';
  }
}

/**
 * Returns the trusted sealer that recorded a DMARC pass for this author, if any.
 *
 * The search goes back from the newest set and ends at the first untrusted sealer, which may have forged its own set and
 * all older ones.
 */
export function vouching(
  words: readonly Word[],
  trusted: ReadonlySet<string>,
  domain: string | undefined,
): string | undefined {
  for (const { sealer, passed, author } of [...words].reverse()) {
    if (!trusted.has(sealer)) return undefined;
    if (passed && (author === undefined || author === domain)) return sealer;
  }
  return undefined;
}
