import { randomBytes } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { systemClock } from '../adapters/system/index.ts';
import type { DnsResolver } from '../env/index.ts';
import type { AuditEnv } from './context.ts';
import { tcpConnect } from './wire/index.ts';

/** Options of {@link systemEnv}. */
export interface SystemEnvOptions {
  /** Its answers' AD bit must be trustworthy where DANE is to be judged. */
  readonly dns: DnsResolver;
  /** The address to connect from. */
  readonly source?: string;
  /** Milliseconds for one step; as in the audit's own options. */
  readonly timeoutMs?: number;
}

/** This machine's clock, sockets, addresses and chance, for an audit. */
export function systemEnv({ dns, source, timeoutMs }: SystemEnvOptions): AuditEnv {
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
