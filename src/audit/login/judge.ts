import type { Answer } from './talk.ts';

/** A refusal for want of TLS. */
const FOR_TLS =
  /privacyrequired|encrypt|\btls\b|\bssl\b|\bstls\b|starttls|plain-?\s?text|clear-?\s?text|secure (?:connection|channel|session)|insecure|non-secure|confidential|^53[08][ -]|\b5\.7\.11\b/i;
/** A refusal because name and secret were looked at. */
const FOR_CREDENTIALS =
  /authenticationfailed|authorizationfailed|auth(?:entication|orization)? ?(?:has )?(?:fail|error|unsuccess|reject|denied|invalid|incorrect)|fail\w* to auth|(?:log-?in|sign-?in) ?(?:has )?(?:fail|incorrect|error|invalid|denied|reject)|(?:invalid|bad|wrong|incorrect|unknown) (?:user|login|password|passwd|credential|auth|account|mailbox|name)|password (?:is )?(?:incorrect|wrong|invalid|mismatch|fail|error|supplied)|(?:user|account|mailbox|credentials?)(?: name)?\S* (?:is |was |are )?(?:unknown|invalid|not found|incorrect|rejected)|no such (?:user|account|mailbox)|\[auth\]|^535[ -]|\b5\.7\.8\b|^454[ -]|temporary auth/i;
/** A refusal of the command as such, which says nothing about the login. */
const OF_COMMAND =
  /^\S+ BAD\b|unknown (?:command|mechanism)|unrecogni[sz]ed|unsupported|not (?:supported|implemented|enabled|available|allowed|permitted|recogni[sz]ed|valid in)|disabled|disallowed|syntax|bad (?:command|sequence)|invalid (?:command|mechanism|state)|^50[0-4][ -]|^421[ -]|too many|try (?:again )?later|unavailable|maximum/i;

/** The words of a refusal, without what differs from one time to the next: tags, identifiers, times. */
const words = ({ text }: Answer): string =>
  text
    .toLowerCase()
    .replace(/^p\d+ /, '')
    .replace(/<[^>]*>|\[[^\]]*:[^\]]*\]/g, '')
    .replace(/\S*\d\S*/g, '#')
    .trim();

/** Whether a login was refused because there was no TLS. */
export const isForTls = ({ kind, text }: Answer): boolean => kind === 'no' && FOR_TLS.test(text);

/**
 * Whether name and secret were looked at.
 *
 * @param secure the answer to the same login within TLS, where there was one
 */
export function wasExamined(clear: Answer, secure: Answer | undefined): boolean {
  if (clear.kind === 'ok') return true;
  if (clear.kind !== 'no' || FOR_TLS.test(clear.text)) return false;
  if (OF_COMMAND.test(clear.text) && !FOR_CREDENTIALS.test(clear.text)) return false;
  if (secure?.kind === 'no') {
    if (words(secure) === words(clear)) return true;
    // Another refusal than within TLS, and not in words of a login that was looked at.
    return FOR_CREDENTIALS.test(clear.text) && FOR_CREDENTIALS.test(secure.text);
  }
  return FOR_CREDENTIALS.test(clear.text);
}
