import type { Decision } from '../core/index.ts';
import type { AccessCapabilities, AccessConnectFacts, AccessFailure, AccessProtocol, AccessRefusal } from './facts.ts';

/** A reply of IMAP, POP3, SMTP or ManageSieve. */
export interface AccessReply {
  /** The line, without CR LF. Empty if no reply is possible: the client does not speak TLS. */
  readonly line: string;
  /** Close the connection after the reply. */
  readonly close: boolean;
  /** Hold the reply back this long, in milliseconds. */
  readonly delayMs?: number;
}

/** One row of a table: the whole line for each protocol; IMAP's without its tag. */
interface Row {
  readonly imap: string;
  readonly pop3: string;
  readonly smtp: string;
  readonly managesieve: string;
  readonly close?: true;
}

/** RFC 2449 §4 and RFC 5321 §4.5.3.1.5: a reply line is at most 512 octets with its CR LF. */
const MAX_LINE = 510;

/**
 * The replies of the encryption rules (RFC 9051 and RFC 5530; RFC 2449 and RFC 3206; RFC 3207, RFC 4954 and RFC 5248;
 * RFC 5804 §1.3). `TLS 1.2` is replaced by the minimum version.
 */
const refusals: { readonly [R in AccessRefusal]: Row } = {
  'tls-required': {
    imap: 'NO [PRIVACYREQUIRED] TLS is required to log in',
    pop3: '-ERR [AUTH] TLS is required to log in',
    smtp: '538 5.7.11 Encryption required for requested authentication mechanism',
    managesieve: 'NO (ENCRYPT-NEEDED) "TLS is required to log in"',
  },
  'tls-too-old': {
    imap: 'NO [PRIVACYREQUIRED] TLS 1.2 or later is required',
    pop3: '-ERR [AUTH] TLS 1.2 or later is required',
    smtp: '538 5.7.11 TLS 1.2 or later is required',
    managesieve: 'NO (ENCRYPT-NEEDED) "TLS 1.2 or later is required"',
  },
  'tls-active': {
    imap: 'BAD TLS already active',
    pop3: '-ERR Command not permitted when TLS active',
    smtp: '503 5.5.1 TLS already active',
    managesieve: 'NO "TLS already active"',
  },
  'tls-broken': {
    imap: 'NO TLS is not available',
    pop3: '-ERR [SYS/TEMP] TLS is not available',
    smtp: '454 4.7.0 TLS not available due to temporary reason',
    managesieve: 'NO (TRYLATER) "TLS is not available"',
  },
  'tls-not-configured': {
    imap: 'BYE [UNAVAILABLE] TLS is not configured',
    pop3: '-ERR [SYS/PERM] TLS is not configured',
    smtp: '502 5.5.1 TLS is not configured',
    managesieve: 'BYE "TLS is not configured"',
    close: true,
  },
  'not-tls': { imap: '', pop3: '', smtp: '', managesieve: '', close: true },
  'starttls-pipelined': {
    imap: 'BAD Nothing may follow STARTTLS',
    pop3: '-ERR Nothing may follow STLS',
    smtp: '554 5.5.1 Nothing may follow STARTTLS',
    managesieve: 'NO "Nothing may follow STARTTLS"',
    close: true,
  },
  'starttls-argument': {
    imap: 'BAD Syntax error',
    pop3: '-ERR Syntax error',
    smtp: '501 5.5.4 Syntax error',
    managesieve: 'NO "Syntax error"',
  },
  'starttls-too-late': {
    imap: 'BAD STARTTLS not permitted now',
    pop3: '-ERR STLS only before login',
    smtp: '503 5.5.1 STARTTLS only before login',
    managesieve: 'NO "STARTTLS not permitted now"',
  },
  'mid-transaction': {
    imap: 'BAD Not permitted now',
    pop3: '-ERR Not permitted now',
    smtp: '503 5.5.1 Not during a mail transaction',
    managesieve: 'NO "Not permitted now"',
  },
  'mechanism-unknown': {
    imap: 'NO [CANNOT] Unsupported authentication mechanism',
    pop3: '-ERR Unsupported authentication mechanism',
    smtp: '504 5.5.4 Unrecognized authentication type',
    managesieve: 'NO "Unsupported authentication mechanism"',
  },
  'certificate-required': {
    imap: 'NO [AUTHENTICATIONFAILED] A client certificate is required',
    pop3: '-ERR [AUTH] A client certificate is required',
    smtp: '535 5.7.8 A client certificate is required',
    managesieve: 'NO "A client certificate is required"',
  },
  'already-authenticated': {
    imap: 'BAD Already authenticated',
    pop3: '-ERR Already authenticated',
    smtp: '503 5.5.1 Already authenticated',
    managesieve: 'NO "Already authenticated"',
  },
  'login-required': {
    imap: 'BAD Log in first',
    pop3: '-ERR Log in first',
    smtp: '530 5.7.0 Authentication required',
    managesieve: 'NO "Log in first"',
  },
  'preauth-in-clear': {
    imap: 'BYE [UNAVAILABLE] TLS is required',
    pop3: '-ERR [SYS/PERM] TLS is required',
    smtp: '421 4.7.0 TLS is required',
    managesieve: 'BYE "TLS is required"',
    close: true,
  },
};

/** The replies to everything else that fails before a login. */
const failures: { readonly [F in AccessFailure]: Row } = {
  'syntax-error': {
    imap: 'BAD Syntax error',
    pop3: '-ERR Syntax error',
    smtp: '500 5.5.2 Syntax error',
    managesieve: 'NO "Syntax error"',
  },
  'bad-sequence': {
    imap: 'BAD Command out of sequence',
    pop3: '-ERR Send USER first',
    smtp: '503 5.5.1 Command out of sequence',
    managesieve: 'NO "Command out of sequence"',
  },
  'command-too-long': {
    imap: 'BYE Command is too long',
    pop3: '-ERR Command is too long',
    smtp: '421 4.7.0 Command is too long',
    managesieve: 'BYE "Command is too long"',
    close: true,
  },
  'too-many-errors': {
    imap: 'BYE Too many errors',
    pop3: '-ERR Too many errors',
    smtp: '421 4.7.0 Too many errors',
    managesieve: 'BYE "Too many errors"',
    close: true,
  },
  'login-timeout': {
    imap: 'BYE Login took too long',
    pop3: '-ERR Login took too long',
    smtp: '421 4.4.2 Login took too long',
    managesieve: 'BYE "Login took too long"',
    close: true,
  },
  'credentials-missing': {
    imap: 'BAD LOGIN needs a user name and a password',
    pop3: '-ERR USER needs a user name',
    smtp: '501 5.5.4 User name and password are missing',
    managesieve: 'NO "User name and password are missing"',
  },
  'credentials-malformed': {
    imap: 'BAD Credentials cannot be read',
    pop3: '-ERR Credentials cannot be read',
    smtp: '501 5.5.2 Credentials cannot be read',
    managesieve: 'NO "Credentials cannot be read"',
  },
  'auth-cancelled': {
    imap: 'BAD Authentication cancelled',
    pop3: '-ERR Authentication cancelled',
    smtp: '501 5.7.0 Authentication cancelled',
    managesieve: 'NO "Authentication cancelled"',
  },
  'server-unavailable': {
    imap: 'BYE [UNAVAILABLE] Server is not available',
    pop3: '-ERR [SYS/TEMP] Server is not available',
    smtp: '421 4.3.2 Server is not available',
    managesieve: 'BYE (TRYLATER) "Server is not available"',
    close: true,
  },
  banned: {
    imap: 'BYE Client address is banned',
    pop3: '-ERR [SYS/PERM] Client address is banned',
    smtp: '554 5.7.1 Client address is banned',
    managesieve: 'BYE "Client address is banned"',
    close: true,
  },
};

/** Causes that end the session, not only this command. */
const endings: { readonly [cause: string]: true } = {
  'too-many-connections': true,
  'too-many-auth-failures': true,
  'too-many-errors': true,
};

export interface RefusalWords {
  /** The tag of the IMAP command. Default: the reply is untagged. */
  readonly tag?: string;
  /** Whether STARTTLS must come before everything else, as on submission (RFC 3207 §4). Default: false. */
  readonly submission?: boolean;
  /** The oldest version of TLS that the policy accepts. Default: `1.2`. */
  readonly minimumTls?: string;
}

/** Returns the reply to a refusal of the encryption rules, or to another failure before the login. */
export function refusalReply(
  protocol: AccessProtocol,
  reason: AccessRefusal | AccessFailure,
  words: RefusalWords = {},
): AccessReply {
  const row = isAccessRefusal(reason) ? refusals[reason] : failures[reason];
  let line = row[protocol];
  if (protocol === 'smtp' && reason === 'tls-required' && words.submission === true)
    line = '530 5.7.0 Must issue a STARTTLS command first';
  if (reason === 'tls-too-old' && words.minimumTls !== undefined)
    line = line.replace('TLS 1.2', `TLS ${words.minimumTls.replace(/^TLSv/, '')}`);
  if (reason === 'tls-not-configured' && words.tag !== undefined) {
    // In reply to STARTTLS: the command is unknown, and the session continues.
    return {
      line: protocol === 'imap' ? tagged('BAD Unknown command', words.tag) : line.replace(/^BYE /, 'NO '),
      close: false,
    };
  }
  return { line: protocol === 'imap' && line !== '' ? tagged(line, words.tag) : line, close: row.close === true };
}

const tagged = (line: string, tag: string | undefined): string =>
  tag === undefined || line.startsWith('BYE') ? `* ${line}` : `${tag} ${line}`;

export interface AccessReplyOptions extends RefusalWords {
  /** Whether the reply takes the place of the greeting, or answers a command. */
  readonly stage: 'connect' | 'command';
  /** Appended to the text, so that a client's report can be found in the log. */
  readonly correlation?: string;
}

/**
 * Returns the reply to a decision, or `null` if it does not refuse.
 *
 * Refusals of the encryption rules have lines of their own. Every other is temporary (`[UNAVAILABLE]`, `[SYS/TEMP]`, 454) or
 * permanent.
 */
export function accessReply(
  decision: Decision,
  { session }: Pick<AccessConnectFacts, 'session'>,
  options: AccessReplyOptions,
): AccessReply | null {
  if (decision.action !== 'defer' && decision.action !== 'reject') return null;
  const { protocol } = session;
  const { because, delayMs } = decision;
  if (isAccessRefusal(because.cause) && decision.text === because.explanation) {
    const reply = refusalReply(protocol, because.cause, { ...options, submission: session.role === 'submission' });
    return withDelay({ ...reply, close: reply.close || decision.close }, delayMs);
  }
  const temporary = decision.action === 'defer';
  const close =
    decision.close ||
    options.stage === 'connect' ||
    (because.cause !== undefined && Object.hasOwn(endings, because.cause));
  const tail = options.correlation === undefined ? '' : ` [${options.correlation}]`;
  const text = `${printable(decision.text ?? (temporary ? 'Service is not available; please try again later' : 'Refused by policy'))}${tail}`;
  return withDelay({ line: bounded(lineFor(protocol, temporary, close, options, text)), close }, delayMs);
}

const withDelay = (reply: AccessReply, delayMs: number): AccessReply => (delayMs > 0 ? { ...reply, delayMs } : reply);

function lineFor(
  protocol: AccessProtocol,
  temporary: boolean,
  close: boolean,
  { stage, tag }: AccessReplyOptions,
  text: string,
): string {
  const bye = stage === 'connect' || close;
  switch (protocol) {
    case 'imap': {
      const code = temporary ? '[UNAVAILABLE] ' : bye ? '' : '[AUTHENTICATIONFAILED] ';
      return bye || tag === undefined ? `* BYE ${code}${text}` : `${tag} NO ${code}${text}`;
    }
    case 'pop3':
      return `-ERR ${temporary ? '[SYS/TEMP]' : bye ? '[SYS/PERM]' : '[AUTH]'} ${text}`;
    case 'managesieve':
      return `${bye ? 'BYE' : 'NO'} ${temporary ? '(TRYLATER) ' : ''}"${text.replace(/["\\]/g, '\\$&')}"`;
    case 'smtp':
      if (bye) return temporary ? `421 4.7.0 ${text}` : `554 5.7.1 ${text}`;
      return temporary ? `454 4.7.0 ${text}` : `535 5.7.8 ${text}`;
  }
}

/** Whether the cause belongs to the encryption rules, and so has a line of its own. */
export const isAccessRefusal = (cause: string | undefined): cause is AccessRefusal =>
  cause !== undefined && Object.hasOwn(refusals, cause);

const printable = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must go
    .replace(/[\x00-\x1f\x7f]+/g, ' ')
    .replace(/[^\x20-\x7e]/gu, '?')
    .trim();

const bounded = (line: string): string =>
  line.length <= MAX_LINE ? line : `${line.slice(0, MAX_LINE - 4)}...${line.endsWith('"') ? '"' : ''}`;

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
