/** Real signatures for tests: messages signed by the signer's side of mailauth. */
import { createHash, createPublicKey, sign as cryptoSign } from 'node:crypto';
import { createSeal } from 'mailauth/lib/arc/index.js';
import { dkimSign } from 'mailauth/lib/dkim/sign.js';
import { authenticateMessage } from 'postern/checks/message-authentication';
import { fixedClock, zone } from 'postern/testing';
import { keys } from './keys.ts';

export { keys };

// Loads the verifier, in real time: a test's clock may otherwise run out before a busy machine has done so.
await authenticateMessage({ raw: new Uint8Array(0) }, { dns: zone({}), clock: fixedClock() });

export type KeyName = keyof typeof keys;

/** The key records. */
export const records: { readonly [K in KeyName]: string } = {
  rsa: `v=DKIM1; k=rsa; p=${publicKey('rsa').toString('base64')}`,
  weak: `v=DKIM1; k=rsa; p=${publicKey('weak').toString('base64')}`,
  ed25519: `v=DKIM1; k=ed25519; p=${publicKey('ed25519').subarray(-32).toString('base64')}`,
};

function publicKey(name: KeyName): Buffer {
  return createPublicKey(keys[name]).export({ type: 'spki', format: 'der' });
}

/** When the tests' messages are signed and read: 2030-01-01. */
export const NOW = 1_893_456_000_000;

export const plain = (from = 'alice@example.org', body = 'Hello\r\n'): string =>
  `From: ${from}\r\nTo: bob@example.com\r\nSubject: Test\r\nDate: Tue, 01 Jan 2030 00:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\n${body}`;

export interface How {
  readonly selector?: string;
  readonly maxBodyLength?: number;
  readonly expires?: number;
  readonly canonicalization?: string;
}

/** The message with a signature on top. */
export async function sign(message: string, domain: string, key: KeyName = 'rsa', how: How = {}): Promise<string> {
  const { expires, selector = key, ...rest } = how;
  const one = { signingDomain: domain, selector, privateKey: keys[key], ...rest };
  const { signatures, errors } = await dkimSign(message, {
    ...one,
    signTime: new Date(NOW - 60_000),
    ...(expires === undefined ? {} : { expires: new Date(expires) }),
    signatureData: [one],
  });
  if (errors.length > 0) throw errors[0]?.err;
  return `${signatures}${message}`;
}

/** The message with an ARC set on top. */
export async function seal(message: string, domain: string, authResults: string, cv = 'none'): Promise<string> {
  const options = { signingDomain: domain, selector: 'rsa', privateKey: keys.rsa, cv, authResults };
  const { headers, errors } = await createSeal(message, { seal: options } as unknown as Parameters<
    typeof createSeal
  >[1]);
  if (errors.length > 0) throw errors[0]?.err;
  return `${headers.join('\r\n')}\r\n${message}`;
}

/** The octets of a text in which each character is one octet. */
export const octets = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** RFC 6376 §3.4.1 to §3.4.4, written down once more, as the specification puts it. */
const relaxedField = (field: string): string => {
  const colon = field.indexOf(':');
  const value = field
    .slice(colon + 1)
    .replace(/\r\n/g, '')
    .replace(/[ \t]+/g, ' ')
    .replace(/^ | $/g, '');
  return `${field
    .slice(0, colon)
    .toLowerCase()
    .replace(/[ \t]+$/, '')}:${value}`;
};
export const canonicalBody = (body: string, how: 'simple' | 'relaxed'): string => {
  const text = how === 'simple' ? body : body.replace(/[ \t]+(?=\r\n|$)/g, '').replace(/[ \t]+/g, ' ');
  let end = text.length;
  while (text.startsWith('\r\n', end - 2) && end > 1) end -= 2;
  const content = text.slice(0, end);
  return content === '' && how === 'relaxed' ? '' : `${content}\r\n`;
};

/** A signature whose every tag is the test's own; `b` and `bh` are made to fit if they are not given. */
export interface Tags {
  readonly [tag: string]: string | undefined;
}

/** Signs a message by the letter of RFC 6376, with whatever tags are given, in that order. */
export function signAs(message: string, tags: Tags, key: KeyName = 'rsa', separator = '; '): string {
  const split = message.indexOf('\r\n\r\n');
  const header = split < 0 ? message.replace(/\r\n$/, '') : message.slice(0, split);
  const body = split < 0 ? '' : message.slice(split + 4);
  const all: Tags = {
    v: '1',
    a: key === 'ed25519' ? 'ed25519-sha256' : 'rsa-sha256',
    c: 'relaxed/relaxed',
    d: 'example.org',
    s: key,
    h: 'from:to:subject',
    ...tags,
  };
  const [head = 'simple', tail = 'simple'] = (all.c ?? '').toLowerCase().split('/');
  const how = (word: string): 'simple' | 'relaxed' => (word.trim() === 'relaxed' ? 'relaxed' : 'simple');
  const canonical = canonicalBody(body, how(tail));
  const part = all.l === undefined ? canonical : canonical.slice(0, Number(all.l));
  const bh = all.bh ?? createHash('sha256').update(octets(part)).digest('base64');
  const list = Object.entries({ ...all, bh, b: undefined }).filter(
    (tag): tag is [string, string] => tag[1] !== undefined,
  );
  const unsigned = `DKIM-Signature: ${[...list, ['b', '']].map((tag) => tag.join('=')).join(separator)}`;
  const fields = header.split(/\r\n(?![ \t])/).reverse();
  const signed = (all.h ?? '').split(':').flatMap((name) => {
    const at = fields.findIndex(
      (field) => field.slice(0, field.indexOf(':')).trim().toLowerCase() === name.trim().toLowerCase(),
    );
    return at < 0 ? [] : fields.splice(at, 1);
  });
  const written = how(head) === 'relaxed' ? [...signed, unsigned].map(relaxedField) : [...signed, unsigned];
  const input = octets(written.join('\r\n'));
  const b =
    all.b ??
    (key === 'ed25519'
      ? cryptoSign(null, createHash('sha256').update(input).digest(), keys[key])
      : cryptoSign('sha256', input, keys[key])
    ).toString('base64');
  return `${unsigned}${b}\r\n${message}`;
}
