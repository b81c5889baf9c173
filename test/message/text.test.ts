import { urisInText } from 'postern/message';
import { describe, expect, test } from 'vitest';

const hosts = (text: string): string[] => urisInText(text).map(({ host }) => host);

describe('text → hosts', () => {
  test.each<[string, string, string[]]>([
    ['a link in a sentence', 'See http://example.com/a, please.', ['example.com']],
    ['a bare name', 'see example.com for more', ['example.com']],
    ['a bare name at the end of a sentence', 'I went to example.com. Then home.', ['example.com']],
    [
      'brackets and quotes',
      '(http://a.example.com) "http://b.example.com". <http://c.example.com>; [http://d.example.com]',
      ['a.example.com', 'b.example.com', 'c.example.com', 'd.example.com'],
    ],
    [
      'after http:// and https://, whatever its suffix',
      'http://intranet/ https://foo.internal-tld-unknown/a?b http://nas.local:8080. HTTP://my-server',
      ['intranet', 'foo.internal-tld-unknown', 'nas.local', 'my-server'],
    ],
    [
      'after a scheme, a name of Unicode without a suffix',
      'http://büro/ http://büro.firma/',
      ['xn--bro-hoa', 'xn--bro-hoa.firma'],
    ],
    ['after a scheme, prose glued to a name without a suffix', 'http://intranetはこちら', ['intranet']],
    [
      'after another scheme or none, a suffix is needed',
      'ftp://intranet/ svn+ssh://intranet/ //intranet/ intranet/x foo.internal-tld-unknown',
      [],
    ],
    [
      'after a scheme, what is no host',
      'http:// http://... http://%s/ http://-/ http://<host>/ http://example.com-and-more http://xn--はじめよう.com/',
      [],
    ],
    ['other schemes', 'ftp://example.com svn+ssh://example.org', ['example.com', 'example.org']],
    ['letters glued before the scheme', 'seehttp://example.com', ['example.com']],
    ['no scheme, but slashes', "<script src='//example.com/a.js'>", ['example.com']],
    ['backslashes', 'http:\\\\example.com/a', ['example.com']],
    ['a port', 'example.com:8080/x http://example.org:99999999/', ['example.com', 'example.org']],
    ['userinfo', 'http://www.example.org:443@example.com/', ['example.com']],
    ['userinfo of a bare name', 'www.example.org@example.com:80', ['example.com']],
    [
      'an address, whatever it is written like',
      'http://3221225985/ http://0xC0.0.0x2.1/a http://[2001:DB8::1]/',
      ['192.0.2.1', '192.0.2.1', '2001:db8::1'],
    ],
    ['a bare address with a path', 'go to 192.0.2.1/login', ['192.0.2.1']],
    ['an IPv6 address without its brackets', 'http://2001:db8::8:800:200c:417a/path', ['2001:db8::8:800:200c:417a']],
    ['escapes in a host', 'http://ex%61mple.com/', ['example.com']],
    ['Unicode', 'http://bücher.example.com/ президент.рф', ['xn--bcher-kva.example.com', 'xn--d1abbgf6aiiy.xn--p1ai']],
    [
      'prose of a script without spaces, glued on',
      '点击http://example.com查看 请访问www.example.org，谢谢',
      ['example.com', 'www.example.org'],
    ],
    [
      'names between such prose',
      'これは。example.com中国語example.org/a한국example.netです',
      ['example.com', 'example.org', 'example.net'],
    ],
    ['fullwidth dots', 'http://example．com ｜www.example.org｜', ['example.com', 'www.example.org']],
    ['marks of direction', '\u2066\u202aexample.com\u202c\u2069', ['example.com']],
    ['characters of no width', 'http://exam\u00adple.com/', ['example.com']],
    [
      'a list of links without spaces',
      '(http://one.example.com/)(http://two.example.com/)',
      ['one.example.com', 'two.example.com'],
    ],
    ['hyphens around', '---www.example.com---', ['www.example.com']],
    ['escape sequences of a terminal', '\u001b(Bhttp://example.com\u001b(B', ['example.com']],
  ])('%s', (_, text, expected) => expect(hosts(text)).toEqual(expected));
});

describe('text without links', () => {
  test.each([
    ['file names', 'README.md report.zip setup.sh main.py movie.mov lib.rs'],
    ['code', 'window.open(x) document.name this.id console.link(1)'],
    ['a missing space', 'We met yesterday.It was fine.See you.'],
    ['numbers and versions', '1.2.3 3.50 10.1 v2.0.1 5.30pm'],
    ['a bare address', 'server 192.0.2.1 is down'],
    ['a network', 'block 192.0.2.0/24 and 10.0.0.0/8'],
    ['mail addresses', 'a@example.com, first.last+tag@example.co.uk mailto:x@example.org <y@example.net>'],
    ['a local part that looks like a host', 'john.example.com@example.org'],
    ['a suffix that is on no list', 'example.invalid foo.local ftp://foo.internal/ www.example.zzf'],
    ['an empty label', 'xyz..example.com http://xyz..example.com'],
    ['labels with hyphens at their edges', 'http://-example.com foo-.example.com'],
    ['an underscore in the registrable label', 'exam_ple.com'],
    ['a scheme that leads to no host', 'cid:part1@example.com javascript:x file://example.com/a'],
    ['a path', '/path/to/file.pl a/b.com C:\\docs\\a.com'],
    ['a name of the DNS that is no host', '_dmarc.example.com'],
  ])('%s', (_, text) => expect(hosts(text)).toEqual([]));
});

describe('text that hides its links', () => {
  test.each<[string, string, string]>([
    ['hxxp', 'hxxp://example.com/a', 'example.com'],
    ['dots in brackets', 'example[.]com', 'example.com'],
    ['dots as words', 'www.example(dot)com', 'www.example.com'],
    ['spaced out', 'h t t p s : / / example . com /a', 'example.com'],
  ])('%s → told as disguised', (_, text, host) => expect(urisInText(text)).toMatchObject([{ host, disguised: true }]));
});

test('a link is told with its domain, and a shortener as such', () =>
  expect(urisInText('see www.a.example.co.uk/x?y=1 and https://bit.ly/3x')).toEqual([
    {
      uri: 'http://www.a.example.co.uk/x?y=1',
      host: 'www.a.example.co.uk',
      domain: 'example.co.uk',
      where: { part: '', kind: 'text' },
    },
    { uri: 'https://bit.ly/3x', host: 'bit.ly', domain: 'bit.ly', shortener: true, where: { part: '', kind: 'text' } },
  ]));
