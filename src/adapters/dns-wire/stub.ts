import { numberFromZero, positiveNumber, wholeNumber } from '../../core/index.ts';
import { questionName } from '../../dns/index.ts';
import type { Clock, DnsAnswer, DnsResolver, RecordType, ResolveOptions } from '../../env/index.ts';
import { onAbort } from '../../env/index.ts';
import { MAX_ALIASES, readAnswer } from './answer.ts';
import { exchange, type FirstQuery } from './exchange.ts';
import { readMessage } from './message.ts';
import type { Arrival, Question, Sent, Server } from './server.ts';
import { drain, progressOf, STALL_MS } from './stall-aware-timeout.ts';
import { turns } from './turns.ts';

/** Counts of a resolver, for metrics. */
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
  /** Closes every socket. Open questions are answered `temperror`, with the reason `closed`. */
  close(): void;
}

/** The options that every stub has. */
export interface StubLimits {
  readonly timeoutMs?: number;
  readonly maxInFlight?: number;
  readonly maxWaiting?: number;
}

export interface StubOptions extends Required<StubLimits> {
  /** The servers to ask now, in this order. */
  readonly servers: () => readonly Server[];
  readonly clock: Clock;
  readonly retryMs: () => number;
  readonly mixedCase: boolean;
  readonly close: () => void;
}

/** Checks the options that every stub has, and fills in the defaults. */
export function stubLimits(owner: string, given: StubLimits, defaults: Required<StubLimits>): Required<StubLimits> {
  const { timeoutMs, maxInFlight, maxWaiting } = { ...defaults, ...given };
  return {
    timeoutMs: positiveNumber(owner, 'timeoutMs', timeoutMs ?? defaults.timeoutMs),
    maxInFlight: wholeNumber(owner, 'maxInFlight', maxInFlight ?? defaults.maxInFlight),
    maxWaiting: numberFromZero(owner, 'maxWaiting', maxWaiting ?? defaults.maxWaiting),
  };
}

/** Ticks of the sweep that a first query stays open: the ticks divide the time until a retry. */
const TICKS = 4;

/** A question: first a single query, then, if that does not settle it, an exchange. */
class Lookup<T extends RecordType = RecordType> implements Question, FirstQuery {
  readonly name: string;
  readonly type: T;
  readonly signal: AbortSignal | undefined;
  readonly mixedCase: boolean;
  readonly resolve: (answer: DnsAnswer<T>) => void;
  private readonly answered: (lookup: Lookup, arrival: Arrival) => void;
  server!: Server;
  plain = false;
  sent!: Sent;
  since = 0;
  /** The tick of the sweep when the query was sent. */
  tick = 0;
  arrival: Arrival | undefined = undefined;
  late = false;
  stalled = false;
  receiver: ((arrival: Arrival) => void) | undefined = undefined;
  /** Stops listening to the signal. */
  ignoreAbort: (() => void) | undefined = undefined;

  constructor(
    name: string,
    type: T,
    signal: AbortSignal | undefined,
    mixedCase: boolean,
    resolve: (answer: DnsAnswer<T>) => void,
    answered: (lookup: Lookup, arrival: Arrival) => void,
  ) {
    this.name = name;
    this.type = type;
    this.signal = signal;
    this.mixedCase = mixedCase;
    this.resolve = resolve;
    this.answered = answered;
  }

  arrived(arrival: Arrival): void {
    if (this.receiver === undefined) this.answered(this as unknown as Lookup, arrival);
    else this.receiver(arrival);
  }
}

/**
 * Makes a resolver over servers.
 *
 * Most questions are settled by one query and its answer. That path allocates nothing but the question: its deadline is
 * watched by one sweep over all open first queries, the oldest first. Silence, truncation, failures, aliases that lead out of
 * the answer, a changed case and aborts are left to {@link exchange}, which takes over the open query.
 */
export function stub(options: StubOptions): StubResolver {
  const { servers, clock, timeoutMs, maxInFlight, maxWaiting, mixedCase } = options;
  const running = new Set<() => void>();
  const line = turns(maxInFlight, maxWaiting);
  /** The lookups whose first query is open, the oldest first. */
  const open = new Set<Lookup>();
  let tick = 0;
  let lateTick = Number.NEGATIVE_INFINITY;
  let cancelTick: (() => void) | undefined;
  let closed = false;
  let asked = 0;
  let temperrors = 0;

  const finish = <T extends RecordType>(lookup: Lookup<T>, answer: DnsAnswer<T>): void => {
    if (answer.status === 'temperror') temperrors++;
    lookup.resolve(answer);
  };
  /** Ends the turn of a lookup. */
  const settle = (lookup: Lookup, answer: DnsAnswer): void => {
    line.leave();
    finish(lookup, answer);
  };
  const take = (lookup: Lookup): void => {
    lookup.ignoreAbort?.();
    open.delete(lookup);
    if (open.size > 0) return;
    cancelTick?.();
    cancelTick = undefined;
  };

  const refuse = (lookup: Lookup, reason: string): void => finish(lookup, { status: 'temperror', reason });
  /** Starts the lookup, at once or when it gets its turn. */
  const enter = (lookup: Lookup): void => {
    const { signal } = lookup;
    if (closed || signal?.aborted) {
      refuse(lookup, closed ? 'closed' : 'aborted');
      return;
    }
    const turn = line.enter(signal);
    if (turn === undefined) {
      start(lookup);
      return;
    }
    if (typeof turn === 'string') {
      refuse(lookup, turn);
      return;
    }
    turn.then((refusal) => {
      if (refusal !== undefined) return refuse(lookup, refusal);
      // In the moment it got its turn, the question may have been aborted, or the resolver closed.
      if (closed || signal?.aborted) settle(lookup, { status: 'temperror', reason: closed ? 'closed' : 'aborted' });
      else start(lookup);
    });
  };
  const start = (lookup: Lookup): void => {
    const list = servers();
    const server = list.find(awake) ?? (list[0] as Server);
    lookup.server = server;
    lookup.plain = server.plain;
    lookup.since = clock.now();
    lookup.tick = tick;
    open.add(lookup);
    if (lookup.signal !== undefined) lookup.ignoreAbort = onAbort(lookup.signal, () => handOver(lookup));
    lookup.sent = server.first.ask(lookup);
    if (cancelTick === undefined) schedule();
  };
  const answered = (lookup: Lookup, arrival: Arrival): void => {
    const { server } = lookup;
    if (arrival.kind === 'message' && !arrival.head.truncated) {
      const message = arrival.message ?? readMessage(arrival.bytes, arrival.head);
      const reading = message && readAnswer(message, lookup.name, lookup.type, server.trusted);
      if (reading !== undefined && reading.status !== 'temperror' && reading.status !== 'alias') {
        server.heard();
        take(lookup);
        settle(lookup, reading);
        return;
      }
    }
    lookup.arrival = arrival;
    handOver(lookup);
  };
  const handOver = (lookup: Lookup): void => {
    take(lookup);
    follow(lookup).then((answer) => settle(lookup, answer));
  };

  const schedule = (): void => {
    const ms = Math.min(options.retryMs(), timeoutMs) / TICKS;
    const due = clock.now() + ms;
    cancelTick = clock.after(ms, () => {
      tick++;
      // A stalled process counts as one tick, however long the stall was.
      if (clock.now() - due > STALL_MS) lateTick = tick;
      const [oldest] = open;
      if (oldest === undefined || !expired(oldest)) return schedule();
      let cancelled = false;
      cancelTick = () => {
        cancelled = true;
      };
      drain(progress, () => cancelled, expire);
    });
  };
  const progress = (): number => progressOf(servers());
  const expired = (lookup: Lookup): boolean => tick - lookup.tick > TICKS;
  const expire = (): void => {
    cancelTick = undefined;
    for (const lookup of open) {
      if (!expired(lookup)) break;
      lookup.late = true;
      lookup.stalled = lateTick > lookup.tick;
      handOver(lookup);
    }
    if (open.size > 0 && cancelTick === undefined) schedule();
  };

  /** Continues a lookup that its first query did not settle. Follows aliases that lead out of an answer. */
  async function follow<T extends RecordType>(lookup: Lookup<T>): Promise<DnsAnswer<T>> {
    const { type, signal, since } = lookup;
    const due = since + timeoutMs;
    const retryMs = options.retryMs();
    let { name } = lookup;
    let first: Lookup<T> | undefined = lookup;
    let lowest = Number.POSITIVE_INFINITY;
    let authentic = true;
    for (let hops = 0; ; ) {
      const now = clock.now();
      const reading = await exchange(name, type, servers(), {
        clock,
        timeoutMs: first === undefined ? Math.max(1, due - now) : timeoutMs,
        since: first?.since ?? now,
        retryMs,
        mixedCase,
        signal,
        running,
        first,
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
      first = undefined;
    }
  }

  return {
    get servers() {
      return servers().map(({ label }) => label);
    },
    get stats() {
      return { inFlight: line.inFlight, waiting: line.waiting, asked, temperrors };
    },
    resolve<T extends RecordType>(text: string, type: T, { signal }: ResolveOptions = {}): Promise<DnsAnswer<T>> {
      const name = questionName(text);
      if (name === undefined) return Promise.resolve({ status: 'nxdomain', ttl: 0 });
      asked++;
      return new Promise((resolve) => {
        enter(new Lookup(name, type, signal, mixedCase, resolve, answered) as unknown as Lookup);
      });
    },
    close() {
      closed = true;
      line.close();
      for (const lookup of open) {
        take(lookup);
        settle(lookup, { status: 'temperror', reason: 'closed' });
      }
      for (const stop of [...running]) stop();
      options.close();
    },
  };
}

const awake = ({ resting }: Server): boolean => !resting;
