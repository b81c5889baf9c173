/**
 * What attackers do to honest users, and how many guesses they get through. Simulated time: the figures are counts and waits of
 * the simulation, not of this machine.
 *
 *   node --import ./.config/typescript.mjs test/bench/login-attack.ts
 */
import { Attacked, near } from '../checks/smtp-auth/attack.ts';

const MINUTE = 60_000;
let failed = false;

console.log(
  'A known client logs in beside attackers who have used up every budget of their network (a verification takes 100 ms).\n',
);
console.log('| attackers at | 1 | 10 | 1,000 | a stranger there, beside 1,000 |');
console.log('| --- | --- | --- | --- | --- |');
for (const [where, { honest, ip }] of Object.entries(near)) {
  const cells: string[] = [];
  let stranger = '';
  for (const count of [1, 10, 1_000]) {
    const server = new Attacked({ verifyMs: 100 });
    await server.login(honest, 'ann');
    for (let round = 0; round < 6; round++) {
      const guesses = Array.from({ length: Math.min(12 * count, 2_000) }, (_, i) => server.guess(ip(i % count)));
      await server.clock.until(Promise.all(guesses));
      await server.clock.pass(MINUTE);
    }
    const during = Array.from({ length: count }, (_, i) => server.guess(ip(i)));
    const { result, tookMs } = await server.login(honest, 'ann');
    cells.push(result === 'pass' ? `${tookMs} ms` : result);
    if (result !== 'pass' || tookMs > 5_000) failed = true;
    if (count === 1_000) stranger = (await server.login(honest, 'new')).result === 'pass' ? 'let in' : 'refused';
    await server.clock.until(Promise.all(during));
  }
  console.log(`| ${where} | ${cells.join(' | ')} | ${stranger} |`);
}

console.log(
  '\nGuesses let through in two hours by 1,000 IPv4 addresses of different networks, with the default table:',
);
const server = new Attacked({ accountDelay: { firstMs: 0 } });
const addresses = Array.from({ length: 1_000 }, (_, i) => `${20 + (i >> 5)}.${(i & 31) * 8}.0.1`);
for (let minute = 0; minute < 120; minute += 2) {
  for (const ip of addresses)
    for (let i = 0; i < 11; i++) await server.start(ip, `user${(minute * 11 + i) % 5_000}`, `${ip} ${minute} ${i}`);
  await server.clock.pass(2 * MINUTE);
}
const most = 1_000 * (50 + 50 / 12);
console.log(`${server.verified} (the budget of 50 a day allows ${Math.floor(most)})`);
if (server.verified > most + 1_000) failed = true;
process.exitCode = failed ? 1 : 0;
