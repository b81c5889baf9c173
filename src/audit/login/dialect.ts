import type { ServiceName } from '../report.ts';
import { imap } from './imap.ts';
import { managesieve } from './managesieve.ts';
import { pop3 } from './pop3.ts';
import { submission } from './submission.ts';
import type { Answer, Talk } from './talk.ts';

/** A login that cannot be anybody's. */
export interface Dummy {
  readonly name: string;
  readonly secret: string;
}

/** How a protocol says what is asked of it before a login. */
export interface Dialect {
  /** As people call it. */
  readonly name: string;
  /** `ok`; `no` where the server greets with a refusal. */
  readonly greet: (talk: Talk, timeoutMs?: number) => Promise<Answer>;
  /** Whether the greeting says that somebody is logged in already. */
  readonly preauthenticated: (greeting: Answer) => boolean;
  /** What is offered; undefined where the server does not say. */
  readonly capabilities: (talk: Talk, helo: string, greeting?: Answer) => Promise<readonly string[] | undefined>;
  readonly offersTls: (capabilities: readonly string[]) => boolean;
  /** Asks for TLS; `behind` goes out in the same segment. */
  readonly askTls: (talk: Talk, behind?: string) => Promise<Answer>;
  /** Mechanisms that are offered, in upper case. */
  readonly mechanisms: (capabilities: readonly string[]) => readonly string[];
  /** How a login by name and password is offered, where it is: "USER", "no LOGINDISABLED". */
  readonly password: (capabilities: readonly string[]) => string | undefined;
  /** Begins a mechanism without a secret. The server that invites one is told that none will come. */
  readonly invite: (talk: Talk, mechanism: string) => Promise<Answer>;
  /** Logs in. `name` is the answer to the name alone, where it is sent by itself. */
  readonly login: (
    talk: Talk,
    dummy: Dummy,
  ) => Promise<{ readonly answer: Answer; readonly name?: Answer | undefined }>;
  /** A command that does nothing, to be smuggled in. */
  readonly smuggled: string;
  /**
   * Whether the server answers, within TLS, a command that was sent before it; the lines that show it.
   */
  readonly smuggledAnswer: (talk: Talk, waitMs: number) => Promise<readonly string[] | undefined>;
  readonly farewell: string;
}

export const dialectOf = (service: Exclude<ServiceName, 'smtp'>): Dialect =>
  service === 'imap' || service === 'imaps'
    ? imap
    : service === 'pop3' || service === 'pop3s'
      ? pop3
      : service === 'managesieve'
        ? managesieve
        : submission;
