import type { DnsAnswer } from '../../env/index.ts';
import type { AuditContext } from '../context.ts';
import { type AuditFinding, evidenceOf, type Find, found, type Mutable, printable } from '../finding.ts';
import { type MtaStsPolicy, mtaStsAllows } from '../records/index.ts';
import type { ServiceAudit, TlsAudit } from '../report.ts';
import { certificateFindings, daneMatches, probeVersions, versionFindings } from '../tls/index.ts';
import { mayTrustUs } from '../trust.ts';
import type { TlsBegun } from '../wire/index.ts';
import { greeted, greetingFindings, mainSession } from './first-session.ts';
import { probeInjection } from './injection.ts';
import { probePostmaster } from './postmaster.ts';
import { daneFindings, stsFindings } from './promises.ts';
import { probeRelay } from './relay.ts';
import { type Place, SmtpSession } from './session.ts';
import { sideSessions, versionOf } from './side-sessions.ts';

/** One address of one MX host. */
export interface MxHostTarget extends Place {
  /** Of the MX record. */
  readonly preference: number;
  /** All names that its certificate may rightly bear; `host` alone where not given. */
  readonly names?: readonly string[];
}

/** What the DNS and the web say about the MX host, as soon as it is known. */
export interface MxHostExtra {
  /** The answer for `_25._tcp.<host>`. */
  readonly tlsa?: Promise<DnsAnswer<'TLSA'> | undefined>;
  /** The domain's MTA-STS policy. */
  readonly mtaSts?: Promise<MtaStsPolicy | undefined>;
}

/** What was found at one address. */
export interface MxHostAudit {
  readonly service: ServiceAudit;
  readonly findings: readonly AuditFinding[];
  /** The audit runs on the machine of the server, which may trust it. */
  readonly here: boolean;
}

/**
 * Talks to an MX host, in several sessions at once. Never rejects.
 *
 * @param domain the domain whose mail it takes, in A-labels
 */
export async function auditMxHost(
  target: MxHostTarget,
  domain: string,
  context: AuditContext,
  extra: MxHostExtra = {},
): Promise<MxHostAudit> {
  const { host, address, port, preference } = target;
  const { settings, clock } = context;
  const names = target.names ?? [host];
  const published = Promise.all([settled(extra.mtaSts), settled(extra.tlsa)]);
  const subject = `${host}:${port}`;
  const service: Mutable<ServiceAudit> = {
    service: 'smtp',
    host,
    address,
    port,
    tls: 'starttls',
    because: 'mx',
    preference,
    reach: 'open',
  };
  const findings: AuditFinding[] = [];
  const here = mayTrustUs(address, context);
  const end = (): MxHostAudit => ({ service, findings, here });
  const find: Find = (id, what, evidence = [], change = {}) =>
    void findings.push(found(id, subject, what, [`address: ${address}`, ...evidence], change));

  const started = clock.now();
  const session = await SmtpSession.connect(target, context);
  const connected = clock.now();
  if (!(session instanceof SmtpSession)) {
    service.reach = session.status === 'aborted' ? 'unreachable' : session.status;
    if (session.status !== 'aborted')
      find('smtp-unreachable', `Port ${port} of ${address} ${unreached[session.status]}.`, [session.reason]);
    return end();
  }
  // The other sessions begin while this one waits for its greeting; where it comes to nothing, they end with it.
  const side = sideSessions(target, context);
  try {
    const wanted = settings.probes;
    let tellMain: (main: TlsBegun | undefined) => void = () => undefined;
    const main = new Promise<TlsBegun | undefined>((resolve) => {
      tellMain = resolve;
    });
    const talks = Promise.all([
      wanted.has('relay') ? probeRelay(subject, target, domain, context, side.converse, here) : undefined,
      wanted.has('smtp') ? side.converse((begun) => probeInjection(subject, begun, settings.timeoutMs)) : undefined,
      wanted.has('tls') ? probeVersions((version) => versionOf(version, main, side)) : {},
      wanted.has('smtp') ? probePostmaster(subject, target, domain, context, side.converse) : undefined,
    ]);
    talks.catch(() => undefined);
    const greeting = await session.read();
    if (greeting.status === 'reply') {
      service.greeting = printable(greeting.text);
      service.greetingMs = Math.max(0, Math.round(clock.now() - started));
    }
    if (!(await greeted(session, greeting, service, find, context))) return end();
    await greetingFindings(greeting, clock.now() - connected, target, context, find);
    const own = await mainSession(session, service, find, names, context, tellMain);
    tellMain(undefined);
    if (!own.taken) side.giveUp();
    void session.close().then(side.mainIsOver);
    const [relay, injection, versions, postmaster] = await talks;
    if (own.taken) {
      service.relay = relay?.relay;
      findings.push(...(relay?.findings ?? []));
      const told = findings.some(({ id }) => id === 'relay-unknown');
      // One cause, one finding: a host that answers nothing about recipients.
      findings.push(...(postmaster ?? []).filter(({ id }) => !(told && id === 'postmaster-unknown')));
    }
    findings.push(...(injection ?? []));

    const [policy, tlsa] = await published;
    const spoken = own.tls !== undefined || Object.values(versions).includes(true);
    const tls: Mutable<TlsAudit> | undefined = spoken ? { ...own.tls, versions } : undefined;
    if (tls !== undefined) {
      if (tlsa?.status === 'found' && own.tls !== undefined)
        tls.dane = daneMatches(tlsa, own.chain ?? [], [host, domain], clock.now());
      service.session = tls;
      findings.push(...versionFindings(subject, tls, 'low'));
    }
    if (!own.taken) return end();
    const binding = policy !== undefined && policy.mode !== 'none' && mtaStsAllows(policy, host) ? policy : undefined;
    daneFindings(tlsa, tls, service, find);
    stsFindings(binding, tls?.certificate, service, clock.now(), find);
    if (tls?.certificate !== undefined) {
      const looked = binding?.mode === 'enforce' || tls.dane === 'mismatch';
      const vouched = tls.dane === 'match' && binding?.mode !== 'enforce';
      for (const finding of certificateFindings(subject, tls.certificate, names, context, looked ? 'high' : 'medium')) {
        // The DNS vouches for this key: who signed it, for which name, does not matter to anybody (RFC 7672 §3.1.1).
        if (vouched && ofTrust.has(finding.id)) continue;
        const change = vouched && finding.id === 'certificate-expired' ? ({ severity: 'low' } as const) : {};
        findings.push({ ...finding, ...change, evidence: evidenceOf([`address: ${address}`, ...finding.evidence]) });
      }
    }
    return end();
  } finally {
    side.giveUp();
    void session.close();
  }
}

const unreached = {
  refused: 'refuses connections',
  timeout: 'does not answer',
  unreachable: 'cannot be reached',
} as const;

const ofTrust: ReadonlySet<string> = new Set([
  'certificate-self-signed',
  'certificate-untrusted',
  'certificate-name',
  'certificate-common-name',
]);

/** What an optional look-up came to; undefined where it failed. */
async function settled<T>(promise: Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await promise;
  } catch {
    return undefined;
  }
}
