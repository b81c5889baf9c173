/**
 * Finds the parts of a policy that protect less than they seem to.
 *
 * **Answers**: which rules have no effect, or one that its author hardly wants? **Knows**: the tables of the rules.
 * **Limits**: conditions are functions; whether one ever holds is tried on the facts in `samples` only.
 *
 * @module
 */
import type { Consequences, Entry, RuleNode, Score, Verdict } from '../../core/index.ts';
import { defer, nodeOf, placed, warningsOf } from '../../core/index.ts';
import type { Diagram } from './diagram.ts';
import { cheapest } from './diagram.ts';
import { actionOf, ends, isContent, Model, type Stages } from './model.ts';
import { type AnyPolicy, provesNoOutageRefuses } from './proofs.ts';

/** What `lint` looks for. Each has a section in docs/guide/analysis.md. */
export type LintId =
  | 'inert'
  | 'behind-an-end'
  | 'score-unreachable'
  | 'thresholds-out-of-order'
  | 'weight-without-score'
  | 'weight-alone-decides'
  | 'shadow-in-score-counts-nothing'
  | 'refuses-on-temperror'
  | 'outage-refuses'
  | 'deadline-never-fires'
  | 'stage-never-comes'
  | 'early-exit-impossible'
  | 'asked-twice'
  | 'postmaster-unreachable'
  | 'refused-before-auth'
  | 'condition-never-held';

/** A part of a policy that protects less than it seems to. Plain data. */
export interface LintFinding {
  readonly id: LintId;
  /** `error`: mail is lost, or a rule protects nothing. `warning`: probably not meant. `note`: worth knowing. */
  readonly severity: 'error' | 'warning' | 'note';
  /** Where the rule is written: `rcpt[0].score[1]`. */
  readonly place: string;
  /** The id of the rule, score or condition; the stage if the finding is about a whole stage. */
  readonly rule: string;
  readonly reason: string;
  readonly fix: string;
}

/** What `lint` may know besides the policy. */
export interface LintOptions {
  /** The host that will apply the policy. */
  readonly host?: {
    /** The stages that the host reports. Default: all. */
    readonly stages?: readonly string[];
    /** Whether clients log in here. */
    readonly role?: 'mx' | 'submission' | 'lmtp';
  };
  /** Facts by stage, on which conditions are tried: from a log, or from the fact builders of `postern/testing`. */
  readonly samples?: { readonly [stage: string]: readonly object[] };
  /** Facts at RCPT of a message to the postmaster. Without them `postmaster-unreachable` is not looked for. */
  readonly toPostmaster?: object;
}

/**
 * Examines a policy. An empty list means that nothing was found.
 *
 * @throws {RangeError} if the policy is too large to be analysed exactly
 *
 * @example
 * ```ts
 * import { lint } from 'postern/analysis';
 * import { dnsbl } from 'postern/checks/dnsbl';
 * import { relayControl } from 'postern/checks/relay-control';
 * import { on, reject } from 'postern/core';
 * import { smtpPolicy } from 'postern/smtp';
 *
 * const policy = smtpPolicy({
 *   relay: relayControl({ localDomains: ['example.com'] }),
 *   rcpt: [on(dnsbl({ zone: 'zen.dnsbl.example' }), { temperror: reject() })],
 * });
 * for (const { id, place, reason, fix } of lint(policy)) console.log(id, place, reason, fix); // refuses-on-temperror rcpt[1] …
 * ```
 */
export function lint(policy: AnyPolicy, options: LintOptions = {}): readonly LintFinding[] {
  const stages = policy as Stages;
  const findings: LintFinding[] = [];
  const seen = new Map<object, string>();
  for (const [stage, entries] of Object.entries(stages)) {
    const { host, samples } = options;
    if (host?.stages !== undefined && !host.stages.includes(stage) && (entries?.length ?? 0) > 0)
      findings.push({
        id: 'stage-never-comes',
        severity: 'error',
        place: stage,
        rule: stage,
        reason: `this host never reports the stage ${stage}`,
        fix: `move its rules to one of: ${host.stages.join(', ')}`,
      });
    const visit = (written: Entry<never, never>, place: string, around: Around): void => {
      findings.push(...atEntry(written, place, around, seen, samples?.[stage]));
      const entry = nodeOf(written);
      if (entry.kind === undefined || entry.kind === 'one') return;
      const inner = inside(entry, around);
      const within = `${place}.${entry.kind}`;
      if ('rules' in entry) for (const [i, rule] of entry.rules.entries()) visit(rule, `${within}[${i}]`, inner);
      else visit(entry.rule, within, inner);
    };
    for (const [i, entry] of (entries ?? []).entries()) visit(entry, `${stage}[${i}]`, { shadow: false });
    findings.push(...behindAnEnd(stage, entries ?? []));
  }
  findings.push(
    ...warningsOf('lint', stages as never).map(
      ({ kind, stage, rule, reason, fix }): LintFinding => ({
        id: kind,
        severity: 'warning',
        place: placeOf(stages[stage] ?? [], stage, rule),
        rule,
        reason,
        fix,
      }),
    ),
    ...outages(stages, findings),
    ...(options.toPostmaster === undefined ? [] : postmaster(stages, options.toPostmaster)),
    ...(options.host?.role === 'submission' ? beforeLogin(stages) : []),
  );
  return findings;
}

/** What stands around an entry. */
interface Around {
  readonly shadow: boolean;
  /** The deadline around it, in milliseconds. */
  readonly ms?: number;
  readonly score?: Score<never, never>;
}

const inside = (entry: RuleNode<never, never>, around: Around): Around => ({
  shadow: around.shadow || entry.kind === 'shadow',
  ms: entry.kind === 'within' ? Math.min(entry.ms, around.ms ?? entry.ms) : around.ms,
  score: entry.kind === 'score' ? entry : around.score,
});

const verdictsOf = (table: Consequences): readonly Verdict[] =>
  [table.temperror ?? defer(), ...Object.values(table)].filter((verdict): verdict is Verdict => verdict !== undefined);

/** The largest and the smallest weight that a table can add. */
const weightsOf = (table: Consequences): { readonly least: number; readonly most: number } => {
  const weights = verdictsOf(table).flatMap((verdict) =>
    verdict.action === 'flag' ? [verdict.weight, verdict.within?.least ?? 0, verdict.within?.most ?? 0] : [0],
  );
  return { least: Math.min(...weights), most: Math.max(...weights) };
};

function atEntry(
  written: Entry<never, never>,
  place: string,
  around: Around,
  seen: Map<object, string>,
  samples: readonly object[] | undefined,
): LintFinding[] {
  const entry = nodeOf(written);
  const found = (
    id: LintId,
    severity: LintFinding['severity'],
    rule: string,
    reason: string,
    fix: string,
  ): LintFinding => ({ id, severity, place, rule, reason, fix });
  if (entry.kind !== undefined && entry.kind !== 'one') {
    switch (entry.kind) {
      case 'within':
        return around.ms !== undefined && entry.ms >= around.ms
          ? [
              found(
                'deadline-never-fires',
                'warning',
                'within',
                `the deadline of ${entry.ms} ms never passes: the one around it is ${around.ms} ms`,
                `shorten it to less than ${around.ms} ms, or remove it`,
              ),
            ]
          : [];
      case 'shadow':
        return around.score !== undefined && !around.shadow
          ? [
              found(
                'shadow-in-score-counts-nothing',
                'warning',
                around.score.id,
                `a rule in shadow adds nothing to the score ${around.score.id}`,
                'remove shadow() to count it, or move the rule out of the score',
              ),
            ]
          : [];
      case 'when': {
        const results = new Set((samples ?? []).map((facts) => tried(entry.condition, facts)));
        return results.size > 0 && !results.has(!entry.negated)
          ? [
              found(
                'condition-never-held',
                'note',
                entry.id,
                `the rule applied to none of the ${samples?.length} sample facts`,
                'check the condition, or add samples for which it applies',
              ),
            ]
          : [];
      }
      case 'score': {
        const slow = entry.rules.filter((rule) => canLower(rule));
        return slow.length > 0
          ? [
              found(
                'early-exit-impossible',
                'note',
                entry.id,
                `the score waits for ${slow.length} of its rules even when a threshold is reached: they can lower the sum, permit or tag`,
                'move rules that permit or tag out of the score; keep negative weights small',
              ),
            ]
          : [];
      }
      case 'together':
        return [];
    }
  }
  const check = entry.kind !== undefined ? entry.check : entry;
  const table = entry.kind !== undefined ? entry.consequences : entry.recommended;
  const findings: LintFinding[] = [];
  const before = seen.get(check);
  if (before !== undefined && check.earliest === undefined)
    findings.push(
      found(
        'asked-twice',
        'warning',
        entry.id,
        `the same check runs here and at ${before}`,
        'use one rule with a wider table, or give the check its earliest stage',
      ),
    );
  seen.set(check, place);
  if (around.shadow) return findings;
  if (verdictsOf(table).every((verdict) => verdict.action === 'proceed' && !verdict.delayMs))
    findings.push(
      found(
        'inert',
        'warning',
        entry.id,
        'no result of this rule has a consequence',
        `say what follows: on(check, { fail: reject() }), or record it with shadow(check)`,
      ),
    );
  if (table.temperror?.action === 'reject')
    findings.push(
      found(
        'refuses-on-temperror',
        'error',
        entry.id,
        'an outage of what the check queries refuses mail for good',
        'temperror: defer()',
      ),
    );
  const rejectAt = around.score?.steps.find(({ name }) => name === 'rejectAt')?.at;
  const { most } = weightsOf(table);
  if (rejectAt !== undefined && rejectAt > 0 && most >= rejectAt)
    findings.push(
      found(
        'weight-alone-decides',
        'note',
        entry.id,
        `its weight ${most} reaches rejectAt ${rejectAt} without any other rule`,
        'nothing, if this rule is meant to refuse by itself',
      ),
    );
  return findings;
}

/** Whether the answer of a rule can end or lower a score. */
function canLower(written: Entry<never, never>): boolean {
  const entry = nodeOf(written);
  if (entry.kind === undefined || entry.kind === 'one') {
    const table = entry.kind !== undefined ? entry.consequences : entry.recommended;
    return (
      weightsOf(table).least < 0 || verdictsOf(table).some(({ action }) => action === 'permit' || action === 'tag')
    );
  }
  if (entry.kind === 'shadow') return false;
  return ('rules' in entry ? entry.rules : [entry.rule]).some(canLower);
}

const tried = (condition: (facts: never) => boolean, facts: object): boolean | undefined => {
  try {
    return Boolean(condition(facts as never));
  } catch {
    return undefined;
  }
};

/** Rules behind an entry that ends the list whatever its checks find. */
function behindAnEnd(stage: string, entries: readonly Entry<never, never>[]): LintFinding[] {
  const model = new Model({ [stage]: entries });
  for (let i = 0; i < entries.length - 1; i++) {
    const prefix = model.list(entries.slice(0, i + 1));
    if (
      cheapest(
        prefix,
        (effect) => !ends(effect),
        () => 0,
      ) !== undefined
    )
      continue;
    const place = `${stage}[${i + 1}]`;
    return [
      {
        id: 'behind-an-end',
        severity: 'error',
        place,
        rule: nameOf(entries[i + 1] as Entry<never, never>) ?? stage,
        reason: `the list always ends at ${stage}[${i}]: the ${entries.length - i - 1} rules after it are never evaluated`,
        fix: `remove them, or change the table of ${nameOf(entries[i] as Entry<never, never>) ?? `${stage}[${i}]`}`,
      },
    ];
  }
  return [];
}

const nameOf = (written: Entry<never, never>): string | undefined => {
  const node = nodeOf(written);
  return 'id' in node ? node.id : undefined;
};

/** The place of the rule with this id; the stage if there is none. */
const placeOf = (entries: readonly Entry<never, never>[], stage: string, id: string): string =>
  placed(entries, stage).find(({ node }) => 'id' in node && node.id === id)?.place ?? stage;

/** Several outages at once that refuse, unless a single rule has been reported for that already. */
function outages(stages: Stages, before: readonly LintFinding[]): LintFinding[] {
  if (before.some(({ id }) => id === 'refuses-on-temperror')) return [];
  const proof = provesNoOutageRefuses(stages);
  if (proof.holds) return [];
  const rules = Object.entries(proof.findings).map(([rule, word]) => `${rule} ${word}`);
  return [
    {
      id: 'outage-refuses',
      severity: 'error',
      place: proof.stage,
      rule: Object.keys(proof.findings)[0] ?? proof.stage,
      reason: `an outage refuses mail: ${rules.join(', ')}`,
      fix: 'temperror and permerror: defer() or a smaller weight',
    },
  ];
}

/** Whether rules at RCPT, other than the first, which controls relaying, can refuse a message to the postmaster. */
function postmaster(stages: Stages, facts: object): LintFinding[] {
  const [, ...rules] = stages.rcpt ?? [];
  const model = new Model({ rcpt: rules });
  const list = model.list(rules);
  const fixed = new Map(
    placed(rules, 'rcpt').flatMap(({ node }) =>
      node.kind === 'when' ? [[node.id, tried(node.condition, facts)] as const] : [],
    ),
  );
  const found = cheapest(
    list as Diagram<Parameters<typeof actionOf>[0]>,
    (effect) => actionOf(effect) === 'reject',
    (variable, value) => {
      const chosen = model.valueOf(variable, value);
      if (typeof chosen !== 'boolean') return isContent(chosen) ? 0 : 1;
      const known = fixed.get(model.diagrams.variables[variable]?.id ?? '');
      return known === undefined || known === chosen ? 0 : Number.POSITIVE_INFINITY;
    },
  );
  if (found === undefined) return [];
  const { findings } = model.described(found, (value) => !isContent(value));
  const [rule = 'rcpt'] = Object.keys(findings);
  return [
    {
      id: 'postmaster-unreachable',
      severity: 'warning',
      place: placeOf(stages.rcpt ?? [], 'rcpt', rule),
      rule,
      reason: `mail to the postmaster can be refused (${rule}: ${findings[rule]}); RFC 5321 §4.5.1 requires that it is accepted`,
      fix: 'unless(toPostmaster, rule)',
    },
  ];
}

/** On submission, rules that refuse clients before they can log in. */
function beforeLogin(stages: Stages): LintFinding[] {
  return ['connect', 'helo'].flatMap((stage): LintFinding[] => {
    const entries = stages[stage] ?? [];
    return entries.flatMap((entry, i): LintFinding[] => {
      const names = reputation(entry);
      return names.length === 0
        ? []
        : [
            {
              id: 'refused-before-auth',
              severity: 'warning',
              place: `${stage}[${i}]`,
              rule: names[0] as string,
              reason: `${names.join(', ')} can refuse users at ${stage}, before they can log in`,
              fix: `move it to mail or rcpt, inside unless(authenticated, rule)`,
            },
          ];
    });
  });
}

/** Checks about the reputation of the client's address or name, which users at home and on the road often lack. */
const reputationChecks = ['dnsbl', 'iprev', 'reverse-dns', 'helo', 'spf'];
function reputation(written: Entry<never, never>): string[] {
  const entry = nodeOf(written);
  if (entry.kind !== undefined && entry.kind === 'shadow') return [];
  if (entry.kind !== undefined && entry.kind !== 'one')
    return ('rules' in entry ? entry.rules : [entry.rule]).flatMap(reputation);
  const check = entry.kind !== undefined ? entry.check : entry;
  const table = entry.kind !== undefined ? entry.consequences : entry.recommended;
  const refuses = [table.fail, table.softfail].some(
    (verdict) => verdict?.action === 'reject' || verdict?.action === 'defer' || verdict?.action === 'flag',
  );
  return refuses && reputationChecks.includes(check.name) ? [entry.id] : [];
}
