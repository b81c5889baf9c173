import { parseDomain } from '../../net/index.ts';
import { type AuditFinding, found, printable } from '../finding.ts';
import type { PublishedRecord } from '../report.ts';
import { lookupFailed, MAX_TEXT, probeResolver, type RecordsContext, textsOf } from './probe-resolver.ts';
import { readTags } from './tags.ts';

/** Checks the TLS-RPT record (RFC 8460 §3). */
export async function auditTlsRpt(
  domain: string,
  context: RecordsContext,
): Promise<{ readonly audit: PublishedRecord; readonly findings: readonly AuditFinding[] }> {
  const name = `_smtp._tls.${domain}`;
  const answer = await probeResolver(context).resolve(name, 'TXT');
  if (answer.status === 'temperror')
    return {
      audit: { state: 'could-not-check' },
      findings: lookupFailed('tls-rpt', domain, [{ name, type: 'TXT', reason: answer.reason }]),
    };
  const all = textsOf(answer);
  const records = all.filter((text) => /^v=TLSRPTv1[ \t]*;/.test(text));
  const meant = records.length > 0 ? records : all.filter((text) => /tlsrpt/i.test(text.slice(0, 100)));
  const [text] = meant;
  if (text === undefined)
    return {
      audit: { state: 'missing' },
      findings: [found('tls-rpt-missing', domain, `${domain} publishes no TLS-RPT record.`)],
    };
  const fault =
    records.length === 0
      ? 'it does not begin with "v=TLSRPTv1;"'
      : records.length > 1
        ? `there are ${records.length} records, and senders ignore all of them`
        : faultOf(text);
  const shown = printable(text, MAX_TEXT);
  if (fault === undefined) return { audit: { state: 'found', text: shown }, findings: [] };
  return {
    audit: { state: 'invalid', text: shown },
    findings: [
      found(
        'tls-rpt-record',
        domain,
        `The record at ${name} is invalid: ${fault}.`,
        meant.slice(0, 5).map((one) => `${name} TXT ${one}`),
      ),
    ],
  };
}

function faultOf(text: string): string | undefined {
  const { tags } = readTags(text);
  const uris = tags
    .get('rua')
    ?.split(',')
    .map((uri) => uri.trim());
  if (uris === undefined) return 'it has no rua=';
  const wrong = uris.find((uri) => !isReceiver(uri));
  return wrong === undefined ? undefined : `"${printable(wrong, 100)}" is neither a mailto: nor an https: URI`;
}

function isReceiver(uri: string): boolean {
  const mailbox = /^mailto:([^?]{1,320})/i.exec(uri)?.[1];
  if (mailbox !== undefined) {
    const at = mailbox.lastIndexOf('@');
    return at > 0 && parseDomain(mailbox.slice(at + 1)) !== undefined;
  }
  return /^https:\/\/[^/ ]/i.test(uri);
}
