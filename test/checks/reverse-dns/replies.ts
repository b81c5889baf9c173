import { type Check, type Entry, evaluate } from 'postern/core';
import type { Env } from 'postern/env';
import { type Mailbox, parseAddressLiteral, parseDomain, parseIp, parseMailbox } from 'postern/net';
import { printReply, type SmtpStages, smtpReply } from 'postern/smtp';
import { fixedClock, type ZoneData, zone } from 'postern/testing';

/** What a session says of itself; every part has a usual value. */
export interface Session {
  readonly client?: string;
  readonly helo?: string;
  readonly from?: string | null;
  readonly to?: string;
}

const mailbox = (text: string): Mailbox => {
  const read = parseMailbox(text);
  if (read === undefined) throw new Error(`${text} is no mailbox`);
  return read;
};

/** The facts of a session at RCPT, which hold those of every stage before. */
export function factsOf({
  client = '192.0.2.9',
  helo = 'mx.example.org',
  from = 'a@example.org',
  to = 'b@example.com',
}: Session) {
  const domain = parseDomain(helo);
  const literal = parseAddressLiteral(helo);
  return {
    session: { id: 's1', role: 'mx' as const, serverName: 'mx.example.com' },
    client: { ip: parseIp(client)! },
    tls: null,
    helo: {
      verb: 'EHLO' as const,
      name: helo,
      ...(literal !== undefined ? { literal } : domain === undefined ? {} : { domain }),
    },
    auth: null,
    reversePath: from === null || from === '' ? null : mailbox(from),
    forwardPath: mailbox(to),
  };
}

type DnsEnv = Pick<Env, 'dns' | 'clock'>;
const signal = new AbortController().signal;

/** What a check finds. */
export async function findingOf<R extends string>(
  check: Check<never, DnsEnv> & { readonly examine: unknown },
  session: Session,
  data: ZoneData,
) {
  const clock = fixedClock();
  const env = { dns: zone(data, { clock }), clock };
  return clock.until(
    Promise.resolve((check as Check<object, DnsEnv>).examine(factsOf(session), env, signal)),
  ) as Promise<Awaited<ReturnType<Check<object, DnsEnv>['examine']>> & { readonly result: R }>;
}

/** What the client is told at RCPT: `550 5.7.1 …`; null where there is no objection. */
export async function replyOf(
  rule: Entry<never, DnsEnv>,
  session: Session,
  data: ZoneData,
  stage: keyof SmtpStages = 'rcpt',
) {
  const clock = fixedClock();
  const env = { dns: zone(data, { clock }), clock };
  const policy = { [stage]: [rule as Entry<object, DnsEnv>] };
  const decision = await clock.until(evaluate(policy, stage as never, factsOf(session) as never, env as never));
  const reply = smtpReply(decision, stage);
  return reply === null ? null : printReply(reply);
}
