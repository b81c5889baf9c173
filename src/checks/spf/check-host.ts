import type { Result } from '../../core/index.ts';
import { questionName } from '../../dns/index.ts';
import type { Clock, DnsResolver } from '../../env/index.ts';
import { onAbort } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { parseDomain, parseIp } from '../../net/index.ts';
import { Evaluation } from './evaluation.ts';
import type { SpfMatch } from './mailauth.ts';
import { evaluator } from './mailauth.ts';
import { matchedTerms } from './matched.ts';
import type { Evidence } from './questions.ts';
import { Questions } from './questions.ts';
import { BROAD_V4_SIZE } from './record.ts';

/** Who is asked about (RFC 7208 §4.1). */
export interface SpfSubject {
  /** The client's address. An IPv4-mapped address is its IPv4 address. */
  readonly ip: string;
  /** What the client called itself in HELO or EHLO. */
  readonly helo: string;
  /** The reverse-path; `''` or `null`, the null reverse-path, means the HELO identity (§2.4). */
  readonly mailFrom: string | null;
}

export interface CheckHostOptions {
  /** After so many milliseconds the result is `temperror`; 20,000 where not given, the least that §4.6.4 wants. */
  readonly timeoutMs?: number;
  /** How many terms may ask the DNS; 10 (§4.6.4). */
  readonly lookups?: number;
  /** How many of them may find nothing; 2 (§4.6.4). */
  readonly voids?: number;
  /** The name of the host that asks, for the `r` macro of explanations; `unknown` (§7.3). */
  readonly receiver?: string;
  /** Ask ahead and in parallel; true. Without it a record's questions go out one by one. */
  readonly lookAhead?: boolean;
  /** Gives up early, with `temperror`. */
  readonly signal?: AbortSignal;
}

/** What `check_host()` came to, and why. Plain JSON. */
export interface SpfOutcome {
  /**
   * - `pass`: the client may send for the domain
   * - `none`: the domain has no record, or is no domain
   * - `neutral`: the domain does not say
   * - `softfail`: probably not
   * - `fail`: it may not
   * - `temperror`: the DNS did not answer
   * - `permerror`: the record cannot be used
   */
  readonly result: Result;
  /** Which identity was checked (§2.3, §2.4). */
  readonly identity: 'mailfrom' | 'helo';
  /** The domain of that identity. */
  readonly domain: string;
  /** For `fail`: what the domain itself has to say (`exp=`, §6.2). A stranger's text. */
  readonly explanation?: string;
  /** The term that decided, as the record has it: `-all`, `include:_spf.example.org`. Absent: none did. */
  readonly term?: string;
  /** The terms from the outermost `include` to the one that matched. */
  readonly matched?: readonly string[];
  /** Why there is an error, or no answer. */
  readonly reason?: string;
  /** The domain's record. */
  readonly record?: string;
  /**
   * Terms of the records read that let in more than anybody can vouch for: `+all`, a prefix with more than a /8 of IPv4 or a
   * /16 of IPv6; `ip4 total` where all `ip4` terms together hold more than a /8.
   */
  readonly broad?: readonly string[];
  /** The record has macros that hold the local part of the sender (RFC 8601 §2.7.2). */
  readonly localPartUsed?: true;
  /** What counted towards the limits of §4.6.4, and how many questions went out, those asked ahead included. */
  readonly lookups: { readonly terms: number; readonly voids: number; readonly questions: number };
  /** What the DNS said, in the order in which the evaluation needed it. */
  readonly evidence: readonly Evidence[];
}

const TIMEOUT_MS = 20_000; // RFC 7208 §4.6.4
const MAX_LOOKUPS = 10; // RFC 7208 §4.6.4
/** A reason may quote the record. */
const MAX_REASON = 200;
const MAX_VOIDS = 2; // RFC 7208 §4.6.4

/**
 * Whether `ip` may send mail in the name of the sender's domain: `check_host()` of RFC 7208 §4.
 *
 * @param env `dns` is asked, each question once; `clock` ends an evaluation that takes too long
 * @returns never an exception for what the world or the sender did
 * @throws {TypeError} if an option is wrong
 * @throws {Error} if mailauth cannot be loaded, as in a runtime without Node's builtins
 */
export async function checkHost(
  subject: SpfSubject,
  env: { readonly dns: DnsResolver; readonly clock: Clock },
  options: CheckHostOptions = {},
): Promise<SpfOutcome> {
  assertOptions('checkHost', options);
  const who = identityOf(subject);
  const client = parseIp(subject.ip);
  if (client === undefined) return unasked(who, 'permerror', 'the client has no IP address');
  // §4.3: what is no domain of at least two labels has no policy.
  if (!isDomain(who.domain)) return unasked(who, 'none', 'the identity has no domain of more than one label');
  return evaluate(who, client, subject.helo, env, options);
}

async function evaluate(
  { domain, sender, identity }: Identity,
  client: IpAddress,
  helo: string,
  { dns, clock }: { readonly dns: DnsResolver; readonly clock: Clock },
  options: CheckHostOptions,
): Promise<SpfOutcome> {
  const { timeoutMs = TIMEOUT_MS, lookups = MAX_LOOKUPS, voids = MAX_VOIDS, receiver = 'unknown', signal } = options;
  const questions = new Questions(dns, client);
  questions.ask(domain, 'TXT'); // on its way while the evaluator loads
  const loaded = evaluator();
  const mailauth = 'verify' in loaded ? loaded : await loaded;
  const who = { sender, helo, mta: receiver };
  const evaluation = new Evaluation(
    questions,
    client,
    clock,
    { lookups, voids },
    who,
    mailauth,
    options.lookAhead !== false,
  );
  const running = evaluation.run(domain);
  const cancel = clock.after(timeoutMs, () => evaluation.giveUp('no result within the time allowed'));
  const giveUp = (): void => evaluation.giveUp('given up');
  const withdraw = onAbort(signal, giveUp);
  if (signal?.aborted) giveUp();
  const match = await running;
  cancel();
  withdraw();
  questions.abandon();
  return outcomeOf(match, { domain, sender, identity }, evaluation, questions);
}

function outcomeOf(
  match: SpfMatch,
  { identity, domain }: Identity,
  evaluation: Evaluation,
  questions: Questions,
): SpfOutcome {
  const records = questions.records();
  const outcome: { -readonly [K in keyof SpfOutcome]: SpfOutcome[K] } = {
    result: match.error ?? resultOf[match.qualifier ?? '?'],
    identity,
    domain,
    lookups: { terms: evaluation.terms, voids: evaluation.voids, questions: questions.count },
    evidence: questions.evidence(),
  };
  if (match.error !== undefined) outcome.reason = match.text?.slice(0, MAX_REASON);
  else if (match.type !== undefined) {
    outcome.matched = matchedTerms(match, evaluation, questions);
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

interface Identity {
  readonly identity: 'mailfrom' | 'helo';
  readonly sender: string;
  readonly domain: string;
}

/** §2.3, §2.4, §4.3: which identity is checked, as which sender, and for which domain. */
function identityOf({ mailFrom, helo }: SpfSubject): Identity {
  let path = mailFrom === null ? '' : mailFrom.trim();
  if (path.startsWith('<') && path.endsWith('>')) path = path.slice(1, -1);
  const identity = path === '' ? 'helo' : 'mailfrom';
  const written = path === '' ? helo.trim() : path;
  // A quoted local part may hold an `@`; the domain follows the last one.
  const at = written.lastIndexOf('@');
  let domain = written.slice(at + 1);
  if (domain.endsWith('.')) domain = domain.slice(0, -1);
  // RFC 8616 §4: U-labels become A-labels, also where macros expand to them.
  if (!printable.test(domain)) domain = parseDomain(domain) ?? domain;
  const localPart = at > 0 && identity === 'mailfrom' ? written.slice(0, at) : 'postmaster'; // §4.3
  return { sender: `${localPart}@${domain}`, domain: domain.toLowerCase(), identity };
}

const printable = /^[\x20-\x7e]*$/;
/** RFC 7208 §7.1: the last label of a domain; it is no number, so that an address is none. */
const topLabel = /\.(?:[a-z0-9]*[a-z][a-z0-9]*|[a-z0-9]+-[a-z0-9-]*[a-z0-9])$/;

const isDomain = (domain: string): boolean => topLabel.test(domain) && questionName(domain) !== undefined;

const unasked = ({ identity, domain }: Identity, result: 'none' | 'permerror', reason: string): SpfOutcome => ({
  result,
  identity,
  domain,
  reason,
  lookups: { terms: 0, voids: 0, questions: 0 },
  evidence: [],
});

/** @throws TypeError for an option that cannot be meant */
export function assertOptions(who: string, options: CheckHostOptions): void {
  const { timeoutMs, lookups, voids, receiver } = options;
  if (timeoutMs !== undefined && !(timeoutMs > 0 && Number.isFinite(timeoutMs)))
    throw new TypeError(`${who}: timeoutMs ${String(timeoutMs)} must be a number of milliseconds above 0`);
  assertCount(who, 'lookups', lookups);
  assertCount(who, 'voids', voids);
  if (receiver !== undefined && (typeof receiver !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(receiver)))
    throw new TypeError(
      `${who}: receiver ${JSON.stringify(receiver)} is not a host name; give it like "mx.example.org"`,
    );
}

function assertCount(who: string, name: string, value: number | undefined): void {
  if (value !== undefined && !(Number.isInteger(value) && value >= 0 && value <= 100))
    throw new TypeError(`${who}: ${name} ${String(value)} must be a whole number from 0 to 100`);
}
