/** One `name=value` of a record. */
export interface Tag {
  readonly name: string;
  readonly value: string;
}

/** A list of tags (RFC 6376 §3.2), as DKIM, DMARC, TLS-RPT and MTA-STS write them. */
export interface TagList {
  /** In the order in which they stand; of one name, the first. */
  readonly tags: ReadonlyMap<string, string>;
  /** The name of the first tag. */
  readonly first: string | undefined;
  /** What is no tag, and names that stand twice, in words. */
  readonly faults: readonly string[];
}

/** A record is shorter than this by far; what stands behind is not read. */
const MAX_TAGS = 200;
const SHOWN = 60;

/** Reads a list of tags. Spaces around names and values do not count; a semicolon at the end is no fault. */
export function readTags(text: string): TagList {
  const tags = new Map<string, string>();
  const faults: string[] = [];
  let first: string | undefined;
  const parts = text.split(';', MAX_TAGS);
  for (const [index, part] of parts.entries()) {
    const written = part.trim();
    if (written === '') {
      // A semicolon ends the list; two that follow each other hold nothing, and nobody minds.
      if (index === 0) faults.push('it begins with a semicolon');
      continue;
    }
    const equals = written.indexOf('=');
    const name = equals < 0 ? '' : written.slice(0, equals).trim();
    if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name)) {
      faults.push(`"${written.slice(0, SHOWN)}" is no tag`);
      continue;
    }
    first ??= name;
    if (tags.has(name)) faults.push(`the tag ${name} stands twice`);
    else tags.set(name, written.slice(equals + 1).trim());
  }
  return { tags, first, faults };
}
