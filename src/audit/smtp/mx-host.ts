import type { DnsAnswer } from '../../env/index.ts';
import type { AuditContext } from '../context.ts';
import { type AuditFinding, evidenceOf, type Find, found, type Mutable, printable } from '../finding.ts';
import { type MtaStsPolicy, mtaStsAllows } from '../records/index.ts';
import type { ServiceAudit, TlsAudit } from '../report.ts';
import { certificateFindings, daneMatches, probeVersions, versionFindings } from '../tls/index.ts';
import { mayTrustUs } from '../trust.ts';
import type { TlsBegun } from '../wire/index.ts';
import { checkGreeting, greetingFindings, mainSession } from './first-session.ts';
import { probeInjection } from './injection.ts';
import { probePostmaster } from './postmaster.ts';
import { daneFindings, stsFindings } from './promises.ts';
import { probeRelay } from './relay.ts';
import { type Place, SmtpSession } from './session.ts';
import { sideSessions, versionOf } from './side-sessions.ts';

/** One address of one MX host. */
export interface MxHostTarget extends Place {
  /** Preference of the MX record. */
  readonly preference: number;
  /** Names of which the certificate must contain one. Default: `host`. */
  readonly names?: readonly string[];
}

/** Published promises about the MX host. The promises may be pending while the session runs. */
export interface MxHostExtra {
  /** TLSA records of the host, from `_25._tcp.<host>`. */
  readonly tlsa?: Promise<DnsAnswer<'TLSA'> | undefined>;
  /** MTA-STS policy of the domain. */
  readonly mtaSts?: Promise<MtaStsPolicy | undefined>;
}

/** The result for one address. */
export interface MxHostAudit {
  readonly service: ServiceAudit;
  readonly findings: readonly AuditFinding[];
  /** The audit runs on the same machine as the server, which may trust it. */
  readonly here: boolean;
}

/**
 * Checks an MX host, in several simultaneous sessions. Never rejects.
 *
 * @param domain the domain whose mail the host receives, in A-labels
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
  // The other sessions begin while this one waits for its greeting. If the greeting is wrong, they are aborted.
  const side = sideSessions(target, context);
  try {
    const wanted = settings.probes;
    let resolveMain: (main: TlsBegun | undefined) => void = () => undefined;
    const main = new Promise<TlsBegun | undefined>((resolve) => {
      resolveMain = resolve;
    });
    const probes = Promise.all([
      wanted.has('relay') ? probeRelay(subject, target, domain, context, side.converse, here) : undefined,
      wanted.has('smtp') ? side.converse((begun) => probeInjection(subject, begun, settings.timeoutMs)) : undefined,
      wanted.has('tls') ? probeVersions((version) => versionOf(version, main, side)) : {},
      wanted.has('smtp') ? probePostmaster(subject, target, domain, context, side.converse) : undefined,
    ]);
    probes.catch(() => undefined);
    const greeting = await session.read();
    if (greeting.status === 'reply') {
      service.greeting = printable(greeting.text);
      service.greetingMs = Math.max(0, Math.round(clock.now() - started));
    }
    if (!(await checkGreeting(session, greeting, service, find, context))) return end();
    await greetingFindings(greeting, clock.now() - connected, target, context, find);
    const own = await mainSession(session, service, find, names, context, resolveMain);
    resolveMain(undefined);
    if (!own.accepted) side.giveUp();
    void session.close().then(side.firstEnded);
    const [relay, injection, versions, postmaster] = await probes;
    if (own.accepted) {
      service.relay = relay?.relay;
      findings.push(...(relay?.findings ?? []));
      // One cause, one finding: both tests are inconclusive if the host gives no answer about recipients.
      const inconclusive = findings.some(({ id }) => id === 'relay-unknown');
      findings.push(...(postmaster ?? []).filter(({ id }) => !(inconclusive && id === 'postmaster-unknown')));
    }
    findings.push(...(injection ?? []));

    const [policy, tlsa] = await published;
    const hasTls = own.tls !== undefined || Object.values(versions).includes(true);
    const tls: Mutable<TlsAudit> | undefined = hasTls ? { ...own.tls, versions } : undefined;
    if (tls !== undefined) {
      if (tlsa?.status === 'found' && own.tls !== undefined)
        tls.dane = daneMatches(tlsa, own.chain ?? [], [host, domain], clock.now());
      service.session = tls;
      findings.push(...versionFindings(subject, tls, 'low'));
    }
    if (!own.accepted) return end();
    const binding = policy !== undefined && policy.mode !== 'none' && mtaStsAllows(policy, host) ? policy : undefined;
    daneFindings(tlsa, tls, service, find);
    stsFindings(binding, tls?.certificate, service, clock.now(), find);
    if (tls?.certificate !== undefined) {
      const verified = binding?.mode === 'enforce' || tls.dane === 'mismatch';
      const pinned = tls.dane === 'match' && binding?.mode !== 'enforce';
      for (const finding of certificateFindings(
        subject,
        tls.certificate,
        names,
        context,
        verified ? 'high' : 'medium',
      )) {
        // A TLSA record matches: senders ignore the issuer and the name of the certificate (RFC 7672 §3.1.1).
        if (pinned && ofTrust.has(finding.id)) continue;
        const change = pinned && finding.id === 'certificate-expired' ? ({ severity: 'low' } as const) : {};
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
  timeout: 'does not respond',
  unreachable: 'is unreachable',
} as const;

const ofTrust: ReadonlySet<string> = new Set([
  'certificate-self-signed',
  'certificate-untrusted',
  'certificate-name',
  'certificate-common-name',
]);

/** Returns the result of an optional lookup, or undefined if it failed. */
async function settled<T>(promise: Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await promise;
  } catch {
    return undefined;
  }
}
