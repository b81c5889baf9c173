/**
 * DMARC for one message.
 *
 * **Knows**: the author, what SPF and the signatures say, who has sealed. **Asks**: `_dmarc` records.
 * **Standards**: RFC 9989 (tree walk, `sp`, `np`, `t`); RFC 7489 §6.6.4 (`pct`, which RFC 9989 has dropped and domains
 * still publish); RFC 8617 §7.2 (local policy).
 * **Limits**: a domain that publishes `pct` asks that only a part of its mail be treated so. Which part a message is in is
 * decided by its header, so that the same message is always treated alike.
 *
 * @module
 */
import { parseDomain } from '../../net/index.ts';
import type { Lookups } from './keys.ts';
import type { ArcData, ArcSet, DmarcResponse, Mailauth } from './mailauth.ts';
import type { ArcOutcome, DkimOutcome, DmarcOutcome, DmarcPolicy, SpfFact } from './outcome.ts';
import type { Signatures } from './signatures.ts';

const weaker: { readonly [P in DmarcPolicy]: DmarcPolicy } = { reject: 'quarantine', quarantine: 'none', none: 'none' };

const isPolicy = (word: string | undefined): word is DmarcPolicy => word !== undefined && Object.hasOwn(weaker, word);

export async function evaluate(
  signatures: Signatures,
  dkim: readonly DkimOutcome[],
  spf: SpfFact | undefined,
  sample: number,
  lookups: Lookups,
  { evaluateDmarc }: Mailauth,
): Promise<{ dmarc: DmarcOutcome; aligned: ReadonlySet<string> }> {
  const nobody: ReadonlySet<string> = new Set();
  if (signatures.fromTooLong)
    return { dmarc: { result: 'permerror', reason: 'the From field is too long' }, aligned: nobody };
  const {
    response,
    reason,
    authorDomains,
    dkimAligned = nobody,
  } = await evaluateDmarc({
    headerFrom: signatures.headerFrom,
    fromFields: signatures.fromFields,
    spfDomains: spf?.result === 'pass' ? [spf.domain] : [],
    dkimDomains: dkim.flatMap(({ result, domain, unsigned }) =>
      result === 'pass' && domain !== undefined
        ? [{ domain, ...(unsigned === undefined ? {} : { underSized: unsigned }) }]
        : [],
    ),
    resolver: lookups.resolve,
    strict: true,
  });
  // RFC 9989 §5.3.1: no author, several, or one that cannot be read.
  if (response === false)
    return { dmarc: { result: 'permerror', reason: reason?.replaceAll('-', ' ') }, aligned: nobody };
  const author = parseDomain(authorOf(signatures.headerFrom)) ?? authorDomains?.[0];
  return { dmarc: outcomeOf(response, author, sample), aligned: dkimAligned };
}

const authorOf = (addresses: readonly string[]): string => addresses[0]?.slice(addresses[0].lastIndexOf('@') + 1) ?? '';

function outcomeOf(response: DmarcResponse, domain: string | undefined, sample: number): DmarcOutcome {
  const { result } = response.status;
  const known = result === 'pass' || result === 'fail' || result === 'none' ? result : 'temperror';
  const { p, sp, np, rr, policyDomain, error } = response;
  const outcome: { -readonly [K in keyof DmarcOutcome]: DmarcOutcome[K] } = { result: known, domain };
  if (error !== undefined) outcome.reason = error;
  if (policyDomain !== undefined) outcome.policyDomain = policyDomain;
  if (rr !== undefined) outcome.record = rr.slice(0, 512);
  if (isPolicy(p)) outcome.published = { p, ...(isPolicy(sp) ? { sp } : {}), ...(isPolicy(np) ? { np } : {}) };
  if (isPolicy(response.policy)) {
    outcome.policy = response.policy;
    if (response.testMode === true) outcome.weakened = 'testing';
    else if (sample >= percentOf(rr) && response.policy !== 'none') {
      outcome.policy = weaker[response.policy];
      outcome.weakened = 'pct';
    }
  }
  const { spf, dkim } = response.alignment ?? {};
  if (known === 'pass')
    outcome.aligned = { ...(spf?.result ? { spf: spf.result } : {}), ...(dkim?.result ? { dkim: dkim.result } : {}) };
  return outcome;
}

/** How many of a hundred messages the policy is for. */
function percentOf(record: string | undefined): number {
  const written = /(?:^|;)[ \t]*pct[ \t]*=[ \t]*(\d{1,3})[ \t]*(?:;|$)/.exec(record ?? '')?.[1];
  return written === undefined ? 100 : Math.min(100, Number(written));
}

/** A number from 0 to 99 that is the header's own (FNV-1a). */
export function sampleOf(header: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const octet of header) hash = Math.imul(hash ^ octet, 0x01000193);
  return (hash >>> 0) % 100;
}

/** What a sealer wrote into its set about DMARC. */
interface Word {
  readonly sealer: string;
  readonly passed: boolean;
  /** The author it was about, where it says. */
  readonly author: string | undefined;
}

/** What the sealers said, from the first to the newest. To be read before the chain is verified, which changes it. */
export const wordsOf = (data: ArcData): Word[] =>
  (data.chain || []).map((set) => {
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

/** The chain, and whether its newest link is trusted. */
export async function arcOf(
  data: ArcData,
  words: readonly Word[],
  trusted: ReadonlySet<string>,
  lookups: Lookups,
  { arc }: Mailauth,
): Promise<ArcOutcome> {
  const { status } = await arc(data, { resolver: lookups.resolve, strict: true });
  const sealers = words.map(({ sealer }) => sealer);
  const result = status.result === 'pass' || status.result === 'none' ? status.result : 'fail';
  const newest = sealers.at(-1);
  const instance = data.chain === false ? undefined : data.chain.at(-1)?.i;
  return {
    result,
    ...(instance === undefined ? {} : { instance }),
    sealers,
    ...(result === 'pass' && newest !== undefined && trusted.has(newest) ? { trusted: true as const } : {}),
    ...(result !== 'fail' || status.comment === undefined ? {} : { reason: status.comment }),
  };
}

/**
 * Who among the trusted sealers found that DMARC passed for this author. Looked for from the newest set back, as long as
 * the sealers are trusted: what an unknown host has sealed it may have made up, and so may all that stands before it.
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
