/** The parser beside ip-address's constructors. Prints a table; ends with 1 where a bar is missed. Seeded. */
import { isIP } from 'node:net';
import { Address4, Address6 } from 'ip-address';
import { parseIp } from '../../src/net/index.ts';
import { chance, text4 } from './prefix-data.ts';

const random = chance(7);
const flat = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');
const v4 = Array.from({ length: 10_000 }, () => flat(text4(Math.floor(random() * 4_294_967_296))));
const v6 = Array.from({ length: 10_000 }, () =>
  flat(
    new Address6(
      Array.from({ length: 8 }, () => (random() < 0.25 ? 0 : Math.floor(random() * 0x10000)).toString(16)).join(':'),
    ).correctForm(),
  ),
);
const upper = v6.map((text) => flat(text.toUpperCase()));
const bad = v4.map((text) => flat(`${text}.1`));

const cpu = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
};
/** CPU nanoseconds each, the least of several windows; contenders take turns. */
function race(contenders: readonly (readonly [texts: readonly string[], run: (text: string) => unknown])[]): number[] {
  const best = contenders.map(() => Number.POSITIVE_INFINITY);
  for (let window = 0; window < 40; window++) {
    contenders.forEach(([texts, run], i) => {
      const from = cpu();
      let seen = 0;
      for (const text of texts) if (run(text)) seen++;
      best[i] = Math.min(best[i]!, (cpu() - from) / texts.length);
      if (seen > texts.length) throw new Error('unreachable');
    });
  }
  return best;
}

const [ours4, theirs4, ours6, theirs6, oursUpper, is4, is6, oursBad, theirsBad] = race([
  [v4, parseIp],
  [v4, (text) => new Address4(text)],
  [v6, parseIp],
  [v6, (text) => new Address6(text)],
  [upper, parseIp],
  [v4, isIP],
  [v6, isIP],
  [bad, parseIp],
  [bad, Address4.isValid],
]) as [number, number, number, number, number, number, number, number, number];

let missed = false;
const line = (what: string, ours: number, theirs: number, bar: number): void => {
  const met = theirs / ours >= bar;
  missed ||= !met;
  console.log(
    `${what.padEnd(40)} ${ours.toFixed(0).padStart(5)} ns  ${theirs.toFixed(0).padStart(6)} ns  ${(theirs / ours).toFixed(1).padStart(6)} x  ${bar > 0 ? `(bar ${bar} x)` : ''}${met ? '' : '  MISSED'}`,
  );
};
line('parseIp, new Address4', ours4, theirs4, 6);
line('parseIp, new Address6', ours6, theirs6, 10);
line('the same, upper case: printed anew', oursUpper, theirs6, 0);
line('what is none, Address4.isValid', oursBad, theirsBad, 0);
line('parseIp, net.isIP, IPv4', ours4, is4, 0);
line('parseIp, net.isIP, IPv6', ours6, is6, 0);
process.exitCode = missed ? 1 : 0;
