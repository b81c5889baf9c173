/**
 * Redundancy of the MX hosts of your own domains.
 *
 * **Answers**: does this domain have at least two mail hosts with different addresses in different networks that are reachable
 * from the Internet, and what else is wrong with its MX records?
 * **Knows**: a domain name. **Asks**: `dns`: MX; A, AAAA and CNAME of the targets in parallel.
 * **Standards**: RFC 5321 §5.1, RFC 7505 (null MX), RFC 2181 §10.3 and RFC 1912 §2.4 (no alias), RFC 2182 §3.1 (independent
 * locations; written for name servers, and just as valid here).
 *
 * Run it at start, on a schedule, or from the command line. It never refuses a sender: the recommended verdict is to proceed.
 *
 * | state | result | meaning |
 * | --- | --- | --- |
 * | `pass` | `pass` | mail still arrives if one server fails |
 * | `fail` | `fail`, or `softfail` for milder findings | it does not, or a record is wrong |
 * | `not-applicable` | `none` | the domain accepts no mail (null MX) |
 * | `could-not-check` | `temperror` | DNS lookups failed |
 *
 * **Limits**: names, addresses and networks are counted, and no host is connected to. Two networks may be in the same machine
 * room. A provider that is redundant behind one name is recognised by the name (`providers`).
 *
 * @example
 * ```ts
 * import { checkRedundancy } from 'postern/checks/mx-redundancy';
 * import { zone } from 'postern/testing';
 *
 * const dns = zone({
 *   'example.org': { MX: [[10, 'mx1.example.org'], [20, 'mx2.example.org']] },
 *   'mx1.example.org': { A: ['192.0.2.1'] },
 *   'mx2.example.org': { A: ['192.0.2.1'] },
 * });
 * const { state, findings } = await checkRedundancy('example.org', { dns }); // 'fail': two names, one address
 * for (const { severity, id, what, fix } of findings) console.log(severity, id, what, fix);
 * ```
 *
 * @module
 */
export type { RedundancyCatalogueEntry, RedundancyFinding, RedundancyFindingId, Severity } from './findings.ts';
export { isUnknown, redundancyCatalogue } from './findings.ts';
export type { RedundancyOptions } from './options.ts';
export type { Provider } from './providers.ts';
export { knownProviders, providerOf } from './providers.ts';
export type { ScheduleOptions } from './redundancy.ts';
export { checkRedundancy, mxRedundancy, scheduleRedundancy } from './redundancy.ts';
export type { RedundancyCounts, RedundancyHost, RedundancyReport, RedundancyState } from './report.ts';
