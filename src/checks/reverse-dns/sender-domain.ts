import type { Answer, Check } from '../../core/index.ts';
import { defer, defineCheck, fail, flag, neutral, none, pass, proceed, reject, temperror } from '../../core/index.ts';
import type { MailHosts } from '../../dns/index.ts';
import { mailHosts } from '../../dns/index.ts';
import type { Env } from '../../env/index.ts';
import type { DomainName, IpAddress, Prefix } from '../../net/index.ts';
import { parseDomain, parseIp, parsePrefix } from '../../net/index.ts';
import type { MailFacts, RcptFacts } from '../../smtp/facts.ts';

/** See {@link senderDomain}. */
export type SenderDomainResult = 'pass' | 'none' | 'neutral' | 'softfail' | 'fail' | 'temperror';

/** What was found, for the log. */
export interface MailDomainDetail extends Partial<Omit<MailHosts, 'domain' | 'state'>> {
  readonly domain: string;
  readonly state: MailHosts['state'] | 'own' | 'address-literal';
}

/** Options of {@link senderDomain}. */
export interface SenderDomainOptions {
  /** A domain whose MX hosts are all private, loopback or otherwise unreachable: `fail` (the default) or `softfail`. */
  readonly notPublic?: 'fail' | 'softfail';
  /** A null MX beside other records: ignored (the default), or the same as one that stands alone. */
  readonly mixedNullMx?: 'ignore' | 'null-mx';
  /** Prefixes that count as public although they are not: `127.0.0.0/8` in a test. */
  readonly publicNetworks?: readonly string[];
  /** This server's own addresses: a stranger's domain whose only MX hosts are ours cannot be answered. */
  readonly ownAddresses?: readonly string[];
  /** The domains that this server does take mail for. */
  readonly ownDomains?: readonly string[];
}

interface Settings {
  readonly publicNetworks: readonly Prefix[];
  readonly ownAddresses: ReadonlySet<IpAddress>;
  readonly ownDomains: ReadonlySet<DomainName>;
}

function read(verb: string, options: SenderDomainOptions): Settings {
  const wrong = (what: string): TypeError => new TypeError(`${verb}: ${what}`);
  const { notPublic = 'fail', mixedNullMx = 'ignore' } = options;
  if (notPublic !== 'fail' && notPublic !== 'softfail')
    throw wrong(`notPublic ${JSON.stringify(notPublic)} must be "fail" or "softfail"`);
  if (mixedNullMx !== 'ignore' && mixedNullMx !== 'null-mx')
    throw wrong(`mixedNullMx ${JSON.stringify(mixedNullMx)} must be "ignore" or "null-mx"`);
  return {
    publicNetworks: (options.publicNetworks ?? []).map((text) => {
      try {
        return parsePrefix(text);
      } catch (error) {
        throw wrong(`publicNetworks: ${(error as Error).message}; give prefixes like "127.0.0.0/8"`);
      }
    }),
    ownAddresses: new Set(
      (options.ownAddresses ?? []).map((text) => {
        const ip = parseIp(text);
        if (ip === undefined) throw wrong(`ownAddresses ${JSON.stringify(text)} is not an IP address`);
        return ip;
      }),
    ),
    ownDomains: new Set(
      (options.ownDomains ?? []).map((text) => {
        const domain = parseDomain(text);
        if (domain === undefined) throw wrong(`ownDomains ${JSON.stringify(text)} is not a domain name`);
        return domain;
      }),
    ),
  };
}

/** The detail of a finding; a long list of MX hosts is cut. */
const detailOf = (found: MailHosts, state: MailDomainDetail['state'] = found.state): MailDomainDetail => ({
  ...found,
  state,
  mxHosts: found.mxHosts.slice(0, 10),
});

/**
 * Could an answer to this sender be delivered?
 *
 * | what is so | result | cause | recommended |
 * | --- | --- | --- | --- |
 * | an MX host with a public address | `pass` | | |
 * | no MX, an address (implicit MX) | `pass` | | |
 * | `<>` | `none` | | |
 * | an address literal | `neutral` | | |
 * | null MX | `fail` | `sender-null-mx` | 550 5.7.27 |
 * | no such domain, or neither MX nor address | `fail` | `sender-domain` | 550 5.1.8 |
 * | MX, and no target has an address | `fail` | `sender-domain` | 550 5.1.8 |
 * | only private, loopback or literal targets | `fail` (or `softfail`) | `sender-domain` | 550 5.1.8 |
 * | only our own addresses, for a domain that is not ours | `softfail` | `sender-domain` | score |
 * | the DNS did not say | `temperror` | `sender-dns` | 451 4.4.3 |
 *
 * @throws TypeError for an option that is wrong
 */
export function senderDomain(
  options: SenderDomainOptions = {},
): Check<Pick<MailFacts, 'reversePath'>, Pick<Env, 'dns'>, SenderDomainResult, MailDomainDetail> {
  const settings = read('senderDomain', options);
  return defineCheck<Pick<MailFacts, 'reversePath'>, Pick<Env, 'dns'>, SenderDomainResult, MailDomainDetail>(
    'sender-domain',
    async ({ reversePath }, env, signal): Promise<Answer<SenderDomainResult, MailDomainDetail>> => {
      if (reversePath === null) return none();
      const domain = parseDomain(reversePath.domain);
      if (domain === undefined)
        return neutral({ detail: { domain: reversePath.domain, state: 'address-literal' as const } });
      const found = await mailHosts(domain, env, {
        signal,
        look: settings.ownAddresses.size > 0 ? 'all' : 'first-usable',
        publicNetworks: settings.publicNetworks,
      });
      return judgeSender(found, settings, options);
    },
    { none: proceed, neutral: proceed, softfail: flag(1), fail: reject(), temperror: defer() },
    { earliest: 'mail' },
  );
}

function judgeSender(
  found: MailHosts,
  settings: Settings,
  options: SenderDomainOptions,
): Answer<SenderDomainResult, MailDomainDetail> {
  const { domain } = found;
  const lost = { status: '1.8', cause: 'sender-domain', detail: detailOf(found) } as const;
  if (found.state === 'null-mx' || (found.nullMixed && options.mixedNullMx === 'null-mx')) {
    return fail({
      status: '7.27',
      cause: 'sender-null-mx',
      explanation: `Sender domain ${domain} takes no mail (null MX)`,
      detail: detailOf(found, 'null-mx'),
    });
  }
  switch (found.state) {
    case 'usable':
    case 'implicit': {
      const usable = found.mxHosts.filter(({ state }) => state === 'usable');
      // A host that is not known might be another server than ours.
      const known = found.mxHosts.every(
        ({ state, partial }) => state !== 'no-answer' && state !== 'not-examined' && partial !== true,
      );
      const ours =
        known && usable.every(({ addresses }) => addresses.every(({ address }) => settings.ownAddresses.has(address)));
      if (ours && settings.ownAddresses.size > 0 && !settings.ownDomains.has(domain)) {
        return {
          ...lost,
          result: 'softfail',
          explanation: `Mail for sender domain ${domain} would come back to this server`,
          detail: detailOf(found, 'own'),
        };
      }
      return pass({ detail: detailOf(found) });
    }
    case 'no-answer':
      return temperror({
        status: '4.3',
        cause: 'sender-dns',
        explanation: `Sender domain ${domain} could not be looked up`,
        detail: detailOf(found),
      });
    case 'no-host':
      return fail({
        ...lost,
        explanation: `Sender domain ${domain} ${found.nxdomain ? 'does not exist' : 'has no mail server'}`,
      });
    case 'none-usable':
      return fail({ ...lost, explanation: `No mail server of sender domain ${domain} has an address` });
    case 'not-public':
      return {
        ...lost,
        result: options.notPublic ?? 'fail',
        explanation: `No mail server of sender domain ${domain} can be reached from the Internet`,
      };
    default:
      return none();
  }
}

/** See {@link recipientDomain}. */
export type RecipientDomainResult = 'pass' | 'neutral' | 'fail' | 'temperror';

/**
 * Could mail to this recipient be delivered? For submission, where a message that cannot be is best refused at once.
 *
 * | what is so | result | cause | recommended |
 * | --- | --- | --- | --- |
 * | an MX host, or an address (implicit MX) | `pass` | | |
 * | an address literal | `neutral` | | |
 * | null MX | `fail` | `recipient-null-mx` | 556 5.1.10 |
 * | no such domain, or neither MX nor address | `fail` | `recipient-no-host` | 550 5.1.2 |
 * | MX, and no target can be reached | `fail` | `recipient-unroutable` | 550 5.4.4 |
 * | the DNS did not say | `temperror` | | 451 4.4.3 |
 *
 * Domains in `ownDomains` pass without being asked about.
 *
 * @throws TypeError for an option that is wrong
 */
export function recipientDomain(
  options: Omit<SenderDomainOptions, 'notPublic' | 'ownAddresses'> = {},
): Check<Pick<RcptFacts, 'forwardPath'>, Pick<Env, 'dns'>, RecipientDomainResult, MailDomainDetail> {
  const settings = read('recipientDomain', options);
  return defineCheck<Pick<RcptFacts, 'forwardPath'>, Pick<Env, 'dns'>, RecipientDomainResult, MailDomainDetail>(
    'recipient-domain',
    async ({ forwardPath }, env, signal): Promise<Answer<RecipientDomainResult, MailDomainDetail>> => {
      const domain = parseDomain(forwardPath.domain);
      if (domain === undefined)
        return neutral({ detail: { domain: forwardPath.domain, state: 'address-literal' as const } });
      if (settings.ownDomains.has(domain)) return pass({ detail: { domain, state: 'own' as const } });
      const found = await mailHosts(domain, env, {
        signal,
        look: 'first-usable',
        publicNetworks: settings.publicNetworks,
      });
      const detail = detailOf(found);
      if (found.state === 'null-mx' || (found.nullMixed && options.mixedNullMx === 'null-mx')) {
        return fail({
          status: '1.10',
          cause: 'recipient-null-mx',
          explanation: `Recipient domain ${domain} takes no mail (null MX)`,
          detail: detailOf(found, 'null-mx'),
        });
      }
      switch (found.state) {
        case 'no-host':
          return fail({
            status: '1.2',
            cause: 'recipient-no-host',
            explanation: `Recipient domain ${domain} ${found.nxdomain ? 'does not exist' : 'has no mail server'}`,
            detail,
          });
        case 'none-usable':
        case 'not-public':
          return fail({
            status: '4.4',
            cause: 'recipient-unroutable',
            explanation: `No mail server of recipient domain ${domain} can be reached`,
            detail,
          });
        case 'no-answer':
          return temperror({
            status: '4.3',
            explanation: `Recipient domain ${domain} could not be looked up`,
            detail,
          });
        default:
          return pass({ detail });
      }
    },
    { neutral: proceed, fail: reject(), temperror: defer() },
  );
}
