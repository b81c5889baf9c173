import type { Clock } from '../../env/index.ts';
import { readHead } from './message.ts';
import { matchAnswer, type Query, writeQuery } from './query.ts';
import type { Arrival, Transport } from './server.ts';

/** The longest DNS message. */
const MAX_MESSAGE = 65_535;
export const DNS_MESSAGE = 'application/dns-message';

/** The outcome of an HTTP request: a response, or the reason why there is none. */
export type HttpOutcome =
  | {
      readonly kind: 'response';
      readonly status: number;
      readonly contentType: string;
      /** Undefined if it was not received completely. */
      readonly body: Uint8Array | undefined;
    }
  | Extract<Arrival, { kind: 'lost' | 'failure' }>;

/** Sends one HTTP request. Returns the function that cancels it. */
export type Post = (body: Uint8Array, onRead: () => void, done: (outcome: HttpOutcome) => void) => () => void;

/**
 * Asks by DNS over HTTPS (RFC 8484), over any HTTP client.
 *
 * @param post sends the request; calls `onRead` for everything that arrives
 */
export function httpsTransport(clock: Clock, post: Post, close: () => void): Transport {
  let received = 0;
  let lastRead = Number.NEGATIVE_INFINITY;
  const onRead = (): void => {
    received++;
    lastRead = clock.now();
  };
  return {
    get received() {
      return received;
    },
    get lastRead() {
      return lastRead;
    },
    ask(question) {
      // RFC 8484 §4.1: the id is zero, since HTTP matches answers to questions.
      const query = writeQuery(question.name, question.type, { id: 0, plain: question.plain, pad: true });
      let over = false;
      const cancel = post(query.bytes, onRead, (outcome) => {
        if (over) return;
        over = true;
        question.arrived(outcome.kind === 'response' ? readResponse(query, outcome) : outcome);
      });
      return {
        withdraw() {
          over = true;
          cancel();
        },
      };
    },
    close,
  };
}

function readResponse(
  query: Query,
  { status, contentType, body }: Extract<HttpOutcome, { kind: 'response' }>,
): Arrival {
  if (status !== 200) return { kind: 'failure', reason: `http ${status}` };
  const head =
    body === undefined || !contentType.toLowerCase().startsWith(DNS_MESSAGE) ? undefined : readHead(body, query);
  if (body === undefined || head === undefined || matchAnswer(query, head) !== 'answer')
    return { kind: 'failure', reason: 'malformed' };
  return { kind: 'message', bytes: body, head };
}

/** Collects a body. Returns false from `add` once it is longer than a DNS message can be: a server could send forever. */
export function bodyCollector(): { add(part: Uint8Array): boolean; bytes(): Uint8Array } {
  const parts: Uint8Array[] = [];
  let size = 0;
  return {
    add(part) {
      size += part.length;
      if (size > MAX_MESSAGE) return false;
      parts.push(part);
      return true;
    },
    bytes() {
      const whole = new Uint8Array(size);
      let at = 0;
      for (const part of parts) {
        whole.set(part, at);
        at += part.length;
      }
      return whole;
    },
  };
}
