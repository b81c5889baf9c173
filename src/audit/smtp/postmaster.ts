import type { AuditContext } from '../context.ts';
import { type AuditFinding, found } from '../finding.ts';
import { type Converse, recipient } from './relay.ts';
import { classOf, detailOf, replyText, type SmtpReply } from './reply.ts';
import type { Place } from './session.ts';

interface Attempt {
  readonly sender: string;
  readonly stage: 'MAIL' | 'RCPT';
  readonly reply: SmtpReply;
}

/**
 * Checks that an MX host accepts mail for the postmaster of the domain, which must exist (RFC 5321 §4.5.1). A host that rejects
 * it probably receives no mail for the domain at all.
 *
 * The test uses the null sender and a foreign sender; one of them must be accepted. A temporary rejection, or a rejection of
 * the client or the sender, does not count.
 */
export async function probePostmaster(
  subject: string,
  { address, host }: Place,
  domain: string,
  { settings }: AuditContext,
  converse: Converse,
): Promise<readonly AuditFinding[]> {
  const path = `<postmaster@${domain}>`;
  const { localPart, domain: foreign } = settings.relayTo;
  const senders = ['<>', `<${localPart}@${foreign === domain ? 'example.net' : foreign}>`];
  const attempts: Attempt[] = [];
  await converse(async (begun) => {
    let current = begun;
    for (const sender of senders) {
      const answer = await recipient(current, sender, path);
      if (answer === undefined) return;
      attempts.push({ sender, ...answer });
      if (isAccepted(answer) || classOf(await begun.session.command('RSET')) !== 2) return;
      if (begun.session.wire.secure) current = { ...begun, capabilities: [] };
    }
  });
  if (attempts.some(isAccepted)) return [];
  const evidence = [
    `address: ${address}`,
    ...attempts.map(({ sender, stage, reply }) =>
      stage === 'MAIL'
        ? `MAIL FROM:${sender} => ${replyText(reply)}`
        : `MAIL FROM:${sender} RCPT TO:${path} => ${replyText(reply)}`,
    ),
  ];
  if (attempts.some(isRejection))
    return [
      found(
        'postmaster-refused',
        subject,
        `${host} is an MX host of ${domain} but rejects mail for postmaster@${domain}.`,
        evidence,
      ),
    ];
  return [
    found(
      'postmaster-unknown',
      subject,
      attempts.length === 0
        ? `${host} did not answer RCPT for postmaster@${domain}.`
        : `${host} did not accept mail for postmaster@${domain} from this client; it may accept other clients.`,
      evidence,
      // A temporary rejection may be greylisting. A permanent one may affect other clients too.
      attempts.some(({ reply }) => classOf(reply) === 5) ? { severity: 'medium' } : {},
    ),
  ];
}

const isAccepted = ({ stage, reply }: Pick<Attempt, 'stage' | 'reply'>): boolean =>
  stage === 'RCPT' && classOf(reply) === 2;

const LOGIN = /authenticat|\bauth\b|log ?in\b/i;
/** Words in rejections of the recipient or the domain. */
const RECIPIENT =
  /\brelay|recipient|mailbox|\buser\b|\baccount|\bunknown\b|no such|not (?:local|hosted|here)|rcpthosts|over ?quota|\bfull\b/i;
/** Words in rejections of the client, its name or its sender. */
const CLIENT =
  /\bclient\b|\bsender\b|\bh?e[hl]lo\b|block|black|listed|\brbl\b|dnsbl|spam|reputation|\bbanned\b|reverse|\bptr\b|\br?dns\b|\bspf\b|\bdkim\b|dmarc|your (?:ip|host|address|server|network)|bounce|null|empty|\bbatv\b|access denied|policy|try again|later/i;

/** Whether the reply rejects the recipient itself. */
function isRejection({ stage, reply }: Attempt): boolean {
  // Addresses in the reply must not match the words.
  const words = replyText(reply).replace(/<[^>]*>|\S+@\S+/g, '');
  const { status } = reply;
  if (status !== 'reply') return false;
  // A server that requires a login for all mail accepts none from other servers.
  if (reply.code === 530 || (classOf(reply) === 5 && LOGIN.test(words) && !CLIENT.test(words))) return true;
  if (stage === 'MAIL') return false;
  // RFC 3463 §3.2 and §3.3: codes about the recipient's mailbox and domain.
  const detail = detailOf(reply) ?? '';
  if (classOf(reply) === 4) return /\brelay/i.test(words);
  if (classOf(reply) !== 5 || /^(?:1\.[78]|7\.2\d)$/.test(detail)) return false;
  if (/sender address|client host|h?e[hl]lo command/i.test(words)) return false;
  return /^[12]\.\d+$/.test(detail) || RECIPIENT.test(words) || !(CLIENT.test(words) || detail === '7.1');
}
