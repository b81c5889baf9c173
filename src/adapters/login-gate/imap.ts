import type { AttemptOutcome } from '../../checks/smtp-auth/index.ts';
import { saslWatcher, type Told } from './attempt.ts';
import { type Astrings, imapString, readAstrings, swallowLiterals } from './imap-arguments.ts';
import type { GateEnv } from './options.ts';
import type { Peer } from './peer.ts';
import type { Session } from './session.ts';
import { imapCapabilities, imapCapabilitiesIn, imapCapabilitiesInside, rewriteImapLine } from './words.ts';

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
    const line = greeting.line.includes('[CAPABILITY ')
      ? greeting.line
      : greeting.line.replace(/^\* OK ?/i, `* OK [CAPABILITY ${backendWords.join(' ')}] `);
    return client.say(rewriteImapLine(line, (words) => imapCapabilities(words, session.can())));
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
        const { backend } = session;
        if (backend === undefined) return client.end(session.unavailable);
        let told: Told | undefined;
        if (mechanism === undefined) {
          const read = await readAstrings(client, rest);
          if (read === 'closed') return;
          if (read === 'malformed') {
            if (session.tooManyErrors()) return client.end('* BYE Too many errors');
            await client.say(`${tag} BAD LOGIN needs a name and a password`);
            continue;
          }
          told = await login(session, backend, tag, read);
        } else {
          const [, initial, ...more] = rest.split(' ');
          if (more.length > 0 || initial === '') {
            if (!(await refuse(`${tag} BAD Syntax error`))) return;
            continue;
          }
          const canInitial = backendWords.some((word) => /^SASL-IR$/i.test(word));
          told = await authenticate(session, backend, tag, mechanism.toUpperCase(), initial, canInitial);
        }
        if (told !== undefined) return session.through(told);
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
): Promise<Told | undefined> {
  const told: Told = { account: name.toString('utf8'), secret: password.toString('utf8') };
  const refused = await session.admit(told);
  if (refused !== null) {
    session.client.end(refused);
    return undefined;
  }
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
  await backend.write(lines.shift() as Buffer);
  return finish(session, backend, tag, told, async () => {
    const next = lines.shift();
    return next !== undefined && backend.write(next);
  });
}

/** Carries AUTHENTICATE across, and watches whose login it is. */
async function authenticate<E extends GateEnv>(
  session: Session<E>,
  backend: Peer,
  tag: string,
  mechanism: string,
  initial: string | undefined,
  canInitial: boolean,
): Promise<Told | undefined> {
  const { client } = session;
  const watch = saslWatcher(mechanism);
  let told: Told = {};
  let admitted = false;
  let waiting = canInitial ? undefined : initial;

  const pass = async (response: string): Promise<boolean> => {
    if (response !== '*') told = watch(response);
    if (!admitted && response !== '*') {
      admitted = true;
      const refused = await session.admit(told);
      if (refused !== null) {
        client.end(refused);
        return false;
      }
    }
    return true;
  };
  if (initial !== undefined && !(await pass(initial))) return undefined;
  await backend.say(`${tag} AUTHENTICATE ${mechanism}${initial !== undefined && canInitial ? ` ${initial}` : ''}`);
  return finish(
    session,
    backend,
    tag,
    () => told,
    async (challenge) => {
      if (waiting !== undefined) {
        const response = waiting === '=' ? '' : waiting;
        waiting = undefined;
        return backend.say(response);
      }
      if (!(await client.say(challenge))) return false;
      const line = await client.line(MAX_LINE);
      if (typeof line === 'string') return false;
      const response = line.toString('latin1');
      return (await pass(response)) && backend.say(response);
    },
  );
}

/** Brings a login to its end: continuations are answered, the tagged reply decides. Undefined where nobody is in. */
async function finish<E extends GateEnv>(
  session: Session<E>,
  backend: Peer,
  tag: string,
  told: Told | (() => Told),
  onContinue: (challenge: string) => Promise<boolean>,
): Promise<Told | undefined> {
  const { client } = session;
  const whose = (): Told => (typeof told === 'function' ? told() : told);
  for (;;) {
    const response = await readResponse(backend);
    if (response === undefined) {
      await session.record('not-judged', whose());
      client.end(session.unavailable);
      return undefined;
    }
    const { text, raw } = response;
    if (text.startsWith('+')) {
      if (await onContinue(text)) continue;
      await session.record('not-judged', whose());
      session.closeBackend();
      client.end();
      return undefined;
    }
    if (!text.startsWith(`${tag} `)) {
      await client.write(raw ?? Buffer.from(`${rewriteImapLine(text, imapCapabilitiesInside)}\r\n`, 'latin1'));
      continue;
    }
    const outcome = outcomeOf(text.slice(tag.length + 1));
    await session.record(outcome, whose());
    if (outcome === 'accepted') {
      await client.say(rewriteImapLine(text, imapCapabilitiesInside));
      return whose();
    }
    if (session.tooManyErrors()) client.end('* BYE Too many errors');
    else await client.say(rewriteImapLine(text, imapCapabilitiesInside));
    return undefined;
  }
}

/** What a tagged reply says of the credentials (RFC 5530): trouble at the backend is nobody's wrong password. */
function outcomeOf(reply: string): AttemptOutcome {
  if (/^OK( |$)/i.test(reply)) return 'accepted';
  if (/^NO \[(UNAVAILABLE|LIMIT|INUSE|SERVERBUG|CONTACTADMIN|PRIVACYREQUIRED)\b/i.test(reply)) return 'not-judged';
  return /^NO( |$)/i.test(reply) ? 'rejected' : 'not-judged';
}
