import type { Dialect } from './dialect.ts';
import type { Answer, Talk } from './talk.ts';

/** RFC 5321 §4.2.1: the last line of a reply has a space, or nothing, behind its code. */
function reply(line: string, before: readonly string[]): 'ok' | 'no' | 'invited' | 'malformed' | undefined {
  const match = /^([2-5]\d\d)([ -]|$)/.exec(line);
  const first = before[0];
  if (match === null || (first !== undefined && first.slice(0, 3) !== match[1])) return 'malformed';
  if (match[2] === '-') return undefined;
  return line.startsWith('2') ? 'ok' : line.startsWith('3') ? 'invited' : 'no';
}

async function command(talk: Talk, text: string): Promise<Answer> {
  talk.say(text);
  return talk.answer(reply);
}

const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');

/** Submission by SMTP (RFC 6409, 8314, 4954). */
export const submission: Dialect = {
  name: 'SMTP',
  greet: (talk, timeoutMs) => talk.answer(reply, timeoutMs),
  preauthenticated: () => false,
  async capabilities(talk, helo) {
    const answer = await command(talk, `EHLO ${helo}`);
    if (answer.kind === 'no') return [];
    if (answer.kind !== 'ok') return undefined;
    return [...answer.lines, answer.text].slice(1, 101).map((line) => line.slice(4).trim());
  },
  offersTls: (capabilities) => capabilities.some((one) => /^STARTTLS\b/i.test(one)),
  async askTls(talk, behind) {
    talk.say(`STARTTLS${behind === undefined ? '' : `\r\n${behind}`}`);
    return talk.answer(reply);
  },
  mechanisms: (capabilities) => [
    ...new Set(
      capabilities.flatMap((one) =>
        /^AUTH[\s=]/i.test(one)
          ? one
              .slice('AUTH'.length)
              .toUpperCase()
              .split(/[\s=]+/)
              .filter((word) => word !== '')
          : [],
      ),
    ),
  ],
  password: () => undefined,
  async invite(talk, mechanism) {
    const answer = await command(talk, `AUTH ${mechanism}`);
    if (answer.kind === 'invited') await command(talk, '*');
    return answer;
  },
  login: async (talk, { name, secret }) => ({
    answer: await command(talk, `AUTH PLAIN ${base64(`\0${name}\0${secret}`)}`),
  }),
  smuggled: 'NOOP',
  async smuggledAnswer(talk, waitMs) {
    let first = await command(talk, 'QUIT');
    // Some servers greet again within TLS.
    if (first.kind === 'ok' && first.text.startsWith('220')) first = await talk.answer(reply);
    if (first.kind !== 'ok' && first.kind !== 'no') return undefined;
    if (first.text.startsWith('221')) return undefined;
    const second = await talk.answer(reply, waitMs);
    return second.kind === 'ok' || second.kind === 'no' ? [first.text, second.text] : undefined;
  },
  farewell: 'QUIT',
};
