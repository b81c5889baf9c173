/**
 * How fast a message is read, and what hostile ones cost. Prints three tables; ends with 1 where a bar is missed.
 * `linkify-it` reads the same decoded text, for comparison: it finds links in text and does nothing else.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LinkifyIt } from 'linkify-it';
import { MessageReader, urisInHtml, urisInText } from '../../src/message/index.ts';

let missed = 0;
const MB = 1e6;
const seconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / MB;
};
const row = (...cells: (string | number)[]): void =>
  console.log(cells.map((cell, i) => (i === 0 ? String(cell).padEnd(34) : String(cell).padStart(12))).join(''));
const bar = (kept: boolean): string => {
  if (!kept) missed++;
  return kept ? 'ok' : 'MISSED';
};

let seed = 7;
const random = (): number => {
  seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
  return seed / 0x7fffffff;
};
const words =
  'the quick brown fox jumps over a lazy dog. Sphinx of black quartz, judge my vow; pack it now. Mr. Smith paid 3.50 e.g. nothing'.split(
    ' ',
  );

function prose(size: number, linkEvery: number): string {
  const lines: string[] = [];
  for (let length = 0, n = 1; length < size; n++) {
    let line = '';
    while (line.length < 68) line += `${words[Math.floor(random() * words.length)]} `;
    if (n % linkEvery === 0) line += `http://host${n % 500}.example.com/p?x=${n}`;
    lines.push(line);
    length += line.length + 2;
  }
  return lines.join('\r\n');
}

function page(size: number): string {
  const lines: string[] = [];
  for (let length = 0, n = 1; length < size; n++) {
    const line = `<p style="margin:0;color:#333"><b>${prose(300, 1_000)}</b> &nbsp;<a href="https://link${n % 500}.example.net/path?u=${n}" class="x">more</a><br><img src="https://img.example.org/${n % 50}.png" width="10"></p>\r\n`;
    lines.push(line);
    length += line.length;
  }
  return lines.join('');
}

/** Half base64, half the same as text and as HTML. */
function message(size: number): Buffer {
  const attached = Buffer.from(Uint8Array.from({ length: size * 0.37 }, () => random() * 256));
  return Buffer.from(
    [
      'From: a@example.com',
      'Subject: x',
      'Content-Type: multipart/mixed; boundary=m',
      '',
      '--m',
      'Content-Type: multipart/alternative; boundary=a',
      '',
      '--a',
      'Content-Type: text/plain; charset=utf-8',
      '',
      prose(size / 4, 20),
      'http://last-text.example.com/',
      '--a',
      'Content-Type: text/html; charset=utf-8',
      '',
      `${page(size / 4)}<a href="http://last-html.example.com/">x</a>`,
      '--a--',
      '--m',
      'Content-Type: application/octet-stream',
      'Content-Transfer-Encoding: base64',
      '',
      attached.toString('base64').replace(/.{76}/g, '$&\r\n'),
      '--m--',
      '',
    ].join('\r\n'),
  );
}

interface Read {
  readonly cpu: number;
  readonly mib: number;
  readonly hosts: ReadonlySet<string>;
}

function readOnce(octets: Uint8Array): void {
  const reader = new MessageReader();
  reader.write(octets);
  reader.end();
}

function read(octets: Uint8Array): Read {
  globalThis.gc?.();
  const start = process.memoryUsage.rss();
  let peak = start;
  const since = seconds();
  const reader = new MessageReader();
  for (let at = 0, n = 0; at < octets.length; at += 65_536, n++) {
    reader.write(octets.subarray(at, at + 65_536));
    if (n % 8 === 0) peak = Math.max(peak, process.memoryUsage.rss());
  }
  const { uris } = reader.end();
  const cpu = seconds() - since;
  return {
    cpu,
    mib: (Math.max(peak, process.memoryUsage.rss()) - start) / 2 ** 20,
    hosts: new Set(uris.map(({ host }) => host)),
  };
}

if (process.env.POSTERN_BENCH_FILE !== undefined) {
  // In a process of its own: nothing but the message has been read, so what memory is taken is the reader's.
  const { hosts, ...figures } = read(readFileSync(process.env.POSTERN_BENCH_FILE));
  console.log(
    JSON.stringify({ ...figures, last: hosts.has('last-text.example.com') && hosts.has('last-html.example.com') }),
  );
  process.exit(0);
}

function alone(octets: Uint8Array): { cpu: number; mib: number; last: boolean } {
  const folder = mkdtempSync(join(tmpdir(), 'postern-bench-'));
  try {
    writeFileSync(join(folder, 'message'), octets);
    const { stdout } = spawnSync(process.execPath, [...process.execArgv, process.argv[1] as string], {
      env: { ...process.env, POSTERN_BENCH_FILE: join(folder, 'message') },
      encoding: 'utf8',
    });
    return JSON.parse(stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

console.log('\nThroughput, MB of raw message per CPU-second (rspamd 3.4: 19, Haraka 10, SpamAssassin 5)');
row('message', 'cold', 'warm', 'peak MiB', 'bar', '');
{
  const large = message(20 * MB);
  const first = [alone(large), alone(large), alone(large)];
  const cold = large.length / MB / Math.min(...first.map(({ cpu }) => cpu));
  const mib = Math.max(...first.map((one) => one.mib));
  const warm = large.length / MB / Math.min(...[1, 2, 3].map(() => read(large).cpu));
  const complete = first.every(({ last }) => last);
  row(
    '20 MB, in pieces of 64 KiB',
    cold.toFixed(1),
    warm.toFixed(1),
    mib.toFixed(0),
    '>= 30, <= 32',
    bar(cold >= 30 && mib <= 32 && complete),
  );
  const small = message(50_000);
  let best = 0;
  for (let round = 0; round < 5; round++) {
    const since = seconds();
    for (let n = 0; n < 200; n++) readOnce(small);
    best = Math.max(best, (200 * small.length) / MB / (seconds() - since));
  }
  row('50 KB', '', best.toFixed(1), '', '>= 20', bar(best >= 20));
}

console.log('\nText alone, MB per CPU-second');
row('5 MB', 'best of 3', '', '', '', '');
const text = prose(5 * MB, 20);
const html = page(5 * MB);
const finder = new LinkifyIt();
for (const [name, run, size] of [
  ['urisInText', () => urisInText(text), text.length],
  ['linkify-it', () => finder.match(text), text.length],
  ['urisInHtml', () => urisInHtml(html), html.length],
] as const) {
  let best = 0;
  for (let i = 0; i < 3; i++) {
    const since = seconds();
    run();
    best = Math.max(best, size / MB / (seconds() - since));
  }
  row(name, best.toFixed(1));
}

const plain = 'Content-Type: text/plain\r\n\r\n';
const markup = 'Content-Type: text/html\r\n\r\n';
const times = (n: number, make: (i: number) => string): string =>
  Array.from({ length: Math.floor(n) }, (_, i) => make(i)).join('');
const hostile: [string, (k: number) => string][] = [
  ...(['a', 'a.', 'http://', '<', '@'] as const).flatMap((piece): [string, (k: number) => string][] => [
    [`10 MB of ${piece}, text`, (k) => plain + piece.repeat((10 * MB * k) / piece.length)],
    [`10 MB of ${piece}, HTML`, (k) => markup + piece.repeat((10 * MB * k) / piece.length)],
  ]),
  ['100,000 links, text', (k) => plain + times(1e5 * k, (i) => `http://h${i}.example.com/${i} `)],
  ['100,000 links, HTML', (k) => markup + times(1e5 * k, (i) => `<a href="http://h${i}.example.com/${i}">x</a>`)],
  [
    '10,000 multiparts inside each other',
    (k) => times(1e4 * k, (i) => `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`),
  ],
  ['10,000 messages inside each other', (k) => times(1e4 * k, () => 'Content-Type: message/rfc822\r\n\r\n')],
  ['an attribute of 1 MB', (k) => `${markup}<a href="http://example.com/${'a'.repeat(MB * k)}">`],
  ['1,000,000 entities', (k) => markup + '&amp;'.repeat(MB * k)],
  ['1,000,000 boundaries', (k) => `Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n'.repeat(MB * k)}`],
  [
    '10 MB of links in links',
    (k) => plain + `http://example.com/?u=${'http://example.org/&u='.repeat(300)} `.repeat(1_500 * k),
  ],
];

console.log('\nHostile messages: CPU-seconds, growth when the input doubles, peak MiB (bar: 1.5 s, 2.3 times, 64 MiB)');
row('input', 'seconds', 'doubled', 'growth', 'peak MiB', '');
for (const [name, make] of hostile) {
  const [one, two] = [Buffer.from(make(1)), Buffer.from(make(2))];
  // In turns, so that what else the machine does falls on both.
  const reads = Array.from({ length: 5 }, () => [read(one), read(two)] as const);
  const once = { cpu: Math.min(...reads.map(([r]) => r.cpu)), mib: Math.max(...reads.map(([r]) => r.mib)) };
  const twice = { cpu: Math.min(...reads.map(([, r]) => r.cpu)) };
  const growth = twice.cpu / once.cpu;
  // What takes no time at all has no growth that could be measured.
  const kept = once.cpu <= 1.5 && (growth <= 2.3 || twice.cpu < 0.1) && once.mib <= 64;
  row(name, once.cpu.toFixed(3), twice.cpu.toFixed(3), growth.toFixed(1), once.mib.toFixed(0), bar(kept));
}
process.exitCode = missed > 0 ? 1 : 0;
