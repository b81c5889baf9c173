/** One step of an audit: `done` of `started` steps of this domain are over. */
export interface AuditProgress {
  readonly domain: string;
  /** What began or ended: "mx1.example.org:25 relay". */
  readonly step: string;
  readonly state: 'started' | 'done';
}
