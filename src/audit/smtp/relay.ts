import { isIPv6 } from 'node:net';
import type { AuditContext } from '../context.ts';
import { type AuditFinding, found } from '../finding.ts';
import type { ServiceAudit } from '../report.ts';
import { controlForm, type Outer, plainForm, type RelayForm, type RelayNames, routedForms } from './relay-forms.ts';
import { classOf, detailOf, replyText, type SmtpReply } from './reply.ts';
import { type Begun, offers, type Place, type SmtpSession } from './session.ts';

/** Recipients of one session: servers slow down or hang up on clients that are refused more often. */
const MOST_RECIPIENTS = 8;
/** Sessions beyond the first ones, for what these left open. */
const MOST_MORE_SESSIONS = 8;
/** Recipients that were accepted and are asked for again, as far as DATA. */
const MOST_CONFIRMED = 16;

/** Runs `run` in a session, with a name of its own in EHLO if one is given. Returns undefined if no session can be had. */
export type Converse = <T>(run: (begun: Begun) => Promise<T>, helo?: string) => Promise<T | undefined>;

interface Answer {
  readonly form: RelayForm;
  readonly sender: string;
  /** The name in EHLO, if it was not that of the settings. */
  readonly helo?: string;
  readonly reply: SmtpReply;
  readonly kind: 'taken' | 'refused' | 'unknown';
}

interface Ended {
  readonly answers: readonly Answer[];
  /** What the session did not get to. */
  readonly left: readonly RelayForm[];
}

/**
 * Asks an MX host to accept mail for a foreign mailbox, in many forms, and for clients and senders that servers trust by
 * mistake. No mail is sent: an accepted recipient is asked for again as far as DATA, and the connection is cut there.
 *
 * A form that looks local from outside counts only if a mailbox with the same end, that cannot exist, is refused: a server
 * that accepts every local part has not relayed. Nor has a server that refuses at DATA what it accepted at RCPT.
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
    host: place.host,
    localPart,
    // The domain itself is not foreign to its MX hosts.
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
  const rest = 2 * share + MOST_RECIPIENTS - 1;
  const plans = [
    [local, [control, plain, ...routed.slice(0, share)]],
    [null_, [control, plain, ...routed.slice(share, 2 * share)]],
    [local, [control, ...routed.slice(2 * share, rest)]],
    [local, [control, ...routed.slice(rest)]],
  ] as const;
  const impostors = impostorsOf(names, context.settings.helo);
  const [first, posed] = await Promise.all([
    Promise.all(plans.map(([sender, forms]) => run(sender, forms))),
    Promise.all(impostors.map((impostor) => converse((begun) => pose(begun, impostor, plain), impostor.helo))),
  ]);
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
  const order = ({ form }: Answer): number => all.findIndex(({ path }) => path === form.path);
  const accepted = [...answers, ...posed.flatMap((own) => own ?? [])]
    .filter((answer) => order(answer) >= 0 && counts(answer))
    .sort((a, b) => order(a) - order(b) || (a.sender < b.sender ? 1 : -1));
  const { taken: confirmed, refused } = await confirm(accepted, converse);
  // Who it was asked as matters only if a stranger is refused.
  const asStranger = new Set(confirmed.filter((answer) => answers.includes(answer)).map(({ form }) => form));
  const taken = confirmed.filter((answer) => answers.includes(answer) || !asStranger.has(answer.form));
  const last = (answer: Answer): Answer => refused.get(answer) ?? answer;
  const forms = all.flatMap((form) => best(form) ?? []).map(last);
  const relay = forms.map((answer) => ({
    form: answer.form.name,
    path: answer.form.path,
    reply: replyText(answer.reply),
    taken: taken.includes(answer),
  }));
  for (const answer of taken)
    if (!asStranger.has(answer.form))
      relay.push({ form: labelOf(answer), path: answer.form.path, reply: replyText(answer.reply), taken: true });
  if (taken.length > 0) {
    const kinds = [...new Set(taken.map(labelOf))];
    const here = nearby
      ? ' The audit ran on a machine that the server may trust, its own: ask again from elsewhere (--source) to be sure.'
      : '';
    return {
      relay,
      findings: [
        found(
          'relay-open',
          subject,
          `The server accepts mail for ${localPart}@${names.foreign} from a stranger (${kinds.slice(0, 12).join(', ')}${kinds.length > 12 ? ', …' : ''}).${here}`,
          [
            `address: ${place.address}`,
            ...taken.map(
              ({ form, sender, helo, reply }) =>
                `${helo === undefined ? '' : `EHLO ${helo} `}MAIL FROM:${sender} RCPT TO:${form.path} => ${replyText(reply)}`,
            ),
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
          ? 'The server could not be asked about any recipient.'
          : 'The server refused the foreign mailbox for a reason that is not about relaying.',
        [
          `address: ${place.address}`,
          ...forms.slice(0, 5).map(({ form, reply }) => `RCPT TO:${form.path} => ${replyText(reply)}`),
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
  let mail = await session.command(`MAIL FROM:${current}`);
  if (await secure(mail)) mail = await session.command(`MAIL FROM:${current}`);
  if (classOf(mail) >= 4 && code(mail) !== 421 && code(mail) !== 530) {
    current = other;
    mail = await session.command(`MAIL FROM:${current}`);
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
    let reply = await session.command(`RCPT TO:${form.path}`);
    if (await secure(reply)) {
      if (classOf(await session.command(`MAIL FROM:${current}`)) !== 2) return { answers, left: forms.slice(index) };
      reply = await session.command(`RCPT TO:${form.path}`);
    }
    if (reply.status !== 'reply' || code(reply) === 421) return { answers, left: forms.slice(index) };
    answers.push({ form, sender: current, reply, kind: kindOf(reply, form) });
  }
  return { answers, left: [] };
}

/** A client and its senders, each of which some servers trust by mistake. */
interface Impostor {
  readonly helo?: string;
  readonly senders: readonly string[];
}

/** The server's and the domain's own names, in EHLO and as senders; and senders from elsewhere. */
function impostorsOf({ local, host, localPart, foreign, literal }: RelayNames, helo: string): readonly Impostor[] {
  const stranger = `<${localPart}@${foreign}>`;
  const senders = [`<${localPart}@${local}>`, '<>', stranger];
  const names = [...new Set([local, host, 'localhost', literal])].filter((name) => name !== helo);
  return [
    {
      senders: [
        ...new Set([
          stranger,
          `<${localPart}@${local}>`,
          `<postmaster@${host}>`,
          `<postmaster@localhost>`,
          `<postmaster@${literal}>`,
          '<postmaster>',
        ]),
      ],
    },
    ...names.map((name) => ({ helo: name, senders })),
  ];
}

/** One session of an impostor: MAIL with each of its senders, and RCPT for the foreign mailbox. */
async function pose(begun: Begun, { helo, senders }: Impostor, form: RelayForm): Promise<readonly Answer[]> {
  const { session } = begun;
  const answers: Answer[] = [];
  if (!begun.accepted) return answers;
  let current = begun;
  for (const sender of senders) {
    const reply = await recipient(current, sender, form.path);
    if (reply === undefined) break;
    // After STARTTLS the server forgets the EHLO, and nothing else is offered.
    current = session.wire.secure ? { ...begun, capabilities: [] } : begun;
    if (reply.stage === 'RCPT')
      answers.push({ form, sender, helo, reply: reply.reply, kind: kindOf(reply.reply, form) });
    if (classOf(await session.command('RSET')) !== 2) break;
  }
  return answers;
}

/** MAIL and RCPT, within TLS if the server asks for it. Returns undefined if the session is over. */
export async function recipient(
  { session, capabilities }: Begun,
  sender: string,
  path: string,
): Promise<{ readonly stage: 'MAIL' | 'RCPT'; readonly reply: SmtpReply } | undefined> {
  const over = (reply: SmtpReply): boolean => reply.status !== 'reply' || code(reply) === 421;
  const again = async (reply: SmtpReply): Promise<boolean> =>
    !session.wire.secure && offers(capabilities, 'STARTTLS') && wantsTls(reply) && (await upgrade(session));
  let mail = await session.command(`MAIL FROM:${sender}`);
  if (await again(mail)) mail = await session.command(`MAIL FROM:${sender}`);
  if (over(mail)) return undefined;
  if (classOf(mail) !== 2) return { stage: 'MAIL', reply: mail };
  let reply = await session.command(`RCPT TO:${path}`);
  if (await again(reply)) {
    mail = await session.command(`MAIL FROM:${sender}`);
    if (classOf(mail) !== 2) return over(mail) ? undefined : { stage: 'MAIL', reply: mail };
    reply = await session.command(`RCPT TO:${path}`);
  }
  return over(reply) ? undefined : { stage: 'RCPT', reply };
}

/**
 * Asks again for accepted recipients, as far as DATA: some servers refuse there what they accepted at RCPT. If the server
 * asks for the message, the connection is cut, so that there is none (RFC 5321 §4.1.1.4).
 */
async function confirm(
  accepted: readonly Answer[],
  converse: Converse,
): Promise<{ readonly taken: readonly Answer[]; readonly refused: ReadonlyMap<Answer, Answer> }> {
  // Each form once, before the same form from other clients and senders.
  const isFirst = (answer: Answer): boolean => accepted.find(({ form }) => form === answer.form) === answer;
  const [first, ...others] = [...accepted.filter(isFirst), ...accepted.filter((answer) => !isFirst(answer))];
  const refused = new Map<Answer, Answer>();
  if (first === undefined) return { taken: [], refused };
  const refusal = async ({ form, sender, helo }: Answer): Promise<SmtpReply | undefined> =>
    converse(async (begun) => {
      const asked = await recipient(begun, sender, form.path);
      if (asked?.stage !== 'RCPT' || classOf(asked.reply) !== 2) return undefined;
      const data = await begun.session.command('DATA');
      void begun.session.wire.close();
      // A server that does not know the command, or not here, has refused nothing.
      const refuses = classOf(data) === 4 || (classOf(data) === 5 && code(data) >= 510);
      return refuses && code(data) !== 421 ? data : undefined;
    }, helo);
  // One message that is asked for speaks for all.
  const reply = await refusal(first);
  if (reply === undefined) return { taken: accepted, refused };
  const asked = others.slice(0, MOST_CONFIRMED);
  const replies = await Promise.all(asked.map(refusal));
  const answers = [[first, reply] as const, ...asked.map((answer, at) => [answer, replies[at]] as const)];
  for (const [answer, data] of answers)
    if (data !== undefined)
      refused.set(answer, { ...answer, reply: data, kind: classOf(data) === 5 ? 'refused' : 'unknown' });
  const taken = asked.filter((answer) => !refused.has(answer));
  const kind = classOf(reply) === 5 ? 'refused' : 'unknown';
  for (const answer of others.slice(MOST_CONFIRMED)) refused.set(answer, { ...answer, reply, kind });
  return { taken, refused };
}

/** The form and, if it is not the usual one, who it was asked as. */
const labelOf = ({ form, helo, sender }: Answer): string =>
  helo !== undefined
    ? `${form.name}, EHLO ${helo}`
    : /^<(?:|postmaster@[^@[]+)>$/.test(sender)
      ? form.name
      : `${form.name}, from ${sender}`;

async function upgrade(session: SmtpSession): Promise<boolean> {
  const ready = await session.command('STARTTLS');
  if (code(ready) !== 220) return false;
  if ((await session.startTls()).status !== 'secure') return false;
  return classOf(await session.ehlo()) === 2;
}

const code = (reply: SmtpReply): number => (reply.status === 'reply' ? reply.code : 0);

const wantsTls = (reply: SmtpReply): boolean =>
  classOf(reply) >= 4 && (code(reply) === 530 || /\bSTARTTLS\b|\bTLS\b|encrypt/i.test(replyText(reply)));

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
  return replyText(reply)
    .replaceAll(mailbox, '')
    .replace(/<[^>]*>/g, '')
    .replace(/\S*[@%!]\S*/g, '');
}

/** Whether a control and every form got the same refusal: that is not about the recipients. */
function isBlanket(answers: readonly Answer[]): boolean {
  const texts = new Set(answers.map(({ reply, form }) => withoutAddress(reply, form)));
  return answers.length > 1 && texts.size === 1 && answers.every(({ kind }) => kind !== 'taken');
}
