import type { Answer, Awaitable, Check, Finding } from '../../core/index.ts';
import { defineCheck, flag, proceed, quarantine, reject } from '../../core/index.ts';
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

/** A message whose bytes the host has kept: only then can signatures be verified. */
export interface RawMessage {
  /** The message as it came, dot-stuffing undone; undefined if it was longer than the host keeps. */
  readonly raw: () => RawSource | undefined;
}

export type AuthenticationFacts = Pick<MailFacts, 'client' | 'helo' | 'reversePath'> & { readonly message: RawMessage };
/** Facts to which the result has been added. */
export interface AuthenticatedFacts {
  readonly authentication: MessageAuthentication;
}
export type AuthenticationEnv = Pick<Env, 'dns' | 'clock'>;

/** The SPF check, or one with the same findings: DMARC uses its result and the domain in its detail. */
export interface SpfSource {
  /** Examines the same facts. */
  readonly examine: (
    facts: Pick<MailFacts, 'client' | 'helo' | 'reversePath'>,
    env: AuthenticationEnv,
    signal: AbortSignal,
  ) => Awaitable<Finding>;
}

export interface MessageAuthenticationOptions extends Omit<AuthenticateOptions, 'signal'> {
  /** `spf()` of `postern/checks/spf`, or `'not-asked'` if DMARC is to use signatures alone. */
  readonly spf: SpfSource | 'not-asked';
  readonly label?: string;
}

export type AuthenticationWord = 'pass' | 'none' | 'neutral' | 'softfail' | 'fail' | 'temperror' | 'permerror';

const table = {
  fail: reject(),
  softfail: quarantine,
  permerror: flag(1),
  'permerror:sender': reject(),
  temperror: proceed,
} as const;

export interface AuthenticatorOptions extends Omit<AuthenticateOptions, 'signal'> {
  /**
   * `spf()` of `postern/checks/spf`, or `'not-asked'` if DMARC is to use signatures alone. If the same check stands in a rule,
   * it is examined once for both.
   */
  readonly spf: Check<Pick<MailFacts, 'client' | 'helo' | 'reversePath'>, AuthenticationEnv> | 'not-asked';
}

/**
 * Makes the `authentication` of a policy, so that its rules at `data` have `facts.authentication`: SPF, DKIM, DMARC and ARC.
 * SPF is examined after MAIL, and keys and policies are looked up as soon as the header has been read. Bodies are hashed as
 * they arrive, so the message need not be kept.
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
 * Checks what the author's domain wants done with the message, in a policy that has an `authentication`. It has the results
 * of {@link messageAuthentication} and looks nothing up.
 */
export const dmarc = (
  options: { readonly label?: string } = {},
): Check<AuthenticatedFacts, object, AuthenticationWord, MessageAuthentication> =>
  defineCheck(
    'dmarc',
    ({ authentication }: AuthenticatedFacts) => {
      return answerOf(authentication);
    },
    table,
    options,
  );

function assertSpf(who: string, spf: SpfSource | 'not-asked'): void {
  if (spf !== 'not-asked' && typeof spf?.examine !== 'function')
    throw new TypeError(`${who}: spf must be spf() or 'not-asked', got ${JSON.stringify(spf)}`);
}

/**
 * Checks whether the message is from its author's domain, for a host that keeps the message and has no session.
 *
 * The results follow the domain's policy, so that the table is the policy's. `pass`: SPF or DKIM passed for the domain.
 * `fail`: neither passed, and the domain asks for `reject`; `softfail`: it asks for `quarantine`; `neutral`: it asks for
 * nothing, or a trusted sealer saw a pass. `none`: the domain has no DMARC record. `temperror`: the DNS did not answer.
 * `permerror`: the sender sent what cannot be examined (`fault: 'sender'`, refused by default), or the record is broken.
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

/** Examines the message of these facts; add the result to them for other rules: `{ ...facts, authentication }`. */
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

/** What SPF found; a check that throws, or that ran out of time, has found nothing out about this identity. */
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
  return { ...spoken(found, result), result, fault, authentication: found.authentication, detail: found };
}

function wordFor({ dmarc }: MessageAuthentication): AuthenticationWord {
  if (dmarc.result !== 'fail') return dmarc.result;
  if (dmarc.override !== undefined) return 'neutral';
  return dmarc.policy === 'reject' ? 'fail' : dmarc.policy === 'quarantine' ? 'softfail' : 'neutral';
}

/** What the client is told. */
type Spoken = Pick<Answer, 'status' | 'cause' | 'explanation'>;

function spoken({ dmarc, reason }: MessageAuthentication, result: AuthenticationWord): Spoken {
  const said = (explanation: string): Spoken => ({ status: '7.26', cause: 'dmarc', explanation });
  switch (result) {
    case 'fail':
    case 'softfail':
      return said(`Neither SPF nor DKIM passed for ${dmarc.domain}, which asks for this (DMARC)`);
    case 'temperror':
      return said(`DMARC of the author's domain could not be checked`);
    case 'permerror':
      if (dmarc.fault === 'third-party') return said(`The DMARC record of ${dmarc.domain} cannot be used`);
      if (reason === undefined) return said('From header does not name exactly one author domain');
      return reason === TOO_LONG
        ? { status: '3.4', cause: 'message-too-big', explanation: 'Message is too large to be authenticated' }
        : { status: '6.0', cause: 'message-malformed', explanation: 'Message header is too large' };
    default:
      return {};
  }
}
