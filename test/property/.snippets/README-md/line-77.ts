import { guardedServer } from 'postern/adapters/smtp-server';
import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import { systemClock } from 'postern/adapters/system';
import { stubResolver } from 'postern/dns/node';
import { inbound } from './policy.ts';

const clock = systemClock();
const server = guardedServer({
  policy: inbound,
  env: { clock, dns: stubResolver(), counters: memoryCounters({ clock }), bans: memoryBans({ clock }) },
  role: 'mx',
  server: { name: 'mx.example.com', size: 25_000_000 },
  async deliver({ message, outcome }) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of message) chunks.push(chunk);
    const { action, headers } = await outcome;
    // Both are answered with 250, so both must be kept: a quarantined message in the junk folder.
    if (action === 'accept' || action === 'quarantine')
      console.log(`${chunks.length} chunks for ${action === 'accept' ? 'inbox' : 'junk'}, ${headers.length} fields to add`);
  },
});
export const listen = (): void => void server.listen(25);