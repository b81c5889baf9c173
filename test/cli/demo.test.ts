import { expect, test } from 'vitest';
import { startServers } from '../../src/cli/demo/servers.ts';

test('npm start/the servers of the demonstration start, and stop', async () => {
  const servers = await startServers();
  expect(servers.plain).toBeGreaterThan(0);
  await servers.close();
});
