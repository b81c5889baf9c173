import type { PathProblem } from '../net/index.ts';

const problems: Record<PathProblem, string> = {
  empty: 'is missing',
  'too-long': 'is too long',
  'no-domain': 'has no domain',
  'bad-local-part': 'has a local part that cannot be read',
  'bad-domain': 'has a domain that cannot be read',
  'bad-literal': 'has an address literal that cannot be read',
  'control-character': 'holds a control character',
  'bad-syntax': 'cannot be read',
};

/** What is wrong with a path, for a reply. */
export const describe = (whose: string, problem: PathProblem): string =>
  `The ${whose}'s address ${problems[problem as PathProblem]}`;
