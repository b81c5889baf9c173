import { extractUris, MessageReader, readMessage } from 'postern/message';
import { describe, expect, test } from 'vitest';

const octets = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const lines = (...text: string[]): Uint8Array => octets(text.join('\r\n'));
const base64 = (text: string | Uint8Array): string => Buffer.from(text as string).toString('base64');
const hosts = async (message: Uint8Array): Promise<string[]> =>
  (await extractUris(message)).uris.map(({ host }) => host);

/** A message of one part. */
const part = (header: string[], body: string | Uint8Array): Uint8Array =>
  Buffer.concat([
    octets(`From: a@example.org\r\n${header.join('\r\n')}\r\n\r\n`),
    typeof body === 'string' ? octets(body) : body,
  ]);

describe('transfer encodings', () => {
  test.each<[string, string[], string, string[]]>([
    [
      'quoted-printable, the host broken over two lines',
      ['Content-Transfer-Encoding: quoted-printable'],
      'http://exam=\r\nple.com/',
      ['example.com'],
    ],
    [
      'quoted-printable, lower-case digits, space behind the soft break',
      ['Content-Transfer-Encoding: quoted-printable'],
      'http://example=2ec= \t\r\nom/',
      ['example.com'],
    ],
    [
      'quoted-printable, three soft breaks in one host',
      ['Content-Transfer-Encoding: Quoted-Printable'],
      'http://e=\nxam=\npl=\ne.net/',
      ['example.net'],
    ],
    [
      'quoted-printable, an escape that is none stays',
      ['Content-Transfer-Encoding: quoted-printable'],
      'http://example.com/?a=ZZ http://example.org',
      ['example.com', 'example.org'],
    ],
    [
      'base64 with junk between',
      ['Content-Type: text/html', 'Content-Transfer-Encoding: base64'],
      `${base64('<a href="http://example.com/">').slice(0, 20)} !\r\n-${base64('<a href="http://example.com/">').slice(20)}`,
      ['example.com'],
    ],
    [
      'base64 in pieces that are each padded',
      ['Content-Transfer-Encoding: base64'],
      `${base64('http://exam')}${base64('ple.com/ x')}`,
      ['example.com'],
    ],
    [
      'base64 without its padding',
      ['Content-Transfer-Encoding: base64'],
      base64('see http://example.com').replace(/=+$/, ''),
      ['example.com'],
    ],
    [
      'base64 declared, plain text found',
      ['Content-Transfer-Encoding: base64'],
      'see http://example.com/ now',
      ['example.com'],
    ],
    [
      'base64 not declared',
      ['Content-Type: text/html'],
      base64(`<p>${'x'.repeat(40)}</p><a href="http://example.com/">x</a>`),
      ['example.com'],
    ],
    [
      'quoted-printable not declared',
      ['Content-Type: text/html'],
      '<a href=3D"http://exam=\r\nple.com/">',
      ['example.com'],
    ],
    [
      'quoted-printable inside base64',
      ['Content-Type: text/html', 'Content-Transfer-Encoding: base64'],
      base64('<a href=3D"http://example.com/">x</a>'),
      ['example.com'],
    ],
    [
      'uuencode',
      ['Content-Transfer-Encoding: x-uuencode'],
      "begin 644 a.txt\r\n3:'1T<#HO+V5X86UP;&4N8V]M+P\r\n`\r\nend\r\n",
      ['example.com'],
    ],
    [
      'an unknown encoding is read as it is',
      ['Content-Transfer-Encoding: x-none'],
      'http://example.com',
      ['example.com'],
    ],
  ])('%s', async (_, header, body, expected) => expect(await hosts(part(header, body))).toEqual(expected));
});

describe('multipart/digest: a part is a message unless it says otherwise (RFC 2046 §5.1.5)', () => {
  const page = btoa('<a href="http://example.com/">x</a>');
  const inner = ['Content-Type: text/html', 'Content-Transfer-Encoding: base64', '', page];
  const digest = (...lines: string[]): Uint8Array =>
    octets(['Content-Type: multipart/digest; boundary=b', '', '--b', ...lines, '--b--', ''].join('\r\n'));
  test.each<[string, string[], string]>([
    ['without any field', ['', ...inner], 'message/rfc822'],
    ['with another field', ['Content-Description: x', '', ...inner], 'message/rfc822'],
    ['with a type that is none', ['Content-Type: rubbish', '', ...inner], 'message/rfc822'],
    [
      'encoded as a whole',
      ['Content-Transfer-Encoding: base64', '', btoa(`${inner.join('\r\n')}\r\n`)],
      'message/rfc822',
    ],
    ['with a type', ['Content-Type: text/html', 'Content-Transfer-Encoding: base64', '', page], 'text/html'],
    [
      'in another multipart',
      ['Content-Type: multipart/digest; boundary=c', '', '--c', '', ...inner, '--c--'],
      'multipart/digest',
    ],
  ])('%s', async (_, lines, type) => {
    const { uris, parts } = await readMessage(digest(...lines));
    expect(uris.map(({ host }) => host)).toEqual(['example.com']);
    expect(parts.map((one) => one.type)).toContain(type);
  });
  test('a part of a multipart in a message in a digest is text again', async () => {
    const { parts } = await readMessage(
      digest('', 'Content-Type: multipart/mixed; boundary=c', '', '--c', '', 'see http://example.com/', '--c--'),
    );
    expect(parts.map(({ type }) => type)).toEqual([
      'multipart/digest',
      'message/rfc822',
      'multipart/mixed',
      'text/plain',
    ]);
  });
});

describe('charsets', () => {
  const utf16 = (text: string, big = false): Uint8Array => {
    const bytes = new Uint8Array(Buffer.from(text, 'utf16le'));
    return big ? bytes.map((_, i, all) => all[i ^ 1] as number) : bytes;
  };
  test.each<[string, string, Uint8Array, string[]]>([
    ['utf-16le', 'charset=utf-16le', utf16('see http://example.com/'), ['example.com']],
    ['utf-16be', 'charset="UTF-16BE"', utf16('see http://example.com/', true), ['example.com']],
    ['utf-16, order told by the octets', 'charset=utf-16', utf16('see http://example.com/', true), ['example.com']],
    [
      'utf-16 with a mark, declared as utf-8',
      'charset=utf-8',
      Buffer.concat([octets('\xff\xfe'), utf16('http://example.com/')]),
      ['example.com'],
    ],
    ['utf-16 without a mark, declared as utf-8', 'charset=utf-8', utf16('see http://example.com/'), ['example.com']],
    ['utf-7', 'charset=utf-7', octets('+AGgAdAB0AHA-://example.com'), ['example.com']],
    ['iso-2022-jp', 'charset=iso-2022-jp', octets('\x1b$B$3$s\x1b(Bhttp://example.com\x1b$B$K\x1b(B'), ['example.com']],
    ['iso-2022-kr', 'charset=iso-2022-kr', octets('\x1b$)C\x0e0!\x0f http://example.com'), ['example.com']],
    ['hz', 'charset=hz-gb-2312', octets('~{VPND~} http://example.com'), ['example.com']],
    [
      'windows-1251, a name of it',
      'charset=windows-1251',
      octets('http://\xef\xf0\xe8\xec\xe5\xf0.\xf0\xf4/'),
      ['xn--e1afmkfd.xn--p1ai'],
    ],
    ['koi8-r', 'charset=koi8-r', octets('http://\xd0\xd2\xc9\xcd\xc5\xd2.\xd2\xc6/'), ['xn--e1afmkfd.xn--p1ai']],
    ['gbk', 'charset=gbk', octets('\xd6\xd0 http://example.com/'), ['example.com']],
    [
      'unknown → windows-1252',
      'charset=x-nobody',
      octets('http://b\xfccher.example.com/'),
      ['xn--bcher-kva.example.com'],
    ],
    ['none, not UTF-8 → windows-1252', 'x=y', octets('http://b\xfccher.example.com/'), ['xn--bcher-kva.example.com']],
    ['none, UTF-8', 'x=y', utf8('http://bücher.example.com/'), ['xn--bcher-kva.example.com']],
    [
      'cp1252 by another name',
      'charset=cp1252',
      octets('http://b\xfccher.example.com/'),
      ['xn--bcher-kva.example.com'],
    ],
  ])('%s', async (_, parameter, body, expected) =>
    expect(await hosts(part([`Content-Type: text/plain; ${parameter}`], body))).toEqual(expected),
  );

  test('a charset that only the page names', async () =>
    expect(
      await hosts(
        part(
          ['Content-Type: text/html'],
          octets('<meta charset="koi8-r"><a href="http://\xd0\xd2\xc9\xcd\xc5\xd2.\xd2\xc6/">x'),
        ),
      ),
    ).toEqual(['xn--e1afmkfd.xn--p1ai']));
});

describe('parts', () => {
  const html = (host: string): string[] => ['Content-Type: text/html', '', `<a href="http://${host}/">x</a>`];
  test.each<[string, string[], string[]]>([
    [
      'a multipart without a preamble',
      ['Content-Type: multipart/mixed; boundary=b', '', '--b', ...html('example.com'), '--b--'],
      ['example.com'],
    ],
    [
      'a boundary that is not closed',
      ['Content-Type: multipart/mixed; boundary=b', '', '--b', ...html('example.com')],
      ['example.com'],
    ],
    [
      'a boundary with spaces and a trailing comment',
      ['Content-Type: MULTIPART/mixed;', '\tBOUNDARY="a b" ; x=y', '', '--a b  ', ...html('example.com'), '--a b--'],
      ['example.com'],
    ],
    [
      'a boundary in pieces (RFC 2231)',
      ['Content-Type: multipart/mixed; boundary*0=ab; boundary*1="cd"', '', '--abcd', ...html('example.com')],
      ['example.com'],
    ],
    [
      'a boundary that the header does not name',
      ['Content-Type: multipart/mixed', '', '--zz', ...html('example.com'), '--zz--'],
      ['example.com'],
    ],
    [
      'another boundary than the header names',
      [
        'Content-Type: multipart/mixed; boundary=other',
        '',
        '--zz',
        ...html('example.com'),
        '--zz',
        ...html('example.net'),
      ],
      ['example.com', 'example.net'],
    ],
    [
      'no boundary at all → the text is read',
      ['Content-Type: multipart/mixed; boundary=other', '', 'see http://example.com/'],
      ['example.com'],
    ],
    [
      'an outer boundary ends the inner multipart',
      [
        'Content-Type: multipart/mixed; boundary=o',
        '',
        '--o',
        'Content-Type: multipart/mixed; boundary=i',
        '',
        '--i',
        ...html('example.com'),
        '--o',
        ...html('example.net'),
      ],
      ['example.com', 'example.net'],
    ],
    [
      'a boundary that another begins with',
      [
        'Content-Type: multipart/mixed; boundary=aa',
        '',
        '--aa',
        'Content-Type: multipart/mixed; boundary=a',
        '',
        '--a',
        ...html('example.com'),
        '--aa',
        ...html('example.net'),
      ],
      ['example.com', 'example.net'],
    ],
    [
      'a part behind the closing boundary',
      [
        'Content-Type: multipart/mixed; boundary=b',
        '',
        '--b',
        ...html('example.com'),
        '--b--',
        '--b',
        ...html('example.net'),
      ],
      ['example.com', 'example.net'],
    ],
    [
      'a part without a header',
      ['Content-Type: multipart/mixed; boundary=b', '', '--b', '', 'http://example.com', '--b--'],
      ['example.com'],
    ],
    [
      'a part whose body begins at once',
      ['Content-Type: multipart/mixed; boundary=b', '', '--b', 'http://example.com/x', '--b--'],
      ['example.com'],
    ],
    [
      'preamble and epilogue are not shown',
      [
        'Content-Type: multipart/mixed; boundary=b',
        '',
        'http://preamble.example.com',
        '--b',
        '',
        'x',
        '--b--',
        'http://epilogue.example.com',
      ],
      [],
    ],
    [
      'a message in a message',
      [
        'Content-Type: message/rfc822',
        '',
        'Subject: www.example.com',
        'Content-Type: text/html',
        '',
        '<a href="//example.net">',
      ],
      ['www.example.com', 'example.net'],
    ],
    [
      'a message in a part, then another part',
      [
        'Content-Type: multipart/mixed; boundary=b',
        '',
        '--b',
        'Content-Type: message/rfc822',
        '',
        'Content-Type: multipart/mixed; boundary=c',
        '',
        '--c',
        ...html('example.com'),
        '--b',
        ...html('example.net'),
      ],
      ['example.com', 'example.net'],
    ],
    [
      'a message in base64',
      [
        'Content-Type: message/rfc822',
        'Content-Transfer-Encoding: base64',
        '',
        base64('Content-Type: text/html\r\n\r\n<a href="http://example.com">'),
      ],
      ['example.com'],
    ],
    [
      'a page attached as octets',
      [
        'Content-Type: application/octet-stream; name="a.HTML"',
        'Content-Transfer-Encoding: base64',
        '',
        base64('<form action="http://example.com/login">'),
      ],
      ['example.com'],
    ],
    [
      'an attached SVG',
      ['Content-Type: image/svg+xml', '', '<svg><a xlink:href="http://example.com/"/></svg>'],
      ['example.com'],
    ],
    [
      'an attached shortcut',
      [
        'Content-Type: application/octet-stream',
        'Content-Disposition: attachment; filename=x.url',
        '',
        '[InternetShortcut]',
        'URL=http://example.com/',
      ],
      ['example.com'],
    ],
    ['an attached picture is not read', ['Content-Type: image/png', '', 'http://example.com/'], []],
    [
      'an invitation, its line folded',
      ['Content-Type: text/calendar', '', 'UID:x.example.net', 'DESCRIPTION:Join https://exam', ' ple.com/x\\nnow'],
      ['example.com'],
    ],
    [
      'a PDF, its link in the clear',
      ['Content-Type: application/pdf', '', '<</S/URI/URI(https://example.com/\\(x\\))>>'],
      ['example.com'],
    ],
    [
      'format=flowed, the space goes',
      ['Content-Type: text/plain; format=flowed; delsp=yes', '', 'http://exam ', 'ple.com/'],
      ['example.com'],
    ],
    ['no header at all', ['see http://example.com/', 'and http://example.net/'], ['example.com', 'example.net']],
    [
      'bare line feeds',
      [
        'Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<a href="http://example.com">\n--b--\n',
      ],
      ['example.com'],
    ],
    [
      'an mbox line before the header',
      ['From a@example.org Mon Jun  1 10:00:00 2026', 'Content-Type: text/html', '', '<a href="//example.com">'],
      ['example.com'],
    ],
  ])('%s', async (_, message, expected) => expect(await hosts(lines(...message))).toEqual(expected));

  test('numbered as in IMAP, with what they turned out to be', async () => {
    const { parts } = await extractUris(
      lines(
        'Content-Type: multipart/mixed; boundary=o',
        '',
        '--o',
        'Content-Type: multipart/alternative; boundary=i',
        '',
        '--i',
        'Content-Type: text/plain; charset=utf-8',
        '',
        'x',
        '--i',
        'Content-Type: text/html',
        'Content-Transfer-Encoding: base64',
        '',
        base64('<p>x'),
        '--i--',
        '--o',
        'Content-Type: message/rfc822',
        '',
        'Subject: x',
        '',
        'body',
        '--o',
        'Content-Type: application/pdf; name="=?utf-8?q?a=C3=A4.pdf?="',
        'Content-Disposition: attachment',
        '',
        'x',
        '--o--',
      ),
    );
    expect(parts.map(({ part, type, encoding }) => `${part} ${type} ${encoding}`)).toEqual([
      ' multipart/mixed identity',
      '1 multipart/alternative identity',
      '1.1 text/plain identity',
      '1.2 text/html base64',
      '2 message/rfc822 identity',
      '2.1 text/plain identity',
      '3 application/pdf identity',
    ]);
    expect(parts.at(-1)).toMatchObject({ filename: 'aä.pdf', disposition: 'attachment' });
    expect(parts[2]).toMatchObject({ charset: 'utf-8' });
  });
});

describe('header fields', () => {
  test.each<[string, string[], string[]]>([
    [
      'an encoded Subject, split in two words',
      ['Subject: =?utf-8?B?d3d3LmV4YW0=?=', ' =?utf-8?Q?ple=2Ecom?='],
      ['www.example.com'],
    ],
    [
      'a character split between two words',
      ['Subject: =?utf-8?B?aHR0cDovL2LD?= =?utf-8?B?vGNoZXIuZXhhbXBsZS5jb20v?='],
      ['xn--bcher-kva.example.com'],
    ],
    ['the name in From', ['From: "Win at www.example.com" <a@example.org>'], ['www.example.com']],
    ['the address in From is no link', ['From: a@example.com'], []],
    ['List-Unsubscribe', ['List-Unsubscribe: <mailto:x@example.org>,', ' <https://example.com/u>'], ['example.com']],
    [
      'Received and X-Mailer are not shown',
      ['Received: from mx.example.com by mx.example.net', 'X-Mailer: http://example.com/'],
      [],
    ],
    ['Content-Location', ['Content-Location: http://example.com/a/'], ['example.com']],
  ])('%s', async (_, header, expected) => expect(await hosts(lines(...header, '', 'x'))).toEqual(expected));

  test('told in order, decoded, with what was written', async () => {
    const { headers, from, size } = await readMessage(
      lines(
        'From: "X, Y" <a@Example.org>, =?utf-8?q?=C3=BC?= <b@bücher.example>, c@example.net (x@example.com)',
        'Subject: =?iso-8859-1?q?gr=FC=DFe?=',
        'Subject: a',
        '\tb',
        '',
        '',
      ),
    );
    expect(headers.map(({ name, value }) => [name, value]).slice(1)).toEqual([
      ['Subject', 'grüße'],
      ['Subject', 'a b'],
    ]);
    expect(headers[1]).toHaveProperty('raw', '=?iso-8859-1?q?gr=FC=DFe?=');
    expect(from).toEqual(['example.org', 'xn--bcher-kva.example', 'example.net']);
    expect(size).toBeGreaterThan(0);
  });
});

describe('bounds are kept, and told', () => {
  const many = (n: number): Uint8Array =>
    octets(`\r\n${Array.from({ length: n }, (_, i) => `http://h${i}.example.com/\r\n`).join('')}`);
  const nested = (n: number): Uint8Array =>
    octets(
      `${Array.from({ length: n }, (_, i) => `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`).join('')}\r\nhttp://deep.example.com/\r\n`,
    );

  test('links: the first half and the last half are kept', async () => {
    const { uris, truncated } = await extractUris(many(100), { links: 10 });
    expect(uris.map(({ host }) => host.split('.')[0])).toEqual([
      'h0',
      'h1',
      'h2',
      'h3',
      'h4',
      'h95',
      'h96',
      'h97',
      'h98',
      'h99',
    ]);
    expect(truncated).toEqual([{ limit: 'links', value: 10 }]);
  });
  test('links: one host does not push out the others', async () => {
    const flood = Array.from({ length: 500 }, (_, i) => `http://flood.example.com/${i}\r\n`).join('');
    const { uris, truncated } = await extractUris(octets(`\r\n${flood}http://other.example.org/\r\n${flood}`), {
      links: 100,
    });
    expect(uris.map(({ host }) => host)).toContain('other.example.org');
    expect(truncated).toEqual([{ limit: 'links', value: 100 }]);
  });
  test('bytes: what lies beyond is counted, not read', async () => {
    const facts = await readMessage(many(100), { bytes: 50 });
    expect(facts.size).toBe(many(100).length);
    expect(facts.uris.length).toBeLessThan(4);
    expect(facts.truncated).toContainEqual({ limit: 'bytes', value: 50 });
  });
  test('depth: what lies deeper is read as text', async () => {
    const { uris, truncated } = await extractUris(nested(100), { depth: 5 });
    expect(uris.map(({ host }) => host)).toEqual(['deep.example.com']);
    expect(truncated).toEqual([{ limit: 'depth', value: 5 }]);
  });
  test('depth: ten thousand messages inside each other', async () => {
    const { uris, truncated } = await extractUris(
      octets(`${'Content-Type: message/rfc822\r\n\r\n'.repeat(10_000)}\r\nhttp://deep.example.com/`),
    );
    expect(uris.map(({ host }) => host)).toEqual(['deep.example.com']);
    expect(truncated).toEqual([{ limit: 'depth', value: 32 }]);
  });
  test('parts: links of further parts are read, though they are not listed', async () => {
    const { parts, uris, truncated } = await extractUris(
      octets(
        `Content-Type: multipart/mixed; boundary=b\r\n\r\n${Array.from({ length: 20 }, (_, i) => `--b\r\n\r\nhttp://h${i}.example.com/\r\n`).join('')}`,
      ),
      { parts: 5 },
    );
    expect(parts).toHaveLength(5);
    expect(uris).toHaveLength(20);
    expect(truncated).toEqual([{ limit: 'parts', value: 5 }]);
  });
  test('headers', async () => {
    const { headers, truncated } = await readMessage(octets(`${'X: y\r\n'.repeat(100)}\r\n`), { headers: 60 });
    expect(headers).toHaveLength(10);
    expect(truncated).toEqual([{ limit: 'headers', value: 60 }]);
  });
  test.each([
    ['links', 0],
    ['bytes', 1.5],
    ['depth', -1],
    ['parts', Number.NaN],
    ['value', '9' as never],
  ])('%s %s → a TypeError that says so', async (key, value) =>
    expect(readMessage(octets(''), { [key]: value })).rejects.toThrow(new RegExp(`message: ${key} .* whole number`)),
  );
});

test('the last link of a part of 20 MB is found', async () => {
  const reader = new MessageReader();
  reader.write(octets('Content-Type: text/html\r\n\r\n'));
  const chunk = octets('<p>A line of prose, and <b>nothing</b> else. It goes on.</p>\r\n'.repeat(1_000));
  for (let size = 0; size < 20_000_000; size += chunk.length) reader.write(chunk);
  reader.write(octets('<a href="http://last.example.com/">x</a>'));
  const { uris, truncated } = reader.end();
  expect(uris.map(({ host }) => host)).toEqual(['last.example.com']);
  expect(truncated).toEqual([]);
});

test('facts are plain JSON', async () => {
  const facts = await readMessage(
    part(['Content-Type: text/html'], '<a href="http://example.com/">example.org</a> a@example.net'),
  );
  expect(JSON.parse(JSON.stringify(facts))).toEqual(facts);
  expect(facts.mailHosts).toMatchObject([{ host: 'example.net' }]);
});

test('a source that breaks off → its own error', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield octets('Subject: x\r\n');
    throw new Error('gone');
  }
  await expect(readMessage(broken())).rejects.toThrow('gone');
});
