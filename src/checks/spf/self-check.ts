import type { Clock, DnsResolver } from '../../env/index.ts';
import { parseDomain, parseIp } from '../../net/index.ts';
import type { CheckHostOptions, SpfOutcome } from './check-host.ts';
import { checkHost } from './check-host.ts';

/** One of our own senders: from where, in whose name, and how it greets. */
export interface SpfSender {
  /** The address that our next hop sees. */
  readonly ip: string;
  /** The domain of our reverse-paths. */
  readonly domain: string;
  /** The name our client gives in EHLO, where it is to be checked too. */
  readonly helo?: string;
}

/** What our next hop would make of us. Plain JSON. */
export interface SpfSelfCheck {
  /** Our mail passes: the domain's record lets the address send, and the record of the EHLO name, if any, does not object. */
  readonly passes: boolean;
  readonly mailFrom: SpfOutcome;
  readonly helo?: SpfOutcome;
  /** The record as a client meets it for whom nothing matches: what it costs then, and what it says. */
  readonly unlistedHost: SpfOutcome;
  /** What a postmaster should know, in words. Empty is well. */
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
 * Whether our own outgoing mail passes SPF at the next hop.
 *
 * @throws TypeError where `ip`, `domain` or `helo` is none
 */
export async function selfCheck(
  sender: SpfSender,
  env: { readonly dns: DnsResolver; readonly clock: Clock },
  options: CheckHostOptions = {},
): Promise<SpfSelfCheck> {
  const { ip, domain, helo } = sender;
  if (parseIp(ip) === undefined) throw new TypeError(`selfCheck: ip ${JSON.stringify(ip)} is not an IP address`);
  for (const [what, name] of Object.entries({ domain, helo })) {
    if (name !== undefined && parseDomain(name) === undefined)
      throw new TypeError(
        `selfCheck: ${what} ${JSON.stringify(name)} is not a domain name; give it like "mail.example.org"`,
      );
  }
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
    remarks.push(`${domain} does not pass ${ip}: ${ours.result}${ours.reason === undefined ? '' : `, ${ours.reason}`}`);
  if (greeting?.result === 'none') remarks.push(`${helo} publishes no SPF record; "v=spf1 a -all" would do`);
  else if (greeting !== undefined && greeting.result !== 'pass')
    remarks.push(`${helo} does not pass ${ip}: ${greeting.result}`);
  if (unlistedHost.result === 'permerror' && ours.result !== 'permerror')
    remarks.push(`where nothing matches, the record is in error: ${unlistedHost.reason}`);
  else if (unlistedHost.lookups.terms >= NEARLY_ALL_LOOKUPS)
    remarks.push(`the record spends ${unlistedHost.lookups.terms} of 10 look-ups where nothing matches`);
  if (unlistedHost.result === 'neutral' && unlistedHost.record !== undefined)
    remarks.push('the record does not say what becomes of other hosts: it wants "-all" or "~all"');
  const broad = new Set([...(ours.broad ?? []), ...(unlistedHost.broad ?? [])]);
  if (broad.size > 0) remarks.push(`the record lets in more than anybody can vouch for: ${[...broad].join(', ')}`);
  if (/(?:^| )[-+?~]?ptr(?:[: ]|$)/i.test(ours.record ?? ''))
    remarks.push('the record uses "ptr", which should not be used (RFC 7208 §5.5)');
  return remarks;
}
