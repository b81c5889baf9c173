import type { Clock, RecordType } from '../../env/index.ts';
import { onAbort } from '../../env/index.ts';
import { type Reading, readAnswer } from './answer.ts';
import { readMessage } from './message.ts';
import type { Arrival, Server, Transport } from './server.ts';
import { drain, stallAwareTimeout } from './stall-aware-timeout.ts';

export interface ExchangeOptions {
  readonly clock: Clock;
  /** Milliseconds until the question is given up. */
  readonly timeoutMs: number;
  /** Milliseconds until another server, or the same again, is asked too; doubled each time. */
  readonly retryMs: number;
  readonly mixedCase: boolean;
  readonly signal: AbortSignal | undefined;
  /** Holds, while the question is under way, what ends it when the resolver is closed. */
  readonly running: Set<() => void>;
}

/** Sends per question, at least; each server is tried twice where there are more. */
const MIN_SENDS = 3;

/** How often a server may close the connection in place of an answer before this question gives it up. */
const MAX_LOSSES = 6;
/** The pause before a server that could not be reached is asked again; doubled each time. */
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 1_000;

/** FORMERR and NOTIMP without an OPT record: the server may not know EDNS (RFC 6891 §7). */
const dislikesEdns = new Set([1, 4]);

/**
 * Asks the servers until one of them has answered for the name.
 *
 * A server that is silent is not given up when the next is asked: the first answer counts. A server that reports a failure
 * is not asked again for this question. A server that cannot be reached is asked again, after pauses, until the deadline;
 * the other servers are asked at once.
 */
export function exchange<T extends RecordType>(
  name: string,
  type: T,
  servers: readonly Server[],
  { clock, timeoutMs, retryMs, mixedCase, signal, running }: ExchangeOptions,
): Promise<Reading<T>> {
  return new Promise((resolve) => {
    // Those that rest come last, and are still asked where the others fail.
    const order = [...servers.filter(({ resting }) => !resting), ...servers.filter(({ resting }) => resting)];
    const failed = new Set<Server>();
    const sent = new Map<Server, number>();
    /** How often each server could not be reached, or closed the connection. */
    const unreached = new Map<Server, { tries: number; losses: number; paused: boolean }>();
    /** The servers whose stream holds the question. */
    const streams = new Set<Server>();
    /** Take back what is under way: questions, and pauses. */
    const withdrawals = new Set<() => void>();
    const maxSends = Math.max(MIN_SENDS, 2 * order.length);
    let sends = 0;
    let reason = 'timeout';
    let over = false;
    let cancelRetry: () => void = () => {};
    const progress = (): number =>
      order.reduce(
        (sum, server) => sum + server.first.received + (server.datagrams && sends > 0 ? server.stream.received : 0),
        0,
      );

    const finish = (reading: Reading<T>): void => {
      if (over) return;
      over = true;
      cancelRetry();
      cancelDeadline?.();
      running.delete(close);
      withdrawAbort();
      for (const withdraw of withdrawals) withdraw();
      resolve(reading);
    };
    const paused = (server: Server): boolean => unreached.get(server)?.paused === true;
    /** A stream loses nothing: while the server sends answers to other questions, this one need not be repeated. */
    const held = (server: Server, waitedMs: number): boolean =>
      streams.has(server) && clock.now() - server.stream.lastRead < waitedMs / 2;
    /** Asks the next server. Ends the question if every server has failed. */
    const next = (waitedMs = 0): void => {
      cancelRetry();
      if (over) return;
      const left = order.filter((server) => !failed.has(server));
      if (left.length === 0 || (failed.size > 0 && left.every(paused))) {
        finish({ status: 'temperror', reason });
      } else if (sends < maxSends) {
        if (sends > 0) startDeadline(remaining());
        const wait = retryMs * 2 ** sends++;
        const server = left
          .filter((one) => !paused(one) && !held(one, waitedMs))
          .sort((a, b) => (sent.get(a) ?? 0) - (sent.get(b) ?? 0))[0];
        cancelRetry = stallAwareTimeout(wait, { clock, progress }, (stalled) => {
          if (!stalled && server !== undefined && !paused(server)) server.silent();
          // Most questions are answered before this, and need no second timer. Time that the process slept is not counted.
          startDeadline(timeoutMs - wait);
          next(wait);
        });
        if (server === undefined) return;
        sent.set(server, (sent.get(server) ?? 0) + 1);
        send(server, server.first);
      }
    };
    const send = (server: Server, transport: Transport, plain: boolean = server.plain): void => {
      let withdraw: () => void = () => {};
      const datagram = transport === server.first && server.datagrams;
      if (!datagram) streams.add(server);
      withdraw = transport.ask({ name, type, plain, mixedCase: mixedCase && datagram }, (arrival) => {
        withdrawals.delete(withdraw);
        if (!datagram) streams.delete(server);
        if (!over) receive(server, transport, plain, arrival);
      });
      withdrawals.add(withdraw);
    };
    const fail = (server: Server, why: string): void => {
      reason = why;
      failed.add(server);
      next();
    };
    /** Asks again after a pause, and in the meantime a server that has not been asked yet. */
    const lose = (server: Server, transport: Transport, plain: boolean, why: string, wasSent: boolean): void => {
      const state = unreached.get(server) ?? { tries: 0, losses: 0, paused: false };
      unreached.set(server, state);
      if (wasSent && ++state.losses >= MAX_LOSSES) {
        fail(server, why);
        return;
      }
      // An answer that reports a failure says more than a server that is not there.
      if (failed.size === 0) reason = why;
      state.paused = true;
      const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** state.tries++);
      const cancel = clock.after(pause, () => {
        withdrawals.delete(cancel);
        state.paused = false;
        if (!over) send(server, transport, plain);
      });
      withdrawals.add(cancel);
      startDeadline(remaining());
      const hopeless = failed.size > 0 && order.every((one) => failed.has(one) || paused(one));
      if (hopeless || order.some((one) => !sent.has(one))) next();
    };
    const receive = (server: Server, transport: Transport, plain: boolean, arrival: Arrival): void => {
      if (arrival.kind === 'failure') {
        fail(server, arrival.reason);
        return;
      }
      if (arrival.kind === 'lost') {
        lose(server, transport, plain, arrival.reason, arrival.sent);
        return;
      }
      server.heard();
      const datagram = server.datagrams && transport === server.first;
      const message =
        arrival.kind === 'message' && !arrival.head.truncated
          ? (arrival.message ?? readMessage(arrival.bytes, arrival.head))
          : undefined;
      if (message === undefined) {
        // Truncated, not whole, or in the wrong case: over TCP nobody cuts, and nobody else can answer.
        if (!datagram) fail(server, 'malformed');
        else if (!streams.has(server)) send(server, server.stream, plain);
      } else if (dislikesEdns.has(message.rcode) && !plain && !message.edns) {
        send(server, transport, true);
      } else {
        if (plain && message.rcode === 0) server.plain = true;
        const reading = readAnswer(message, name, type, server.trusted);
        if (reading.status === 'temperror') fail(server, reading.reason);
        else finish(reading);
      }
    };
    const abort = (): void => {
      const aborted = (): void => finish({ status: 'temperror', reason: 'aborted' });
      // A deadline is a timer too, and must not turn an answer that has arrived into none; a caller who has lost interest
      // is obeyed at once.
      if ((signal?.reason as { name?: unknown } | undefined)?.name === 'TimeoutError')
        drain(progress, () => over, aborted);
      else aborted();
    };

    const close = (): void => finish({ status: 'temperror', reason: 'closed' });
    running.add(close);
    const since = clock.now();
    const remaining = (): number => Math.max(1, timeoutMs - (clock.now() - since));
    let cancelDeadline: (() => void) | undefined;
    const startDeadline = (ms: number): void => {
      cancelDeadline ??= stallAwareTimeout(ms, { clock, progress }, () => finish({ status: 'temperror', reason }));
    };
    if (retryMs >= timeoutMs) startDeadline(timeoutMs);
    const withdrawAbort = onAbort(signal, abort);
    next();
  });
}
