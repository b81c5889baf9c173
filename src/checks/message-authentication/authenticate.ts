import type { Fault } from '../../core/index.ts';
import { assertKnownOptions, oneOf, positiveNumber, wholeNumber } from '../../core/index.ts';
import { domainList } from '../../dns/index.ts';
import type { Clock, DnsResolver } from '../../env/index.ts';
import { onAbort } from '../../env/index.ts';
import { assertMailauth } from '../../mailauth/index.ts';
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

/** Options of {@link authenticateMessage}. */
export interface AuthenticateOptions {
  /** Limit of examined signatures. Default: 10. */
  readonly signatures?: number;
  /** Deadline in milliseconds, after which unknown results are `temperror`. Default: 10,000. */
  readonly timeoutMs?: number;
  /** Limit of the header in bytes. A larger header is a `permerror` with `fault: 'sender'`. Default: 262,144. */
  readonly headerBytes?: number;
  /**
   * How to treat a valid signature whose `l=` leaves part of the body unsigned, so that third parties may have changed it.
   * `refuse` reports it as `policy`, and it does not count for DMARC. `accept` lets it pass. Default: `refuse`.
   */
  readonly unsignedText?: 'refuse' | 'accept';
  /** Domains whose ARC seals are trusted. A DMARC pass recorded by one of them overrides a failure. Default: none. */
  readonly trustedSealers?: readonly string[];
  /** Ends the examination early with `temperror`. */
  readonly signal?: AbortSignal;
}

/** Limit of header lines. They are cheap to send and expensive to unfold. */
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
 * Authenticates a message with DKIM, ARC and DMARC.
 *
 * @param message `raw` is the unchanged message, `spf` the SPF result of its sender. Without `spf`, DMARC uses only
 *   signatures.
 * @param env `dns` looks up keys and policies, each only once; `clock` enforces the deadline
 * @returns the result, even if the DNS or the message is broken
 * @throws {TypeError} if an option is invalid
 */
export async function authenticateMessage(
  message: Message,
  env: AuthenticateEnv,
  options: AuthenticateOptions = {},
): Promise<MessageAuthentication> {
  return inTime(message, env, settingsOf('authenticateMessage', options), options.signal, 'now');
}

/** Authenticates a message while it arrives. The deadline starts once it has been read, because it can arrive slowly. */
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
    lookups.giveUp(UNANSWERED);
    // Aborted queries settle, so the examination ends by itself unless the source of the message hangs.
    cancelLate ??= env.clock.after(0, () => over?.());
  };
  let cancelLate: (() => void) | undefined;
  let cancel: (() => void) | undefined;
  let ended = false;
  const begin = (): void => {
    if (!ended) cancel ??= env.clock.after(settings.timeoutMs, stop);
  };
  if (begins === 'now') begin();
  const withdraw = onAbort(signal, stop);
  if (signal?.aborted) stop();
  const breath = new Breath(() => stopped);
  try {
    const outcome = await Promise.race([examine(message, env.clock, settings, lookups, breath, begin), late]);
    return outcome ?? unexamined('temperror', LATE, lookups);
  } catch (error) {
    // The result is written to headers, where the error's message must not appear.
    return unexamined('temperror', error instanceof Late ? LATE : 'the message could not be examined', lookups);
  } finally {
    ended = true;
    cancel?.();
    cancelLate?.();
    withdraw();
    lookups.giveUp(UNANSWERED);
  }
}

const UNANSWERED = 'no answer within the time allowed';
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
        reason,
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
      ? [{ method: 'arc', result: arc.result, reason: arc.reason }]
      : []),
    {
      method: 'dmarc',
      result: dmarc.result,
      reason: dmarc.override === undefined ? dmarc.reason : `passed at the trusted sealer ${dmarc.override.sealer}`,
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

export const TOO_LONG = 'the message is too long to be kept';

/** Returns the result for a message that was too long for the host to keep, with `fault: 'sender'`. */
export const tooLong = (): MessageAuthentication => unexamined('permerror', TOO_LONG, { count: 0 }, 'sender');

/** Validated options. */
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
 * Validates the options.
 *
 * @throws {TypeError} if an option is wrong
 * @throws {Error} if the runtime lacks Node's builtin modules
 */
export function settingsOf(owner: string, options: AuthenticateOptions): Settings {
  assertMailauth(owner);
  assertKnownOptions(owner, options, OPTIONS);
  const { signatures = 10, timeoutMs = 10_000, headerBytes = 262_144, unsignedText = 'refuse' } = options;
  return {
    signatures: wholeNumber(owner, 'signatures', signatures, 0, 100),
    timeoutMs: positiveNumber(owner, 'timeoutMs', timeoutMs),
    headerBytes: wholeNumber(owner, 'headerBytes', headerBytes, 1_000, 10_000_000),
    headerLines: HEADER_LINES,
    unsignedText: oneOf(owner, 'unsignedText', unsignedText, ['refuse', 'accept']),
    trusted: domainList(owner, 'trustedSealers', options.trustedSealers),
  };
}
