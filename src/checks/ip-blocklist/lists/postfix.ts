/**
 * Postfix network tables. In both formats, the first matching line decides, not the longest prefix. A prefix covered by an
 * earlier line can never match and is omitted with a warning. The rest has the same meaning under both rules.
 *
 * @module
 */
import type { Prefix } from '../../../net/index.ts';
import {
  canonicalPrefix,
  ipBytes,
  ipFromBytes,
  ipVersion,
  networkOf,
  parsePrefix,
  printPrefix,
} from '../../../net/index.ts';
import type { PrefixNote } from '../../../prefix-set/index.ts';
import { explainedSyntax, hasLeadingZero, octalRead } from './address-forms.ts';
import type { LineReader, Lines, Mark } from './lines.ts';

const MAX_LOGICAL_LINE = 65_536;
/** Limit of nested conditions. */
const MAX_CONDITIONS = 100;

/** Converts "first match" to "longest prefix". */
class FirstMatch {
  readonly #lines: Lines;
  readonly #seen = new Set<string>();
  readonly #lengths = new Set<number>();

  constructor(lines: Lines) {
    this.#lines = lines;
  }

  /** Adds a prefix. Returns false if an earlier line already decides about all of it. */
  add(prefix: Prefix, note: PrefixNote | undefined): boolean {
    for (const length of this.#lengths) {
      if (length <= prefix.length && this.#seen.has(`${networkOf(prefix.address, length)}/${length}`)) return false;
    }
    const text = printPrefix(prefix);
    this.#seen.add(text);
    this.#lengths.add(prefix.length);
    this.#lines.take(text, 0, text.length, note);
    return true;
  }
}

/** Parses a network of Postfix: the address may be in `[…]`, octets with a leading zero are octal, host bits are zero. */
function readNetwork(lines: Lines, text: string): Prefix | undefined {
  const bare = text.replace(/^\[([^\]]*)\]/, '$1');
  const slash = bare.indexOf('/');
  const address = slash < 0 ? bare : bare.slice(0, slash);
  const octal = octalRead(address);
  if (octal === undefined) {
    lines.error(`${JSON.stringify(text)} has an octet with a leading zero that is not octal`);
    return undefined;
  }
  const plain = octal + (slash < 0 ? '' : bare.slice(slash));
  if (canonicalPrefix(plain) === undefined) {
    lines.error(() => explainedSyntax(plain));
    return undefined;
  }
  try {
    const prefix = parsePrefix(plain);
    if (hasLeadingZero(address) && !address.includes(':'))
      lines.warn(`a leading zero is octal: ${address} is ${octal}`);
    return prefix;
  } catch (error) {
    lines.error((error as Error).message);
    return undefined;
  }
}

/** Returns the complement of the prefix within its family: one prefix for each of its bits, inverted. */
function complement(prefix: Prefix): Prefix[] {
  const others: Prefix[] = [];
  for (let length = 1; length <= prefix.length; length++) {
    const bytes = ipBytes(networkOf(prefix.address, length));
    bytes[(length - 1) >> 3] = bytes[(length - 1) >> 3]! ^ (0x80 >> ((length - 1) & 7));
    others.push({ address: ipFromBytes(bytes), length });
  }
  return others;
}

const covers = (wide: Prefix, narrow: Prefix): boolean =>
  wide.length <= narrow.length &&
  ipVersion(wide.address) === ipVersion(narrow.address) &&
  networkOf(narrow.address, wide.length) === wide.address;

/** Returns the intersection of two lists of prefixes. */
const intersect = (a: readonly Prefix[], b: readonly Prefix[]): Prefix[] =>
  a.flatMap((x) => b.flatMap((y) => (covers(y, x) ? [x] : covers(x, y) ? [y] : [])));

/** Reports whether the number of `!` is odd. */
const isNegated = (marks = ''): boolean => marks.replace(/\s/g, '').length % 2 === 1;

/** Interprets an action of access(5). */
function meaningOf(action: string): 'block' | 'allow' | 'nothing' | undefined {
  if (/^(REJECT|DEFER|DEFER_IF_PERMIT|DEFER_IF_REJECT|DISCARD|[45]\d\d)$/i.test(action)) return 'block';
  if (/^(OK|PERMIT|RELAY|\d+)$/i.test(action)) return 'allow';
  return /^DUNNO$/i.test(action) ? 'nothing' : undefined;
}

/**
 * Reads `cidr:` tables (cidr_table(5)): `network result`, `!network result` (a second `!` cancels the first), `if network`
 * … `endif`. A line that starts with white space continues the previous line.
 */
export const postfixCidr = (lines: Lines): LineReader => {
  const first = new FirstMatch(lines);
  const conditions: { readonly holds: readonly Prefix[]; readonly mark: Mark }[] = [];
  let pending = '';
  let mark: Mark | undefined;

  const network = (text: string, negated: boolean): readonly Prefix[] | undefined => {
    const prefix = readNetwork(lines, text);
    if (prefix === undefined) return undefined;
    return negated ? complement(prefix) : [prefix];
  };

  const rule = (pattern: string, negated: boolean, action: string, text: string): void => {
    let found = network(pattern, negated);
    if (found === undefined) return;
    for (const { holds } of conditions) found = intersect(found, holds);
    const meaning = meaningOf(action);
    if (meaning === undefined)
      lines.warn(`${JSON.stringify(action)} neither blocks nor allows: what it matches is not listed`);
    const wanted = lines.purpose === 'allow' ? 'allow' : 'block';
    const note = lines.note({
      ...(text === '' ? {} : { reason: text }),
      ...(meaning === wanted ? {} : meaning === 'allow' ? { allow: true } : { except: true }),
    });
    let taken = 0;
    for (const prefix of found) if (first.add(prefix, note)) taken++;
    if (taken === 0) lines.warn('it can never match: lines before it decide about all of it');
  };

  const finish = (): void => {
    const logical = pending.trim();
    pending = '';
    if (logical === '') return;
    if (mark !== undefined) lines.goTo(mark);
    if (/^endif\b/i.test(logical)) {
      if (conditions.pop() === undefined) lines.error('there is no "if" for this "endif"');
      return;
    }
    const [, condition, negation, pattern, action = '', text = ''] =
      /^(if\s+)?((?:!\s*)*)([^\s!]\S*)(?:\s+(\S+)(?:\s+(.*))?)?$/is.exec(logical) ?? [];
    const negated = isNegated(negation);
    if (pattern === undefined) {
      lines.error('it is no rule');
      return;
    }
    if (condition !== undefined) {
      if (conditions.length === MAX_CONDITIONS) {
        lines.refuse(`more than ${MAX_CONDITIONS} conditions stand in each other`);
        return;
      }
      // An invalid condition is false, so that nothing inside it is used.
      conditions.push({ holds: network(pattern, negated) ?? [], mark: lines.mark() });
      return;
    }
    if (action === '') {
      lines.error('there is no result behind the network');
      return;
    }
    rule(pattern, negated, action, text);
  };

  return {
    line(text, from, to) {
      const line = text.slice(from, to);
      if (line.trim() === '' || line.trimStart().startsWith('#')) return;
      if (/^\s/.test(line) && pending !== '') {
        if (pending.length < MAX_LOGICAL_LINE) pending += ` ${line.trim()}`;
        else lines.error(`the logical line is longer than ${MAX_LOGICAL_LINE} characters`);
        return;
      }
      const here = lines.mark();
      finish();
      mark = here;
      lines.goTo(here);
      pending = line;
    },
    end() {
      finish();
      for (const open of conditions) {
        lines.goTo(open.mark);
        lines.warn('this "if" has no "endif"');
      }
    },
  };
};

/** Reads `mynetworks` (postconf(5)): networks separated by commas or white space, `[::1]/128`, `!` for an exception. */
export const mynetworks = (lines: Lines): LineReader => {
  const first = new FirstMatch(lines);
  return {
    line(text, from, to) {
      const line = text.slice(from, to).replace(/^\s*mynetworks\s*=/, '');
      if (line.trimStart().startsWith('#')) return;
      for (const word of line.split(/[\s,]+/)) {
        if (word === '') continue;
        const [, negation, pattern = ''] = /^(!*)(.*)$/s.exec(word) ?? [];
        const except = isNegated(negation);
        if (pattern.startsWith('/') || /^[a-z][a-z0-9_]*:[^:]/i.test(pattern.replace(/^[0-9a-f]{1,4}:/i, ''))) {
          lines.error(`${JSON.stringify(pattern)} is another file or table: read it by itself`);
          continue;
        }
        const prefix = readNetwork(lines, pattern);
        if (prefix === undefined) continue;
        if (!first.add(prefix, except ? lines.note({ except: true }) : undefined))
          lines.warn('it can never match: a network before it decides about all of it');
      }
    },
  };
};
