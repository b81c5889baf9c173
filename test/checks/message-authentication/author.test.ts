import { authenticateMessage, type MessageAuthentication } from 'postern/checks/message-authentication';
import { fixedClock, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';
import { NOW, octets } from './mail.ts';

const REST = 'To: bob@example.com\r\nSubject: Test\r\n\r\nHello\r\n';

/** A world in which the attacker's own domain passes, and the forged one asks for reject. */
function examine(header: string): Promise<MessageAuthentication> {
  const clock = fixedClock(NOW);
  const policies = {
    '_dmarc.attack.example': { TXT: ['v=DMARC1; p=none'] },
    '_dmarc.legit.example': { TXT: ['v=DMARC1; p=reject'] },
  };
  const spf = { result: 'pass', domain: 'attack.example' };
  return clock.until(
    authenticateMessage({ raw: octets(header + REST), spf }, { dns: zone(policies, { clock }), clock }),
  );
}

describe('a From field that some reader takes for another', () => {
  test.each<[string, string]>([
    ['two mailboxes without a comma', 'From: <x@attack.example> <admin@legit.example>\r\n'],
    ['without a space', 'From: <x@attack.example><admin@legit.example>\r\n'],
    ['one bare', 'From: <x@attack.example>admin@legit.example\r\n'],
    ['the other way round', 'From: admin@legit.example <x@attack.example>\r\n'],
    ['folded', 'From: <x@attack.example>\r\n <admin@legit.example>\r\n'],
    ['folded inside the domain', 'From: x@attack.example\r\n .legit.example\r\n'],
    ['a NUL in the domain', 'From: admin@legit.example\0.attack.example\r\n'],
    ['a NUL behind the domain', 'From: admin@legit.example\0 <x@attack.example>\r\n'],
    ['a NUL in an encoded word', 'From: =?utf-8?b?YWRtaW5AbGVnaXQuZXhhbXBsZQA=?= <x@attack.example>\r\n'],
    ['a line end in an encoded word', 'From: =?utf-8?q?admin@legit.example=0A?= <x@attack.example>\r\n'],
    ['encoded words as a local part', 'From: =?utf-8?q?admin=40legit.example?=@attack.example\r\n'],
    ['an octet outside UTF-8 in the domain', 'From: admin@legit.example\xff\r\n'],
    ['quotes that do not close', 'From: "admin@legit.example <x@attack.example>\r\n'],
    ['a comment that does not close', 'From: (admin@legit.example <x@attack.example>\r\n'],
    ['a group without an end', 'From: x: x@attack.example\r\n'],
    ['a group named as an address', 'From: admin@legit.example: x@attack.example;\r\n'],
    ['two domains', 'From: x@attack.example, admin@legit.example\r\n'],
    ['a group of two domains', 'From: g: x@attack.example, admin@legit.example;\r\n'],
    ['two fields', 'From: x@attack.example\r\nFrom: admin@legit.example\r\n'],
    ['two fields of the same domain', 'From: x@attack.example\r\nFrom: y@attack.example\r\n'],
    ['a blank before the colon', 'From : admin@legit.example\r\nFrom: x@attack.example\r\n'],
    ['a fold before the colon', 'From\r\n : admin@legit.example\r\nFrom: x@attack.example\r\n'],
    ['other case', 'FROM: admin@legit.example\r\nfrom: x@attack.example\r\n'],
    ['a first line with a blank', ' From: admin@legit.example\r\nFrom: x@attack.example\r\n'],
    ['a NUL in the name', 'From: x@attack.example\r\nFr\0om: admin@legit.example\r\n'],
    ['a NUL before the name', 'From: x@attack.example\r\n\0From: admin@legit.example\r\n'],
    ['a byte order mark before the name', '\xef\xbb\xbfFrom: admin@legit.example\r\nFrom: x@attack.example\r\n'],
    ['a no-break space before the name', 'From: x@attack.example\r\n\xc2\xa0From: admin@legit.example\r\n'],
    ['behind a bare CR', 'From: x@attack.example\r\nX: y\rFrom: admin@legit.example\r\n'],
    ['behind a bare CR of its own', 'From: x@attack.example\rFrom: admin@legit.example\r\n'],
    ['none', 'Sender: admin@legit.example\r\n'],
    ['empty', 'From:\r\n'],
    ['a null path', 'From: <>\r\n'],
    ['an empty group', 'From: undisclosed:;\r\n'],
    ['a name alone', 'From: admin\r\n'],
    ['too long', `From: ${'x'.repeat(16_384)} <x@attack.example>\r\n`],
    ['too many', `From: ${'x@attack.example, '.repeat(1_000)}x@attack.example\r\n`],
  ])('%s → permerror, the sender’s fault', async (_, header) => {
    const { dmarc, authentication } = await examine(header);
    expect(dmarc).toMatchObject({ result: 'permerror', fault: 'sender' });
    expect(dmarc.domain).toBeUndefined();
    expect(JSON.stringify(authentication)).not.toContain('header.from');
  });

  test.each<[string, string, string]>([
    ['a plain one', 'From: admin@legit.example\r\n', 'legit.example'],
    ['a quoted name', 'From: "x@attack.example" <admin@legit.example>\r\n', 'legit.example'],
    ['a comment', 'From: (x@attack.example) admin@legit.example\r\n', 'legit.example'],
    ['a route', 'From: <@attack.example:admin@legit.example>\r\n', 'legit.example'],
    ['a group', 'From: g: admin@legit.example;\r\n', 'legit.example'],
    ['two authors of one domain', 'From: a@legit.example, b@legit.example\r\n', 'legit.example'],
    ['folded', 'From:\r\n "a\r\n b"\r\n <admin@legit.example>\r\n', 'legit.example'],
    ['a blank before the colon', 'From : admin@legit.example\r\n', 'legit.example'],
    ['a fullwidth dot', 'From: admin@legit\xef\xbc\x8eexample\r\n', 'legit.example'],
    ['an invisible character', 'From: admin@le\xe2\x80\x8bgit.example\r\n', 'legit.example'],
    ['a name in Latin-1', 'From: J\xf6rg <admin@legit.example>\r\n', 'legit.example'],
    ['a Resent-From beside it', 'Resent-From: x@attack.example\r\nFrom: admin@legit.example\r\n', 'legit.example'],
    ['a field that lists names', 'X: a\r\n from:to\r\nFrom: admin@legit.example\r\n', 'legit.example'],
    ['a mbox line', 'From x@attack.example Tue Jan 1 00:00:00 2030\r\nFrom: admin@legit.example\r\n', 'legit.example'],
  ])('%s → that author', async (_, header, domain) => {
    expect((await examine(header)).dmarc).toMatchObject({ result: 'fail', policy: 'reject', domain });
  });

  test('an address literal → none', async () => {
    expect((await examine('From: a@[192.0.2.1]\r\n')).dmarc).toMatchObject({ result: 'none', domain: '[192.0.2.1]' });
  });
});

describe('what a sender can make too large', () => {
  test.each<[string, string]>([
    ['10,001 lines', `From: admin@legit.example\r\n${'X: y\r\n'.repeat(10_001)}`],
    ['10,001 folds', `From: admin@legit.example\r\nX: y\r\n${' y\r\n'.repeat(10_001)}`],
    ['256 KiB', `From: admin@legit.example\r\n${`X: ${'y'.repeat(900)}\r\n`.repeat(300)}`],
  ])('%s → permerror, the sender’s fault', async (_, header) => {
    expect((await examine(header)).dmarc).toEqual({
      result: 'permerror',
      fault: 'sender',
      reason: 'the header is too large',
    });
  });
});
