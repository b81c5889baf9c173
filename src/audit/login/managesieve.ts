import type { Dialect } from './dialect.ts';
import type { Answer, Talk } from './talk.ts';

/** RFC 5804 §1.2: OK, NO and BYE end an answer; a line that begins with a string belongs to it. */
function response(line: string): 'ok' | 'no' | 'malformed' | undefined {
  if (/^OK\b/i.test(line)) return 'ok';
  if (/^(NO|BYE)\b/i.test(line)) return 'no';
  return /^["{]/.test(line) || line === '' ? undefined : 'malformed';
}

async function command(talk: Talk, text: string): Promise<Answer> {
  talk.say(text);
  return talk.answer(response);
}

const named = (lines: readonly string[]): readonly string[] =>
  lines
    .slice(0, 100)
    .map((line) => line.replace(/^"([^"]*)"\s*/, (_, name: string) => `${name.toUpperCase()} `).trim());

/** ManageSieve (RFC 5804). Its greeting, and what follows the handshake, is a list of capabilities. */
export const managesieve: Dialect = {
  name: 'ManageSieve',
  greet: (talk, timeoutMs) => talk.answer(response, timeoutMs),
  preauthenticated: () => false,
  async capabilities(talk, _helo, greeting) {
    if (greeting !== undefined) return named(greeting.lines);
    const answer = await talk.answer(response);
    return answer.kind === 'ok' ? named(answer.lines) : undefined;
  },
  offersTls: (capabilities) => capabilities.some((one) => /^STARTTLS\b/i.test(one)),
  async askTls(talk, behind) {
    talk.say(`STARTTLS${behind === undefined ? '' : `\r\n${behind}`}`);
    return talk.answer(response);
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
  async invite(talk, mechanism) {
    talk.say(`AUTHENTICATE "${mechanism}"`);
    // The invitation is an empty string: RFC 5804 §2.1.
    const answer = await talk.answer((line) => (/^("|\{\d+\+?\}$)/.test(line) ? 'invited' : response(line)));
    if (answer.kind === 'invited') await command(talk, '"*"');
    return answer;
  },
  login: async (talk, { name, secret }) => ({
    answer: await command(
      talk,
      `AUTHENTICATE "PLAIN" "${Buffer.from(`\0${name}\0${secret}`, 'latin1').toString('base64')}"`,
    ),
  }),
  smuggled: 'NOOP "smuggled"',
  async smuggledAnswer(talk) {
    // The capabilities come unasked within TLS; then one command, whose answer must be the next.
    const listed = await talk.answer(response);
    if (listed.kind !== 'ok') return undefined;
    const answer = await command(talk, 'NOOP "own"');
    const stray = /smuggled/i.test(answer.text) || /smuggled/i.test(listed.text);
    return stray ? [listed.text, answer.text] : undefined;
  },
  farewell: 'LOGOUT',
};
