import type { Finding, HeaderField, Result } from '../../core/index.ts';
import { printMailbox } from '../../net/index.ts';
import type { ConnectFacts } from '../../smtp/facts.ts';
import type { SpfOutcome } from './outcome.ts';
import type { SpfFacts } from './spf.ts';

/** Limit of a pair in characters. Longer pairs are omitted and a longer comment is cut: they cannot be folded (RFC 5322 §2.1.1). */
const MAX_VALUE = 300;

/**
 * Returns the `Received-SPF` field for a finding (RFC 7208 §9.1), on one line.
 *
 * The receiver is the server name of the session. Text from the sender is quoted, or omitted if it is too long.
 */
export function receivedSpf(
  finding: Finding<Result, SpfOutcome>,
  facts: SpfFacts & { readonly session?: Pick<ConnectFacts['session'], 'serverName'> },
): HeaderField {
  const { detail } = finding;
  const { ip } = facts.client;
  const identity = detail?.identity ?? (facts.reversePath === null ? 'helo' : 'mailfrom');
  const domain = detail?.domain ?? facts.reversePath?.domain ?? facts.helo.name;
  const receiver = facts.session?.serverName ?? 'unknown';
  const pairs: [string, string | undefined][] = [
    ['client-ip', ip],
    ['envelope-from', facts.reversePath === null ? '' : printMailbox(facts.reversePath)],
    ['helo', facts.helo.name],
    ['receiver', receiver],
    ['identity', identity],
    // §9.1: "default" if no mechanism matched.
    [
      'mechanism',
      detail?.reason === undefined && detail?.record !== undefined ? (detail.term ?? 'default') : undefined,
    ],
    ['problem', problems[finding.result]],
  ];
  const written = pairs.flatMap(([key, value]) => {
    const text = value === undefined ? undefined : atomOrQuoted(value);
    return text === undefined || text.length > MAX_VALUE ? [] : [`${key}=${text}`];
  });
  const comment = `${receiver}: ${meaning(finding.result, domain, ip)}`
    // Cut before escaping, so that no escape sequence is split.
    .slice(0, MAX_VALUE)
    .replace(/[^\x20-\x7e]/gu, '?')
    .replace(/[\\()]/g, '\\$&');
  return { name: 'Received-SPF', value: `${finding.result} (${comment}) ${written.join('; ')};` };
}

/** Fixed texts: messages of a resolver or an error must not reach third parties. */
const problems: { readonly [R in Result]?: string } = {
  temperror: 'DNS lookup failed',
  permerror: 'SPF record cannot be used',
};

/** Returns a dot-atom unchanged and other text quoted (RFC 5322), or undefined if it is not ASCII. */
function atomOrQuoted(text: string): string | undefined {
  if (/^[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*$/.test(text)) return text;
  return /^[\x20-\x7e]*$/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : undefined;
}

/** Returns the comment that RFC 7208 §9.1 shows for a result. */
function meaning(result: Result, domain: string, ip: string): string {
  switch (result) {
    case 'pass':
      return `domain of ${domain} designates ${ip} as permitted sender`;
    case 'fail':
      return `domain of ${domain} does not designate ${ip} as permitted sender`;
    case 'softfail':
      return `domain of transitioning ${domain} does not designate ${ip} as permitted sender`;
    case 'neutral':
      return `${ip} is neither permitted nor denied by domain of ${domain}`;
    case 'none':
      return `domain of ${domain} does not designate permitted sender hosts`;
    case 'permerror':
      return `permanent error in processing during lookup of ${domain}`;
    case 'temperror':
      return `error in processing during lookup of ${domain}`;
  }
}
