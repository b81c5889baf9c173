/** A tag list (RFC 6376 §3.2), as in DKIM, DMARC, TLS-RPT and MTA-STS records. */
export interface TagList {
  /** Tags in their written order. Of duplicate names, the first counts. */
  readonly tags: ReadonlyMap<string, string>;
  /** The name of the first tag. */
  readonly first: string | undefined;
  /** Descriptions of malformed and duplicate tags. */
  readonly faults: readonly string[];
}

/** Real records are far shorter. The rest is ignored. */
const MAX_TAGS = 200;
const SHOWN = 60;

/** Parses a tag list. Spaces around names and values are ignored; a trailing semicolon is allowed. */
export function readTags(text: string): TagList {
  const tags = new Map<string, string>();
  const faults: string[] = [];
  let first: string | undefined;
  const parts = text.split(';', MAX_TAGS);
  for (const [index, part] of parts.entries()) {
    const written = part.trim();
    if (written === '') {
      // A trailing semicolon is allowed, and verifiers tolerate empty tags.
      if (index === 0) faults.push('it begins with a semicolon');
      continue;
    }
    const equals = written.indexOf('=');
    const name = equals < 0 ? '' : written.slice(0, equals).trim();
    if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name)) {
      faults.push(`"${written.slice(0, SHOWN)}" is not a tag`);
      continue;
    }
    first ??= name;
    if (tags.has(name)) faults.push(`the tag ${name} appears twice`);
    else tags.set(name, written.slice(equals + 1).trim());
  }
  return { tags, first, faults };
}
