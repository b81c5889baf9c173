/**
 * **Answers**: does this policy relay for unknown clients?
 *
 * **Knows**: the policy, a domain that is local under it, and the networks that its author trusts.
 * **Asks**: whatever the policy's rules ask, by default of an environment that refuses nothing.
 *
 * It tries every address form from every client, with HELO names and senders that have fooled servers: the site itself,
 * localhost, the null sender, TLS with an unlisted client certificate. Clients also come through proxies: named as loopback in
 * a PROXY header or by XCLIENT, or not named at all. A recipient that `net` cannot read counts as refused, because no session
 * passes it to a policy.
 *
 * **Limits**: it tries cases; it does not prove the absence of others. It does not find a rule that opens the relay for a
 * single address, unless that address is among `clients`. It tests the policy; `postern audit` tests a running server.
 *
 * @example
 * ```ts
 * import { relayControl } from 'postern/checks/relay-control';
 * import { smtpPolicy } from 'postern/smtp';
 * import { provesClosed } from 'postern/testing';
 *
 * const policy = smtpPolicy({ relay: relayControl({ localDomains: ['example.com'] }) });
 * const { closed, counterexamples } = await provesClosed(policy, { localDomain: 'example.com' });
 * console.log(closed, counterexamples[0]?.path);
 * ```
 *
 * @module
 */
import type { Decision } from '../core/index.ts';
import { evaluate } from '../core/index.ts';
import type { Env } from '../env/index.ts';
import type { IpAddress, Mailbox } from '../net/index.ts';
import { ipBytes, ipFromBytes, parseDomain, parseIp, parsePath, parsePrefix, prefixHas } from '../net/index.ts';
import type { RcptFacts, Role, SessionPolicy, SmtpStages, TlsFacts } from '../smtp/index.ts';
import { relayForms } from './address-forms.ts';
import { fixedClock } from './fixed-clock.ts';
import { quietEnv } from './quiet-env.ts';

export interface ClosedOptions<E = Env> {
  /** A domain that is local under the policy. */
  readonly localDomain: string;
  /** Domains that the policy does not know. Default: three under `.example` and `.test`. */
  readonly foreignDomains?: readonly string[];
  /**
   * The networks that may relay; `unix` means Unix sockets. Addresses just outside them are tried, and loopback inside them as
   * a proxy would name it. Default: loopback.
   */
  readonly trustedNetworks?: readonly string[];
  /** Additional client addresses to try. Default: none. */
  readonly clients?: readonly string[];
  /** The environment of the rules. Default: no name exists, no client is banned, every count is allowed. */
  readonly env?: E;
  /** Called before each evaluation, for rules that keep state. Default: nothing. */
  readonly beforeEach?: () => void;
}

/** Mail of an untrusted client that the policy accepts. */
export interface Counterexample {
  readonly form: string;
  /** As written in RCPT TO. */
  readonly path: string;
  readonly client: string;
  /** How a proxy named the client, if one did. */
  readonly via?: RcptFacts['client']['via'];
  readonly helo: string;
  /** As written in MAIL FROM. */
  readonly sender: string;
  readonly tls: boolean;
  readonly role: Role;
  /** What accepted it: the whole policy, or relay control alone if another rule refuses. */
  readonly by: 'policy' | 'relay-control';
  readonly decision: Decision;
}

export interface ClosedReport {
  readonly closed: boolean;
  /** The number of recipients that the policy was asked about. */
  readonly tried: number;
  /** The number of recipients that cannot be read, so that no policy sees them. */
  readonly unreadable: number;
  /** The first 100 counterexamples. */
  readonly counterexamples: readonly Counterexample[];
}

const MAX_COUNTEREXAMPLES = 100;

/** The addresses that a proxy may name, and may connect from itself. */
const loopback: readonly IpAddress[] = ['127.0.0.1', '::1'].map((text) => parseIp(text) as IpAddress);

/** Addresses from everywhere, and those that are trusted by mistake: gateways, bridges, mapped and link-local ones. */
const strangers: readonly string[] = [
  '8.8.8.8',
  '192.0.2.66',
  '203.0.113.9',
  '10.0.0.1',
  '10.88.0.1',
  '172.17.0.1',
  '172.18.0.1',
  '192.168.0.1',
  '192.168.65.1',
  '100.64.0.1',
  '169.254.1.1',
  '0.0.0.0',
  '255.255.255.255',
  '126.255.255.255',
  '128.0.0.0',
  '::ffff:10.0.0.1',
  '::ffff:203.0.113.9',
  '::',
  '::2',
  '::7f00:1',
  'fe80::1',
  'fd00::1',
  '2001:db8::66',
  '2606:4700:4700::1111',
  '64:ff9b::7f00:1',
  '2002:7f00:1::1',
  '2001:0:7f00:1::80ff:fffe',
  '3fff::1',
  '198.51.100.9',
];

/**
 * Tries whether the policy accepts a foreign recipient from an untrusted client without a login.
 *
 * @throws {TypeError} if `localDomain`, a foreign domain or an address cannot be read
 */
export async function provesClosed<E = Env>(
  policy: SessionPolicy<E>,
  options: ClosedOptions<E>,
): Promise<ClosedReport> {
  const local = domain('localDomain', options.localDomain);
  const foreign = (options.foreignDomains ?? ['victim.example', 'sub.victim.test', 'xn--bcher-kva.example']).map(
    (name) => domain('foreignDomains', name),
  );
  const networks = options.trustedNetworks ?? ['127.0.0.0/8', '::1'];
  const trusted = networks.filter((text) => text !== 'unix').map((text) => parsePrefix(text));
  const addresses = [...strangers, ...(options.clients ?? []), ...trusted.flatMap(edges)]
    .map((text) => {
      const address = parseIp(text);
      if (address === undefined)
        throw new TypeError(`provesClosed: clients must be IP addresses, got ${JSON.stringify(text)}`);
      return address;
    })
    .filter((address, i, all) => all.indexOf(address) === i && !trusted.some((prefix) => prefixHas(prefix, address)));
  const clients: RcptFacts['client'][] = [
    ...addresses.map((ip) => ({ ip })),
    ...loopback.flatMap((ip) => [
      { ip, via: 'proxy-header' as const },
      { ip, via: 'xclient' as const },
    ]),
    // A proxy on a trusted network that names no client is not a trusted client.
    ...[...loopback, ...trusted.map(({ address }) => address)].map((ip) => ({ ip, via: 'proxy' as const })),
    ...(networks.includes('unix') ? [] : [{ ip: loopback[0] as IpAddress, unixSocket: true }]),
  ];
  const clock = fixedClock();
  const env = options.env ?? (quietEnv({ clock }) as unknown as E);
  const ask = (facts: RcptFacts): Promise<Decision> => {
    const decision = evaluate<SmtpStages, E, 'rcpt'>(policy as never, 'rcpt', facts, env);
    return options.env === undefined ? clock.until(decision) : decision;
  };

  let tried = 0;
  let unreadable = 0;
  const counterexamples: Counterexample[] = [];
  for (const name of foreign) {
    for (const { name: form, path } of relayForms(local, name)) {
      const read = parsePath(path, { postmasterDomain: local });
      if (typeof read === 'string' || read.mailbox === null) {
        unreadable++;
        continue;
      }
      for (const client of clients) {
        for (const how of circumstances(local, client.ip)) {
          options.beforeEach?.();
          tried++;
          const decision = await ask(factsOf(client, how, read.mailbox, read.sourceRoute));
          const by = opening(decision);
          if (by === undefined || counterexamples.length >= MAX_COUNTEREXAMPLES) continue;
          counterexamples.push({
            form,
            path,
            client: client.ip,
            via: client.via,
            helo: how.helo,
            sender: how.sender === null ? '<>' : `<${how.sender.localPart}@${how.sender.domain}>`,
            tls: how.tls !== null,
            role: how.role,
            by,
            decision,
          });
        }
      }
    }
  }
  return { closed: counterexamples.length === 0, tried, unreadable, counterexamples };
}

/** Returns what accepted the mail, if anything did. */
function opening(decision: Decision): Counterexample['by'] | undefined {
  if (decision.action !== 'defer' && decision.action !== 'reject') return 'policy';
  const [first] = decision.outcomes;
  return first?.rule === 'relay-control' && first.finding.result === 'pass' ? 'relay-control' : undefined;
}

interface Circumstance {
  readonly helo: string;
  readonly sender: Mailbox | null;
  readonly tls: TlsFacts | null;
  readonly role: Role;
}

/** The claims of untrusted clients. None is proved, so none may matter. */
function circumstances(local: string, ip: IpAddress): Circumstance[] {
  const from = (localPart: string, name: string): Mailbox => ({ localPart, domain: name as Mailbox['domain'] });
  const certificate = { fingerprint: '0'.repeat(64), subject: `CN=${local}` };
  return [
    { helo: 'stranger.example', sender: from('spam', 'stranger.example'), tls: null, role: 'mx' },
    { helo: local, sender: from('postmaster', local), tls: null, role: 'mx' },
    { helo: 'localhost', sender: null, tls: null, role: 'mx' },
    { helo: '[127.0.0.1]', sender: from('root', 'localhost'), tls: { version: 'TLSv1.3' }, role: 'submission' },
    {
      helo: ip.includes(':') ? `[IPv6:${ip}]` : `[${ip}]`,
      sender: from('user', local),
      tls: { version: 'TLSv1.3', clientCertificate: certificate },
      role: 'submission',
    },
    { helo: '', sender: from('', local), tls: null, role: 'lmtp' },
  ];
}

function factsOf(
  client: RcptFacts['client'],
  how: Circumstance,
  forwardPath: Mailbox,
  sourceRoute: boolean,
): RcptFacts {
  const name = parseDomain(how.helo);
  return {
    session: { id: 'proof', role: how.role },
    client,
    tls: how.tls,
    helo: {
      verb: how.role === 'lmtp' ? 'LHLO' : 'EHLO',
      name: how.helo,
      domain: name,
    },
    auth: null,
    reversePath: how.sender,
    forwardPath,
    sourceRoute,
  };
}

function domain(option: string, text: string): string {
  const name = parseDomain(text);
  if (name === undefined)
    throw new TypeError(`provesClosed: ${option} must be a domain name, got ${JSON.stringify(text)}`);
  return name;
}

/** Returns the addresses just before and just after a prefix, which show an error of one bit. */
function edges(prefix: { readonly address: IpAddress; readonly length: number }): string[] {
  const first = ipBytes(prefix.address);
  const last = first.map((octet, i) => octet | (0xff >> Math.min(8, Math.max(0, prefix.length - i * 8))));
  return [step(first, -1), step(last, 1)].flatMap((bytes) => (bytes === undefined ? [] : [ipFromBytes(bytes)]));
}

function step(bytes: Uint8Array, by: 1 | -1): Uint8Array | undefined {
  const next = Uint8Array.from(bytes);
  for (let i = next.length - 1; i >= 0; i--) {
    const value = (next[i] as number) + by;
    next[i] = value & 255;
    if (value >= 0 && value <= 255) return next;
  }
  return undefined;
}
