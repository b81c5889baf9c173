import { authOf, bearerLogin, type Dialect, plainLogin } from './dialect.ts';
import type { Classify } from './session.ts';

/** RFC 5321 §4.2.1: the last line of a reply has a space or nothing after its code. */
export const reply: Classify = (line, before) => {
  const match = /^([2-5]\d\d)([ -]|$)/.exec(line);
  const first = before[0];
  if (match === null || (first !== undefined && first.slice(0, 3) !== match[1])) return 'malformed';
  if (match[2] === '-') return undefined;
  return line.startsWith('2') ? 'ok' : line.startsWith('3') ? 'continue' : 'no';
};

const auth = authOf(reply);

/** Submission by SMTP (RFC 6409, 8314, 4954). */
export const submission: Dialect = {
  name: 'SMTP',
  literals: false,
  greet: async (session, timeoutMs) => {
    const greeting = await session.readAnswer(reply, timeoutMs);
    return greeting.kind === 'continue' ? { ...greeting, kind: 'malformed' } : greeting;
  },
  preauthenticated: () => false,
  async capabilities(session, helo) {
    let answer = await session.command(`EHLO ${helo}`, reply);
    // Some servers greet again over TLS.
    if (session.wire.secure && answer.kind === 'ok' && /^220\b/.test(answer.text))
      answer = await session.readAnswer(reply);
    if (answer.kind === 'ok')
      return [...answer.lines, answer.text].slice(1, 101).map((line) => line.slice('250-'.length).trim());
    if (answer.kind !== 'no') return undefined;
    return (await session.command(`HELO ${helo}`, reply)).kind === 'ok' ? [] : undefined;
  },
  needsEhlo: true,
  offersTls: (capabilities) => capabilities.some((one) => /^STARTTLS\b/i.test(one)),
  async requestTls(session, injected) {
    return session.command(`STARTTLS${injected === undefined ? '' : `\r\n${injected}`}`, reply);
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
  startMechanism: (session, mechanism) => auth(session, mechanism),
  logins: [plainLogin('AUTH', auth)],
  bearer: bearerLogin('AUTH', auth),
  injected: 'NOOP',
  async injectedAnswer(session, waitMs) {
    let first = await session.command('QUIT', reply);
    if (first.kind === 'ok' && first.text.startsWith('220')) first = await session.readAnswer(reply, waitMs);
    if (first.kind !== 'ok' && first.kind !== 'no') return undefined;
    if (first.text.startsWith('221')) return undefined;
    const second = await session.readAnswer(reply, waitMs);
    return second.kind === 'ok' || second.kind === 'no' ? [first.text, second.text] : undefined;
  },
  farewell: 'QUIT',
};
