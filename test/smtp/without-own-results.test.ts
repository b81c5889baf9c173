import { withoutOwnResults } from 'postern/smtp';
import { describe, expect, test } from 'vitest';

async function filtered(message: string, size = 1_000_000, own = 'mx.example.com'): Promise<string> {
  const octets = new TextEncoder().encode(message);
  const kept: Uint8Array[] = [];
  const chunks = (async function* () {
    for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
  })();
  for await (const chunk of withoutOwnResults(chunks, own)) kept.push(Uint8Array.from(chunk));
  return new TextDecoder().decode(Uint8Array.from(kept.flatMap((chunk) => [...chunk])));
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
});
