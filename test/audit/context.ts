import { randomBytes } from 'node:crypto';
import { systemClock } from 'postern/adapters/system';
import { zone } from 'postern/testing';
import type { AuditContext } from '../../src/audit/context.ts';
import { type AuditOptions, readOptions } from '../../src/audit/options.ts';
import { limitConnections, tcpConnect } from '../../src/audit/wire/index.ts';

/** Audit context for tests on loopback. */
export function contextWith(options: AuditOptions = {}, changed: Partial<AuditContext> = {}): AuditContext {
  const settings = readOptions({ timeoutMs: 5_000, ...options });
  const clock = systemClock();
  return {
    dns: zone({}),
    clock,
    connect: limitConnections(
      tcpConnect({ clock, source: settings.source, timeoutMs: settings.timeoutMs }),
      settings.connectionsPerService,
    ),
    randomBytes,
    settings,
    signal: undefined,
    progress: () => undefined,
    ...changed,
  };
}
