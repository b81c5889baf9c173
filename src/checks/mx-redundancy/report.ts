import type { MxHost } from '../../dns/index.ts';
import type { RedundancyFinding } from './findings.ts';

/** See the table of this module. */
export type RedundancyState = 'pass' | 'fail' | 'not-applicable' | 'could-not-check';

/** Counts of the MX hosts; each is a subset of the one before. */
export interface RedundancyCounts {
  /** MX records. */
  readonly records: number;
  /** Different hosts in them. */
  readonly hosts: number;
  /** Hosts with an address. */
  readonly resolvable: number;
  /** Hosts with a public address. */
  readonly public: number;
  /** Different public addresses. */
  readonly addresses: number;
  /** Different networks of these addresses: /24 and /48. */
  readonly networks: number;
  /** Different autonomous systems, with the option `asnOf`. */
  readonly asns?: number;
}

/** An MX host. */
export interface RedundancyHost extends MxHost {
  /** The target is an alias of this name. */
  readonly alias?: string;
  /** Its public networks: /24 and /48. */
  readonly networks: readonly string[];
  /** Its autonomous systems, with the option `asnOf`. */
  readonly asns?: readonly number[];
  /** The known provider of the host, which is redundant behind one name. */
  readonly provider?: string;
}

/** The report about one domain. Plain JSON. */
export interface RedundancyReport {
  readonly domain: string;
  readonly state: RedundancyState;
  /** The result in one sentence. */
  readonly summary: string;
  readonly counts: RedundancyCounts;
  readonly hosts: readonly RedundancyHost[];
  /** The worst first. */
  readonly findings: readonly RedundancyFinding[];
}
