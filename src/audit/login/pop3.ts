import { authOf, bearerLogin, type Dialect, plainLogin } from './dialect.ts';
import type { Judge } from './talk.ts';

/** RFC 1939 §3, RFC 5034 §4. */
const status: Judge = (line) =>
  /^\+OK(?![A-Z0-9])/i.test(line)
    ? 'ok'
    : /^-ERR(?![A-Z0-9])/i.test(line)
      ? 'no'
      : line === '+' || line.startsWith('+ ')
        ? 'invited'
        : 'malformed';

const auth = authOf(status);

/** POP3 (RFC 1939, 2449, 2595, 5034). */
export const pop3: Dialect = {
  name: 'POP3',
  literals: false,
  greet: (talk, timeoutMs) => talk.answer(status, timeoutMs),
  preauthenticated: () => false,
  async capabilities(talk) {
    // RFC 2449 is optional: a server that does not know CAPA says nothing of what it can do.
    if ((await talk.ask('CAPA', status)).kind !== 'ok') return undefined;
    const rest = await talk.answer((line) => (line === '.' ? 'ok' : undefined));
    return rest.kind === 'ok' ? rest.lines.slice(0, 100).map((line) => line.trim()) : undefined;
  },
  asksFirst: false,
  offersTls: (capabilities) => capabilities.some((one) => /^STLS\b/i.test(one)),
  async askTls(talk, behind) {
    return talk.ask(`STLS${behind === undefined ? '' : `\r\n${behind}`}`, status);
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
        const first = await talk.ask(`USER ${name}`, status);
        return first.kind === 'ok'
          ? { name: first, answer: await talk.ask(`PASS ${secret}`, status) }
          : { answer: first };
      },
    },
    plainLogin('AUTH', auth),
  ],
  bearer: bearerLogin('AUTH', auth),
  // Its answer is a list, or a refusal: a server that greets again within TLS is not taken for one that answers.
  smuggled: 'CAPA',
  async smuggledAnswer(talk, waitMs) {
    const first = await talk.ask('QUIT', status);
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
