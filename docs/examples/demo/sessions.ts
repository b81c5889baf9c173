import { LineClient } from './client.ts';
import { clients } from './zone.ts';

/** Ports of the servers that sessions connect to. */
export interface Stage {
  readonly mx: number;
  readonly submission: number;
  readonly imap: number;
}

/** One session and its expected reply. */
export interface Play {
  readonly name: string;
  readonly protection: string;
  /** How the decisive reply must begin. */
  readonly expected: string;
  /** Runs the session and returns the decisive reply. */
  readonly play: (stage: Stage) => Promise<string>;
}

let port = 20_000;
const from = (ip: string): { ip: string; port: number } => ({ ip, port: ++port });

interface Mail {
  readonly client?: string;
  readonly helo?: string;
  readonly sender?: string;
  readonly recipient?: string;
  readonly message?: string;
}

const letter = (body = 'Shall we meet at ten?', fields: readonly string[] = []): string =>
  [
    'From: Ann <ann@good.example>',
    'To: Bob <bob@example.com>',
    'Subject: Tomorrow',
    'MIME-Version: 1.0',
    ...fields,
    '',
    body,
    '',
  ].join('\r\n');

/** Sends mail without a login. Returns the first negative reply, or else the last reply. */
const unauthenticated =
  ({
    client = clients.good,
    helo = 'mx.good.example',
    sender = 'ann@good.example',
    recipient = 'bob@example.com',
    message = letter(),
  }: Mail) =>
  async ({ mx }: Stage): Promise<string> => {
    const line = await LineClient.to(mx, from(client));
    try {
      let reply = await line.reply();
      for (const command of [`EHLO ${helo}`, `MAIL FROM:<${sender}>`, `RCPT TO:<${recipient}>`, 'DATA']) {
        if (!/^[23]/.test(reply)) return reply;
        reply = await line.ask(command);
      }
      if (!reply.startsWith('354')) return reply;
      reply = await line.send(message);
      await line.ask('QUIT');
      return reply;
    } finally {
      line.close();
    }
  };

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
const link = '<p>Buy now: <a href="http://www.example.net/cheap?id=7">here</a></p>';

/** At least one session for each of the ten protections. */
export const plays: readonly Play[] = [
  { name: 'clean mail', protection: '(all pass)', expected: '250 2.0.0', play: unauthenticated({}) },
  {
    name: 'clean mail over IPv6',
    protection: '(all pass)',
    expected: '250 2.0.0',
    play: unauthenticated({ client: clients.good6, helo: 'mx6.good.example' }),
  },
  {
    name: 'open-relay attempt',
    protection: '1 relay-control',
    expected: '550 5.7.1',
    play: unauthenticated({ recipient: 'victim@elsewhere.example' }),
  },
  {
    name: 'percent-hack relay',
    protection: '1 relay-control',
    expected: '550 5.7.1',
    play: unauthenticated({ recipient: 'victim%elsewhere.example@example.com' }),
  },
  {
    name: 'unknown recipient',
    protection: '1 relay-control',
    expected: '550 5.1.1',
    play: unauthenticated({ recipient: 'nobody@example.com' }),
  },
  {
    name: 'login without TLS',
    protection: '2 smtp-auth',
    expected: '530 5.7.0',
    async play({ submission }) {
      const line = await LineClient.to(submission, from(clients.user));
      await line.reply();
      await line.ask('EHLO laptop.example');
      const reply = await line.ask('AUTH PLAIN');
      line.close();
      return reply;
    },
  },
  {
    name: 'wrong password, four times',
    protection: '2 smtp-auth',
    expected: '421 4.7.0',
    async play({ submission }) {
      const line = await secured(submission);
      let reply = '';
      for (const guess of ['123456', 'password', 'qwerty', 'letmein'])
        reply = await line.ask(`AUTH PLAIN ${base64(`\0alice\0${guess}`)}`);
      line.close();
      return reply;
    },
  },
  {
    name: 'right password, own sender',
    protection: '2 smtp-auth',
    expected: '250 2.0.0',
    play: (stage) => submitted(stage, 'alice@example.com'),
  },
  {
    name: 'right password, sender not permitted',
    protection: '2 smtp-auth',
    expected: '553 5.7.1',
    play: (stage) => submitted(stage, 'boss@example.com'),
  },
  {
    name: 'fourth simultaneous connection',
    protection: '3 connection-limits',
    expected: '421 4.7.0',
    async play({ mx }) {
      const lines: LineClient[] = [];
      let reply = '';
      for (let i = 0; i < 4; i++) {
        const line = await LineClient.to(mx, from(clients.flood));
        lines.push(line);
        reply = await line.reply();
      }
      for (const line of lines) line.close();
      return reply;
    },
  },
  {
    name: 'no reverse DNS',
    protection: '4 reverse-dns',
    expected: '250 2.0.0',
    play: unauthenticated({ client: clients.nameless }),
  },
  {
    name: 'HELO with our own name',
    protection: '4 reverse-dns',
    expected: '250 2.0.0',
    play: unauthenticated({ client: clients.liar, helo: 'mx.example.com' }),
  },
  {
    name: 'sender domain with a null MX',
    protection: '4 reverse-dns',
    expected: '550 5.7.27',
    play: unauthenticated({ sender: 'ann@nomail.example' }),
  },
  {
    name: 'sender domain that does not exist',
    protection: '4 reverse-dns',
    expected: '550 5.1.8',
    play: unauthenticated({ sender: 'ann@no-such-domain.example' }),
  },
  {
    name: 'listed client',
    protection: '5 dnsbl',
    expected: '550 5.7.1',
    play: unauthenticated({ client: clients.listed, helo: 'pool-7.spam.example' }),
  },
  {
    name: 'listed IPv6 client',
    protection: '5 dnsbl',
    expected: '550 5.7.1',
    play: unauthenticated({ client: clients.listed6, helo: 'pool-6.spam.example' }),
  },
  { name: 'list answers 127.255.255.254', protection: '5 dnsbl', expected: '250 2.0.0', play: unauthenticated({}) },
  {
    name: 'SPF fail',
    protection: '6 spf',
    expected: '550 5.7.23',
    play: unauthenticated({ client: clients.forger, helo: 'mx.forger.example' }),
  },
  {
    name: 'SPF softfail',
    protection: '6 spf',
    expected: '250 2.0.0',
    play: unauthenticated({ sender: 'ann@soft.example' }),
  },
  {
    name: 'SPF permerror: two records',
    protection: '6 spf',
    expected: '250 2.0.0',
    play: unauthenticated({ sender: 'ann@twice.example' }),
  },
  {
    name: 'SPF: DNS timeout',
    protection: '6 spf',
    expected: '250 2.0.0',
    play: unauthenticated({ sender: 'ann@silent.example' }),
  },
  {
    name: 'listed link, hidden by base64',
    protection: '7 uribl',
    expected: '550 5.7.1',
    play: unauthenticated({
      message: letter(base64(link), ['Content-Type: text/html; charset=utf-8', 'Content-Transfer-Encoding: base64']),
    }),
  },
  {
    name: 'listed link, hidden by quoted-printable',
    protection: '7 uribl',
    expected: '550 5.7.1',
    play: unauthenticated({
      message: letter('<p>Buy now: <a href=3D"http://www.exam=\r\nple.ne=74/cheap">here</a></p>', [
        'Content-Type: text/html',
        'Content-Transfer-Encoding: quoted-printable',
      ]),
    }),
  },
  {
    name: 'DMARC fail, p=reject',
    protection: 'message-authentication',
    expected: '550 5.7.26',
    play: unauthenticated({ message: letter().replace('<ann@good.example>', '<support@bank.example>') }),
  },
  {
    name: 'locally blocked network',
    protection: '9 ip-blocklist',
    expected: '554 5.7.1',
    play: unauthenticated({ client: clients.blocked }),
  },
  {
    name: 'the same as an IPv4-mapped address',
    protection: '9 ip-blocklist',
    expected: '554 5.7.1',
    play: unauthenticated({ client: `::ffff:${clients.blocked}` }),
  },
  {
    name: 'cleartext IMAP login',
    protection: '10 encrypted-auth',
    expected: 'a1 NO [PRIVACYREQUIRED]',
    async play({ imap }) {
      const line = await LineClient.to(imap);
      await line.reply(/^\* /);
      const reply = await line.ask('a1 LOGIN alice secret', /^a1 /);
      line.close();
      return reply;
    },
  },
];

/** Connects to the submission port, starts TLS and sends EHLO. */
async function secured(submission: number): Promise<LineClient> {
  const line = await LineClient.to(submission, from(clients.user));
  await line.reply();
  await line.ask('EHLO laptop.example');
  await line.ask('STARTTLS');
  await line.startTls();
  await line.ask('EHLO laptop.example');
  return line;
}

async function submitted({ submission }: Stage, sender: string): Promise<string> {
  const line = await secured(submission);
  try {
    let reply = await line.ask(`AUTH PLAIN ${base64('\0alice\0correct horse')}`);
    for (const command of [`MAIL FROM:<${sender}>`, 'RCPT TO:<friend@elsewhere.example>', 'DATA']) {
      if (!/^[23]/.test(reply)) return reply;
      reply = await line.ask(command);
    }
    return reply.startsWith('354') ? await line.send(letter()) : reply;
  } finally {
    line.close();
  }
}
