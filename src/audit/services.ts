import type { RedundancyHost } from '../checks/mx-redundancy/index.ts';
import type { IpAddress } from '../net/index.ts';
import { ipVersion } from '../net/index.ts';
import type { AuditContext } from './context.ts';
import { auditService, findServices } from './login/index.ts';
import { auditTlsa } from './records/index.ts';
import type { RecordsAudit, ServiceAudit } from './report.ts';
import { auditMxHost } from './smtp/index.ts';
import type { Steps } from './steps.ts';

/** The addresses of an MX host that the Internet can reach. */
export const publicAddressesOf = ({ addresses }: RedundancyHost): IpAddress[] =>
  addresses.flatMap(({ address, scope }) => (scope === 'public' ? [address] : []));

/** Talks to each address of each MX host. */
export async function auditMxHosts(
  domain: string,
  mxHosts: readonly RedundancyHost[],
  mtaSts: Promise<NonNullable<RecordsAudit['mtaSts']>['policy']>,
  steps: Steps,
  context: AuditContext,
): Promise<readonly ServiceAudit[]> {
  const port = context.settings.ports.smtp;
  if (port === undefined || !steps.wanted('smtp', 'relay', 'failover', 'tls', 'dane', 'mta-sts')) return [];
  const audits = mxHosts.flatMap((mxHost) => {
    const { host, preference } = mxHost;
    const addresses = publicAddressesOf(mxHost).filter(within(steps, context));
    const records = addresses.length === 0 ? undefined : steps.ask('dane', () => auditTlsa(host, port, context));
    const tlsa = records?.then((known) => known?.answer);
    return addresses.map((address) =>
      steps.run(`${host}[${address}]:${port}`, () =>
        auditMxHost({ host, address, port, preference }, domain, context, { tlsa, mtaSts }),
      ),
    );
  });
  return kept(await Promise.all(audits), steps);
}

/** Talks to the services that users log in to, as soon as it is known where these are. */
export async function auditLogins(
  domain: string,
  mxHosts: readonly RedundancyHost[],
  announced: Promise<NonNullable<RecordsAudit['srv']> | undefined>,
  steps: Steps,
  context: AuditContext,
): Promise<readonly ServiceAudit[]> {
  if (!steps.wanted('login', 'tls')) return [];
  const targets = await findServices(domain, { mxHosts, srv: (await announced) ?? [] }, context);
  for (const host of context.settings.hosts)
    if (!targets.some(({ required }) => required.includes(host)))
      steps.note(`${host} was not looked at: no address of it is known that the Internet can reach.`);
  const audits = targets
    .filter(({ address }) => within(steps, context)(address as IpAddress))
    .map((target) =>
      steps.run(`${target.host}[${target.address}]:${target.port}`, async () => {
        const audit = await auditService(target, context);
        return audit ?? { findings: [], here: false, service: undefined };
      }),
    );
  return kept(await Promise.all(audits), steps);
}

/** What was there; what a reader must know of it is noted. */
function kept(
  audits: readonly ({ readonly service: ServiceAudit | undefined; readonly here: boolean } | undefined)[],
  steps: Steps,
): readonly ServiceAudit[] {
  return audits.flatMap((audit) => {
    if (audit?.here === true && audit.service !== undefined) steps.here(audit.service);
    return audit?.service ?? [];
  });
}

/** Whether an address can be reached from here. */
const within =
  (steps: Steps, context: AuditContext) =>
  (address: IpAddress): boolean => {
    if (ipVersion(address) === 4 || hasIpv6(context)) return true;
    steps.note('This machine has no IPv6: addresses of that kind were not connected to.');
    return false;
  };

/** Whether this machine has an IPv6 address that leads anywhere; loopback does where that counts as public. */
function hasIpv6({ localAddresses, settings }: AuditContext): boolean {
  if (localAddresses === undefined || settings.publicNetworks.some((prefix) => prefix.includes(':'))) return true;
  return localAddresses().some((address) => address.includes(':') && address !== '::1' && !/^fe[89ab]/i.test(address));
}
