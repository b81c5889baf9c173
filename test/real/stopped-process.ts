/**
 * A process that asks a list without end, to be stopped and set going again from outside.
 *
 * Started with the list's port and the resolver's name. Says `asking` once it does; on `SIGUSR2` it stops asking, examines
 * 100 listed clients, and prints what it found as JSON.
 */
import { Resolver } from 'node:dns/promises';
import { systemClock } from 'postern/adapters/system';
import { dnsbl } from 'postern/checks/dnsbl';
import { type ListEvent, listWatch } from 'postern/dns';
import { stubResolver } from 'postern/dns/node';
import type { DnsResolver } from 'postern/env';
import { parseIp } from 'postern/net';

const [port, resolver] = process.argv.slice(2);
const server = `127.0.0.1:${port}`;
/** Node's resolver with one try, which calls answers that have arrived timeouts once the process stood still. */
function impatientResolver(): DnsResolver {
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([server]);
  return {
    async resolve(name) {
      try {
        const records = (await resolver.resolve4(name)).map((address) => ({ type: 'A', address }));
        return { status: 'found', records, ttl: 0, authentic: false } as never;
      } catch (error) {
        const { code } = error as { code: string };
        if (code === 'ENOTFOUND' || code === 'ENODATA') return { status: 'nxdomain', ttl: 0 } as never;
        return { status: 'temperror', reason: code === 'ETIMEOUT' ? 'timeout' : code };
      }
    },
  };
}
const dns = resolver === 'stub' ? stubResolver({ servers: [server], timeoutMs: 500 }) : impatientResolver();
const env = { dns, clock: systemClock() };
const events: ListEvent[] = [];
const watch = listWatch({ onEvent: (event) => events.push(event) });
const check = dnsbl({ zone: 'zen.dnsbl.example', label: 'ZEN', timeoutMs: 1_000, watch });
const examine = async (ip: string): Promise<string> =>
  (await check.examine({ client: { ip: parseIp(ip)! } }, env, new AbortController().signal)).result;

const during: Record<string, number> = {};
let asking = true;
process.once('SIGUSR2', () => {
  asking = false;
});

async function askOn(n: number): Promise<void> {
  for (let i = 0; asking; i++) {
    const result = await examine(`12.${n}.${(i >> 8) & 255}.${i & 255}`);
    during[result] = (during[result] ?? 0) + 1;
  }
}
const askers = Array.from({ length: 50 }, (_, n) => askOn(n));
process.stdout.write('asking\n');
await Promise.all(askers);
const after = await Promise.all(Array.from({ length: 100 }, (_, i) => examine(`11.0.0.${i}`)));
process.stdout.write(`${JSON.stringify({ during, after, events })}\n`);
process.exit(0);
