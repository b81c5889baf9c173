import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { manifest, root } from '../../.config/subpaths.mjs';

const { project } = inject('packed');

/** The files that a page shows, by their names. */
function filesOf(page: string): Map<string, string> {
  const blocks = readFileSync(join(root, page), 'utf8').matchAll(/^```ts([^\n]*)\n([\s\S]*?)^```/gm);
  const files = new Map<string, string>();
  let unnamed = 0;
  for (const [, info = '', text = ''] of blocks) {
    if (/\btest\b/.test(info)) continue;
    files.set(/file=(\S+)/.exec(info)?.[1] ?? `snippet-${unnamed++}.ts`, text);
  }
  return files;
}

test.each(['README.md', 'docs/guide/getting-started.md'])(
  'programs/%s → compiles to JavaScript that this Node loads',
  (page) => {
    const folder = join(project, page.replace(/\W/g, '-'));
    mkdirSync(folder);
    const files = filesOf(page);
    expect(files.size).toBeGreaterThan(2);
    for (const [name, text] of files) writeFileSync(join(folder, name), text);
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          module: 'nodenext',
          target: 'es2022',
          strict: true,
          rewriteRelativeImportExtensions: true,
          skipLibCheck: true,
          typeRoots: [join(root, 'node_modules/@types')],
          types: ['node'],
        },
      }),
    );
    const compiled = spawnSync(process.execPath, [join(root, 'node_modules/typescript-oldest/bin/tsc'), '-p', folder], {
      encoding: 'utf8',
    });
    expect(compiled.stdout).toBe('');
    const load = [...files.keys()].map((name) => `await import('./${name.replace(/\.ts$/, '.js')}');`).join('\n');
    writeFileSync(join(folder, 'load.mjs'), `${load}\nprocess.exit(0);\n`);
    const { status, stderr } = spawnSync(process.execPath, ['load.mjs'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 60_000,
    });
    // smtp-server says so of a server without a certificate.
    expect(stderr.replace(/^WARNING: smtp-server is using the built-in default TLS certificate.*\n/gm, '')).toBe('');
    expect(status).toBe(0);
  },
);

test('programs/npx postern, where the package is installed → runs the command', () => {
  const bin = join(project, 'node_modules/.bin');
  mkdirSync(bin, { recursive: true });
  chmodSync(join(project, 'node_modules/postern', manifest.bin?.postern ?? ''), 0o755);
  symlinkSync(join('../postern', manifest.bin?.postern ?? ''), join(bin, 'postern'));
  const { status, stdout } = spawnSync('npx', ['--no-install', 'postern', '--version'], {
    cwd: project,
    encoding: 'utf8',
  });
  expect(stdout.trim()).toMatch(/^\d+\.\d+\.\d+/);
  expect(status).toBe(0);
});

test('programs/npx postern and import of postern, in a clone → are the build', () => {
  const command = spawnSync('npx', ['--no-install', 'postern', '--version'], { cwd: root, encoding: 'utf8' });
  expect(command.stdout.trim()).toMatch(/^\d+\.\d+\.\d+/);
  const imported = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', "import { judge } from 'postern/core'; console.log(typeof judge);"],
    { cwd: root, encoding: 'utf8' },
  );
  expect(imported.stdout).toBe('function\n');
});
