/**
 * The demo behind `npm start`: a guarded SMTP server with embedded DNS, real sessions against it over TCP, and a table of
 * decisions with their reasons.
 *
 *   npm start                 runs the sessions and exits
 *   npm start -- --keep       keeps the server running and prints how to connect
 *   npm start -- --json       prints every decision as JSON
 *
 * Exit status: 0 if every session ended as expected, 1 if one did not, 2 for a wrong option.
 */
import { parseArgs } from 'node:util';
import { checkRedundancy } from 'postern/checks/mx-redundancy';
import type { Outcome } from 'postern/core';
import { printReply } from 'postern/smtp';
import type { SessionEvent } from 'postern/smtp-session';
import type { DemoServers } from './servers.ts';
import { startServers } from './servers.ts';
import { plays } from './sessions.ts';
import type { Row } from './table.ts';
import { printTable } from './table.ts';

const usage =
  'usage: npm start -- [--keep] [--json]\n  --keep  keep the server running\n  --json  print every decision as JSON';

/** Names the rule that decided, or else the rules with a notable finding. */
function found(events: readonly SessionEvent[]): string {
  const outcomes = events.flatMap(({ decision }) =>
    'because' in decision ? decision.outcomes.filter(({ rule }) => rule === decision.rule) : decision.outcomes,
  );
  const notable = outcomes.filter(
    ({ finding }) => finding.check !== 'score' && !['pass', 'none'].includes(finding.result),
  );
  // Findings with a consequence come before those that are only recorded.
  const acted = notable.filter(({ verdict: { action } }) => action !== 'proceed');
  const scored = outcomes.filter(({ finding }) => finding.check === 'score' && finding.result === 'fail');
  const shown = acted.length > 0 ? acted : notable.length > 0 ? notable : scored;
  const words = [...new Set(shown.map(ruleAndResult))];
  return words.length > 0 ? words.join(', ') : 'nothing';
}
const ruleAndResult = ({ rule, finding }: Outcome): string => `${rule} ${finding.result}`;

function verdict(events: readonly SessionEvent[]): string {
  const last = events.at(-1)?.decision;
  if (last === undefined) return 'refuse';
  const refused = events.find(({ reply }) => reply !== null)?.decision;
  if (refused !== undefined) return refused.action;
  const score = events.reduce((sum, { decision }) => sum + decision.score, 0);
  const tagged = events.some(({ decision }) => decision.tags.length > 0);
  return `${tagged ? 'tag' : score > 0 ? 'flag' : 'accept'}${score > 0 ? ` (${score})` : ''}`;
}

async function play(servers: DemoServers): Promise<{ rows: Row[]; record: object[] }> {
  const rows: Row[] = [];
  const record: object[] = [];
  for (const { name, protection, expected, play: run } of plays) {
    servers.events.length = 0;
    const began = performance.now();
    const reply = await run(servers).catch((error: unknown) => `(${error instanceof Error ? error.message : error})`);
    const ms = Math.round(performance.now() - began);
    const events = [...servers.events];
    rows.push({
      session: name,
      protection,
      found: events.length > 0 ? found(events) : servers.gateFinding(reply),
      verdict: verdict(events),
      reply,
      ms,
      asExpected: reply.startsWith(expected),
    });
    record.push({
      session: name,
      protection,
      expected,
      reply,
      ms,
      events: events.map((event) => ({ ...event, reply: event.reply && printReply(event.reply) })),
    });
    await servers.settled();
  }
  const session = 'audit: a domain with one MX host';
  const protection = '8 mx-redundancy';
  const report = await checkRedundancy('example.com', { dns: servers.zone }, { publicNetworks: ['203.0.113.0/24'] });
  rows.push({
    session,
    protection,
    found: report.findings.map(({ id }) => id).join(', '),
    verdict: report.state,
    reply: report.findings[0]?.fix ?? '',
    ms: 0,
    asExpected: report.state === 'fail',
  });
  record.push({ session, protection, report });
  return { rows, record };
}

/** Runs the demo and sets the exit status. */
export async function main(argv: readonly string[] = []): Promise<void> {
  let values: { keep?: boolean; json?: boolean; help?: boolean };
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: { keep: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    }));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${usage}`);
    process.exitCode = 2;
    return;
  }
  if (values.help) {
    console.log(usage);
    return;
  }
  const servers = await startServers();
  const { rows, record } = await play(servers);
  const wrong = rows.filter(({ asExpected }) => !asExpected).length;
  if (values.json) console.log(JSON.stringify(record, undefined, 2));
  else {
    const style = {
      colour: process.stdout.isTTY === true && process.env.NO_COLOR === undefined,
      width: process.stdout.columns ?? 200,
    };
    console.log(`A mail server for example.com behind one policy with ten protections. Its DNS is embedded.\n`);
    for (const line of printTable(rows, style)) console.log(line);
    console.log(`\n${rows.length - wrong} of ${rows.length} sessions ended as expected.`);
  }
  process.exitCode = wrong === 0 ? 0 : 1;
  if (values.keep && !values.json) {
    console.log(`
The server is still running. Connect to it, and stop it with Ctrl-C:

  SMTP        127.0.0.1 port ${servers.plain}    for example: telnet 127.0.0.1 ${servers.plain}
  submission  127.0.0.1 port ${servers.plainSubmission}    STARTTLS; log in as alice with "correct horse"
  IMAP gate   127.0.0.1 port ${servers.imap}
  DNS         127.0.0.1 port ${servers.dnsPort}    for example: dig @127.0.0.1 -p ${servers.dnsPort} example.com MX`);
    return;
  }
  await servers.close();
}
