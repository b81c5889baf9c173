/**
 * SPF: which hosts may send for a domain.
 *
 * **Answers**: may this client send for this domain? With the term that matched, the domain's explanation, and the DNS answers.
 * **Knows**: the client's address, its HELO name, the reverse-path. **Asks**: `dns` for TXT, A, AAAA, MX and PTR; `clock` for
 * the deadline.
 * **Standards**: RFC 7208; RFC 8616 §4 (internationalised names); RFC 7372 (status 7.23 and 7.24); RFC 8601.
 * **Limits**: requires Node's builtin modules, since mailauth evaluates the records; `spf()` throws in other runtimes. Mail
 * from a forwarder that keeps the reverse-path fails SPF although the sender did nothing wrong: let DMARC or the score decide.
 *
 * The code follows RFC 7208: `check-host.ts` is `check_host()` from §4.1 to §4.7, `evaluation.ts` the terms and limits (§4.6, §5,
 * §6), `outcome.ts` the result.
 *
 * @example
 * ```ts
 * import { checkHost } from 'postern/checks/spf';
 * import { fixedClock, zone } from 'postern/testing';
 *
 * const dns = zone({ 'example.org': { TXT: ['v=spf1 ip4:192.0.2.0/24 -all'] } });
 * const subject = { ip: '198.51.100.1', helo: 'mail.example.net', mailFrom: 'alice@example.org' };
 * const { result, term, reason } = await checkHost(subject, { dns, clock: fixedClock() });
 * switch (result) {
 *   case 'pass': // may send
 *   case 'none': // the domain has no record
 *   case 'neutral': // the record makes no statement
 *   case 'softfail': // probably may not send
 *     break;
 *   case 'fail':
 *     term; // '-all'
 *     break;
 *   case 'temperror': // a DNS lookup failed
 *   case 'permerror': // the record is invalid
 *     reason;
 * }
 * ```
 *
 * @module
 */
export type { CheckHostOptions, SpfSubject } from './check-host.ts';
export { checkHost } from './check-host.ts';
export type { SpfOutcome } from './outcome.ts';
export { receivedSpf } from './received-spf.ts';
export type { SpfSelfCheck, SpfSender } from './self-check.ts';
export { selfCheck } from './self-check.ts';
export type { SpfEnv, SpfFacts, SpfOptions } from './spf.ts';
export { spf } from './spf.ts';

// For this project only.

/** @internal */
export { BROAD_V4_SIZE } from './record.ts';
/** @internal */
export { unlistedHosts } from './self-check.ts';
export type { Evidence } from './trail.ts';
