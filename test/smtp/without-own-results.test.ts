import { fc, test as property } from '@fast-check/vitest';
import { withoutOwnResults } from 'postern/smtp';
import { describe, expect, test } from 'vitest';

async function filtered(message: string, size = 1_000_000, own = 'mx.example.com'): Promise<string> {
  const octets = Uint8Array.from(message, (char) => char.charCodeAt(0));
  const kept: Uint8Array[] = [];
  const chunks = (async function* () {
    for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
  })();
  for await (const chunk of withoutOwnResults(chunks, own)) kept.push(Uint8Array.from(chunk));
  return kept.map((chunk) => Buffer.from(chunk).toString('latin1')).join('');
}

const forged = 'Authentication-Results: mx.example.com; spf=pass smtp.mailfrom=example.org\r\n';
const others = 'Authentication-Results: mx.example.net; spf=fail\r\n';

describe('what goes on', () => {
  test.each<[string, string, string]>([
    ['ours → removed', `A: 1\r\n${forged}B: 2\r\n\r\nx\r\n`, 'A: 1\r\nB: 2\r\n\r\nx\r\n'],
    ['the first and the last field → removed', `${forged}B: 2\r\n${forged}\r\nx`, 'B: 2\r\n\r\nx'],
    ['somebody else’s → stays', `${others}\r\nx`, `${others}\r\nx`],
    ['ours in a body → stays', `A: 1\r\n\r\n${forged}`, `A: 1\r\n\r\n${forged}`],
    [
      'folded → removed whole',
      'Authentication-Results:\r\n\tmx.example.com;\r\n dkim=pass\r\nB: 2\r\n\r\n',
      'B: 2\r\n\r\n',
    ],
    [
      'in any case, blanks before the colon → removed',
      'AUTHENTICATION-results \t: MX.example.COM; none\r\n\r\n',
      '\r\n',
    ],
    ['behind a comment → removed', 'Authentication-Results: (a (b)) mx.example.com/1; none\r\n\r\n', '\r\n'],
    ['quoted → removed', 'Authentication-Results: "mx.example.com"; none\r\n\r\n', '\r\n'],
    ['a name that cannot be read, and ours in it → removed', 'Authentication-Results: ;mx.example.com\r\n\r\n', '\r\n'],
    ['line ends of LF alone → removed', forged.replace('\r', '').concat('B: 2\n\nx'), 'B: 2\n\nx'],
    ['behind a bare CR → removed', `A: 1\r${forged}B: 2\r\n\r\n`, 'A: 1\rB: 2\r\n\r\n'],
    ['a header without a body → removed', forged, ''],
    ['a field that breaks off → removed', 'A: 1\r\nAuthentication-Results: mx.example.com; spf=pa', 'A: 1\r\n'],
    ['a name that breaks off → stays', 'A: 1\r\nAuthentication-Res', 'A: 1\r\nAuthentication-Res'],
    [
      'a NUL around and inside the name of the field → removed',
      `\0Authentication\0-Results\0: mx.example.com; none\r\nB: 2\r\n\r\n`,
      'B: 2\r\n\r\n',
    ],
    ['octets outside ASCII before it → removed', `\xef\xbb\xbf${forged}B: 2\r\n\r\n`, 'B: 2\r\n\r\n'],
    [
      'a fold before the colon → removed',
      'A: 1\r\nAuthentication-Results\r\n : mx.example.com; none\r\nB: 2\r\n\r\n',
      'A: 1\r\nB: 2\r\n\r\n',
    ],
    ['a first line that begins with a blank → removed', ` ${forged}B: 2\r\n\r\n`, 'B: 2\r\n\r\n'],
    [
      'a name without a colon → stays',
      'Authentication-Results\r\nB: 2\r\n\r\n',
      'Authentication-Results\r\nB: 2\r\n\r\n',
    ],
    ['a line that continues another field → stays', `A: 1\r\n ${forged}\r\n`, `A: 1\r\n ${forged}\r\n`],
    ['no writer at all → removed', 'Authentication-Results:\r\nB: 2\r\n\r\n', 'B: 2\r\n\r\n'],
    ['a comment that does not end → removed', 'Authentication-Results: (mx.example.net; none\r\n\r\n', '\r\n'],
    [
      'a longer name → stays',
      'Authentication-Results-Old: mx.example.com\r\n\r\n',
      'Authentication-Results-Old: mx.example.com\r\n\r\n',
    ],
    [
      'a line that begins like it → stays',
      'Authent: 1\r\nauthentication\r\n\r\n',
      'Authent: 1\r\nauthentication\r\n\r\n',
    ],
    ['nothing → nothing', '', ''],
    ['no header → the body stays', `\r\n${forged}`, `\r\n${forged}`],
  ])('%s', async (_, message, left) => {
    for (const size of [1_000_000, 7, 1]) expect(await filtered(message, size)).toBe(left);
  });

  test('a field of a megabyte that begins with our name → removed, and 64 KiB are held', async () => {
    const long = `Authentication-Results: mx.example.com; ${'x'.repeat(1 << 20)}\r\n`;
    expect(await filtered(`${long}B: 2\r\n\r\nx`, 1_000)).toBe('B: 2\r\n\r\nx');
  });
  test('a field of a megabyte that is somebody else’s → stays whole', async () => {
    const long = `Authentication-Results: mx.example.net; ${'x'.repeat(1 << 20)}\r\n`;
    expect(await filtered(`${long}B: 2\r\n\r\nx`, 1_000)).toBe(`${long}B: 2\r\n\r\nx`);
  });

  test.each<[string, string]>([
    ['folds', '\r\n '.repeat(40_000)],
    ['a comment', `(${'x'.repeat(70_000)})`],
    ['comments', '(x) '.repeat(30_000)],
    ['NULs', '\0'.repeat(70_000)],
    ['a comment without an end', `(${'x'.repeat(70_000)}`],
  ])('our name behind 64 KiB of %s → removed', async (_, before) => {
    for (const size of [1_000_000, 1_000])
      expect(await filtered(`Authentication-Results: ${before}mx.example.com; spf=pass\r\nB: 2\r\n\r\nx`, size)).toBe(
        'B: 2\r\n\r\nx',
      );
  });
  test('the name of the field behind 64 KiB of NULs → removed', async () => {
    expect(await filtered(`${'\0'.repeat(70_000)}${forged}B: 2\r\n\r\nx`, 1_000)).toBe('B: 2\r\n\r\nx');
  });

  const end = fc.constantFrom('\r\n', '\r\n', '\n', '\r');
  const other = fc.constantFrom(
    ...['A: 1', 'Subject: Authentication-Results: mx.example.com', 'X:\r\n Authentication-Results: mx.example.com'],
    ...['Authentication-Results: mx.example.net; spf=pass', 'Authentication-Results: a.mx.example.com;\r\n none'],
    ...[
      'Authentication-Results-Old: mx.example.com',
      'Authentic',
      'ARC-Authentication-Results: i=1; mx.example.com',
      '\xff\0',
      'X',
    ],
  );
  const ours = fc
    .tuple(
      fc.constantFrom(
        'Authentication-Results',
        'authentication-RESULTS',
        'Authentication\0-Results',
        '\0Authentication-Results',
        '\xa0Authentication-Results',
      ),
      fc.constantFrom(':', ' :', '\t:', '\0:', '\r\n :', '\n\t:'),
      fc.constantFrom('', ' ', '\r\n ', '(c)', '\0', '"'),
      fc.constantFrom('mx.example.com', 'MX.Example.Com', 'mx.exam\0ple.com', 'mx(c).example.com', 'mx.example.com.'),
      fc.constantFrom('; spf=pass', ';\r\n spf=pass', '', '/1; none', '\0; none'),
    )
    .map(([name, colon, before, id, rest]) => `${name}${colon}${before}${id}${before}${rest}`);
  property.prop(
    [
      fc.array(
        fc.tuple(
          fc.oneof(
            other.map((text) => [text, true] as const),
            ours.map((text) => [text, false] as const),
          ),
          end,
        ),
        { maxLength: 8 },
      ),
      fc.integer({ min: 1, max: 40 }),
    ],
    { numRuns: Number(process.env.POSTERN_FUZZ_RUNS ?? 300) },
  )('any header in any pieces → without ours, and every other octet as it was', async (fields, size) => {
    const body = `${forged}\r\nbody`;
    const all = fields.map(([[text], lineEnd]) => text + lineEnd).join('');
    const left = fields.map(([[text, stays], lineEnd]) => (stays ? text + lineEnd : '')).join('');
    expect(await filtered(`${all}Z: 1\r\n\r\n${body}`, size)).toBe(`${left}Z: 1\r\n\r\n${body}`);
  });
});
