import { onAbort } from '../../dns/index.ts';
import type { Clock, DnsAnswer, DnsResolver, RecordType } from '../../env/index.ts';

/** How long an answer serves its session, in milliseconds; a session may last for hours. */
const FRESH_MS = 300_000;
/** How many answers a session may keep; past that it asks without remembering. */
const MAX_KEPT = 2_000;

interface Question {
  readonly answer: Promise<DnsAnswer>;
  readonly at: number;
  /** How many still wait for the answer; nobody waiting ends the question. */
  waiting: number;
  settled: DnsAnswer['status'] | undefined;
  readonly end: () => void;
}

/** A resolver that asks each question once, however many checks ask it. */
export interface AskedOnce extends DnsResolver {
  /** Lets questions be asked again that had no answer; at the beginning of a transaction. */
  forgetTrouble(): void;
  /** The session has ended: nobody waits any more, and nothing new is asked. */
  end(): void;
}

/**
 * Wraps a resolver for one session. Askers share a question; one that gives up leaves it to the others, and the last one
 * ends it.
 */
export function askedOnce(dns: DnsResolver, clock: Clock): AskedOnce {
  const questions = new Map<string, Question>();
  let ended = false;

  function ask(name: string, type: RecordType): Question {
    const key = `${type} ${name.toLowerCase()}`;
    const known = questions.get(key);
    const now = clock.now();
    if (known !== undefined && now - known.at < FRESH_MS) return known;
    const controller = new AbortController();
    const question: Question = {
      at: now,
      waiting: 0,
      settled: undefined,
      end: () => {
        if (questions.get(key) === question) questions.delete(key);
        controller.abort();
      },
      answer: dns.resolve(name, type, { signal: controller.signal }).then(
        (answer) => {
          question.settled = answer.status;
          return answer;
        },
        // A resolver that throws is misused or broken; to a check both are "nothing was learnt".
        (error: unknown) => {
          question.settled = 'temperror';
          return { status: 'temperror', reason: error instanceof Error ? error.message : 'the resolver failed' };
        },
      ),
    };
    if (questions.size < MAX_KEPT) questions.set(key, question);
    return question;
  }

  return {
    async resolve<T extends RecordType>(
      name: string,
      type: T,
      options: { readonly signal?: AbortSignal | undefined } = {},
    ): Promise<DnsAnswer<T>> {
      const { signal } = options;
      if (ended || signal?.aborted) return { status: 'temperror', reason: 'aborted' };
      const question = ask(name, type);
      const answer = question.answer as Promise<DnsAnswer<T>>;
      question.waiting++;
      if (signal === undefined || question.settled !== undefined) return answer;
      return new Promise((resolve) => {
        const takeBack = onAbort(signal, () => {
          resolve({ status: 'temperror', reason: 'aborted' });
          if (--question.waiting === 0 && question.settled === undefined) question.end();
        });
        answer.then((found) => {
          takeBack();
          resolve(found);
        });
      });
    },
    forgetTrouble() {
      for (const [key, { settled }] of questions) if (settled === 'temperror') questions.delete(key);
    },
    end() {
      ended = true;
      for (const question of [...questions.values()]) if (question.settled === undefined) question.end();
    },
  };
}
