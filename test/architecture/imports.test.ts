import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ICruiseResult } from 'dependency-cruiser';
import { cruise } from 'dependency-cruiser';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import rules from '../../.config/dependency-cruiser.mjs';
import { root } from '../../.config/subpaths.mjs';

/** What breaks the rules in the `src` of a folder, as `rule: from → to`. */
async function broken(folder: string): Promise<string[]> {
  const { output } = await cruise(
    ['src'],
    { ...rules.options, ruleSet: { forbidden: rules.forbidden ?? [] }, validate: true, baseDir: folder },
    rules.options?.enhancedResolveOptions as never,
  );
  return (output as ICruiseResult).summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`);
}

test('architecture/every import of src → goes down, by the door, and in no circle', async () => {
  expect(await broken(root)).toEqual([]);
});

describe('architecture/each rule catches what it is there for', () => {
  let folder = '';
  let found: string[] = [];

  /** One house with every fault in it: file → what it imports. */
  const faults: { rule: string; file: string; text: string }[] = [
    { rule: 'core-net-env-stand-alone', file: 'src/core/a.ts', text: "import '../net/index.ts';" },
    { rule: 'prefix-set-imports-net-only', file: 'src/prefix-set/a.ts', text: "import '../core/index.ts';" },
    { rule: 'imports-go-down', file: 'src/dns/a.ts', text: "import '../checks/spf/index.ts';" },
    {
      rule: 'session-and-checks-stand-apart',
      file: 'src/session/a.ts',
      text: "import '../checks/spf/index.ts';",
    },
    {
      rule: 'session-and-checks-stand-apart',
      file: 'src/checks/spf/c.ts',
      text: "import '../../session/index.ts';",
    },
    { rule: 'checks-never-import-each-other', file: 'src/checks/uribl/a.ts', text: "import '../spf/index.ts';" },
    {
      rule: 'checks-see-facts-only',
      file: 'src/checks/dnsbl/a.ts',
      text: "import type {} from '../../smtp/reply.ts';",
    },
    {
      rule: 'facts-are-types-to-checks',
      file: 'src/checks/dnsbl/b.ts',
      text: "import { facts } from '../../smtp/facts.ts'; facts;",
    },
    {
      rule: 'only-relay-control-bears-the-mark',
      file: 'src/checks/dnsbl/c.ts',
      text: "import '../../smtp/relay.ts';",
    },
    { rule: 'nothing-imports-a-leaf', file: 'src/smtp/a.ts', text: "import '../adapters/system/index.ts';" },
    { rule: 'leaves-in-order', file: 'src/adapters/system/a.ts', text: "import '../../testing/index.ts';" },
    { rule: 'testing-is-neutral', file: 'src/testing/a.ts', text: "import '../adapters/system/index.ts';" },
    { rule: 'nothing-imports-cli', file: 'src/audit/a.ts', text: "import '../cli/index.ts';" },
    { rule: 'builtins-in-leaves-only', file: 'src/net/a.ts', text: "import 'node:net';" },
    {
      rule: 'builtins-in-leaves-only',
      file: 'src/checks/spf/a.ts',
      text: "export const dns = () => import('node:dns');",
    },
    { rule: 'one-door-for-ip-address', file: 'src/net/b.ts', text: "import 'ip-address';" },
    { rule: 'one-door-for-punycode', file: 'src/message/a.ts', text: "import 'punycode/punycode.js';" },
    { rule: 'one-door-for-tldts', file: 'src/message/b.ts', text: "import 'tldts';" },
    {
      rule: 'one-door-for-mailauth',
      file: 'src/checks/spf/b.ts',
      text: "export const spf = () => import('mailauth/lib/spf/index.js');",
    },
    { rule: 'one-door-for-htmlparser2', file: 'src/checks/uribl/b.ts', text: "import 'htmlparser2';" },
    { rule: 'no-package-without-a-door', file: 'src/dns/b.ts', text: "import 'dns-packet';" },
    { rule: 'one-door-for-saslprep', file: 'src/checks/smtp-auth/a.ts', text: "import '@mongodb-js/saslprep';" },
    { rule: 'no-package-without-a-door', file: 'src/dns/c.ts', text: "import 'ioredis';" },
    { rule: 'no-tool-in-the-package', file: 'src/adapters/dns-wire/a.ts', text: "import 'dns-packet';" },
    { rule: 'no-tool-in-the-package', file: 'src/adapters/system/b.ts', text: "import 'nodemailer';" },
    { rule: 'no-circles', file: 'src/core/b.ts', text: "import './c.ts';" },
    { rule: 'rooms-are-entered-by-the-door', file: 'src/message/c.ts', text: "import '../net/ip.ts';" },
    {
      rule: 'rooms-are-entered-by-the-door',
      file: 'src/adapters/smtp-server/a.ts',
      text: "import '../../session/session.ts';",
    },
    { rule: 'every-import-resolves', file: 'src/core/d.ts', text: "import './nowhere.ts';" },
  ];
  const sound: { [file: string]: string } = {
    'src/core/c.ts': "import './b.ts';",
    'src/core/index.ts': 'export {};',
    'src/net/index.ts': "export {} from './ip.ts';\nexport {} from './ip-explanation.ts';",
    'src/net/ip.ts': 'export {};',
    'src/net/ip-explanation.ts': "import 'ip-address';",
    'src/prefix-set/index.ts': "import '../net/index.ts';",
    'src/smtp/index.ts': 'export {};',
    'src/smtp/facts.ts': 'export const facts = 1;\nexport type Facts = number;',
    'src/smtp/reply.ts': 'export {};',
    'src/smtp/relay.ts': 'export {};',
    'src/checks/spf/index.ts':
      "import type { Facts } from '../../smtp/facts.ts';\nimport '../../mailauth/index.ts';\nexport const of = (_: Facts) => 1;",
    'src/mailauth/index.ts': "export const load = () => import('./modules.ts');",
    'src/mailauth/modules.ts': "import 'mailauth/lib/spf/index.js';",
    'src/checks/relay-control/index.ts': "import '../../smtp/relay.ts';",
    'src/adapters/system/index.ts': "import 'node:net';\nimport 'ioredis';",
    'src/adapters/smtp-server/index.ts': "import '../../session/index.ts';\nimport 'smtp-server';",
    'src/session/index.ts': "import './session.ts';",
    'src/session/session.ts': "import '../core/index.ts';",
    'src/testing/index.ts': "import '../session/index.ts';",
    'src/cli/index.ts': "import '../testing/index.ts';\nimport '../adapters/system/index.ts';",
  };

  beforeAll(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'postern-house-')));
    cpSync(join(root, 'package.json'), join(folder, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    for (const [file, text] of [...Object.entries(sound), ...faults.map(({ file, text }) => [file, text] as const)]) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    }
    found = await broken(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(faults)('$file: $text → $rule', ({ rule, file }) => {
    expect(found.filter((line) => line.startsWith(`${rule}: ${file} `))).not.toEqual([]);
  });

  test.each(Object.keys(sound).filter((file) => file !== 'src/core/c.ts'))('%s keeps every rule', (file) => {
    expect(found.filter((line) => line.includes(`: ${file} →`))).toEqual([]);
  });

  test('every rule has a fault that it catches', () => {
    const named = (rules.forbidden ?? []).map(({ name }) => name ?? '');
    expect(named.filter((name) => !faults.some(({ rule }) => rule === name))).toEqual([]);
  });
});
