import { type Authenticate, bearerLogin, type Dialect, plainLogin } from './dialect.ts';
import type { Answer, Judge } from './talk.ts';

/** A server that has answered once has sent the other list already, or will not. */
const UNASKED_MS = 500;

/** RFC 5804 §1.2: OK, NO and BYE end an answer; a line that begins with a string belongs to it. */
const response: Judge = (line) => {
  if (/^OK\b/i.test(line)) return 'ok';
  if (/^(NO|BYE)\b/i.test(line)) return 'no';
  return /^["{]/.test(line) || line === '' ? undefined : 'malformed';
};

/** RFC 5804 §2.1: what the server asks for is a string, an empty one for PLAIN. */
const challenge: Judge = (line, before) => (/^("|\{\d+\+?\}$)/.test(line) ? 'invited' : response(line, before));

/** What a literal holds is no answer either. */
const afterwards: Judge = (line, before) => {
  const kind = response(line, before);
  return kind === 'malformed' ? undefined : kind;
};

/** AUTHENTICATE, as far as it goes without another word. */
const authenticate: Authenticate = (talk, mechanism, initial) =>
  talk.begin(
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

/** ManageSieve (RFC 5804). Its greeting, and what follows the handshake, is a list of capabilities. */
export const managesieve: Dialect = {
  name: 'ManageSieve',
  literals: true,
  greet: (talk, timeoutMs) => talk.answer(response, timeoutMs),
  preauthenticated: () => false,
  async capabilities(talk, _helo, greeting) {
    if (greeting !== undefined) return named(greeting.lines);
    // RFC 5804 §2.2: within TLS they come unasked; older servers wait to be asked. Both are read, whichever comes first.
    const first = await talk.ask('CAPABILITY', response);
    if (first.kind !== 'ok') return undefined;
    if (talk.wire.secure) await talk.answer(response, UNASKED_MS);
    return named(first.lines);
  },
  asksFirst: false,
  offersTls: (capabilities) => capabilities.some((one) => /^STARTTLS\b/i.test(one)),
  async askTls(talk, behind) {
    return talk.ask(`STARTTLS${behind === undefined ? '' : `\r\n${behind}`}`, response);
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
  invite: (talk, mechanism) => authenticate(talk, mechanism),
  logins: [plainLogin('AUTHENTICATE', authenticate)],
  bearer: bearerLogin('AUTHENTICATE', authenticate),
  smuggled: 'NOOP "smuggled"',
  async smuggledAnswer(talk, waitMs) {
    // Answers to what was not asked within TLS: those with a list are the server's own, and LOGOUT gets the last one.
    talk.say('LOGOUT');
    const answers: Answer[] = [];
    while (answers.length < 4) {
      const answer = await talk.answer(response, waitMs);
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
