import { afterAll, beforeAll, expect, test } from 'vitest';
import { inboundPolicy, submissionPolicy } from '../../docs/examples/demo/policy.ts';
import { type DemoServers, startServers } from '../../docs/examples/demo/servers.ts';
import { plays } from '../../docs/examples/demo/sessions.ts';

let servers: DemoServers;
beforeAll(async () => {
  servers = await startServers();
});
afterAll(() => servers.close());

test.each(plays)('demo/$name → $expected', { timeout: 20_000 }, async ({ expected, play }) => {
  const reply = await play(servers);
  expect(reply.slice(0, expected.length)).toBe(expected);
  await servers.settled();
});

test('demo/its policies → no rule is without effect', () => {
  expect(inboundPolicy().warnings).toEqual([]);
  expect(submissionPolicy().policy.warnings).toEqual([]);
});
