import { randomFillSync } from 'node:crypto';

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

/** What went wrong, in few words and without addresses. */
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
    case undefined:
      return 'network error';
    default:
      return /CERT|TLS|SSL|ALTNAME/.test(code) ? 'certificate or TLS error' : 'network error';
  }
}
