import type { Result } from '../../core/index.ts';
import type { MessageUri, Part, Truncation } from '../../message/index.ts';
import type { AuditFinding } from '../finding.ts';
import type { AuditState } from '../report.ts';

/** The version of the report format. It increases if a field is removed or changes its meaning, not if one is added. */
export const CHECK_REPORT_VERSION = 2;

/**
 * The report of `postern check`, as plain JSON. It has the outline of an audit report, so the same writers print
 * both. Its schema is `postern/check/report.schema.json`.
 */
export interface CheckReport {
  readonly schema: 'postern-check-report';
  readonly version: typeof CHECK_REPORT_VERSION;
  /** Version of the package. */
  readonly postern: string;
  /** ISO 8601, UTC. */
  readonly started: string;
  /** ISO 8601, UTC. */
  readonly finished: string;
  readonly state: AuditState;
  /** What was checked. */
  readonly kind: 'ip' | 'sender' | 'message';
  /** What could not be checked for lack of options, and why. */
  readonly notes: readonly string[];
  readonly subjects: readonly CheckedSubject[];
}

/** One address, sender or message. */
export interface CheckedSubject {
  /** The subject in canonical form. For a message: its file name. */
  readonly subject: string;
  readonly state: AuditState;
  /** Milliseconds. */
  readonly durationMs: number;
  /** Sorted by severity, the worst first. */
  readonly findings: readonly CheckFinding[];
  /** The answer of each check, in the order of an SMTP session. */
  readonly answers: readonly CheckAnswer[];
  /** The content of a message. */
  readonly message?: CheckedMessage;
}

/** One finding. It has the fields of an audit finding, but its `id` and `probe` are those of checks. */
export interface CheckFinding extends Omit<AuditFinding, 'id' | 'probe'> {
  readonly id: string;
  /** The check that reported it. */
  readonly probe: string;
  /** The finding in a few words. */
  readonly title: string;
}

/** The answer of one check. */
export interface CheckAnswer {
  readonly check: string;
  /** What the check examined: an address, a name or a mailbox. */
  readonly subject: string;
  /** A result of RFC 8601, or `info` if the check only reports facts. */
  readonly result: Result | 'info';
  /** The reason for the result, as a sentence. */
  readonly reason: string;
  /** Records and lines that prove it: printable ASCII, at most 200 characters each. */
  readonly evidence: readonly string[];
  /** The standard that applies. */
  readonly source: string;
}

/** The content of a message. */
export interface CheckedMessage {
  /** Bytes. */
  readonly size: number;
  /** Domains of the authors. */
  readonly from: readonly string[];
  readonly subject?: string;
  readonly parts: readonly Part[];
  /** The first 500 links. */
  readonly uris: readonly MessageUri[];
  /** The number of links in the message. */
  readonly uriCount: number;
  /** Limits that ended the reading early. */
  readonly truncated: readonly Truncation[];
}
