import { timedOut } from '../../core/index.ts';
import type { MessageOutcome, RecipientOutcome, SmtpSession } from '../../session/index.ts';
import type { Reply } from '../../smtp/index.ts';
import { hostReply, replyFor, withoutOwnResults } from '../../smtp/index.ts';
import type { Delivery, GuardOptions } from './options.ts';
import { Spool } from './spool.ts';

/** RFC 5321 §4.5.3.2.6: a client waits ten minutes for the reply to its message. */
const DELIVER_MS = 540_000;

const ACCEPTED = 'Message accepted';

type ReceiveOptions = Pick<GuardOptions, 'env' | 'deliver' | 'deliverMs' | 'spool' | 'session'>;

/**
 * Receives a message, has it judged and delivered, and returns the replies: one, or with LMTP one for each recipient.
 * Never rejects.
 */
export async function receive(
  options: ReceiveOptions,
  guard: SmtpSession,
  stream: AsyncIterable<Uint8Array>,
  trouble: (error: unknown) => void,
): Promise<readonly Reply[]> {
  const { env, deliverMs = DELIVER_MS } = options;
  const correlation = options.session?.correlation ? guard.facts.connect.session.id : undefined;
  const failed = replyFor('policy-engine', 'Message could not be processed', 'defer', { correlation });
  const { recipients, keptRecipients: forwardPaths } = guard;
  const lmtp = guard.facts.connect.session.role === 'lmtp';
  const reversePath = guard.facts.mail?.reversePath ?? null;
  const spool = new Spool(options.spool);
  const control = new AbortController();
  let late = false;
  const outcome = guard.data(stream, { copy: spool });
  const { authservId } = guard;
  const message = {
    [Symbol.asyncIterator]: () =>
      (authservId === undefined ? spool : withoutOwnResults(spool, authservId))[Symbol.asyncIterator](),
  };
  const delivery: Delivery = {
    session: guard,
    reversePath,
    forwardPaths,
    message,
    outcome,
    signal: control.signal,
  };

  /** What `deliver` says, as a reply. */
  async function delivered(): Promise<Reply> {
    try {
      const text = await options.deliver(delivery);
      return hostReply(250, typeof text === 'string' && text !== '' ? text : ACCEPTED);
    } catch (error) {
      const reply = ownReply(error, correlation);
      // A reader of a message that broke off has done nothing wrong.
      if (reply === undefined && error !== spool.incomplete && !late) trouble(error);
      return reply ?? failed;
    } finally {
      spool.close();
    }
  }

  const answer = delivered();
  let decided: MessageOutcome;
  try {
    decided = await outcome;
  } catch (error) {
    trouble(error);
    control.abort(error);
    spool.close();
    return lmtp ? recipients.map(() => failed) : [failed];
  }
  if (spool.incomplete !== undefined) control.abort(spool.incomplete);
  const inTime = new Promise<Reply>((resolve) => {
    const cancel = env.clock.after(deliverMs, () => {
      late = true;
      trouble(new Error(`deliver has not finished within ${deliverMs} ms`));
      control.abort(timedOut(deliverMs));
      spool.close();
      resolve(failed);
    });
    answer.then((reply) => {
      cancel();
      resolve(reply);
    });
  });
  const replyTo = async ({ reply, action }: Pick<RecipientOutcome, 'reply' | 'action'>): Promise<Reply> => {
    if (reply !== null) return reply;
    const said = await inTime;
    // A message that is discarded is not the host's to refuse.
    return action === 'discard' && said.code !== 250 ? hostReply(250, ACCEPTED) : said;
  };
  return Promise.all((lmtp ? decided.perRecipient : [decided]).map(replyTo));
}

/** What `deliver` wants to be answered: an error with a `responseCode` that refuses. */
function ownReply(error: unknown, correlation: string | undefined): Reply | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { responseCode, message } = fieldsOf(error);
  if (typeof responseCode !== 'number' || !Number.isInteger(responseCode)) return undefined;
  if (responseCode < 400 || responseCode > 599) return undefined;
  const text = typeof message === 'string' && message !== '' ? message : 'Message refused';
  return hostReply(responseCode, text, { correlation });
}

/** What stands in an error. One that cannot even be looked at has nothing to say. */
function fieldsOf(error: object): { readonly responseCode?: unknown; readonly message?: unknown } {
  try {
    const { responseCode, message } = error as { readonly responseCode?: unknown; readonly message?: unknown };
    return { responseCode, message };
  } catch {
    return {};
  }
}
