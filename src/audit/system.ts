import { randomBytes } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { systemClock } from '../adapters/system/index.ts';
import { assertKnownOptions } from '../core/index.ts';
import type { DnsResolver } from '../env/index.ts';
import type { AuditEnv } from './context.ts';
import { tcpConnect } from './wire/index.ts';

/** Options of {@link systemEnv}. */
export interface SystemEnvOptions {
  /** DANE is judged by the AD bit of its answers, which must be trustworthy. */
  readonly dns: DnsResolver;
  /** Local address to connect from. Default: chosen by the system. */
  readonly source?: string;
  /** Timeout of one step in milliseconds. Default: 30,000. */
  readonly timeoutMs?: number;
}

/**
 * Creates the environment of an audit from the clock, sockets, addresses and random numbers of this machine.
 *
 * @throws {TypeError} if an option is wrong or unknown
 */
export function systemEnv(options: SystemEnvOptions): AuditEnv {
  assertKnownOptions('systemEnv', options, ['dns', 'source', 'timeoutMs']);
  const { dns, source, timeoutMs } = options;
  const clock = systemClock();
  return {
    dns,
    clock,
    connect: tcpConnect({ clock, source, timeoutMs }),
    localAddresses: () =>
      Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address)),
    randomBytes,
  };
}
