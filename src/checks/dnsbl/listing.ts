import type { Answer, Check, RequiredConsequences } from '../../core/index.ts';
import { fail, none, oneOf, pass, permerror, proceed, temperror } from '../../core/index.ts';
import type { ListAnswer, ListCheckOptions, ListedCode, ListKind } from '../../dns/index.ts';
import { concludeAnswers, queryList, readListCheck } from '../../dns/index.ts';
import type { Env } from '../../env/index.ts';

/** See the table of this module. */
export type DnsblResult = 'none' | 'fail' | 'pass' | 'temperror' | 'permerror';

/** Options that `dnsbl()` and `nameList()` have in common. */
export interface ClientListOptions extends ListCheckOptions {
  /** Whether a listing counts against the client (`block`) or in its favour (`allow`). Default: `block`. */
  readonly kind?: ListKind;
  /** Whether the TXT record of a listing is ignored, reported in `detail` (`log`), or also quoted (`reply`). Default: `no`. */
  readonly reason?: 'no' | 'log' | 'reply';
}

/** What the list answered. */
export interface DnsblDetail {
  /** The label of the list. */
  readonly list: string;
  /** The addresses or names that were queried. */
  readonly asked: readonly string[];
  readonly listed?: readonly {
    readonly subject: string;
    readonly codes: readonly ListedCode[];
    readonly text?: string;
  }[];
  /** Answers that match no code of the list. */
  readonly unknown?: readonly string[];
  readonly trouble?: Exclude<ListAnswer['status'], 'listed' | 'notListed'> | 'reverse-dns';
  readonly reason?: string;
  /** When the suspension of the list ends, in milliseconds since the epoch. */
  readonly until?: number;
}

type ListEnv = Pick<Env, 'dns' | 'clock'>;
export type DnsblCheck<Facts> = Check<Facts, ListEnv, DnsblResult, DnsblDetail>;
export type DnsblAnswer = Answer<DnsblResult, DnsblDetail>;

/** An address or a name to query. */
export interface Subject {
  readonly subject: string;
  /** What comes before the zone in the query. */
  readonly labels: string;
  /** The subject in a reply: `Client host [192.0.2.7]`. */
  readonly called: string;
}

/** Validates the options, and returns what a check of the list consists of. */
export function listingOf(
  owner: string,
  holds: 'address' | 'name',
  options: ClientListOptions,
  more: readonly string[],
): {
  readonly name: string;
  readonly query: (subjects: readonly Subject[], env: ListEnv, signal: AbortSignal) => Promise<DnsblAnswer>;
  readonly table: RequiredConsequences<DnsblResult>;
  readonly checkOptions: { readonly label: string | undefined; readonly weightChosen: boolean };
} {
  const kind = oneOf(owner, 'kind', options.kind ?? 'block', ['block', 'allow']);
  const reason = oneOf(owner, 'reason', options.reason ?? 'no', ['no', 'log', 'reply']);
  const text = reason !== 'no' || options.text === true;
  const checked = readListCheck(owner, kind, holds, { ...options, text }, ['kind', 'reason', ...more]);
  const { list, watch, name, verdict, weightChosen } = checked;
  const query = async (subjects: readonly Subject[], env: ListEnv, signal: AbortSignal): Promise<DnsblAnswer> => {
    const answers = await Promise.all(subjects.map(({ labels }) => queryList(list, labels, env, { signal, watch })));
    const { listed, weight, unknown, trouble, temporary } = concludeAnswers(checked, subjects, answers);
    const base = { list: name, asked: subjects.map(({ subject }) => subject) };
    const [first] = listed;
    if (first === undefined) {
      if (trouble === undefined) return none({ detail: unknown.length === 0 ? base : { ...base, unknown } });
      const detail = { ...base, ...trouble };
      return temporary ? temperror({ detail }) : permerror({ detail });
    }
    const detail = {
      ...base,
      listed: listed.map(({ subject: { subject }, answer: { codes, text } }) => ({ subject, codes, text })),
    };
    if (kind === 'allow') return pass({ weight, detail });
    const { text } = first.answer;
    const quoted = reason === 'reply' && text !== undefined ? ` (${text})` : '';
    const by = list.label ?? 'a DNS block list';
    const explanation = `${first.subject.called} blocked using ${by}${quoted}${checked.see(first.subject.subject)}`;
    return fail({ weight, status: '7.1', cause: 'listed', explanation, detail });
  };
  return {
    name,
    query,
    table: {
      none: proceed,
      fail: kind === 'block' ? verdict : proceed,
      pass: kind === 'allow' ? verdict : proceed,
      temperror: proceed,
      permerror: proceed,
    },
    checkOptions: { label: list.label, weightChosen },
  };
}
