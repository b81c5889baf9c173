import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { auditCatalogue, probeNames, usualPorts } from '../../src/audit/index.ts';
import { auditOptions } from '../../src/cli/audit-options.ts';
import { exitCodes } from '../../src/cli/io.ts';

const guide = readFileSync(new URL('../../docs/guide/audit.md', import.meta.url), 'utf8');
const section = (title: string): string => guide.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '';

test('docs/guide/audit.md → a row for each option, in their order, with all probes and services', () => {
  const rows = section('Options')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  const named = rows.flatMap((row) =>
    [...(row.split(' | ')[0] ?? '').matchAll(/`--([a-z-]+)/g)].map(([, name]) => name),
  );
  expect([...named].sort()).toEqual(Object.keys(auditOptions).sort());
  for (const probe of probeNames) expect(rows[0]).toContain(`\`${probe}\``);
  for (const service of Object.keys(usualPorts)) expect(rows[2]).toContain(`\`${service}\``);
  const several = /^(.*) may be given several times\.$/m.exec(section('Options'))?.[1] ?? '';
  const lists = Object.entries(auditOptions).flatMap(([name, { multiple }]) => (multiple === true ? [name] : []));
  for (const [, name = ''] of several.matchAll(/`--([a-z-]+)`/g)) expect(lists).toContain(name);
});

test('docs/guide/audit.md → a row for each exit status', () => {
  const rows = [...section('Exit status').matchAll(/^\| (\d+) \|/gm)].map(([, status]) => Number(status));
  expect(rows).toEqual(Object.values(exitCodes));
});

test('docs/guide/audit.md → its table of findings equals the catalogue', () => {
  const rows = guide.split('\n').filter((line) => /^\| `[a-z0-9-]+` \| (critical|high|medium|low|info)/.test(line));
  expect(rows).toEqual(
    Object.entries(auditCatalogue).map(
      ([id, { severity, kind, title, source }]) =>
        `| \`${id}\` | ${severity}${kind === 'problem' ? '' : ', not checked'} | ${title} | ${source} |`,
    ),
  );
});
