/** Decisions from a log, judged again under a stricter policy: what would it have refused? */
import { spf } from 'postern/checks/spf';
import type { Decision, Finding } from 'postern/core';
import { evaluate, on, recorded, reject } from 'postern/core';
import type { MailFacts } from 'postern/smtp';
import { fixedClock, zone } from 'postern/testing';

/** A line of the log: what was known, and what was decided. Plain JSON. */
export interface Entry {
  readonly facts: Pick<MailFacts, 'client' | 'helo' | 'reversePath'>;
  readonly decision: Decision;
}

const today = { mail: [spf()] };
const stricter = { mail: [on(spf(), { softfail: reject(), fail: reject() })] };

/** An environment that knows nothing: whatever is not in the record would show as `none`. */
const nothing = { clock: fixedClock(), dns: zone({}) };

/** The findings that the stricter policy would have refused because of. */
export async function wouldRefuse(log: readonly string[]): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const line of log) {
    const { facts, decision } = JSON.parse(line) as Entry;
    const again = await evaluate(stricter, 'mail', facts, nothing, { known: recorded(decision) });
    if (again.action === 'reject') found.push(again.because);
  }
  return found;
}

export async function main(): Promise<Finding[]> {
  const env = {
    clock: fixedClock(),
    dns: zone({
      'example.org': { TXT: ['v=spf1 ip4:192.0.2.1 ~all'] },
      'example.net': { TXT: ['v=spf1 ip4:192.0.2.1 -all'] },
    }),
  };
  const log: string[] = [];
  for (const [ip, domain] of [
    ['192.0.2.1', 'example.org'],
    ['192.0.2.2', 'example.org'],
    ['192.0.2.2', 'example.net'],
  ]) {
    const facts = {
      client: { ip },
      helo: { verb: 'EHLO', name: 'client.example' },
      reversePath: { localPart: 'a', domain },
    } as never;
    log.push(JSON.stringify({ facts, decision: await evaluate(today, 'mail', facts, env) }));
  }
  const found = await wouldRefuse(log);
  for (const { check, result, explanation } of found) console.log(check, result, explanation);
  return found;
}
