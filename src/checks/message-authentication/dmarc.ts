/**
 * DMARC for one message.
 *
 * **Answers**: does the message pass DMARC, and which policy applies?
 * **Knows**: the author, and the results of SPF and DKIM. **Asks**: `_dmarc` records.
 * **Standards**: RFC 9989 (tree walk, `sp`, `np`, `t`); RFC 7489 §6.6.4 (`pct`, which RFC 9989 removed but domains still
 * publish); RFC 8601 §2.7.4 (`permerror` for an invalid record).
 * **Limits**: with `pct`, the policy applies to a part of the messages. A hash of the header selects them, so that the same
 * message always gets the same result.
 *
 * @module
 */
import { parseDomain } from '../../net/index.ts';
import type { Author } from './author.ts';
import type { Lookups } from './keys.ts';
import type { DmarcResponse, Mailauth } from './mailauth.ts';
import type { DkimOutcome, DmarcOutcome, DmarcPolicy, SpfFact } from './outcome.ts';

const weaker: { readonly [P in DmarcPolicy]: DmarcPolicy } = { reject: 'quarantine', quarantine: 'none', none: 'none' };

const isPolicy = (word: string | undefined): word is DmarcPolicy => word !== undefined && Object.hasOwn(weaker, word);

/** mailauth compares ten identifiers with the author's domain and reports an error for the eleventh. One is for SPF. */
const MAX_SIGNERS = 9;

/** The result of DMARC. */
export interface Evaluated {
  readonly dmarc: DmarcOutcome;
  /** The signing domains that are aligned with the author's. */
  readonly aligned: ReadonlySet<string>;
}

/** Evaluates DMARC. A `fail` becomes `temperror` if DMARC would pass with the identifiers that could not be checked. */
export async function evaluate(
  author: Author,
  dkim: readonly DkimOutcome[],
  spf: SpfFact | undefined,
  sample: number,
  lookups: Lookups,
  { evaluateDmarc }: Mailauth,
): Promise<Evaluated> {
  if ('problem' in author)
    return { dmarc: { result: 'permerror', fault: 'sender', reason: author.problem }, aligned: new Set() };
  const { domain } = author;
  const judge = async (words: readonly string[]): Promise<Evaluated> => {
    const signers = new Map<string, number>();
    for (const one of dkim) {
      if (words.includes(one.result) && one.domain !== undefined)
        signers.set(one.domain, Math.min(one.unsigned ?? 0, signers.get(one.domain) ?? Number.POSITIVE_INFINITY));
    }
    const first = (name: string): number => Number(name !== domain);
    const { response, dkimAligned = new Set<string>() } = await evaluateDmarc({
      headerFrom: [`author@${domain}`],
      fromFields: 1,
      spfDomains: spf !== undefined && words.includes(spf.result) ? [spf.domain] : [],
      dkimDomains: [...signers]
        .sort(([a], [b]) => first(a) - first(b))
        .slice(0, MAX_SIGNERS)
        .map(([name, underSized]) => ({ domain: name, underSized })),
      resolver: lookups.nodeResolve,
      strict: true,
    });
    if (response === false)
      return { dmarc: { result: 'permerror', fault: 'sender', reason: 'no author domain' }, aligned: dkimAligned };
    return { dmarc: outcomeOf(response, domain, sample), aligned: dkimAligned };
  };
  const evaluated = await judge(['pass']);
  const { dmarc } = evaluated;
  if (dmarc.result === 'none' && (await publishesRecord(domain, lookups)))
    return {
      ...evaluated,
      dmarc: { ...dmarc, result: 'permerror', fault: 'third-party', reason: 'the DMARC record is invalid' },
    };
  if (dmarc.result !== 'fail') return evaluated;
  const unsure = [...dkim, ...(spf === undefined ? [] : [spf])].some(({ result }) => result === 'temperror');
  if (!unsure || (await judge(['pass', 'temperror'])).dmarc.result === 'fail') return evaluated;
  return { ...evaluated, dmarc: unchecked(dmarc) };
}

/** Returns `temperror` for a `fail` that could have been a `pass` if the DNS had answered. */
export const unchecked = (dmarc: DmarcOutcome): DmarcOutcome => ({
  ...dmarc,
  result: 'temperror',
  reason: 'an identifier that may be aligned could not be checked',
});

/** Returns whether any name of the tree walk has a record, which is then invalid. */
async function publishesRecord(author: string, lookups: Lookups): Promise<boolean> {
  const answers = await Promise.all(walkNames(author).map((name) => lookups.resolve(`_dmarc.${name}`, 'TXT')));
  return answers.some(
    (answer) => answer.status === 'found' && answer.records.some(({ text }) => /^\s*v\s*=\s*DMARC1/.test(text)),
  );
}

/** RFC 9989 §4.10 step 4: the walk continues with the last seven labels of the author's domain. */
const WALK_LABELS = 7;

/** Returns the domain and the parent domains of the tree walk. */
function walkNames(domain: string): string[] {
  const labels = domain.split('.');
  const names = [domain];
  for (let left = Math.min(WALK_LABELS, labels.length - 1); left > 0; left--) names.push(labels.slice(-left).join('.'));
  return names;
}

/** Looks up all policy records of the tree walk in parallel. */
export function askPolicies(author: string, lookups: Lookups): void {
  const domain = parseDomain(author);
  if (domain === undefined) return; // an address literal
  for (const name of walkNames(domain)) lookups.ask(`_dmarc.${name}`, 'TXT');
}

function outcomeOf(response: DmarcResponse, domain: string, sample: number): DmarcOutcome {
  const { result } = response.status;
  const known = result === 'pass' || result === 'fail' || result === 'none' ? result : 'temperror';
  const { p, sp, np, rr, policyDomain } = response;
  const outcome: { -readonly [K in keyof DmarcOutcome]: DmarcOutcome[K] } = { result: known, domain };
  if (known === 'temperror') outcome.reason = 'the DMARC record could not be looked up';
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

/** Returns the percentage of messages to which the policy applies. */
function percentOf(record: string | undefined): number {
  const written = /(?:^|;)[ \t]*pct[ \t]*=[ \t]*(\d{1,3})[ \t]*(?:;|$)/.exec(record ?? '')?.[1];
  return written === undefined ? 100 : Math.min(100, Number(written));
}

/** Returns a number from 0 to 99 that depends on the header only (FNV-1a). */
export function sampleOf(header: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const octet of header) hash = Math.imul(hash ^ octet, 0x01000193);
  return (hash >>> 0) % 100;
}
