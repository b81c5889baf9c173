import fc from 'fast-check';
import { parseMailbox, parsePath, printMailbox } from 'postern/net';
import { describe, expect, test } from 'vitest';

describe('a quoted local part (RFC 5321 §4.1.2)', () => {
  test.each([
    ['""@example.com', ''],
    ['" "@example.com', ' '],
    ['"john doe"@example.com', 'john doe'],
    ['"a@b"@example.com', 'a@b'],
    ['"a\\"b"@example.com', 'a"b'],
    ['"a\\\\b"@example.com', 'a\\b'],
    ['""@[192.0.2.1]', ''],
  ])('%s → %j, and printed as it was', (text, localPart) => {
    const mailbox = parseMailbox(text);
    expect(mailbox?.localPart).toBe(localPart);
    expect(printMailbox(mailbox!)).toBe(text);
    expect(parsePath(`<${text}>`)).toMatchObject({ mailbox, sourceRoute: false });
  });
  test.each([
    '@example.com',
    '<@example.com>',
    '"@example.com',
    '""',
    '"""@example.com',
    '""x@example.com',
    'x""@example.com',
  ])('%s → not a mailbox', (text) => {
    expect(parseMailbox(text)).toBe(undefined);
    const path = parsePath(text.startsWith('<') ? text : `<${text}>`);
    expect(typeof path).toBe('string');
  });
  test('what is printed is read as the same mailbox', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ -~]{0,24}$/), (localPart) => {
        const mailbox = { localPart, domain: 'example.com' as never };
        const text = printMailbox(mailbox);
        // A local part has at most 64 bytes, its quotes among them.
        if (text.length - '@example.com'.length > 64) return;
        expect(parseMailbox(text)).toEqual(mailbox);
      }),
    );
  });
});
