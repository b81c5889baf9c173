import { genericName, reverseDns } from 'postern/checks/reverse-dns';
import { defer, on, reject } from 'postern/core';
import { parseDomain, parseIp } from 'postern/net';
import type { ZoneData } from 'postern/testing';
import { describe, expect, test } from 'vitest';
import { findingOf, replyOf } from './replies.ts';

const v4 = '9.2.0.192.in-addr.arpa';
const strict = on(reverseDns(), { fail: reject(), permerror: reject(), softfail: reject(), temperror: defer() });
const named = (name: string, address = '192.0.2.9'): ZoneData => ({ [v4]: { PTR: [name] }, [name]: { A: [address] } });

describe('connect', () => {
  test.each<[string, ZoneData, string, string | null]>([
    ['a confirmed name', named('mx.example.org'), 'pass', null],
    ['no name', {}, 'permerror', '550 5.7.25 Client host [192.0.2.9] has no reverse DNS name'],
    [
      'a DNS error, which is not "no name"',
      { [v4]: 'temperror' },
      'temperror',
      '451 4.7.25 Reverse DNS of client host [192.0.2.9] could not be looked up',
    ],
    [
      'a name of others',
      named('mx.example.org', '192.0.2.1'),
      'fail',
      '550 5.7.25 No reverse DNS name of client host [192.0.2.9] resolves back to it',
    ],
    [
      'a generic name',
      named('192-0-2-9.dsl.example.net'),
      'softfail',
      '550 5.7.25 Reverse DNS name 192-0-2-9.dsl.example.net of client host [192.0.2.9] looks generic',
    ],
  ])('%s', async (_, data, result, reply) => {
    expect((await findingOf(reverseDns(), {}, data)).result).toBe(result);
    expect(await replyOf(reverseDns(), {}, data)).toBe(null); // recommended: never more than a flag
    expect(await replyOf(strict, {}, data)).toBe(reply);
  });

  test('a generic name among others → the best name speaks', async () => {
    const data = {
      [v4]: { PTR: ['192-0-2-9.dsl.example.net', 'mx.example.org'] },
      '192-0-2-9.dsl.example.net': { A: ['192.0.2.9'] },
      'mx.example.org': { A: ['192.0.2.9'] },
    };
    expect((await findingOf(reverseDns(), {}, data)).result).toBe('pass');
  });

  test('genericAt: false → a generic name is a name', async () => {
    const finding = await findingOf(reverseDns({ genericAt: false }), {}, named('192-0-2-9.dsl.example.net'));
    expect(finding.result).toBe('pass');
  });

  test.each(['127.0.0.1', '10.1.2.3', '192.168.0.1', 'fe80::1', '::1', 'fd00::1', '100.64.0.1'])(
    '%s → not asked',
    async (client) => {
      expect(await findingOf(reverseDns(), { client }, {})).toEqual({ check: 'reverse-dns', result: 'none' });
    },
  );

  test('the finding is plain JSON', async () => {
    const finding = await findingOf(reverseDns(), {}, named('mx.example.org'));
    expect(JSON.parse(JSON.stringify(finding))).toEqual(finding);
  });

  test.each([0, 2, Number.NaN, 'high' as never])('genericAt: %s → TypeError', (genericAt) => {
    expect(() => reverseDns({ genericAt })).toThrow(/reverseDns: genericAt/);
  });
});

describe('how generic a name is', () => {
  test.each([
    ['mail.example.org', '192.0.2.9', 0],
    ['example.org', '192.0.2.9', 0],
    ['mx1.eu.example.org', '192.0.2.9', 0],
    ['server9.example.org', '192.0.2.9', 0],
    ['192-0-2-9.dsl.example.net', '192.0.2.9', 1],
    ['9.2.0.192.dyn.example.net', '192.0.2.9', 1],
    ['host192000002009.pool.example.net', '192.0.2.9', 1],
    ['c0000209.cable.example.net', '192.0.2.9', 1],
    ['dynamic-192-0-2-9.example.net', '192.0.2.9', 1],
    ['ip-192-0-2-9.example.net', '192.0.2.9', 0.6],
    ['static-192-0-2-9.example.net', '192.0.2.9', 0.4],
    ['mail-192-0-2-9.example.net', '192.0.2.9', 0.3],
    ['ppp-2-9.example.net', '192.0.2.9', 0.75],
    ['customer.example.net', '192.0.2.9', 0.4],
    ['homer.example.net', '192.0.2.9', 0],
    ['adslhelp.example.net', '192.0.2.9', 0],
    ['2001-0db8-0000-0000-0000-0000-0000-0009.dyn.example.net', '2001:db8::9', 1],
    ['mx.example.net', '2001:db8::9', 0],
  ])('%s of %s → %d', (name, ip, score) => {
    expect(genericName(parseDomain(name)!, parseIp(ip)!).score).toBe(score);
  });

  test('the organisational domain is not looked at', () => {
    expect(genericName(parseDomain('mx.dynamic.example')!, parseIp('192.0.2.9')!).score).toBe(0);
  });
});
