import { createHash, X509Certificate } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AuditOptions, FindingId, ProbeName, ServiceName } from 'postern/audit';
import type { ZoneData, ZoneEntry } from 'postern/testing';
import type { Authority, Issued, Wanted } from './certificates.ts';
import {
  closedRelay,
  type Fake,
  type FakeOptions,
  type FakeTls,
  type ImapSays,
  imap,
  type Pop3Says,
  pop3,
  type SieveSays,
  type SmtpSays,
  serveFake,
  serveRaw,
  sieve,
  smtp,
} from './fakes.ts';
import type { Truth } from './truth.ts';

/** A site with servers in one posture, and what is so of it. */
export interface Posture extends Truth {
  /** What must be installed. */
  readonly needs: 'nothing' | 'postfix' | 'dovecot' | 'postfix and dovecot' | 'cyrus' | 'courier';
  readonly build: (kit: Kit) => Parts;
}

/** What postures are made with. */
export interface Kit {
  readonly ports: { readonly [service in ServiceName]: number };
  readonly httpsPort: number;
  readonly authority: Authority;
}

/** What one posture consists of. */
export interface Parts {
  readonly zone: ZoneData;
  readonly options: AuditOptions;
  /** Made-up servers. */
  readonly fakes: readonly (() => Promise<Fake>)[];
  readonly postfix: readonly PostfixPlace[];
  readonly dovecot: readonly DovecotPlace[];
  readonly cyrus: readonly OtherPlace[];
  readonly courier: readonly OtherPlace[];
}

/** One service of Postfix: settings beyond those of all. */
export interface PostfixPlace {
  readonly address: string;
  readonly port: number;
  readonly domain: string;
  readonly host: string;
  readonly certificate?: Issued;
  readonly settings: { readonly [name: string]: string };
}

/** One address of Dovecot. */
export interface DovecotPlace {
  readonly address: string;
  readonly services: readonly ('imap' | 'imaps' | 'pop3' | 'pop3s')[];
  readonly certificate?: Issued;
  readonly settings: { readonly [name: string]: string };
}

/** One address of Cyrus or Courier. */
export interface OtherPlace extends DovecotPlace {
  readonly host: string;
}

/** A login is asked for from here, since a server may trust its own address. */
export const SOURCE = '127.0.9.9';

const probes: readonly ProbeName[] = ['smtp', 'relay', 'failover', 'login', 'tls', 'mta-sts', 'dane'];

/** With these, loopback counts as the Internet. */
export const postureOptions = ({ ports, httpsPort, authority }: Kit): AuditOptions => ({
  only: probes,
  publicNetworks: ['127.0.0.0/8'],
  source: SOURCE,
  ports: { smtp: ports.smtp },
  httpsPort,
  timeoutMs: 2_500,
  authorities: [authority.cert],
});

interface Own {
  readonly domain: string;
  readonly mx: string;
  readonly mail: string;
  readonly a: string;
  readonly b: string;
  readonly c: string;
  /** The MTA-STS policy's. */
  readonly web: string;
}

type Made = Partial<Omit<Parts, 'zone'>> & { readonly zone: { readonly [name: string]: ZoneEntry } };

let count = 0;
function posture(
  name: string,
  what: string,
  must: readonly FindingId[],
  build: (own: Own, kit: Kit) => Made,
  more: Pick<Truth, 'may' | 'oneOf'> & { readonly needs?: Posture['needs'] } = {},
): Posture {
  const n = ++count;
  const domain = `${name}.example`;
  const at = (network: number): string => `127.${Math.floor((n - 1) / 250)}.${network}.${((n - 1) % 250) + 1}`;
  const own: Own = {
    domain,
    mx: `mx.${domain}`,
    mail: `mail.${domain}`,
    a: at(1),
    b: at(2),
    c: at(3),
    web: at(4),
  };
  return {
    domain,
    what,
    must,
    needs: more.needs ?? 'nothing',
    ...(more.may === undefined ? {} : { may: more.may }),
    ...(more.oneOf === undefined ? {} : { oneOf: more.oneOf }),
    build(kit) {
      const { zone, options = {}, fakes = [], postfix = [], dovecot = [], cyrus = [], courier = [] } = build(own, kit);
      const named = Object.entries(zone).map(([label, entry]) => [label === '' ? domain : `${label}.${domain}`, entry]);
      return { zone: Object.fromEntries(named), options, fakes, postfix, dovecot, cyrus, courier };
    },
  };
}

// MX hosts.

const oneMx = ({ mx, a }: Own): { readonly [name: string]: ZoneEntry } => ({ '': { MX: [[10, mx]] }, mx: { A: [a] } });

interface MxHost {
  readonly says?: (own: Own) => SmtpSays;
  /** False: no TLS. */
  readonly certificate?: Wanted | false;
  readonly tls?: Omit<FakeTls, 'certificate'>;
  readonly options?: FakeOptions;
}

const certificateOf = (own: Own, { authority }: Kit, wanted: Wanted = {}): Issued =>
  authority.issue({ names: [own.mx, own.mail], ...wanted });

function mxHost(own: Own, kit: Kit, address: string, made: MxHost = {}): () => Promise<Fake> {
  const { says, certificate, tls, options } = made;
  const secured: FakeTls | undefined =
    certificate === false ? undefined : { certificate: certificateOf(own, kit, certificate), ...tls };
  return () =>
    serveFake(address, kit.ports.smtp, smtp(own.domain, secured !== undefined, says?.(own)), {
      ...options,
      tls: secured,
    });
}

const fakeMx = (
  name: string,
  what: string,
  must: readonly FindingId[],
  made: MxHost = {},
  more: Pick<Truth, 'may' | 'oneOf'> = {},
): Posture =>
  posture(name, what, must, (own, kit) => ({ zone: oneMx(own), fakes: [mxHost(own, kit, own.a, made)] }), more);

const rawMx = (
  name: string,
  what: string,
  must: readonly FindingId[],
  each: Parameters<typeof serveRaw>[2],
  more: Pick<Truth, 'may' | 'oneOf'> = {},
): Posture =>
  posture(
    name,
    what,
    must,
    (own, kit) => ({ zone: oneMx(own), fakes: [() => serveRaw(own.a, kit.ports.smtp, each)] }),
    more,
  );

/** A relay that is closed but for recipients of one form. */
const relayFor = (name: string, what: string, opens: (path: string, own: Own, sender: string) => boolean): Posture =>
  fakeMx(name, `relays ${what}, and no other`, ['relay-open'], {
    says: (own) => ({
      rcpt: (path, sender) => (opens(path, own, sender) ? '250 2.1.5 Ok' : closedRelay(own.domain)(path)),
    }),
  });
const inner = (path: string): string => path.slice(1, -1);
const foreign = (text: string): boolean => /example\.(com|net|org)/i.test(text);

const relayForms: readonly Posture[] = [
  relayFor('relay-all', 'everything', () => true),
  relayFor('relay-plain', 'plain addresses', (path) => /^<[^@%!":]+@example\.com>$/i.test(path)),
  relayFor('relay-null', 'what comes from the null sender', (path, _, sender) => sender === '<>' && foreign(path)),
  relayFor(
    'relay-sender',
    'what comes from its own domain',
    (path, { domain }, sender) => sender.endsWith(`@${domain}>`) && foreign(path),
  ),
  relayFor(
    'relay-percent',
    'the percent hack',
    (path, { domain }) => inner(path).match(/^[^"%@]+%[^@%]+@(.*)$/)?.[1] === domain,
  ),
  relayFor(
    'relay-bang',
    'bang paths',
    (path, { domain }) => inner(path).match(/^[^"!@]+![^@!]+@(.*)$/)?.[1] === domain,
  ),
  relayFor('relay-route', 'source routes', (path) => /^<@[^:]+:[^@:]+@example\.com>$/.test(path)),
  relayFor(
    'relay-quoted',
    'a quoted @',
    (path, { domain }) => /^<"[^"\\]+@[^"]+"@/.test(path) && path.endsWith(`@${domain}>`) && !/^<"@/.test(path),
  ),
  relayFor(
    'relay-second',
    'a second @',
    (path, { domain }) => /^<[^"@%!]+@[^"@]+@/.test(path) && path.endsWith(`@${domain}>`),
  ),
  relayFor(
    'relay-literal',
    'the percent hack to its own address',
    (path, { a }) => /^<[^"%@]+%/.test(path) && path.endsWith(`@[${a}]>`),
  ),
  relayFor('relay-whole', 'a quoted address without a domain', (path) => /^<"[^"]+@[^"]+">$/.test(path)),
  relayFor(
    'relay-quoted-percent',
    'a quoted percent hack',
    (path, { domain }) => /^<"[^"%@]+%[^"]+"@/.test(path) && path.endsWith(`@${domain}>`),
  ),
  relayFor('relay-pair', 'a quoted pair', (path) => /^<"[^"]*\\@/.test(path)),
  relayFor('relay-dot', 'a domain with a dot at its end', (path) => /^<[^@%!"]+@example\.com\.>$/.test(path)),
  relayFor('relay-quoted-bang', 'a quoted bang path', (path) => /^<"[^"!]+![^"]+"@/.test(path)),
  relayFor('relay-percent-bare', 'the percent hack without a domain', (path) => /^<[^"%@]+%[^@%]+>$/.test(path)),
  relayFor('relay-bang-bare', 'a bang path without a domain', (path) => /^<[^"!@]+![^@!]+>$/.test(path)),
  relayFor('relay-case', 'domains in capital letters', (path) => /@EXAMPLE\.COM>$/.test(path)),
];

/** A server that takes mail for its own postmaster and, where `opens` says so, for strangers. */
const trusting = (
  name: string,
  what: string,
  opens: (own: Own, asked: { readonly sender: string; readonly helo: string }) => boolean,
): Posture =>
  fakeMx(name, `relays for ${what}, and for nobody else`, ['relay-open'], {
    says: (own) => ({
      rcpt: (path, sender, _, helo) =>
        opens(own, { sender, helo }) && foreign(path) ? '250 2.1.5 Ok' : closedRelay(own.domain)(path),
    }),
  });

/** A server that says this of its postmaster. */
const ofPostmaster = (name: string, what: string, must: readonly FindingId[], reply: string): Posture =>
  fakeMx(name, what, must, {
    says: ({ domain }) => ({
      rcpt: (path) => (path === `<postmaster@${domain}>` ? reply : closedRelay(domain)(path)),
    }),
  });

const strangers: readonly Posture[] = [
  trusting('helo-domain', 'clients that bear the name of the domain', ({ domain }, { helo }) => helo === domain),
  trusting('helo-host', 'clients that bear its own name', ({ mx }, { helo }) => helo === mx),
  trusting('helo-below', 'clients that bear a name below the domain', ({ domain }, { helo }) =>
    helo.endsWith(`.${domain}`),
  ),
  trusting('helo-localhost', 'clients that call themselves localhost', (_, { helo }) => helo === 'localhost'),
  trusting('helo-literal', 'clients that bear its own address', ({ a }, { helo }) => helo === `[${a}]`),
  trusting('from-foreign', 'senders from elsewhere', (_, { sender }) => sender.endsWith('@example.com>')),
  trusting('from-host', 'senders at its own name', ({ mx }, { sender }) => sender.endsWith(`@${mx}>`)),
  trusting(
    'from-user',
    'users of its own domain',
    ({ domain }, { sender }) => /^<(?!postmaster@)/.test(sender) && sender.endsWith(`@${domain}>`),
  ),
  trusting('from-bare', 'senders without a domain', (_, { sender }) => /^<[^@]+>$/.test(sender)),
  fakeMx('helo-closed', 'refuses clients that bear its own name', [], {
    says: (own) => ({
      rcpt: (path, _, __, helo) => (helo === own.mx ? '550 5.7.1 You are not me' : closedRelay(own.domain)(path)),
    }),
  }),
  fakeMx('data-refused', 'takes every recipient, and refuses what is foreign at DATA', [], {
    says: () => ({ rcpt: () => '250 2.1.5 Ok', data: '550 5.7.1 Relaying denied' }),
  }),
  fakeMx('data-deferred', 'takes every recipient, and defers all at DATA', ['relay-unknown'], {
    says: () => ({ rcpt: () => '250 2.1.5 Ok', data: '451 4.7.1 Try again later' }),
  }),
  ofPostmaster('postmaster-unknown', 'knows no postmaster', ['postmaster-refused'], '550 5.1.1 User unknown'),
  ofPostmaster(
    'postmaster-relay',
    'does not know its own domain',
    ['postmaster-refused'],
    '554 5.7.1 Relay access denied',
  ),
  ofPostmaster(
    'postmaster-full',
    'has a postmaster whose mailbox is full',
    ['postmaster-refused'],
    '552 5.2.2 Over quota',
  ),
  ofPostmaster('postmaster-grey', 'defers its own recipients', [], '451 4.7.1 Greylisted'),
  fakeMx('stale', 'offers STARTTLS within TLS', ['starttls-stale'], { says: () => ({ after: ['STARTTLS'] }) }),
  fakeMx('response-injection', 'sends more than its answer to STARTTLS', ['starttls-response-injection'], {
    says: () => ({ behindStarttls: '250-AUTH PLAIN\r\n250 OK\r\n' }),
  }),
  fakeMx(
    'tls-old-closes',
    'speaks TLS 1.1 at most, and hangs up on newer clients',
    ['tls-old-only', 'starttls-failed'],
    {
      tls: { versions: ['TLSv1', 'TLSv1.1'], closesOnNew: true },
    },
  ),
  fakeMx('challenge-clear', 'offers CRAM-MD5 in the clear', ['login-clear-offered'], {
    says: () => ({ before: ['AUTH CRAM-MD5'], after: ['AUTH PLAIN'] }),
  }),
  fakeMx('external-clear', 'offers certificates as logins in the clear, which need TLS', [], {
    says: () => ({ before: ['AUTH EXTERNAL SCRAM-SHA-256-PLUS'], after: ['AUTH EXTERNAL'] }),
  }),
];

const mxHosts: readonly Posture[] = [
  ...strangers,
  fakeMx('smtp-good', 'in order', []),
  fakeMx('smtp-slow', 'greets late, but in time', [], { options: { greetAfterMs: 1_200 } }),
  fakeMx('smtp-sluggish', 'each reply takes a while', [], { options: { delayMs: 150 } }),
  fakeMx('smtp-catch-all', 'every mailbox of the domain exists', [], {
    says: ({ domain }) => ({
      rcpt: (path) => (path.endsWith(`@${domain}>`) ? '250 2.1.5 Ok' : '554 5.7.1 Relay access denied'),
    }),
  }),
  fakeMx('smtp-dialect', 'refuses every unusual address as an error of syntax', [], {
    says: ({ domain }) => ({
      rcpt: (path) =>
        /^<[^@%!":]+@[^@]+[^.]>$/.test(path) ? closedRelay(domain)(path) : '501 5.1.3 Bad recipient address syntax',
    }),
  }),
  fakeMx('smtp-greylisting', 'defers every recipient', ['relay-unknown'], {
    says: () => ({ rcpt: () => '451 4.7.1 Greylisted, try again in five minutes' }),
  }),
  fakeMx(
    'smtp-refuses-all',
    'refuses every recipient for who asks',
    [],
    {
      says: () => ({ rcpt: () => '550 5.7.25 Client has no reverse DNS' }),
    },
    { may: ['relay-unknown'] },
  ),
  fakeMx('smtp-sender-refused', 'does not take its own domain as a sender from outside', [], {
    says: ({ domain }) => ({
      mail: (path) => (path.endsWith(`@${domain}>`) ? '550 5.7.1 Not from here' : '250 2.1.0 Ok'),
    }),
  }),
  fakeMx('smtp-tls-required', 'wants TLS before mail', [], {
    says: ({ domain }) => ({
      mail: () => '250 2.1.0 Ok',
      rcpt: (path, _, secure) => (secure ? closedRelay(domain)(path) : '530 5.7.0 Must issue a STARTTLS command first'),
    }),
  }),
  fakeMx('smtp-tls-relay', 'relays, but within TLS only', ['relay-open'], {
    says: () => ({
      rcpt: (_path, _sender, secure) => (secure ? '250 2.1.5 Ok' : '530 5.7.0 Must issue a STARTTLS command first'),
    }),
  }),
  fakeMx('smtp-injection', 'keeps what came before TLS', ['starttls-injection'], { tls: { injectable: true } }),
  fakeMx('smtp-no-tls', 'no TLS', ['starttls-missing'], { certificate: false }),
  fakeMx('smtp-handshake', 'offers TLS and answers the handshake in clear text', ['starttls-failed'], {
    tls: { broken: 'garbage' },
  }),
  fakeMx('smtp-handshake-closed', 'offers TLS and hangs up', ['starttls-failed'], { tls: { broken: 'close' } }),
  fakeMx('smtp-454', 'offers TLS and has none', ['starttls-failed'], {
    says: () => ({ starttls: '454 4.7.0 TLS not available due to temporary reason' }),
  }),
  fakeMx(
    'smtp-no-ehlo',
    'knows HELO only',
    ['smtp-no-ehlo'],
    {
      says: () => ({ ehlo: '502 5.5.1 Command not implemented' }),
      certificate: false,
    },
    { may: ['starttls-missing'] },
  ),
  fakeMx('smtp-auth-clear', 'offers logins in the clear', ['login-clear-offered'], {
    says: () => ({ before: ['AUTH PLAIN LOGIN'], auth: () => '535 5.7.8 Authentication failed' }),
  }),
  fakeMx('smtp-auth-tls', 'offers logins within TLS', [], {
    says: () => ({ before: [], after: ['AUTH PLAIN LOGIN'] }),
  }),
  fakeMx(
    'smtp-554',
    'refuses every session',
    ['smtp-no-service'],
    {
      says: () => ({ greeting: '554 5.3.2 No SMTP service here' }),
    },
    { may: ['smtp-all-unreachable'] },
  ),
  fakeMx('smtp-blocked', 'refuses this client', ['smtp-refused-us'], {
    says: () => ({ greeting: '554 5.7.1 Your address is listed at bl.example', hangsUp: true }),
  }),
  fakeMx('smtp-421', 'is too busy', ['smtp-refused-us'], {
    says: () => ({ greeting: '421 4.3.2 Too many connections', hangsUp: true }),
  }),
  fakeMx('smtp-expired', 'expired', ['certificate-expired'], { certificate: { from: -90, to: -2 } }),
  fakeMx('smtp-early', 'not valid yet', ['certificate-not-yet-valid'], { certificate: { from: 5, to: 90 } }),
  fakeMx('smtp-soon', 'expires in three days', ['certificate-expires-soon'], { certificate: { to: 3 } }),
  fakeMx('smtp-self-signed', 'self-signed', ['certificate-self-signed'], { certificate: { by: 'itself' } }),
  fakeMx('smtp-stranger', 'an authority that nobody knows', ['certificate-untrusted'], {
    certificate: { by: 'stranger' },
  }),
  fakeMx('smtp-incomplete', 'the intermediate certificate is not sent', ['certificate-untrusted'], {
    certificate: { by: 'intermediate, not sent' },
  }),
  fakeMx('smtp-complete', 'the intermediate certificate is sent', [], { certificate: { by: 'intermediate' } }),
  fakeMx('smtp-name', 'another name', ['certificate-name'], { certificate: { names: ['www.elsewhere.example'] } }),
  fakeMx('smtp-wildcard', 'a name with a wildcard', [], { certificate: { names: ['*.smtp-wildcard.example'] } }),
  fakeMx('smtp-wildcard-deep', 'a wildcard for one label too few', ['certificate-name'], {
    certificate: { names: ['*.example'] },
  }),
  fakeMx('smtp-common-name', 'the name in the common name alone', ['certificate-common-name'], {
    certificate: { names: [], commonName: 'mx.smtp-common-name.example' },
  }),
  fakeMx('smtp-rsa-1024', 'a key of 1024 bits', ['certificate-weak'], { certificate: { key: 'RSA 1024' } }),
  fakeMx('smtp-sha1', 'a signature with SHA-1', ['certificate-weak'], { certificate: { digest: 'sha1' } }),
  fakeMx('smtp-old', 'TLS 1.0 and newer', ['tls-old'], { tls: { versions: ['TLSv1', 'TLSv1.3'] } }),
  fakeMx('smtp-old-only', 'TLS 1.1 at most', ['tls-old-only'], { tls: { versions: ['TLSv1', 'TLSv1.1'] } }),
  fakeMx('smtp-12', 'TLS 1.2 alone', [], { tls: { versions: ['TLSv1.2', 'TLSv1.2'] } }),
  fakeMx('smtp-13', 'TLS 1.3 alone', [], { tls: { versions: ['TLSv1.3', 'TLSv1.3'] } }),
  fakeMx('smtp-lines', 'greets in three lines, and offers STARTTLS in small letters', [], {
    says: () => ({ greeting: '220-mx.smtp-lines.example ESMTP\r\n220-No spam, please\r\n220 Welcome' }),
  }),
  fakeMx('smtp-251', 'says that it will forward', ['relay-open'], {
    says: ({ domain }) => ({
      rcpt: (path) =>
        path.endsWith(`@${domain}>`) ? closedRelay(domain)(path) : '251 2.1.5 User not local; will forward',
    }),
  }),
  fakeMx('smtp-one-recipient', 'takes one recipient of a session, refuses others for now', [], {
    says: ({ domain }) => ({
      rcpt: (path) => (path === `<postmaster@${domain}>` ? '250 2.1.5 Ok' : closedRelay(domain)(path)),
    }),
  }),
  fakeMx('smtp-login-first', 'wants a login before mail', ['postmaster-refused'], {
    says: () => ({ before: [], after: ['AUTH PLAIN'], mail: () => '530 5.7.0 Authentication required' }),
  }),
  fakeMx('smtp-no-enhanced', 'refuses without enhanced codes', [], {
    says: ({ domain }) => ({ rcpt: (path) => (path === `<postmaster@${domain}>` ? '250 ok' : '550 relaying denied') }),
  }),
  fakeMx('smtp-553', 'says that the domain is not in its list', [], {
    says: ({ domain }) => ({
      rcpt: (path) =>
        path.endsWith(`@${domain}>`)
          ? '250 ok'
          : "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
    }),
  }),
  fakeMx('smtp-verifies', 'asks for the sender first, and defers everybody', ['relay-unknown'], {
    says: () => ({ rcpt: () => '450 4.2.0 Sender address being verified' }),
  }),
  fakeMx(
    'smtp-421-rcpt',
    'hangs up at the first foreign recipient',
    [],
    {
      says: ({ domain }) => ({
        rcpt: (path) => (path.endsWith(`@${domain}>`) ? closedRelay(domain)(path) : '421 4.7.0 Go away'),
      }),
    },
    { may: ['relay-unknown'] },
  ),
  fakeMx('smtp-capitals', 'a name in capital letters', [], { certificate: { names: ['MX.SMTP-CAPITALS.EXAMPLE'] } }),
  fakeMx(
    'smtp-expired-stranger',
    'expired, and of an authority that nobody knows',
    ['certificate-expired', 'certificate-untrusted'],
    {
      certificate: { from: -90, to: -2, by: 'stranger' },
    },
  ),
  fakeMx('smtp-name-and-self', 'self-signed, for another name', ['certificate-self-signed', 'certificate-name'], {
    certificate: { by: 'itself', names: ['localhost'] },
  }),
  rawMx('smtp-mute', 'takes connections and says nothing', ['smtp-mute'], (socket) => void socket.resume()),
  rawMx(
    'smtp-drip',
    'a greeting that never ends',
    [],
    (socket) => {
      const timer = setInterval(() => socket.write('2'), 300);
      socket.resume().on('close', () => clearInterval(timer));
    },
    { oneOf: [['smtp-mute', 'smtp-not-smtp']] },
  ),
  rawMx('smtp-closes', 'closes at once', ['smtp-broken-off'], (socket) => void socket.end()),
  rawMx(
    'smtp-ssh',
    'something else greets',
    ['smtp-not-smtp'],
    (socket) => void socket.write('SSH-2.0-OpenSSH_9.2\r\n'),
  ),
  rawMx('smtp-endless', 'sends without end', ['smtp-not-smtp'], (socket) => {
    const more = (): void => void (socket.writable && socket.write('x'.repeat(16_384), more));
    socket.resume();
    more();
  }),
  posture('smtp-http', 'a web server', ['smtp-not-smtp'], (own, kit) => ({
    zone: oneMx(own),
    fakes: [
      async () => {
        const server = createHttpServer((_, response) => void response.end('hello'));
        await new Promise<void>((resolve) => server.listen(kit.ports.smtp, own.a, resolve));
        return {
          close: () =>
            new Promise((resolve) => {
              server.close(() => resolve());
              server.closeAllConnections();
            }),
        };
      },
    ],
  })),
  posture(
    'smtp-implicit',
    'TLS where clear text is due',
    [],
    (own, kit) => ({
      zone: oneMx(own),
      fakes: [
        () =>
          serveFake(own.a, kit.ports.smtp, smtp(own.domain, true), {
            implicit: true,
            tls: { certificate: certificateOf(own, kit) },
          }),
      ],
    }),
    { oneOf: [['smtp-mute', 'smtp-not-smtp', 'smtp-broken-off']] },
  ),
  posture('smtp-down', 'the only MX host is down', ['smtp-all-unreachable'], (own) => ({ zone: oneMx(own) })),
];

// Several MX hosts.

function several(
  name: string,
  what: string,
  must: readonly FindingId[],
  made: readonly (MxHost | 'down')[],
  more: Pick<Truth, 'may' | 'oneOf'> = {},
): Posture {
  return posture(
    name,
    what,
    must,
    (own, kit) => {
      const addresses = [own.a, own.b, own.c];
      const names = made.map((_, at) => `mx${at + 1}`);
      return {
        zone: {
          '': { MX: names.map((label, at) => [10 * (at + 1), `${label}.${own.domain}`]) },
          ...Object.fromEntries(names.map((label, at) => [label, { A: [addresses[at] ?? ''] }])),
        },
        fakes: made.flatMap((one, at) =>
          one === 'down' ? [] : [mxHost({ ...own, mx: `mx${at + 1}.${own.domain}` }, kit, addresses[at] ?? '', one)],
        ),
      };
    },
    more,
  );
}

const failover: readonly Posture[] = [
  several('two-good', 'two MX hosts in order', [], [{}, {}]),
  several('backup-down', 'the backup is down', ['smtp-unreachable', 'failover-lost'], [{}, 'down']),
  several(
    'first-down',
    'the first is down, the backup takes mail',
    ['smtp-unreachable', 'failover-lost'],
    ['down', {}],
  ),
  several('one-of-three', 'one of three is down', ['smtp-unreachable'], [{}, 'down', {}]),
  several('all-down', 'all are down', ['smtp-all-unreachable'], ['down', 'down']),
  several('backup-clear', 'the backup has no TLS', ['starttls-missing', 'backup-weaker'], [{}, { certificate: false }]),
  several(
    'backup-expired',
    'the certificate of the backup has expired',
    ['certificate-expired', 'backup-weaker'],
    [{}, { certificate: { from: -90, to: -2 } }],
  ),
  several(
    'backup-open',
    'the backup relays',
    ['relay-open', 'backup-weaker'],
    [{}, { says: () => ({ rcpt: () => '250 2.1.5 Ok' }) }],
  ),
  several('first-clear', 'the first has no TLS, the backup has', ['starttls-missing'], [{ certificate: false }, {}]),
];

/** One host with two addresses. */
const twoAddresses = (
  name: string,
  what: string,
  must: readonly FindingId[],
  second: MxHost | 'down',
  more: Pick<Truth, 'may' | 'oneOf'> = {},
): Posture =>
  posture(
    name,
    what,
    must,
    (own, kit) => ({
      zone: { '': { MX: [[10, own.mx]] }, mx: { A: [own.a, own.b] } },
      fakes: [mxHost(own, kit, own.a), ...(second === 'down' ? [] : [mxHost(own, kit, own.b, second)])],
    }),
    more,
  );

const addresses: readonly Posture[] = [
  twoAddresses('addresses-good', 'two addresses in order', [], {}),
  twoAddresses('addresses-down', 'one address is down', ['smtp-unreachable'], 'down'),
  twoAddresses('addresses-expired', 'one address shows an old certificate', ['certificate-expired'], {
    certificate: { from: -90, to: -2 },
  }),
  twoAddresses('addresses-open', 'one address relays', ['relay-open'], {
    says: () => ({ rcpt: () => '250 2.1.5 Ok' }),
  }),
  several(
    'backup-refuses',
    'the backup refuses every session',
    ['smtp-no-service', 'failover-lost'],
    [{}, { says: () => ({ greeting: '554 5.3.2 No SMTP service here' }) }],
  ),
  several(
    'backup-unknown',
    'the backup does not talk to this client',
    ['smtp-refused-us'],
    [{}, { says: () => ({ greeting: '554 5.7.1 Your address is listed at bl.example', hangsUp: true }) }],
  ),
  several('same-weak', 'both have no TLS', ['starttls-missing'], [{ certificate: false }, { certificate: false }]),
];

// MTA-STS and DANE.

function sts(
  name: string,
  what: string,
  must: readonly FindingId[],
  policy: (own: Own) => {
    readonly status?: number;
    readonly location?: string;
    readonly type?: string;
    readonly body?: string;
  },
  made: {
    readonly mxHost?: MxHost;
    readonly web?: Wanted;
    readonly record?: string | null;
    readonly down?: boolean;
  } = {},
  more: Pick<Truth, 'may' | 'oneOf'> = {},
): Posture {
  return posture(
    name,
    what,
    must,
    (own, kit) => {
      const certificate = kit.authority.issue({ names: [`mta-sts.${own.domain}`], ...made.web });
      const { record = 'v=STSv1; id=20240101;' } = made;
      const web = async (): Promise<Fake> => {
        const { status = 200, location, type = 'text/plain', body = '' } = policy(own);
        const server = createHttpsServer({ key: certificate.key, cert: certificate.chain }, (request, response) => {
          const known = request.url === '/.well-known/mta-sts.txt';
          response.writeHead(known ? status : 404, {
            'content-type': type,
            ...(location === undefined ? {} : { location }),
          });
          response.end(known ? body : '');
        });
        server.on('tlsClientError', () => undefined);
        await new Promise<void>((resolve) => server.listen(kit.httpsPort, own.web, resolve));
        return {
          close: () =>
            new Promise((resolve) => {
              server.close(() => resolve());
              server.closeAllConnections();
            }),
        };
      };
      return {
        zone: {
          ...oneMx(own),
          ...(record === null ? {} : { '_mta-sts': { TXT: [record] } }),
          'mta-sts': { A: [own.web] },
        },
        fakes: [mxHost(own, kit, own.a, made.mxHost), ...(made.down ? [] : [web])],
      };
    },
    more,
  );
}
const text = (mode: string, ...names: string[]): string =>
  ['version: STSv1', `mode: ${mode}`, ...names.map((name) => `mx: ${name}`), 'max_age: 604800', ''].join('\r\n');

const transport: readonly Posture[] = [
  sts('sts-good', 'a policy that is kept', [], ({ mx }) => ({ body: text('enforce', mx) })),
  sts('sts-wildcard', 'a policy with a wildcard', [], ({ domain }) => ({ body: text('enforce', `*.${domain}`) })),
  sts(
    'sts-other',
    'the policy names another MX host',
    ['mta-sts-mx'],
    () => ({ body: text('enforce', 'mx.elsewhere.example') }),
    {},
    { may: ['mta-sts-unused'] },
  ),
  sts('sts-unused', 'the policy names one MX host more', ['mta-sts-unused'], ({ mx, domain }) => ({
    body: text('enforce', mx, `old.${domain}`),
  })),
  sts(
    'sts-self-signed',
    'the MX host does not keep the policy',
    ['mta-sts-tls'],
    ({ mx }) => ({ body: text('enforce', mx) }),
    { mxHost: { certificate: { by: 'itself' } } },
    { may: ['certificate-self-signed'] },
  ),
  sts(
    'sts-no-tls',
    'the MX host has no TLS',
    ['mta-sts-tls'],
    ({ mx }) => ({ body: text('enforce', mx) }),
    { mxHost: { certificate: false } },
    { may: ['starttls-missing'] },
  ),
  sts(
    'sts-testing',
    'a policy to be tested, not kept',
    ['mta-sts-tls', 'certificate-name'],
    ({ mx }) => ({ body: text('testing', mx) }),
    { mxHost: { certificate: { names: ['x.elsewhere.example'] } } },
  ),
  sts('sts-none', 'a policy that is taken back', [], () => ({ body: 'version: STSv1\nmode: none\nmax_age: 86400\n' })),
  sts('sts-404', 'no policy there', ['mta-sts-policy'], () => ({ status: 404 })),
  sts('sts-redirect', 'the policy is elsewhere', ['mta-sts-policy'], ({ mx, domain }) => ({
    status: 301,
    location: `https://www.${domain}/mta-sts.txt`,
    body: text('enforce', mx),
  })),
  sts(
    'sts-web-expired',
    'the certificate of the policy has expired',
    ['mta-sts-policy'],
    ({ mx }) => ({ body: text('enforce', mx) }),
    { web: { from: -90, to: -2 } },
  ),
  sts(
    'sts-web-name',
    'the certificate of the policy is for another name',
    ['mta-sts-policy'],
    ({ mx }) => ({ body: text('enforce', mx) }),
    { web: { names: ['www.elsewhere.example'] } },
  ),
  sts('sts-web-down', 'nobody serves the policy', ['mta-sts-policy'], () => ({}), { down: true }),
  sts('sts-mode', 'a mode that does not exist', ['mta-sts-policy'], ({ mx }) => ({ body: text('strict', mx) })),
  sts('sts-empty', 'no MX host in a policy to be kept', ['mta-sts-policy'], () => ({
    body: 'version: STSv1\nmode: enforce\nmax_age: 86400\n',
  })),
  sts('sts-version', 'no version', ['mta-sts-policy'], ({ mx }) => ({
    body: `mode: enforce\nmx: ${mx}\nmax_age: 86400\n`,
  })),
  sts('sts-age', 'no max_age', ['mta-sts-policy'], ({ mx }) => ({
    body: `version: STSv1\nmode: enforce\nmx: ${mx}\n`,
  })),
  sts('sts-endless', 'a policy without end', ['mta-sts-policy'], ({ mx }) => ({
    body: text('enforce', mx) + 'x: y\n'.repeat(400_000),
  })),
  sts('sts-extra', 'keys that nobody knows, lines that end in LF', [], ({ mx }) => ({
    body: `version: STSv1\nmode: enforce\nfuture: yes\nmx: ${mx.toUpperCase()}\nmax_age: 86400\n`,
  })),
  sts(
    'sts-deep',
    'a wildcard for one label too few',
    ['mta-sts-mx'],
    () => ({ body: text('enforce', '*.example') }),
    {},
    {
      may: ['mta-sts-unused'],
    },
  ),
  sts('sts-orphan', 'a policy without a record', ['mta-sts-orphan'], ({ mx }) => ({ body: text('enforce', mx) }), {
    record: null,
  }),
  sts(
    'sts-record',
    'a record without id',
    ['mta-sts-record'],
    ({ mx }) => ({ body: text('enforce', mx) }),
    { record: 'v=STSv1;' },
    { may: ['mta-sts-orphan'] },
  ),
];

type Tlsa = readonly [number, number, number, string];
function dane(
  name: string,
  what: string,
  must: readonly FindingId[],
  tlsa: (certificate: Issued, kit: Kit) => readonly Tlsa[],
  made: { readonly certificate?: Wanted | false; readonly authentic?: boolean } = {},
  more: Pick<Truth, 'may' | 'oneOf'> = {},
): Posture {
  return posture(
    name,
    what,
    must,
    (own, kit) => {
      const certificate = certificateOf(own, kit, made.certificate === false ? {} : made.certificate);
      const { authentic = true } = made;
      const secured = made.certificate === false ? undefined : { certificate };
      return {
        zone: {
          '': { MX: [[10, own.mx]], authentic },
          mx: { A: [own.a], authentic },
          [`_${kit.ports.smtp}._tcp.mx`]: { TLSA: tlsa(certificate, kit), authentic },
        },
        fakes: [() => serveFake(own.a, kit.ports.smtp, smtp(own.domain, secured !== undefined), { tls: secured })],
      };
    },
    more,
  );
}
const digestOf = (octets: Buffer, algorithm: string): string => createHash(algorithm).update(octets).digest('hex');
const spki = (pem: string): Buffer => new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });

const authentications: readonly Posture[] = [
  dane('dane-key', '3 1 1, self-signed', [], ({ cert }) => [[3, 1, 1, digestOf(spki(cert), 'sha256')]], {
    certificate: { by: 'itself', names: ['anything.example'] },
  }),
  dane('dane-certificate', '3 0 2', [], ({ cert }) => [[3, 0, 2, digestOf(new X509Certificate(cert).raw, 'sha512')]], {
    certificate: { by: 'itself' },
  }),
  dane(
    'dane-authority',
    '2 1 1, the intermediate authority',
    [],
    (_, { authority }) => [[2, 1, 1, digestOf(spki(authority.intermediate), 'sha256')]],
    { certificate: { by: 'intermediate' } },
  ),
  dane('dane-roll', 'the record of the next key beside that of this one', [], ({ cert }) => [
    [3, 1, 1, '00'.repeat(32)],
    [3, 1, 1, digestOf(spki(cert), 'sha256')],
  ]),
  dane('dane-other', 'no record of this key', ['dane-mismatch'], () => [[3, 1, 1, 'ab'.repeat(32)]]),
  dane(
    'dane-authority-name',
    '2 1 1, for another name',
    ['dane-mismatch'],
    (_, { authority }) => [[2, 1, 1, digestOf(spki(authority.intermediate), 'sha256')]],
    { certificate: { by: 'intermediate', names: ['other.example'] } },
    { may: ['certificate-name'] },
  ),
  dane('dane-plain', 'no DNSSEC', ['dane-unsigned'], ({ cert }) => [[3, 1, 1, digestOf(spki(cert), 'sha256')]], {
    authentic: false,
  }),
  dane(
    'dane-no-tls',
    'no TLS',
    ['dane-no-tls'],
    () => [[3, 1, 1, 'ab'.repeat(32)]],
    { certificate: false },
    { may: ['starttls-missing'] },
  ),
  dane(
    'dane-expired',
    '3 1 1, expired, which does not matter',
    [],
    ({ cert }) => [[3, 1, 1, digestOf(spki(cert), 'sha256')]],
    {
      certificate: { from: -90, to: -2 },
    },
    { may: ['certificate-expired'] },
  ),
  dane(
    'dane-authority-gone',
    '2 1 1, of an authority that is not sent',
    ['dane-mismatch'],
    (_, { authority }) => [[2, 1, 1, digestOf(spki(authority.intermediate), 'sha256')]],
    { certificate: { by: 'intermediate, not sent' } },
    { may: ['certificate-untrusted'] },
  ),
  dane('dane-mixed', 'a usage that SMTP does not know, beside one that fits', [], ({ cert }) => [
    [1, 1, 1, 'ab'.repeat(32)],
    [3, 1, 1, digestOf(spki(cert), 'sha256')],
  ]),
  dane('dane-pkix', 'a usage that SMTP does not know', ['dane-unusable'], ({ cert }) => [
    [1, 1, 1, digestOf(spki(cert), 'sha256')],
  ]),
];

// Logins.

type LoginService = Exclude<ServiceName, 'smtp'>;
interface LoginServer {
  readonly service: LoginService;
  readonly says?: ImapSays | Pop3Says | SmtpSays | SieveSays;
  readonly certificate?: Wanted | false;
  readonly tls?: Omit<FakeTls, 'certificate'>;
  readonly options?: FakeOptions;
  /** An implicit port that speaks clear text. */
  readonly clear?: boolean;
  readonly raw?: Parameters<typeof serveRaw>[2];
  readonly as?: LoginService;
}

const noMail = { '': { MX: [[0, '']] as const } };
const portsOf = ({ ports }: Kit, services: readonly LoginService[]): { [service in ServiceName]?: number } =>
  Object.fromEntries(services.map((service) => [service, ports[service]]));

function loginServer(own: Own, kit: Kit, server: LoginServer): () => Promise<Fake> {
  const { service, says, certificate, options, clear = false, raw, as = service } = server;
  const port = kit.ports[service];
  if (raw !== undefined) return () => serveRaw(own.a, port, raw);
  const tls = certificate === false ? undefined : { certificate: certificateOf(own, kit, certificate), ...server.tls };
  const implicit = /s$/.test(service) && !clear;
  const offers = tls !== undefined && !implicit;
  const dialogue =
    as === 'imap' || as === 'imaps'
      ? imap(offers, says as ImapSays)
      : as === 'pop3' || as === 'pop3s'
        ? pop3(offers, says as Pop3Says)
        : as === 'managesieve'
          ? sieve(offers, says as SieveSays)
          : smtp(own.domain, offers, says as SmtpSays);
  return () => serveFake(own.a, port, dialogue, { ...options, tls, implicit });
}

function login(
  name: string,
  what: string,
  must: readonly FindingId[],
  servers: readonly LoginServer[],
  more: Pick<Truth, 'may' | 'oneOf'> & { readonly srv?: readonly LoginService[] } = {},
): Posture {
  const { srv, ...truth } = more;
  return posture(
    name,
    what,
    must,
    (own, kit) => ({
      zone: {
        ...noMail,
        mail: { A: [own.a] },
        ...Object.fromEntries(
          (srv ?? []).map((service) => [
            `_${service === 'managesieve' ? 'sieve' : service}._tcp`,
            { SRV: [[0, 1, kit.ports[service], own.mail]] as const },
          ]),
        ),
      },
      options: {
        hosts: srv === undefined ? [own.mail] : [],
        ports: portsOf(kit, [...servers.map(({ service }) => service), ...(srv ?? [])]),
      },
      fakes: servers.map((server) => loginServer(own, kit, server)),
    }),
    truth,
  );
}

const submissionGood: SmtpSays = {
  before: [],
  after: ['AUTH PLAIN LOGIN'],
  auth: (_, secure, initial) =>
    !secure
      ? '538 5.7.11 Encryption required for requested authentication mechanism'
      : initial
        ? '535 5.7.8 Authentication failed'
        : '334 ',
};
const clearSides: readonly FindingId[] = ['login-clear-offered', 'login-secret-invited', 'login-name-invited'];

const logins: readonly Posture[] = [
  login(
    'login-good',
    'everything in order',
    [],
    [
      { service: 'imap' },
      { service: 'imaps' },
      { service: 'pop3' },
      { service: 'pop3s' },
      { service: 'submission', says: submissionGood },
      { service: 'submissions', says: submissionGood },
      { service: 'managesieve' },
    ],
  ),
  login(
    'login-srv',
    'announced, and in order',
    [],
    [{ service: 'imaps' }, { service: 'submissions', says: submissionGood }],
    { srv: ['imaps', 'submissions'] },
  ),
  login('login-srv-down', 'announced, and down', ['login-unreachable'], [], { srv: ['imaps'] }),
  login('imap-slow', 'greets late, but in time', [], [{ service: 'imap', options: { greetAfterMs: 1_200 } }]),
  login('imap-sluggish', 'each reply takes a while', [], [{ service: 'imap', options: { delayMs: 150 } }]),
  login(
    'imap-clear',
    'a login in the clear is examined',
    ['login-clear-accepted'],
    [
      {
        service: 'imap',
        says: {
          before: ['IMAP4rev1', 'SASL-IR', 'STARTTLS', 'AUTH=PLAIN'],
          login: () => 'NO [AUTHENTICATIONFAILED] Authentication failed.',
          authenticate: (_, __, initial) => (initial ? 'NO [AUTHENTICATIONFAILED] Authentication failed.' : '+'),
        },
      },
    ],
    { may: clearSides },
  ),
  login(
    'imap-login-clear',
    'LOGIN is examined in the clear, AUTHENTICATE is refused',
    ['login-clear-accepted'],
    [
      {
        service: 'imap',
        says: {
          before: ['IMAP4rev1', 'STARTTLS'],
          login: () => 'NO [AUTHENTICATIONFAILED] Authentication failed.',
        },
      },
    ],
    { may: clearSides },
  ),
  login(
    'imap-xoauth2',
    'PLAIN is refused in the clear, XOAUTH2 is invited',
    [],
    [
      {
        service: 'imap',
        says: {
          before: ['IMAP4rev1', 'STARTTLS', 'LOGINDISABLED', 'AUTH=XOAUTH2'],
          authenticate: (mechanism, secure, initial) =>
            mechanism === 'XOAUTH2' || secure
              ? initial
                ? 'NO [AUTHENTICATIONFAILED] no'
                : '+'
              : 'NO [PRIVACYREQUIRED] TLS first',
        },
      },
    ],
    { oneOf: [['login-secret-invited', 'login-clear-accepted']], may: clearSides },
  ),
  login(
    'imap-xoauth2-hidden',
    'XOAUTH2 is invited in the clear, and not even offered there',
    [],
    [
      {
        service: 'imap',
        says: {
          after: ['IMAP4rev1', 'AUTH=PLAIN', 'AUTH=XOAUTH2'],
          authenticate: (mechanism, secure, initial) =>
            mechanism === 'XOAUTH2' || secure
              ? initial
                ? 'NO [AUTHENTICATIONFAILED] no'
                : '+'
              : 'NO [PRIVACYREQUIRED] TLS first',
        },
      },
    ],
    { oneOf: [['login-secret-invited', 'login-clear-accepted']], may: clearSides },
  ),
  login(
    'imap-login-mechanism',
    'AUTHENTICATE LOGIN is invited in the clear',
    [],
    [
      {
        service: 'imap',
        says: {
          before: ['IMAP4rev1', 'STARTTLS', 'LOGINDISABLED', 'AUTH=LOGIN'],
          authenticate: (mechanism, secure) =>
            mechanism === 'LOGIN' || secure ? '+' : 'NO [PRIVACYREQUIRED] TLS first',
        },
      },
    ],
    { oneOf: [['login-secret-invited', 'login-clear-accepted']], may: clearSides },
  ),
  login(
    'imap-no-logindisabled',
    'refuses in the clear, but does not say so before',
    ['login-clear-offered'],
    [
      {
        service: 'imap',
        says: {
          before: ['IMAP4rev1', 'STARTTLS'],
        },
      },
    ],
  ),
  login(
    'imap-offers-plain',
    'offers PLAIN in the clear, and refuses it',
    ['login-clear-offered'],
    [
      {
        service: 'imap',
        says: {
          before: ['IMAP4rev1', 'STARTTLS', 'LOGINDISABLED', 'AUTH=PLAIN'],
        },
      },
    ],
  ),
  login(
    'imap-challenge',
    'offers a challenge in the clear, and nothing else',
    ['login-clear-offered'],
    [
      {
        service: 'imap',
        says: {
          before: ['IMAP4rev1', 'STARTTLS', 'LOGINDISABLED', 'AUTH=SCRAM-SHA-256'],
          authenticate: (mechanism, secure, initial) =>
            mechanism === 'SCRAM-SHA-256' || secure
              ? initial
                ? 'NO [AUTHENTICATIONFAILED] no'
                : '+'
              : 'NO [PRIVACYREQUIRED] TLS first',
        },
      },
    ],
  ),
  login(
    'pop3-challenge',
    'offers CRAM-MD5 in the clear, and nothing else',
    ['login-clear-offered'],
    [{ service: 'pop3', says: { before: ['SASL CRAM-MD5'] } }],
  ),
  login(
    'imap-external',
    'offers certificates in the clear, which need TLS',
    [],
    [{ service: 'imap', says: { before: ['IMAP4rev1', 'STARTTLS', 'LOGINDISABLED', 'AUTH=EXTERNAL'] } }],
  ),
  login(
    'imap-stale',
    'announces within TLS what it did before',
    ['starttls-stale'],
    [{ service: 'imap', says: { after: ['IMAP4rev1', 'STARTTLS', 'LOGINDISABLED'] } }],
  ),
  login(
    'pop3-stale',
    'offers STLS within TLS',
    ['starttls-stale'],
    [{ service: 'pop3', says: { after: ['STLS', 'USER', 'SASL PLAIN'] } }],
  ),
  login(
    'submission-no-auth',
    'lets nobody log in',
    ['submission-no-auth'],
    [{ service: 'submission', says: { after: [] } }],
  ),
  login(
    'submissions-no-auth',
    'lets nobody log in, with TLS at once',
    ['submission-no-auth'],
    [{ service: 'submissions', says: { after: [] } }],
  ),
  login('imap-no-tls', 'no TLS, logins refused', ['login-starttls-missing'], [{ service: 'imap', certificate: false }]),
  login(
    'imap-no-tls-clear',
    'no TLS, logins examined',
    ['login-starttls-missing', 'login-clear-accepted'],
    [
      {
        service: 'imap',
        certificate: false,
        says: {
          before: ['IMAP4rev1', 'AUTH=PLAIN'],
          login: () => 'NO [AUTHENTICATIONFAILED] Authentication failed.',
          authenticate: (_, __, initial) => (initial ? 'NO [AUTHENTICATIONFAILED] Authentication failed.' : '+'),
        },
      },
    ],
    { may: clearSides },
  ),
  login(
    'imap-preauth',
    'PREAUTH in the clear',
    ['preauth-clear'],
    [{ service: 'imap', says: { greeting: '* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome' } }],
    { may: ['login-starttls-missing', 'starttls-failed', 'login-clear-offered'] },
  ),
  login(
    'imap-injection',
    'keeps what came before TLS',
    ['starttls-injection'],
    [{ service: 'imap', tls: { injectable: true } }],
  ),
  login(
    'imap-mute',
    'takes connections and says nothing',
    ['login-mute'],
    [{ service: 'imap', raw: (socket) => void socket.resume() }],
  ),
  login('imap-closes', 'closes at once', ['login-unknown'], [{ service: 'imap', raw: (socket) => void socket.end() }]),
  login(
    'imap-bye',
    'refuses the session',
    [],
    [{ service: 'imap', raw: (socket) => void socket.end('* BYE Too many connections\r\n') }],
    { may: ['login-unknown'] },
  ),
  login('imap-smtp', 'another protocol answers', ['login-wrong-protocol'], [{ service: 'imap', as: 'submission' }]),
  login('imap-not-tls', 'the port for TLS speaks clear text', ['login-not-tls'], [{ service: 'imaps', clear: true }], {
    may: ['login-clear-accepted', ...clearSides],
  }),
  login(
    'imap-handshake',
    'offers TLS and answers the handshake in clear text',
    ['starttls-failed'],
    [{ service: 'imap', tls: { broken: 'garbage' } }],
  ),
  login(
    'imap-starttls-no',
    'offers TLS and has none',
    ['starttls-failed'],
    [{ service: 'imap', says: { starttls: 'NO TLS is not available' } }],
  ),
  login('imap-expired', 'expired', ['certificate-expired'], [{ service: 'imaps', certificate: { from: -90, to: -2 } }]),
  login(
    'imap-name',
    'another name',
    ['certificate-name'],
    [{ service: 'imaps', certificate: { names: ['mx.elsewhere.example'] } }],
  ),
  login(
    'imap-common-name',
    'the name in the common name alone',
    ['certificate-common-name'],
    [{ service: 'imaps', certificate: { names: [], commonName: 'mail.imap-common-name.example' } }],
  ),
  login(
    'imap-incomplete',
    'the intermediate certificate is not sent',
    ['certificate-untrusted'],
    [{ service: 'imap', certificate: { by: 'intermediate, not sent' } }],
  ),
  login(
    'imap-self-signed',
    'self-signed',
    ['certificate-self-signed'],
    [{ service: 'imap', certificate: { by: 'itself' } }],
  ),
  login('imap-early', 'not valid yet', ['certificate-not-yet-valid'], [{ service: 'imap', certificate: { from: 5 } }]),
  login(
    'imap-http',
    'a web server',
    ['login-wrong-protocol'],
    [
      {
        service: 'imap',
        raw: (socket) =>
          void socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')),
      },
    ],
    { may: ['login-mute'] },
  ),
  login(
    'imap-bad',
    'LOGIN is BAD in the clear',
    [],
    [
      {
        service: 'imap',
        says: { login: (secure) => (secure ? 'NO [AUTHENTICATIONFAILED] no' : 'BAD Command not permitted') },
      },
    ],
  ),
  login(
    'imap-hangs-up',
    'says BYE to a login in the clear',
    [],
    [
      {
        service: 'imap',
        says: {
          login: (secure) => (secure ? 'NO [AUTHENTICATIONFAILED] no' : 'NO [PRIVACYREQUIRED] TLS first\r\n* BYE'),
        },
      },
    ],
  ),
  login(
    'imap-bare',
    'no capabilities in the greeting',
    [],
    [{ service: 'imap', says: { greeting: '* OK IMAP4rev1 ready' } }],
  ),
  login(
    'imap-tls-closed',
    'a port for TLS that hangs up',
    [],
    [{ service: 'imaps', raw: (socket) => void socket.once('data', () => socket.destroy()) }],
    { oneOf: [['login-unknown', 'starttls-failed']] },
  ),
  login(
    'imaps-mute',
    'a port for TLS that says nothing',
    [],
    [{ service: 'imaps', raw: (socket) => void socket.resume() }],
    {
      oneOf: [['login-mute', 'login-unknown', 'starttls-failed']],
    },
  ),
  login(
    'imap-accepts-all',
    'takes every login, within TLS and in the clear',
    ['login-clear-accepted'],
    [
      {
        service: 'imap',
        says: {
          before: ['IMAP4rev1', 'STARTTLS', 'AUTH=PLAIN'],
          login: () => 'OK Logged in',
          authenticate: () => 'OK Logged in',
        },
      },
    ],
    { may: clearSides },
  ),
  login(
    'imap-literal',
    'invites the literal of LOGIN in the clear, and refuses it then',
    [],
    [
      {
        service: 'imap',
        says: {
          before: ['IMAP4rev1', 'STARTTLS'],
        },
      },
    ],
    { oneOf: [['login-clear-offered', 'login-secret-invited']] },
  ),
  login(
    'imap-one-of-four',
    'IMAP in the clear, all else in order',
    ['login-clear-accepted'],
    [
      {
        service: 'imap',
        says: {
          before: ['IMAP4rev1', 'STARTTLS'],
          login: () => 'NO [AUTHENTICATIONFAILED] Authentication failed.',
        },
      },
      { service: 'imaps' },
      { service: 'pop3' },
      { service: 'pop3s' },
    ],
    { may: clearSides },
  ),
  login(
    'pop3-apop',
    'offers APOP, which sends no secret',
    [],
    [{ service: 'pop3', says: { greeting: '+OK ready <1896.697170952@mail.pop3-apop.example>' } }],
    { may: ['login-clear-offered'] },
  ),
  login(
    'submission-530',
    'wants STARTTLS before a login',
    [],
    [
      {
        service: 'submission',
        says: {
          ...submissionGood,
          auth: (_, secure) => (secure ? '535 5.7.8 no' : '530 5.7.0 Must issue a STARTTLS command first'),
        },
      },
    ],
  ),
  login(
    'submission-xoauth2',
    'offers XOAUTH2 in the clear, and invites the token',
    [],
    [
      {
        service: 'submission',
        says: {
          before: ['AUTH XOAUTH2'],
          after: ['AUTH XOAUTH2 PLAIN'],
          auth: (mechanism, secure, initial) =>
            mechanism === 'XOAUTH2' || secure ? (initial ? '535 5.7.8 no' : '334 ') : '538 5.7.11 TLS',
        },
      },
    ],
    { oneOf: [['login-secret-invited', 'login-clear-accepted']], may: clearSides },
  ),
  login(
    'submission-open',
    'relays without a login',
    ['relay-open'],
    [{ service: 'submission', says: { ...submissionGood, rcpt: () => '250 2.1.5 Ok' } }],
  ),
  login(
    'submissions-good',
    'implicit TLS, TLS 1.2 alone',
    [],
    [{ service: 'submissions', says: submissionGood, tls: { versions: ['TLSv1.2', 'TLSv1.2'] } }],
  ),
  login(
    'sieve-no-tls',
    'no TLS, no mechanism',
    ['login-starttls-missing'],
    [{ service: 'managesieve', certificate: false }],
  ),
  login('imap-old', 'TLS 1.0 and newer', ['tls-old'], [{ service: 'imaps', tls: { versions: ['TLSv1', 'TLSv1.3'] } }]),
  login(
    'imap-old-only',
    'TLS 1.0 alone',
    ['tls-old-only'],
    [{ service: 'imap', tls: { versions: ['TLSv1', 'TLSv1'] } }],
  ),
  login(
    'pop3-user',
    'USER is taken in the clear, PASS is refused',
    ['login-name-invited'],
    [{ service: 'pop3', says: { user: () => '+OK' } }],
    { may: ['login-clear-offered'] },
  ),
  login(
    'pop3-clear',
    'a login in the clear is examined',
    ['login-clear-accepted'],
    [
      {
        service: 'pop3',
        says: {
          before: ['USER', 'SASL PLAIN'],
          user: () => '+OK',
          pass: () => '-ERR [AUTH] Authentication failed.',
          auth: (_, __, initial) => (initial ? '-ERR [AUTH] Authentication failed.' : '+'),
        },
      },
    ],
    { may: clearSides },
  ),
  login(
    'pop3-offers',
    'offers USER in the clear, and refuses it',
    ['login-clear-offered'],
    [{ service: 'pop3', says: { before: ['USER', 'SASL PLAIN'] } }],
  ),
  login(
    'pop3-auth',
    'AUTH PLAIN is invited in the clear',
    [],
    [
      {
        service: 'pop3',
        says: {
          before: ['SASL PLAIN'],
          auth: (_, __, initial) => (initial ? '-ERR [AUTH] Authentication failed.' : '+'),
        },
      },
    ],
    { oneOf: [['login-secret-invited', 'login-clear-accepted']], may: clearSides },
  ),
  login('pop3-no-capa', 'no CAPA, STLS all the same', [], [{ service: 'pop3', says: { noCapa: true } }]),
  login(
    'pop3-injection',
    'keeps what came before TLS',
    ['starttls-injection'],
    [{ service: 'pop3', tls: { injectable: true } }],
  ),
  login('pop3-no-tls', 'no TLS, logins refused', ['login-starttls-missing'], [{ service: 'pop3', certificate: false }]),
  login('pop3-imap', 'another protocol answers', ['login-wrong-protocol'], [{ service: 'pop3', as: 'imap' }]),
  login('pop3-not-tls', 'the port for TLS speaks clear text', ['login-not-tls'], [{ service: 'pop3s', clear: true }], {
    may: ['login-clear-accepted', ...clearSides],
  }),
  login(
    'submission-offers',
    'offers AUTH in the clear, and refuses it',
    ['login-clear-offered'],
    [{ service: 'submission', says: { before: ['AUTH PLAIN LOGIN'], auth: () => '538 5.7.11 Encryption required' } }],
  ),
  login(
    'submission-invites',
    '334 in the clear, then a refusal of what was sent',
    [],
    [
      {
        service: 'submission',
        says: {
          after: ['AUTH PLAIN LOGIN'],
          before: [],
          auth: (_, secure, initial) =>
            initial ? (secure ? '535 5.7.8 Authentication failed' : '538 5.7.11 Encryption required') : '334 ',
          secret: '538 5.7.11 Encryption required',
        },
      },
    ],
    { oneOf: [['login-secret-invited', 'login-clear-accepted']], may: clearSides },
  ),
  login(
    'submission-clear',
    'a login in the clear is examined',
    ['login-clear-accepted'],
    [
      {
        service: 'submission',
        says: {
          before: ['AUTH PLAIN LOGIN'],
          auth: (_, __, initial) => (initial ? '535 5.7.8 Authentication failed' : '334 '),
        },
      },
    ],
    { may: clearSides },
  ),
  login(
    'submission-no-tls',
    'no TLS, no AUTH',
    ['login-starttls-missing'],
    [{ service: 'submission', certificate: false, says: { auth: () => '502 5.5.1 No' } }],
  ),
  login(
    'submission-injection',
    'keeps what came before TLS',
    ['starttls-injection'],
    [{ service: 'submission', says: submissionGood, tls: { injectable: true } }],
  ),
  login(
    'submission-not-tls',
    'the port for TLS speaks clear text',
    ['login-not-tls'],
    [{ service: 'submissions', clear: true, says: submissionGood }],
    { may: ['login-clear-accepted', ...clearSides] },
  ),
  login(
    'sieve-offers',
    'offers PLAIN in the clear, and refuses it',
    ['login-clear-offered'],
    [{ service: 'managesieve', says: { before: 'PLAIN' } }],
  ),
  login(
    'sieve-clear',
    'a login in the clear is examined',
    ['login-clear-accepted'],
    [{ service: 'managesieve', says: { before: 'PLAIN', authenticate: () => 'NO "Authentication failed"' } }],
    { may: clearSides },
  ),
];

// Real servers.

const postfix = (
  name: string,
  what: string,
  must: readonly FindingId[],
  wanted: Wanted | false,
  settings: (own: Own) => { readonly [name: string]: string } = () => ({}),
  more: Pick<Truth, 'may' | 'oneOf'> & { readonly needs?: 'postfix and dovecot' } = {},
): Posture =>
  posture(
    name,
    `Postfix: ${what}`,
    must,
    (own, kit) => ({
      zone: oneMx(own),
      options: { timeoutMs: 15_000 },
      postfix: [
        {
          address: own.a,
          port: kit.ports.smtp,
          domain: own.domain,
          host: own.mx,
          ...(wanted === false ? {} : { certificate: certificateOf(own, kit, wanted) }),
          settings: settings(own),
        },
      ],
    }),
    { needs: 'postfix', ...more },
  );

const accepts = (domain: string): string => `inline:{ { ${domain} = OK } }`;

const postfixes: readonly Posture[] = [
  postfix('postfix-good', 'as it comes, with TLS', [], {}),
  postfix(
    'postfix-defers',
    'relaying is deferred, as it is when nothing is configured',
    [],
    {},
    () => ({
      smtpd_relay_restrictions: 'permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination',
    }),
    { may: ['relay-unknown'] },
  ),
  postfix('postfix-open', 'an open relay', ['relay-open'], {}, () => ({
    smtpd_relay_restrictions: 'check_client_access static:OK, reject_unauth_destination',
  })),
  postfix('postfix-networks', 'a network too wide is trusted', ['relay-open'], {}, () => ({
    mynetworks: '127.0.0.0/8',
  })),
  postfix(
    'postfix-routing',
    'mail with a route in it is handed to another host of its own, which follows it',
    ['relay-open'],
    {},
    () => ({
      rewrite_service_name: 'plain',
      allow_untrusted_routing: 'yes',
      local_recipient_maps: 'regexp:{ { /[%!]/ x } }',
    }),
  ),
  postfix('postfix-sender', 'senders of its domain are trusted', ['relay-open'], {}, ({ domain }) => ({
    smtpd_relay_restrictions: `check_sender_access ${accepts(domain)}, reject_unauth_destination`,
  })),
  postfix('postfix-catch-all', 'every mailbox of the domain exists', [], {}, () => ({ local_recipient_maps: '' })),
  postfix('postfix-no-tls', 'no TLS', ['starttls-missing'], false),
  postfix('postfix-self-signed', 'self-signed', ['certificate-self-signed'], { by: 'itself' }),
  postfix('postfix-expired', 'expired', ['certificate-expired'], { from: -90, to: -2 }),
  postfix('postfix-name', 'another name', ['certificate-name'], { names: ['www.elsewhere.example'] }),
  postfix('postfix-old', 'TLS 1.0 and newer, as it comes', ['tls-old'], {}, () => ({
    smtpd_tls_protocols: '>=TLSv1',
  })),
  postfix('postfix-old-only', 'TLS 1.1 at most', ['tls-old-only'], {}, () => ({
    smtpd_tls_protocols: '>=TLSv1, <=TLSv1.1',
    tls_medium_cipherlist: 'DEFAULT:@SECLEVEL=0',
    smtpd_tls_ciphers: 'medium',
  })),
  postfix('postfix-tls-required', 'wants TLS before mail', [], {}, () => ({ smtpd_tls_security_level: 'encrypt' })),
  postfix('postfix-tls-relay', 'wants TLS before mail, and relays then', ['relay-open'], {}, () => ({
    smtpd_tls_security_level: 'encrypt',
    smtpd_relay_restrictions: 'check_client_access static:OK, reject_unauth_destination',
  })),
  postfix('postfix-greylisting', 'defers every recipient', ['relay-unknown'], {}, () => ({
    smtpd_relay_restrictions: 'check_client_access static:OK, reject_unauth_destination',
    smtpd_recipient_restrictions: 'defer',
  })),
  postfix('postfix-crowded', 'two sessions of a client at once', [], {}, () => ({
    smtpd_client_connection_count_limit: '2',
    smtpd_client_event_limit_exceptions: '',
  })),
  postfix('postfix-strict', 'hangs up after few errors', [], {}, () => ({
    smtpd_hard_error_limit: '3',
    smtpd_soft_error_limit: '2',
    smtpd_error_sleep_time: '0',
  })),
  postfix(
    'postfix-auth-clear',
    'offers logins in the clear',
    ['login-clear-offered'],
    {},
    () => ({
      smtpd_sasl_auth_enable: 'yes',
      smtpd_tls_auth_only: 'no',
    }),
    { needs: 'postfix and dovecot' },
  ),
  postfix(
    'postfix-auth-tls',
    'offers logins within TLS',
    [],
    {},
    () => ({
      smtpd_sasl_auth_enable: 'yes',
      smtpd_tls_auth_only: 'yes',
    }),
    { needs: 'postfix and dovecot' },
  ),
  posture('submission-postfix', 'Postfix: submission in order', [], (own, kit) => submissionOf(own, kit, 'yes'), {
    needs: 'postfix and dovecot',
  }),
  posture(
    'submission-postfix-clear',
    'Postfix: logins in the clear are examined',
    ['login-clear-accepted'],
    (own, kit) => submissionOf(own, kit, 'no'),
    { needs: 'postfix and dovecot', may: clearSides },
  ),
];

function submissionOf(own: Own, kit: Kit, tlsOnly: 'yes' | 'no'): Made {
  return {
    zone: { ...noMail, mail: { A: [own.a] } },
    options: { hosts: [own.mail], ports: portsOf(kit, ['submission']), timeoutMs: 15_000 },
    postfix: [
      {
        address: own.a,
        port: kit.ports.submission,
        domain: own.domain,
        host: own.mail,
        certificate: certificateOf(own, kit),
        settings: {
          smtpd_sasl_auth_enable: 'yes',
          smtpd_tls_auth_only: tlsOnly,
          smtpd_tls_security_level: tlsOnly === 'yes' ? 'encrypt' : 'may',
        },
      },
    ],
  };
}

const all = ['imap', 'imaps', 'pop3', 'pop3s'] as const;
const realLogin =
  (kind: 'dovecot' | 'cyrus' | 'courier', label: string) =>
  (
    name: string,
    what: string,
    must: readonly FindingId[],
    wanted: Wanted | false,
    services: DovecotPlace['services'],
    settings: { readonly [name: string]: string } = {},
    more: Pick<Truth, 'may' | 'oneOf'> = {},
    asked: DovecotPlace['services'] = services,
  ): Posture =>
    posture(
      name,
      `${label}: ${what}`,
      must,
      (own, kit) => ({
        zone: { ...noMail, mail: { A: [own.a] } },
        options: { hosts: [own.mail], ports: portsOf(kit, asked), timeoutMs: 15_000 },
        [kind]: [
          {
            address: own.a,
            host: own.mail,
            services,
            ...(wanted === false ? {} : { certificate: certificateOf(own, kit, wanted) }),
            settings,
          },
        ],
      }),
      { needs: kind, ...more },
    );

const dovecot = realLogin('dovecot', 'Dovecot');
const cyrus = realLogin('cyrus', 'Cyrus');
const courier = realLogin('courier', 'Courier');

const dovecots: readonly Posture[] = [
  dovecot('dovecot-good', 'ssl = required', [], {}, all, { ssl: 'required' }),
  dovecot('dovecot-starttls', 'ssl = yes, clear-text logins disabled', [], {}, ['imap', 'pop3'], { ssl: 'yes' }),
  dovecot('dovecot-implicit', 'implicit TLS alone', [], {}, ['imaps', 'pop3s'], { ssl: 'required' }, {}, all),
  dovecot(
    'dovecot-clear',
    'ssl = yes, disable_plaintext_auth = no',
    ['login-clear-accepted'],
    {},
    ['imap'],
    { ssl: 'yes', disable_plaintext_auth: 'no' },
    { may: clearSides },
  ),
  dovecot(
    'dovecot-clear-pop3',
    'the same, POP3',
    ['login-clear-accepted'],
    {},
    ['pop3'],
    { ssl: 'yes', disable_plaintext_auth: 'no' },
    { may: clearSides },
  ),
  dovecot(
    'dovecot-no-tls',
    'ssl = no, clear-text logins allowed',
    ['login-starttls-missing', 'login-clear-accepted'],
    false,
    ['imap', 'pop3'],
    { ssl: 'no', disable_plaintext_auth: 'no' },
    { may: clearSides },
  ),
  dovecot(
    'dovecot-no-tls-refused',
    'ssl = no, clear-text logins disabled',
    ['login-starttls-missing'],
    false,
    ['imap', 'pop3'],
    { ssl: 'no' },
    { may: ['login-clear-offered', 'login-name-invited'] },
  ),
  dovecot('dovecot-expired', 'expired', ['certificate-expired'], { from: -90, to: -2 }, ['imap', 'imaps'], {
    ssl: 'required',
  }),
  dovecot('dovecot-name', 'another name', ['certificate-name'], { names: ['elsewhere.example'] }, ['imaps'], {
    ssl: 'required',
  }),
  dovecot('dovecot-self-signed', 'self-signed', ['certificate-self-signed'], { by: 'itself' }, ['pop3s'], {
    ssl: 'required',
  }),
  dovecot('dovecot-old', 'TLS 1.0 and newer', ['tls-old'], {}, ['imap', 'imaps'], {
    ssl: 'required',
    ssl_min_protocol: 'TLSv1',
    ssl_cipher_list: 'DEFAULT:@SECLEVEL=0',
  }),
];

export const others: readonly Posture[] = [
  cyrus('cyrus-good', 'clear-text logins disabled', [], {}, all, { allowplaintext: '0' }),
  cyrus(
    'cyrus-clear',
    'clear-text logins allowed',
    ['login-clear-accepted'],
    {},
    ['imap', 'pop3'],
    { allowplaintext: '1' },
    { may: clearSides },
  ),
  cyrus('cyrus-expired', 'expired', ['certificate-expired'], { from: -90, to: -2 }, ['imaps'], { allowplaintext: '0' }),
  // POP3 of Courier before 1.1.5 keeps what came before STLS (CVE-2021-38084), and offers USER where it refuses it.
  courier('courier-good', 'TLS required', ['login-clear-offered', 'starttls-injection'], {}, ['imap', 'pop3'], {
    IMAP_TLS_REQUIRED: '1',
    POP3_TLS_REQUIRED: '1',
  }),
  courier('courier-imap', 'IMAP, TLS required', [], {}, ['imap', 'imaps'], { IMAP_TLS_REQUIRED: '1' }),
  courier(
    'courier-clear',
    'TLS offered, not required',
    ['login-clear-accepted'],
    {},
    ['imap'],
    {},
    { may: clearSides },
  ),
  courier(
    'courier-implicit',
    'implicit TLS, another name, old versions',
    ['certificate-name', 'tls-old'],
    { names: ['elsewhere.example'] },
    ['imaps', 'pop3s'],
    { TLS_PRIORITY: 'NORMAL:+VERS-TLS1.0:+VERS-TLS1.1' },
  ),
];

/** Made-up servers, which need nothing. */
export const madeUp: readonly Posture[] = [
  ...relayForms,
  ...mxHosts,
  ...failover,
  ...addresses,
  ...transport,
  ...authentications,
  ...logins,
];
/** Servers that others made. */
export const real: readonly Posture[] = [...postfixes, ...dovecots];
