import { randomFillSync } from 'node:crypto';

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

/** One random bit for each octet of the longest name. */
export const randomCase = (): Uint8Array => randomFillSync(new Uint8Array(32));

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
