import { questionName } from '../../dns/index.ts';
import type { DnsAnswer, DnsResolver, RecordType } from '../../env/index.ts';
import { parseIp } from '../../net/index.ts';
import type { KeyCache, Mailauth, NodeResolve } from './mailauth.ts';

/** The questions of one message: each once, all given up at once. */
export interface Lookups {
  /** Policy records and addresses, in the shapes of `node:dns`, with its error codes. */
  readonly resolve: NodeResolve;
  /** Asks, or takes the answer that is on its way. */
  ask<T extends RecordType>(name: string, type: T): Promise<DnsAnswer<T>>;
  /** Every question that is not answered fails from now on. */
  giveUp(): void;
  readonly count: number;
}

export function lookupsOf(dns: DnsResolver): Lookups {
  const asked = new Map<string, Promise<DnsAnswer>>();
  const control = new AbortController();
  let over: (answer: DnsAnswer) => void = () => undefined;
  const late = new Promise<DnsAnswer>((resolve) => {
    over = resolve;
  });
  const send = async (name: string, type: RecordType): Promise<DnsAnswer> => {
    try {
      return await Promise.race([dns.resolve(name, type, { signal: control.signal }), late]);
    } catch {
      return { status: 'temperror', reason: 'the resolver failed' };
    }
  };
  const ask = (text: string, type: RecordType): Promise<DnsAnswer> => {
    const name = questionName(text);
    if (name === undefined || name === '' || parseIp(name) !== undefined)
      return Promise.resolve({ status: 'nxdomain', ttl: 0 });
    const key = `${type} ${name}`;
    let answer = asked.get(key);
    if (answer === undefined) {
      answer = send(name, type);
      asked.set(key, answer);
    }
    return answer;
  };
  return {
    ask: ask as Lookups['ask'],
    resolve: async (name, type) =>
      recordsOf(await ask(name, type as RecordType)).map((record) => {
        if (record.type === 'TXT') return [lowerTags(record.text)];
        return 'address' in record ? record.address : 'name' in record ? record.name : '';
      }),
    giveUp: () => {
      over({ status: 'temperror', reason: 'no answer within the time allowed' });
      control.abort();
    },
    get count() {
      return asked.size;
    },
  };
}

/** The records of an answer, or an error with the code that `node:dns` would give it. */
function recordsOf<T extends RecordType>(answer: DnsAnswer<T>): Extract<DnsAnswer<T>, { status: 'found' }>['records'] {
  if (answer.status === 'found') return answer.records;
  const code = { nxdomain: 'ENOTFOUND', nodata: 'ENODATA', temperror: TEMPORARY }[answer.status];
  throw Object.assign(new Error(code), { code });
}

/** The code of an error that asking later may cure. */
export const TEMPORARY = 'ETIMEOUT';

/** RFC 9989 §4.7: names of tags are literals of ABNF, and so of any case. */
const lowerTags = (record: string): string =>
  record.replace(
    /(^|;)(\s*[A-Za-z]+)(?=\s*=)/g,
    (_, semicolon: string, name: string) => semicolon + name.toLowerCase(),
  );

export const keyName = (selector: string, domain: string): string => `${selector}._domainkey.${domain}`;

/** RFC 6376 §6.1.2: of several records at one name, so many are tried, one after the other. */
const MAX_RECORDS = 3;

/** The key records at a name. One that is none is left out if there are others: wildcards publish all kinds of text. */
export async function keyRecords(lookups: Lookups, name: string): Promise<DnsAnswer<'TXT'> | string[]> {
  const answer = await lookups.ask(name, 'TXT');
  if (answer.status !== 'found') return answer;
  const texts = answer.records.map(({ text }) => text);
  const keys = texts.filter((text) => /(?:^|;)\s*p\s*=/.test(text)).sort();
  return (keys.length > 0 ? keys : texts).slice(0, MAX_RECORDS);
}

/** The key in one record, in mailauth's shape; the error of an answer without records. */
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
