/**
 * Bans as they come in an attack: 10,000 a second that last a minute, a million at their most. What one costs in CPU time and
 * bytes, and the longest single call. The time is a number that is handed in. Ends with 1 where a bar is missed. Seeded.
 */
import { PrefixOverlay } from '../../src/prefix-set/index.ts';
import { chance, text4 } from './prefix-data.ts';

const RATE = 10_000;
const LIFE_MS = 60_000;
const SECONDS = 180;
const NOW = 1_893_456_000_000;

const flat = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');
/** The addresses of one second, the same ones whenever it is asked for: held, they would be most of the heap. */
function addressesOf(second: number): string[] {
  const random = chance(second + 1);
  const group = (): string => Math.floor(random() * 0x10000).toString(16);
  return Array.from({ length: RATE }, () =>
    flat(random() < 0.9 ? text4(Math.floor(random() * 4_294_967_296)) : `2001:db8:${group()}:${group()}::/64`),
  );
}

const bans = new PrefixOverlay({ max: 5_000_000, seed: 7 });
/** CPU microseconds of each second, once bans end as fast as they come. */
const seconds: number[] = [];
let most = 0;
for (let second = 0; second < SECONDS; second++) {
  const addresses = addressesOf(second);
  const from = process.cpuUsage();
  for (let i = 0; i < RATE; i++) {
    const now = NOW + second * 1000 + i / 10;
    bans.add(addresses[i]!, now + LIFE_MS, now);
  }
  const { user, system } = process.cpuUsage(from);
  if (second >= (2 * LIFE_MS) / 1000) seconds.push(user + system);
  most = Math.max(most, bans.size);
}
const steady = Math.min(...seconds);
const bytes = bans.byteLength / bans.size;

// Growth without an end, each call timed by itself: the pause of a whole table's rehash would be seen here. It is done
// three times over: the same call moves the same slots each time, while what the collector and others do falls elsewhere.
const calls = new Float64Array(RATE * SECONDS).fill(Number.POSITIVE_INFINITY);
let growing = bans;
for (let turn = 0; turn < 3; turn++) {
  growing = new PrefixOverlay({ max: 5_000_000, seed: 7 });
  let call = 0;
  for (let second = 0; second < SECONDS; second++) {
    for (const address of addressesOf(second)) {
      const from = process.hrtime.bigint();
      growing.add(address, NOW + 1e9, NOW);
      calls[call] = Math.min(calls[call]!, Number(process.hrtime.bigint() - from) / 1e6);
      call++;
    }
  }
}
const longest = calls.reduce((most, each) => Math.max(most, each), 0);
const grownBytes = growing.byteLength / growing.size;
const questions = Array.from({ length: 10 }, (_, second) => addressesOf(second))
  .flat()
  .map((address) => flat(address.replace('::/64', '::1')));
let has = Number.POSITIVE_INFINITY;
for (let window = 0; window < 9; window++) {
  const from = process.cpuUsage();
  let hits = 0;
  for (const question of questions) if (growing.has(question, NOW)) hits++;
  if (hits !== questions.length) throw new Error('a ban was lost');
  const { user, system } = process.cpuUsage(from);
  has = Math.min(has, ((user + system) * 1000) / questions.length);
}

let missed = false;
const line = (what: string, figure: string, bar = '', met = true): void => {
  missed ||= !met;
  console.log(`${what.padEnd(56)} ${figure.padStart(14)}  ${bar}${met ? '' : '  MISSED'}`);
};
line(
  '10,000 bans a second, 60 s each: share of a processor',
  `${(steady / 10_000).toFixed(2)} %`,
  '(bar 0.5 %)',
  steady / 10_000 <= 0.5,
);
line('one ban', `${((steady * 1000) / RATE).toFixed(0)} ns`);
line('held at most, of 600,000 in force', String(most));
line('bytes a ban, steady', bytes.toFixed(1), '(bar 24)', bytes <= 24);
line(`bytes a ban, grown to ${growing.size}`, grownBytes.toFixed(1), '(bar 24)', grownBytes <= 24);
line('longest of 1,800,000 calls while it grows', `${longest.toFixed(2)} ms`, '(bar 5 ms)', longest <= 5);
line('has, hit', `${has.toFixed(0)} ns`);
process.exitCode = missed ? 1 : 0;
