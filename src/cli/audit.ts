/**
 * `postern audit`: audits domains and prints a report.
 *
 * **Asks**: what `postern/audit` asks, over the sockets of this machine; and the files named by options.
 * **Limits**: one output format per run. Ctrl-C ends it at once and prints nothing.
 *
 * @module
 */
import type { AuditDiff, AuditOptions, AuditReport } from '../audit/index.ts';
import {
  audit,
  auditCatalogue,
  diffReports,
  jsonReport,
  newFindings,
  readReport,
  systemEnv,
  textDiff,
} from '../audit/index.ts';
import { onAbort } from '../env/index.ts';
import {
  asUsage,
  auditHelp,
  auditOptions,
  domainHint,
  overConfig,
  portsOf,
  probesOf,
  providersOf,
  readConfig,
} from './audit-options.ts';
import { openDns } from './dns.ts';
import { type CommandIo, exitCodes, readJson, readText, UsageError, writeText } from './io.ts';
import { durationOf, numberOf, readArguments, refuseEmpty, textOf, textsOf, type Values, wordsOf } from './options.ts';
import { emit, exitCodeOf, type Output, outputOf, printed } from './output.ts';
import { progressLine } from './progress.ts';

/** Runs `postern audit` and returns the exit status. @throws {UsageError} if the command line is wrong */
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
  if (domains.length === 0)
    throw new UsageError('no domain given, for example: postern audit example.org\nSee postern audit --help.');

  // Report every usage error before the first query.
  const output = outputOf(values, io);
  const save = textOf(values, 'save');
  if (save !== undefined && save === output.path) throw new UsageError(`--save and --output both write ${save}`);
  const before = await earlierReport(textOf(values, 'diff'), io);
  const progress = io.isTerminal.stderr && values.quiet !== true ? progressLine(io) : undefined;
  const settings = { ...(await settingsOf(values, io)), signal: io.signal, onProgress: progress?.show };
  const { dns, close } = await openDns(
    { resolvers: textsOf(values, 'resolver'), zoneFile: textOf(values, 'zone'), timeoutMs: settings.timeoutMs },
    io,
  );
  try {
    const { source, timeoutMs } = settings;
    const report = await unlessAborted(audit(domains, settings, systemEnv({ dns, source, timeoutMs })), io.signal);
    progress?.end();
    if (report === undefined) {
      // Overwrite the terminal's ^C.
      if (io.isTerminal.stderr) io.stderr('\r\u001b[K');
      return exitCodes.interrupted;
    }
    const diff = before === undefined ? undefined : diffReports(before, report);
    const shown = diff === undefined ? report : newFindings(report, diff);
    await emit(printedWith(diff, shown, output), output, io);
    if (save !== undefined) await writeText(save, jsonReport(report), io);
    return exitCodeOf(shown, output.failOn);
  } catch (error) {
    throw usageOf(error, domains, textsOf(values, 'ca') ?? []);
  } finally {
    progress?.end();
    close();
  }
}

/** Text and JSON print the diff itself; other formats print the new findings. */
function printedWith(diff: AuditDiff | undefined, shown: AuditReport, output: Output): string {
  if (diff !== undefined && output.format === 'json') return jsonReport(diff);
  if (diff !== undefined && output.format === 'text') return textDiff(diff, output.text);
  return printed(shown, output);
}

async function earlierReport(path: string | undefined, io: CommandIo): Promise<AuditReport | undefined> {
  if (path === undefined) return undefined;
  const value = await readJson(path, io);
  try {
    return readReport(value);
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/^readReport: value/, path));
  }
}

/** Reads the options of `audit()`. @throws {UsageError} if one is wrong */
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

/** Returns the report, or undefined as soon as the signal is aborted, while the audit still closes its connections. */
const unlessAborted = (
  running: Promise<AuditReport>,
  signal: AbortSignal | undefined,
): Promise<AuditReport | undefined> =>
  new Promise((resolve, reject) => {
    const withdraw = onAbort(signal, () => resolve(undefined));
    if (signal?.aborted) resolve(undefined);
    running.then(resolve, reject).finally(withdraw);
  });

function usageOf(error: unknown, domains: readonly string[], caFiles: readonly string[]): unknown {
  const usage = asUsage(error, caFiles);
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
