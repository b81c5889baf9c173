import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { auditCatalogue } from '../../src/audit/index.ts';

test('docs/guide/audit.md → its table is the catalogue', () => {
  const page = readFileSync(new URL('../../docs/guide/audit.md', import.meta.url), 'utf8');
  const rows = page.split('\n').filter((line) => /^\| `[a-z0-9-]+` \| (critical|high|medium|low|info)/.test(line));
  expect(rows).toEqual(
    Object.entries(auditCatalogue).map(
      ([id, { severity, kind, title, source }]) =>
        `| \`${id}\` | ${severity}${kind === 'problem' ? '' : ', not checked'} | ${title} | ${source} |`,
    ),
  );
});
