import fc from 'fast-check';
import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import { relayControl } from 'postern/checks/relay-control';
import { defineCheck, pass } from 'postern/core';
import { parseIp } from 'postern/net';
import type { BareLineEndings, DataFacts, Role } from 'postern/smtp';
import { printReply, smtpPolicy } from 'postern/smtp';
import type { SmtpSessionOptions } from 'postern/smtp-session';
import { smtpSession } from 'postern/smtp-session';
import { fixedClock, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const clock = fixedClock(Date.UTC(2030, 0, 1));
const runs = Number(process.env.POSTERN_FUZZ_RUNS ?? 200);

/** Has a session read a message in chunks. */
async function receive(chunks: Iterable<Uint8Array>, options: SmtpSessionOptions, role: Role = 'mx', fails = false) {
  let facts: BareLineEndings | undefined;
  const sees = defineCheck(
    'sees',
    ({ message }: DataFacts) => {
      facts = message.bareLineEndings;
      return pass();
    },
    {},
  );
  const ip = parseIp('192.0.2.1') as NonNullable<ReturnType<typeof parseIp>>;
  const session = smtpSession(
    smtpPolicy({ relay: relayControl({ localDomains: ['example.com'] }), data: [sees] }),
    { dns: zone({}), clock, counters: memoryCounters({ clock }), bans: memoryBans({ clock }) },
    { session: { id: 's', role, serverName: 'mx.example.com' }, client: { ip }, tls: null },
    options,
  );
  await session.connect();
  await session.helo('EHLO', 'a.example');
  await session.mail('<a@example.org>');
  await session.rcpt('<b@example.com>');
  await session.rcpt('<b@example.com>');
  const copied: Uint8Array[] = [];
  const ends: (Error | undefined)[] = [];
  const copy = {
    write: (chunk: Uint8Array): undefined => void copied.push(chunk),
    end: (error?: Error) => ends.push(error),
  };
  let read = 0;
  const source = (async function* () {
    for (const chunk of chunks) {
      read += chunk.length;
      yield chunk;
    }
    if (fails) throw new Error('gone');
  })();
  const outcome = await session.data(source, { copy });
  return { outcome, facts, copy: Buffer.concat(copied).toString('latin1'), ends, read, session };
}
function* cut(text: string, sizes: readonly number[]): Generator<Uint8Array> {
  const octets = Buffer.from(text, 'latin1');
  for (let at = 0, i = 0; at < octets.length; i++) {
    const size = sizes[i % sizes.length] ?? octets.length;
    yield octets.subarray(at, at + size);
    at += size;
  }
}

test('any octets in any chunks → counted, normalized and refused as a regular expression would', () =>
  fc.assert(
    fc.asyncProperty(
      fc.string({ unit: fc.constantFrom('\r', '\n', '\r\n', '\0', '.', 'a'), maxLength: 40 }),
      fc.array(fc.nat(5), { minLength: 1, maxLength: 6 }).filter((sizes) => sizes.some((size) => size > 0)),
      async (text, sizes) => {
        const expected = {
          cr: text.match(/\r(?!\n)/g)?.length ?? 0,
          lf: text.match(/(?<!\r)\n/g)?.length ?? 0,
          nul: text.match(/\0/g)?.length ?? 0,
        };
        const kept = await receive(cut(text, sizes), { bareLineEndings: 'keep' });
        expect([kept.copy, kept.facts, kept.ends]).toEqual([text, expected, [undefined]]);
        const normalized = await receive(cut(text, sizes), { bareLineEndings: 'normalize' });
        const right = text.replace(/\r(?!\n)|\0/g, ' ').replace(/(?<!\r)\n/g, '\r\n');
        expect([normalized.copy, normalized.facts]).toEqual([right, expected]);
        const refused = await receive(cut(text, sizes), {});
        const bad = expected.cr + expected.lf + expected.nul > 0;
        expect(refused.outcome.action).toBe(bad ? 'reject' : 'accept');
        expect(refused.read).toBe(text.length);
        expect(refused.ends).toEqual([bad ? expect.any(Error) : undefined]);
      },
    ),
    { numRuns: runs },
  ));

describe.each(['mx', 'lmtp'] as const)('%s: a message that is not received', (role) => {
  test.each([
    ['larger than the limit', ['a\r\n'.repeat(40)], { size: 100 }, false, '552 5.3.4', 'reject'],
    ['with a bare LF', ['a\nb\r\n'], {}, false, '550 5.5.2', 'reject'],
    ['that breaks off', ['a\r\n'], {}, true, '451 4.6.0', 'defer'],
  ] as const)(
    '%s → the reply for each recipient, and the copy is told',
    async (_, texts, options, fails, code, action) => {
      const octets = texts.map((text) => Buffer.from(text));
      const { outcome, ends, session } = await receive(octets, options, role, fails);
      expect([printReply(outcome.reply as never).slice(0, 9), outcome.action]).toEqual([code, action]);
      expect(outcome.perRecipient.map(({ reply }) => printReply(reply as never).slice(0, 9))).toEqual(
        role === 'lmtp' ? [code, code] : [],
      );
      expect(outcome.recipients.map((one) => one.action)).toEqual([action, action]);
      expect(ends).toEqual([expect.any(Error)]);
      expect(session.recipients).toEqual([]);
    },
  );
  test('as large as the limit → accepted', async () => {
    expect((await receive([Buffer.from('a\r\n')], { size: 3 }, role)).outcome.action).toBe('accept');
  });
});

test.each([
  [{ size: 0 }, 'smtpSession: size must be a positive number, got 0'],
  [
    { bareLineEndings: 'fix' as never },
    'smtpSession: bareLineEndings must be "refuse", "normalize" or "keep", got "fix"',
  ],
])('a wrong option %j → TypeError', async (options, message) => {
  await expect(receive([], options)).rejects.toThrow(message);
});
