import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { serveZone, stubResolver } from '../../adapters/dns-node/index.ts';
import { memoryBans, memoryCounters } from '../../adapters/memory/index.ts';
import type { GuardedServer, GuardOptions } from '../../adapters/smtp-server/index.ts';
import { guardedServer } from '../../adapters/smtp-server/index.ts';
import { systemClock } from '../../adapters/system/index.ts';
import { listWatch } from '../../dns/index.ts';
import type { Env } from '../../env/index.ts';
import type { SessionEvent } from '../../session/index.ts';
import type { Zone } from '../../testing/index.ts';
import { zone } from '../../testing/index.ts';
import { startImapGate } from './imap.ts';
import { inboundPolicy, submissionPolicy, watchedLists } from './policy.ts';
import type { Stage } from './sessions.ts';
import { zoneData } from './zone.ts';

export interface DemoServers extends Stage {
  /** Ports without the PROXY protocol, for a visitor. */
  readonly plain: number;
  readonly plainSubmission: number;
  readonly dnsPort: number;
  readonly zone: Zone;
  /** What was decided since the list was emptied. */
  readonly events: SessionEvent[];
  /** What the login gate found, from its reply. */
  readonly gateSaid: (reply: string) => string;
  /** Resolves when no session is open. */
  readonly settled: () => Promise<void>;
  readonly close: () => Promise<void>;
}

const LOOPBACK = '127.0.0.1';

async function listen(server: GuardedServer): Promise<number> {
  const listening = server.listen(0, LOOPBACK);
  await once(listening, 'listening');
  return (listening.address() as AddressInfo).port;
}

/** Starts the DNS, the guarded servers and the login gate, all on free loopback ports. */
export async function startServers(): Promise<DemoServers> {
  const clock = systemClock();
  const data = zone(zoneData);
  const dnsServer = await serveZone(data, { host: LOOPBACK, port: 0 });
  const dns = stubResolver({ servers: [`${LOOPBACK}:${dnsServer.port}`], timeoutMs: 1_000 });
  const env: Env = { clock, dns, counters: memoryCounters({ clock }), bans: memoryBans({ clock }) };
  const events: SessionEvent[] = [];
  const onEvent = (event: SessionEvent): void => void events.push(event);
  const { policy: submissions, check } = submissionPolicy();
  const watch = listWatch({ onEvent: ({ list, state, reason }) => console.error(`${list}: ${state}: ${reason}`) });
  // A list that refuses the resolver, or lists everybody, is heard of here; a known public resolver is warned about.
  const stopWatching = watch.start(watchedLists, env, { resolvers: dns.servers });
  const inbound = inboundPolicy(watch);
  const verify = ({ account, secret }: { account: string; secret: string }) =>
    account === 'alice' && secret === 'correct horse'
      ? ({ result: 'accepted', identity: 'alice' } as const)
      : ({ result: 'rejected' } as const);
  // Mail has nowhere to go here, be it accepted or quarantined.
  const deliver = async (): Promise<void> => undefined;
  const make = (
    over: Pick<GuardOptions, 'policy' | 'role'> & Partial<GuardOptions>,
    useProxy: boolean,
  ): GuardedServer =>
    guardedServer({
      env,
      deliver,
      quarantine: 'deliver',
      session: { onEvent },
      ...over,
      server: {
        name: 'mx.example.com',
        logger: false,
        closeTimeout: 500,
        ...(useProxy ? { useProxy: [LOOPBACK] } : {}),
      },
    });
  const forInbound = { policy: inbound, role: 'mx' } as const;
  const forUsers = { policy: submissions, role: 'submission', auth: { check, verify } } as const;
  const servers = [
    make(forInbound, true),
    make(forUsers, true),
    make(forInbound, false),
    make(forUsers, false),
  ] as const;
  const [mx, submission, plain, plainSubmission] = (await Promise.all(servers.map(listen))) as [
    number,
    number,
    number,
    number,
  ];
  const gate = await startImapGate(env);
  return {
    mx,
    submission,
    plain,
    plainSubmission,
    imap: gate.port,
    dnsPort: dnsServer.port,
    zone: data,
    events,
    gateSaid: (reply) => (reply.includes('PRIVACYREQUIRED') ? 'encrypted-auth fail' : 'nothing'),
    async settled() {
      while (servers.some(({ openSessions }) => openSessions > 0))
        await new Promise((resolve) => setTimeout(resolve, 2));
    },
    async close() {
      await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(resolve))));
      await gate.close();
      stopWatching();
      dns.close();
      await dnsServer.close();
    },
  };
}
