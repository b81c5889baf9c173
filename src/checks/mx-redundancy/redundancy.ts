import type { Answer, Check } from '../../core/index.ts';
import { defineCheck, fail, none, pass, proceed, temperror } from '../../core/index.ts';
import type { MailHosts } from '../../dns/index.ts';
import { mailHosts } from '../../dns/index.ts';
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

/** MX records that are looked at; the most that occurs in practice is about two dozen. */
const MAX_HOSTS = 50;

/**
 * Looks at one domain. Never rejects for what the world says.
 *
 * @throws TypeError where the domain is none, or an option is wrong
 */
export function checkRedundancy(
  domain: string,
  env: Pick<Env, 'dns'>,
  options: RedundancyOptions = {},
): Promise<RedundancyReport> {
  const name = parseDomain(domain);
  if (name === undefined)
    throw new TypeError(
      `checkRedundancy: domain ${JSON.stringify(domain)} is not a domain name; give it like "example.org"`,
    );
  return look(name, env, readOptions('checkRedundancy', options), options.signal);
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
  // What looked like silence of the DNS may have been aliases that lead back to themselves.
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

/** What makes a domain fail: neither a remark, nor what could not be looked up. */
const isFault = ({ id, severity }: RedundancyFinding): boolean =>
  severity !== 'info' && severity !== 'low' && !isUnknown(id);

/** See the room's table. */
type RedundancyResult = 'pass' | 'none' | 'softfail' | 'fail' | 'temperror';

/**
 * Audits a domain, as a check: for `evaluate()` with a policy of one's own stages, and for the audit command.
 *
 * @throws TypeError for an option that is wrong
 */
export function mxRedundancy(
  options: Omit<RedundancyOptions, 'signal'> = {},
): Check<{ readonly domain: string }, Pick<Env, 'dns'>, RedundancyResult, RedundancyReport> {
  const settings = readOptions('mxRedundancy', options);
  return defineCheck<{ readonly domain: string }, Pick<Env, 'dns'>, RedundancyResult, RedundancyReport>(
    'mx-redundancy',
    async ({ domain }, env, signal): Promise<Answer<RedundancyResult, RedundancyReport>> => {
      const name = parseDomain(domain);
      if (name === undefined) return none({ explanation: 'This is not a domain name' });
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
    // An audit of one's own domains: whatever it finds, no sender is refused for it.
    { pass: proceed, none: proceed, softfail: proceed, fail: proceed, temperror: proceed },
  );
}

/** Options of {@link scheduleRedundancy}. */
export interface ScheduleOptions extends Omit<RedundancyOptions, 'signal'> {
  /** How often the domains are looked at, in milliseconds; once a day where not given. */
  readonly everyMs?: number;
  /** Called with each report. What it throws is swallowed. */
  readonly onReport: (report: RedundancyReport) => void;
}

/**
 * Looks at the domains now, and again and again. The function returned ends that.
 *
 * @throws TypeError where a domain is none, or an option is wrong
 */
export function scheduleRedundancy(
  domains: readonly string[],
  env: Pick<Env, 'dns' | 'clock'>,
  options: ScheduleOptions,
): () => void {
  const { everyMs = 86_400_000, onReport } = options;
  if (!(everyMs > 0) || !Number.isFinite(everyMs))
    throw new TypeError(`scheduleRedundancy: everyMs ${String(everyMs)} must be a number of milliseconds more than 0`);
  const settings = readOptions('scheduleRedundancy', options);
  const names = domains.map((domain) => {
    const name = parseDomain(domain);
    if (name === undefined)
      throw new TypeError(`scheduleRedundancy: domains ${JSON.stringify(domain)} is not a domain name`);
    return name;
  });
  const controller = new AbortController();
  let cancel = (): void => {};
  const round = async (): Promise<void> => {
    for (const name of names) {
      if (controller.signal.aborted) return;
      const report = await look(name, env, settings, controller.signal);
      try {
        if (!controller.signal.aborted) onReport(report);
      } catch {
        // The listener's trouble is not the domain's.
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
