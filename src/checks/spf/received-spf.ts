import type { Finding, HeaderField, Result } from '../../core/index.ts';
import { printMailbox } from '../../net/index.ts';
import type { ConnectFacts } from '../../smtp/facts.ts';
import type { SpfOutcome } from './check-host.ts';
import type { SpfFacts } from './spf.ts';

/** A longer pair is left out, and a comment is cut: they could not be folded (RFC 5322 §2.1.1). */
const MAX_VALUE = 300;

/**
 * The `Received-SPF` field for a finding (RFC 7208 §9.1), on one line.
 *
 * The receiver is the session's server name; what the sender wrote is quoted, and left out where it is too long.
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
    // §9.1: "default" where no mechanism matched.
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
    // Cut before it is escaped, so that the comment keeps its end.
    .slice(0, MAX_VALUE)
    .replace(/[^\x20-\x7e]/gu, '?')
    .replace(/[\\()]/g, '\\$&');
  return { name: 'Received-SPF', value: `${finding.result} (${comment}) ${written.join('; ')};` };
}

/** In fixed words: what a resolver or an error has to say is not for a stranger's eyes. */
const problems: { readonly [R in Result]?: string } = {
  temperror: 'DNS lookup failed',
  permerror: 'SPF record cannot be used',
};

/** RFC 5322: a dot-atom as it is, everything else quoted; undefined where it cannot be written in ASCII. */
function atomOrQuoted(text: string): string | undefined {
  if (/^[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*$/.test(text)) return text;
  return /^[\x20-\x7e]*$/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : undefined;
}

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
