/**
 * Lists the names that each subpath of the package exports. `node .config/public-names.mjs` prints the public ones. The
 * build strips `@internal` names from the published types.
 *
 * @module
 */
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { root, subpaths } from './subpaths.mjs';

/**
 * @typedef {object} ExportedName
 * @property {string} name
 * @property {string} from the subpath: `postern/core`
 * @property {string} declaredIn the file and position of its declaration
 * @property {boolean} internal whether the name or its declaration is marked `@internal`
 */

/** @returns {ExportedName[]} */
export function exportedNames() {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const program = ts.createProgram(
    subpaths.map(({ source }) => root + source),
    options,
  );
  const checker = program.getTypeChecker();
  return subpaths.flatMap(({ name: from, source }) => {
    const file = program.getSourceFile(root + source);
    const module = file && checker.getSymbolAtLocation(file);
    if (module === undefined) throw new Error(`${source} is not a module`);
    return checker.getExportsOfModule(module).flatMap((symbol) => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      const [declared] = target.declarations ?? [];
      if (declared === undefined) return [];
      const path = declared.getSourceFile().fileName.slice(root.length);
      const internal = [...(symbol.declarations ?? []), declared].some(isInternal);
      return [{ name: symbol.name, from, declaredIn: `${path}:${declared.getStart()}`, internal }];
    });
  });
}

/** @param {ts.Node} declaration */
function isInternal(declaration) {
  /** @type {ts.Node} */
  let node = declaration;
  while (!ts.isSourceFile(node.parent)) node = node.parent;
  return ts.getJSDocTags(node).some(({ tagName }) => tagName.text === 'internal');
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const names = exportedNames().filter(({ internal }) => !internal);
  for (const { name: subpath } of subpaths) {
    const own = names.filter(({ from }) => from === subpath).map(({ name }) => name);
    console.log(`${subpath} (${own.length}): ${own.sort().join(' ')}`);
  }
  const distinct = new Set(names.map(({ declaredIn }) => declaredIn)).size;
  console.log(`${names.length} exports, ${distinct} distinct`);
}
