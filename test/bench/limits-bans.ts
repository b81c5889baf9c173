/**
 * Ten thousand bans a second that last a minute: what they cost, and what they hold. Prints a table; ends with 1 where a
 * bar is missed.
 */
import { Address4 } from 'ip-address';
import type { MemoryBans } from '../../src/adapters/memory/index.ts';
import { memoryBans } from '../../src/adapters/memory/index.ts';

let missed = 0;
function report(what: string, figure: string, bar: string, met: boolean): void {
  if (!met) missed++;
  console.log(`${what.padEnd(58)} ${figure.padStart(16)}  ${bar}${met ? '' : '  MISSED'}`);
}

const PER_SECOND = 10_000;
const LIFE_MS = 60_000;
const SECONDS = 180;

/** The text is made beforehand: a session has it. */
const prefixesOf = (second: number): string[] =>
  Array.from({ length: PER_SECOND }, (_, i) => {
    const n = (Math.imul(second * PER_SECOND + i + 1, 0x9e3779b1) ^ 0x5bd1e995) >>> 0;
    return Buffer.from(`${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}/32`).toString('latin1');
  });

let now = 1.9e12;
const made = (): MemoryBans =>
  memoryBans({ clock: { now: () => now, after: () => () => {} }, firstMs: LIFE_MS, rememberMs: 10_000, seed: 7 });

let bans = made();
/** CPU seconds for a second's bans: the least of the seconds, of ours and of reading the same texts with ip-address alone. */
let cost = Number.POSITIVE_INFINITY;
let reading = Number.POSITIVE_INFINITY;
const cpuSince = (from: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1e6;
};
let most = 0;
for (let second = 0; second < SECONDS; second++) {
  const prefixes = prefixesOf(second);
  const from = process.cpuUsage();
  for (let i = 0; i < PER_SECOND; i++) {
    if (i % 10 === 0) now++;
    bans.add(prefixes[i] as string, 'five wrong passwords');
  }
  if (second > 2 * (LIFE_MS / 1_000)) cost = Math.min(cost, cpuSince(from));
  const peer = process.cpuUsage();
  let read = 0;
  for (const prefix of prefixes) read += new Address4(prefix).subnetMask;
  if (read !== 32 * PER_SECOND) throw new Error('ip-address read another prefix');
  reading = Math.min(reading, cpuSince(peer));
  most = Math.max(most, bans.size);
}
const bytes = bans.bytes / bans.size;

// Each call by itself, while the table grows. Done three times over: the same call moves the same slots each time, while
// what the collector and others do falls elsewhere.
const calls = new Float64Array(PER_SECOND * SECONDS).fill(Number.POSITIVE_INFINITY);
for (let turn = 0; turn < 3; turn++) {
  now = 1.9e12;
  bans = made();
  let call = 0;
  for (let second = 0; second < SECONDS; second++)
    for (const prefix of prefixesOf(second)) {
      if (call % 10 === 0) now++;
      const from = process.hrtime.bigint();
      bans.add(prefix, 'five wrong passwords');
      calls[call] = Math.min(calls[call] as number, Number(process.hrtime.bigint() - from) / 1e6);
      call++;
    }
}
const longest = calls.reduce((least, each) => Math.max(least, each), 0);
report('10,000 bans a second, 60 s each: part of a core', `${(cost * 100).toFixed(2)} %`, '', true);
report(
  'the same, over reading the prefixes with ip-address',
  `${(cost / reading).toFixed(2)} x`,
  `${(reading * 100).toFixed(2)} % (bar 2 x)`,
  cost / reading <= 2,
);
report('bans held, over and remembered for 10 s included', `${most.toLocaleString('en')}`, '', true);
report('bytes a ban', bytes.toFixed(1), '(bar 24)', bytes <= 24);
report('longest of 1,800,000 calls', `${longest.toFixed(2)} ms`, '(bar 5)', longest <= 5);
process.exitCode = missed > 0 ? 1 : 0;
