import { receivedSpf, type SpfFacts, selfCheck, spf } from 'postern/checks/spf';
import { defer, evaluate, type Finding, on, reject } from 'postern/core';
import { parseIp, parsePath } from 'postern/net';
import { fixedClock, type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

function facts(from: string, helo = 'mail.example.org', ip = '192.0.2.1'): SpfFacts {
  const path = parsePath(from);
  if (typeof path === 'string') throw new Error(path);
  return { client: { ip: parseIp(ip)! }, helo: { verb: 'EHLO', name: helo }, reversePath: path.mailbox };
}

const data: ZoneData = {
  'pass.example': { TXT: ['v=spf1 ip4:192.0.2.0/24 -all'] },
  'fail.example': { TXT: ['v=spf1 exp=why.example -all'] },
  'why.example': { TXT: ['See http://%{d}/why?ip=%{i}'] },
  'soft.example': { TXT: ['v=spf1 ~all'] },
  'broken.example': { TXT: ['v=spf1 moo'] },
  'down.example': 'temperror',
};
const env = { dns: zone(data), clock: fixedClock() };
const never = new AbortController().signal;

describe('mail', () => {
  test.each<[string, string, string, string, object]>([
    ['the sender passes → pass', '<a@pass.example>', 'h.example', 'pass', {}],
    [
      'the sender fails → fail, 7.23',
      '<a@fail.example>',
      'h.example',
      'fail',
      {
        status: '7.23',
        cause: 'spf-fail',
        explanation:
          'Client host [192.0.2.1] is not allowed to send mail for fail.example (SPF fail); the domain explains: See http://fail.example/why?ip=192.0.2.1',
      },
    ],
    ['a soft fail → softfail', '<a@soft.example>', 'h.example', 'softfail', { status: '7.23', cause: 'spf-fail' }],
    [
      'a broken record → permerror, 7.24',
      '<a@broken.example>',
      'h.example',
      'permerror',
      { status: '7.24', cause: 'spf-error' },
    ],
    [
      'no answer → temperror, 7.24',
      '<a@down.example>',
      'h.example',
      'temperror',
      { status: '7.24', cause: 'spf-error' },
    ],
    ['no record → none', '<a@gone.example>', 'h.example', 'none', {}],
    [
      '<> → the HELO name',
      '<>',
      'fail.example',
      'fail',
      {
        explanation:
          'Client host [192.0.2.1] is not allowed to send mail for HELO name fail.example (SPF fail); the domain explains: See http://fail.example/why?ip=192.0.2.1',
      },
    ],
    ['an address literal → none', '<a@[192.0.2.1]>', 'h.example', 'none', {}],
  ])('%s', async (_, from, helo, result, more) => {
    expect(await spf().examine(facts(from, helo), env, never)).toMatchObject({ check: 'spf', result, ...more });
  });

  test('the HELO name is checked too → in its own name', async () => {
    const check = spf({ identity: 'helo' });
    expect([check.id, spf().id, spf({ label: 'Strict' }).id]).toEqual(['spf/helo', 'spf', 'spf/strict']);
    const found = await check.examine(facts('<a@pass.example>', 'fail.example'), env, never);
    expect(found).toMatchObject({ result: 'fail', detail: { identity: 'helo', domain: 'fail.example' } });
  });

  test('the explanation of a stranger is not quoted where that is not wanted', async () => {
    const found = await spf({ quoteExplanation: false }).examine(facts('<a@fail.example>'), env, never);
    expect(found.explanation).toBe('Client host [192.0.2.1] is not allowed to send mail for fail.example (SPF fail)');
    expect(found.detail?.explanation).toBe('See http://fail.example/why?ip=192.0.2.1');
  });

  test.each<[string, string, string]>([
    ['nothing but a higher score for a fail', '<a@fail.example>', 'flag'],
    ['a higher score for a broken record', '<a@broken.example>', 'flag'],
    ['no delay where the DNS is down', '<a@down.example>', 'proceed'],
  ])('recommended → %s', (_, from, action) => {
    const check = spf();
    return Promise.resolve(check.examine(facts(from), env, never)).then(({ result }) =>
      expect(check.recommended[result]?.action).toBe(action),
    );
  });

  test('opted in → refused and deferred', async () => {
    const policy = { mail: [on(spf(), { fail: reject(), temperror: defer() })] };
    expect((await evaluate(policy, 'mail', facts('<a@fail.example>'), env)).action).toBe('reject');
    expect((await evaluate(policy, 'mail', facts('<a@down.example>'), env)).action).toBe('defer');
  });

  test('it can be examined before RCPT', () => expect(spf().earliest).toBe('mail'));

  test.each([
    [{ identity: 'from' }, 'spf: identity must be "mailfrom" or "helo", got "from"'],
    [{ timeoutMs: Number.NaN }, 'spf: timeoutMs must be a positive number, got NaN'],
    [
      { signal: new AbortController().signal },
      'spf: unknown option signal (known: identity, quoteExplanation, label, timeoutMs, lookups, voids, receiver, lookAhead)',
    ],
  ])('a wrong option %j → TypeError', (options, message) => {
    expect(() => spf(options as never)).toThrow(new TypeError(message));
  });
});

describe('Received-SPF', () => {
  const value = async (from: string, helo: string, ip?: string) => {
    const about = facts(from, helo, ip);
    const found = await spf().examine(about, env, never);
    return receivedSpf(found, { ...about, session: { serverName: 'mx.example.com' } }).value;
  };

  test('a pass', async () => {
    expect(await value('<a@pass.example>', 'h.example')).toBe(
      'pass (mx.example.com: domain of pass.example designates 192.0.2.1 as permitted sender) client-ip=192.0.2.1; ' +
        'envelope-from="a@pass.example"; helo=h.example; receiver=mx.example.com; identity=mailfrom; mechanism="ip4:192.0.2.0/24";',
    );
  });
  test.each<[string, string, string, string, RegExp]>([
    ['an IPv6 client → quoted', '<a@pass.example>', 'h.example', '2001:db8::1', /client-ip="2001:db8::1"; /],
    [
      'the HELO identity → an empty sender',
      '<>',
      'fail.example',
      '192.0.2.1',
      /envelope-from=""; helo=fail\.example; .*identity=helo; mechanism=-all;$/,
    ],
    [
      'a broken record → the problem',
      '<a@broken.example>',
      'h.example',
      '192.0.2.1',
      /^permerror .* problem="SPF record cannot be used";$/,
    ],
    ['a HELO name with line ends → left out', '<a@pass.example>', 'h\r\nX: y', '192.0.2.1', /^pass [^\r\n]* receiver/],
    [
      'a HELO name that closes the comment → quoted',
      '<>',
      ') (x',
      '192.0.2.1',
      /^none \(mx\.example\.com: domain of \\\) \\\(x does .*; helo="\) \(x"/,
    ],
  ])('%s', async (_, from, helo, ip, shape) => expect(await value(from, helo, ip)).toMatch(shape));

  test.each([
    ['brackets', '('],
    ['backslashes', '\\'],
    ['quotes', '"'],
    ['letters', 'x'],
  ])('a HELO name of 300 %s → the comment ends, and the field fits', async (_, char) => {
    const written = await value('<>', char.repeat(300));
    expect(written).toMatch(
      /^none \((?:[^\\()]|\\.)*\) client-ip=192\.0\.2\.1; envelope-from=""; (?:helo=[^ ]*; )?receiver=/,
    );
    expect(written.length).toBeLessThan(1_500);
  });

  test('a DNS that is down → fixed words', async () => {
    const found = {
      check: 'spf',
      result: 'temperror',
      detail: { reason: 'TXT x: read ECONNREFUSED 10.0.0.53' },
    } as never;
    expect(receivedSpf(found, facts('<a@pass.example>')).value).toMatch(/problem="DNS lookup failed";$/);
  });

  test('a finding without detail → what the facts say', () => {
    const bare: Finding<'temperror', never> = { check: 'spf', result: 'temperror' };
    expect(receivedSpf(bare, facts('<a@pass.example>')).value).toContain(
      'temperror (unknown: error in processing during lookup of pass.example)',
    );
  });
});

describe('our own mail', () => {
  const of = (TXT: string, more: ZoneData = {}) => ({
    dns: zone({ 'ours.example': { TXT: [TXT] }, ...more }),
    clock: fixedClock(),
  });
  const us = { ip: '192.0.2.1', domain: 'ours.example' };

  test('passes → nothing to say', async () => {
    expect(await selfCheck(us, of('v=spf1 ip4:192.0.2.1 -all'))).toMatchObject({ passes: true, remarks: [] });
  });
  test.each<[string, string, boolean, RegExp]>([
    ['another address', 'v=spf1 ip4:192.0.2.2 -all', false, /192\.0\.2\.1 does not pass for ours\.example: fail/],
    ['an error', 'v=spf1 moo', false, /does not pass for ours\.example: permerror, Unknown mechanism/],
    [
      'an error that others meet',
      `v=spf1 ip4:192.0.2.1 ${Array.from({ length: 11 }, () => 'a:h.example').join(' ')} -all`,
      true,
      /for hosts that are not listed, the record is invalid: more than 10/,
    ],
    [
      'nearly all look-ups',
      `v=spf1 ip4:192.0.2.1 ${Array.from({ length: 9 }, () => 'a:h.example').join(' ')} -all`,
      true,
      /takes 9 of 10 lookups/,
    ],
    ['no word for others', 'v=spf1 ip4:192.0.2.1', true, /add "-all" or "~all"/],
    ['open to all', 'v=spf1 +all', true, /authorizes too many addresses: \+all/],
    ['ptr', 'v=spf1 ip4:192.0.2.1 ptr -all', true, /should not be used/],
  ])('%s → said', async (_, record, passes, remark) => {
    const checked = await selfCheck(us, of(record, { 'h.example': { A: ['192.0.2.9'] } }));
    expect(checked.passes).toBe(passes);
    expect(checked.remarks.join('\n')).toMatch(remark);
  });
  test('the EHLO name is checked too', async () => {
    const more = { 'mail.ours.example': { TXT: ['v=spf1 -all'] } };
    const checked = await selfCheck({ ...us, helo: 'mail.ours.example' }, of('v=spf1 ip4:192.0.2.1 -all', more));
    expect(checked).toMatchObject({
      passes: false,
      helo: { result: 'fail' },
      remarks: ['192.0.2.1 does not pass for mail.ours.example: fail'],
    });
  });
  test('not an address → TypeError', async () => {
    await expect(selfCheck({ ...us, ip: 'x' }, of(''))).rejects.toThrow('selfCheck: ip must be an IP address, got "x"');
    await expect(selfCheck({ ...us, domain: '-' }, of(''))).rejects.toThrow(
      'selfCheck: domain must be a domain name like "example.org", got "-"',
    );
  });
});
