import { createHash } from 'node:crypto';
import type { Delivery, GuardOptions } from 'postern/adapters/smtp-server';
import {
  defineCheck,
  discard,
  fail,
  flag,
  on,
  pass,
  quarantine,
  reject,
  score,
  shadow,
  softfail,
  together,
  when,
  within,
} from 'postern/core';
import type { DataFacts, Role, SmtpRules } from 'postern/smtp';
import { afterEach, describe, expect, test } from 'vitest';
import { endAll, guarded, openSpoolFiles, until } from './guarded.ts';

afterEach(endAll);

const SIZE = 250_000;
const sizes = { none: 0, small: 200, large: 200_000, tooBig: 300_000 } as const;
const actions = ['accept', 'reject', 'quarantine', 'discard'] as const;
const line = `${'0123456789'.repeat(7)}\r\n`;

/** A message whose subject says what the policy shall do with it. */
const messageOf = (action: string, size: number): string => {
  if (size === 0) return '';
  const head = `From: a@example.org\r\nSubject: ${action}\r\n\r\n`;
  return head + line.repeat(Math.ceil((size - head.length) / line.length));
};
/** An empty message has no subject to ask for anything. */
const asked = defineCheck(
  'asked',
  ({ message }: DataFacts) => {
    const subject = message.headers.find(({ name }) => name.toLowerCase() === 'subject')?.value.trim();
    if (subject === 'reject') return fail();
    return subject === 'quarantine' ? softfail() : pass();
  },
  { fail: reject(), softfail: quarantine },
);
const thrown = defineCheck(
  'thrown-away',
  ({ message }: DataFacts) => (message.headers.some(({ value }) => value.trim() === 'discard') ? fail() : pass()),
  { fail: discard },
);

interface Seen {
  action?: string;
  read?: string;
  broken?: boolean;
}
const digest = (text: string): string => createHash('sha256').update(text, 'latin1').digest('hex');
async function readAll(message: AsyncIterable<Uint8Array>, seen: Seen): Promise<void> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of message) hash.update(chunk);
    seen.read = hash.digest('hex');
  } catch {
    seen.broken = true;
  }
}
const behaviours: { readonly [name: string]: (delivery: Delivery, seen: Seen) => Promise<unknown> } = {
  'decides, then reads': async ({ message, outcome }, seen) => {
    seen.action = (await outcome).action;
    await readAll(message, seen);
  },
  'reads, then decides': async ({ message, outcome }, seen) => {
    await readAll(message, seen);
    seen.action = (await outcome).action;
  },
  'decides, and never reads': async ({ outcome }, seen) => {
    seen.action = (await outcome).action;
  },
  'returns at once': async () => 'done',
  throws: async ({ outcome }, seen) => {
    seen.action = (await outcome).action;
    throw new Error('disk full');
  },
};

describe.each(['mx', 'submission', 'lmtp'] as const satisfies Role[])('%s: deliver', (role) => {
  test.each(Object.keys(behaviours))(
    '%s → each size and each action is answered',
    async (name) => {
      let seen: Seen = {};
      let delivered: Promise<unknown> = Promise.resolve();
      const { client, server, errors } = await guarded(
        { data: [asked, thrown] },
        {
          role,
          quarantine: 'deliver',
          server: { size: SIZE },
          session: { authservId: null },
          spool: { memory: 16_384 },
          deliver: (delivery) => {
            delivered = (behaviours[name] as (typeof behaviours)[string])(delivery, seen);
            return delivered;
          },
        },
      );
      const peer = await client();
      for (const action of actions) {
        for (const [size, octets] of Object.entries(sizes)) {
          seen = {};
          errors.length = 0;
          const message = messageOf(action, octets);
          const recipients = ['b@example.com', 'c@example.com'];
          expect(await peer.envelope(recipients, role === 'lmtp' ? 'LHLO a.example' : 'EHLO a.example')).toMatch(
            /^354 /,
          );
          peer.write(`${message}.\r\n`);
          const replies = await peer.rest();
          // The reply to a refused message does not wait for it.
          await delivered.catch(() => undefined);
          const decided = size === 'tooBig' ? 'reject' : size === 'none' ? 'accept' : action;
          const failed = name === 'throws' && (decided === 'accept' || decided === 'quarantine');
          const code =
            size === 'tooBig' ? '552 5.3.4' : decided === 'reject' ? '550 5.7.1' : failed ? '451 4.3.0' : '250 2.0.0';
          const expected = role === 'lmtp' ? [code, code] : [code];
          expect([action, size, replies.map((reply) => reply.slice(0, 9))]).toEqual([action, size, expected]);
          if (name !== 'returns at once') expect([action, size, seen.action]).toEqual([action, size, decided]);
          if (['decides, then reads', 'reads, then decides'].includes(name)) {
            expect(seen.read).toBe(size === 'tooBig' ? undefined : digest(message));
            expect(seen.broken ?? false).toBe(size === 'tooBig');
          }
          expect(errors.map((error) => error.message)).toEqual(name === 'throws' ? ['disk full'] : []);
        }
      }
      peer.close();
      await until(() => server.openSessions === 0);
      expect((await openSpoolFiles()) ?? 0).toBe(0);
    },
    60_000,
  );
});

test('decides, then reads 25 MB → every byte, and most of them never were in memory', async () => {
  const message = messageOf('accept', 25_000_000);
  const seen: Seen = {};
  let files: number | undefined = 0;
  const { client } = await guarded(
    {},
    {
      session: { authservId: null },
      deliver: async ({ message: octets, outcome }) => {
        await outcome;
        files = await openSpoolFiles();
        await readAll(octets, seen);
      },
    },
  );
  const peer = await client();
  await peer.envelope(['b@example.com']);
  peer.write(`${message}.\r\n`);
  expect(await peer.hear()).toBe('250 2.0.0 Message accepted');
  expect(seen.read).toBe(digest(message));
  expect(files ?? 1).toBe(1);
  expect((await openSpoolFiles()) ?? 0).toBe(0);
  peer.close();
});

const once = (deliver: GuardOptions['deliver'], more: Partial<GuardOptions> = {}) =>
  guarded({}, { deliver, session: { authservId: null }, ...more });

test('reads as the message arrives → the first bytes are there before the last are sent', async () => {
  let first: (chunk: Uint8Array) => void = () => undefined;
  const early = new Promise<Uint8Array>((resolve) => {
    first = resolve;
  });
  const { client } = await once(async ({ message }) => {
    for await (const chunk of message) first(chunk);
  });
  const peer = await client();
  await peer.envelope(['b@example.com']);
  peer.write(line.repeat(10));
  expect((await early).length).toBeGreaterThan(0);
  peer.write('.\r\n');
  expect(await peer.hear()).toMatch(/^250 /);
  peer.close();
});

test('a message read twice → the second reader is told, and does not store an empty one', async () => {
  const { client, errors } = await once(async ({ message }) => {
    for await (const _ of message);
    for await (const _ of message);
  });
  const peer = await client();
  await peer.envelope(['b@example.com']);
  peer.write(`${line}.\r\n`);
  expect(await peer.hear()).toMatch(/^451 4\.3\.0 /);
  expect(errors.map((error) => error.message)).toEqual(['The message can be read only once']);
  peer.close();
});

test('a directory that cannot be written → 451 for who reads, and no word of the path', async () => {
  const { client, errors } = await once(
    async ({ message, outcome }) => {
      await outcome;
      for await (const _ of message);
    },
    { spool: { memory: 0, directory: '/nowhere/at/all' } },
  );
  const peer = await client();
  await peer.envelope(['b@example.com']);
  peer.write(`${line}.\r\n`);
  expect(await peer.hear()).toBe('451 4.3.0 Message could not be processed');
  expect(errors).toHaveLength(1);
  expect(errors[0]?.message).toContain('ENOENT');
  peer.close();
});

describe('a client that disconnects in the middle of a message', () => {
  test.each(Object.keys(behaviours))('deliver %s → nothing is left', async (name) => {
    const seen: Seen = {};
    let ended = false;
    let aborted = false;
    const { client, server, errors } = await once(
      async (delivery) => {
        delivery.signal.addEventListener('abort', () => {
          aborted = true;
        });
        try {
          return await (behaviours[name] as (typeof behaviours)[string])(delivery, seen);
        } finally {
          ended = true;
        }
      },
      { spool: { memory: 1_000 } },
    );
    const peer = await client();
    await peer.envelope(['b@example.com']);
    peer.write(line.repeat(500));
    // The server has taken some of it.
    if (name !== 'returns at once') await until(async () => (await openSpoolFiles()) !== 0 || name.startsWith('reads'));
    peer.close();
    await until(() => server.openSessions === 0 && ended && (aborted || name === 'returns at once'));
    if (name !== 'returns at once') expect(seen.action).toBe('defer');
    await until(async () => ((await openSpoolFiles()) ?? 0) === 0);
    expect(errors.filter(({ message }) => message !== 'disk full' && !/ECONNRESET|closed/.test(message))).toEqual([]);
  });
});

describe('what deliver says', () => {
  const cases: [string, () => unknown, RegExp][] = [
    ['nothing', () => undefined, /^250 2\.0\.0 Message accepted$/],
    ['a text with a status', () => '2.6.0 Queued', /^250 2\.6\.0 Queued$/],
    ['a text with a status of refusals', () => '5.1.1 Queued', /^250 2\.1\.1 Queued$/],
    ['an empty text', () => '', /^250 2\.0\.0 Message accepted$/],
    ['a text', () => 'Queued as 17', /^250 2\.0\.0 Queued as 17$/],
    ['lines', () => 'a\r\n250 b\r\n.\0', /^250 2\.0\.0 a 250 b \.$/],
    ['a text of 5,000 characters', () => 'x'.repeat(5_000), /^250 2\.0\.0 x{480,500}\.\.\.$/],
    ['an object', () => ({ text: 'no' }), /^250 2\.0\.0 Message accepted$/],
    [
      'an error',
      () => {
        throw new Error('secret path');
      },
      /^451 4\.3\.0 Message could not be processed$/,
    ],
    [
      'no error at all',
      () => {
        throw undefined;
      },
      /^451 4\.3\.0 /,
    ],
    [
      'an error that cannot be looked at',
      () => {
        throw new Proxy(
          {},
          {
            get: () => {
              throw new Error('no');
            },
          },
        );
      },
      /^451 4\.3\.0 /,
    ],
    ...(
      [
        [452, '4.2.2 Mailbox full', /^452 4\.2\.2 Mailbox full$/],
        [452, '5.2.2 Mailbox full', /^452 4\.2\.2 Mailbox full$/],
        [554, 'No', /^554 5\.0\.0 No$/],
        [550, '', /^550 5\.0\.0 Message refused$/],
        [550, 'a\r\n250 b', /^550 5\.0\.0 a 250 b$/],
        [550, '\u00e4'.repeat(2_000), /^550 5\.0\.0 \?{480,500}\.\.\.$/],
        [250, 'fine', /^451 4\.3\.0 Message could not be processed$/],
        [200, 'fine', /^451 4\.3\.0 /],
        [399, 'no', /^451 4\.3\.0 /],
        [600, 'no', /^451 4\.3\.0 /],
        [-1, 'no', /^451 4\.3\.0 /],
        [450.5, 'no', /^451 4\.3\.0 /],
        [Number.NaN, 'no', /^451 4\.3\.0 /],
      ] as const
    ).map(([responseCode, message, expected]): [string, () => unknown, RegExp] => [
      `an error with the code ${responseCode} and ${JSON.stringify(message.slice(0, 20))}`,
      () => {
        throw Object.assign(new Error(message), { responseCode });
      },
      expected,
    ]),
  ];
  test('any text and any code → one line that fits, of a code and a class that agree', async () => {
    let at = 0;
    const { client } = await once(async () => (cases[at] as (typeof cases)[number])[1]());
    const peer = await client();
    for (; at < cases.length; at++) {
      const [name, , expected] = cases[at] as (typeof cases)[number];
      await peer.envelope(['b@example.com']);
      peer.write(`${line}.\r\n`);
      const replies = await peer.rest();
      expect([name, replies.length]).toEqual([name, 1]);
      expect(replies[0], name).toMatch(expected);
      expect((replies[0] as string).length).toBeLessThanOrEqual(510);
    }
    peer.close();
  });
  test('421 → the reply, and the connection is closed', async () => {
    const { client } = await once(() => {
      throw Object.assign(new Error('Going down'), { responseCode: 421 });
    });
    const peer = await client();
    await peer.envelope(['b@example.com']);
    peer.write(`${line}.\r\n`);
    expect([await peer.hear(), await peer.hear()]).toEqual(['421 4.0.0 Going down', '']);
  });
});

describe('LMTP: one reply for each accepted RCPT', () => {
  const recipients = ['b@example.com', 'B@EXAMPLE.COM', 'b@example.com', 'B@example.com', 'c@example.com'];
  test.each<[string, () => unknown, string, string]>([
    ['accepted', () => undefined, line, '250'],
    [
      'deliver throws',
      () => {
        throw new Error('disk full');
      },
      line,
      '451',
    ],
    ['too large', () => undefined, line.repeat(200), '552'],
    ['bare LF', () => undefined, 'a\nb\r\n', '550'],
  ])('%s', async (_, deliver, message, code) => {
    const { client } = await once(async () => deliver(), { role: 'lmtp', server: { size: 10_000 } });
    const peer = await client();
    await peer.envelope([...recipients, 'x@elsewhere.example'], 'LHLO a.example');
    peer.write(`${message}.\r\n`);
    expect((await peer.rest()).map((reply) => reply.slice(0, 3))).toEqual(recipients.map(() => code));
    peer.close();
  });
});

describe('a policy that can quarantine', () => {
  const deliver = async (): Promise<void> => undefined;
  test.each<[string, Partial<SmtpRules>]>([
    ['a check', { data: [asked] }],
    ['a changed table', { mail: [on(thrown as never, { fail: quarantine } as never)] }],
    ['in groups', { rcpt: [when(() => true, within(10, together(asked as never)))] }],
    ['a score', { data: [score({ quarantineAt: 3 }, on(thrown, { fail: flag(3) }))] }],
  ])('%s, without quarantine: "deliver" → TypeError, since the message would be lost', (_, rules) =>
    expect(guarded(rules, { deliver })).rejects.toThrow("guardedServer: quarantine must be 'deliver', because"),
  );
  test('in shadow, or not at all → nothing is asked for', async () => {
    await guarded({ data: [shadow(asked), thrown] }, { deliver });
  });
  test('a wrong word → TypeError', () =>
    expect(guarded({}, { deliver, quarantine: 'keep' as never })).rejects.toThrow('quarantine must be'));
});

test('SIZE is announced, and a larger message is refused at MAIL', async () => {
  const { client, server } = await once(async () => undefined);
  expect([server.options.size, server.options.socketTimeout]).toEqual([35_000_000, 300_000]);
  const peer = await client();
  await peer.ask('EHLO a.example');
  expect(await peer.ask('MAIL FROM:<a@example.org> SIZE=35000001')).toMatch(/^552 5\.3\.4 /);
  expect(await peer.ask('MAIL FROM:<a@example.org> SIZE=35000000')).toMatch(/^250 /);
  peer.close();
});
