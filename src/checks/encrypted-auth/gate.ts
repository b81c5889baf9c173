import type { AccessCapabilities, AccessCommandFacts, AccessRefusal } from '../../access/facts.ts';
import { assertKnownOptions, oneOf, wrongOption } from '../../core/index.ts';
import { parsePrefix, prefixHas } from '../../net/index.ts';
import { addressToTrust } from '../../smtp/client.ts';

/** The facts that the gate needs. They are known before any secret has been read. */
export type GateFacts = Pick<AccessCommandFacts, 'session' | 'client' | 'tls' | 'tlsOffer' | 'state' | 'command'>;

/**
 * The decision on one command.
 *
 * - `allow`: carry out the command. `discardPipelined`: discard the input that arrived after it; `exempt`: the login is not
 *   encrypted, and only allowed because the client is in `clearTextFrom`
 * - `refuse`: send the reply of the reason. `close`: and close the connection
 * - `hide`: the command would be refused, so it must not be advertised
 */
export type GateDecision =
  | { readonly verdict: 'allow'; readonly discardPipelined?: true; readonly exempt?: true }
  | { readonly verdict: 'refuse'; readonly reason: AccessRefusal; readonly close?: true }
  | { readonly verdict: 'hide' };

/** Options of the gate. */
export interface GateOptions {
  /** SASL mechanisms that the server supports. Default: `['PLAIN']`. */
  readonly mechanisms?: readonly string[];
  /** Whether IMAP LOGIN, and POP3 USER and PASS, may be used. Default: true. */
  readonly plainLogin?: boolean;
  /** Oldest version of TLS (RFC 8997). Default: `TLSv1.2`. */
  readonly minimumTls?: 'TLSv1.2' | 'TLSv1.3';
  /** Whether CRAM-MD5, SCRAM and similar may be used without TLS in IMAP, POP3 and ManageSieve. Default: false. */
  readonly challengeBeforeTls?: boolean;
  /**
   * Clients that may log in without TLS: prefixes, and `unix` for sockets in the file system. Loopback must be listed too,
   * because a proxy may connect from there; an address that a proxy named is never loopback. Default: none.
   */
  readonly clearTextFrom?: readonly string[];
  /** What to do with input after STARTTLS: end the session, or discard the input. Default: `refuse`. */
  readonly pipelinedStarttls?: 'refuse' | 'discard';
}

/** Decides on commands before the login. `loginGate()` creates it. */
export interface LoginGate {
  /** Decides on one command. */
  decide(facts: GateFacts): GateDecision;
  /** Decides whether to advertise a command. What would be refused is hidden. */
  advertise(facts: GateFacts): GateDecision;
  /** Returns what may be advertised now. It calls `advertise` for each command, so that the two cannot differ. */
  capabilitiesFor(facts: Omit<GateFacts, 'command'>): AccessCapabilities;
  readonly minimumTls: 'TLSv1.2' | 'TLSv1.3';
}

const OWNER = 'encryptedAuth';
const PREFIXES = 'a list of prefixes, and "unix" for sockets in the file system';
const versions: { readonly [version: string]: number } = { 'TLSv1.2': 2, 'TLSv1.3': 3 };
const allow: GateDecision = { verdict: 'allow' };
const refuse = (reason: AccessRefusal): GateDecision => ({ verdict: 'refuse', reason });
const closing = (reason: AccessRefusal): GateDecision => ({ verdict: 'refuse', reason, close: true });

/** Commands allowed before STARTTLS on submission (RFC 3207 §4, and RSET, which has no effect). */
const beforeTls = new Set(['GREETING', 'EHLO', 'HELO', 'NOOP', 'QUIT', 'STARTTLS', 'RSET']);
/** Commands that log in. */
const loginCommands: { readonly [protocol: string]: ReadonlySet<string> } = {
  imap: new Set(['LOGIN', 'AUTHENTICATE']),
  pop3: new Set(['USER', 'PASS', 'APOP', 'AUTH']),
  smtp: new Set(['AUTH']),
  managesieve: new Set(['AUTHENTICATE']),
};

/**
 * Creates the decision function without the check, for servers without a policy.
 *
 * @throws {TypeError} for a wrong or unknown option
 */
export function loginGate(options: GateOptions = {}): LoginGate {
  assertKnownOptions(OWNER, options, [
    'mechanisms',
    'plainLogin',
    'minimumTls',
    'challengeBeforeTls',
    'clearTextFrom',
    'pipelinedStarttls',
  ]);
  const mechanisms = (options.mechanisms ?? ['PLAIN']).map(mechanismName);
  const minimumTls = oneOf(OWNER, 'minimumTls', options.minimumTls ?? 'TLSv1.2', ['TLSv1.2', 'TLSv1.3']);
  const pipelined = oneOf(OWNER, 'pipelinedStarttls', options.pipelinedStarttls ?? 'refuse', ['refuse', 'discard']);
  const isExempt = exemption(options.clearTextFrom ?? []);
  const plainLogin = options.plainLogin ?? true;
  const challengeBeforeTls = options.challengeBeforeTls ?? false;

  const newEnough = (version: string): boolean =>
    Object.hasOwn(versions, version) && (versions[version] as number) >= (versions[minimumTls] as number);

  function decide(facts: GateFacts): GateDecision {
    const { session, tls, tlsOffer, state, command } = facts;
    const { protocol } = session;
    const name = command.name.toUpperCase();
    const inClear = tls === null || tls === undefined;
    // RFC 8314 §3: on an implicit port there is no protocol before TLS.
    if (inClear && session.implicitTls === true) return closing('not-tls');
    if (name === 'GREETING') {
      // Without TLS no login is possible, so the greeting already reports it.
      const useless = inClear && tlsOffer === 'none' && protocol !== 'smtp' && !isExempt(facts.client);
      if (useless) return closing('tls-not-configured');
      return inClear && state !== 'open' ? closing('preauth-in-clear') : allow;
    }
    if (name === 'STARTTLS' || name === 'STLS') return startTls(facts, inClear);
    if (protocol === 'smtp' && session.role === 'submission') {
      if (inClear && !beforeTls.has(name) && !isExempt(facts.client)) return refuse('tls-required');
      if (name === 'MAIL' && state === 'open') return refuse('login-required');
    }
    if (loginCommands[protocol]?.has(name) !== true) return allow;
    return login(facts, name, inClear);
  }

  /** RFC 9051 §6.2.1, RFC 2595 §4, RFC 3207 §4, RFC 5804 §2.2. */
  function startTls({ tlsOffer, state, command }: GateFacts, inClear: boolean): GateDecision {
    if (!inClear) return refuse('tls-active');
    if (state === 'transaction') return refuse('mid-transaction');
    if (state === 'authenticated') return refuse('starttls-too-late');
    if (command.argument === true) return refuse('starttls-argument');
    if (tlsOffer === 'none') return refuse('tls-not-configured');
    if (tlsOffer === 'broken') return refuse('tls-broken');
    if (command.pipelined === true && pipelined === 'refuse') return closing('starttls-pipelined');
    return { verdict: 'allow', discardPipelined: true };
  }

  function login(facts: GateFacts, name: string, inClear: boolean): GateDecision {
    const { session, client, tls, state, command } = facts;
    if (state === 'authenticated') return refuse('already-authenticated');
    if (state === 'transaction') return refuse('mid-transaction');
    const sasl = name === 'AUTHENTICATE' || name === 'AUTH';
    // AUTH without a mechanism is treated like one that reveals a secret.
    const mechanism = sasl ? (command.mechanism ?? '').toUpperCase() : undefined;
    const kind = mechanism === undefined ? 'secret' : mechanismClass(mechanism);
    let exempt = false;
    if (inClear) {
      exempt = isExempt(client) && kind !== 'bound';
      const challenged = challengeBeforeTls && kind === 'challenge' && session.protocol !== 'smtp';
      if (!exempt && !challenged) return refuse('tls-required');
    } else if (!newEnough(tls?.version ?? '')) return refuse('tls-too-old');

    if (mechanism === undefined) {
      // APOP needs a time stamp in the greeting, which this gate does not send (RFC 1939 §7).
      if (!plainLogin || name === 'APOP') return refuse('mechanism-unknown');
    } else {
      if (!mechanisms.includes(mechanism)) return refuse('mechanism-unknown');
      if (mechanism === 'EXTERNAL' && tls?.clientCertificate === undefined) return refuse('certificate-required');
    }
    return exempt ? { verdict: 'allow', exempt: true } : allow;
  }

  const advertise = (facts: GateFacts): GateDecision => {
    const decision = decide(facts);
    return decision.verdict === 'refuse' ? { verdict: 'hide' } : decision;
  };

  return {
    minimumTls,
    decide,
    advertise,
    capabilitiesFor(facts) {
      const { protocol } = facts.session;
      const shown = (name: string, mechanism?: string): boolean =>
        advertise({ ...facts, command: mechanism === undefined ? { name } : { name, mechanism } }).verdict === 'allow';
      const sasl = protocol === 'pop3' || protocol === 'smtp' ? 'AUTH' : 'AUTHENTICATE';
      return {
        starttls: shown(protocol === 'pop3' ? 'STLS' : 'STARTTLS'),
        plainLogin: protocol === 'imap' ? shown('LOGIN') : protocol === 'pop3' && shown('USER'),
        mechanisms: mechanisms.filter((mechanism) => shown(sasl, mechanism)),
      };
    },
  };
}

/** Reads `clearTextFrom`. */
function exemption(entries: readonly string[]): (client: GateFacts['client']) => boolean {
  if (!Array.isArray(entries)) throw wrongOption(OWNER, 'clearTextFrom', PREFIXES, entries);
  const unix = entries.includes('unix');
  const prefixes = entries
    .filter((entry) => entry !== 'unix')
    .map((entry) => {
      try {
        return parsePrefix(entry);
      } catch (error) {
        throw wrongOption(OWNER, 'clearTextFrom', `${PREFIXES} (${(error as Error).message})`, entry);
      }
    });
  return (client) => {
    if (client.unixSocket === true) return unix && client.via === undefined;
    if (prefixes.length === 0) return false;
    const ip = addressToTrust(client);
    return ip !== undefined && prefixes.some((prefix) => prefixHas(prefix, ip));
  };
}

function mechanismName(name: string): string {
  const upper = typeof name === 'string' ? name.toUpperCase() : '';
  // RFC 4422 §3.1.
  if (!/^[A-Z0-9_-]{1,20}$/.test(upper))
    throw wrongOption(OWNER, 'mechanisms', 'SASL mechanism names like "SCRAM-SHA-256"', name);
  return upper;
}

/**
 * What a mechanism reveals to an eavesdropper.
 *
 * - `secret`: the password or the token; also every unknown mechanism
 * - `challenge`: a value derived from the password, which an eavesdropper can test guesses against
 * - `bound`: the mechanism only works inside TLS
 */
export type MechanismClass = 'secret' | 'challenge' | 'bound';

const challenges = new Set([
  'CRAM-MD5',
  'DIGEST-MD5',
  'NTLM',
  'APOP',
  'GSSAPI',
  'GSS-SPNEGO',
  'KERBEROS_V4',
  'SRP',
  'OTP',
]);

/** Returns the class of a mechanism, whose name is in upper case. A bearer token is a secret. */
export function mechanismClass(mechanism: string): MechanismClass {
  if (mechanism === 'EXTERNAL' || mechanism.endsWith('-PLUS')) return 'bound';
  if (challenges.has(mechanism) || /^SCRAM-SHA(-1|-224|-256|-384|-512|3-512)$/.test(mechanism)) return 'challenge';
  return 'secret';
}
