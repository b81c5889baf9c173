import type { MailHosts, MxHost } from '../../dns/index.ts';
import type { Env } from '../../env/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { prefixKey, registrableDomain } from '../../net/index.ts';
import type { RedundancyFinding } from './findings.ts';
import { dnsTrouble, found } from './findings.ts';
import type { Settings } from './options.ts';
import { providerOf } from './providers.ts';
import type { RedundancyHost } from './report.ts';

/** Returns each host once, with its best preference. */
export function distinct(mxHosts: readonly MxHost[]): MxHost[] {
  const byHost = new Map<string, MxHost>();
  for (const mxHost of mxHosts) if (!byHost.has(mxHost.host)) byHost.set(mxHost.host, mxHost);
  return [...byHost.values()];
}

const lengths = { v4: 24, v6: 48 } as const;
/** Returns the public addresses of a host. */
export const publicAddresses = (host: MxHost): IpAddress[] =>
  host.addresses.flatMap(({ address, scope }) => (scope === 'public' ? [address] : []));

/** Examines one target: aliases, scopes of its addresses, provider. */
export async function describe(
  mxHost: MxHost,
  mail: MailHosts,
  env: Pick<Env, 'dns'>,
  settings: Settings,
  signal: AbortSignal | undefined,
): Promise<{ readonly host: RedundancyHost; readonly findings: readonly RedundancyFinding[] }> {
  const { host: name, state, preference } = mxHost;
  const record = mail.implicit ? `${name} (no MX)` : `${mail.domain} MX ${preference} ${name}`;
  const findings: RedundancyFinding[] = [];
  const isName = state !== 'address-literal' && state !== 'no-host-name' && state !== 'not-examined';
  const [cname, asns] = await Promise.all([
    isName && !mail.implicit ? env.dns.resolve(name, 'CNAME', { signal }) : undefined,
    asnsOf(mxHost, settings),
  ]);
  const alias = cname?.status === 'found' ? cname.records[0]?.name : undefined;
  const loop =
    alias === undefined || state === 'usable' || state === 'not-public'
      ? undefined
      : await aliasLoop(name, env, signal);
  if (alias !== undefined) {
    findings.push(
      found('mx-cname', name, `The target ${name} is an alias of ${alias}.`, [record, `${name} CNAME ${alias}`]),
    );
  }
  const outside = mxHost.addresses.filter(({ scope }) => scope !== 'public');
  if (outside.length > 0) {
    const evidence = outside.map(({ address, scope }) => `${name} ${address} (${scope})`);
    findings.push(
      state === 'not-public'
        ? found(
            'mx-private',
            name,
            `The target ${name} has no address that is reachable from the Internet.`,
            [record, ...evidence],
            // No mail can be delivered.
            mail.state === 'not-public' ? 'critical' : 'high',
          )
        : found(
            'mx-private',
            name,
            `One of the addresses of ${name} is not reachable from the Internet.`,
            evidence,
            'medium',
          ),
    );
  }
  if (state === 'address-literal')
    findings.push(found('mx-address-literal', name, `The target ${name} is an IP address, not a name.`, [record]));
  if (state === 'no-host-name')
    findings.push(found('mx-invalid-target', name, `The target ${JSON.stringify(name)} is not a host name.`, [record]));
  else if (isName && name.includes('_'))
    findings.push(
      found(
        'mx-invalid-target',
        name,
        `The target ${name} contains an underscore, which is invalid in host names: some senders refuse it.`,
        [record],
        'medium',
      ),
    );
  if (loop !== undefined)
    findings.push(found('mx-unresolvable', name, `The target ${name} is an alias of itself.`, [record, ...loop]));
  else if (state === 'no-address' && !mail.implicit) {
    const lost = await missing(mxHost, record, env, signal);
    // If no target has an address, one finding about the domain covers them. A domain that can be registered is separate.
    if (mail.state !== 'none-usable' || lost.id === 'mx-dangling') findings.push(lost);
  }
  if (state === 'no-answer' && loop === undefined && !mail.implicit) {
    const what = `The addresses of ${name} could not be looked up (${mxHost.reason ?? 'no answer'}).`;
    findings.push(found(dnsTrouble(mxHost.reason), name, what, [record]));
  }
  const provider = providerOf(alias ?? name, settings.providers) ?? providerOf(name, settings.providers);
  return {
    findings,
    host: {
      ...mxHost,
      ...(loop === undefined ? {} : { state: 'no-address' as const, reason: undefined, partial: undefined }),
      networks: [...new Set(publicAddresses(mxHost).map((address) => prefixKey(address, lengths)))],
      alias,
      asns,
      ...(provider === undefined ? {} : { provider: provider.name }),
    },
  };
}

/** Limit of followed aliases. Resolvers have similar limits. */
const MAX_ALIASES = 16;

/** Returns the chain of aliases from this name if it is a loop, or else undefined. */
export async function aliasLoop(
  name: string,
  env: Pick<Env, 'dns'>,
  signal: AbortSignal | undefined,
): Promise<readonly string[] | undefined> {
  const seen = new Set([name]);
  const lines: string[] = [];
  for (let at = name; lines.length < MAX_ALIASES; ) {
    const answer = await env.dns.resolve(at, 'CNAME', { signal });
    const next = answer.status === 'found' ? answer.records[0]?.name.toLowerCase().replace(/\.$/, '') : undefined;
    if (next === undefined) return undefined;
    lines.push(`${at} CNAME ${next}`);
    if (seen.has(next)) return lines;
    seen.add(next);
    at = next;
  }
  return undefined;
}

async function asnsOf(mxHost: MxHost, { asnOf }: Settings): Promise<readonly number[] | undefined> {
  if (asnOf === undefined) return undefined;
  const all = await Promise.all(
    publicAddresses(mxHost).map(async (address) => {
      try {
        return await asnOf(address);
      } catch {
        return undefined; // An error of the caller's function means unknown.
      }
    }),
  );
  return [...new Set(all.filter((asn) => asn !== undefined))];
}

/** Returns the finding for a target without an address. It is worst if its domain can be registered by anyone. */
async function missing(
  { host, nonexistent }: MxHost,
  record: string,
  env: Pick<Env, 'dns'>,
  signal: AbortSignal | undefined,
): Promise<RedundancyFinding> {
  const owner = nonexistent ? registrableDomain(host) : undefined;
  const ns = owner === undefined ? undefined : await env.dns.resolve(owner, 'NS', { signal });
  if (ns?.status === 'nxdomain') {
    return found('mx-dangling', host, `The target ${host} lies in ${owner}, a domain that does not exist.`, [
      record,
      `${owner} NXDOMAIN`,
    ]);
  }
  const why = nonexistent ? 'does not exist' : 'has no address';
  return found('mx-unresolvable', host, `The target ${host} ${why}.`, [record]);
}
