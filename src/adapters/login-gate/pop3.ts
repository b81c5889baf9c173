import type { AttemptOutcome } from '../../checks/smtp-auth/index.ts';
import { type Ended, observedInClear } from './attempt.ts';
import { exchange, type Sides } from './exchange.ts';
import type { GateEnv } from './options.ts';
import type { Peer } from './peer.ts';
import type { Session } from './session.ts';
import { pop3Capabilities, withoutTimestamp } from './words.ts';

/** RFC 2449 §4 says 255 for commands; an initial response may be longer (RFC 5034 §4). */
const MAX_LINE = 16_384;
const MAX_CAPABILITIES = 100;

/** POP3 as far as the login (RFC 1939 §4, RFC 2595 §4, RFC 5034). */
export async function pop3Dialogue<E extends GateEnv>(session: Session<E>): Promise<void> {
  const { client } = session;
  let backendLines: readonly string[] = [];
  let user: string | undefined;

  async function enter(greets: boolean): Promise<boolean> {
    user = undefined;
    const greeting = await openPop3Backend(session);
    if (greeting === undefined) {
      client.end(session.unavailable);
      return false;
    }
    backendLines = greeting.lines;
    return greets ? client.say(withoutTimestamp(greeting.line)) : true;
  }

  const greeting = await session.ask({ name: 'GREETING' });
  if (greeting !== null) return client.end(greeting.line);
  if (session.open) {
    if (!(await enter(true))) return;
  } else await client.say(`+OK ${session.options.serverName ?? 'postern'} ready`);

  for (;;) {
    const line = await client.line(MAX_LINE);
    if (line === 'closed') return;
    if (line === 'too-long') return client.end('-ERR Line too long');
    const text = line.toString('latin1');
    const space = text.indexOf(' ');
    const name = (space < 0 ? text : text.slice(0, space)).toUpperCase();
    const rest = space < 0 ? '' : text.slice(space + 1);
    /** False where that was one error too many. */
    const refuse = async (reply: string): Promise<boolean> => {
      if (!session.tooManyErrors()) return client.say(reply);
      client.end('-ERR Too many errors');
      return false;
    };

    switch (name) {
      case 'CAPA': {
        const can = session.can();
        const kept = session.backend === undefined ? ['RESP-CODES', 'AUTH-RESP-CODE'] : backendLines;
        await client.say(['+OK Capability list follows', ...pop3Capabilities(kept, can), '.'].join('\r\n'));
        continue;
      }
      case 'QUIT':
        return client.end('+OK Bye');
      case 'STLS': {
        const refused = await session.ask({ name, argument: rest !== '', pipelined: client.hasMore });
        if (refused !== null) {
          if (refused.close) return client.end(refused.line);
          if (!(await refuse(refused.line))) return;
          continue;
        }
        client.discard();
        if (!(await client.say('+OK Begin TLS negotiation'))) return;
        if (!(await session.startTls()) || !(await enter(false))) return;
        continue;
      }
      case 'USER':
      case 'PASS':
      case 'APOP':
      case 'AUTH': {
        const [mechanism, initial, ...more] = name === 'AUTH' ? rest.split(' ') : [];
        const refused = await session.ask(name === 'AUTH' ? { name, mechanism: mechanism ?? '' } : { name });
        if (refused !== null) {
          if (refused.close) return client.end(refused.line);
          if (!(await refuse(refused.line))) return;
          continue;
        }
        if (mechanism !== undefined && !session.canCarry(mechanism)) {
          if (!(await refuse('-ERR Unsupported authentication mechanism'))) return;
          continue;
        }
        const { backend } = session;
        if (backend === undefined) return client.end(session.unavailable);
        if (name === 'USER') {
          // Kept here until the password comes: the backend hears of both, or of neither.
          // biome-ignore lint/suspicious/noControlCharactersInRegex: a name holds no control characters
          user = /^[^\x00-\x20\x7f]{1,255}$/.test(rest) ? rest : undefined;
          if (user !== undefined) await client.say('+OK');
          else if (!(await refuse('-ERR USER needs a name'))) return;
          continue;
        }
        if (name === 'PASS' && (user === undefined || /[\0\r\n]/.test(rest))) {
          if (!(await refuse(user === undefined ? '-ERR USER first' : '-ERR Not a password'))) return;
          continue;
        }
        if (name === 'AUTH' && (more.length > 0 || initial === '')) {
          if (!(await refuse('-ERR Syntax error'))) return;
          continue;
        }
        const ended =
          mechanism === undefined
            ? await userAndPassword(session, backend, user as string, rest)
            : await exchange(
                session,
                mechanism.toUpperCase(),
                initial,
                sidesOf(session, backend, mechanism.toUpperCase()),
              );
        user = undefined;
        if (await session.settle(ended)) return session.through();
        if (client.socket.destroyed || client.socket.writableEnded) return;
        continue;
      }
      default:
        if (!(await refuse('-ERR Log in first'))) return;
    }
  }
}

/** Connects the backend, tells it who the client is, and reads its greeting and capabilities. */
async function openPop3Backend<E extends GateEnv>(
  session: Session<E>,
): Promise<{ readonly line: string; readonly lines: readonly string[] } | undefined> {
  const peer = await session.openBackend();
  if (peer === undefined) return undefined;
  const cancel = session.options.env.clock.after(session.limits.connectWithinMs, () => peer.destroy());
  try {
    const line = await readLine(peer);
    if (line === undefined || !isOk(line)) {
      session.event('backend', { reason: 'no greeting' });
      return undefined;
    }
    if (session.options.backend.tellClient === 'xclient') {
      const { client } = session.endpoints;
      await peer.say(`XCLIENT ADDR=${client.ip} PORT=${client.port}`);
      const answer = await readLine(peer);
      if (answer === undefined || !isOk(answer)) session.event('backend', { reason: 'XCLIENT is not taken' });
    }
    await peer.say('CAPA');
    const first = await readLine(peer);
    const lines: string[] = [];
    if (first === undefined) return undefined;
    if (isOk(first))
      for (;;) {
        const next = await readLine(peer);
        if (next === undefined || lines.length > MAX_CAPABILITIES) return undefined;
        if (next === '.') break;
        lines.push(next);
      }
    return { line, lines };
  } finally {
    cancel();
  }
}

async function readLine(peer: Peer): Promise<string | undefined> {
  const line = await peer.line(MAX_LINE);
  return typeof line === 'string' ? undefined : line.toString('latin1');
}

const isOk = (line: string): boolean => /^\+OK( |$)/i.test(line);

async function userAndPassword<E extends GateEnv>(
  session: Session<E>,
  backend: Peer,
  user: string,
  password: string,
): Promise<Ended> {
  const observed = observedInClear(Buffer.from(user, 'latin1'), Buffer.from(password, 'latin1'));
  if (observed === undefined) return { how: 'unreadable' };
  const refused = await session.admit(observed, 'USER');
  if (refused !== null) return { how: 'refused', ...refused };
  session.dropStale();
  const line = await session.judged(async () => {
    if (!(await backend.say(`USER ${user}`))) return undefined;
    const known = await readLine(backend);
    if (known === undefined || !isOk(known)) return known;
    return (await backend.say(`PASS ${password}`)) ? readLine(backend) : undefined;
  });
  if (line === undefined) {
    await session.record('not-judged');
    return { how: 'unavailable' };
  }
  const outcome = outcomeOf(line);
  await session.record(outcome);
  return { how: 'last', line, outcome, observed };
}

/** AUTH, between the client and the backend (RFC 5034 §4). */
function sidesOf<E extends GateEnv>(session: Session<E>, backend: Peer, mechanism: string): Sides {
  return {
    takesInitial: true,
    begin: (initial) => {
      session.dropStale();
      return backend.say(`AUTH ${mechanism}${initial === undefined ? '' : ` ${initial}`}`);
    },
    answer: (response) => backend.say(response),
    next: async () => {
      const line = await readLine(backend);
      if (line === undefined) return undefined;
      return /^\+( |$)/.test(line) ? { challenge: line.slice(2) } : { last: line };
    },
    outcomeOf,
    ask: async (challenge) => ((await session.client.say(`+ ${challenge}`)) ? readLine(session.client) : undefined),
  };
}

/** RFC 2449 §8.1, RFC 3206: a mailbox in use or a broken server is not a wrong password. */
function outcomeOf(line: string): AttemptOutcome {
  if (isOk(line)) return 'accepted';
  return /^-ERR \[(SYS\/|IN-USE|LOGIN-DELAY)/i.test(line) ? 'not-judged' : 'rejected';
}
