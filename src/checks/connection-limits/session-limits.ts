import type { Answer, Check, Finding } from '../../core/index.ts';
import { defer, defineCheck, fail, none, pass } from '../../core/index.ts';
import type { MailFacts, RcptFacts } from '../../smtp/facts.ts';
import type { SessionLimitRule } from '../../smtp/parts.ts';
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
  options: { readonly perSession?: number; readonly label?: string } = {},
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
  options: { readonly perMessage?: number; readonly label?: string } = {},
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
  /**
   * Errors after which the session ends: refused recipients, protocol errors, failed logins, and any other command that was
   * answered with a 4xx or 5xx. Default: 20. `false`: no limit.
   */
  readonly errors?: number | false;
  /** Commands of any kind after which the session ends. Default: no limit. */
  readonly commands?: number;
  /** Tells two of these from each other in ids. */
  readonly label?: string;
}

/**
 * Ends a session that makes too many errors or gives too many commands, as Postfix' `smtpd_hard_error_limit` does.
 *
 * It stands beside the stages of a policy, in `limits`: the session looks at it before every command, also if relay control
 * refuses every recipient. The command that comes after the last one allowed is answered `421 4.7.0`, and the connection is
 * closed.
 *
 * @throws {TypeError} if a limit is not a number from 1
 *
 * @example
 * ```ts
 * import { sessionLimits } from 'postern/checks/connection-limits';
 * import { relayControl } from 'postern/checks/relay-control';
 * import { smtpPolicy } from 'postern/smtp';
 *
 * export const policy = smtpPolicy({
 *   relay: relayControl({ localDomains: ['example.com'] }),
 *   limits: [sessionLimits({ errors: 20, commands: 5000 })],
 * });
 * ```
 */
export function sessionLimits(options: SessionLimitsOptions = {}): SessionLimitRule {
  const { errors = 20, commands } = options;
  if (errors !== false) atLeastOne('sessionLimits', 'errors', errors);
  if (commands !== undefined) atLeastOne('sessionLimits', 'commands', commands);
  const { name, id } = defineCheck('session-limits', () => none(), {}, { label: options.label });
  const reached = (limited: string, limit: number): Finding => ({
    check: name,
    result: 'fail',
    cause: 'too-many-errors',
    status: '7.0',
    explanation: `Too many ${limited} in one session`,
    detail: { limited, key: 'session', limit, used: limit, retryAfterMs: 0 } satisfies LimitEvidence,
  });
  return {
    id,
    exceeded(tally) {
      if (errors !== false && tally.errors >= errors) return reached('errors', errors);
      // The command at hand is counted already.
      return commands !== undefined && tally.commands > commands ? reached('commands', commands) : undefined;
    },
  };
}
