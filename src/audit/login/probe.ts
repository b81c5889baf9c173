import { mechanismClass } from '../../checks/encrypted-auth/index.ts';
import type { AuditContext } from '../context.ts';
import type { AuditFinding } from '../finding.ts';
import { found, printable } from '../finding.ts';
import type { ServiceAudit, ServiceName, TlsAudit, TlsVersion } from '../report.ts';
import { certificateFindings, probeVersions, readCertificate, versionFindings } from '../tls/index.ts';
import type { TlsBegun } from '../wire/index.ts';
import type { Dialect, Dummy } from './dialect.ts';
import { dialectOf } from './dialect.ts';
import { isForTls, wasExamined } from './judge.ts';
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
  readonly notes: readonly string[];
}

type Mutable<T> = { -readonly [key in keyof T]: T[key] };
type Find = (
  id: Parameters<typeof found>[0],
  what: string,
  evidence?: readonly string[],
  change?: Parameters<typeof found>[4],
) => void;

const implicit: ReadonlySet<ServiceName> = new Set(['submissions', 'imaps', 'pop3s']);
/** How long a service that should speak TLS is given to greet in the clear. */
const CLEAR_GREETING_MS = 5_000;
/** How long a server that has answered once may take to answer again. */
const SECOND_ANSWER_MS = 3_000;
/** Mechanisms that are begun without a secret: a bearer token is a secret too, and some servers think of PLAIN alone. */
const invited: readonly string[] = ['PLAIN', 'LOGIN', 'XOAUTH2', 'OAUTHBEARER'];

/**
 * Talks to a login service, in several conversations at once. Never rejects, and never logs in: the one login that is
 * tried is of an account that does not exist.
 *
 * @returns undefined where there is no such service, and nobody has said that there is
 */
export async function auditService(target: LoginTarget, context: AuditContext): Promise<LoginAudit | undefined> {
  const { service: name, host, address, port, because } = target;
  const { settings, clock } = context;
  const dialect = dialectOf(name);
  const subject = `${host}:${port}`;
  const here = (context.localAddresses?.() ?? []).includes(address) && settings.source === undefined;
  const notes = here
    ? [
        `The audit ran on the machine of ${host} (${address}): some servers trust their own address, and relay for it or take logins without TLS. Ask again from elsewhere, or with --source.`,
      ]
    : [];
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
  const find: Find = (id, what, evidence = [], change = {}) =>
    void findings.push(found(id, subject, what, [`address: ${address}`, ...evidence], change));
  const end = (): LoginAudit => ({ service, findings, notes });

  const started = clock.now();
  const talk = await Talk.connect(target, context);
  if (!(talk instanceof Talk)) {
    if (because !== 'srv' || talk.status === 'aborted') return undefined;
    service.reach = talk.status;
    find('login-unreachable', `${dialect.name} is announced at ${host}, port ${port}, and cannot be reached there.`, [
      talk.reason,
    ]);
    return end();
  }
  try {
    if (implicit.has(name)) {
      const begun = await talk.startTls({ name: host, authorities: settings.authorities });
      if (begun.status !== 'secure') {
        await withoutTls(target, dialect, begun, service, find, context);
        return end();
      }
      service.starttls = 'offered';
      service.session = sessionOf(begun, target, context);
    }
    const greeting = await dialect.greet(talk);
    service.greetingMs = Math.max(0, Math.round(clock.now() - started));
    if (isAnswer(greeting)) service.greeting = printable(greeting.text);
    if (!greeted(greeting, dialect, service, find, context)) return end();
    if (implicit.has(name)) await withinTls(talk, greeting, target, dialect, service, find, findings, context);
    else await fromClear(talk, greeting, target, dialect, service, find, findings, context);
    return end();
  } finally {
    void talk.close(dialect.farewell);
  }
}

/** Whether the greeting is one; what it is otherwise is found. */
function greeted(
  greeting: Answer,
  dialect: Dialect,
  service: Mutable<ServiceAudit>,
  find: Find,
  { settings }: AuditContext,
): boolean {
  switch (greeting.kind) {
    case 'ok':
      return true;
    case 'no':
      service.reach = 'no-service';
      find('login-unknown', 'The service greets this client with a refusal.', [shown(greeting)]);
      return false;
    case 'invited':
    case 'malformed':
      service.reach = 'wrong-protocol';
      find('login-wrong-protocol', `What listens there does not greet as ${dialect.name} does.`, [
        ...greeting.lines.slice(0, 3),
        shown(greeting),
      ]);
      return false;
    case 'timeout':
      service.reach = 'mute';
      find('login-mute', `The service takes the connection and does not greet in ${settings.timeoutMs} ms.`, [
        shown(greeting),
      ]);
      return false;
    default:
      service.reach = 'broken-off';
      if (greeting.kind === 'closed')
        find('login-unknown', 'The service takes the connection and closes it without a greeting.', [shown(greeting)]);
      return false;
  }
}

/** The handshake on a port for TLS came to nothing: is there no TLS, or is it broken? */
async function withoutTls(
  target: LoginTarget,
  dialect: Dialect,
  begun: Exclude<TlsBegun, { readonly status: 'secure' }>,
  service: Mutable<ServiceAudit>,
  find: Find,
  context: AuditContext,
): Promise<void> {
  if (begun.status === 'aborted') {
    service.reach = 'broken-off';
    return;
  }
  const talk = await Talk.connect(target, context);
  if (talk instanceof Talk) {
    const greeting = await dialect.greet(talk, Math.min(CLEAR_GREETING_MS, context.settings.timeoutMs));
    await talk.close();
    if (greeting.kind === 'ok' || greeting.kind === 'no') {
      service.greeting = printable(greeting.text);
      service.starttls = 'missing';
      find('login-not-tls', `The port is for TLS, and ${dialect.name} is spoken there in the clear.`, [
        shown(greeting),
      ]);
      return;
    }
    if (greeting.kind === 'malformed') {
      service.reach = 'wrong-protocol';
      find('login-wrong-protocol', `What listens there speaks neither TLS nor ${dialect.name}.`, [shown(greeting)]);
      return;
    }
  }
  if (begun.status === 'timeout') {
    service.reach = 'mute';
    find('login-mute', 'The service takes the connection and does not answer the handshake.', [begun.reason]);
    return;
  }
  service.starttls = 'failed';
  find('starttls-failed', 'The handshake fails.', [begun.reason], { probe: 'login' });
}

function sessionOf(
  begun: Extract<TlsBegun, { readonly status: 'secure' }>,
  target: LoginTarget,
  context: AuditContext,
): TlsAudit {
  const names = target.required.length > 0 ? target.required : target.names;
  const certificate = readCertificate(begun.socket, names, context);
  return {
    versions: {},
    negotiated: begun.socket.getProtocol() ?? undefined,
    cipher: begun.socket.getCipher()?.name,
    ...(certificate === undefined ? {} : { certificate }),
  };
}

/** What the certificate and the versions come to. */
function judgeTls(
  target: LoginTarget,
  service: Mutable<ServiceAudit>,
  versions: TlsAudit['versions'],
  findings: AuditFinding[],
  context: AuditContext,
): void {
  if (service.session === undefined) return;
  service.session = { ...service.session, versions };
  const subject = `${target.host}:${target.port}`;
  const { certificate } = service.session;
  findings.push(...versionFindings(subject, service.session, 'medium'));
  if (certificate === undefined) return;
  const names = target.required.length > 0 ? target.required : target.names;
  for (const finding of certificateFindings(subject, certificate, names, context, 'high'))
    findings.push({ ...finding, evidence: [`address: ${target.address}`, ...finding.evidence].slice(0, 20) });
}

const versionsOf = (
  target: LoginTarget,
  context: AuditContext,
  begin: (talk: Talk) => Promise<boolean>,
): Promise<TlsAudit['versions']> =>
  context.settings.probes.has('tls')
    ? probeVersions(async (version: TlsVersion): Promise<TlsBegun> => {
        const talk = await Talk.connect(target, context);
        if (!(talk instanceof Talk)) return { status: 'closed', reason: talk.reason };
        try {
          return (await begin(talk))
            ? await talk.startTls({ name: target.host, version })
            : { status: 'closed', reason: 'TLS was not begun' };
        } finally {
          void talk.close();
        }
      })
    : Promise.resolve({});

/** TLS is on since the connection began. */
async function withinTls(
  talk: Talk,
  greeting: Answer,
  target: LoginTarget,
  dialect: Dialect,
  service: Mutable<ServiceAudit>,
  find: Find,
  findings: AuditFinding[],
  context: AuditContext,
): Promise<void> {
  const [after, versions] = await Promise.all([
    dialect.capabilities(talk, context.settings.helo, greeting),
    versionsOf(target, context, () => Promise.resolve(true)),
  ]);
  if (after !== undefined) service.capabilities = { after: after.map((line) => printable(line)) };
  await openSubmission(talk, target, dialect, find, context);
  judgeTls(target, service, versions, findings, context);
}

/** The connection begins in the clear: here the traps are. */
async function fromClear(
  talk: Talk,
  greeting: Answer,
  target: LoginTarget,
  dialect: Dialect,
  service: Mutable<ServiceAudit>,
  find: Find,
  findings: AuditFinding[],
  context: AuditContext,
): Promise<void> {
  const { settings } = context;
  if (dialect.preauthenticated(greeting)) {
    find('preauth-clear', 'The server greets with PREAUTH, without TLS.', [shown(greeting)]);
    service.starttls = 'missing';
    return;
  }
  const dummy: Dummy = { name: `postern-${hex(context, 8)}`, secret: hex(context, 12) };
  const login = settings.probes.has('login');
  /** A conversation of its own; undefined where there is none to be had. */
  const beside = async <T>(run: (talk: Talk) => Promise<T>): Promise<T | undefined> => {
    const other = await Talk.connect(target, context);
    if (!(other instanceof Talk)) return undefined;
    try {
      const own = await dialect.greet(other);
      if (own.kind !== 'ok') return undefined;
      // SMTP wants its EHLO before anything else.
      if (dialect.name === 'SMTP') await dialect.capabilities(other, settings.helo, own);
      return await run(other);
    } finally {
      void other.close(dialect.farewell);
    }
  };
  const clearLogin = login ? beside((other) => dialect.login(other, dummy)) : Promise.resolve(undefined);
  const invitation = login ? beside((other) => inviteAll(other, dialect)) : Promise.resolve(undefined);

  const before = await dialect.capabilities(talk, settings.helo, greeting);
  if (before !== undefined) service.capabilities = { before: before.map((line) => printable(line)) };
  const offered = before !== undefined && dialect.offersTls(before);
  // Whatever is said of it, it is tried: some servers know STARTTLS and do not say so.
  const asked = await dialect.askTls(talk);
  let secureLogin: Answer | undefined;
  if (asked.kind === 'ok') {
    const side = Promise.all([
      versionsOf(target, context, async (other) => {
        const own = await dialect.greet(other);
        if (own.kind !== 'ok') return false;
        if (dialect.name === 'SMTP') await dialect.capabilities(other, settings.helo, own);
        return (await dialect.askTls(other)).kind === 'ok';
      }),
      login ? beside((other) => injection(other, target, dialect, find, context)) : undefined,
    ]);
    const begun = await talk.startTls({ name: target.host, authorities: settings.authorities });
    if (begun.status === 'secure') {
      service.starttls = 'offered';
      service.session = sessionOf(begun, target, context);
      const after = await dialect.capabilities(talk, settings.helo);
      if (after !== undefined)
        service.capabilities = { ...service.capabilities, after: after.map((line) => printable(line)) };
      await openSubmission(talk, target, dialect, find, context);
      if (login) secureLogin = (await dialect.login(talk, dummy)).answer;
    } else if (begun.status !== 'aborted') {
      service.starttls = 'failed';
      find('starttls-failed', 'TLS is begun, and the handshake fails.', [begun.reason], { probe: 'login' });
    }
    const [versions] = await side;
    judgeTls(target, service, versions, findings, context);
  } else if (offered && isAnswer(asked)) {
    service.starttls = 'failed';
    find('starttls-failed', 'TLS is offered, and not begun when it is asked for.', [shown(asked)], { probe: 'login' });
  } else if (before !== undefined && isAnswer(asked)) {
    service.starttls = 'missing';
    find('login-starttls-missing', `${dialect.name} is spoken there without TLS.`, [
      `offered: ${before.slice(0, 20).join(' ') || '(nothing)'}`,
      shown(asked),
    ]);
    await openSubmission(talk, target, dialect, find, context);
  }
  if (!login) return;
  const [clear, calls] = await Promise.all([clearLogin, invitation]);
  judgeClear({ before, clear, calls, secureLogin }, dialect, service, find);
}

interface Seen {
  readonly before: readonly string[] | undefined;
  readonly clear: { readonly answer: Answer; readonly name?: Answer | undefined } | undefined;
  readonly calls: readonly { readonly mechanism: string; readonly answer: Answer }[] | undefined;
  readonly secureLogin: Answer | undefined;
}

/** What may be done in the clear. One cause is one finding: the worst that shows it. */
function judgeClear(
  { before, clear, calls, secureLogin }: Seen,
  dialect: Dialect,
  service: Mutable<ServiceAudit>,
  find: Find,
): void {
  const taken = (calls ?? []).filter(({ answer }) => answer.kind === 'invited' || answer.kind === 'ok');
  const evidence = [
    ...(clear === undefined ? [] : [`login in the clear: ${shown(clear.answer)}`]),
    ...(secureLogin === undefined ? [] : [`the same login within TLS: ${shown(secureLogin)}`]),
    ...(calls ?? []).map(({ mechanism, answer }) => `${mechanism} in the clear: ${shown(answer)}`),
  ];
  if (clear !== undefined && wasExamined(clear.answer, secureLogin)) {
    find('login-clear-accepted', 'A login without TLS is looked at, rather than refused.', evidence);
    return;
  }
  if (taken.length > 0) {
    find(
      'login-secret-invited',
      `The server asks for the secret without TLS: ${taken.map(({ mechanism }) => mechanism).join(', ')}.`,
      evidence,
    );
    return;
  }
  if (clear?.name?.kind === 'ok')
    find('login-name-invited', 'The server takes the name of an account without TLS, and refuses the password only.', [
      `USER in the clear: ${shown(clear.name)}`,
      `PASS in the clear: ${shown(clear.answer)}`,
    ]);
  if (before !== undefined) {
    const secrets = dialect.mechanisms(before).filter((mechanism) => mechanismClass(mechanism) === 'secret');
    const password = dialect.password(before);
    const shownOffer = `offered: ${before.slice(0, 20).join(' ')}`;
    if (secrets.length > 0)
      find('login-clear-offered', `The server offers ${secrets.join(', ')} before TLS.`, [shownOffer, ...evidence]);
    else if (password !== undefined && clear?.name?.kind !== 'ok' && clear !== undefined && isAnswer(clear.answer))
      find(
        'login-clear-offered',
        dialect.name === 'IMAP'
          ? 'The server refuses LOGIN before TLS, and does not say LOGINDISABLED: clients send the password.'
          : `The server offers ${password} before TLS.`,
        [shownOffer, ...evidence],
        { severity: 'medium' },
      );
  }
  const silent = clear === undefined || clear.answer.kind === 'timeout' || clear.answer.kind === 'malformed';
  if (service.reach === 'open' && (silent || before === undefined) && !(clear !== undefined && isForTls(clear.answer)))
    find('login-unknown', 'Whether a login without TLS is looked at could not be found out.', evidence);
}

/** Begins each mechanism, until the connection is gone. */
async function inviteAll(talk: Talk, dialect: Dialect): Promise<readonly { mechanism: string; answer: Answer }[]> {
  const calls: { mechanism: string; answer: Answer }[] = [];
  for (const mechanism of invited) {
    const answer = await dialect.invite(talk, mechanism);
    calls.push({ mechanism, answer });
    if (!isAnswer(answer)) break;
  }
  return calls;
}

/** Whether what was sent in the clear, behind the command for TLS, is taken as sent within it. */
async function injection(
  talk: Talk,
  target: LoginTarget,
  dialect: Dialect,
  find: Find,
  { settings }: AuditContext,
): Promise<void> {
  const ready = await dialect.askTls(talk, dialect.smuggled);
  if (ready.kind !== 'ok') return;
  if ((await talk.startTls({ name: target.host })).status !== 'secure') return;
  const lines = await dialect.smuggledAnswer(talk, Math.min(settings.timeoutMs, SECOND_ANSWER_MS));
  if (lines === undefined) return;
  find(
    'starttls-injection',
    'The server answers a command within TLS that was sent before it, in the clear: whoever stands between can speak for the client.',
    [`sent in the clear: ${dialect.smuggled}`, ...lines.map((line) => `answered within TLS: ${line}`)],
    { probe: 'login' },
  );
}

/** Whether a submission server takes mail for a stranger from somebody who has not logged in. RCPT is as far as it goes. */
async function openSubmission(
  talk: Talk,
  { service, domain }: LoginTarget,
  dialect: Dialect,
  find: Find,
  { settings }: AuditContext,
): Promise<void> {
  if ((service !== 'submission' && service !== 'submissions') || !settings.probes.has('relay')) return;
  const judge = (line: string): 'ok' | 'no' | 'malformed' | undefined =>
    /^[2-5]\d\d-/.test(line) ? undefined : /^2\d\d/.test(line) ? 'ok' : /^[345]\d\d/.test(line) ? 'no' : 'malformed';
  const command = (text: string): Promise<Answer> => {
    talk.say(text);
    return talk.answer(judge);
  };
  const { localPart, domain: foreign } = settings.relayTo;
  const from = await command(`MAIL FROM:<postmaster@${domain}>`);
  if (from.kind === 'ok') {
    const to = await command(`RCPT TO:<${localPart}@${foreign}>`);
    if (to.kind === 'ok')
      find('relay-open', `${dialect.name} takes mail for a foreign mailbox from a client that has not logged in.`, [
        `MAIL FROM: ${shown(from)}`,
        `RCPT TO:<${localPart}@${foreign}>: ${shown(to)}`,
      ]);
    if (isAnswer(to)) await command('RSET');
  }
}

const hex = (context: AuditContext, length: number): string => Buffer.from(context.randomBytes(length)).toString('hex');
