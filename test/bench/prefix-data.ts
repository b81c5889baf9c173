/** Seeded lists and questions for the address benches, and a database for mmdb-lib that holds the same lists. */

/** mulberry32: the same numbers every time. */
export function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Picks a number below `n`, small ones more often (Zipf's law with exponent `s`). */
function zipf(n: number, s: number, random: () => number): () => number {
  const sums = new Float64Array(n);
  let sum = 0;
  for (let i = 0; i < n; i++) {
    sum += 1 / (i + 1) ** s;
    sums[i] = sum;
  }
  return () => {
    const at = random() * sum;
    let low = 0;
    let high = n - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sums[middle]! < at) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

export const text4 = (word: number): string =>
  `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
export const text6 = (words: readonly number[]): string => {
  const groups = words.flatMap((word) => [(word >>> 16).toString(16), (word & 0xffff).toString(16)]);
  return groups.slice(4).every((group) => group === '0') ? `${groups.slice(0, 4).join(':')}::` : groups.join(':');
};

const v4Lengths: readonly (readonly [length: number, share: number])[] = [
  [24, 0.6],
  [22, 0.1],
  [23, 0.08],
  [20, 0.06],
  [21, 0.04],
  [19, 0.03],
  [25, 0.02],
  [26, 0.02],
  [27, 0.02],
  [28, 0.015],
  [16, 0.008],
  [18, 0.004],
  [17, 0.0028],
  [8, 0.0002],
];
const v6Lengths: readonly (readonly [length: number, share: number])[] = [
  [128, 0.4],
  [64, 0.4],
  [48, 0.15],
  [32, 0.05],
];

export interface Mix {
  readonly entries: readonly string[];
  /** Nine of ten are misses, half of them near a hit. */
  readonly questions: readonly string[];
  readonly questions4: readonly string[];
}

/** 80 % IPv4 hosts, 14 % IPv4 prefixes, 6 % IPv6, clustered as real lists are. */
export function mix(n: number, questions: number, has: (address: string) => boolean, seed = 1): Mix {
  const random = chance(seed);
  const pick = (shares: readonly (readonly [number, number])[]): number => {
    let at = random();
    for (const [length, share] of shares) {
      at -= share;
      if (at < 0) return length;
    }
    return shares[0]![0];
  };
  const publicHighs: number[] = [];
  while (publicHighs.length < 14_000) {
    const high = Math.floor(random() * 0x10000);
    const first = high >>> 8;
    if (first > 0 && first < 224 && first !== 10 && first !== 127) publicHighs.push(high);
  }
  const high = zipf(publicHighs.length, 0.9, random);
  const block = zipf(256, 0.7, random);
  const host4 = (): number => ((publicHighs[high()]! << 16) | (block() << 8) | Math.floor(random() * 256)) >>> 0;
  const top6 = zipf(6_000, 0.8, random);
  const tops = Array.from({ length: 6_000 }, () => (0x20000000 | Math.floor(random() * 0x0e000000)) >>> 0);
  const word = (): number => Math.floor(random() * 4_294_967_296);
  const host6 = (): number[] => [tops[top6()]!, word(), word(), word()];
  // No length may take more of the space than real lists give it: what is over becomes small.
  const left = new Map(v4Lengths.map(([length]) => [length, 2 ** length * (length <= 16 ? 0.004 : 0.03)]));

  // As a file or a socket gives it: one flat string, not one put together of several.
  const flat = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');
  const entries: string[] = [];
  for (let i = 0; i < n; i++) {
    const kind = random();
    if (kind < 0.8) entries.push(flat(text4(host4())));
    else if (kind < 0.94) {
      let length = pick(v4Lengths);
      if (left.get(length)! < 1) length = 25 + Math.floor(random() * 7);
      else left.set(length, left.get(length)! - 1);
      entries.push(flat(`${text4((host4() & (-1 << (32 - length))) >>> 0)}/${length}`));
    } else {
      const length = pick(v6Lengths);
      const words = host6().map((w, at) => {
        const keep = Math.max(0, Math.min(32, length - at * 32));
        return keep === 0 ? 0 : (w & (-1 << (32 - keep))) >>> 0;
      });
      entries.push(flat(length === 128 ? text6(words) : `${text6(words)}/${length}`));
    }
  }
  return {
    entries,
    get questions(): string[] {
      return ask(questions, 0.06);
    },
    get questions4(): string[] {
      return ask(questions, 0);
    },
  };

  function ask(count: number, share6: number): string[] {
    const asked: string[] = [];
    const random4 = (): string => text4(random() < 0.5 ? host4() : Math.floor((1 + random() * 222) * 16_777_216));
    while (asked.length < count) {
      const is6 = random() < share6;
      const hit = random() < 0.1;
      let address: string;
      if (hit) {
        do address = entries[Math.floor(random() * entries.length)]!.replace(/\/.*/, '');
        while (address.includes(':') !== is6);
      } else {
        do address = is6 ? text6(host6()) : random4();
        while (has(address));
      }
      asked.push(flat(address));
    }
    return asked;
  }
}

/** A MaxMind database with one record for all entries: the smallest that answers "is it listed". */
export function mmdb(entries: readonly string[]): Buffer {
  let nodes = new Int32Array(1 << 20);
  let count = 1;
  const LISTED = -1;
  const node = (): number => {
    if ((count + 1) * 2 > nodes.length) {
      const grown = new Int32Array(nodes.length * 2);
      grown.set(nodes);
      nodes = grown;
    }
    return count++;
  };
  for (const entry of entries) {
    const [address, length] = entry.split('/') as [string, string | undefined];
    const bits = bitsOf(address);
    const depth = length === undefined ? 128 : address.includes(':') ? Number(length) : 96 + Number(length);
    let at = 0;
    for (let i = 0; i < depth; i++) {
      const side = at * 2 + ((bits[i >> 5]! >>> (31 - (i & 31))) & 1);
      if (nodes[side] === LISTED) break;
      if (i === depth - 1) nodes[side] = LISTED;
      else {
        if (nodes[side] === 0) nodes[side] = node();
        at = nodes[side]!;
      }
    }
  }
  const data = Buffer.concat([map(1), utf8('listed'), Buffer.from([0x01, 7])]);
  const tree = Buffer.alloc(count * 8);
  for (let i = 0; i < count * 2; i++) {
    const record = nodes[i]!;
    tree.writeUInt32BE(record === 0 ? count : record === LISTED ? count + 16 : record, i * 4);
  }
  const metadata = Buffer.concat([
    map(9),
    ...pair('node_count', uint32(count)),
    ...pair('record_size', uint16(32)),
    ...pair('ip_version', uint16(6)),
    ...pair('database_type', utf8('Listed')),
    ...pair('languages', Buffer.concat([Buffer.from([0x01, 4]), utf8('en')])),
    ...pair('binary_format_major_version', uint16(2)),
    ...pair('binary_format_minor_version', uint16(0)),
    ...pair('build_epoch', Buffer.from([0x04, 2, 0x65, 0, 0, 0])),
    ...pair('description', Buffer.concat([map(1), utf8('en'), utf8('listed')])),
  ]);
  return Buffer.concat([tree, Buffer.alloc(16), data, Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'), metadata]);
}

const map = (n: number): Buffer => Buffer.from([(7 << 5) | n]);
const utf8 = (text: string): Buffer => Buffer.concat([Buffer.from([(2 << 5) | text.length]), Buffer.from(text)]);
const uint16 = (n: number): Buffer => Buffer.from([(5 << 5) | 2, n >> 8, n & 255]);
const uint32 = (n: number): Buffer => Buffer.from([(6 << 5) | 4, n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]);
const pair = (key: string, value: Buffer): Buffer[] => [
  key.length < 29 ? utf8(key) : Buffer.concat([Buffer.from([(2 << 5) | 29, key.length - 29]), Buffer.from(key)]),
  value,
];

function bitsOf(address: string): number[] {
  if (!address.includes(':')) {
    const [a, b, c, d] = address.split('.').map(Number) as [number, number, number, number];
    return [0, 0, 0, ((a << 24) | (b << 16) | (c << 8) | d) >>> 0];
  }
  const [head, tail] = address.split('::') as [string, string | undefined];
  const left = head.split(':').filter((group) => group !== '');
  const right = tail === undefined ? [] : tail.split(':').filter((group) => group !== '');
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right].map((g) =>
    Number.parseInt(g, 16),
  );
  return [0, 2, 4, 6].map((i) => ((groups[i]! << 16) | groups[i + 1]!) >>> 0);
}
