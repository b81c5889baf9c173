import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import { connectionLimits } from 'postern/checks/connection-limits';
import { fixedClock, zone } from 'postern/testing';
import { afterEach, describe, expect, test } from 'vitest';
import type { Client } from './guarded.ts';
import { endAll, guarded, until } from './guarded.ts';

afterEach(endAll);

function still() {
  const clock = fixedClock(Date.UTC(2030, 0, 1));
  return { clock, env: { clock, dns: zone({}), counters: memoryCounters({ clock }), bans: memoryBans({ clock }) } };
}
/** Lets what was written on a loopback socket arrive: the server answers a command of another connection only behind it. */
const arrived = async (other: Client): Promise<void> => {
  for (let i = 0; i < 3; i++) await other.ask('NOOP');
};

describe('the time of a client that is never idle', () => {
  test.each([
    ['one command', 300_000, {}],
    ['one command, as the operator says', 10_000, { commandMs: 10_000 }],
  ])('%s → 421 4.4.2, closed, and its place comes back', async (_, ms, options) => {
    const { clock, env } = still();
    const { client, server } = await guarded(
      { connect: [connectionLimits()] },
      { env, deliver: () => undefined, ...options },
    );
    const [peer, other] = [await client(), await client()];
    for (let spent = 0; spent < ms; spent += ms / 10) {
      expect(server.openSessions).toBe(2);
      peer.write('N');
      await arrived(other);
      clock.advance(ms / 10);
    }
    expect([await peer.hear(), await peer.hear()]).toEqual(['421 4.4.2 Timeout, client is too slow', '']);
    await until(() => server.openSessions === 1);
    expect((await env.counters.acquire('conn 127.0.0.1/32', 30, 'test')).used).toBe(2);
    other.close();
  });
  test('a command that ends in time → the next one has its own time', async () => {
    const { clock, env } = still();
    const { client } = await guarded({}, { env, deliver: () => undefined });
    const peer = await client();
    for (const line of ['EHLO a.example', 'NOOP', 'MAIL FROM:<a@example.org>', 'RSET', 'NOOP']) {
      clock.advance(299_999);
      expect(await peer.ask(line)).toMatch(/^250 /);
    }
    peer.close();
  });
  test('one message → 421 4.4.2, and deliver is told', async () => {
    const { clock, env } = still();
    let told: unknown;
    const { client, server, errors } = await guarded(
      {},
      {
        env,
        messageMs: 60_000,
        deliver: async ({ message, signal }) => {
          signal.addEventListener('abort', () => {
            told = signal.reason;
          });
          for await (const _ of message);
        },
      },
    );
    const [peer, other] = [await client(), await client()];
    await peer.envelope(['b@example.com']);
    for (let i = 0; i < 6; i++) {
      peer.write('a line\r\n');
      await arrived(other);
      clock.advance(10_000);
    }
    expect([await peer.hear(), await peer.hear()]).toEqual(['421 4.4.2 Timeout, client is too slow', '']);
    other.close();
    await until(() => server.openSessions === 0 && told !== undefined);
    expect(String(told)).toContain('has not sent its message within 60000 ms');
    expect(errors).toEqual([]);
  });
  test('deliver that takes long → the time of a command stands still, and begins again', async () => {
    const { clock, env } = still();
    let finish: () => void = () => undefined;
    const { client } = await guarded(
      {},
      {
        env,
        deliver: async ({ outcome }) => {
          await outcome;
          await new Promise<void>((resolve) => {
            finish = resolve;
          });
        },
      },
    );
    const peer = await client();
    await peer.envelope(['b@example.com']);
    peer.write('a line\r\n.\r\n');
    const before = finish;
    await until(() => finish !== before);
    clock.advance(500_000);
    finish();
    expect(await peer.hear()).toMatch(/^250 /);
    clock.advance(299_999);
    expect(await peer.ask('NOOP')).toMatch(/^250 /);
    peer.close();
  });
});

test.each([
  ['commandMs', 0],
  ['messageMs', -1],
  ['deliverMs', Number.NaN],
])('%s %s → TypeError', (name, value) =>
  expect(guarded({}, { deliver: () => undefined, [name]: value })).rejects.toThrow(
    `guardedServer: ${name} must be a positive number, got ${value}`,
  ),
);
