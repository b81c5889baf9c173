import type { DnsAnswer } from '../../env/index.ts';
import { parseIp } from '../../net/index.ts';
import type { AuditContext } from '../context.ts';
import { type AuditFinding, found, printable } from '../finding.ts';
import type { CertificateAudit, RecordsAudit, ServiceAudit, TlsAudit, TlsVersion } from '../report.ts';
import {
  certificateFindings,
  daneMatches,
  isTrusted,
  isUsable,
  namesHost,
  probeVersions,
  readCertificate,
  sentChain,
  versionFindings,
} from '../tls/index.ts';
import type { TlsBegun } from '../wire/index.ts';
import { probeInjection } from './injection.ts';
import { type Converse, probeRelay } from './relay.ts';
import { classOf, detailOf, readReply, type SmtpReply, said } from './reply.ts';
import { begin, capabilitiesOf, offers, type Place, SmtpSession } from './session.ts';

/** One address of one exchanger. */
export interface ExchangerTarget extends Place {
  /** Of the MX record. */
  readonly preference: number;
  /** All names that its certificate may rightly bear; `host` alone where not given. */
  readonly names?: readonly string[] | undefined;
}

/** What the DNS and the web say about the exchanger, as soon as it is known. */
export interface ExchangerExtra {
  /** The answer for `_25._tcp.<host>`. */
  readonly tlsa?: Promise<DnsAnswer<'TLSA'> | undefined> | undefined;
  /** The domain's MTA-STS policy. */
  readonly mtaSts?: Promise<NonNullable<RecordsAudit['mtaSts']>['policy']> | undefined;
}

/** What was found at one address. */
export interface ExchangerAudit {
  readonly service: ServiceAudit;
  readonly findings: readonly AuditFinding[];
  /** What a reader must know to read the findings. */
  readonly notes: readonly string[];
}

/** What a server gets to say that did not greet; HTTP and TLS tell themselves by it. */
const LAST_CALL_MS = 2_000;

type Policy = NonNullable<NonNullable<RecordsAudit['mtaSts']>['policy']>;
type Mutable<T> = { -readonly [key in keyof T]: T[key] };

/**
 * Talks to an exchanger, in several sessions at once. Never rejects.
 *
 * @param domain the domain whose mail it takes, in A-labels
 */
export async function auditExchanger(
  target: ExchangerTarget,
  domain: string,
  context: AuditContext,
  extra: ExchangerExtra = {},
): Promise<ExchangerAudit> {
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
  const here = isOwnAddress(address, context);
  const notes = here
    ? [
        `The audit ran on the machine of ${host} (${address}): some servers trust their own address, and relay for it or take logins without TLS. Ask again from elsewhere, or with --source.`,
      ]
    : [];
  const end = (): ExchangerAudit => ({ service, findings, notes });
  const find = (
    id: Parameters<typeof found>[0],
    what: string,
    evidence: readonly string[] = [],
    change: Parameters<typeof found>[4] = {},
  ): void => void findings.push(found(id, subject, what, [`address: ${address}`, ...evidence], change));

  const started = clock.now();
  const session = await SmtpSession.connect(target, context);
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
      wanted.has('relay')
        ? probeRelay(subject, target, domain, context, side.converse, here && settings.source === undefined)
        : undefined,
      wanted.has('smtp') ? side.converse((begun) => probeInjection(subject, begun, settings.timeoutMs)) : undefined,
      wanted.has('tls') ? probeVersions((version) => versionOf(version, main, side)) : {},
    ]);
    talks.catch(() => undefined);
    const greeting = await session.read();
    if (greeting.status === 'reply') {
      service.greeting = printable(greeting.text);
      service.greetingMs = Math.max(0, Math.round(clock.now() - started));
    }
    if (!(await greeted(session, greeting, service, find, context))) return end();
    const own = await mainSession(session, service, find, names, context, tellMain);
    tellMain(undefined);
    if (!own.taken) side.giveUp();
    void session.close().then(side.mainIsOver);
    const [relay, injection, versions] = await talks;
    if (relay !== undefined && own.taken) {
      service.relay = relay.relay;
      findings.push(...relay.findings);
    }
    findings.push(...(injection ?? []));

    const [policy, tlsa] = await published;
    const tls: Mutable<TlsAudit> | undefined = own.tls === undefined ? undefined : { ...own.tls, versions };
    if (tls !== undefined) {
      if (tlsa?.status === 'found') tls.dane = daneMatches(tlsa, own.chain ?? [], [host, domain], clock.now());
      service.session = tls;
      findings.push(...versionFindings(subject, tls, 'low'));
    }
    if (!own.taken) return end();
    const binding = policy !== undefined && policy.mode !== 'none' && inPolicy(policy, host) ? policy : undefined;
    daneFindings(tlsa, tls, service, find);
    stsFindings(binding, tls?.certificate, service, clock.now(), find);
    if (tls?.certificate !== undefined) {
      const looked = binding?.mode === 'enforce' || tls.dane === 'mismatch';
      const vouched = tls.dane === 'match' && binding?.mode !== 'enforce';
      for (const finding of certificateFindings(subject, tls.certificate, names, context, looked ? 'high' : 'medium')) {
        // The DNS vouches for this key: who signed it, for which name, does not matter to anybody (RFC 7672 §3.1.1).
        if (vouched && ofTrust.has(finding.id)) continue;
        const change = vouched && finding.id === 'certificate-expired' ? ({ severity: 'low' } as const) : {};
        findings.push({ ...finding, ...change, evidence: [`address: ${address}`, ...finding.evidence].slice(0, 20) });
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

type Find = (
  id: Parameters<typeof found>[0],
  what: string,
  evidence?: readonly string[],
  change?: Parameters<typeof found>[4],
) => void;

/** Whether the greeting is one; what it is otherwise is found. */
async function greeted(
  session: SmtpSession,
  greeting: SmtpReply,
  service: Mutable<ServiceAudit>,
  find: Find,
  context: AuditContext,
): Promise<boolean> {
  switch (greeting.status) {
    case 'reply': {
      const kind = classOf(greeting);
      if (greeting.code === 220) return true;
      if (kind === 4 || (kind === 5 && isAboutClient(greeting))) {
        service.reach = 'no-service';
        find('smtp-refused-us', 'The server greets this client with a refusal.', [said(greeting)]);
      } else if (kind === 5) {
        service.reach = 'no-service';
        find('smtp-no-service', 'The server greets with a refusal.', [said(greeting)]);
      } else {
        service.reach = 'wrong-protocol';
        find('smtp-not-smtp', `The server greets with ${greeting.code}, and not with 220.`, [said(greeting)]);
      }
      return false;
    }
    case 'malformed':
      service.reach = 'wrong-protocol';
      find('smtp-not-smtp', `What listens there is not SMTP: it ${greeting.why}.`, greeting.shown);
      return false;
    case 'timeout': {
      // Some wait for the client to begin, and say then what they are.
      session.wire.write(`EHLO ${context.settings.helo}\r\n`);
      const late = await readReply(session.wire, context.clock, Math.min(LAST_CALL_MS, context.settings.timeoutMs));
      if (late.status === 'malformed') {
        service.reach = 'wrong-protocol';
        find('smtp-not-smtp', 'What listens there does not greet, and does not answer as SMTP does.', late.shown);
        return false;
      }
      service.reach = 'mute';
      find(
        'smtp-mute',
        greeting.shown.length > 0
          ? `The server begins to greet, and does not come to an end in ${context.settings.timeoutMs} ms.`
          : `The server takes the connection and says nothing for ${context.settings.timeoutMs} ms.`,
        greeting.shown,
      );
      return false;
    }
    case 'closed':
      service.reach = 'broken-off';
      find('smtp-broken-off', 'The server takes the connection and closes it without a greeting.', reasonOf(greeting));
      return false;
    case 'aborted':
      service.reach = 'broken-off';
      return false;
  }
}

interface MainSession {
  /** Whether EHLO or HELO was taken. */
  readonly taken: boolean;
  readonly tls?: TlsAudit | undefined;
  /** What it showed: the connection may be gone when the DNS has answered. */
  readonly chain?: ReturnType<typeof sentChain> | undefined;
}

/** EHLO, STARTTLS, the handshake, EHLO. */
async function mainSession(
  session: SmtpSession,
  service: Mutable<ServiceAudit>,
  find: Find,
  names: readonly string[],
  context: AuditContext,
  tell: (begun: TlsBegun) => void,
): Promise<MainSession> {
  const ehlo = await session.ehlo();
  if (classOf(ehlo) !== 2) {
    const helo = classOf(ehlo) === 5 ? await session.helo() : ehlo;
    if (classOf(helo) === 2) {
      service.starttls = 'missing';
      find('smtp-no-ehlo', 'The server refuses EHLO and takes HELO.', [`EHLO: ${said(ehlo)}`, `HELO: ${said(helo)}`]);
      return { taken: true };
    }
    refusedHello(ehlo, helo, service, find);
    return { taken: false };
  }
  const before = capabilitiesOf(ehlo);
  service.capabilities = { before: before.map((line) => printable(line)) };
  const mechanisms = mechanismsOf(before);
  if (mechanisms.length > 0) {
    const challenges = mechanisms.every((name) => CHALLENGES.test(name));
    find(
      'login-clear-offered',
      `The server offers logins before TLS: ${mechanisms.join(' ')}.`,
      before.filter((line) => /^auth[\s=]/i.test(line)),
      { probe: 'smtp', ...(challenges ? { severity: 'medium' } : {}) },
    );
  }
  if (!offers(before, 'STARTTLS')) {
    service.starttls = 'missing';
    find('starttls-missing', 'The server does not offer STARTTLS.', [
      `EHLO: ${before.map((line) => printable(line, 40)).join(', ') || '(no keywords)'}`,
    ]);
    return { taken: true };
  }
  const ready = await session.say('STARTTLS');
  const failed = (what: string, evidence: readonly string[]): MainSession => {
    service.starttls = 'failed';
    if (!context.signal?.aborted) find('starttls-failed', what, evidence);
    return { taken: true };
  };
  if (ready.status !== 'reply' || ready.code !== 220)
    return failed('The server offers STARTTLS, and does not begin it.', [`STARTTLS: ${said(ready)}`]);
  const begun = await session.startTls({ authorities: context.settings.authorities });
  tell(begun);
  if (begun.status !== 'secure') return failed('The handshake fails.', [begun.reason]);

  const certificate = readCertificate(begun.socket, names, context);
  const tls: TlsAudit = {
    versions: {},
    negotiated: begun.socket.getProtocol() ?? undefined,
    cipher: begun.socket.getCipher()?.name,
    ...(certificate === undefined ? {} : { certificate }),
  };
  const chain = sentChain(begun.socket);
  const again = await session.ehlo();
  if (again.status === 'reply') {
    service.starttls = 'offered';
    service.capabilities = { ...service.capabilities, after: capabilitiesOf(again).map((line) => printable(line)) };
    if (classOf(again) !== 2)
      find('smtp-broken-off', 'The server refuses EHLO when TLS has begun.', [`EHLO: ${said(again)}`]);
  } else {
    failed('The handshake is done, and nothing can be said within TLS.', [`EHLO: ${said(again)}`]);
  }
  return { taken: true, tls, chain };
}

/** Mechanisms that send no secret as it is; all others do, or may. */
const CHALLENGES = /^(?:CRAM-|DIGEST-|SCRAM-|NTLM$|GSS|GS2-|APOP$|EXTERNAL$)/i;

const mechanismsOf = (capabilities: readonly string[]): readonly string[] => [
  ...new Set(
    capabilities
      .filter((line) => /^auth[\s=]/i.test(line))
      .flatMap((line) => line.slice('AUTH'.length).split(/[\s=]+/))
      .filter((name) => name !== '')
      .map((name) => name.toUpperCase()),
  ),
];

/** A refusal that is about who asks: policy (RFC 3463 §3.8), lists, reverse DNS. Others would have been greeted. */
const isAboutClient = (reply: SmtpReply): boolean =>
  detailOf(reply)?.startsWith('7.') === true ||
  /block|black|listed|\brbl\b|dnsbl|spam|reputation|denied|reject|\bbanned\b|reverse|\bptr\b|\brdns\b|your (?:ip|host|address)/i.test(
    said(reply),
  );

/** Neither EHLO nor HELO was taken. */
function refusedHello(ehlo: SmtpReply, helo: SmtpReply, service: Mutable<ServiceAudit>, find: Find): void {
  const evidence = ehlo === helo ? [`EHLO: ${said(ehlo)}`] : [`EHLO: ${said(ehlo)}`, `HELO: ${said(helo)}`];
  const reply = classOf(ehlo) === 5 && helo.status !== 'reply' && helo.status !== 'malformed' ? ehlo : helo;
  switch (reply.status) {
    case 'reply': {
      const unknown = [500, 502, 503, 530].includes(reply.code) && !isAboutClient(reply);
      service.reach = unknown || classOf(reply) === 3 ? 'wrong-protocol' : 'no-service';
      if (service.reach === 'wrong-protocol')
        find('smtp-not-smtp', 'What listens there knows neither EHLO nor HELO.', evidence);
      else find('smtp-refused-us', 'The server greets, and does not take the name of this client.', evidence);
      return;
    }
    case 'malformed':
      service.reach = 'wrong-protocol';
      find('smtp-not-smtp', `What listens there is not SMTP: when it is greeted, it ${reply.why}.`, [
        ...evidence,
        ...reply.shown,
      ]);
      return;
    case 'closed':
    case 'timeout':
      service.reach = 'broken-off';
      find(
        'smtp-broken-off',
        reply.status === 'closed'
          ? 'The server greets, and closes the connection when it is greeted.'
          : 'The server greets, and does not answer when it is greeted.',
        evidence,
      );
      return;
    case 'aborted':
      service.reach = 'broken-off';
  }
}

const reasonOf = ({ reason }: { readonly reason?: string | undefined }): string[] =>
  reason === undefined ? [] : [reason];

type Begun = NonNullable<Awaited<ReturnType<typeof begin>>>;

/** What a session came to, and when its connection is gone. */
interface Done<T> {
  readonly value: T;
  readonly gone: Promise<void>;
}

/** Before each try, alone. */
const PAUSES_MS = [0, 200, 1_000];
const MOST_PATIENCE_MS = 2_000;

interface SideSessions {
  readonly converse: Converse;
  readonly handshake: (version: TlsVersion) => Promise<TlsBegun>;
  /** From now on there is room for one more. */
  readonly mainIsOver: () => void;
  /** Ends all of them. */
  readonly giveUp: () => void;
}

/**
 * Sessions beside the first one. Servers count the sessions of a client, and may have no room for all: one that was not
 * to be had is tried again when the first one is over, one at a time, until that fails too.
 */
function sideSessions(place: Place, outer: AuditContext): SideSessions {
  const end = new AbortController();
  const { clock } = outer;
  const signal = outer.signal === undefined ? end.signal : AbortSignal.any([end.signal, outer.signal]);
  const context: AuditContext = { ...outer, signal };
  let mainIsOver: () => void = () => undefined;
  let last: Promise<unknown> = new Promise<void>((resolve) => {
    mainIsOver = resolve;
  });
  let hopeless = false;
  const once = async <T>(run: (begun: Begun) => Promise<T>): Promise<Done<T> | undefined> => {
    const begun = await begin(place, context);
    if (begun === undefined) return undefined;
    let gone: Promise<void> | undefined;
    try {
      const value = await run(begun);
      gone = begun.session.close();
      return { value, gone };
    } finally {
      gone ??= begun.session.close();
    }
  };
  const alone = async <T>(run: (begun: Begun) => Promise<T>): Promise<Done<T> | undefined> => {
    // A server that counts may not have noticed yet that a session is over.
    for (const pause of PAUSES_MS) {
      if (hopeless || signal.aborted) return undefined;
      if (pause > 0) await new Promise<void>((resolve) => void clock.after(pause, resolve));
      const tried = clock.now();
      const done = await once(run);
      if (done !== undefined) return done;
      // Whoever takes long to refuse is not asked for ever.
      if (clock.now() - tried > MOST_PATIENCE_MS) break;
    }
    hopeless = true;
    return undefined;
  };
  const converse: Converse = async (run) => {
    const first = await once(run);
    if (first !== undefined) return first.value;
    const turn = last.then(() => alone(run));
    last = turn.then(
      (done) => done?.gone,
      () => undefined,
    );
    return (await turn)?.value;
  };
  return {
    converse,
    mainIsOver: () => mainIsOver(),
    giveUp() {
      end.abort();
      mainIsOver();
    },
    async handshake(version) {
      const begun = await converse<TlsBegun>(async ({ session, capabilities }) => {
        if (!offers(capabilities, 'STARTTLS')) return { status: 'closed', reason: 'STARTTLS is not offered' };
        const ready = await session.say('STARTTLS');
        return ready.status === 'reply' && ready.code === 220
          ? session.startTls({ version })
          : { status: 'closed', reason: said(ready) };
      });
      return begun ?? { status: 'closed', reason: 'no session' };
    },
  };
}

/** Newer versions are tried when it is known which one the first session speaks: that one need not be. */
async function versionOf(
  version: TlsVersion,
  main: Promise<TlsBegun | undefined>,
  side: SideSessions,
): Promise<TlsBegun> {
  if (version === 'TLSv1.2' || version === 'TLSv1.3') {
    const begun = await main;
    if (begun?.status === 'secure' && begun.socket.getProtocol() === version) return begun;
  }
  return side.handshake(version);
}

/** What an optional look-up came to; undefined where it failed. */
async function settled<T>(promise: Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await promise;
  } catch {
    return undefined;
  }
}

/** RFC 8461 §4.1: a wildcard stands for one label. */
const inPolicy = ({ mx }: Policy, host: string): boolean => mx.some((pattern) => namesHost(pattern, host));

function daneFindings(
  tlsa: DnsAnswer<'TLSA'> | undefined,
  tls: TlsAudit | undefined,
  { starttls, host, port }: ServiceAudit,
  find: Find,
): void {
  if (tlsa?.status !== 'found') return;
  const records = tlsa.records.map(
    ({ usage, selector, matching, data }) =>
      `_${port}._tcp.${host} TLSA ${usage} ${selector} ${matching} ${data.slice(0, 64)}${data.length > 64 ? '…' : ''}`,
  );
  if (!tlsa.authentic)
    find('dane-unsigned', `The DNS does not vouch for the TLSA records of ${host}: they are without effect.`, records);
  else if (!tlsa.records.some(isUsable)) find('dane-unusable', `No TLSA record of ${host} is of use.`, records);
  else if (starttls === 'missing')
    find('dane-no-tls', `${host} publishes TLSA records, and its server offers no TLS.`, records);
  else if (tls?.dane === 'mismatch')
    find('dane-mismatch', `The certificate of ${host} matches none of its TLSA records.`, [
      ...records,
      `SHA-256 of the certificate: ${tls.certificate?.fingerprint ?? '(none)'}`,
    ]);
}

function stsFindings(
  policy: Policy | undefined,
  certificate: CertificateAudit | undefined,
  { starttls, host }: ServiceAudit,
  now: number,
  find: Find,
): void {
  if (policy === undefined) return;
  const reasons: string[] = [];
  if (starttls === 'missing') reasons.push('it offers no TLS');
  else if (starttls === 'failed') reasons.push('TLS cannot be negotiated');
  if (certificate !== undefined) {
    if (!certificate.names.some((name) => namesHost(name, host)))
      reasons.push(`its certificate has no DNS name ${host}`);
    if (!isTrusted(certificate)) reasons.push(`its certificate leads to no authority that is known`);
    if (now > Date.parse(certificate.notAfter)) reasons.push('its certificate has expired');
    if (now < Date.parse(certificate.notBefore)) reasons.push('its certificate is not valid yet');
  }
  if (reasons.length === 0) return;
  const testing = policy.mode === 'testing';
  find(
    'mta-sts-tls',
    `The MTA-STS policy (mode ${policy.mode}) names ${host}, but ${reasons.join(', and ')}: ${
      testing ? 'senders report it' : 'senders refuse to deliver to it'
    }.`,
    [`mode: ${policy.mode}`, `mx: ${policy.mx.slice(0, 10).join(', ')}`],
    testing ? { severity: 'medium' } : {},
  );
}

/** Whether an address is one of this machine. */
function isOwnAddress(address: string, { localAddresses }: AuditContext): boolean {
  if (/^127\.|^::1$|^::ffff:127\./i.test(address)) return true;
  const wanted = parseIp(address);
  return (localAddresses?.() ?? []).some((own) => own === address || (wanted !== undefined && parseIp(own) === wanted));
}
