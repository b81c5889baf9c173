/**
 * Lists with one address, prefix or range per line.
 *
 * @module
 */
import { netmaskLength, unpadded, withLength } from './address-forms.ts';
import type { LineReader, Lines } from './lines.ts';

const isSpace = (c: number): boolean => c === 32 || (c >= 9 && c <= 13);

/** Returns the start of a comment (`#`, `;`, `//`), or the end of the text. A single `/` belongs to a prefix. */
const startsComment = (text: string, at: number): boolean => {
  const c = text.charCodeAt(at);
  return c === 35 || c === 59 || (c === 47 && text.charCodeAt(at + 1) === 47);
};

/** One address or prefix per line; the length may be a netmask (`192.0.2.0/255.255.255.0`). */
export const plain = (lines: Lines): LineReader => ({
  line(text, from, to) {
    let start = from;
    while (start < to && isSpace(text.charCodeAt(start))) start++;
    if (start === to) return;
    let end = start;
    let slash = -1;
    while (end < to && !isSpace(text.charCodeAt(end)) && !startsComment(text, end)) {
      if (text.charCodeAt(end) === 47) slash = end;
      end++;
    }
    if (end === start) return;
    let rest = end;
    while (rest < to && isSpace(text.charCodeAt(rest))) rest++;
    if (rest < to && !startsComment(text, rest)) return lines.error('there is text behind the address');
    // Too long for a prefix length, so it may be a netmask.
    if (slash >= 0 && end - slash > 4) takePrefix(lines, text.slice(start, end));
    else lines.take(text, start, end);
  },
});

/** A prefix whose length may be written as a netmask. */
function takePrefix(lines: Lines, text: string): void {
  const prefix = withLength(text);
  lines.take(prefix, 0, prefix.length);
}

/** Returns the text before a comment, trimmed. */
const content = (text: string, from: number, to: number): string => {
  let end = from;
  while (end < to && !startsComment(text, end)) end++;
  return text.slice(from, end).trim();
};

/** An address, a prefix (also with a netmask), or a range with a hyphen. */
export const range = (lines: Lines): LineReader => ({
  line(text, from, to) {
    const entry = content(text, from, to);
    if (entry === '') return;
    const hyphen = entry.indexOf('-');
    if (hyphen < 0) return takePrefix(lines, entry);
    lines.takeRange(entry.slice(0, hyphen).trim(), entry.slice(hyphen + 1).trim());
  },
});

/** `1.10.16.0/20 ; SBL256894`. The header contains the expiry of the list. */
export const spamhausDrop = (lines: Lines): LineReader => ({
  line(text, from, to) {
    // Extract the line first: a search in the whole text would continue after the line.
    const line = text.slice(from, to);
    const semicolon = line.indexOf(';');
    const entry = (semicolon < 0 ? line : line.slice(0, semicolon)).trim();
    const comment = semicolon < 0 ? '' : line.slice(semicolon + 1).trim();
    if (entry === '') {
      const until = /^expires:/i.test(comment) ? Date.parse(comment.slice('expires:'.length).trim()) : Number.NaN;
      if (lines.now !== undefined && until < lines.now) lines.warn('the list is older than it says it is good for');
      return;
    }
    if (/\s/.test(entry)) return lines.error('there is text behind the address');
    lines.take(entry, 0, entry.length, comment === '' ? undefined : lines.note({ reason: comment }));
  },
});

/** JSON lines with `cidr` and `sblid`; the last line is `{"type":"metadata","records":…}`. */
export const spamhausDropJson = (lines: Lines): LineReader => {
  let records = 0;
  let promised: number | undefined;
  return {
    line(text, from, to) {
      const line = text.slice(from, to).trim();
      if (line === '') return;
      let record: unknown;
      try {
        record = JSON.parse(line);
      } catch {
        return lines.error('it is not JSON');
      }
      if (typeof record !== 'object' || record === null) return lines.error('it is not a JSON object');
      const { type, records: count, cidr, sblid } = record as { [key: string]: unknown };
      if (type === 'metadata') {
        if (typeof count !== 'number') return lines.error('the metadata do not say how many records there are');
        promised = count;
        return;
      }
      if (typeof cidr !== 'string') return lines.error('there is no "cidr"');
      records++;
      lines.take(cidr, 0, cidr.length, typeof sblid === 'string' ? lines.note({ reason: sblid }) : undefined);
    },
    end() {
      if (promised === undefined)
        lines.refuse('the last line, which says how many records there are, is missing: it was cut off');
      else if (records !== promised) lines.refuse(`${records} records of ${promised}: it was cut off`);
    },
  };
};

/** FireHOL's files: plain, with the number of entries in the header. */
export const netset = (lines: Lines): LineReader => {
  const { line } = plain(lines);
  let promised: number | undefined;
  let entries = 0;
  return {
    line(text, from, to) {
      if (text.charCodeAt(from) === 35) {
        const header = /^#\s*Entries\s*:\s*(\d+)/.exec(text.slice(from, Math.min(to, from + 80)));
        if (header !== null) promised = Number(header[1]);
        return;
      }
      if (to > from) entries++;
      line(text, from, to);
    },
    end() {
      if (promised !== undefined && entries < promised)
        lines.refuse(`${entries} entries of ${promised}: it was cut off`);
    },
  };
};

/** The addresses to which a hosts file maps blocked names. */
const nowhere = new Set(['0.0.0.0', '127.0.0.1', '::', '::1']);

/** `192.0.2.1 name …`: the address is listed, the names are the reason. */
export const hosts = (lines: Lines): LineReader => ({
  line(text, from, to) {
    const line = text.slice(from, to);
    const hash = line.indexOf('#');
    const [address, ...names] = (hash < 0 ? line : line.slice(0, hash)).trim().split(/\s+/);
    if (address === undefined || address === '') return;
    if (nowhere.has(address) && names.length > 0)
      return lines.error(`${address} is where names are sent, not what is listed: this is a list of names`);
    lines.take(address, 0, address.length, names.length === 0 ? undefined : lines.note({ reason: names.join(' ') }));
  },
});

/** `Some name:1.0.0.0-1.255.255.255`. The name may contain colons. Leading zeroes are padding. */
export const p2p = (lines: Lines): LineReader => ({
  line(text, from, to) {
    const line = text.slice(from, to).trim();
    if (line === '' || line.startsWith('#')) return;
    const colon = line.lastIndexOf(':');
    const match = /^\s*([\d.]+)\s*-\s*([\d.]+)\s*$/.exec(line.slice(colon + 1));
    if (colon < 0 || match === null) return lines.error('it is not "name:first-last"');
    const name = line.slice(0, colon).trim();
    lines.takeRange(unpadded(match[1]!), unpadded(match[2]!), name === '' ? undefined : lines.note({ reason: name }));
  },
});

/** From this access level on, eMule allows an address. */
const DAT_PERMITTED = 127;

/** `001.009.096.105 - 001.009.096.105 , 000 , Some name`. Leading zeroes are padding. */
export const dat = (lines: Lines): LineReader => ({
  line(text, from, to) {
    const line = text.slice(from, to).trim();
    if (line === '' || line.startsWith('#') || line.startsWith('//')) return;
    const match = /^([\d.]+)\s*[-,]\s*([\d.]+)\s*(?:,\s*(\d+)\s*(?:,(.*))?)?$/.exec(line);
    if (match === null) return lines.error('it is not "first - last , level , name"');
    const [, first, last, level, name] = match;
    const reason = name?.trim();
    const permitted = level !== undefined && Number(level) >= DAT_PERMITTED;
    lines.takeRange(
      unpadded(first!),
      unpadded(last!),
      lines.note({ ...(reason ? { reason } : {}), ...(permitted ? { except: true } : {}) }),
    );
  },
});

/**
 * Reads tab-separated columns: first and last address, netmask (`24` or `255.255.255.0`), number of targets, name,
 * country and contact.
 */
export const dshield = (lines: Lines): LineReader => ({
  line(text, from, to) {
    const line = text.slice(from, to);
    if (line.trim() === '' || line.startsWith('#')) return;
    const [first = '', last = '', mask = '', , name] = line.split('\t').map((column) => column.trim());
    if (/^start$/i.test(first)) return;
    const length = /^(0|[1-9]\d?)$/.test(mask) && Number(mask) <= 32 ? Number(mask) : netmaskLength(mask);
    if (last === '' || length === undefined) return lines.error('it is not first, last and netmask, apart by tabs');
    const reason = name === undefined || name === '' ? undefined : lines.note({ reason: name });
    const prefix = `${first}/${length}`;
    if (!endsAt(first, length, last)) return lines.error(`${prefix} does not end at ${last}`);
    lines.take(prefix, 0, prefix.length, reason);
  },
});

const wordOf = (address: string): number => address.split('.').reduce((sum, octet) => (sum << 8) | Number(octet), 0);

const endsAt = (first: string, length: number, last: string): boolean =>
  /^[\d.]+$/.test(first) &&
  /^[\d.]+$/.test(last) &&
  (wordOf(first) | (length === 32 ? 0 : -1 >>> length)) === (wordOf(last) | 0);
