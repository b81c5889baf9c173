import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import type { GuardOptions } from 'postern/adapters/smtp-server';
import { banAfter, connectionLimits, sessionLimits } from 'postern/checks/connection-limits';
import type { LoginDetail } from 'postern/checks/smtp-auth';
import { smtpAuth } from 'postern/checks/smtp-auth';
import type { SessionEvent } from 'postern/smtp-session';
import { fixedClock, zone } from 'postern/testing';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { assertInternals } from '../../../src/adapters/smtp-server/internals.ts';
import { endAll, guarded, openSpoolFiles, until } from './guarded.ts';

afterEach(endAll);
afterEach(() => void vi.restoreAllMocks());

const modes: { readonly [name: string]: () => never | Promise<never> } = {
  throws: () => {
    throw new Error('broken');
  },
  rejects: () => Promise.reject(new Error('broken')),
  'never settles': () => new Promise<never>(() => undefined),
};
function still() {
  const clock = fixedClock(Date.UTC(2030, 0, 1));
  const memory = memoryCounters({ clock });
  return { clock, memory, env: { clock, dns: zone({}), counters: memory, bans: memoryBans({ clock }) } };
}

describe.each(['mx', 'lmtp'] as const)('%s: deliver', (role) => {
  test.each(Object.entries(modes))('%s → 451, onError once, and the next message is answered', async (mode, broken) => {
    const { clock, env } = still();
    let decided = 0;
    const aborted: unknown[] = [];
    const { client, errors } = await guarded(
      {},
      {
        env,
        role,
        spool: { memory: 0 },
        deliver: ({ signal, message, outcome }) => {
          signal.addEventListener('abort', () => aborted.push((signal.reason as Error).name));
          outcome.then(() => decided++);
          // It waits for a reader that never comes, with the file open.
          return mode === 'never settles' ? outcome.then(() => [broken(), message]).then(([wait]) => wait) : broken();
        },
      },
    );
    const peer = await client();
    for (let round = 1; round <= 2; round++) {
      await peer.envelope(['b@example.com'], role === 'lmtp' ? 'LHLO a.example' : 'EHLO a.example');
      peer.write('Subject: x\r\n\r\nhello\r\n.\r\n');
      if (mode === 'never settles') {
        // Then the time of `deliver` has begun.
        await until(() => decided === round);
        clock.advance(540_000);
      }
      expect(await peer.hear()).toBe('451 4.3.0 Message could not be processed');
      expect(errors.map(({ message }) => message)).toEqual(
        Array(round).fill(mode === 'never settles' ? 'deliver has not finished within 540000 ms' : 'broken'),
      );
    }
    expect(aborted).toEqual(mode === 'never settles' ? ['TimeoutError', 'TimeoutError'] : []);
    await until(async () => ((await openSpoolFiles()) ?? 0) === 0);
    peer.close();
  });
});

const hooks: { readonly [hook: string]: (broken: () => never | Promise<never>) => Partial<GuardOptions> } = {
  onEvent: (broken) => ({ session: { onEvent: broken } }),
  onBan: (broken) => ({ session: { onBan: broken } }),
};
describe.each(Object.entries(hooks))('%s', (name, change) => {
  test.each(Object.entries(modes))('%s → the message is accepted', async (mode, broken) => {
    const rules = { bans: [banAfter({ failures: 1, of: 'protocol-error' })] };
    const { client, server, errors } = await guarded(rules, { deliver: () => undefined, ...change(broken) });
    const peer = await client();
    expect(await peer.ask('NONSENSE')).toMatch(/^500 /);
    await peer.envelope(['b@example.com']);
    peer.write('Subject: x\r\n\r\nhello\r\n.\r\n');
    expect(await peer.hear()).toMatch(/^250 /);
    peer.close();
    await until(() => server.openSessions === 0);
    const times = mode === 'never settles' ? 0 : name === 'onBan' ? 1 : 5;
    expect(errors.map(({ message }) => message)).toEqual(Array(times).fill('broken'));
  });
});

test.each(Object.entries(modes))('onError that %s → the server serves on', async (_, broken) => {
  const { client } = await guarded(
    {},
    { deliver: modes.throws as never, session: { onEvent: modes.rejects as never }, onError: broken },
  );
  const peer = await client();
  for (let i = 0; i < 2; i++) {
    await peer.envelope(['b@example.com']);
    peer.write('Subject: x\r\n\r\nhello\r\n.\r\n');
    expect(await peer.hear()).toMatch(/^451 /);
  }
  peer.close();
});

test.each(Object.entries(modes))('counters.release that %s → the session is gone', async (mode, broken) => {
  const { env, clock, memory } = still();
  const { client, server, errors } = await guarded(
    { connect: [connectionLimits()] },
    { env: { ...env, counters: { ...memory, release: broken } }, deliver: () => undefined },
  );
  const peer = await client();
  peer.close();
  await until(() => server.openSessions === 0);
  if (mode === 'never settles') {
    await until(() => clock.pending > 0);
    await clock.pass(30_000);
  }
  await until(() => errors.length > 0);
  expect(errors.map(({ message }) => message)).toEqual([
    mode === 'never settles' ? 'counters.release has not answered within 30000 ms' : 'broken',
  ]);
});

test('200 unknown recipients on a socket → 20 are answered, then 421 and the end', async () => {
  const { client, server } = await guarded({ limits: [sessionLimits()] }, { deliver: () => undefined });
  const peer = await client();
  await peer.ask('EHLO a.example');
  await peer.ask('MAIL FROM:<a@example.org>');
  peer.write(Array.from({ length: 200 }, (_, i) => `RCPT TO:<user${i}@elsewhere.example>\r\n`).join(''));
  const replies: string[] = [];
  for (let reply = await peer.hear(); reply !== ''; reply = await peer.hear()) replies.push(reply.slice(0, 9));
  expect(replies).toEqual([...Array(20).fill('550 5.7.1'), '421 4.7.0']);
  await until(() => server.openSessions === 0);
});
test('commands that smtp-server answers itself → count too', async () => {
  const { client } = await guarded(
    { limits: [sessionLimits({ commands: 5, errors: 3 })] },
    { deliver: () => undefined },
  );
  const commands = await client();
  for (const line of ['NOOP', 'RSET', 'VRFY a', 'HELP', 'NOOP']) expect(await commands.ask(line)).toMatch(/^2/);
  expect(await commands.ask('NOOP')).toBe('421 4.7.0 Too many commands in one session');
  expect(await commands.hear()).toBe('');
  const errors = await client();
  for (let i = 0; i < 3; i++) expect(await errors.ask('MAIL')).toMatch(/^50/);
  expect(await errors.ask('EHLO a.example')).toBe('421 Too many errors in one session');
});

test('a login → two events with what came of it, and a correlation id in the 535', async () => {
  const events: SessionEvent[] = [];
  const check = smtpAuth({ mechanisms: ['PLAIN'], clearTextFrom: 'loopback', accountDelay: { firstMs: 0 } });
  const { client } = await guarded(
    { auth: [check] },
    {
      role: 'submission',
      session: { correlation: true, onEvent: (event) => events.push(event) },
      auth: {
        check,
        verify: ({ secret }) => (secret === 'right' ? { result: 'accepted', identity: 'bob' } : { result: 'rejected' }),
      },
      deliver: () => undefined,
    },
  );
  const plain = (secret: string): string => `AUTH PLAIN ${Buffer.from(`\0bob\0${secret}`).toString('base64')}`;
  const peer = await client();
  await peer.ask('EHLO a.example');
  expect(await peer.ask(plain('wrong'))).toMatch(/^535 5\.7\.8 Authentication credentials invalid \[\w+\]$/);
  expect(await peer.ask(plain('right'))).toBe('235 2.7.0 Authentication successful');
  const results = events
    .filter(({ stage }) => stage === 'auth')
    .map(({ decision, reply }) => {
      const detail = decision.outcomes[0]?.finding.detail as LoginDetail;
      return [reply?.code ?? null, detail.mechanism, detail.account, detail.because];
    });
  expect(results).toEqual([
    [null, 'PLAIN', undefined, undefined],
    [535, 'PLAIN', 'bob', 'rejected'],
    [null, 'PLAIN', undefined, undefined],
    [null, 'PLAIN', 'bob', 'accepted'],
  ]);
  expect(JSON.stringify(events)).not.toContain('right');
  peer.close();
});

test('an smtp-server without what is overridden → says so at start', () => {
  const server = { options: {}, connect: () => undefined, connections: new Set(), server: {} };
  expect(() => assertInternals(server as never)).not.toThrow();
  const { connections: _, ...without } = server;
  expect(() => assertInternals(without as never)).toThrow(
    'guardedServer: this version of smtp-server cannot be used: its server has no connections',
  );
  const { _onCommand } = SMTPConnection.prototype;
  try {
    delete (SMTPConnection.prototype as { _onCommand?: unknown })._onCommand;
    expect(() => assertInternals(server as never)).toThrow(
      'its connection has no _onCommand; install smtp-server 3.21',
    );
  } finally {
    SMTPConnection.prototype._onCommand = _onCommand;
  }
});
