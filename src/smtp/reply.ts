import type { Decision, StatusDetail } from '../core/index.ts';
import { wrongOption } from '../core/index.ts';
import type { SmtpStages } from './facts.ts';

/** A reply of an SMTP server. */
export interface Reply {
  /** The basic code: 550. */
  readonly code: number;
  /** The enhanced status code (RFC 3463): `5.7.1`. Empty in replies that have none (220, 334, 354, HELO and EHLO). */
  readonly enhanced: string;
  /** One line without codes, CR and LF. */
  readonly text: string;
  /** Close the connection after the reply. */
  readonly close: boolean;
  /** Delay before the reply is sent, in milliseconds. */
  readonly delayMs?: number;
}

/** The codes for a cause: the detail of the enhanced code, and the basic codes. */
export interface ReplyRow {
  readonly status: StatusDetail;
  readonly reject: number;
  readonly defer: number;
  /** The connection is closed after the reply. */
  readonly close?: true;
}

const rows = {
  'relay-denied': { status: '7.1', reject: 550, defer: 450 }, // RFC 3463
  'recipient-unknown': { status: '1.1', reject: 550, defer: 450 }, // RFC 3463
  'recipient-syntax': { status: '1.3', reject: 501, defer: 450 }, // RFC 3463
  'recipient-no-host': { status: '1.2', reject: 550, defer: 451 }, // RFC 3463
  'recipient-unroutable': { status: '4.4', reject: 550, defer: 451 }, // RFC 3463
  'recipient-null-mx': { status: '1.10', reject: 556, defer: 451 }, // RFC 7505 §4.2
  'sender-syntax': { status: '1.7', reject: 501, defer: 450 }, // RFC 3463
  'command-denied': { status: '7.1', reject: 550, defer: 450 }, // RFC 3463
  'parameter-syntax': { status: '5.4', reject: 501, defer: 450 }, // RFC 5321 §4.1.1.11
  'utf8-not-offered': { status: '6.7', reject: 553, defer: 450 }, // RFC 6531 §3.5
  'authentication-required': { status: '7.0', reject: 530, defer: 450 }, // RFC 4954 §6
  'starttls-required': { status: '7.0', reject: 530, defer: 450 }, // RFC 3207 §4
  'encryption-required': { status: '7.11', reject: 538, defer: 454 }, // RFC 4954 §6
  'mechanism-unknown': { status: '5.4', reject: 504, defer: 454 }, // RFC 4954 §4
  'mechanism-weak': { status: '7.9', reject: 534, defer: 454 }, // RFC 4954 §6
  'auth-not-offered': { status: '5.1', reject: 503, defer: 454 }, // RFC 4954 §4
  'credentials-invalid': { status: '7.8', reject: 535, defer: 454 }, // RFC 4954 §6
  'auth-unavailable': { status: '7.0', reject: 454, defer: 454 }, // RFC 4954 §6
  'auth-cancelled': { status: '7.0', reject: 501, defer: 454 }, // RFC 4954 §4
  'auth-syntax': { status: '5.2', reject: 501, defer: 454 }, // RFC 4954 §4
  'auth-too-long': { status: '5.6', reject: 500, defer: 454 }, // RFC 4954 §6
  'account-disabled': { status: '7.13', reject: 525, defer: 454 }, // RFC 5248
  'sender-not-owned': { status: '7.1', reject: 553, defer: 450 },
  'too-many-connections': { status: '7.0', reject: 554, defer: 421, close: true },
  'too-many-auth-failures': { status: '7.0', reject: 554, defer: 421, close: true },
  'too-many-errors': { status: '7.0', reject: 554, defer: 421, close: true },
  'too-many-messages': { status: '7.0', reject: 554, defer: 421, close: true },
  'rate-exceeded': { status: '7.1', reject: 550, defer: 450 },
  'too-many-recipients': { status: '5.3', reject: 552, defer: 452 }, // RFC 5321 §4.5.3.1.10
  'message-too-big': { status: '3.4', reject: 552, defer: 452 }, // RFC 3463
  'helo-syntax': { status: '5.2', reject: 501, defer: 450 },
  'helo-not-qualified': { status: '5.2', reject: 504, defer: 450 },
  'bad-sequence': { status: '5.1', reject: 503, defer: 450 },
  'no-recipients': { status: '5.1', reject: 554, defer: 450 },
  'helo-missing': { status: '5.1', reject: 503, defer: 450 },
  'reverse-dns': { status: '7.25', reject: 550, defer: 451 }, // RFC 7372
  'sender-domain': { status: '1.8', reject: 550, defer: 451 }, // RFC 3463
  'sender-dns': { status: '4.3', reject: 550, defer: 451 }, // RFC 3463
  'sender-null-mx': { status: '7.27', reject: 550, defer: 451 }, // RFC 7505 §4.2
  listed: { status: '7.1', reject: 550, defer: 451 },
  'spf-fail': { status: '7.23', reject: 550, defer: 451 }, // RFC 7372
  'spf-error': { status: '7.24', reject: 550, defer: 451 }, // RFC 7372
  dkim: { status: '7.20', reject: 550, defer: 451 }, // RFC 7372
  dmarc: { status: '7.26', reject: 550, defer: 451 }, // RFC 7372
  'policy-engine': { status: '3.0', reject: 550, defer: 451 },
  misconfigured: { status: '3.5', reject: 550, defer: 451 },
  'message-malformed': { status: '6.0', reject: 550, defer: 451 }, // RFC 3463
  'message-incomplete': { status: '6.0', reject: 550, defer: 451 },
  'bare-line-ending': { status: '5.2', reject: 550, defer: 451 }, // as Postfix with smtpd_forbid_bare_newline
  timeout: { status: '4.2', reject: 554, defer: 421, close: true }, // RFC 5321 §4.5.3.2.7
} as const;

/** A row of the reply table. */
export type Cause = keyof typeof rows;

/** The reply table, by cause. */
export const replyTable: { readonly [C in Cause]: ReplyRow } = rows;

/** The codes that refuse a command if the cause has no row (RFC 5321 §4.3.2; the banner: §3.1). */
const usual = {
  connect: { defer: 421, reject: 554 },
  helo: { defer: 450, reject: 550 },
  auth: { defer: 454, reject: 535 },
  mail: { defer: 450, reject: 550 },
  rcpt: { defer: 450, reject: 550 },
  data: { defer: 450, reject: 550 },
} as const satisfies Record<keyof SmtpStages, { defer: number; reject: number }>;

/** Status details that determine the basic code (RFC 7372, RFC 7505, RFC 4954, RFC 5248). */
const byStatus: { readonly [status: string]: { readonly defer?: number; readonly reject?: number } } = {
  '1.10': { reject: 556 },
  '3.0': { defer: 451 },
  '3.4': { reject: 552 },
  '3.5': { defer: 451 },
  '4.3': { defer: 451 },
  '5.3': { defer: 452 },
  '7.8': { reject: 535 },
  '7.11': { reject: 538 },
  '7.13': { reject: 525 },
  '7.20': { defer: 451 },
  '7.21': { defer: 451 },
  '7.22': { defer: 451 },
  '7.23': { defer: 451 },
  '7.24': { defer: 451 },
  '7.25': { defer: 451 },
  '7.26': { defer: 451 },
  '7.27': { defer: 451 },
};

/** Longest reply line, with its codes and CR LF (RFC 5321 §4.5.3.1.5). */
const MAX_LINE = 512;

export interface ReplyOptions {
  /** An id that lets the postmaster find the session in the log. It is added to the end of the text. */
  readonly correlation?: string;
}

/**
 * Makes the reply for a decision; `null` if it does not refuse, and the server replies as usual.
 *
 * The class of the enhanced code always matches the basic code. The text is one line of printable characters that fits the
 * limit of a reply line.
 */
export function smtpReply(decision: Decision, stage: keyof SmtpStages, options: ReplyOptions = {}): Reply | null {
  if (decision.action !== 'defer' && decision.action !== 'reject') return null;
  const { action, because } = decision;
  const row: ReplyRow | undefined = isCause(because.cause) ? replyTable[because.cause] : undefined;
  const status = decision.status ?? row?.status ?? (action === 'defer' ? '7.0' : '7.1');
  // The banner refuses with 421 or 554; no other code is allowed there.
  const fitting = row !== undefined && row.status === status ? row : byStatus[status];
  const code = stage === 'connect' ? usual.connect[action] : (fitting?.[action] ?? usual[stage][action]);
  const text = decision.text ?? (action === 'defer' ? 'Temporarily refused, try again later' : 'Refused by policy');
  return smtpLine(code, status, text, {
    close: decision.close || stage === 'connect' || row?.close === true,
    delayMs: decision.delayMs,
    helo: stage === 'helo',
    correlation: options.correlation,
  });
}

/** Makes a reply that needs no decision: the command is malformed, out of order, or not available. */
export function replyFor(
  cause: Cause,
  text: string,
  action: 'reject' | 'defer' = 'reject',
  options: ReplyOptions = {},
): Reply {
  const row: ReplyRow = replyTable[cause];
  return smtpLine(row[action], row.status, text, { close: row.close === true, correlation: options.correlation });
}

/** Replies that accept, or ask for more input. */
const positive = {
  greeting: { code: 250, enhanced: '' }, // RFC 2034 §3
  'logged-in': { code: 235, enhanced: '2.7.0' }, // RFC 4954 §6
  challenge: { code: 334, enhanced: '' },
  'send-message': { code: 354, enhanced: '' },
} as const;

/** Makes a reply that accepts, or asks for more input. The text is not shortened: a SASL challenge may be long. */
export const positiveReply = (kind: keyof typeof positive, text: string): Reply => ({
  ...positive[kind],
  text,
  close: false,
});

/** Whether the value is a code that refuses, temporarily or permanently. */
export const isRefusalCode = (code: unknown): code is number =>
  Number.isInteger(code) && (code as number) >= 400 && (code as number) <= 599;

/**
 * Which protocol error a server reports with a code of its own: the client sent a command that it cannot read or does not
 * know (`syntax`, RFC 5321 §4.2.4), or one that is out of order or refused (`sequence`). A 421 and a success are neither.
 */
export const protocolErrorOf = (code: number): 'syntax' | 'sequence' | undefined =>
  code < 400 || code === 421 ? undefined : code >= 500 && code <= 502 ? 'syntax' : 'sequence';

/** Makes the reply to a message that was accepted, with the host's text. */
export const acceptedReply = (text: string, options?: ReplyOptions): Reply => hostReply(250, text, options);

/**
 * Makes a reply with the host's own text, for example about a message that it has stored.
 *
 * If the text begins with an enhanced status code, that code is used, with the class of `code`.
 *
 * @throws {TypeError} if `code` is neither 250 nor from 400 to 599
 */
export function hostReply(code: number, text: string, options: ReplyOptions = {}): Reply {
  if (code !== 250 && !isRefusalCode(code)) throw wrongOption('hostReply', 'code', '250 or from 400 to 599', code);
  const [, status = '0.0', words = text] = /^[245]\.(\d{1,3}\.\d{1,3})(?: +|$)(.*)$/s.exec(text) ?? [];
  return smtpLine(code, status as StatusDetail, words, { close: false, correlation: options.correlation });
}

/** Whether the cause has a row in the reply table. */
export const isCause = (cause: string | undefined): cause is Cause =>
  cause !== undefined && Object.hasOwn(replyTable, cause);

function smtpLine(
  code: number,
  status: StatusDetail,
  text: string,
  how: { close: boolean; delayMs?: number; helo?: boolean; correlation?: string },
): Reply {
  const enhanced = how.helo ? '' : `${Math.floor(code / 100)}.${status}`;
  const tail = how.correlation === undefined ? '' : ` [${how.correlation}]`;
  const room = MAX_LINE - '550 '.length - enhanced.length - 1 - tail.length - '\r\n'.length;
  return {
    code,
    enhanced,
    text: shortened(printable(text), room) + tail,
    close: how.close || code === 421 || code === 521,
    ...(how.delayMs ? { delayMs: how.delayMs } : undefined),
  };
}

/** Replaces control characters by spaces and non-ASCII characters by `?`: replies are ASCII (RFC 6531 §3.7.4). */
const printable = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression removes control characters
    .replace(/[\x00-\x1f\x7f]+/g, ' ')
    .replace(/[^\x20-\x7e]/gu, '?')
    .trim();

const shortened = (text: string, room: number): string =>
  text.length <= room ? text : `${text.slice(0, Math.max(0, room - 3))}...`;

/** Prints the reply as one line without CR LF: `550 5.7.1 Relaying denied`. */
export const printReply = ({ code, enhanced, text }: Reply): string =>
  `${code} ${enhanced === '' ? '' : `${enhanced} `}${text}`;
