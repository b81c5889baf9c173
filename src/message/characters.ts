/**
 * What a character can be in a host name that stands in running text. ASCII is a table; the rest is looked up once per
 * character and remembered.
 */

/** Ends a name: space, control, punctuation. */
export const DELIMITER = 1;
/** ASCII letter, digit, hyphen, underscore. */
export const ASCII_WORD = 2;
/** A letter, mark, digit or symbol of a script that puts spaces between words. */
export const OTHER_WORD = 3;
/** A letter of a script that puts no spaces between words, so that a name may be glued to prose. */
export const UNSPACED_WORD = 4;
/** `。` and `｡`: a dot in a name, a full stop in prose. */
export const IDEOGRAPHIC_DOT = 5;
/** Takes no place and is dropped from a name (UTS 46: ignored). */
export const IGNORED = 6;
/** `.` and the fullwidth `．`. */
export const DOT = 7;

const known = new Uint8Array(65_536);

for (let c = 0; c < 128; c++) {
  const word = (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122) || c === 45 || c === 95;
  known[c] = word ? ASCII_WORD : c === 46 ? DOT : DELIMITER;
}

const UNSPACED =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Tibetan}\u30fc]$/u;
const WORD = /^[\p{L}\p{M}\p{N}\p{So}\p{Sm}\p{Sk}]$/u;
// biome-ignore lint/suspicious/noMisleadingCharacterClass: each stands by itself
const IGNORABLE = /^[\u00ad\u034f\u115f\u1160\u180b-\u180f\u200b-\u200d\u2060\u2064\ufe00-\ufe0f\ufeff]$/;

/** The class of the UTF-16 code unit `c`; a half of a surrogate pair is a word of its own. */
export function classOf(c: number): number {
  return (known[c] as number) || learn(c);
}

function learn(c: number): number {
  const found = classify(c);
  known[c] = found;
  return found;
}

function classify(c: number): number {
  if (c === 0x3002 || c === 0xff61) return IDEOGRAPHIC_DOT;
  if (c === 0xff0e) return DOT;
  if (c >= 0xd800 && c <= 0xdfff) return OTHER_WORD;
  // Object replacement, noncharacters: never part of a name.
  if (c >= 0xfff0) return DELIMITER;
  const character = String.fromCharCode(c);
  if (IGNORABLE.test(character)) return IGNORED;
  if (!WORD.test(character)) return DELIMITER;
  // A fullwidth sign that stands for ASCII punctuation (`｜`) ends a name as that sign does.
  const plain = character.normalize('NFKC');
  if (plain.length === 1 && plain.charCodeAt(0) < 128 && known[plain.charCodeAt(0)] !== ASCII_WORD) return DELIMITER;
  return UNSPACED.test(character) ? UNSPACED_WORD : OTHER_WORD;
}

/** Space of any kind, control, or a mark that orders the direction of writing. */
export const isSpace = (c: number): boolean =>
  c <= 32 ||
  c === 127 ||
  (c >= 128 &&
    (c <= 160 ||
      c === 0x1680 ||
      (c >= 0x2000 && c <= 0x200a) ||
      (c >= 0x2028 && c <= 0x202f) ||
      c === 0x205f ||
      (c >= 0x2066 && c <= 0x2069) ||
      c === 0x3000));
