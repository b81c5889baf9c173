import type { Check } from '../../core/index.ts';
import { defineCheck, fail, none, pass, reject } from '../../core/index.ts';
import type { MailFacts, Role } from '../../smtp/facts.ts';

export interface RequiredOptions {
  /** On which listeners a login must come before MAIL; submission alone where not given (RFC 6409 §4.3). */
  readonly roles?: readonly Role[];
}

/**
 * Whether the client has logged in where it must before it sends: 530 5.7.0 where not (RFC 4954 §6; RFC 3207 §4 while the
 * connection is in clear text).
 *
 * @throws TypeError for a role that is none
 */
export function authenticationRequired(
  options: RequiredOptions = {},
): Check<Pick<MailFacts, 'session' | 'tls' | 'auth'>, object, 'pass' | 'none' | 'fail', { readonly role: Role }> {
  const roles = options.roles ?? ['submission'];
  for (const role of roles)
    if (!['mx', 'submission', 'lmtp'].includes(role))
      throw new TypeError(
        `authenticationRequired: roles ${JSON.stringify(role)} is no role; allowed: mx, submission, lmtp`,
      );
  return defineCheck(
    'authentication-required',
    ({ session: { role }, tls, auth }: Pick<MailFacts, 'session' | 'tls' | 'auth'>) => {
      const detail = { role };
      if (!roles.includes(role)) return none({ detail });
      if (auth !== null && auth !== undefined) return pass({ detail });
      return tls === null || tls === undefined
        ? fail({ cause: 'starttls-required', explanation: 'Must issue a STARTTLS command first', detail })
        : fail({ cause: 'authentication-required', explanation: 'Authentication required', detail });
    },
    { fail: reject() },
    { earliest: 'mail' },
  );
}
