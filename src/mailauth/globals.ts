/**
 * Defines the globals that mailauth lacks in a bundle, while it is loaded.
 *
 * A bundle in ESM format has no `require`, and esbuild's substitute throws for Node's builtins unless there is a global one. A
 * bundle for browsers and workers contains the browser build of joi, which needs `self`. Both exist only while the modules of
 * mailauth are evaluated, which is synchronous, so other code does not see them.
 *
 * @module
 */
const scope = globalThis as {
  process?: { getBuiltinModule?(name: string): unknown };
  [name: string]: unknown;
};

/** Returns a builtin module of Node, or undefined if the runtime lacks it. */
export const builtin = (name: string): unknown => scope.process?.getBuiltinModule?.(name);

/** Loads builtin modules only. */
function require(name: string): unknown {
  const found = builtin(name);
  if (found === undefined) throw new Error(`Cannot find module '${name}'`);
  return found;
}

const lent: { readonly [name: string]: unknown } = { require, self: globalThis };
const missing: string[] = [];

/** Defines the globals that are missing. */
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
