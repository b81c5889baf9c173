import type { Context } from 'node:vm';
import { createContext, Script } from 'node:vm';
import { build } from 'esbuild';
import { expect, inject, test } from 'vitest';
import { manifest } from '../../.config/subpaths.mjs';

const { project } = inject('packed');

/** A program that guards a session, for a runtime that has nothing but the web platform. */
const program = `
  import { smtpPolicy } from 'postern/smtp';
  import { relayControl } from 'postern/checks/relay-control';
  import { reverseDns } from 'postern/checks/reverse-dns';
  import { dnsbl } from 'postern/checks/dnsbl';
  import { ipBlocklist } from 'postern/checks/ip-blocklist';
  import { printReply } from 'postern/smtp';
  import { smtpSession } from 'postern/smtp-session';
  import { parseIp } from 'postern/net';
  import { fixedClock, zone } from 'postern/testing';
  import { memoryBans, memoryCounters } from 'postern/adapters/memory';
  import { reject, on } from 'postern/core';

  const clock = fixedClock();
  const dns = zone({ '1.2.0.192.zen.example': { A: ['127.0.0.2'] }, 'mx.example.org': { A: ['192.0.2.2'] } });
  const env = { dns, clock, counters: memoryCounters({ clock }), bans: memoryBans({ clock }) };
  const policy = smtpPolicy({
    relay: relayControl({ localDomains: ['example.com'] }),
    rcpt: [on(dnsbl({ zone: 'zen.example' }), { fail: reject() }), reverseDns()],
  });
  export async function main(client, recipient) {
    const session = smtpSession(policy, env, { session: { id: client, role: 'mx' }, client: { ip: parseIp(client) }, tls: null });
    let said = null;
    for (const ask of [() => session.connect(), () => session.helo('EHLO', 'mx.example.org'), () => session.mail('<a@example.org>'), () => session.rcpt(recipient)])
      said ??= await ask();
    await session.close();
    return said === null ? null : printReply(said).slice(0, 9);
  }
`;

/** Bundles a program for the web platform, and returns a context that has run it as `bundle`. */
async function inContext(contents: string): Promise<Context> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: project },
    bundle: true,
    format: 'iife',
    globalName: 'bundle',
    platform: 'browser',
    target: 'es2022',
    external: ['mailauth', ...Object.keys(manifest.peerDependencies)],
    write: false,
    logLevel: 'error',
  });
  const context = createContext({ AbortController, TextDecoder, TextEncoder, URL, crypto, atob, btoa });
  new Script(outputFiles[0]?.text ?? '').runInContext(context);
  return context;
}

test.each([
  ['192.0.2.1', '<a@example.com>', '550 5.7.1'],
  ['192.0.2.2', '<a@example.net>', '550 5.7.1'],
  ['192.0.2.2', '<a@example.com>', null],
])('runtimes/web platform alone: %s sends to %s → %s', async (client, recipient, said) => {
  const context = await inContext(program);
  const run = new Script(`bundle.main(${JSON.stringify(client)}, ${JSON.stringify(recipient)})`);
  expect(await run.runInContext(context)).toBe(said);
});

test.each([
  ['spf', "import { spf } from 'postern/checks/spf'; export const make = () => spf();"],
  [
    'messageAuthentication',
    "import { messageAuthentication } from 'postern/checks/message-authentication'; export const make = () => messageAuthentication({ spf: 'not-asked' });",
  ],
  [
    'authenticator',
    "import { authenticator } from 'postern/checks/message-authentication'; export const make = () => authenticator({ spf: 'not-asked' });",
  ],
])("runtimes/web platform alone: %s() → throws, since it needs Node's builtins", async (name, contents) => {
  const context = await inContext(contents);
  expect(() => new Script('bundle.make()').runInContext(context)).toThrow(`${name}: needs Node's builtin modules`);
});
