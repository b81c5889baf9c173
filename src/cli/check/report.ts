/**
 * What `postern check` answers. Plain JSON: every printed form is a function of it.
 *
 * It has the outline of an audit's report, so that the same forms print both: the same version, times, state and notes,
 * and subjects with findings of the same fields. What only a check knows (each check's own answer, the parts and links of
 * a message) stands beside these.
 *
 * @module
 */
import type { AuditFinding, AuditState } from '../../audit/index.ts';
import type { Result } from '../../core/index.ts';
import type { MessageUri, Part, Truncation } from '../../message/index.ts';

/** The version of the report's form. It grows when a field is taken away or changes its meaning, not when one is added. */
export const CHECK_REPORT_VERSION = 2;

/** The answers to one `postern check`. See `report.schema.json`. */
export interface CheckReport {
  readonly schema: 'postern-check-report';
  readonly version: typeof CHECK_REPORT_VERSION;
  /** Of the package. */
  readonly postern: string;
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly finished: string;
  readonly state: AuditState;
  /** What was looked at. */
  readonly kind: 'ip' | 'sender' | 'message';
  /** What a reader must know to read the rest: what could not be asked, and why. */
  readonly notes: readonly string[];
  readonly subjects: readonly CheckedSubject[];
}

/** One address, sender or message. */
export interface CheckedSubject {
  /** As it was given, in canonical form; of a message the name of its file. */
  readonly subject: string;
  readonly state: AuditState;
  /** Milliseconds. */
  readonly durationMs: number;
  /** The worst first. */
  readonly findings: readonly CheckFinding[];
  /** What each check answered, in the order in which a session would ask them. */
  readonly answers: readonly CheckAnswer[];
  /** What was read of a message. */
  readonly message?: CheckedMessage;
}

/** One thing that was found: an audit's finding, whose names are those of the checks. */
export interface CheckFinding extends Omit<AuditFinding, 'id' | 'probe'> {
  readonly id: string;
  /** The check that found it. */
  readonly probe: string;
  /** A few words. */
  readonly title: string;
}

/** What one check answered. */
export interface CheckAnswer {
  readonly check: string;
  /** What it was asked about: an address, a name, a mailbox. */
  readonly subject: string;
  /** A word of RFC 8601; `info` where a check only tells. */
  readonly result: Result | 'info';
  /** Why, as a sentence. */
  readonly reason: string;
  /** The records and lines that show it; printable ASCII, 200 characters a line at most. */
  readonly evidence: readonly string[];
  /** Where it is written. */
  readonly source: string;
}

/** What was read of a message. */
export interface CheckedMessage {
  /** Octets. */
  readonly size: number;
  readonly from: readonly string[];
  readonly subject?: string;
  readonly parts: readonly Part[];
  /** At most 500; `uriCount` says how many there are. */
  readonly uris: readonly MessageUri[];
  readonly uriCount: number;
  readonly truncated: readonly Truncation[];
}
