import { type Authenticate, bearerLogin, type Dialect, type LoginAnswer, plainLogin } from './dialect.ts';
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

function command(talk: Talk, text: string): Promise<Answer> {
  const tag = talk.tag();
  return talk.ask(`${tag} ${text}`, tagged(tag));
}

/** AUTHENTICATE, as far as it goes without another word. */
const authenticate: Authenticate = (talk, mechanism, initial) => {
  const tag = talk.tag();
  return talk.begin(`${tag} AUTHENTICATE ${mechanism}${initial === undefined ? '' : ` ${initial}`}`, tagged(tag));
};

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
  askTls: (talk, behind) =>
    command(
      talk,
      `STARTTLS${
        behind === undefined
          ? ''
          : `
${behind}`
      }`,
    ),
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
    plainLogin('AUTHENTICATE', authenticate),
  ],
  bearer: bearerLogin('AUTHENTICATE', authenticate),
  smuggled: 'smuggled NOOP',
  async smuggledAnswer(talk) {
    const answer = await command(talk, 'NOOP');
    const stray = [...answer.lines, answer.text].filter((line) => /^smuggled (OK|NO|BAD)\b/i.test(line));
    return stray.length > 0 ? stray : undefined;
  },
  farewell: 'bye LOGOUT',
};
