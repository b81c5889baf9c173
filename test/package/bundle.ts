import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { build } from 'esbuild';
import { manifest } from '../../.config/subpaths.mjs';

/** What of the package and of others a bundle holds. */
export interface Bundle {
  /** Modules that are loaded with the subpath, as `core/policy.js` or the name of an npm package. */
  readonly atOnce: readonly string[];
  /** Modules that are loaded later, if at all. */
  readonly later: readonly string[];
  /** Builtins of Node that are named. */
  readonly builtins: readonly string[];
}

/** What a user gets who imports all of a subpath. Only modules of which something is left are counted. */
export async function bundleOf(project: string, name: string): Promise<Bundle> {
  const { metafile } = await build({
    stdin: {
      contents: `import * as room from '${name}'; globalThis.room = room;`,
      resolveDir: project,
      sourcefile: 'user.js',
    },
    absWorkingDir: project,
    outdir: join(project, 'out'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: Object.keys(manifest.peerDependencies),
    metafile: true,
    write: false,
    logLevel: 'error',
  });
  const first = Object.keys(metafile.outputs).find((path) => metafile.outputs[path]?.entryPoint === 'user.js');
  const atOnce = reached(metafile, first ?? '');
  const inAll = (outputs: readonly string[]): string[] =>
    [...new Set(outputs.flatMap((path) => modulesOf(metafile, path)))].sort();
  return {
    atOnce: inAll([...atOnce]),
    later: inAll(Object.keys(metafile.outputs).filter((path) => !atOnce.has(path))),
    builtins: builtinsOf(metafile, [...atOnce]),
  };
}

/** The output and what it imports without waiting. */
function reached(metafile: Metafile, path: string, seen: Set<string> = new Set()): Set<string> {
  if (seen.has(path) || metafile.outputs[path] === undefined) return seen;
  seen.add(path);
  for (const { path: next, kind, external } of metafile.outputs[path]?.imports ?? [])
    if (kind !== 'dynamic-import' && external !== true) reached(metafile, next, seen);
  return seen;
}

const modulesOf = (metafile: Metafile, path: string): string[] =>
  Object.entries(metafile.outputs[path]?.inputs ?? {})
    .filter(([input, { bytesInOutput }]) => bytesInOutput > 0 && input !== 'user.js' && !input.startsWith('<'))
    .map(([input]) => moduleName(input));

function moduleName(input: string): string {
  const ours = /node_modules\/postern\/dist\/(.*)$/.exec(input);
  if (ours?.[1] !== undefined) return ours[1];
  return /^.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? input;
}

const builtinsOf = (metafile: Metafile, outputs: readonly string[]): string[] =>
  [
    ...new Set(
      outputs.flatMap((path) =>
        (metafile.outputs[path]?.imports ?? [])
          .filter(({ external, path: imported }) => external === true && !(imported in manifest.peerDependencies))
          .map((imported) => imported.path),
      ),
    ),
  ].sort();
