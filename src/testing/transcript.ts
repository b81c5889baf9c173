/**
 * Golden transcripts: a session as text, played against a policy.
 *
 * **Answers**: does the session proceed as written? **Knows**: the text. **Asks**: the session it is given.
 * **Limits**: it calls the methods of a session, without SMTP on a socket. A reply that no rule refuses is printed as its bare
 * code.
 *
 * A line begins with `C: ` (client), `S: ` (server; ignored and written anew), or `-- ` (an event: `-- bob logs in`,
 * `-- TLS`). After `C: DATA` the client's lines are the message, up to `C: .`.
 *
 * @example
 * ```ts
 * import { relayControl } from 'postern/checks/relay-control';
 * import { smtpPolicy } from 'postern/smtp';
 * import { smtpSession } from 'postern/smtp-session';
 * import { connectFacts, playTranscript, quietEnv } from 'postern/testing';
 *
 * const policy = smtpPolicy({ relay: relayControl({ localDomains: ['example.com'] }) });
 * const written = `
 * S: 220
 * C: EHLO mx.example.org
 * S: 250
 * C: MAIL FROM:<a@example.org>
 * S: 250
 * C: RCPT TO:<x@elsewhere.example>
 * S: 550 5.7.1 Relaying denied`.trim();
 * const played = await playTranscript(smtpSession(policy, quietEnv(), connectFacts()), written);
 * console.log(played === written);
 * ```
 *
 * @module
 */
import type { Reply, TlsFacts } from '../smtp/index.ts';
import { printReply } from '../smtp/index.ts';

/** The methods that a transcript needs. `smtpSession()` has them. */
export interface Playable {
  /** The client has connected. */
  connect(): Promise<Reply | null>;
  /** HELO, EHLO or LHLO. */
  helo(verb: 'HELO' | 'EHLO' | 'LHLO', name: string): Promise<Reply | null>;
  /** The TLS handshake is complete. */
  startTls(tls: TlsFacts): void;
  /** The client names a mechanism. */
  auth(mechanism: string): Promise<Reply | null>;
  /** The client has logged in. */
  authenticated(identity: string): void;
  /** MAIL FROM. */
  mail(path: string, parameters?: { readonly [name: string]: string | true }): Promise<Reply | null>;
  /** RCPT TO. */
  rcpt(path: string): Promise<Reply | null>;
  /** The message, with the dot-stuffing undone. */
  data(message: Uint8Array): Promise<{
    readonly reply: Reply | null;
    readonly perRecipient: readonly { readonly reply: Reply | null }[];
  }>;
  /** RSET. */
  reset(): void;
  /** The connection is closed. */
  close(): Promise<void>;
}

/**
 * Plays the client's lines and returns the transcript as it really goes. It equals the text if everything is as written.
 *
 * @throws {TypeError} for a line that cannot be read
 */
export async function playTranscript(session: Playable, text: string): Promise<string> {
  const lines = text.split(/\r?\n/);
  const played: string[] = [];
  const answer = (reply: Reply | null, fine: string): boolean => {
    played.push(`S: ${reply === null ? fine : printReply(reply)}`);
    return reply?.close === true;
  };
  let over = answer(await session.connect(), '220');
  for (let i = 0; i < lines.length && !over; i++) {
    const line = (lines[i] as string).trim();
    if (line === '' || line.startsWith('S: ')) continue;
    played.push(line);
    const said = /^C: (\S+) ?(.*)$/.exec(line);
    if (said === null) {
      happen(session, line);
      continue;
    }
    const verb = (said[1] as string).toUpperCase();
    const rest = said[2] as string;
    if (verb === 'DATA') {
      played.push('S: 354');
      const end = lines.indexOf('C: .', i);
      if (end < 0) throw new TypeError('transcript: DATA without a line "C: ."');
      const message = lines.slice(i + 1, end).filter((one) => one.startsWith('C:'));
      played.push(...message, 'C: .');
      i = end;
      const octets = new TextEncoder().encode(message.map((one) => `${one.slice('C: '.length)}\r\n`).join(''));
      const { reply, perRecipient } = await session.data(octets);
      for (const one of perRecipient) answer(one.reply, '250');
      if (perRecipient.length === 0) over = answer(reply, '250');
    } else over = await say(session, verb, rest, answer);
  }
  await session.close();
  return played.join('\n');
}

async function say(
  session: Playable,
  verb: string,
  rest: string,
  answer: (reply: Reply | null, fine: string) => boolean,
): Promise<boolean> {
  switch (verb) {
    case 'HELO':
    case 'EHLO':
    case 'LHLO':
      return answer(await session.helo(verb, rest), '250');
    case 'AUTH':
      return answer(await session.auth(rest.split(' ')[0] as string), '334');
    case 'MAIL':
    case 'RCPT': {
      const read = /^(?:FROM|TO):\s*(<[^>]*>|\S*)\s*(.*)$/i.exec(rest);
      if (read === null) throw new TypeError(`transcript: ${JSON.stringify(`${verb} ${rest}`)} has no path`);
      const path = read[1] as string;
      return answer(
        await (verb === 'MAIL' ? session.mail(path, parameters(read[2] as string)) : session.rcpt(path)),
        '250',
      );
    }
    case 'STARTTLS':
      session.startTls({ version: 'TLSv1.3' });
      return answer(null, '220');
    case 'RSET':
      session.reset();
      return answer(null, '250');
    case 'NOOP':
      return answer(null, '250');
    case 'QUIT':
      answer(null, '221');
      return true;
    default:
      throw new TypeError(`transcript: unknown command ${JSON.stringify(verb)}`);
  }
}

function happen(session: Playable, line: string): void {
  const who = /^-- (\S+) logs in$/.exec(line);
  if (who !== null) session.authenticated(who[1] as string);
  else if (line === '-- TLS') session.startTls({ version: 'TLSv1.3' });
  else if (!line.startsWith('-- '))
    throw new TypeError(`transcript: a line must begin with "C: ", "S: " or "-- ", got ${JSON.stringify(line)}`);
}

const parameters = (text: string): { readonly [name: string]: string | true } =>
  Object.fromEntries(
    text
      .split(/\s+/)
      .filter((word) => word !== '')
      .map((word): [string, string | true] => {
        const [name = '', value] = word.split('=');
        return [name.toUpperCase(), value ?? true];
      }),
  );
