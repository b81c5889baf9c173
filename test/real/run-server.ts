import type { ChildProcess } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';

/** Ports that are free on every address of this machine. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise<void>((done) => server.listen(0, '0.0.0.0', done))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** A server that runs. */
export interface Running {
  log(): Promise<string>;
  end(): Promise<void>;
}

const takes = (place: { readonly address: string; readonly port: number }): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: place.address, port: place.port, timeout: 1_000 });
    const settle = (up: boolean): void => {
      socket.destroy();
      resolve(up);
    };
    socket
      .once('connect', () => settle(true))
      .once('error', () => settle(false))
      .once('timeout', () => settle(false));
  });

/** Waits until the server takes connections everywhere. */
export async function run(
  name: string,
  server: ChildProcess,
  folder: string,
  log: string,
  places: readonly { readonly address: string; readonly port: number }[],
): Promise<Running> {
  let said = '';
  const hear = (text: Buffer): void => {
    said = (said + text.toString()).slice(-5_000);
  };
  server.stdout?.on('data', hear);
  server.stderr?.on('data', hear);
  const ended = new Promise<void>((resolve) => {
    server.once('exit', () => resolve());
    server.once('error', () => resolve());
  });
  const read = async (): Promise<string> => said + (await readFile(log, 'utf8').catch(() => ''));
  const end = async (): Promise<void> => {
    server.kill('SIGTERM');
    const insist = setTimeout(() => server.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(insist);
    await rm(folder, { recursive: true, force: true });
  };
  for (let tries = 0; ; tries++) {
    const up = await Promise.all(places.map(takes));
    if (up.every(Boolean)) return { log: read, end };
    if (tries > 100 || server.exitCode !== null) {
      const down = places.filter((_, at) => up[at] !== true).map(({ address, port }) => `${address}:${port}`);
      const why = await read();
      await end();
      throw new Error(`${name} does not listen on ${down.join(', ')}: ${why}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
