import type { Clock, DnsResolver } from '../../env/index.ts';
import { assertMailauth } from '../../mailauth/index.ts';
import { parseDomain } from '../../net/index.ts';
import { arcOf, evaluate, sampleOf, vouching, wordsOf } from './dmarc.ts';
import type { RawSource } from './header.ts';
import { splitHeader } from './header.ts';
import type { Lookups } from './keys.ts';
import { lookupsOf } from './keys.ts';
import type { SignatureResult } from './mailauth.ts';
import { mailauth } from './mailauth.ts';
import type { ArcOutcome, DkimOutcome, DmarcOutcome, MessageAuthentication, SpfFact } from './outcome.ts';
import { readSignatures } from './signatures.ts';

export interface AuthenticateOptions {
  /** How many signatures are looked at; 10. */
  readonly signatures?: number | undefined;
  /** After so many milliseconds what is not known is `temperror`; 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Octets of a header that is looked at; 262,144. A larger one is `permerror`. */
  readonly headerBytes?: number | undefined;
  /** Domains whose ARC seals are believed: where one of them found that DMARC passed, a later failure is overridden. */
  readonly trustedSealers?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Lines are cheap to make and dear to unfold. */
const HEADER_LINES = 10_000;

/**
 * What DKIM, ARC and DMARC say of a message.
 *
 * @param message `raw` is the message as it came, `spf` what SPF says of its sender; without it DMARC goes by signatures alone
 * @param env `dns` is asked for keys and policies, each question once; `clock` ends what takes too long
 * @returns never an exception for what the world or the sender did
 * @throws TypeError for an option that cannot be meant
 */
export async function authenticateMessage(
  message: { readonly raw: RawSource; readonly spf?: SpfFact | Promise<SpfFact | undefined> | undefined },
  env: { readonly dns: DnsResolver; readonly clock: Clock },
  options: AuthenticateOptions = {},
): Promise<MessageAuthentication> {
  return inTime(message, env, settingsOf('authenticateMessage', options), options.signal, 'now');
}

/**
 * The same for a message on its way in, whose sender may take its time: the time that is allowed begins when the message
 * has been read.
 */
export const authenticateArriving = (
  message: { readonly raw: AsyncIterable<Uint8Array>; readonly spf?: Promise<SpfFact | undefined> | undefined },
  env: { readonly dns: DnsResolver; readonly clock: Clock },
  settings: Settings,
  signal: AbortSignal,
): Promise<MessageAuthentication> => inTime(message, env, settings, signal, 'at-its-end');

async function inTime(
  { raw, spf }: { readonly raw: RawSource; readonly spf?: SpfFact | Promise<SpfFact | undefined> | undefined },
  env: { readonly dns: DnsResolver; readonly clock: Clock },
  settings: Settings,
  signal: AbortSignal | undefined,
  begins: 'now' | 'at-its-end',
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
  const message = { raw: begins === 'now' ? raw : toItsEnd(raw as AsyncIterable<Uint8Array>, begin), spf };
  try {
    const outcome = await Promise.race([examine(message, env.clock, settings, lookups, () => stopped), late]);
    return outcome ?? unexamined('temperror', 'no result within the time allowed', lookups);
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 200) : 'the message could not be examined';
    return unexamined(stopped ? 'temperror' : 'permerror', reason, lookups);
  } finally {
    ended = true;
    cancel?.();
    cancelLate?.();
    signal?.removeEventListener('abort', stop);
    lookups.giveUp();
  }
}

/** Tells when the source has no more to give, or is not read any further. */
async function* toItsEnd(source: AsyncIterable<Uint8Array>, ended: () => void): AsyncGenerator<Uint8Array> {
  let broken = false;
  try {
    yield* source;
  } catch (error) {
    broken = true;
    throw error;
  } finally {
    if (!broken) ended();
  }
}

async function examine(
  message: { readonly raw: RawSource; readonly spf?: SpfFact | Promise<SpfFact | undefined> | undefined },
  clock: Clock,
  settings: Settings,
  lookups: Lookups,
  stopped: () => boolean,
): Promise<MessageAuthentication> {
  const split = await splitHeader(message.raw, settings);
  if (split === undefined) return unexamined('permerror', 'the header is larger than is looked at', lookups);
  const loaded = await mailauth();
  const signatures = await readSignatures(split, lookups, clock, loaded, settings, stopped);
  const spf = await message.spf;
  const signed = signatures.results.map(dkimOf);
  const words = wordsOf(signatures.arc);
  const arc = await arcOf(signatures.arc, words, settings.trusted, lookups, loaded);
  const { dmarc: found, aligned } = await evaluate(signatures, signed, spf, sampleOf(split.header), lookups, loaded);
  const dkim = signed.map((one) =>
    one.domain !== undefined && aligned.has(one.domain) && one.result === 'pass'
      ? { ...one, aligned: true as const }
      : one,
  );
  const sealer = found.result === 'fail' && arc.trusted ? vouching(words, settings.trusted, found.domain) : undefined;
  const dmarc: DmarcOutcome = sealer === undefined ? found : { ...found, override: { by: 'arc', sealer } };
  return {
    dkim,
    signatures: { found: signatures.found, examined: dkim.filter(({ result }) => result !== 'none').length },
    arc,
    dmarc,
    ...(spf === undefined ? {} : { spf }),
    questions: lookups.count,
    authentication: authenticationOf(dkim, arc, dmarc, spf),
  };
}

function dkimOf({ signingDomain, selector, algo, status }: SignatureResult): DkimOutcome {
  const { header, comment, underSized, testing, policy, result } = status;
  const identity = typeof header?.i === 'string' ? header.i : undefined;
  const weak = policy?.['dkim-rules'];
  return {
    result,
    ...(signingDomain ? { domain: cut(parseDomain(signingDomain) ?? signingDomain) } : {}),
    ...(selector ? { selector: cut(selector) } : {}),
    ...(algo ? { algorithm: cut(algo) } : {}),
    ...(identity !== undefined && identity !== `@${signingDomain}` ? { identity: cut(identity) } : {}),
    ...(typeof header?.b === 'string' ? { signature: cut(header.b) } : {}),
    ...(comment === undefined && weak === undefined ? {} : { reason: cut(comment ?? weak ?? '') }),
    ...(underSized === undefined ? {} : { unsigned: underSized }),
    ...(testing === true ? { testing: true as const } : {}),
  };
}

const cut = (text: string): string => text.slice(0, 255);

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
    ...dkim.map(({ result, reason, domain, identity, selector, algorithm, signature }) => ({
      method: 'dkim',
      result,
      ...(result === 'none' ? {} : because(reason)),
      ...properties([
        ['header.d', domain],
        ['header.i', identity],
        ['header.s', selector],
        ['header.a', algorithm],
        ['header.b', signature],
      ]),
    })),
    ...(arc.result === 'none' ? [] : [{ method: 'arc', result: arc.result, ...because(arc.reason) }]),
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

function unexamined(result: 'temperror' | 'permerror', reason: string, lookups: Lookups): MessageAuthentication {
  const dmarc = { result, reason };
  return {
    dkim: [],
    signatures: { found: 0, examined: 0 },
    arc: { result: 'none', sealers: [] },
    dmarc,
    reason,
    questions: lookups.count,
    authentication: [{ method: 'dmarc', result, reason }],
  };
}

export interface Settings {
  readonly signatures: number;
  readonly timeoutMs: number;
  readonly headerBytes: number;
  readonly headerLines: number;
  readonly trusted: ReadonlySet<string>;
}

/**
 * @throws {TypeError} if an option is wrong
 * @throws {Error} if the runtime has none of Node's builtins
 */
export function settingsOf(who: string, options: AuthenticateOptions): Settings {
  assertMailauth(who);
  const { signatures = 10, timeoutMs = 10_000, headerBytes = 262_144, trustedSealers = [] } = options;
  whole(who, 'signatures', signatures, 0, 100);
  whole(who, 'headerBytes', headerBytes, 1_000, 10_000_000);
  if (!(timeoutMs > 0 && Number.isFinite(timeoutMs)))
    throw new TypeError(`${who}: timeoutMs ${String(timeoutMs)} must be a number of milliseconds above 0`);
  if (!Array.isArray(trustedSealers))
    throw new TypeError(`${who}: trustedSealers must be a list of domain names, like ["example.org"]`);
  const trusted = trustedSealers.map((name: string) => {
    const domain = parseDomain(name);
    if (domain === undefined)
      throw new TypeError(`${who}: trustedSealers has ${JSON.stringify(name)}, which is no domain name`);
    return domain;
  });
  return { signatures, timeoutMs, headerBytes, headerLines: HEADER_LINES, trusted: new Set(trusted) };
}

function whole(who: string, name: string, value: number, least: number, most: number): void {
  if (!(Number.isInteger(value) && value >= least && value <= most))
    throw new TypeError(`${who}: ${name} ${String(value)} must be a whole number from ${least} to ${most}`);
}
