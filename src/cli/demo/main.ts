/**
 * The main job, played before your eyes: a guarded SMTP server with an embedded zone, real sessions against it over TCP,
 * and a table of what was decided and why.
 *
 *   npm start                 plays the sessions and ends
 *   npm start -- --keep       leaves the server running, and says how to talk to it
 *   npm start -- --json       prints every decision as JSON instead
 *
 * Exit status: 0 where every session ended as it should, 1 where one did not, 2 for a wrong option.
 */
import { parseArgs } from 'node:util';
import { checkRedundancy } from '../../checks/mx-redundancy/index.ts';
import type { Outcome } from '../../core/index.ts';
import type { SessionEvent } from '../../session/index.ts';
import { printReply } from '../../smtp/index.ts';
import type { DemoServers } from './servers.ts';
import { startServers } from './servers.ts';
import { plays } from './sessions.ts';
import type { Row } from './table.ts';
import { printTable } from './table.ts';

/** What was found, in a few words: the rule that decided, or those that have something to say. */
function found(events: readonly SessionEvent[]): string {
  const outcomes = events.flatMap(({ decision }) =>
    'because' in decision ? decision.outcomes.filter(({ rule }) => rule === decision.rule) : decision.outcomes,
  );
  const telling = outcomes.filter(
    ({ finding }) => finding.check !== 'score' && !['pass', 'none'].includes(finding.result),
  );
  // What something follows from, before what is only noted.
  const followed = telling.filter(({ verdict: { action } }) => action !== 'proceed');
  const scored = outcomes.filter(({ finding }) => finding.check === 'score' && finding.result === 'fail');
  const heaviest = followed.length > 0 ? followed : telling.length > 0 ? telling : scored;
  const words = [...new Set(heaviest.map(said))];
  return words.length > 0 ? words.join(', ') : 'nothing';
}
const said = ({ rule, finding }: Outcome): string => `${rule} ${finding.result}`;

function verdict(events: readonly SessionEvent[]): string {
  const last = events.at(-1)?.decision;
  if (last === undefined) return 'refuse';
  const refused = events.find(({ reply }) => reply !== null)?.decision;
  if (refused !== undefined) return refused.action;
  const score = events.reduce((sum, { decision }) => sum + decision.score, 0);
  const tagged = events.some(({ decision }) => decision.tags.length > 0);
  return `${tagged ? 'tag' : score > 0 ? 'flag' : 'accept'}${score > 0 ? ` (${score})` : ''}`;
}

async function play(servers: DemoServers, json: boolean): Promise<{ rows: Row[]; record: object[] }> {
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
      found: events.length > 0 ? found(events) : servers.gateSaid(reply),
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
    if (!json) await servers.settled();
  }
  const audit = await checkRedundancy('example.com', { dns: servers.zone }, { publicNetworks: ['203.0.113.0/24'] });
  const one = audit.findings.map(({ id }) => id).join(', ');
  rows.push({
    session: 'audit: a domain with one MX',
    protection: '8 mx-redundancy',
    found: one,
    verdict: audit.state,
    reply: audit.findings[0]?.fix ?? '',
    ms: 0,
    asExpected: audit.state === 'fail',
  });
  record.push({ session: 'audit: a domain with one MX', protection: '8 mx-redundancy', report: audit });
  return { rows, record };
}

async function main(): Promise<void> {
  let values: { keep?: boolean; json?: boolean; help?: boolean };
  try {
    ({ values } = parseArgs({
      options: { keep: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    }));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\nusage: npm start -- [--keep] [--json]`);
    process.exitCode = 2;
    return;
  }
  if (values.help) {
    console.log(
      'usage: npm start -- [--keep] [--json]\n  --keep  leave the server running\n  --json  print every decision as JSON',
    );
    return;
  }
  const servers = await startServers();
  const json = values.json === true;
  const { rows, record } = await play(servers, json);
  const wrong = rows.filter(({ asExpected }) => !asExpected).length;
  if (json) console.log(JSON.stringify(record, undefined, 2));
  else {
    const style = {
      colour: process.stdout.isTTY === true && process.env.NO_COLOR === undefined,
      width: process.stdout.columns ?? 200,
    };
    console.log(`A server for example.com, guarded by one policy with ten protections; its DNS is embedded.\n`);
    for (const line of printTable(rows, style)) console.log(line);
    console.log(`\n${rows.length - wrong} of ${rows.length} sessions ended as they should.`);
  }
  process.exitCode = wrong === 0 ? 0 : 1;
  if (values.keep && !json) {
    console.log(`
The server keeps running. Talk to it, and stop it with Ctrl-C:

  SMTP        127.0.0.1 port ${servers.plain}    for example: telnet 127.0.0.1 ${servers.plain}
  submission  127.0.0.1 port ${servers.plainSubmission}    STARTTLS; log in as alice with "correct horse"
  IMAP gate   127.0.0.1 port ${servers.imap}
  DNS         127.0.0.1 port ${servers.dnsPort}    for example: dig @127.0.0.1 -p ${servers.dnsPort} example.com MX`);
    return;
  }
  await servers.close();
}

await main();
