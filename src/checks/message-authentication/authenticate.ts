import type { Fault } from '../../core/index.ts';
import type { Clock, DnsResolver } from '../../env/index.ts';
import { assertMailauth } from '../../mailauth/index.ts';
import { parseDomain } from '../../net/index.ts';
import { arcOf, vouching, wordsOf } from './arc.ts';
import { authorOf } from './author.ts';
import { Breath, Late } from './breath.ts';
import { askPolicies, evaluate, sampleOf, unchecked } from './dmarc.ts';
import type { RawSource } from './header.ts';
import { fieldsOf, latin1, splitHeader } from './header.ts';
import type { Lookups } from './keys.ts';
import { lookupsOf } from './keys.ts';
import { mailauth } from './mailauth.ts';
import type { ArcOutcome, DkimOutcome, DmarcOutcome, MessageAuthentication, SpfFact } from './outcome.ts';
import { readSignatures } from './signatures.ts';

export interface AuthenticateOptions {
  /** How many signatures are examined. Default: 10. */
  readonly signatures?: number;
  /** After so many milliseconds what is not known is `temperror`. Default: 10,000. */
  readonly timeoutMs?: number;
  /** Size limit of the header in bytes. A larger header is a `permerror` that the sender caused. Default: 262,144. */
  readonly headerBytes?: number;
  /**
   * What a valid signature is worth if its `l=` leaves text of the body unsigned, to which anybody can have added:
   * `'refuse'` reports it as `policy`, and it proves nothing to DMARC; `'accept'` lets it pass. Default: `'refuse'`.
   */
  readonly unsignedText?: 'refuse' | 'accept';
  /** Domains whose ARC seals are believed: if one of them found that DMARC passed, a later failure is overridden. */
  readonly trustedSealers?: readonly string[];
  readonly signal?: AbortSignal;
}

/** Lines are cheap to make and expensive to unfold. */
const HEADER_LINES = 10_000;

interface Message {
  readonly raw: RawSource;
  readonly spf?: SpfFact | Promise<SpfFact | undefined>;
}
interface AuthenticateEnv {
  readonly dns: DnsResolver;
  readonly clock: Clock;
}

/**
 * Examines a message with DKIM, ARC and DMARC.
 *
 * @param message `raw` is the message as it came, `spf` is what SPF found about its sender; without it DMARC goes by
 * signatures alone
 * @param env `dns` is asked for keys and policies, each question once; `clock` ends what takes too long
 * @returns never an exception for what the world or the sender did
 * @throws {TypeError} if an option is wrong
 */
export async function authenticateMessage(
  message: Message,
  env: AuthenticateEnv,
  options: AuthenticateOptions = {},
): Promise<MessageAuthentication> {
  return inTime(message, env, settingsOf('authenticateMessage', options), options.signal, 'now');
}

/**
 * The same for a message on its way in, whose sender may take its time: the time that is allowed begins when the message
 * has been read.
 */
export const authenticateArriving = (
  message: Message,
  env: AuthenticateEnv,
  settings: Settings,
  signal: AbortSignal,
): Promise<MessageAuthentication> => inTime(message, env, settings, signal, 'when-read');

async function inTime(
  message: Message,
  env: AuthenticateEnv,
  settings: Settings,
  signal: AbortSignal | undefined,
  begins: 'now' | 'when-read',
): Promise<MessageAuthentication> {
  const lookups = lookupsOf(env.dns);
  let over: (() => void) | undefined;
  const late = new Promise<undefined>((resolve) => {
    over = () => resolve(undefined);
  });
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    lookups.giveUp();
    // The answers that are given up settle what waits for them; only a source that stalls keeps it from ending.
    cancelLate ??= env.clock.after(0, () => over?.());
  };
  let cancelLate: (() => void) | undefined;
  let cancel: (() => void) | undefined;
  let ended = false;
  const begin = (): void => {
    if (!ended) cancel ??= env.clock.after(settings.timeoutMs, stop);
  };
  if (begins === 'now') begin();
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop();
  const breath = new Breath(() => stopped);
  try {
    const outcome = await Promise.race([examine(message, env.clock, settings, lookups, breath, begin), late]);
    return outcome ?? unexamined('temperror', LATE, lookups);
  } catch (error) {
    // Neither the source's words nor an error's go on: the result is written into headers.
    return unexamined('temperror', error instanceof Late ? LATE : 'the message could not be examined', lookups);
  } finally {
    ended = true;
    cancel?.();
    cancelLate?.();
    signal?.removeEventListener('abort', stop);
    lookups.giveUp();
  }
}

const LATE = 'no result within the time allowed';

async function examine(
  message: Message,
  clock: Clock,
  settings: Settings,
  lookups: Lookups,
  breath: Breath,
  read: () => void,
): Promise<MessageAuthentication> {
  const split = await splitHeader(message.raw, settings);
  if (split === undefined) return unexamined('permerror', 'the header is too large', lookups, 'sender');
  const { header, body } = split;
  const text = latin1(header);
  await breath.spend(2 * text.length);
  const fields = fieldsOf(text);
  await breath.spend(2 * text.length);
  const author = authorOf(text, fields);
  if ('domain' in author) askPolicies(author.domain, lookups);
  await breath.spend(2 * text.length);
  const loaded = await mailauth();
  const domain = 'domain' in author ? author.domain : undefined;
  const signatures = await readSignatures(fields, body, domain, lookups, clock, loaded, settings, breath, read);
  const spf = await message.spf;
  const arc = await arcOf(signatures.arc, settings.trusted, lookups, loaded, breath);
  const { dmarc: found, aligned } = await evaluate(author, signatures.dkim, spf, sampleOf(header), lookups, loaded);
  const dkim = signatures.dkim.map((one) =>
    one.domain !== undefined && aligned.has(one.domain) && one.result === 'pass'
      ? { ...one, aligned: true as const }
      : one,
  );
  const sealer =
    found.result === 'fail' ? vouching(wordsOf(signatures.arc.sets), settings.trusted, found.domain) : undefined;
  const dmarc: DmarcOutcome =
    sealer === undefined || arc.result === 'fail'
      ? found
      : arc.result === 'temperror'
        ? unchecked(found)
        : { ...found, override: { by: 'arc', sealer } };
  return {
    dkim: dkim.length > 0 ? dkim : [{ result: 'none' }],
    signatures: { found: signatures.found, examined: dkim.length },
    arc,
    dmarc,
    spf,
    questions: lookups.count,
    authentication: authenticationOf(dkim, arc, dmarc, spf),
  };
}

function authenticationOf(
  dkim: readonly DkimOutcome[],
  arc: ArcOutcome,
  dmarc: DmarcOutcome,
  spf: SpfFact | undefined,
): MessageAuthentication['authentication'] {
  const properties = (
    pairs: readonly (readonly [string, string | undefined])[],
  ): { properties?: (readonly [string, string])[] } => {
    const there = pairs.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
    return there.length > 0 ? { properties: there } : {};
  };
  const because = (reason: string | undefined): { reason?: string } => (reason === undefined ? {} : { reason });
  return [
    ...(spf === undefined
      ? []
      : [
          {
            method: 'spf',
            result: spf.result,
            ...properties([[spf.identity === 'helo' ? 'smtp.helo' : 'smtp.mailfrom', spf.domain]]),
          },
        ]),
    ...(dkim.length > 0 ? dkim : [{ result: 'none' } as DkimOutcome]).map(
      ({ result, reason, domain, identity, selector, algorithm, signature }) => ({
        method: 'dkim',
        result,
        ...because(reason),
        ...properties([
          ['header.d', domain],
          ['header.i', identity],
          ['header.s', selector],
          ['header.a', algorithm],
          ['header.b', signature],
        ]),
      }),
    ),
    // RFC 8617 §10.3 registers no `temperror` for ARC.
    ...(arc.result === 'pass' || arc.result === 'fail'
      ? [{ method: 'arc', result: arc.result, ...because(arc.reason) }]
      : []),
    {
      method: 'dmarc',
      result: dmarc.result,
      ...because(dmarc.override === undefined ? dmarc.reason : `passed at ${dmarc.override.sealer}, which is trusted`),
      ...properties([
        ['header.from', dmarc.domain],
        ['policy.dmarc', dmarc.result === 'none' ? undefined : dmarc.policy],
      ]),
    },
  ];
}

function unexamined(
  result: 'temperror' | 'permerror',
  reason: string,
  lookups: { readonly count: number },
  fault?: Fault,
): MessageAuthentication {
  return {
    dkim: [],
    signatures: { found: 0, examined: 0 },
    arc: { result: 'none', sealers: [] },
    dmarc: { result, reason, fault },
    reason,
    questions: lookups.count,
    authentication: [{ method: 'dmarc', result, reason }],
  };
}

export const TOO_LONG = 'the message is longer than is kept';

/** The result for a message that the host has not kept, because of the length that its sender chose. */
export const tooLong = (): MessageAuthentication => unexamined('permerror', TOO_LONG, { count: 0 }, 'sender');

export interface Settings {
  readonly signatures: number;
  readonly timeoutMs: number;
  readonly headerBytes: number;
  readonly headerLines: number;
  readonly unsignedText: 'refuse' | 'accept';
  readonly trusted: ReadonlySet<string>;
}

const OPTIONS = ['signatures', 'timeoutMs', 'headerBytes', 'unsignedText', 'trustedSealers', 'signal'];

/**
 * @throws {TypeError} if an option is wrong
 * @throws {Error} if the runtime has none of Node's builtins
 */
export function settingsOf(who: string, options: AuthenticateOptions): Settings {
  assertMailauth(who);
  const { signatures = 10, timeoutMs = 10_000, headerBytes = 262_144, trustedSealers = [] } = options;
  const { unsignedText = 'refuse' } = options;
  for (const name of Object.keys(options)) {
    if (!OPTIONS.includes(name)) throw new TypeError(`${who}: unknown option ${name} (known: ${OPTIONS.join(', ')})`);
  }
  whole(who, 'signatures', signatures, 0, 100);
  whole(who, 'headerBytes', headerBytes, 1_000, 10_000_000);
  if (!(timeoutMs > 0 && Number.isFinite(timeoutMs)))
    throw new TypeError(`${who}: timeoutMs must be a positive number of milliseconds, got ${String(timeoutMs)}`);
  if (unsignedText !== 'refuse' && unsignedText !== 'accept')
    throw new TypeError(`${who}: unsignedText must be 'refuse' or 'accept', got ${JSON.stringify(unsignedText)}`);
  if (!Array.isArray(trustedSealers))
    throw new TypeError(`${who}: trustedSealers must be a list of domain names, got ${JSON.stringify(trustedSealers)}`);
  const trusted = trustedSealers.map((name: string) => {
    const domain = parseDomain(name);
    if (domain === undefined)
      throw new TypeError(`${who}: trustedSealers must be a list of domain names, got ${JSON.stringify(name)} in it`);
    return domain;
  });
  return { signatures, timeoutMs, headerBytes, headerLines: HEADER_LINES, unsignedText, trusted: new Set(trusted) };
}

function whole(who: string, name: string, value: number, least: number, most: number): void {
  if (!(Number.isInteger(value) && value >= least && value <= most))
    throw new TypeError(`${who}: ${name} must be a whole number from ${least} to ${most}, got ${String(value)}`);
}
