/** What an audit of a domain's MX hosts reports: plain JSON. */
import type { MxHost } from '../../dns/index.ts';
import type { RedundancyFinding } from './findings.ts';

/** See the room's table. */
export type RedundancyState = 'pass' | 'fail' | 'not-applicable' | 'could-not-check';

/** How much there is of what, each counted among what the one before it left. */
export interface RedundancyCounts {
  /** MX records. */
  readonly records: number;
  /** Different hosts that they name. */
  readonly hosts: number;
  /** Hosts that have an address. */
  readonly resolvable: number;
  /** Hosts that have a public address. */
  readonly public: number;
  /** Different public addresses. */
  readonly addresses: number;
  /** Different networks of them: /24 and /48. */
  readonly networks: number;
  /** Different autonomous systems; only where `asnOf` was given. */
  readonly asns?: number;
}

/** A host as it was found. */
export interface RedundancyHost extends MxHost {
  /** The target is an alias of this name. */
  readonly alias?: string;
  readonly networks: readonly string[];
  readonly asns?: readonly number[];
  /** The provider that the host belongs to, and that is redundant behind one name. */
  readonly provider?: string;
}

/** What was found about one domain. Plain JSON. */
export interface RedundancyReport {
  readonly domain: string;
  readonly state: RedundancyState;
  /** The whole in one sentence. */
  readonly summary: string;
  readonly counts: RedundancyCounts;
  readonly hosts: readonly RedundancyHost[];
  /** The worst first. */
  readonly findings: readonly RedundancyFinding[];
}
