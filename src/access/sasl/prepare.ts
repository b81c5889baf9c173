/** RFC 4616 §2: hosts need not take a name or a password of more bytes than this. */
const MAX_TEXT = 1024;

/** Stands for an unassigned code point while the rest is normalised: unassigned itself, and left alone by every normal form. */
const PLACEHOLDER = '\u0378';

/**
 * Prepares a name or a password for comparison by SASLprep (RFC 4013), as SCRAM asks for.
 *
 * The tables are loaded for the first text that is not ASCII: ASCII without control characters is its own preparation.
 *
 * Code points that Unicode 3.2 had not assigned (RFC 3454 table A.1) are looked for in the text as given. They keep their
 * form: the normal form of a later Unicode would turn some of them into characters that the profile knows.
 *
 * @param stored whether the text is to be stored: unassigned code points are then refused (RFC 3454 §7). Default: false.
 * @returns undefined if the profile refuses the text, or if nothing would be left of it
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
