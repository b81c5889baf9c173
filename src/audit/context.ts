import type { Clock, DnsResolver } from '../env/index.ts';
import type { AuditProgress, AuditSettings } from './options.ts';
import type { Connect } from './wire/index.ts';

/** Everything outside the process that an audit may touch. */
export interface AuditEnv {
  /** DANE is judged by the AD bit of its answers, which must be trustworthy. */
  readonly dns: DnsResolver;
  readonly clock: Clock;
  /** Opens connections, for example `tcpConnect()`. */
  readonly connect: Connect;
  /** Returns the addresses of this machine, to detect that the audit runs on the mail host itself. */
  readonly localAddresses?: () => readonly string[];
  /** Returns unpredictable bytes, for names of mailboxes and accounts that do not exist. */
  readonly randomBytes: (length: number) => Uint8Array;
}

/** Environment and settings of every probe. */
export interface AuditContext extends AuditEnv {
  readonly settings: AuditSettings;
  readonly signal: AbortSignal | undefined;
  /** Reports progress. */
  readonly progress: (event: AuditProgress) => void;
}
