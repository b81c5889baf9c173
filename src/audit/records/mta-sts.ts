import type { DnsAnswer } from '../../env/index.ts';
import { addressScope, parseIp, prefixHas } from '../../net/index.ts';
import type { AuditContext } from '../context.ts';
import { type AuditFinding, found, printable, type Severity } from '../finding.ts';
import type { RecordsAudit } from '../report.ts';
import { type Fetched, fetchFile } from './https.ts';
import { type MtaStsPolicy, readMtaStsPolicy } from './mta-sts-policy.ts';
import {
  failedOf,
  lookupFailed,
  MAX_TEXT,
  type ProbeResolver,
  probeResolver,
  type RecordsContext,
  textsOf,
} from './probe-resolver.ts';
import { readTags } from './tags.ts';

type MtaStsAudit = NonNullable<RecordsAudit['mtaSts']>;

/**
 * Checks the MTA-STS record and policy (RFC 8461 §3). Each has no effect without the other. With `dnsOnly`, the policy is not
 * fetched.
 *
 * @param httpsPort port of the policy server. Default: `httpsPort` of the settings.
 */
export async function auditMtaSts(
  domain: string,
  context: RecordsContext & Pick<AuditContext, 'connect'>,
  httpsPort: number = context.settings.httpsPort,
): Promise<{ readonly audit: MtaStsAudit; readonly findings: readonly AuditFinding[] }> {
  const dns = probeResolver(context);
  const name = `_mta-sts.${domain}`;
  const host = `mta-sts.${domain}`;
  // Fetch the policy in parallel: it may exist without a record.
  const [answer, served] = await Promise.all([
    dns.resolve(name, 'TXT'),
    context.settings.dnsOnly ? undefined : findPolicy(host, dns, httpsPort, context),
  ]);
  if (answer.status === 'temperror')
    return {
      audit: { state: 'could-not-check' },
      findings: lookupFailed('mta-sts', domain, [{ name, type: 'TXT', reason: answer.reason }]),
    };
  const all = textsOf(answer);
  const records = all.filter((text) => /^v=STSv1[ \t]*;/.test(text));
  const meant = records.length > 0 ? records : all.filter((text) => /\bv[ \t]*=[ \t]*"?sts/i.test(text.slice(0, 100)));
  const [text] = meant;
  if (text === undefined) return { audit: { state: 'missing' }, findings: [withoutRecord(domain, name, host, served)] };

  const shown = meant.slice(0, 5).map((one) => `${name} TXT ${one}`);
  const fault =
    records.length === 0
      ? 'it does not begin with "v=STSv1;"'
      : records.length > 1
        ? `there are ${records.length} records, and senders ignore all of them`
        : faultOf(text);
  const published = { text: printable(text, MAX_TEXT) };
  // Senders ignore the policy if the record is invalid, so its content does not matter.
  if (fault !== undefined)
    return {
      audit: { state: 'invalid', ...published },
      findings: [found('mta-sts-record', domain, `The record at ${name} is invalid: ${fault}.`, shown)],
    };
  const audit: MtaStsAudit = { state: 'found', ...published };
  if (served === undefined) return { audit, findings: [] };
  if (served.state === 'unknown') return { audit, findings: lookupFailed('mta-sts', domain, served.unanswered) };
  return {
    audit: served.policy === undefined ? audit : { ...audit, policy: served.policy },
    findings: served.faults.map(({ what, evidence = [], ...change }) =>
      found('mta-sts-policy', domain, `The MTA-STS policy of ${domain} ${what}.`, [...shown, ...evidence], change),
    ),
  };
}

/** Returns the fault of a record (RFC 8461 §3.1). */
function faultOf(text: string): string | undefined {
  const id = readTags(text).tags.get('id');
  if (id === undefined) return 'it has no id';
  return /^[a-z0-9]{1,32}$/i.test(id) ? undefined : `its id "${printable(id, 60)}" is not 1 to 32 letters and digits`;
}

function withoutRecord(domain: string, name: string, host: string, served: Served | undefined): AuditFinding {
  if (served?.state !== 'looked' || served.policy === undefined)
    return found('mta-sts-missing', domain, `${domain} publishes no MTA-STS policy.`);
  return found('mta-sts-orphan', domain, `${host} serves an MTA-STS policy, but there is no record at ${name}.`, [
    `${name} TXT: none`,
    `mode: ${served.policy.mode}`,
  ]);
}

interface PolicyFault {
  readonly what: string;
  readonly evidence?: readonly string[];
  readonly severity?: Severity;
  readonly kind?: AuditFinding['kind'];
}

type Served =
  | { readonly state: 'unknown'; readonly unanswered: ReturnType<typeof failedOf> }
  | {
      readonly state: 'looked';
      readonly policy?: MtaStsPolicy;
      readonly faults: readonly PolicyFault[];
    };

const PATH = '/.well-known/mta-sts.txt';

async function findPolicy(
  host: string,
  dns: ProbeResolver,
  port: number,
  context: RecordsContext & Pick<AuditContext, 'connect'>,
): Promise<Served> {
  const [v4, v6]: readonly DnsAnswer<'A' | 'AAAA'>[] = await Promise.all([
    dns.resolve(host, 'A'),
    dns.resolve(host, 'AAAA'),
  ]);
  const answers = [v4, v6].flatMap((answer) => (answer?.status === 'found' ? answer.records : []));
  const addresses = [...new Set(answers.flatMap(({ address }) => parseIp(address) ?? []))];
  if (addresses.length === 0) {
    const unanswered = failedOf(
      [v4, v6].flatMap((answer, index) =>
        answer === undefined ? [] : [{ name: host, type: index === 0 ? ('A' as const) : ('AAAA' as const), answer }],
      ),
    );
    if (unanswered.length > 0) return { state: 'unknown', unanswered };
    return { state: 'looked', faults: [{ what: `cannot be fetched: ${host} has no address` }] };
  }
  const reachable = addresses.filter(
    (address) =>
      addressScope(address) === 'public' ||
      context.settings.publicPrefixes.some((prefix) => prefixHas(prefix, address)),
  );
  if (reachable.length === 0)
    return {
      state: 'looked',
      faults: [
        {
          what: `cannot be fetched: ${host} has no public address`,
          evidence: addresses.map((one) => `${host} ${one}`),
        },
      ],
    };
  return judged(host, await fetchFile(host, PATH, reachable, port, context));
}

/** Judges an HTTPS response as senders do (RFC 8461 §3.3). */
function judged(host: string, fetched: Fetched): Served {
  const fault = (what: string, change: Omit<PolicyFault, 'what'> = {}): Served => ({
    state: 'looked',
    faults: [{ what, ...change }],
  });
  const url = `https://${host}${PATH}`;
  switch (fetched.status) {
    case 'not-reached':
      return fault(`could not be fetched from here: ${fetched.reason}`, {
        severity: 'medium',
        kind: 'could-not-check',
      });
    case 'late':
      return fault(`is not served in time: ${fetched.reason}`, { severity: 'medium' });
    case 'refused':
    case 'tls':
    case 'certificate':
    case 'broken':
      return fault(`cannot be fetched: ${printable(fetched.reason, 300)}`, { evidence: [url] });
  }
  const { code, headers, body } = fetched;
  if (code >= 300 && code < 400)
    return fault(`is not served: ${host} redirects, and senders do not follow redirects`, {
      evidence: [`${url}: ${code}`, `Location: ${headers.get('location') ?? ''}`],
    });
  if (code !== 200) return fault(`is not served: ${host} returns ${code}`, { evidence: [`${url}: ${code}`] });
  const encoding = headers.get('content-encoding') ?? 'identity';
  if (encoding.toLowerCase() !== 'identity')
    return fault('cannot be read: it is encoded, although the request does not accept encodings', {
      evidence: [`Content-Encoding: ${encoding}`],
    });
  const lines = body.split('\n').slice(0, 12);
  const { policy, faults } = readMtaStsPolicy(body);
  if (policy === undefined) return fault(`has no effect: ${faults.join('; ')}`, { evidence: [url, ...lines] });
  const milder: PolicyFault[] = [];
  if (faults.length > 0)
    milder.push({ what: `is partly invalid: ${faults.join('; ')}`, evidence: [url, ...lines], severity: 'medium' });
  const type = headers.get('content-type');
  if (!/^text\/plain[ \t]*(?:;|$)/i.test(type ?? ''))
    milder.push({
      what: 'is not served as text/plain: some senders reject it',
      evidence: [url, `Content-Type: ${type ?? '(none)'}`],
      severity: 'medium',
    });
  return { state: 'looked', policy, faults: milder };
}
