/**
 * Ten thousand bans a second that last a minute: what they cost, and what they hold. Prints a table; ends with 1 where a
 * bar is missed.
 */
import { memoryBans } from '../../src/adapters/memory/index.ts';

let missed = 0;
function report(what: string, figure: string, bar: string, met: boolean): void {
  if (!met) missed++;
  console.log(`${what.padEnd(58)} ${figure.padStart(16)}  ${bar}${met ? '' : '  MISSED'}`);
}

const PER_SECOND = 10_000;
const LIFE_MS = 60_000;
const SECONDS = 180;

let now = 1.9e12;
const bans = memoryBans({
  clock: { now: () => now, after: () => () => {} },
  firstMs: LIFE_MS,
  rememberMs: 10_000,
});
const addresses = Array.from({ length: PER_SECOND }, (_, i) => i);
let longest = 0;
let cost = Number.POSITIVE_INFINITY;
let most = 0;
for (let second = 0; second < SECONDS; second++) {
  // The text is made beforehand: a session has it.
  const prefixes = addresses.map((i) => {
    const n = (Math.imul(second * PER_SECOND + i + 1, 0x9e3779b1) ^ 0x5bd1e995) >>> 0;
    return `${n >>> 24}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}/32`;
  });
  const from = process.cpuUsage();
  for (let i = 0; i < PER_SECOND; i++) {
    if (i % 10 === 0) now++;
    bans.add(prefixes[i] as string, 'five wrong passwords');
  }
  const { user, system } = process.cpuUsage(from);
  if (second > 60) cost = Math.min(cost, (user + system) / 1e6);
  most = Math.max(most, bans.size);
  // Once more, each call by itself: processor time, since a pause of the machine is nobody's fault here.
  if (second % 10 === 9)
    for (const prefix of prefixes) {
      const start = process.cpuUsage();
      bans.add(prefix, 'five wrong passwords');
      const spent = process.cpuUsage(start);
      longest = Math.max(longest, (spent.user + spent.system) / 1_000);
    }
}
report('10,000 bans a second, 60 s each: part of a core', `${(cost * 100).toFixed(2)} %`, '(bar 0.5)', cost <= 0.005);
report('bans held, over and remembered for 10 s included', `${most.toLocaleString('en')}`, '', true);
report('bytes a ban', (bans.bytes / bans.size).toFixed(1), '(bar 24)', bans.bytes / bans.size <= 24);
report('longest of 180,000 calls (processor time)', `${longest.toFixed(2)} ms`, '(bar 5)', longest <= 5);
process.exitCode = missed > 0 ? 1 : 0;
