import { bearerResponse, type Dialect, type LoginAnswer, plainResponse } from './dialect.ts';
import type { Answer, Judge, Talk } from './talk.ts';

/** RFC 9051 §2.2: an answer bears the command's tag, `+` asks for more, `*` says something beside. */
const tagged =
  (tag: string): Judge =>
  (line) => {
    if (line.startsWith('* ') || line === '*') return undefined;
    if (line === '+' || line.startsWith('+ ')) return 'invited';
    const [own, word = ''] = line.split(' ', 2);
    if (own !== tag) return /^[^ ]+ (OK|NO|BAD)\b/i.test(line) ? undefined : 'malformed';
    return word.toUpperCase() === 'OK' ? 'ok' : /^(NO|BAD)$/i.test(word) ? 'no' : 'malformed';
  };

async function command(talk: Talk, text: string): Promise<Answer> {
  const tag = talk.tag();
  talk.say(`${tag} ${text}`);
  return talk.answer(tagged(tag));
}

/** AUTHENTICATE, as far as it goes without another word. */
async function authenticate(talk: Talk, mechanism: string, initial?: string): Promise<Answer> {
  const tag = talk.tag();
  talk.say(`${tag} AUTHENTICATE ${mechanism}${initial === undefined ? '' : ` ${initial}`}`);
  const answer = await talk.answer(tagged(tag));
  if (answer.kind === 'invited') {
    talk.say('*');
    await talk.answer(tagged(tag));
  }
  return answer;
}

const words = (text: string): readonly string[] =>
  text
    .split(/\s+/)
    .filter((word) => word !== '')
    .slice(0, 100);

/** IMAP (RFC 9051, RFC 3501). */
export const imap: Dialect = {
  name: 'IMAP',
  literals: true,
  greet: (talk, timeoutMs) =>
    talk.answer(
      (line) => (/^\* (OK|PREAUTH)\b/i.test(line) ? 'ok' : /^\* BYE\b/i.test(line) ? 'no' : 'malformed'),
      timeoutMs,
    ),
  preauthenticated: ({ text }) => /^\* PREAUTH\b/i.test(text),
  async capabilities(talk, _helo, greeting) {
    const answer = await command(talk, 'CAPABILITY');
    const line = answer.lines.filter((one) => /^\* CAPABILITY\b/i.test(one)).at(-1);
    if (answer.kind === 'ok' && line !== undefined) return words(line.slice('* CAPABILITY'.length));
    const greeted = /\[CAPABILITY ([^\]]*)\]/i.exec(greeting?.text ?? '')?.[1];
    return greeted === undefined ? undefined : words(greeted);
  },
  asksFirst: false,
  offersTls: (capabilities) => capabilities.some((one) => one.toUpperCase() === 'STARTTLS'),
  askTls(talk, behind) {
    const tag = talk.tag();
    talk.say(`${tag} STARTTLS${behind === undefined ? '' : `\r\n${behind}`}`);
    return talk.answer(tagged(tag));
  },
  mechanisms: (capabilities) =>
    capabilities.flatMap((one) => (/^AUTH=./i.test(one) ? [one.slice('AUTH='.length).toUpperCase()] : [])),
  password: (capabilities) => (capabilities.some((one) => one.toUpperCase() === 'LOGINDISABLED') ? undefined : 'LOGIN'),
  invite: (talk, mechanism) => authenticate(talk, mechanism),
  logins: [
    {
      name: 'LOGIN',
      run: async (talk, { name, secret }): Promise<LoginAnswer> => ({
        answer: await command(talk, `LOGIN "${name}" "${secret}"`),
      }),
    },
    {
      name: 'AUTHENTICATE PLAIN',
      mechanism: 'PLAIN',
      run: async (talk, dummy) => ({ answer: await authenticate(talk, 'PLAIN', plainResponse(dummy)) }),
    },
  ],
  bearer: {
    name: 'AUTHENTICATE XOAUTH2',
    mechanism: 'XOAUTH2',
    run: async (talk, dummy) => ({ answer: await authenticate(talk, 'XOAUTH2', bearerResponse(dummy)) }),
  },
  smuggled: 'smuggled NOOP',
  async smuggledAnswer(talk) {
    const answer = await command(talk, 'NOOP');
    const stray = [...answer.lines, answer.text].filter((line) => /^smuggled (OK|NO|BAD)\b/i.test(line));
    return stray.length > 0 ? stray : undefined;
  },
  farewell: 'bye LOGOUT',
};
