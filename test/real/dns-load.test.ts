import { systemClock } from 'postern/adapters/system';
import { dnsbl } from 'postern/checks/dnsbl';
import { relayControl } from 'postern/checks/relay-control';
import { senderDomain } from 'postern/checks/reverse-dns';
import { nodeResolver, serveZone, stubResolver, type ZoneServer } from 'postern/dns/node';
import type { DnsAnswer, DnsResolver, RecordType } from 'postern/env';
import { smtpPolicy } from 'postern/smtp';
import { quietEnv, replyTo, type ZoneEntry, zone } from 'postern/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RealServers, startServers, withoutServers } from './dns-servers.ts';

const SESSIONS = 500;
/** Of 500 clients, the list names 180. */
const isListed = (n: number): boolean => n % 25 < 9;
const ways = ['udp', 'tcp', 'tls', "Node's resolver"] as const;
/** Each way asks for names of its own, so that none of them finds answers in unbound's cache. */
const clientOf = (way: number, n: number): string => `11.${way}.${n >> 8}.${n & 255}`;
const senderOf = (way: number, n: number): string => `d${way}-${n}.load.test`;

const data: Record<string, ZoneEntry> = { 'load.test': { SOA: ['ns.load.test', 60], NS: ['ns.load.test'] } };
data['ns.load.test'] = { A: ['127.0.0.1'] };
data['2.0.0.127.bl.load.test'] = { A: ['127.0.0.2'] };
for (const way of ways.keys()) {
  for (let n = 0; n < SESSIONS; n++) {
    data[senderOf(way, n)] = { MX: [[10, `mx.${senderOf(way, n)}`]] };
    data[`mx.${senderOf(way, n)}`] = { A: ['9.9.9.9'], AAAA: ['2620:fe::9'] };
    if (isListed(n)) data[`${clientOf(way, n).split('.').reverse().join('.')}.bl.load.test`] = { A: ['127.0.0.2'] };
  }
}
const clock = systemClock();
/** Every answer of the authority takes 100 ms, so that many questions are open at unbound at once. */
const truth = zone(data, { clock, delayMs: 100 });

/** Counts the answers that say what the zone says. */
function counting(dns: DnsResolver): DnsResolver & { asked: number; right: number; reasons: Record<string, number> } {
  return {
    asked: 0,
    right: 0,
    reasons: {},
    async resolve<T extends RecordType>(name: string, type: T, options?: object): Promise<DnsAnswer<T>> {
      const answer = await dns.resolve(name, type, options);
      this.asked++;
      if (answer.status === truth.lookup(name, type).outcome) this.right++;
      else if (answer.status === 'temperror') this.reasons[answer.reason] = (this.reasons[answer.reason] ?? 0) + 1;
      return answer;
    },
  };
}

describe.skipIf(withoutServers)(`500 sessions at once${withoutServers ? ` (${withoutServers})` : ''}`, () => {
  let servers: RealServers;
  let authority: ZoneServer;
  beforeAll(async () => {
    authority = await serveZone(truth);
    servers = await startServers('load.test', data, 120, { tcpConnections: 10, authority: authority.port });
  });
  afterAll(async () => {
    await servers?.end();
    await authority?.close();
  });

  test.each(ways)(
    'unbound as it comes, cold, by %s: every question answered, every listed client refused',
    async (how) => {
      const way = ways.indexOf(how);
      const port = how === 'tls' ? servers.unbound.tlsPort : servers.unbound.port;
      const dns =
        how === "Node's resolver"
          ? nodeResolver({ servers: [`127.0.0.1:${port}`] })
          : stubResolver({
              servers: [{ address: '127.0.0.1', port, transport: how, name: 'dns.test', ca: servers.ca }],
            });
      const counted = counting(dns);
      const policy = smtpPolicy({
        relay: relayControl({ localDomains: ['example.com'] }),
        rcpt: [dnsbl({ zone: 'bl.load.test', label: 'BL' }), senderDomain()],
      });
      const env = quietEnv({ dns: counted, clock });
      const replies = await Promise.all(
        Array.from({ length: SESSIONS }, (_, n) =>
          replyTo(
            policy,
            'rcpt',
            { client: clientOf(way, n), from: `a@${senderOf(way, n)}`, to: 'b@example.com', helo: 'mx.example.org' },
            env,
          ),
        ),
      );
      if ('close' in dns && typeof dns.close === 'function') dns.close();
      const refused = replies.filter((reply, n) => isListed(n) && reply === '550 5.7.1').length;
      const accepted = replies.filter((reply, n) => !isListed(n) && reply === null).length;
      console.log(
        `${how}: ${counted.right} of ${counted.asked} answers right, ${refused} of 180 refused`,
        counted.reasons,
      );
      expect([refused, accepted, counted.right]).toEqual([180, 320, counted.asked]);
    },
  );
});
