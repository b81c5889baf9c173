/**
 * What SPF uses of mailauth.
 *
 * **Answers**: how is a record evaluated, and what does a macro expand to?
 * **Limits**: mailauth's own `spf()` is not used, only what stands below it (`spf-verify`). What `spf()` adds, the limits
 * of RFC 7208 §4.6.4, one question asked once, the deadline and the identity, is done in this room, because there it
 * refuses sender domains with an underscore, calls an MX host that is an IP literal an error, reads the machine's clock and
 * spends a third of the time on a schema.
 *
 * @module
 */
import type { MailauthModules } from '../../mailauth/index.ts';
import { mailauth } from '../../mailauth/index.ts';

/** An address as mailauth holds it. */
export interface ParsedIp {
  kind(): 'ipv4' | 'ipv6';
}

/** What macros expand to (RFC 7208 §7.2). */
export interface MacroValues {
  readonly sender: string;
  readonly ip: string;
  readonly addr: ParsedIp;
  readonly helo: string;
  readonly mta: string;
  readonly domain: string;
}

/** The shapes of `node:dns`, which mailauth reads. */
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

/** What a record came to. Either a mechanism matched (`type`, `qualifier`), or there is an `error`, or only the default. */
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
  /** Takes labels from the left until the name fits (RFC 7208 §7.3). */
  readonly fitName: (name: string) => string;
  readonly isName: (name: string) => boolean;
}

let evaluating: Evaluator | undefined;

/** The evaluator: at once if it has been loaded, or else a promise of it. */
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
