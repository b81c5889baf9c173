import { authOf, bearerLogin, type Dialect, plainLogin } from './dialect.ts';
import type { Classify } from './session.ts';

/** RFC 1939 §3, RFC 5034 §4. */
const status: Classify = (line) =>
  /^\+OK(?![A-Z0-9])/i.test(line)
    ? 'ok'
    : /^-ERR(?![A-Z0-9])/i.test(line)
      ? 'no'
      : line === '+' || line.startsWith('+ ')
        ? 'continue'
        : 'malformed';

const auth = authOf(status);

/** POP3 (RFC 1939, 2449, 2595, 5034). */
export const pop3: Dialect = {
  name: 'POP3',
  literals: false,
  greet: (session, timeoutMs) => session.readAnswer(status, timeoutMs),
  preauthenticated: () => false,
  async capabilities(session) {
    // CAPA is optional (RFC 2449): without it, the capabilities are unknown.
    if ((await session.command('CAPA', status)).kind !== 'ok') return undefined;
    const rest = await session.readAnswer((line) => (line === '.' ? 'ok' : undefined));
    return rest.kind === 'ok' ? rest.lines.slice(0, 100).map((line) => line.trim()) : undefined;
  },
  needsEhlo: false,
  offersTls: (capabilities) => capabilities.some((one) => /^STLS\b/i.test(one)),
  async requestTls(session, injected) {
    return session.command(`STLS${injected === undefined ? '' : `\r\n${injected}`}`, status);
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
  startMechanism: (session, mechanism) => auth(session, mechanism),
  logins: [
    {
      name: 'USER, PASS',
      async run(session, { name, secret }) {
        const first = await session.command(`USER ${name}`, status);
        return first.kind === 'ok'
          ? { name: first, answer: await session.command(`PASS ${secret}`, status) }
          : { answer: first };
      },
    },
    plainLogin('AUTH', auth),
  ],
  bearer: bearerLogin('AUTH', auth),
  // The answer to CAPA is a list or an error, so that it differs from a second greeting over TLS.
  injected: 'CAPA',
  async injectedAnswer(session, waitMs) {
    const first = await session.command('QUIT', status);
    if (first.kind !== 'ok' && first.kind !== 'no') return undefined;
    const second = await session.readAnswer((line) => status(line, []) ?? 'malformed', waitMs);
    if (second.text === '') return undefined;
    // Proof is a list after the first answer, or an error, which is neither a greeting nor an answer to QUIT.
    const listed = second.kind === 'malformed';
    const refused = first.kind === 'no' && (second.kind === 'ok' || second.kind === 'no');
    return listed || refused ? [first.text, second.text] : undefined;
  },
  farewell: 'QUIT',
};
