export interface Subpath {
  /** What an import says: `postern/core`. */
  readonly name: string;
  /** The module, from the root: `dist/core/index.js`. */
  readonly built: string;
  /** What it is compiled from: `src/core/index.ts`. */
  readonly source: string;
}
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly type: string;
  readonly sideEffects: readonly string[];
  readonly license: string;
  readonly files: readonly string[];
  readonly engines: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}
/** The folder that package.json is in, with a slash at its end. */
export declare const root: string;
export declare const manifest: Manifest;
export declare const subpaths: readonly Subpath[];
