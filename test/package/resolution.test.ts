import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { expect, inject, test } from 'vitest';
import { manifest, root, subpaths } from '../../.config/subpaths.mjs';

const { tarball, project, lean } = inject('packed');

test('package/publint → has nothing to say', async () => {
  const { messages } = await publint({ pkgDir: join(lean, 'node_modules/postern'), pack: false, strict: true });
  expect(messages.map((message) => formatMessage(message, manifest as never, { color: false }))).toEqual([]);
});

test('package/are the types wrong? → no', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js'),
      tarball,
      '--profile',
      'esm-only',
      '--no-color',
      '--format',
      'ascii',
    ],
    { encoding: 'utf8' },
  );
  expect(status, stdout + stderr).toBe(0);
});

/** What a subpath is imported as, in a user's program. */
const importAll = subpaths.map(({ name }, i) => `import * as room${i} from '${name}';`).join('\n');
const useAll = `export const rooms: object[] = [${subpaths.map((_, i) => `room${i}`).join(', ')}];`;

/** The oldest TypeScript that README.md promises, and the one that builds the package. */
const compilers = ['typescript-oldest', 'typescript'];

test('package/the oldest TypeScript → is the one that README.md names', () => {
  const oldest = manifest.devDependencies['typescript-oldest']?.split('@').at(-1)?.split('.').slice(0, 2).join('.');
  expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(`TypeScript ${oldest} or later`);
});

test.each(
  compilers.flatMap((compiler) => [
    [compiler, 'nodenext', 'nodenext'] as const,
    [compiler, 'esnext', 'bundler'] as const,
  ]),
)('package/a strict user with %s, module %s and %s resolution → compiles', (compiler, module, moduleResolution) => {
  writeFileSync(join(project, 'user.ts'), `${importAll}\n${useAll}\n`);
  const compilerOptions = {
    module,
    moduleResolution,
    target: 'es2022',
    lib: ['es2022', 'esnext.disposable'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
    typeRoots: [join(root, 'node_modules/@types')],
    types: ['node'],
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['user.ts'] }));
  const tsc = join(root, 'node_modules', compiler, 'bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', project], { encoding: 'utf8' });
  expect(status, stdout).toBe(0);
});

/** Adapters of a peer need it; all else must do without any. */
const adapted = new RegExp(`^postern/adapters/(${Object.keys(manifest.peerDependencies).join('|')}|redis)$`);

/** Loads each in one process, and says which could not be. */
function failures(folder: string, names: readonly string[], load: string): string {
  const program = `const failed = [];
    for (const name of ${JSON.stringify(names)})
      try { const room = ${load}; if (Object.keys(room).length === 0 && name !== 'postern/env') failed.push(name + ': empty'); }
      catch (error) { failed.push(name + ': ' + error.message); }
    console.log(JSON.stringify(failed));`;
  const type = load.startsWith('await') ? 'module' : 'commonjs';
  const options = ['--no-warnings', `--input-type=${type}`, '--eval', program];
  return execFileSync(process.execPath, options, { cwd: folder, encoding: 'utf8' }).trim();
}

const names = subpaths.map(({ name }) => name);

test.each([
  ['import of every subpath', 'await import(name)'],
  ['require() of every subpath', 'require(name)'],
])('package/%s → works with dependencies and peers', (_, load) => {
  expect(failures(project, names, load)).toBe('[]');
});

test('package/import without any peer → works but for the adapters of peers', () => {
  expect(
    failures(
      lean,
      names.filter((name) => !adapted.test(name)),
      'await import(name)',
    ),
  ).toBe('[]');
});

test('package/what is no subpath → cannot be imported', () => {
  expect(
    failures(project, ['postern/core/policy.js', 'postern/dist/index.js', 'postern/cli'], 'await import(name)'),
  ).toMatch(/core\/policy.*dist\/index.*postern\/cli/);
});
