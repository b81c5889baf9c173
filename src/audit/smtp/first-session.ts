import { isIPv6 } from 'node:net';
import { parseDomain, parseIp } from '../../net/index.ts';
import type { AuditContext } from '../context.ts';
import { type Find, type Mutable, printable } from '../finding.ts';
import { offeredInClear } from '../offered.ts';
import type { ServiceAudit, TlsAudit } from '../report.ts';
import { readCertificate, sentChain } from '../tls/index.ts';
import { type TlsBegun, uninvited } from '../wire/index.ts';
import { classOf, detailOf, readReply, type SmtpReply, said } from './reply.ts';
import { capabilitiesOf, offers, type Place, type SmtpSession } from './session.ts';

/** What a server gets to say that did not greet; HTTP and TLS tell themselves by it. */
const LAST_CALL_MS = 2_000;

/** Whether the greeting is one; what it is otherwise is found. */
export async function greeted(
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

/** Most clients give up, or report a fault, long before the five minutes of RFC 5321. */
const SLOW_MS = 5_000;

/** What a greeting says, and when. */
export async function greetingFindings(
  greeting: SmtpReply,
  afterMs: number,
  { host, address }: Place,
  { dns, signal }: AuditContext,
  find: Find,
): Promise<void> {
  if (afterMs > SLOW_MS)
    find('smtp-greeting-slow', `The server greets ${(afterMs / 1_000).toFixed(1)} seconds after the connection.`);
  if (greeting.status !== 'reply') return;
  const [word = ''] = (greeting.lines[0] ?? '').trim().split(/\s/, 1);
  const name = word.includes('.') ? parseDomain(word) : undefined;
  if (name === host) return;
  if (name !== undefined) {
    // Any name of the address will do: large sites have one for each machine.
    const answer = await dns.resolve(name, isIPv6(address) ? 'AAAA' : 'A', { signal });
    if (answer.status === 'temperror') return;
    if (answer.status === 'found' && answer.records.some((record) => parseIp(record.address) === parseIp(address)))
      return;
  }
  find(
    'smtp-banner-name',
    name === undefined
      ? 'The greeting does not begin with the name of the host.'
      : `The greeting names ${name}, which is neither ${host} nor a name of the address.`,
    [`greeting: ${said(greeting)}`],
  );
}

/** What the first session came to. */
export interface MainSession {
  /** Whether EHLO or HELO was taken. */
  readonly taken: boolean;
  readonly tls?: TlsAudit;
  /** What it showed: the connection may be gone when the DNS has answered. */
  readonly chain?: ReturnType<typeof sentChain>;
}

/** EHLO, STARTTLS, the handshake, EHLO. */
export async function mainSession(
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
  const offer = offeredInClear(mechanismsOf(before));
  if (offer !== undefined)
    find(
      'login-clear-offered',
      offer.what,
      before.filter((line) => /^auth[\s=]/i.test(line)),
      { probe: 'smtp', severity: offer.severity },
    );
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
  const injected = await uninvited(session.wire, context.clock);
  if (injected !== undefined) find(...injected);
  const begun = await session.startTls({ authorities: context.settings.authorities });
  tell(begun);
  if (begun.status !== 'secure') return failed('The handshake fails.', [begun.reason]);

  const certificate = readCertificate(begun.socket, names, context);
  const tls: TlsAudit = {
    versions: {},
    negotiated: begun.socket.getProtocol() ?? undefined,
    cipher: begun.socket.getCipher()?.name,
    certificate,
  };
  const chain = sentChain(begun.socket);
  const again = await session.ehlo();
  if (again.status === 'reply') {
    service.starttls = 'offered';
    const after = capabilitiesOf(again);
    service.capabilities = { ...service.capabilities, after: after.map((line) => printable(line)) };
    if (offers(after, 'STARTTLS'))
      find('starttls-stale', 'The server still offers STARTTLS within TLS.', [`EHLO within TLS: ${after.join(', ')}`]);
    if (classOf(again) !== 2)
      find('smtp-broken-off', 'The server refuses EHLO when TLS has begun.', [`EHLO: ${said(again)}`]);
  } else {
    failed('The handshake is done, and nothing can be said within TLS.', [`EHLO: ${said(again)}`]);
  }
  return { taken: true, tls, chain };
}

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

const reasonOf = ({ reason }: { readonly reason?: string }): string[] => (reason === undefined ? [] : [reason]);
