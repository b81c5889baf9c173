import { bearerResponse, type Dialect, plainResponse } from './dialect.ts';
import type { Answer, Judge, Talk } from './talk.ts';

/** RFC 5321 §4.2.1: the last line of a reply has a space, or nothing, behind its code. */
const reply: Judge = (line, before) => {
  const match = /^([2-5]\d\d)([ -]|$)/.exec(line);
  const first = before[0];
  if (match === null || (first !== undefined && first.slice(0, 3) !== match[1])) return 'malformed';
  if (match[2] === '-') return undefined;
  return line.startsWith('2') ? 'ok' : line.startsWith('3') ? 'invited' : 'no';
};

/** One command, one reply. */
export async function command(talk: Talk, text: string): Promise<Answer> {
  talk.say(text);
  return talk.answer(reply);
}

/** AUTH, as far as it goes without another word. */
async function auth(talk: Talk, mechanism: string, initial?: string): Promise<Answer> {
  const answer = await command(talk, `AUTH ${mechanism}${initial === undefined ? '' : ` ${initial}`}`);
  if (answer.kind === 'invited') await command(talk, '*');
  return answer;
}

/** Submission by SMTP (RFC 6409, 8314, 4954). */
export const submission: Dialect = {
  name: 'SMTP',
  literals: false,
  greet: async (talk, timeoutMs) => {
    const greeting = await talk.answer(reply, timeoutMs);
    return greeting.kind === 'invited' ? { ...greeting, kind: 'malformed' } : greeting;
  },
  preauthenticated: () => false,
  async capabilities(talk, helo) {
    let answer = await command(talk, `EHLO ${helo}`);
    // Some servers greet again within TLS.
    if (talk.wire.secure && answer.kind === 'ok' && /^220\b/.test(answer.text)) answer = await talk.answer(reply);
    if (answer.kind === 'ok')
      return [...answer.lines, answer.text].slice(1, 101).map((line) => line.slice('250-'.length).trim());
    if (answer.kind !== 'no') return undefined;
    return (await command(talk, `HELO ${helo}`)).kind === 'ok' ? [] : undefined;
  },
  asksFirst: true,
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
  invite: (talk, mechanism) => auth(talk, mechanism),
  logins: [
    {
      name: 'AUTH PLAIN',
      mechanism: 'PLAIN',
      run: async (talk, dummy) => ({ answer: await auth(talk, 'PLAIN', plainResponse(dummy)) }),
    },
  ],
  bearer: {
    name: 'AUTH XOAUTH2',
    mechanism: 'XOAUTH2',
    run: async (talk, dummy) => ({ answer: await auth(talk, 'XOAUTH2', bearerResponse(dummy)) }),
  },
  smuggled: 'NOOP',
  async smuggledAnswer(talk, waitMs) {
    let first = await command(talk, 'QUIT');
    if (first.kind === 'ok' && first.text.startsWith('220')) first = await talk.answer(reply, waitMs);
    if (first.kind !== 'ok' && first.kind !== 'no') return undefined;
    if (first.text.startsWith('221')) return undefined;
    const second = await talk.answer(reply, waitMs);
    return second.kind === 'ok' || second.kind === 'no' ? [first.text, second.text] : undefined;
  },
  farewell: 'QUIT',
};
