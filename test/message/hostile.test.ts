import { fc, test } from '@fast-check/vitest';
import { extractUris, MessageReader, readMessage, readUri, urisInHtml, urisInText } from 'postern/message';
import { describe, expect } from 'vitest';

const runs = Number(process.env.POSTERN_FUZZ_RUNS ?? 150);
const octets = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** What messages are made of, so that random ones get past the door. */
const word = fc.constantFrom(
  'http://',
  'example.com',
  'www.',
  '//',
  '@',
  '.',
  '<',
  '>',
  '"',
  "'",
  '=',
  '=3D',
  '=\r\n',
  '\r\n',
  '\n',
  '\r',
  '--b',
  '--b--',
  '--',
  ' ',
  '\t',
  '<a href="',
  '<!--',
  '-->',
  '<!--[if mso]>',
  '<style>',
  '</style>',
  '<script>',
  '&#',
  '&amp;',
  '&',
  ';',
  'url(',
  '@import "',
  'srcset="',
  '\\',
  '%',
  '%2F',
  '%25',
  'Content-Type: multipart/mixed; boundary=b',
  'Content-Type: text/html',
  'Content-Type: message/rfc822',
  'Content-Type: text/calendar',
  'Content-Type: application/pdf',
  'Content-Transfer-Encoding: base64',
  'Content-Transfer-Encoding: quoted-printable',
  'Content-Transfer-Encoding: x-uuencode',
  'begin 644 a',
  'charset=utf-16',
  'charset=utf-7',
  'charset=iso-2022-jp',
  '=?utf-8?b?aHR0?=',
  '=?x?q?=',
  'Subject:',
  'From:',
  'data:text/html,',
  'aHR0cDovL2V4YW1wbGUuY29t',
  '/URI(',
  '[.]',
  '\u3002',
  '中',
  '\u200b',
  '\ufeff',
  '\0',
  '\x1b$B',
  'h t t p : / / ',
  'https://urldefense.com/v3/__',
  '__;',
  'xn--',
  '[::1]',
  ':',
  'a',
  'ß',
);
const soup = fc
  .array(fc.oneof({ weight: 8, arbitrary: word }, fc.string({ unit: 'binary', maxLength: 4 })), { maxLength: 120 })
  .map((words) => words.join(''));
const message = fc.oneof(
  fc.uint8Array({ maxLength: 2_000 }),
  soup.map((text) => new TextEncoder().encode(text)),
  soup.map((text) => octets(text.replace(/[^\0-\xff]/g, '?'))),
);

describe('whatever comes', () => {
  test.prop([message], { numRuns: runs })('a message is read, to facts that are plain JSON', async (bytes) => {
    const facts = await readMessage(bytes);
    expect(facts.size).toBe(bytes.length);
    expect(JSON.parse(JSON.stringify(facts))).toEqual(facts);
    for (const { host } of facts.uris) expect(host).toMatch(/^[^A-Z\s/@?#\\]+$/);
  });

  test.prop([soup], { numRuns: runs })('text, HTML and links are read', (text) => {
    expect(Array.isArray(urisInText(text))).toBe(true);
    expect(Array.isArray(urisInHtml(text))).toBe(true);
    const uri = readUri(text);
    if (uri !== undefined) expect(readUri(uri.uri)?.host).toBe(uri.host);
  });

  test.prop([message, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 })], { numRuns: runs })(
    'it does not matter how the octets are cut',
    async (bytes, sizes) => {
      const reader = new MessageReader();
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = sizes[i % sizes.length] as number;
        reader.write(bytes.subarray(at, at + size));
        at += size;
      }
      expect(reader.end()).toEqual(await readMessage(bytes));
    },
  );

  test.prop(
    [
      message,
      fc.record({
        links: fc.integer({ min: 1, max: 4 }),
        parts: fc.integer({ min: 1, max: 3 }),
        depth: fc.integer({ min: 1, max: 3 }),
        bytes: fc.integer({ min: 1, max: 2_000 }),
      }),
    ],
    { numRuns: runs },
  )('bounds are never passed', async (bytes, limits) => {
    const { uris, parts, truncated } = await extractUris(bytes, limits);
    expect(uris.length).toBeLessThanOrEqual(limits.links);
    expect(parts.length).toBeLessThanOrEqual(limits.parts);
    if (bytes.length > limits.bytes) expect(truncated).toContainEqual({ limit: 'bytes', value: limits.bytes });
  });
});
