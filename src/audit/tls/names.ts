import { parseDomain, parseIp } from '../../net/index.ts';

/**
 * Whether a DNS name of a certificate is that of a host (RFC 9525 §6.3, §6.4).
 *
 * A wildcard is the whole left-most label, stands for one label, and has two labels behind it at least: `*.com` is
 * nobody's. Names are compared in A-labels, without regard to case.
 *
 * @param presented as it stands in the certificate
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

/** Lower case, A-labels, no dot at the end; undefined for an address and for what is no name. */
function canonical(name: string): string | undefined {
  if (parseIp(name) !== undefined || /[^!-~\u0080-\uffff]|[*]/.test(name)) return undefined;
  return parseDomain(name);
}
