import { assertKnownOptions, wrongOption } from '../../core/index.ts';
import type { Clock, DnsResolver } from '../../env/index.ts';
import { parseDomain, parseIp } from '../../net/index.ts';
import type { CheckHostOptions } from './check-host.ts';
import { checkHost } from './check-host.ts';
import type { SpfOutcome } from './outcome.ts';

/** One of your own senders. */
export interface SpfSender {
  /** The address from which the next hop receives the mail. */
  readonly ip: string;
  /** The domain of the reverse-paths. */
  readonly domain: string;
  /** The EHLO name of the sender. Default: not checked. */
  readonly helo?: string;
}

/** The SPF result that the next hop would get. Plain JSON. */
export interface SpfSelfCheck {
  /** Whether mail passes: the domain authorizes the address, and the EHLO name passes or has no record. */
  readonly passes: boolean;
  readonly mailFrom: SpfOutcome;
  readonly helo?: SpfOutcome;
  /** The result for a host that the record does not list: the number of lookups in the worst case, and the default result. */
  readonly unlistedHost: SpfOutcome;
  /** Problems in words for the postmaster. Empty if there are none. */
  readonly remarks: readonly string[];
}

/**
 * Reserved addresses, from which no mail is sent (RFC 1112 §4, RFC 6666).
 *
 * @internal
 */
export const unlistedHosts = { 4: '240.0.0.1', 6: '0100::1' } as const;
/** From here on, one more service makes the record fail. */
const NEARLY_ALL_LOOKUPS = 9;

/**
 * Checks whether your own outgoing mail passes SPF at the next hop.
 *
 * @throws {TypeError} if an option is wrong
 */
export async function selfCheck(
  sender: SpfSender,
  env: { readonly dns: DnsResolver; readonly clock: Clock },
  options: CheckHostOptions = {},
): Promise<SpfSelfCheck> {
  const { ip, domain, helo } = sender;
  assertKnownOptions('selfCheck', sender, ['ip', 'domain', 'helo']);
  if (parseIp(ip) === undefined) throw wrongOption('selfCheck', 'ip', 'an IP address', ip);
  const isName = (name: unknown): boolean => typeof name === 'string' && parseDomain(name) !== undefined;
  if (!isName(domain)) throw wrongOption('selfCheck', 'domain', 'a domain name like "example.org"', domain);
  if (helo !== undefined && !isName(helo))
    throw wrongOption('selfCheck', 'helo', 'a domain name like "mail.example.org"', helo);
  const mailFrom = `postmaster@${domain}`;
  const other = unlistedHosts[parseIp(ip)?.includes(':') ? 6 : 4];
  const [ours, greeting, unlistedHost] = await Promise.all([
    checkHost({ ip, helo: helo ?? domain, mailFrom }, env, options),
    helo === undefined ? undefined : checkHost({ ip, helo, mailFrom: null }, env, options),
    checkHost({ ip: other, helo: domain, mailFrom }, env, options),
  ]);
  const greets = greeting === undefined || greeting.result === 'pass' || greeting.result === 'none';
  return {
    passes: ours.result === 'pass' && greets,
    mailFrom: ours,
    helo: greeting,
    unlistedHost,
    remarks: remarksOn(sender, ours, greeting, unlistedHost),
  };
}

function remarksOn(
  { ip, domain, helo }: SpfSender,
  ours: SpfOutcome,
  greeting: SpfOutcome | undefined,
  unlistedHost: SpfOutcome,
): string[] {
  const remarks: string[] = [];
  if (ours.result === 'none') remarks.push(`${domain} publishes no SPF record`);
  else if (ours.result !== 'pass')
    remarks.push(
      `${ip} does not pass for ${domain}: ${ours.result}${ours.reason === undefined ? '' : `, ${ours.reason}`}`,
    );
  if (greeting?.result === 'none') remarks.push(`${helo} publishes no SPF record; "v=spf1 a -all" is enough`);
  else if (greeting !== undefined && greeting.result !== 'pass')
    remarks.push(`${ip} does not pass for ${helo}: ${greeting.result}`);
  if (unlistedHost.result === 'permerror' && ours.result !== 'permerror')
    remarks.push(`for hosts that are not listed, the record is invalid: ${unlistedHost.reason}`);
  else if (unlistedHost.lookups.terms >= NEARLY_ALL_LOOKUPS)
    remarks.push(`for hosts that are not listed, the record takes ${unlistedHost.lookups.terms} of 10 lookups`);
  if (unlistedHost.result === 'neutral' && unlistedHost.record !== undefined)
    remarks.push('the record makes no statement about other hosts: add "-all" or "~all"');
  const broad = new Set([...(ours.broad ?? []), ...(unlistedHost.broad ?? [])]);
  if (broad.size > 0) remarks.push(`the record authorizes too many addresses: ${[...broad].join(', ')}`);
  if (/(?:^| )[-+?~]?ptr(?:[: ]|$)/i.test(ours.record ?? ''))
    remarks.push('the record uses "ptr", which should not be used (RFC 7208 §5.5)');
  return remarks;
}
