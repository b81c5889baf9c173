import type { Answer } from './session.ts';

/**
 * What the server did with a login without TLS.
 *
 * - `processed`: it checked the credentials · `rejected`: it did not check them
 * - `unclear`: the text fits both · `unclear-for-tls`: the text fits both, and mentions TLS
 * - `unknown`: no answer
 */
export type Verdict = 'processed' | 'rejected' | 'unclear' | 'unclear-for-tls' | 'unknown';

/** Codes for a rejection before the credentials are checked (RFC 5530 §3, RFC 5804 §1.3, RFC 3207 §4, RFC 4954 §6). */
const CODE_FOR_TLS = /^\S+ NO \[PRIVACYREQUIRED\]|^NO \((?:ENCRYPT-NEEDED|TRANSITION-NEEDED)\)|^53[048][ -]/i;
/** Codes for a failed check of the credentials (RFC 5530 §3). */
const CODE_OF_LOGIN = /^\S+ NO \[(?:AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|EXPIRED)\]/i;
/** Words of servers for TLS. Cyrus calls it a layer. */
const TLS =
  /\b(?:start ?)?tls|\bstls\b|\bssl\b|encrypt|plain-?\s?text|clear-?\s?text|\blayer\b|\b(?:non-?|in)?secured?\b|\bprivacy\b|confidential/i;
/** Words that demand TLS. */
const DEMAND =
  /\b(?:must|needs?|needed|requires?|required|requirement|only|first|allow(?:ed)?|disallow(?:ed)?|disabled?|forbidden|prohibited|permitted|available|enabled?|supported|issue|use|before|without|under|unless|until|no|not|never|insufficient|weak|refus\w*|reject\w*|over)\b/i;
const MECHANISM = /mechanism|auth\w* (?:type|method)/i;
const OF_MECHANISM =
  /unknown|unsupported|invalid|\bno\b|\bnot\b|unavailable|disabled|unrecogni[sz]ed|too weak|no such|bad/i;
/** Words for a failed check of the credentials. */
const OF_LOGIN =
  /auth(?:entication|orization)? ?(?:has )?(?:fail|unsuccess|rejected|denied|incorrect)|fail\w* to (?:auth|log)|(?:log-?[io]n|sign-?in)s? ?(?:has |was )?(?:fail|incorrect|unsuccess)|could not (?:auth|log)|(?:invalid|bad|wrong|incorrect|unknown) (?:user|login|password|passwd|passphrase|credential|account|mailbox|username|name\b)|passw\w* (?:is )?(?:incorrect|wrong|invalid|mismatch|failed|error|supplied)|(?:user|account|mailbox|credentials?|username)(?: name)? (?:\S+ )?(?:is |was |are )?(?:unknown|invalid|not found|incorrect|does not exist|doesn't exist)|no such (?:user|account|mailbox)|not authenticated|user unknown/i;
/** Words for a rejection of the command itself. */
const OF_COMMAND =
  /^\S+ BAD\b|(?:unknown|unrecogni[sz]ed|invalid|bad|illegal|unexpected|no such) (?:command|verb|state|sequence|argument|protocol)|command (?:unknown|unrecogni[sz]ed|not|disabled|invalid|is|unavailable)|unsupported|not (?:supported|implemented|enabled|available|allowed|permitted|recogni[sz]ed|valid|offered|possible|here|now)|disabled|disallowed|prohibited|forbidden|syntax|^50[0-4][ -]|maximum|too many/i;
const FOR_NOW = /^421[ -]|^\S+ NO \[(?:LIMIT|INUSE)\]|^NO \(TRYLATER\)|\[SYS\/TEMP\]|too many connections|\bbusy\b/i;

/** Judges an answer by its code and words. */
export function verdictOf({ kind, text, lines }: Answer): Verdict {
  switch (kind) {
    case 'ok':
    case 'continue':
      return 'processed';
    case 'closed':
      return 'rejected';
    case 'no':
      break;
    default:
      return 'unknown';
  }
  // An SMTP reply may have several lines.
  const words = [...lines.filter((line) => /^[45]\d\d-/.test(line)), text].join(' ');
  if (CODE_FOR_TLS.test(text)) return 'rejected';
  if (CODE_OF_LOGIN.test(text)) return 'processed';
  if (MECHANISM.test(words) && OF_MECHANISM.test(words)) return 'rejected';
  const is535 = /^535[ -]/.test(text);
  if (TLS.test(words) && DEMAND.test(words)) return is535 || OF_LOGIN.test(words) ? 'unclear-for-tls' : 'rejected';
  if (is535 || OF_LOGIN.test(words)) return 'processed';
  if (FOR_NOW.test(text)) return 'unknown';
  if (OF_COMMAND.test(words)) return 'rejected';
  return 'unclear';
}

/** Returns the words of a rejection without variable parts: tags, names, identifiers and times. */
const essence = ({ text }: Answer, name: string): string =>
  text
    .toLowerCase()
    .replace(/^p\d+ /, '')
    .replaceAll(name.toLowerCase(), '')
    .replace(/<[^>]*>/g, '')
    .replace(/\S*\d\S*/g, (word) => (/^[2-5]\d\d$|^[245]\.\d+\.\d+$/.test(word) ? word : '#'))
    .replace(/\s+/g, ' ')
    .trim();

/** Whether two answers are the same rejection. `name` is the account name, which a server may repeat. */
export const sameRejection = (one: Answer, other: Answer, name: string): boolean =>
  one.kind === 'no' && other.kind === 'no' && essence(one, name) === essence(other, name);
