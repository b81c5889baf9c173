import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import type { Check, Finding, Result } from 'postern/core';
import type { Env, Usage } from 'postern/env';
import type { Mailbox } from 'postern/net';
import { parseIp, parseMailbox } from 'postern/net';
import type { AuthFacts, ConnectFacts, DataFacts, HeloFacts, MailFacts, RcptFacts, SessionTally } from 'postern/smtp';
import type { FixedClock } from 'postern/testing';
import { fixedClock } from 'postern/testing';

/** What a case says of a session; the rest is as usual. */
export interface Case {
  readonly ip?: string;
  readonly id?: string;
  readonly asn?: number;
  readonly login?: string;
  readonly from?: string;
  readonly to?: string;
  readonly before?: number;
  readonly messages?: number;
  readonly tally?: SessionTally;
  readonly octets?: number;
  readonly tls?: 'starttls' | 'implicit';
}

const mailbox = (text: string): Mailbox => {
  const parsed = parseMailbox(text);
  if (parsed === undefined) throw new Error(`${text} is no mailbox`);
  return parsed;
};

/** The facts of every stage at once. */
export function facts(said: Case = {}): ConnectFacts & HeloFacts & AuthFacts & MailFacts & RcptFacts & DataFacts {
  const { ip = '192.0.2.1', from = 'a@example.org', to = 'b@example.com' } = said;
  const known = parseIp(ip);
  if (known === undefined) throw new Error(`${ip} is no address`);
  return {
    session: {
      id: said.id ?? 'session',
      role: 'mx',
      ...(said.tls === 'implicit' ? { implicitTls: true } : {}),
      ...(said.tally === undefined ? {} : { tally: said.tally }),
    },
    client: { ip: known, ...(said.asn === undefined ? {} : { asn: said.asn }) },
    tls: said.tls === undefined ? null : { version: 'TLSv1.3' },
    helo: { verb: 'EHLO', name: 'client.example.org' },
    attempt: { mechanism: 'PLAIN' },
    auth: said.login === undefined ? null : { identity: said.login },
    reversePath: from === '<>' ? null : mailbox(from),
    forwardPath: mailbox(to),
    forwardPaths: [mailbox(to)],
    ...(said.before === undefined ? {} : { recipientsBefore: said.before }),
    ...(said.messages === undefined ? {} : { messagesBefore: said.messages }),
    message: {
      size: said.octets ?? 0,
      headers: [],
      uris: [],
      parts: [],
      truncated: [],
    } as unknown as DataFacts['message'],
  };
}

/** A process with memory, and checks put to it. */
export function house(): Pick<Env, 'counters' | 'bans'> & {
  readonly clock: FixedClock;
  readonly ask: <R extends Result, D>(
    check: Check<ReturnType<typeof facts>, Pick<Env, 'counters' | 'bans' | 'clock'>, R, D>,
    said?: Case,
  ) => Promise<Finding<R, D>>;
} {
  const clock = fixedClock();
  const env = { clock, counters: memoryCounters({ clock }), bans: memoryBans({ clock }) };
  return {
    ...env,
    ask: async (check, said) => check.examine(facts(said), env, new AbortController().signal),
  };
}

/** Counters whose store is away: they allow everything, and say so. */
export function awayCounters(): Env['counters'] {
  const usage: Usage = { allowed: true, limit: 10, used: 1, retryAfterMs: 0, degraded: true };
  return {
    peek: () => usage,
    charge: () => usage,
    chargeAll: (charges) => charges.map(() => usage),
    clear: () => {},
    acquire: () => usage,
    acquireAll: (places) => places.map(() => usage),
    release: () => {},
    distinct: () => usage,
  };
}
