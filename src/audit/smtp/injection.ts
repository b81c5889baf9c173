import { type AuditFinding, found } from '../finding.ts';
import { said } from './reply.ts';
import { offers, type SmtpSession } from './session.ts';

/** What a server that has answered once may take to answer again. It had the command before it had the other. */
const SECOND_ANSWER_MS = 3_000;

/**
 * Whether the server takes what was sent in the clear, behind STARTTLS, as sent within TLS (CVE-2011-0411).
 *
 * STARTTLS and NOOP go out in one segment. When TLS is on, QUIT follows: whoever answers twice has kept the NOOP. A server
 * that answers the NOOP in the clear, drops it, or gives up on the handshake is not vulnerable.
 */
export async function probeInjection(
  subject: string,
  { session, capabilities }: { readonly session: SmtpSession; readonly capabilities: readonly string[] },
  timeoutMs: number,
): Promise<readonly AuditFinding[]> {
  if (!offers(capabilities, 'STARTTLS')) return [];
  const ready = await session.say('STARTTLS\r\nNOOP');
  if (ready.status !== 'reply' || ready.code !== 220) return [];
  if ((await session.startTls()).status !== 'secure') return [];
  let first = await session.say('QUIT');
  // A greeting within TLS is no answer.
  if (first.status === 'reply' && first.code === 220) first = await session.read();
  if (first.status !== 'reply' || first.code === 221) return [];
  const second = await session.read(Math.min(timeoutMs, SECOND_ANSWER_MS));
  if (second.status !== 'reply') return [];
  return [
    found(
      'starttls-injection',
      subject,
      'The server answers a command within TLS that was sent before it, in the clear: whoever stands between can speak for the client.',
      [
        `address: ${session.wire.address}`,
        'sent in the clear: STARTTLS, NOOP; within TLS: QUIT',
        `first answer within TLS: ${said(first)}`,
        `second answer within TLS: ${said(second)}`,
      ],
    ),
  ];
}
