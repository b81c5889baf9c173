import type { Readable } from 'node:stream';
import { timedOut } from '../../core/index.ts';
import type { MessageOutcome, MessageWriter, RecipientOutcome, SmtpSession } from '../../session/index.ts';
import type { Reply } from '../../smtp/index.ts';
import { acceptedReply, hostReply, isRefusalCode, replyFor, withoutOwnResults } from '../../smtp/index.ts';
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
  stream: Readable,
  trouble: (error: unknown) => void,
): Promise<readonly Reply[]> {
  const { env, deliverMs = DELIVER_MS } = options;
  const correlation = options.session?.correlation ? guard.facts.connect.session.id : undefined;
  const failed = replyFor('policy-engine', 'Message could not be processed', 'defer', { correlation });
  const { recipients, keptRecipients: forwardPaths } = guard;
  const lmtp = guard.facts.connect.session.role === 'lmtp';
  const reversePath = guard.facts.mail?.reversePath ?? null;
  const spool = new Spool(options.spool);
  let control: AbortController | undefined;
  let aborted: { readonly reason: unknown } | undefined;
  const abort = (reason: unknown): void => {
    aborted ??= { reason };
    control?.abort(reason);
  };
  let late = false;
  const outcome = read(stream, guard.receive({ copy: spool }));
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
    /** Created when it is first read: AbortControllers are expensive. */
    get signal() {
      if (control === undefined) {
        control = new AbortController();
        if (aborted !== undefined) control.abort(aborted.reason);
      }
      return control.signal;
    },
  };

  /** Runs `deliver`, and makes its reply. */
  async function delivered(): Promise<Reply> {
    try {
      const text = await options.deliver(delivery);
      return acceptedReply(typeof text === 'string' && text !== '' ? text : ACCEPTED);
    } catch (error) {
      const reply = ownReply(error, correlation);
      // A reader that fails because the message is incomplete is not a failure of the host.
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
    abort(error);
    spool.close();
    return lmtp ? recipients.map(() => failed) : [failed];
  }
  if (spool.incomplete !== undefined) abort(spool.incomplete);
  const inTime = new Promise<Reply>((resolve) => {
    const cancel = env.clock.after(deliverMs, () => {
      late = true;
      trouble(new Error(`deliver has not finished within ${deliverMs} ms`));
      abort(timedOut(deliverMs));
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
    const own = await inTime;
    // The client must not learn that a message is discarded, whatever the host replies.
    return action === 'discard' && isRefusalCode(own.code) ? acceptedReply(ACCEPTED) : own;
  };
  return Promise.all((lmtp ? decided.perRecipient : [decided]).map(replyTo));
}

/** Passes a stream on, chunk by chunk. An async iterator would cost several promises for each. */
const read = (stream: Readable, writer: MessageWriter): Promise<MessageOutcome> =>
  new Promise((resolve) => {
    let pending: Promise<void> | undefined;
    stream.on('data', (chunk: Uint8Array) => {
      pending = writer.write(chunk);
      if (pending === undefined) return;
      stream.pause();
      pending.then(() => stream.resume());
    });
    // A stream may end while its last chunk is still being written.
    stream.on('end', () => resolve(pending === undefined ? writer.end() : pending.then(() => writer.end())));
    let failure: Error | undefined;
    stream.on('error', (error) => {
      failure = error;
    });
    stream.on('close', () => {
      if (!stream.readableEnded) resolve(writer.abort(failure));
    });
  });

/** The reply that `deliver` asks for with an error that has a `responseCode`. */
function ownReply(error: unknown, correlation: string | undefined): Reply | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { responseCode, message } = fieldsOf(error);
  if (!isRefusalCode(responseCode)) return undefined;
  const text = typeof message === 'string' && message !== '' ? message : 'Message refused';
  return hostReply(responseCode, text, { correlation });
}

/** Reads an error, whose getters may throw. */
function fieldsOf(error: object): { readonly responseCode?: unknown; readonly message?: unknown } {
  try {
    const { responseCode, message } = error as { readonly responseCode?: unknown; readonly message?: unknown };
    return { responseCode, message };
  } catch {
    return {};
  }
}
