import { authOf, bearerLogin, type Dialect, plainLogin } from './dialect.ts';
import type { Judge } from './talk.ts';

/** RFC 5321 §4.2.1: the last line of a reply has a space, or nothing, behind its code. */
export const reply: Judge = (line, before) => {
  const match = /^([2-5]\d\d)([ -]|$)/.exec(line);
  const first = before[0];
  if (match === null || (first !== undefined && first.slice(0, 3) !== match[1])) return 'malformed';
  if (match[2] === '-') return undefined;
  return line.startsWith('2') ? 'ok' : line.startsWith('3') ? 'invited' : 'no';
};

const auth = authOf(reply);

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
    let answer = await talk.ask(`EHLO ${helo}`, reply);
    // Some servers greet again within TLS.
    if (talk.wire.secure && answer.kind === 'ok' && /^220\b/.test(answer.text)) answer = await talk.answer(reply);
    if (answer.kind === 'ok')
      return [...answer.lines, answer.text].slice(1, 101).map((line) => line.slice('250-'.length).trim());
    if (answer.kind !== 'no') return undefined;
    return (await talk.ask(`HELO ${helo}`, reply)).kind === 'ok' ? [] : undefined;
  },
  asksFirst: true,
  offersTls: (capabilities) => capabilities.some((one) => /^STARTTLS\b/i.test(one)),
  async askTls(talk, behind) {
    return talk.ask(`STARTTLS${behind === undefined ? '' : `\r\n${behind}`}`, reply);
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
  logins: [plainLogin('AUTH', auth)],
  bearer: bearerLogin('AUTH', auth),
  smuggled: 'NOOP',
  async smuggledAnswer(talk, waitMs) {
    let first = await talk.ask('QUIT', reply);
    if (first.kind === 'ok' && first.text.startsWith('220')) first = await talk.answer(reply, waitMs);
    if (first.kind !== 'ok' && first.kind !== 'no') return undefined;
    if (first.text.startsWith('221')) return undefined;
    const second = await talk.answer(reply, waitMs);
    return second.kind === 'ok' || second.kind === 'no' ? [first.text, second.text] : undefined;
  },
  farewell: 'QUIT',
};
