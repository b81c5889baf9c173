/**
 * What the tables of well-known DNS lists have in common, and the list that is in two of them.
 *
 * @module
 */
import type { ListZoneOptions } from './dns-list.ts';
import type { ListKind } from './list-check.ts';

/** A well-known list. */
export interface ListPreset {
  /** The options of the check. Spread them and add a weight: `dnsbl({ ...presets.spamcop.list, weight: 2 })`. */
  readonly list: ListZoneOptions & {
    readonly kind?: ListKind;
    readonly weight?: number;
    readonly reduce?: 'host';
  };
  /** Who may query the list according to its operator, in our words. */
  readonly terms: string;
  /** The operator's terms of use. */
  readonly termsUrl: string;
  /** The month in which the entry was last compared with the operator's documentation: `2026-11`. */
  readonly asOf: string;
}

/** The terms of all Spamhaus lists without and with a key. @internal */
export const spamhausTerms = {
  free: 'Free for non-commercial use below 100,000 SMTP connections and 300,000 queries a day, from your own resolver; otherwise with a key (Data Query Service)',
  key: 'With a key of the Data Query Service: set the option `key`',
  url: 'https://www.spamhaus.org/organization/dnsblusage/',
};

const dbl = {
  label: 'Spamhaus DBL',
  codes: {
    '127.0.1.2': 'spam',
    '127.0.1.4': 'phishing',
    '127.0.1.5': 'malware',
    '127.0.1.6': 'botnet command and control',
    // Abused legitimate domains weigh less than `weight`: most mail that names them is wanted.
    '127.0.1.102': { weight: 1, meaning: 'abused legitimate domain: spam' },
    '127.0.1.103': { weight: 0.5, meaning: 'abused redirector' },
    '127.0.1.104': { weight: 2, meaning: 'abused legitimate domain: phishing' },
    '127.0.1.105': { weight: 2, meaning: 'abused legitimate domain: malware' },
    '127.0.1.106': { weight: 2, meaning: 'abused legitimate domain: botnet' },
  },
  weight: 4,
  errorCodes: { '127.0.1.255': 'the list holds no addresses' },
  testEntries: 'none',
  // The list answers queries for addresses with an error, and holds hosts as well as domains.
  ipv4: false,
  ipv6: false,
  reduce: 'host',
} as const;

/** The Spamhaus Domain Block List, for names and for links. @internal */
export const spamhausDbl: ListPreset = {
  list: { ...dbl, zone: 'dbl.spamhaus.org' },
  terms: spamhausTerms.free,
  termsUrl: spamhausTerms.url,
  asOf: '2026-11',
};

/** The same list with a key. @internal */
export const spamhausDblKey: ListPreset = {
  list: { ...dbl, zone: 'dbl.dq.spamhaus.net', keyNeeded: true },
  terms: spamhausTerms.key,
  termsUrl: spamhausTerms.url,
  asOf: '2026-11',
};
