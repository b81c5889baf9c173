import type { GuardOptions } from 'postern/adapters/smtp-server';
import { defineCheck, pass } from 'postern/core';
import type { BareLineEndings, DataFacts } from 'postern/smtp';
import { afterEach, expect, test } from 'vitest';
import { endAll, guarded } from './guarded.ts';

afterEach(endAll);

/**
 * What one server takes for the end of a message and another does not (SEC Consult 2023, "SMTP Smuggling"; CVE-2023-51764,
 * -51765, -51766).
 */
const forms = [
  '\n.\n',
  '\n.\r\n',
  '\n.\r',
  '\r.\r\n',
  '\r.\n',
  '\r.\r',
  '\r\n.\n',
  '\r\n.\r',
  '\r\n\0.\r\n',
  '\r\n.\0\r\n',
  '\0\r\n.\0\r\n',
  '\n\0.\n',
  '\r\n.\0\n',
  '\r\r\n.\r\r\n',
  '\n\n.\r\n',
] as const;
const second = 'MAIL FROM:<evil@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nSubject: two\r\n\r\nsecond\r\n.\r\n';
const modes = ['refuse', 'normalize', 'keep'] as const;

test.each(modes)('%s: whatever stands in the message → one message, one reply', async (bareLineEndings) => {
  let kept: string[] = [];
  let facts: BareLineEndings | undefined;
  const sees = defineCheck(
    'sees',
    ({ message }: DataFacts) => {
      facts = message.bareLineEndings;
      return pass();
    },
    {},
  );
  const deliver: GuardOptions['deliver'] = async ({ message, outcome }) => {
    const { action } = await outcome;
    if (action !== 'accept') return;
    const chunks: Uint8Array[] = [];
    for await (const chunk of message) chunks.push(chunk);
    kept.push(Buffer.concat(chunks).toString('latin1'));
  };
  const session = { authservId: null, ...(bareLineEndings === 'refuse' ? {} : { bareLineEndings }) };
  const { client } = await guarded({ data: [sees] }, { session, deliver });
  for (const bytewise of [false, true]) {
    const peer = await client();
    for (const form of forms) {
      kept = [];
      facts = undefined;
      const shown = JSON.stringify(form);
      await peer.envelope(['b@example.com']);
      const message = `Subject: one\r\n\r\nfirst${form}${second}`;
      if (!bytewise) peer.write(message);
      else
        for (const octet of message) {
          peer.write(octet);
          await new Promise((resolve) => setImmediate(resolve));
        }
      const replies = await peer.rest();
      const said = bareLineEndings === 'refuse' ? /^550 5\.5\.2 Message contains a bare / : /^250 2\.0\.0 /;
      expect([shown, replies.length], replies.join(' | ')).toEqual([shown, 1]);
      expect(replies[0], shown).toMatch(said);
      expect([shown, kept.length]).toEqual([shown, bareLineEndings === 'refuse' ? 0 : 1]);
      if (bareLineEndings === 'refuse') {
        expect(facts).toBeUndefined();
        continue;
      }
      const [text = ''] = kept;
      expect(text).toContain('MAIL FROM:<evil@example.org>');
      const { cr = 0, lf = 0, nul = 0 } = facts ?? {};
      expect([shown, cr, lf, nul]).toEqual([
        shown,
        form.match(/\r(?!\n)/g)?.length ?? 0,
        form.match(/(?<!\r)\n/g)?.length ?? 0,
        form.match(/\0/g)?.length ?? 0,
      ]);
      if (bareLineEndings === 'normalize') expect(text, shown).not.toMatch(/\r(?!\n)|(?<!\r)\n|\0/);
    }
    peer.close();
  }
});

test('CR LF everywhere, also between two packets → accepted', async () => {
  const { client } = await guarded({}, { deliver: async () => undefined });
  const peer = await client();
  await peer.envelope(['b@example.com']);
  for (const octet of 'Subject: x\r\n\r\n..a\r\n\r\n') {
    peer.write(octet);
    await new Promise((resolve) => setImmediate(resolve));
  }
  peer.write('.\r\n');
  expect(await peer.hear()).toMatch(/^250 /);
  peer.close();
});
