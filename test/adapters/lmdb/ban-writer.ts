/** Bans one address after the other, and prints each once it was acknowledged, until the process is killed. */
import { lmdbBans } from 'postern/adapters/lmdb';
import { systemClock } from 'postern/adapters/system';

const [path = '', from = '0'] = process.argv.slice(2);
const bans = lmdbBans({ path, clock: systemClock() });
const writers = 64;
for (let writer = 0; writer < writers; writer++) {
  void (async () => {
    for (let i = Number(from) + writer; ; i += writers) {
      const ban = await bans.add(`10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`, `reason ${i}`);
      if (i % 10 === 3) {
        await bans.lift(ban?.prefix ?? '');
        process.stdout.write(`lifted ${ban?.prefix}\n`);
      } else process.stdout.write(`banned ${ban?.prefix}\n`);
    }
  })();
}
