import type { AuditContext } from '../context.ts';
import { type Find, printable } from '../finding.ts';
import { exposure, offeredInClear } from '../offered.ts';
import type { Dialect, FakeAccount, LoginAnswer, LoginForm } from './dialect.ts';
import { sameRejection, type Verdict, verdictOf } from './judge.ts';
import { type Answer, answerText, isAnswer } from './session.ts';
import type { SideConversations } from './side-conversations.ts';

/** Mechanisms that are always tried. Some servers protect PLAIN only, and forget bearer tokens. */
const usual: readonly string[] = ['PLAIN', 'LOGIN', 'XOAUTH2', 'OAUTHBEARER'];
/** Maximum number of mechanisms tried, including offered ones. */
const MAX_MECHANISMS = 8;
/** Maximum number of conversations for them: servers close the connection after several failures. */
const MAX_CONVERSATIONS = 4;

/** Whether a mechanism sends the password or token itself. */
export const isSecret = (mechanism: string): boolean => exposure(mechanism) === 'secret';

interface Call {
  readonly mechanism: string;
  readonly answer: Answer;
}
interface Tried extends LoginAnswer {
  readonly form: LoginForm;
  readonly verdict: Verdict;
  /** The answer to the same login over TLS, if the text alone was unclear. */
  readonly secure?: Answer;
}

/** Results of the tests without TLS. */
export interface ClearResults {
  readonly calls: readonly Call[];
  readonly logins: readonly Tried[];
}

/**
 * Tests what the server must reject without TLS: mechanisms started without credentials, then logins to an account that does
 * not exist. If the text of a rejection is unclear, it is compared with the rejection of the same login over TLS.
 *
 * @param before capabilities before TLS, if known
 * @param tls resolves to whether TLS is available
 */
export async function tryInClear(
  dialect: Dialect,
  account: FakeAccount,
  side: SideConversations,
  before: readonly string[] | undefined,
  tls: Promise<boolean>,
  { settings }: AuditContext,
): Promise<ClearResults> {
  const offered = before === undefined ? [] : dialect.mechanisms(before).filter(isSecret);
  const started = startAll(dialect, [...new Set([...usual, ...offered])].slice(0, MAX_MECHANISMS), side);
  const [password, ...others] = dialect.logins;
  const logins: Tried[] = [];
  /** Logins for which the server asked for more data. */
  const continued: Call[] = [];
  const attempt = async (form: LoginForm): Promise<Tried | undefined> => {
    const own = await side.greeted((session) => form.run(session, account));
    if (own === undefined) return undefined;
    const tried = await settle(form, own);
    logins.push(tried);
    if (own.answer.kind === 'continue' && form !== dialect.bearer)
      continued.push({ mechanism: form.name, answer: own.answer });
    return tried;
  };
  /** Judges a login, if necessary by comparison with the same login over TLS. */
  const settle = async (form: LoginForm, own: LoginAnswer): Promise<Tried> => {
    // For a rejected token, the server sends the reason and waits (RFC 7628 §3.2.2). For other mechanisms, it asks for data.
    const verdict = own.answer.kind === 'continue' && form !== dialect.bearer ? 'rejected' : verdictOf(own.answer);
    const { mechanism } = form;
    const bare =
      mechanism === undefined ? undefined : (await started).find((call) => call.mechanism === mechanism)?.answer;
    // The same text without credentials means that the server did not check any, unless its text is always the same.
    const repeated = bare !== undefined && sameRejection(bare, own.answer, account.name);
    if (verdict === 'rejected' || verdict === 'unknown' || (verdict === 'processed' && !repeated))
      return { ...own, form, verdict };
    const secure = (await tls)
      ? await side.handshaken({}, async (begun, session) => {
          if (begun.status !== 'secure') return undefined;
          await dialect.capabilities(session, settings.helo);
          const start = mechanism === undefined ? undefined : await dialect.startMechanism(session, mechanism);
          return { start, answer: (await form.run(session, account)).answer };
        })
      : undefined;
    if (secure === undefined || !isAnswer(secure.answer)) {
      if (await tls) return { ...own, form, verdict: 'unclear' };
      // A server without TLS does not reject logins for lack of TLS, unless it offers no login at all.
      const processed = verdict !== 'unclear-for-tls' && before !== undefined && offersAny(dialect, before);
      return { ...own, form, verdict: processed ? 'processed' : 'rejected' };
    }
    // The mechanism works over TLS only, so the server rejected its name.
    const byName = secure.start?.kind === 'continue' && bare?.kind === 'no';
    const same = repeated || sameRejection(own.answer, secure.answer, account.name);
    return { ...own, form, verdict: same && !byName ? 'processed' : 'rejected', secure: secure.answer };
  };
  const first = password === undefined ? undefined : await attempt(password);
  const calls = await started;
  const open = (): boolean =>
    logins.some(({ verdict }) => verdict === 'processed') ||
    [...calls, ...continued].some(({ answer }) => asksForMore(answer));
  if (first?.verdict !== 'processed') for (const form of others) if (!open()) await attempt(form);
  if (!open() && (offered.includes('XOAUTH2') || offered.includes('OAUTHBEARER'))) await attempt(dialect.bearer);
  return { calls: [...calls, ...continued], logins };
}

const offersAny = (dialect: Dialect, before: readonly string[]): boolean =>
  dialect.password(before) !== undefined || dialect.mechanisms(before).some(isSecret);

const asksForMore = ({ kind }: Answer): boolean => kind === 'continue' || kind === 'ok';

/** Starts each mechanism, in a new conversation if the server closes the connection. Ends when one succeeds. */
async function startAll(
  dialect: Dialect,
  mechanisms: readonly string[],
  side: SideConversations,
): Promise<readonly Call[]> {
  const calls: Call[] = [];
  let left = mechanisms;
  for (let turn = 0; turn < MAX_CONVERSATIONS && left.length > 0; turn++) {
    const own = await side.greeted(async (session) => {
      const answers: Call[] = [];
      for (const mechanism of left) {
        const answer = await dialect.startMechanism(session, mechanism);
        answers.push({ mechanism, answer });
        if (!isAnswer(answer) || asksForMore(answer)) break;
      }
      return answers;
    });
    if (own === undefined) break;
    const last = own.at(-1);
    calls.push(...own);
    if (last === undefined || asksForMore(last.answer) || last.answer.kind !== 'closed') break;
    // If the last mechanism was not the first, the server may have closed the connection for too many failures: try it again.
    left = left.slice(own.length === 1 ? 1 : own.length - 1);
  }
  return calls;
}

/** Reports the results, one finding per cause. Returns descriptions of inconclusive tests. */
export function judgeClear(
  before: readonly string[] | undefined,
  { calls, logins }: ClearResults,
  dialect: Dialect,
  caveat: string,
  find: Find,
): readonly string[] {
  const evidence = [
    ...logins.flatMap(({ form, answer, name, secure }) => [
      ...(name === undefined ? [] : [`${form.name} without TLS, user name only: ${answerText(name)}`]),
      `${form.name} without TLS: ${answerText(answer)}`,
      ...(secure === undefined ? [] : [`${form.name} over TLS: ${answerText(secure)}`]),
    ]),
    ...calls.map(({ mechanism, answer }) => `${mechanism} without TLS or credentials: ${answerText(answer)}`),
  ];
  const processed = logins.filter(({ verdict }) => verdict === 'processed');
  if (processed.length > 0) {
    const how = processed.some(({ answer }) => answer.kind === 'ok') ? 'accepts' : 'processes';
    const ways = processed.map(({ form }) => form.name).join(', ');
    find('login-clear-accepted', `The server ${how} cleartext logins (${ways}).${caveat}`, evidence);
    return [];
  }
  const invited = calls.filter(({ answer }) => asksForMore(answer)).map(({ mechanism }) => mechanism);
  if (invited.length > 0)
    find(
      'login-secret-invited',
      `The server asks for the password or token without TLS: ${invited.join(', ')}.${caveat}`,
      evidence,
    );
  const named = logins.find(({ name }) => name?.kind === 'ok');
  if (named !== undefined)
    find('login-name-invited', 'The server accepts user names without TLS, and rejects only the password.', evidence);
  if (invited.length > 0) return [];
  if (before !== undefined) offers(before, logins, dialect, evidence, caveat, find);
  const unknown = logins.filter(({ verdict }) => verdict === 'unknown' || verdict.startsWith('unclear'));
  const unanswered = calls.filter(({ answer }) => !isAnswer(answer) && answer.kind !== 'closed');
  return [
    ...(logins.length === 0 ? ['no login could be tried without TLS'] : []),
    ...unknown.map(({ form, answer }) => `${form.name} without TLS: ${answerText(answer)}`),
    ...(calls.length === 0 ? ['no mechanism could be started without TLS'] : []),
    ...unanswered.map(({ mechanism, answer }) => `${mechanism} without TLS: ${answerText(answer)}`),
  ];
}

/** Reports logins that are offered but rejected: clients trust the offer, and send the password. */
function offers(
  before: readonly string[],
  logins: readonly Tried[],
  dialect: Dialect,
  evidence: readonly string[],
  caveat: string,
  find: Find,
): void {
  const mechanisms = dialect.mechanisms(before);
  const secrets = mechanisms.filter(isSecret);
  const offer = offeredInClear(mechanisms);
  const password = dialect.password(before);
  const shownOffer = `offered: ${before
    .slice(0, 30)
    .map((word) => printable(word, 60))
    .join(' ')}`;
  const [first] = logins;
  if (dialect.name === 'IMAP') {
    const refused =
      first?.verdict === 'rejected' && first.answer.kind === 'no' && !/^\S+ BAD\b/i.test(first.answer.text);
    if (offer !== undefined && (secrets.length > 0 || !(password !== undefined && refused)))
      find('login-clear-offered', `${offer.what}${caveat}`, [shownOffer, ...evidence], { severity: offer.severity });
    else if (password !== undefined && refused)
      find(
        'login-clear-offered',
        'The server rejects LOGIN before TLS but does not announce LOGINDISABLED: clients send the password.',
        [shownOffer, ...evidence],
        { severity: 'medium' },
      );
    return;
  }
  if (password === undefined) {
    if (offer !== undefined)
      find('login-clear-offered', `${offer.what}${caveat}`, [shownOffer, ...evidence], { severity: offer.severity });
    return;
  }
  // If USER is rejected, clients expose the user name but not the password.
  const mild = secrets.length === 0 && first?.verdict === 'rejected' && first.name?.kind !== 'ok';
  find(
    'login-clear-offered',
    `The server offers logins before TLS: ${[password, ...mechanisms.filter((name) => exposure(name) !== 'nothing')].join(', ')}.${caveat}`,
    [shownOffer, ...evidence],
    mild ? { severity: 'medium' } : {},
  );
}
