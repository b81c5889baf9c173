import { bearerResponse, type Dialect, plainResponse } from './dialect.ts';
import type { Answer, Judge, Talk } from './talk.ts';

/** RFC 1939 §3, RFC 5034 §4. */
const status: Judge = (line) =>
  /^\+OK(?![A-Z0-9])/i.test(line)
    ? 'ok'
    : /^-ERR(?![A-Z0-9])/i.test(line)
      ? 'no'
      : line === '+' || line.startsWith('+ ')
        ? 'invited'
        : 'malformed';

async function command(talk: Talk, text: string): Promise<Answer> {
  talk.say(text);
  return talk.answer(status);
}

/** AUTH, as far as it goes without another word. */
async function auth(talk: Talk, mechanism: string, initial?: string): Promise<Answer> {
  const answer = await command(talk, `AUTH ${mechanism}${initial === undefined ? '' : ` ${initial}`}`);
  if (answer.kind === 'invited') await command(talk, '*');
  return answer;
}

/** POP3 (RFC 1939, 2449, 2595, 5034). */
export const pop3: Dialect = {
  name: 'POP3',
  literals: false,
  greet: (talk, timeoutMs) => talk.answer(status, timeoutMs),
  preauthenticated: () => false,
  async capabilities(talk) {
    // RFC 2449 is optional: a server that does not know CAPA says nothing of what it can do.
    if ((await command(talk, 'CAPA')).kind !== 'ok') return undefined;
    const rest = await talk.answer((line) => (line === '.' ? 'ok' : undefined));
    return rest.kind === 'ok' ? rest.lines.slice(0, 100).map((line) => line.trim()) : undefined;
  },
  asksFirst: false,
  offersTls: (capabilities) => capabilities.some((one) => /^STLS\b/i.test(one)),
  async askTls(talk, behind) {
    talk.say(`STLS${behind === undefined ? '' : `\r\n${behind}`}`);
    return talk.answer(status);
  },
  mechanisms: (capabilities) =>
    capabilities.flatMap((one) =>
      /^SASL\s/i.test(one)
        ? one
            .slice('SASL'.length)
            .trim()
            .toUpperCase()
            .split(/\s+/)
            .filter((word) => word !== '')
        : [],
    ),
  password: (capabilities) => (capabilities.some((one) => /^USER\b/i.test(one)) ? 'USER' : undefined),
  invite: (talk, mechanism) => auth(talk, mechanism),
  logins: [
    {
      name: 'USER, PASS',
      async run(talk, { name, secret }) {
        const first = await command(talk, `USER ${name}`);
        return first.kind === 'ok' ? { name: first, answer: await command(talk, `PASS ${secret}`) } : { answer: first };
      },
    },
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
  // Its answer is a list, or a refusal: a server that greets again within TLS is not taken for one that answers.
  smuggled: 'CAPA',
  async smuggledAnswer(talk, waitMs) {
    const first = await command(talk, 'QUIT');
    if (first.kind !== 'ok' && first.kind !== 'no') return undefined;
    const second = await talk.answer((line) => status(line, []) ?? 'malformed', waitMs);
    if (second.text === '') return undefined;
    // A list behind the first answer; or a refusal, which no greeting is and QUIT does not get.
    const listed = second.kind === 'malformed';
    const refused = first.kind === 'no' && (second.kind === 'ok' || second.kind === 'no');
    return listed || refused ? [first.text, second.text] : undefined;
  },
  farewell: 'QUIT',
};
