import type { Answer, Awaitable, Check } from '../../core/index.ts';
import {
  assertKnownOptions,
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
  wrongOption,
} from '../../core/index.ts';
import type { Ban, Bans, Clock } from '../../env/index.ts';
import type { IpAddress, Prefix } from '../../net/index.ts';
import { embeddedIpv4, parseIp, parseNat64Prefix } from '../../net/index.ts';
import type { PrefixEntry, PrefixInput, PrefixSource } from '../../prefix-set/index.ts';
import { PrefixSet } from '../../prefix-set/index.ts';
import type { ConnectFacts } from '../../smtp/facts.ts';

/** A list: entries, a set of entries, or a source whose set can be replaced. */
export type ListInput = PrefixSet | PrefixSource | Iterable<PrefixInput | PrefixSet | PrefixSource>;

/** Options of {@link ipBlocklist}. */
export interface IpBlocklistOptions {
  /**
   * Blocked addresses. Entries with `allow` are allowed. Entries with `except` are exceptions from their own list.
   * Default: none.
   */
  readonly block?: ListInput;
  /** Allowed addresses. They override block entries with the same or a shorter prefix, and bans. Default: none. */
  readonly allow?: ListInput;
  /**
   * The site's NAT64 prefixes (RFC 6052), in addition to 64:ff9b::/96. The IPv4 address embedded in such an address is
   * looked up in the block lists. Default: none.
   */
  readonly nat64?: readonly string[];
  /**
   * Reply to a blocked client. It can name a contact for the client's postmaster.
   * Default: "Client host [<address>] blocked by local policy".
   */
  readonly explanation?: string;
  /** Part of the rule's id, to distinguish several uses of the check. Default: none. */
  readonly label?: string;
}

/**
 * The result of the check.
 *
 * - `pass`: allowed by an entry
 * - `none`: no entry decides
 * - `softfail`: temporarily banned
 * - `fail`: blocked by an entry
 * - `temperror`: a list has not been loaded, and no other list decides
 * - `permerror`: the client's address is not an IP address
 */
export type BlocklistResult = 'pass' | 'none' | 'softfail' | 'fail' | 'temperror' | 'permerror';

/** An entry that contains the client's address. */
export interface BlocklistMatch extends PrefixEntry {
  /** The IPv4 address that was found, if it is embedded in the client's IPv6 address. */
  readonly carried?: string;
}

/** The entries that contain the address. */
export interface BlocklistDetail {
  /** The entry that decided. */
  readonly decided?: BlocklistMatch;
  /** All entries that contain the address, longest prefix first. */
  readonly matches?: readonly BlocklistMatch[];
  /** The active ban. */
  readonly ban?: Ban;
  /** Lists that have not been loaded. */
  readonly missing?: readonly string[];
}

type Facts = Pick<ConnectFacts, 'client'>;
interface Env {
  readonly clock: Clock;
  readonly bans?: Bans;
}

/**
 * Checks the client's address against local lists and bans. See the module for the precedence.
 *
 * Recommended:
 *
 * - `fail` is rejected (554 5.7.1 at the banner)
 * - `softfail` (a ban) gets a 421 reply, because it is temporary
 * - `permerror` (an invalid address) is deferred
 * - `temperror` (a missing list) lets mail pass
 *
 * @param options the lists, or a single list, which is then the block list
 * @throws {TypeError} if an entry is not a prefix, or an option is invalid
 */
export function ipBlocklist(
  options: IpBlocklistOptions | ListInput = {},
): Check<Facts, Env, BlocklistResult, BlocklistDetail> {
  const given = isList(options) ? { block: options } : options;
  assertKnownOptions('ipBlocklist', given, ['block', 'allow', 'nat64', 'explanation', 'label']);
  const { explanation, label } = given;
  if (explanation !== undefined && (typeof explanation !== 'string' || !/^[\x20-\x7e]{1,400}$/.test(explanation)))
    throw wrongOption('ipBlocklist', 'explanation', 'one line of at most 400 printable ASCII characters', explanation);
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
  explanation: string | undefined,
): Awaitable<Answer<BlocklistResult, BlocklistDetail>> {
  const address = parseIp(ip);
  if (address === undefined) return permerror({ status: '3.5', explanation: 'Client address is invalid', detail: {} });
  const now = env.clock.now();
  const missing: string[] = [];
  const sets = { allow: setsOf(lists.allow, missing), block: setsOf(lists.block, missing) };
  const { decision, decided, matches } = matchAddress(address, sets, now, lists.nat64);
  if (decision === 'allow') return pass({ detail: { decided, matches } });
  if (decision === 'block')
    return fail({
      status: '7.1',
      cause: 'listed',
      explanation: explanation ?? `Client host [${address}] blocked by local policy`,
      detail: { decided, matches },
    });
  const withBan = (ban: Ban | undefined): Answer<BlocklistResult, BlocklistDetail> => {
    if (ban !== undefined)
      return softfail({ status: '7.0', explanation: `Client host [${address}] temporarily banned`, detail: { ban } });
    if (missing.length > 0)
      return temperror({ status: '3.0', explanation: 'Local list could not be read', detail: { missing } });
    return none();
  };
  const ban = env.bans?.lookup(address);
  return isPromise(ban) ? ban.then(withBan) : withBan(ban);
}

/** The result of looking up an address in lists. */
export interface AddressMatch {
  readonly decision: 'allow' | 'block' | 'none';
  /** The entry that decided. */
  readonly decided?: BlocklistMatch;
  /** All entries that contain the address, longest prefix first. At equal length, `allow` is first. */
  readonly matches?: readonly BlocklistMatch[];
}

const NOTHING: AddressMatch = { decision: 'none' };

/**
 * Looks up an address in sets of prefixes.
 *
 * The longest prefix decides, and at equal length allow beats block. If no set contains an IPv6 address, the IPv4 address
 * embedded in it may be blocked.
 *
 * @param now milliseconds since the epoch; expired entries do not count
 * @param nat64 the site's NAT64 prefixes
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

/** Returns the sources in an option. Single entries form one list together. */
function sourcesOf(option: 'allow' | 'block', given: ListInput | undefined): PrefixSource[] {
  if (given === undefined) return [];
  const wrong = (value: unknown): TypeError =>
    wrongOption('ipBlocklist', option, 'a list: prefixes, entries, a PrefixSet or a source', value);
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
    throw new TypeError(`ipBlocklist: ${option}: ${(error as Error).message.replace(/^PrefixSet: /, '')}`);
  }
}

function nat64Of(given: readonly string[] = []): Prefix[] {
  return given.map((text) => {
    try {
      return parseNat64Prefix(text);
    } catch (error) {
      throw new TypeError(`ipBlocklist: nat64: ${(error as Error).message}`);
    }
  });
}
