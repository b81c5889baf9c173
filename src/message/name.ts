import { domainOf, isPublicName } from './host.ts';

/**
 * Suffixes of the DNS that are also endings of file names. A bare `report.zip` or `README.md` means the file; a name
 * below them is only a host where something else says so: `www.`, a path, a port, a third label before it.
 */
const FILE_ENDINGS: ReadonlySet<string> = new Set(
  'zip mov md py rs sh ps app bat bin cab cfd csv doc docs gdn java js kt lua mm mo ms pas phd pm pub swift tf tsx ts vi xyzw xlsx'.split(
    ' ',
  ),
);

/** Objects of programming languages: `window.open` and `document.name` are code. */
const CODE_OBJECTS: ReadonlySet<string> = new Set(
  'window document self this console process module exports math json object array string number boolean date event element node navigator location history screen system std os sys io util utils'.split(
    ' ',
  ),
);

/**
 * Whether a name without a scheme, of at least two labels, is meant as a host.
 *
 * @param host the canonical host
 * @param written the name as it was written, for its letter case
 * @param followed a path, query or port comes after it
 */
export function isMeantAsHost(host: string, written: string, followed: boolean): boolean {
  if (!isPublicName(host)) return false;
  if (followed || host.startsWith('www.')) return true;
  const dot = host.indexOf('.');
  if (host.indexOf('.', dot + 1) >= 0) return true;
  const suffix = host.slice(dot + 1);
  if (FILE_ENDINGS.has(suffix)) return false;
  if (CODE_OBJECTS.has(host.slice(0, dot))) return false;
  return !isMissingSpace(written);
}

/** `yesterday.It was`: two words of prose whose space was forgotten. A host is not capitalised in its suffix alone. */
function isMissingSpace(written: string): boolean {
  const dot = written.lastIndexOf('.');
  return (
    dot > 0 &&
    /^[A-Z][a-z]+$/.test(written.slice(dot + 1)) &&
    /[a-z]$/.test(written.slice(0, dot)) &&
    !/^[A-Z]/.test(written)
  );
}

/** `{ host, domain }`, the domain left out where there is none. */
export function withDomain(host: string): { host: string; domain?: NonNullable<ReturnType<typeof domainOf>> } {
  const domain = domainOf(host);
  return domain === undefined ? { host } : { host, domain };
}
