/**
 * Reads the output of ipset, and of fail2ban, which uses it.
 *
 * @module
 */
import type { PrefixNote } from '../../../prefix-set/index.ts';
import type { LineReader, Lines } from './lines.ts';

/** Options with one value that do not affect the address. */
const carriesValue = new Set(['packets', 'bytes', 'skbmark', 'skbprio', 'skbqueue']);

/** Reads the part after `add SET`: an address, a prefix or a range, with its options. */
function addElement(lines: Lines, rest: string): void {
  const quote = rest.indexOf('"');
  // Quotes inside a comment are not escaped, so the comment ends at the last one.
  const comment = quote < 0 ? undefined : rest.slice(quote + 1, Math.max(quote + 1, rest.lastIndexOf('"')));
  const words = (quote < 0 ? rest : `${rest.slice(0, quote)} ${rest.slice(rest.lastIndexOf('"') + 1)}`)
    .trim()
    .split(/\s+/);
  const element = words[0] ?? '';
  if (element.includes(',')) {
    lines.error('the set holds more than addresses (ports, interfaces or pairs)');
    return;
  }
  let expires: number | undefined;
  let except = false;
  for (let i = 1; i < words.length; i++) {
    const word = words[i]!;
    if (word === 'timeout') {
      const seconds = words[++i] ?? '';
      if (!/^\d{1,10}$/.test(seconds)) {
        lines.error(`timeout ${JSON.stringify(seconds)} is not a number of seconds`);
        return;
      }
      if (Number(seconds) === 0) continue;
      if (lines.now === undefined) lines.warn('its timeout is not known from when: the time of reading was not given');
      else expires = lines.now + Number(seconds) * 1000;
    } else if (word === 'nomatch') except = true;
    else if (carriesValue.has(word)) i++;
    else if (word !== 'comment' && word !== '-exist' && word !== '-!' && word !== '') {
      lines.error(`${JSON.stringify(word)} is not known of an element`);
      return;
    }
  }
  const note: PrefixNote = {
    ...(comment === undefined || comment === '' ? {} : { reason: comment }),
    expires,
    ...(except ? { except: true } : {}),
  };
  takeElement(lines, element, Object.keys(note).length === 0 ? undefined : lines.note(note));
}

/** An address, a prefix, or a range with a hyphen. */
export function takeElement(lines: Lines, element: string, note: PrefixNote | undefined): void {
  const hyphen = element.indexOf('-');
  if (hyphen < 0) lines.take(element, 0, element.length, note);
  else lines.takeRange(element.slice(0, hyphen).trim(), element.slice(hyphen + 1).trim(), note);
}

/** Reads `ipset save`: `create` and `add` lines. A timeout is the remaining time in seconds. */
export const ipset = (lines: Lines): LineReader => ({
  line(text, from, to) {
    const line = text.slice(from, to).trim();
    if (line === '' || line.startsWith('#') || /^(create|-N|COMMIT|flush|-F)\b/.test(line)) return;
    const add = /^(?:add|-A)\s+(?:(?:-exist|-!)\s+)?\S+\s/.exec(line);
    if (add === null) return lines.error('it is neither "create" nor "add"');
    addElement(lines, line.slice(add[0].length));
  },
});

const logLine = /\[(?<jail>[^\][\s]+)\]\s+(?<verb>Restore Ban|Ban|Unban)\s+(?<address>[0-9a-fA-F:.]+(?:\/\d+)?)$/;
const withTime =
  /^(?<address>[0-9a-fA-F:.]+(?:\/\d+)?)\s+(?<from>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) \+ (?<seconds>-?\d+) = /;
const ipsetCommand = /^(?:\S*\/)?ipset\s+(?:(?:-exist|-!)\s+)?(?<verb>add|del|-A|-D)\s+(?:(?:-exist|-!)\s+)?\S+\s/;
const LIST_HEAD = 'Banned IP list:';

/**
 * Reads the output of fail2ban: its log (`Ban` and `Unban`), `get JAIL banip --with-time`, the `Banned IP list:` of
 * `status JAIL`, and the ipset commands of its actions. Its times are local, so only an ipset timeout sets the expiry of an
 * entry.
 */
export const fail2ban = (lines: Lines): LineReader => {
  const banned = new Map<string, PrefixNote | undefined>();
  return {
    line(text, from, to) {
      const line = text.slice(from, to).trim();
      if (line === '' || line.startsWith('#')) return;
      const log = logLine.exec(line)?.groups;
      if (log !== undefined) {
        if (log.verb === 'Unban') banned.delete(log.address!);
        else banned.set(log.address!, lines.note({ reason: log.jail! }));
        return;
      }
      const timed = withTime.exec(line)?.groups;
      if (timed !== undefined) return lines.take(timed.address!, 0, timed.address!.length);
      const list = line.indexOf(LIST_HEAD);
      if (list >= 0) {
        for (const each of line.slice(list + LIST_HEAD.length).split(/\s+/))
          if (each !== '') lines.take(each, 0, each.length);
        return;
      }
      const command = ipsetCommand.exec(line);
      if (command !== null && command.groups?.verb !== 'del' && command.groups?.verb !== '-D')
        return addElement(lines, line.slice(command[0].length));
      // Other status and log lines contain no ban.
      if (/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/.test(line) || /^(\||`-|Status for)/.test(line) || command !== null) return;
      if (/^[0-9a-fA-F:.]+$/.test(line)) return lines.take(line, 0, line.length);
      lines.error('it is nothing that fail2ban writes');
    },
    end() {
      for (const [each, note] of banned) lines.take(each, 0, each.length, note);
    },
  };
};
