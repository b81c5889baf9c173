import { isIPv6 } from 'node:net';
import type { AuditContext } from '../context.ts';
import { type AuditFinding, found } from '../finding.ts';
import type { ServiceAudit } from '../report.ts';
import { controlForm, type Outer, plainForm, type RelayForm, type RelayNames, routedForms } from './relay-forms.ts';
import { classOf, detailOf, replyText, type SmtpReply } from './reply.ts';
import { type Begun, offers, type Place, type SmtpSession } from './session.ts';

/** Maximum number of recipients per session. After more rejections, servers slow down or close the connection. */
const MAX_RECIPIENTS = 8;
/** Maximum number of additional sessions, for forms that the first ones did not reach. */
const MAX_MORE_SESSIONS = 8;
/** Maximum number of accepted recipients that are confirmed with DATA. */
const MAX_CONFIRMED = 16;

/** Runs `run` in a session, with `helo` as the EHLO name. Returns undefined if there is no session. */
export type Converse = <T>(run: (begun: Begun) => Promise<T>, helo?: string) => Promise<T | undefined>;

interface Answer {
  readonly form: RelayForm;
  readonly sender: string;
  /** The EHLO name, if it is not that of the settings. */
  readonly helo?: string;
  readonly reply: SmtpReply;
  readonly kind: 'accepted' | 'rejected' | 'unknown';
}

interface SessionResult {
  readonly answers: readonly Answer[];
  /** Forms that the session did not reach. */
  readonly left: readonly RelayForm[];
}

/**
 * Tests an MX host for open relaying: it offers a foreign recipient in many address forms, with clients and senders that
 * servers trust by mistake. No mail is sent: an accepted recipient is confirmed with DATA, and then the connection is closed.
 *
 * A form that ends in a local domain counts only if the server rejects a nonexistent mailbox in the same domain: a server that
 * accepts every local part does not relay. Nor does a server that rejects at DATA what it accepted at RCPT.
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
  const nullSender = '<>';
  const other = (sender: string): string => (sender === local ? nullSender : local);

  const answers: Answer[] = [];
  const run = async (sender: string, forms: readonly RelayForm[]): Promise<SessionResult | undefined> => {
    const ended = await converse((begun) => ask(begun, sender, other(sender), forms));
    answers.push(...(ended?.answers ?? []));
    return ended;
  };
  let more = MAX_MORE_SESSIONS;
  /** Runs one session after the other, as long as each yields answers. */
  const runAll = async (sender: string, forms: readonly RelayForm[]): Promise<void> => {
    for (let left = forms; left.length > 0 && more > 0; ) {
      more--;
      const ended = await run(sender, left.slice(0, MAX_RECIPIENTS));
      if (ended === undefined || ended.answers.length === 0) return;
      left = [...ended.left, ...left.slice(MAX_RECIPIENTS)];
    }
  };
  const best = (form: RelayForm): Answer | undefined => {
    const own = answers
      .filter((answer) => answer.form.path === form.path)
      .sort((a, b) => (a.sender < b.sender ? 1 : -1));
    return own.find(({ kind }) => kind === 'accepted') ?? own.find(({ kind }) => kind === 'rejected') ?? own[0];
  };

  // Only the plain form is tried with both senders: a server that trusts a sender does so for every form.
  const share = MAX_RECIPIENTS - 2;
  const rest = 2 * share + MAX_RECIPIENTS - 1;
  const plans = [
    [local, [control, plain, ...routed.slice(0, share)]],
    [nullSender, [control, plain, ...routed.slice(share, 2 * share)]],
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
  // A rejection because of the sender proves nothing: try the other sender.
  for (const sender of [local, nullSender]) {
    const own = answers.filter((answer) => answer.sender === sender);
    const others = answers.filter((answer) => answer.sender !== sender);
    if (others.length === 0) continue;
    const senderRejected = isBlanket(own) && !isBlanket(others);
    const again = own.filter(
      ({ form, kind }) =>
        (senderRejected || kind === 'unknown') &&
        !others.some((answer) => answer.form.path === form.path) &&
        form !== control,
    );
    if (again.length > 0) await runAll(other(sender), [...new Set(again.map(({ form }) => form))]);
  }

  // For accepted forms that end in a local domain: does the server accept every mailbox there? A temporary rejection proves
  // nothing.
  const controls = new Map<Outer, RelayForm>([['local', control]]);
  const verdicts = (outer: Outer, sender?: string): readonly number[] =>
    answers
      .filter((answer) => answer.form.path === controls.get(outer)?.path && (sender ?? answer.sender) === answer.sender)
      .map(({ reply }) => classOf(reply))
      .filter((kind) => kind === 2 || kind === 5);
  for (const { form, sender } of answers.filter(({ kind }) => kind === 'accepted')) {
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
    if (kind !== 'accepted' || form.outer === 'foreign') return kind === 'accepted';
    const same = verdicts(form.outer, sender);
    const replies = same.length > 0 ? same : verdicts(form.outer);
    return replies.length > 0 && replies.every((verdict) => verdict === 5);
  };

  const all = [plain, ...routed];
  const order = ({ form }: Answer): number => all.findIndex(({ path }) => path === form.path);
  const accepted = [...answers, ...posed.flatMap((own) => own ?? [])]
    .filter((answer) => order(answer) >= 0 && counts(answer))
    .sort((a, b) => order(a) - order(b) || (a.sender < b.sender ? 1 : -1));
  const { confirmed, rejected } = await confirm(accepted, converse);
  // A special EHLO name or sender matters only if the server rejects the form without it.
  const unprivileged = new Set(confirmed.filter((answer) => answers.includes(answer)).map(({ form }) => form));
  const open = confirmed.filter((answer) => answers.includes(answer) || !unprivileged.has(answer.form));
  const last = (answer: Answer): Answer => rejected.get(answer) ?? answer;
  const forms = all.flatMap((form) => best(form) ?? []).map(last);
  const relay = forms.map((answer) => ({
    form: answer.form.name,
    path: answer.form.path,
    reply: replyText(answer.reply),
    accepted: open.includes(answer),
  }));
  for (const answer of open)
    if (!unprivileged.has(answer.form))
      relay.push({ form: labelOf(answer), path: answer.form.path, reply: replyText(answer.reply), accepted: true });
  if (open.length > 0) {
    const kinds = [...new Set(open.map(labelOf))];
    const here = nearby
      ? ' The audit ran on the same machine, which the server may trust: run it from elsewhere (--source) to be sure.'
      : '';
    return {
      relay,
      findings: [
        found(
          'relay-open',
          subject,
          `The server accepts mail for ${localPart}@${names.foreign} from an unauthenticated client (${kinds.slice(0, 12).join(', ')}${kinds.length > 12 ? ', …' : ''}).${here}`,
          [
            `address: ${place.address}`,
            ...open.map(
              ({ form, sender, helo, reply }) =>
                `${helo === undefined ? '' : `EHLO ${helo} `}MAIL FROM:${sender} RCPT TO:${form.path} => ${replyText(reply)}`,
            ),
          ],
        ),
      ],
    };
  }
  const conclusive = forms.some(({ form, kind }) => form.outer === 'foreign' && kind === 'rejected');
  if (conclusive) return { relay, findings: [] };
  return {
    relay,
    findings: [
      found(
        'relay-unknown',
        subject,
        forms.length === 0
          ? 'The server answered no RCPT command.'
          : 'The server rejected the foreign mailbox for a reason unrelated to relaying.',
        [
          `address: ${place.address}`,
          ...forms.slice(0, 5).map(({ form, reply }) => `RCPT TO:${form.path} => ${replyText(reply)}`),
        ],
      ),
    ],
  };
}

/** Runs one session: MAIL with one sender or, if it is rejected, the other; then RCPT for each form. */
async function ask(
  { session, capabilities }: Begun,
  sender: string,
  other: string,
  forms: readonly RelayForm[],
): Promise<SessionResult> {
  let current = sender;
  let secured = session.wire.secure;
  const secure = async (reply: SmtpReply): Promise<boolean> => {
    // "Must issue a STARTTLS command first" (RFC 3207 §4).
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
  // 530: the server requires a login for all mail, so it rejects every form.
  if (code(mail) === 530)
    return { answers: forms.map((form) => ({ form, sender: current, reply: mail, kind: 'rejected' })), left: [] };
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

/** An EHLO name and senders that some servers trust by mistake. */
interface Impostor {
  readonly helo?: string;
  readonly senders: readonly string[];
}

/** Returns impostors with names of the server and the domain, in EHLO and as senders, and with foreign senders. */
function impostorsOf({ local, host, localPart, foreign, literal }: RelayNames, helo: string): readonly Impostor[] {
  const foreignSender = `<${localPart}@${foreign}>`;
  const senders = [`<${localPart}@${local}>`, '<>', foreignSender];
  const names = [...new Set([local, host, 'localhost', literal])].filter((name) => name !== helo);
  return [
    {
      senders: [
        ...new Set([
          foreignSender,
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

/** Runs one session of an impostor: MAIL with each of its senders, and RCPT for the foreign mailbox. */
async function pose(begun: Begun, { helo, senders }: Impostor, form: RelayForm): Promise<readonly Answer[]> {
  const { session } = begun;
  const answers: Answer[] = [];
  if (!begun.accepted) return answers;
  let current = begun;
  for (const sender of senders) {
    const reply = await recipient(current, sender, form.path);
    if (reply === undefined) break;
    // STARTTLS must not be sent again.
    current = session.wire.secure ? { ...begun, capabilities: [] } : begun;
    if (reply.stage === 'RCPT')
      answers.push({ form, sender, helo, reply: reply.reply, kind: kindOf(reply.reply, form) });
    if (classOf(await session.command('RSET')) !== 2) break;
  }
  return answers;
}

/** Sends MAIL and RCPT, over TLS if the server requires it. Returns undefined if the session is over. */
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
 * Confirms accepted recipients with DATA: some servers reject there what they accepted at RCPT. The connection is closed after
 * the reply to DATA, so that no message is sent (RFC 5321 §4.1.1.4).
 */
async function confirm(
  accepted: readonly Answer[],
  converse: Converse,
): Promise<{ readonly confirmed: readonly Answer[]; readonly rejected: ReadonlyMap<Answer, Answer> }> {
  // Confirm each form once, before the same form with other EHLO names and senders.
  const isFirst = (answer: Answer): boolean => accepted.find(({ form }) => form === answer.form) === answer;
  const [first, ...others] = [...accepted.filter(isFirst), ...accepted.filter((answer) => !isFirst(answer))];
  const rejected = new Map<Answer, Answer>();
  if (first === undefined) return { confirmed: [], rejected };
  const rejection = async ({ form, sender, helo }: Answer): Promise<SmtpReply | undefined> =>
    converse(async (begun) => {
      const asked = await recipient(begun, sender, form.path);
      if (asked?.stage !== 'RCPT' || classOf(asked.reply) !== 2) return undefined;
      const data = await begun.session.command('DATA');
      void begun.session.wire.close();
      // 500 to 509 are syntax and sequence errors, not a rejection.
      const rejects = classOf(data) === 4 || (classOf(data) === 5 && code(data) >= 510);
      return rejects && code(data) !== 421 ? data : undefined;
    }, helo);
  // One confirmed recipient is enough.
  const reply = await rejection(first);
  if (reply === undefined) return { confirmed: accepted, rejected };
  const asked = others.slice(0, MAX_CONFIRMED);
  const replies = await Promise.all(asked.map(rejection));
  const answers = [[first, reply] as const, ...asked.map((answer, at) => [answer, replies[at]] as const)];
  for (const [answer, data] of answers)
    if (data !== undefined)
      rejected.set(answer, { ...answer, reply: data, kind: classOf(data) === 5 ? 'rejected' : 'unknown' });
  const confirmed = asked.filter((answer) => !rejected.has(answer));
  const kind = classOf(reply) === 5 ? 'rejected' : 'unknown';
  for (const answer of others.slice(MAX_CONFIRMED)) rejected.set(answer, { ...answer, reply, kind });
  return { confirmed, rejected };
}

/** Returns the name of the form, with the EHLO name or the sender if they are special. */
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
 * Judges a reply to RCPT. `unknown`: the rejection is temporary, or is about the recipient's domain (RFC 7505 §4.2, RFC 3463
 * §3.2, §3.5), the sender or the client name. A temporary rejection that mentions relaying is final for this test (Postfix:
 * defer_unauth_destination).
 */
function kindOf(reply: SmtpReply, form: RelayForm): Answer['kind'] {
  switch (classOf(reply)) {
    case 2:
      return 'accepted';
    case 4:
      return /\brelay/i.test(withoutAddress(reply, form)) ? 'rejected' : 'unknown';
    case 5:
      return code(reply) === 556 || /^(?:1\.(?:2|7|8|10)|4\.4|7\.2\d)$/.test(detailOf(reply) ?? '')
        ? 'unknown'
        : 'rejected';
    default:
      return 'unknown';
  }
}

/** Removes the addresses that a reply repeats, so that replies can be compared. */
function withoutAddress(reply: SmtpReply, { path }: RelayForm): string {
  const mailbox = path.slice(1, -1);
  return replyText(reply)
    .replaceAll(mailbox, '')
    .replace(/<[^>]*>/g, '')
    .replace(/\S*[@%!]\S*/g, '');
}

/** Whether all forms and controls got the same rejection, which is then not about the recipient. */
function isBlanket(answers: readonly Answer[]): boolean {
  const texts = new Set(answers.map(({ reply, form }) => withoutAddress(reply, form)));
  return answers.length > 1 && texts.size === 1 && answers.every(({ kind }) => kind !== 'accepted');
}
