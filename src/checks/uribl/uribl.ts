import type { Answer, Check } from '../../core/index.ts';
import { addWeights, defineCheck, fail, none, permerror, proceed, temperror } from '../../core/index.ts';
import type { ListAnswer, ListedCode, ListWatch, ListZone, ListZoneOptions } from '../../dns/index.ts';
import {
  assertListWeights,
  isWeighed,
  listingVerdict,
  listingWeight,
  listWatch,
  listZone,
  queryList,
} from '../../dns/index.ts';
import type { Env } from '../../env/index.ts';
import type { LinkPlace, Truncation } from '../../message/index.ts';
import { parseDomain, parseIp } from '../../net/index.ts';
import type { DataFacts } from '../../smtp/facts.ts';
import type { Answers } from './ask.ts';
import { askUntilDecided } from './ask.ts';
import type { AddressQuestion, Candidate, Reduction, SelectionOptions, UnaskedName } from './names.ts';
import { selectNames } from './names.ts';

/** See the room's table. */
export type UriblResult = 'none' | 'fail' | 'temperror' | 'permerror';

/** The facts that every use of the check needs. */
export type UriblFacts = Pick<DataFacts, 'message'>;

export interface UriblOptions extends Omit<ListZoneOptions, 'holds'> {
  /** What a listing adds to the score; more than 0. Codes may have weights of their own. Without any, a listing is refused. */
  readonly weight?: number;
  /** What the list is asked about a host; `registrable` where not given. */
  readonly reduce?: Reduction;
  /** How it is asked about an address in a link; `reversed` where not given. */
  readonly addresses?: AddressQuestion;
  /** How many names of one message it is asked about; 20 where not given, 100 at most. */
  readonly most?: number;
  /** Domains (and what lies below them) and addresses that it is never asked about. */
  readonly skip?: readonly string[];
  /** Ask about the domains of mail addresses that the message names too; false where not given. */
  readonly mailHosts?: boolean;
  /** Where the sender's postmaster can look a listing up: `https://lookup.example/?q={subject}`. Said in the reply. */
  readonly url?: string;
  /** Watches over the list's health; one of its own where not given. Share one between checks to hear of its events. */
  readonly watch?: ListWatch;
}

/** Names from other facts, asked about as well: the sender's domain, HELO, domains of header fields. */
export interface AlsoNames<Facts> {
  /** The names to ask about besides those of the links. */
  readonly also: (facts: Facts) => readonly (string | null | undefined)[];
}

/** A name of the message that is on the list. */
export interface UriblListing {
  readonly name: string;
  /** The link that it was found in, and where that stands. */
  readonly uri?: string;
  readonly where?: LinkPlace;
  readonly codes: readonly ListedCode[];
  /** The list's own words, where it was asked for them. */
  readonly text?: string;
}

export interface UriblDetail {
  /** The list's label. */
  readonly list: string;
  readonly asked: readonly string[];
  /** How many names were left out because there are more than `most`. */
  readonly omitted?: number;
  /** The names that the list was not asked about, and why; the first 20. */
  readonly unasked?: readonly UnaskedName[];
  /** Questions that were ended, because a listing had decided. */
  readonly unfinished?: number;
  /** The message was longer, deeper or fuller of links than is read; there may be more in it. */
  readonly truncated?: readonly Truncation[];
  readonly listed?: readonly UriblListing[];
  /** Answers that none of the list's codes names. */
  readonly unknown?: readonly string[];
  readonly trouble?: Exclude<ListAnswer['status'], 'listed' | 'notListed'>;
  readonly reason?: string;
  /** Until when the list is not asked; milliseconds since the epoch. */
  readonly until?: number;
}

type UriblCheck<Facts> = Check<Facts, Pick<Env, 'dns' | 'clock'>, UriblResult, UriblDetail>;

const MOST = 20;
const MOST_ALLOWED = 100;

/**
 * Asks one list of domains about the links of a message, all of them at once.
 *
 * @throws TypeError that names the option, the value and what is allowed
 */
export function uribl(options: UriblOptions & { readonly also?: undefined }): UriblCheck<UriblFacts>;
export function uribl<Facts>(options: UriblOptions & AlsoNames<Facts>): UriblCheck<Facts & UriblFacts>;
export function uribl(options: UriblOptions & { readonly also?: AlsoNames<never>['also'] }): UriblCheck<never> {
  const wrong = (what: string): TypeError => new TypeError(`uribl: ${what}`);
  const { weight, url, also, watch = listWatch() } = options;
  const list = listZone({ ...options, holds: 'name' }, 'uribl');
  assertListWeights('block', weight, list, wrong);
  if (also !== undefined && typeof also !== 'function')
    throw wrong('also must be a function that takes names from the facts');
  if (url !== undefined && (typeof url !== 'string' || !/^https?:\/\/[\x21-\x7e]+$/.test(url)))
    throw wrong(`url ${JSON.stringify(url)} must be printable and begin with http:// or https://`);
  const selection = readSelection(options, list, wrong);

  return defineCheck<never, Pick<Env, 'dns' | 'clock'>, UriblResult, UriblDetail>(
    'uribl',
    async (facts: UriblFacts, env, signal) => {
      const names = also === undefined ? [] : also(facts as never);
      const { candidates, omitted, unasked } = selectNames(facts.message, { ...selection, also: names });
      const questions = candidates.map(
        ({ labels }) =>
          (until: AbortSignal) =>
            queryList(list, labels, env, { signal: until, watch }),
      );
      const answers = await askUntilDecided(questions, (answer) => decides(list, weight, answer), signal);
      const unfinished = answers.filter((answer) => answer === undefined).length;
      const { truncated } = facts.message;
      const base: UriblDetail = {
        list: list.label ?? 'a URI list',
        asked: candidates.map(({ name }) => name),
        ...(omitted === 0 ? {} : { omitted }),
        ...(unasked.length === 0 ? {} : { unasked }),
        ...(unfinished === 0 ? {} : { unfinished }),
        ...(truncated.length === 0 ? {} : { truncated }),
      };
      return conclude(list, weight, url, candidates, answers, base);
    },
    { fail: listingVerdict('block', weight, list), temperror: proceed, permerror: proceed },
    // What the author of the policy takes from the facts may be about the recipient.
    {
      label: list.label,
      weightChosen: isWeighed(weight, list),
      ...(also === undefined ? { earliest: 'data' } : {}),
    },
  );
}

function readSelection(
  options: UriblOptions,
  list: ListZone,
  wrong: (what: string) => TypeError,
): Omit<SelectionOptions, 'also'> {
  const { reduce = 'registrable', addresses = 'reversed', most = MOST, mailHosts = false } = options;
  if (!['registrable', 'organizational', 'host'].includes(reduce))
    throw wrong(`reduce ${JSON.stringify(reduce)} must be "registrable", "organizational" or "host"`);
  if (!['never', 'reversed', 'plain'].includes(addresses))
    throw wrong(`addresses ${JSON.stringify(addresses)} must be "never", "reversed" or "plain"`);
  if (!Number.isInteger(most) || most < 1 || most > MOST_ALLOWED)
    throw wrong(`most ${String(most)} must be a whole number from 1 to ${MOST_ALLOWED}`);
  if (typeof mailHosts !== 'boolean') throw wrong(`mailHosts ${JSON.stringify(mailHosts)} must be true or false`);
  const skip = (options.skip ?? []).map((text) => {
    const read = typeof text === 'string' ? (parseIp(text) ?? parseDomain(text)) : undefined;
    if (read === undefined) throw wrong(`skip ${JSON.stringify(text)} must be a domain name or an address`);
    return read;
  });
  return { reduce, addresses, most, mailHosts, skip, ipv6: list.ipv6 };
}

/** Whether no further listing could weigh more: any listing where codes have no weights, else the heaviest there can be. */
function decides(list: ListZone, weight: number | undefined, answer: ListAnswer): boolean {
  if (answer.status !== 'listed') return false;
  const own = listingWeight(list, weight, answer);
  return own === undefined || own >= addWeights(list.heaviest ?? 0, weight ?? 0);
}

function conclude(
  list: ListZone,
  weight: number | undefined,
  url: string | undefined,
  candidates: readonly Candidate[],
  answers: Answers,
  base: UriblDetail,
): Answer<UriblResult, UriblDetail> {
  const listed: UriblListing[] = [];
  const unknown: string[] = [];
  let heaviest: number | undefined;
  for (const [i, answer] of answers.entries()) {
    if (answer === undefined) continue;
    if (answer.status === 'notListed') unknown.push(...answer.unknown);
    if (answer.status !== 'listed') continue;
    const { name, uri, where } = candidates[i] as Candidate;
    listed.push({
      name,
      uri,
      where,
      codes: answer.codes,
      text: answer.text,
    });
    const own = listingWeight(list, weight, answer);
    // Of several names, the one that weighs most counts.
    if (own !== undefined && (heaviest === undefined || own > heaviest)) heaviest = own;
  }
  const [first] = listed;
  if (first !== undefined) {
    const see = url === undefined ? '' : `; see ${url.replaceAll('{subject}', encodeURIComponent(first.name))}`;
    return fail({
      weight: heaviest,
      status: '7.1',
      cause: 'listed',
      explanation: `The message ${first.uri === undefined ? 'names' : 'links to'} ${first.name}, which is listed by ${base.list}${see}`,
      detail: { ...base, listed },
    });
  }
  const trouble = answers.find((answer) => answer !== undefined && answer.status !== 'notListed');
  if (trouble === undefined || trouble.status === 'listed')
    return none({ detail: unknown.length === 0 ? base : { ...base, unknown } });
  const detail: UriblDetail = {
    ...base,
    trouble: trouble.status,
    reason: trouble.reason,
    ...(trouble.status === 'suspended' ? { until: trouble.until } : {}),
  };
  return trouble.status === 'timeout' || trouble.status === 'error' ? temperror({ detail }) : permerror({ detail });
}
