import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { manifest, root } from '../../.config/subpaths.mjs';

export interface Packed {
  /** What `npm publish` would send. */
  readonly tarball: string;
  /** A project that has the package with its dependencies and every optional peer. */
  readonly project: string;
  /** A project that has the package with its dependencies alone. */
  readonly lean: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    packed: Packed;
  }
}

/** Builds and packs the package once, and puts the tarball into two projects as npm would. */
export default function setup({ provide }: TestProject): () => void {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'postern-package-')));
  const said = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root, encoding: 'utf8' });
  const tarball = join(folder, nameIn(said));
  const dependencies = Object.keys(manifest.dependencies);
  provide('packed', {
    tarball,
    lean: projectWith(join(folder, 'lean'), tarball, dependencies),
    project: projectWith(join(folder, 'full'), tarball, [...dependencies, ...Object.keys(manifest.peerDependencies)]),
  });
  return () => rmSync(folder, { recursive: true, force: true });
}

/** The file name in npm's answer, whatever scripts printed before it. */
function nameIn(said: string): string {
  const packs: unknown = JSON.parse(said.slice(said.search(/^[[{]/m)));
  const [pack] = Object.values(packs as { [key: string]: { filename: string } });
  if (pack === undefined) throw new Error(`npm pack answered ${said}`);
  return pack.filename;
}

/** Dependencies are links to the installed ones: whatever is not named here cannot be imported by the package. */
function projectWith(project: string, tarball: string, dependencies: readonly string[]): string {
  const installed = join(project, 'node_modules', manifest.name);
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['--extract', '--gzip', '--file', tarball, '--strip-components=1', '--directory', installed]);
  for (const name of dependencies) {
    const link = join(project, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), link);
  }
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'a-user', private: true, type: 'module' }));
  return project;
}
