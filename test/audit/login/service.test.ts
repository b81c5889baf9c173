import { describe, expect, test } from 'vitest';
import type { AuditContext } from '../../../src/audit/context.ts';
import { auditService, type LoginAudit, type LoginTarget } from '../../../src/audit/login/index.ts';
import type { AuditOptions } from '../../../src/audit/options.ts';
import { contextWith } from '../context.ts';
import { authority, issue } from '../tls/certificates.ts';
import { type FakeLogin, fakeLogin, type Posture, type Protocol, type Said } from './fake-login.ts';

const HOST = 'mail.example.org';
const trusted = authority();
const good = issue({ names: [HOST], by: trusted });
const chain = [good];
let attempts = 0;

const services: { readonly [protocol in Protocol]: LoginTarget['service'] } = {
  imap: 'imap',
  pop3: 'pop3',
  smtp: 'submission',
  managesieve: 'managesieve',
};
const implicitly: { readonly [protocol in Protocol]: LoginTarget['service'] } = {
  ...services,
  imap: 'imaps',
  pop3: 'pop3s',
  smtp: 'submissions',
};

interface More extends AuditOptions {
  readonly target?: Partial<LoginTarget>;
  readonly context?: Partial<AuditContext>;
}

async function look(
  posture: Posture,
  { target = {}, context = {}, ...options }: More = {},
): Promise<{ readonly audit: LoginAudit; readonly server: FakeLogin }> {
  const server = await fakeLogin(posture.tls === undefined ? { ...posture, tls: { chain } } : posture);
  try {
    const audit = await auditService(
      {
        service: (posture.implicit === true ? implicitly : services)[posture.protocol],
        domain: 'example.org',
        host: HOST,
        required: [HOST],
        names: [],
        address: server.host,
        port: server.port,
        because: 'given',
        ...target,
      },
      contextWith({ authorities: [trusted.cert], source: '127.0.0.9', timeoutMs: 2_000, ...options }, context),
    );
    if (audit === undefined) throw new Error('there is a service');
    return { audit, server };
  } finally {
    await server.close();
  }
}

/** Sorted ids of the findings. */
const idsOf = ({ findings }: LoginAudit): string[] => findings.map(({ id }) => id).sort();

const clearOnly =
  (run: (command: string) => Said | undefined): NonNullable<Posture['answer']> =>
  (command, secure, pending) =>
    secure || pending !== undefined ? undefined : run(command);

const isImap = (line: string, verb: string): boolean => line.toUpperCase().split(' ')[1] === verb;
const tagOf = (line: string): string => line.split(' ', 1)[0] ?? '';

const failedImap = 'NO [AUTHENTICATIONFAILED] Authentication failed.';

type Case = readonly [name: string, posture: Posture, found: readonly string[], more?: More];

const cases: readonly Case[] = [
  // Correct servers.
  ['imap/LOGINDISABLED and STARTTLS → nothing', { protocol: 'imap' }, []],
  ['pop3/STLS, USER refused before it → nothing', { protocol: 'pop3' }, []],
  ['submission/AUTH within TLS only → nothing', { protocol: 'smtp' }, []],
  ['managesieve/STARTTLS, no mechanism before it → nothing', { protocol: 'managesieve' }, []],
  ['imaps/in order → nothing', { protocol: 'imap', implicit: true }, []],
  ['pop3s/in order → nothing', { protocol: 'pop3', implicit: true }, []],
  ['submissions/in order → nothing', { protocol: 'smtp', implicit: true }, []],
  [
    'imaps/STARTTLS is offered within TLS → nothing',
    { protocol: 'imap', implicit: true, after: ['IMAP4rev1', 'STARTTLS', 'AUTH=PLAIN'] },
    [],
  ],
  [
    'imap/the connection ends where a login is tried in the clear → nothing',
    {
      protocol: 'imap',
      answer: clearOnly((line) =>
        isImap(line, 'LOGIN') || isImap(line, 'AUTHENTICATE') ? { end: '* BYE TLS first' } : undefined,
      ),
    },
    [],
  ],
  [
    'imap/Cyrus refuses LOGIN "under a layer" → nothing',
    {
      protocol: 'imap',
      answer: clearOnly((line) =>
        isImap(line, 'LOGIN')
          ? `${tagOf(line)} NO Login only available under a layer`
          : isImap(line, 'AUTHENTICATE')
            ? `${tagOf(line)} NO no mechanism available`
            : undefined,
      ),
    },
    [],
  ],
  [
    'imap/Courier wants STARTTLS → nothing',
    {
      protocol: 'imap',
      answer: clearOnly((line) =>
        isImap(line, 'LOGIN') || isImap(line, 'AUTHENTICATE') ? `${tagOf(line)} NO STARTTLS required` : undefined,
      ),
    },
    [],
  ],
  [
    'pop3/Dovecot says [AUTH] for want of TLS → nothing',
    {
      protocol: 'pop3',
      answer: clearOnly((line) =>
        /^(USER|AUTH)/.test(line)
          ? '-ERR [AUTH] Plaintext authentication disallowed on non-secure (SSL/TLS) connections.'
          : undefined,
      ),
    },
    [],
  ],
  [
    'submission/Postfix wants STARTTLS before all else → nothing',
    {
      protocol: 'smtp',
      answer: clearOnly((line) =>
        /^(AUTH|MAIL)/.test(line) ? '530 5.7.0 Must issue a STARTTLS command first' : undefined,
      ),
    },
    [],
  ],
  [
    'submission/535 for a mechanism that is not there in the clear → nothing',
    {
      protocol: 'smtp',
      answer: clearOnly((line) =>
        line.startsWith('AUTH') ? '535 5.7.8 Error: authentication failed: no mechanism available' : undefined,
      ),
    },
    [],
  ],
  [
    'imap/BAD to both logins, as to a command that is not known → nothing',
    {
      protocol: 'imap',
      answer: (line) =>
        isImap(line, 'LOGIN') || isImap(line, 'AUTHENTICATE') ? `${tagOf(line)} BAD Unknown command` : undefined,
    },
    [],
  ],
  [
    'imap/words that do not tell, and others within TLS → nothing',
    {
      protocol: 'imap',
      answer: clearOnly((line) => (isImap(line, 'LOGIN') ? `${tagOf(line)} NO Go away` : undefined)),
    },
    [],
  ],
  [
    'managesieve/a vague refusal for the name of the mechanism → nothing',
    {
      protocol: 'managesieve',
      answer: (line, secure, pending) =>
        line.startsWith('AUTHENTICATE') && pending === undefined
          ? secure && line.split(' ').length < 3
            ? '""'
            : 'NO "Authentication Error"'
          : undefined,
    },
    [],
  ],
  ['imap/slow, octet by octet → nothing', { protocol: 'imap', slowly: true }, []],
  [
    'imap/a literal that looks like an answer → nothing',
    {
      protocol: 'imap',
      answer: (line) =>
        isImap(line, 'CAPABILITY')
          ? [
              '* X {20}',
              `${tagOf(line)} OK STARTTLS done`,
              '',
              '* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED',
              `${tagOf(line)} OK`,
            ]
          : undefined,
    },
    [],
  ],
  ['pop3/STLS, greets again within TLS → nothing', { protocol: 'pop3', greetsAgain: true }, []],
  ['submission/greets again within TLS → nothing', { protocol: 'smtp', greetsAgain: true }, []],
  [
    'pop3/no CAPA, and STLS all the same → nothing',
    { protocol: 'pop3', answer: (line) => (line === 'CAPA' ? '-ERR unknown command' : undefined) },
    [],
  ],
  ['imap/one connection at a time → nothing', { protocol: 'imap', most: 1 }, [], { connectionsPerService: 4 }],
  [
    'imap/challenges are offered before TLS → login-clear-offered, as in SMTP',
    { protocol: 'imap', before: ['IMAP4rev1', 'STARTTLS', 'LOGINDISABLED', 'AUTH=SCRAM-SHA-256', 'AUTH=CRAM-MD5'] },
    ['login-clear-offered'],
  ],
  [
    'submission/what comes behind STARTTLS is refused → nothing',
    {
      protocol: 'smtp',
      answer: clearOnly((line) => (line === 'NOOP' ? { end: '554 5.5.1 Nothing may follow STARTTLS' } : undefined)),
    },
    [],
  ],
  [
    'imap/the name of the account is repeated, and so it is in other words → nothing',
    {
      protocol: 'imap',
      answer: (line, secure) =>
        isImap(line, 'LOGIN')
          ? `${tagOf(line)} NO ${line.split(' ')[2]} ${secure ? 'is nobody here' : 'not on this line'} 12:${Date.now()}`
          : undefined,
    },
    [],
  ],

  [
    'submission/535 in words of a login, and so without a secret; within TLS it is begun → nothing',
    {
      protocol: 'smtp',
      answer: clearOnly((line) => (line.startsWith('AUTH') ? '535 5.7.8 Authentication failed' : undefined)),
    },
    [],
  ],
  [
    'pop3/a mechanism that is not there is "Authentication failed" → nothing',
    {
      protocol: 'pop3',
      answer: clearOnly((line) => (line.startsWith('AUTH') ? '-ERR Authentication failed.' : undefined)),
    },
    [],
  ],

  // Logins without TLS.
  [
    'submission/the same refusal without a secret and with one, in the clear and within TLS → login-clear-accepted',
    { protocol: 'smtp', answer: (line) => (line.startsWith('AUTH') ? '535 5.7.8 Authentication failed' : undefined) },
    ['login-clear-accepted'],
  ],
  [
    'imap/LOGIN is processed → login-clear-accepted',
    {
      protocol: 'imap',
      before: ['IMAP4rev1', 'STARTTLS', 'AUTH=PLAIN'],
      answer: (line) => (isImap(line, 'LOGIN') ? `${tagOf(line)} ${failedImap}` : undefined),
    },
    ['login-clear-accepted'],
  ],
  [
    'imap/LOGIN accepts any account → login-clear-accepted',
    {
      protocol: 'imap',
      answer: clearOnly((line) => (isImap(line, 'LOGIN') ? `${tagOf(line)} OK welcome` : undefined)),
    },
    ['login-clear-accepted'],
  ],
  [
    'imap/LOGIN is rejected with an unclear text, the same over TLS → login-clear-accepted',
    { protocol: 'imap', answer: (line) => (isImap(line, 'LOGIN') ? `${tagOf(line)} NO Sorry` : undefined) },
    ['login-clear-accepted'],
  ],
  [
    'imap/a rejection that mentions TLS is the same over TLS → login-clear-accepted',
    {
      protocol: 'imap',
      answer: (line) => (isImap(line, 'LOGIN') ? `${tagOf(line)} NO Login failed; use a secure password` : undefined),
    },
    ['login-clear-accepted'],
  ],
  [
    'imap/rejections differ only in account name and time → login-clear-accepted',
    {
      protocol: 'imap',
      answer: (line) =>
        isImap(line, 'LOGIN') ? `${tagOf(line)} NO ${line.split(' ')[2]} is nobody here <${attempts++}@x>` : undefined,
    },
    ['login-clear-accepted'],
  ],
  [
    'imap/LOGIN requires TLS, AUTHENTICATE PLAIN does not → login-secret-invited',
    {
      protocol: 'imap',
      answer: clearOnly((line) => (isImap(line, 'AUTHENTICATE') && line.includes('PLAIN') ? '+ ' : undefined)),
    },
    ['login-secret-invited'],
  ],
  [
    'imap/AUTHENTICATE PLAIN is processed only with an initial response → login-clear-accepted',
    {
      protocol: 'imap',
      answer: clearOnly((line) =>
        isImap(line, 'AUTHENTICATE') && line.split(' ').length > 3 ? `${tagOf(line)} ${failedImap}` : undefined,
      ),
    },
    ['login-clear-accepted'],
  ],
  [
    'imap/bearer tokens are requested without TLS → login-secret-invited',
    {
      protocol: 'imap',
      answer: clearOnly((line) => (isImap(line, 'AUTHENTICATE') && line.includes('OAUTHBEARER') ? '+ ' : undefined)),
    },
    ['login-secret-invited'],
  ],
  [
    'imap/closes after the first mechanism, continues with the third → login-secret-invited',
    {
      protocol: 'imap',
      answer: clearOnly((line) =>
        isImap(line, 'AUTHENTICATE') ? (line.includes('XOAUTH2') ? '+ ' : { end: '* BYE no' }) : undefined,
      ),
    },
    ['login-secret-invited'],
  ],
  [
    'imap/an unknown mechanism is offered and continues → login-secret-invited',
    {
      protocol: 'imap',
      before: ['IMAP4rev1', 'STARTTLS', 'LOGINDISABLED', 'AUTH=X-TOKEN'],
      answer: clearOnly((line) => (line.includes('X-TOKEN') ? '+ ' : undefined)),
    },
    ['login-secret-invited'],
  ],
  [
    'imap/AUTH=PLAIN is offered but rejected → login-clear-offered',
    { protocol: 'imap', before: ['IMAP4rev1', 'STARTTLS', 'LOGINDISABLED', 'AUTH=PLAIN'] },
    ['login-clear-offered'],
  ],
  [
    'imap/no LOGINDISABLED, but LOGIN is rejected → login-clear-offered',
    { protocol: 'imap', before: ['IMAP4rev1', 'STARTTLS'] },
    ['login-clear-offered'],
  ],
  ['imap/PREAUTH → preauth-clear', { protocol: 'imap', greeting: '* PREAUTH hello root\r\n' }, ['preauth-clear']],
  [
    'pop3/USER and PASS are processed → login-clear-accepted',
    {
      protocol: 'pop3',
      answer: (line) =>
        line.startsWith('USER') ? '+OK' : line.startsWith('PASS') ? '-ERR [AUTH] Authentication failed.' : undefined,
    },
    ['login-clear-accepted'],
  ],
  [
    'pop3/USER is accepted, PASS requires TLS → login-name-invited',
    { protocol: 'pop3', answer: clearOnly((line) => (line.startsWith('USER') ? '+OK' : undefined)) },
    ['login-name-invited'],
  ],
  [
    'pop3/USER is offered but rejected → login-clear-offered',
    { protocol: 'pop3', before: ['STLS', 'USER'] },
    ['login-clear-offered'],
  ],
  [
    'pop3/SASL PLAIN is offered but rejected → login-clear-offered',
    { protocol: 'pop3', before: ['STLS', 'SASL PLAIN SCRAM-SHA-256'] },
    ['login-clear-offered'],
  ],
  [
    'pop3/AUTH XOAUTH2 continues → login-secret-invited',
    { protocol: 'pop3', answer: clearOnly((line) => (line === 'AUTH XOAUTH2' ? '+ ' : undefined)) },
    ['login-secret-invited'],
  ],
  [
    'pop3/the user name is rejected as unknown → login-clear-accepted',
    { protocol: 'pop3', answer: (line) => (line.startsWith('USER') ? '-ERR no such user here' : undefined) },
    ['login-clear-accepted'],
  ],
  [
    'submission/AUTH PLAIN is processed → login-clear-accepted',
    {
      protocol: 'smtp',
      before: ['STARTTLS', 'AUTH PLAIN LOGIN'],
      answer: clearOnly((line) => (/^AUTH \S+ ./.test(line) ? '535 5.7.8 Error: authentication failed' : undefined)),
    },
    ['login-clear-accepted'],
  ],
  [
    'submission/AUTH PLAIN fails temporarily → login-clear-accepted',
    {
      protocol: 'smtp',
      answer: (line) => (/^AUTH \S+ ./.test(line) ? '454 4.7.0 Temporary authentication failure' : undefined),
    },
    ['login-clear-accepted'],
  ],
  [
    'submission/AUTH LOGIN asks for the user name → login-secret-invited',
    { protocol: 'smtp', answer: clearOnly((line) => (line === 'AUTH LOGIN' ? '334 VXNlcm5hbWU6' : undefined)) },
    ['login-secret-invited'],
  ],
  [
    'submission/AUTH is offered before TLS but rejected → login-clear-offered',
    { protocol: 'smtp', before: ['STARTTLS', 'AUTH=LOGIN'] },
    ['login-clear-offered'],
  ],
  [
    'managesieve/AUTHENTICATE PLAIN continues → login-secret-invited',
    { protocol: 'managesieve', answer: clearOnly((line) => (line === 'AUTHENTICATE "PLAIN"' ? '""' : undefined)) },
    ['login-secret-invited'],
  ],
  [
    'managesieve/AUTHENTICATE PLAIN is processed → login-clear-accepted',
    {
      protocol: 'managesieve',
      answer: (line) => (/^AUTHENTICATE "PLAIN" /.test(line) ? ['NO {22}', 'Authentication failed.'] : undefined),
    },
    ['login-clear-accepted'],
  ],
  [
    'managesieve/PLAIN is offered before TLS but rejected → login-clear-offered',
    { protocol: 'managesieve', before: ['STARTTLS', 'PLAIN'] },
    ['login-clear-offered'],
  ],

  // No TLS.
  [
    'imap/no STARTTLS, LOGIN is processed → both',
    {
      protocol: 'imap',
      tls: null,
      before: ['IMAP4rev1', 'AUTH=PLAIN'],
      answer: (line) => (isImap(line, 'LOGIN') ? `${tagOf(line)} ${failedImap}` : undefined),
    },
    ['login-clear-accepted', 'login-starttls-missing'],
  ],
  [
    'imap/no STARTTLS, rejection with an unclear text → both',
    {
      protocol: 'imap',
      tls: null,
      before: ['IMAP4rev1'],
      answer: (line) => (isImap(line, 'LOGIN') ? `${tagOf(line)} NO Sorry` : undefined),
    },
    ['login-clear-accepted', 'login-starttls-missing'],
  ],
  [
    'imap/no STARTTLS, no login offered → login-starttls-missing',
    { protocol: 'imap', tls: null },
    ['login-starttls-missing'],
  ],
  [
    'pop3/no STLS, no login offered → login-starttls-missing',
    { protocol: 'pop3', tls: null },
    ['login-starttls-missing'],
  ],
  ['submission/no STARTTLS → login-starttls-missing', { protocol: 'smtp', tls: null }, ['login-starttls-missing']],
  [
    'managesieve/no STARTTLS → login-starttls-missing',
    { protocol: 'managesieve', tls: null },
    ['login-starttls-missing'],
  ],
  [
    'imap/STARTTLS is offered but rejected → starttls-failed',
    { protocol: 'imap', answer: (line) => (isImap(line, 'STARTTLS') ? `${tagOf(line)} NO not now` : undefined) },
    ['starttls-failed'],
  ],
  [
    'submission/closed during the handshake → starttls-failed',
    { protocol: 'smtp', tls: { chain, broken: 'close' } },
    ['starttls-failed'],
  ],
  [
    'pop3/the answer to the handshake is not TLS → starttls-failed',
    { protocol: 'pop3', tls: { chain, broken: 'garbage' } },
    ['starttls-failed'],
  ],
  ['imaps/clear text → login-not-tls', { protocol: 'imap', implicit: true, tls: null }, ['login-not-tls']],
  ['pop3s/clear text → login-not-tls', { protocol: 'pop3', implicit: true, tls: null }, ['login-not-tls']],
  ['submissions/clear text → login-not-tls', { protocol: 'smtp', implicit: true, tls: null }, ['login-not-tls']],
  [
    'imaps/closed during the handshake → starttls-failed',
    { protocol: 'imap', implicit: true, tls: { chain, broken: 'close' } },
    ['starttls-failed'],
  ],

  // Injection.
  ...(['imap', 'pop3', 'smtp', 'managesieve'] as const).map(
    (protocol): Case => [
      `${protocol}/what came before TLS is answered within it → starttls-injection`,
      { protocol, tls: { chain, injectable: true } },
      ['starttls-injection'],
    ],
  ),

  // TLS itself.
  ['imap/TLS 1.0 and 1.2 → tls-old', { protocol: 'imap', tls: { chain, versions: ['TLSv1', 'TLSv1.2'] } }, ['tls-old']],
  [
    'pop3/TLS 1.0 only → tls-old-only',
    { protocol: 'pop3', tls: { chain, versions: ['TLSv1', 'TLSv1'] } },
    ['tls-old-only'],
  ],
  [
    'imaps/TLS 1.1 only → tls-old-only',
    { protocol: 'imap', implicit: true, tls: { chain, versions: ['TLSv1.1', 'TLSv1.1'] } },
    ['tls-old-only'],
  ],
  [
    'imaps/expired → certificate-expired',
    { protocol: 'imap', implicit: true, tls: { chain: [issue({ names: [HOST], by: trusted, from: -90, to: -1 })] } },
    ['certificate-expired'],
  ],
  [
    'imap/self-signed → certificate-self-signed',
    { protocol: 'imap', tls: { chain: [issue({ names: [HOST] })] } },
    ['certificate-self-signed'],
  ],
  [
    'submission/for another name → certificate-name',
    { protocol: 'smtp', tls: { chain: [issue({ names: ['other.example'], by: trusted })] } },
    ['certificate-name'],
  ],
  [
    'imaps/two names are announced, the certificate has one → certificate-name',
    { protocol: 'imap', implicit: true },
    ['certificate-name'],
    { target: { required: [HOST, 'imap.example.org'] } },
  ],
  [
    'imaps/two names are announced, each has its certificate → nothing',
    {
      protocol: 'imap',
      implicit: true,
      tls: { chain, others: { 'imap.example.org': [issue({ names: ['imap.example.org'], by: trusted })] } },
    },
    [],
    { target: { required: [HOST, 'imap.example.org'] } },
  ],
  [
    'imaps/the certificate contains one guessed name → nothing',
    { protocol: 'imap', implicit: true },
    [],
    { target: { because: 'usual-name', required: [], names: ['imap.example.org', HOST] } },
  ],

  // Reach.
  ['imap/no greeting → login-mute', { protocol: 'imap', greeting: null }, ['login-mute'], { timeoutMs: 300 }],
  ['imap/incomplete greeting → login-mute', { protocol: 'imap', greeting: '* OK' }, ['login-mute'], { timeoutMs: 300 }],
  [
    'imaps/no answer to the handshake → login-mute',
    { protocol: 'imap', raw: () => undefined },
    ['login-mute'],
    { timeoutMs: 300, target: { service: 'imaps' } },
  ],
  [
    'imap/implicit TLS → login-wrong-protocol',
    { protocol: 'imap', implicit: true },
    ['login-wrong-protocol'],
    { timeoutMs: 500, target: { service: 'imap' } },
  ],
  ['imap/SMTP → login-wrong-protocol', { protocol: 'imap', greeting: '220 mx ESMTP\r\n' }, ['login-wrong-protocol']],
  [
    'submission/IMAP → login-wrong-protocol',
    { protocol: 'smtp', greeting: '* OK ready\r\n' },
    ['login-wrong-protocol'],
  ],
  ['imap/BYE → login-unknown', { protocol: 'imap', greeting: '* BYE overloaded\r\n' }, ['login-unknown']],
  [
    'pop3/closes without a greeting → login-unknown',
    { protocol: 'pop3', raw: (socket) => void socket.end() },
    ['login-unknown'],
  ],
  [
    'imaps/closes at once → login-unknown',
    { protocol: 'imap', raw: (socket) => void socket.destroy() },
    ['login-unknown'],
    { target: { service: 'imaps' } },
  ],
  [
    'imap/no answer to a login without TLS → login-unknown',
    {
      protocol: 'imap',
      answer: clearOnly((line) => (isImap(line, 'LOGIN') ? { silence: true } : undefined)),
    },
    ['login-unknown'],
    { timeoutMs: 400 },
  ],

  // Open submission.
  [
    'submission/relays over TLS without a login → relay-open',
    { protocol: 'smtp', answer: (line, secure) => (secure && /^(MAIL|RCPT)/.test(line) ? '250 2.1.0 Ok' : undefined) },
    ['relay-open'],
  ],
  [
    'submission/relays only without TLS → relay-open',
    { protocol: 'smtp', answer: clearOnly((line) => (/^(MAIL|RCPT)/.test(line) ? '250 2.1.0 Ok' : undefined)) },
    ['relay-open'],
  ],
  [
    'submissions/relays → relay-open',
    { protocol: 'smtp', implicit: true, answer: (line) => (/^(MAIL|RCPT)/.test(line) ? '250 2.1.0 Ok' : undefined) },
    ['relay-open'],
  ],
  [
    'submission/refuses the recipient → nothing',
    {
      protocol: 'smtp',
      answer: (line) =>
        line.startsWith('MAIL')
          ? '250 2.1.0 Ok'
          : line.startsWith('RCPT')
            ? '554 5.7.1 Client host rejected'
            : undefined,
    },
    [],
  ],
];

describe('audit/login: postures', () => {
  for (const [name, posture, found, more] of cases)
    test.concurrent(name, async ({ expect }) => {
      const { audit } = await look(posture, more);
      expect(idsOf(audit), JSON.stringify(audit.findings, null, 1)).toEqual([...found].sort());
    });
});

describe('audit/login: hostile servers', () => {
  const hostile: readonly (readonly [string, Posture])[] = [
    [
      'ten thousand capabilities',
      {
        protocol: 'imap',
        answer: (line) => (isImap(line, 'CAPABILITY') ? Array(10_000).fill('* CAPABILITY X') : undefined),
      },
    ],
    [
      'a list without end',
      { protocol: 'pop3', answer: (line) => (line === 'CAPA' ? ['+OK', ...Array(10_000).fill('X')] : undefined) },
    ],
    ['a line without end', { protocol: 'imap', greeting: `* OK ${'x'.repeat(400_000)}` }],
    [
      'octets',
      { protocol: 'imap', greeting: `${String.fromCharCode(...Array.from({ length: 256 }, (_, at) => at))}\r\n` },
    ],
    ['a literal of 999,999,999 octets', { protocol: 'managesieve', greeting: '"SASL" {999999999}\r\n' }],
    ['an incomplete literal', { protocol: 'managesieve', greeting: '"SASL" {100}\r\nabc\r\n' }],
    ['closed in the middle of a reply', { protocol: 'smtp', answer: () => ({ end: '250-fake' }) }],
    ['a reply that changes its code', { protocol: 'smtp', answer: () => ['250-fake', '550 no'] }],
    ['closed over TLS', { protocol: 'imap', answer: (_, secure) => (secure ? { end: '' } : undefined) }],
    ['silence over TLS', { protocol: 'pop3', answer: (_, secure) => (secure ? { silence: true } : undefined) }],
    [
      'questions without end',
      {
        protocol: 'imap',
        answer: (line) => (isImap(line, 'STARTTLS') || isImap(line, 'CAPABILITY') ? undefined : '+ more'),
      },
    ],
    [
      'the same line for ever',
      {
        protocol: 'imap',
        raw: (socket) => void setInterval(() => socket.writable && socket.write('* OK again\r\n'), 1).unref(),
      },
    ],
  ];
  for (const [name, posture] of hostile)
    test.concurrent(`${name} → findings, and an end`, async ({ expect }) => {
      const { audit } = await look(posture, { timeoutMs: 500 });
      for (const { id, evidence, what } of audit.findings) {
        expect(id).not.toBe('login-clear-accepted');
        for (const line of [what, ...evidence]) expect(line).toMatch(/^[\x20-\x7e→…]*$/);
      }
    });
});

describe('audit/login: tests that run', () => {
  test('logins/a correct server → no failed logins, not even over TLS', async () => {
    for (const protocol of ['imap', 'pop3', 'smtp', 'managesieve'] as const) {
      const { server } = await look({ protocol });
      expect(server.lines.filter((line) => /^!.*(LOGIN |PASS|AUTH)/.test(line))).toEqual([]);
    }
  });

  test('logins/the account → random, and not a mailbox of the domain', async () => {
    const { server } = await look({
      protocol: 'pop3',
      answer: clearOnly((line) => (line.startsWith('USER') ? '+OK' : undefined)),
    });
    const names = server.lines.filter((line) => line.startsWith('USER'));
    expect(names).toHaveLength(1);
    expect(names[0]).toMatch(/^USER postern-[0-9a-f]{16}$/);
  });

  test('probes/tls only → no login attempts', async () => {
    const { audit, server } = await look(
      { protocol: 'imap', before: ['IMAP4rev1', 'STARTTLS', 'AUTH=PLAIN'] },
      { only: ['tls'] },
    );
    expect(server.lines.filter((line) => /LOGIN |AUTHENTICATE|NOOP/.test(line))).toEqual([]);
    expect(audit.service.session?.versions).toEqual({
      TLSv1: false,
      'TLSv1.1': false,
      'TLSv1.2': true,
      'TLSv1.3': true,
    });
  });

  test('probes/login only → versions are not tested', async () => {
    const { audit } = await look({ protocol: 'imap' }, { only: ['login'] });
    expect(audit.service.session?.versions).toEqual({});
    expect(audit.service.session?.certificate?.nameMatches).toBe(true);
  });

  test('relay/the recipient is in the domain itself → another recipient', async () => {
    const { server } = await look(
      { protocol: 'smtp', answer: (line) => (line.startsWith('MAIL') ? '250 2.1.0 Ok' : undefined) },
      { relayTo: 'someone@example.org' },
    );
    expect(server.lines).toContain('RCPT TO:<someone@example.net>');
  });

  test('relay/never sends DATA', async () => {
    const { server } = await look({
      protocol: 'smtp',
      answer: (line) => (/^(MAIL|RCPT)/.test(line) ? '250 Ok' : undefined),
    });
    expect(server.lines.filter((line) => /DATA|BDAT/.test(line))).toEqual([]);
  });
});

describe('audit/login: reports', () => {
  test('service/correct → greeting, capabilities before and after, TLS', async () => {
    const { audit } = await look({ protocol: 'imap' });
    expect(audit.service).toMatchObject({
      service: 'imap',
      host: HOST,
      tls: 'starttls',
      reach: 'open',
      greeting: '* OK ready',
      starttls: 'offered',
      capabilities: {
        before: ['STARTTLS', 'IMAP4rev1', 'SASL-IR', 'LOGINDISABLED'],
        after: ['IMAP4rev1', 'SASL-IR', 'AUTH=PLAIN'],
      },
      session: { negotiated: 'TLSv1.3', certificate: { chain: 'valid', nameMatches: true } },
    });
  });

  test('severity/no LOGINDISABLED but LOGIN is rejected → medium; AUTH=PLAIN → high', async () => {
    const mild = await look({ protocol: 'imap', before: ['IMAP4rev1', 'STARTTLS'] });
    const bad = await look({ protocol: 'imap', before: ['IMAP4rev1', 'STARTTLS', 'AUTH=PLAIN'] });
    expect(mild.audit.findings.map(({ severity }) => severity)).toEqual(['medium']);
    expect(bad.audit.findings.map(({ severity }) => severity)).toEqual(['high']);
  });

  test('severity/USER is offered but rejected → medium; accepted → high', async () => {
    const before = ['STLS', 'USER'];
    const mild = await look({ protocol: 'pop3', before });
    const bad = await look({
      protocol: 'pop3',
      before,
      answer: clearOnly((line) => (line.startsWith('USER') ? '+OK' : undefined)),
    });
    const severities = ({ findings }: LoginAudit) => findings.map(({ id, severity }) => `${id} ${severity}`).sort();
    expect(severities(mild.audit)).toEqual(['login-clear-offered medium']);
    expect(severities(bad.audit)).toEqual(['login-clear-offered high', 'login-name-invited medium']);
  });

  test('probe/injection into a login service → probe login', async () => {
    const { audit } = await look({ protocol: 'imap', tls: { chain, injectable: true } });
    expect(audit.findings.map(({ probe }) => probe)).toEqual(['login']);
  });

  test('STARTTLS/works but is not offered → medium, and the certificate is checked', async () => {
    const { audit } = await look({ protocol: 'imap', before: ['IMAP4rev1', 'LOGINDISABLED'] });
    expect(audit.findings.map(({ id, severity }) => [id, severity])).toEqual([['login-starttls-missing', 'medium']]);
    expect(audit.service.session?.certificate?.nameMatches).toBe(true);
  });

  test.each([
    ['no options', {}, true],
    ['another source', { source: '127.0.0.9' }, false],
  ] as const)('note/the server is on this machine, %s → %o', async (_, options, here) => {
    const { audit } = await look({ protocol: 'imap' }, { source: undefined, ...options });
    expect(audit.here).toBe(here);
  });

  test('note/an address of this machine → noted in the finding too', async () => {
    const { audit } = await look(
      { protocol: 'imap', answer: (line) => (isImap(line, 'LOGIN') ? `${tagOf(line)} ${failedImap}` : undefined) },
      { source: undefined },
    );
    expect(audit.findings[0]?.what).toContain('--source');
  });

  const at = (because: LoginTarget['because'], port: number): Promise<LoginAudit | undefined> =>
    auditService(
      {
        service: 'imap',
        domain: 'example.org',
        host: HOST,
        required: [],
        names: [HOST],
        address: '127.0.0.2',
        port,
        because,
      },
      contextWith({ timeoutMs: 1_000 }),
    );
  test.each(['given', 'mx', 'usual-name'] as const)('reach/refused, because %s → no service there', async (because) => {
    const server = await fakeLogin({ protocol: 'imap', tls: null });
    await server.close();
    expect(await at(because, server.port)).toBeUndefined();
  });
  test('reach/refused, announced by SRV → login-unreachable', async () => {
    const server = await fakeLogin({ protocol: 'imap', tls: null });
    await server.close();
    const audit = await at('srv', server.port);
    expect(audit?.service.reach).toBe('refused');
    expect(audit?.findings.map(({ id, severity }) => [id, severity])).toEqual([['login-unreachable', 'high']]);
  });

  test('abort/in the middle → ends without false findings', async () => {
    const control = new AbortController();
    const server = await fakeLogin({
      protocol: 'imap',
      tls: { chain },
      answer: (line) => {
        if (isImap(line, 'CAPABILITY')) control.abort();
        return isImap(line, 'CAPABILITY') ? { silence: true } : undefined;
      },
    });
    const { signal } = control;
    const audit = await auditService(
      {
        service: 'imap',
        domain: 'example.org',
        host: HOST,
        required: [HOST],
        names: [],
        address: server.host,
        port: server.port,
        because: 'srv',
      },
      contextWith({ timeoutMs: 60_000, source: '127.0.0.9' }, { signal }),
    );
    await server.close();
    expect(audit?.findings).toEqual([]);
  });
});
