/**
 * Relay control: decides which recipients the server accepts from which clients.
 *
 * **Answers**: may this client send to this recipient?
 *
 * **Knows**: the client's address and certificate, the login, the recipient, and whether its address has a source route.
 * **Asks**: the `recipients` hook, and the clock for its deadline.
 *
 * **Standards**: RFC 5321 §3.6 (relaying), §4.5.1 (postmaster), §7.9 and appendix C (source routes); RFC 3463.
 *
 * Everything that is not allowed is refused. Allowed are, in this order: existing recipients in a local or relay domain; any
 * recipient for an authenticated client, for a client with a listed certificate, and for a client in a trusted network.
 *
 * Where the standards leave a choice:
 * - An address that routes through this server (`a%b@c`, `b!a@c`, `"a@b"@c`) is never relayed for any client, and never
 *   accepted in a local or relay domain, because a server behind could follow the route. If a mailbox contains such characters,
 *   name it in `literalLocalParts`.
 * - A source route (`<@hop:a@b>`) has no effect for a recipient in a local domain, as RFC 5321 appendix C requires. Mail to
 *   other domains is refused if it has one (RFC 5321 §3.6.1: a server MAY decline).
 * - The postmaster of a local or relay domain is accepted without calling `recipients` (RFC 5321 §4.5.1).
 *
 * **Limits**: it relies on `client.ip`. If a proxy hides the clients, it must name them (PROXY protocol, XCLIENT); otherwise
 * every client has the proxy's address. It does not check where a domain's MX points. Loopback is trusted by default;
 * `trustedNetworks: []` trusts no network. An address that a proxy named (`client.via`) is never loopback.
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
import {
  assertFunction,
  assertKnownOptions,
  defer,
  defineCheck,
  fail,
  pass,
  positiveNumber,
  reject,
  temperror,
  wrongOption,
} from '../../core/index.ts';
import type { Clock } from '../../env/index.ts';
import { withDeadline } from '../../env/index.ts';
import type { Mailbox } from '../../net/index.ts';
import type { RelayCheck, RelayFacts } from '../../smtp/relay.ts';
import { asRelayCheck } from '../../smtp/relay.ts';
import { canonicalDomain, domainSet, isRouted } from './domains.ts';
import { LOOPBACK, type RelayWarning, trust } from './trust.ts';

export type { RelayWarning } from './trust.ts';

/**
 * The status of a recipient.
 *
 * - `known`: the mailbox exists and accepts mail
 * - `unknown`: the mailbox does not exist (550 5.1.1)
 * - `disabled`: the mailbox exists but does not accept mail (550 5.2.1)
 * - `full`: the mailbox is full (450 4.2.2)
 * - `unavailable`: the status is not available now (451 4.3.0); also if the hook throws, is late, or returns another value
 */
export type RecipientStatus = 'known' | 'unknown' | 'disabled' | 'full' | 'unavailable';

export interface RelayControlOptions {
  /**
   * Domains whose mail is delivered here. `example.com` is this name alone, `.example.com` every name below it, `[192.0.2.1]`
   * an address literal. Required; `[]` for a server that only sends.
   */
  readonly localDomains: readonly string[];
  /** Domains whose mail is forwarded to another server, in the form of `localDomains`. Default: none. */
  readonly relayDomains?: readonly string[];
  /**
   * Networks whose clients may send to any domain: `192.0.2.0/24`, `2001:db8::25`. An address without a length is a single
   * address, and `unix` means sockets in the file system. An address that a proxy named is never loopback. Default: loopback.
   */
  readonly trustedNetworks?: readonly string[];
  /**
   * SHA-256 fingerprints of client certificates that may send to any domain: 64 hexadecimal digits, with or without colons.
   * Default: none.
   */
  readonly clientCertificates?: readonly string[];
  /**
   * Returns whether a recipient in a local or relay domain exists. It is not called for a recipient that is refused anyway.
   * Default: every recipient exists; mail that the next server refuses then becomes a bounce to a possibly forged sender.
   */
  readonly recipients?: (mailbox: Mailbox, signal: AbortSignal) => Awaitable<RecipientStatus>;
  /** Deadline of `recipients`, in milliseconds. Default: 10,000. */
  readonly recipientsWithinMs?: number;
  /**
   * Local parts in local and relay domains that contain `@`, `%` or `!` but are mailboxes. Case makes no difference.
   * Default: none.
   */
  readonly literalLocalParts?: readonly string[];
  /** Receives each warning about the options once, when the check is created. `warnings` contains the same. Default: none. */
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

const OWNER = 'relayControl';
const HOOK_DEADLINE_MS = 10_000;
const POSTMASTER = /^postmaster$/i;
/**
 * Creates relay control, the check that every SMTP policy must have.
 *
 * @returns the check, with `warnings` about its options
 * @throws {TypeError} for a wrong or unknown option, such as a prefix with host bits, a malformed domain, or a fingerprint that
 *   is not SHA-256
 */
export function relayControl(options: RelayControlOptions): RelayControl {
  assertKnownOptions(OWNER, options, [
    'localDomains',
    'relayDomains',
    'trustedNetworks',
    'clientCertificates',
    'recipients',
    'recipientsWithinMs',
    'literalLocalParts',
    'onWarning',
  ]);
  const local = domainSet('localDomains', options.localDomains);
  const relayed = domainSet('relayDomains', options.relayDomains ?? []);
  const trusted = trust(options.trustedNetworks ?? LOOPBACK);
  const certificates = new Set((options.clientCertificates ?? []).map(fingerprint));
  const literal = new Set((options.literalLocalParts ?? []).map((localPart) => localPart.toLowerCase()));
  const { recipients, recipientsWithinMs = HOOK_DEADLINE_MS } = options;
  if (recipients !== undefined)
    assertFunction(OWNER, 'recipients', recipients, 'a function that returns the status of a mailbox');
  positiveNumber(OWNER, 'recipientsWithinMs', recipientsWithinMs);

  const warnings: readonly RelayWarning[] = [
    ...trusted.warnings,
    ...wholeSuffixes('localDomains', local.parents),
    ...wholeSuffixes('relayDomains', relayed.parents),
  ];
  for (const warning of warnings) options.onWarning?.(warning);

  function examine(facts: RelayFacts, env: RelayEnv, signal: AbortSignal): Awaitable<RelayAnswer> {
    // RCPT TO:<> has no recipient (RFC 5321 §4.1.1.3).
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
      return lookup(recipients, facts.forwardPath, here, env, signal);
    }

    const allowed = authority(facts);
    if (allowed === undefined) return facts.sourceRoute === true ? sourceRouted : denied;
    if (facts.sourceRoute === true) return sourceRouted;
    if (isRouted(localPart)) return senderRouted;
    return pass({ detail: { because: allowed } });
  }

  /** Returns why this client may send to any domain. Reputation, sender and HELO are no reason. */
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

  async function lookup(
    hook: NonNullable<typeof recipients>,
    mailbox: Mailbox,
    here: boolean,
    env: RelayEnv,
    signal: AbortSignal,
  ): Promise<RelayAnswer> {
    const ended = await withDeadline(env.clock, recipientsWithinMs, signal, (late) => hook(mailbox, late));
    if (ended.how === 'failed') return unavailable(messageOf(ended.error));
    if (ended.how !== 'answered') return unavailable(ended.how === 'late' ? 'deadline' : 'aborted');
    switch (ended.value) {
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
        return fail({
          status: '2.1',
          explanation: 'Mailbox does not accept mail',
          detail: { because: 'recipient-disabled' },
        });
      case 'full':
        return temperror({ status: '2.2', explanation: 'Mailbox is full', detail: { because: 'recipient-full' } });
      case 'unavailable':
        return unavailable();
      default:
        return unavailable(`recipients returned ${typeof ended.value}`);
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
const unavailable = (error?: string): RelayAnswer =>
  temperror({
    status: '3.0',
    explanation: 'Recipient could not be checked; please try again later',
    detail: { because: 'recipient-unavailable', error },
  });
const senderRouted: RelayAnswer = fail({
  cause: 'relay-denied',
  status: '7.1',
  explanation: 'Relaying denied: recipient address contains a route',
  detail: { because: 'sender-routed' },
});
const sourceRouted: RelayAnswer = fail({
  cause: 'recipient-syntax',
  status: '1.3',
  explanation: 'Source routes are not supported',
  detail: { because: 'source-route' },
});

/** Whether the login identifies an account. ANONYMOUS (RFC 4505) does not, with or without a trace. */
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
    throw wrongOption(OWNER, 'clientCertificates', 'SHA-256 fingerprints of 64 hexadecimal digits', text);
  return digits;
}

const wholeSuffixes = (option: 'localDomains' | 'relayDomains', parents: readonly string[]): RelayWarning[] =>
  parents
    .filter((parent) => !parent.includes('.'))
    .map((parent) => ({
      option,
      value: `.${parent}`,
      problem: 'whole-suffix',
      message: `relayControl: ${option} .${parent} accepts mail for every domain under a top-level domain`,
    }));

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
