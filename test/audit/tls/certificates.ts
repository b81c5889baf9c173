import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** Content of a certificate. */
export interface Wanted {
  /** DNS names of subjectAltName. Empty: no such extension. */
  readonly names?: readonly string[];
  readonly commonName?: string;
  /** Days from now. */
  readonly from?: number;
  readonly to?: number;
  readonly key?: 'P-256' | 'P-192' | 'RSA 2048' | 'RSA 1024';
  readonly digest?: 'sha256' | 'sha1';
  readonly authority?: boolean;
  /** Issuer. Default: self-signed. */
  readonly by?: Issued;
  /** 4 octets each. */
  readonly addresses?: readonly (readonly number[])[];
}

/** A certificate with its key, which can sign others. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
  readonly der: Buffer;
  readonly privateKey: KeyObject;
  readonly subject: Buffer;
}

const der = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts);
  const { length } = body;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
};
const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const extension = (id: string, value: Buffer): Buffer => sequence(oid(id), der(0x04, value));
const time = (date: Date): Buffer =>
  der(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`));

const DAY = 86_400_000;

const algorithms = {
  'ec sha256': sequence(oid('2a8648ce3d040302')),
  'ec sha1': sequence(oid('2a8648ce3d0401')),
  'rsa sha256': sequence(oid('2a864886f70d01010b'), Buffer.from([5, 0])),
  'rsa sha1': sequence(oid('2a864886f70d010105'), Buffer.from([5, 0])),
};

function keyPair(key: NonNullable<Wanted['key']>): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  const [kind, size] = key.split(' ');
  return kind === 'RSA'
    ? generateKeyPairSync('rsa', { modulusLength: Number(size) })
    : generateKeyPairSync('ec', { namedCurve: key === 'P-192' ? 'prime192v1' : 'P-256' });
}

/** Creates a certificate (RFC 5280 §4.1). */
export function issue(wanted: Wanted = {}): Issued {
  const { names = [], commonName, from = -1, to = 90, key = 'P-256', digest = 'sha256', by, addresses = [] } = wanted;
  const { privateKey, publicKey } = keyPair(key);
  const subject =
    commonName === undefined
      ? sequence(der(0x31, sequence(oid('55040a'), der(0x0c, Buffer.from(`test ${randomBytes(4).toString('hex')}`)))))
      : sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(commonName)))));
  const signer = by?.privateKey ?? privateKey;
  const algorithm = algorithms[`${signer.asymmetricKeyType === 'rsa' ? 'rsa' : 'ec'} ${digest}`];
  const alternatives = [
    ...names.map((name) => der(0x82, Buffer.from(name, 'latin1'))),
    ...addresses.map((address) => der(0x87, Buffer.from(address))),
  ];
  const extensions = [
    ...(alternatives.length === 0 ? [] : [extension('551d11', sequence(...alternatives))]),
    ...(wanted.authority === true ? [extension('551d13', sequence(der(0x01, Buffer.from([255]))))] : []),
  ];
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    by?.subject ?? subject,
    sequence(time(new Date(Date.now() + from * DAY)), time(new Date(Date.now() + to * DAY))),
    subject,
    createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })).export({ type: 'spki', format: 'der' }),
    ...(extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))]),
  );
  const whole = sequence(body, algorithm, der(0x03, Buffer.from([0]), sign(digest, body, signer)));
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${(whole.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    der: whole,
    privateKey,
    subject,
  };
}

/** Creates an authority. */
export const authority = (wanted: Wanted = {}): Issued =>
  issue({ commonName: `Authority ${randomBytes(4).toString('hex')}`, authority: true, ...wanted });
