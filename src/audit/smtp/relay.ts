import { isIPv6 } from 'node:net';
import type { AuditContext } from '../context.ts';
import { type AuditFinding, found } from '../finding.ts';
import type { ServiceAudit } from '../report.ts';
import { controlForm, type Outer, plainForm, type RelayForm, type RelayNames, routedForms } from './relay-forms.ts';
import { classOf, detailOf, type SmtpReply, said } from './reply.ts';
import { type begin, offers, type Place, type SmtpSession } from './session.ts';

/** Recipients of one session: servers slow down or hang up on clients that are refused more often. */
const MOST_RECIPIENTS = 8;
/** Sessions beyond the first ones, for what these left open. */
const MOST_MORE_SESSIONS = 8;

type Begun = NonNullable<Awaited<ReturnType<typeof begin>>>;
/** Runs `run` in a session, or answers undefined where none is to be had. */
export type Converse = <T>(run: (begun: Begun) => Promise<T>) => Promise<T | undefined>;

interface Answer {
  readonly form: RelayForm;
  readonly sender: string;
  readonly reply: SmtpReply;
  readonly kind: 'taken' | 'refused' | 'unknown';
}

interface Ended {
  readonly answers: readonly Answer[];
  /** What the session did not get to. */
  readonly left: readonly RelayForm[];
}

/**
 * Asks an exchanger to take mail for a foreign mailbox, in many forms. RCPT is as far as it goes: no mail is sent.
 *
 * A form that looks local from outside counts only where a mailbox with the same end, that cannot exist, is refused: a
 * server that takes every local part has not relayed.
 */
export async function probeRelay(
  subject: string,
  place: Place,
  domain: string,
  context: AuditContext,
  converse: Converse,
  nearby: boolean,
): Promise<{ readonly findings: readonly AuditFinding[]; readonly relay: NonNullable<ServiceAudit['relay']> }> {
  const { localPart, domain: asked } = context.settings.relayTo;
  const names: RelayNames = {
    local: domain,
    localPart,
    // The domain itself is not foreign to its exchangers.
    foreign: asked === domain || asked.endsWith(`.${domain}`) ? 'example.net' : asked,
    literal: isIPv6(place.address) ? `[IPv6:${place.address}]` : `[${place.address}]`,
  };
  const random = `postern-${Buffer.from(context.randomBytes(8)).toString('hex')}`;
  const control = controlForm('local', random, names);
  const plain = plainForm(names);
  const routed = routedForms(names);
  const local = `<postmaster@${domain}>`;
  const null_ = '<>';
  const other = (sender: string): string => (sender === local ? null_ : local);

  const answers: Answer[] = [];
  const run = async (sender: string, forms: readonly RelayForm[]): Promise<Ended | undefined> => {
    const ended = await converse((begun) => ask(begun, sender, other(sender), forms));
    answers.push(...(ended?.answers ?? []));
    return ended;
  };
  let more = MOST_MORE_SESSIONS;
  /** One session after the other, as long as they bring something. */
  const runAll = async (sender: string, forms: readonly RelayForm[]): Promise<void> => {
    for (let left = forms; left.length > 0 && more > 0; ) {
      more--;
      const ended = await run(sender, left.slice(0, MOST_RECIPIENTS));
      if (ended === undefined || ended.answers.length === 0) return;
      left = [...ended.left, ...left.slice(MOST_RECIPIENTS)];
    }
  };
  const best = (form: RelayForm): Answer | undefined => {
    const own = answers
      .filter((answer) => answer.form.path === form.path)
      .sort((a, b) => (a.sender < b.sender ? 1 : -1));
    return own.find(({ kind }) => kind === 'taken') ?? own.find(({ kind }) => kind === 'refused') ?? own[0];
  };

  // The plain form with both senders: a server that trusts one of them does so whatever the form.
  const share = MOST_RECIPIENTS - 2;
  const plans = [
    [local, [control, plain, ...routed.slice(0, share)]],
    [null_, [control, plain, ...routed.slice(share, 2 * share)]],
    [local, [control, ...routed.slice(2 * share)]],
  ] as const;
  const first = await Promise.all(plans.map(([sender, forms]) => run(sender, forms)));
  const unasked = first.flatMap((ended) => ended?.left ?? []).filter((form) => best(form) === undefined);
  if (unasked.length > 0 && first.some((ended) => (ended?.answers.length ?? 0) > 0))
    await runAll(local, [...new Set(unasked)]);
  // What was refused for the sender's sake says nothing: the other one is asked for it.
  for (const sender of [local, null_]) {
    const own = answers.filter((answer) => answer.sender === sender);
    const others = answers.filter((answer) => answer.sender !== sender);
    if (others.length === 0) continue;
    const deaf = isBlanket(own) && !isBlanket(others);
    const again = own.filter(
      ({ form, kind }) =>
        (deaf || kind === 'unknown') && !others.some((answer) => answer.form.path === form.path) && form !== control,
    );
    if (again.length > 0) await runAll(other(sender), [...new Set(again.map(({ form }) => form))]);
  }

  // What looks local and was taken: is everything with that end taken? A refusal for now does not tell.
  const controls = new Map<Outer, RelayForm>([['local', control]]);
  const verdicts = (outer: Outer, sender?: string): readonly number[] =>
    answers
      .filter((answer) => answer.form.path === controls.get(outer)?.path && (sender ?? answer.sender) === answer.sender)
      .map(({ reply }) => classOf(reply))
      .filter((kind) => kind === 2 || kind === 5);
  for (const { form, sender } of answers.filter(({ kind }) => kind === 'taken')) {
    const { outer } = form;
    if (outer === 'foreign' || verdicts(outer).length > 0) continue;
    if (!controls.has(outer)) controls.set(outer, controlForm(outer, random, names));
    more = Math.max(more, 1);
    await runAll(
      sender,
      [controls.get(outer)].flatMap((form) => form ?? []),
    );
  }
  const counts = ({ form, sender, kind }: Answer): boolean => {
    if (kind !== 'taken' || form.outer === 'foreign') return kind === 'taken';
    const same = verdicts(form.outer, sender);
    const told = same.length > 0 ? same : verdicts(form.outer);
    return told.length > 0 && told.every((verdict) => verdict === 5);
  };

  const all = [plain, ...routed];
  const forms = all.flatMap((form) => best(form) ?? []);
  const relay = forms.map((answer) => ({
    form: answer.form.name,
    path: answer.form.path,
    reply: said(answer.reply),
    taken: counts(answer),
  }));
  const order = ({ form }: Answer): number => all.findIndex(({ path }) => path === form.path);
  const taken = answers
    .filter((answer) => order(answer) >= 0 && counts(answer))
    .sort((a, b) => order(a) - order(b) || (a.sender < b.sender ? 1 : -1));
  if (taken.length > 0) {
    const kinds = [...new Set(taken.map(({ form }) => form.name))];
    const here = nearby
      ? ' The audit ran on a machine that the server may trust, its own: ask again from elsewhere (--source) to be sure.'
      : '';
    return {
      relay,
      findings: [
        found(
          'relay-open',
          subject,
          `The server takes mail for ${localPart}@${names.foreign}, which it has nothing to do with (${kinds.join(', ')}).${here}`,
          [
            `address: ${place.address}`,
            ...taken.map(({ form, sender, reply }) => `MAIL FROM:${sender} RCPT TO:${form.path} => ${said(reply)}`),
          ],
        ),
      ],
    };
  }
  const conclusive = forms.some(({ form, kind }) => form.outer === 'foreign' && kind === 'refused');
  if (conclusive) return { relay, findings: [] };
  return {
    relay,
    findings: [
      found(
        'relay-unknown',
        subject,
        forms.length === 0
          ? 'The server took no recipient to be asked about.'
          : 'The server refused the foreign mailbox for a reason that says nothing about relaying.',
        [
          `address: ${place.address}`,
          ...forms.slice(0, 5).map(({ form, reply }) => `RCPT TO:${form.path} => ${said(reply)}`),
        ],
      ),
    ],
  };
}

/** One session: MAIL with one sender or, where that is refused, the other; then RCPT for each form. */
async function ask(
  { session, capabilities }: Begun,
  sender: string,
  other: string,
  forms: readonly RelayForm[],
): Promise<Ended> {
  let current = sender;
  let secured = session.wire.secure;
  const secure = async (reply: SmtpReply): Promise<boolean> => {
    // "Must issue a STARTTLS command first" (RFC 3207 §4): then within TLS.
    if (secured || !offers(capabilities, 'STARTTLS') || !wantsTls(reply)) return false;
    secured = true;
    return upgrade(session);
  };
  let mail = await session.say(`MAIL FROM:${current}`);
  if (await secure(mail)) mail = await session.say(`MAIL FROM:${current}`);
  if (classOf(mail) >= 4 && code(mail) !== 421 && code(mail) !== 530) {
    current = other;
    mail = await session.say(`MAIL FROM:${current}`);
  }
  const answers: Answer[] = [];
  // Nobody may send here who has not logged in: that is an answer, to all forms.
  if (code(mail) === 530)
    return { answers: forms.map((form) => ({ form, sender: current, reply: mail, kind: 'refused' })), left: [] };
  if (classOf(mail) !== 2)
    return {
      answers:
        mail.status === 'reply' ? forms.map((form) => ({ form, sender: current, reply: mail, kind: 'unknown' })) : [],
      left: mail.status === 'reply' ? [] : forms,
    };
  for (const [index, form] of forms.entries()) {
    let reply = await session.say(`RCPT TO:${form.path}`);
    if (await secure(reply)) {
      if (classOf(await session.say(`MAIL FROM:${current}`)) !== 2) return { answers, left: forms.slice(index) };
      reply = await session.say(`RCPT TO:${form.path}`);
    }
    if (reply.status !== 'reply' || code(reply) === 421) return { answers, left: forms.slice(index) };
    answers.push({ form, sender: current, reply, kind: kindOf(reply, form) });
  }
  return { answers, left: [] };
}

async function upgrade(session: SmtpSession): Promise<boolean> {
  const ready = await session.say('STARTTLS');
  if (code(ready) !== 220) return false;
  if ((await session.startTls()).status !== 'secure') return false;
  return classOf(await session.ehlo()) === 2;
}

const code = (reply: SmtpReply): number => (reply.status === 'reply' ? reply.code : 0);

const wantsTls = (reply: SmtpReply): boolean =>
  classOf(reply) >= 4 && (code(reply) === 530 || /\bSTARTTLS\b|\bTLS\b|encrypt/i.test(said(reply)));

/**
 * What a reply to RCPT says about relaying. Of the recipient's domain (RFC 7505 §4.2, RFC 3463 §3.2, §3.5), of the sender
 * and of the client's name it says nothing, nor does a refusal for now; but some say for now that they do not relay
 * (Postfix: defer_unauth_destination).
 */
function kindOf(reply: SmtpReply, form: RelayForm): Answer['kind'] {
  switch (classOf(reply)) {
    case 2:
      return 'taken';
    case 4:
      return /\brelay/i.test(withoutAddress(reply, form)) ? 'refused' : 'unknown';
    case 5:
      return code(reply) === 556 || /^(?:1\.(?:2|7|8|10)|4\.4|7\.2\d)$/.test(detailOf(reply) ?? '')
        ? 'unknown'
        : 'refused';
    default:
      return 'unknown';
  }
}

/** A reply that differs from another by no more than the address that it repeats is the same. */
function withoutAddress(reply: SmtpReply, { path }: RelayForm): string {
  const mailbox = path.slice(1, -1);
  return said(reply)
    .replaceAll(mailbox, '')
    .replace(/<[^>]*>/g, '')
    .replace(/\S*[@%!]\S*/g, '');
}

/** Whether a control and every form got the same refusal: that is not about the recipients. */
function isBlanket(answers: readonly Answer[]): boolean {
  const texts = new Set(answers.map(({ reply, form }) => withoutAddress(reply, form)));
  return answers.length > 1 && texts.size === 1 && answers.every(({ kind }) => kind !== 'taken');
}
