import { Questions } from '../../dns/index.ts';
import type { DnsAnswer, DnsResolver, RecordType } from '../../env/index.ts';
import type { KeyCache, Mailauth, NodeResolve } from './mailauth.ts';

/** The DNS lookups of one message. Each query is sent only once. */
export interface Lookups extends Questions {
  /** Answers in the shapes and with the error codes of `node:dns`, which mailauth expects. */
  readonly nodeResolve: NodeResolve;
}

/** Creates the lookups of one message. */
export const lookupsOf = (dns: DnsResolver): Lookups => new NodeLookups(dns);

class NodeLookups extends Questions implements Lookups {
  readonly nodeResolve: NodeResolve = async (name, type) =>
    recordsOf(await this.resolve(name, type as RecordType)).map((record) => {
      if (record.type === 'TXT') return [lowerTags(record.text)];
      return 'address' in record ? record.address : 'name' in record ? record.name : '';
    });
}

/** Returns the records of an answer, or throws an error with the code of `node:dns`. */
function recordsOf<T extends RecordType>(answer: DnsAnswer<T>): Extract<DnsAnswer<T>, { status: 'found' }>['records'] {
  if (answer.status === 'found') return answer.records;
  const code = { nxdomain: 'ENOTFOUND', nodata: 'ENODATA', temperror: TEMPORARY }[answer.status];
  throw Object.assign(new Error(code), { code });
}

/** The code of an error that may be temporary. */
export const TEMPORARY = 'ETIMEOUT';

/** Lower-cases the names of tags. They are ABNF literals (RFC 9989 §4.7), so their case does not matter. */
const lowerTags = (record: string): string =>
  record.replace(
    /(^|;)(\s*[A-Za-z]+)(?=\s*=)/g,
    (_, semicolon: string, name: string) => semicolon + name.toLowerCase(),
  );

/** Returns the name of a DKIM key record. */
export const keyName = (selector: string, domain: string): string => `${selector}._domainkey.${domain}`;

/** Limit of key records that are tried at one name (RFC 6376 §6.1.2). */
const MAX_RECORDS = 3;

/** Returns the key records at a name. Other texts, for example from wildcards, are omitted if there is a key record. */
export async function keyRecords(lookups: Lookups, name: string): Promise<DnsAnswer<'TXT'> | string[]> {
  const answer = await lookups.resolve(name, 'TXT');
  if (answer.status !== 'found') return answer;
  const texts = answer.records.map(({ text }) => text);
  const keys = texts.filter((text) => /(?:^|;)\s*p\s*=/.test(text)).sort();
  return (keys.length > 0 ? keys : texts).slice(0, MAX_RECORDS);
}

/** Returns the key in one record as mailauth represents it. Throws for an answer without records. */
export function publicKey(
  { getPublicKey }: Mailauth,
  record: DnsAnswer<'TXT'> | string,
  [type, name, minBitLength, options]: Parameters<KeyCache['get']>,
): Promise<unknown> {
  const resolver: NodeResolve = async () => {
    if (typeof record === 'string') return [[record]];
    return recordsOf(record).map(({ text }) => [text]);
  };
  return getPublicKey(type, name, minBitLength, resolver, options);
}
