import type { Check } from '../../core/index.ts';
import {
  addWeights,
  assertFunction,
  defineCheck,
  fail,
  none,
  oneOf,
  permerror,
  proceed,
  temperror,
  wholeNumber,
  wrongOption,
} from '../../core/index.ts';
import type { CheckedList, ListAnswer, ListCheckOptions, ListedCode, ListTrouble } from '../../dns/index.ts';
import { concludeAnswers, listingWeight, queryList, readListCheck } from '../../dns/index.ts';
import type { Env } from '../../env/index.ts';
import { onAbort } from '../../env/index.ts';
import type { LinkPlace, Truncation } from '../../message/index.ts';
import { parseDomain, parseIp } from '../../net/index.ts';
import type { DataFacts } from '../../smtp/facts.ts';
import type { AddressQuestion, Candidate, Reduction, SelectionOptions, UnaskedName } from './names.ts';
import { selectNames } from './names.ts';

/** See the table of this module. */
export type UriblResult = 'none' | 'fail' | 'temperror' | 'permerror';

/** The facts that every use of the check needs. */
export type UriblFacts = Pick<DataFacts, 'message'>;

/** Options of {@link uribl}. */
export interface UriblOptions extends ListCheckOptions {
  /** Which part of a host name is queried. Default: `registrable`. */
  readonly reduce?: Reduction;
  /** How addresses in links are queried. Default: `reversed`, or `never` if the list has `ipv4: false` and `ipv6: false`. */
  readonly addresses?: AddressQuestion;
  /** Limit of names queried for one message, at most 100. Default: 20. */
  readonly most?: number;
  /** Addresses, and domains with all names below them, that are never queried. Default: none. */
  readonly skip?: readonly string[];
  /** Whether the domains of mail addresses in the message are queried too. Default: false. */
  readonly mailHosts?: boolean;
}

/** Names from other facts that are queried as well: the sender's domain, HELO, domains of header fields. */
export interface AlsoNames<Facts> {
  /** Returns the names to query besides those of the links. */
  readonly also: (facts: Facts) => readonly (string | null | undefined)[];
}

/** A name in the message that is on the list. */
export interface UriblListing {
  readonly name: string;
  /** The link that contains the name. */
  readonly uri?: string;
  readonly where?: LinkPlace;
  readonly codes: readonly ListedCode[];
  /** The TXT record of the listing, with the option `text`. */
  readonly text?: string;
}

/** What the list answered. */
export interface UriblDetail extends ListTrouble {
  /** The label of the list. */
  readonly list: string;
  /** The names that were queried. */
  readonly asked: readonly string[];
  /** How many names were not queried because there are more than `most`. */
  readonly omitted?: number;
  /** The first 20 names that were not queried, and why. */
  readonly unasked?: readonly UnaskedName[];
  /** How many queries were aborted because a listing had decided. */
  readonly unfinished?: number;
  /** Limits of the message reader that were exceeded: the message may contain more links. */
  readonly truncated?: readonly Truncation[];
  readonly listed?: readonly UriblListing[];
  /** Answers that match no code of the list. */
  readonly unknown?: readonly string[];
}

type UriblCheck<Facts> = Check<Facts, Pick<Env, 'dns' | 'clock'>, UriblResult, UriblDetail>;

const DEFAULT_MOST = 20;
const MAX_MOST = 100;

/**
 * Checks the links of a message against one DNS list of domains, all of them in parallel.
 *
 * @throws {TypeError} if an option is wrong
 */
export function uribl(options: UriblOptions & { readonly also?: undefined }): UriblCheck<UriblFacts>;
export function uribl<Facts>(options: UriblOptions & AlsoNames<Facts>): UriblCheck<Facts & UriblFacts>;
export function uribl(options: UriblOptions & { readonly also?: AlsoNames<never>['also'] }): UriblCheck<never> {
  const checked = readListCheck('uribl', 'block', 'name', options, [
    'reduce',
    'addresses',
    'most',
    'skip',
    'mailHosts',
    'also',
  ]);
  const { list, watch, name, verdict, weightChosen } = checked;
  const { also } = options;
  if (also !== undefined) assertFunction('uribl', 'also', also, 'a function that returns names from the facts');
  const selection = readSelection(options);

  return defineCheck<never, Pick<Env, 'dns' | 'clock'>, UriblResult, UriblDetail>(
    'uribl',
    async (facts: UriblFacts, env, signal) => {
      const names = also === undefined ? [] : also(facts as never);
      const { candidates, omitted, unasked } = selectNames(facts.message, { ...selection, also: names });
      const answers = await askUntilDecided(
        candidates.map(
          ({ labels }) =>
            (until: AbortSignal) =>
              queryList(list, labels, env, { signal: until, watch }),
        ),
        (answer) => decides(checked, answer),
        signal,
      );
      const unfinished = answers.filter((answer) => answer === undefined).length;
      const { truncated } = facts.message;
      const base: UriblDetail = {
        list: name,
        asked: candidates.map((candidate) => candidate.name),
        ...(omitted === 0 ? {} : { omitted }),
        ...(unasked.length === 0 ? {} : { unasked }),
        ...(unfinished === 0 ? {} : { unfinished }),
        ...(truncated.length === 0 ? {} : { truncated }),
      };
      const { listed, weight, unknown, trouble, temporary } = concludeAnswers(checked, candidates, answers);
      const [first] = listed;
      if (first !== undefined) {
        const { name: host, uri } = first.subject;
        const contains = uri === undefined ? 'contains the name' : 'contains a link to';
        const explanation = `Message ${contains} ${host}, which is listed by ${name}${checked.see(host)}`;
        const detail = { ...base, listed: listed.map(listingOf) };
        return fail({ weight, status: '7.1', cause: 'listed', explanation, detail });
      }
      if (trouble === undefined) return none({ detail: unknown.length === 0 ? base : { ...base, unknown } });
      const detail = { ...base, ...trouble };
      return temporary ? temperror({ detail }) : permerror({ detail });
    },
    { fail: verdict, temperror: proceed, permerror: proceed },
    // `also` may return facts about the recipient, so the stage is known only without it.
    { label: list.label, weightChosen, ...(also === undefined ? { earliest: 'data' } : {}) },
  );
}

function readSelection(options: UriblOptions): Omit<SelectionOptions, 'also'> {
  const { most = DEFAULT_MOST, mailHosts = false, ipv4 = true, ipv6 = true } = options;
  if (typeof mailHosts !== 'boolean') throw wrongOption('uribl', 'mailHosts', 'true or false', mailHosts);
  return {
    reduce: oneOf('uribl', 'reduce', options.reduce ?? 'registrable', ['registrable', 'organizational', 'host']),
    addresses: oneOf('uribl', 'addresses', options.addresses ?? (ipv4 || ipv6 ? 'reversed' : 'never'), [
      'never',
      'reversed',
      'plain',
    ]),
    most: wholeNumber('uribl', 'most', most, 1, MAX_MOST),
    mailHosts,
    skip: (options.skip ?? []).map((text, i) => {
      const read = typeof text === 'string' ? (parseIp(text) ?? parseDomain(text)) : undefined;
      if (read === undefined) throw wrongOption('uribl', `skip[${i}]`, 'a domain name or an IP address', text);
      return read;
    }),
    ipv6,
  };
}

/** Whether no other listing could have a larger weight: any listing if codes have no weights, else the heaviest one. */
function decides({ list, weight }: CheckedList, answer: ListAnswer): boolean {
  if (answer.status !== 'listed') return false;
  const own = listingWeight(list, weight, answer);
  return own === undefined || own >= addWeights(list.heaviest ?? 0, weight ?? 0);
}

const listingOf = ({
  subject: { name, uri, where },
  answer: { codes, text },
}: ReturnType<typeof concludeAnswers<Candidate>>['listed'][number]): UriblListing => ({
  name,
  uri,
  where,
  codes,
  text,
});

/**
 * Sends all queries in parallel until an answer decides. The others are then aborted and have no answer.
 *
 * @param decides whether no other answer could change the result
 */
async function askUntilDecided(
  queries: readonly ((signal: AbortSignal) => Promise<ListAnswer>)[],
  decides: (answer: ListAnswer) => boolean,
  signal: AbortSignal,
): Promise<readonly (ListAnswer | undefined)[]> {
  if (queries.length < 2) return Promise.all(queries.map((ask) => ask(signal)));
  const controller = new AbortController();
  const withdraw = onAbort(signal, () => controller.abort());
  const answers: (ListAnswer | undefined)[] = queries.map(() => undefined);
  await new Promise<void>((resolve, reject) => {
    let outstanding = queries.length;
    for (const [i, ask] of queries.entries())
      ask(controller.signal).then((answer) => {
        // Aborted queries are answered too. That is not the answer of the list.
        if (outstanding === 0) return;
        answers[i] = answer;
        outstanding = decides(answer) ? 0 : outstanding - 1;
        if (outstanding === 0) resolve();
      }, reject);
  });
  withdraw();
  controller.abort();
  return answers;
}
