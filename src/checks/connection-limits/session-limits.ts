import type { Answer, Check, Finding } from '../../core/index.ts';
import { assertKnownOptions, defer, defineCheck, fail, none, pass, wholeNumber } from '../../core/index.ts';
import type { MailFacts, RcptFacts } from '../../smtp/facts.ts';
import type { SessionLimitRule } from '../../smtp/parts.ts';
import type { LimitEvidence, Refusal } from './answers.ts';
import { numberFromOne } from './answers.ts';

type CountCheck<Facts> = Check<Facts, object, 'pass' | 'none' | 'fail', LimitEvidence>;

type CountAnswer = Answer<'pass' | 'none' | 'fail', LimitEvidence>;

function counted(limited: string, used: number | undefined, limit: number, refusal: Refusal): CountAnswer {
  if (used === undefined) return none();
  const detail: LimitEvidence = { limited, key: 'session', limit, used: Math.min(used, limit), retryAfterMs: 0 };
  return used > limit ? fail({ ...refusal, detail }) : pass({ detail });
}

/**
 * Limits the messages of one session, at MAIL. Default: 100. The client may send more in another session.
 *
 * The result is `none` if the session does not count its messages.
 *
 * @throws {TypeError} for a wrong or unknown option
 */
export function messageLimit(
  options: { readonly perSession?: number; readonly label?: string } = {},
): CountCheck<MailFacts> {
  assertKnownOptions('messageLimit', options, ['perSession', 'label']);
  const limit = numberFromOne('messageLimit', 'perSession', options.perSession ?? 100);
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
 * Limits the recipients of one message, at RCPT. Default: 1000; at least 100 (RFC 5321 §4.5.3.1.8).
 *
 * The next recipient is deferred with 452 4.5.3, so that the client sends the message again for the rest (§4.5.3.1.10). The
 * result is `none` if the session does not count its recipients.
 *
 * @throws {TypeError} for a wrong or unknown option
 */
export function recipientLimit(
  options: { readonly perMessage?: number; readonly label?: string } = {},
): CountCheck<RcptFacts> {
  assertKnownOptions('recipientLimit', options, ['perMessage', 'label']);
  const limit = wholeNumber('recipientLimit', 'perMessage', options.perMessage ?? 1000, MIN_RECIPIENTS);
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

/** RFC 5321 §4.5.3.1.8. */
const MIN_RECIPIENTS = 100;

/** Limits of one session. */
export interface SessionLimitsOptions {
  /**
   * Errors after which the session ends: refused recipients, protocol errors, failed logins, and any other command that was
   * answered with a 4xx or 5xx; `false` means no limit. Default: 20.
   */
  readonly errors?: number | false;
  /** Commands of any kind after which the session ends. Default: no limit. */
  readonly commands?: number;
  /** Distinguishes two of these rules in ids. Default: none. */
  readonly label?: string;
}

/**
 * Ends a session with too many errors or commands, as Postfix' `smtpd_hard_error_limit` does.
 *
 * It belongs to the part `limits` of a policy: the session applies it before every command, even if relay control refuses
 * every recipient. The first command beyond the limit is answered `421 4.7.0`, and the connection is closed.
 *
 * @throws {TypeError} for a wrong or unknown option
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
  assertKnownOptions('sessionLimits', options, ['errors', 'commands', 'label']);
  const { errors = 20, commands } = options;
  if (errors !== false) numberFromOne('sessionLimits', 'errors', errors);
  if (commands !== undefined) numberFromOne('sessionLimits', 'commands', commands);
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
      // The current command is already counted.
      return commands !== undefined && tally.commands > commands ? reached('commands', commands) : undefined;
    },
  };
}
