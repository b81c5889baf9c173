/** A keyed hash of short texts: two 32-bit numbers, signed, left in `low` and `high` so that nothing is made. */
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
      let i = 0;
      // Four characters a turn, in two lanes that do not wait for each other. The shifts make each step non-linear:
      // without them there are texts that collide under every multiplier.
      for (const whole = text.length - 3; i < whole; i += 4) {
        a = Math.imul(a ^ (text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16)), multiplier1);
        b = Math.imul(b ^ (text.charCodeAt(i + 2) | (text.charCodeAt(i + 3) << 16)), multiplier2);
        a ^= a >>> 15;
        b ^= b >>> 13;
      }
      if (i < text.length - 1) {
        a = Math.imul(a ^ (text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16)), multiplier1);
        a ^= a >>> 15;
        i += 2;
      }
      if (i < text.length) {
        b = Math.imul(b ^ text.charCodeAt(i), multiplier2);
        b ^= b >>> 13;
      }
      // Each half ends up in both numbers, and no pair of states is lost.
      a = Math.imul(a ^ b, 0x85ebca6b);
      a ^= a >>> 13;
      b = Math.imul(b ^ a, 0xc2b2ae35);
      b ^= b >>> 16;
      a = Math.imul(a ^ b, 0x27d4eb2f);
      this.low = a ^ (a >>> 15);
      this.high = b;
    },
  };
}
