import { type AccessCommandFacts, type AccessStages, accessPolicy, accessReply, refusalReply } from 'postern/access';
import { encryptedAuth } from 'postern/checks/encrypted-auth';
import { defer, defineCheck, evaluate, fail, judge, on, pass, permit, reject, temperror } from 'postern/core';
import { describe, expect, test } from 'vitest';
import { factsOf, type Standing } from './login-table.ts';

const friend = on(
  defineCheck('friend', () => pass(), {}),
  { pass: permit },
);
const listed = defineCheck('listed', () => fail({ explanation: 'Your network is not welcome' }), { fail: reject() });
const busy = defineCheck('busy', () => temperror({ explanation: 'Too\r\nmuch "going" on — é', detail: {} }), {
  temperror: defer({ delayMs: 40 }),
});
const flood = defineCheck(
  'flood',
  () => fail({ cause: 'too-many-auth-failures', explanation: 'Too many failed logins' }),
  { fail: defer() },
);

async function said(
  standing: Standing,
  command: AccessCommandFacts['command'],
  rule: typeof listed | typeof friend,
  stage: 'connect' | 'command' = 'command',
) {
  const policy = accessPolicy<object>({ encryption: encryptedAuth({ mechanisms: ['PLAIN'] }), [stage]: [rule] });
  const facts = factsOf(standing, command);
  const decision = await evaluate<AccessStages, object, 'command'>(
    policy.rules as never,
    stage as 'command',
    facts,
    {},
  );
  return accessReply(decision, facts, { stage, tag: 'a1' });
}

const login = { name: 'LOGIN' };
const tls = 'TLSv1.3';

describe('accessPolicy', () => {
  test('encryption is judged before every other rule: no permit skips it', async () => {
    expect(await said({ protocol: 'imap' }, login, friend)).toEqual({
      line: 'a1 NO [PRIVACYREQUIRED] TLS is required to log in',
      close: false,
    });
    expect(await said({ protocol: 'imap', tls }, login, friend)).toBe(null);
  });

  test.each<[string, unknown, RegExp]>([
    ['no encryption', {}, /encryption must be encryptedAuth/],
    ['another check', { encryption: listed }, /encryption must be encryptedAuth/],
    [
      'an unknown stage',
      { encryption: encryptedAuth(), login: [] },
      /unknown option login \(known: encryption, connect, command, bans\)/,
    ],
    [
      'one id twice',
      { encryption: encryptedAuth(), connect: [listed], command: [listed] },
      /"listed" occurs at connect and at command/,
    ],
  ])('%s → TypeError', (_, rules, message) => {
    expect(() => accessPolicy(rules as never)).toThrow(message);
  });
});

describe('each protocol has its own reply', () => {
  test.each<[string, Standing, typeof listed, 'connect' | 'command', string, boolean]>([
    [
      'IMAP, refused at the greeting',
      { protocol: 'imap', tls },
      listed,
      'connect',
      '* BYE Your network is not welcome',
      true,
    ],
    [
      'IMAP, refused at a command',
      { protocol: 'imap', tls },
      listed,
      'command',
      'a1 NO [AUTHENTICATIONFAILED] Your network is not welcome',
      false,
    ],
    [
      'IMAP, later at the greeting',
      { protocol: 'imap', tls },
      busy as never,
      'connect',
      '* BYE [UNAVAILABLE] Too much "going" on ? ?',
      true,
    ],
    [
      'IMAP, later at a command',
      { protocol: 'imap', tls },
      busy as never,
      'command',
      'a1 NO [UNAVAILABLE] Too much "going" on ? ?',
      false,
    ],
    [
      'IMAP, too many failures',
      { protocol: 'imap', tls },
      flood,
      'command',
      '* BYE [UNAVAILABLE] Too many failed logins',
      true,
    ],
    [
      'POP3, refused',
      { protocol: 'pop3', tls },
      listed,
      'connect',
      '-ERR [SYS/PERM] Your network is not welcome',
      true,
    ],
    [
      'POP3, refused at a command',
      { protocol: 'pop3', tls },
      listed,
      'command',
      '-ERR [AUTH] Your network is not welcome',
      false,
    ],
    [
      'POP3, later',
      { protocol: 'pop3', tls },
      busy as never,
      'command',
      '-ERR [SYS/TEMP] Too much "going" on ? ?',
      false,
    ],
    [
      'ManageSieve, later',
      { protocol: 'managesieve', tls },
      busy as never,
      'command',
      'NO (TRYLATER) "Too much \\"going\\" on ? ?"',
      false,
    ],
    [
      'ManageSieve, refused at the greeting',
      { protocol: 'managesieve', tls },
      listed,
      'connect',
      'BYE "Your network is not welcome"',
      true,
    ],
    ['SMTP, later', { protocol: 'smtp', tls }, busy as never, 'command', '454 4.7.0 Too much "going" on ? ?', false],
    ['SMTP, too many failures', { protocol: 'smtp', tls }, flood, 'command', '421 4.7.0 Too many failed logins', true],
    [
      'SMTP, refused at the banner',
      { protocol: 'smtp', tls },
      listed,
      'connect',
      '554 5.7.1 Your network is not welcome',
      true,
    ],
  ])('%s', async (_, standing, rule, stage, line, close) => {
    expect(
      await said(
        standing,
        login.name === 'LOGIN' && standing.protocol !== 'imap'
          ? { name: standing.protocol === 'pop3' ? 'USER' : 'AUTH', mechanism: 'PLAIN' }
          : login,
        rule,
        stage,
      ),
    ).toMatchObject({ line, close });
  });

  test('a delay is passed on; an id is appended; a line has a limit', async () => {
    const facts = factsOf({ protocol: 'pop3', tls }, login);
    const outcome = (explanation: string) =>
      judge([{ rule: 'r', finding: { check: 'r', result: 'fail', explanation }, verdict: reject({ delayMs: 7 }) }]);
    expect(accessReply(outcome('No'), facts, { stage: 'command', correlation: 'a1b2' })).toEqual({
      line: '-ERR [AUTH] No [a1b2]',
      close: false,
      delayMs: 7,
    });
    for (const protocol of ['imap', 'pop3', 'smtp', 'managesieve'] as const) {
      const line = accessReply(outcome('x'.repeat(5_000)), factsOf({ protocol, tls }, login), {
        stage: 'command',
        tag: 'a1',
      })!.line;
      expect(line.length).toBeLessThanOrEqual(510);
      if (protocol === 'managesieve') expect(line.endsWith('"')).toBe(true);
    }
  });

  test('the text of a rule replaces the table’s', async () => {
    const policy = accessPolicy<object>({ encryption: encryptedAuth(), command: [] });
    const facts = factsOf({ protocol: 'imap' }, login);
    const decision = await evaluate<AccessStages, object, 'command'>(policy.rules, 'command', facts, {});
    expect(
      accessReply({ ...decision, text: 'See https://help.example/tls' } as never, facts, {
        stage: 'command',
        tag: 'a1',
      })?.line,
    ).toBe('a1 NO [AUTHENTICATIONFAILED] See https://help.example/tls');
  });

  test('STARTTLS that is not configured does not end the session', () => {
    expect(refusalReply('imap', 'tls-not-configured', { tag: 'a1' })).toEqual({
      line: 'a1 BAD Unknown command',
      close: false,
    });
    expect(refusalReply('imap', 'tls-not-configured')).toEqual({
      line: '* BYE [UNAVAILABLE] TLS is not configured',
      close: true,
    });
  });
});
