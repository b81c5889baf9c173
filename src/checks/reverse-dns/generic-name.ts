import type { DomainName, IpAddress } from '../../net/index.ts';
import { ipBytes, ipVersion, organizationalDomain } from '../../net/index.ts';

/** How much a name looks like one that a provider assigns to all its lines. */
export interface GenericName {
  readonly name: string;
  /** 0: an individually chosen name. 1: made from the address, with a word for a customer line. */
  readonly score: number;
  /** The reasons for the score. */
  readonly signs: readonly string[];
}

/** Words in the names of customer lines, as whole words between separators. */
const lineWords =
  /(?:^|[^a-z])(dyn(?:amic)?(?:ip)?|dhcp|d?ialin|dialup|dial|pool|ppp(?:oe)?|[avs]?dsl(?:ip)?|cable|catv|broadband|bband|cust(?:omer)?s?|client|user|subscriber|subs|home|res(?:idential)?|wifi|wireless|mobile|gprs|lte|umts|cpe|modem|nat|pat|hsd|ftth|fttx|fib(?:er|re)|docsis|unassigned|unused|noptr|unknown)(?:[^a-z]|$)/;
/** Words for lines with a static address. */
const staticWords = /(?:^|[^a-z])(static|statip|fixed|fix|dedicated|colo|business|biz)(?:[^a-z]|$)/;
const mailWords =
  /^(?:mx|mail|smtp|mta|relay|out(?:bound)?|mout|mailout|send|sender|bounce|post|mgw|mailgw|o)[\d-]*(?:[.-]|$)/;

/**
 * Scores how generic a reverse DNS name looks.
 *
 * The score is based on the labels before the organisational domain: the address in them (decimal, reversed, hexadecimal,
 * zero-padded, two octets or more), words for lines, words for mail.
 */
export function genericName(name: DomainName, ip: IpAddress): GenericName {
  const domain = organizationalDomain(name);
  const host = name === domain ? '' : name.slice(0, name.length - domain.length - 1);
  const signs: string[] = [];
  let score = 0;
  const octets = octetsIn(host, ip);
  if (octets === 'all') {
    score += 0.6;
    signs.push('contains the whole address');
  } else if (octets === 'some') {
    score += 0.35;
    signs.push('contains a part of the address');
  }
  const line = lineWords.exec(host)?.[1];
  if (line !== undefined) {
    score += 0.4;
    signs.push(`contains "${line}"`);
  }
  const fixed = staticWords.exec(host)?.[1];
  if (fixed !== undefined && score > 0) {
    score -= 0.2;
    signs.push(`contains "${fixed}"`);
  }
  if (mailWords.test(host)) {
    score -= 0.3;
    signs.push('begins like a mail host');
  }
  return { name, score: Math.round(Math.min(1, Math.max(0, score)) * 100) / 100, signs };
}

/** Returns how much of the address the text contains: all of it, two octets in a row, or none. */
function octetsIn(host: string, ip: IpAddress): 'all' | 'some' | 'none' {
  if (host === '') return 'none';
  const bytes = [...ipBytes(ip)];
  const hex = (octets: readonly number[]): string =>
    octets.map((octet) => octet.toString(16).padStart(2, '0')).join('');
  if (ipVersion(ip) === 6) {
    const bare = host.replace(/[.-]/g, '');
    if (bare.includes(hex(bytes)) || bare.includes([...hex(bytes)].reverse().join(''))) return 'all';
    return hex(bytes.slice(8)) !== '0'.repeat(16) && bare.includes(hex(bytes.slice(8))) ? 'all' : 'none';
  }
  const runs = host.match(/\d+/g)?.map((run) => run.replace(/^0+(?=\d)/, '')) ?? [];
  const wanted = bytes.map(String);
  const reversed = [...wanted].reverse();
  if (inOrder(runs, wanted) || inOrder(runs, reversed)) return 'all';
  const padded = bytes.map((octet) => String(octet).padStart(3, '0')).join('');
  if (host.includes(padded) || (host.match(/(?:^|[^0-9a-f])([0-9a-f]{8})(?:[^0-9a-f]|$)/)?.[1] ?? '') === hex(bytes))
    return 'all';
  for (let i = 0; i + 1 < 4; i++) {
    const pair = [wanted[i] as string, wanted[i + 1] as string];
    if (inOrder(runs, pair) || inOrder(runs, [...pair].reverse())) return 'some';
  }
  return 'none';
}

/** Returns whether `part` occurs in `all` without gaps. */
const inOrder = (all: readonly string[], part: readonly string[]): boolean =>
  all.some((_, i) => part.every((text, j) => all[i + j] === text));
