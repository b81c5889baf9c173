/**
 * The signatures and seals of one message.
 *
 * **Answers**: what each DKIM signature is worth, and the ARC chain.
 * **Knows**: the octets of the message. **Asks**: the keys, all at once as soon as the header is read.
 * **Standards**: RFC 6376, RFC 8301, RFC 8463; RFC 8617; result words of RFC 8601 §2.7.1.
 * **Limits**: of many signatures the first ones are looked at, those of the author's organisation before others.
 *
 * @module
 */
import type { Clock } from '../../env/index.ts';
import { organizationalDomain, parseDomain } from '../../net/index.ts';
import type { Split } from './header.ts';
import type { Lookups } from './keys.ts';
import type {
  ArcData,
  DkimVerifierInstance,
  Mailauth,
  ParsedHeaders,
  SignatureHeader,
  SignatureResult,
} from './mailauth.ts';

/** A signature field longer than this is not looked at: real ones have a tenth of it. */
const MAX_SIGNATURE = 8_192;
/** A From field longer than this has no author that anybody could check. */
const MAX_FROM = 16_384;
/** After so many octets of a body, other work is let run. */
const BREATH = 1 << 20;

export interface Signatures {
  readonly results: readonly SignatureResult[];
  /** How many DKIM signatures the message has. */
  readonly found: number;
  readonly headerFrom: readonly string[];
  readonly fromFields: number;
  readonly arc: ArcData;
  /** The From field is longer than may be. */
  readonly fromTooLong: boolean;
}

export async function readSignatures(
  { header, body }: Split,
  lookups: Lookups,
  clock: Clock,
  { DkimVerifier }: Mailauth,
  limits: { readonly signatures: number },
  stopped: () => boolean,
): Promise<Signatures> {
  let found = 0;
  let fromTooLong = false;
  /** The places, among the DKIM signatures, of those that are looked at. */
  let chosen: ReadonlySet<number> = new Set();

  class Verifier extends DkimVerifier {
    override async messageHeaders(headers: ParsedHeaders): Promise<void> {
      const fields = headers.parsed.filter(({ key }) => key === 'dkim-signature');
      const from = headers.parsed.filter(({ key }) => key === 'from');
      fromTooLong = from.some(({ line }) => line.length > MAX_FROM);
      chosen = choose(
        fields.map(({ line }) => line),
        from[0]?.line,
        limits.signatures,
      );
      await super.messageHeaders(
        fromTooLong
          ? { ...headers, parsed: headers.parsed.filter(({ key, line }) => key !== 'from' || line.length <= MAX_FROM) }
          : headers,
      );
      for (const signature of this.signatureHeaders) {
        if (signature.skip === undefined && signature.invalid === undefined)
          warm(lookups, signature.selector, signature.signingDomain);
      }
      for (const set of this.arc.chain || []) {
        const { s, d } = set['arc-seal']?.parsed ?? {};
        warm(lookups, s?.value, d?.value);
      }
      if (this.fromFields === 1 && this.headerFrom.length === 1) warmPolicies(lookups, this.headerFrom[0] as string);
    }

    override prepareSignature(signature: SignatureHeader): void {
      if (signature.type === 'DKIM' && !chosen.has(found++)) signature.skip = 'not looked at';
      else super.prepareSignature(signature);
    }
  }

  const verifier = new Verifier({ resolver: lookups.resolve, strict: true, curTime: new Time(clock.now()) });
  await feed(verifier, header, body, clock, stopped);
  const results = verifier.results.filter(({ status }) => status.comment !== 'not looked at');
  return {
    results,
    found,
    headerFrom: verifier.headerFrom,
    fromFields: verifier.fromFields,
    arc: verifier.arc,
    fromTooLong,
  };
}

/** A `Date` of the clock that was handed in. */
const Time: new (ms: number) => Date = Date;

function warm(lookups: Lookups, selector: unknown, domain: unknown): void {
  if (typeof selector === 'string' && typeof domain === 'string' && selector !== '' && domain !== '')
    lookups.warm(`${selector}._domainkey.${domain}`, 'TXT');
}

/** RFC 9989 §4.10 step 4: a walk goes from the author's domain straight to its last seven labels. */
const WALK_LABELS = 7;

/** The policy records from the author's domain up, all of which the walk for its organisation asks for. */
function warmPolicies(lookups: Lookups, author: string): void {
  const domain = parseDomain(author.slice(author.lastIndexOf('@') + 1));
  if (domain === undefined) return;
  const labels = domain.split('.');
  lookups.warm(`_dmarc.${domain}`, 'TXT');
  for (let left = Math.min(WALK_LABELS, labels.length - 1); left > 0; left--)
    lookups.warm(`_dmarc.${labels.slice(-left).join('.')}`, 'TXT');
}

/** The author's own signatures first, then in the order in which they stand; none that is too long. */
function choose(fields: readonly Uint8Array[], from: Uint8Array | undefined, limit: number): Set<number> {
  const author = organisation(/@([^\s>@,;"()]+)[^@]*$/.exec(ascii(from?.subarray(0, MAX_FROM)))?.[1]);
  const places = fields.flatMap((field, at) => {
    if (field.length > MAX_SIGNATURE) return [];
    const domain = organisation(/[;:\s]d\s*=\s*([^\s;]+)/.exec(ascii(field))?.[1]);
    return [{ at, own: author !== undefined && domain === author }];
  });
  if (places.length > limit) places.sort((a, b) => Number(b.own) - Number(a.own) || a.at - b.at);
  return new Set(places.slice(0, limit).map(({ at }) => at));
}

function organisation(text: string | undefined): string | undefined {
  const domain = text === undefined ? undefined : parseDomain(text);
  return domain === undefined ? undefined : organizationalDomain(domain);
}

const ascii = (octets: Uint8Array | undefined): string =>
  octets === undefined ? '' : new TextDecoder('latin1').decode(octets);

/** Writes the message to the verifier. */
async function feed(
  verifier: DkimVerifierInstance,
  header: Uint8Array,
  body: AsyncIterable<Uint8Array>,
  clock: Clock,
  stopped: () => boolean,
): Promise<void> {
  let broken: Error | undefined;
  verifier.on('error', (error) => {
    broken = error;
  });
  const write = (octets: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      verifier.write(octets, (error) => (error ? reject(error) : resolve()));
    });
  if (header.length > 0) await write(header);
  let since = 0;
  for await (const piece of body) {
    if (stopped()) break;
    await write(piece);
    since += piece.length;
    if (since >= BREATH) {
      since = 0;
      await new Promise<void>((resolve) => void clock.after(0, resolve));
    }
  }
  if (stopped()) {
    verifier.destroy();
    throw new Error('no result within the time allowed');
  }
  await new Promise<void>((resolve, reject) => {
    verifier.on('error', reject);
    verifier.end(resolve);
  });
  if (broken !== undefined) throw broken;
}
