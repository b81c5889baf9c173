/**
 * `postern check`: the checks, run by hand.
 *
 * **Answers**: what do the checks say of this address, this sender, this message, and why?
 * **Knows**: the arguments. **Asks**: the DNS, or a file in its place; nobody is connected to, and no mail is sent.
 *
 * **Limits**: what depends on a session is not asked: limits, bans, logins. A message of more than 64 MiB is read to there.
 *
 * Exit status: 0 nothing found at or above `--fail-on`, 1 something, 2 called wrongly, 3 something could not be checked.
 *
 * @module
 */
import { systemClock } from '../../adapters/system/index.ts';
import { bySeverity, packageVersion, stateOf } from '../../audit/index.ts';
import { didYouMean } from '../../core/index.ts';
import { printMailbox } from '../../net/index.ts';
import { openDns } from '../dns.ts';
import type { CommandIo } from '../io.ts';
import { exitCodes, UsageError } from '../io.ts';
import { printed } from '../report/forms.ts';
import { exitCodeOf } from '../verdict.ts';

import type { CheckEnv, Looked } from './env.ts';
import { help } from './help.ts';
import { checkIp } from './ip.ts';
import { checkMessage } from './message.ts';
import type { CheckKind, CheckOptions } from './options.ts';
import { addressOf, readCheckOptions, reversePath } from './options.ts';
import type { CheckedMessage, CheckFinding, CheckReport } from './report.ts';
import { CHECK_REPORT_VERSION } from './report.ts';
import { checkSender } from './sender.ts';

export type { CheckAnswer, CheckedMessage, CheckedSubject, CheckFinding, CheckReport } from './report.ts';
export { CHECK_REPORT_VERSION } from './report.ts';

const kinds: readonly CheckKind[] = ['ip', 'sender', 'message'];

/**
 * `postern check`.
 *
 * @param argv what stands behind it
 * @returns the exit status
 * @throws UsageError where it was called wrongly
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
      `there is no check of ${JSON.stringify(word)}: ${kinds.join(', ')}${didYouMean(word, kinds)}\nSee postern check --help.`,
    );
  const options = readCheckOptions(kind, rest);
  if (options.help) {
    io.stdout(help[kind]);
    return exitCodes.clean;
  }
  return run(kind, options, io);
}

async function run(kind: CheckKind, options: CheckOptions, io: CommandIo): Promise<number> {
  const clock = systemClock();
  const { resolvers, zone: zoneFile, timeoutMs } = options;
  const { subject, look } = await prepare(kind, options, io);
  const { dns, close } = await openDns({ resolvers, zoneFile, timeoutMs }, io);
  const end = new AbortController();
  const stop = (): void => end.abort();
  const cancel = clock.after(timeoutMs, stop);
  io.signal?.addEventListener('abort', stop, { once: true });
  const started = clock.now();
  try {
    const { looked, message } = await look({ dns, clock, signal: end.signal });
    if (io.signal?.aborted) return exitCodes.interrupted;
    const report = reportOf(kind, subject, looked, message, started, clock.now());
    const { form, output, plain, failOn } = options;
    const text = printed(report, form, io, plain || output !== undefined);
    if (output === undefined) io.stdout(text);
    else await io.writeFile(output, text);
    return exitCodeOf(report, failOn);
  } finally {
    cancel();
    io.signal?.removeEventListener('abort', stop);
    close();
  }
}

interface Prepared {
  readonly subject: string;
  readonly look: (env: CheckEnv) => Promise<{ readonly looked: readonly Looked[]; readonly message?: CheckedMessage }>;
}

/** Reads everything that the question needs, so that wrong usage is told before anybody is asked. */
async function prepare(kind: CheckKind, options: CheckOptions, io: CommandIo): Promise<Prepared> {
  switch (kind) {
    case 'ip': {
      const { lists, blocklists, format } = options;
      const ip = addressOf('the address', options.subject);
      const files = await Promise.all(
        blocklists.map(async (path) => ({ path, octets: await fileOf('--blocklist', path, io) })),
      );
      return { subject: ip, look: async (env) => ({ looked: await checkIp({ ip, lists, files, format }, env) }) };
    }
    case 'sender': {
      const { ip, helo, publicNetworks } = options;
      const sender = reversePath('the mailbox', options.subject);
      return {
        subject: sender === null ? '<>' : printMailbox(sender),
        look: async (env) => ({ looked: await checkSender({ sender, ip, helo, publicNetworks }, env) }),
      };
    }
    case 'message': {
      const { ip, helo, from, uriLists, trustedSealers } = options;
      const name = options.subject === '-' ? 'standard input' : options.subject;
      const octets = await fileOf('the file', options.subject, io);
      return {
        subject: name,
        look: (env) => checkMessage({ octets, name, ip, helo, from, uriLists, trustedSealers }, env),
      };
    }
  }
}

async function fileOf(option: string, path: string, io: CommandIo): Promise<Uint8Array> {
  try {
    return await io.readOctets(path);
  } catch (error) {
    throw new UsageError(`${option} ${JSON.stringify(path)} cannot be read: ${(error as Error).message}`);
  }
}

function reportOf(
  kind: CheckKind,
  subject: string,
  looked: readonly Looked[],
  message: CheckedMessage | undefined,
  started: number,
  finished: number,
): CheckReport {
  const findings = bySeverity(unique(looked.flatMap((part) => part.findings)));
  const state = stateOf(findings);
  return {
    schema: 'postern-check-report',
    version: CHECK_REPORT_VERSION,
    postern: packageVersion(),
    started: new Date(started).toISOString(),
    finished: new Date(finished).toISOString(),
    state,
    kind,
    notes: [...new Set(looked.flatMap(({ notes }) => notes ?? []))],
    subjects: [
      {
        subject,
        state,
        durationMs: Math.max(0, Math.round(finished - started)),
        findings,
        answers: looked.flatMap(({ answers }) => answers),
        message,
      },
    ],
  };
}

/** One finding of one subject: two signatures with one key, say, are told together. */
function unique(findings: readonly CheckFinding[]): readonly CheckFinding[] {
  const kept = new Map<string, CheckFinding>();
  for (const finding of findings) {
    const key = JSON.stringify([finding.id, finding.subject, finding.severity]);
    const same = kept.get(key);
    const more = finding.evidence.filter((line) => same?.evidence.includes(line) === false);
    kept.set(key, same === undefined ? finding : { ...same, evidence: [...same.evidence, ...more].slice(0, 20) });
  }
  return [...kept.values()];
}
