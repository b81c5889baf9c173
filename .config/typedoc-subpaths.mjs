/**
 * A TypeDoc plugin. It names each module after its subpath, and shows the import statement on the page of each export.
 *
 * @module
 */
import { Converter, JSX, ReflectionKind } from 'typedoc';
import { subpaths } from './subpaths.mjs';

const typeOnly = ReflectionKind.Interface | ReflectionKind.TypeAlias;

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.children ?? []) {
      const subpath = subpaths.find(({ source }) => source === `src/${module.name}/index.ts`);
      if (subpath === undefined) throw new Error(`typedoc: ${module.name} has no subpath`);
      module.name = subpath.name;
    }
  });
  app.renderer.hooks.on('content.begin', ({ page: { model } }) => {
    if (!model.parent?.kindOf(ReflectionKind.Module)) return JSX.createElement(JSX.Fragment, null);
    const words = model.kindOf(typeOnly) ? 'import type' : 'import';
    const line = `${words} { ${model.name} } from '${model.parent.name}';`;
    return JSX.createElement('pre', null, JSX.createElement('code', { class: 'ts' }, line));
  });
}
