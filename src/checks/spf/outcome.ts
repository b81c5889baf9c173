import type { Result } from '../../core/index.ts';
import type { Evaluation } from './evaluation.ts';
import type { SpfMatch } from './mailauth.ts';
import { BROAD_V4_SIZE } from './record.ts';
import type { Evidence, Trail } from './trail.ts';

/** The result of `check_host()`, and the reasons. Plain JSON. */
export interface SpfOutcome {
  /**
   * - `pass`: the client may send for the domain
   * - `none`: the domain has no record, or is not a valid domain
   * - `neutral`: the domain makes no statement
   * - `softfail`: the client is probably not allowed to
   * - `fail`: the client may not send for the domain
   * - `temperror`: a DNS lookup failed
   * - `permerror`: the record is invalid
   */
  readonly result: Result;
  /** Which identity was checked (§2.3, §2.4). */
  readonly identity: 'mailfrom' | 'helo';
  /** The domain of that identity. */
  readonly domain: string;
  /** For `fail`: the explanation that the domain publishes (`exp=`, §6.2). Third-party text. */
  readonly explanation?: string;
  /** The term that matched, as in the record: `-all`, `include:_spf.example.org`. Absent if none did. */
  readonly term?: string;
  /** The terms from the outermost `include` to the one that matched. */
  readonly matched?: readonly string[];
  /** The reason for `temperror`, `permerror` or `none`. */
  readonly reason?: string;
  /** The domain's record. */
  readonly record?: string;
  /**
   * Terms that authorize too many addresses: `+all`, and prefixes larger than a /8 of IPv4 or a /16 of IPv6. `ip4 total` if
   * all `ip4` terms together contain more than a /8.
   */
  readonly broad?: readonly string[];
  /** The record uses the local part of the sender in macros (RFC 8601 §2.7.2). */
  readonly localPartUsed?: true;
  /** What counted towards the limits of §4.6.4, and the number of DNS queries, including those asked ahead. */
  readonly lookups: { readonly terms: number; readonly voids: number; readonly questions: number };
  /** The DNS answers in the order in which the evaluation needed them. */
  readonly evidence: readonly Evidence[];
}

/** Limit of `reason` in characters: it may quote the record. */
const MAX_REASON = 200;

/** Assembles the outcome of an evaluation. */
export function outcomeOf(
  match: SpfMatch,
  { identity, domain }: Pick<SpfOutcome, 'identity' | 'domain'>,
  evaluation: Evaluation,
  trail: Trail,
): SpfOutcome {
  const records = trail.records();
  const outcome: { -readonly [K in keyof SpfOutcome]: SpfOutcome[K] } = {
    result: match.error ?? resultOf[match.qualifier ?? '?'],
    identity,
    domain,
    lookups: { terms: evaluation.terms, voids: evaluation.voids, questions: trail.count },
    evidence: trail.evidence(),
  };
  if (match.error !== undefined) outcome.reason = match.text?.slice(0, MAX_REASON);
  else if (match.type !== undefined) {
    outcome.matched = matchedTerms(match, evaluation, trail);
    outcome.term = outcome.matched[0];
  }
  if (outcome.result === 'fail' && match.explanation !== undefined) outcome.explanation = match.explanation;
  if (records[0] !== undefined) outcome.record = records[0].record.text;
  const broad = records.flatMap(({ record }) => record.broad);
  if (broad.length === 0 && records.reduce((sum, { record }) => sum + record.v4, 0) > BROAD_V4_SIZE)
    broad.push('ip4 total');
  if (broad.length > 0) outcome.broad = broad;
  if (evaluation.context.usedLocalPart) outcome.localPartUsed = true;
  return outcome;
}

const resultOf = { '+': 'pass', '-': 'fail', '~': 'softfail', '?': 'neutral' } as const;

/** Returns the terms that matched, from the outermost `include` inwards, as in the records. */
function matchedTerms(match: SpfMatch, evaluation: Evaluation, trail: Trail): string[] {
  const terms: string[] = [];
  for (let at: SpfMatch | undefined = match; at?.type !== undefined; at = at.include)
    terms.push(termOf(at, evaluation, trail));
  return terms;
}

function termOf({ type, val, qualifier }: SpfMatch, evaluation: Evaluation, trail: Trail): string {
  const sign = qualifier === undefined || qualifier === '+' ? '' : qualifier;
  if (type === 'ip4' || type === 'ip6' || type === 'include') return `${sign}${type}:${val}`;
  if (type === 'all') return `${sign}all`;
  // mailauth reports the mechanism, not the term. The term is the one that expands to the last name looked up.
  for (const { name: domain, record } of trail.records().reverse()) {
    for (const word of record.text.split(' ')) {
      const parts = /^([-+?~]?)(a|mx|exists|ptr)(?::(.*?))?(?:\/\d+)?(?:\/\/\d+)?$/i.exec(word);
      if (parts === null || parts[2]!.toLowerCase() !== type || (parts[1] || '+') !== (qualifier ?? '+')) continue;
      if (type === 'ptr' || leadsTo(parts[3] ?? '', domain, evaluation)) return word;
    }
  }
  return `${sign}${type}`;
}

function leadsTo(spec: string, domain: string, evaluation: Evaluation): boolean {
  if (spec === '') return domain === evaluation.lastName;
  if (/%\{p/i.test(spec)) return true;
  try {
    return evaluation.expand(spec, domain).replace(/\.$/, '').toLowerCase() === evaluation.lastName;
  } catch {
    return false;
  }
}
