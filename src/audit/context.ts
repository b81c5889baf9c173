import type { Clock, DnsResolver } from '../env/index.ts';
import type { AuditSettings } from './options.ts';
import type { AuditProgress } from './progress.ts';
import type { Connect } from './wire/index.ts';

/** What an audit may touch outside itself. */
export interface AuditEnv {
  /** Its answers' AD bit must be trustworthy where DANE is to be judged. */
  readonly dns: DnsResolver;
  readonly clock: Clock;
  /** Opens connections; `tcpConnect()` of this room. */
  readonly connect: Connect;
  /** Addresses of this machine, to say where the audit runs on the mail host itself. */
  readonly localAddresses?: () => readonly string[];
  /** Octets that nobody can guess, for a mailbox and a login that do not exist. */
  readonly randomBytes: (length: number) => Uint8Array;
}

/** What every probe is handed. */
export interface AuditContext extends AuditEnv {
  readonly settings: AuditSettings;
  readonly signal: AbortSignal | undefined;
  /** Says what is being done, for a terminal. */
  readonly progress: (event: AuditProgress) => void;
}
