/**
 * `postern audit`: looks at domains, and prints what was found.
 *
 * **Asks**: what `postern/audit` asks, with this machine's sockets; files that the options name.
 * **Limits**: one form at a time. Ctrl-C ends it at once, and nothing is printed of what was found until then.
 *
 * @module
 */
import type { AuditOptions, AuditReport } from '../audit/index.ts';
import { audit, auditCatalogue, systemEnv } from '../audit/index.ts';
import { auditHelp } from './audit-help.ts';
import {
  asUsage,
  auditOptions,
  domainHint,
  overConfig,
  portsOf,
  probesOf,
  providersOf,
  readConfig,
} from './audit-options.ts';
import { openDns, readText } from './dns.ts';
import { type CommandIo, exitCodes, UsageError } from './io.ts';
import { durationOf, numberOf, readArguments, refuseEmpty, textOf, textsOf, type Values, wordsOf } from './options.ts';
import { progressLine } from './progress.ts';
import { diffReports, onlyNew, parseReport } from './report/diff.ts';
import { formNames, formOf, printed, textOptionsOf } from './report/forms.ts';
import { jsonReport } from './report/json.ts';
import { textDiff } from './report/text.ts';
import { exitCodeOf, thresholdOf } from './verdict.ts';

/** Answers the exit status. @throws UsageError where it was called wrongly */
export async function auditCommand(argv: readonly string[], io: CommandIo): Promise<number> {
  const given = readArguments(argv, auditOptions, 'postern audit');
  if (given.values.help === true) {
    io.stdout(auditHelp);
    return exitCodes.clean;
  }
  if (given.values['list-findings'] === true) {
    io.stdout(given.values.json === true ? `${JSON.stringify(auditCatalogue, undefined, 2)}\n` : findingsTable());
    return exitCodes.clean;
  }
  refuseEmpty(given.values, 'postern audit');
  const configPath = textOf(given.values, 'config');
  const config = configPath === undefined ? { domains: [], values: {} } : await readConfig(configPath, io);
  const values = overConfig(config.values, given.values);
  const domains = given.words.length > 0 ? given.words : config.domains;
  if (domains.length === 0) throw new UsageError('name a domain: postern audit example.org\nSee postern audit --help.');

  // Whatever is wrong with the call is said before anybody is asked anything.
  const form = formOf(Object.fromEntries(formNames.map((name) => [name, values[name] === true])));
  const failOn = thresholdOf(textOf(values, 'fail-on'));
  const output = textOf(values, 'output');
  const save = textOf(values, 'save');
  if (save !== undefined && save === output) throw new UsageError(`--save and --output both write ${save}`);
  const diffPath = textOf(values, 'diff');
  const before = diffPath === undefined ? undefined : parseReport(await readText(diffPath, io), diffPath);
  const progress = io.isTerminal.stderr && values.quiet !== true ? progressLine(io) : undefined;
  const settings = { ...(await settingsOf(values, io)), signal: io.signal, onProgress: progress?.tell };
  const { dns, close } = await openDns(
    { resolvers: textsOf(values, 'resolver'), zoneFile: textOf(values, 'zone'), timeoutMs: settings.timeoutMs },
    io,
  );
  try {
    const { source, timeoutMs } = settings;
    const report = await unlessAborted(audit(domains, settings, systemEnv({ dns, source, timeoutMs })), io.signal);
    progress?.end();
    if (report === undefined) {
      // The terminal shows ^C where the cursor was.
      if (io.isTerminal.stderr) io.stderr('\r\u001b[K');
      return exitCodes.interrupted;
    }
    const plain = values['no-color'] === true || output !== undefined;
    const diff = before === undefined ? undefined : diffReports(before, report);
    const shown = diff === undefined ? report : onlyNew(report, diff);
    const text =
      diff !== undefined && form === 'json'
        ? jsonReport(diff)
        : diff !== undefined && form === 'text'
          ? textDiff(diff, textOptionsOf(io, plain))
          : printed(shown, form, io, plain);
    if (output === undefined) io.stdout(text);
    else await written(output, text, io);
    if (save !== undefined) await written(save, jsonReport(report), io);
    return exitCodeOf(shown, failOn);
  } catch (error) {
    throw usageOf(error, domains, textsOf(values, 'ca') ?? []);
  } finally {
    progress?.end();
    close();
  }
}

/** The options of `audit()`, out of those of the command. @throws UsageError */
async function settingsOf(values: Values, io: CommandIo): Promise<AuditOptions> {
  const smtpPort = numberOf(values, 'smtp-port', 1, 65_535);
  return {
    only: probesOf(wordsOf(values, 'only')),
    dnsOnly: values['dns-only'] === true,
    ports: portsOf(wordsOf(values, 'ports'), smtpPort),
    smtpPort,
    httpsPort: numberOf(values, 'https-port', 1, 65_535),
    hosts: wordsOf(values, 'host'),
    timeoutMs: durationOf(values, 'timeout'),
    source: textOf(values, 'source'),
    helo: textOf(values, 'helo'),
    relayTo: textOf(values, 'relay-to'),
    lists: wordsOf(values, 'list'),
    dkimSelectors: wordsOf(values, 'dkim-selector'),
    minimum: numberOf(values, 'minimum', 1, 100),
    expiryDays: numberOf(values, 'expiry-days', 0, 10_000),
    publicNetworks: wordsOf(values, 'public'),
    providers: providersOf(textsOf(values, 'provider')),
    authorities: await Promise.all((textsOf(values, 'ca') ?? []).map((path) => readText(path, io))),
  };
}

/** Undefined as soon as the signal says so: the audit ends behind it, as its connections are closed. */
async function unlessAborted(
  running: Promise<AuditReport>,
  signal: AbortSignal | undefined,
): Promise<AuditReport | undefined> {
  if (signal === undefined) return running;
  const stop = new AbortController();
  const aborted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true, signal: stop.signal });
  });
  // Nobody waits for it any more where the other is first.
  running.catch(() => undefined);
  try {
    return await Promise.race([aborted, running]);
  } finally {
    stop.abort();
  }
}

async function written(path: string, text: string, io: CommandIo): Promise<void> {
  try {
    await io.writeFile(path, text);
  } catch (error) {
    throw new UsageError(`${path} cannot be written: ${(error as Error).message}`);
  }
}

function usageOf(error: unknown, domains: readonly string[], authorities: readonly string[]): unknown {
  const usage = asUsage(error, authorities);
  if (usage === undefined) return error;
  const hint = domains.map((domain) => (usage.message.includes(JSON.stringify(domain)) ? domainHint(domain) : ''));
  return new UsageError(`${usage.message}${hint.find((text) => text !== '') ?? ''}\nSee postern audit --help.`);
}

function findingsTable(): string {
  const rows = Object.entries(auditCatalogue).map(([id, { probe, severity, kind, title, source }]) => [
    id,
    probe,
    kind === 'problem' ? severity : `${severity}, not checked`,
    `${title} (${source})`,
  ]);
  const widths = [0, 1, 2].map((i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  return rows.map((row) => `${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}\n`).join('');
}
