import type { AccessCapabilities } from '../../access/index.ts';
import { capabilityWords } from '../../access/index.ts';

/**
 * The capabilities of an IMAP backend as the gate advertises them: what concerns TLS and logging in is the gate's to say, and
 * of the backend's mechanisms only those are left that the gate lets through.
 */
export function imapCapabilities(backend: readonly string[], can: AccessCapabilities): string[] {
  const offered = backend.filter((word) => /^AUTH=/i.test(word)).map((word) => word.slice(5).toUpperCase());
  const kept = backend.filter((word) => !/^(STARTTLS|LOGINDISABLED|AUTH=.*)$/i.test(word));
  const mechanisms = can.mechanisms.filter((mechanism) => offered.includes(mechanism));
  return [...kept, ...capabilityWords('imap', { ...can, mechanisms })];
}

/** After a login nothing is left to say about logging in. */
export const imapCapabilitiesInside = (backend: readonly string[]): string[] =>
  backend.filter((word) => !/^(STARTTLS|LOGINDISABLED|AUTH=.*)$/i.test(word));

/** `* CAPABILITY …`, and `[CAPABILITY …]` at the head of a status response; the rest of the line is left as it is. */
export function rewriteImapLine(line: string, change: (words: readonly string[]) => string[]): string {
  const untagged = /^(\* CAPABILITY) (.*)$/i.exec(line);
  if (untagged !== null) return `${untagged[1]} ${change(wordsOf(untagged[2] as string)).join(' ')}`;
  const code = /^(\S+ (?:OK|NO|BAD|PREAUTH|BYE) \[CAPABILITY) ([^\]]*)(\].*)$/i.exec(line);
  return code === null ? line : `${code[1]} ${change(wordsOf(code[2] as string)).join(' ')}${code[3]}`;
}

/** A greeting with these capabilities, whatever ones it has, wherever and however they are written. */
export function imapGreeting(line: string, words: readonly string[]): string {
  const rest = line.replace(/^\* OK\s*/i, '').replace(/\[CAPABILITY\b[^\]]*\]?\s*/gi, '');
  return `* OK [CAPABILITY ${words.join(' ')}] ${rest}`;
}

/** The capabilities that the line tells, if it does. */
export function imapCapabilitiesIn(line: string): string[] | undefined {
  const found = /^\* CAPABILITY (.*)$/i.exec(line) ?? /^\S+ (?:OK|NO|BAD|PREAUTH) \[CAPABILITY ([^\]]*)\]/i.exec(line);
  return found === null ? undefined : wordsOf(found[1] as string);
}

const wordsOf = (text: string): string[] => text.split(' ').filter((word) => word !== '');

/** The lines of a POP3 backend's CAPA as the gate advertises them. */
export function pop3Capabilities(backend: readonly string[], can: AccessCapabilities): string[] {
  const sasl = backend.find((line) => /^SASL( |$)/i.test(line)) ?? '';
  const offered = wordsOf(sasl.toUpperCase()).slice(1);
  const kept = backend.filter((line) => !/^(STLS|USER|SASL|XCLIENT|APOP)( |$)/i.test(line));
  const mechanisms = can.mechanisms.filter((mechanism) => offered.includes(mechanism));
  return [...kept, ...capabilityWords('pop3', { ...can, mechanisms })];
}

/** A greeting without the time stamp that would offer APOP (RFC 1939 §7). */
export const withoutTimestamp = (greeting: string): string => greeting.replace(/\s*<[^<>\s]*@?[^<>\s]*>/g, '');
