import type { RedundancyHost } from '../checks/mx-redundancy/index.ts';
import type { IpAddress } from '../net/index.ts';
import { ipVersion } from '../net/index.ts';
import type { AuditContext } from './context.ts';
import { auditService, findServices } from './login/index.ts';
import { auditTlsa } from './records/index.ts';
import type { RecordsAudit, ServiceAudit } from './report.ts';
import { auditMxHost } from './smtp/index.ts';
import type { Steps } from './steps.ts';

/** Returns the public addresses of an MX host. */
export const publicAddressesOf = ({ addresses }: RedundancyHost): IpAddress[] =>
  addresses.flatMap(({ address, scope }) => (scope === 'public' ? [address] : []));

/** Checks each public address of each MX host. */
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
    const addresses = publicAddressesOf(mxHost).filter(hasRoute(steps, context));
    const records = addresses.length === 0 ? undefined : steps.probe('dane', () => auditTlsa(host, port, context));
    const tlsa = records?.then((known) => known?.answer);
    return addresses.map((address) =>
      steps.run(`${host}[${address}]:${port}`, () =>
        auditMxHost({ host, address, port, preference }, domain, context, { tlsa, mtaSts }),
      ),
    );
  });
  return servicesOf(await Promise.all(audits), steps);
}

/** Checks the login services, as soon as the SRV records are known. */
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
      steps.note(`${host} was not checked: it has no known public address.`);
  const audits = targets
    .filter(({ address }) => hasRoute(steps, context)(address as IpAddress))
    .map((target) =>
      steps.run(`${target.host}[${target.address}]:${target.port}`, async () => {
        const audit = await auditService(target, context);
        return audit ?? { findings: [], here: false, service: undefined };
      }),
    );
  return servicesOf(await Promise.all(audits), steps);
}

/** Returns the services that exist, and notes those that run on this machine. */
function servicesOf(
  audits: readonly ({ readonly service: ServiceAudit | undefined; readonly here: boolean } | undefined)[],
  steps: Steps,
): readonly ServiceAudit[] {
  return audits.flatMap((audit) => {
    if (audit?.here === true && audit.service !== undefined) steps.here(audit.service);
    return audit?.service ?? [];
  });
}

/** Whether this machine can connect to addresses of this family. */
const hasRoute =
  (steps: Steps, context: AuditContext) =>
  (address: IpAddress): boolean => {
    if (ipVersion(address) === 4 || hasIpv6(context)) return true;
    steps.note('This machine has no IPv6: IPv6 addresses were not checked.');
    return false;
  };

/** Whether this machine has a routable IPv6 address. Any IPv6 prefix in `publicNetworks` counts as one. */
function hasIpv6({ localAddresses, settings }: AuditContext): boolean {
  if (localAddresses === undefined || settings.publicNetworks.some((prefix) => prefix.includes(':'))) return true;
  return localAddresses().some((address) => address.includes(':') && address !== '::1' && !/^fe[89ab]/i.test(address));
}
