import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exportedNames } from '../../.config/public-names.mjs';
import { root } from '../../.config/subpaths.mjs';
import { filesIn } from './files.ts';

const exported = exportedNames();
const names = exported.filter(({ internal }) => !internal);
const atRoot = names.filter(({ from }) => from === 'postern').map(({ name }) => name);

describe('public names/the root', () => {
  test('at most 45 names', () => {
    expect(atRoot.length).toBeLessThanOrEqual(45);
  });

  test('every neutral name that README.md imports → is at the root', () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    const imports = [
      ...readme.matchAll(/^import (?:type )?\{([^}]*)\} from 'postern\/(core|smtp|checks\/[a-z-]+)';$/gm),
    ];
    const used = imports.flatMap(([, list = '']) => list.split(',').map((name) => name.trim()));
    expect(used.length).toBeGreaterThan(15);
    expect(used.filter((name) => !atRoot.includes(name))).toEqual([]);
  });

  test('no name that says nothing without its subpath', () => {
    const vague = ['client', 'session', 'sender', 'login', 'both', 'everybody', 'asn', 'results', 'presets'];
    expect(atRoot.filter((name) => vague.includes(name))).toEqual([]);
  });
});

/** Markdown files and examples, and what they import from subpaths. */
const documented = [...filesIn(join(root, 'docs'), '.md'), ...filesIn(join(root, 'docs'), '.ts')]
  .filter((file) => !file.startsWith('api/'))
  .map((file) => `docs/${file}`)
  .concat('README.md')
  .flatMap((file) =>
    [
      ...readFileSync(join(root, file), 'utf8').matchAll(
        /^import (?:type )?\{([^}]*)\} from '(postern(?:\/[\w/-]+)?)';$/gm,
      ),
    ].flatMap(([, list = '', from = '']) =>
      list
        .split(',')
        .map(
          (name) =>
            name
              .trim()
              .replace(/^type /, '')
              .split(' as ')[0] as string,
        )
        .filter((name) => name !== '')
        .map((name) => `${from} ${name}`),
    ),
  );

test('public names/what the docs import → is published, not internal', () => {
  const published = new Set(names.map(({ from, name }) => `${from} ${name}`));
  expect(documented.length).toBeGreaterThan(200);
  expect([...new Set(documented)].filter((name) => !published.has(name))).toEqual([]);
});

/** Names that two subpaths export for two things. */
const ambiguous = [
  'ListEvent', // postern/dns, postern/adapters/list-sources
  'ListReading', // postern/dns, postern/checks/ip-blocklist
  'Severity', // postern/audit, postern/checks/mx-redundancy
  'recipientDomain', // postern/checks/connection-limits, postern/checks/reverse-dns
  'senderDomain', // postern/checks/connection-limits, postern/checks/reverse-dns
];

test('public names/one name → one thing, wherever it is exported', () => {
  const meanings = new Map<string, Set<string>>();
  for (const { name, declaredIn } of names)
    meanings.set(name, (meanings.get(name) ?? new Set<string>()).add(declaredIn));
  const twice = [...meanings].filter(([, places]) => places.size > 1).map(([name]) => name);
  expect(twice.filter((name) => !ambiguous.includes(name))).toEqual([]);
});

test('public names/the relay mark → no subpath exports the function that gives it, not even as internal', () => {
  expect(
    exported.filter(({ declaredIn }) => declaredIn.startsWith('src/smtp/relay.ts')).map(({ name }) => name),
  ).toEqual(['RelayCheck', 'RelayFacts']);
});

test('public names/tools of the project → are not public', () => {
  const tools = ['isPromise', 'leavesOf', 'timedOut', 'examine', 'onAbort', 'withDeadline', 'wrongOption', 'scanned'];
  expect(exported.map(({ name }) => name)).toEqual(expect.arrayContaining(tools));
  expect(names.map(({ name }) => name).filter((name) => tools.includes(name))).toEqual([]);
});
