import type { AttemptOutcome } from '../../checks/smtp-auth/index.ts';
import type { BackendAnswer, Command, Dialect } from './dialect.ts';
import {
  imapCapabilities,
  imapCapabilitiesIn,
  imapCapabilitiesInside,
  imapGreeting,
  loginParts,
  MAX_COMMAND,
  MAX_LINE,
  readAstrings,
  readResponse,
  rewriteImapLine,
  skipLiterals,
} from './imap-syntax.ts';
import type { Peer } from './peer.ts';

/** RFC 9051 §9: a tag is an astring without `+`. */
const COMMAND = /^([!#$&',\-./0-9:;<=>?@A-Z[\]^_`a-z|~]{1,64}) ([A-Za-z]+)(?: (.*))?$/s;
/** Most responses to one command of the gate. */
const MAX_RESPONSES = 100;

/** IMAP up to the login (RFC 9051 §6.1, §6.2). */
export const imapDialect = (): Dialect => ({
  protocol: 'imap',
  maxCommand: MAX_COMMAND,
  maxResponse: MAX_LINE,
  plainMechanism: 'LOGIN',
  ownCapabilities: ['IMAP4rev1', 'SASL-IR'],
  parse,
  skipArguments: skipLiterals,
  advertised: imapCapabilities,
  greeting: (words, serverName) => `* OK [CAPABILITY ${words.join(' ')}] ${serverName} ready`,
  rewrittenGreeting: imapGreeting,
  capabilityReply: (words, tag) => [`* CAPABILITY ${words.join(' ')}`, `${tag} OK CAPABILITY completed`],
  startTlsReply: (tag) => `${tag} OK Begin TLS negotiation now`,

  async greetBackend(peer, { tellClient }, { client, server }) {
    const line = await peer.text(MAX_LINE);
    if (line === undefined) return 'no greeting';
    // After PREAUTH every client would be logged in, as the user that the backend takes the gate for.
    if (!/^\* OK( |$)/i.test(line)) return /^\* PREAUTH/i.test(line) ? 'PREAUTH' : 'no greeting';
    let capabilities = imapCapabilitiesIn(line);
    if (capabilities === undefined) {
      capabilities = [];
      for (const reply of await request(peer, 'p1', 'CAPABILITY'))
        capabilities = imapCapabilitiesIn(reply) ?? capabilities;
    }
    if (tellClient === 'id') {
      const fields = [
        ['x-originating-ip', client.ip],
        ['x-originating-port', String(client.port)],
        ['x-connected-ip', server.ip],
        ['x-connected-port', String(server.port)],
      ].flat();
      await request(peer, 'p2', `ID (${fields.map((field) => `"${field}"`).join(' ')})`);
    }
    return { line, capabilities };
  },

  async credentials({ rest }, client) {
    const read = await readAstrings(client, rest);
    return read === 'malformed' ? { failure: 'credentials-missing' } : read;
  },

  async plainLogin(credentials, backend, client, tag = '') {
    for (const part of loginParts(tag, credentials)) {
      if (!(await backend.write(part))) return undefined;
      const answer = await next(backend, client, tag);
      if (answer === undefined || 'last' in answer) return answer?.last;
    }
    return undefined;
  },

  takesInitial: (words) => words.some((word) => /^SASL-IR$/i.test(word)),
  authCommand: (mechanism, initial, tag) =>
    `${tag} AUTHENTICATE ${mechanism}${initial === undefined ? '' : ` ${initial}`}`,
  next,
  outcomeOf,
});

function parse(line: string): Command {
  const found = COMMAND.exec(line);
  if (found === null) return { kind: 'malformed' };
  const [, tag, verb, rest = ''] = found as unknown as [string, string, string, string | undefined];
  const name = verb.toUpperCase();
  switch (name) {
    case 'CAPABILITY':
      return { kind: 'capabilities', tag };
    case 'NOOP':
      return { kind: 'fixed', lines: [`${tag} OK NOOP completed`] };
    case 'ID':
      // Never passed on: a backend that trusts the gate would trust the client's `x-originating-ip`.
      return { kind: 'fixed', lines: ['* ID NIL', `${tag} OK ID completed`] };
    case 'LOGOUT':
      return { kind: 'fixed', lines: ['* BYE Logging out', `${tag} OK LOGOUT completed`], ends: true };
    case 'STARTTLS':
      return { kind: 'starttls', name, tag, argument: rest !== '' };
    case 'LOGIN':
      return { kind: 'login', name, tag, rest };
    case 'AUTHENTICATE':
      return { kind: 'login', name, tag, rest, mechanism: rest.split(' ', 1)[0] };
    default:
      return { kind: 'other', tag };
  }
}

/** Sends a command of the gate itself, and returns the responses up to its tagged reply. */
async function request(peer: Peer, tag: string, command: string): Promise<string[]> {
  await peer.say(`${tag} ${command}`);
  const lines: string[] = [];
  while (lines.length < MAX_RESPONSES) {
    const response = await readResponse(peer);
    if (response === undefined) break;
    lines.push(response.text);
    if (response.text.startsWith(`${tag} `)) return lines;
  }
  return [];
}

/** Reads the backend's next challenge, or its tagged reply. Untagged responses are passed on to the client. */
async function next(backend: Peer, client: Peer, tag: string = ''): Promise<BackendAnswer | undefined> {
  for (;;) {
    const response = await readResponse(backend);
    if (response === undefined) return undefined;
    const { text, raw } = response;
    if (text.startsWith('+')) return { challenge: text.slice(1).trimStart() };
    const rewritten = rewriteImapLine(text, imapCapabilitiesInside);
    if (text.startsWith(`${tag} `)) return { last: rewritten };
    await client.write(raw ?? Buffer.from(`${rewritten}\r\n`, 'latin1'));
  }
}

/** RFC 5530: these codes report trouble at the backend, not wrong credentials. */
function outcomeOf(line: string): AttemptOutcome {
  const reply = line.slice(line.indexOf(' ') + 1);
  if (/^OK( |$)/i.test(reply)) return 'accepted';
  if (/^NO \[(UNAVAILABLE|LIMIT|INUSE|SERVERBUG|CONTACTADMIN|PRIVACYREQUIRED)\b/i.test(reply)) return 'not-judged';
  return /^NO( |$)/i.test(reply) ? 'rejected' : 'not-judged';
}
