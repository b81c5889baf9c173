/** A keyed hash of short texts: two 32-bit numbers, signed, left in `low` and `high` so that nothing is made. */
export interface SeededHash {
  low: number;
  high: number;
  /** Hashes the text; the numbers stand in `low` and `high` until the next call. */
  of(text: string): void;
}

/** Spreads every bit over all (the finaliser of MurmurHash3, which loses nothing). */
function spread(bits: number): number {
  let x = bits;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

/**
 * Makes a hash that nobody outside can foretell: both its state and its multipliers come from `seed`, so an attacker
 * cannot pick keys that fall into one set. No cryptographic hash: it hides nothing.
 *
 * @param seed four 32-bit numbers; from the runtime's random source where not given
 */
export function seededHash(seed: Uint32Array = crypto.getRandomValues(new Uint32Array(4))): SeededHash {
  const state1 = spread((seed[0] as number) ^ 0x243f6a88);
  const state2 = spread((seed[1] as number) ^ 0x13198a2e);
  // An odd multiplier loses nothing.
  const multiplier1 = spread((seed[2] as number) ^ 0x03707344) | 1;
  const multiplier2 = spread((seed[3] as number) ^ 0x299f31d0) | 1;
  return {
    low: 0,
    high: 0,
    of(text) {
      let a = state1;
      let b = state2 ^ text.length;
      let i = 0;
      // Two characters a turn, into two lanes that do not wait for each other: texts that meet in one lane by chance do
      // not meet in the other. The shifts make each step non-linear: without them there are texts that collide under
      // every multiplier.
      for (const whole = text.length - 1; i < whole; i += 2) {
        const word = text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16);
        a = Math.imul(a ^ word, multiplier1);
        b = Math.imul(b ^ word, multiplier2);
        a ^= a >>> 15;
        b ^= b >>> 13;
      }
      if (i < text.length) {
        const last = text.charCodeAt(i);
        a = Math.imul(a ^ last, multiplier1);
        b = Math.imul(b ^ last, multiplier2);
        a ^= a >>> 15;
        b ^= b >>> 13;
      }
      // Each half ends up in both numbers, and no pair of states is lost.
      a = Math.imul(a ^ b, 0x85ebca6b);
      a ^= a >>> 13;
      b = Math.imul(b ^ a, 0xc2b2ae35);
      b ^= b >>> 16;
      this.low = a;
      this.high = b;
    },
  };
}
