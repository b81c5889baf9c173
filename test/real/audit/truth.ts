import type { AuditOptions, FindingId } from 'postern/audit';

/** What is so of a case, whatever an audit says. */
export interface Truth {
  /** The domain that is audited. */
  readonly domain: string;
  /** What is peculiar about it, in words. */
  readonly what: string;
  /** Findings that must be there. */
  readonly must: readonly FindingId[];
  /** Findings that are true too, but that a reader can do without: another side of the same cause. */
  readonly may?: readonly FindingId[];
  /** Of each group one must be there: the catalogue has more than one word for it. */
  readonly oneOf?: readonly (readonly FindingId[])[];
  /** What is asked for beyond the set's own options. */
  readonly options?: AuditOptions;
}
