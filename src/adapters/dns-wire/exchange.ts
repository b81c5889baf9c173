import type { Clock, RecordType } from '../../env/index.ts';
import { onAbort } from '../../env/index.ts';
import { type Reading, readAnswer } from './answer.ts';
import { readMessage } from './message.ts';
import type { Arrival, Sent, Server, Transport } from './server.ts';
import { drain, progressOf, stallAwareTimeout } from './stall-aware-timeout.ts';

export interface ExchangeOptions {
  readonly clock: Clock;
  /** Milliseconds until the question is given up, counted from `since`. */
  readonly timeoutMs: number;
  readonly since: number;
  /** Milliseconds until another server, or the same again, is asked too; doubled each time. */
  readonly retryMs: number;
  readonly mixedCase: boolean;
  readonly signal: AbortSignal | undefined;
  /** Holds, while the question is open, the function that ends it when the resolver is closed. */
  readonly running: Set<() => void>;
  /** A query that was already sent, and did not settle the question. */
  readonly first: FirstQuery | undefined;
}

/** A query that was sent before the exchange began. */
export interface FirstQuery {
  readonly server: Server;
  readonly plain: boolean;
  readonly sent: Sent;
  /** What arrived; undefined if the query is still open. */
  readonly arrival: Arrival | undefined;
  /** The server was silent for `retryMs`; `stalled` if that says nothing about the server. */
  readonly late: boolean;
  readonly stalled: boolean;
  /** Receives what still arrives for the query. Set by the exchange. */
  receiver: ((arrival: Arrival) => void) | undefined;
}

/** Sends per question, at least. With several servers, each is tried twice. */
const MIN_SENDS = 3;

/** How often a server may close the connection in place of an answer before this question gives it up. */
const MAX_LOSSES = 6;
/** The pause before an unreachable server is asked again; doubled each time. */
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 1_000;

/** FORMERR and NOTIMP without an OPT record: the server may not know EDNS (RFC 6891 §7). */
const dislikesEdns = new Set([1, 4]);

/**
 * Asks the servers until one of them has answered for the name.
 *
 * If a server is silent, the next one is asked as well, and the first answer counts. A server that reports a failure is not
 * asked again for this question. An unreachable server is asked again, after pauses, until the deadline; the other servers
 * are asked at once.
 */
export function exchange<T extends RecordType>(
  name: string,
  type: T,
  servers: readonly Server[],
  { clock, timeoutMs, since, retryMs, mixedCase, signal, running, first }: ExchangeOptions,
): Promise<Reading<T>> {
  return new Promise((resolve) => {
    // Resting servers come last. They are still asked if the others fail.
    const order = [...servers.filter(({ resting }) => !resting), ...servers.filter(({ resting }) => resting)];
    // The list may have been replaced since the first query.
    if (first !== undefined && !order.includes(first.server)) order.push(first.server);
    const failed = new Set<Server>();
    const sent = new Map<Server, number>();
    /** How often each server could not be reached, or closed the connection. */
    const unreached = new Map<Server, { tries: number; losses: number; paused: boolean }>();
    /** The servers whose stream holds the question. */
    const streams = new Set<Server>();
    /** Cancel open queries and pauses. */
    const withdrawals = new Set<() => void>();
    const maxSends = Math.max(MIN_SENDS, 2 * order.length);
    let sends = 0;
    let reason = 'timeout';
    let over = false;
    let cancelRetry: () => void = () => {};
    const progress = (): number => progressOf(order);

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
        retryAfter(wait, wait, server);
        if (server === undefined) return;
        sent.set(server, (sent.get(server) ?? 0) + 1);
        send(server, server.first);
      }
    };
    const retryAfter = (ms: number, wait: number, server: Server | undefined): void => {
      cancelRetry = stallAwareTimeout(ms, { clock, progress }, (stalled) => retry(stalled, wait, server));
    };
    const retry = (stalled: boolean, wait: number, server: Server | undefined): void => {
      if (!stalled && server !== undefined && !paused(server)) server.silent();
      // Most questions are answered before this and need no second timer. Time that the process was stalled is not counted.
      startDeadline(timeoutMs - wait);
      next(wait);
    };
    /** Tracks a query; returns the function that receives its outcome. */
    const track = (server: Server, transport: Transport, plain: boolean, withdraw: () => void) => {
      const datagram = transport === server.first && server.datagrams;
      if (!datagram) streams.add(server);
      withdrawals.add(withdraw);
      return (arrival: Arrival): void => {
        withdrawals.delete(withdraw);
        if (!datagram) streams.delete(server);
        if (!over) receive(server, transport, plain, arrival);
      };
    };
    const send = (server: Server, transport: Transport, plain: boolean = server.plain): void => {
      const arrived = track(server, transport, plain, () => query.withdraw());
      const datagram = transport === server.first && server.datagrams;
      const query = transport.ask({ name, type, plain, mixedCase: mixedCase && datagram, arrived });
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
      // An answer that reports a failure is more informative than an unreachable server.
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
        // Truncated, malformed, or in the wrong case. TCP does not truncate, and no third party can answer there.
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
      // AbortSignal.timeout is a timer too and must not discard an answer that has arrived. Every other abort takes effect
      // at once.
      if ((signal?.reason as { name?: unknown } | undefined)?.name === 'TimeoutError')
        drain(progress, () => over, aborted);
      else aborted();
    };

    const close = (): void => finish({ status: 'temperror', reason: 'closed' });
    running.add(close);
    const remaining = (): number => Math.max(1, timeoutMs - (clock.now() - since));
    let cancelDeadline: (() => void) | undefined;
    const startDeadline = (ms: number): void => {
      cancelDeadline ??= stallAwareTimeout(ms, { clock, progress }, () => finish({ status: 'temperror', reason }));
    };
    const withdrawAbort = onAbort(signal, abort);
    if (retryMs >= timeoutMs) startDeadline(remaining());
    if (first === undefined) return next();

    const { server, arrival } = first;
    sends = 1;
    sent.set(server, 1);
    first.receiver = track(server, server.first, first.plain, () => first.sent.withdraw());
    if (first.late && retryMs >= timeoutMs) return finish({ status: 'temperror', reason });
    if (!first.late) retryAfter(Math.max(1, retryMs - (clock.now() - since)), retryMs, server);
    if (arrival !== undefined) first.receiver(arrival);
    if (first.late) retry(first.stalled, retryMs, server);
    if (signal?.aborted) abort();
  });
}
