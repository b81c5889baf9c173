import type { AuditContext } from '../context.ts';
import { type AuditFinding, found } from '../finding.ts';
import { type Converse, recipient } from './relay.ts';
import { classOf, detailOf, replyText, type SmtpReply } from './reply.ts';
import type { Place } from './session.ts';

interface Asked {
  readonly sender: string;
  readonly stage: 'MAIL' | 'RCPT';
  readonly reply: SmtpReply;
}

/**
 * Whether an MX host accepts mail for the postmaster of its own domain, which every domain that takes mail has
 * (RFC 5321 §4.5.1). A host that refuses takes none of the domain's mail, whatever else is in order.
 *
 * It is asked with the null sender and with a foreign one, and refuses only if neither is accepted. A refusal of the client
 * or of the sender, and one for now, does not count.
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
  const asked: Asked[] = [];
  await converse(async (begun) => {
    let current = begun;
    for (const sender of senders) {
      const answer = await recipient(current, sender, path);
      if (answer === undefined) return;
      asked.push({ sender, ...answer });
      if (isAccepted(answer) || classOf(await begun.session.command('RSET')) !== 2) return;
      if (begun.session.wire.secure) current = { ...begun, capabilities: [] };
    }
  });
  if (asked.some(isAccepted)) return [];
  const evidence = [
    `address: ${address}`,
    ...asked.map(({ sender, stage, reply }) =>
      stage === 'MAIL'
        ? `MAIL FROM:${sender} => ${replyText(reply)}`
        : `MAIL FROM:${sender} RCPT TO:${path} => ${replyText(reply)}`,
    ),
  ];
  if (asked.some(isRefusal))
    return [
      found(
        'postmaster-refused',
        subject,
        `${host} is an MX host of ${domain} and refuses mail for postmaster@${domain}.`,
        evidence,
      ),
    ];
  return [
    found(
      'postmaster-unknown',
      subject,
      asked.length === 0
        ? `${host} could not be asked about postmaster@${domain}.`
        : `${host} did not accept mail for postmaster@${domain} from this client; other clients may fare better.`,
      evidence,
      // A refusal for now is what greylisting does; for good, other clients may get it too.
      asked.some(({ reply }) => classOf(reply) === 5) ? { severity: 'medium' } : {},
    ),
  ];
}

const isAccepted = ({ stage, reply }: Pick<Asked, 'stage' | 'reply'>): boolean =>
  stage === 'RCPT' && classOf(reply) === 2;

const LOGIN = /authenticat|\bauth\b|log ?in\b/i;
/** Words of a refusal that is about the recipient, or about the domain. */
const RECIPIENT =
  /\brelay|recipient|mailbox|\buser\b|\baccount|\bunknown\b|no such|not (?:local|hosted|here)|rcpthosts|over ?quota|\bfull\b/i;
/** Words of a refusal that is about the client, its name or its sender. */
const CLIENT =
  /\bclient\b|\bsender\b|\bh?e[hl]lo\b|block|black|listed|\brbl\b|dnsbl|spam|reputation|\bbanned\b|reverse|\bptr\b|\br?dns\b|\bspf\b|\bdkim\b|dmarc|your (?:ip|host|address|server|network)|bounce|null|empty|\bbatv\b|access denied|policy|try again|later/i;

/** Whether the reply refuses the recipient itself. */
function isRefusal({ stage, reply }: Asked): boolean {
  // Neither the mailbox nor another address in the reply is a word of it.
  const words = replyText(reply).replace(/<[^>]*>|\S+@\S+/g, '');
  const { status } = reply;
  if (status !== 'reply') return false;
  // A server that wants a login before any mail takes none from other servers.
  if (reply.code === 530 || (classOf(reply) === 5 && LOGIN.test(words) && !CLIENT.test(words))) return true;
  if (stage === 'MAIL') return false;
  // Of the recipient's domain and mailbox (RFC 3463 §3.2, §3.3).
  const detail = detailOf(reply) ?? '';
  if (classOf(reply) === 4) return /\brelay/i.test(words);
  if (classOf(reply) !== 5 || /^(?:1\.[78]|7\.2\d)$/.test(detail)) return false;
  if (/sender address|client host|h?e[hl]lo command/i.test(words)) return false;
  return /^[12]\.\d+$/.test(detail) || RECIPIENT.test(words) || !(CLIENT.test(words) || detail === '7.1');
}
