/**
 * The parts of mailauth that SPF uses.
 *
 * **Answers**: what is the result of a record, and what does a macro expand to?
 * **Limits**: mailauth's public `spf()` is not used, only its private modules (ADR 22). It refuses sender domains with an
 * underscore, reports an MX host that is an IP literal as an error, reads the system clock, and spends a third of its time on
 * a schema. Limits, deadline and identity are the task of this room instead.
 *
 * @module
 */
import type { MailauthModules } from '../../mailauth/index.ts';
import { mailauth } from '../../mailauth/index.ts';

/** An address as mailauth represents it. */
export interface ParsedIp {
  kind(): 'ipv4' | 'ipv6';
}

/** The values of macros (RFC 7208 §7.2). */
export interface MacroValues {
  readonly sender: string;
  readonly ip: string;
  readonly addr: ParsedIp;
  readonly helo: string;
  readonly mta: string;
  readonly domain: string;
}

/** A record in the shape of `node:dns`, which mailauth expects. */
export type NodeRecord = string | { readonly exchange: string; readonly priority: number };
export type NodeResolve = (name: string, type: string) => Promise<NodeRecord[]>;

export interface SpfVerifyOptions {
  readonly sender: string;
  readonly ip: string;
  readonly addr: ParsedIp;
  readonly mta: string;
  readonly helo: string;
  readonly strict: true;
  readonly ctx: { readonly warnings: Set<string>; usedLocalPart: boolean };
  readonly resolver: NodeResolve;
  readonly expResolver: NodeResolve;
  readonly createSubResolver: () => NodeResolve;
}

/** The result of a record: a mechanism that matched (`type`, `qualifier`), an `error`, or neither. */
export interface SpfMatch {
  readonly type?: string;
  readonly val?: string;
  readonly qualifier?: '+' | '-' | '~' | '?';
  readonly include?: SpfMatch;
  readonly error?: 'none' | 'permerror' | 'temperror';
  readonly text?: string;
  readonly explanation?: string;
}

export interface Evaluator {
  readonly verify: (domain: string, options: SpfVerifyOptions) => Promise<SpfMatch | false>;
  readonly expand: (text: string, values: MacroValues) => string;
  readonly parseIp: (text: string) => ParsedIp | null;
  /** Removes labels from the left until the name fits (RFC 7208 §7.3). */
  readonly fitName: (name: string) => string;
  readonly isName: (name: string) => boolean;
}

let evaluating: Evaluator | undefined;

/** Returns the evaluator, or a promise of it if mailauth has not been loaded yet. */
export function evaluator(): Evaluator | Promise<Evaluator> {
  if (evaluating !== undefined) return evaluating;
  const modules = mailauth();
  return modules instanceof Promise ? modules.then(evaluatorOf) : evaluatorOf(modules);
}

function evaluatorOf({ spfVerify, spfMacro, spfSyntax }: MailauthModules): Evaluator {
  const syntax = spfSyntax as {
    readonly parseIp: Evaluator['parseIp'];
    readonly normalizeTargetName: Evaluator['fitName'];
    readonly isValidTargetName: Evaluator['isName'];
  };
  evaluating = {
    verify: (spfVerify as { readonly spfVerify: Evaluator['verify'] }).spfVerify,
    expand: spfMacro as Evaluator['expand'],
    parseIp: syntax.parseIp,
    fitName: syntax.normalizeTargetName,
    isName: syntax.isValidTargetName,
  };
  return evaluating;
}
