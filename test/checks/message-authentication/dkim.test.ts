import {
  type AuthenticateOptions,
  authenticateMessage,
  type MessageAuthentication,
} from 'postern/checks/message-authentication';
import { fixedClock, type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';
import { NOW, octets, plain, records, signAs, type Tags } from './mail.ts';

const RSA = records.rsa.slice(records.rsa.indexOf('p=') + 2);
const EDWARDS = records.ed25519.slice(records.ed25519.indexOf('p=') + 2);
const seconds = NOW / 1000;

function examine(message: string, key: readonly string[], options: AuthenticateOptions = {}, more: ZoneData = {}) {
  const clock = fixedClock(NOW);
  const data: ZoneData = {
    'rsa._domainkey.example.org': { TXT: key },
    'ed25519._domainkey.example.org': { TXT: [records.ed25519] },
    ...more,
  };
  return clock.until(authenticateMessage({ raw: octets(message) }, { dns: zone(data, { clock }), clock }, options));
}
const first = ({ dkim: [one] }: MessageAuthentication): string =>
  one?.reason === undefined ? String(one?.result) : `${one.result}: ${one.reason}`;

const message = plain('alice@example.org', 'Hello  there \r\n\r\nBye\r\n\r\n');

describe('the tags of a signature', () => {
  test.each<[string, Tags, string]>([
    ['the usual ones', {}, 'pass'],
    ['all defaults', { c: undefined }, 'pass'],
    ['c=simple', { c: 'simple' }, 'pass'],
    ['c=relaxed', { c: 'relaxed' }, 'pass'],
    ['c=simple/relaxed', { c: 'simple/relaxed' }, 'pass'],
    ['c=relaxed/simple', { c: 'relaxed/simple' }, 'pass'],
    ['c=Relaxed/SIMPLE', { c: 'Relaxed/SIMPLE' }, 'pass'],
    ['c=/relaxed', { c: '/relaxed' }, 'neutral: unknown canonicalization'],
    ['c=relaxed/', { c: 'relaxed/' }, 'neutral: unknown canonicalization'],
    ['c= empty', { c: '' }, 'neutral: unknown canonicalization'],
    ['c=nofws', { c: 'nofws' }, 'neutral: unknown canonicalization'],
    ['c of three', { c: 'relaxed/relaxed/relaxed' }, 'neutral: unknown canonicalization'],
    ['v=2', { v: '2' }, 'neutral: incompatible version'],
    ['v=0.5', { v: '0.5' }, 'neutral: incompatible version'],
    ['v=01', { v: '01' }, 'neutral: incompatible version'],
    ['no v', { v: undefined }, 'neutral: signature missing required tag'],
    ['no d', { d: undefined }, 'neutral: signature missing required tag'],
    ['no s', { s: undefined }, 'neutral: signature missing required tag'],
    ['no h', { h: undefined }, 'neutral: signature missing required tag'],
    ['no a', { a: undefined }, 'neutral: unknown algorithm'],
    ['an unknown tag', { unknown: 'a b;'.slice(0, 3) }, 'pass'],
    ['an unknown tag with an equals sign', { r: 'a=b=c' }, 'pass'],
    ['a tag in other case is another tag', { D: 'example.net' }, 'pass'],
    ['an underscore in a tag', { my_tag: '1' }, 'pass'],
    ['a dash in a tag', { 'my-tag': '1' }, 'neutral: signature syntax error'],
    ['a tag that begins with a digit', { '9x': '1' }, 'neutral: signature syntax error'],
    ['z', { z: 'From:a@b=3B|To:c@d' }, 'pass'],
    ['q=dns/txt', { q: 'dns/txt' }, 'pass'],
    ['q with another method', { q: 'dns/foo:dns/txt' }, 'pass'],
    ['q of another method alone', { q: 'dns/foo' }, 'neutral: unsupported query method'],
    ['t in the past', { t: String(seconds - 60) }, 'pass'],
    ['t that is none', { t: 'now' }, 'neutral: signature syntax error'],
    ['t below zero', { t: '-1' }, 'neutral: signature syntax error'],
    ['x in the future', { t: String(seconds - 60), x: String(seconds + 60) }, 'pass'],
    ['x in the past', { t: String(seconds - 60), x: String(seconds - 30) }, 'neutral: expired'],
    ['x before t', { t: String(seconds - 60), x: String(seconds - 90) }, 'neutral: invalid expiration'],
    ['x that is t', { t: String(seconds + 60), x: String(seconds + 60) }, 'neutral: invalid expiration'],
    ['x of thirteen digits', { x: '9999999999999' }, 'neutral: signature syntax error'],
    ['i of the domain', { i: '@example.org' }, 'pass'],
    ['i of a user', { i: 'alice@example.org' }, 'pass'],
    ['i of a subdomain', { i: 'alice@news.example.org' }, 'pass'],
    ['i in other case', { i: 'alice@EXAMPLE.org' }, 'pass'],
    ['i quoted-printable', { i: 'a=40b@example.org'.replace('=40', '=2B') }, 'pass'],
    ['i of another domain', { i: 'alice@example.net' }, 'neutral: domain mismatch'],
    ['i of a longer label', { i: 'alice@badexample.org' }, 'neutral: domain mismatch'],
    ['i of the parent', { i: 'alice@org' }, 'neutral: signature syntax error'],
    ['i without @', { i: 'example.org' }, 'neutral: signature syntax error'],
    ['a=rsa-sha1', { a: 'rsa-sha1' }, 'policy: weak algorithm'],
    ['a=rsa-md5', { a: 'rsa-md5' }, 'neutral: unknown algorithm'],
    ['a=RSA-SHA256', { a: 'RSA-SHA256' }, 'pass'],
    ['a=ed25519-sha256 with an RSA key', { a: 'ed25519-sha256' }, 'neutral: inappropriate key algorithm'],
    ['h in other case', { h: 'FROM:To:sUbject' }, 'pass'],
    ['h with blanks', { h: 'from : to :\r\n\tsubject' }, 'pass'],
    ['h of From alone', { h: 'from' }, 'pass'],
    ['h without From', { h: 'to:subject' }, 'neutral: From field not signed'],
    ['h empty', { h: '' }, 'neutral: signature syntax error'],
    ['h that names what is not there', { h: 'from:to:x-none:subject:cc' }, 'pass'],
    ['h that names a field more often than it is there', { h: 'from:from:from:to:to' }, 'pass'],
    ['h with a name that only begins like From', { h: 'fromx:to' }, 'neutral: From field not signed'],
    ['bh that is wrong', { bh: 'AAAA' }, 'fail: body hash did not verify'],
    ['bh empty', { bh: '' }, 'fail: body hash did not verify'],
    ['b that is wrong', { b: 'AAAA' }, 'fail: bad signature'],
    ['b that is no base64', { b: '!!!' }, 'fail: bad signature'],
    ['d in other case', { d: 'Example.ORG' }, 'pass'],
    ['d of one label', { d: 'org' }, 'neutral: signature syntax error'],
    ['d with an empty label', { d: 'example..org' }, 'neutral: signature syntax error'],
    ['another selector', { s: 'none' }, 'neutral: no key'],
    ['l of all', { l: '20' }, 'pass'],
    ['l of a part', { l: '5' }, 'policy: part of the body is not signed'],
    ['l=0', { l: '0' }, 'policy: part of the body is not signed'],
    ['l below zero', { l: '-1' }, 'neutral: signature syntax error'],
    ['l that is none', { l: 'all' }, 'neutral: signature syntax error'],
  ])('%s → %#', async (_, tags, expected) => {
    expect(first(await examine(signAs(message, tags), [records.rsa]))).toBe(expected);
  });

  test.each(['a_b', '_x', 'mail_2030.eu', 'a-b', '1', 'a.b.c'])('the selector %s → pass', async (s) => {
    const found = await examine(
      signAs(message, { s }),
      [],
      {},
      { [`${s}._domainkey.example.org`]: { TXT: [records.rsa] } },
    );
    expect(found.dkim[0]).toMatchObject({ result: 'pass', selector: s });
  });

  test.each<[string, string, string]>([
    ['folded', ';\r\n\t', 'pass'],
    ['no blanks', ';', 'pass'],
    ['blanks and folds', ' ;\r\n ', 'pass'],
    ['an empty tag', ';;', 'neutral: signature syntax error'],
  ])('separated: %s', async (_, separator, expected) => {
    expect(first(await examine(signAs(message, {}, 'rsa', separator), [records.rsa]))).toBe(expected);
  });

  test.each<[string, (field: string) => string, string]>([
    ['a semicolon at the end', (field) => field.replace(/\r\n/, ';\r\n'), 'fail: bad signature'],
    ['b folded', (field) => field.replace(/ b=(.{40})/, ' b=$1\r\n  '), 'pass'],
    ['a tag twice', (field) => field.replace('v=1', 'v=1; v=1'), 'neutral: signature syntax error'],
    ['the field in other case', (field) => field.replace('DKIM-Signature', 'dkim-SIGNATURE'), 'pass'],
    ['a blank before the colon', (field) => field.replace('DKIM-Signature:', 'DKIM-Signature :'), 'pass'],
  ])('%s', async (_, change, expected) => {
    const signed = signAs(message, {});
    const end = signed.length - message.length;
    expect(first(await examine(change(signed.slice(0, end)) + message, [records.rsa]))).toBe(expected);
  });

  test('unsignedText: accept → pass, and the unsigned octets are counted', async () => {
    const found = await examine(signAs(message, { l: '5' }), [records.rsa], { unsignedText: 'accept' });
    expect(found.dkim[0]).toMatchObject({ result: 'pass', unsigned: 15 });
  });
  test('unsigned text proves nothing to DMARC, unless it is accepted', async () => {
    const policy: ZoneData = { '_dmarc.example.org': { TXT: ['v=DMARC1; p=reject'] } };
    const signed = `${signAs(message, { l: '20' })}Buy now\r\n`;
    expect((await examine(signed, [records.rsa], {}, policy)).dmarc.result).toBe('fail');
    expect((await examine(signed, [records.rsa], { unsignedText: 'accept' }, policy)).dmarc.result).toBe('pass');
  });
});

describe('the message that is signed', () => {
  const kinds = ['simple/simple', 'simple/relaxed', 'relaxed/simple', 'relaxed/relaxed'];
  test.each(
    kinds.flatMap((c) =>
      (
        [
          ['no body', message.slice(0, message.indexOf('\r\n\r\n') + 4)],
          ['no empty line', message.slice(0, message.indexOf('\r\n\r\n') + 2)],
          ['no line end at the end', `${message}x`],
          ['empty lines alone', plain('alice@example.org', '\r\n\r\n\r\n')],
          ['blanks alone', plain('alice@example.org', '  \r\n\t\r\n ')],
          ['folded fields', message.replace('Subject: Test', 'Subject:\r\n  Te\r\n\tst  ')],
          ['blanks at the ends of fields', message.replace('Subject: Test', 'Subject :  Test \t')],
          ['an empty field', message.replace('Subject: Test', 'Subject:')],
          ['the same field twice', message.replace('Subject: Test', 'Subject: One\r\nSubject: Two')],
          ['octets outside ASCII', message.replace('Test', 'T\xe4\xc3\xa4st').replace('Bye', '\xff\0')],
          ['dots', plain('alice@example.org', '..\r\n.\r\n.a\r\n')],
        ] as const
      ).map(([name, text]) => [name, c, text] as const),
    ),
  )('%s, %s → pass', async (_, c, text) => {
    for (const key of ['rsa', 'ed25519'] as const)
      expect(first(await examine(signAs(text, { c, h: 'from:subject:to:subject' }, key), [records.rsa]))).toBe('pass');
  });

  test('a field added below the signed ones → fail; above a field that is signed once too often → fail', async () => {
    const signed = signAs(message, { h: 'from:subject:subject' });
    expect(first(await examine(signed, [records.rsa]))).toBe('pass');
    expect(first(await examine(`Subject: more\r\n${signed}`, [records.rsa]))).toBe('fail: bad signature');
    const once = signAs(message, { h: 'from:subject' });
    expect(first(await examine(`Subject: more\r\n${once}`, [records.rsa]))).toBe('pass');
    expect(first(await examine(once.replace('To: ', 'Subject: more\r\nTo: '), [records.rsa]))).toBe('pass');
    expect(first(await examine(once.replace('Date: ', 'Subject: more\r\nDate: '), [records.rsa]))).toBe(
      'fail: bad signature',
    );
  });
});

describe('a key record', () => {
  test.each<[string, readonly string[], string, Tags?]>([
    ['the usual one', [records.rsa], 'pass'],
    ['p alone', [`p=${RSA}`], 'pass'],
    ['a semicolon at the end', [`${records.rsa};`], 'pass'],
    ['blanks', [` v = DKIM1 ; k = rsa ;\t p = ${RSA.replace(/.{60}/g, '$& ')} `], 'pass'],
    ['v not first', [`k=rsa; v=DKIM1; p=${RSA}`], 'neutral: unknown key version'],
    ['v=DKIM2', [`v=DKIM2; p=${RSA}`], 'neutral: unknown key version'],
    ['v=dkim1', [`v=dkim1; p=${RSA}`], 'neutral: unknown key version'],
    ['k=dsa', [`k=dsa; p=${RSA}`], 'neutral: unknown key type'],
    ['k=ed25519 with an RSA key', [`k=ed25519; p=${RSA}`], 'neutral: unknown key type'],
    ['revoked', ['v=DKIM1; p='], 'neutral: invalid public key'],
    ['no p', ['v=DKIM1; k=rsa'], 'neutral: invalid public key'],
    ['p that is no base64', ['p=*'], 'neutral: invalid public key'],
    ['p that is no key', ['p=AAAA'], 'neutral: unknown key type'],
    ['s=email', [`s=email; p=${RSA}`], 'pass'],
    ['s=*', [`s=*; p=${RSA}`], 'pass'],
    ['s of several', [`s=tlsrpt : email; p=${RSA}`], 'pass'],
    ['s of another service', [`s=tlsrpt; p=${RSA}`], 'neutral: key not for email'],
    ['h=sha256', [`h=sha256; p=${RSA}`], 'pass'],
    ['h of several', [`h=sha1:sha256; p=${RSA}`], 'pass'],
    ['h of another hash', [`h=sha1; p=${RSA}`], 'neutral: inappropriate hash algorithm'],
    ['t=y', [`t=y; p=${RSA}`], 'pass'],
    ['t=s and i of the domain', [`t=s; p=${RSA}`], 'pass', { i: 'a@example.org' }],
    ['t=s and i of a subdomain', [`t=s; p=${RSA}`], 'neutral: domain mismatch', { i: 'a@news.example.org' }],
    ['t=y:s and i of a subdomain', [`t=y:s; p=${RSA}`], 'neutral: domain mismatch', { i: 'a@news.example.org' }],
    ['n and unknown tags', [`n=a note=1; xx=1; p=${RSA}`], 'pass'],
    ['a tag twice', [`p=${RSA}; p=${RSA}`], 'neutral: invalid public key'],
    ['a weak key', [records.weak], 'policy: weak-key'],
    ['beside other text', ['v=spf1 -all', records.rsa, 'google-site-verification=x'], 'pass'],
    ['beside another key', [records.weak, `p=${EDWARDS}`, records.rsa], 'pass'],
    ['beside a revoked one', ['v=DKIM1; p=', records.rsa], 'pass'],
    ['other text alone', ['v=spf1 -all'], 'neutral: invalid public key'],
    ['empty text', [''], 'neutral: invalid public key'],
  ])('%s', async (_, key, expected, tags = {}) => {
    for (const order of [key, [...key].reverse()])
      expect(first(await examine(signAs(message, tags), order))).toBe(expected);
  });

  test('t=y → said', async () => {
    expect((await examine(signAs(message, {}), [`t=y; p=${RSA}`])).dkim[0]).toMatchObject({ testing: true });
  });

  test('an Ed25519 key that does not say so → none of the kind', async () => {
    const found = await examine(
      signAs(message, {}, 'ed25519'),
      [],
      {},
      {
        'ed25519._domainkey.example.org': { TXT: [`p=${EDWARDS}`] },
      },
    );
    expect(first(found)).toMatch(/^neutral: /);
  });
});
