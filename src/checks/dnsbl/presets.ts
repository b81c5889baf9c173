/**
 * DNS lists that are well known, as data.
 *
 * None is used unless a policy names it: most lists restrict who may ask them, and how often. Read the terms first; they
 * change. `asOf` says when an entry was last compared with what the list publishes. A list that is gone is kept with the
 * mark `retired`, so that whoever configures it learns of it: `dnsbl()` refuses it.
 *
 * @module
 */
import type { ListZoneOptions } from '../../dns/index.ts';

/** A well-known list. */
export interface ListPreset {
  /** What `dnsbl()` needs to know; spread it, and give a weight: `dnsbl({ ...presets.spamcop.list, weight: 2 })`. */
  readonly list: ListZoneOptions & {
    readonly kind?: 'block' | 'allow';
    readonly weight?: number;
  };
  /** Who may ask, as far as the list's operator says; in our words. */
  readonly terms: string;
  /** Where the operator says it. */
  readonly termsUrl: string;
  /** When this entry was last looked at: `2026-11`. */
  readonly asOf: string;
}

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
  '127.0.0.10': 'PBL: no mail servers here, says the provider',
  '127.0.0.11': 'PBL: no mail servers here, says the list',
  '127.0.0.30': 'BCL: botnet controllers',
} as const;
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
const spamhausTerms =
  'Free for non-commercial use below 100,000 SMTP connections and 300,000 questions a day, from a resolver of your own; otherwise with a key (Data Query Service)';
const spamhausUrl = 'https://www.spamhaus.org/organization/dnsblusage/';

/** Well-known lists by name. None is on by default. */
export const presets: { readonly [name in PresetName]: ListPreset } = {
  'spamhaus-zen': {
    list: { zone: 'zen.spamhaus.org', label: 'Spamhaus ZEN', codes: zenCodes, ipv6: true, testEntries: 'expected' },
    terms: spamhausTerms,
    termsUrl: spamhausUrl,
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
    terms: 'With a key of the Data Query Service: give it as `key`',
    termsUrl: spamhausUrl,
    asOf: '2026-11',
  },
  'spamhaus-dbl': {
    list: {
      zone: 'dbl.spamhaus.org',
      label: 'Spamhaus DBL',
      codes: dblCodes,
      weight: 4,
      errorCodes: { '127.0.1.255': 'the list holds no addresses' },
      testEntries: 'none',
    },
    terms: spamhausTerms,
    termsUrl: spamhausUrl,
    asOf: '2026-11',
  },
  'spamhaus-dbl-key': {
    list: {
      zone: 'dbl.dq.spamhaus.net',
      label: 'Spamhaus DBL',
      codes: dblCodes,
      weight: 4,
      errorCodes: { '127.0.1.255': 'the list holds no addresses' },
      keyNeeded: true,
      testEntries: 'none',
    },
    terms: 'With a key of the Data Query Service: give it as `key`',
    termsUrl: spamhausUrl,
    asOf: '2026-11',
  },
  spamcop: {
    list: { zone: 'bl.spamcop.net', label: 'SpamCop', codes: ['127.0.0.2'], ipv6: false, testEntries: 'required' },
    terms: 'Free; the operator advises to score rather than to refuse',
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
    terms: 'Free after the resolver has been registered',
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
    terms: 'Free for sites below 100,000 messages and 100,000 questions a day',
    termsUrl: 'https://mailspike.org/usage.html',
    asOf: '2026-11',
  },
  dnswl: {
    list: {
      zone: 'list.dnswl.org',
      label: 'DNSWL',
      kind: 'allow',
      // The third octet is the kind of sender; the last is how far it is trusted.
      codes: {
        ...Object.fromEntries(
          [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 20].flatMap((sort) => [
            [`127.0.${sort}.0`, { weight: 0, meaning: 'trust: none' }],
            [`127.0.${sort}.1`, { weight: -1, meaning: 'trust: low' }],
            [`127.0.${sort}.2`, { weight: -2, meaning: 'trust: medium' }],
            [`127.0.${sort}.3`, { weight: -4, meaning: 'trust: high' }],
          ]),
        ),
      },
      errorCodes: { '127.0.0.255': 'the list was asked too often' },
      testEntries: 'expected',
    },
    terms: 'Free for non-commercial use below 100,000 questions a day; otherwise, and for vendors, by subscription',
    termsUrl: 'https://www.dnswl.org/?page_id=9',
    asOf: '2026-11',
  },
  sorbs: retired('dnsbl.sorbs.net', 'SORBS', 'its operator closed it in June 2024'),
  nixspam: retired('ix.dnsbl.manitu.net', 'NiX Spam', 'its operator closed it in January 2025'),
  cbl: retired('cbl.abuseat.org', 'CBL', 'it is part of Spamhaus XBL, and so of ZEN'),
  ahbl: retired('dnsbl.ahbl.org', 'AHBL', 'it ended in 2015 and then listed every address'),
  njabl: retired('dnsbl.njabl.org', 'NJABL', 'its operator closed it in 2013'),
  spamcannibal: retired(
    'bl.spamcannibal.org',
    'SpamCannibal',
    'its domain lapsed in 2018 and then listed every address',
  ),
  ordb: retired('relays.ordb.org', 'ORDB', 'it ended in 2006 and later listed every address'),
};

function retired(zone: string, label: string, why: string): ListPreset {
  return { list: { zone, label, retired: why }, terms: `Retired: ${why}`, termsUrl: '', asOf: '2026-11' };
}
