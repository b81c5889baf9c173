/** Real signatures for tests: keys made here, messages signed by the signer's side of mailauth. */
import { generateKeyPairSync } from 'node:crypto';
import { createSeal } from 'mailauth/lib/arc/index.js';
import { dkimSign } from 'mailauth/lib/dkim/sign.js';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const weak = generateKeyPairSync('rsa', { modulusLength: 512 });
const edwards = generateKeyPairSync('ed25519');

export const keys = {
  rsa: rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  weak: weak.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  ed25519: edwards.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
};
export type KeyName = keyof typeof keys;

/** The key records. */
export const records: { readonly [K in KeyName]: string } = {
  rsa: `v=DKIM1; k=rsa; p=${rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`,
  weak: `v=DKIM1; k=rsa; p=${weak.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`,
  ed25519: `v=DKIM1; k=ed25519; p=${edwards.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')}`,
};

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
