/**
 * How long a clean session of an MX waits for the DNS, stage by stage, beside the longest chain of questions of which each
 * needs the answer before it, asked by itself in turns with the sessions. Prints a table; ends with 1 if a bar is missed. `POSTERN_BENCH_LATENCY` is the time of one
 * answer in milliseconds (30). The client answers at once, so that nothing but the DNS is waited for.
 */
import { generateKeyPairSync } from 'node:crypto';
import { dkimSign } from 'mailauth/lib/dkim/sign.js';
import { serveZone, stubResolver } from '../../src/adapters/dns-node/index.ts';
import { memoryBans, memoryCounters } from '../../src/adapters/memory/index.ts';
import { systemClock } from '../../src/adapters/system/index.ts';
import { connectionLimits } from '../../src/checks/connection-limits/index.ts';
import { dnsbl } from '../../src/checks/dnsbl/index.ts';
import { ipBlocklist } from '../../src/checks/ip-blocklist/index.ts';
import { authenticator, dmarc, dmarcSpeaks } from '../../src/checks/message-authentication/index.ts';
import { relayControl } from '../../src/checks/relay-control/index.ts';
import { heloIdentity, reverseDns, senderDomain } from '../../src/checks/reverse-dns/index.ts';
import { spf } from '../../src/checks/spf/index.ts';
import { uribl } from '../../src/checks/uribl/index.ts';
import { on, reject, score, together, unless } from '../../src/core/index.ts';
import type { DnsResolver, Env } from '../../src/env/index.ts';
import { parseIp } from '../../src/net/index.ts';
import { smtpSession } from '../../src/session/index.ts';
import type { SessionPolicy } from '../../src/smtp/index.ts';
import { smtpPolicy } from '../../src/smtp/index.ts';
import { zone } from '../../src/testing/index.ts';

const LATENCY = Number(process.env.POSTERN_BENCH_LATENCY ?? 30);
const SESSIONS = 15;
/** Sessions before those that count: code that has run seldom is slow. */
const WARM = 20;
const clock = systemClock();

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
const data = {
  '10.18.198.in-addr.arpa': {},
  '7.10.18.198.in-addr.arpa': { PTR: ['mail.good.com'] },
  'mail.good.com': { A: ['198.18.10.7'] },
  'good.com': { MX: [[10, 'mail.good.com']], TXT: ['v=spf1 include:_spf.good.com -all'] },
  '_spf.good.com': { TXT: ['v=spf1 include:_net.good.com ~all'] },
  '_net.good.com': { TXT: ['v=spf1 ip4:198.18.0.0/15 -all'] },
  '_dmarc.good.com': { TXT: ['v=DMARC1; p=reject'] },
  'one._domainkey.good.com': { TXT: [`v=DKIM1; k=rsa; p=${key}`] },
} as const;

const plain =
  'From: Alice <alice@good.com>\r\nTo: bob@example.com\r\nSubject: Minutes\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\n' +
  `Message-ID: <1@good.com>\r\n\r\nThe minutes are at https://www.good.com/minutes, as always.\r\n${'Nothing else of note.\r\n'.repeat(40)}`;
const signer = {
  signingDomain: 'good.com',
  selector: 'one',
  privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
};
const { signatures } = await dkimSign(plain, { ...signer, signatureData: [signer] });
const message = new TextEncoder().encode(signatures + plain);

const publicNetworks = ['198.18.0.0/15'];
const lists = () => [
  dnsbl({ zone: 'one.lists.example', label: 'One', weight: 4, testEntries: 'none' }),
  dnsbl({ zone: 'two.lists.example', label: 'Two', weight: 2, testEntries: 'none' }),
  dnsbl({ zone: 'good.lists.example', label: 'Good', kind: 'allow', weight: -2, testEntries: 'none' }),
];
const sender = spf();
const relay = relayControl({ localDomains: ['example.com'] });
const connect = [ipBlocklist({ block: ['203.0.113.0/24'] }), connectionLimits({ perMinute: false })];
const uris = () => uribl({ zone: 'uri.lists.example', label: 'URI', testEntries: 'none' });

/** Everything that the DNS is asked about before the message is judged when a recipient is named. */
const atRcpt = smtpPolicy({
  relay,
  connect,
  rcpt: [
    together(
      senderDomain({ publicNetworks }),
      on(sender, { fail: reject() }),
      score({ rejectAt: 5 }, ...lists(), reverseDns(), heloIdentity({ ownNames: ['mx.example.com'] })),
    ),
  ],
});
/** The same, with DMARC and a list of links. */
const whole = smtpPolicy({
  relay,
  connect,
  rcpt: [
    together(
      senderDomain({ publicNetworks }),
      sender,
      score({ rejectAt: 5 }, ...lists(), reverseDns(), heloIdentity({ ownNames: ['mx.example.com'] })),
    ),
  ],
  authentication: authenticator({ spf: sender }),
  data: [uris(), dmarc(), unless(dmarcSpeaks, on(sender, { fail: reject() }, { id: 'spf/alone' }))],
});
/** Each judged at the stage where its facts are first known, so that nothing can run ahead. */
const atOnce = smtpPolicy({
  relay,
  connect: [...connect, together(score({ rejectAt: 5 }, ...lists()), reverseDns())],
  helo: [heloIdentity({ ownNames: ['mx.example.com'] })],
  mail: [together(senderDomain({ publicNetworks }), sender)],
  authentication: authenticator({ spf: sender }),
  data: [uris(), dmarc(), unless(dmarcSpeaks, on(sender, { fail: reject() }, { id: 'spf/alone' }))],
});

type Stage = 'connect' | 'helo' | 'mail' | 'rcpt' | 'data';
const stages: readonly Stage[] = ['connect', 'helo', 'mail', 'rcpt', 'data'];

interface Case {
  readonly name: string;
  readonly policy: SessionPolicy;
  /** By stage, what must be waited for one after the other. */
  readonly chains: { readonly [stage in Stage]?: readonly string[] };
}
/** The time of a session, at most, over that of its chain: the same questions one after the other, and nothing else. */
const BAR = 1.15;
const spfChain = ['TXT good.com', 'TXT _spf.good.com', 'TXT _net.good.com'];
const dataChain = ['TXT _dmarc.good.com'];
const cases: readonly Case[] = [
  {
    name: 'judged at RCPT, without DMARC and links',
    policy: atRcpt,
    chains: { rcpt: spfChain },
  },
  {
    name: 'judged at RCPT, DMARC and links at DATA',
    policy: whole,
    chains: { rcpt: spfChain, data: dataChain },
  },
  {
    name: 'each judged at its own stage',
    policy: atOnce,
    chains: {
      connect: ['PTR 7.10.18.198.in-addr.arpa', 'A mail.good.com'],
      mail: spfChain,
      data: dataChain,
    },
  },
];

let sessions = 0;
const ip = parseIp('198.18.10.7');
if (ip === undefined) throw new Error('198.18.10.7 is an address');

interface Played {
  readonly took: { readonly [stage in Stage]: number };
  readonly asked: readonly string[];
}
async function play(policy: SessionPolicy, dns: DnsResolver): Promise<Played> {
  const asked: string[] = [];
  const counted: DnsResolver = {
    resolve: (name, type, options) => {
      asked.push(`${type} ${name.toLowerCase()}`);
      return dns.resolve(name, type, options);
    },
  };
  const env: Env = { clock, dns: counted, counters: memoryCounters({ clock }), bans: memoryBans({ clock }) };
  const session = smtpSession(policy, env, {
    session: { id: `s${sessions++}`, role: 'mx', serverName: 'mx.example.com' },
    client: { ip: ip as never },
    tls: null,
  });
  const took = { connect: 0, helo: 0, mail: 0, rcpt: 0, data: 0 };
  const verbs: { readonly [stage in Stage]: () => Promise<unknown> } = {
    connect: () => session.connect(),
    helo: () => session.helo('EHLO', 'mail.good.com'),
    mail: () => session.mail('<alice@good.com>'),
    rcpt: () => session.rcpt('<bob@example.com>'),
    data: async () => {
      const outcome = await session.data(message);
      if (policy !== atRcpt && outcome.authentication?.dkim[0]?.result !== 'pass')
        throw new Error(`the signature is not valid: ${JSON.stringify(outcome.authentication)}`);
      return outcome.reply;
    },
  };
  for (const stage of stages) {
    const from = performance.now();
    const refused = await verbs[stage]();
    took[stage] = performance.now() - from;
    if (refused !== null) throw new Error(`${stage}: a clean session was refused: ${JSON.stringify(refused)}`);
  }
  await session.close();
  return { took, asked };
}

/** Asks the questions of a chain one after the other. */
async function alone(chain: readonly string[], dns: DnsResolver): Promise<number> {
  const from = performance.now();
  for (const question of chain) {
    const [type, name] = question.split(' ') as ['TXT', string];
    await dns.resolve(name, type);
  }
  return performance.now() - from;
}

const least = (numbers: readonly number[]): number => Math.min(...numbers);
let missed = 0;
const row = (name: string, chain: number, ms: number, note: string, barred = false): void => {
  const over = barred && ms > BAR * chain;
  if (over) missed++;
  console.log(
    `  ${name.padEnd(10)} ${chain.toFixed(1).padStart(7)} ms ${ms.toFixed(1).padStart(7)} ms ${chain === 0 ? '       ' : `${(ms / chain).toFixed(2).padStart(5)} x`}${barred ? ` (bar ${BAR})` : ''}  ${over ? 'MISSED  ' : ''}${note}`,
  );
};

async function run(over: string, dns: DnsResolver): Promise<void> {
  console.log(
    `\nAnswers take ${LATENCY} ms, ${over}; least of ${SESSIONS} sessions at each stage, in turns with the bare chain`,
  );
  for (const { name, policy, chains } of cases) {
    for (let i = 0; i < WARM; i++) await play(policy, dns);
    const played: Played[] = [];
    const bare: { [stage in Stage]: number }[] = [];
    for (let i = 0; i < SESSIONS; i++) {
      played.push(await play(policy, dns));
      const took = { connect: 0, helo: 0, mail: 0, rcpt: 0, data: 0 };
      for (const stage of stages) took[stage] = chains[stage] === undefined ? 0 : await alone(chains[stage], dns);
      bare.push(took);
    }
    console.log(`${name}\n  stage           chain   session   ratio`);
    const sums = { chain: 0, session: 0 };
    for (const stage of stages) {
      const chain = least(bare.map((took) => took[stage]));
      const session = least(played.map(({ took }) => took[stage]));
      sums.chain += chain;
      sums.session += session;
      row(stage, chain, session, (chains[stage] ?? []).join(' → '));
    }
    row('session', sums.chain, sums.session, 'the stages added up', true);
    const most = Math.max(...played.map(({ asked }) => asked.length));
    const distinct = new Set(played[0]?.asked).size;
    if (most > distinct) missed++;
    console.log(`  questions  ${most} asked, ${distinct} distinct ${most > distinct ? 'MISSED' : ''}`);
  }
}

await run('from memory', zone(data as never, { clock, delayMs: LATENCY }));
const served = await serveZone(zone(data as never, { clock, delayMs: LATENCY }), { host: '127.0.0.1', port: 0 });
await run('over UDP on loopback', stubResolver({ servers: [`127.0.0.1:${served.port}`] }));
await served.close();
process.exit(missed > 0 ? 1 : 0);
