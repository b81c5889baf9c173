/**
 * URI lists that are well known, as data.
 *
 * None is used unless a policy names it: read the operator's terms first; they change. `asOf` says when an entry was last
 * compared with what the list publishes.
 *
 * @module
 */
import type { UriblOptions } from './uribl.ts';

/** A well-known URI list. */
export interface UriListPreset {
  /** What `uribl()` needs to know; spread it, and give a weight: `uribl({ ...uriPresets.surbl.list, weight: 4 })`. */
  readonly list: UriblOptions;
  /** Who may ask, as far as the list's operator says; in our words. */
  readonly terms: string;
  readonly termsUrl: string;
  /** When this entry was last looked at. */
  readonly asOf: string;
}

export type UriPresetName = 'surbl' | 'uribl-black' | 'uribl-grey' | 'spamhaus-dbl' | 'spamhaus-dbl-key';

/** Meanings that SURBL gives to the bits of its last octet. */
const surblCodes = { '&8': 'phishing', '&16': 'malware', '&64': 'abuse', '&128': 'cracked sites' } as const;
const dblCodes = {
  '127.0.1.2': 'spam',
  '127.0.1.4': 'phishing',
  '127.0.1.5': 'malware',
  '127.0.1.6': 'botnet command and control',
  // Legitimate domains that are abused weigh less than `weight`: most mail that names them is wanted.
  '127.0.1.102': { weight: 1, meaning: 'abused legitimate domain: spam' },
  '127.0.1.103': { weight: 0.5, meaning: 'abused redirector' },
  '127.0.1.104': { weight: 2, meaning: 'abused legitimate domain: phishing' },
  '127.0.1.105': { weight: 2, meaning: 'abused legitimate domain: malware' },
  '127.0.1.106': { weight: 2, meaning: 'abused legitimate domain: botnet' },
} as const;
const dbl = {
  label: 'Spamhaus DBL',
  codes: dblCodes,
  weight: 4,
  errorCodes: { '127.0.1.255': 'addresses must not be asked here' },
  // The list answers a question about an address with an error, and holds hosts as well as domains.
  addresses: 'never',
  reduce: 'host',
} as const;
const spamhausTerms =
  'Free for non-commercial use below 100,000 SMTP connections and 300,000 questions a day, from a resolver of your own; otherwise with a key (Data Query Service)';
const spamhausUrl = 'https://www.spamhaus.org/organization/dnsblusage/';
const uriblTerms = 'Free for low volumes from a resolver of your own; otherwise a paid feed';
const uriblUrl = 'https://uribl.com/about.shtml';

/** Well-known URI lists by name. None is on by default. */
export const uriPresets: { readonly [name in UriPresetName]: UriListPreset } = {
  surbl: {
    list: { zone: 'multi.surbl.org', label: 'SURBL', codes: surblCodes },
    terms: 'Free below 1,000 users or 250,000 messages a day; never inside a paid product',
    termsUrl: 'https://surbl.org/usage-policy',
    asOf: '2026-11',
  },
  'uribl-black': {
    list: { zone: 'multi.uribl.com', label: 'URIBL black', codes: { '&2': 'spam' } },
    terms: uriblTerms,
    termsUrl: uriblUrl,
    asOf: '2026-11',
  },
  'uribl-grey': {
    list: { zone: 'multi.uribl.com', label: 'URIBL grey', codes: { '&4': 'bulk mail, not always wanted' } },
    terms: uriblTerms,
    termsUrl: uriblUrl,
    asOf: '2026-11',
  },
  'spamhaus-dbl': {
    list: { ...dbl, zone: 'dbl.spamhaus.org' },
    terms: spamhausTerms,
    termsUrl: spamhausUrl,
    asOf: '2026-11',
  },
  'spamhaus-dbl-key': {
    list: { ...dbl, zone: 'dbl.dq.spamhaus.net', keyNeeded: true },
    terms: spamhausTerms,
    termsUrl: spamhausUrl,
    asOf: '2026-11',
  },
};
