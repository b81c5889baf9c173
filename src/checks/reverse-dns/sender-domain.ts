import type { Answer, Check } from '../../core/index.ts';
import {
  assertKnownOptions,
  defer,
  defineCheck,
  fail,
  flag,
  neutral,
  none,
  oneOf,
  pass,
  proceed,
  reject,
  temperror,
} from '../../core/index.ts';
import type { MailHosts } from '../../dns/index.ts';
import { addressList, domainList, mailHosts, prefixList } from '../../dns/index.ts';
import type { Env } from '../../env/index.ts';
import type { DomainName, IpAddress, Prefix } from '../../net/index.ts';
import { parseDomain } from '../../net/index.ts';
import type { MailFacts, RcptFacts } from '../../smtp/facts.ts';

/** See {@link senderDomain}. */
export type SenderDomainResult = 'pass' | 'none' | 'neutral' | 'softfail' | 'fail' | 'temperror';

/** The mail hosts of the domain. */
export interface MailDomainDetail extends Partial<Omit<MailHosts, 'domain' | 'state'>> {
  readonly domain: string;
  readonly state: MailHosts['state'] | 'own' | 'address-literal';
}

/** Options of {@link senderDomain}. */
export interface SenderDomainOptions {
  /** Result for a domain whose MX hosts are all private, loopback or otherwise unreachable. Default: `fail`. */
  readonly notPublic?: 'fail' | 'softfail';
  /** Whether a null MX beside other MX records is ignored or counts. Default: `ignore`. */
  readonly mixedNullMx?: 'ignore' | 'null-mx';
  /** Prefixes that count as public although they are not: `127.0.0.0/8` in a test. Default: none. */
  readonly publicNetworks?: readonly string[];
  /** This server's own addresses: a reply to a foreign domain whose only MX hosts are ours would loop. Default: none. */
  readonly ownAddresses?: readonly string[];
  /** The domains for which this server accepts mail. Default: none. */
  readonly ownDomains?: readonly string[];
}

interface Settings {
  readonly publicNetworks: readonly Prefix[];
  readonly ownAddresses: ReadonlySet<IpAddress>;
  readonly ownDomains: ReadonlySet<DomainName>;
}

function read(owner: string, options: SenderDomainOptions, more: readonly string[]): Settings {
  assertKnownOptions(owner, options, ['mixedNullMx', 'publicNetworks', 'ownDomains', ...more]);
  oneOf(owner, 'notPublic', options.notPublic ?? 'fail', ['fail', 'softfail']);
  oneOf(owner, 'mixedNullMx', options.mixedNullMx ?? 'ignore', ['ignore', 'null-mx']);
  return {
    publicNetworks: prefixList(owner, 'publicNetworks', options.publicNetworks),
    ownAddresses: addressList(owner, 'ownAddresses', options.ownAddresses),
    ownDomains: domainList(owner, 'ownDomains', options.ownDomains),
  };
}

/** Returns the detail of a finding, with at most ten MX hosts. */
const detailOf = (found: MailHosts, state: MailDomainDetail['state'] = found.state): MailDomainDetail => ({
  ...found,
  state,
  mxHosts: found.mxHosts.slice(0, 10),
});

/**
 * Checks whether mail to the sender could be delivered.
 *
 * | sender domain | result | cause | recommended |
 * | --- | --- | --- | --- |
 * | an MX host with a public address | `pass` | | |
 * | no MX, an address (implicit MX) | `pass` | | |
 * | `<>` | `none` | | |
 * | an address literal | `neutral` | | |
 * | null MX | `fail` | `sender-null-mx` | 550 5.7.27 |
 * | no such domain, or neither MX nor address | `fail` | `sender-domain` | 550 5.1.8 |
 * | MX, and no target has an address | `fail` | `sender-domain` | 550 5.1.8 |
 * | only private, loopback or literal targets | `fail` (or `softfail`) | `sender-domain` | 550 5.1.8 |
 * | only `ownAddresses`, for a domain that is not in `ownDomains` | `softfail` | `sender-domain` | score |
 * | a DNS lookup failed | `temperror` | `sender-dns` | 451 4.4.3 |
 *
 * @throws {TypeError} if an option is wrong
 */
export function senderDomain(
  options: SenderDomainOptions = {},
): Check<Pick<MailFacts, 'reversePath'>, Pick<Env, 'dns'>, SenderDomainResult, MailDomainDetail> {
  const settings = read('senderDomain', options, ['notPublic', 'ownAddresses']);
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
      explanation: `Sender domain ${domain} does not accept mail (null MX)`,
      detail: detailOf(found, 'null-mx'),
    });
  }
  switch (found.state) {
    case 'usable':
    case 'implicit': {
      const usable = found.mxHosts.filter(({ state }) => state === 'usable');
      // A host whose lookup failed might be another server.
      const known = found.mxHosts.every(
        ({ state, partial }) => state !== 'no-answer' && state !== 'not-examined' && partial !== true,
      );
      const ours =
        known && usable.every(({ addresses }) => addresses.every(({ address }) => settings.ownAddresses.has(address)));
      if (ours && settings.ownAddresses.size > 0 && !settings.ownDomains.has(domain)) {
        return {
          ...lost,
          result: 'softfail',
          explanation: `Mail to sender domain ${domain} would return to this server`,
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
        explanation: `No mail server of sender domain ${domain} is reachable from the Internet`,
      };
    default:
      return none();
  }
}

/** See {@link recipientDomain}. */
export type RecipientDomainResult = 'pass' | 'neutral' | 'fail' | 'temperror';

/**
 * Checks whether mail to the recipient could be delivered. For submission, where an undeliverable message is best refused at
 * once.
 *
 * | recipient domain | result | cause | recommended |
 * | --- | --- | --- | --- |
 * | an MX host, or an address (implicit MX) | `pass` | | |
 * | an address literal | `neutral` | | |
 * | null MX | `fail` | `recipient-null-mx` | 556 5.1.10 |
 * | no such domain, or neither MX nor address | `fail` | `recipient-no-host` | 550 5.1.2 |
 * | MX, and no target is reachable | `fail` | `recipient-unroutable` | 550 5.4.4 |
 * | a DNS lookup failed | `temperror` | | 451 4.4.3 |
 *
 * Domains in `ownDomains` pass without a lookup.
 *
 * @throws {TypeError} if an option is wrong
 */
export function recipientDomain(
  options: Omit<SenderDomainOptions, 'notPublic' | 'ownAddresses'> = {},
): Check<Pick<RcptFacts, 'forwardPath'>, Pick<Env, 'dns'>, RecipientDomainResult, MailDomainDetail> {
  const settings = read('recipientDomain', options, []);
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
          explanation: `Recipient domain ${domain} does not accept mail (null MX)`,
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
            explanation: `No mail server of recipient domain ${domain} is reachable`,
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
