/**
 * Lends mailauth the globals that it misses in a bundle, while it is loaded.
 *
 * A bundle in ESM format has no `require`, and esbuild's stand-in for it throws for Node's builtins unless there is a global one.
 * A bundle for browsers and workers holds the browser's build of joi, which wants `self`. Both are there only while the modules
 * of mailauth are evaluated, which is synchronous: no other code sees them.
 *
 * @module
 */
const scope = globalThis as {
  process?: { getBuiltinModule?(name: string): unknown };
  [name: string]: unknown;
};

/** A builtin module of Node; undefined if the runtime does not have it. */
export const builtin = (name: string): unknown => scope.process?.getBuiltinModule?.(name);

/** Knows the builtins only. */
function require(name: string): unknown {
  const found = builtin(name);
  if (found === undefined) throw new Error(`Cannot find module '${name}'`);
  return found;
}

const lent: { readonly [name: string]: unknown } = { require, self: globalThis };
const missing: string[] = [];

/** Defines the globals that are not there. */
export function lendGlobals(): void {
  for (const [name, value] of Object.entries(lent)) {
    if (scope[name] !== undefined) continue;
    Object.defineProperty(scope, name, { value, configurable: true, enumerable: false, writable: true });
    missing.push(name);
  }
}

/** Removes those that {@link lendGlobals} has defined. */
export function takeGlobalsBack(): void {
  for (const name of missing.splice(0)) delete scope[name];
}
