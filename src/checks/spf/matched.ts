import type { Evaluation } from './evaluation.ts';
import type { SpfMatch } from './mailauth.ts';
import type { Questions } from './questions.ts';

/** The terms that matched, from the outermost `include` inwards, as the records have them. */
export function matchedTerms(match: SpfMatch, evaluation: Evaluation, questions: Questions): string[] {
  const terms: string[] = [];
  for (let at: SpfMatch | undefined = match; at?.type !== undefined; at = at.include)
    terms.push(termOf(at, evaluation, questions));
  return terms;
}

function termOf({ type, val, qualifier }: SpfMatch, evaluation: Evaluation, questions: Questions): string {
  const sign = qualifier === undefined || qualifier === '+' ? '' : qualifier;
  if (type === 'ip4' || type === 'ip6' || type === 'include') return `${sign}${type}:${val}`;
  if (type === 'all') return `${sign}all`;
  // mailauth tells what matched, not which term: look for the one that leads to the last name asked for.
  const name = type === 'mx' ? evaluation.last.mx : evaluation.last.host;
  for (const { name: domain, record } of questions.records().reverse()) {
    for (const word of record.text.split(' ')) {
      const parts = /^([-+?~]?)(a|mx|exists|ptr)(?::(.*?))?(?:\/\d+)?(?:\/\/\d+)?$/i.exec(word);
      if (parts === null || parts[2]!.toLowerCase() !== type || (parts[1] || '+') !== (qualifier ?? '+')) continue;
      if (type === 'ptr' || leadsTo(parts[3] ?? '', domain, name, evaluation)) return word;
    }
  }
  return `${sign}${type}`;
}

function leadsTo(spec: string, domain: string, name: string, evaluation: Evaluation): boolean {
  if (spec === '') return domain === name;
  if (/%\{p/i.test(spec)) return true;
  try {
    return evaluation.expand(spec, domain).replace(/\.$/, '').toLowerCase() === name;
  } catch {
    return false;
  }
}
