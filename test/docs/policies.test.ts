/** The policies that people copy first do what they are copied for. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { SessionPolicy } from 'postern/smtp';
import { decisionAt, quietEnv, replyTo, zone } from 'postern/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { root } from '../../.config/subpaths.mjs';
import { inbound as example } from '../../docs/examples/inbound.ts';
import { allSnippets, placeOf, writeSnippets } from './snippets.ts';

const folder = join(root, 'test/docs/.snippets/policies');
const snippets = allSnippets(root);
writeSnippets(folder, snippets);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const shown = async (page: string, file: string): Promise<SessionPolicy> => {
  const snippet = snippets.find((one) => one.page === page && one.file === file);
  if (snippet === undefined) throw new Error(`${page} shows no ${file}`);
  return ((await import(placeOf(folder, snippet))) as { inbound: SessionPolicy }).inbound;
};

const policies: readonly (readonly [string, SessionPolicy, string])[] = [
  ['README.md', await shown('README.md', 'policy.ts'), 'zen.dnsbl.example'],
  ['docs/guide/getting-started.md', await shown('docs/guide/getting-started.md', 'world.ts'), 'zen.dnsbl.example'],
  ['docs/examples/inbound.ts', example, 'zen.dnsbl.example'],
];

describe.each(policies)('docs/the policy of %s', (_, policy, list) => {
  // Everything but the listing speaks for this client.
  const env = quietEnv({
    dns: zone({
      'example.org': { MX: [[10, 'mx.example.org']], TXT: ['v=spf1 mx -all'] },
      'mx.example.org': { A: ['9.9.9.9'] },
      '9.9.9.9.in-addr.arpa': { PTR: ['mx.example.org'] },
      [`9.9.9.9.${list}`]: { A: ['127.0.0.2'] },
    }),
  });
  const over = { client: '9.9.9.9', helo: 'mx.example.org', from: 'alice@example.org', to: 'bob@example.com' };

  test('has no rule without effect', () => expect(policy.warnings).toEqual([]));

  test('a listed client with good reverse DNS and SPF → is refused because of the list', async () => {
    expect(await replyTo(policy, 'rcpt', over, env, { rule: true })).toBe('550 5.7.1 (score)');
    const { outcomes } = await decisionAt(policy, 'rcpt', over, env);
    expect(outcomes.filter(({ finding }) => finding.result === 'fail').map(({ finding }) => finding.check)).toContain(
      'dnsbl',
    );
  });

  test.each(['postmaster@example.com', 'PostMaster@example.com'])('the same client to %s → is heard', async (to) => {
    expect(await replyTo(policy, 'rcpt', { ...over, to }, env)).toBeNull();
  });

  test('another client → is heard', async () => {
    const dns = zone({
      'example.org': { MX: [[10, 'mx.example.org']], TXT: ['v=spf1 mx -all'] },
      'mx.example.org': { A: ['9.9.9.9'] },
      '9.9.9.9.in-addr.arpa': { PTR: ['mx.example.org'] },
    });
    expect(await replyTo(policy, 'rcpt', over, quietEnv({ dns }))).toBeNull();
  });
});

/** Snippets that make a policy. The one that reads a certificate is left out. */
const made = snippets.filter(
  ({ text, use }) => use === undefined && /\b(smtp|access)Policy\(/.test(text) && !text.includes('mail.pem'),
);
test.each(made.map((snippet) => [snippet.at, snippet] as const))(
  'docs/the policy shown at %s has no rule without effect',
  async (_, snippet) => {
    const exported = Object.values((await import(placeOf(folder, snippet))) as object);
    expect(exported.flatMap((value) => (value as { warnings?: unknown[] } | null)?.warnings ?? [])).toEqual([]);
  },
);
