import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { root } from '../../.config/subpaths.mjs';

const head = `
import { dmarc } from 'postern/checks/message-authentication';
import { spf } from 'postern/checks/spf';
import { defineCheck, fail, pass, reject } from 'postern/core';
import type { MailFacts, RcptFacts } from 'postern/smtp';
import { smtpPolicy } from 'postern/smtp';
const relay = 'decided-by-the-server';
const known = defineCheck(
  'known',
  (_: RcptFacts, { users }: { users: Set<string> }) => (users.size > 0 ? pass() : fail()),
  { fail: reject() },
);
const bySender = defineCheck('by-sender', (_: Pick<MailFacts, 'reversePath'>) => pass(), {});
`;

/** Wrong policies, with what tsc must name: the rule in the first line, and the missing fact. */
const wrong: readonly { readonly policy: string; readonly first: string; readonly names: string }[] = [
  { policy: '{ connect: [] }', first: 'SmtpRules', names: "Property 'relay' is missing" },
  { policy: '{ relay: bySender }', first: 'RelayCheck', names: 'reversePath' },
  { policy: '{ relay, quit: [] }', first: "'quit' does not exist", names: 'quit' },
  { policy: '{ relay, connect: [spf()] }', first: 'Check<SpfFacts', names: 'missing the following properties' },
  {
    policy: '{ relay, helo: [bySender] }',
    first: 'Check<Pick<MailFacts, "reversePath">',
    names: "'reversePath' is missing",
  },
  {
    policy: '{ relay, auth: [bySender] }',
    first: 'Check<Pick<MailFacts, "reversePath">',
    names: "'reversePath' is missing",
  },
  { policy: '{ relay, data: [dmarc()] }', first: 'Check<AuthenticatedFacts', names: "'authentication' is missing" },
  { policy: '{ relay, rcpt: [known] }', first: '{ users: Set<string>; }', names: "'users' is missing" },
];

test('types/eight wrong policies → one message each, of at most four lines, that names the rule and what is missing', () => {
  const file = join(root, 'test/types/wrong-policies.ts');
  const text = `${head}${wrong.map(({ policy }) => `smtpPolicy(${policy});\n`).join('')}`;
  const { config } = ts.readConfigFile(join(root, '.config/tsconfig.test.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(
    { ...config, include: [], files: [file] },
    ts.sys,
    join(root, '.config'),
  );
  const host = ts.createCompilerHost({ ...options, noEmit: true });
  host.readFile = (path) => (path === file ? text : readFileSync(path, 'utf8'));
  const { fileExists } = host;
  host.fileExists = (path) => path === file || fileExists(path);
  const sources = host.getSourceFile;
  host.getSourceFile = (path, version, ...rest) =>
    path === file ? ts.createSourceFile(path, text, version) : sources(path, version, ...rest);
  const program = ts.createProgram([file], { ...options, noEmit: true }, host);
  const source = program.getSourceFile(file) as ts.SourceFile;
  const said = program.getSemanticDiagnostics(source).map(({ start = 0, messageText }) => ({
    line: source.getLineAndCharacterOfPosition(start).line,
    lines: ts.flattenDiagnosticMessageText(messageText, '\n').split('\n'),
  }));
  const firstLine = head.split('\n').length - 1;
  expect(said.map(({ line }) => line - firstLine)).toEqual(wrong.map((_, at) => at));
  for (const [at, { first, names }] of wrong.entries()) {
    const { lines } = said[at] as (typeof said)[number];
    expect(lines[0]).toContain(first);
    expect(lines.join('\n')).toContain(names);
    expect(lines.length).toBeLessThanOrEqual(4);
  }
}, 120_000);
