import { onAbort } from '../../dns/index.ts';
import type { Clock, RecordType } from '../../env/index.ts';
import { type Reading, readAnswer } from './answer.ts';
import { readMessage } from './message.ts';
import { drain, patience } from './patience.ts';
import type { Arrival, Server, Transport } from './server.ts';

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

/** FORMERR and NOTIMP without an OPT record: the server may not know EDNS (RFC 6891 §7). */
const dislikesEdns = new Set([1, 4]);

/**
 * Asks the servers until one of them has said something about the name.
 *
 * A server that keeps silent is not given up when the next is asked: whichever answers first has answered. A server that
 * says that it failed, or will not, is not asked again for this question.
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
    /** Asks the next server; where all have failed, there is nothing more to learn. */
    const next = (): void => {
      cancelRetry();
      if (over) return;
      const candidates = order.filter((server) => !failed.has(server));
      const server = candidates.sort((a, b) => (sent.get(a) ?? 0) - (sent.get(b) ?? 0))[0];
      if (server === undefined) {
        finish({ status: 'temperror', reason });
      } else if (sends < maxSends) {
        if (sends > 0) startDeadline(Math.max(1, timeoutMs - (clock.now() - since)));
        const wait = retryMs * 2 ** sends++;
        sent.set(server, (sent.get(server) ?? 0) + 1);
        cancelRetry = patience(wait, { clock, progress }, (stalled) => {
          if (!stalled) server.silent();
          // Most questions are answered before this, and need no second timer. Time that the process slept is not counted.
          startDeadline(timeoutMs - wait);
          next();
        });
        send(server, server.first);
      }
    };
    const send = (server: Server, transport: Transport, plain: boolean = server.plain): void => {
      let withdraw: () => void = () => {};
      const mixed = mixedCase && transport === server.first && server.datagrams;
      withdraw = transport.ask({ name, type, plain, mixedCase: mixed }, (arrival) => {
        withdrawals.delete(withdraw);
        if (!over) receive(server, transport, plain, arrival);
      });
      withdrawals.add(withdraw);
    };
    const fail = (server: Server, why: string): void => {
      reason = why;
      failed.add(server);
      next();
    };
    const receive = (server: Server, transport: Transport, plain: boolean, arrival: Arrival): void => {
      if (arrival.kind === 'failure') {
        fail(server, arrival.reason);
        return;
      }
      server.heard();
      const datagram = server.datagrams && transport === server.first;
      const message =
        arrival.kind === 'message' && !arrival.head.truncated ? readMessage(arrival.bytes, arrival.head) : undefined;
      if (message === undefined) {
        // Truncated, not whole, or in the wrong case: over TCP nobody cuts, and nobody else can answer.
        if (datagram) send(server, server.stream, plain);
        else fail(server, 'malformed');
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
    let cancelDeadline: (() => void) | undefined;
    const startDeadline = (ms: number): void => {
      cancelDeadline ??= patience(ms, { clock, progress }, () => finish({ status: 'temperror', reason }));
    };
    if (retryMs >= timeoutMs) startDeadline(timeoutMs);
    const withdrawAbort = onAbort(signal, abort);
    next();
  });
}
