/** What an attribute's value is. */
export type Bearing = 'link' | 'links' | 'srcset' | 'style' | 'html' | 'script';

/**
 * Attributes that hold links, by local name: whatever element they stand on, for mail programs and spammers do not
 * keep to the standard's tables. HTML (all versions), SVG, VML and Office, and what mail services add.
 */
const BEARINGS: ReadonlyMap<string, Bearing> = new Map<string, Bearing>([
  ...(
    'href src action formaction background cite data poster dynsrc lowsrc longdesc usemap codebase classid manifest icon pluginspage pluginurl code object movie link source origin from to by values'.split(
      ' ',
    ) as string[]
  ).map((name): [string, Bearing] => [name, 'link']),
  ['archive', 'links'],
  ['ping', 'links'],
  ['srcset', 'srcset'],
  ['imagesrcset', 'srcset'],
  ['style', 'style'],
  ['srcdoc', 'html'],
]);

/** Attributes that hold names of things and not links, though they look like links. */
const NAMES: ReadonlySet<string> = new Set(
  'xmlns itemtype itemid vocab typeof property prefix profile about resource datatype alt title content id class name type rel rev lang charset value placeholder'.split(
    ' ',
  ),
);

/** Attributes whose value may be written without a scheme and still be meant as a host. */
const BARE_NAMES: ReadonlySet<string> = new Set([
  'href',
  'action',
  'formaction',
  'data-saferedirecturl',
  'data-href',
  'data-url',
]);

/** How an attribute's value is to be read; undefined where it holds no link. */
export function bearingOf(attribute: string): Bearing | undefined {
  const known = BEARINGS.get(attribute);
  if (known !== undefined) return known;
  const colon = attribute.lastIndexOf(':');
  if (colon >= 0) return attribute.startsWith('xmlns') ? undefined : bearingOf(attribute.slice(colon + 1));
  if (NAMES.has(attribute)) return undefined;
  return attribute.startsWith('on') ? 'script' : 'link';
}

/** Whether `example.com` in this attribute means the host. */
export const takesBareNames = (attribute: string): boolean =>
  BARE_NAMES.has(attribute.includes(':') ? attribute.slice(attribute.lastIndexOf(':') + 1) : attribute);

/** Elements that do not interrupt a word: `exam<b>ple</b>.com` reads as one. */
export const WITHIN_WORDS: ReadonlySet<string> = new Set(
  'b i u s em strong font span small big sub sup strike del ins mark tt code kbd samp var wbr bdi bdo abbr acronym cite dfn q nobr o:p'.split(
    ' ',
  ),
);
