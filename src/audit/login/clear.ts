import type { AuditContext } from '../context.ts';
import { type Find, printable } from '../finding.ts';
import { exposure, offeredInClear } from '../offered.ts';
import type { Dialect, Dummy, LoginAnswer, LoginForm } from './dialect.ts';
import { sameRefusal, type Verdict, verdictOf } from './judge.ts';
import type { SideConversations } from './side-conversations.ts';
import { type Answer, isAnswer, shown } from './talk.ts';

/** Mechanisms that are begun without a secret: a bearer token is a secret too, and some servers think of PLAIN alone. */
const usual: readonly string[] = ['PLAIN', 'LOGIN', 'XOAUTH2', 'OAUTHBEARER'];
/** Mechanisms that are begun, with those that are offered. */
const MAX_MECHANISMS = 8;
/** Conversations for them: servers hang up on who is refused often. */
const MAX_CONVERSATIONS = 4;

/** Whether a mechanism sends a secret as it is. */
export const isSecret = (mechanism: string): boolean => exposure(mechanism) === 'secret';

interface Call {
  readonly mechanism: string;
  readonly answer: Answer;
}
interface Tried extends LoginAnswer {
  readonly form: LoginForm;
  readonly verdict: Verdict;
  /** The answer to the same within TLS, where the words alone did not tell. */
  readonly secure?: Answer;
}

/** What may be done in the clear. */
export interface Clear {
  readonly calls: readonly Call[];
  readonly logins: readonly Tried[];
}

/**
 * Tries in the clear what must not be taken there: mechanisms begun without a secret, then logins of an account that does
 * not exist. What a refusal means is seen by comparing it with the refusal of the same login within TLS; that is not asked
 * for where the words tell.
 *
 * @param before what is offered, as soon as it is known
 * @param tls whether TLS can be had, as soon as it is known
 */
export async function tryInClear(
  dialect: Dialect,
  dummy: Dummy,
  beside: SideConversations,
  before: readonly string[] | undefined,
  tls: Promise<boolean>,
  { settings }: AuditContext,
): Promise<Clear> {
  const offered = before === undefined ? [] : dialect.mechanisms(before).filter(isSecret);
  const inviting = inviteAll(dialect, [...new Set([...usual, ...offered])].slice(0, MAX_MECHANISMS), beside);
  const [password, ...others] = dialect.logins;
  const logins: Tried[] = [];
  /** Logins that the server wants more for. */
  const asked: Call[] = [];
  const attempt = async (form: LoginForm): Promise<Tried | undefined> => {
    const own = await beside.greeted((talk) => form.run(talk, dummy));
    if (own === undefined) return undefined;
    const tried = await settle(form, own);
    logins.push(tried);
    if (own.answer.kind === 'invited' && form !== dialect.bearer)
      asked.push({ mechanism: form.name, answer: own.answer });
    return tried;
  };
  /** What the words do not tell, TLS does. */
  const settle = async (form: LoginForm, own: LoginAnswer): Promise<Tried> => {
    // To a token that is refused the server says why, and waits (RFC 7628 §3.2.2): to other mechanisms it just waits.
    const verdict = own.answer.kind === 'invited' && form !== dialect.bearer ? 'refused' : verdictOf(own.answer);
    const { mechanism } = form;
    const bare =
      mechanism === undefined ? undefined : (await inviting).find((call) => call.mechanism === mechanism)?.answer;
    // Whoever says the same without having got a secret has not looked at one; unless he always says so.
    const parroted = bare !== undefined && sameRefusal(bare, own.answer, dummy.name);
    if (verdict === 'refused' || verdict === 'unknown' || (verdict === 'examined' && !parroted))
      return { ...own, form, verdict };
    const secure = (await tls)
      ? await beside.handshaken({}, async (begun, talk) => {
          if (begun.status !== 'secure') return undefined;
          await dialect.capabilities(talk, settings.helo);
          const invited = mechanism === undefined ? undefined : await dialect.invite(talk, mechanism);
          return { invited, answer: (await form.run(talk, dummy)).answer };
        })
      : undefined;
    if (secure === undefined || !isAnswer(secure.answer)) {
      if (await tls) return { ...own, form, verdict: 'unclear' };
      // A server without TLS cannot mean TLS by it, unless it offers no login at all.
      const examined = verdict !== 'unclear-for-tls' && before !== undefined && offersAny(dialect, before);
      return { ...own, form, verdict: examined ? 'examined' : 'refused' };
    }
    // Where the mechanism is begun within TLS, and is not in the clear, it was refused for its name.
    const byName = secure.invited?.kind === 'invited' && bare?.kind === 'no';
    const same = parroted || sameRefusal(own.answer, secure.answer, dummy.name);
    return { ...own, form, verdict: same && !byName ? 'examined' : 'refused', secure: secure.answer };
  };
  const first = password === undefined ? undefined : await attempt(password);
  const calls = await inviting;
  const open = (): boolean =>
    logins.some(({ verdict }) => verdict === 'examined') ||
    [...calls, ...asked].some(({ answer }) => isInvitation(answer));
  if (first?.verdict !== 'examined') for (const form of others) if (!open()) await attempt(form);
  if (!open() && (offered.includes('XOAUTH2') || offered.includes('OAUTHBEARER'))) await attempt(dialect.bearer);
  return { calls: [...calls, ...asked], logins };
}

const offersAny = (dialect: Dialect, before: readonly string[]): boolean =>
  dialect.password(before) !== undefined || dialect.mechanisms(before).some(isSecret);

const isInvitation = ({ kind }: Answer): boolean => kind === 'invited' || kind === 'ok';

/** Begins each mechanism; where the server hangs up, in a new conversation. One invitation is enough. */
async function inviteAll(
  dialect: Dialect,
  mechanisms: readonly string[],
  beside: SideConversations,
): Promise<readonly Call[]> {
  const calls: Call[] = [];
  let left = mechanisms;
  for (let turn = 0; turn < MAX_CONVERSATIONS && left.length > 0; turn++) {
    const own = await beside.greeted(async (talk) => {
      const answers: Call[] = [];
      for (const mechanism of left) {
        const answer = await dialect.invite(talk, mechanism);
        answers.push({ mechanism, answer });
        if (!isAnswer(answer) || isInvitation(answer)) break;
      }
      return answers;
    });
    if (own === undefined) break;
    const last = own.at(-1);
    calls.push(...own);
    if (last === undefined || isInvitation(last.answer) || last.answer.kind !== 'closed') break;
    // What it hung up on is asked once more where it was not the first: then it was one refusal too many.
    left = left.slice(own.length === 1 ? 1 : own.length - 1);
  }
  return calls;
}

/** Says what may be done in the clear. One cause is one finding: the worst that shows it. Answers what stays unknown. */
export function judgeClear(
  before: readonly string[] | undefined,
  { calls, logins }: Clear,
  dialect: Dialect,
  caveat: string,
  find: Find,
): readonly string[] {
  const evidence = [
    ...logins.flatMap(({ form, answer, name, secure }) => [
      ...(name === undefined ? [] : [`${form.name} in the clear, the name: ${shown(name)}`]),
      `${form.name} in the clear: ${shown(answer)}`,
      ...(secure === undefined ? [] : [`the same within TLS: ${shown(secure)}`]),
    ]),
    ...calls.map(({ mechanism, answer }) => `${mechanism} in the clear, without a secret: ${shown(answer)}`),
  ];
  const examined = logins.filter(({ verdict }) => verdict === 'examined');
  if (examined.length > 0) {
    const how = examined.some(({ answer }) => answer.kind === 'ok') ? 'is taken' : 'is looked at, rather than refused';
    const ways = examined.map(({ form }) => form.name).join(', ');
    find('login-clear-accepted', `A login without TLS ${how} (${ways}).${caveat}`, evidence);
    return [];
  }
  const invited = calls.filter(({ answer }) => isInvitation(answer)).map(({ mechanism }) => mechanism);
  if (invited.length > 0)
    find(
      'login-secret-invited',
      `The server asks for the secret without TLS: ${invited.join(', ')}.${caveat}`,
      evidence,
    );
  const named = logins.find(({ name }) => name?.kind === 'ok');
  if (named !== undefined)
    find(
      'login-name-invited',
      'The server takes the name of an account without TLS, and refuses the password only.',
      evidence,
    );
  if (invited.length > 0) return [];
  if (before !== undefined) offers(before, logins, dialect, evidence, caveat, find);
  const unknown = logins.filter(({ verdict }) => verdict === 'unknown' || verdict.startsWith('unclear'));
  const unanswered = calls.filter(({ answer }) => !isAnswer(answer) && answer.kind !== 'closed');
  return [
    ...(logins.length === 0 ? ['no login could be tried in the clear'] : []),
    ...unknown.map(({ form, answer }) => `${form.name} in the clear: ${shown(answer)}`),
    ...(calls.length === 0 ? ['no mechanism could be begun in the clear'] : []),
    ...unanswered.map(({ mechanism, answer }) => `${mechanism} in the clear: ${shown(answer)}`),
  ];
}

/** What is offered and refused: clients believe the offer, and send the secret. */
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
      first?.verdict === 'refused' && first.answer.kind === 'no' && !/^\S+ BAD\b/i.test(first.answer.text);
    if (offer !== undefined && (secrets.length > 0 || !(password !== undefined && refused)))
      find('login-clear-offered', `${offer.what}${caveat}`, [shownOffer, ...evidence], { severity: offer.severity });
    else if (password !== undefined && refused)
      find(
        'login-clear-offered',
        'The server refuses LOGIN before TLS, and does not say LOGINDISABLED: clients send the password.',
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
  // USER that is refused shows the name, and no password.
  const mild = secrets.length === 0 && first?.verdict === 'refused' && first.name?.kind !== 'ok';
  find(
    'login-clear-offered',
    `The server offers logins before TLS: ${[password, ...mechanisms.filter((name) => exposure(name) !== 'nothing')].join(', ')}.${caveat}`,
    [shownOffer, ...evidence],
    mild ? { severity: 'medium' } : {},
  );
}
