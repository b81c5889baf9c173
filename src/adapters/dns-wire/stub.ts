import { onAbort, questionName } from '../../dns/index.ts';
import type { Clock, DnsAnswer, DnsResolver, RecordType, ResolveOptions } from '../../env/index.ts';
import { MAX_ALIASES } from './answer.ts';
import { exchange } from './exchange.ts';
import type { Server } from './server.ts';

/** What a resolver does and has done, for metrics. */
export interface StubResolverStats {
  readonly inFlight: number;
  readonly waiting: number;
  readonly asked: number;
  readonly temperrors: number;
}

export interface StubResolver extends DnsResolver {
  /** The servers that are asked, as `udp://192.0.2.53:53`. */
  readonly servers: readonly string[];
  readonly stats: StubResolverStats;
  /** Closes every socket. What is under way is answered `temperror`, with the reason `closed`. */
  close(): void;
}

/** What every stub has in common, whatever it asks by. */
export interface StubOptions {
  /** The servers to ask now, in this order. */
  readonly servers: () => readonly Server[];
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly retryMs: () => number;
  readonly maxInFlight: number;
  readonly maxWaiting: number;
  readonly mixedCase: boolean;
  readonly close: () => void;
}

/** A resolver over servers: bounds what is under way, and follows aliases that lead out of an answer. */
export function stub(options: StubOptions): StubResolver {
  const { servers, clock, timeoutMs, maxInFlight, maxWaiting, mixedCase } = options;
  const running = new Set<() => void>();
  const queue = new Set<(refusal?: string) => void>();
  let closed = false;
  let inFlight = 0;
  let asked = 0;
  let temperrors = 0;

  /** Waits for a turn; says why there is none. */
  const enter = (signal: AbortSignal | undefined): Promise<string | undefined> | string | undefined => {
    if (inFlight < maxInFlight) {
      inFlight++;
      return undefined;
    }
    if (queue.size >= maxWaiting) return 'overloaded';
    return new Promise((done) => {
      const start = (refusal?: string): void => {
        withdraw();
        done(refusal);
      };
      const abort = (): void => {
        queue.delete(start);
        done('aborted');
      };
      queue.add(start);
      const withdraw = onAbort(signal, abort);
    });
  };
  /** Hands the place to the question that has waited longest. */
  const leave = (): void => {
    const [next] = queue;
    if (next === undefined) {
      inFlight--;
    } else {
      queue.delete(next);
      next();
    }
  };

  /** Asks, and follows aliases that lead out of an answer. */
  async function ask<T extends RecordType>(
    question: string,
    type: T,
    signal: AbortSignal | undefined,
  ): Promise<DnsAnswer<T>> {
    const due = clock.now() + timeoutMs;
    const retryMs = options.retryMs();
    let name = question;
    let lowest = Number.POSITIVE_INFINITY;
    let authentic = true;
    for (let hops = 0; ; ) {
      const left = Math.max(1, due - clock.now());
      const reading = await exchange(name, type, servers(), {
        clock,
        timeoutMs: left,
        retryMs,
        mixedCase,
        signal,
        running,
      });
      if (reading.status === 'temperror') return reading;
      lowest = Math.min(lowest, reading.ttl);
      if (reading.status === 'found') return { ...reading, ttl: lowest, authentic: authentic && reading.authentic };
      if (reading.status !== 'alias') return { status: reading.status, ttl: lowest };
      authentic &&= reading.authentic;
      hops += reading.hops;
      const target = questionName(reading.target);
      if (target === undefined) return { status: 'nxdomain', ttl: lowest };
      if (hops > MAX_ALIASES) return { status: 'temperror', reason: 'too many aliases' };
      name = target;
    }
  }

  return {
    get servers() {
      return servers().map(({ label }) => label);
    },
    get stats() {
      return { inFlight, waiting: queue.size, asked, temperrors };
    },
    async resolve<T extends RecordType>(text: string, type: T, { signal }: ResolveOptions = {}): Promise<DnsAnswer<T>> {
      const name = questionName(text);
      if (name === undefined) return { status: 'nxdomain', ttl: 0 };
      asked++;
      const refusal = closed ? 'closed' : signal?.aborted ? 'aborted' : await enter(signal);
      // In the moment it got its turn, the question may have been withdrawn, or the resolver closed.
      let answer: DnsAnswer<T> = { status: 'temperror', reason: refusal ?? (closed ? 'closed' : 'aborted') };
      if (refusal === undefined) {
        if (!closed && !signal?.aborted) answer = await ask(name, type, signal);
        leave();
      }
      if (answer.status === 'temperror') temperrors++;
      return answer;
    },
    close() {
      closed = true;
      for (const refuse of queue) refuse('closed');
      queue.clear();
      for (const stop of [...running]) stop();
      options.close();
    },
  };
}

/** Checks an option that is a number. @throws TypeError with the option, the value and what is allowed */
export function numberOption(option: string, value: number, least: number): number {
  if (Number.isFinite(value) && value >= least) return value;
  throw new TypeError(`${option} ${String(value)} is not a number of ${least} or more`);
}
