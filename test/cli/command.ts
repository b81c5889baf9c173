import type { CommandIo } from '../../src/cli/io.ts';
import { run } from '../../src/cli/run.ts';

/** The surroundings of a command. */
export interface Around {
  /** Files by path: text, bytes, or an object to be read as JSON. */
  readonly files?: { readonly [path: string]: unknown };
  readonly terminal?: boolean;
  readonly columns?: number;
  readonly env?: { readonly [name: string]: string };
  readonly signal?: AbortSignal;
}

/** How a command ended. */
export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly written: { readonly [path: string]: string };
}

/** Runs `postern` in this process. */
export async function postern(line: string | readonly string[], around: Around = {}): Promise<Ended> {
  const { files = {}, terminal = false, env = {}, columns, signal } = around;
  const printed = { stdout: '', stderr: '' };
  const written: { [path: string]: string } = {};
  const io: CommandIo = {
    stdout(text) {
      printed.stdout += text;
    },
    stderr(text) {
      printed.stderr += text;
    },
    async readFile(path) {
      if (!Object.hasOwn(files, path)) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
      const content = files[path];
      if (content instanceof Uint8Array) return content;
      return new TextEncoder().encode(typeof content === 'string' ? content : JSON.stringify(content));
    },
    async writeFile(path, text) {
      if (path.startsWith('/no/')) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
      written[path] = text;
    },
    env,
    isTerminal: { stdout: terminal, stderr: terminal },
    columns,
    signal,
  };
  const status = await run(typeof line === 'string' ? line.split(' ').filter((word) => word !== '') : line, io);
  return { status, ...printed, written };
}
