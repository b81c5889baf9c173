import type { RedundancyFinding, RedundancyFindingId, Severity } from '../checks/mx-redundancy/index.ts';
import { isUnknown } from '../checks/mx-redundancy/index.ts';
import type { CatalogueEntry, ProbeFindingId, ProbeName } from './catalogue.ts';
import { probeCatalogue } from './catalogue.ts';

export type { Severity } from '../checks/mx-redundancy/index.ts';

/** The id of a finding. Ids are stable, for filters and for comparing reports. */
export type FindingId = ProbeFindingId | RedundancyFindingId;

/** One finding of an audit. Plain JSON. */
export interface AuditFinding {
  readonly id: FindingId;
  readonly probe: ProbeName;
  readonly severity: Severity;
  /** `problem`: something is wrong. `could-not-check`: nothing is known, because a server or the DNS did not answer. */
  readonly kind: 'problem' | 'could-not-check';
  /** A domain, host, address, or service as `host:port`. */
  readonly subject: string;
  /** All subjects, if several have the same cause. `subject` is then their host, or the domain. */
  readonly subjects?: readonly string[];
  /** Describes the finding in a sentence. */
  readonly what: string;
  /** The standard that requires otherwise. */
  readonly source: string;
  /** How to fix it. */
  readonly fix: string;
  /** Records and lines that prove it. Text from the network is printable ASCII, at most 200 characters per line. */
  readonly evidence: readonly string[];
}

/** Values that override the catalogue. */
export interface FindingChange {
  readonly severity?: Severity;
  readonly probe?: ProbeName;
  readonly kind?: AuditFinding['kind'];
  readonly fix?: string;
}

const MAX_EVIDENCE = 20;

/** Creates a finding from its catalogue entry. */
export function found(
  id: ProbeFindingId,
  subject: string,
  what: string,
  evidence: readonly string[] = [],
  change: FindingChange = {},
): AuditFinding {
  const { probe, severity, kind, source, fix }: CatalogueEntry = probeCatalogue[id];
  return {
    id,
    probe: change.probe ?? probe,
    severity: change.severity ?? severity,
    kind: change.kind ?? kind,
    subject: printable(subject),
    what: printable(what, 1_000),
    source,
    fix: change.fix ?? fix,
    evidence: evidenceOf(evidence),
  };
}

/** Converts a finding of `checks/mx-redundancy`. */
export function ofRedundancy(finding: RedundancyFinding): AuditFinding {
  const { id, severity, subject, what, source, fix, evidence } = finding;
  return {
    id,
    probe: 'mx',
    severity,
    kind: isUnknown(id) ? 'could-not-check' : 'problem',
    subject: printable(subject),
    what: printable(what, 1_000),
    source,
    fix,
    evidence: evidenceOf(evidence),
  };
}

/**
 * Makes evidence lines printable, and limits their number.
 *
 * @internal
 */
export const evidenceOf = (lines: readonly string[]): readonly string[] => {
  const shown = lines.slice(0, lines.length > MAX_EVIDENCE ? MAX_EVIDENCE - 1 : MAX_EVIDENCE);
  const more = lines.length - shown.length;
  return [...shown.map((line) => printable(line)), ...(more === 0 ? [] : [`and ${more} more`])];
};

/**
 * Escapes text from the network or a message, so that it is harmless ASCII in a terminal, log or page.
 *
 * @internal
 */
export function printable(text: string, limit: number = 200): string {
  const head = text.slice(0, limit * 2);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this escapes.
  const shown = head.replace(/[\u0000-\u001f\u007f-\uffff]/g, (character) =>
    character === '\t' ? ' ' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return shown.length > limit || head.length < text.length ? `${shown.slice(0, limit - 3)}...` : shown;
}

const order: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info'];

/** Returns 0 for the worst severity, 4 for the mildest. */
export const rank = (severity: Severity): number => order.indexOf(severity);

/** Sorts findings by severity, the worst first. The sort is stable. */
export const bySeverity = <T extends { readonly severity: Severity }>(findings: readonly T[]): readonly T[] =>
  [...findings].sort((a, b) => rank(a.severity) - rank(b.severity));

/** An object under construction. */
export type Mutable<T> = { -readonly [key in keyof T]: T[key] };

/** Adds a finding about the service being checked. */
export type Find = (id: ProbeFindingId, what: string, evidence?: readonly string[], change?: FindingChange) => void;
