import type { Dialect } from './dialect.ts';
import type { Answer, Talk } from './talk.ts';

/** RFC 1939 §3, RFC 5034 §4. */
const status = (line: string): 'ok' | 'no' | 'invited' | 'malformed' =>
  /^\+OK\b/i.test(line)
    ? 'ok'
    : /^-ERR\b/i.test(line)
      ? 'no'
      : line === '+' || line.startsWith('+ ')
        ? 'invited'
        : 'malformed';

async function command(talk: Talk, text: string): Promise<Answer> {
  talk.say(text);
  return talk.answer(status);
}

/** POP3 (RFC 1939, 2449, 2595, 5034). */
export const pop3: Dialect = {
  name: 'POP3',
  greet: (talk, timeoutMs) => talk.answer(status, timeoutMs),
  preauthenticated: () => false,
  async capabilities(talk) {
    const first = await command(talk, 'CAPA');
    // RFC 2449 is optional: a server that does not know CAPA says so.
    if (first.kind !== 'ok') return first.kind === 'no' ? [] : undefined;
    const rest = await talk.answer((line) => (line === '.' ? 'ok' : undefined));
    return rest.kind === 'ok' ? rest.lines.slice(0, 100).map((line) => line.trim()) : undefined;
  },
  offersTls: (capabilities) => capabilities.some((one) => /^STLS\b/i.test(one)),
  async askTls(talk, behind) {
    talk.say(`STLS${behind === undefined ? '' : `\r\n${behind}`}`);
    return talk.answer(status);
  },
  mechanisms: (capabilities) =>
    capabilities.flatMap((one) =>
      /^SASL\s/i.test(one) ? one.slice('SASL'.length).trim().toUpperCase().split(/\s+/) : [],
    ),
  password: (capabilities) => (capabilities.some((one) => /^USER$/i.test(one.trim())) ? 'USER' : undefined),
  async invite(talk, mechanism) {
    const answer = await command(talk, `AUTH ${mechanism}`);
    if (answer.kind === 'invited') await command(talk, '*');
    return answer;
  },
  async login(talk, { name, secret }) {
    const first = await command(talk, `USER ${name}`);
    return first.kind === 'ok' ? { name: first, answer: await command(talk, `PASS ${secret}`) } : { answer: first };
  },
  smuggled: 'NOOP',
  async smuggledAnswer(talk, waitMs) {
    const first = await command(talk, 'QUIT');
    if (first.kind !== 'ok' && first.kind !== 'no') return undefined;
    const second = await talk.answer(status, waitMs);
    return second.kind === 'ok' || second.kind === 'no' ? [first.text, second.text] : undefined;
  },
  farewell: 'QUIT',
};
