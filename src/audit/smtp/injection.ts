import { type AuditFinding, found } from '../finding.ts';
import { replyText } from './reply.ts';
import { offers, type SmtpSession } from './session.ts';

/** Time for a second reply. The server received the injected command before QUIT, so it needs no more. */
const SECOND_ANSWER_MS = 3_000;

/**
 * Checks for STARTTLS command injection: whether the server executes, over TLS, a command that it received in cleartext
 * (CVE-2011-0411).
 *
 * STARTTLS and NOOP are sent in one segment, and QUIT over TLS. A vulnerable server kept the NOOP and replies twice. A server
 * that answers the NOOP in cleartext, drops it, or aborts the handshake is not vulnerable.
 */
export async function probeInjection(
  subject: string,
  { session, capabilities }: { readonly session: SmtpSession; readonly capabilities: readonly string[] },
  timeoutMs: number,
): Promise<readonly AuditFinding[]> {
  if (!offers(capabilities, 'STARTTLS')) return [];
  const ready = await session.command('STARTTLS\r\nNOOP');
  if (ready.status !== 'reply' || ready.code !== 220) return [];
  if ((await session.startTls()).status !== 'secure') return [];
  let first = await session.command('QUIT');
  // Some servers greet again over TLS.
  if (first.status === 'reply' && first.code === 220) first = await session.read();
  if (first.status !== 'reply' || first.code === 221) return [];
  const second = await session.read(Math.min(timeoutMs, SECOND_ANSWER_MS));
  if (second.status !== 'reply') return [];
  return [
    found(
      'starttls-injection',
      subject,
      'The server executes a command over TLS that was sent in cleartext: a man in the middle can inject commands.',
      [
        `address: ${session.wire.address}`,
        'sent in cleartext: STARTTLS, NOOP; over TLS: QUIT',
        `first reply over TLS: ${replyText(first)}`,
        `second reply over TLS: ${replyText(second)}`,
      ],
    ),
  ];
}
