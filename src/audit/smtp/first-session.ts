import { isIPv6 } from 'node:net';
import { parseDomain, parseIp } from '../../net/index.ts';
import type { AuditContext } from '../context.ts';
import { type Find, type Mutable, printable } from '../finding.ts';
import { offeredInClear } from '../offered.ts';
import type { ServiceAudit, TlsAudit } from '../report.ts';
import { readCertificate, sentChain } from '../tls/index.ts';
import { responseInjection, type TlsBegun } from '../wire/index.ts';
import { classOf, detailOf, readReply, replyText, type SmtpReply } from './reply.ts';
import { capabilitiesOf, offers, type Place, type SmtpSession } from './session.ts';

/** Time to respond to an EHLO that was sent without a greeting. HTTP and TLS servers reveal themselves by the response. */
const LATE_EHLO_MS = 2_000;

/** Checks the greeting. Returns false, with a finding, if the session cannot continue. */
export async function checkGreeting(
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
        find('smtp-refused-us', 'The server refuses this client in its greeting.', [replyText(greeting)]);
      } else if (kind === 5) {
        service.reach = 'no-service';
        find('smtp-no-service', 'The server refuses the session in its greeting.', [replyText(greeting)]);
      } else {
        service.reach = 'wrong-protocol';
        find('smtp-not-smtp', `The server greets with ${greeting.code} instead of 220.`, [replyText(greeting)]);
      }
      return false;
    }
    case 'malformed':
      service.reach = 'wrong-protocol';
      find('smtp-not-smtp', `The server does not speak SMTP: it ${greeting.why}.`, greeting.shown);
      return false;
    case 'timeout': {
      // Servers of other protocols may wait for the client to speak first.
      session.wire.write(`EHLO ${context.settings.helo}\r\n`);
      const late = await readReply(session.wire, context.clock, Math.min(LATE_EHLO_MS, context.settings.timeoutMs));
      if (late.status === 'malformed') {
        service.reach = 'wrong-protocol';
        find('smtp-not-smtp', 'The server sends no greeting, and its response to EHLO is not SMTP.', late.shown);
        return false;
      }
      service.reach = 'mute';
      find(
        'smtp-mute',
        greeting.shown.length > 0
          ? `The server does not complete its greeting within ${context.settings.timeoutMs} ms.`
          : `The server accepts the connection but sends nothing for ${context.settings.timeoutMs} ms.`,
        greeting.shown,
      );
      return false;
    }
    case 'closed':
      service.reach = 'broken-off';
      find('smtp-broken-off', 'The server closes the connection without a greeting.', reasonOf(greeting));
      return false;
    case 'aborted':
      service.reach = 'broken-off';
      return false;
  }
}

/** Many clients give up long before the five minutes of RFC 5321. */
const SLOW_MS = 5_000;

/** Checks the host name in the greeting, and its delay. */
export async function greetingFindings(
  greeting: SmtpReply,
  afterMs: number,
  { host, address }: Place,
  { dns, signal }: AuditContext,
  find: Find,
): Promise<void> {
  if (afterMs > SLOW_MS)
    find('smtp-greeting-slow', `The server sends its greeting after ${(afterMs / 1_000).toFixed(1)} seconds.`);
  if (greeting.status !== 'reply') return;
  const [word = ''] = (greeting.lines[0] ?? '').trim().split(/\s/, 1);
  const name = word.includes('.') ? parseDomain(word) : undefined;
  if (name === host) return;
  if (name !== undefined) {
    // Any name of the address is fine: large sites have one per machine.
    const answer = await dns.resolve(name, isIPv6(address) ? 'AAAA' : 'A', { signal });
    if (answer.status === 'temperror') return;
    if (answer.status === 'found' && answer.records.some((record) => parseIp(record.address) === parseIp(address)))
      return;
  }
  find(
    'smtp-banner-name',
    name === undefined
      ? 'The greeting does not begin with a host name.'
      : `The greeting contains the name ${name}, which is neither ${host} nor another name of this address.`,
    [`greeting: ${replyText(greeting)}`],
  );
}

/** The result of the first session. */
export interface MainSession {
  /** The server accepted EHLO or HELO. */
  readonly accepted: boolean;
  readonly tls?: TlsAudit;
  /** Copied from the socket, which may be closed before the TLSA records are known. */
  readonly chain?: ReturnType<typeof sentChain>;
}

/** Runs EHLO, STARTTLS, the handshake, and EHLO over TLS. */
export async function mainSession(
  session: SmtpSession,
  service: Mutable<ServiceAudit>,
  find: Find,
  names: readonly string[],
  context: AuditContext,
  onTls: (begun: TlsBegun) => void,
): Promise<MainSession> {
  const ehlo = await session.ehlo();
  if (classOf(ehlo) !== 2) {
    const helo = classOf(ehlo) === 5 ? await session.helo() : ehlo;
    if (classOf(helo) === 2) {
      service.starttls = 'missing';
      find('smtp-no-ehlo', 'The server rejects EHLO but accepts HELO.', [
        `EHLO: ${replyText(ehlo)}`,
        `HELO: ${replyText(helo)}`,
      ]);
      return { accepted: true };
    }
    refusedHello(ehlo, helo, service, find);
    return { accepted: false };
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
    return { accepted: true };
  }
  const ready = await session.command('STARTTLS');
  const failed = (what: string, evidence: readonly string[]): MainSession => {
    service.starttls = 'failed';
    if (!context.signal?.aborted) find('starttls-failed', what, evidence);
    return { accepted: true };
  };
  if (ready.status !== 'reply' || ready.code !== 220)
    return failed('The server offers STARTTLS but rejects the command.', [`STARTTLS: ${replyText(ready)}`]);
  const injected = await responseInjection(session.wire, context.clock);
  if (injected !== undefined) find(...injected);
  const begun = await session.startTls({ authorities: context.settings.authorities });
  onTls(begun);
  if (begun.status !== 'secure') return failed('The TLS handshake fails.', [begun.reason]);

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
      find('starttls-stale', 'The server still offers STARTTLS over TLS.', [`EHLO over TLS: ${after.join(', ')}`]);
    if (classOf(again) !== 2)
      find('smtp-broken-off', 'The server rejects EHLO over TLS.', [`EHLO: ${replyText(again)}`]);
  } else {
    failed('The TLS handshake succeeds, but the server does not respond to EHLO over TLS.', [
      `EHLO: ${replyText(again)}`,
    ]);
  }
  return { accepted: true, tls, chain };
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

/** Whether the reply refuses this client, by policy (RFC 3463 §3.8), a DNS list or reverse DNS. Others may be accepted. */
const isAboutClient = (reply: SmtpReply): boolean =>
  detailOf(reply)?.startsWith('7.') === true ||
  /block|black|listed|\brbl\b|dnsbl|spam|reputation|denied|reject|\bbanned\b|reverse|\bptr\b|\brdns\b|your (?:ip|host|address)/i.test(
    replyText(reply),
  );

/** Reports that neither EHLO nor HELO was accepted. */
function refusedHello(ehlo: SmtpReply, helo: SmtpReply, service: Mutable<ServiceAudit>, find: Find): void {
  const evidence =
    ehlo === helo ? [`EHLO: ${replyText(ehlo)}`] : [`EHLO: ${replyText(ehlo)}`, `HELO: ${replyText(helo)}`];
  const reply = classOf(ehlo) === 5 && helo.status !== 'reply' && helo.status !== 'malformed' ? ehlo : helo;
  switch (reply.status) {
    case 'reply': {
      const unknown = [500, 502, 503, 530].includes(reply.code) && !isAboutClient(reply);
      service.reach = unknown || classOf(reply) === 3 ? 'wrong-protocol' : 'no-service';
      if (service.reach === 'wrong-protocol')
        find('smtp-not-smtp', 'The server supports neither EHLO nor HELO.', evidence);
      else find('smtp-refused-us', 'The server rejects the EHLO name of this client.', evidence);
      return;
    }
    case 'malformed':
      service.reach = 'wrong-protocol';
      find('smtp-not-smtp', `The server does not speak SMTP: after EHLO it ${reply.why}.`, [
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
          ? 'The server closes the connection after EHLO.'
          : 'The server does not respond to EHLO.',
        evidence,
      );
      return;
    case 'aborted':
      service.reach = 'broken-off';
  }
}

const reasonOf = ({ reason }: { readonly reason?: string }): string[] => (reason === undefined ? [] : [reason]);
