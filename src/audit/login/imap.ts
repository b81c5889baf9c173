import type { Dialect } from './dialect.ts';
import type { Answer, Talk } from './talk.ts';

/** RFC 9051 §2.2: an answer bears the command's tag, `+` asks for more, `*` says something beside. */
const tagged =
  (tag: string) =>
  (line: string): 'ok' | 'no' | 'invited' | 'malformed' | undefined => {
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

const words = (text: string): readonly string[] =>
  text
    .split(/\s+/)
    .filter((word) => word !== '')
    .slice(0, 100);

/** An IMAP quoted string of letters and digits. */
const quoted = (text: string): string => `"${text}"`;

/** IMAP (RFC 9051, RFC 3501). */
export const imap: Dialect = {
  name: 'IMAP',
  greet: (talk, timeoutMs) =>
    talk.answer(
      (line) => (/^\* (OK|PREAUTH)\b/i.test(line) ? 'ok' : /^\* BYE\b/i.test(line) ? 'no' : 'malformed'),
      timeoutMs,
    ),
  preauthenticated: ({ text }) => /^\* PREAUTH\b/i.test(text),
  async capabilities(talk) {
    const answer = await command(talk, 'CAPABILITY');
    if (answer.kind !== 'ok') return undefined;
    const line = answer.lines.filter((one) => /^\* CAPABILITY\b/i.test(one)).at(-1);
    return line === undefined ? [] : words(line.slice('* CAPABILITY'.length));
  },
  offersTls: (capabilities) => capabilities.some((one) => one.toUpperCase() === 'STARTTLS'),
  askTls(talk, behind) {
    const tag = talk.tag();
    talk.say(`${tag} STARTTLS${behind === undefined ? '' : `\r\n${behind}`}`);
    return talk.answer(tagged(tag));
  },
  mechanisms: (capabilities) =>
    capabilities.flatMap((one) => (/^AUTH=/i.test(one) ? [one.slice('AUTH='.length).toUpperCase()] : [])),
  password: (capabilities) =>
    capabilities.some((one) => one.toUpperCase() === 'LOGINDISABLED') ? undefined : 'no LOGINDISABLED',
  async invite(talk, mechanism) {
    const tag = talk.tag();
    talk.say(`${tag} AUTHENTICATE ${mechanism}`);
    const answer = await talk.answer(tagged(tag));
    if (answer.kind === 'invited') {
      talk.say('*');
      await talk.answer(tagged(tag));
    }
    return answer;
  },
  login: async (talk, { name, secret }) => ({ answer: await command(talk, `LOGIN ${quoted(name)} ${quoted(secret)}`) }),
  smuggled: 'smuggled NOOP',
  async smuggledAnswer(talk) {
    const answer = await command(talk, 'NOOP');
    const stray = [...answer.lines, answer.text].filter((line) => /^smuggled (OK|NO|BAD)\b/i.test(line));
    return stray.length > 0 ? stray : undefined;
  },
  farewell: 'bye LOGOUT',
};
