/** RFC 4616 §2 and what hosts can bear: a name or a password of more octets than this is none. */
const MAX_TEXT = 1024;

/**
 * Prepares a name or a password for comparison by SASLprep (RFC 4013), as SCRAM asks for.
 *
 * The tables are read when the first text comes that is not ASCII: ASCII without control characters is its own preparation.
 *
 * @param stored whether the text is to be stored: code points that Unicode has not assigned are then refused (RFC 3454 §7)
 * @returns undefined where the profile refuses the text, or nothing would be left of it
 */
export async function saslPrepare(text: string, stored: boolean = false): Promise<string | undefined> {
  if (text === '' || text.length > MAX_TEXT) return undefined;
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/^[\x00-\x7f]*$/.test(text)) return undefined;
  const { default: saslprep } = await import('@mongodb-js/saslprep');
  try {
    const prepared = saslprep(text, { allowUnassigned: !stored });
    return prepared === '' ? undefined : prepared;
  } catch {
    return undefined;
  }
}
