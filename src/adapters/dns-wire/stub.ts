import { questionName } from '../../dns/index.ts';
import type { Clock, DnsAnswer, DnsResolver, RecordType, ResolveOptions } from '../../env/index.ts';
import { MAX_ALIASES } from './answer.ts';
import { exchange } from './exchange.ts';
import type { Server } from './server.ts';
import { turns } from './turns.ts';

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
  const line = turns(maxInFlight, maxWaiting);
  let closed = false;
  let asked = 0;
  let temperrors = 0;

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
      return { inFlight: line.inFlight, waiting: line.waiting, asked, temperrors };
    },
    async resolve<T extends RecordType>(text: string, type: T, { signal }: ResolveOptions = {}): Promise<DnsAnswer<T>> {
      const name = questionName(text);
      if (name === undefined) return { status: 'nxdomain', ttl: 0 };
      asked++;
      const refusal = closed ? 'closed' : signal?.aborted ? 'aborted' : await line.enter(signal);
      // In the moment it got its turn, the question may have been withdrawn, or the resolver closed.
      let answer: DnsAnswer<T> = { status: 'temperror', reason: refusal ?? (closed ? 'closed' : 'aborted') };
      if (refusal === undefined) {
        if (!closed && !signal?.aborted) answer = await ask(name, type, signal);
        line.leave();
      }
      if (answer.status === 'temperror') temperrors++;
      return answer;
    },
    close() {
      closed = true;
      line.close();
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
