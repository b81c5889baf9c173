import { randomFillSync } from 'node:crypto';
import type { Arrival } from '../dns-wire/index.ts';

/** Of the 255 octets of a name, one bit each. */
const CASE_OCTETS = 32;

const pool = new Uint16Array(1024);
let used = pool.length;

/** 16 random bits that cannot be foretold (RFC 5452 §9.2). */
export function randomId(): number {
  if (used >= pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  return pool[used++] as number;
}

const bits = new Uint8Array(4_096);
let drawn = bits.length;

/** One random bit for each octet of the longest name; to be used before the next is drawn. */
export function randomCase(): Uint8Array {
  if (drawn >= bits.length) {
    randomFillSync(bits);
    drawn = 0;
  }
  drawn += CASE_OCTETS;
  return bits.subarray(drawn - CASE_OCTETS, drawn);
}

/** An id that is not under way. The caller keeps far fewer than 65,536. */
export function freshId(taken: { has(id: number): boolean }): number {
  for (;;) {
    const id = randomId();
    if (!taken.has(id)) return id;
  }
}

/**
 * What an error of a socket means for a question. Only a certificate or TLS error is final: a server that is not there, or a
 * system without free sockets, may be different a moment later.
 */
export function socketFailure(error: unknown, sent: boolean): Extract<Arrival, { kind: 'lost' | 'failure' }> {
  const reason = failureReason(error);
  return reason === TLS_ERROR ? { kind: 'failure', reason } : { kind: 'lost', reason, sent };
}

const TLS_ERROR = 'certificate or TLS error';

/** Calls back after the caller has returned. The returned function cancels the call. */
export function later(run: () => void): () => void {
  let live = true;
  queueMicrotask(() => {
    if (live) run();
  });
  return () => {
    live = false;
  };
}

/** Describes the error in a few words, without addresses. */
export function failureReason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection refused';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'connection closed';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'unreachable';
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOBUFS':
    case 'ENOMEM':
    case 'EADDRNOTAVAIL':
      return 'overloaded';
    case undefined:
      return 'network error';
    default:
      return /CERT|TLS|SSL|ALTNAME/.test(code) ? TLS_ERROR : 'network error';
  }
}
