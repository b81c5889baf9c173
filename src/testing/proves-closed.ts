/**
 * **Answers**: does this policy relay for strangers?
 *
 * **Knows**: the policy, a domain that is local under it, and the networks that its author means to trust.
 * **Asks**: whatever the policy's rules ask, of an environment in which nothing speaks against the client.
 *
 * Every address form is tried from every client, with HELO names and senders that have fooled servers: as the site itself, as
 * localhost, with the null sender, under TLS with a certificate that nobody listed. Clients also come through proxies: named
 * as loopback in a PROXY header or by XCLIENT, or not named at all. A recipient that `net` cannot read counts as refused,
 * since no session hands it on.
 *
 * **Limits**: it explores, it does not reason: a rule that opens the relay for one address in the world is not found, unless
 * that address is among `clients`. It asks the policy; what a server does with a policy's answer, `postern audit` asks.
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
  /** A domain whose mail ends at the server, as the policy has it. */
  readonly localDomain: string;
  /** Domains that the policy must not know; three under `.example` and `.test` where not given. */
  readonly foreignDomains?: readonly string[];
  /**
   * The networks that may relay, and are meant to; `unix` is sockets in the file system. Addresses just outside them are tried,
   * and loopback inside them as a proxy would name it. Default: loopback.
   */
  readonly trustedNetworks?: readonly string[];
  /** Further addresses to try. */
  readonly clients?: readonly string[];
  /** What the rules may ask. Where it is not given, no name exists, nobody is banned and every count is allowed. */
  readonly env?: E;
  /** Called before each evaluation; for rules that remember. */
  readonly beforeEach?: () => void;
}

/** A stranger's mail that would go out. */
export interface Counterexample {
  readonly form: string;
  /** As it would stand in RCPT TO. */
  readonly path: string;
  readonly client: string;
  /** How a proxy named the client, if one did. */
  readonly via?: RcptFacts['client']['via'];
  readonly helo: string;
  /** As it would stand in MAIL FROM. */
  readonly sender: string;
  readonly tls: boolean;
  readonly role: Role;
  /** What let it through: the whole policy, or relay control alone where another rule has refused. */
  readonly by: 'policy' | 'relay-control';
  readonly decision: Decision;
}

export interface ClosedReport {
  readonly closed: boolean;
  /** How many recipients were put to the policy. */
  readonly tried: number;
  /** How many could not be read, and so never reach a policy. */
  readonly unreadable: number;
  /** The first hundred. */
  readonly counterexamples: readonly Counterexample[];
}

const MAX_COUNTEREXAMPLES = 100;

/** What a proxy may name, and what it may itself connect from. */
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
 * Explores whether an unauthenticated, untrusted client gets a foreign recipient accepted.
 *
 * @throws TypeError where `localDomain`, a foreign domain or an address cannot be read
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
        throw new TypeError(`provesClosed: clients ${JSON.stringify(text)} is not an IP address`);
      return address;
    })
    .filter((address, i, all) => all.indexOf(address) === i && !trusted.some((prefix) => prefixHas(prefix, address)));
  const clients: RcptFacts['client'][] = [
    ...addresses.map((ip) => ({ ip })),
    ...loopback.flatMap((ip) => [
      { ip, via: 'proxy-header' as const },
      { ip, via: 'xclient' as const },
    ]),
    // A proxy on a trusted network that names nobody is not the client that is trusted.
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

/** What let the mail through, if anything did. */
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

/** What strangers say of themselves. Nothing of it is proved, so nothing of it may count. */
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
  if (name === undefined) throw new TypeError(`provesClosed: ${option} ${JSON.stringify(text)} is not a domain name`);
  return name;
}

/** The addresses just before and just behind a prefix: where an error of one bit would show. */
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
