import type { Clock } from '../../env/index.ts';
import { MAX_UNREAD, type Wire } from '../wire/index.ts';

/** Lines of one reply. EHLO has a few dozen at most; whoever sends more has no end. */
const MAX_LINES = 500;
const SHOWN = 5;

/** A reply, or what came instead of it. */
export type SmtpReply =
  | {
      readonly status: 'reply';
      readonly code: number;
      /** What stands behind the code, line by line. */
      readonly lines: readonly string[];
      /** The last line, with its code. */
      readonly text: string;
    }
  /** It answers, but not as SMTP does: `why` completes "it …". */
  | { readonly status: 'malformed'; readonly why: string; readonly shown: readonly string[] }
  /** Nothing, or the beginning of a reply. `reason` where the end was not in order. */
  | {
      readonly status: 'closed' | 'timeout' | 'aborted';
      readonly reason?: string;
      readonly shown: readonly string[];
    };

/**
 * Reads one reply (RFC 5321 §4.2, §4.2.1). Whatever the server sends, it ends after `timeoutMs`.
 *
 * @param timeoutMs for the whole of it
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
        return { status: 'malformed', why: 'sends without end', shown: [...shown, wire.peek()] };
      const rest = wire.peek();
      // The beginning of a line that is none of SMTP; of a reply, more might have come.
      if (rest !== '' && !/^\d{1,3}$|^\d{3}[ -]/.test(rest))
        return { status: 'malformed', why: 'sends what is no reply', shown: [...shown, rest] };
      return {
        status: read.status,
        ...(read.status === 'closed' && read.reason !== undefined ? { reason: read.reason } : {}),
        shown: rest === '' ? shown : [...shown, rest],
      };
    }
    const { text } = read;
    if (shown.length < SHOWN) shown.push(text);
    const line = /^([2-5]\d\d)(?:([ -])(.*))?$/s.exec(text);
    if (line === null) return { status: 'malformed', why: 'sends what is no reply', shown };
    const [, own = '', dash, words = ''] = line;
    if (code !== undefined && own !== code)
      return { status: 'malformed', why: `begins a reply with ${code} and goes on with ${own}`, shown };
    code = own;
    lines.push(words);
    if (dash !== '-') return { status: 'reply', code: Number(code), lines, text };
    if (lines.length >= MAX_LINES)
      return { status: 'malformed', why: `sends a reply of more than ${MAX_LINES} lines`, shown };
    if (clock.now() >= deadline) return { status: 'timeout', shown };
  }
}

/** The class of a reply: 2, 3, 4 or 5; 0 where there is none. */
export const classOf = (reply: SmtpReply): number => (reply.status === 'reply' ? Math.floor(reply.code / 100) : 0);

/** The enhanced status code of a reply, without its class: "7.1" (RFC 3463); undefined where it has none. */
export const detailOf = (reply: SmtpReply): string | undefined =>
  reply.status === 'reply' ? /^[245]\.(\d{1,3}\.\d{1,3})\b/.exec(reply.lines.at(-1) ?? '')?.[1] : undefined;

/** What came, in words for evidence. */
export function said(reply: SmtpReply): string {
  switch (reply.status) {
    case 'reply':
      return reply.text;
    case 'malformed':
      return `(it ${reply.why}) ${reply.shown[0] ?? ''}`;
    case 'closed':
      return `(the connection was closed${reply.reason === undefined ? '' : `: ${reply.reason}`})`;
    case 'timeout':
      return '(no answer)';
    case 'aborted':
      return '(aborted)';
  }
}
