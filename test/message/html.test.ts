import { urisInHtml } from 'postern/message';
import { describe, expect, test } from 'vitest';

const hosts = (html: string): string[] => urisInHtml(html).map(({ host }) => host);

describe('HTML → hosts', () => {
  test.each<[string, string, string[]]>([
    [
      'href, any quotes',
      '<a href="http://a.example.com">1</a><a href=\'http://b.example.com\'>2</a><a href=http://c.example.com>3</a>',
      ['a.example.com', 'b.example.com', 'c.example.com'],
    ],
    ['entities', '<a href="&#104;&#x74;tp&colon;//example&period;com/">x</a>', ['example.com']],
    ['an entity without its semicolon', '<a href="http://example&#46com/">x</a>', ['example.com']],
    ['tabs and line ends inside', '<a href="ht\ntp://exam\tple.c\r\nom/">x</a>', ['example.com']],
    ['controls around', '<a href="\u0001 http://example.com \u001f">x</a>', ['example.com']],
    [
      'too few slashes, too many, the wrong ones',
      '<a href="http:/a.example.com"></a><a href="http:////b.example.com"></a><a href="https:c.example.com"></a><a href="\\\\d.example.com">',
      ['a.example.com', 'b.example.com', 'c.example.com', 'd.example.com'],
    ],
    ['no scheme', '<a href="//a.example.com/x"></a><a href="b.example.com/x"></a>', ['a.example.com', 'b.example.com']],
    ['base', '<base href="http://example.com/dir/"><a href="page.html">x</a>', ['example.com']],
    [
      'forms',
      '<form action="http://a.example.com"><button formaction="http://b.example.com"><input formaction=//c.example.com>',
      ['a.example.com', 'b.example.com', 'c.example.com'],
    ],
    [
      'srcset',
      '<img srcset="//a.example.com/1.png, https://b.example.com/2,3.png 2x,//c.example.com/4.png 3x">',
      ['a.example.com', 'b.example.com', 'c.example.com'],
    ],
    [
      'media',
      '<video poster=//a.example.com src=//b.example.com><source src=//c.example.com><track src=//d.example.com><object data=//e.example.com><embed src=//f.example.com><param name=movie value=http://g.example.com>',
      ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((x) => `${x}.example.com`),
    ],
    [
      'background, cite, longdesc, ping',
      '<body background=//a.example.com><q cite=//b.example.com><img longdesc=//c.example.com><a ping="//d.example.com //e.example.com">',
      ['a', 'b', 'c', 'd', 'e'].map((x) => `${x}.example.com`),
    ],
    ['refresh', '<meta http-equiv="Refresh" content="0; URL=\'http://example.com/\'">', ['example.com']],
    ['refresh, the other way round', '<meta content="0;http://example.com/" http-equiv=refresh>', ['example.com']],
    [
      'CSS',
      '<style>@import "http://a.example.com/a.css"; @import url(//b.example.com); p{background:u\\72l( "http://c.exam\\70le.com/x" )} /* url(http://no.example.com) */</style><p style="background-image:url(http://d.example.com)">',
      ['a', 'b', 'c', 'd'].map((x) => `${x}.example.com`),
    ],
    [
      'image-set',
      "<p style=\"background:image-set('http://a.example.com/1' 1x, 'http://b.example.com/2' 2x)\">",
      ['a.example.com', 'b.example.com'],
    ],
    [
      'a conditional comment',
      '<!--[if mso]><v:rect href="http://a.example.com"><v:fill src="http://b.example.com"/></v:rect><![endif]-->',
      ['a.example.com', 'b.example.com'],
    ],
    [
      'SVG',
      '<svg><a xlink:href="http://a.example.com"><image href="http://b.example.com"/></a></svg>',
      ['a.example.com', 'b.example.com'],
    ],
    [
      'a page in an attribute',
      '<iframe srcdoc="&lt;a href=http://a.example.com&gt;"></iframe><a href="data:text/html;base64,PGEgaHJlZj0vL2IuZXhhbXBsZS5jb20+">',
      ['a.example.com', 'b.example.com'],
    ],
    ['what an event opens', '<a href="#" onclick="window.open(\'http://example.com/\')">x</a>', ['example.com']],
    ['text across inline elements', '<p>www.exam<b>ple</b>.com</p>', ['www.example.com']],
    ['text does not run on across blocks', '<td>example.com</td><td>example.org</td>', ['example.com', 'example.org']],
    ['an attribute that does not end', '<a href="http://example.com/x>click</a><b>more</b>', ['example.com']],
    [
      'what an attribute that does not end has swallowed',
      '<a title="x>click</a><a href=http://example.com/>more',
      ['example.com'],
    ],
    [
      'a mail link with a link in it',
      '<a href="mailto:a@example.org?body=see%20http%3A%2F%2Fexample.com">',
      ['example.com'],
    ],
    [
      'a link to a program, with a link in it',
      '<a href="whatsapp://send?text=http%3A%2F%2Fexample.com">',
      ['example.com'],
    ],
    ['a link that is a script', '<a href="javascript:open(\'http://example.com/\')">', ['example.com']],
    [
      'what mail services add',
      '<a href="http://a.example.com" data-saferedirecturl="https://b.example.com">',
      ['a.example.com', 'b.example.com'],
    ],
    [
      'title and textarea',
      '<title>example.com</title><textarea>example.org</textarea>',
      ['example.com', 'example.org'],
    ],
  ])('%s', (_, html, expected) => expect(hosts(html)).toEqual(expected));
});

describe('HTML without links', () => {
  test.each([
    ['scripts', '<script>var a = "http://example.com/"; example.org</script>'],
    [
      'doctype and namespaces',
      '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "http://www.w3.org/TR/xhtml1.dtd"><html xmlns="http://www.w3.org/1999/xhtml" xmlns:v="http://example.com/v">',
    ],
    ['names of vocabularies', '<div itemscope itemtype="http://schema.org/Offer" vocab="http://schema.org/">'],
    ['comments', '<!-- http://example.com/ <a href="http://example.org"> -->'],
    [
      'relative links',
      '<a href="/x"><a href="page.html"><a href="../a.b"><a href="#x"><a href="?y"><img src="logo.png"><a href=".hidden">',
    ],
    [
      'schemes without a host',
      '<a href="mailto:a@example.com"><a href="tel:1"><img src="cid:a@example.com"><a href="javascript:x">',
    ],
    ['pictures in themselves', '<img src="data:image/png;base64,iVBORw0KGgo=">'],
    ['a mail address as a link', '<a href="user.name@example.com">x</a>'],
    ['rules that are no links', '<p style="font:12px a; width:calc(1px)">'],
  ])('%s', (_, html) => expect(hosts(html)).toEqual([]));
});

describe('a link that shows another host', () => {
  const shown = (html: string): (string | undefined)[] =>
    urisInHtml(html)
      .filter(({ where }) => where.kind === 'attribute')
      .map(({ displayed }) => displayed);
  test.each<[string, string, string | undefined]>([
    ['another domain', '<a href="http://example.net/x">http://www.example.com/</a>', 'www.example.com'],
    ['another domain, bare', '<a href="http://example.net/x">Log in at <b>example</b>.com</a>', 'example.com'],
    ['the same domain', '<a href="http://click.example.com/x">www.example.com</a>', undefined],
    ['no host', '<a href="http://example.net/x">click here</a>', undefined],
    [
      'where a rewritten link leads',
      '<a href="https://eur01.safelinks.protection.outlook.com/?url=http%3A%2F%2Fexample.com">example.com</a>',
      undefined,
    ],
    ['the text of another link', '<a href="http://example.net/x">x</a> example.com', undefined],
  ])('%s', (_, html, expected) => expect(shown(html)[0]).toBe(expected));
});

test('where a link stands is told', () =>
  expect(
    urisInHtml('<p style="background:url(//a.example.com)"><a href="//b.example.com">c.example.com').map(
      ({ where }) => [where.kind, where.name],
    ),
  ).toEqual([
    ['style', 'p style'],
    ['attribute', 'a href'],
    ['text', undefined],
  ]));
