import { inspect } from 'node:util';
import { type DnsblOptions, dnsbl, nameList, presets } from 'postern/checks/dnsbl';
import { type Check, type Entry, evaluate, judge, reject, score, unless } from 'postern/core';
import { listWatch, listZone, secret } from 'postern/dns';
import type { DnsResolver } from 'postern/env';
import { parseIp, parseMailbox } from 'postern/net';
import { authenticated, type MailFacts, printReply, smtpReply } from 'postern/smtp';
import { fixedClock, type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const facts = (ip = '192.0.2.1', helo = 'mx.example.org', from: string | null = 'a@example.org') => ({
  session: { id: 's1', role: 'mx' as const },
  client: { ip: parseIp(ip)! },
  tls: null,
  helo: { verb: 'EHLO' as const, name: helo, domain: helo as never },
  auth: null as MailFacts['auth'],
  reversePath: from === null ? null : parseMailbox(from)!,
});
type Facts = ReturnType<typeof facts>;
const signal = new AbortController().signal;
const listed = (name: string, ...answers: string[]): ZoneData => ({ [`${name}.zen.dnsbl.example`]: { A: answers } });
const one = listed('1.2.0.192', '127.0.0.2');
const v6 = '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2';
const list = (options: Partial<DnsblOptions> = {}) => dnsbl({ zone: 'zen.dnsbl.example', label: 'ZEN', ...options });

async function run(data: ZoneData, check: Check<never, never> = list() as never, about: Facts = facts()) {
  const clock = fixedClock();
  const dns = zone(data, { clock });
  const finding = await clock.until(
    Promise.resolve((check as unknown as Check<Facts, object>).examine(about, { dns, clock }, signal)),
  );
  return { finding, asked: dns.questions.map(({ name }) => name) };
}
async function decide(data: ZoneData, rule: unknown, about: Facts = facts()) {
  const clock = fixedClock();
  const dns = zone(data, { clock });
  const policy = { rcpt: [rule as Entry<Facts, object>] };
  const decision = await clock.until(evaluate(policy, 'rcpt', about, { dns, clock }));
  const reply = smtpReply(decision, 'rcpt');
  return { decision, reply: reply === null ? null : printReply(reply), dns, clock };
}

describe('connect/the address of the client', () => {
  test.each<[string, string, ZoneData, string]>([
    ['listed', '192.0.2.1', one, 'fail'],
    ['not listed', '192.0.2.2', one, 'none'],
    ['listed, IPv6', '2001:db8::1', listed(v6, '127.0.0.2'), 'fail'],
    ['listed, IPv4-mapped → asked as IPv4', '::ffff:192.0.2.1', one, 'fail'],
    ['a listing that is not the first answer', '192.0.2.1', listed('1.2.0.192', '127.0.0.9', '127.0.0.2'), 'fail'],
    ['127.0.0.1 → never a listing', '192.0.2.1', listed('1.2.0.192', '127.0.0.1'), 'permerror'],
    ['127.255.255.254 → never a listing', '192.0.2.1', listed('1.2.0.192', '127.255.255.254'), 'permerror'],
    [
      'an address of the web (NXDOMAIN rewritten) → never a listing',
      '192.0.2.1',
      listed('1.2.0.192', '203.0.113.1'),
      'permerror',
    ],
    ['a dead zone that lists everybody → nobody is listed', '192.0.2.1', listed('*', '127.0.0.2'), 'permerror'],
    ['SERVFAIL', '192.0.2.1', { '1.2.0.192.zen.dnsbl.example': 'temperror' }, 'temperror'],
    ['silence', '192.0.2.1', { '1.2.0.192.zen.dnsbl.example': 'silent' }, 'temperror'],
  ])('%s → %#', async (_, ip, data, result) => {
    expect((await run(data, list({ codes: { '127.0.0.2': 'spam' } }) as never, facts(ip))).finding.result).toBe(result);
  });

  test.each([
    '127.0.0.1',
    '10.0.0.1',
    '172.16.9.9',
    '192.168.1.1',
    '169.254.1.1',
    '100.64.0.1',
    '0.0.0.0',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    '::ffff:10.0.0.1',
  ])('a private or loopback client (%s) → not asked about', async (ip) => {
    const { finding, asked } = await run({}, list() as never, facts(ip));
    expect([finding.result, asked]).toEqual(['none', []]);
  });

  test('exempt → those prefixes are not asked about, and no others', async () => {
    const check = list({ exempt: ['192.0.2.0/24'] }) as never;
    expect((await run(one, check)).asked).toEqual([]);
    const loopback = listed('1.0.0.10', '127.0.0.2');
    expect((await run(loopback, check, facts('10.0.0.1'))).finding.result).toBe('fail');
  });

  test('ipv6: false → an IPv6 client is not asked about', async () => {
    expect((await run({}, list({ ipv6: false }) as never, facts('2001:db8::1'))).asked).toEqual([]);
    expect((await run({}, list({ ipv4: false }) as never)).asked).toEqual([]);
  });

  test('an authenticated user is not refused, where the policy spares them', async () => {
    const rule = unless(authenticated, list());
    expect((await decide(one, rule)).reply).toBe('550 5.7.1 Client host [192.0.2.1] blocked using ZEN');
    expect((await decide(one, rule, { ...facts(), auth: { identity: 'bob' } })).reply).toBe(null);
  });
});

describe('the reply', () => {
  test.each<[string, Partial<DnsblOptions>, string]>([
    ['a label', {}, '550 5.7.1 Client host [192.0.2.1] blocked using ZEN'],
    [
      'no label → not the zone',
      { label: undefined },
      '550 5.7.1 Client host [192.0.2.1] blocked using a DNS block list',
    ],
    [
      'an address to look it up',
      { url: 'https://lookup.example/?q={subject}' },
      '550 5.7.1 Client host [192.0.2.1] blocked using ZEN; see https://lookup.example/?q=192.0.2.1',
    ],
    [
      "the list's own words",
      { reason: 'reply' },
      '550 5.7.1 Client host [192.0.2.1] blocked using ZEN (spam at [zone])',
    ],
    ['the words for the log only', { reason: 'log' }, '550 5.7.1 Client host [192.0.2.1] blocked using ZEN'],
  ])('%s', async (_, options, reply) => {
    const data = { '1.2.0.192.zen.dnsbl.example': { A: ['127.0.0.2'], TXT: ['spam at ZEN.dnsbl.example'] } };
    expect((await decide(data, list(options))).reply).toBe(reply);
  });

  test('at the banner → 554', async () => {
    const clock = fixedClock();
    const env = { dns: zone(one, { clock }), clock };
    const decision = await clock.until(evaluate({ connect: [list()] }, 'connect', facts(), env));
    expect(smtpReply(decision, 'connect')).toMatchObject({ code: 554, enhanced: '5.7.1', close: true });
  });

  test.each([
    ['blocked', listed('1.2.0.192', '127.255.255.254')],
    ['invalid', listed('1.2.0.192', '203.0.113.1')],
    ['silent', { '1.2.0.192.zen.dnsbl.example': 'silent' }],
    ['servfail', { '1.2.0.192.zen.dnsbl.example': 'temperror' }],
    ['a list that lists everybody', listed('*', '127.0.0.2')],
  ] as [string, ZoneData][])('a list in trouble (%s) → good mail is taken', async (_, data) => {
    expect((await decide(data, list())).reply).toBe(null);
    expect((await decide(data, score({ rejectAt: 1 }, list({ weight: 9 })))).reply).toBe(null);
  });
});

describe('a key', () => {
  const key = 's3cr3tdqsk3y';
  const name = `1.2.0.192.${key}.zen.dnsbl.example`;
  test.each<[string, ZoneData]>([
    ['listed', { [name]: { A: ['127.0.0.2'], TXT: [`https://x.example/${key}`] } }],
    ['blocked', { [name]: { A: ['127.255.255.255'] } }],
    ['silent', { [name]: 'silent' }],
    ['everybody listed', { [`*.${key}.zen.dnsbl.example`]: { A: ['127.0.0.2'] } }],
  ])('%s → it is in the question, and nowhere else', async (_, data) => {
    const events: unknown[] = [];
    const watch = listWatch({ onEvent: (event) => events.push(event) });
    const check = list({ key: secret(key), reason: 'reply', watch });
    const { decision, reply, dns } = await decide(data, check);
    expect(dns.questions[0]?.name).toBe(name);
    for (const shown of [
      JSON.stringify(decision),
      JSON.stringify(events),
      String(reply),
      inspect(check, { depth: 9 }),
      JSON.stringify(check),
    ]) {
      expect(shown).not.toContain(key);
      expect(shown).not.toContain('zen.dnsbl.example');
    }
  });

  test('a resolver that names the question in its error → not in the finding', async () => {
    const dns: DnsResolver = {
      resolve: async (asked) => ({ status: 'temperror', reason: `queryA EREFUSED ${asked}` }),
    };
    const check = list({ key });
    const finding = await check.examine(facts(), { dns, clock: fixedClock() }, signal);
    expect(finding.detail?.reason).toBe('queryA EREFUSED 1.2.0.192.[secret].[zone]');
  });
});

describe('weights', () => {
  const codes = { '127.0.0.2': 4, '127.0.0.3': 3, '127.0.0.10-11': 1 };
  test.each<[string, string[], number]>([
    ['one code', ['127.0.0.2'], 4],
    ['a lighter code', ['127.0.0.10'], 1],
    ['two codes add up', ['127.0.0.2', '127.0.0.3'], 7],
    ['two answers of one code count once', ['127.0.0.10', '127.0.0.11'], 1],
    ['an answer that is no code', ['127.0.0.99'], 0],
    ['an error code beside a listing', ['127.0.0.2', '127.255.255.254'], 0],
  ])('%s', async (_, answers, sum) => {
    const { decision } = await decide(listed('1.2.0.192', ...answers), score({ rejectAt: 100 }, list({ codes })));
    expect(decision.score).toBe(sum);
  });

  test("a code without a weight of its own → the list's", async () => {
    const check = list({ weight: 2, codes: { '127.0.0.2': 4, '127.0.0.3': 'policy' } });
    expect((await decide(listed('1.2.0.192', '127.0.0.3'), check)).decision.score).toBe(2);
    expect((await decide(listed('1.2.0.192', '127.0.0.2', '127.0.0.3'), check)).decision.score).toBe(6);
  });

  test('no weight at all → a listing is refused; with one → a flag', async () => {
    expect(list().recommended.fail).toEqual(reject());
    expect(list({ weight: 4 }).recommended.fail).toEqual({ action: 'flag', weight: 4 });
  });

  test('two lists, one outcome: the reply names the heavier', async () => {
    const other = dnsbl({ zone: 'other.example', label: 'Other', weight: 2 });
    const data = { ...one, '1.2.0.192.other.example': { A: ['127.0.0.2'] } };
    const { reply } = await decide(data, score({ rejectAt: 5 }, other, list({ weight: 4 })));
    expect(reply).toBe('550 5.7.1 Client host [192.0.2.1] blocked using ZEN');
  });

  test('decided before the slow list has answered → its look-up is aborted', async () => {
    let aborted = false;
    const slow: DnsResolver = {
      resolve: (name, type, options) => {
        if (!name.endsWith('slow.example')) return zone(one).resolve(name, type, options);
        options?.signal?.addEventListener('abort', () => {
          aborted = true;
        });
        return new Promise(() => {});
      },
    };
    const rule = score({ rejectAt: 4 }, list({ weight: 4 }), dnsbl({ zone: 'slow.example', label: 'Slow', weight: 1 }));
    const clock = fixedClock();
    const decision = await clock.until(evaluate({ rcpt: [rule] }, 'rcpt', facts(), { dns: slow, clock }));
    expect(decision.action).toBe('reject');
    expect(aborted).toBe(true);
    await clock.pass(0);
    expect(clock.pending).toBe(0);
  });
});

describe('allow lists', () => {
  const allow = () => dnsbl({ zone: 'good.example', label: 'Good', kind: 'allow', weight: -3 });
  const good = allow();
  const data = { ...one, '1.2.0.192.good.example': { A: ['127.0.5.3'] } };

  test('listed → pass, and the score is lowered', async () => {
    const { decision, reply } = await decide(data, score({ rejectAt: 4 }, list({ weight: 4 }), good));
    expect([decision.score, reply]).toEqual([1, null]);
  });

  test('never a permit: what stands behind it is still asked', async () => {
    expect(Object.values(good.recommended).map((verdict) => verdict?.action)).not.toContain('permit');
    const clock = fixedClock();
    const env = { dns: zone(data, { clock }), clock };
    const decision = await clock.until(evaluate({ rcpt: [good, list()] }, 'rcpt', facts(), env));
    expect(decision.action).toBe('reject');
  });

  test('an allow list that lists everybody → spares nobody, and refuses nobody that it could have spared', async () => {
    const wild = { ...one, '*.good.example': { A: ['127.0.5.3'] } };
    expect((await decide(wild, score({ rejectAt: 4 }, list({ weight: 4 }), allow()))).decision.action).toBe('defer');
  });

  test('without a weight → -1', () => {
    const check = dnsbl({ zone: 'good.example', label: 'Good', kind: 'allow' });
    expect(check.recommended.pass).toEqual({ action: 'flag', weight: -1 });
  });

  test('DNSWL as it is published: 127.0.5.3 lowers by 4, 127.0.5.0 by nothing, 127.0.0.255 is an error', async () => {
    const dnswl = dnsbl(presets.dnswl.list);
    const of = (answer: string) => decide({ '1.2.0.192.list.dnswl.org': { A: [answer] } }, dnswl);
    expect((await of('127.0.5.3')).decision.score).toBe(-4);
    expect((await of('127.0.5.0')).decision.score).toBe(0);
    // 20: entries that their owners made (dnswl.org, "Return codes").
    expect((await of('127.0.20.2')).decision.score).toBe(-2);
    const over = (await of('127.0.0.255')).decision;
    expect([over.score, over.outcomes[0]?.finding.result]).toEqual([0, 'permerror']);
  });
});

describe('names', () => {
  const of = (what: unknown, more: object = {}) =>
    nameList({ zone: 'names.example', label: 'Names', of: what as never, ...more });
  const bad = (name: string): ZoneData => ({ [`${name}.names.example`]: { A: ['127.0.1.2'] } });

  test.each<[string, unknown, ZoneData, string]>([
    ['HELO', 'helo', bad('mx.example.org'), 'HELO name mx.example.org blocked using Names'],
    ['the sender', 'sender', bad('example.org'), 'Sender domain example.org blocked using Names'],
    [
      'a selector',
      (f: Facts) => [f.helo.name, f.reversePath?.domain],
      bad('example.org'),
      'Name example.org blocked using Names',
    ],
    [
      'a confirmed PTR name',
      'ptr',
      {
        ...bad('host.example.net'),
        '1.2.0.192.in-addr.arpa': { PTR: ['host.example.net'] },
        'host.example.net': { A: ['192.0.2.1'] },
      },
      'Client host name host.example.net blocked using Names',
    ],
  ])('%s', async (_, what, data, explanation) => {
    expect((await run(data, of(what))).finding).toMatchObject({ result: 'fail', explanation, cause: 'listed' });
  });

  test('registrable → the name above', async () => {
    const { finding, asked } = await run(bad('example.org'), of('helo', { reduce: 'registrable' }));
    expect([finding.result, asked[0]]).toEqual(['fail', 'example.org.names.example']);
  });

  test.each<[string, unknown, Facts, string[]]>([
    ['<>', 'sender', facts('192.0.2.1', 'mx.example.org', null), []],
    ['a sender at an address literal', 'sender', facts('192.0.2.1', 'mx.example.org', 'a@[192.0.2.1]'), []],
    ['one label', 'helo', facts('192.0.2.1', 'localhost'), []],
    ['an IP address', 'helo', facts('192.0.2.1', '192.0.2.1'), []],
    ['nothing', () => undefined, facts(), []],
    ['the same name twice', () => ['a.example', 'A.example.'], facts(), ['a.example.names.example']],
  ])('%s → asked about once at most', async (_, what, about, asked) => {
    expect((await run({}, of(what), about)).asked).toEqual(asked);
  });

  test('a PTR name that is not confirmed → not asked about; a DNS error → temperror', async () => {
    const data = { ...bad('host.example.net'), '1.2.0.192.in-addr.arpa': { PTR: ['host.example.net'] } };
    expect((await run(data, of('ptr'))).finding.result).toBe('none');
    expect((await run({ '1.2.0.192.in-addr.arpa': 'temperror' }, of('ptr'))).finding.result).toBe('temperror');
  });

  test('a thousand names → ten are asked about', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => `n${i}.example`);
    expect(
      (
        await run(
          {},
          of(() => many),
        )
      ).asked,
    ).toHaveLength(10);
  });

  test('one name listed, another without an answer → listed', async () => {
    const data = { ...bad('a.example'), 'b.example.names.example': 'temperror' as const };
    expect(
      (
        await run(
          data,
          of(() => ['b.example', 'a.example']),
        )
      ).finding.result,
    ).toBe('fail');
  });

  test('of two names the heavier counts', async () => {
    const check = of(() => ['a.example', 'b.example'], { codes: { '127.0.1.2': 2, '127.0.1.4': 5 } });
    const data = { ...bad('a.example'), 'b.example.names.example': { A: ['127.0.1.4'] } };
    expect((await decide(data, check)).decision.score).toBe(5);
  });

  test('a selector that throws → temperror, and never a pass', async () => {
    const check = of(() => {
      throw new Error('no such fact');
    });
    expect((await decide({}, check)).decision.outcomes[0]?.finding.result).toBe('temperror');
  });
});

describe('the check itself', () => {
  test('ids, and when it can begin', () => {
    expect([list().id, list().earliest]).toEqual(['dnsbl/zen', 'connect']);
    expect(nameList({ zone: 'n.example', label: 'N', of: 'helo' }).id).toBe('name-list/n');
    expect(nameList({ zone: 'n.example', of: 'helo' }).earliest).toBe('helo');
    expect(nameList({ zone: 'n.example', of: 'sender' }).earliest).toBe('mail');
    expect(nameList({ zone: 'n.example', of: 'ptr' }).earliest).toBe('connect');
    expect(nameList({ zone: 'n.example', of: (f: Facts) => f.helo.name }).earliest).toBeUndefined();
  });

  test('findings and decisions are plain JSON', async () => {
    const { decision } = await decide(one, list());
    const again = JSON.parse(JSON.stringify(decision.outcomes));
    expect(again).toEqual(decision.outcomes);
    expect(judge(again).action).toBe('reject');
  });

  test.each<[object, string]>([
    [{ zone: '' }, 'dnsbl: zone must be a domain name like "zen.dnsbl.example", got ""'],
    [{ weight: 0 }, 'dnsbl: weight must be more than 0 in a block list, got 0'],
    [{ weight: Number.NaN }, 'dnsbl: weight must be a number'],
    [{ kind: 'allow', weight: 2 }, 'weight must be less than 0 in an allow list, got 2'],
    [{ kind: 'white' }, 'kind must be "block" or "allow", got "white"'],
    [{ codes: { '127.0.0.2': -1 } }, 'codes["127.0.0.2"].weight must be more than 0 in a block list, or 0, got -1'],
    [{ codes: { '127.0.0.2': 1, '127.0.0.3': 'x' } }, 'codes["127.0.0.3"] has no weight, but other codes have'],
    [{ url: 'lookup.example' }, 'url must be printable and begin with http:// or https://, got "lookup.example"'],
    [{ url: 'https://x.example/\r\n' }, 'url'],
    [{ reason: true }, 'reason must be "no", "log" or "reply", got true'],
    [{ exempt: ['192.0.2.1/24'] }, 'exempt[0]'],
    [{ ipv4: false, ipv6: false }, 'zone "zen.dnsbl.example" contains no addresses'],
    [{ wieght: 4 }, 'dnsbl: unknown option wieght (known: zone, '],
    [{ wieght: 4 }, 'did you mean weight?'],
    [{ holds: 'name' }, 'unknown option holds'],
    [{ of: 'helo' }, 'unknown option of'],
  ])('a wrong option %j → TypeError', (options, message) => {
    expect(() => dnsbl({ zone: 'zen.dnsbl.example', ...options } as never)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringContaining(message) }),
    );
  });

  test.each<[object, string]>([
    [{ of: 'from' }, 'nameList: of must be "helo", "ptr", "sender" or a function of the facts, got "from"'],
    [{}, 'nameList: of must be'],
    [{ of: 'helo', reduce: 'org' }, 'nameList: reduce must be "host" or "registrable", got "org"'],
    [{ of: 'helo', exempt: ['10.0.0.0/8'] }, 'nameList: unknown option exempt'],
  ])('a wrong option of nameList() %j → TypeError', (options, message) => {
    expect(() => nameList({ zone: 'names.example', ...options } as never)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringContaining(message) }),
    );
  });
});

describe('presets', () => {
  test('the DBL, asked about a name → a legitimate domain that is abused weighs less than a spammer’s', async () => {
    const dbl = nameList({ ...presets['spamhaus-dbl'].list, of: 'sender' });
    const weigh = async (code: number) =>
      (await decide({ 'example.org.dbl.spamhaus.org': { A: [`127.0.1.${code}`] } }, dbl as never)).decision.score;
    expect(await weigh(2)).toBe(4);
    for (const code of [102, 103, 104, 105, 106]) {
      expect(await weigh(code)).toBeGreaterThan(0);
      expect(await weigh(code)).toBeLessThan(4);
    }
  });

  test('the DBL holds no addresses → dnsbl() refuses it', () => {
    expect(() => dnsbl(presets['spamhaus-dbl'].list)).toThrow('unknown option reduce');
    const { reduce, ...list } = presets['spamhaus-dbl'].list;
    expect(() => dnsbl(list)).toThrow('dnsbl: zone "dbl.spamhaus.org" contains no addresses');
  });

  test('none is on by default: they are data, each with terms, a place to read them, and a date', () => {
    for (const { terms, termsUrl, asOf, list: options } of Object.values(presets)) {
      expect(terms).not.toBe('');
      expect(asOf).toMatch(/^20\d\d-\d\d$/);
      expect(options.retired !== undefined || termsUrl.startsWith('https://')).toBe(true);
    }
  });

  test.each(Object.entries(presets).map(([name, { list: options }]) => [name, options] as const))(
    '%s',
    (_, options) => {
      const { kind, weight, reduce, ...described } = options;
      const make = () => listZone({ ...described, holds: reduce === 'host' ? 'name' : 'address' });
      if (options.retired !== undefined) expect(make).toThrow('is retired');
      else if (options.keyNeeded) {
        expect(make).toThrow('requires a key');
        expect(listZone({ ...described, holds: 'both', key: 'k3y' }).key?.reveal()).toBe('k3y');
      } else expect(make().label).toBe(options.label);
    },
  );

  test('a retired list → dnsbl() refuses it, and says why', () => {
    expect(() => dnsbl(presets.sorbs.list)).toThrow(
      'dnsbl: zone "dnsbl.sorbs.net" is retired: its operator closed it in June 2024; remove it',
    );
  });
});
