/**
 * The signatures and seals of one message.
 *
 * **Answers**: is each DKIM signature valid, and what is the ARC chain?
 * **Knows**: the bytes of the message. **Asks**: `dns` for the keys, in parallel as soon as the header has been read.
 * **Standards**: RFC 6376, RFC 8301, RFC 8463; RFC 8617; RFC 8601 §2.7.1 (results).
 * **Limits**: each signature is examined separately, so that an error in one does not affect the others. If there are more
 * than the limit, readable ones are preferred, then those of the author's organisation. Of equals they are taken from the
 * top and the bottom in turn, since an attacker can add signatures at one end only.
 *
 * @module
 */
import type { Clock } from '../../env/index.ts';
import { isWithin, organizationalDomain, parseDomain } from '../../net/index.ts';
import type { Canonicalization } from './body.ts';
import { BodyHash } from './body.ts';
import type { Breath } from './breath.ts';
import type { Body, Field, Line } from './header.ts';
import type { Lookups } from './keys.ts';
import { keyName, keyRecords, publicKey } from './keys.ts';
import type { ArcSet, DkimVerifierInstance, Mailauth, SignatureHeader, SignatureStatus } from './mailauth.ts';
import type { DkimOutcome } from './outcome.ts';

/** Limit of a signature field in characters. Real signatures take about a tenth of it. */
const MAX_SIGNATURE = 8_192;
/** Limit of signatures that are parsed. */
const MAX_PARSED = 200;

/** Limit of ARC sets. Each seal covers all sets below it, so the cost grows with the square of their number. */
export const MAX_SETS = 20;

export interface Signatures {
  readonly dkim: readonly DkimOutcome[];
  /** Number of DKIM signatures in the message. */
  readonly found: number;
  readonly arc: ArcChain;
}

/** The sets of a chain, or undefined if they are malformed. */
export interface ArcChain {
  readonly sets: readonly ArcSet[] | undefined;
  /** Whether the newest message signature is valid (RFC 8617 §5.2 step 4). */
  readonly newest: 'pass' | 'fail' | 'temperror';
}

export interface SignatureLimits {
  readonly signatures: number;
  readonly unsignedText: 'refuse' | 'accept';
}

/** A signature, and the errors found in it before its key is known. */
interface Prepared {
  readonly header: SignatureHeader;
  readonly wrong: string | undefined;
}

/**
 * Examines the signatures of a message.
 *
 * @param read called when the message need not be read any further
 */
export async function readSignatures(
  fields: readonly Field[],
  body: Body,
  author: string | undefined,
  lookups: Lookups,
  clock: Clock,
  mailauth: Mailauth,
  limits: SignatureLimits,
  breath: Breath,
  read: () => void,
): Promise<Signatures> {
  const verifier = new mailauth.DkimVerifier({ strict: true, curTime: new Time(clock.now()) });
  const lines = fields.filter(({ key }) => key === 'dkim-signature').map(({ line }) => line);
  const short = lines.filter(({ length }) => length <= MAX_SIGNATURE);
  const prepared: Prepared[] = [];
  for (const line of choose(short, MAX_PARSED, (one) => ({ readable: true, domain: domainIn(one) }), author)) {
    await breath.spend(line.length * 16);
    prepared.push(prepare(verifier, line, 'DKIM', mailauth));
  }
  const chosen = choose(
    prepared,
    limits.signatures,
    ({ header, wrong }) => ({ readable: wrong === undefined, domain: header.signingDomain }),
    author,
  );
  await breath.spend(1 << 17);
  const sets = chainOf(fields, mailauth);
  const newest = sets?.at(-1)?.['arc-message-signature']?.original;
  const seal = newest === undefined ? undefined : prepare(verifier, newest, 'ARC', mailauth);

  const all = [...chosen, ...(seal === undefined ? [] : [seal])].filter(({ wrong }) => wrong === undefined);
  for (const { header } of all) void keyRecords(lookups, nameOf(header));
  for (const set of sets !== undefined && sets.length <= MAX_SETS ? sets : []) {
    const { s, d } = set['arc-seal']?.parsed ?? {};
    lookups.ask(keyName(String(s?.value), String(d?.value)), 'TXT');
  }
  const bodies = await hashBody(
    all.map(({ header }) => header),
    body,
    mailauth,
    breath,
  );
  read();
  const named = byName(fields);
  const dkim: DkimOutcome[] = [];
  const verify = async ({ header, wrong }: Prepared): Promise<SignatureStatus> => {
    await breath.spend(1 << 17);
    return wrong === undefined
      ? verified(verifier, header, named, bodies, lookups, mailauth)
      : { result: wrong === 'weak algorithm' ? 'policy' : 'neutral', comment: wrong };
  };
  for (const one of chosen) dkim.push(outcomeOf(one.header, await verify(one), bodies, limits));
  const status = seal === undefined ? undefined : await verify(seal);
  return {
    dkim,
    found: lines.length,
    arc: {
      sets,
      newest: status?.result === 'pass' || status?.result === 'temperror' ? status.result : 'fail',
    },
  };
}

/** Returns the time of the given clock as a `Date`. */
const Time: new (ms: number) => Date = Date;

const nameOf = ({ selector = '', signingDomain = '' }: SignatureHeader): string => keyName(selector, signingDomain);

const UNREADABLE = 'the signature could not be processed';

/** RFC 6376 §3.5: `c=`. */
const CANONICALIZATION = /^(?:simple|relaxed)(?:\s*\/\s*(?:simple|relaxed))?$/i;

function prepare(verifier: DkimVerifierInstance, line: Line, type: 'DKIM' | 'ARC', { parseTags }: Mailauth): Prepared {
  let header: SignatureHeader = {};
  try {
    header = parseTags(line, { strict: true });
    header.type = type;
    const { s, c } = header.parsed ?? {};
    const selector = s?.value;
    // Selectors are DNS labels, where underscores are common. The grammar of RFC 6376 §3.1 does not allow them.
    if (s !== undefined) s.value = String(selector).replaceAll('_', 'u');
    verifier.prepareSignature(header);
    if (s !== undefined) {
      s.value = selector;
      header.selector = String(selector);
    }
    const wrong =
      header.skip ??
      header.invalid ??
      (c !== undefined && !CANONICALIZATION.test(String(c.value)) ? 'unknown canonicalization' : undefined) ??
      // RFC 8301 §3.1: such a signature must not be used.
      (header.hashAlgo === 'sha256' ? undefined : 'weak algorithm');
    return { header, wrong };
  } catch {
    return { header, wrong: UNREADABLE };
  }
}

/**
 * Selects signatures up to the limit, and keeps their order: readable ones before others, those of the author's
 * organisation before the rest, and of equals from both ends in turn.
 */
function choose<T>(
  list: readonly T[],
  limit: number,
  of: (one: T) => { readonly readable: boolean; readonly domain: string | undefined },
  author: string | undefined,
): readonly T[] {
  if (list.length <= limit) return list;
  const parsed = author === undefined ? undefined : parseDomain(author);
  const own = parsed === undefined ? undefined : organizationalDomain(parsed);
  const last = list.length - 1;
  const ranked = list.map((one, at) => {
    const { readable, domain = '' } = of(one);
    return {
      at,
      readable,
      own: own !== undefined && isWithin(parseDomain(domain) ?? '', own),
      turn: at <= last - at ? 2 * at : 2 * (last - at) + 1,
    };
  });
  ranked.sort((a, b) => Number(b.readable) - Number(a.readable) || Number(b.own) - Number(a.own) || a.turn - b.turn);
  const taken = new Set(ranked.slice(0, limit).map(({ at }) => at));
  return list.filter((_, at) => taken.has(at));
}

/** Returns the value of `d=` without parsing the whole field. */
const domainIn = ({ octets }: Line): string | undefined => /[;:\s]d\s*=\s*([^\s;]+)/.exec(octets)?.[1];

function chainOf(fields: readonly Field[], { getARChain }: Mailauth): readonly ArcSet[] | undefined {
  try {
    return getARChain({ parsed: fields }, { strict: true }) || [];
  } catch {
    return undefined;
  }
}

type Bodies = { readonly [C in Canonicalization]?: BodyHash };

const canonicalizationOf = ({ bodyCanon }: SignatureHeader): Canonicalization =>
  bodyCanon === 'relaxed' ? 'relaxed' : 'simple';

const lengthOf = ({ maxBodyLength }: SignatureHeader): number | undefined =>
  typeof maxBodyLength === 'number' ? maxBodyLength : undefined;

const PIECE = 1 << 16;
/** Maximum length of a small piece in bytes. */
const SMALL = 1 << 12;
/** Maximum number of bytes collected from small pieces. */
const MAX_TAKEN = 1 << 14;
/** Cost of handling one piece, in hashed bytes. */
const PER_PIECE = 16;

/** Reads the body to its end, if a signature needs it. */
async function hashBody(
  signatures: readonly SignatureHeader[],
  { first, rest }: Body,
  { sha256 }: Mailauth,
  breath: Breath,
): Promise<Bodies> {
  const bodies: { [C in Canonicalization]?: BodyHash } = {};
  for (const canonicalization of ['simple', 'relaxed'] as const) {
    const wanted = signatures.filter((header) => canonicalizationOf(header) === canonicalization);
    if (wanted.length > 0)
      bodies[canonicalization] = new BodyHash(
        canonicalization,
        sha256(),
        wanted.flatMap((header) => lengthOf(header) ?? []),
      );
  }
  const hashes = Object.values(bodies);
  if (hashes.length === 0) {
    await rest.return?.();
    return bodies;
  }
  /** Collects small pieces, because the overhead of a call exceeds the cost of hashing a few bytes. */
  const small = new Uint8Array(PIECE);
  let size = 0;
  let taken = 0;
  const write = (octets: Uint8Array, work = octets.length): Promise<void> | undefined => {
    for (const hash of hashes) hash.write(octets);
    return breath.spend(work * hashes.length);
  };
  for (let octets = first; ; ) {
    if (octets.length <= SMALL) {
      for (let at = 0; at < octets.length; at++) small[size++] = octets[at] as number;
      taken++;
    }
    if (size > PIECE - SMALL || taken === MAX_TAKEN || (taken > 0 && octets.length > SMALL)) {
      await write(small.subarray(0, size), size + taken * PER_PIECE);
      size = 0;
      taken = 0;
    }
    if (octets.length > SMALL) {
      for (let at = 0; at < octets.length; at += PIECE) {
        const pause = write(octets.subarray(at, at + PIECE));
        if (pause !== undefined) await pause;
      }
    }
    const next = await rest.next();
    if (next.done === true) break;
    octets = next.value;
  }
  await write(small.subarray(0, size));
  for (const hash of hashes) hash.end();
  return bodies;
}

/** Verifies one signature with the key records at its name, until one succeeds. */
async function verified(
  verifier: DkimVerifierInstance,
  header: SignatureHeader,
  fields: Named,
  bodies: Bodies,
  lookups: Lookups,
  mailauth: Mailauth,
): Promise<SignatureStatus> {
  try {
    const hash = bodies[canonicalizationOf(header)]?.hash(lengthOf(header)) ?? '';
    if (header.parsed?.bh?.value !== hash) return { result: 'fail', comment: 'body hash did not verify' };
    header.bodyHashKey = 'body';
    verifier.bodyHashes.set('body', { hash });
    verifier.headers = { parsed: signedFields(header, fields) };
    const found = await keyRecords(lookups, nameOf(header));
    let status: SignatureStatus | undefined;
    for (const record of Array.isArray(found) ? found : [found]) {
      verifier.keyCache = { get: (...question) => publicKey(mailauth, record, question) };
      const tried = (await verifier.verifySignature(header)).status;
      if (tried.result === 'pass') return tried;
      status ??= tried;
    }
    return status ?? { result: 'neutral', comment: 'no key' };
  } catch {
    return { result: 'neutral', comment: UNREADABLE };
  }
}

/**
 * Returns only the fields that `h=` names, since mailauth searches all fields for each name. Names without a field are
 * removed from `h=`; the signature is still verified over its own bytes.
 */
function signedFields({ parsed }: SignatureHeader, fields: Named): Field[] {
  const names = String(parsed?.h?.value ?? '')
    .split(':')
    .map((name) => name.trim().replace(/[A-Z]+/g, (part) => part.toLowerCase()));
  const taken = new Map<string, number>();
  const signed = names.flatMap((name) => {
    const times = (taken.get(name) ?? 0) + 1;
    taken.set(name, times);
    return fields.get(name)?.at(-times) ?? [];
  });
  if (parsed?.h !== undefined) parsed.h = { value: signed.map(({ key }) => key).join(':') };
  return signed.reverse();
}

/** Groups the fields by name, in order. */
type Named = ReadonlyMap<string, readonly Field[]>;

function byName(fields: readonly Field[]): Named {
  const named = new Map<string, Field[]>();
  for (const field of fields) {
    if (field.key === undefined) continue;
    const same = named.get(field.key);
    if (same === undefined) named.set(field.key, [field]);
    else same.push(field);
  }
  return named;
}

/** The reasons that may be written into a header. Other messages from mailauth must not appear there. */
const REASONS: ReadonlySet<string> = new Set([
  'From field not signed',
  'bad signature',
  'body hash did not verify',
  'domain mismatch',
  'expired',
  'inappropriate hash algorithm',
  'inappropriate key algorithm',
  'incompatible version',
  'invalid expiration',
  'invalid public key',
  'key not for email',
  'no key',
  'signature missing required tag',
  'signature syntax error',
  'unknown algorithm',
  'unknown canonicalization',
  'unknown key type',
  'unknown key version',
  'unsupported query method',
  'weak algorithm',
  'weak-key',
]);

const reasonOf = ({ result, comment, policy }: SignatureStatus): string | undefined => {
  if (result === 'pass') return undefined;
  if (result === 'temperror') return 'the key could not be looked up';
  const said = comment ?? policy?.['dkim-rules'] ?? '';
  return REASONS.has(said) ? said : UNREADABLE;
};

const cut = (text: string): string => text.slice(0, 255);

function outcomeOf(
  header: SignatureHeader,
  status: SignatureStatus,
  bodies: Bodies,
  { unsignedText }: SignatureLimits,
): DkimOutcome {
  const { signingDomain = '', selector = '', identity = '', parsed } = header;
  const signed = lengthOf(header);
  const unsigned = signed === undefined ? 0 : (bodies[canonicalizationOf(header)]?.length ?? 0) - signed;
  const partial = status.result === 'pass' && unsigned > 0 && unsignedText === 'refuse';
  const algorithm = parsed?.a?.value;
  const signature = parsed?.b?.value;
  const reason = partial ? 'part of the body is not signed' : reasonOf(status);
  return {
    result: partial ? 'policy' : status.result,
    ...(signingDomain === '' ? {} : { domain: cut(parseDomain(signingDomain) ?? signingDomain) }),
    ...(selector === '' ? {} : { selector: cut(selector) }),
    ...(algorithm ? { algorithm: cut(String(algorithm)) } : {}),
    ...(identity === '' || identity === `@${signingDomain}` ? {} : { identity: cut(identity) }),
    ...(signature ? { signature: String(signature).slice(0, 8) } : {}),
    reason,
    ...(unsigned > 0 && status.result === 'pass' ? { unsigned } : {}),
    ...(status.testing === true ? { testing: true as const } : {}),
  };
}
