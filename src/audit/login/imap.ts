import { type Authenticate, bearerLogin, type Dialect, type LoginAnswer, plainLogin } from './dialect.ts';
import type { Answer, Classify, LoginSession } from './session.ts';

/** RFC 9051 §2.2: the result has the tag of the command, `+` requests more data, and `*` is an untagged response. */
const tagged =
  (tag: string): Classify =>
  (line) => {
    if (line.startsWith('* ') || line === '*') return undefined;
    if (line === '+' || line.startsWith('+ ')) return 'continue';
    const [own, word = ''] = line.split(' ', 2);
    if (own !== tag) return /^[^ ]+ (OK|NO|BAD)\b/i.test(line) ? undefined : 'malformed';
    return word.toUpperCase() === 'OK' ? 'ok' : /^(NO|BAD)$/i.test(word) ? 'no' : 'malformed';
  };

function command(session: LoginSession, text: string): Promise<Answer> {
  const tag = session.tag();
  return session.command(`${tag} ${text}`, tagged(tag));
}

/** Sends AUTHENTICATE. Cancels if the server asks for more data. */
const authenticate: Authenticate = (session, mechanism, initial) => {
  const tag = session.tag();
  return session.beginAuth(
    `${tag} AUTHENTICATE ${mechanism}${initial === undefined ? '' : ` ${initial}`}`,
    tagged(tag),
  );
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
  greet: (session, timeoutMs) =>
    session.readAnswer(
      (line) => (/^\* (OK|PREAUTH)\b/i.test(line) ? 'ok' : /^\* BYE\b/i.test(line) ? 'no' : 'malformed'),
      timeoutMs,
    ),
  preauthenticated: ({ text }) => /^\* PREAUTH\b/i.test(text),
  async capabilities(session, _helo, greeting) {
    const answer = await command(session, 'CAPABILITY');
    const line = answer.lines.filter((one) => /^\* CAPABILITY\b/i.test(one)).at(-1);
    if (answer.kind === 'ok' && line !== undefined) return words(line.slice('* CAPABILITY'.length));
    const greeted = /\[CAPABILITY ([^\]]*)\]/i.exec(greeting?.text ?? '')?.[1];
    return greeted === undefined ? undefined : words(greeted);
  },
  needsEhlo: false,
  offersTls: (capabilities) => capabilities.some((one) => one.toUpperCase() === 'STARTTLS'),
  requestTls: (session, injected) => command(session, `STARTTLS${injected === undefined ? '' : `\r\n${injected}`}`),
  mechanisms: (capabilities) =>
    capabilities.flatMap((one) => (/^AUTH=./i.test(one) ? [one.slice('AUTH='.length).toUpperCase()] : [])),
  password: (capabilities) => (capabilities.some((one) => one.toUpperCase() === 'LOGINDISABLED') ? undefined : 'LOGIN'),
  startMechanism: (session, mechanism) => authenticate(session, mechanism),
  logins: [
    {
      name: 'LOGIN',
      run: async (session, { name, secret }): Promise<LoginAnswer> => ({
        answer: await command(session, `LOGIN "${name}" "${secret}"`),
      }),
    },
    plainLogin('AUTHENTICATE', authenticate),
  ],
  bearer: bearerLogin('AUTHENTICATE', authenticate),
  injected: 'smuggled NOOP',
  async injectedAnswer(session) {
    const answer = await command(session, 'NOOP');
    const stray = [...answer.lines, answer.text].filter((line) => /^smuggled (OK|NO|BAD)\b/i.test(line));
    return stray.length > 0 ? stray : undefined;
  },
  farewell: 'bye LOGOUT',
};
