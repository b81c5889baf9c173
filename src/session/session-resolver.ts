import type { Clock, DnsAnswer, DnsResolver, RecordType } from '../env/index.ts';
import { onAbort } from '../env/index.ts';

/** How long an answer serves its session, in milliseconds; a session may last for hours. */
const FRESH_MS = 300_000;
/** How many answers a session may keep; past that it asks without remembering. */
const MAX_KEPT = 2_000;

interface Question {
  readonly answer: Promise<DnsAnswer>;
  readonly at: number;
  settled: DnsAnswer['status'] | undefined;
  /** Whoever asked first gave up before there was an answer: the question is no longer under way. */
  dropped: boolean;
}

/** A resolver that asks each question once, however many checks ask it. */
export interface AskedOnce extends DnsResolver {
  /** Lets questions be asked again that had no answer; at the beginning of a transaction. */
  forgetTrouble(): void;
  /** The session has ended: nobody waits any more, and nothing new is asked. */
  end(): void;
}

const aborted: DnsAnswer & { readonly status: 'temperror' } = { status: 'temperror', reason: 'aborted' };

/**
 * Wraps a resolver for one session. Askers share a question. It is under way in the name of the one who asked first; where
 * that one gives up, the next of the others asks again.
 */
export function sessionResolver(dns: DnsResolver, clock: Clock): AskedOnce {
  const questions = new Map<string, Question>();
  let ended = false;

  function ask(key: string, name: string, type: RecordType, signal: AbortSignal | undefined): Question {
    const conclude = (answer: DnsAnswer): DnsAnswer => {
      question.settled = answer.status;
      question.dropped = signal?.aborted === true && answer.status === 'temperror';
      if (question.dropped && questions.get(key) === question) questions.delete(key);
      return answer;
    };
    const question: Question = {
      at: clock.now(),
      settled: undefined,
      dropped: false,
      answer: dns.resolve(name, type, signal === undefined ? {} : { signal }).then(
        conclude,
        // A resolver that throws is misused or broken; to a check both are "nothing was learnt".
        (error: unknown) =>
          conclude({ status: 'temperror', reason: error instanceof Error ? error.message : 'the resolver failed' }),
      ),
    };
    if (questions.size < MAX_KEPT) questions.set(key, question);
    return question;
  }

  async function resolve(name: string, type: RecordType, signal: AbortSignal | undefined): Promise<DnsAnswer> {
    if (ended || signal?.aborted) return aborted;
    const key = `${type} ${name.toLowerCase()}`;
    const known = questions.get(key);
    if (known === undefined || (known.settled !== undefined && clock.now() - known.at >= FRESH_MS))
      return ask(key, name, type, signal).answer;
    if (known.settled !== undefined) return known.answer;
    const answer = await (signal === undefined ? known.answer : unlessAborted(known.answer, signal));
    return known.dropped ? resolve(name, type, signal) : answer;
  }

  return {
    resolve: <T extends RecordType>(
      name: string,
      type: T,
      options: { readonly signal?: AbortSignal } = {},
    ): Promise<DnsAnswer<T>> => resolve(name, type, options.signal) as Promise<DnsAnswer<T>>,
    forgetTrouble() {
      for (const [key, { settled }] of questions) if (settled === 'temperror') questions.delete(key);
    },
    end() {
      ended = true;
    },
  };
}

/** The answer, or that its asker has given up. */
const unlessAborted = (answer: Promise<DnsAnswer>, signal: AbortSignal): Promise<DnsAnswer> =>
  new Promise((resolve) => {
    const takeBack = onAbort(signal, () => resolve(aborted));
    answer.then((found) => {
      takeBack();
      resolve(found);
    });
  });
