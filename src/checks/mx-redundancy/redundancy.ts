import type { Answer, Check } from '../../core/index.ts';
import {
  assertFunction,
  defineCheck,
  fail,
  none,
  pass,
  positiveNumber,
  proceed,
  temperror,
  wrongOption,
} from '../../core/index.ts';
import type { MailHosts } from '../../dns/index.ts';
import { domainList, mailHosts } from '../../dns/index.ts';
import type { Env } from '../../env/index.ts';
import type { DomainName } from '../../net/index.ts';
import { parseDomain } from '../../net/index.ts';
import type { RedundancyFinding } from './findings.ts';
import { bySeverity, isUnknown } from './findings.ts';
import type { RedundancyOptions, Settings } from './options.ts';
import { readOptions } from './options.ts';
import type { RedundancyReport } from './report.ts';
import { aliasLoop, describe, distinct } from './target.ts';
import { count, domainFindings, duplicates, redundancy, summarise, unexamined } from './verdict.ts';

/** Limit of examined MX hosts. Domains with more than two dozen are rare. */
const MAX_HOSTS = 50;

/**
 * Checks the MX hosts of one domain. Never rejects because of the DNS.
 *
 * @throws {TypeError} if the domain is not a domain name, or an option is wrong
 */
export function checkRedundancy(
  domain: string,
  env: Pick<Env, 'dns'>,
  options: RedundancyOptions = {},
): Promise<RedundancyReport> {
  const name = parseDomain(domain);
  if (name === undefined) throw wrongOption('checkRedundancy', 'domain', 'a domain name like "example.org"', domain);
  return look(name, env, readOptions('checkRedundancy', options, ['signal']), options.signal);
}

async function look(
  domain: DomainName,
  env: Pick<Env, 'dns'>,
  settings: Settings,
  signal: AbortSignal | undefined,
): Promise<RedundancyReport> {
  const { publicNetworks } = settings;
  const asked = await mailHosts(domain, env, { signal, publicNetworks, most: MAX_HOSTS });
  const hosts = await Promise.all(distinct(asked.mxHosts).map((host) => describe(host, asked, env, settings, signal)));
  const seen = hosts.map(({ host }) => host);
  // Lookups may have failed because of aliases that point to themselves.
  const lost = asked.state === 'no-answer' && seen.length > 0 && seen.every(({ state }) => state === 'no-address');
  const mail: MailHosts = lost ? { ...asked, state: 'none-usable' } : asked;
  const loop = mail.state === 'no-answer' && seen.length === 0 ? await aliasLoop(domain, env, signal) : undefined;
  const findings = [...domainFindings(mail, loop), ...duplicates(mail), ...unexamined(mail)];
  for (const { findings: own } of hosts) findings.push(...own);
  const counts = count(mail, seen);
  const verdict = redundancy(mail, seen, counts, settings, findings);
  findings.push(...verdict.findings);
  const state =
    mail.state === 'null-mx'
      ? 'not-applicable'
      : findings.some(isFault)
        ? 'fail'
        : verdict.unknown
          ? 'could-not-check'
          : 'pass';
  return {
    domain,
    state,
    summary: summarise(state, counts, findings, verdict.provider),
    counts,
    hosts: seen,
    findings: bySeverity(findings),
  };
}

/** Returns whether a finding makes the domain fail: not if it is minor, or only a failed lookup. */
const isFault = ({ id, severity }: RedundancyFinding): boolean =>
  severity !== 'info' && severity !== 'low' && !isUnknown(id);

/** See the table of this module. */
type RedundancyResult = 'pass' | 'none' | 'softfail' | 'fail' | 'temperror';

/**
 * Checks the MX hosts of a domain, as a check for `evaluate()` with stages of your own.
 *
 * @throws {TypeError} if an option is wrong
 */
export function mxRedundancy(
  options: Omit<RedundancyOptions, 'signal'> = {},
): Check<{ readonly domain: string }, Pick<Env, 'dns'>, RedundancyResult, RedundancyReport> {
  const settings = readOptions('mxRedundancy', options, []);
  return defineCheck<{ readonly domain: string }, Pick<Env, 'dns'>, RedundancyResult, RedundancyReport>(
    'mx-redundancy',
    async ({ domain }, env, signal): Promise<Answer<RedundancyResult, RedundancyReport>> => {
      const name = parseDomain(domain);
      if (name === undefined) return none({ explanation: 'Not a domain name' });
      const detail = await look(name, env, settings, signal);
      const explanation = detail.summary;
      switch (detail.state) {
        case 'pass':
          return pass({ explanation, detail });
        case 'not-applicable':
          return none({ explanation, detail });
        case 'could-not-check':
          return temperror({ explanation, detail });
        case 'fail':
          return detail.findings.some(({ severity }) => severity === 'critical' || severity === 'high')
            ? fail({ explanation, detail })
            : { result: 'softfail', explanation, detail };
      }
    },
    // An audit of your own domains never refuses a sender.
    { pass: proceed, none: proceed, softfail: proceed, fail: proceed, temperror: proceed },
  );
}

/** Options of {@link scheduleRedundancy}. */
export interface ScheduleOptions extends Omit<RedundancyOptions, 'signal'> {
  /** Interval in milliseconds. Default: 86,400,000. */
  readonly everyMs?: number;
  /** Called with each report. Exceptions are ignored. */
  readonly onReport: (report: RedundancyReport) => void;
}

/**
 * Checks domains now and at intervals. Returns a function that stops this.
 *
 * @throws {TypeError} if a domain is not a domain name, or an option is wrong
 */
export function scheduleRedundancy(
  domains: readonly string[],
  env: Pick<Env, 'dns' | 'clock'>,
  options: ScheduleOptions,
): () => void {
  const { everyMs = 86_400_000, onReport } = options;
  const settings = readOptions('scheduleRedundancy', options, ['everyMs', 'onReport']);
  positiveNumber('scheduleRedundancy', 'everyMs', everyMs);
  assertFunction('scheduleRedundancy', 'onReport', onReport);
  const names = domainList('scheduleRedundancy', 'domains', domains);
  const controller = new AbortController();
  let cancel = (): void => {};
  const round = async (): Promise<void> => {
    for (const name of names) {
      if (controller.signal.aborted) return;
      const report = await look(name, env, settings, controller.signal);
      try {
        if (!controller.signal.aborted) onReport(report);
      } catch {
        // An error in the listener says nothing about the domain.
      }
    }
    if (!controller.signal.aborted) cancel = env.clock.after(everyMs, () => void round());
  };
  void round();
  return () => {
    controller.abort();
    cancel();
  };
}
