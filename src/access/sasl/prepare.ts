/** RFC 4616 §2: hosts need not accept longer names or passwords. */
const MAX_TEXT = 1024;

/** Replaces unassigned code points while the rest is normalised. It is unassigned itself, and no normal form changes it. */
const PLACEHOLDER = '\u0378';

/**
 * Prepares a name or a password for comparison by SASLprep (RFC 4013), as SCRAM requires.
 *
 * The tables are loaded for the first text that is not ASCII. ASCII without control characters needs no change.
 *
 * Code points that Unicode 3.2 had not assigned (RFC 3454 table A.1) are searched before normalisation, and are kept. The
 * normal forms of later Unicode versions would change some of them into assigned characters.
 *
 * @param stored whether the text is to be stored: unassigned code points are then refused (RFC 3454 §7). Default: false.
 * @returns undefined if the profile prohibits the text, or if the result would be empty
 */
export async function saslPrepare(text: string, stored: boolean = false): Promise<string | undefined> {
  if (text === '' || text.length > MAX_TEXT) return undefined;
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/^[\x00-\x7f]*$/.test(text)) return undefined;
  const [{ default: saslprep }, { unassigned }] = await Promise.all([
    import('@mongodb-js/saslprep'),
    import('./unassigned.ts'),
  ]);
  const found = text.match(unassigned) ?? [];
  if (stored && found.length > 0) return undefined;
  try {
    const prepared = saslprep(text.replace(unassigned, PLACEHOLDER), { allowUnassigned: true });
    let next = 0;
    const whole = prepared.replaceAll(PLACEHOLDER, () => found[next++] as string);
    return whole === '' ? undefined : whole;
  } catch {
    return undefined;
  }
}
