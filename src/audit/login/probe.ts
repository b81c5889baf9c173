import type { AuditContext } from '../context.ts';
import { type AuditFinding, evidenceOf, type Find, found, type Mutable, printable } from '../finding.ts';
import type { ServiceAudit, ServiceName, TlsAudit } from '../report.ts';
import { certificateFindings, probeVersions, readCertificate, versionFindings } from '../tls/index.ts';
import { mayTrustUs } from '../trust.ts';
import { responseInjection, type TlsBegun } from '../wire/index.ts';
import { judgeClear, tryInClear } from './clear.ts';
import type { Dialect, Dummy } from './dialect.ts';
import { imap } from './imap.ts';
import { managesieve } from './managesieve.ts';
import { pop3 } from './pop3.ts';
import { type SideConversations, sideConversations } from './side-conversations.ts';
import { reply, submission } from './submission.ts';
import { type Answer, isAnswer, shown, Talk } from './talk.ts';

/** One service on one address. */
export interface LoginTarget {
  readonly service: Exclude<ServiceName, 'smtp'>;
  /** The domain whose users log in. */
  readonly domain: string;
  /** The best of its names. */
  readonly host: string;
  /** Each of these must be in the certificate: clients are sent to them. */
  readonly required: readonly string[];
  /** Where none is required, one of these must be. */
  readonly names: readonly string[];
  readonly address: string;
  readonly port: number;
  readonly because: ServiceAudit['because'];
}

export interface LoginAudit {
  readonly service: ServiceAudit;
  readonly findings: readonly AuditFinding[];
  /** The audit runs on the machine of the service, which may trust it. */
  readonly here: boolean;
}

/** What the steps of one audit share. */
interface Task {
  readonly target: LoginTarget;
  readonly dialect: Dialect;
  readonly service: Mutable<ServiceAudit>;
  readonly findings: AuditFinding[];
  readonly find: Find;
  /** What could not be found out, and why. */
  readonly unknown: string[];
  /** What is to be said with a finding that a trusted address may bring about. */
  readonly caveat: string;
  readonly beside: SideConversations;
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
 * How long a host that nobody has announced is given to take the connection: the third SYN is sent after 3 seconds, and
 * behind many a firewall there is nothing.
 */
const GUESS_MS = 7_000;
/** How long a service that did not speak as its port says is given to speak otherwise. */
const OTHERWISE_MS = 10_000;
/** How long a server that has answered once may take to answer again. */
const SECOND_ANSWER_MS = 3_000;
/** The handshake behind what was smuggled in: a server that took it for the handshake waits for ever. */
const SMUGGLED_HANDSHAKE_MS = 5_000;
/** Names beyond the first that a certificate is asked for, each in a handshake of its own. */
const MAX_MORE_NAMES = 4;
/** There is no way from here, which says nothing about the service. */
const NO_WAY: ReadonlySet<string> = new Set(['ENETUNREACH', 'EADDRNOTAVAIL', 'EACCES', 'EPERM', 'EINVAL']);

/** What OpenSSL says of an answer that is none of TLS. */
const NO_TLS = /WRONG_VERSION_NUMBER|HTTP_REQUEST|PACKET_LENGTH_TOO_LONG/;

/**
 * Talks to a login service, in several conversations at once. Never rejects, and never logs in: the logins that are tried
 * are of an account that does not exist.
 *
 * @returns undefined where there is no such service, and nobody has said that there is
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
      ? ' The audit ran on the same machine, which the server may trust: ask again from elsewhere (--source) to be sure.'
      : '',
    beside: sideConversations(target, dialect, implicit.has(name), context),
    context,
  };
  const { find, unknown } = task;
  const end = (): LoginAudit => {
    if (unknown.length > 0 && !context.signal?.aborted)
      find('login-unknown', 'What the service does could not be found out in whole.', unknown);
    return {
      service,
      findings,
      here: trusted,
    };
  };

  const started = clock.now();
  const patience = because === 'srv' ? settings.timeoutMs : Math.min(settings.timeoutMs, GUESS_MS);
  const talk = await Talk.connect(target, context, dialect.literals, patience);
  if (!(talk instanceof Talk)) {
    if (because !== 'srv' || talk.status === 'aborted') return undefined;
    service.reach = talk.status;
    if (NO_WAY.has(talk.reason)) unknown.push(`there is no way to ${address} from here: ${talk.reason}`);
    else
      find('login-unreachable', `${dialect.name} is announced at ${host}, port ${port}, and cannot be reached there.`, [
        talk.reason,
      ]);
    return end();
  }
  try {
    if (implicit.has(name)) {
      const begun = await talk.startTls({ name: host, authorities: settings.authorities });
      if (begun.status !== 'secure') {
        await talk.close();
        await withoutTls(begun, task);
        return end();
      }
      service.starttls = 'offered';
      service.session = sessionOf(begun, task);
    }
    const greeting = await dialect.greet(talk);
    if (isAnswer(greeting)) {
      service.greeting = printable(greeting.text);
      service.greetingMs = Math.max(0, Math.round(clock.now() - started));
    }
    if (!(await greeted(talk, greeting, task))) {
      // The certificate was seen all the same.
      await judgeTls({}, task);
      return end();
    }
    await (implicit.has(name) ? withinTls(talk, greeting, task) : fromClear(talk, greeting, task));
    return end();
  } finally {
    void talk.close(dialect.farewell);
  }
}

/** Whether the greeting is one; what it is otherwise is found. */
async function greeted(talk: Talk, greeting: Answer, task: Task): Promise<boolean> {
  const { dialect, service, find, unknown, target, context } = task;
  const { timeoutMs } = context.settings;
  switch (greeting.kind) {
    case 'ok':
      return true;
    case 'no':
      service.reach = 'no-service';
      unknown.push(`the service greets this client with a refusal: ${shown(greeting)}`);
      return false;
    case 'invited':
    case 'malformed':
      service.reach = 'wrong-protocol';
      find('login-wrong-protocol', `What listens there does not greet as ${dialect.name} does.`, [
        ...greeting.lines.slice(0, 3),
        shown(greeting),
      ]);
      return false;
    case 'timeout': {
      service.reach = 'mute';
      if (greeting.text === '' && !talk.wire.secure) {
        // It may be waiting for the client to begin, with TLS.
        const begun = await talk.startTls({ name: target.host, timeoutMs: Math.min(OTHERWISE_MS, timeoutMs) });
        if (begun.status === 'secure') {
          service.reach = 'wrong-protocol';
          find(
            'login-wrong-protocol',
            `TLS is spoken there at once, on a port for ${dialect.name} that begins without.`,
          );
          return false;
        }
        // It answers, and not with TLS: a web server says 400.
        if (begun.status === 'failed' && NO_TLS.test(begun.reason)) {
          service.reach = 'wrong-protocol';
          find(
            'login-wrong-protocol',
            `What listens there does not greet as ${dialect.name} does, and answers TLS in the clear.`,
            [`the handshake: ${begun.reason}`],
          );
          return false;
        }
      }
      find(
        'login-mute',
        greeting.text === ''
          ? `The service takes the connection and says nothing for ${timeoutMs} ms.`
          : `The service begins to greet, and does not come to an end in ${timeoutMs} ms.`,
        greeting.text === '' ? [] : [shown(greeting)],
      );
      return false;
    }
    default:
      service.reach = 'broken-off';
      unknown.push('the service takes the connection and closes it without a greeting');
      return false;
  }
}

/** The handshake on a port for TLS came to nothing: is there no TLS, or is it broken? */
async function withoutTls(begun: Exclude<TlsBegun, { readonly status: 'secure' }>, task: Task): Promise<void> {
  const { dialect, service, find, unknown, target, context } = task;
  if (begun.status === 'aborted') {
    service.reach = 'broken-off';
    return;
  }
  const talk = await Talk.connect(target, context, dialect.literals);
  const greeting =
    talk instanceof Talk ? await dialect.greet(talk, Math.min(OTHERWISE_MS, context.settings.timeoutMs)) : undefined;
  if (talk instanceof Talk) await talk.close();
  if (greeting?.kind === 'ok' || greeting?.kind === 'no') {
    service.greeting = printable(greeting.text);
    service.starttls = 'missing';
    find('login-not-tls', `The port is for TLS, and ${dialect.name} is spoken there in the clear.`, [
      shown(greeting),
      `the handshake: ${begun.reason}`,
    ]);
    return;
  }
  if (greeting?.kind === 'malformed' || NO_TLS.test(begun.reason)) {
    service.reach = 'wrong-protocol';
    find('login-wrong-protocol', `What listens there speaks neither TLS nor ${dialect.name}.`, [
      ...(greeting === undefined || greeting.text === '' ? [] : [shown(greeting)]),
      `the handshake: ${begun.reason}`,
    ]);
    return;
  }
  if (begun.status === 'timeout') {
    service.reach = 'mute';
    find('login-mute', 'The service takes the connection and does not answer the handshake.', [begun.reason]);
    return;
  }
  if (begun.status === 'closed' && greeting?.kind !== 'timeout') {
    service.reach = 'broken-off';
    unknown.push('the service takes the connection and closes it at once');
    return;
  }
  service.starttls = 'failed';
  find('starttls-failed', 'The port is for TLS, and the handshake fails.', [begun.reason], { probe: 'login' });
  task.beside.firstEnded();
  judgeTls(await moreHandshakes(task), task);
}

const namesOf = ({ required, names, because, domain }: LoginTarget): readonly string[] => {
  const [first] = required;
  if (first === undefined) return names;
  // Who was sent here by the DNS may look for the domain that sent him (RFC 6186 §6).
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

/** What the certificate and the versions come to. */
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

/** Which versions are spoken, and what certificate is shown for names beyond the first. */
async function moreHandshakes({ target, beside, findings, context }: Task): Promise<TlsAudit['versions']> {
  if (!context.settings.probes.has('tls')) return {};
  const lost: TlsBegun = { status: 'closed', reason: 'there was no handshake' };
  const others = target.required.slice(1, 1 + MAX_MORE_NAMES).map((name) =>
    beside.handshaken({ name, authorities: context.settings.authorities }, async (begun) => {
      if (begun.status !== 'secure') return;
      const certificate = readCertificate(begun.socket, [name], context);
      if (certificate === undefined || certificate.nameMatches) return;
      // What else is wrong with it is said of the first name.
      for (const finding of certificateFindings(`${name}:${target.port}`, certificate, [name], context, 'high'))
        if (finding.id === 'certificate-name' || finding.id === 'certificate-common-name')
          findings.push({ ...finding, evidence: [`address: ${target.address}`, ...finding.evidence] });
    }),
  );
  const [versions] = await Promise.all([
    probeVersions(async (version) => (await beside.handshaken({ version }, async (begun) => begun)) ?? lost),
    ...others,
  ]);
  return versions;
}

/** TLS is on since the connection began. */
async function withinTls(talk: Talk, greeting: Answer, task: Task): Promise<void> {
  const { dialect, service, unknown, beside, context } = task;
  const more = moreHandshakes(task);
  const after = await dialect.capabilities(talk, context.settings.helo, greeting);
  if (after !== undefined) service.capabilities = { after: after.map((line) => printable(line)) };
  judgeSecure(after, task);
  if (context.settings.probes.has('login')) {
    if (after === undefined && dialect.asksFirst) unknown.push('EHLO was not answered as it should be');
    else await openSubmission(talk, 'within TLS', task);
  }
  void talk.close(dialect.farewell).then(beside.firstEnded);
  judgeTls(await more, task);
}

/** The connection begins in the clear: here the traps are. */
async function fromClear(talk: Talk, greeting: Answer, task: Task): Promise<void> {
  const { dialect, service, find, unknown, beside, caveat, context } = task;
  const { settings } = context;
  if (dialect.preauthenticated(greeting)) {
    find('preauth-clear', `The server greets with PREAUTH, without TLS.${caveat}`, [shown(greeting)]);
    service.starttls = 'missing';
    return;
  }
  const login = settings.probes.has('login');
  const before = await dialect.capabilities(talk, settings.helo, greeting);
  if (before !== undefined) service.capabilities = { before: before.map((line) => printable(line)) };
  else if (dialect.asksFirst) {
    unknown.push('the service greets, and takes neither EHLO nor HELO');
    service.reach = 'broken-off';
    return;
  }
  const dummy: Dummy = { name: `postern-${hex(context, 8)}`, secret: hex(context, 12) };
  let tlsIs: (on: boolean) => void = () => undefined;
  const tls = new Promise<boolean>((resolve) => {
    tlsIs = resolve;
  });
  const clear = login ? tryInClear(dialect, dummy, beside, before, tls, context) : undefined;
  const unprotected =
    login && dialect.asksFirst ? beside.greeted((other) => openSubmission(other, 'in the clear', task)) : undefined;
  const offered = before !== undefined && dialect.offersTls(before);
  const side = offered
    ? Promise.all([moreHandshakes(task), login ? beside.greeted((other) => injection(other, task)) : undefined])
    : undefined;
  const on = await begin(talk, before, offered, task);
  tlsIs(on);
  void talk.close(dialect.farewell).then(beside.firstEnded);
  const [known, versions] = await Promise.all([
    clear,
    side?.then(([spoken]) => spoken) ?? (on ? moreHandshakes(task) : {}),
    unprotected,
  ]);
  judgeTls(versions, task);
  if (known !== undefined) unknown.push(...judgeClear(before, known, dialect, caveat, find));
}

/** Begins TLS in the first conversation. Answers whether that was done. */
async function begin(
  talk: Talk,
  before: readonly string[] | undefined,
  offered: boolean,
  task: Task,
): Promise<boolean> {
  const { dialect, target, service, find, unknown, context } = task;
  const { settings } = context;
  const listed = before === undefined ? '(the server does not say)' : before.slice(0, 30).join(' ') || '(nothing)';
  const missing = (evidence: readonly string[]): void => {
    service.starttls = 'missing';
    find('login-starttls-missing', `${dialect.name} is spoken there without TLS.`, [`offered: ${listed}`, ...evidence]);
  };
  const failed = (what: string, evidence: readonly string[]): void => {
    service.starttls = 'failed';
    if (!context.signal?.aborted) find('starttls-failed', what, evidence, { probe: 'login' });
  };
  // Whatever is said of it, it is tried: some servers know STARTTLS and do not say so.
  const asked = await dialect.askTls(talk);
  if (asked.kind === 'aborted') return false;
  if (asked.kind !== 'ok') {
    if (offered) failed('TLS is offered, and not begun when it is asked for.', [shown(asked)]);
    else if (isAnswer(asked) || asked.kind === 'closed' || before !== undefined)
      missing([`asked for it: ${shown(asked)}`]);
    else unknown.push(`whether TLS can be had: ${shown(asked)}`);
    return false;
  }
  const injected = await responseInjection(talk.wire, context.clock);
  if (injected !== undefined) find(injected[0], injected[1], injected[2], { probe: 'login' });
  const begun = await talk.startTls({ name: target.host, authorities: settings.authorities });
  if (begun.status !== 'secure') {
    if (offered) failed('TLS is begun, and the handshake fails.', [begun.reason]);
    else missing([`asked for it: ${shown(asked)}; the handshake fails: ${begun.reason}`]);
    return false;
  }
  service.starttls = 'offered';
  service.session = sessionOf(begun, task);
  if (!offered && before !== undefined)
    find(
      'login-starttls-missing',
      `${dialect.name} does not offer TLS there, though it is to be had: clients that look first go on without.`,
      [`offered: ${listed}`],
      { severity: 'medium' },
    );
  const after = await dialect.capabilities(talk, settings.helo);
  if (after !== undefined)
    service.capabilities = { ...service.capabilities, after: after.map((line) => printable(line)) };
  judgeSecure(after, task);
  if (settings.probes.has('login') && (after !== undefined || !dialect.asksFirst))
    await openSubmission(talk, 'within TLS', task);
  return true;
}

/** What is announced within TLS: nothing from before it, and a login. */
function judgeSecure(after: readonly string[] | undefined, { dialect, service, find, context }: Task): void {
  if (after === undefined || !context.settings.probes.has('login')) return;
  const listed = [`offered within TLS: ${after.slice(0, 30).join(' ') || '(nothing)'}`];
  const mechanisms = dialect.mechanisms(after);
  const stale = [
    ...(service.tls === 'starttls' && dialect.offersTls(after) ? ['STARTTLS'] : []),
    ...(after.some((one) => one.toUpperCase() === 'LOGINDISABLED') ? ['LOGINDISABLED'] : []),
  ];
  if (stale.length > 0)
    find(
      'starttls-stale',
      `${dialect.name} still announces ${stale.join(' and ')} within TLS.`,
      listed,
      // Where LOGIN is all there is, nobody can log in.
      { probe: 'login', ...(stale.includes('LOGINDISABLED') && mechanisms.length === 0 ? { severity: 'high' } : {}) },
    );
  if (dialect.asksFirst && mechanisms.length === 0)
    find('submission-no-auth', 'The server offers no login within TLS.', listed);
}

/** Whether what was sent in the clear, behind the command for TLS, is taken as sent within it. */
async function injection(talk: Talk, { target, dialect, find, context }: Task): Promise<void> {
  const ready = await dialect.askTls(talk, dialect.smuggled);
  if (ready.kind !== 'ok') return;
  const { timeoutMs } = context.settings;
  const begun = await talk.startTls({ name: target.host, timeoutMs: Math.min(timeoutMs, SMUGGLED_HANDSHAKE_MS) });
  if (begun.status !== 'secure') return;
  const lines = await dialect.smuggledAnswer(talk, Math.min(timeoutMs, SECOND_ANSWER_MS));
  if (lines === undefined) return;
  find(
    'starttls-injection',
    'The server answers a command within TLS that was sent before it, in the clear: whoever stands between can speak for the client.',
    [`sent in the clear: ${dialect.smuggled}`, ...lines.map((line) => `answered within TLS: ${line}`)],
    { probe: 'login' },
  );
}

/** Without the probe for relays it is a matter of logins all the same (RFC 6409 §4.3). */
const relayProbe = ({ settings }: AuditContext): { readonly probe?: 'login' } =>
  settings.probes.has('relay') ? {} : { probe: 'login' };

/** Whether a submission server takes mail for a stranger from somebody who has not logged in. RCPT is as far as it goes. */
async function openSubmission(talk: Talk, where: string, task: Task): Promise<boolean> {
  const { target, dialect, find, findings, caveat, context } = task;
  if (!dialect.asksFirst) return false;
  const { localPart, domain: asked } = context.settings.relayTo;
  // The domain's own mailboxes are not foreign to it.
  const foreign = asked === target.domain || asked.endsWith(`.${target.domain}`) ? 'example.net' : asked;
  const mailbox = `<${localPart}@${foreign}>`;
  const from = await talk.ask(`MAIL FROM:<postmaster@${target.domain}>`, reply);
  if (from.kind !== 'ok') return false;
  const to = await talk.ask(`RCPT TO:${mailbox}`, reply);
  if (isAnswer(to)) await talk.ask('RSET', reply);
  if (to.kind !== 'ok') return false;
  if (!findings.some(({ id }) => id === 'relay-open'))
    find(
      'relay-open',
      `The server takes mail for a foreign mailbox from a client that has not logged in, ${where}.${caveat}`,
      [`MAIL FROM: ${shown(from)}`, `RCPT TO:${mailbox}: ${shown(to)}`],
      relayProbe(context),
    );
  return true;
}

const hex = ({ randomBytes }: AuditContext, length: number): string => Buffer.from(randomBytes(length)).toString('hex');
