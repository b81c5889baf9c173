import type { AccessCommandFacts, AccessProtocol } from 'postern/access';
import { parseIp } from 'postern/net';
import type { Role } from 'postern/smtp';

/** How a connection stands, in few words. */
export interface Standing {
  readonly protocol: AccessProtocol;
  readonly role?: Role;
  readonly implicit?: boolean;
  /** A version, or null for clear text. */
  readonly tls?: string | null;
  readonly certificate?: boolean;
  readonly offer?: AccessCommandFacts['tlsOffer'];
  readonly state?: AccessCommandFacts['state'];
  readonly client?: string;
  readonly unixSocket?: boolean;
}

export function factsOf(standing: Standing, command: AccessCommandFacts['command']): AccessCommandFacts {
  const {
    protocol,
    role = 'submission',
    implicit = false,
    tls = null,
    certificate,
    offer = 'ready',
    state = 'open',
  } = standing;
  return {
    session: { id: 's', role, protocol, implicitTls: implicit },
    client: { ip: parseIp(standing.client ?? '192.0.2.1')!, ...(standing.unixSocket ? { unixSocket: true } : {}) },
    tls:
      tls === null
        ? null
        : { version: tls, ...(certificate ? { clientCertificate: { fingerprint: 'ab'.repeat(32) } } : {}) },
    tlsOffer: offer,
    state,
    command,
  };
}

const clear = { tls: null };
const on = { tls: 'TLSv1.3' };
const old = { tls: 'TLSv1.1' };
const imap = { protocol: 'imap' } as const;
const pop3 = { protocol: 'pop3' } as const;
const msa = { protocol: 'smtp', role: 'submission' } as const;
const mx = { protocol: 'smtp', role: 'mx' } as const;
const sieve = { protocol: 'managesieve' } as const;

/** The secret-as-is mechanisms that have a name, and some that nobody knows. */
export const secretMechanisms = [
  'PLAIN',
  'LOGIN',
  'PLAIN-CLIENTTOKEN',
  'XOAUTH2',
  'OAUTHBEARER',
  'ANONYMOUS',
  'X-UNKNOWN',
  'SCRAM',
  'CRAM',
  '',
];
export const challengeMechanisms = ['CRAM-MD5', 'DIGEST-MD5', 'NTLM', 'APOP', 'SCRAM-SHA-1', 'SCRAM-SHA-256', 'GSSAPI'];
export const boundMechanisms = ['EXTERNAL', 'SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS'];
export const configured = [
  'PLAIN',
  'LOGIN',
  'XOAUTH2',
  'OAUTHBEARER',
  'CRAM-MD5',
  'SCRAM-SHA-256',
  'SCRAM-SHA-256-PLUS',
  'EXTERNAL',
];

/** One line of the decision table: what is so, the command, the decision (`null` is allow), the reply, whether it closes. */
export interface Line {
  readonly line: string;
  readonly standing: Standing;
  readonly command: AccessCommandFacts['command'];
  readonly reply: string | null;
  readonly closes?: true;
  /** Allowed, with this besides. */
  readonly discards?: true;
}

const sasl = (names: readonly string[]): AccessCommandFacts['command'][] =>
  names.map((mechanism) => ({ name: 'AUTHENTICATE', mechanism }));
const auth = (names: readonly string[]): AccessCommandFacts['command'][] =>
  names.map((mechanism) => ({ name: 'AUTH', mechanism }));
const rows = (
  line: string,
  standing: Standing,
  commands: readonly AccessCommandFacts['command'][],
  reply: string | null,
  more: Partial<Line> = {},
): Line[] => commands.map((command) => ({ line, standing, command, reply, ...more }));
const all = [...secretMechanisms, ...challengeMechanisms, ...boundMechanisms];
const privacy = 'a1 NO [PRIVACYREQUIRED] TLS is required to log in';
const popPrivacy = '-ERR [AUTH] TLS is required to log in';

export const table: readonly Line[] = [
  ...rows('I1', { ...imap, ...clear }, [{ name: 'GREETING' }], null),
  ...rows(
    'I2',
    { ...imap, ...clear, offer: 'none' },
    [{ name: 'GREETING' }],
    '* BYE [UNAVAILABLE] TLS is not configured',
    { closes: true },
  ),
  ...rows('I3', { ...imap, ...clear }, [{ name: 'CAPABILITY' }], null),
  ...rows('I4', { ...imap, ...clear }, [{ name: 'NOOP' }, { name: 'ID' }, { name: 'LOGOUT' }], null),
  ...rows('I5', { ...imap, ...clear }, [{ name: 'STARTTLS' }, { name: 'starttls' }], null, { discards: true }),
  ...rows('I6', { ...imap, ...clear }, [{ name: 'STARTTLS', pipelined: true }], 'a1 BAD Nothing may follow STARTTLS', {
    closes: true,
  }),
  ...rows('I7', { ...imap, ...on }, [{ name: 'STARTTLS' }], 'a1 BAD TLS already active'),
  ...rows('I7', { ...imap, ...on, implicit: true }, [{ name: 'STARTTLS' }], 'a1 BAD TLS already active'),
  ...rows(
    'I8',
    { ...imap, ...clear, state: 'authenticated' },
    [{ name: 'STARTTLS' }],
    'a1 BAD STARTTLS not permitted now',
  ),
  ...rows('I9', { ...imap, ...clear, offer: 'broken' }, [{ name: 'STARTTLS' }], 'a1 NO TLS is not available'),
  ...rows('I10, I11', { ...imap, ...clear }, [{ name: 'LOGIN' }, { name: 'login' }], privacy),
  ...rows('I12', { ...imap, ...clear }, sasl(secretMechanisms), privacy),
  ...rows(
    'I12',
    { ...imap, ...clear },
    [{ name: 'AUTHENTICATE' }, { name: 'authenticate', mechanism: 'plain' }],
    privacy,
  ),
  ...rows('I13', { ...imap, ...clear }, sasl(challengeMechanisms), privacy),
  ...rows('I14', { ...imap, ...clear }, sasl(boundMechanisms), privacy),
  ...rows(
    'I15',
    { ...imap, ...old },
    [{ name: 'LOGIN' }, ...sasl(all)],
    'a1 NO [PRIVACYREQUIRED] TLS 1.2 or later is required',
  ),
  ...rows('I16', { ...imap, ...on }, [{ name: 'CAPABILITY' }], null),
  ...rows('I17', { ...imap, ...on }, [{ name: 'LOGIN' }, ...sasl(['PLAIN', 'XOAUTH2', 'SCRAM-SHA-256'])], null),
  ...rows('I17', { ...imap, tls: 'TLSv1.2' }, [{ name: 'LOGIN' }, ...sasl(['PLAIN'])], null),
  ...rows(
    'I18',
    { ...imap, ...on },
    sasl(['EXTERNAL']),
    'a1 NO [AUTHENTICATIONFAILED] A client certificate is required',
  ),
  ...rows('I18', { ...imap, ...on, certificate: true }, sasl(['EXTERNAL']), null),
  ...rows(
    'I19',
    { ...imap, ...on, state: 'authenticated' },
    [{ name: 'LOGIN' }, ...sasl(all)],
    'a1 BAD Already authenticated',
  ),
  ...rows('I19', { ...imap, ...clear, state: 'authenticated' }, [{ name: 'LOGIN' }], 'a1 BAD Already authenticated'),
  ...rows(
    'I20',
    { ...imap, ...clear, implicit: true },
    [{ name: 'GREETING' }, { name: 'LOGIN' }, { name: 'NOOP' }, { name: 'STARTTLS' }],
    '',
    { closes: true },
  ),

  ...rows('P1', { ...pop3, ...clear }, [{ name: 'GREETING' }], null),
  ...rows('P2', { ...pop3, ...clear }, [{ name: 'CAPA' }], null),
  ...rows('P3', { ...pop3, ...clear }, [{ name: 'USER' }], popPrivacy),
  ...rows('P4', { ...pop3, ...clear }, [{ name: 'PASS' }, { name: 'APOP' }], popPrivacy),
  ...rows('P5', { ...pop3, ...clear }, [{ name: 'AUTH' }, ...auth(all)], popPrivacy),
  ...rows('P6', { ...pop3, ...clear }, [{ name: 'STLS' }], null, { discards: true }),
  ...rows('P7', { ...pop3, ...clear }, [{ name: 'STLS', pipelined: true }], '-ERR Nothing may follow STLS', {
    closes: true,
  }),
  ...rows('P8', { ...pop3, ...on }, [{ name: 'STLS' }], '-ERR Command not permitted when TLS active'),
  ...rows('P8', { ...pop3, ...clear, state: 'authenticated' }, [{ name: 'STLS' }], '-ERR STLS only before login'),
  ...rows(
    'P9',
    { ...pop3, ...old },
    [{ name: 'USER' }, { name: 'PASS' }, ...auth(all)],
    '-ERR [AUTH] TLS 1.2 or later is required',
  ),
  ...rows('P10', { ...pop3, ...on }, [{ name: 'CAPA' }], null),
  ...rows('P11', { ...pop3, ...on }, [{ name: 'USER' }, { name: 'PASS' }, ...auth(['PLAIN', 'SCRAM-SHA-256'])], null),
  ...rows(
    'P12',
    { ...pop3, ...clear, offer: 'none' },
    [{ name: 'GREETING' }],
    '-ERR [SYS/PERM] TLS is not configured',
    { closes: true },
  ),

  ...rows('S1', { ...msa, ...clear }, [{ name: 'EHLO' }], null),
  ...rows(
    'S2',
    { ...msa, ...clear },
    [
      { name: 'MAIL' },
      { name: 'RCPT' },
      { name: 'DATA' },
      { name: 'BDAT' },
      { name: 'VRFY' },
      { name: 'HELP' },
      { name: 'XCLIENT' },
      ...auth(all),
    ],
    '530 5.7.0 Must issue a STARTTLS command first',
  ),
  ...rows(
    'S2',
    { ...msa, ...clear },
    [{ name: 'EHLO' }, { name: 'HELO' }, { name: 'NOOP' }, { name: 'QUIT' }, { name: 'RSET' }],
    null,
  ),
  ...rows('S2', { ...msa, ...clear }, [{ name: 'STARTTLS' }], null, { discards: true }),
  ...rows(
    'S3',
    { ...mx, ...clear },
    auth(all),
    '538 5.7.11 Encryption required for requested authentication mechanism',
  ),
  ...rows('S4', { ...msa, ...clear }, [{ name: 'STARTTLS', argument: true }], '501 5.5.4 Syntax error'),
  ...rows(
    'S5',
    { ...msa, ...clear },
    [{ name: 'STARTTLS', pipelined: true }],
    '554 5.5.1 Nothing may follow STARTTLS',
    { closes: true },
  ),
  ...rows('S6', { ...msa, ...on }, [{ name: 'STARTTLS' }], '503 5.5.1 TLS already active'),
  ...rows(
    'S7',
    { ...mx, ...clear, state: 'transaction' },
    [{ name: 'STARTTLS' }],
    '503 5.5.1 Not during a mail transaction',
  ),
  ...rows(
    'S8',
    { ...mx, ...clear, offer: 'broken' },
    [{ name: 'STARTTLS' }],
    '454 4.7.0 TLS not available due to temporary reason',
  ),
  ...rows('S9', { ...msa, ...old }, auth(all), '538 5.7.11 TLS 1.2 or later is required'),
  ...rows('S10', { ...msa, ...on }, [{ name: 'EHLO' }], null),
  ...rows('S11', { ...msa, ...on }, [{ name: 'MAIL' }], '530 5.7.0 Authentication required'),
  ...rows('S11', { ...msa, ...on, state: 'authenticated' }, [{ name: 'MAIL' }], null),
  ...rows('S11', { ...mx, ...on }, [{ name: 'MAIL' }], null),
  ...rows('S12', { ...msa, ...on }, auth(['PLAIN', 'LOGIN', 'XOAUTH2']), null),
  ...rows('S12', { ...msa, ...on }, auth(['NTLM', 'X-UNKNOWN']), '504 5.5.4 Unrecognized authentication type'),

  ...rows(
    'M (RFC 5804)',
    { ...sieve, ...clear },
    [{ name: 'GREETING' }, { name: 'CAPABILITY' }, { name: 'LOGOUT' }],
    null,
  ),
  ...rows('M', { ...sieve, ...clear, offer: 'none' }, [{ name: 'GREETING' }], 'BYE "TLS is not configured"', {
    closes: true,
  }),
  ...rows('M', { ...sieve, ...clear }, sasl(all), 'NO (ENCRYPT-NEEDED) "TLS is required to log in"'),
  ...rows('M', { ...sieve, ...clear }, [{ name: 'STARTTLS' }], null, { discards: true }),
  ...rows('M', { ...sieve, ...clear }, [{ name: 'STARTTLS', pipelined: true }], 'NO "Nothing may follow STARTTLS"', {
    closes: true,
  }),
  ...rows('M', { ...sieve, ...clear, offer: 'broken' }, [{ name: 'STARTTLS' }], 'NO (TRYLATER) "TLS is not available"'),
  ...rows('M', { ...sieve, ...on }, [{ name: 'STARTTLS' }], 'NO "TLS already active"'),
  ...rows('M', { ...sieve, ...old }, sasl(all), 'NO (ENCRYPT-NEEDED) "TLS 1.2 or later is required"'),
  ...rows('M', { ...sieve, ...on }, sasl(['PLAIN']), null),
  ...rows('M', { ...sieve, ...on, state: 'authenticated' }, sasl(['PLAIN']), 'NO "Already authenticated"'),

  ...rows(
    'PREAUTH',
    { ...imap, ...clear, state: 'authenticated' },
    [{ name: 'GREETING' }],
    '* BYE [UNAVAILABLE] TLS is required',
    { closes: true },
  ),
  ...rows('PREAUTH', { ...imap, ...on, implicit: true, state: 'authenticated' }, [{ name: 'GREETING' }], null),
];
