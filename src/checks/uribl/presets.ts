/**
 * Well-known URI lists, as data.
 *
 * A list is used only if a policy names it. Read the operator's terms first; they change.
 *
 * @module
 */
import type { ListPreset } from '../../dns/index.ts';
import { spamhausDbl, spamhausDblKey } from '../../dns/index.ts';

/** The names of the well-known URI lists. */
export type UriPresetName = 'surbl' | 'uribl-black' | 'uribl-grey' | 'spamhaus-dbl' | 'spamhaus-dbl-key';

/** SURBL uses the bits of the last octet. */
const surblCodes = { '&8': 'phishing', '&16': 'malware', '&64': 'abuse', '&128': 'cracked sites' } as const;

const uriblTerms = 'Free for low volumes from your own resolver; otherwise a paid feed';
const uriblUrl = 'https://uribl.com/about.shtml';

/** Well-known URI lists by name, for `uribl()`. */
export const uriPresets: { readonly [name in UriPresetName]: ListPreset } = {
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
  'spamhaus-dbl': spamhausDbl,
  'spamhaus-dbl-key': spamhausDblKey,
};
