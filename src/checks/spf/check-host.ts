import { assertKnownOptions, positiveNumber, wholeNumber, wrongOption } from '../../core/index.ts';
import { questionName } from '../../dns/index.ts';
import type { Clock, DnsResolver } from '../../env/index.ts';
import { onAbort } from '../../env/index.ts';
import { parseDomain, parseIp } from '../../net/index.ts';
import { Evaluation } from './evaluation.ts';
import { evaluator } from './mailauth.ts';
import type { SpfOutcome } from './outcome.ts';
import { outcomeOf } from './outcome.ts';
import { Trail } from './trail.ts';

/** The arguments of `check_host()` (RFC 7208 §4.1). */
export interface SpfSubject {
  /** The client's address. An IPv4-mapped address counts as its IPv4 address. */
  readonly ip: string;
  /** The client's name in HELO or EHLO. */
  readonly helo: string;
  /** The reverse-path. For the null reverse-path, `''` or `null`, the HELO identity is checked (§2.4). */
  readonly mailFrom: string | null;
}

/** Options of {@link checkHost}. */
export interface CheckHostOptions {
  /** Deadline in milliseconds, after which the result is `temperror`. §4.6.4 requires at least 20 seconds. Default: 20,000. */
  readonly timeoutMs?: number;
  /** Limit of terms with DNS lookups (§4.6.4). Default: 10. */
  readonly lookups?: number;
  /** Limit of void lookups (§4.6.4). Default: 2. */
  readonly voids?: number;
  /** The name of this host, for the `r` macro of explanations (§7.3). Default: `unknown`. */
  readonly receiver?: string;
  /** Whether questions are asked ahead and in parallel, or one by one. Default: true. */
  readonly lookAhead?: boolean;
  /** Ends the evaluation early with `temperror`. */
  readonly signal?: AbortSignal;
}

const TIMEOUT_MS = 20_000; // RFC 7208 §4.6.4
const MAX_LOOKUPS = 10; // RFC 7208 §4.6.4
const MAX_VOIDS = 2; // RFC 7208 §4.6.4

/**
 * Checks whether an address may send mail for the domain of the sender: `check_host()` of RFC 7208 §4.
 *
 * @param env `dns` is asked each question once; `clock` limits the duration
 * @returns an outcome also if the DNS or the record is broken
 * @throws {TypeError} if an option is wrong
 * @throws {Error} if mailauth cannot be loaded, as in a runtime without Node's builtins
 */
export async function checkHost(
  subject: SpfSubject,
  env: { readonly dns: DnsResolver; readonly clock: Clock },
  options: CheckHostOptions = {},
): Promise<SpfOutcome> {
  assertOptions('checkHost', options);
  const { timeoutMs = TIMEOUT_MS, lookups = MAX_LOOKUPS, voids = MAX_VOIDS, receiver = 'unknown', signal } = options;

  // §4.1: arguments.
  const { identity, sender, domain } = identityOf(subject);
  const ended = (result: 'none' | 'permerror', reason: string): SpfOutcome => ({
    result,
    identity,
    domain,
    reason,
    lookups: { terms: 0, voids: 0, questions: 0 },
    evidence: [],
  });
  const client = parseIp(subject.ip);
  if (client === undefined) return ended('permerror', 'the client address is not an IP address');

  // §4.3: initial processing. A domain without at least two labels has no policy.
  if (!isDomain(domain)) return ended('none', 'the domain of the identity is not a name of at least two labels');

  // §4.4 and §4.5: record lookup and selection. The question is sent before mailauth has been loaded.
  const trail = new Trail(env.dns, client);
  trail.ask(domain, 'TXT');
  const loaded = evaluator();
  const mailauth = 'verify' in loaded ? loaded : await loaded;

  // §4.6: record evaluation, within the limits of §4.6.4; §4.7: the default result; §6.2: the explanation.
  const evaluation = new Evaluation(
    trail,
    client,
    env.clock,
    { lookups, voids },
    { sender, helo: subject.helo, mta: receiver },
    mailauth,
    options.lookAhead !== false,
  );
  const running = evaluation.run(domain);
  const cancel = env.clock.after(timeoutMs, () => evaluation.giveUp('no result within the time allowed'));
  const abort = (): void => evaluation.giveUp('aborted');
  const withdraw = onAbort(signal, abort);
  if (signal?.aborted) abort();
  const match = await running;
  cancel();
  withdraw();
  const outcome = outcomeOf(match, { identity, domain }, evaluation, trail);
  trail.giveUp('the evaluation has ended');
  return outcome;
}

interface Identity {
  readonly identity: 'mailfrom' | 'helo';
  readonly sender: string;
  readonly domain: string;
}

/** Returns the identity to check (§2.3, §2.4) with its sender and domain (§4.1, §4.3). */
function identityOf({ mailFrom, helo }: SpfSubject): Identity {
  let path = mailFrom === null ? '' : mailFrom.trim();
  if (path.startsWith('<') && path.endsWith('>')) path = path.slice(1, -1);
  const identity = path === '' ? 'helo' : 'mailfrom';
  const written = path === '' ? helo.trim() : path;
  // A quoted local part may contain an `@`. The domain follows the last one.
  const at = written.lastIndexOf('@');
  let domain = written.slice(at + 1);
  if (domain.endsWith('.')) domain = domain.slice(0, -1);
  // RFC 8616 §4: U-labels become A-labels, also in macros.
  if (!printable.test(domain)) domain = parseDomain(domain) ?? domain;
  const localPart = at > 0 && identity === 'mailfrom' ? written.slice(0, at) : 'postmaster'; // §4.3
  return { sender: `${localPart}@${domain}`, domain: domain.toLowerCase(), identity };
}

const printable = /^[\x20-\x7e]*$/;
/** RFC 7208 §7.1: the last label of a domain. It is not a number, so an IP address is not a domain. */
const topLabel = /\.(?:[a-z0-9]*[a-z][a-z0-9]*|[a-z0-9]+-[a-z0-9-]*[a-z0-9])$/;

const isDomain = (domain: string): boolean => topLabel.test(domain) && questionName(domain) !== undefined;

/** The names of all options of {@link checkHost}. */
export const checkHostOptionNames: readonly string[] = [
  'timeoutMs',
  'lookups',
  'voids',
  'receiver',
  'lookAhead',
  'signal',
];
const MAX_LIMIT = 100;

/** @throws {TypeError} if an option is wrong */
export function assertOptions(owner: string, options: CheckHostOptions): void {
  assertKnownOptions(owner, options, checkHostOptionNames);
  const { timeoutMs, lookups, voids, receiver, lookAhead } = options;
  if (timeoutMs !== undefined) positiveNumber(owner, 'timeoutMs', timeoutMs);
  if (lookups !== undefined) wholeNumber(owner, 'lookups', lookups, 0, MAX_LIMIT);
  if (voids !== undefined) wholeNumber(owner, 'voids', voids, 0, MAX_LIMIT);
  if (lookAhead !== undefined && typeof lookAhead !== 'boolean')
    throw wrongOption(owner, 'lookAhead', 'true or false', lookAhead);
  if (receiver !== undefined && (typeof receiver !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(receiver)))
    throw wrongOption(owner, 'receiver', 'a host name like "mx.example.org"', receiver);
}
