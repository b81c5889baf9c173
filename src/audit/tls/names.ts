import { parseDomain, parseIp } from '../../net/index.ts';

/**
 * Whether a DNS name of a certificate matches a host name (RFC 9525 §6.3, §6.4).
 *
 * A wildcard must be the complete left-most label, matches one label, and needs at least two more labels: `*.com` matches
 * nothing. Names are compared in A-labels, case-insensitively.
 *
 * @param presented the name in the certificate
 * @param host a host name, with A-labels or U-labels
 */
export function namesHost(presented: string, host: string): boolean {
  const wanted = canonical(host);
  if (wanted === undefined) return false;
  if (!presented.startsWith('*.')) return canonical(presented) === wanted;
  const parent = canonical(presented.slice(2));
  if (parent?.includes('.') !== true) return false;
  const dot = wanted.indexOf('.');
  return dot > 0 && wanted.slice(dot + 1) === parent;
}

/** Returns the name in lower-case A-labels without a trailing dot, or undefined if it is not a host name. */
function canonical(name: string): string | undefined {
  if (parseIp(name) !== undefined || /[^!-~\u0080-\uffff]|[*]/.test(name)) return undefined;
  return parseDomain(name);
}
