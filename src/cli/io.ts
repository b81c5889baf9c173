/** What the command may touch: handed in, so that a test runs it in its own process. */
export interface CommandIo {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Reads a file as UTF-8; `-` is what comes in. Rejects where there is none. */
  readonly readFile: (path: string) => Promise<string>;
  /** Reads a file as octets; `-` is what comes in. */
  readonly readOctets: (path: string) => Promise<Uint8Array>;
  readonly writeFile: (path: string, text: string) => Promise<void>;
  readonly env: { readonly [name: string]: string | undefined };
  /** Whether somebody watches. */
  readonly isTerminal: { readonly stdout: boolean; readonly stderr: boolean };
  /** Of the terminal, in characters; 80 where not known. */
  readonly columns?: number;
  /** Is aborted when the command is to end early. */
  readonly signal?: AbortSignal;
}

/** How the command ends. */
export const exitCodes = { clean: 0, problems: 1, usage: 2, couldNotCheck: 3, interrupted: 130 } as const;

/** A wrong call: what is wrong, and where to read how it is done. */
export class UsageError extends Error {}
