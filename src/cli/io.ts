import { didYouMean } from '../core/index.ts';

/** What a command may touch outside itself. It is passed in, so that tests can run a command in their own process. */
export interface CommandIo {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Reads a file; `-` is standard input. */
  readonly readFile: (path: string) => Promise<Uint8Array>;
  readonly writeFile: (path: string, text: string) => Promise<void>;
  readonly env: { readonly [name: string]: string | undefined };
  readonly isTerminal: { readonly stdout: boolean; readonly stderr: boolean };
  /** Width of the terminal in characters. Default: 80. */
  readonly columns?: number;
  /** Aborted to end the command early. */
  readonly signal?: AbortSignal;
}

/** Exit statuses of all commands. */
export const exitCodes = { clean: 0, problems: 1, usage: 2, couldNotCheck: 3, interrupted: 130 } as const;

/** An error in the command line. */
export class UsageError extends Error {}

/** Returns the error for a wrong option value. `what` completes "must be". */
export const wrongValue = (option: string, what: string, got: unknown): UsageError =>
  new UsageError(`${option} must be ${what}, got ${JSON.stringify(got)}`);

/** Returns one of the allowed words. @throws {UsageError} if `text` is not one */
export function wordOf<T extends string>(option: string, text: string, allowed: readonly T[]): T {
  const word = allowed.find((each) => each === text);
  if (word !== undefined) return word;
  const error = wrongValue(option, `one of ${allowed.join(', ')}`, text);
  error.message += didYouMean(text, allowed);
  throw error;
}

/** Reads a file. @throws {UsageError} if that fails */
export async function readBytes(path: string, io: CommandIo): Promise<Uint8Array> {
  try {
    return await io.readFile(path);
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${(error as Error).message}`);
  }
}

/** Reads a UTF-8 text file. @throws {UsageError} if that fails */
export const readText = async (path: string, io: CommandIo): Promise<string> =>
  new TextDecoder().decode(await readBytes(path, io));

/** Reads a JSON file. @throws {UsageError} if that fails; the message shows no content of the file */
export async function readJson(path: string, io: CommandIo): Promise<unknown> {
  const text = await readText(path, io);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const place = /\(line (\d+) column (\d+)\)/.exec((error as Error).message);
    throw new UsageError(`${path} is not JSON${place === null ? '' : `: line ${place[1]}, column ${place[2]}`}`);
  }
}

/** Writes a text file. @throws {UsageError} if that fails */
export async function writeText(path: string, text: string, io: CommandIo): Promise<void> {
  try {
    await io.writeFile(path, text);
  } catch (error) {
    throw new UsageError(`cannot write ${path}: ${(error as Error).message}`);
  }
}
