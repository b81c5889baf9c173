import type { AccessCapabilities, AccessCommandFacts, AccessRefusal } from '../../access/facts.ts';
import { parsePrefix, prefixHas } from '../../net/index.ts';
import { addressToTrust } from '../../smtp/client.ts';
import { mechanismClass } from './mechanism-class.ts';

/** What the gate needs to know; plain facts, known before any secret has been read. */
export type GateFacts = Pick<AccessCommandFacts, 'session' | 'client' | 'tls' | 'tlsOffer' | 'state' | 'command'>;

/**
 * - `allow`: go on. `discardPipelined`: whatever arrived behind this command is thrown away unread; `exempt`: only because
 *   the client is on the list of those who may log in in the clear, which is worth a line in the log
 * - `refuse`: answer with the reason's reply; `close`: and hang up
 * - `hide`: it would be refused, so it must not be advertised
 */
export type GateDecision =
  | { readonly verdict: 'allow'; readonly discardPipelined?: true; readonly exempt?: true }
  | { readonly verdict: 'refuse'; readonly reason: AccessRefusal; readonly close?: true }
  | { readonly verdict: 'hide' };

/** What a site wants. */
export interface GateOptions {
  /** SASL mechanisms that the server can carry out. `PLAIN` where not given. */
  readonly mechanisms?: readonly string[];
  /** Whether IMAP LOGIN, POP3 USER and PASS, may be used at all. True. */
  readonly plainLogin?: boolean;
  /** `TLSv1.2` where not given (RFC 8997). */
  readonly minimumTls?: 'TLSv1.2' | 'TLSv1.3';
  /** Whether challenge-response mechanisms (CRAM-MD5, SCRAM) may be used in the clear, in IMAP, POP3 and ManageSieve. False. */
  readonly challengeBeforeTls?: boolean;
  /**
   * Who may log in in the clear: prefixes, and `unix` for sockets in the file system. Loopback is not exempt by itself, because
   * a proxy may connect from there; an address that a proxy named is never loopback. Default: nobody.
   */
  readonly clearTextFrom?: readonly string[];
  /** What becomes of octets behind STARTTLS: the session is ended (`refuse`, the default), or they are thrown away (`discard`). */
  readonly pipelinedStarttls?: 'refuse' | 'discard';
}

/** The gate, for one site. */
export interface LoginGate {
  /** Decides on one command. */
  decide(facts: GateFacts): GateDecision;
  /** The same, asked whether to advertise: what would be refused is to be hidden. */
  advertise(facts: GateFacts): GateDecision;
  /** What may be advertised now. Made by asking `advertise` about each command in turn, so that the two cannot differ. */
  capabilitiesFor(facts: Omit<GateFacts, 'command'>): AccessCapabilities;
  readonly minimumTls: 'TLSv1.2' | 'TLSv1.3';
}

const versions: { readonly [version: string]: number } = { 'TLSv1.2': 2, 'TLSv1.3': 3 };
const allow: GateDecision = { verdict: 'allow' };
const refuse = (reason: AccessRefusal): GateDecision => ({ verdict: 'refuse', reason });
const closing = (reason: AccessRefusal): GateDecision => ({ verdict: 'refuse', reason, close: true });

/** What a client may say before STARTTLS on submission (RFC 3207 §4, and RSET, which changes nothing). */
const beforeTls = new Set(['GREETING', 'EHLO', 'HELO', 'NOOP', 'QUIT', 'STARTTLS', 'RSET']);
/** Commands that log in. XOAUTH and the like are mechanisms, not commands. */
const loginCommands: { readonly [protocol: string]: ReadonlySet<string> } = {
  imap: new Set(['LOGIN', 'AUTHENTICATE']),
  pop3: new Set(['USER', 'PASS', 'APOP', 'AUTH']),
  smtp: new Set(['AUTH']),
  managesieve: new Set(['AUTHENTICATE']),
};

/** @throws TypeError for a wrong option */
export function loginGate(options: GateOptions = {}): LoginGate {
  const mechanisms = (options.mechanisms ?? ['PLAIN']).map(mechanismName);
  const minimumTls = options.minimumTls ?? 'TLSv1.2';
  if (!Object.hasOwn(versions, minimumTls))
    throw new TypeError(
      `encryptedAuth: minimumTls ${JSON.stringify(minimumTls)} must be one of ${Object.keys(versions).join(', ')}`,
    );
  const pipelined = options.pipelinedStarttls ?? 'refuse';
  if (pipelined !== 'refuse' && pipelined !== 'discard')
    throw new TypeError(`encryptedAuth: pipelinedStarttls ${JSON.stringify(pipelined)} must be "refuse" or "discard"`);
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
      // A server that can have no TLS cannot let anybody in: say so at once, not at each login.
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
    // An AUTH that names no mechanism asks for a list, or for nothing: no less than a secret as it is.
    const mechanism = sasl ? (command.mechanism ?? '').toUpperCase() : undefined;
    const kind = mechanism === undefined ? 'secret' : mechanismClass(mechanism);
    let exempt = false;
    if (inClear) {
      exempt = isExempt(client) && kind !== 'bound';
      const challenged = challengeBeforeTls && kind === 'challenge' && session.protocol !== 'smtp';
      if (!exempt && !challenged) return refuse('tls-required');
    } else if (!newEnough(tls?.version ?? '')) return refuse('tls-too-old');

    if (mechanism === undefined) {
      // APOP needs a time stamp in the greeting, which this gate does not give (RFC 1939 §7).
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

/** Who may log in in the clear. */
function exemption(entries: readonly string[]): (client: GateFacts['client']) => boolean {
  if (!Array.isArray(entries))
    throw new TypeError(
      'encryptedAuth: clearTextFrom must be a list of prefixes, and "unix" for sockets in the file system',
    );
  const unix = entries.includes('unix');
  const prefixes = entries
    .filter((entry) => entry !== 'unix')
    .map((entry) => {
      try {
        return parsePrefix(entry);
      } catch (error) {
        throw new TypeError(`encryptedAuth: clearTextFrom ${error instanceof Error ? error.message : String(error)}`);
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
    throw new TypeError(
      `encryptedAuth: mechanisms ${JSON.stringify(name)} is not a SASL mechanism's name; give it like "SCRAM-SHA-256"`,
    );
  return upper;
}
