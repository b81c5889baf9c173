import { type IpAddress, parseIp } from '../../net/index.ts';

/** The client as an XCLIENT command describes it. An attribute is undefined if it is missing or unknown to the proxy. */
export interface Xclient {
  readonly ip?: IpAddress;
  readonly port?: number;
  readonly helo?: string;
  readonly verb?: 'HELO' | 'EHLO';
  readonly login?: string;
}

/** The EHLO keyword. NAME is accepted but not used, because checks look up the name themselves. */
export const XCLIENT_LINE = 'XCLIENT NAME ADDR PORT PROTO HELO LOGIN';

const MAX_ATTRIBUTES = 12;

/**
 * Parses an XCLIENT command (https://www.postfix.org/XCLIENT_README.html): attributes with values in xtext (RFC 3461 §4).
 *
 * @returns undefined if any attribute is invalid, because a partly known client must not be trusted
 */
export function parseXclient(command: string): Xclient | undefined {
  const [, ...words] = command.trim().split(/[ \t]+/);
  if (words.length === 0 || words.length > MAX_ATTRIBUTES) return undefined;
  const values = new Map<string, string | undefined>();
  for (const word of words) {
    const [, name = '', written = ''] = /^(NAME|ADDR|PORT|PROTO|HELO|LOGIN)=(.+)$/i.exec(word) ?? [];
    const value = decodeXtext(written);
    if (name === '' || value === undefined || values.has(name.toUpperCase())) return undefined;
    values.set(name.toUpperCase(), /^\[(UNAVAILABLE|TEMPUNAVAIL)\]$/i.test(value) ? undefined : value);
  }
  const [address, port, proto] = [values.get('ADDR'), values.get('PORT'), values.get('PROTO')?.toUpperCase()];
  const ip = address === undefined ? undefined : addressOf(address);
  if (address !== undefined && ip === undefined) return undefined;
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) <= 65_535)) return undefined;
  if (proto !== undefined && proto !== 'SMTP' && proto !== 'ESMTP') return undefined;
  return {
    ip,
    port: port === undefined ? undefined : Number(port),
    helo: values.get('HELO'),
    verb: proto === undefined ? undefined : proto === 'SMTP' ? 'HELO' : 'EHLO',
    login: values.get('LOGIN'),
  };
}

/** Parses `192.0.2.1` or `IPV6:2001:db8::1`. */
function addressOf(text: string): IpAddress | undefined {
  const v6 = /^IPV6:(.*)$/is.exec(text)?.[1];
  if (text.includes('%') || (v6 !== undefined && !v6.includes(':'))) return undefined;
  return parseIp(v6 ?? text);
}

/** Decodes xtext. Only printable ASCII is allowed, because values end up in replies, log lines and header fields. */
function decodeXtext(text: string): string | undefined {
  if (!/^(?:[!-*,-<>-~]|\+[2-7][0-9A-F])+$/.test(text)) return undefined;
  const value = text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return value.includes('\x7f') ? undefined : value;
}
