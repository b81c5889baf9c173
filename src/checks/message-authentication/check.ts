import type { Answer, Awaitable, Check, Finding } from '../../core/index.ts';
import { defineCheck, flag, proceed, quarantine, reject, wrongOption } from '../../core/index.ts';
import type { Env } from '../../env/index.ts';
import type { MailFacts } from '../../smtp/facts.ts';
import type { MessageAuthenticator } from '../../smtp/parts.ts';
import {
  type AuthenticateOptions,
  authenticateArriving,
  authenticateMessage,
  settingsOf,
  TOO_LONG,
  tooLong,
} from './authenticate.ts';
import type { RawSource } from './header.ts';
import type { MessageAuthentication, SpfFact } from './outcome.ts';

/** A message whose bytes the host has kept, so that signatures can be verified. */
export interface RawMessage {
  /** Returns the unchanged message without dot-stuffing, or undefined if it was too long to be kept. */
  readonly raw: () => RawSource | undefined;
}

/** The facts that {@link messageAuthentication} needs. */
export type AuthenticationFacts = Pick<MailFacts, 'client' | 'helo' | 'reversePath'> & { readonly message: RawMessage };
/** Facts with the result of authentication. */
export interface AuthenticatedFacts {
  readonly authentication: MessageAuthentication;
}
export type AuthenticationEnv = Pick<Env, 'dns' | 'clock'>;

/** The SPF check, or one with the same findings. DMARC uses the result, and `domain` and `identity` of the detail. */
export interface SpfSource {
  /** Checks the client and the sender. */
  readonly examine: (
    facts: Pick<MailFacts, 'client' | 'helo' | 'reversePath'>,
    env: AuthenticationEnv,
    signal: AbortSignal,
  ) => Awaitable<Finding>;
}

/** Options of {@link messageAuthentication}. */
export interface MessageAuthenticationOptions extends Omit<AuthenticateOptions, 'signal'> {
  /** `spf()` of `postern/checks/spf`, or `'not-asked'` if DMARC is to use signatures alone. */
  readonly spf: SpfSource | 'not-asked';
  /** Part of the rule's id, to distinguish several uses of the check. Default: none. */
  readonly label?: string;
}

/** See {@link messageAuthentication}. */
export type AuthenticationWord = 'pass' | 'none' | 'neutral' | 'softfail' | 'fail' | 'temperror' | 'permerror';

const table = {
  fail: reject(),
  softfail: quarantine,
  permerror: flag(1),
  'permerror:sender': reject(),
  temperror: proceed,
} as const;

/** Options of {@link authenticator}. */
export interface AuthenticatorOptions extends Omit<AuthenticateOptions, 'signal'> {
  /**
   * `spf()` of `postern/checks/spf`, or `'not-asked'` if DMARC is to use signatures alone. If a rule uses the same check,
   * it runs once for both.
   */
  readonly spf: Check<Pick<MailFacts, 'client' | 'helo' | 'reversePath'>, AuthenticationEnv> | 'not-asked';
}

/**
 * Creates the `authentication` of a policy, which provides the fact `authentication` (SPF, DKIM, DMARC and ARC) to its
 * rules at `data`.
 *
 * SPF runs after MAIL. Keys and policies are looked up as soon as the header has been read. Bodies are hashed as they
 * arrive, so the message need not be kept.
 *
 * @throws {TypeError} if an option is wrong
 *
 * @example
 * ```ts
 * import { authenticator, dmarc, dmarcSpeaks } from 'postern/checks/message-authentication';
 * import { relayControl } from 'postern/checks/relay-control';
 * import { spf } from 'postern/checks/spf';
 * import { on, reject, score, unless } from 'postern/core';
 * import { smtpPolicy } from 'postern/smtp';
 *
 * const sender = spf();
 * export const policy = smtpPolicy({
 *   relay: relayControl({ localDomains: ['example.com'] }),
 *   authentication: authenticator({ spf: sender, trustedSealers: ['lists.example.org'] }),
 *   data: [score({ tagAt: 1 }, dmarc(), unless(dmarcSpeaks, on(sender, { fail: reject() })))],
 * });
 * ```
 */
export function authenticator(options: AuthenticatorOptions): MessageAuthenticator<AuthenticationEnv> {
  const { spf, ...rest } = options;
  const settings = settingsOf('authenticator', rest);
  assertSpf('authenticator', spf);
  return {
    checks: spf === 'not-asked' ? [] : [spf],
    authenticate: (raw, facts, env, { signal, found }) => {
      const known = spf === 'not-asked' ? undefined : spfOf(facts, () => found(spf) ?? spf.examine(facts, env, signal));
      return authenticateArriving({ raw, spf: known }, env, settings, signal);
    },
  };
}

/**
 * Checks the DMARC policy of the author's domain, in a policy that has an `authentication`.
 *
 * The results are those of {@link messageAuthentication}. It sends no DNS queries.
 */
export const dmarc = (
  options: { readonly label?: string } = {},
): Check<AuthenticatedFacts, object, AuthenticationWord, MessageAuthentication> =>
  defineCheck('dmarc', ({ authentication }: AuthenticatedFacts) => answerOf(authentication), table, options);

function assertSpf(owner: string, spf: SpfSource | 'not-asked'): void {
  if (spf !== 'not-asked' && typeof spf?.examine !== 'function')
    throw wrongOption(owner, 'spf', 'spf() or "not-asked"', spf);
}

/**
 * Checks whether the message is from its author's domain, for a host that keeps the message and has no session.
 *
 * - `pass`: SPF or DKIM passed for the domain
 * - `fail`: neither passed, and the domain's policy is `reject`
 * - `softfail`: neither passed, and the policy is `quarantine`
 * - `neutral`: neither passed, and the policy is `none`, or a trusted sealer saw a pass
 * - `none`: the domain has no DMARC record
 * - `temperror`: a DNS lookup failed
 * - `permerror`: the message cannot be examined (`fault: 'sender'`, refused by default), or the record is invalid
 *
 * @throws {TypeError} if an option is wrong
 */
export function messageAuthentication(
  options: MessageAuthenticationOptions,
): Check<AuthenticationFacts, AuthenticationEnv, AuthenticationWord, MessageAuthentication> {
  const { spf, label, ...rest } = options;
  settingsOf('messageAuthentication', rest);
  assertSpf('messageAuthentication', spf);
  return defineCheck(
    'message-authentication',
    async (facts: AuthenticationFacts & Partial<AuthenticatedFacts>, env: AuthenticationEnv, signal: AbortSignal) => {
      const found = facts.authentication ?? (await authenticationOf(facts, env, { ...options, signal }));
      return answerOf(found);
    },
    table,
    { label },
  );
}

/** Authenticates the message of these facts. To use the result in other rules, add it: `{ ...facts, authentication }`. */
export async function authenticationOf(
  facts: AuthenticationFacts,
  env: AuthenticationEnv,
  options: MessageAuthenticationOptions & { readonly signal?: AbortSignal },
): Promise<MessageAuthentication> {
  const { spf, label: _, ...rest } = options;
  const raw = facts.message.raw();
  if (raw === undefined) return tooLong();
  const signal = rest.signal ?? new AbortController().signal;
  const asked = spf === 'not-asked' ? undefined : spfOf(facts, () => spf.examine(facts, env, signal));
  return authenticateMessage({ raw, spf: asked }, env, rest);
}

/** Returns the SPF result. A check that throws or is late counts as `temperror`. */
async function spfOf(
  { reversePath, helo }: Pick<MailFacts, 'helo' | 'reversePath'>,
  examine: () => Awaitable<Finding>,
): Promise<SpfFact> {
  const asked: SpfFact = {
    result: 'temperror',
    domain: reversePath === null ? (helo.domain ?? helo.name) : reversePath.domain,
    identity: reversePath === null ? 'helo' : 'mailfrom',
  };
  try {
    const { result, detail } = await examine();
    const { domain, identity } = (detail ?? {}) as { readonly domain?: unknown; readonly identity?: unknown };
    if (typeof domain !== 'string') return { ...asked, result };
    return { result, domain, ...(identity === 'mailfrom' || identity === 'helo' ? { identity } : {}) };
  } catch {
    return asked;
  }
}

function answerOf(found: MessageAuthentication): Answer<AuthenticationWord, MessageAuthentication> {
  const result = wordFor(found);
  const { fault } = found.dmarc;
  return { ...replyOf(found, result), result, fault, authentication: found.authentication, detail: found };
}

function wordFor({ dmarc }: MessageAuthentication): AuthenticationWord {
  if (dmarc.result !== 'fail') return dmarc.result;
  if (dmarc.override !== undefined) return 'neutral';
  return dmarc.policy === 'reject' ? 'fail' : dmarc.policy === 'quarantine' ? 'softfail' : 'neutral';
}

/** The reply to the client. */
type ReplyPart = Pick<Answer, 'status' | 'cause' | 'explanation'>;

function replyOf({ dmarc, reason }: MessageAuthentication, result: AuthenticationWord): ReplyPart {
  const because = (explanation: string): ReplyPart => ({ status: '7.26', cause: 'dmarc', explanation });
  switch (result) {
    case 'fail':
    case 'softfail':
      return because(`Message rejected because of the DMARC policy of ${dmarc.domain}: neither SPF nor DKIM passed`);
    case 'temperror':
      return because('DMARC of the author domain could not be checked');
    case 'permerror':
      if (dmarc.fault === 'third-party') return because(`DMARC record of ${dmarc.domain} is invalid`);
      if (reason === undefined) return because('From header does not name exactly one author domain');
      return reason === TOO_LONG
        ? { status: '3.4', cause: 'message-too-big', explanation: 'Message is too large to be authenticated' }
        : { status: '6.0', cause: 'message-malformed', explanation: 'Message header is too large' };
    default:
      return {};
  }
}
