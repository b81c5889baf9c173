import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoginGateOptions } from 'postern/adapters/login-gate';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface GateUsage {
  readonly rss: number;
  readonly cpuMs: number;
  readonly connections: number;
}

/** A gate in a process of its own. */
export interface RunningGate {
  readonly port: number;
  usage(): Promise<GateUsage>;
  reload(tls: LoginGateOptions['tls']): void;
  end(): Promise<void>;
}

export async function startGate(
  options: Pick<LoginGateOptions, 'protocol' | 'backend' | 'tls' | 'implicitTls'>,
): Promise<RunningGate> {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--expose-gc', '--import', './.config/typescript.mjs', 'test/real/login-gate-process.ts', JSON.stringify(options)],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  );
  const answer = <T>(): Promise<T> =>
    new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`the gate ended with ${code}`));
      child.once('exit', onExit);
      child.once('message', (message) => {
        child.off('exit', onExit);
        resolve(message as T);
      });
    });
  const { port } = await answer<{ port: number }>();
  return {
    port,
    usage() {
      child.send('usage');
      return answer<GateUsage>();
    },
    reload: (tls) => void child.send({ reload: tls }),
    end: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.disconnect();
      }),
  };
}
