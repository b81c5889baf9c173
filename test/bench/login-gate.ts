/**
 * How fast the login gate passes mail on, beside socat and stunnel, which do nothing but TLS: one client that fetches, one
 * backend that sends, and each front between them in turn, in one run. Prints a table; ends with 1 where a bar is missed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { certificate } from '../adapters/login-gate/certificate.ts';
import { startGate } from '../real/login-gate-parts.ts';

/** The gate's processor time for each gigabyte, over that of the others, at most. How fast all are depends on what else runs. */
const BAR = 1.8;
const ROUNDS = Number(process.argv[2] ?? 5);
const MEGABYTES = Number(process.argv[3] ?? 256);

const backendSource = `
const chunk = Buffer.alloc(65536, 'x');
require('node:net').createServer((socket) => {
  socket.on('error', () => undefined);
  socket.write('* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\\r\\n');
  socket.on('data', (data) => {
    const [tag, verb, count] = data.toString('latin1').trim().split(' ');
    if (verb !== 'FETCH') return socket.write(tag + ' OK done\\r\\n');
    let left = Number(count);
    const more = () => {
      while (left > 0) {
        left -= chunk.length;
        if (!socket.write(chunk)) return socket.once('drain', more);
      }
      socket.write('\\r\\n' + tag + ' OK FETCH done\\r\\n');
    };
    more();
  });
}).listen(0, '127.0.0.1', function () { process.send(this.address().port); });
process.on('disconnect', () => process.exit());
`;

interface Front {
  readonly name: string;
  readonly port: number;
  /** Milliseconds of processor time, its children's included where they have ended. */
  cpuMs(): Promise<number>;
  end(): Promise<void> | void;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** From /proc: clock ticks of a hundredth of a second; the 14th to 17th fields. */
async function cpuOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * 10, 0);
}

async function program(name: string, command: string, args: readonly string[], port: number): Promise<Front> {
  const child: ChildProcess = spawn(command, args, { stdio: 'ignore' });
  for (let i = 0; i < 50; i++) {
    const up = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (up) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { name, port, cpuMs: () => cpuOf(child.pid as number), end: () => void child.kill('SIGTERM') };
}

/** Logs in and fetches; megabytes per second of the fetch. */
function fetch(port: number, octets: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    let stage = 0;
    let got = 0;
    let began = 0;
    socket.on('error', reject);
    socket.on('data', (data) => {
      if (stage === 0) {
        stage = 1;
        socket.write('a LOGIN bob secret\r\n');
      } else if (stage === 1) {
        stage = 2;
        began = performance.now();
        socket.write(`b FETCH ${octets}\r\n`);
      } else {
        got += data.length;
        if (got < octets + 18) return;
        const seconds = (performance.now() - began) / 1_000;
        socket.end();
        socket.once('close', () => resolve(got / 1e6 / seconds));
      }
    });
  });
}

const folder = await mkdtemp(join(tmpdir(), 'postern-bench-gate-'));
const tls = certificate('localhost');
const cert = join(folder, 'cert.pem');
const key = join(folder, 'key.pem');
await writeFile(cert, tls.cert);
await writeFile(key, tls.key, { mode: 0o600 });
const backend = spawn(process.execPath, ['--eval', backendSource], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
const backendPort = await new Promise<number>((resolve) => backend.once('message', (port) => resolve(port as number)));

const gate = await startGate({
  protocol: 'imap',
  implicitTls: true,
  tls,
  backend: { host: '127.0.0.1', port: backendPort },
});
const fronts: Front[] = [
  { name: 'login gate', port: gate.port, cpuMs: async () => (await gate.usage()).cpuMs, end: gate.end },
];
if (existsSync('/usr/bin/socat')) {
  const port = await freePort();
  const listen = `OPENSSL-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork,verify=0,cert=${cert},key=${key}`;
  fronts.push(await program('socat', '/usr/bin/socat', [listen, `TCP4:127.0.0.1:${backendPort}`], port));
}
if (existsSync('/usr/bin/stunnel4')) {
  const port = await freePort();
  const config = join(folder, 'stunnel.conf');
  await writeFile(
    config,
    `foreground = yes\npid =\ndebug = 3\n[imaps]\naccept = 127.0.0.1:${port}\nconnect = 127.0.0.1:${backendPort}\ncert = ${cert}\nkey = ${key}\n`,
  );
  fronts.push(await program('stunnel', '/usr/bin/stunnel4', [config], port));
}

const octets = MEGABYTES * 1_048_576;
const speeds = new Map(fronts.map(({ name }) => [name, [] as number[]]));
const work = new Map(fronts.map(({ name }) => [name, 0]));
for (let round = -1; round < ROUNDS; round++) {
  for (const front of fronts) {
    const before = await front.cpuMs();
    const speed = await fetch(front.port, octets);
    // A child that socat has forked is counted once it has ended.
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (round < 0) continue;
    speeds.get(front.name)?.push(speed);
    work.set(front.name, (work.get(front.name) ?? 0) + (await front.cpuMs()) - before);
  }
}
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const own = speeds.get('login gate') ?? [];
console.log(`one FETCH of ${MEGABYTES} MiB, ${ROUNDS} rounds in turn: median speed, CPU of all`);
let missed = false;
for (const { name } of fronts) {
  const speed = median(speeds.get(name) ?? []);
  const cpu = (work.get(name) ?? 0) / ((ROUNDS * octets) / 1e9);
  // Round by round: what else the machine does meets both alike.
  const speedRatio = median((speeds.get(name) ?? []).map((other, round) => (own[round] ?? 0) / other));
  const ratio = (work.get('login gate') ?? Number.NaN) / (work.get(name) ?? Number.NaN);
  const judged = name !== 'login gate';
  const met = !judged || ratio <= BAR;
  if (!met) missed = true;
  console.log(
    `${name.padEnd(12)} ${speed.toFixed(0).padStart(6)} MB/s  ${cpu.toFixed(0).padStart(6)} ms CPU/GB${judged ? `  the gate: ${speedRatio.toFixed(2)} x the speed, ${ratio.toFixed(2)} x the CPU (bar ${BAR})${met ? '' : '  MISSED'}` : ''}`,
  );
}
if (fronts.length === 1) console.log('neither socat nor stunnel is installed: nothing to compare with');
for (const front of fronts) await front.end();
backend.disconnect();
await rm(folder, { recursive: true, force: true });
process.exitCode = missed ? 1 : 0;
