/**
 * **Answers**: may this client send to this recipient here?
 *
 * **Knows**: the client's address and certificate, who has logged in, the recipient, whether it carried a source route.
 * **Asks**: the clock, for the deadline of the `recipients` hook; and that hook.
 *
 * **Standards**: RFC 5321 §3.6 (relaying), §4.5.1 (postmaster), §7.9 and appendix C (source routes); RFC 3463.
 *
 * Everything is refused that is not allowed. Allowed are, in this order: recipients in a local or relay domain that exist;
 * anything from an authenticated client; from a client with a listed certificate; from a client in a trusted network.
 *
 * Doubts, and how they are read:
 * - An address that routes through this server (`a%b@c`, `b!a@c`, `"a@b"@c`) is never relayed, whoever asks, and never
 *   delivered to a local or relay domain either: a server behind may act on it. Local parts that really contain such
 *   characters are named in `literalLocalParts`, exactly.
 * - A source route (`<@hop:a@b>`) has no effect for a recipient in a local domain, as RFC 5321 appendix C asks for; where the
 *   mail would be relayed it is refused (RFC 5321 §3.6.1: a server MAY decline).
 * - The postmaster of a local or relay domain is accepted without asking whether he exists (RFC 5321 §4.5.1).
 *
 * **Limits**: it believes `client.ip`: if a proxy hides the clients, the proxy must name them (PROXY protocol, XCLIENT), or
 * everybody is the proxy. It does not ask where a domain's MX points. A connection from loopback is trusted by default; with
 * `trustedNetworks: []` nobody is. Loopback that a proxy named (`client.via`) is never trusted.
 *
 * @example
 * ```ts
 * import { relayControl } from 'postern/checks/relay-control';
 * import { smtpPolicy } from 'postern/smtp';
 *
 * const users = new Set(['ann', 'bob']);
 * export const policy = smtpPolicy({
 *   relay: relayControl({
 *     localDomains: ['example.com', '.example.com'],
 *     recipients: ({ localPart }) => (users.has(localPart.toLowerCase()) ? 'known' : 'unknown'),
 *   }),
 * });
 * ```
 *
 * @module
 */
import type { Answer, Awaitable, Check } from '../../core/index.ts';
import { defer, defineCheck, fail, pass, reject, temperror } from '../../core/index.ts';
import type { Clock } from '../../env/index.ts';
import type { Mailbox } from '../../net/index.ts';
import type { RelayCheck, RelayFacts } from '../../smtp/relay.ts';
import { asRelayCheck } from '../../smtp/relay.ts';
import { canonicalDomain, domainSet } from './domains.ts';
import { isRouted } from './routing.ts';
import { LOOPBACK, type RelayWarning, trust } from './trust.ts';

export { isRouted } from './routing.ts';
export type { RelayWarning } from './trust.ts';

/**
 * What is known of a recipient.
 *
 * - `known`: there is such a mailbox, and it takes mail
 * - `unknown`: there is none (550 5.1.1)
 * - `disabled`: there is one, and it takes no mail (550 5.2.1)
 * - `full`: it takes none until something is deleted (4.2.2)
 * - `unavailable`: it could not be found out (451); a hook that throws, is late, or answers something else says this too
 */
export type RecipientStatus = 'known' | 'unknown' | 'disabled' | 'full' | 'unavailable';

export interface RelayControlOptions {
  /**
   * Domains whose mail ends here. `example.com` is that name alone, `.example.com` everything below it, `[192.0.2.1]` an
   * address literal. It has no default; `[]` for a server that only sends.
   */
  readonly localDomains: readonly string[];
  /** Domains whose mail is taken and handed on to another server; written as `localDomains` are. */
  readonly relayDomains?: readonly string[];
  /**
   * Networks whose clients may send anywhere: `192.0.2.0/24`, `2001:db8::25`. A bare address is itself alone (/32, /128), and
   * `unix` means sockets in the file system. An address that a proxy named is never loopback. Default: loopback.
   */
  readonly trustedNetworks?: readonly string[];
  /** SHA-256 fingerprints of client certificates that may send anywhere: 64 hexadecimal digits, colons allowed. */
  readonly clientCertificates?: readonly string[];
  /**
   * Whether a recipient in a local or relay domain exists. Without it every one does, and what the next server refuses
   * later becomes a bounce to a forged sender. It is never asked for a recipient that would be refused anyway.
   */
  readonly recipients?: (mailbox: Mailbox, signal: AbortSignal) => Awaitable<RecipientStatus>;
  /** How long `recipients` may take, in milliseconds; 10,000 where not given. */
  readonly recipientsWithinMs?: number;
  /**
   * Local parts in local and relay domains that contain `@`, `%` or `!` and are mailboxes all the same. Compared exactly,
   * but for case.
   */
  readonly literalLocalParts?: readonly string[];
  /** Is told what is doubtful about the options, once, when the check is made. The same is in `warnings`. */
  readonly onWarning?: (warning: RelayWarning) => void;
}

/** Why a recipient was allowed or refused. */
export interface RelayDetail {
  readonly because:
    | 'local-domain'
    | 'relay-domain'
    | 'postmaster'
    | 'authenticated'
    | 'client-certificate'
    | 'trusted-network'
    | 'not-allowed'
    | 'sender-routed'
    | 'source-route'
    | 'no-mailbox'
    | 'recipient-unknown'
    | 'recipient-disabled'
    | 'recipient-full'
    | 'recipient-unavailable';
  readonly error?: string;
}

/** Relay control, with what is doubtful about its options. */
export type RelayControl = RelayCheck<RelayEnv> &
  Check<RelayFacts, RelayEnv, 'pass' | 'fail' | 'temperror', RelayDetail> & {
    readonly warnings: readonly RelayWarning[];
  };

/** What relay control asks of the environment. */
export interface RelayEnv {
  readonly clock: Clock;
}

type RelayAnswer = Answer<'pass' | 'fail' | 'temperror', RelayDetail>;

const HOOK_DEADLINE_MS = 10_000;
const POSTMASTER = /^postmaster$/i;
const statuses: readonly unknown[] = [
  'known',
  'unknown',
  'disabled',
  'full',
  'unavailable',
] satisfies RecipientStatus[];

/**
 * Makes relay control, the check that every SMTP policy must have.
 *
 * @returns the check, and in `warnings` what is doubtful about the options
 * @throws TypeError for an option that cannot be understood: a prefix with host bits, a domain that is none, a fingerprint
 * that is not SHA-256
 */
export function relayControl(options: RelayControlOptions): RelayControl {
  const local = domainSet('localDomains', options?.localDomains);
  const relayed = domainSet('relayDomains', options.relayDomains ?? []);
  const trusted = trust(options.trustedNetworks ?? LOOPBACK);
  const certificates = new Set((options.clientCertificates ?? []).map(fingerprint));
  const literal = new Set((options.literalLocalParts ?? []).map((localPart) => localPart.toLowerCase()));
  const { recipients, recipientsWithinMs = HOOK_DEADLINE_MS } = options;
  if (recipients !== undefined && typeof recipients !== 'function')
    throw new TypeError('relayControl: recipients must be a function from a mailbox to "known" or "unknown"');
  if (!(recipientsWithinMs > 0) || !Number.isFinite(recipientsWithinMs))
    throw new TypeError(`relayControl: recipientsWithinMs ${recipientsWithinMs} must be a number more than 0`);

  const warnings: readonly RelayWarning[] = [
    ...trusted.warnings,
    ...wholeSuffixes('localDomains', local.parents),
    ...wholeSuffixes('relayDomains', relayed.parents),
  ];
  for (const warning of warnings) options.onWarning?.(warning);

  function examine(facts: RelayFacts, env: RelayEnv, signal: AbortSignal): Awaitable<RelayAnswer> {
    // RCPT TO:<> names nobody (RFC 5321 §4.1.1.3); a null reverse-path on the other hand grants nothing.
    const domain = canonicalDomain(facts.forwardPath?.domain);
    if (domain === undefined || typeof facts.forwardPath.localPart !== 'string' || facts.forwardPath.localPart === '')
      return fail({
        cause: 'recipient-syntax',
        status: '1.3',
        explanation: 'Recipient address is not valid',
        detail: { because: 'no-mailbox' },
      });
    const { localPart } = facts.forwardPath;
    const here = local.has(domain);
    const next = !here && relayed.has(domain);

    if (here || next) {
      if (next && facts.sourceRoute === true) return sourceRouted;
      if (isRouted(localPart) && !literal.has(localPart.toLowerCase())) return senderRouted;
      if (POSTMASTER.test(localPart)) return pass({ detail: { because: 'postmaster' } });
      if (recipients === undefined) return pass({ detail: { because: here ? 'local-domain' : 'relay-domain' } });
      return ask(facts.forwardPath, here, env, signal);
    }

    const allowed = authority(facts);
    if (allowed === undefined) return facts.sourceRoute === true ? sourceRouted : denied;
    if (facts.sourceRoute === true) return sourceRouted;
    if (isRouted(localPart)) return senderRouted;
    return pass({ detail: { because: allowed } });
  }

  /** What lets this client send anywhere. Reputation, sender and HELO are not among it. */
  function authority({
    auth,
    tls,
    client,
  }: RelayFacts): 'authenticated' | 'client-certificate' | 'trusted-network' | undefined {
    if (isIdentified(auth)) return 'authenticated';
    const shown = tls?.clientCertificate?.fingerprint;
    if (typeof shown === 'string' && certificates.has(bare(shown))) return 'client-certificate';
    if (client !== undefined && trusted.has(client)) return 'trusted-network';
    return undefined;
  }

  async function ask(mailbox: Mailbox, here: boolean, env: RelayEnv, signal: AbortSignal): Promise<RelayAnswer> {
    const status = await inTime(recipients as NonNullable<typeof recipients>, mailbox, recipientsWithinMs, env, signal);
    switch (status.answer) {
      case 'known':
        return pass({ detail: { because: here ? 'local-domain' : 'relay-domain' } });
      case 'unknown':
        return fail({
          cause: 'recipient-unknown',
          status: '1.1',
          explanation: 'No such mailbox here',
          detail: { because: 'recipient-unknown' },
        });
      case 'disabled':
        return fail({ status: '2.1', explanation: 'Mailbox takes no mail', detail: { because: 'recipient-disabled' } });
      case 'full':
        return temperror({ status: '2.2', explanation: 'Mailbox is full', detail: { because: 'recipient-full' } });
      default:
        return temperror({
          status: '3.0',
          explanation: 'Recipient could not be checked; please try again later',
          detail: { because: 'recipient-unavailable', error: status.error },
        });
    }
  }

  return asRelayCheck(
    Object.freeze({
      ...defineCheck('relay-control', examine, { fail: reject(), temperror: defer() }),
      warnings,
    }),
  ) as RelayControl;
}

const denied: RelayAnswer = fail({
  cause: 'relay-denied',
  status: '7.1',
  explanation: 'Relaying denied',
  detail: { because: 'not-allowed' },
});
const senderRouted: RelayAnswer = fail({
  cause: 'relay-denied',
  status: '7.1',
  explanation: 'Relaying denied: the address routes through this server',
  detail: { because: 'sender-routed' },
});
const sourceRouted: RelayAnswer = fail({
  cause: 'recipient-syntax',
  status: '1.3',
  explanation: 'Source routes are not followed here',
  detail: { because: 'source-route' },
});

/** A login that names somebody. ANONYMOUS (RFC 4505) names nobody, whatever trace it left. */
const isIdentified = (auth: RelayFacts['auth']): boolean =>
  typeof auth === 'object' &&
  auth !== null &&
  typeof auth.identity === 'string' &&
  auth.identity !== '' &&
  auth.mechanism?.toUpperCase() !== 'ANONYMOUS';

const bare = (fingerprint: string): string => fingerprint.replaceAll(':', '').toLowerCase();

function fingerprint(text: string): string {
  const digits = typeof text === 'string' ? bare(text) : '';
  if (!/^[0-9a-f]{64}$/.test(digits))
    throw new TypeError(
      `relayControl: clientCertificates ${JSON.stringify(text)} is not a SHA-256 fingerprint: give its 64 hexadecimal digits`,
    );
  return digits;
}

const wholeSuffixes = (option: 'localDomains' | 'relayDomains', parents: readonly string[]): RelayWarning[] =>
  parents
    .filter((parent) => !parent.includes('.'))
    .map((parent) => ({
      option,
      value: `.${parent}`,
      problem: 'whole-suffix',
      message: `relayControl: ${option} .${parent} takes mail for every domain under a top-level domain`,
    }));

/** Asks the hook, and makes `unavailable` of whatever is not an answer. */
function inTime(
  hook: NonNullable<RelayControlOptions['recipients']>,
  mailbox: Mailbox,
  ms: number,
  env: RelayEnv,
  signal: AbortSignal,
): Promise<{ answer: unknown; error?: string }> {
  return new Promise((resolve) => {
    const late = new AbortController();
    const give = (answer: unknown, error?: string): void => {
      cancel();
      signal.removeEventListener('abort', onAbort);
      resolve(error === undefined ? { answer } : { answer, error });
    };
    const onAbort = (): void => {
      late.abort();
      give('unavailable', 'aborted');
    };
    const cancel = env.clock.after(ms, () => {
      late.abort();
      give('unavailable', 'deadline');
    });
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const failed = (error: unknown): void =>
      give('unavailable', error instanceof Error ? error.message : String(error));
    try {
      Promise.resolve(hook(mailbox, late.signal)).then(
        (answer) =>
          statuses.includes(answer) ? give(answer) : give('unavailable', `the hook answered ${typeof answer}`),
        failed,
      );
    } catch (error) {
      failed(error);
    }
  });
}
