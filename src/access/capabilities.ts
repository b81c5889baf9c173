import type { AccessCapabilities, AccessProtocol } from './facts.ts';

/**
 * Returns the capabilities about TLS and logging in, in the words of a protocol.
 *
 * `STARTTLS`, `LOGINDISABLED` and `AUTH=PLAIN` in IMAP (RFC 9051 §7.2.2), `STLS`, `USER` and `SASL PLAIN` in POP3 (RFC 2449,
 * RFC 5034), `STARTTLS` and `AUTH PLAIN` in SMTP (RFC 3207, RFC 4954), `"STARTTLS"` and `"SASL" "PLAIN"` in ManageSieve
 * (RFC 5804 §1.7). The server adds its other capabilities itself.
 */
export function capabilityWords(protocol: AccessProtocol, can: AccessCapabilities): string[] {
  const words: string[] = [];
  switch (protocol) {
    case 'imap':
      if (can.starttls) words.push('STARTTLS');
      if (!can.plainLogin) words.push('LOGINDISABLED');
      words.push(...can.mechanisms.map((mechanism) => `AUTH=${mechanism}`));
      return words;
    case 'pop3':
      if (can.starttls) words.push('STLS');
      if (can.plainLogin) words.push('USER');
      if (can.mechanisms.length > 0) words.push(`SASL ${can.mechanisms.join(' ')}`);
      return words;
    case 'smtp':
      if (can.starttls) words.push('STARTTLS');
      if (can.mechanisms.length > 0) words.push(`AUTH ${can.mechanisms.join(' ')}`);
      return words;
    case 'managesieve':
      if (can.starttls) words.push('"STARTTLS"');
      words.push(`"SASL" "${can.mechanisms.join(' ')}"`);
      return words;
  }
}
