/**
 * SPF: may this client send for this domain?
 *
 * **Answers**: `pass`, `none`, `neutral`, `softfail`, `fail`, `temperror`, `permerror`, with the term that decided, the
 * domain's own explanation, and what the DNS said.
 * **Knows**: the client's address, its HELO name, the reverse-path. **Asks**: `dns` for TXT, A, AAAA, MX and PTR; `clock` for
 * the deadline.
 * **Standards**: RFC 7208; RFC 8616 §4 (internationalised names); RFC 7372 (status 7.23 and 7.24); RFC 8601.
 * **Limits**: needs a runtime with Node's builtins, since mailauth evaluates the records; `spf()` throws in any other. A forwarder that keeps the reverse-path fails SPF, and that is no fault of the sender: let DMARC or the
 * score decide.
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
 *   case 'none': // says nothing
 *   case 'neutral': // does not say
 *   case 'softfail': // probably not
 *     break;
 *   case 'fail':
 *     term; // '-all'
 *     break;
 *   case 'temperror': // ask later
 *   case 'permerror': // the record is in error
 *     reason;
 * }
 * ```
 *
 * @module
 */
export type { CheckHostOptions, SpfOutcome, SpfSubject } from './check-host.ts';
export { checkHost } from './check-host.ts';
export type { Evidence } from './questions.ts';
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
