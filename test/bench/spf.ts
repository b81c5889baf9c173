/**
 * SPF beside mailauth's own `spf()`: time to an answer over the depth of its dependencies, questions asked, and CPU. Prints a
 * table; ends with 1 where a bar is missed. `POSTERN_BENCH_LATENCY` is the time of one answer in milliseconds (20).
 */
import { spf as mailauth } from 'mailauth/lib/spf/index.js';
import { checkHost } from '../../src/checks/spf/index.ts';
import type { Clock, DnsAnswer, DnsRecord, DnsResolver, RecordType } from '../../src/env/index.ts';

const LATENCY = Number(process.env.POSTERN_BENCH_LATENCY ?? 20);
let missed = 0;

type Zone = { readonly [question: string]: readonly DnsRecord[] };

const txt = (name: string, text: string): Zone => ({ [`${name} TXT`]: [{ type: 'TXT', text }] });
const a = (name: string, address: string): Zone => ({ [`${name} A`]: [{ type: 'A', address }] });
const mx = (name: string, ...hosts: string[]): Zone => ({
  [`${name} MX`]: hosts.map((exchange, i) => ({ type: 'MX', exchange, preference: i })),
});
const many = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));
const zone = (...parts: Zone[]): Zone => Object.assign({}, ...parts);
const addresses = (from: number): string => many(12, (i) => `ip4:198.51.${from}.${i * 16}/28`).join(' ');

interface Case {
  readonly name: string;
  readonly zone: Zone;
  /** How many answers must be waited for one after the other. */
  readonly depth: number;
  readonly bar: number;
}

const cases: Case[] = [
  {
    name: '3 includes under a redirect',
    depth: 3,
    bar: 1.2,
    zone: zone(
      txt('sender.example', 'v=spf1 redirect=_spf.sender.example'),
      txt('_spf.sender.example', `v=spf1 ${many(3, (i) => `include:_n${i}.sender.example`).join(' ')} ~all`),
      ...many(3, (i) => txt(`_n${i}.sender.example`, `v=spf1 ${addresses(i)} ~all`)),
    ),
  },
  {
    name: 'a, mx with 2 hosts, an include',
    depth: 3,
    bar: 1.3,
    zone: zone(
      txt('sender.example', 'v=spf1 a mx include:_spf.other.example -all'),
      a('sender.example', '198.51.100.1'),
      mx('sender.example', 'mx1.sender.example', 'mx2.sender.example'),
      a('mx1.sender.example', '198.51.100.2'),
      a('mx2.sender.example', '198.51.100.3'),
      txt('_spf.other.example', 'v=spf1 ip4:203.0.113.0/24 -all'),
    ),
  },
  {
    name: '10 flat includes',
    depth: 2,
    bar: 1.5,
    zone: zone(
      txt('sender.example', `v=spf1 ${many(10, (i) => `include:i${i}.example`).join(' ')} -all`),
      ...many(10, (i) => txt(`i${i}.example`, `v=spf1 ${addresses(i)} -all`)),
    ),
  },
  {
    name: '10 mx with 10 hosts each',
    depth: 3,
    bar: 2,
    zone: zone(
      txt('sender.example', `v=spf1 ${many(10, (i) => `mx:m${i}.example`).join(' ')} -all`),
      ...many(10, (i) => mx(`m${i}.example`, ...many(10, (j) => `h${j}.m${i}.example`))),
      ...many(100, (i) =>
        a(`h${i % 10}.m${Math.floor(i / 10)}.example`, `198.51.${100 + Math.floor(i / 10)}.${i % 10}`),
      ),
    ),
  },
  {
    name: 'one ip4 that matches',
    depth: 1,
    bar: 1.2,
    zone: zone(
      txt('sender.example', 'v=spf1 ip4:192.0.2.0/24 include:i.example -all'),
      txt('i.example', 'v=spf1 -all'),
    ),
  },
];

const subject = { ip: '192.0.2.99', helo: 'mail.sender.example', mailFrom: 'someone@sender.example' };
const clock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class Counter {
  questions = 0;
  readonly #zone: Zone;
  readonly #latency: number;
  constructor(zone: Zone, latency: number) {
    this.#zone = zone;
    this.#latency = latency;
  }
  async #answer(name: string, type: string): Promise<readonly DnsRecord[] | undefined> {
    this.questions++;
    if (this.#latency > 0) await wait(this.#latency);
    return this.#zone[`${name} ${type}`];
  }
  readonly dns: DnsResolver = {
    resolve: async <T extends RecordType>(name: string, type: T) => {
      const records = await this.#answer(name, type);
      const found = { status: 'found', records, ttl: 300, authentic: false };
      return (records === undefined ? { status: 'nodata', ttl: 300 } : found) as DnsAnswer<T>;
    },
  };
  readonly node = async (name: string, type: string): Promise<unknown[]> => {
    const records = await this.#answer(name, type);
    if (records === undefined) throw Object.assign(new Error(`query${type} ENODATA ${name}`), { code: 'ENODATA' });
    return records.map((record) => {
      if (record.type === 'TXT') return [record.text];
      if (record.type === 'MX') return { exchange: record.exchange, priority: record.preference };
      return 'address' in record ? record.address : record;
    });
  };
}

const ours = (counter: Counter): Promise<{ result: string }> => checkHost(subject, { dns: counter.dns, clock });
const theirs = async (counter: Counter): Promise<{ result: string }> => {
  const { ip, helo, mailFrom: sender } = subject;
  // Its resolver is typed by the overloads of node:dns.
  const resolver = counter.node as unknown as NonNullable<Parameters<typeof mailauth>[0]['resolver']>;
  const { status } = await mailauth({ ip, helo, sender, mta: 'mx.example', strict: true, resolver });
  return { result: String(status.result) };
};

async function time(run: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await run();
  return performance.now() - from;
}

/** CPU microseconds of one evaluation, in windows that take turns; the least of each. */
async function cpu(zone: Zone, windows = 12, evaluations = 300): Promise<{ ours: number; theirs: number }> {
  const best = { ours: Number.POSITIVE_INFINITY, theirs: Number.POSITIVE_INFINITY };
  for (let window = 0; window < windows * 2; window++) {
    const [who, run] = window % 2 === 0 ? (['ours', ours] as const) : (['theirs', theirs] as const);
    const from = process.cpuUsage();
    for (let i = 0; i < evaluations; i++) await run(new Counter(zone, 0));
    const used = process.cpuUsage(from);
    best[who] = Math.min(best[who], (used.user + used.system) / evaluations);
  }
  return best;
}

console.log(`one answer takes ${LATENCY} ms; bars in brackets\n`);
console.log('                                 time / (depth x latency)        questions         CPU us per evaluation');
console.log('case                             postern      mailauth    postern mailauth    postern mailauth ratio');
for (const { name, zone, depth, bar } of cases) {
  const counted = new Counter(zone, 0);
  const reference = new Counter(zone, 0);
  const [one, other] = [await ours(counted), await theirs(reference)];
  if (one.result !== other.result) throw new Error(`${name}: ${one.result} here, ${other.result} there`);
  const perDepth = async (run: (counter: Counter) => Promise<unknown>): Promise<number> => {
    const times: number[] = [];
    for (let i = 0; i < 5; i++) times.push(await time(() => run(new Counter(zone, LATENCY))));
    return times.sort((x, y) => x - y)[2]! / (depth * LATENCY);
  };
  const [mine, its] = [await perDepth(ours), await perDepth(theirs)];
  const spent = await cpu(zone);
  const ratio = spent.ours / spent.theirs;
  const asked = one.result === 'pass' ? 0 : counted.questions / reference.questions;
  const wrong = [mine > bar && 'LATENCY', ratio > 1.15 && 'CPU', asked > 1.5 && 'QUESTIONS'].filter(Boolean);
  missed += wrong.length;
  console.log(
    `${name.padEnd(31)} ${mine.toFixed(2).padStart(5)} [${bar.toFixed(1)}] ${its.toFixed(2).padStart(10)} ${String(counted.questions).padStart(10)} ${String(reference.questions).padStart(8)} ${spent.ours.toFixed(0).padStart(10)} ${spent.theirs.toFixed(0).padStart(8)} ${ratio.toFixed(2).padStart(5)} [1.15] ${wrong.length > 0 ? `MISSED ${wrong.join(' ')}` : ''}`,
  );
}
process.exitCode = missed > 0 ? 1 : 0;
