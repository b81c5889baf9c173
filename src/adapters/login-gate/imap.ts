import type { AttemptOutcome } from '../../checks/smtp-auth/index.ts';
import { type Ended, observedInClear } from './attempt.ts';
import { exchange, type Sides } from './exchange.ts';
import { type Astrings, imapString, readAstrings, swallowLiterals } from './imap-arguments.ts';
import type { GateEnv } from './options.ts';
import type { Peer } from './peer.ts';
import type { Session } from './session.ts';
import {
  imapCapabilities,
  imapCapabilitiesIn,
  imapCapabilitiesInside,
  imapGreeting,
  rewriteImapLine,
} from './words.ts';

/** A command line before login; arguments that are longer come as literals. */
const MAX_COMMAND = 8_192;
/** A SASL response (RFC 4954 §4 says 12,288 for SMTP; the same here), and a line of the backend's. */
const MAX_LINE = 65_536;
const MAX_LITERAL = 1_048_576;
/** RFC 9051 §9: a tag is an astring without `+`. */
const COMMAND = /^([!#$&',\-./0-9:;<=>?@A-Z[\]^_`a-z|~]{1,64}) ([A-Za-z]+)(?: (.*))?$/s;

/** IMAP as far as the login (RFC 9051 §6.1, §6.2). Every command but these is refused until somebody is in. */
export async function imapDialogue<E extends GateEnv>(session: Session<E>): Promise<void> {
  const { client } = session;
  let backendWords: readonly string[] = [];

  /** Connects, and reads what the backend can. False where the session is over. */
  async function enter(greets: boolean): Promise<boolean> {
    const greeting = await openImapBackend(session);
    if (greeting === undefined) {
      client.end(session.unavailable);
      return false;
    }
    backendWords = greeting.words;
    if (!greets) return true;
    return client.say(imapGreeting(greeting.line, imapCapabilities(backendWords, session.can())));
  }

  const greeting = await session.ask({ name: 'GREETING' });
  if (greeting !== null) return client.end(greeting.line);
  if (session.open) {
    if (!(await enter(true))) return;
  } else
    await client.say(`* OK [CAPABILITY ${wordsInClear(session)}] ${session.options.serverName ?? 'postern'} ready`);

  for (;;) {
    const line = await client.line(MAX_COMMAND);
    if (line === 'closed') return;
    if (line === 'too-long') return client.end('* BYE Line too long');
    const text = line.toString('latin1');
    const found = COMMAND.exec(text);
    if (found === null) {
      if (session.tooManyErrors()) return client.end('* BYE Too many errors');
      if (!(await client.say('* BAD Syntax error')) || !(await swallowLiterals(client, text))) return;
      continue;
    }
    const [, tag, verb, rest = ''] = found as unknown as [string, string, string, string | undefined];
    const name = verb.toUpperCase();
    /** Answers a command that comes to nothing; what belongs to it is read and forgotten. */
    const refuse = async (reply: string): Promise<boolean> => {
      if (session.tooManyErrors()) {
        client.end('* BYE Too many errors');
        return false;
      }
      return (await client.say(reply)) && (await swallowLiterals(client, text));
    };

    switch (name) {
      case 'CAPABILITY': {
        const words =
          session.backend === undefined
            ? wordsInClear(session)
            : imapCapabilities(backendWords, session.can()).join(' ');
        await client.say(`* CAPABILITY ${words}`);
        await client.say(`${tag} OK CAPABILITY completed`);
        continue;
      }
      case 'NOOP':
        await client.say(`${tag} OK NOOP completed`);
        continue;
      case 'ID':
        // Never handed on: a backend that believes the gate would believe the client's `x-originating-ip`.
        if (!(await swallowLiterals(client, text))) return;
        await client.say('* ID NIL');
        await client.say(`${tag} OK ID completed`);
        continue;
      case 'LOGOUT':
        await client.say('* BYE Logging out');
        return client.end(`${tag} OK LOGOUT completed`);
      case 'STARTTLS': {
        const refused = await session.ask({ name, argument: rest !== '', pipelined: client.hasMore }, tag);
        if (refused !== null) {
          if (refused.close) return client.end(refused.line);
          if (!(await refuse(refused.line))) return;
          continue;
        }
        client.discard();
        if (!(await client.say(`${tag} OK Begin TLS negotiation now`))) return;
        if (!(await session.startTls()) || !(await enter(false))) return;
        continue;
      }
      case 'LOGIN':
      case 'AUTHENTICATE': {
        const mechanism = name === 'AUTHENTICATE' ? (rest.split(' ', 1)[0] as string) : undefined;
        // Decided on the name of the command and the mechanism: nothing secret has been asked for.
        const refused = await session.ask({ name, mechanism }, tag);
        if (refused !== null) {
          if (refused.close) return client.end(refused.line);
          if (!(await refuse(refused.line))) return;
          continue;
        }
        if (mechanism !== undefined && !session.canCarry(mechanism)) {
          if (!(await refuse(`${tag} NO [CANNOT] Unsupported authentication mechanism`))) return;
          continue;
        }
        const { backend } = session;
        if (backend === undefined) return client.end(session.unavailable);
        let ended: Ended;
        if (mechanism === undefined) {
          const read = await readAstrings(client, rest);
          if (read === 'closed') return;
          if (read === 'malformed') {
            if (session.tooManyErrors()) return client.end('* BYE Too many errors');
            await client.say(`${tag} BAD LOGIN needs a name and a password`);
            continue;
          }
          ended = await login(session, backend, tag, read);
        } else {
          const [, initial, ...more] = rest.split(' ');
          if (more.length > 0 || initial === '') {
            if (!(await refuse(`${tag} BAD Syntax error`))) return;
            continue;
          }
          const takesInitial = backendWords.some((word) => /^SASL-IR$/i.test(word));
          ended = await exchange(
            session,
            mechanism.toUpperCase(),
            initial,
            sidesOf(session, backend, tag, mechanism.toUpperCase(), takesInitial),
          );
        }
        if (await session.settle(ended, tag)) return session.through();
        if (client.socket.destroyed || client.socket.writableEnded) return;
        continue;
      }
      default:
        if (!(await refuse(`${tag} BAD Log in first`))) return;
    }
  }
}

const wordsInClear = <E extends GateEnv>(session: Session<E>): string =>
  imapCapabilities(['IMAP4rev1', 'SASL-IR'], session.can()).join(' ');

/** Connects the backend, reads its greeting and capabilities, tells it who the client is. */
async function openImapBackend<E extends GateEnv>(
  session: Session<E>,
): Promise<{ readonly line: string; readonly words: readonly string[] } | undefined> {
  const peer = await session.openBackend();
  if (peer === undefined) return undefined;
  const cancel = session.options.env.clock.after(session.limits.connectWithinMs, () => peer.destroy());
  try {
    const greeting = await peer.line(MAX_LINE);
    if (typeof greeting === 'string') return undefined;
    const line = greeting.toString('latin1');
    if (!/^\* OK( |$)/i.test(line)) {
      // PREAUTH would let everybody in, as whomever the backend takes the gate for.
      session.event('backend', { reason: /^\* PREAUTH/i.test(line) ? 'PREAUTH' : 'no greeting' });
      return undefined;
    }
    let words = imapCapabilitiesIn(line);
    if (words === undefined) {
      words = [];
      for (const reply of (await converse(peer, 'p1', 'CAPABILITY')) ?? []) words = imapCapabilitiesIn(reply) ?? words;
    }
    if (session.options.backend.tellClient === 'id') {
      const { client, server } = session.endpoints;
      const fields = [
        ['x-originating-ip', client.ip],
        ['x-originating-port', String(client.port)],
        ['x-connected-ip', server.ip],
        ['x-connected-port', String(server.port)],
      ];
      await converse(
        peer,
        'p2',
        `ID (${fields
          .flat()
          .map((field) => `"${field}"`)
          .join(' ')})`,
      );
    }
    return { line, words };
  } finally {
    cancel();
  }
}

/** A command of the gate's own, and the lines up to its tagged reply. */
async function converse(peer: Peer, tag: string, command: string): Promise<string[] | undefined> {
  await peer.say(`${tag} ${command}`);
  const lines: string[] = [];
  for (;;) {
    const response = await readResponse(peer);
    if (response === undefined) return undefined;
    lines.push(response.text);
    if (response.text.startsWith(`${tag} `)) return lines;
    if (lines.length > 100) return undefined;
  }
}

interface Response {
  /** The first line. */
  readonly text: string;
  /** Everything, literals and all, with its line ends; only where there are literals. */
  readonly raw?: Buffer;
}

/** One response of the backend; a literal in it is never taken for a line (RFC 9051 §4.3). */
async function readResponse(peer: Peer): Promise<Response | undefined> {
  const first = await peer.line(MAX_LINE);
  if (typeof first === 'string') return undefined;
  const text = first.toString('latin1');
  let literal = /\{(\d{1,9})\}$/.exec(text);
  if (literal === null || text.startsWith('+')) return { text };
  const parts: Buffer[] = [first, Buffer.from('\r\n')];
  let size = 0;
  while (literal !== null) {
    const count = Number(literal[1]);
    size += count;
    if (size > MAX_LITERAL) return undefined;
    const octets = await peer.octets(count);
    const next = typeof octets === 'string' ? octets : await peer.line(MAX_LINE);
    if (typeof octets === 'string' || typeof next === 'string') return undefined;
    parts.push(octets, next, Buffer.from('\r\n'));
    literal = /\{(\d{1,9})\}$/.exec(next.toString('latin1'));
  }
  return { text, raw: Buffer.concat(parts) };
}

/** Hands LOGIN on, argument by argument, as the backend asks for literals. */
async function login<E extends GateEnv>(
  session: Session<E>,
  backend: Peer,
  tag: string,
  [name, password]: Astrings,
): Promise<Ended> {
  const observed = observedInClear(name, password);
  if (observed === undefined) return { how: 'unreadable' };
  const refused = await session.admit(observed, 'LOGIN');
  if (refused !== null) return { how: 'refused', ...refused };
  const chunks = [...imapString(`${tag} LOGIN `, name), ...imapString(' ', password)];
  const lines: Buffer[] = [];
  let line = Buffer.alloc(0);
  for (const { text, endsLine } of chunks) {
    line = Buffer.concat([line, text]);
    if (!endsLine) continue;
    lines.push(line);
    line = Buffer.alloc(0);
  }
  lines.push(Buffer.concat([line, Buffer.from('\r\n')]));
  session.dropStale();
  for (const part of lines) {
    if (!(await backend.write(part))) break;
    const next = await session.judged(() => nextWord(session, backend, tag));
    if (next === undefined) break;
    if ('challenge' in next) continue;
    const outcome = outcomeOf(next.last);
    await session.record(outcome);
    return { how: 'last', line: next.last, outcome, observed };
  }
  await session.record('not-judged');
  return { how: 'unavailable' };
}

/** AUTHENTICATE, between the client and the backend (RFC 9051 §6.2.2). */
function sidesOf<E extends GateEnv>(
  session: Session<E>,
  backend: Peer,
  tag: string,
  mechanism: string,
  takesInitial: boolean,
): Sides {
  const { client } = session;
  return {
    takesInitial,
    begin: (initial) => {
      session.dropStale();
      return backend.say(`${tag} AUTHENTICATE ${mechanism}${initial === undefined ? '' : ` ${initial}`}`);
    },
    answer: (response) => backend.say(response),
    next: () => nextWord(session, backend, tag),
    outcomeOf,
    ask: async (challenge) => {
      if (!(await client.say(`+ ${challenge}`))) return undefined;
      const line = await client.line(MAX_LINE);
      return typeof line === 'string' ? undefined : line.toString('latin1');
    },
  };
}

/** The backend's next challenge, or its tagged reply. Responses without a tag are passed on to the client. */
async function nextWord<E extends GateEnv>(
  session: Session<E>,
  backend: Peer,
  tag: string,
): Promise<{ readonly challenge: string } | { readonly last: string } | undefined> {
  for (;;) {
    const response = await readResponse(backend);
    if (response === undefined) return undefined;
    const { text, raw } = response;
    if (text.startsWith('+')) return { challenge: text.slice(1).trimStart() };
    if (text.startsWith(`${tag} `)) return { last: rewriteImapLine(text, imapCapabilitiesInside) };
    await session.client.write(raw ?? Buffer.from(`${rewriteImapLine(text, imapCapabilitiesInside)}\r\n`, 'latin1'));
  }
}

/** What a tagged reply says of the credentials (RFC 5530): trouble at the backend is not a wrong password. */
function outcomeOf(line: string): AttemptOutcome {
  const reply = line.slice(line.indexOf(' ') + 1);
  if (/^OK( |$)/i.test(reply)) return 'accepted';
  if (/^NO \[(UNAVAILABLE|LIMIT|INUSE|SERVERBUG|CONTACTADMIN|PRIVACYREQUIRED)\b/i.test(reply)) return 'not-judged';
  return /^NO( |$)/i.test(reply) ? 'rejected' : 'not-judged';
}
