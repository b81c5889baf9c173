/**
 * What it costs to authenticate a message, whatever its shape: CPU-seconds per MB, all of the process, and the most CPU
 * time for which other work had to wait. Each message has a relaxed and a simple signature that pass, or what its row
 * says. Ends with 1 if a bar is missed. A number behind the name is the size in MB (default: 10).
 */
import { generateKeyPairSync } from 'node:crypto';
import { createSeal } from 'mailauth/lib/arc/index.js';
import { dkimSign } from 'mailauth/lib/dkim/sign.js';
import { systemClock } from '../../src/adapters/system/index.ts';
import { authenticateMessage } from '../../src/checks/message-authentication/index.ts';
import { zone } from '../../src/testing/index.ts';

const MB = 1e6;
const size = Number(process.argv[2] ?? 10) * MB;
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const key = `v=DKIM1; p=${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`;
const clock = systemClock();
const dns = zone({
  's._domainkey.example.org': { TXT: [key] },
  's._domainkey.lists.example': { TXT: [key] },
  '_dmarc.example.org': { TXT: ['v=DMARC1; p=reject'] },
});

const HEADER = 'From: a@example.org\r\nTo: b@example.com\r\nSubject: x\r\n';

async function signed(header: string, body: string): Promise<Buffer> {
  let message = `${header}\r\n${body}`;
  for (const canonicalization of ['relaxed/relaxed', 'simple/simple']) {
    const one = { signingDomain: 'example.org', selector: 's', privateKey: pem };
    const { signatures } = await dkimSign(message, { ...one, canonicalization, signatureData: [one] });
    message = signatures + message;
  }
  return Buffer.from(message);
}

/** Signs a short body and puts the long one in its place: what costs the same, and mailauth's signer need not hash it. */
async function forged(header: string, body: string): Promise<Buffer> {
  const short = (await signed(header, 'x\r\n')).toString();
  return Buffer.from(short.slice(0, -3) + body);
}

async function* inPieces(message: Buffer, piece: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < message.length; at += piece) yield message.subarray(at, at + piece);
}

interface Cost {
  readonly cpu: number;
  /** The most CPU time between two ticks of the event loop, in milliseconds: what others do on the machine is not in it. */
  readonly stall: number;
}

const spent = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

/** The least of five runs. */
async function cost(run: () => Promise<unknown>): Promise<Cost> {
  let best: Cost = { cpu: Number.POSITIVE_INFINITY, stall: Number.POSITIVE_INFINITY };
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const since = spent();
    let last = since;
    let stall = 0;
    const tick = (): void => {
      const now = spent();
      stall = Math.max(stall, now - last);
      last = now;
    };
    const timer = setInterval(tick, 1);
    await run();
    tick();
    clearInterval(timer);
    best = { cpu: Math.min(best.cpu, (spent() - since) / 1_000), stall: Math.min(best.stall, stall) };
  }
  return best;
}

let missed = 0;
const row = (...cells: string[]): void =>
  console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(44) : cell.padStart(12))).join(''));

async function measure(name: string, message: Buffer, piece: number, less: Cost = { cpu: 0, stall: 0 }): Promise<void> {
  const found = await cost(() =>
    authenticateMessage(
      { raw: piece === 0 ? message : inPieces(message, piece) },
      { dns, clock },
      { timeoutMs: 60_000 },
    ),
  );
  const perMb = (found.cpu - less.cpu) / (message.length / MB);
  const kept = perMb <= 0.1 && found.stall <= 50;
  if (!kept) missed++;
  row(name, (message.length / MB).toFixed(1), perMb.toFixed(4), found.stall.toFixed(0), kept ? 'ok' : 'MISSED');
}

const fill = (text: string, length = size): string => text.repeat(Math.ceil(length / text.length));
const bodies: [string, string][] = [
  ['lines of text', fill('The quick brown fox jumps over a lazy dog, and again, and so on it goes.\r\n')],
  ['one long line', fill('x')],
  ['one long line of words', fill('x y  z\t')],
  ['spaces alone', fill(' ')],
  ['CRLF alone', fill('\r\n')],
  ['CRLF, and a letter at the end', `${fill('\r\n')}x`],
  ['bare CR alone', fill('\r')],
  ['bare LF alone', fill('\n')],
  ['1,000 spaces at the end of each line', fill(`${' '.repeat(1_000)}\r\n`)],
  ['a space and a letter in turns', fill(' x')],
  ['NUL alone', fill('\0')],
];

row('body', 'MB', 'CPU s/MB', 'stall, ms', 'bar: 0.1, 50');
for (const [name, body] of bodies) await measure(name, await forged(HEADER, body), 65_536);
for (const [name, body] of bodies.slice(0, 2)) await measure(`${name}, in one piece`, await forged(HEADER, body), 0);

const MANY = 'DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s; h=from; bh=AA; b=AA; l=';
row('');
row('header', 'MB', 'CPU s/MB', 'stall, ms', 'bar: 0.1, 50');
const long = bodies[0]?.[1].slice(0, MB) ?? '';
const headers: [string, string][] = [
  ['2,000 signatures', Array.from({ length: 2_000 }, (_, i) => `${MANY}${i}\r\n`).join('')],
  [
    'ten signatures with 4,000 names in h=',
    `${MANY.replace('h=from', `h=from${':x'.repeat(2_000)}${':y'.repeat(1_900)}`)}1\r\n`.repeat(10),
  ],
  ['9,900 fields', 'X: y\r\n'.repeat(9_900)],
  ['9,900 folds', `X: y\r\n${' y\r\n'.repeat(9_900)}`],
  ['one field of 200 KB', `X: ${'x '.repeat(100_000)}\r\n`],
  ['a From field of 200 KB', `From: ${'a@example.org, '.repeat(13_000)}\r\n`],
];
let sealed = `${HEADER}\r\nx\r\n`;
for (let i = 1; i <= 20; i++) {
  const set = { signingDomain: 'lists.example', selector: 's', privateKey: pem, cv: i === 1 ? 'none' : 'pass' };
  const { headers: fields } = await createSeal(sealed, {
    seal: { ...set, authResults: 'lists.example; dmarc=pass' },
  } as never);
  sealed = `${fields.join('\r\n')}\r\n${sealed}`;
}
headers.push(['20 seals that are valid', sealed.slice(0, sealed.indexOf(HEADER))]);
for (const [name, header] of headers) await measure(name, await forged(header + HEADER, long), 65_536);

row('');
row('pieces', 'MB', 'CPU s/MB', 'stall, ms', 'less the source');
for (const piece of [1, 16, 256]) {
  const message = await forged(HEADER, fill('x y z\r\n', 2 * MB));
  const source = await cost(async () => {
    for await (const _ of inPieces(message, piece)) {
      // What the pieces cost by themselves.
    }
  });
  await measure(`of ${piece}`, message, piece, { cpu: source.cpu, stall: 0 });
}
process.exitCode = missed > 0 ? 1 : 0;
