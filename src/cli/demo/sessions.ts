import { LineClient } from './client.ts';
import { clients } from './zone.ts';

/** What a session is played with. */
export interface Stage {
  readonly mx: number;
  readonly submission: number;
  readonly imap: number;
}

/** A session, and how it should end. */
export interface Play {
  readonly name: string;
  readonly protection: string;
  /** The reply that the session is about; its beginning. */
  readonly expected: string;
  /** Plays it; answers the reply that it is about. */
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

/** Mail as a stranger sends it; answers the first reply that is no success, or the last one. */
const stranger =
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
      let reply = await line.hear();
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

/** About twenty sessions, at least one for each of the ten protections. */
export const plays: readonly Play[] = [
  { name: 'clean mail', protection: '(none objects)', expected: '250 2.0.0', play: stranger({}) },
  {
    name: 'clean mail over IPv6',
    protection: '(none objects)',
    expected: '250 2.0.0',
    play: stranger({ client: clients.good6, helo: 'mx6.good.example' }),
  },
  {
    name: 'open-relay attempt',
    protection: '1 relay-control',
    expected: '550 5.7.1',
    play: stranger({ recipient: 'victim@elsewhere.example' }),
  },
  {
    name: 'percent-hack relay',
    protection: '1 relay-control',
    expected: '550 5.7.1',
    play: stranger({ recipient: 'victim%elsewhere.example@example.com' }),
  },
  {
    name: 'unknown recipient',
    protection: '1 relay-control',
    expected: '550 5.1.1',
    play: stranger({ recipient: 'nobody@example.com' }),
  },
  {
    name: 'login without TLS',
    protection: '2 smtp-auth',
    expected: '530 5.7.0',
    async play({ submission }) {
      const line = await LineClient.to(submission, from(clients.user));
      await line.hear();
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
        reply = await line.ask(`AUTH PLAIN ${base64(`\0alice\0${guess}`)}`, undefined, true);
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
    name: 'right password, another’s sender',
    protection: '2 smtp-auth',
    expected: '553 5.7.1',
    play: (stage) => submitted(stage, 'boss@example.com'),
  },
  {
    name: 'a flood: the fourth connection at once',
    protection: '3 connection-limits',
    expected: '421 4.7.0',
    async play({ mx }) {
      const lines: LineClient[] = [];
      let reply = '';
      for (let i = 0; i < 4; i++) {
        const line = await LineClient.to(mx, from(clients.flood));
        lines.push(line);
        reply = await line.hear();
      }
      for (const line of lines) line.close();
      return reply;
    },
  },
  {
    name: 'no reverse DNS',
    protection: '4 reverse-dns',
    expected: '250 2.0.0',
    play: stranger({ client: clients.nameless }),
  },
  {
    name: 'lying HELO: our own name',
    protection: '4 reverse-dns',
    expected: '250 2.0.0',
    play: stranger({ client: clients.liar, helo: 'mx.example.com' }),
  },
  {
    name: 'sender domain with a null MX',
    protection: '4 reverse-dns',
    expected: '550 5.7.27',
    play: stranger({ sender: 'ann@nomail.example' }),
  },
  {
    name: 'sender domain that does not exist',
    protection: '4 reverse-dns',
    expected: '550 5.1.8',
    play: stranger({ sender: 'ann@no-such-domain.example' }),
  },
  {
    name: 'listed client',
    protection: '5 dnsbl',
    expected: '550 5.7.1',
    play: stranger({ client: clients.listed, helo: 'pool-7.spam.example' }),
  },
  {
    name: 'listed client, IPv6',
    protection: '5 dnsbl',
    expected: '550 5.7.1',
    play: stranger({ client: clients.listed6, helo: 'pool-6.spam.example' }),
  },
  { name: 'a list that answers 127.255.255.254', protection: '5 dnsbl', expected: '250 2.0.0', play: stranger({}) },
  {
    name: 'SPF fail',
    protection: '6 spf',
    expected: '550 5.7.23',
    play: stranger({ client: clients.forger, helo: 'mx.forger.example' }),
  },
  { name: 'SPF softfail', protection: '6 spf', expected: '250 2.0.0', play: stranger({ sender: 'ann@soft.example' }) },
  {
    name: 'SPF permerror: two records',
    protection: '6 spf',
    expected: '250 2.0.0',
    play: stranger({ sender: 'ann@twice.example' }),
  },
  {
    name: 'SPF: the DNS times out',
    protection: '6 spf',
    expected: '250 2.0.0',
    play: stranger({ sender: 'ann@silent.example' }),
  },
  {
    name: 'listed link, hidden by base64',
    protection: '7 uribl',
    expected: '550 5.7.1',
    play: stranger({
      message: letter(base64(link), ['Content-Type: text/html; charset=utf-8', 'Content-Transfer-Encoding: base64']),
    }),
  },
  {
    name: 'listed link, hidden by quoted-printable',
    protection: '7 uribl',
    expected: '550 5.7.1',
    play: stranger({
      message: letter('<p>Buy now: <a href=3D"http://www.exam=\r\nple.ne=74/cheap">here</a></p>', [
        'Content-Type: text/html',
        'Content-Transfer-Encoding: quoted-printable',
      ]),
    }),
  },
  {
    name: 'an author whose domain asks for reject (DMARC)',
    protection: 'message-authentication',
    expected: '550 5.7.26',
    play: stranger({ message: letter().replace('<ann@good.example>', '<support@bank.example>') }),
  },
  {
    name: 'locally blocked network',
    protection: '9 ip-blocklist',
    expected: '554 5.7.1',
    play: stranger({ client: clients.blocked }),
  },
  {
    name: 'the same, IPv4-mapped',
    protection: '9 ip-blocklist',
    expected: '554 5.7.1',
    play: stranger({ client: `::ffff:${clients.blocked}` }),
  },
  {
    name: 'IMAP login in clear text',
    protection: '10 encrypted-auth',
    expected: 'a1 NO [PRIVACYREQUIRED]',
    async play({ imap }) {
      const line = await LineClient.to(imap);
      await line.hear(/^\* /);
      const reply = await line.ask('a1 LOGIN alice secret', /^a1 /, true);
      line.close();
      return reply;
    },
  },
];

/** A connection to the submission port, in TLS, after EHLO. */
async function secured(submission: number): Promise<LineClient> {
  const line = await LineClient.to(submission, from(clients.user));
  await line.hear();
  await line.ask('EHLO laptop.example');
  await line.ask('STARTTLS');
  await line.startTls();
  await line.ask('EHLO laptop.example');
  return line;
}

async function submitted({ submission }: Stage, sender: string): Promise<string> {
  const line = await secured(submission);
  try {
    let reply = await line.ask(`AUTH PLAIN ${base64('\0alice\0correct horse')}`, undefined, true);
    for (const command of [`MAIL FROM:<${sender}>`, 'RCPT TO:<friend@elsewhere.example>', 'DATA']) {
      if (!/^[23]/.test(reply)) return reply;
      reply = await line.ask(command);
    }
    return reply.startsWith('354') ? await line.send(letter()) : reply;
  } finally {
    line.close();
  }
}
