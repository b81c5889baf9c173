import type { AuditContext } from '../context.ts';
import { type AuditFinding, evidenceOf, type Find, found, type Mutable, printable } from '../finding.ts';
import type { ServiceAudit, ServiceName, TlsAudit } from '../report.ts';
import { certificateFindings, probeVersions, readCertificate, versionFindings } from '../tls/index.ts';
import { mayTrustUs } from '../trust.ts';
import { responseInjection, type TlsBegun } from '../wire/index.ts';
import { judgeClear, tryInClear } from './clear.ts';
import type { Dialect, FakeAccount } from './dialect.ts';
import { imap } from './imap.ts';
import { managesieve } from './managesieve.ts';
import { pop3 } from './pop3.ts';
import { type Answer, answerText, isAnswer, LoginSession } from './session.ts';
import { type SideConversations, sideConversations } from './side-conversations.ts';
import { reply, submission } from './submission.ts';

/** One service on one address. */
export interface LoginTarget {
  readonly service: Exclude<ServiceName, 'smtp'>;
  /** The domain whose users log in. */
  readonly domain: string;
  /** The preferred name of the host. */
  readonly host: string;
  /** Names that clients are sent to. The certificate must contain all of them. */
  readonly required: readonly string[];
  /** Other names. If no name is required, the certificate must contain one of these. */
  readonly names: readonly string[];
  readonly address: string;
  readonly port: number;
  readonly because: ServiceAudit['because'];
}

/** The result for one service. */
export interface LoginAudit {
  readonly service: ServiceAudit;
  readonly findings: readonly AuditFinding[];
  /** The audit runs on the same machine as the service, which may trust it. */
  readonly here: boolean;
}

/** State that all steps of one audit share. */
interface Task {
  readonly target: LoginTarget;
  readonly dialect: Dialect;
  readonly service: Mutable<ServiceAudit>;
  readonly findings: AuditFinding[];
  readonly find: Find;
  /** Descriptions of inconclusive tests. */
  readonly unknown: string[];
  /** Added to findings that a trusted address may cause. */
  readonly caveat: string;
  readonly side: SideConversations;
  readonly context: AuditContext;
}

const dialects: { readonly [service in LoginTarget['service']]: Dialect } = {
  submission,
  submissions: submission,
  imap,
  imaps: imap,
  pop3,
  pop3s: pop3,
  managesieve,
};
const implicit: ReadonlySet<ServiceName> = new Set(['submissions', 'imaps', 'pop3s']);
/**
 * Connection timeout for hosts without an SRV record, which often do not exist: firewalls drop the packets. The third SYN is
 * sent after 3 seconds.
 */
const GUESS_MS = 7_000;
/** Timeout for a second attempt with the other way to begin: TLS or cleartext. */
const OTHERWISE_MS = 10_000;
/** Time for a second answer, after the first one has arrived. */
const SECOND_ANSWER_MS = 3_000;
/** Handshake timeout of the injection test: a server that mistakes the injected command for the handshake waits forever. */
const INJECTION_HANDSHAKE_MS = 5_000;
/** Maximum number of further names whose certificates are checked, each in its own handshake. */
const MAX_MORE_NAMES = 4;
/** Local errors, which say nothing about the service. */
const LOCAL_ERRORS: ReadonlySet<string> = new Set(['ENETUNREACH', 'EADDRNOTAVAIL', 'EACCES', 'EPERM', 'EINVAL']);

/** OpenSSL errors for an answer that is not TLS. */
const NO_TLS = /WRONG_VERSION_NUMBER|HTTP_REQUEST|PACKET_LENGTH_TOO_LONG/;

/**
 * Checks a login service, in several simultaneous conversations. Never rejects, and never logs in: it uses an account that
 * does not exist.
 *
 * @returns undefined if the service is neither reachable nor announced by an SRV record
 */
export async function auditService(target: LoginTarget, context: AuditContext): Promise<LoginAudit | undefined> {
  const { service: name, host, address, port, because } = target;
  const { settings, clock } = context;
  const dialect = dialects[name];
  const trusted = mayTrustUs(address, context);
  const service: Mutable<ServiceAudit> = {
    service: name,
    host,
    address,
    port,
    tls: implicit.has(name) ? 'implicit' : 'starttls',
    because,
    reach: 'open',
  };
  const findings: AuditFinding[] = [];
  const task: Task = {
    target,
    dialect,
    service,
    findings,
    find: (id, what, evidence = [], change = {}) =>
      void findings.push(found(id, `${host}:${port}`, what, [`address: ${address}`, ...evidence], change)),
    unknown: [],
    caveat: trusted
      ? ' The audit ran on the same machine, which the server may trust: run it from elsewhere (--source) to be sure.'
      : '',
    side: sideConversations(target, dialect, implicit.has(name), context),
    context,
  };
  const { find, unknown } = task;
  const end = (): LoginAudit => {
    if (unknown.length > 0 && !context.signal?.aborted)
      find('login-unknown', 'Some tests of the service were inconclusive.', unknown);
    return {
      service,
      findings,
      here: trusted,
    };
  };

  const started = clock.now();
  const connectMs = because === 'srv' ? settings.timeoutMs : Math.min(settings.timeoutMs, GUESS_MS);
  const session = await LoginSession.connect(target, context, dialect.literals, connectMs);
  if (!(session instanceof LoginSession)) {
    if (because !== 'srv' || session.status === 'aborted') return undefined;
    service.reach = session.status;
    if (LOCAL_ERRORS.has(session.reason)) unknown.push(`this machine cannot connect to ${address}: ${session.reason}`);
    else
      find('login-unreachable', `${dialect.name} is announced at ${host}, port ${port}, but is unreachable.`, [
        session.reason,
      ]);
    return end();
  }
  try {
    if (implicit.has(name)) {
      const begun = await session.startTls({ name: host, authorities: settings.authorities });
      if (begun.status !== 'secure') {
        await session.close();
        await judgeFailedTls(begun, task);
        return end();
      }
      service.starttls = 'offered';
      service.session = sessionOf(begun, task);
    }
    const greeting = await dialect.greet(session);
    if (isAnswer(greeting)) {
      service.greeting = printable(greeting.text);
      service.greetingMs = Math.max(0, Math.round(clock.now() - started));
    }
    if (!(await checkGreeting(session, greeting, task))) {
      // The certificate is known nevertheless.
      await judgeTls({}, task);
      return end();
    }
    await (implicit.has(name) ? withinTls(session, greeting, task) : fromClear(session, greeting, task));
    return end();
  } finally {
    void session.close(dialect.farewell);
  }
}

/** Checks the greeting. Returns false, with a finding, if the session cannot continue. */
async function checkGreeting(session: LoginSession, greeting: Answer, task: Task): Promise<boolean> {
  const { dialect, service, find, unknown, target, context } = task;
  const { timeoutMs } = context.settings;
  switch (greeting.kind) {
    case 'ok':
      return true;
    case 'no':
      service.reach = 'no-service';
      unknown.push(`the service refuses this client in its greeting: ${answerText(greeting)}`);
      return false;
    case 'continue':
    case 'malformed':
      service.reach = 'wrong-protocol';
      find('login-wrong-protocol', `The greeting is not ${dialect.name}.`, [
        ...greeting.lines.slice(0, 3),
        answerText(greeting),
      ]);
      return false;
    case 'timeout': {
      service.reach = 'mute';
      if (greeting.text === '' && !session.wire.secure) {
        // The server may wait for a TLS handshake.
        const begun = await session.startTls({ name: target.host, timeoutMs: Math.min(OTHERWISE_MS, timeoutMs) });
        if (begun.status === 'secure') {
          service.reach = 'wrong-protocol';
          find('login-wrong-protocol', `The server expects implicit TLS, on a port for ${dialect.name} with STARTTLS.`);
          return false;
        }
        // The answer is not TLS: a web server sends 400.
        if (begun.status === 'failed' && NO_TLS.test(begun.reason)) {
          service.reach = 'wrong-protocol';
          find(
            'login-wrong-protocol',
            `The server sends no ${dialect.name} greeting, and answers a TLS handshake in cleartext.`,
            [`handshake: ${begun.reason}`],
          );
          return false;
        }
      }
      find(
        'login-mute',
        greeting.text === ''
          ? `The service accepts the connection but sends nothing for ${timeoutMs} ms.`
          : `The service does not complete its greeting within ${timeoutMs} ms.`,
        greeting.text === '' ? [] : [answerText(greeting)],
      );
      return false;
    }
    default:
      service.reach = 'broken-off';
      unknown.push('the service closes the connection without a greeting');
      return false;
  }
}

/** Finds out why the handshake on an implicit TLS port failed: no TLS, or broken TLS. */
async function judgeFailedTls(begun: Exclude<TlsBegun, { readonly status: 'secure' }>, task: Task): Promise<void> {
  const { dialect, service, find, unknown, target, context } = task;
  if (begun.status === 'aborted') {
    service.reach = 'broken-off';
    return;
  }
  const session = await LoginSession.connect(target, context, dialect.literals);
  const greeting =
    session instanceof LoginSession
      ? await dialect.greet(session, Math.min(OTHERWISE_MS, context.settings.timeoutMs))
      : undefined;
  if (session instanceof LoginSession) await session.close();
  if (greeting?.kind === 'ok' || greeting?.kind === 'no') {
    service.greeting = printable(greeting.text);
    service.starttls = 'missing';
    find('login-not-tls', `The port is for implicit TLS, but the server speaks ${dialect.name} in cleartext.`, [
      answerText(greeting),
      `handshake: ${begun.reason}`,
    ]);
    return;
  }
  if (greeting?.kind === 'malformed' || NO_TLS.test(begun.reason)) {
    service.reach = 'wrong-protocol';
    find('login-wrong-protocol', `The server speaks neither TLS nor ${dialect.name}.`, [
      ...(greeting === undefined || greeting.text === '' ? [] : [answerText(greeting)]),
      `handshake: ${begun.reason}`,
    ]);
    return;
  }
  if (begun.status === 'timeout') {
    service.reach = 'mute';
    find('login-mute', 'The service accepts the connection but does not answer the TLS handshake.', [begun.reason]);
    return;
  }
  if (begun.status === 'closed' && greeting?.kind !== 'timeout') {
    service.reach = 'broken-off';
    unknown.push('the service accepts the connection and closes it at once');
    return;
  }
  service.starttls = 'failed';
  find('starttls-failed', 'The port is for implicit TLS, but the handshake fails.', [begun.reason], { probe: 'login' });
  task.side.firstEnded();
  judgeTls(await moreHandshakes(task), task);
}

const namesOf = ({ required, names, because, domain }: LoginTarget): readonly string[] => {
  const [first] = required;
  if (first === undefined) return names;
  // A client that follows an SRV record may expect the name of the domain in the certificate (RFC 6186 §6).
  return because === 'srv' && first !== domain ? [first, domain] : [first];
};

function sessionOf(begun: Extract<TlsBegun, { readonly status: 'secure' }>, { target, context }: Task): TlsAudit {
  const certificate = readCertificate(begun.socket, namesOf(target), context);
  return {
    versions: {},
    negotiated: begun.socket.getProtocol() ?? undefined,
    cipher: begun.socket.getCipher()?.name,
    certificate,
  };
}

/** Reports findings about the certificate and the TLS versions. */
function judgeTls(versions: TlsAudit['versions'], { target, service, findings, context }: Task): void {
  if (service.session === undefined && !Object.values(versions).includes(true)) return;
  service.session = { ...service.session, versions };
  const subject = `${target.host}:${target.port}`;
  const { certificate } = service.session;
  findings.push(...versionFindings(subject, service.session, 'medium'));
  if (certificate === undefined) return;
  for (const finding of certificateFindings(subject, certificate, namesOf(target), context, 'high'))
    findings.push({ ...finding, evidence: evidenceOf([`address: ${target.address}`, ...finding.evidence]) });
}

/** Tests the TLS versions, and checks the certificates for further names. */
async function moreHandshakes({ target, side, findings, context }: Task): Promise<TlsAudit['versions']> {
  if (!context.settings.probes.has('tls')) return {};
  const lost: TlsBegun = { status: 'closed', reason: 'no handshake' };
  const others = target.required.slice(1, 1 + MAX_MORE_NAMES).map((name) =>
    side.handshaken({ name, authorities: context.settings.authorities }, async (begun) => {
      if (begun.status !== 'secure') return;
      const certificate = readCertificate(begun.socket, [name], context);
      if (certificate === undefined || certificate.nameMatches) return;
      // Other faults of the certificate are reported for the first name.
      for (const finding of certificateFindings(`${name}:${target.port}`, certificate, [name], context, 'high'))
        if (finding.id === 'certificate-name' || finding.id === 'certificate-common-name')
          findings.push({ ...finding, evidence: [`address: ${target.address}`, ...finding.evidence] });
    }),
  );
  const [versions] = await Promise.all([
    probeVersions(async (version) => (await side.handshaken({ version }, async (begun) => begun)) ?? lost),
    ...others,
  ]);
  return versions;
}

/** Checks a service with implicit TLS. */
async function withinTls(session: LoginSession, greeting: Answer, task: Task): Promise<void> {
  const { dialect, service, unknown, side, context } = task;
  const more = moreHandshakes(task);
  const after = await dialect.capabilities(session, context.settings.helo, greeting);
  if (after !== undefined) service.capabilities = { after: after.map((line) => printable(line)) };
  judgeSecure(after, task);
  if (context.settings.probes.has('login')) {
    if (after === undefined && dialect.needsEhlo) unknown.push('the service rejects EHLO and HELO');
    else await openSubmission(session, 'over TLS', task);
  }
  void session.close(dialect.farewell).then(side.firstEnded);
  judgeTls(await more, task);
}

/** Checks a service that begins in cleartext. */
async function fromClear(session: LoginSession, greeting: Answer, task: Task): Promise<void> {
  const { dialect, service, find, unknown, side, caveat, context } = task;
  const { settings } = context;
  if (dialect.preauthenticated(greeting)) {
    find('preauth-clear', `The server greets with PREAUTH without TLS.${caveat}`, [answerText(greeting)]);
    service.starttls = 'missing';
    return;
  }
  const login = settings.probes.has('login');
  const before = await dialect.capabilities(session, settings.helo, greeting);
  if (before !== undefined) service.capabilities = { before: before.map((line) => printable(line)) };
  else if (dialect.needsEhlo) {
    unknown.push('the service rejects EHLO and HELO');
    service.reach = 'broken-off';
    return;
  }
  const account: FakeAccount = { name: `postern-${hex(context, 8)}`, secret: hex(context, 12) };
  let resolveTls: (on: boolean) => void = () => undefined;
  const tls = new Promise<boolean>((resolve) => {
    resolveTls = resolve;
  });
  const clear = login ? tryInClear(dialect, account, side, before, tls, context) : undefined;
  const unprotected =
    login && dialect.needsEhlo ? side.greeted((other) => openSubmission(other, 'without TLS', task)) : undefined;
  const offered = before !== undefined && dialect.offersTls(before);
  const checks = offered
    ? Promise.all([moreHandshakes(task), login ? side.greeted((other) => injection(other, task)) : undefined])
    : undefined;
  const on = await tryStartTls(session, before, offered, task);
  resolveTls(on);
  void session.close(dialect.farewell).then(side.firstEnded);
  const [known, versions] = await Promise.all([
    clear,
    checks?.then(([spoken]) => spoken) ?? (on ? moreHandshakes(task) : {}),
    unprotected,
  ]);
  judgeTls(versions, task);
  if (known !== undefined) unknown.push(...judgeClear(before, known, dialect, caveat, find));
}

/** Begins TLS in the first conversation. Returns whether that worked. */
async function tryStartTls(
  session: LoginSession,
  before: readonly string[] | undefined,
  offered: boolean,
  task: Task,
): Promise<boolean> {
  const { dialect, target, service, find, unknown, context } = task;
  const { settings } = context;
  const listed = before === undefined ? '(unknown)' : before.slice(0, 30).join(' ') || '(nothing)';
  const missing = (evidence: readonly string[]): void => {
    service.starttls = 'missing';
    find('login-starttls-missing', `The server speaks ${dialect.name} without TLS.`, [
      `offered: ${listed}`,
      ...evidence,
    ]);
  };
  const failed = (what: string, evidence: readonly string[]): void => {
    service.starttls = 'failed';
    if (!context.signal?.aborted) find('starttls-failed', what, evidence, { probe: 'login' });
  };
  // Request TLS even if it is not offered: some servers support STARTTLS without announcing it.
  const ready = await dialect.requestTls(session);
  if (ready.kind === 'aborted') return false;
  if (ready.kind !== 'ok') {
    if (offered) failed('The server offers TLS but rejects the command.', [answerText(ready)]);
    else if (isAnswer(ready) || ready.kind === 'closed' || before !== undefined)
      missing([`request for TLS: ${answerText(ready)}`]);
    else unknown.push(`request for TLS: ${answerText(ready)}`);
    return false;
  }
  const injected = await responseInjection(session.wire, context.clock);
  if (injected !== undefined) find(injected[0], injected[1], injected[2], { probe: 'login' });
  const begun = await session.startTls({ name: target.host, authorities: settings.authorities });
  if (begun.status !== 'secure') {
    if (offered) failed('The TLS handshake fails.', [begun.reason]);
    else missing([`request for TLS: ${answerText(ready)}; the handshake fails: ${begun.reason}`]);
    return false;
  }
  service.starttls = 'offered';
  service.session = sessionOf(begun, task);
  if (!offered && before !== undefined)
    find(
      'login-starttls-missing',
      `The ${dialect.name} server supports TLS but does not announce it: clients that check first continue without TLS.`,
      [`offered: ${listed}`],
      { severity: 'medium' },
    );
  const after = await dialect.capabilities(session, settings.helo);
  if (after !== undefined)
    service.capabilities = { ...service.capabilities, after: after.map((line) => printable(line)) };
  judgeSecure(after, task);
  if (settings.probes.has('login') && (after !== undefined || !dialect.needsEhlo))
    await openSubmission(session, 'over TLS', task);
  return true;
}

/** Checks the capabilities announced over TLS. */
function judgeSecure(after: readonly string[] | undefined, { dialect, service, find, context }: Task): void {
  if (after === undefined || !context.settings.probes.has('login')) return;
  const listed = [`offered over TLS: ${after.slice(0, 30).join(' ') || '(nothing)'}`];
  const mechanisms = dialect.mechanisms(after);
  const stale = [
    ...(service.tls === 'starttls' && dialect.offersTls(after) ? ['STARTTLS'] : []),
    ...(after.some((one) => one.toUpperCase() === 'LOGINDISABLED') ? ['LOGINDISABLED'] : []),
  ];
  if (stale.length > 0)
    find(
      'starttls-stale',
      `The server still announces ${stale.join(' and ')} over TLS.`,
      listed,
      // If LOGIN is the only way to log in, no client can log in.
      { probe: 'login', ...(stale.includes('LOGINDISABLED') && mechanisms.length === 0 ? { severity: 'high' } : {}) },
    );
  if (dialect.needsEhlo && mechanisms.length === 0)
    find('submission-no-auth', 'The server does not offer AUTH over TLS.', listed);
}

/** Tests for STARTTLS command injection: a command sent in cleartext that the server executes over TLS. */
async function injection(session: LoginSession, { target, dialect, find, context }: Task): Promise<void> {
  const ready = await dialect.requestTls(session, dialect.injected);
  if (ready.kind !== 'ok') return;
  const { timeoutMs } = context.settings;
  const begun = await session.startTls({ name: target.host, timeoutMs: Math.min(timeoutMs, INJECTION_HANDSHAKE_MS) });
  if (begun.status !== 'secure') return;
  const lines = await dialect.injectedAnswer(session, Math.min(timeoutMs, SECOND_ANSWER_MS));
  if (lines === undefined) return;
  find(
    'starttls-injection',
    'The server executes a command over TLS that was sent in cleartext: a man in the middle can inject commands.',
    [`sent in cleartext: ${dialect.injected}`, ...lines.map((line) => `answered over TLS: ${line}`)],
    { probe: 'login' },
  );
}

/** Reports an open relay even if the relay probe is off: submission requires a login (RFC 6409 §4.3). */
const relayProbe = ({ settings }: AuditContext): { readonly probe?: 'login' } =>
  settings.probes.has('relay') ? {} : { probe: 'login' };

/** Tests whether a submission server accepts a foreign recipient from an unauthenticated client. Sends no DATA. */
async function openSubmission(session: LoginSession, where: string, task: Task): Promise<boolean> {
  const { target, dialect, find, findings, caveat, context } = task;
  if (!dialect.needsEhlo) return false;
  const { localPart, domain } = context.settings.relayTo;
  // A mailbox of the domain itself is not foreign.
  const foreign = domain === target.domain || domain.endsWith(`.${target.domain}`) ? 'example.net' : domain;
  const mailbox = `<${localPart}@${foreign}>`;
  const from = await session.command(`MAIL FROM:<postmaster@${target.domain}>`, reply);
  if (from.kind !== 'ok') return false;
  const to = await session.command(`RCPT TO:${mailbox}`, reply);
  if (isAnswer(to)) await session.command('RSET', reply);
  if (to.kind !== 'ok') return false;
  if (!findings.some(({ id }) => id === 'relay-open'))
    find(
      'relay-open',
      `The server accepts mail for a foreign mailbox from an unauthenticated client, ${where}.${caveat}`,
      [`MAIL FROM: ${answerText(from)}`, `RCPT TO:${mailbox}: ${answerText(to)}`],
      relayProbe(context),
    );
  return true;
}

const hex = ({ randomBytes }: AuditContext, length: number): string => Buffer.from(randomBytes(length)).toString('hex');
