import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as ioredis from 'ioredis';
import * as limiter from 'rate-limiter-flexible';
import * as smtpServer from 'smtp-server';
import { expect, test } from 'vitest';
import { folder, oldest } from '../../.config/oldest-peers.mjs';
import { manifest } from '../../.config/subpaths.mjs';

const require = createRequire(`${folder}/a.js`);

test.each(Object.entries(oldest))('peers/%s %s → is the lower end of the range, and installed', (name, version) => {
  expect(manifest.peerDependencies[name]).toMatch(/^(>=|\^)\d+(\.\d+)*$/);
  const { version: installed } = JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8'));
  expect(installed).toBe(version);
});

test('peers/what this run imports → are those', async () => {
  expect(ioredis.Redis).toBe(require('ioredis').Redis);
  expect(limiter.RateLimiterMemory).toBe(require('rate-limiter-flexible').RateLimiterMemory);
  // smtp-server has a file for import and another one for require.
  const file = pathToFileURL(join(folder, 'node_modules/smtp-server/dist/esm/smtp-server.js')).href;
  expect(smtpServer.SMTPServer).toBe((await import(/* @vite-ignore */ file)).SMTPServer);
});
