import { beforeAll, describe, expect, inject, test } from 'vitest';
import { subpaths } from '../../.config/subpaths.mjs';
import type { Bundle } from './bundle.ts';
import { bundleOf } from './bundle.ts';

const { project } = inject('packed');
const names = subpaths.map(({ name }) => name);
const bundles = new Map<string, Bundle>();
const bundle = (name: string): Bundle => {
  const found = bundles.get(name);
  if (found === undefined) throw new Error(`${name} was not bundled`);
  return found;
};

beforeAll(async () => {
  for (const name of names) bundles.set(name, await bundleOf(project, name));
});

/** Rooms that need Node; everything else runs anywhere. */
const needsNode = /^postern\/(adapters\/|dns\/node$|audit$)/;
/** Rooms that may hold mailauth, and only later. */
const asksMailauth = ['postern/checks/message-authentication', 'postern/checks/spf'];

/** mailauth, and what only it brings along. */
const isMailauth = (module: string): boolean => /^(mailauth|joi|libmime|iconv-lite|undici)$/.test(module);

describe('bleed/what a subpath brings along', () => {
  test('postern/core → core alone', () => {
    const { atOnce, later } = bundle('postern/core');
    expect(atOnce.filter((module) => !module.startsWith('core/'))).toEqual([]);
    expect(later).toEqual([]);
  });

  test.each(names.filter((name) => name.startsWith('postern/checks/')))('%s → no other check', (name) => {
    const own = `${name.slice('postern/'.length)}/`;
    const { atOnce, later } = bundle(name);
    expect(atOnce.some((module) => module.startsWith(own))).toBe(true);
    expect([...atOnce, ...later].filter((module) => module.startsWith('checks/') && !module.startsWith(own))).toEqual(
      [],
    );
    expect([...atOnce, ...later].filter((module) => /^(adapters|testing|audit|cli)\//.test(module))).toEqual([]);
  });

  test.each(names.filter((name) => !needsNode.test(name)))('%s → no builtin of Node', (name) => {
    expect(bundle(name).builtins).toEqual([]);
  });

  test.each(names)('%s → no mailauth before it is asked', (name) => {
    expect(bundle(name).atOnce.filter(isMailauth)).toEqual([]);
  });

  test.each(names.filter((name) => !asksMailauth.includes(name) && name !== 'postern' && !needsNode.test(name)))(
    '%s → no mailauth at all',
    (name) => {
      expect(bundle(name).later.filter(isMailauth)).toEqual([]);
    },
  );

  test('postern/checks/spf → mailauth, later', () => {
    expect(bundle('postern/checks/spf').later).toContain('mailauth');
  });

  test('postern → nothing of adapters, testing, audit or cli', () => {
    const { atOnce, later } = bundle('postern');
    expect([...atOnce, ...later].filter((module) => /^(adapters|testing|audit|cli)\//.test(module))).toEqual([]);
  });
});
