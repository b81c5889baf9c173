import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import type { GuardedServer, GuardOptions } from 'postern/adapters/smtp-server';
import { guardedServer } from 'postern/adapters/smtp-server';
import { systemClock } from 'postern/adapters/system';
import { listWatch } from 'postern/dns';
import { serveZone, stubResolver } from 'postern/dns/node';
import type { Env } from 'postern/env';
import type { SessionEvent } from 'postern/smtp-session';
import type { Zone } from 'postern/testing';
import { zone } from 'postern/testing';
import { startImapGate } from './imap.ts';
import { inboundPolicy, submissionPolicy, watchedLists } from './policy.ts';
import type { Stage } from './sessions.ts';
import { zoneData } from './zone.ts';

export interface DemoServers extends Stage {
  /** Ports without the PROXY protocol, for manual use. */
  readonly plain: number;
  readonly plainSubmission: number;
  readonly dnsPort: number;
  readonly zone: Zone;
  /** Decisions since the array was last emptied. */
  readonly events: SessionEvent[];
  /** Names the finding behind a reply of the login gate. */
  readonly gateFinding: (reply: string) => string;
  /** Resolves once no session is open. */
  readonly settled: () => Promise<void>;
  readonly close: () => Promise<void>;
}

const LOOPBACK = '127.0.0.1';

async function listen(server: GuardedServer): Promise<number> {
  const listening = server.listen(0, LOOPBACK);
  await once(listening, 'listening');
  return (listening.address() as AddressInfo).port;
}

/** Starts the DNS server, the guarded SMTP servers and the login gate on free loopback ports. */
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
  // Reports a list that refuses this resolver or lists every address, and a resolver known to be public.
  const stopWatching = watch.start(watchedLists, env, { resolvers: dns.servers });
  const inbound = inboundPolicy(watch);
  const verify = ({ account, secret }: { account: string; secret: string }) =>
    account === 'alice' && secret === 'correct horse'
      ? ({ result: 'accepted', identity: 'alice' } as const)
      : ({ result: 'rejected' } as const);
  // The demo delivers nothing, neither accepted nor quarantined mail.
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
    gateFinding: (reply) => (reply.includes('PRIVACYREQUIRED') ? 'encrypted-auth fail' : 'nothing'),
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
