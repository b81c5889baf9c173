import type { Answer, Check } from '../../core/index.ts';
import { defineCheck, fail, none, pass, permerror, proceed, temperror } from '../../core/index.ts';

import type { ListAnswer, ListedCode, ListWatch, ListZone, ListZoneOptions } from '../../dns/index.ts';
import {
  addressLabels,
  assertListWeights,
  forwardConfirm,
  isWeighed,
  listingVerdict,
  listingWeight,
  listWatch,
  listZone,
  queryList,
} from '../../dns/index.ts';
import type { Env } from '../../env/index.ts';
import type { AddressScope, IpAddress, Prefix } from '../../net/index.ts';
import {
  addressScope,
  ipVersion,
  isFullyQualified,
  parseDomain,
  parsePrefix,
  prefixHas,
  registrableDomain,
} from '../../net/index.ts';
import type { ConnectFacts, HeloFacts, MailFacts } from '../../smtp/facts.ts';

/** See the room's table. */
export type DnsblResult = 'none' | 'fail' | 'pass' | 'temperror' | 'permerror';

/** Options of {@link dnsbl} for a list of addresses; those of the list itself included. */
export interface DnsblOptions extends Omit<ListZoneOptions, 'holds'> {
  /** `block` (the default): to be listed speaks against the client; `allow`: for it. */
  readonly kind?: 'block' | 'allow';
  /**
   * What a listing adds to the score: more than 0 for a block list, less than 0 for an allow list. Codes may have weights
   * of their own. Where a block list has no weight at all, a listing is refused.
   */
  readonly weight?: number;
  /** Where the sender's postmaster can look the listing up: `https://lookup.example/?q={subject}`. Said in the reply. */
  readonly url?: string;
  /** Whether the list's own words (its TXT record) are kept for the log, or said in the reply; `no` where not given. */
  readonly reason?: 'no' | 'log' | 'reply';
  /**
   * Clients that are not asked about: prefixes. Where not given: loopback, private, link-local and shared addresses,
   * multicast, and 0.0.0.0/8.
   */
  readonly exempt?: readonly string[];
  /** Watches over the list's health; one of its own where not given. Share one between checks to hear of its events. */
  readonly watch?: ListWatch;
}

/** Which name is asked about: of HELO, of the client's confirmed PTR records, or of the sender's domain. */
export type NameSource = 'helo' | 'ptr' | 'sender';

/** Options of {@link dnsbl} for a list of names. */
export interface NameListOptions<Of> extends DnsblOptions {
  /** Which name is asked about, or a function that takes names (or none) from the facts. */
  readonly of: Of;
  /** Ask about the name as it is (the default), or about its registrable domain. */
  readonly reduce?: 'host' | 'registrable';
}

/** What a list said. */
export interface DnsblDetail {
  /** The list's label. */
  readonly list: string;
  /** What was asked about. */
  readonly asked: readonly string[];
  readonly listed?: readonly {
    readonly subject: string;
    readonly codes: readonly ListedCode[];
    readonly text?: string;
  }[];
  /** Answers that none of the list's codes names. */
  readonly unknown?: readonly string[];
  readonly trouble?: Exclude<ListAnswer['status'], 'listed' | 'notListed'> | 'reverse-dns';
  readonly reason?: string;
  /** Until when the list is not asked; milliseconds since the epoch. */
  readonly until?: number;
}

const known: ReadonlySet<string> = new Set<keyof NameListOptions<unknown> | keyof ListZoneOptions>([
  'zone',
  'label',
  'kind',
  'weight',
  'codes',
  'errorCodes',
  'of',
  'reduce',
  'key',
  'url',
  'reason',
  'timeoutMs',
  'ipv4',
  'ipv6',
  'exempt',
  'testEntries',
  'watch',
  'text',
  'keyNeeded',
  'retired',
]);

type DnsblCheck<Facts> = Check<Facts, Pick<Env, 'dns' | 'clock'>, DnsblResult, DnsblDetail>;
type Selector<Facts> = (facts: Facts) => string | null | undefined | readonly (string | null | undefined)[];

/**
 * Asks one DNS list.
 *
 * Without `of` it is asked about the client's address, as soon as there is a connection; with `of`, about names.
 *
 * @throws TypeError that names the option, the value and what is allowed
 */
export function dnsbl(options: DnsblOptions & { readonly of?: undefined }): DnsblCheck<Pick<ConnectFacts, 'client'>>;
export function dnsbl(options: NameListOptions<'ptr'>): DnsblCheck<Pick<ConnectFacts, 'client'>>;
export function dnsbl(options: NameListOptions<'helo'>): DnsblCheck<Pick<HeloFacts, 'helo'>>;
export function dnsbl(options: NameListOptions<'sender'>): DnsblCheck<Pick<MailFacts, 'reversePath'>>;
export function dnsbl<Facts>(options: NameListOptions<Selector<Facts>>): DnsblCheck<Facts>;
export function dnsbl(
  options: DnsblOptions & Partial<NameListOptions<NameSource | Selector<never> | undefined>>,
): DnsblCheck<never> {
  const { kind = 'block', of, weight, url, reason = 'no', watch = listWatch() } = options;
  const wrong = (what: string): TypeError => new TypeError(`dnsbl: ${what}`);
  for (const name of Object.keys(options)) {
    if (!known.has(name)) throw wrong(`${name} is no option; there are ${[...known].join(', ')}`);
  }
  if (kind !== 'block' && kind !== 'allow') throw wrong(`kind ${JSON.stringify(kind)} must be "block" or "allow"`);
  if (!['no', 'log', 'reply'].includes(reason))
    throw wrong(`reason ${JSON.stringify(reason)} must be "no", "log" or "reply"`);
  if (of !== undefined && typeof of !== 'function' && !['helo', 'ptr', 'sender'].includes(of))
    throw wrong(`of ${JSON.stringify(of)} must be "helo", "ptr", "sender" or a function of the facts`);
  const { reduce = 'host' } = options;
  if (reduce !== 'host' && reduce !== 'registrable')
    throw wrong(`reduce ${JSON.stringify(reduce)} must be "host" or "registrable"`);
  if (url !== undefined && (typeof url !== 'string' || !/^https?:\/\/[\x21-\x7e]+$/.test(url)))
    throw wrong(`url ${JSON.stringify(url)} must be printable and begin with http:// or https://`);
  const list = listZone(
    { ...options, holds: of === undefined ? 'address' : 'name', text: reason !== 'no' || options.text === true },
    'dnsbl',
  );
  assertListWeights(kind, weight, list, wrong);
  const exempt = options.exempt?.map((text) => readPrefix(text, wrong));
  const say = sayer(list, kind, url, reason === 'reply');

  const examine = async (
    subjects: readonly Subject[],
    env: Pick<Env, 'dns' | 'clock'>,
    signal: AbortSignal,
  ): Promise<Answer<DnsblResult, DnsblDetail>> => {
    const answers = await Promise.all(subjects.map(({ labels }) => queryList(list, labels, env, { signal, watch })));
    return conclude(list, kind, weight, subjects, answers, say);
  };
  const table = {
    none: proceed,
    fail: kind === 'block' ? listingVerdict(kind, weight, list) : proceed,
    pass: kind === 'allow' ? listingVerdict(kind, weight, list) : proceed,
    temperror: proceed,
    permerror: proceed,
  };
  const named = { label: list.label, weightChosen: isWeighed(weight, list) };
  if (of === undefined || of === 'ptr') {
    return defineCheck<Pick<ConnectFacts, 'client'>, Pick<Env, 'dns' | 'clock'>, DnsblResult, DnsblDetail>(
      'dnsbl',
      async ({ client }, env, signal) => {
        if (isExempt(client.ip, exempt)) return none({ detail: { list: nameOf(list), asked: [] } });
        if (of === undefined) return examine(addressSubjects(list, client.ip), env, signal);
        const reverse = await forwardConfirm(client.ip, env, { signal });
        if (reverse.result === 'temperror' && reverse.confirmed.length === 0)
          return temperror({
            detail: { list: nameOf(list), asked: [], trouble: 'reverse-dns', reason: reverse.reason ?? 'no answer' },
          });
        return examine(nameSubjects(reverse.confirmed, reduce), env, signal);
      },
      table,
      { ...named, earliest: 'connect' },
    );
  }
  if (of === 'helo') {
    return defineCheck<Pick<HeloFacts, 'helo'>, Pick<Env, 'dns' | 'clock'>, DnsblResult, DnsblDetail>(
      'dnsbl',
      ({ helo }, env, signal) => examine(nameSubjects([helo.domain], reduce), env, signal),
      table,
      { ...named, earliest: 'helo' },
    );
  }
  if (of === 'sender') {
    return defineCheck<Pick<MailFacts, 'reversePath'>, Pick<Env, 'dns' | 'clock'>, DnsblResult, DnsblDetail>(
      'dnsbl',
      ({ reversePath }, env, signal) => examine(nameSubjects([reversePath?.domain], reduce), env, signal),
      table,
      { ...named, earliest: 'mail' },
    );
  }
  return defineCheck<never, Pick<Env, 'dns' | 'clock'>, DnsblResult, DnsblDetail>(
    'dnsbl',
    (facts, env, signal) => {
      const taken = of(facts);
      return examine(nameSubjects(Array.isArray(taken) ? taken : [taken], reduce), env, signal);
    },
    table,
    named,
  );
}

interface Subject {
  readonly subject: string;
  readonly labels: string;
  readonly called: string;
}

/** How many names of one session are asked about. */
const MAX_NAMES = 10;

const nameOf = (list: ListZone): string => list.label ?? 'a DNS list';

function addressSubjects(list: ListZone, ip: IpAddress): Subject[] {
  if (ipVersion(ip) === 4 ? !list.ipv4 : !list.ipv6) return [];
  return [{ subject: ip, labels: addressLabels(ip), called: 'Client address' }];
}

/** The names that a list of names can hold: host names, not addresses. */
function nameSubjects(names: readonly (string | null | undefined)[], reduce: 'host' | 'registrable'): Subject[] {
  const asked = new Set<string>();
  for (const text of names) {
    const name = typeof text === 'string' ? parseDomain(text) : undefined;
    if (name === undefined || !isFullyQualified(name)) continue;
    const reduced = reduce === 'host' ? name : registrableDomain(name);
    if (reduced !== undefined && asked.size < MAX_NAMES) asked.add(reduced);
  }
  return [...asked].map((name) => ({ subject: name, labels: name, called: 'Name' }));
}

/** Addresses that mean something else on every network; a list can say nothing about them. */
const unasked: ReadonlySet<AddressScope> = new Set(['loopback', 'private', 'link-local', 'shared', 'multicast']);
const thisNetwork = parsePrefix('0.0.0.0/8');

const isExempt = (ip: IpAddress, exempt: readonly Prefix[] | undefined): boolean =>
  exempt === undefined
    ? unasked.has(addressScope(ip)) || prefixHas(thisNetwork, ip) || ip === '::'
    : exempt.some((prefix) => prefixHas(prefix, ip));

function readPrefix(text: string, wrong: (what: string) => TypeError): Prefix {
  try {
    return parsePrefix(text);
  } catch (error) {
    throw wrong(`exempt: ${(error as Error).message}; give prefixes like "192.0.2.0/24"`);
  }
}

type Sayer = (subject: Subject, text: string | undefined) => string;

function sayer(list: ListZone, kind: 'block' | 'allow', url: string | undefined, withText: boolean): Sayer {
  const by = list.label === undefined ? `a DNS ${kind} list` : list.label;
  return ({ subject, called }, text) => {
    const where = url === undefined ? '' : `; see ${url.replaceAll('{subject}', encodeURIComponent(subject))}`;
    return `${called} ${subject} is listed by ${by}${withText && text !== undefined ? ` (${text})` : ''}${where}`;
  };
}

function conclude(
  list: ListZone,
  kind: 'block' | 'allow',
  weight: number | undefined,
  subjects: readonly Subject[],
  answers: readonly ListAnswer[],
  say: Sayer,
): Answer<DnsblResult, DnsblDetail> {
  const base = { list: nameOf(list), asked: subjects.map(({ subject }) => subject) };
  const listed: { subject: string; codes: readonly ListedCode[]; text?: string }[] = [];
  const unknown: string[] = [];
  let heaviest: number | undefined;
  let explanation: string | undefined;
  for (const [i, answer] of answers.entries()) {
    const subject = subjects[i] as Subject;
    if (answer.status === 'notListed') unknown.push(...answer.unknown);
    if (answer.status !== 'listed') continue;
    explanation ??= say(subject, answer.text);
    listed.push({
      subject: subject.subject,
      codes: answer.codes,
      text: answer.text,
    });
    const own = listingWeight(list, weight, answer);
    // Of several names, the one that weighs most counts.
    if (own !== undefined && (heaviest === undefined || Math.abs(own) > Math.abs(heaviest))) heaviest = own;
  }
  if (listed.length > 0) {
    const detail: DnsblDetail = { ...base, listed };
    const heavy = heaviest === undefined ? {} : { weight: heaviest };
    return kind === 'allow'
      ? pass({ ...heavy, detail })
      : fail({ ...heavy, status: '7.1', cause: 'listed', explanation, detail });
  }
  const trouble = answers.find(({ status }) => status !== 'notListed');
  if (trouble === undefined || trouble.status === 'listed' || trouble.status === 'notListed')
    return none({ detail: unknown.length === 0 ? base : { ...base, unknown } });
  const detail: DnsblDetail = {
    ...base,
    trouble: trouble.status,
    reason: trouble.reason,
    ...(trouble.status === 'suspended' ? { until: trouble.until } : {}),
  };
  return trouble.status === 'timeout' || trouble.status === 'error' ? temperror({ detail }) : permerror({ detail });
}
