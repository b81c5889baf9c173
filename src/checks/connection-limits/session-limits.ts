import type { Answer, Check } from '../../core/index.ts';
import { defer, defineCheck, fail, none, pass } from '../../core/index.ts';
import type { ConnectFacts, MailFacts, RcptFacts } from '../../smtp/facts.ts';
import type { LimitEvidence, Refusal } from './evidence.ts';
import { atLeastOne } from './numbers.ts';

type CountCheck<Facts> = Check<Facts, object, 'pass' | 'none' | 'fail', LimitEvidence>;

type CountAnswer = Answer<'pass' | 'none' | 'fail', LimitEvidence>;

function counted(limited: string, used: number | undefined, limit: number, refusal: Refusal): CountAnswer {
  if (used === undefined) return none();
  const detail: LimitEvidence = { limited, key: 'session', limit, used: Math.min(used, limit), retryAfterMs: 0 };
  return used > limit ? fail({ ...refusal, detail }) : pass({ detail });
}

/**
 * Messages of one session, at MAIL: 100 where not given. The 101st is told to come in a connection of its own.
 *
 * `none` where the session does not count its messages.
 */
export function messageLimit(
  options: { readonly perSession?: number | undefined; readonly label?: string | undefined } = {},
): CountCheck<MailFacts> {
  const limit = atLeastOne('messageLimit', 'perSession', options.perSession ?? 100);
  return defineCheck(
    'message-limit',
    ({ messagesBefore }: MailFacts) =>
      counted('messages', messagesBefore === undefined ? undefined : messagesBefore + 1, limit, {
        cause: 'too-many-messages',
        status: '7.0',
        explanation: 'Too many messages in one session; please connect again',
      }),
    { fail: defer() },
    { label: options.label },
  );
}

/**
 * Recipients of one message, at RCPT: 1000 where not given, and never less than 100 (RFC 5321 §4.5.3.1.8). The next is
 * put off with 452 4.5.3, so that the client sends the message again for the rest (§4.5.3.1.10).
 *
 * `none` where the session does not count its recipients.
 */
export function recipientLimit(
  options: { readonly perMessage?: number | undefined; readonly label?: string | undefined } = {},
): CountCheck<RcptFacts> {
  const limit = options.perMessage ?? 1000;
  if (!(Number.isInteger(limit) && limit >= 100))
    throw new TypeError(`recipientLimit: perMessage ${limit} must be a whole number from 100 (RFC 5321 §4.5.3.1.8)`);
  return defineCheck(
    'recipient-limit',
    ({ recipientsBefore }: RcptFacts) =>
      counted('recipients', recipientsBefore === undefined ? undefined : recipientsBefore + 1, limit, {
        cause: 'too-many-recipients',
        status: '5.3',
        explanation: 'Too many recipients in one message; please send it again for the rest',
      }),
    { fail: defer() },
    { label: options.label },
  );
}

/** What one session may do. */
export interface SessionLimitsOptions {
  /** Commands answered with a 4xx or 5xx; 20 where not given. `false`: no limit. */
  readonly errors?: number | false | undefined;
  /** Commands of any kind; no limit where not given. */
  readonly commands?: number | undefined;
  readonly label?: string | undefined;
}

/**
 * Commands and errors of one session, at any stage: a client that gets nothing right is shown the door.
 *
 * `none` where the session keeps no tally. Give each use a label where it stands at more than one stage.
 */
export function sessionLimits(options: SessionLimitsOptions = {}): CountCheck<Pick<ConnectFacts, 'session'>> {
  const { errors = 20, commands } = options;
  if (errors !== false) atLeastOne('sessionLimits', 'errors', errors);
  if (commands !== undefined) atLeastOne('sessionLimits', 'commands', commands);
  const refusal = (explanation: string): Refusal => ({ cause: 'too-many-errors', status: '7.0', explanation });
  return defineCheck(
    'session-limits',
    ({ session: { tally } }: Pick<ConnectFacts, 'session'>): CountAnswer => {
      if (tally === undefined) return none();
      const failed: CountAnswer =
        errors === false ? none() : counted('errors', tally.errors, errors, refusal('Too many errors in one session'));
      if (failed.result === 'fail' || commands === undefined) return failed;
      return counted('commands', tally.commands, commands, refusal('Too many commands in one session'));
    },
    { fail: defer() },
    { label: options.label },
  );
}
