import fc from 'fast-check';
import type { Decision, Verdict } from 'postern/core';
import { defer, judge, permit, proceed, quarantine, reject } from 'postern/core';
import type { Cause, SmtpStages } from 'postern/smtp';
import { hostReply, isCause, printReply, replyFor, replyTable, smtpReply } from 'postern/smtp';
import { describe, expect, test } from 'vitest';

type Said = { cause?: string; status?: never; explanation?: string };
const decided = (verdict: Verdict, said: Said | object = {}): Decision =>
  judge([{ rule: 'r', finding: { check: 'c', result: 'fail', ...said }, verdict }]);
const code = (verdict: Verdict, stage: keyof SmtpStages, said: object = {}): string | null => {
  const reply = smtpReply(decided(verdict, said), stage);
  return reply && printReply({ ...reply, text: '' }).trim();
};

describe('the reply table', () => {
  test.each<[Cause, keyof SmtpStages, Verdict, string]>([
    ['relay-denied', 'rcpt', reject(), '550 5.7.1'],
    ['recipient-unknown', 'rcpt', reject(), '550 5.1.1'],
    ['recipient-syntax', 'rcpt', reject(), '501 5.1.3'],
    ['recipient-null-mx', 'rcpt', reject(), '556 5.1.10'],
    ['authentication-required', 'mail', reject(), '530 5.7.0'],
    ['starttls-required', 'mail', reject(), '530 5.7.0'],
    ['encryption-required', 'auth', reject(), '538 5.7.11'],
    ['credentials-invalid', 'auth', reject(), '535 5.7.8'],
    ['auth-unavailable', 'auth', defer(), '454 4.7.0'],
    ['auth-unavailable', 'auth', reject(), '454 4.7.0'],
    ['account-disabled', 'auth', reject(), '525 5.7.13'],
    ['sender-not-owned', 'mail', reject(), '553 5.7.1'],
    ['too-many-connections', 'connect', defer(), '421 4.7.0'],
    ['too-many-auth-failures', 'auth', defer(), '421 4.7.0'],
    ['rate-exceeded', 'mail', defer(), '450 4.7.1'],
    ['rate-exceeded', 'rcpt', defer(), '450 4.7.1'],
    ['too-many-recipients', 'rcpt', defer(), '452 4.5.3'],
    ['helo-syntax', 'rcpt', reject(), '501 5.5.2'],
    ['helo-not-qualified', 'rcpt', reject(), '504 5.5.2'],
    ['helo-missing', 'mail', reject(), '503 5.5.1'],
    ['reverse-dns', 'rcpt', reject(), '550 5.7.25'],
    ['reverse-dns', 'rcpt', defer(), '451 4.7.25'],
    ['sender-domain', 'rcpt', reject(), '550 5.1.8'],
    ['sender-dns', 'rcpt', defer(), '451 4.4.3'],
    ['sender-null-mx', 'rcpt', reject(), '550 5.7.27'],
    ['listed', 'rcpt', reject(), '550 5.7.1'],
    ['listed', 'connect', reject(), '554 5.7.1'],
    ['spf-fail', 'rcpt', reject(), '550 5.7.23'],
    ['spf-error', 'rcpt', defer(), '451 4.7.24'],
    ['spf-error', 'rcpt', reject(), '550 5.7.24'],
    ['dmarc', 'data', reject(), '550 5.7.26'],
    ['policy-engine', 'data', defer(), '451 4.3.0'],
    ['misconfigured', 'mail', defer(), '451 4.3.5'],
  ])('%s at %s → %s', (cause, stage, verdict, expected) => expect(code(verdict, stage, { cause })).toBe(expected));

  test.each<[string, Verdict, keyof SmtpStages, object, string | null]>([
    ['nothing said, rejected at RCPT', reject(), 'rcpt', {}, '550 5.7.1'],
    ['nothing said, deferred at DATA', defer(), 'data', {}, '450 4.7.0'],
    ['a status that pins its code down', defer(), 'rcpt', { status: '7.25' }, '451 4.7.25'],
    [
      'the rule changes the status of a cause',
      reject({ status: '7.26' }),
      'rcpt',
      { cause: 'relay-denied' },
      '550 5.7.26',
    ],
    ['a cause that the table does not know', reject(), 'rcpt', { cause: 'no-such', status: '7.1' }, '550 5.7.1'],
    ['a cause named like an object’s own', reject(), 'rcpt', { cause: 'constructor' }, '550 5.7.1'],
    ['at HELO → no enhanced code', reject(), 'helo', { cause: 'helo-syntax' }, '501'],
    ['no objection', proceed, 'rcpt', {}, null],
    ['a permit', permit, 'rcpt', {}, null],
    ['set apart is taken', quarantine, 'data', {}, null],
  ])('%s → %s', (_, verdict, stage, said, expected) => expect(code(verdict, stage, said)).toBe(expected));

  test.each<[string, Verdict, keyof SmtpStages, object, boolean]>([
    ['421', defer(), 'connect', {}, true],
    ['554 at the banner', reject(), 'connect', {}, true],
    ['too many AUTH failures', defer(), 'auth', { cause: 'too-many-auth-failures' }, true],
    ['a rule that asks for it', reject({ close: true }), 'rcpt', {}, true],
    ['any other', reject(), 'rcpt', {}, false],
  ])('%s → closes: %s', (_, verdict, stage, said, closes) =>
    expect(smtpReply(decided(verdict, said), stage)?.close).toBe(closes),
  );
});

const anyVerdict = fc.constantFrom<Verdict>(
  defer(),
  reject(),
  reject({ close: true }),
  defer({ status: '7.99' }),
  reject({ status: '5.1' }),
);
const anyStage = fc.constantFrom<keyof SmtpStages>('connect', 'helo', 'auth', 'mail', 'rcpt', 'data');
const anyFinding = fc.record(
  {
    cause: fc.oneof(fc.constantFrom(...Object.keys(replyTable)), fc.string()),
    status: fc.constantFrom('7.1', '1.10', '4.3', '7.25', '999.999'),
    explanation: fc.string({ unit: 'binary', maxLength: 900 }),
  },
  { requiredKeys: [] },
);

test('any refusal → code ÷ 100 is the enhanced class, one line of at most 512 octets, printable ASCII', () => {
  fc.assert(
    fc.property(
      anyVerdict,
      anyStage,
      anyFinding,
      fc.option(fc.constant('0123456789abcdef'), { nil: undefined }),
      (verdict, stage, said, correlation) => {
        const reply = smtpReply(decided(verdict, said), stage, { correlation });
        expect(reply).not.toBeNull();
        if (reply === null) return;
        const line = printReply(reply);
        expect([4, 5]).toContain(Math.floor(reply.code / 100));
        if (stage === 'helo') expect(reply.enhanced).toBe('');
        else expect(Number(reply.enhanced[0])).toBe(Math.floor(reply.code / 100));
        expect(line).toMatch(/^[\x20-\x7e]*$/);
        expect(line.length + 2).toBeLessThanOrEqual(512);
        if (reply.code === 421 || reply.code === 521) expect(reply.close).toBe(true);
        if (correlation !== undefined) expect(line).toContain(`[${correlation}]`);
      },
    ),
  );
});

test('every row: its codes’ classes are what they are called', () => {
  for (const [cause, row] of Object.entries(replyTable)) {
    if (cause !== 'auth-unavailable') expect([cause, Math.floor(row.reject / 100)]).toEqual([cause, 5]);
    expect([cause, Math.floor(row.defer / 100)]).toEqual([cause, 4]);
  }
});

test('a reply that needs no decision → the row', () => {
  expect(printReply(replyFor('sender-syntax', 'No'))).toBe('501 5.1.7 No');
});

describe('the whole reply', () => {
  const replyOf = (verdict: Verdict, said: object = {}, stage: keyof SmtpStages = 'rcpt', correlation?: string) =>
    smtpReply(decided(verdict, said), stage, { correlation });

  test.each<[string, ReturnType<typeof smtpReply>, object]>([
    [
      'nothing said, rejected',
      replyOf(reject()),
      { code: 550, enhanced: '5.7.1', text: 'Refused by policy', close: false },
    ],
    [
      'nothing said, deferred',
      replyOf(defer()),
      { code: 450, enhanced: '4.7.0', text: 'Temporarily refused, try again later', close: false },
    ],
    [
      'the words of the rule',
      replyOf(reject({ text: 'No' }), { explanation: 'Yes' }),
      { code: 550, enhanced: '5.7.1', text: 'No', close: false },
    ],
    [
      'a time-out closes',
      replyOf(reject({ text: 'No' }), { cause: 'timeout' }),
      { code: 554, enhanced: '5.4.2', text: 'No', close: true },
    ],
    [
      'an id behind the text',
      replyOf(reject({ text: 'No' }), {}, 'rcpt', 'id-1'),
      { code: 550, enhanced: '5.7.1', text: 'No [id-1]', close: false },
    ],
    ['at HELO', replyOf(reject({ text: 'No' }), {}, 'helo'), { code: 550, enhanced: '', text: 'No', close: false }],
  ])('%s', (_, reply, expected) => expect(reply).toEqual(expected));

  test.each([
    ['\r\nNo\t\0more\x7f', 'No more'],
    ['  No  ', 'No'],
    ['Größe 😀', 'Gr??e ?'],
    ['', ''],
  ])('%j → %j', (text, expected) => {
    expect(replyFor('relay-denied', text).text).toBe(expected);
  });

  test('a text that just fits its line stays, a longer one is cut', () => {
    const room = 512 - '550 5.7.1 '.length - '\r\n'.length;
    expect(replyFor('relay-denied', 'x'.repeat(room)).text).toBe('x'.repeat(room));
    expect(replyFor('relay-denied', 'x'.repeat(room + 1)).text).toBe(`${'x'.repeat(room - 3)}...`);
    const { text } = replyFor('relay-denied', 'x'.repeat(600), 'reject', { correlation: 'id-1' });
    expect(text).toBe(`${'x'.repeat(room - 3 - ' [id-1]'.length)}... [id-1]`);
    expect(replyFor('relay-denied', 'x', 'reject', { correlation: 'y'.repeat(600) }).text).toBe(
      `... [${'y'.repeat(600)}]`,
    );
  });

  test.each([
    ['timeout', 'reject', 554, true],
    ['timeout', 'defer', 421, true],
    ['relay-denied', 'reject', 550, false],
    ['relay-denied', 'defer', 450, false],
  ] as const)('%s, %s → %i, closes: %s', (cause, action, code, close) => {
    expect(replyFor(cause, 'No', action)).toMatchObject({ code, close });
  });

  test.each([
    ['1.10', 'reject', 556],
    ['3.0', 'defer', 451],
    ['3.4', 'reject', 552],
    ['3.5', 'defer', 451],
    ['4.3', 'defer', 451],
    ['5.3', 'defer', 452],
    ['7.8', 'reject', 535],
    ['7.11', 'reject', 538],
    ['7.13', 'reject', 525],
    ['7.20', 'defer', 451],
    ['7.21', 'defer', 451],
    ['7.22', 'defer', 451],
    ['7.23', 'defer', 451],
    ['7.24', 'defer', 451],
    ['7.25', 'defer', 451],
    ['7.26', 'defer', 451],
    ['7.27', 'defer', 451],
    ['7.1', 'defer', 450],
    ['7.1', 'reject', 550],
    ['7.8', 'defer', 450],
    ['3.0', 'reject', 550],
  ] as const)('the status %s, %s → %i, but not at the banner', (status, action, expected) => {
    const verdict = action === 'defer' ? defer({ status }) : reject({ status });
    expect(replyOf(verdict)?.code).toBe(expected);
    expect(replyOf(verdict, {}, 'connect')?.code).toBe(action === 'defer' ? 421 : 554);
  });

  test('a status of the rule that is that of the cause → the code of the cause', () => {
    expect(replyOf(reject({ status: '1.1' }), { cause: 'recipient-unknown' })).toMatchObject({ code: 550 });
    expect(replyOf(reject({ status: '5.2' }), { cause: 'helo-syntax' })).toMatchObject({ code: 501 });
  });
});

describe('a reply in the words of the host', () => {
  test.each<[number, string, string]>([
    [250, 'Stored as 1', '250 2.0.0 Stored as 1'],
    [250, '2.6.0 Stored', '250 2.6.0 Stored'],
    [250, '5.6.0   Stored', '250 2.6.0 Stored'],
    [451, '4.3.0', '451 4.3.0 '],
    [400, 'No', '400 4.0.0 No'],
    [599, 'No', '599 5.0.0 No'],
    [550, '4.123.456 No', '550 5.123.456 No'],
    [550, '5.1.1234 No', '550 5.0.0 5.1.1234 No'],
    [550, '5.1234.1 No', '550 5.0.0 5.1234.1 No'],
    [550, '3.1.1 No', '550 5.0.0 3.1.1 No'],
    [550, '5.1.1No', '550 5.0.0 5.1.1No'],
    [550, 'x 5.1.1 No', '550 5.0.0 x 5.1.1 No'],
    [550, '5.1.1 two\nlines', '550 5.1.1 two lines'],
  ])('%i, %j → %j', (code, text, line) => {
    expect(printReply(hostReply(code, text))).toBe(line);
    expect(hostReply(code, text).close).toBe(false);
  });
  test('421 and 521 close, and an id stands behind the text', () => {
    expect(hostReply(421, 'Later')).toMatchObject({ enhanced: '4.0.0', close: true });
    expect(hostReply(521, 'Never')).toMatchObject({ enhanced: '5.0.0', close: true });
    expect(printReply(hostReply(550, 'No', { correlation: 'id-1' }))).toBe('550 5.0.0 No [id-1]');
  });
  test.each([200, 251, 354, 399, 600, 450.5, Number.NaN, '550' as never])('%s → TypeError', (code) => {
    expect(() => hostReply(code, 'x')).toThrow(TypeError);
    expect(() => hostReply(code, 'x')).toThrow(String(code));
  });
});

test.each([
  ['relay-denied', true],
  ['constructor', false],
  ['', false],
  [undefined, false],
])('%s is a cause: %s', (cause, known) => expect(isCause(cause)).toBe(known));
