import type { Answer } from './talk.ts';

/**
 * What the answer to a login without TLS says of it.
 *
 * - `examined`: name and secret were looked at · `refused`: they were not
 * - `unclear`: the words fit both · `unclear-for-tls`: so they do, but they speak of TLS
 * - `unknown`: there was no answer
 */
export type Verdict = 'examined' | 'refused' | 'unclear' | 'unclear-for-tls' | 'unknown';

/** Codes for a refusal before anything is looked at (RFC 5530 §3, RFC 5804 §1.3, RFC 3207 §4, RFC 4954 §6). */
const CODE_FOR_TLS = /^\S+ NO \[PRIVACYREQUIRED\]|^NO \((?:ENCRYPT-NEEDED|TRANSITION-NEEDED)\)|^53[048][ -]/i;
/** Codes for a login that was looked at (RFC 5530 §3). */
const CODE_OF_LOGIN = /^\S+ NO \[(?:AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|EXPIRED)\]/i;
/** TLS, in the words of servers; Cyrus calls it a layer. */
const TLS =
  /\b(?:start ?)?tls|\bstls\b|\bssl\b|encrypt|plain-?\s?text|clear-?\s?text|\blayer\b|\b(?:non-?|in)?secured?\b|\bprivacy\b|confidential/i;
/** What demands it. */
const DEMAND =
  /\b(?:must|needs?|needed|requires?|required|requirement|only|first|allow(?:ed)?|disallow(?:ed)?|disabled?|forbidden|prohibited|permitted|available|enabled?|supported|issue|use|before|without|under|unless|until|no|not|never|insufficient|weak|refus\w*|reject\w*|over)\b/i;
const MECHANISM = /mechanism|auth\w* (?:type|method)/i;
const OF_MECHANISM =
  /unknown|unsupported|invalid|\bno\b|\bnot\b|unavailable|disabled|unrecogni[sz]ed|too weak|no such|bad/i;
/** A refusal because name and secret were looked at. */
const OF_LOGIN =
  /auth(?:entication|orization)? ?(?:has )?(?:fail|unsuccess|rejected|denied|incorrect)|fail\w* to (?:auth|log)|(?:log-?[io]n|sign-?in)s? ?(?:has |was )?(?:fail|incorrect|unsuccess)|could not (?:auth|log)|(?:invalid|bad|wrong|incorrect|unknown) (?:user|login|password|passwd|passphrase|credential|account|mailbox|username|name\b)|passw\w* (?:is )?(?:incorrect|wrong|invalid|mismatch|failed|error|supplied)|(?:user|account|mailbox|credentials?|username)(?: name)? (?:\S+ )?(?:is |was |are )?(?:unknown|invalid|not found|incorrect|does not exist|doesn't exist)|no such (?:user|account|mailbox)|not authenticated|user unknown/i;
/** A refusal of the command as such, which says nothing about the login. */
const OF_COMMAND =
  /^\S+ BAD\b|(?:unknown|unrecogni[sz]ed|invalid|bad|illegal|unexpected|no such) (?:command|verb|state|sequence|argument|protocol)|command (?:unknown|unrecogni[sz]ed|not|disabled|invalid|is|unavailable)|unsupported|not (?:supported|implemented|enabled|available|allowed|permitted|recogni[sz]ed|valid|offered|possible|here|now)|disabled|disallowed|prohibited|forbidden|syntax|^50[0-4][ -]|maximum|too many/i;
const FOR_NOW = /^421[ -]|^\S+ NO \[(?:LIMIT|INUSE)\]|^NO \(TRYLATER\)|\[SYS\/TEMP\]|too many connections|\bbusy\b/i;

/** What the answer says by itself. */
export function verdictOf({ kind, text, lines }: Answer): Verdict {
  switch (kind) {
    case 'ok':
    case 'invited':
      return 'examined';
    case 'closed':
      return 'refused';
    case 'no':
      break;
    default:
      return 'unknown';
  }
  // SMTP may say it in more than one line.
  const words = [...lines.filter((line) => /^[45]\d\d-/.test(line)), text].join(' ');
  if (CODE_FOR_TLS.test(text)) return 'refused';
  if (CODE_OF_LOGIN.test(text)) return 'examined';
  if (MECHANISM.test(words) && OF_MECHANISM.test(words)) return 'refused';
  const is535 = /^535[ -]/.test(text);
  if (TLS.test(words) && DEMAND.test(words)) return is535 || OF_LOGIN.test(words) ? 'unclear-for-tls' : 'refused';
  if (is535 || OF_LOGIN.test(words)) return 'examined';
  if (FOR_NOW.test(text)) return 'unknown';
  if (OF_COMMAND.test(words)) return 'refused';
  return 'unclear';
}

/** The words of a refusal, without what differs from one time to the next: tags, names, identifiers, times. */
const essence = ({ text }: Answer, name: string): string =>
  text
    .toLowerCase()
    .replace(/^p\d+ /, '')
    .replaceAll(name.toLowerCase(), '')
    .replace(/<[^>]*>/g, '')
    .replace(/\S*\d\S*/g, (word) => (/^[2-5]\d\d$|^[245]\.\d+\.\d+$/.test(word) ? word : '#'))
    .replace(/\s+/g, ' ')
    .trim();

/** Whether both are the same refusal. `name` is the account's, which a server may repeat. */
export const sameRefusal = (one: Answer, other: Answer, name: string): boolean =>
  one.kind === 'no' && other.kind === 'no' && essence(one, name) === essence(other, name);
