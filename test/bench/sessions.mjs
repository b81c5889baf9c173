// What guarding costs: CPU of the server process per 1,000 sessions with 500 sessions at once, over bare smtp-server: with
// a policy without rules, with all ten protections and DNS answers from memory, and with the DNS on loopback. Then how long a
// clean session takes if every DNS answer takes 30 ms.
//
//   npm run bench -- sessions [sessions] [at once]
//
// The server, the DNS server and the clients are processes of their own. Ends with 1 if a bar is missed.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';

const self = fileURLToPath(import.meta.url);
const [role] = process.argv.slice(2);

const ROUNDS = 4;
const DNS_MS = 30;
const CPU_BAR = 8;
const WAIT_BAR = 1.5;

const MESSAGE = [
  'From: Alice <alice@good.example>',
  'To: bob@example.com',
  'Subject: Minutes',
  'Date: Mon, 05 Jan 2026 10:00:00 +0000',
  'Message-ID: <1@good.example>',
  'MIME-Version: 1.0',
  'Content-Type: text/html; charset=utf-8',
  '',
  '<p>The minutes are at <a href="https://www.good.example/minutes">our site</a>, as always.</p>',
  `<p>${'Nothing else of note was said. '.repeat(30)}</p>`,
  '',
].join('\r\n');

/** A client address for each session: 198.18.0.0/15 is set apart for benchmarks (RFC 2544). */
const clientOf = (n) => `198.${18 + ((n >> 16) & 1)}.${(n >> 8) & 255}.${n & 255}`;

if (role === '--dns') await dns();
else if (role === '--server') await server(process.argv[3], Number(process.argv[4]));
else if (role === '--clients') clients(...process.argv.slice(3).map(Number));
else await main();

async function dns() {
  const { serveZone } = await import('postern/dns/node');
  const { systemClock } = await import('postern/adapters/system');
  const { zone } = await import('postern/testing');
  const [, , , delay] = process.argv;
  const data = records();
  const running = await serveZone(zone(data, { clock: systemClock(), delayMs: Number(delay ?? 0) }), {
    host: '127.0.0.1',
    port: 0,
  });
  process.send({ port: running.port });
}

/** What the DNS answers to the sessions of this bench. */
function records() {
  const data = {
    'good.example': {
      MX: [[10, 'mx.good.example']],
      TXT: ['v=spf1 include:_spf.good.example -all'],
      A: ['192.0.2.80'],
    },
    '_spf.good.example': { TXT: ['v=spf1 ip4:198.18.0.0/15 -all'] },
    'mx.good.example': { A: [] },
    '_dmarc.good.example': { TXT: ['v=DMARC1; p=none'] },
  };
  for (let n = 0; n <= 20_000; n++) {
    const [a, b, c, d] = clientOf(n).split('.');
    data[`${d}.${c}.${b}.${a}.in-addr.arpa`] = { PTR: [`h${n}.good.example`] };
    data[`h${n}.good.example`] = { A: [clientOf(n)] };
  }
  data['mx.good.example'].A = [clientOf(0)];
  return data;
}

/** A resolver that answers at once. */
function memoryResolver() {
  const data = records();
  const recordOf = {
    MX: ([preference, exchange]) => ({ preference, exchange }),
    TXT: (text) => ({ text }),
    A: (address) => ({ address }),
    PTR: (name) => ({ name }),
  };
  const answers = new Map();
  for (const [name, types] of Object.entries(data))
    for (const [type, values] of Object.entries(types)) {
      const records = values.map((value) => ({ type, ...recordOf[type](value) }));
      answers.set(`${type} ${name}`, { status: 'found', records, ttl: 300, authentic: false });
    }
  return {
    resolve: async (name, type) =>
      answers.get(`${type} ${name}`) ?? { status: data[name] ? 'nodata' : 'nxdomain', ttl: 300 },
  };
}

async function server(kind, dnsPort) {
  let listening;
  if (kind === 'bare' || kind === 'bare-held') {
    const { SMTPServer } = await import('smtp-server');
    const plain = new SMTPServer({
      disabledCommands: ['AUTH', 'STARTTLS'],
      disableReverseLookup: true,
      useProxy: true,
      logger: false,
      onData: (stream, _, done) => {
        stream.resume();
        stream.on('end', done);
      },
    });
    if (kind === 'bare') withoutHold(plain);
    listening = plain.listen(0, '127.0.0.1');
  } else {
    const { guardedServer } = await import('postern/adapters/smtp-server');
    const { memoryBans, memoryCounters } = await import('postern/adapters/memory');
    const { systemClock } = await import('postern/adapters/system');
    const { stubResolver } = await import('postern/dns/node');
    const { smtpPolicy } = await import('postern/smtp');
    const { benchPolicy } = await import('./policy.mjs');
    const clock = systemClock();
    const env = {
      clock,
      counters: memoryCounters({ clock }),
      bans: memoryBans({ clock }),
      dns: kind === 'memory' ? memoryResolver() : stubResolver({ servers: [`127.0.0.1:${dnsPort}`] }),
    };
    const guarded = guardedServer({
      policy: kind === 'no-rules' ? smtpPolicy({ relay: 'decided-by-the-server' }) : benchPolicy(),
      env,
      role: 'mx',
      server: { name: 'mx.example.com', disabledCommands: ['STARTTLS'], useProxy: ['127.0.0.1'], logger: false },
      deliver: async () => {},
    });
    if (kind !== 'guarded-held') withoutHold(guarded);
    listening = guarded.listen(0, '127.0.0.1');
  }
  await once(listening, 'listening');
  let before = process.cpuUsage();
  process.on('message', (what) => {
    if (what === 'memory') {
      globalThis.gc();
      globalThis.gc();
      return process.send(process.memoryUsage());
    }
    if (what === 'start') before = process.cpuUsage();
    const { user, system } = process.cpuUsage(before);
    process.send({ cpuMs: (user + system) / 1000 });
  });
  process.send({ port: listening.address().port });
}

/**
 * Sessions without end, for the soak: of five, three are clean, one asks to relay and is refused, and one vanishes after its
 * MAIL. Answers `count` with how many there were.
 */
function clients(port, atOnce, pauseMs) {
  const counts = { sessions: 0, failed: 0 };
  let next = 0;
  const one = async () => {
    for (;;) {
      const n = next++;
      const kind = ['clean', 'clean', 'clean', 'relay', 'vanish'][n % 5];
      await session(port, n % 20_000, kind).catch((error) => {
        counts.failed++;
        console.error(error.message);
      });
      counts.sessions++;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
  for (let i = 0; i < atOnce; i++) one();
  process.on('message', () => process.send(counts));
}

/** smtp-server holds each greeting 100 ms; the hold is wall time, not CPU. */
function withoutHold(server) {
  server.on('newListener', () => {});
  const { connect: original } = server;
  server.connect = function (...given) {
    const { setTimeout: timer } = globalThis;
    globalThis.setTimeout = (run, ms, ...more) => timer(run, ms === 100 ? 0 : ms, ...more);
    try {
      return original.apply(this, given);
    } finally {
      globalThis.setTimeout = timer;
    }
  };
}

function session(port, n, kind = 'clean') {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const lines = [
      `EHLO h${n}.good.example`,
      'MAIL FROM:<alice@good.example>',
      kind === 'relay' ? 'RCPT TO:<bob@elsewhere.example>' : 'RCPT TO:<bob@example.com>',
      'DATA',
      `${MESSAGE}\r\n.`,
      'QUIT',
    ];
    let step = -1;
    let received = '';
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.setEncoding('latin1');
    socket.on('connect', () => socket.write(`PROXY TCP4 ${clientOf(n)} 127.0.0.1 ${1024 + (n % 60000)} 25\r\n`));
    socket.on('data', (text) => {
      received += text;
      for (let end = received.indexOf('\n'); end >= 0; end = received.indexOf('\n')) {
        const line = received.slice(0, end);
        received = received.slice(end + 1);
        if (line[3] === '-') continue;
        const ended = kind === 'relay' ? step === 2 && /^55/.test(line) : kind === 'vanish' && step === 1;
        if (ended) {
          socket.destroy();
          return resolve(performance.now() - began);
        }
        if (!/^[23]/.test(line)) {
          socket.destroy();
          return reject(new Error(`session ${n}, step ${step}: ${line}`));
        }
        step++;
        if (step < lines.length) socket.write(`${lines[step]}\r\n`);
        else {
          socket.destroy();
          return resolve(performance.now() - began);
        }
      }
    });
    socket.on('error', reject);
  });
}

async function play(port, count, atOnce, first = 0) {
  let next = first;
  const took = [];
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < first + count) took.push(await session(port, next++));
    }),
  );
  return took.sort((a, b) => a - b);
}

async function child(...given) {
  const running = fork(self, given.map(String), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [{ port }] = await once(running, 'message');
  return { running, port };
}

/** CPU of a server process for 1,000 sessions, in milliseconds. */
async function measured({ running, port }, sessions, atOnce) {
  running.send('start');
  await once(running, 'message');
  await play(port, sessions, atOnce);
  running.send('stop');
  const [{ cpuMs }] = await once(running, 'message');
  return (cpuMs / sessions) * 1000;
}

/** Prints a ratio. A bar that is missed makes the bench fail. */
function barred(name, ratio, bar) {
  const missed = !(ratio <= bar);
  if (missed) process.exitCode = 1;
  console.log(`  ${name.padEnd(42)} ${ratio.toFixed(2)} x (bar ${bar})${missed ? '  MISSED' : ''}`);
}

async function main() {
  const sessions = Number(process.argv[2] ?? 1000);
  const atOnce = Number(process.argv[3] ?? 500);
  const quick = await child('--dns', 0);
  console.log(
    `CPU of the server process per 1,000 sessions (least of ${ROUNDS} rounds of ${sessions} sessions, ${atOnce} at once, DNS on loopback)`,
  );
  // All servers live all the time and take turns, so that what else the machine does falls on each of them.
  const layers = {
    bare: 'bare',
    'no-rules': 'policy without rules',
    memory: 'the ten, DNS from memory',
    guarded: 'the ten, DNS on loopback',
  };
  const servers = [];
  for (const kind of Object.keys(layers)) {
    const one = await child('--server', kind, quick.port);
    await play(one.port, Math.min(500, sessions), atOnce, 10_000); // warm
    servers.push({ ...one, kind, best: Number.POSITIVE_INFINITY });
  }
  for (let round = 0; round < ROUNDS; round++)
    for (const one of servers) one.best = Math.min(one.best, await measured(one, sessions, atOnce));
  const bare = servers[0].best;
  for (const { kind, best } of servers)
    console.log(`  ${layers[kind].padEnd(26)} ${(best / 1000).toFixed(3)} s   ${(best / bare).toFixed(2)} x`);
  barred('guarded over bare', servers.at(-1).best / bare, CPU_BAR);
  for (const { running } of servers) running.kill();
  quick.running.kill();

  const slow = await child('--dns', DNS_MS);
  console.log(`A clean session, one at a time, where each DNS answer takes ${DNS_MS} ms (p50)`);
  const kinds = ['bare', 'bare-held', 'guarded', 'guarded-held'];
  const running = [];
  for (const kind of kinds) {
    const one = await child('--server', kind, slow.port);
    await play(one.port, 3, 1, 15_000);
    running.push({ ...one, took: [] });
  }
  for (let i = 0; i < 25; i++) for (const one of running) one.took.push(...(await play(one.port, 1, 1, 16_000 + i)));
  const p50 = running.map(({ took }) => took.sort((a, b) => a - b)[took.length >> 1]);
  for (const [i, kind] of kinds.entries()) console.log(`  ${kind.padEnd(20)} ${p50[i].toFixed(0)} ms`);
  // Two answers of which the second needs the first: include of SPF, or A of the PTR.
  barred('guarded over bare and two DNS answers', p50[2] / (p50[0] + 2 * DNS_MS), WAIT_BAR);
  for (const one of running) one.running.kill();
  slow.running.kill();
}
