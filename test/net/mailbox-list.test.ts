import { parseMailboxList } from 'postern/net';
import { describe, expect, test } from 'vitest';

const read = (field: string): string[] | undefined =>
  parseMailboxList(field)?.map(({ localPart, domain }) => `${localPart} at ${domain}`);

describe('a list of mailboxes', () => {
  test.each<[string, string[]]>([
    ['a@example.org', ['a at example.org']],
    [' a@example.org ', ['a at example.org']],
    ['<a@example.org>', ['a at example.org']],
    ['A. B. Person <a@example.org>', ['a at example.org']],
    ['"A, B" <a@example.org>', ['a at example.org']],
    ['"say \\"hi\\" (no comment" <a@example.org>', ['a at example.org']],
    ['"ceo@bank.example" <a@example.org>', ['a at example.org']],
    ['=?utf-8?q?ceo=40bank.example?= <a@example.org>', ['a at example.org']],
    ['(ceo@bank.example) a@example.org (b (c) \\) d)', ['a at example.org']],
    ['a(x)@(y)example.org', ['a at example.org']],
    ['a @ example.org', ['a at example.org']],
    ['"a b"@example.org', ['a b at example.org']],
    ['"a@b"@example.org', ['a@b at example.org']],
    ['"a". b@example.org', ['a.b at example.org']],
    ['a..b.@example.org', ['a..b. at example.org']],
    ['a@EXAMPLE.org.', ['a at example.org']],
    ['a@bücher.example', ['a at xn--bcher-kva.example']],
    ['ä@example.org', ['ä at example.org']],
    ['a@[192.0.2.1]', ['a at [192.0.2.1]']],
    ['a@[IPv6:2001:db8::1]', ['a at [IPv6:2001:db8::1]']],
    ['<@hop.example,@b.example:a@example.org>', ['a at example.org']],
    ['a@example.org, b@example.net', ['a at example.org', 'b at example.net']],
    ['a@example.org,, ,b@example.net,', ['a at example.org', 'b at example.net']],
    ['G: a@example.org, B <b@example.net>;', ['a at example.org', 'b at example.net']],
    ['G: a@example.org;, c@example.com', ['a at example.org', 'c at example.com']],
    ['Undisclosed:;', []],
    ['a\r\n <a@example.org>', ['a at example.org']],
    ['', []],
    // Not in the grammar, and written by real senders.
    ['Doe, John <john@example.org>', ['john at example.org']],
    ['[List] Re <a@example.org>', ['a at example.org']],
    ['info@example.org <info@example.org>', ['info at example.org']],
    ['MAILER-DAEMON', []],
  ])('%j', (field, expected) => {
    expect(read(field)).toEqual(expected);
  });

  test.each([
    '<x@attack.example> <admin@legit.example>',
    '<x@attack.example><admin@legit.example>',
    '<x@attack.example>admin@legit.example',
    'admin@legit.example<x@attack.example>',
    'admin@legit.example <x@attack.example>',
    'admin@legit.example x@attack.example',
    'admin@legit.example <other@legit.example>',
    'admin@legit.example@attack.example',
    'admin@legit.example\r\n <x@attack.example>',
    '<x@attack.example>\r\n\t<admin@legit.example>',
    '<x@attack.example> (c) admin@legit.example',
    '"admin" admin@legit.example <x@attack.example>',
    '<x@attack.example> junk',
    'junk> <x@attack.example>',
    '<<x@attack.example>>',
    '<x@attack.example',
    'x@attack.example>',
    '<>',
    'A <>, x@attack.example',
    '<admin@legit.example, x@attack.example>',
    '"admin@legit.example", x@attack.example',
    '"admin@legit.example": x@attack.example;',
    'admin@legit.example: x@attack.example;',
    'G: x@attack.example',
    'G: H: x@attack.example;;',
    'x@attack.example;',
    'G: x@attack.example; y@attack.example',
    '"admin@legit.example <x@attack.example>',
    '(admin@legit.example <x@attack.example>',
    'admin@legit.example) <x@attack.example>',
    '\\"admin@legit.example\\" <x@attack.example>',
    'a b@attack.example',
    'a"b"@attack.example',
    '@attack.example',
    '@attack.example:admin',
    '<@attack.example admin@legit.example>',
    '<"x":admin@legit.example>',
    'admin@legit.example .attack.example',
    'admin@legit.example(x).attack.example',
    'admin@legit.\r\n example',
    'admin@legit.example\0@attack.example',
    'admin@legit.example\0.attack.example',
    '<admin@legit.example\0> <x@attack.example>',
    '\0x@attack.example',
    'x@attack.example\r',
    'a@b\rFrom: admin@legit.example',
    '=?utf-8?q?admin=40legit.example=3e?=@attack.example',
    '=?utf-8?b?YWRtaW5AbGVnaXQuZXhhbXBsZQ==?==?utf-8?Q?=00?=@attack.example',
    'x@=?utf-8?q?legit.example?=',
    'a@exa mple.org',
    'a@example..org',
    'a@-example.org',
    'a@[999.1.1.1]',
    'a@[192.0.2.1].attack.example',
    '[admin@legit.example] <x@attack.example>',
  ])('%j → unreadable', (field) => {
    expect(parseMailboxList(field)).toBeUndefined();
  });

  test('16 KiB of anything → linear', () => {
    for (const piece of ['a@b.example,', '<a@b.example>,', '(', '"', '\\(', '.', 'a ', 'G:;,', '@', '<@a:', '[']) {
      expect(() => parseMailboxList(piece.repeat(16_384 / piece.length))).not.toThrow();
    }
  });
});
