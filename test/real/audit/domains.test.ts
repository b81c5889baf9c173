import { audit, systemEnv } from 'postern/audit';
import { serveZone, stubResolver } from 'postern/dns/node';
import type { DnsResolver } from 'postern/env';
import { zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';
import { type RealServers, startServers, withoutServers } from '../dns-servers.ts';
import { bogusCase, type DomainCase, domainCases, domainOptions, domainZone } from './domains.ts';
import { type Judged, type Score, score, scoreTable } from './score.ts';

/** So many domains are audited at once: more would be a test of the name servers. */
const AT_ONCE = 16;

/** Audits each domain by itself. */
async function judge(cases: readonly DomainCase[], dns: DnsResolver): Promise<readonly Judged[]> {
  const env = systemEnv({ dns });
  const judged: Judged[] = [];
  const queue = [...cases];
  const worker = async (): Promise<void> => {
    for (let truth = queue.shift(); truth !== undefined; truth = queue.shift()) {
      const report = await audit([truth.domain], { ...domainOptions, ...truth.options }, env);
      expect(report.notes).toEqual([]);
      judged.push({ truth, findings: report.domains[0]?.findings ?? [] });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return judged;
}

/** What unbound answers by itself: these reverse zones hold what the set has in them, and these names do not exist. */
const reserved = [
  '2.0.192.in-addr.arpa',
  '100.51.198.in-addr.arpa',
  '113.0.203.in-addr.arpa',
  '8.b.d.0.1.0.0.2.ip6.arpa',
];

const faultsOf = ({ faults }: Score): readonly string[] =>
  faults.map(({ kind, severity, text }) => `${kind} ${severity}: ${text}`);

describe('domains in many states', () => {
  test('the set is as large as is asked for', () => {
    expect(domainCases.length).toBeGreaterThanOrEqual(40);
    expect(new Set(domainCases.map(({ domain }) => domain)).size).toBe(domainCases.length);
  });

  test('a resolver of their own → nothing is missed, nothing is false', async () => {
    const result = score(await judge(domainCases, zone(domainZone)));
    console.log(scoreTable('domains', result));
    expect(faultsOf(result)).toEqual([]);
  });

  test('over UDP and TCP → the same', async () => {
    const server = await serveZone(zone(domainZone));
    const dns = stubResolver({ servers: [{ address: '127.0.0.1', port: server.port }], timeoutMs: 1_500 });
    try {
      const result = score(await judge(domainCases, dns));
      console.log(scoreTable('domains over UDP', result));
      expect(faultsOf(result)).toEqual([]);
    } finally {
      dns.close();
      await server.close();
    }
  });

  test.skipIf(withoutServers)('nsd, and unbound that validates → the same', async () => {
    const cases = [...domainCases.filter(({ madeUp }) => !madeUp), bogusCase];
    const data = Object.assign({}, ...cases.map(({ zone }) => zone));
    let servers: RealServers | undefined;
    try {
      servers = await startServers('.', { '': { SOA: ['ns.example', 60], NS: ['ns.example'] }, ...data }, 60, {
        bogus: [bogusCase.domain],
        plain: reserved,
      });
      const dns = stubResolver({ servers: [{ address: '127.0.0.1', port: servers.unbound.port }] });
      const result = score(await judge(cases, dns));
      dns.close();
      console.log(scoreTable('domains behind unbound and nsd', result));
      expect(faultsOf(result)).toEqual([]);
    } finally {
      await servers?.end();
    }
  });
});
