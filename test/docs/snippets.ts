import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { filesIn } from '../architecture/files.ts';

/** A piece of TypeScript that a reader is shown. */
export interface Snippet {
  /** Where it stands: `README.md:12`. */
  readonly at: string;
  /** The page it stands on, from the root. */
  readonly page: string;
  readonly text: string;
  /** What is done besides compiling: `run` runs it, `test` registers the tests in it. */
  readonly use: 'run' | 'test' | undefined;
  /** What other snippets of the page import it as: `policy.ts`. */
  readonly file: string | undefined;
}

/** Fenced blocks of TypeScript: ```` ```ts ````, ```` ```ts run ````, ```` ```ts test ````, ```` ```ts file=policy.ts ````. */
export function snippetsIn(page: string, text: string, firstLine = 1): Snippet[] {
  const found: Snippet[] = [];
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const opening = /^(?<indent>\s*)(?<fence>`{3,})(?:ts|typescript)(?<words>(?: [^`]*)?)$/.exec(lines[i] ?? '');
    if (opening?.groups === undefined) continue;
    const { indent = '', fence = '', words = '' } = opening.groups;
    const end = lines.findIndex((line, at) => at > i && line.trim() === fence);
    if (end === -1) throw new Error(`${page}:${firstLine + i}: the fence is never closed`);
    const settings = words.split(' ').filter((word) => word !== '');
    found.push({
      at: `${page}:${firstLine + i}`,
      page,
      text: lines
        .slice(i + 1, end)
        .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
        .join('\n'),
      use: settings.includes('run') ? 'run' : settings.includes('test') ? 'test' : undefined,
      file: settings.find((word) => word.startsWith('file='))?.slice('file='.length),
    });
    i = end;
  }
  return found;
}

/** The examples in the doc comments of a source file. */
export function examplesIn(page: string, text: string): Snippet[] {
  const found: Snippet[] = [];
  const comments = text.matchAll(/\/\*\*[\s\S]*?\*\//g);
  for (const { 0: comment, index } of comments) {
    const firstLine = text.slice(0, index).split('\n').length;
    const plain = comment
      .split('\n')
      .map((line) => line.replace(/^\s*(?:\/\*\*|\*\/|\* ?)/, ''))
      .join('\n');
    found.push(...snippetsIn(page, plain, firstLine));
  }
  return found;
}

/** Everything that is shown, page by page. */
export function allSnippets(root: string): Snippet[] {
  const pages = [
    ...filesIn(root, '.md').filter((file) => !file.includes('/')),
    ...filesIn(join(root, 'docs'), '.md').map((file) => `docs/${file}`),
  ].filter((page) => !page.startsWith('docs/api/'));
  return [
    ...pages.flatMap((page) => snippetsIn(page, readFileSync(join(root, page), 'utf8'))),
    ...filesIn(join(root, 'src')).flatMap((file) =>
      examplesIn(`src/${file}`, readFileSync(join(root, 'src', file), 'utf8')),
    ),
  ];
}

/** A snippet is a module, even where it imports nothing. */
const asModule = (text: string): string => (/^\s*(import|export)\b/m.test(text) ? text : `${text}\nexport {};\n`);

/** Writes snippets into a folder of their own, a folder for each page, and says which file became of which. */
export function writeSnippets(folder: string, snippets: readonly Snippet[]): Map<string, string> {
  rmSync(folder, { recursive: true, force: true });
  const files = new Map(snippets.map((snippet) => [placeOf(folder, snippet), asModule(snippet.text)]));
  for (const [file, text] of files) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return files;
}

/** Where the snippet is put so that its imports mean what they would mean to a reader. */
export function placeOf(folder: string, { page, at, file }: Snippet): string {
  const line = at.slice(at.lastIndexOf(':') + 1);
  return join(folder, page.replace(/[^\w]+/g, '-'), file ?? `line-${line}.ts`);
}

/** The last program: another one takes over the files that they share. */
let compiled: ts.Program | undefined;

/** Compiles modules together, and says what is wrong with each: file → messages with their lines. */
export function compile(root: string, files: ReadonlyMap<string, string>): Map<string, string[]> {
  const config = ts.getParsedCommandLineOfConfigFile(
    join(root, '.config/tsconfig.test.json'),
    { noEmit: true },
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic: (problem) => giveUp(problem) },
  );
  if (config === undefined) throw new Error('.config/tsconfig.test.json cannot be read');
  const host = ts.createCompilerHost(config.options);
  const { readFile, fileExists } = host;
  host.readFile = (file) => files.get(file) ?? readFile(file);
  host.fileExists = (file) => files.has(file) || fileExists(file);
  const ambient = filesIn(join(root, 'src'), '.d.ts').map((file) => join(root, 'src', file));
  const program = ts.createProgram([...files.keys(), ...ambient], config.options, host, compiled);
  compiled = program;
  return new Map(
    [...files.keys()].map((file) => {
      const source = program.getSourceFile(file);
      if (source === undefined) throw new Error(`${file} was not compiled`);
      const problems = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
      return [file, problems.map((problem) => message(problem))];
    }),
  );
}

function message({ file, start, messageText }: ts.Diagnostic): string {
  const line = file === undefined || start === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1;
  return `line ${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
}

function giveUp(problem: ts.Diagnostic): never {
  throw new Error(message(problem));
}
