import { dnsbl } from 'postern/checks/dnsbl';
import { parseIp } from 'postern/net';
import { fixedClock, type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const signal = new AbortController().signal;
const facts = (ip: string) => ({ client: { ip: parseIp(ip)! } });
const run = (data: ZoneData, ip = '192.0.2.1', more = {}) => {
  const clock = fixedClock();
  const check = dnsbl({ zone: 'zen.dnsbl.example', label: 'ZEN', weight: 4, ...more });
  return clock.until(Promise.resolve(check.examine(facts(ip), { dns: zone(data, { clock }), clock }, signal)));
};

describe('dnsbl', () => {
  test.each([
    ['a listed v4 client', '192.0.2.1', { '1.2.0.192.zen.dnsbl.example': { A: ['127.0.0.2'] } }, 'fail'],
    ['a client that is not listed', '192.0.2.1', {}, 'none'],
    ['an error code', '192.0.2.1', { '1.2.0.192.zen.dnsbl.example': { A: ['127.255.255.254'] } }, 'permerror'],
    ['silence', '192.0.2.1', { '1.2.0.192.zen.dnsbl.example': 'silent' }, 'temperror'],
    ['a list that lists everybody', '192.0.2.1', { '*.zen.dnsbl.example': { A: ['127.0.0.2'] } }, 'permerror'],
  ] as [string, string, ZoneData, string][])('connect/%s → %#', async (_, ip, data, result) => {
    const finding = await run(data, ip);
    expect(finding.result).toBe(result);
    expect(JSON.stringify(finding)).not.toContain('zen.dnsbl.example');
  });
});
