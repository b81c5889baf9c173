/** A keyed hash of short texts: two 32-bit numbers, left in `low` and `high` so that nothing is made. */
export interface SeededHash {
  low: number;
  high: number;
  /** Hashes the text; the numbers stand in `low` and `high` until the next call. */
  of(text: string): void;
}

/**
 * Makes a hash that nobody outside can foretell: both its state and its multipliers come from `seed`, so an attacker
 * cannot pick keys that fall into one set. No cryptographic hash: it hides nothing.
 *
 * @param seed four 32-bit numbers; from the runtime's random source where not given
 */
export function seededHash(seed: Uint32Array = crypto.getRandomValues(new Uint32Array(4))): SeededHash {
  const state1 = (seed[0] as number) | 0;
  const state2 = (seed[1] as number) | 0;
  // An odd multiplier loses nothing; the top bits are set so that it also mixes where the seed is small.
  const multiplier1 = (seed[2] as number) | 0x9e3a0001;
  const multiplier2 = (seed[3] as number) | 0x85e90001;
  return {
    low: 0,
    high: 0,
    of(text) {
      let a = state1;
      let b = state2 ^ text.length;
      for (let i = 0; i < text.length; i++) {
        const c = text.charCodeAt(i);
        // The shift makes each step non-linear: without it there are texts that collide under every multiplier.
        a = Math.imul(a ^ c, multiplier1);
        a ^= a >>> 15;
        b = Math.imul(b ^ c, multiplier2);
        b ^= b >>> 13;
      }
      a = Math.imul(a ^ (b >>> 16), 0x85ebca6b);
      a ^= a >>> 13;
      b = Math.imul(b ^ (a >>> 15), 0xc2b2ae35);
      b ^= b >>> 16;
      this.low = a >>> 0;
      this.high = b >>> 0;
    },
  };
}
