/**
 * Prefix sets beside `net.BlockList` and mmdb-lib; memory, time to build, time to load. Prints a table; ends with 1
 * where a bar is missed. Seeded. `POSTERN_BENCH_SIZES` (1000,100000,1000000) says which lists.
 */

import { BlockList } from 'node:net';
import { Address4, Address6 } from 'ip-address';
import { Reader } from 'mmdb-lib';
import { readPrefixSet } from '../../src/checks/ip-blocklist/index.ts';
import { PrefixSet } from '../../src/prefix-set/index.ts';
import { mix, mmdb } from './prefix-data.ts';

const sizes = (process.env.POSTERN_BENCH_SIZES ?? '1000,100000,1000000').split(',').map(Number);
const gc = (globalThis as { gc?: () => void }).gc;
let missed = 0;

function report(what: string, figure: string, bar = '', met = true): void {
  if (!met) missed++;
  console.log(`${what.padEnd(52)} ${figure.padStart(16)}  ${bar}${met ? '' : '  MISSED'}`);
}
const cpu = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
};

type Ask = (address: string) => unknown;

/** A window is short, so that some of them fall where nothing else runs. */
const WINDOW = 40_000;

/**
 * CPU nanoseconds a question of each contender, the least of many windows. The contenders take turns, so that what else the
 * machine does falls on all of them; each window asks the next part of the questions.
 */
function race(
  contenders: readonly { readonly questions: readonly string[]; readonly ask: Ask }[],
  windows = 50,
): number[] {
  const best = contenders.map(() => Number.POSITIVE_INFINITY);
  let hits = 0;
  for (let window = 0; window < windows; window++) {
    contenders.forEach(({ questions, ask }, i) => {
      const n = Math.min(WINDOW, questions.length);
      const start = (window * WINDOW) % Math.max(1, questions.length - n + 1);
      // The caches hold what the one before has left: each fills them for itself, with other questions.
      const other = ((window + 2) * WINDOW) % Math.max(1, questions.length - n + 1);
      for (let q = other; q < other + n; q++) if (ask(questions[q]!)) hits++;
      const from = cpu();
      for (let q = start; q < start + n; q++) if (ask(questions[q]!)) hits++;
      best[i] = Math.min(best[i]!, (cpu() - from) / n);
    });
  }
  if (hits === 0) throw new Error('nothing was found');
  return best;
}

const held = (): number => {
  gc?.();
  gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

/** What must hold at each size: times faster than BlockList and mmdb-lib. */
const bars: { readonly [size: number]: readonly [blockList: number, mmdbLib: number] } = {
  1000: [50, 6],
  100000: [20_000, 6],
  1000000: [0, 6],
};

for (const size of sizes) {
  console.log(`\n${size} prefixes`);
  let set = PrefixSet.from([]);
  const data = mix(size, 200_000, (address) => set.has(address));
  const { entries } = data;
  const before = held();
  let from = cpu();
  set = PrefixSet.from(entries);
  const built = (cpu() - from) / 1e6;
  report('build from strings', `${built.toFixed(1)} ms`);
  const bytesEach = (held() - before) / size;
  report(
    'held memory, everything included',
    `${bytesEach.toFixed(2)} B/prefix`,
    size >= 1e6 ? '(bar 6)' : '',
    size < 1e6 || bytesEach <= 6,
  );
  const { questions, questions4 } = data;
  const bytes = set.toBytes();
  report('snapshot', `${(bytes.length / size).toFixed(2)} B/prefix`);
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    from = cpu();
    PrefixSet.fromBytes(bytes);
    best = Math.min(best, (cpu() - from) / 1e6);
  }
  report(
    'snapshot load',
    `${best.toFixed(2)} ms`,
    `${(built / best).toFixed(0)} x faster (bar 20 x)`,
    built / best >= 20,
  );

  const text = entries.join('\n');
  let ready = Number.POSITIVE_INFINITY;
  let constructors = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    from = cpu();
    const read = readPrefixSet(text, { format: 'plain', widest: { v4: 0, v6: 0 } }).set;
    ready = Math.min(ready, (cpu() - from) / 1e6);
    if (read?.size !== set.size) throw new Error('the sets differ');
    from = cpu();
    let parsed = 0;
    for (const line of text.split('\n')) {
      if ((line.includes(':') ? new Address6(line) : new Address4(line)).parsedAddress.length > 0) parsed++;
    }
    constructors = Math.min(constructors, (cpu() - from) / 1e6);
    if (parsed !== size) throw new Error('a line was not parsed');
  }
  report(
    'lines of text to a set, beside ip-address constructors',
    `${(constructors / ready).toFixed(1)} x`,
    `${ready.toFixed(0)} ms, ${constructors.toFixed(0)} ms (bar 3 x)`,
    size < 1e6 || constructors / ready >= 3,
  );

  const [blockListBar, mmdbBar] = bars[size] ?? [0, 0];
  const reader = new Reader<never>(mmdb(entries));
  for (const question of questions.slice(0, 20_000))
    if ((reader.get(question) !== null) !== set.has(question))
      throw new Error(`mmdb-lib and we differ about ${question}`);
  const [ours, lookup, theirMmdb, ours4, ours6] = race([
    { questions, ask: (address) => set.has(address) },
    { questions, ask: (address) => set.lookup(address) },
    { questions, ask: (address) => reader.get(address) },
    { questions: questions4, ask: (address) => set.has(address) },
    { questions: questions.filter((address) => address.includes(':')), ask: (address) => set.has(address) },
  ]) as [number, number, number, number, number];
  report('has, strings in', `${ours.toFixed(0)} ns`);
  report('has, IPv4 only', `${ours4.toFixed(0)} ns`);
  report('has, IPv6 only', `${ours6.toFixed(0)} ns`);
  report('lookup, strings in', `${lookup.toFixed(0)} ns`);
  const times = (what: string, theirs: number, own: number, bar: number): void =>
    report(
      what,
      `${(theirs / own).toFixed(theirs / own < 100 ? 1 : 0)} x`,
      `${theirs.toFixed(0)} ns (bar ${bar} x)`,
      theirs / own >= bar,
    );
  times('mmdb-lib', theirMmdb, ours, mmdbBar);
  if (size <= 100_000) {
    const list = new BlockList();
    for (const entry of entries) {
      const [address, length] = entry.split('/') as [string, string?];
      const family = address.includes(':') ? 'ipv6' : 'ipv4';
      if (length === undefined) list.addAddress(address, family);
      else list.addSubnet(address, Number(length), family);
    }
    const few = questions.slice(0, size > 10_000 ? 300 : 5_000);
    const [theirs] = race([{ questions: few, ask: (a) => list.check(a, a.includes(':') ? 'ipv6' : 'ipv4') }], 3);
    times('net.BlockList', theirs!, ours, blockListBar);
  }
}
process.exitCode = missed > 0 ? 1 : 0;
