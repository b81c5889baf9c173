import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stubResolver } from 'postern/dns/node';

const program = '/usr/sbin/rbldnsd';

/** Why these tests cannot be run here; false where they can. */
export const withoutRbldnsd: string | false = existsSync(program) ? false : `${program} is not installed`;

/** A data set of rbldnsd: its type, and its lines. */
export interface DataSet {
  readonly zone: string;
  readonly type: 'ip4trie' | 'ip6trie' | 'dnset' | 'generic';
  readonly lines: readonly string[];
}

export interface RunningList {
  readonly port: number;
  readonly pid: number;
  /** Writes a data set anew; rbldnsd reads it within about a second. */
  replace(zone: string, lines: readonly string[]): Promise<void>;
  stop(): void;
  resume(): void;
  end(): Promise<void>;
}

/** Starts rbldnsd on a free loopback port, and waits until it answers. */
export async function startRbldnsd(sets: readonly DataSet[]): Promise<RunningList> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-rbldnsd-'));
  // Started by root it takes another user's rights before it reads.
  await chmod(folder, 0o755);
  const file = (zone: string): string => join(folder, zone.replaceAll('.', '_'));
  for (const { zone, lines } of sets) await writeFile(file(zone), `${lines.join('\n')}\n`, { mode: 0o644 });
  const port = await freePort();
  const zones = sets.map(({ zone, type }) => `${zone}:${type}:${file(zone)}`);
  const server: ChildProcess = spawn(program, ['-n', '-t', '1', '-c', '1', '-b', `127.0.0.1/${port}`, ...zones], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  server.stdout?.on('data', (text) => (said += text));
  server.stderr?.on('data', (text) => (said += text));
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const end = async (): Promise<void> => {
    server.kill('SIGCONT');
    server.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const dns = stubResolver({ servers: [`127.0.0.1:${port}`], timeoutMs: 300 });
  for (let i = 0; ; i++) {
    const answer = await dns.resolve(`2.0.0.127.${sets[0]?.zone ?? ''}`, 'A');
    if (answer.status !== 'temperror') break;
    if (i > 60 || server.exitCode !== null) {
      await end();
      throw new Error(`rbldnsd did not come up: ${answer.reason}; ${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await dns.close();
  return {
    port,
    pid: server.pid as number,
    async replace(zone, lines) {
      const path = file(zone);
      await writeFile(`${path}.new`, `${lines.join('\n')}\n`, { mode: 0o644 });
      await rename(`${path}.new`, path);
    },
    stop: () => void server.kill('SIGSTOP'),
    resume: () => void server.kill('SIGCONT'),
    end,
  };
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}
