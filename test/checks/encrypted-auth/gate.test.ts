import fc from 'fast-check';
import { type AccessCommandFacts, capabilityWords, refusalReply } from 'postern/access';
import { encryptedAuth, type GateOptions, loginGate, mechanismClass } from 'postern/checks/encrypted-auth';
import { describe, expect, test } from 'vitest';
import {
  boundMechanisms,
  challengeMechanisms,
  configured,
  factsOf,
  type Standing,
  secretMechanisms,
  table,
} from '../../access/login-table.ts';

const numRuns = Number(process.env.POSTERN_FUZZ_RUNS ?? 1_000);
const gate = loginGate({ mechanisms: configured });

function said(facts: AccessCommandFacts, options: GateOptions = { mechanisms: configured }) {
  const { decide, minimumTls } = loginGate(options);
  const decision = decide(facts);
  if (decision.verdict !== 'refuse') return { reply: null, closes: false, decision };
  const tagged = facts.session.protocol === 'imap' && facts.command.name !== 'GREETING';
  const reply = refusalReply(facts.session.protocol, decision.reason, {
    ...(tagged ? { tag: 'a1' } : {}),
    submission: facts.session.role === 'submission',
    minimumTls,
  });
  return { reply: reply.line, closes: reply.close, decision };
}

const title = (standing: Standing, { name, mechanism, pipelined, argument }: AccessCommandFacts['command']): string =>
  [
    standing.protocol,
    standing.role ?? '',
    standing.implicit ? 'implicit' : '',
    standing.tls ?? 'clear',
    standing.offer ?? '',
    standing.state ?? '',
    name,
    mechanism ?? '',
    pipelined ? '+ more' : '',
    argument ? 'with argument' : '',
  ]
    .filter((word) => word !== '')
    .join(' ');

describe('the decision table', () => {
  test.each(table.map((row) => [row.line, title(row.standing, row.command), row] as const))('%s: %s', (_, __, row) => {
    const { reply, closes, decision } = said(factsOf(row.standing, row.command));
    expect(reply).toBe(row.reply);
    expect(closes).toBe(row.closes ?? false);
    // A gate that closes says so itself, whatever the reply table says.
    expect(decision.verdict === 'refuse' && decision.close === true).toBe(row.closes ?? false);
    expect('discardPipelined' in decision && decision.discardPipelined === true).toBe(row.discards ?? false);
  });

  test.each(
    ['I', 'P', 'S'].flatMap((letter) =>
      Array.from({ length: letter === 'I' ? 20 : 12 }, (_, i) => `${letter}${i + 1}`),
    ),
  )('line %s has a test', (line) => {
    expect(table.some((row) => row.line.split(', ').includes(line))).toBe(true);
  });

  test('E1: an exempt client logs in without TLS, and the finding reports it', () => {
    const options = { mechanisms: configured, clearTextFrom: ['192.0.2.0/24', '2001:db8::1'] };
    for (const [protocol, name] of [
      ['imap', 'LOGIN'],
      ['pop3', 'USER'],
      ['pop3', 'PASS'],
      ['imap', 'AUTHENTICATE'],
      ['smtp', 'AUTH'],
      ['managesieve', 'AUTHENTICATE'],
    ] as const) {
      const command = /^AUTH/.test(name) ? { name, mechanism: 'PLAIN' } : { name };
      expect(said(factsOf({ protocol }, command), options).decision).toEqual({ verdict: 'allow', exempt: true });
      expect(said(factsOf({ protocol, client: '198.51.100.1' }, command), options).decision.verdict).toBe('refuse');
      expect(
        encryptedAuth(options).examine(factsOf({ protocol }, command), {}, new AbortController().signal),
      ).toMatchObject({
        result: 'pass',
        detail: { exempt: true },
      });
    }
  });

  test('E1: no client is exempt by default, neither loopback nor a socket in the file system', () => {
    for (const standing of [
      { client: '127.0.0.1' },
      { client: '::1' },
      { client: '192.168.0.1' },
      { unixSocket: true },
    ])
      expect(said(factsOf({ protocol: 'imap', ...standing }, { name: 'LOGIN' })).decision.verdict).toBe('refuse');
    const unix = { mechanisms: configured, clearTextFrom: ['unix'] };
    expect(said(factsOf({ protocol: 'imap', unixSocket: true }, { name: 'LOGIN' }), unix).reply).toBe(null);
    expect(said(factsOf({ protocol: 'imap', client: '127.0.0.1' }, { name: 'LOGIN' }), unix).decision.verdict).toBe(
      'refuse',
    );
    // Whose address a socket has is nobody's business.
    const loopback = { mechanisms: configured, clearTextFrom: ['127.0.0.0/8'] };
    expect(
      said(factsOf({ protocol: 'imap', client: '127.0.0.1', unixSocket: true }, { name: 'LOGIN' }), loopback).decision
        .verdict,
    ).toBe('refuse');
  });

  test('I6, P7, S5: input after STARTTLS can be discarded instead', () => {
    for (const [protocol, name] of [
      ['imap', 'STARTTLS'],
      ['pop3', 'STLS'],
      ['smtp', 'STARTTLS'],
      ['managesieve', 'STARTTLS'],
    ] as const)
      expect(said(factsOf({ protocol }, { name, pipelined: true }), { pipelinedStarttls: 'discard' }).decision).toEqual(
        {
          verdict: 'allow',
          discardPipelined: true,
        },
      );
  });

  test('I13: challengeBeforeTls allows challenge-response without TLS, and nothing else', () => {
    const options = { mechanisms: [...configured, 'DIGEST-MD5'], challengeBeforeTls: true };
    const facts = (mechanism: string) => factsOf({ protocol: 'imap' }, { name: 'AUTHENTICATE', mechanism });
    for (const mechanism of ['CRAM-MD5', 'DIGEST-MD5', 'SCRAM-SHA-256'])
      expect(said(facts(mechanism), options).reply).toBe(null);
    for (const mechanism of [...secretMechanisms, ...boundMechanisms])
      expect(said(facts(mechanism), options).decision.verdict).toBe('refuse');
    expect(said(factsOf({ protocol: 'imap' }, { name: 'LOGIN' }), options).decision.verdict).toBe('refuse');
    expect(said(factsOf({ protocol: 'smtp' }, { name: 'AUTH', mechanism: 'CRAM-MD5' }), options).decision.verdict).toBe(
      'refuse',
    );
    expect(loginGate(options).capabilitiesFor(factsOf({ protocol: 'imap' }, { name: '' })).mechanisms).toEqual([
      'CRAM-MD5',
      'SCRAM-SHA-256',
      'DIGEST-MD5',
    ]);
  });

  test('trap: TLS that is not configured does not allow logins without TLS', () => {
    for (const protocol of ['imap', 'pop3', 'smtp', 'managesieve'] as const)
      for (const offer of ['none', 'broken'] as const)
        for (const name of ['LOGIN', 'USER', 'PASS', 'AUTH', 'AUTHENTICATE'])
          expect(gate.capabilitiesFor(factsOf({ protocol, offer }, { name })).mechanisms).toEqual([]);
  });

  test('the reply names the minimum version', () => {
    const facts = factsOf({ protocol: 'imap', tls: 'TLSv1.2' }, { name: 'LOGIN' });
    expect(said(facts, { minimumTls: 'TLSv1.3' }).reply).toBe('a1 NO [PRIVACYREQUIRED] TLS 1.3 or later is required');
  });
});

describe('what is advertised', () => {
  const words = (
    standing: Standing,
    options: GateOptions = { mechanisms: ['PLAIN', 'CRAM-MD5', 'EXTERNAL'] },
  ): string[] =>
    capabilityWords(standing.protocol, loginGate(options).capabilitiesFor(factsOf(standing, { name: '' })));
  test.each<[string, Standing, string[]]>([
    ['I1, I3: IMAP in the clear', { protocol: 'imap' }, ['STARTTLS', 'LOGINDISABLED']],
    ['I9: IMAP, TLS broken: LOGINDISABLED stays', { protocol: 'imap', offer: 'broken' }, ['LOGINDISABLED']],
    ['I16: IMAP under TLS', { protocol: 'imap', tls: 'TLSv1.3' }, ['AUTH=PLAIN', 'AUTH=CRAM-MD5']],
    ['I15: IMAP under TLS that is too old', { protocol: 'imap', tls: 'TLSv1.1' }, ['LOGINDISABLED']],
    [
      'I18: IMAP with a client certificate',
      { protocol: 'imap', tls: 'TLSv1.3', certificate: true },
      ['AUTH=PLAIN', 'AUTH=CRAM-MD5', 'AUTH=EXTERNAL'],
    ],
    ['IMAP after login', { protocol: 'imap', tls: 'TLSv1.3', state: 'authenticated' }, ['LOGINDISABLED']],
    ['P2: POP3 in the clear', { protocol: 'pop3' }, ['STLS']],
    ['P10: POP3 under TLS', { protocol: 'pop3', tls: 'TLSv1.3' }, ['USER', 'SASL PLAIN CRAM-MD5']],
    ['P9: POP3 under TLS that is too old', { protocol: 'pop3', tls: 'TLSv1' }, []],
    ['S1: SMTP in the clear', { protocol: 'smtp' }, ['STARTTLS']],
    ['S10: SMTP under TLS', { protocol: 'smtp', tls: 'TLSv1.3' }, ['AUTH PLAIN CRAM-MD5']],
    ['S9: SMTP under TLS that is too old', { protocol: 'smtp', tls: 'TLSv1.1' }, []],
    ['ManageSieve in the clear', { protocol: 'managesieve' }, ['"STARTTLS"', '"SASL" ""']],
    ['ManageSieve under TLS', { protocol: 'managesieve', tls: 'TLSv1.2' }, ['"SASL" "PLAIN CRAM-MD5"']],
  ])('%s', (_, standing, expected) => {
    expect(words(standing)).toEqual(expected);
  });
});

const command = fc.oneof(
  fc.record({
    name: fc.constantFrom('LOGIN', 'USER', 'PASS', 'APOP', 'STARTTLS', 'STLS', 'MAIL', 'GREETING', 'NOOP', 'EHLO'),
    pipelined: fc.boolean(),
    argument: fc.boolean(),
  }),
  fc.record({
    name: fc.constantFrom('AUTH', 'AUTHENTICATE', 'auth', 'Authenticate'),
    mechanism: fc.oneof(
      fc.constantFrom(
        ...secretMechanisms,
        ...challengeMechanisms,
        ...boundMechanisms,
        'plain',
        'Login',
        'SCRAM-SHA-256 ',
        'PLAIN\0',
        'CRAM-MD5-PLAIN',
      ),
      fc.string({ maxLength: 24 }),
    ),
  }),
);
const standing = fc.record({
  protocol: fc.constantFrom('imap' as const, 'pop3' as const, 'smtp' as const, 'managesieve' as const),
  role: fc.constantFrom('mx' as const, 'submission' as const, 'lmtp' as const),
  implicit: fc.boolean(),
  tls: fc.oneof(
    fc.constantFrom(null, 'TLSv1.3', 'TLSv1.2', 'TLSv1.1', 'TLSv1', 'SSLv3', '', 'unknown', 'constructor'),
    fc.string({ maxLength: 8 }),
  ),
  certificate: fc.boolean(),
  offer: fc.constantFrom('ready' as const, 'broken' as const, 'none' as const),
  state: fc.constantFrom('open' as const, 'authenticated' as const, 'transaction' as const),
  client: fc.constantFrom('127.0.0.1', '::1', '10.0.0.1', '192.0.2.1', '2001:db8::1'),
  unixSocket: fc.boolean(),
});
const options = fc.record(
  {
    mechanisms: fc.uniqueArray(fc.constantFrom(...configured, 'X-UNKNOWN', 'NTLM', 'DIGEST-MD5', 'PLAIN-CLIENTTOKEN')),
    plainLogin: fc.boolean(),
    minimumTls: fc.constantFrom('TLSv1.2' as const, 'TLSv1.3' as const),
    challengeBeforeTls: fc.boolean(),
    pipelinedStarttls: fc.constantFrom('refuse' as const, 'discard' as const),
  },
  { requiredKeys: [] },
);
const isLogin = (protocol: string, name: string): boolean =>
  ({
    imap: ['LOGIN', 'AUTHENTICATE'],
    pop3: ['USER', 'PASS', 'APOP', 'AUTH'],
    smtp: ['AUTH'],
    managesieve: ['AUTHENTICATE'],
  })[protocol]!.includes(name);

describe('for any input', () => {
  test('no mechanism that reveals its secret, known or unknown, is allowed without TLS of the minimum version', () => {
    fc.assert(
      fc.property(options, standing, command, (site, how, asked) => {
        const facts = factsOf(how, asked as AccessCommandFacts['command']);
        const decision = loginGate(site).decide(facts);
        if (decision.verdict !== 'allow' || !isLogin(how.protocol, facts.command.name.toUpperCase())) return;
        const protectedBy = how.tls === 'TLSv1.3' || (how.tls === 'TLSv1.2' && site.minimumTls !== 'TLSv1.3');
        if (protectedBy) return;
        // What is left is challenge-response, where the site allows it; never under TLS that is too old.
        expect(how.tls).toBe(null);
        expect(site.challengeBeforeTls).toBe(true);
        expect(mechanismClass((facts.command.mechanism ?? '').toUpperCase())).toBe('challenge');
        expect(how.implicit).toBe(false);
      }),
      { numRuns },
    );
  });

  test('what is advertised is accepted, and what is accepted is advertised', () => {
    fc.assert(
      fc.property(
        options,
        fc.option(fc.constant(['192.0.2.0/24', 'unix'])),
        standing,
        fc.string({ maxLength: 20 }),
        (site, clearTextFrom, how, other) => {
          const { decide, capabilitiesFor } = loginGate({
            ...site,
            ...(clearTextFrom === null ? {} : { clearTextFrom }),
          });
          const can = capabilitiesFor(factsOf(how, { name: '' }));
          const allowed = (asked: AccessCommandFacts['command']): boolean =>
            decide(factsOf(how, asked)).verdict === 'allow';
          const name = how.protocol === 'pop3' || how.protocol === 'smtp' ? 'AUTH' : 'AUTHENTICATE';
          for (const mechanism of [
            ...secretMechanisms,
            ...challengeMechanisms,
            ...boundMechanisms,
            ...configured,
            other,
          ])
            expect([mechanism, allowed({ name, mechanism })]).toEqual([
              mechanism,
              can.mechanisms.includes(mechanism.toUpperCase()),
            ]);
          expect(allowed({ name })).toBe(false);
          if (how.protocol === 'imap') expect(allowed({ name: 'LOGIN' })).toBe(can.plainLogin);
          if (how.protocol === 'pop3')
            expect([allowed({ name: 'USER' }), allowed({ name: 'PASS' })]).toEqual([can.plainLogin, can.plainLogin]);
          expect(allowed({ name: how.protocol === 'pop3' ? 'STLS' : 'STARTTLS' })).toBe(can.starttls);
          expect(can.starttls && how.tls !== null).toBe(false);
        },
      ),
      { numRuns },
    );
  });

  test('every refusal has a one-line reply in every protocol, and closes if the decision does', () => {
    fc.assert(
      fc.property(options, standing, command, (site, how, asked) => {
        const facts = factsOf(how, asked as AccessCommandFacts['command']);
        const { reply, closes, decision } = said(facts, site);
        if (decision.verdict !== 'refuse') return;
        expect(reply).toMatch(/^[\x20-\x7e]*$/);
        if (decision.close === true) expect(closes).toBe(true);
        expect(loginGate(site).advertise(facts)).toEqual({ verdict: 'hide' });
      }),
      { numRuns },
    );
  });
});

describe('options', () => {
  test.each<[string, unknown, RegExp]>([
    ['two mechanisms in one name', { mechanisms: ['PLAIN LOGIN'] }, /mechanisms must be SASL .*, got "PLAIN LOGIN"/],
    ['TLS that is too old', { minimumTls: 'TLSv1' }, /minimumTls must be "TLSv1.2" or "TLSv1.3", got "TLSv1"/],
    [
      'a word instead of a prefix',
      { clearTextFrom: ['loopback'] },
      /clearTextFrom must be a list of prefixes.*got "loopback"/,
    ],
    ['an address instead of a list', { clearTextFrom: '127.0.0.1' }, /clearTextFrom must be a list/],
    [
      'an unknown treatment of pipelining',
      { pipelinedStarttls: 'allow' },
      /pipelinedStarttls must be "refuse" or "discard", got "allow"/,
    ],
    ['an unknown option', { minimumTLS: 'TLSv1.3' }, /^encryptedAuth: unknown option minimumTLS .*did you mean/],
  ])('%s → TypeError', (_, wrong, message) => {
    expect(() => encryptedAuth(wrong as never)).toThrow(TypeError);
    expect(() => encryptedAuth(wrong as never)).toThrow(message);
  });

  test.each([
    ...secretMechanisms.map((name) => [name, 'secret']),
    ...challengeMechanisms.map((name) => [name, 'challenge']),
    ...boundMechanisms.map((name) => [name, 'bound']),
  ])('mechanism %j is %s', (name, expected) => {
    expect(mechanismClass(name as string)).toBe(expected);
  });
});
