/**
 * Whether mail for a domain survives the loss of a server.
 *
 * **Answers**: are there at least two mail hosts for this domain, with addresses of their own, in networks of their own,
 * that the world can reach; and what else is wrong with the domain's MX records?
 * **Knows**: a domain name. **Asks**: `dns`: MX; A, AAAA and CNAME of the targets at the same time.
 * **Standards**: RFC 5321 §5.1, RFC 7505 (null MX), RFC 2181 §10.3 and RFC 1912 §2.4 (no alias), RFC 2182 §3.1 (places
 * that do not fail together; said of name servers, and true here).
 *
 * This is an audit of one's own domains: at start, on a schedule, from a command line. It is never a reason to refuse a
 * sender, and all that it recommends is to proceed.
 *
 * | state | result | what is so |
 * | --- | --- | --- |
 * | `pass` | `pass` | mail survives the loss of one server |
 * | `fail` | `fail`, or `softfail` for the milder findings | it does not, or a record is wrong |
 * | `not-applicable` | `none` | the domain takes no mail (null MX) |
 * | `could-not-check` | `temperror` | the DNS did not say enough |
 *
 * **Limits**: names, addresses and networks are counted, nobody is connected to; whether two networks end in one machine
 * room cannot be seen. A provider that is redundant behind one name is known by its name (`providers`).
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
