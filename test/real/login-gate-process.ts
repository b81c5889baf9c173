/**
 * The login gate in a process of its own, so that its memory and its processor time can be told from its clients'.
 *
 * Started with JSON: `LoginGateOptions` without policy and environment. Says `{ port }`; answers `usage` with its memory,
 * processor time and number of connections; takes `{ reload }`.
 */
import { accessPolicy } from 'postern/access';
import { type LoginGateOptions, loginGateServer } from 'postern/adapters/login-gate';
import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import { systemClock } from 'postern/adapters/system';
import { encryptedAuth } from 'postern/checks/encrypted-auth';
import { authBudgets } from 'postern/checks/smtp-auth';

const clock = systemClock();
const given = JSON.parse(process.argv[2] as string) as Pick<
  LoginGateOptions,
  'protocol' | 'backend' | 'tls' | 'implicitTls'
>;
const gate = loginGateServer({
  ...given,
  policy: accessPolicy<object>({ encryption: encryptedAuth({ mechanisms: ['PLAIN', 'LOGIN', 'SCRAM-SHA-256'] }) }),
  env: { clock, counters: memoryCounters({ clock }), bans: memoryBans({ clock }) },
  budgets: authBudgets(),
});
process.on('message', (message: 'usage' | { reload: LoginGateOptions['tls'] }) => {
  if (message === 'usage') {
    (globalThis as { gc?: () => void }).gc?.();
    const { user, system } = process.cpuUsage();
    process.send?.({ rss: process.memoryUsage().rss, cpuMs: (user + system) / 1_000, connections: gate.connections });
  } else gate.reload(message.reload);
});
process.on('disconnect', () => process.exit());
process.send?.({ port: await gate.listen(0, '127.0.0.1') });
