import type { Clock } from '../../env/index.ts';
import { MAX_UNREAD, type Wire } from '../wire/index.ts';

/** Maximum number of lines in one reply. EHLO replies have a few dozen. */
const MAX_LINES = 500;
const SHOWN = 5;

/** A reply, or the reason why there is none. */
export type SmtpReply =
  | {
      readonly status: 'reply';
      readonly code: number;
      /** The text after the code, by line. */
      readonly lines: readonly string[];
      /** The last line with its code. */
      readonly text: string;
    }
  /** The server does not speak SMTP. `why` completes "it …". */
  | { readonly status: 'malformed'; readonly why: string; readonly shown: readonly string[] }
  /** No reply, or an incomplete one. `reason` is set if the connection ended with an error. */
  | {
      readonly status: 'closed' | 'timeout' | 'aborted';
      readonly reason?: string;
      readonly shown: readonly string[];
    };

/**
 * Reads one reply (RFC 5321 §4.2, §4.2.1).
 *
 * @param timeoutMs timeout of the whole reply
 */
export async function readReply(wire: Wire, clock: Clock, timeoutMs: number): Promise<SmtpReply> {
  const deadline = clock.now() + timeoutMs;
  const shown: string[] = [];
  const lines: string[] = [];
  let code: string | undefined;
  for (;;) {
    const read = await wire.readLine(Math.max(1, deadline - clock.now()));
    if (read.status !== 'line') {
      if (wire.unread > MAX_UNREAD)
        return { status: 'malformed', why: 'sends an endless line', shown: [...shown, wire.peek()] };
      const rest = wire.peek();
      // An incomplete line that cannot become a reply.
      if (rest !== '' && !/^\d{1,3}$|^\d{3}[ -]/.test(rest))
        return { status: 'malformed', why: 'sends something other than a reply', shown: [...shown, rest] };
      return {
        status: read.status,
        reason: read.status === 'closed' ? read.reason : undefined,
        shown: rest === '' ? shown : [...shown, rest],
      };
    }
    const { text } = read;
    if (shown.length < SHOWN) shown.push(text);
    const line = /^([2-5]\d\d)(?:([ -])(.*))?$/s.exec(text);
    if (line === null) return { status: 'malformed', why: 'sends something other than a reply', shown };
    const [, own = '', dash, words = ''] = line;
    if (code !== undefined && own !== code)
      return { status: 'malformed', why: `sends a reply with two codes, ${code} and ${own}`, shown };
    code = own;
    lines.push(words);
    if (dash !== '-') return { status: 'reply', code: Number(code), lines, text };
    if (lines.length >= MAX_LINES)
      return { status: 'malformed', why: `sends a reply of more than ${MAX_LINES} lines`, shown };
    if (clock.now() >= deadline) return { status: 'timeout', shown };
  }
}

/** Returns the class of a reply: 2, 3, 4 or 5; or 0 without a reply. */
export const classOf = (reply: SmtpReply): number => (reply.status === 'reply' ? Math.floor(reply.code / 100) : 0);

/** Returns the enhanced status code of a reply without its class, for example "7.1" (RFC 3463). */
export const detailOf = (reply: SmtpReply): string | undefined =>
  reply.status === 'reply' ? /^[245]\.(\d{1,3}\.\d{1,3})\b/.exec(reply.lines.at(-1) ?? '')?.[1] : undefined;

/** Formats a reply for evidence. */
export function replyText(reply: SmtpReply): string {
  switch (reply.status) {
    case 'reply':
      return reply.text;
    case 'malformed':
      return `(it ${reply.why}) ${reply.shown[0] ?? ''}`;
    case 'closed':
      return `(the connection was closed${reply.reason === undefined ? '' : `: ${reply.reason}`})`;
    case 'timeout':
      return '(no reply)';
    case 'aborted':
      return '(aborted)';
  }
}
