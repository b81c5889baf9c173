/** The characters that some mail system has read as "and send it on from there". */
const ROUTING = /[@%!]/;

/**
 * Whether a local part, read by a lenient server behind this one, names another place: `user%other.example`
 * (percent hack), `other.example!user` (bang path), `user@other.example` and `@hop:user` (only possible inside quotes).
 *
 * What a server behind may fold to these characters counts as they do: full-width and small forms (`＠`, `﹪`).
 *
 * @param localPart without its quotes
 */
export const isRouted = (localPart: string): boolean =>
  ROUTING.test(localPart) || (/[^\x20-\x7e]/.test(localPart) && ROUTING.test(localPart.normalize('NFKC')));
