import { type Authenticate, bearerLogin, type Dialect, plainLogin } from './dialect.ts';
import type { Answer, Classify } from './session.ts';

/** Time to wait for an unsolicited list. A server that sends one has sent it before its first answer. */
const UNASKED_MS = 500;

/** RFC 5804 §1.2: OK, NO and BYE end an answer. Lines that begin with a string belong to it. */
const response: Classify = (line) => {
  if (/^OK\b/i.test(line)) return 'ok';
  if (/^(NO|BYE)\b/i.test(line)) return 'no';
  return /^["{]/.test(line) || line === '' ? undefined : 'malformed';
};

/** RFC 5804 §2.1: the server requests data with a string, which is empty for PLAIN. */
const challenge: Classify = (line, before) => (/^("|\{\d+\+?\}$)/.test(line) ? 'continue' : response(line, before));

/** Skips the content of a literal. */
const afterwards: Classify = (line, before) => {
  const kind = response(line, before);
  return kind === 'malformed' ? undefined : kind;
};

/** Sends AUTHENTICATE. Cancels if the server asks for more data. */
const authenticate: Authenticate = (session, mechanism, initial) =>
  session.beginAuth(
    `AUTHENTICATE "${mechanism}"${initial === undefined ? '' : ` "${initial}"`}`,
    challenge,
    '"*"',
    afterwards,
  );

const named = (lines: readonly string[]): readonly string[] =>
  lines
    .filter((line) => line.startsWith('"'))
    .slice(0, 100)
    .map((line) => line.replace(/^"([^"]*)"\s*/, (_, name: string) => `${name.toUpperCase()} `).trim());

/** ManageSieve (RFC 5804). The server sends its capabilities as the greeting and after the handshake. */
export const managesieve: Dialect = {
  name: 'ManageSieve',
  literals: true,
  greet: (session, timeoutMs) => session.readAnswer(response, timeoutMs),
  preauthenticated: () => false,
  async capabilities(session, _helo, greeting) {
    if (greeting !== undefined) return named(greeting.lines);
    // RFC 5804 §2.2: over TLS the server sends the list unasked, but older servers wait for CAPABILITY. Read both.
    const first = await session.command('CAPABILITY', response);
    if (first.kind !== 'ok') return undefined;
    if (session.wire.secure) await session.readAnswer(response, UNASKED_MS);
    return named(first.lines);
  },
  needsEhlo: false,
  offersTls: (capabilities) => capabilities.some((one) => /^STARTTLS\b/i.test(one)),
  async requestTls(session, injected) {
    return session.command(`STARTTLS${injected === undefined ? '' : `\r\n${injected}`}`, response);
  },
  mechanisms: (capabilities) =>
    capabilities.flatMap((one) =>
      /^SASL\s/i.test(one)
        ? one
            .slice('SASL'.length)
            .replaceAll('"', ' ')
            .trim()
            .toUpperCase()
            .split(/\s+/)
            .filter((word) => word !== '')
        : [],
    ),
  password: () => undefined,
  startMechanism: (session, mechanism) => authenticate(session, mechanism),
  logins: [plainLogin('AUTHENTICATE', authenticate)],
  bearer: bearerLogin('AUTHENTICATE', authenticate),
  injected: 'NOOP "smuggled"',
  async injectedAnswer(session, waitMs) {
    // LOGOUT gets the last answer, and lists of capabilities are unsolicited. Any other answer belongs to the injected command.
    session.send('LOGOUT');
    const answers: Answer[] = [];
    while (answers.length < 4) {
      const answer = await session.readAnswer(response, waitMs);
      if (answer.kind !== 'ok' && answer.kind !== 'no') break;
      answers.push(answer);
    }
    const unasked = answers.filter(
      ({ lines, text }) =>
        !/^BYE\b/i.test(text) && !lines.some((line) => /^"(?:IMPLEMENTATION|SASL|SIEVE)"/i.test(line)),
    );
    const marked = unasked.some(({ text }) => /smuggled/i.test(text));
    return marked || unasked.length > 1 ? unasked.map(({ text }) => text) : undefined;
  },
  farewell: 'LOGOUT',
};
