import type { PrefixNote } from '../../../prefix-set/index.ts';
import { durationMs } from './address-forms.ts';
import { takeElement } from './ipset.ts';
import type { LineReader, Lines } from './lines.ts';

/** The columns, by the names that lists use for them. */
const named: { readonly [meaning: string]: readonly string[] } = {
  value: [
    'value',
    'ip',
    'ip_address',
    'ipaddress',
    'address',
    'cidr',
    'network',
    'prefix',
    'range',
    'src_ip',
    'dst_ip',
    'subnet',
  ],
  reason: ['reason', 'scenario', 'comment', 'description', 'threat', 'name'],
  list: ['list', 'source', 'origin'],
  duration: ['duration'],
  expires: ['expires', 'expiration', 'until', 'expires_at'],
  added: ['added', 'first_seen', 'firstseen', 'created', 'created_at'],
  scope: ['scope'],
  type: ['type', 'action'],
};

/**
 * Reads comma-, semicolon- or tab-separated values (RFC 4180, one record per line). If the first row contains column names,
 * they identify the columns; otherwise the first column with an address is used. CrowdSec's decisions: the scope must be
 * `ip` or `range`, the type `ban`, and the duration is the remaining time.
 */
export const csv = (lines: Lines): LineReader => {
  let columns: Map<string, number> | undefined;
  let separator = ',';
  return {
    line(text, from, to) {
      const line = text.slice(from, to);
      if (line.trim() === '' || line.startsWith('#')) return;
      if (columns === undefined) {
        separator = separatorOf(line);
        const header = fieldsOf(line, separator)?.map((field) => field.trim().toLowerCase());
        columns = header === undefined ? undefined : columnsOf(header);
        if (columns !== undefined) return;
        columns = new Map();
      }
      const fields = fieldsOf(line, separator);
      if (fields === undefined) return lines.error('a quote is not closed');
      const get = (meaning: string): string | undefined => {
        const at = columns?.get(meaning);
        return at === undefined ? undefined : fields[at]?.trim();
      };
      const value = columns.size === 0 ? fields.map((field) => field.trim()).find(looksLikeAddress) : get('value');
      if (value === undefined || value === '') return lines.error('there is no address');
      const scope = get('scope')?.toLowerCase();
      if (scope !== undefined && scope !== '' && scope !== 'ip' && scope !== 'range')
        return lines.error(`scope ${JSON.stringify(scope)} is not of addresses`);
      const type = get('type')?.toLowerCase();
      if (type !== undefined && type !== '' && type !== 'ban' && type !== 'block')
        return lines.error(`type ${JSON.stringify(type)} is not a ban`);
      const note = noteOf(lines, get);
      if (note === undefined) return;
      takeElement(lines, value, Object.keys(note).length === 0 ? undefined : lines.note(note));
    },
  };
};

function noteOf(lines: Lines, get: (meaning: string) => string | undefined): PrefixNote | undefined {
  const reason = get('reason');
  const list = get('list');
  const note: { -readonly [K in keyof PrefixNote]: PrefixNote[K] } = {
    ...(reason ? { reason } : {}),
    ...(list ? { list } : {}),
  };
  const duration = get('duration');
  if (duration) {
    const ms = durationMs(duration);
    if (ms === undefined) {
      lines.error(`duration ${JSON.stringify(duration)} is none`);
      return undefined;
    }
    if (lines.now === undefined) lines.warn('its duration is not known from when: the time of reading was not given');
    else note.expires = lines.now + ms;
  }
  for (const field of ['expires', 'added'] as const) {
    const text = get(field);
    if (!text) continue;
    const time = timeOf(text);
    if (time !== undefined) note[field] = time;
    else if (field === 'expires') {
      lines.error(`${field} ${JSON.stringify(text)} is no time`);
      return undefined;
    }
  }
  return note;
}

/** Parses ISO 8601, or seconds or milliseconds since the epoch. */
function timeOf(text: string): number | undefined {
  if (/^\d{9,10}$/.test(text)) return Number(text) * 1000;
  if (/^\d{12,14}$/.test(text)) return Number(text);
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

const looksLikeAddress = (field: string): boolean => /^\d{1,4}\.\d|^[0-9a-f]{0,4}:[0-9a-f:]/i.test(field);

const separatorOf = (line: string): string => {
  const unquoted = line.replace(/"[^"]*"/g, '');
  return [',', ';', '\t', '|'].find((separator) => unquoted.includes(separator)) ?? ',';
};

function columnsOf(header: readonly string[]): Map<string, number> | undefined {
  const columns = new Map<string, number>();
  for (const [meaning, names] of Object.entries(named)) {
    const at = names.map((name) => header.indexOf(name)).find((index) => index >= 0);
    if (at !== undefined) columns.set(meaning, at);
  }
  return columns.has('value') ? columns : undefined;
}

/** Returns the fields of a record, or undefined if a quote is not closed. */
function fieldsOf(line: string, separator: string): string[] | undefined {
  if (!line.includes('"')) return line.split(separator);
  const fields: string[] = [];
  let field = '';
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!;
    if (c === '"') {
      if (quoted && line[i + 1] === '"') {
        field += '"';
        i++;
      } else quoted = !quoted;
    } else if (c === separator && !quoted) {
      fields.push(field);
      field = '';
    } else field += c;
  }
  fields.push(field);
  return quoted ? undefined : fields;
}
