import type { PrefixNote } from '../../../prefix-set/index.ts';
import { durationMs } from './address-forms.ts';
import { takeElement } from './ipset.ts';
import type { LineReader, Lines } from './lines.ts';

/** Limit of an element in characters. */
const MAX_ELEMENT = 4_096;

/** Matches the start of a line in a ruleset. */
const ruleset = /^\s*(?:#!|table|set|map|chain|flush|add|create|delete|destroy|define|elements?)\b/;

/**
 * Reads the sets in the output of `nft list ruleset`, and `add element … { … }`: everything between `elements = {` (or
 * `element … {`) and `}`, which may span several lines.
 */
export const nftables = (lines: Lines): LineReader => {
  /** Whether a line of a ruleset was found. Other lines are ignored, so a file of another kind would be an empty list. */
  let ours = false;
  let empty = true;
  let inside = false;
  let quoted = false;
  let element = '';

  const finish = (): void => {
    const text = element.trim();
    element = '';
    if (text !== '') takeWith(lines, text);
  };

  return {
    line(text, from, to) {
      if (to > from) empty = false;
      let at = from;
      while (at < to) {
        if (!inside) {
          const rest = text.slice(at, to);
          if (!ours && ruleset.test(rest)) ours = true;
          const open = rest.indexOf('{');
          const before = rest.slice(0, open);
          if (open < 0 || before.includes('#')) return;
          at += open + 1;
          inside = /\belements?\b/.test(before.slice(before.lastIndexOf('}') + 1));
          continue;
        }
        const c = text[at++]!;
        if (quoted) {
          if (c === '"') quoted = false;
        } else if (c === '"') quoted = true;
        else if (c === '#') break;
        else if (c === ',' || c === '}') {
          finish();
          if (c === '}') inside = false;
          continue;
        }
        element += c;
        if (element.length > MAX_ELEMENT) {
          lines.refuse(`an element is longer than ${MAX_ELEMENT} characters`);
          return;
        }
      }
      if (inside) element += ' ';
    },
    end() {
      if (inside) lines.refuse('the last set is not closed: it was cut off');
      else if (!ours && !empty) lines.refuse('there is no set in it: it is nothing that nft prints or reads');
    },
  };
};

/** `1.2.3.4 timeout 1h expires 59m comment "x"`: `expires` is the remaining time of `timeout`. */
function takeWith(lines: Lines, text: string): void {
  const comment = /\bcomment\s+"([^"]*)"/.exec(text)?.[1];
  const words = text
    .replace(/\bcomment\s+"[^"]*"/, ' ')
    .trim()
    .split(/\s+/);
  let element = words[0]!;
  let at = 1;
  // A range may have spaces around its hyphen.
  if (words[at] === '-') {
    element += `-${words[at + 1] ?? ''}`;
    at += 2;
  }
  let remaining: number | undefined;
  for (; at < words.length; at++) {
    const word = words[at]!;
    if (word === 'timeout' || word === 'expires') {
      const duration = durationMs(words[++at] ?? '');
      if (duration === undefined) {
        lines.error(`${word} ${JSON.stringify(words[at] ?? '')} is not a duration`);
        return;
      }
      if (word === 'expires' || remaining === undefined) remaining = duration;
    } else if (word === 'counter' || word === 'packets' || word === 'bytes') {
      if (word !== 'counter') at++;
    } else if (word === ':' || word === '.') {
      lines.error('it is a map or a pair, not a set of addresses');
      return;
    } else {
      lines.error(`${JSON.stringify(word)} is not known of an element`);
      return;
    }
  }
  if (remaining !== undefined && lines.now === undefined)
    lines.warn('its timeout is not known from when: the time of reading was not given');
  const note: PrefixNote = {
    ...(comment === undefined || comment === '' ? {} : { reason: comment }),
    ...(remaining === undefined || lines.now === undefined ? {} : { expires: lines.now + remaining }),
  };
  takeElement(lines, element, Object.keys(note).length === 0 ? undefined : lines.note(note));
}
