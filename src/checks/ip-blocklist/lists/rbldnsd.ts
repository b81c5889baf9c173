import { partialRange } from './address-forms.ts';
import type { LineReader, Lines } from './lines.ts';

/** Limit of a text in bytes, as in a TXT record (RFC 1035 §3.3). Expanding `$` makes it longer. */
const MAX_TEXT = 255;

/**
 * Reads rbldnsd's ip4set, ip4trie and ip6trie: `127/8 ; loopback`, `127.16-31`, `!192.0.2.25`, and
 * `:127.0.0.2:Listed, see $`, which applies to the following entries. Missing octets stand for all values. A leading zero
 * is an error. Directives (`$TTL`) concern the zone and are ignored.
 */
export const rbldnsd = (lines: Lines): LineReader => {
  let usual = '';
  return {
    line(text, from, to) {
      const line = text.slice(from, to).trim();
      if (line === '' || line.startsWith('#') || line.startsWith(';') || line.startsWith('$')) return;
      if (line.startsWith(':')) {
        usual = textOf(line.slice(0, MAX_TEXT)) ?? '';
        return;
      }
      const except = line.startsWith('!');
      const said = except ? line.slice(1).trim() : line;
      const space = said.search(/\s/);
      const entry = space < 0 ? said : said.slice(0, space);
      if (entry === '') return lines.error('there is no address');
      const value = space < 0 ? '' : (said.slice(space).split(/\s[;#]/)[0] as string).trim();
      const own = value.startsWith(':') ? textOf(value.slice(0, MAX_TEXT)) : value.slice(0, MAX_TEXT);
      const reason = (own || usual).replaceAll('$', entry.slice(0, 64));
      const note = lines.note({ ...(reason === '' ? {} : { reason }), ...(except ? { except: true } : {}) });
      if (entry.includes(':')) return lines.take(entry, 0, entry.length, note);
      const range = partialRange(entry);
      if (range === undefined)
        return lines.error(`${JSON.stringify(entry.slice(0, 60))} is no address, prefix or range`);
      lines.takeRange(range.first, range.last, note);
    },
  };
};

/** Returns the text of `:127.0.0.2:text` or `:text`. */
function textOf(value: string): string | undefined {
  const parts = value.split(':');
  return (
    parts
      .slice(parts.length > 2 ? 2 : 1)
      .join(':')
      .trim() || undefined
  );
}
