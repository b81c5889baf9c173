/**
 * What every resolver must do, as cases that any test runner can run.
 *
 * **Answers**: does this resolver keep the promises of `DnsResolver`?
 * **Knows**: one zone, which the resolver must be made to see. **Asks**: the resolver.
 * **Standards**: RFC 1034, 1035, 2308, 4592, 6891, 7505.
 * **Limits**: a case is skipped where `abilities` says that the resolver, or the server behind it, does not have it.
 *
 * @example
 * ```ts
 * import { contractZone, resolverContract, zone } from 'postern/testing';
 *
 * const cases = resolverContract(() => zone(contractZone, { ttl: 120 }));
 * for (const { name, run } of cases) await run().catch((error) => console.error(name, error));
 * ```
 *
 * @module
 */
import type { DnsAnswer, DnsResolver, RecordType } from '../env/index.ts';
import type { ContractCase } from './contract.ts';
import type { ZoneData } from './zone.ts';

/** What a resolver can do, or the server that it is tried with. All true where not given. */
export interface ResolverAbilities {
  /** Tells the TTL of every type; Node's own resolver tells it of addresses only. */
  readonly ttl?: boolean;
  /** Tells how long there will be nothing. */
  readonly negativeTtl?: boolean;
  /** Tells that an answer was validated. */
  readonly authentic?: boolean;
  readonly tlsa?: boolean;
  /** Asks for names that are no host names; Node's own resolver does not. */
  readonly anyName?: boolean;
  /** Follows aliases; a server for one zone alone may not. */
  readonly aliases?: boolean;
  /** Knows aliases in a circle for what they are; Node's own resolver reads them as `nodata`. */
  readonly circles?: boolean;
  /** The server can be made to fail, to refuse and to keep silent; a real one cannot so easily. */
  readonly outages?: boolean;
}

const manyNames = Array.from({ length: 40 }, (_, i) => `host-${i}.many.contract.test`);
const longText = 'postern '.repeat(512).trim();

/** The zone that the contract asks. Serve it with `serveZone`, or write it out for another server. */
export const contractZone: ZoneData = {
  'contract.test': {
    SOA: ['ns.contract.test', 60],
    NS: ['ns.contract.test'],
    A: ['192.0.2.1', '192.0.2.2'],
    AAAA: ['2001:db8::1'],
    MX: [
      [10, 'mx1.contract.test'],
      [20, 'mx2.contract.test'],
    ],
    TXT: ['v=spf1 mx -all', ['one ', 'two ', 'three']],
    ttl: 120,
  },
  'ns.contract.test': { A: ['192.0.2.53'] },
  'mx1.contract.test': { A: ['192.0.2.11'] },
  'mx2.contract.test': { A: ['192.0.2.12'] },
  'nomail.contract.test': { MX: [[0, '']] },
  'reverse.contract.test': { PTR: ['mx1.contract.test'] },
  '_smtp._tcp.contract.test': { SRV: [[1, 2, 25, 'mx1.contract.test']] },
  '_25._tcp.contract.test': { TLSA: [[3, 1, 1, '0011223344556677889900aabbccddeeff0011223344556677889900aabbccdd']] },
  'issued.contract.test': { CAA: [[128, 'issue', 'ca.example; policy=ev']] },
  'alias.contract.test': { CNAME: 'hop.contract.test' },
  'hop.contract.test': { CNAME: 'contract.test', ttl: 30 },
  'astray.contract.test': { CNAME: 'missing.contract.test' },
  'round.contract.test': { CNAME: 'about.contract.test' },
  'about.contract.test': { CNAME: 'round.contract.test' },
  'inner.empty.contract.test': { A: ['192.0.2.3'] },
  '*.wild.contract.test': { A: ['192.0.2.4'] },
  'with space.contract.test': { A: ['192.0.2.5'] },
  'mapped.contract.test': { AAAA: ['::ffff:192.0.2.6'] },
  'long.contract.test': { TXT: [longText] },
  'many.contract.test': { PTR: manyNames },
  'sure.contract.test': { A: ['192.0.2.7'], authentic: true },
  'fails.contract.test': 'temperror',
  'refuses.contract.test': 'refused',
  'silent.contract.test': 'silent',
};

type Shape = { readonly status: DnsAnswer['status']; readonly records?: readonly object[]; readonly ttl?: number };

/**
 * The cases of the contract.
 *
 * @param makeResolver makes a resolver that sees {@link contractZone}; called once per case, and never twice at once
 */
export function resolverContract(
  makeResolver: () => DnsResolver | Promise<DnsResolver>,
  abilities: ResolverAbilities = {},
): readonly ContractCase[] {
  const can = {
    ttl: true,
    negativeTtl: true,
    authentic: true,
    tlsa: true,
    anyName: true,
    aliases: true,
    circles: true,
    outages: true,
    ...abilities,
  };
  const cases: ContractCase[] = [];
  const add = (name: string, run: (resolver: DnsResolver) => Promise<void>): void => {
    cases.push({ name, run: async () => run(await makeResolver()) });
  };
  const asked = (name: string, type: RecordType, expected: Shape, says: string): void =>
    add(`${type} ${shorten(name)}: ${says}`, async (resolver) => compare(await resolver.resolve(name, type), expected));

  const addresses = [
    { type: 'A', address: '192.0.2.1' },
    { type: 'A', address: '192.0.2.2' },
  ];
  asked('contract.test', 'A', { status: 'found', records: addresses, ttl: 120 }, 'two addresses, with their TTL');
  asked('CONTRACT.Test.', 'A', { status: 'found', records: addresses }, 'case and a trailing dot do not matter');
  asked(
    'contract.test',
    'AAAA',
    { status: 'found', records: [{ type: 'AAAA', address: '2001:db8::1' }] },
    'in RFC 5952 form',
  );
  asked(
    'mapped.contract.test',
    'AAAA',
    { status: 'found', records: [{ type: 'AAAA', address: '::ffff:192.0.2.6' }] },
    'a mapped address is not folded',
  );
  asked(
    'contract.test',
    'MX',
    {
      status: 'found',
      records: [
        { type: 'MX', exchange: 'mx1.contract.test', preference: 10 },
        { type: 'MX', exchange: 'mx2.contract.test', preference: 20 },
      ],
      ...(can.ttl ? { ttl: 120 } : {}),
    },
    'names without the trailing dot',
  );
  asked(
    'nomail.contract.test',
    'MX',
    { status: 'found', records: [{ type: 'MX', exchange: '', preference: 0 }] },
    'the null MX',
  );
  asked(
    'contract.test',
    'TXT',
    {
      status: 'found',
      records: [
        { type: 'TXT', text: 'v=spf1 mx -all' },
        { type: 'TXT', text: 'one two three' },
      ],
    },
    'character-strings are joined without a space',
  );
  asked(
    'long.contract.test',
    'TXT',
    { status: 'found', records: [{ type: 'TXT', text: longText }] },
    'an answer too long for a datagram',
  );
  asked(
    'many.contract.test',
    'PTR',
    { status: 'found', records: manyNames.map((name) => ({ type: 'PTR', name })) },
    'many records',
  );
  asked(
    'reverse.contract.test',
    'PTR',
    { status: 'found', records: [{ type: 'PTR', name: 'mx1.contract.test' }] },
    'a name',
  );
  asked('contract.test', 'NS', { status: 'found', records: [{ type: 'NS', name: 'ns.contract.test' }] }, 'a name');
  asked(
    'contract.test',
    'SOA',
    { status: 'found', records: [{ type: 'SOA', primary: 'ns.contract.test', minimum: 60 }] },
    'primary and minimum',
  );
  asked(
    '_smtp._tcp.contract.test',
    'SRV',
    { status: 'found', records: [{ type: 'SRV', target: 'mx1.contract.test', port: 25, priority: 1, weight: 2 }] },
    'a service, by a name with underscores',
  );
  asked(
    'issued.contract.test',
    'CAA',
    { status: 'found', records: [{ type: 'CAA', critical: true, tag: 'issue', value: 'ca.example; policy=ev' }] },
    'an authority, with a parameter',
  );
  if (can.tlsa) {
    const data = '0011223344556677889900aabbccddeeff0011223344556677889900aabbccdd';
    asked(
      '_25._tcp.contract.test',
      'TLSA',
      { status: 'found', records: [{ type: 'TLSA', usage: 3, selector: 1, matching: 1, data }] },
      'hexadecimal',
    );
  }
  if (can.anyName) {
    asked(
      'with space.contract.test',
      'A',
      { status: 'found', records: [{ type: 'A', address: '192.0.2.5' }] },
      'what is no host name is asked all the same',
    );
  }
  asked(
    'x.y.wild.contract.test',
    'A',
    { status: 'found', records: [{ type: 'A', address: '192.0.2.4' }] },
    'a wildcard',
  );

  asked(
    'contract.test',
    'SRV',
    { status: 'nodata', ...(can.negativeTtl ? { ttl: 60 } : {}) },
    'nothing of this type, and for how long',
  );
  asked('empty.contract.test', 'A', { status: 'nodata' }, 'a name that only has names below it');
  asked(
    'missing.contract.test',
    'A',
    { status: 'nxdomain', ...(can.negativeTtl ? { ttl: 60 } : {}) },
    'no such name, and for how long',
  );

  if (can.aliases) {
    asked(
      'alias.contract.test',
      'A',
      { status: 'found', records: addresses, ttl: 30 },
      'aliases are followed, the lowest TTL counts',
    );
    asked(
      'alias.contract.test',
      'CNAME',
      { status: 'found', records: [{ type: 'CNAME', name: 'hop.contract.test' }] },
      'the alias itself',
    );
    asked('alias.contract.test', 'SRV', { status: 'nodata' }, 'an alias of a name without this type');
    asked('astray.contract.test', 'A', { status: 'nxdomain' }, 'an alias of a name that does not exist');
    if (can.circles) {
      asked('round.contract.test', 'A', { status: 'temperror' }, 'aliases in a circle');
    }
  }

  asked(`${'a'.repeat(64)}.contract.test`, 'A', { status: 'nxdomain' }, 'a label of 64 octets cannot exist');
  asked(`${'a.'.repeat(121)}contract.test`, 'A', { status: 'nxdomain' }, 'a name of more than 255 octets cannot exist');
  asked('two..dots.contract.test', 'A', { status: 'nxdomain' }, 'an empty label cannot exist');
  asked('b\u00fccher.contract.test', 'A', { status: 'nxdomain' }, 'a name outside ASCII is not guessed at');
  asked(
    'esc\\.aped.wild.contract.test',
    'A',
    { status: 'nxdomain' },
    'an escaped name is not taken apart at the wrong dot',
  );
  asked('\u0000.contract.test', 'A', { status: 'nxdomain' }, 'a control character is not sent');

  if (can.authentic) {
    add('A sure.contract.test: the answer is marked as validated, another is not', async (resolver) => {
      const sure = await resolver.resolve('sure.contract.test', 'A');
      const other = await resolver.resolve('contract.test', 'A');
      if (sure.status !== 'found' || !sure.authentic) throw broken('an answer marked authentic', sure);
      if (other.status !== 'found' || other.authentic) throw broken('an answer not marked authentic', other);
    });
  }
  if (can.outages) {
    asked('fails.contract.test', 'A', { status: 'temperror' }, 'the server fails');
    asked('refuses.contract.test', 'A', { status: 'temperror' }, 'the server refuses');
    add('A silent.contract.test: an abort ends the question', async (resolver) => {
      const abort = new AbortController();
      const answer = resolver.resolve('silent.contract.test', 'A', { signal: abort.signal });
      abort.abort();
      compare(await answer, { status: 'temperror' });
    });
  }
  add('a question that is already aborted is not asked', async (resolver) => {
    const abort = new AbortController();
    abort.abort();
    const answer = await resolver.resolve('contract.test', 'A', { signal: abort.signal });
    if (answer.status !== 'temperror' || answer.reason !== 'aborted') throw broken('temperror, aborted', answer);
  });
  add('an abort after the answer changes nothing', async (resolver) => {
    const abort = new AbortController();
    const answer = await resolver.resolve('contract.test', 'A', { signal: abort.signal });
    abort.abort();
    compare(answer, { status: 'found', records: addresses });
  });
  add('five hundred questions at once: each has its own answer', async (resolver) => {
    const types = ['A', 'MX', 'TXT', 'SRV'] as const;
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, i) => {
        const type = types[i % 4] as (typeof types)[number];
        return resolver.resolve(type === 'A' ? `s${i}.wild.contract.test` : 'contract.test', type);
      }),
    );
    answers.forEach((answer, i) => {
      if (i % 4 === 3) compare(answer, { status: 'nodata' });
      else if (answer.status !== 'found' || answer.records[0]?.type !== types[i % 4])
        throw broken(`records of ${types[i % 4]}`, answer);
    });
  });
  return cases;
}

const shorten = (name: string): string =>
  JSON.stringify(name.length > 40 ? `${name.slice(0, 20)}…` : name).slice(1, -1);
const broken = (expected: string, answer: unknown): Error =>
  new Error(`expected ${expected}, got ${JSON.stringify(answer)}`);

/** Whether the answer is the one expected, records in any order: servers turn them round. */
function compare(answer: DnsAnswer, expected: Shape): void {
  if (answer.status !== expected.status) throw broken(expected.status, answer);
  if (
    expected.ttl !== undefined &&
    (!('ttl' in answer) || answer.ttl > expected.ttl || answer.ttl < expected.ttl - 10)
  ) {
    throw broken(`a TTL of ${expected.ttl}`, answer);
  }
  if (expected.records === undefined) return;
  const print = (records: readonly object[]): string =>
    JSON.stringify(
      records.map((record) => JSON.stringify(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))).sort(),
    );
  const records = answer.status === 'found' ? answer.records : [];
  if (print(records) !== print(expected.records)) throw broken(JSON.stringify(expected.records), answer);
}
