import type { Clock, DnsResolver } from '../../env/index.ts';
import type { CheckAnswer, CheckFinding } from './report.ts';

/** What the checks ask. */
export interface CheckEnv {
  readonly dns: DnsResolver;
  readonly clock: Clock;
  /** Is aborted when the time is up; what is not known then could not be checked. */
  readonly signal: AbortSignal;
}

/** What one part of a check found. */
export interface Looked {
  readonly answers: readonly CheckAnswer[];
  readonly findings: readonly CheckFinding[];
  readonly notes?: readonly string[];
}
