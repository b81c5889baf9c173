import type { RedundancyFinding, RedundancyFindingId, Severity } from '../checks/mx-redundancy/index.ts';
import { isUnknown } from '../checks/mx-redundancy/index.ts';
import type { CatalogueEntry, ProbeFindingId, ProbeName } from './catalogue.ts';
import { probeCatalogue } from './catalogue.ts';

export type { Severity } from '../checks/mx-redundancy/index.ts';

/** The name of what was found: stable, for filters and for comparing reports. */
export type FindingId = ProbeFindingId | RedundancyFindingId;

/** One thing that was found. Plain JSON. */
export interface AuditFinding {
  readonly id: FindingId;
  readonly probe: ProbeName;
  readonly severity: Severity;
  /** `problem`: something is wrong; `could-not-check`: nothing is known, because something did not answer. */
  readonly kind: 'problem' | 'could-not-check';
  /** What it is about: a domain, a host, or a service as `host:port`; with `[address]` behind it where addresses differ. */
  readonly subject: string;
  /** All that it is about, if several have one cause; `subject` is then their host, or the domain. */
  readonly subjects?: readonly string[];
  /** What is so, as a sentence. */
  readonly what: string;
  /** Where it is written that it should not be so. */
  readonly source: string;
  /** What to do about it. */
  readonly fix: string;
  /** The records and lines that show it; what came from the network is printable ASCII, 200 characters a line at most. */
  readonly evidence: readonly string[];
}

/** What may differ from the catalogue. */
export interface FindingChange {
  readonly severity?: Severity;
  readonly probe?: ProbeName;
  readonly kind?: AuditFinding['kind'];
  readonly fix?: string;
}

const MAX_EVIDENCE = 20;

/** Makes a finding out of the catalogue. */
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

/** A finding of `checks/mx-redundancy`, as an audit says it. */
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

/** The lines that show it, printable, and so few that they are read. */
export const evidenceOf = (lines: readonly string[]): readonly string[] => {
  const shown = lines.slice(0, lines.length > MAX_EVIDENCE ? MAX_EVIDENCE - 1 : MAX_EVIDENCE);
  const more = lines.length - shown.length;
  return [...shown.map((line) => printable(line)), ...(more === 0 ? [] : [`and ${more} more`])];
};

/** What came from the network or a message, as ASCII that no terminal, log or page takes for anything else. */
export function printable(text: string, limit: number = 200): string {
  const head = text.slice(0, limit * 2);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to be shown as what they are.
  const shown = head.replace(/[\u0000-\u001f\u007f-\uffff]/g, (character) =>
    character === '\t' ? ' ' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return shown.length > limit || head.length < text.length ? `${shown.slice(0, limit - 3)}...` : shown;
}

const order: readonly Severity[] = ['critical', 'high', 'medium', 'low', 'info'];

/** From 0, the worst, to 4. */
export const rank = (severity: Severity): number => order.indexOf(severity);

/** The worst first; of equals, as they were found. */
export const bySeverity = <T extends { readonly severity: Severity }>(findings: readonly T[]): readonly T[] =>
  [...findings].sort((a, b) => rank(a.severity) - rank(b.severity));
