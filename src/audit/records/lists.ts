import { presets } from '../../checks/dnsbl/index.ts';
import type { ListAnswer, ListZone, ListZoneOptions } from '../../dns/index.ts';
import { listWatch, queryList, readListZone } from '../../dns/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { ipVersion, reverseLabels } from '../../net/index.ts';
import { type AuditFinding, found } from '../finding.ts';
import type { RecordsAudit } from '../report.ts';
import { lookupFailed, probeResolver, type RecordsContext } from './probe-resolver.ts';

type ListsAudit = NonNullable<RecordsAudit['lists']>;

/**
 * Looks the addresses up in DNS lists (RFC 5782). The answers of a list that fails its test entries, or returns an error code,
 * are ignored. Lists with a preset in `checks/dnsbl` are queried as the preset says.
 *
 * @param zones as given in the options; a customer key in front of the zone is never printed
 */
export async function auditLists(
  addresses: readonly IpAddress[],
  zones: readonly string[],
  context: RecordsContext,
): Promise<{ readonly audit: ListsAudit; readonly findings: readonly AuditFinding[] }> {
  const results = await Promise.all(
    [...new Set(zones)].map((zone) => auditList([...new Set(addresses)], zone, context)),
  );
  return { audit: results.flatMap(({ audit }) => audit), findings: results.flatMap(({ findings }) => findings) };
}

async function auditList(
  addresses: readonly IpAddress[],
  zone: string,
  context: RecordsContext,
): ReturnType<typeof auditLists> {
  const known = describe(zone);
  const all = (result: 'broken'): ListsAudit => addresses.map((address) => ({ address, list: known.zone, result }));
  const broken = (reason: string, evidence: readonly string[] = []): Awaited<ReturnType<typeof auditLists>> => ({
    audit: all('broken'),
    findings: [found('list-broken', known.zone, `The answers of ${known.zone} are ignored: ${reason}.`, evidence)],
  });
  let list: ListZone;
  try {
    list = readListZone('audit: lists', { ...known.options, text: true, timeoutMs: context.settings.timeoutMs });
  } catch (error) {
    return broken(known.options.retired ?? (error as Error).message);
  }
  const env = { dns: probeResolver(context), clock: context.clock };
  const watch = listWatch();
  const [record, answers] = await Promise.all([
    watch.check(list, env),
    Promise.all(addresses.map(async (address) => ({ address, ...(await lookUp(address, list, env, context.signal)) }))),
  ]);
  if (record.suspended !== undefined) return broken(record.suspended.reason);
  const refused = answers.find(({ answer }) => answer.status === 'blocked' || answer.status === 'invalid')?.answer;
  if (refused?.status === 'blocked' || refused?.status === 'invalid')
    return broken(refused.reason, [`returned: ${refused.answers.join(', ')}`]);
  if (record.provenAt === undefined) {
    const reason = answers.map(({ answer }) => ('reason' in answer ? answer.reason : undefined)).find(Boolean);
    return {
      audit: all('broken'),
      findings: lookupFailed('lists', known.zone, [
        { name: known.zone, type: 'A', reason: reason ?? 'no answer for its test entries' },
      ]),
    };
  }
  const findings: AuditFinding[] = [];
  const audit: ListsAudit[number][] = [];
  for (const { address, labels, answer } of answers) {
    if (answer.status === 'listed' && !known.allows) {
      const codes = answer.codes.map(({ code, meaning }) => `${code}${meaning === undefined ? '' : ` (${meaning})`}`);
      findings.push(
        found('listed', address, `The address ${address} is listed in ${known.zone}.`, [
          `${labels}.${known.zone} A ${codes.join(', ')}`,
          ...(answer.text === undefined ? [] : [`TXT ${answer.text}`]),
        ]),
      );
    }
    if (answer.status === 'timeout' || answer.status === 'error')
      findings.push(
        ...lookupFailed('lists', address, [{ name: `${labels}.${known.zone}`, type: 'A', reason: answer.reason }]),
      );
    audit.push({
      address,
      list: known.zone,
      result: answer.status === 'listed' ? 'listed' : answer.status === 'notListed' ? 'not-listed' : 'broken',
    });
  }
  return { audit, findings };
}

async function lookUp(
  address: IpAddress,
  list: ListZone,
  env: Parameters<typeof queryList>[2],
  signal: AbortSignal | undefined,
): Promise<{ readonly labels: string; readonly answer: ListAnswer }> {
  const labels = reverseLabels(address);
  // The list does not contain addresses of this family.
  if (!(ipVersion(address) === 4 ? list.ipv4 : list.ipv6))
    return { labels, answer: { status: 'notListed', unknown: [], ttl: 0 } };
  return { labels, answer: await queryList(list, labels, env, { signal }) };
}

interface Described {
  /** The zone without a customer key. */
  readonly zone: string;
  readonly options: ListZoneOptions;
  /** An allow list: an entry is good. */
  readonly allows: boolean;
}

/** Returns the preset of a list. A list without one must have the test entries of RFC 5782 §5. */
function describe(zone: string): Described {
  for (const { list } of Object.values(presets)) {
    const { kind, ...options } = list;
    const allows = kind === 'allow';
    if (options.keyNeeded === true && zone.endsWith(`.${options.zone}`))
      return { zone: options.zone, options: { ...options, key: zone.slice(0, -options.zone.length - 1) }, allows };
    if (zone === options.zone) return { zone, options, allows };
  }
  return { zone, options: { zone, testEntries: 'required' }, allows: false };
}
