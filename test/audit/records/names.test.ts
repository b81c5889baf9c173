import { describe, expect, test } from 'vitest';
import { auditCaa, auditDnssec, auditWildcard } from '../../../src/audit/records/index.ts';
import { type ZoneData, zone } from '../../../src/testing/index.ts';
import { contextWith } from '../context.ts';

const context = (data: ZoneData) => contextWith({}, { dns: zone(data) });
const ids = ({ findings }: { readonly findings: readonly { readonly id: string; readonly severity: string }[] }) =>
  findings.map(({ id, severity }) => `${severity} ${id}`);

describe('a wildcard MX', () => {
  test.each<[string, ZoneData, readonly string[]]>([
    ['none', { 'example.org': { MX: [[10, 'mx.example.org']] } }, []],
    ['one', { '*.example.org': { MX: [[10, 'mx.example.org']] } }, ['low mx-wildcard']],
    ['a null MX', { '*.example.org': { MX: [[0, '']] } }, []],
    ['a wildcard of another type', { '*.example.org': { A: ['192.0.2.1'] } }, []],
    ['no answer', { '*.example.org': 'temperror' }, []],
  ])('%s → %j', async (_, data, expected) => {
    expect(ids(await auditWildcard('example.org', 'nobody', context(data)))).toEqual(expected);
  });
});

describe('DNSSEC by name', () => {
  const mx: ZoneData[string] = { MX: [[10, 'mx.example.net']], authentic: true };
  const top: ZoneData = { org: { NS: ['ns.example'], authentic: true } };
  const state = async (data: ZoneData) => {
    const { audit, findings } = await auditDnssec('example.org', ['mx.example.net'], context(data));
    return [...audit.map(({ state }) => state), ...findings.map(({ id }) => id)];
  };
  test.each<[string, ZoneData, readonly string[]]>([
    [
      'all signed',
      { 'example.org': mx, 'mx.example.net': { A: ['192.0.2.1'], authentic: true } },
      ['signed', 'signed'],
    ],
    [
      'the host is not',
      { 'example.org': mx, 'mx.example.net': { A: ['192.0.2.1'] } },
      ['signed', 'unsigned', 'dnssec-unsigned'],
    ],
    [
      'nothing is, behind a resolver that validates',
      { ...top, 'example.org': { MX: [[10, 'mx.example.net']] }, 'mx.example.net': { A: ['192.0.2.1'] } },
      ['unsigned', 'unsigned', 'dnssec-unsigned'],
    ],
    [
      'nothing is, behind a resolver that may not validate',
      { 'example.org': { MX: [[10, 'mx.example.net']] }, 'mx.example.net': { A: ['192.0.2.1'] } },
      ['unknown', 'unknown'],
    ],
    ['no answer', { ...top, 'example.org': 'temperror', 'mx.example.net': 'temperror' }, ['unknown', 'unknown']],
  ])('%s → %j', async (_, data, expected) => {
    expect(await state(data)).toEqual(expected);
  });
});

describe('CAA', () => {
  const of = (...CAA: (readonly [number, string, string])[]): ZoneData => ({ 'example.org': { CAA } });
  test.each<[string, ZoneData, readonly string[]]>([
    ['none', {}, ['info caa-missing']],
    ['of the domain', of([0, 'issue', 'ca.example']), []],
    ['of the host', { 'mx.example.org': { CAA: [[0, 'issue', 'ca.example']] } }, []],
    ['no authority may issue', of([0, 'issue', ';']), []],
    ['with parameters', of([0, 'issue', ' ca.example ; validationmethods=dns-01']), []],
    ['a report address', of([0, 'issue', 'ca.example'], [0, 'iodef', 'mailto:x@example.org']), []],
    ['an unknown property', of([0, 'issue', 'ca.example'], [0, 'tbs', 'x']), []],
    ['the same, critical', of([0, 'issue', 'ca.example'], [128, 'tbs', 'x']), ['medium caa-record']],
    ['a sentence', of([0, 'issue', 'only ours, please']), ['medium caa-record']],
    ['a URL', of([0, 'issuewild', 'https://ca.example/']), ['medium caa-record']],
    ['no answer', { 'mx.example.org': 'temperror' }, ['medium lookup-failed']],
  ])('%s → %j', async (_, data, expected) => {
    expect(ids(await auditCaa('example.org', ['mx.example.org'], context(data)))).toEqual(expected);
  });
  test('hosts of other domains → not checked', async () => {
    const { audit, findings } = await auditCaa('example.org', ['mx.example.net'], context({}));
    expect([audit, findings]).toEqual([[], []]);
  });
});
