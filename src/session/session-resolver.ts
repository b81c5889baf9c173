import type { Clock, DnsAnswer, DnsResolver, RecordType, ResolveOptions } from '../env/index.ts';
import { onAbort } from '../env/index.ts';

/** How long an answer is used within a session, in milliseconds. A session may last for hours. */
const FRESH_MS = 300_000;
/** Most answers that a session keeps. Further queries are not remembered. */
const MAX_KEPT = 2_000;

interface Query {
  readonly answer: Promise<DnsAnswer>;
  readonly at: number;
  settled: DnsAnswer['status'] | undefined;
  /** The first asker gave up before there was an answer, so the query is no longer outstanding. */
  dropped: boolean;
}

const aborted: DnsAnswer & { readonly status: 'temperror' } = { status: 'temperror', reason: 'aborted' };

/**
 * The resolver of one session: sends each query once, however many checks ask it. A query runs under the signal of the check
 * that asked first; if that check gives up, the next one sends the query again.
 */
export class SessionResolver implements DnsResolver {
  readonly #dns: DnsResolver;
  readonly #clock: Clock;
  readonly #queries = new Map<string, Query>();
  #ended = false;

  constructor(dns: DnsResolver, clock: Clock) {
    this.#dns = dns;
    this.#clock = clock;
  }

  resolve<T extends RecordType>(name: string, type: T, options?: ResolveOptions): Promise<DnsAnswer<T>> {
    return this.#resolve(name, type, options?.signal) as Promise<DnsAnswer<T>>;
  }

  /** Forgets failed queries, so that a new transaction sends them again. */
  forgetTrouble(): void {
    for (const [key, { settled }] of this.#queries) if (settled === 'temperror') this.#queries.delete(key);
  }

  /** Ends the session: no more queries are sent. */
  end(): void {
    this.#ended = true;
  }

  async #resolve(name: string, type: RecordType, signal: AbortSignal | undefined): Promise<DnsAnswer> {
    if (this.#ended || signal?.aborted) return aborted;
    const key = `${type} ${name.toLowerCase()}`;
    const known = this.#queries.get(key);
    if (known === undefined || (known.settled !== undefined && this.#clock.now() - known.at >= FRESH_MS))
      return this.#send(key, name, type, signal).answer;
    if (known.settled !== undefined) return known.answer;
    const answer = await (signal === undefined ? known.answer : unlessAborted(known.answer, signal));
    return known.dropped ? this.#resolve(name, type, signal) : answer;
  }

  #send(key: string, name: string, type: RecordType, signal: AbortSignal | undefined): Query {
    const conclude = (answer: DnsAnswer): DnsAnswer => {
      query.settled = answer.status;
      query.dropped = signal?.aborted === true && answer.status === 'temperror';
      if (query.dropped && this.#queries.get(key) === query) this.#queries.delete(key);
      return answer;
    };
    const query: Query = {
      at: this.#clock.now(),
      settled: undefined,
      dropped: false,
      answer: this.#dns.resolve(name, type, signal === undefined ? {} : { signal }).then(
        conclude,
        // A resolver must not reject; to a check, a broken one gave no answer.
        (error: unknown) =>
          conclude({ status: 'temperror', reason: error instanceof Error ? error.message : 'the resolver failed' }),
      ),
    };
    if (this.#queries.size < MAX_KEPT) this.#queries.set(key, query);
    return query;
  }
}

/** Resolves with the answer, or with `aborted` if its asker gives up first. */
const unlessAborted = (answer: Promise<DnsAnswer>, signal: AbortSignal): Promise<DnsAnswer> =>
  new Promise((resolve) => {
    const withdraw = onAbort(signal, () => resolve(aborted));
    answer.then((found) => {
      withdraw();
      resolve(found);
    });
  });
