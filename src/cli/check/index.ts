/**
 * `postern check`: runs checks on one address, sender or message.
 *
 * **Answers**: what do the checks report about this subject, and why?
 * **Knows**: the arguments. **Asks**: the DNS, or a file that replaces it. It connects to no other server and sends no mail.
 * **Limits**: checks that need a session are left out: connection limits, bans, logins. It reads the first 64 MiB of a
 * message.
 *
 * @module
 */
import { systemClock } from '../../adapters/system/index.ts';
import type { CheckedMessage, CheckFinding, CheckReport } from '../../audit/index.ts';
import { bySeverity, CHECK_REPORT_VERSION, packageVersion, stateOf } from '../../audit/index.ts';
import { didYouMean } from '../../core/index.ts';
import { onAbort } from '../../env/index.ts';
import { printMailbox } from '../../net/index.ts';
import { openDns } from '../dns.ts';
import { type CommandIo, exitCodes, readBytes, UsageError } from '../io.ts';
import { emit, exitCodeOf, printed } from '../output.ts';
import type { CheckEnv, Results } from './catalogue.ts';
import { checkIp } from './ip.ts';
import { checkMessage } from './message.ts';
import type { CheckKind, CheckOptions } from './options.ts';
import { addressOf, help, readCheckOptions, reversePath } from './options.ts';
import { checkSender } from './sender.ts';

const kinds: readonly CheckKind[] = ['ip', 'sender', 'message'];

/**
 * Runs `postern check` and returns the exit status.
 *
 * @param argv the arguments after `check`
 * @throws {UsageError} if the command line is wrong
 */
export async function checkCommand(argv: readonly string[], io: CommandIo): Promise<number> {
  const [word, ...rest] = argv;
  if (word === undefined) {
    io.stderr(help.check);
    return exitCodes.usage;
  }
  if (word === '--help' || word === '-h' || word === 'help') {
    io.stdout(help.check);
    return exitCodes.clean;
  }
  const kind = kinds.find((each) => each === word);
  if (kind === undefined)
    throw new UsageError(
      `unknown check ${JSON.stringify(word)} (known: ${kinds.join(', ')})${didYouMean(word, kinds)}\nSee postern check --help.`,
    );
  const options = readCheckOptions(kind, rest, io);
  if (options.help) {
    io.stdout(help[kind]);
    return exitCodes.clean;
  }
  const clock = systemClock();
  const { resolvers, zone: zoneFile, timeoutMs, output } = options;
  const { subject, check } = await prepare(kind, options, io);
  const { dns, close } = await openDns({ resolvers, zoneFile, timeoutMs }, io);
  // Aborted checks still report what they could not find out.
  const end = new AbortController();
  const cancel = clock.after(timeoutMs, () => end.abort());
  const withdraw = onAbort(io.signal, () => end.abort());
  const started = clock.now();
  try {
    const { results, message } = await check({ dns, clock, signal: end.signal });
    if (io.signal?.aborted) return exitCodes.interrupted;
    const report = reportOf(kind, subject, results, message, started, clock.now());
    await emit(printed(report, output), output, io);
    return exitCodeOf(report, output.failOn);
  } finally {
    cancel();
    withdraw();
    close();
  }
}

interface Prepared {
  readonly subject: string;
  readonly check: (
    env: CheckEnv,
  ) => Promise<{ readonly results: readonly Results[]; readonly message?: CheckedMessage }>;
}

/** Reads files and the subject, so that usage errors are reported before the first query. */
async function prepare(kind: CheckKind, options: CheckOptions, io: CommandIo): Promise<Prepared> {
  switch (kind) {
    case 'ip': {
      const { lists, blocklists, format } = options;
      const ip = addressOf('<address>', options.subject);
      const files = await Promise.all(blocklists.map(async (path) => ({ path, bytes: await readBytes(path, io) })));
      return { subject: ip, check: async (env) => ({ results: await checkIp({ ip, lists, files, format }, env) }) };
    }
    case 'sender': {
      const { ip, helo, publicNetworks } = options;
      const sender = reversePath('<mailbox>', options.subject);
      return {
        subject: sender === null ? '<>' : printMailbox(sender),
        check: async (env) => ({ results: await checkSender({ sender, ip, helo, publicNetworks }, env) }),
      };
    }
    case 'message': {
      const { ip, helo, from, uriLists, trustedSealers } = options;
      const name = options.subject === '-' ? 'standard input' : options.subject;
      const bytes = await readBytes(options.subject, io);
      return {
        subject: name,
        check: (env) => checkMessage({ bytes, name, ip, helo, from, uriLists, trustedSealers }, env),
      };
    }
  }
}

function reportOf(
  kind: CheckKind,
  subject: string,
  results: readonly Results[],
  message: CheckedMessage | undefined,
  started: number,
  finished: number,
): CheckReport {
  const findings = bySeverity(merged(results.flatMap((part) => part.findings)));
  const state = stateOf(findings);
  return {
    schema: 'postern-check-report',
    version: CHECK_REPORT_VERSION,
    postern: packageVersion(),
    started: new Date(started).toISOString(),
    finished: new Date(finished).toISOString(),
    state,
    kind,
    notes: [...new Set(results.flatMap(({ notes }) => notes ?? []))],
    subjects: [
      {
        subject,
        state,
        durationMs: Math.max(0, Math.round(finished - started)),
        findings,
        answers: results.flatMap(({ answers }) => answers),
        message,
      },
    ],
  };
}

/** Merges findings of one kind about one subject, such as two signatures with the same key. */
function merged(findings: readonly CheckFinding[]): readonly CheckFinding[] {
  const kept = new Map<string, CheckFinding>();
  for (const finding of findings) {
    const key = JSON.stringify([finding.id, finding.subject, finding.severity]);
    const same = kept.get(key);
    const more = finding.evidence.filter((line) => same?.evidence.includes(line) === false);
    kept.set(key, same === undefined ? finding : { ...same, evidence: [...same.evidence, ...more].slice(0, 20) });
  }
  return [...kept.values()];
}
