/**
 * Well-known DNS lists of addresses and names, as data.
 *
 * A list is used only if a policy names it: most lists restrict who may query them, and how often. Read the terms first; they
 * change. A list that no longer exists stays here, marked `retired`, so that `dnsbl()` can refuse it with the reason.
 *
 * @module
 */
import type { ListPreset } from '../../dns/index.ts';
import { spamhausDbl, spamhausDblKey, spamhausTerms } from '../../dns/index.ts';

/** The names of the well-known lists. */
export type PresetName =
  | 'spamhaus-zen'
  | 'spamhaus-zen-key'
  | 'spamhaus-dbl'
  | 'spamhaus-dbl-key'
  | 'spamcop'
  | 'barracuda'
  | 'mailspike-bl'
  | 'dnswl'
  | 'sorbs'
  | 'nixspam'
  | 'cbl'
  | 'ahbl'
  | 'njabl'
  | 'spamcannibal'
  | 'ordb';

const zenCodes = {
  '127.0.0.2': 'SBL: spam sources and services',
  '127.0.0.3': 'CSS: low-reputation senders',
  '127.0.0.4-7': 'XBL: exploited hosts',
  '127.0.0.9': 'DROP: hijacked or rogue networks',
  '127.0.0.10': 'PBL: no mail servers here, according to the provider',
  '127.0.0.11': 'PBL: no mail servers here, according to Spamhaus',
  '127.0.0.30': 'BCL: botnet controllers',
} as const;

/** Well-known lists by name. The DBL is for `nameList()`, all others are for `dnsbl()`. */
export const presets: { readonly [name in PresetName]: ListPreset } = {
  'spamhaus-zen': {
    list: { zone: 'zen.spamhaus.org', label: 'Spamhaus ZEN', codes: zenCodes, ipv6: true, testEntries: 'expected' },
    terms: spamhausTerms.free,
    termsUrl: spamhausTerms.url,
    asOf: '2026-11',
  },
  'spamhaus-zen-key': {
    list: {
      zone: 'zen.dq.spamhaus.net',
      label: 'Spamhaus ZEN',
      codes: zenCodes,
      ipv6: true,
      keyNeeded: true,
      testEntries: 'expected',
    },
    terms: spamhausTerms.key,
    termsUrl: spamhausTerms.url,
    asOf: '2026-11',
  },
  'spamhaus-dbl': spamhausDbl,
  'spamhaus-dbl-key': spamhausDblKey,
  spamcop: {
    list: { zone: 'bl.spamcop.net', label: 'SpamCop', codes: ['127.0.0.2'], ipv6: false, testEntries: 'required' },
    terms: 'Free; the operator recommends scoring over refusing',
    termsUrl: 'https://www.spamcop.net/bl.shtml',
    asOf: '2026-11',
  },
  barracuda: {
    list: {
      zone: 'b.barracudacentral.org',
      label: 'Barracuda',
      codes: ['127.0.0.2'],
      ipv6: false,
      testEntries: 'required',
    },
    terms: 'Free after registration of the resolver',
    termsUrl: 'https://www.barracudacentral.org/rbl',
    asOf: '2026-11',
  },
  'mailspike-bl': {
    list: {
      zone: 'bl.mailspike.net',
      label: 'Mailspike',
      codes: { '127.0.0.2': 'distributed spam wave', '127.0.0.10-12': 'bad reputation' },
      ipv6: false,
      testEntries: 'expected',
    },
    terms: 'Free for sites below 100,000 messages and 100,000 queries a day',
    termsUrl: 'https://mailspike.org/usage.html',
    asOf: '2026-11',
  },
  dnswl: {
    list: {
      zone: 'list.dnswl.org',
      label: 'DNSWL',
      kind: 'allow',
      // The third octet is the category of the sender, the last one the level of trust.
      codes: {
        ...Object.fromEntries(
          [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 20].flatMap((category) => [
            [`127.0.${category}.0`, { weight: 0, meaning: 'trust: none' }],
            [`127.0.${category}.1`, { weight: -1, meaning: 'trust: low' }],
            [`127.0.${category}.2`, { weight: -2, meaning: 'trust: medium' }],
            [`127.0.${category}.3`, { weight: -4, meaning: 'trust: high' }],
          ]),
        ),
      },
      errorCodes: { '127.0.0.255': 'the list reports too many queries' },
      testEntries: 'expected',
    },
    terms: 'Free for non-commercial use below 100,000 queries a day; otherwise, and for vendors, by subscription',
    termsUrl: 'https://www.dnswl.org/?page_id=9',
    asOf: '2026-11',
  },
  sorbs: retired('dnsbl.sorbs.net', 'SORBS', 'its operator closed it in June 2024'),
  nixspam: retired('ix.dnsbl.manitu.net', 'NiX Spam', 'its operator closed it in January 2025'),
  cbl: retired('cbl.abuseat.org', 'CBL', 'it became part of Spamhaus XBL, which ZEN includes'),
  ahbl: retired('dnsbl.ahbl.org', 'AHBL', 'it was closed in 2015 and then listed every address'),
  njabl: retired('dnsbl.njabl.org', 'NJABL', 'its operator closed it in 2013'),
  spamcannibal: retired(
    'bl.spamcannibal.org',
    'SpamCannibal',
    'its domain expired in 2018 and it then listed every address',
  ),
  ordb: retired('relays.ordb.org', 'ORDB', 'it was closed in 2006 and later listed every address'),
};

function retired(zone: string, label: string, why: string): ListPreset {
  return { list: { zone, label, retired: why }, terms: `Retired: ${why}`, termsUrl: '', asOf: '2026-11' };
}
