import { readUri } from 'postern/message';
import { describe, expect, test } from 'vitest';

const all = (link: string): string[] => {
  const uri = readUri(link);
  return uri === undefined ? [] : [uri.host, ...(uri.wrapped ?? []).map(({ host }) => host)];
};

describe('one link → its host (WHATWG URL)', () => {
  test.each<[string, string | undefined]>([
    ['http://EXAMPLE.com./a', 'example.com'],
    ['http://b%C3%BCcher.example', 'xn--bcher-kva.example'],
    ['http://ｅｘａｍｐｌｅ．ｃｏｍ', 'example.com'],
    ['http://example。com', 'example.com'],
    ['http://faß.example', 'xn--fa-hia.example'],
    ['http://look\u180eout.example', 'lookout.example'],
    ['http://xn--a/', 'xn--a'],
    ['http://a:b@c:d@example.com/', 'example.com'],
    ['http://example.com\\@example.org', 'example.com'],
    ['http://example.com:/', 'example.com'],
    ['http://0300.0000.0002.0001', '192.0.2.1'],
    ['http://192.0.513', '192.0.2.1'],
    ['http://192.0.2.1.', '192.0.2.1'],
    ['http://0x', '0.0.0.0'],
    ['http://256.1.1.1', undefined],
    ['http://example.1', undefined],
    ['http://192.0.2.09', undefined],
    ['http://4294967296', undefined],
    ['http://[::ffff:192.0.2.1]', '::ffff:c000:201'],
    ['http://[2001:DB8:0:0:0:0:0:1]:80/', '2001:db8::1'],
    ['http://[::1', undefined],
    ['http://exa mple.com', undefined],
    ['http://exa<mple.com', undefined],
    ['http://', undefined],
    ['http://user@/', undefined],
    ['http://a..example', undefined],
    ['view-source:https://example.com', 'example.com'],
    ['mailto:a@example.com', undefined],
    ['data:text/plain,http://example.com', undefined],
    ['example.com:8080', 'example.com'],
    ['page.html', undefined],
    ['README.md', undefined],
    [`http://${'a'.repeat(64)}.example`, undefined],
    [`http://${'x'.repeat(3_000)}@example.com/`, 'example.com'],
  ])('%s → %s', (link, host) => expect(readUri(link)?.host).toBe(host));
});

describe('a link that carries others', () => {
  const b64 = (text: string): string => Buffer.from(text).toString('base64url');
  test.each<[string, string, string[]]>([
    [
      'SafeLinks',
      'https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fexample.com%2Fa&data=05',
      ['example.com'],
    ],
    ['Proofpoint v1', 'https://urldefense.proofpoint.com/v1/url?u=http://example.com/&k=abc', ['example.com']],
    [
      'Proofpoint v2',
      'https://urldefense.proofpoint.com/v2/url?u=https-3A__a-2Db.example.com_x-3Fy-3D1&d=DwMF',
      ['a-b.example.com'],
    ],
    ['Proofpoint v3', 'https://urldefense.com/v3/__https://example.com/a*b**Ac__;IyMj!!abc!def$', ['example.com']],
    ['Proofpoint v3, cut off → nothing is guessed', 'https://urldefense.com/v3/__https://example.com/a', []],
    ['Barracuda', 'https://linkprotect.cudasvc.com/url?a=https%3a%2f%2fexample.com&c=E', ['example.com']],
    [
      'Mimecast, which tells the domain only',
      'https://protect-eu.mimecast.com/s/abc?domain=example.com',
      ['example.com'],
    ],
    [
      'Sophos',
      `https://eu.protection.sophos.com/?d=example.com&u=${b64('http://www.example.com/a')}`,
      ['www.example.com', 'example.com'],
    ],
    ['Google', 'https://www.google.com/url?q=https://example.com/&sa=D', ['example.com']],
    ['Bing', `https://www.bing.com/ck/a?!&&p=1&u=a1${b64('https://example.com/x')}&ntb=1`, ['example.com']],
    ['Facebook', 'https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.com%2F&h=AT', ['example.com']],
    [
      'Yahoo',
      'https://r.search.yahoo.com/_ylt=A/RV=2/RE=1/RO=10/RU=https%3a%2f%2fexample.com%2f/RK=2/RS=x',
      ['example.com'],
    ],
    ['AMP', 'https://www-example-com.cdn.ampproject.org/c/s/www.example.com/a', ['www.example.com']],
    ['a translated page', 'https://www-a--b-example-com.translate.goog/x', ['www.a-b.example.com']],
    ['a link in the path', 'https://web.archive.org/web/2020/http://example.com/', ['example.com']],
    ['a link in the fragment', 'https://tracker.example.org/#/go?to=https:%2f%2fexample.com', ['example.com']],
    [
      'several',
      'https://t.example.org/?u=https://a.example.com/&v=https://b.example.com/',
      ['a.example.com', 'b.example.com'],
    ],
    ['encoded several times', 'https://t.example.org/?u=https%25253A%25252F%25252Fexample.com', ['example.com']],
    [
      'each inside the next',
      `https://t.example.org/?u=${encodeURIComponent(`http://a.example.com/?v=${encodeURIComponent('http://b.example.com/')}`)}`,
      ['a.example.com', 'b.example.com'],
    ],
    ['base64 in a parameter', `https://t.example.org/?u=${b64('https://example.com/a')}`, ['example.com']],
    ['base64 in the path', `https://t.example.org/lnk/${b64('https://example.com/a')}/x`, ['example.com']],
    [
      'base64 of JSON',
      `https://t.example.org/track?p=${b64('{"url":"https:\\/\\/example.com\\/a","id":1}')}`,
      ['example.com'],
    ],
    ['no scheme, but slashes', 'https://t.example.org/r?x=//example.com/a', ['example.com']],
    ['hexadecimal', 'https://t.example.org/r?x=68747470733a2f2f6578616d706c652e636f6d', ['example.com']],
    ['no scheme, but www', 'https://t.example.org/r?x=www.example.com&y=1', ['www.example.com']],
    ['no scheme, in a parameter for links', 'https://t.example.org/r?url=example.com/a', ['example.com']],
    ['a name behind needless escapes', 'http://t.example.org/r/n%65w%2eexample%2ec%6fm/x', ['new.example.com']],
    [
      'a service around a service',
      `https://eur01.safelinks.protection.outlook.com/?url=${encodeURIComponent('https://urldefense.com/v2/url?u=https-3A__example.com&d=')}`,
      ['urldefense.com', 'example.com'],
    ],
    ['a name that only looks like one in the query', 'https://example.org/?file=report.zip&v=1.2', []],
  ])('%s', (_, link, inner) => expect(all(link).slice(1)).toEqual(inner));

  test('each is told by whom it is carried', () =>
    expect(readUri('https://eur01.safelinks.protection.outlook.com/?url=http%3A%2F%2Fexample.com')?.wrapped).toEqual([
      { uri: 'http://example.com', host: 'example.com', domain: 'example.com', by: 'safelinks' },
    ]));
});
