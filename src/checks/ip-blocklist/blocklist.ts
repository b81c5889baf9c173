import type { Answer, Awaitable, Check } from '../../core/index.ts';
import {
  defer,
  defineCheck,
  fail,
  isPromise,
  none,
  pass,
  permerror,
  proceed,
  reject,
  softfail,
  temperror,
} from '../../core/index.ts';
import type { Ban, Bans, Clock } from '../../env/index.ts';
import type { IpAddress, Prefix } from '../../net/index.ts';
import { embeddedIpv4, parseIp, parseNat64Prefix } from '../../net/index.ts';
import type { PrefixEntry, PrefixInput, PrefixSource } from '../../prefix-set/index.ts';
import { PrefixSet } from '../../prefix-set/index.ts';
import type { ConnectFacts } from '../../smtp/facts.ts';

/** A list: entries as they are, a set that was made of them, or a source whose set may be replaced. */
export type ListInput = PrefixSet | PrefixSource | Iterable<PrefixInput | PrefixSet | PrefixSource>;

export interface IpBlocklistOptions {
  /** What is blocked. Entries with `allow` are allowed; with `except`, they are no part of their own list. */
  readonly block?: ListInput;
  /** What is allowed, whatever blocks it with the same or a shorter prefix, and whoever banned it. */
  readonly allow?: ListInput;
  /** The site's own NAT64 prefixes (RFC 6052), whose carried address is looked up in the block lists; 64:ff9b::/96 always is. */
  readonly nat64?: readonly string[];
  /** The sentence for the client that is blocked, and where its postmaster may turn to. */
  readonly explanation?: string;
  /** Tells this use of the check from others in ids. */
  readonly label?: string;
}

/**
 * - `pass`: allowed by an entry
 * - `none`: no entry, or none that decides
 * - `softfail`: banned for a time
 * - `fail`: blocked by an entry
 * - `temperror`: a list has never been loaded, and no other list decides
 * - `permerror`: the client's address is none, so that nothing can be said of it
 */
export type BlocklistResult = 'pass' | 'none' | 'softfail' | 'fail' | 'temperror' | 'permerror';

/** An entry around the client's address. */
export interface BlocklistMatch extends PrefixEntry {
  /** The address that was found, where it is not the client's own but one that it carries. */
  readonly carried?: string;
}

export interface BlocklistDetail {
  /** The entry that decided. */
  readonly decided?: BlocklistMatch;
  /** Every entry around the address, the longest prefix first; the decisive one first of all. */
  readonly matches?: readonly BlocklistMatch[];
  readonly ban?: Ban;
  /** Lists that have no set to look in. */
  readonly missing?: readonly string[];
}

type Facts = Pick<ConnectFacts, 'client'>;
interface Env {
  readonly clock: Clock;
  readonly bans?: Bans;
}

/**
 * Has this site decided about the client's address? See the module for what decides.
 *
 * Recommended: `fail` is rejected (554 5.7.1 at the banner), a ban (`softfail`) is answered with 421, since it ends; an
 * address that cannot be read is deferred; a list that is missing lets mail pass and is in the log.
 *
 * @param options the lists; a list alone is what to block
 * @throws TypeError where an entry is no prefix, or an option has a wrong type
 */
export function ipBlocklist(
  options: IpBlocklistOptions | ListInput = {},
): Check<Facts, Env, BlocklistResult, BlocklistDetail> {
  const given = isList(options) ? { block: options } : options;
  const { explanation = 'The client address is blocked by local policy', label } = given;
  if (typeof explanation !== 'string' || !/^[\x20-\x7e]{1,400}$/.test(explanation))
    throw new TypeError(`ip-blocklist: explanation ${JSON.stringify(explanation)} must be one line of printable ASCII`);
  const lists: Lists = {
    block: sourcesOf('block', given.block),
    allow: sourcesOf('allow', given.allow),
    nat64: nat64Of(given.nat64),
  };
  return defineCheck(
    'ip-blocklist',
    (facts: Facts, env: Env) => examine(facts.client.ip, lists, env, explanation),
    { fail: reject(), softfail: defer({ close: true }), temperror: proceed, permerror: defer() },
    { earliest: 'connect', label },
  );
}

interface Lists {
  readonly block: readonly PrefixSource[];
  readonly allow: readonly PrefixSource[];
  readonly nat64: readonly Prefix[];
}

function examine(
  ip: string,
  lists: Lists,
  env: Env,
  explanation: string,
): Awaitable<Answer<BlocklistResult, BlocklistDetail>> {
  const address = parseIp(ip);
  if (address === undefined)
    return permerror({ status: '3.5', explanation: 'The client address cannot be read', detail: {} });
  const now = env.clock.now();
  const missing: string[] = [];
  const sets = { allow: setsOf(lists.allow, missing), block: setsOf(lists.block, missing) };
  const { decision, decided, matches } = matchAddress(address, sets, now, lists.nat64);
  if (decision === 'allow') return pass({ detail: { decided, matches } });
  if (decision === 'block') return fail({ status: '7.1', cause: 'listed', explanation, detail: { decided, matches } });
  const withBan = (ban: Ban | undefined): Answer<BlocklistResult, BlocklistDetail> => {
    if (ban !== undefined)
      return softfail({ status: '7.0', explanation: 'The client address is banned for a time', detail: { ban } });
    if (missing.length > 0)
      return temperror({ status: '3.0', explanation: 'A local list could not be read', detail: { missing } });
    return none();
  };
  const ban = env.bans?.lookup(address);
  return isPromise(ban) ? ban.then(withBan) : withBan(ban);
}

/** What lists say of an address. */
export interface AddressMatch {
  readonly decision: 'allow' | 'block' | 'none';
  /** The entry that decided. */
  readonly decided?: BlocklistMatch;
  /** Every entry around the address, the longest prefix first; of equal ones those that allow. */
  readonly matches?: readonly BlocklistMatch[];
}

const NOTHING: AddressMatch = { decision: 'none' };

/**
 * What sets of prefixes say of an address: the longest prefix decides, and at equal length allow beats block. Where the
 * address itself is in none, the IPv4 address that it carries may be blocked.
 *
 * @param now milliseconds since the epoch: entries that have ended do not count
 * @param nat64 the site's own NAT64 prefixes
 */
export function matchAddress(
  address: IpAddress,
  sets: { readonly allow?: readonly PrefixSet[]; readonly block?: readonly PrefixSet[] },
  now: number,
  nat64: readonly Prefix[] = [],
): AddressMatch {
  const { allow = [], block = [] } = sets;
  const own = decide(address, allow, block, now);
  if (own.decision !== 'none' || !address.includes(':')) return own;
  const carried = embeddedIpv4(address, nat64);
  if (carried === undefined) return own;
  const { decision, decided, matches = [] } = decide(carried, allow, block, now);
  if (decision !== 'block' || decided === undefined) return own;
  return { decision, decided: { ...decided, carried }, matches: matches.map((match) => ({ ...match, carried })) };
}

function decide(
  address: IpAddress,
  allow: readonly PrefixSet[],
  block: readonly PrefixSet[],
  now: number,
): AddressMatch {
  let decided: PrefixEntry | undefined;
  let longest = -1;
  for (const set of allow) {
    const entry = set.lookup(address, now);
    if (entry === undefined || entry.except === true || lengthOf(entry) <= longest) continue;
    decided = { ...entry, allow: true };
    longest = lengthOf(entry);
  }
  for (const set of block) {
    const entry = set.lookup(address, now);
    if (entry === undefined || entry.except === true || lengthOf(entry) < longest) continue;
    if (lengthOf(entry) === longest && (decided?.allow === true || entry.allow !== true)) continue;
    decided = entry;
    longest = lengthOf(entry);
  }
  if (decided === undefined) return NOTHING;
  const matches = [
    ...allow.flatMap((set) => set.explain(address, now).map((entry) => ({ ...entry, allow: entry.except !== true }))),
    ...block.flatMap((set) => set.explain(address, now)),
  ].sort((a, b) => lengthOf(b) - lengthOf(a) || Number(b.allow ?? false) - Number(a.allow ?? false));
  return { decision: decided.allow === true ? 'allow' : 'block', decided, matches };
}

const lengthOf = (entry: PrefixEntry): number => Number(entry.prefix.slice(entry.prefix.indexOf('/') + 1));

function setsOf(sources: readonly PrefixSource[], missing: string[]): PrefixSet[] {
  const sets: PrefixSet[] = [];
  for (const source of sources) {
    const set = source.current();
    if (set === undefined) missing.push(source.name ?? 'a list without a name');
    else sets.push(set);
  }
  return sets;
}

const isSource = (value: object): value is PrefixSource => 'current' in value && typeof value.current === 'function';
const isList = (value: IpBlocklistOptions | ListInput): value is ListInput =>
  value instanceof PrefixSet || Symbol.iterator in value || isSource(value);

/** The sources that an option names. Entries that stand alone are one list together. */
function sourcesOf(option: 'allow' | 'block', given: ListInput | undefined): PrefixSource[] {
  if (given === undefined) return [];
  const wrong = (value: unknown): TypeError =>
    new TypeError(
      `ip-blocklist: ${option} ${JSON.stringify(value)} is not a list; give prefixes, entries, a PrefixSet or a source`,
    );
  if (typeof given !== 'object' || given === null) throw wrong(given);
  const whole = given instanceof PrefixSet || isSource(given);
  if (!whole && !(Symbol.iterator in given)) throw wrong(given);
  const sources: PrefixSource[] = [];
  const alone: PrefixInput[] = [];
  for (const item of whole ? [given] : given) {
    if (item instanceof PrefixSet) sources.push({ name: option, current: () => item });
    else if (typeof item === 'object' && item !== null && isSource(item)) sources.push(item);
    else alone.push(item as PrefixInput);
  }
  if (alone.length > 0) {
    const set = inlineSet(option, alone);
    sources.push({ name: option, current: () => set });
  }
  return sources;
}

function inlineSet(option: string, entries: readonly PrefixInput[]): PrefixSet {
  try {
    return PrefixSet.from(entries);
  } catch (error) {
    throw new TypeError(`ip-blocklist: ${option}: ${(error as Error).message.replace(/^PrefixSet: /, '')}`);
  }
}

function nat64Of(given: readonly string[] = []): Prefix[] {
  return given.map((text) => {
    try {
      return parseNat64Prefix(text);
    } catch (error) {
      throw new TypeError(`ip-blocklist: nat64: ${(error as Error).message}`);
    }
  });
}
