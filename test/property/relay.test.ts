import fc from 'fast-check';
import { type RelayControlOptions, relayControl } from 'postern/checks/relay-control';
import {
  type Answer,
  type Check,
  defer,
  defineCheck,
  type Entry,
  evaluate,
  fail,
  flag,
  neutral,
  none,
  on,
  pass,
  permerror,
  permit,
  proceed,
  quarantine,
  reject,
  score,
  shadow,
  softfail,
  tag,
  temperror,
  together,
  unless,
  type Verdict,
  when,
  within,
} from 'postern/core';
import type { Env } from 'postern/env';
import { type IpAddress, ipFromBytes, parseIp, parsePath } from 'postern/net';
import { type MailFacts, type RcptFacts, type SmtpPolicy, type SmtpStages, smtpPolicy } from 'postern/smtp';
import { fixedClock, provesClosed, relayForms } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const numRuns = Number(process.env.POSTERN_FUZZ_RUNS ?? 400);
const clock = fixedClock();
const env = { clock } as unknown as Env;

const site: RelayControlOptions = {
  localDomains: ['example.com', '.lists.example.com', '[192.0.2.25]'],
  relayDomains: ['backup.example'],
  trustedNetworks: ['192.0.2.0/28', '2001:db8::25', '127.0.0.0/8'],
  clientCertificates: ['ab'.repeat(32)],
  recipients: ({ localPart }) => (localPart.startsWith('u') ? 'known' : 'unknown'),
};
/** The same, stated independently: what the tests hold the check to. */
const isOurs = (domain: string): boolean =>
  domain === 'example.com' ||
  domain.endsWith('.lists.example.com') ||
  domain === '[192.0.2.25]' ||
  domain === 'backup.example';
const isTrusted = ({ ip, via, unixSocket }: RcptFacts['client']): boolean => {
  if (via === 'proxy' || unixSocket === true) return false;
  if (via !== undefined && ip.startsWith('127.')) return false;
  const last = /^192\.0\.2\.(\d+)$/.exec(ip)?.[1];
  return ip.startsWith('127.') || (last !== undefined && Number(last) < 16) || ip === '2001:db8::25';
};

let serial = 0;
const answers: readonly (() => Answer)[] = [pass, none, neutral, softfail, fail, temperror, permerror];
const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Verdict>(permit) },
  fc.constant<Verdict>(proceed),
  fc.constant<Verdict>(quarantine),
  fc.constant<Verdict>(reject()),
  fc.constant<Verdict>(defer()),
  fc.constant<Verdict>(tag('X-Test', 'yes')),
  fc.integer({ min: -9, max: 9 }).map((weight): Verdict => flag(weight)),
);
const check: fc.Arbitrary<Entry<MailFacts, Env>> = fc
  .record({ answer: fc.constantFrom(...answers), late: fc.boolean(), throws: fc.boolean(), verdict })
  .map(({ answer, late, throws, verdict: then }) => {
    const made = defineCheck(
      `rule-${serial++}`,
      () => {
        if (throws && !late) throw new Error('broken');
        return late
          ? Promise.resolve().then(() => (throws ? Promise.reject(new Error('broken')) : answer()))
          : answer();
      },
      { fail: then, softfail: then, temperror: reject(), permerror: reject() } as never,
    ) as unknown as Check<MailFacts, Env>;
    return on(made, { pass: then, none: then, neutral: then, temperror: then === permit ? permit : proceed } as never);
  });
const { entry } = fc.letrec<{ entry: Entry<MailFacts, Env> }>((tie) => ({
  entry: fc.oneof(
    { maxDepth: 3 },
    { weight: 3, arbitrary: check },
    fc.array(tie('entry'), { maxLength: 3 }).map((rules) => together(...(rules as [])) as Entry<MailFacts, Env>),
    tie('entry').map((rule) => shadow(rule)),
    tie('entry').map((rule) => within(50, rule) as Entry<MailFacts, Env>),
    fc.tuple(fc.boolean(), tie('entry')).map(([holds, rule]) => when((_: MailFacts) => holds, rule)),
    fc.tuple(fc.boolean(), tie('entry')).map(([holds, rule]) => unless((_: MailFacts) => holds, rule)),
    fc
      .tuple(fc.integer({ min: -5, max: 5 }), fc.array(tie('entry'), { maxLength: 3 }))
      .map(
        ([rejectAt, rules]) => score({ rejectAt, id: `score-${serial++}` }, ...(rules as [])) as Entry<MailFacts, Env>,
      ),
  ),
}));

const ip: fc.Arbitrary<IpAddress> = fc.oneof(
  fc.integer({ min: 0, max: 31 }).map((n) => parseIp(`192.0.2.${n}`) as IpAddress),
  fc.integer({ min: 0, max: 31 }).map((n) => parseIp(`::ffff:192.0.2.${n}`) as IpAddress),
  fc
    .constantFrom(
      '127.0.0.1',
      '10.0.0.1',
      '2001:db8::25',
      '2001:db8::24',
      '::1',
      'fe80::1',
      '::ffff:127.0.0.1',
      '64:ff9b::127.0.0.1',
      '64:ff9b::192.0.2.1',
      '64:ff9b:1::127.0.0.1',
      '2002:7f00:1::1',
      '2002:c000:201::1',
      '2001:0:c000:201::80ff:fffe',
      '::127.0.0.1',
      '::192.0.2.1',
      '198.51.100.1',
      '3fff::1',
    )
    .map((text) => parseIp(text) as IpAddress),
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => ipFromBytes(bytes)),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => ipFromBytes(bytes)),
);
const domain = fc.constantFrom(
  'example.com',
  'EXAMPLE.com.',
  'a.lists.example.com',
  'lists.example.com',
  'backup.example',
  'example.org',
  'notexample.com',
  'example.com.evil.example',
  'bücher.example',
  '[192.0.2.25]',
  '[192.0.2.26]',
  '[IPv6:::ffff:192.0.2.25]',
);
const localPart = fc.oneof(
  fc.constantFrom(
    'user',
    'unknown',
    'postmaster',
    'user%example.org',
    'example.org!user',
    '"user@example.org"',
    '"user%x"',
    'user＠example.org',
    '"@x:u"',
  ),
  fc.stringMatching(/^[a-z0-9%!.@"]{1,12}$/),
);
const path = fc.oneof(
  fc.tuple(localPart, domain).map(([local, host]) => `<${local}@${host}>`),
  fc.tuple(localPart, domain, domain).map(([local, host, hop]) => `<@${hop}:${local}@${host}>`),
  fc
    .tuple(domain, domain)
    .chain(([local, foreign]) => fc.constantFrom(...relayForms(local, foreign).map((form) => form.path))),
);
const facts = fc
  .record({
    ip,
    via: fc.constantFrom(undefined, undefined, 'proxy-header' as const, 'xclient' as const, 'proxy' as const),
    unixSocket: fc.boolean(),
    path,
    tls: fc.constantFrom(
      null,
      { version: 'TLSv1.3' },
      { version: 'TLSv1.3', clientCertificate: { fingerprint: 'cd'.repeat(32) } },
    ),
    role: fc.constantFrom('mx' as const, 'submission' as const, 'lmtp' as const),
    helo: fc.constantFrom('example.com', 'localhost', '[127.0.0.1]', ''),
    sender: fc.constantFrom(
      null,
      { localPart: 'postmaster', domain: 'example.com' },
      { localPart: 'x', domain: 'example.org' },
    ),
    auth: fc.constantFrom(null, null, { identity: '' }, { identity: 'x', mechanism: 'ANONYMOUS' }),
  })
  .map(({ path: text, ip: client, via, unixSocket, tls, role, helo, sender, auth }): RcptFacts | undefined => {
    const read = parsePath(text);
    if (typeof read === 'string' || read.mailbox === null) return undefined;
    return {
      session: { id: 's', role },
      client: {
        ip: client,
        ...(via === undefined ? {} : { via }),
        ...(unixSocket && client === '127.0.0.1' ? { unixSocket } : {}),
      },
      tls,
      helo: { verb: 'EHLO', name: helo },
      auth,
      reversePath: sender as RcptFacts['reversePath'],
      forwardPath: read.mailbox,
      sourceRoute: read.sourceRoute,
    };
  })
  .filter((made) => made !== undefined);

const refused = (action: string): boolean => action === 'reject' || action === 'defer';

describe('whatever the other rules say', () => {
  test('no unauthenticated, untrusted client gets a foreign recipient accepted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 4 }), facts, async (rules, asked) => {
        const policy: SmtpPolicy = smtpPolicy({ relay: relayControl(site), rcpt: rules });
        const decision = await clock.until(evaluate<SmtpStages, Env, 'rcpt'>(policy, 'rcpt', asked, env));
        const { localPart: local, domain: host } = asked.forwardPath;
        if (!isOurs(host) && !isTrusted(asked.client)) expect(refused(decision.action)).toBe(true);
        // Nobody's mail is routed through this server.
        if (/[@%!]/.test(local.normalize('NFKC'))) expect(refused(decision.action)).toBe(true);
        if (
          asked.sourceRoute &&
          host !== 'example.com' &&
          !host.endsWith('.lists.example.com') &&
          host !== '[192.0.2.25]'
        )
          expect(refused(decision.action)).toBe(true);
        expect(JSON.parse(JSON.stringify(decision))).toEqual(decision);
      }),
      { numRuns },
    );
  });
});

describe('provesClosed', () => {
  test('relay control → closed, whatever permits', async () => {
    const friend = defineCheck('friend', () => pass(), {});
    const policy = smtpPolicy({
      relay: relayControl({ localDomains: ['example.com'] }),
      rcpt: [on(friend, { pass: permit })],
    });
    const report = await provesClosed(policy, { localDomain: 'example.com' });
    expect(report.counterexamples).toEqual([]);
    expect(report).toMatchObject({ closed: true });
    expect(report.tried).toBeGreaterThan(5_000);
    expect(report.unreadable).toBeGreaterThan(0);
  });

  test('networks that are trusted on purpose → closed, and their neighbours are tried', async () => {
    const trustedNetworks = ['198.51.100.0/25', '2001:db8::25'];
    const policy = smtpPolicy({ relay: relayControl({ localDomains: ['example.com'], trustedNetworks }) });
    expect((await provesClosed(policy, { localDomain: 'example.com', trustedNetworks })).closed).toBe(true);
    const wider = smtpPolicy({
      relay: relayControl({
        localDomains: ['example.com'],
        trustedNetworks: ['198.51.100.0/24', '2001:db8::24/127'],
      }),
    });
    const { counterexamples } = await provesClosed(wider, { localDomain: 'example.com', trustedNetworks });
    expect(new Set(counterexamples.map(({ client }) => client))).toEqual(new Set(['198.51.100.128', '2001:db8::24']));
  });

  test.each<[string, RelayControlOptions, string]>([
    ['RFC 1918 trusted', { localDomains: ['example.com'], trustedNetworks: ['10.0.0.0/8'] }, '10.0.0.1'],
    ['a container bridge trusted', { localDomains: ['example.com'], trustedNetworks: ['172.16.0.0/12'] }, '172.17.0.1'],
    ['everybody trusted', { localDomains: ['example.com'], trustedNetworks: ['::/0'] }, '2001:db8::66'],
  ])('%s → open, and who can use it', async (_, options, client) => {
    const report = await provesClosed(smtpPolicy({ relay: relayControl(options) }), {
      localDomain: 'example.com',
    });
    expect(report.closed).toBe(false);
    expect(report.counterexamples.some((found) => found.client === client && found.by === 'policy')).toBe(true);
    expect(report.counterexamples.length).toBeLessThanOrEqual(100);
  });

  test('a foreign domain that is relayed for → open', async () => {
    const policy = smtpPolicy({
      relay: relayControl({ localDomains: ['example.com'], relayDomains: ['.example'] }),
    });
    expect((await provesClosed(policy, { localDomain: 'example.com' })).closed).toBe(false);
  });

  test('another rule that refuses does not hide an open relay', async () => {
    const never = defineCheck('never', () => fail(), { fail: reject() });
    const policy = smtpPolicy({
      relay: relayControl({ localDomains: ['example.com'], trustedNetworks: ['0.0.0.0/0'] }),
      rcpt: [never],
    });
    const { counterexamples } = await provesClosed(policy, { localDomain: 'example.com' });
    expect(counterexamples[0]).toMatchObject({ by: 'relay-control', decision: { action: 'reject', rule: 'never' } });
  });

  test('a server that decides by itself, with no rule that refuses → open as far as the policy goes', async () => {
    expect(
      (await provesClosed(smtpPolicy({ relay: 'decided-by-the-server' }), { localDomain: 'example.com' })).closed,
    ).toBe(false);
  });

  test('a wrong option → TypeError', async () => {
    const policy = smtpPolicy({ relay: 'decided-by-the-server' });
    await expect(provesClosed(policy, { localDomain: '' })).rejects.toThrow(
      /localDomain must be a domain name, got ""/,
    );
    await expect(provesClosed(policy, { localDomain: 'a.example', clients: ['x'] })).rejects.toThrow(
      /clients must be IP addresses, got "x"/,
    );
  });
});
