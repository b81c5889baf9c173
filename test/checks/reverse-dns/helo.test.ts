import fc from 'fast-check';
import { heloCheck, heloIdentity } from 'postern/checks/reverse-dns';
import { parseIp } from 'postern/net';
import { type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';
import { factsOf, findingOf, replyOf } from './replies.ts';

const v4 = '9.2.0.192.in-addr.arpa';
const ptr: ZoneData = { [v4]: { PTR: ['out7.example.org'] }, 'out7.example.org': { A: ['192.0.2.9'] } };

describe('helo', () => {
  test.each<[string, string, ZoneData, string, string]>([
    ['resolves to the client', 'mx.example.org', { 'mx.example.org': { A: ['192.0.2.9'] } }, 'pass', 'resolves'],
    ['the client literal', '[192.0.2.9]', {}, 'pass', 'literal-matches'],
    [
      'is the confirmed PTR name',
      'out7.example.org',
      { ...ptr, 'out7.example.org': { A: ['192.0.2.9'] } },
      'pass',
      'resolves',
    ],
    [
      'shares the domain of the confirmed PTR name',
      'mail.example.org',
      { ...ptr, 'mail.example.org': { A: ['127.0.0.1'] } },
      'pass',
      'same-organization-as-ptr',
    ],
    ['shares it, and does not exist', 'nowhere.example.org', ptr, 'pass', 'same-organization-as-ptr'],
    [
      'shares the domain of a PTR name that is not confirmed',
      'mail.example.org',
      { [v4]: { PTR: ['out7.example.org'] } },
      'softfail',
      'unresolvable',
    ],
    ['another literal', '[192.0.2.1]', {}, 'softfail', 'literal-differs'],
    ['a private literal behind NAT', '[192.168.1.5]', {}, 'softfail', 'literal-differs'],
    ['an IP address without brackets', '192.0.2.9', {}, 'softfail', 'not-qualified'],
    ['one label', 'localhost', {}, 'softfail', 'not-qualified'],
    ['an underscore', 'my_host.example.org', {}, 'softfail', 'not-qualified'],
    [
      'resolves to others',
      'mx.example.org',
      { 'mx.example.org': { A: ['192.0.2.1'] } },
      'softfail',
      'resolves-elsewhere',
    ],
    ['does not exist', 'mx.example.org', {}, 'softfail', 'unresolvable'],
    ['our own name', 'mx.example.com', {}, 'softfail', 'claims-us'],
    ['our own name, in another case', 'MX.Example.COM.', {}, 'softfail', 'claims-us'],
    ['a DNS error', 'mx.example.org', { 'mx.example.org': 'temperror' }, 'temperror', 'no-answer'],
    ['a DNS error for the PTR', 'mx.example.org', { [v4]: 'temperror' }, 'temperror', 'no-answer'],
    ['unreadable', '-?-', {}, 'fail', 'syntax'],
    ['8-bit', 'm\u00e4il.ex\u0000mple', {}, 'fail', 'syntax'],
    ['a broken literal', '[192.0.2.999]', {}, 'fail', 'syntax'],
  ])('%s', async (_, helo, data, result, state) => {
    expect(await findingOf(heloIdentity(), { helo }, data)).toMatchObject({ result, detail: { state } });
  });

  test('only what cannot be read is refused (RFC 5321 §4.1.4)', async () => {
    expect(await replyOf(heloIdentity(), { helo: '-?-' }, {}, 'mail')).toBe(
      '501 5.5.2 HELO name is neither a domain name nor an address literal',
    );
    for (const helo of ['localhost', '[192.0.2.1]', 'mx.example.org', 'mx.example.com'])
      expect(await replyOf(heloIdentity(), { helo }, {}, 'mail')).toBe(null);
  });

  test('a mapped client against an IPv4 name → resolves', async () => {
    const finding = await findingOf(
      heloIdentity(),
      { client: '::ffff:192.0.2.9' },
      { 'mx.example.org': { A: ['192.0.2.9'] } },
    );
    expect(finding).toMatchObject({ result: 'pass' });
  });

  test('an IPv6 client → AAAA', async () => {
    const data = { 'mx.example.org': { A: ['192.0.2.9'], AAAA: ['2001:db8::9'] } };
    expect(await findingOf(heloIdentity(), { client: '2001:db8::9' }, data)).toMatchObject({
      detail: { state: 'resolves' },
    });
  });

  test('the server itself may say its own name', async () => {
    const check = heloIdentity({ ownAddresses: ['198.51.100.1'] });
    const finding = await findingOf(
      check,
      { client: '198.51.100.1', helo: 'mx.example.com' },
      { 'mx.example.com': { A: ['198.51.100.1'] } },
    );
    expect(finding).toMatchObject({ result: 'pass' });
  });

  test('our own address as a literal → claims us', async () => {
    const check = heloIdentity({ ownAddresses: ['198.51.100.1'] });
    expect(await findingOf(check, { helo: '[198.51.100.1]' }, {})).toMatchObject({ detail: { state: 'claims-us' } });
  });

  test('heloCheck, without a policy', async () => {
    const dns = zone({ 'mx.example.org': { A: ['192.0.2.9'] } });
    const found = await heloCheck(factsOf({}).helo, parseIp('192.0.2.9')!, { dns });
    expect(found).toEqual({ name: 'mx.example.org', state: 'resolves' });
  });

  test('any text → a result, and no text of the client in the reply', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 600 }), async (helo) => {
        const finding = await findingOf(heloIdentity(), { helo }, {});
        expect(['pass', 'softfail', 'fail', 'temperror']).toContain(finding.result);
        expect(JSON.stringify(finding).length).toBeLessThan(5_000);
        expect(finding.explanation).toMatch(/^HELO (name|address) /);
      }),
      { numRuns: Number(process.env.POSTERN_FUZZ_RUNS ?? 150) },
    );
  });

  test('a wrong option → TypeError', () => {
    expect(() => heloIdentity({ ownNames: ['a b'] })).toThrow(
      'heloIdentity: ownNames[0] must be a domain name, got "a b"',
    );
    expect(() => heloIdentity({ ownAddresses: ['a'] })).toThrow(
      'heloIdentity: ownAddresses[0] must be an IP address, got "a"',
    );
    expect(() => heloIdentity({ ownName: [] } as never)).toThrow(
      'unknown option ownName (known: ownNames, ownAddresses)',
    );
  });
});
