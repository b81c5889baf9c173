import { presets } from '../../checks/dnsbl/index.ts';
import type { ListAnswer, ListZone, ListZoneOptions } from '../../dns/index.ts';
import { listWatch, queryList, readListZone } from '../../dns/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { ipVersion, reverseLabels } from '../../net/index.ts';
import { type AuditFinding, found } from '../finding.ts';
import type { RecordsAudit } from '../report.ts';
import { lookupFailed, questionsOf, type RecordsContext } from './questions.ts';

type ListsAudit = NonNullable<RecordsAudit['lists']>;

/**
 * Whether the addresses stand on DNS lists (RFC 5782). A list that fails its test entries, or answers with an error code, is
 * not believed in anything. Lists that are known (`presets` of `checks/dnsbl`) are asked as their operators say.
 *
 * @param zones as the user named them; a customer's key before the zone of a list that wants one is never printed
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
    findings: [found('list-broken', known.zone, `The list ${known.zone} is not believed: ${reason}.`, evidence)],
  });
  let list: ListZone;
  try {
    list = readListZone('audit: lists', { ...known.options, text: true, timeoutMs: context.settings.timeoutMs });
  } catch (error) {
    return broken(known.options.retired ?? (error as Error).message);
  }
  const env = { dns: questionsOf(context), clock: context.clock };
  const watch = listWatch();
  const [record, answers] = await Promise.all([
    watch.check(list, env),
    Promise.all(addresses.map(async (address) => ({ address, ...(await askFor(address, list, env, context.signal)) }))),
  ]);
  if (record.suspended !== undefined) return broken(record.suspended.reason);
  const refused = answers.find(({ answer }) => answer.status === 'blocked' || answer.status === 'invalid')?.answer;
  if (refused?.status === 'blocked' || refused?.status === 'invalid')
    return broken(refused.reason, [`it answered: ${refused.answers.join(', ')}`]);
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
        found('listed', address, `The address ${address} stands on the list ${known.zone}.`, [
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

async function askFor(
  address: IpAddress,
  list: ListZone,
  env: Parameters<typeof queryList>[2],
  signal: AbortSignal | undefined,
): Promise<{ readonly labels: string; readonly answer: ListAnswer }> {
  const labels = reverseLabels(address);
  // What a list does not hold stands on it at most by accident.
  if (!(ipVersion(address) === 4 ? list.ipv4 : list.ipv6))
    return { labels, answer: { status: 'notListed', unknown: [], ttl: 0 } };
  return { labels, answer: await queryList(list, labels, env, { signal }) };
}

interface Described {
  /** As it is printed. */
  readonly zone: string;
  readonly options: ListZoneOptions;
  /** Who stands on it is thought well of. */
  readonly allows: boolean;
}

/** What is known of a list; of one that is not known, that it has the test entries of RFC 5782 §5. */
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
