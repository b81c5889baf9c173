/**
 * Reads the signature algorithm of a certificate (RFC 5280 §4.1.1.2), which Node.js does not provide.
 *
 * @module
 */

/** By object identifier, in hexadecimal. */
const algorithms: { readonly [identifier in string]?: string } = {
  '2a864886f70d010102': 'RSA MD2',
  '2a864886f70d010103': 'RSA MD4',
  '2a864886f70d010104': 'RSA MD5',
  '2a864886f70d010105': 'RSA SHA-1',
  '2b0e03021d': 'RSA SHA-1',
  '2b0e030203': 'RSA MD5',
  '2a864886f70d01010e': 'RSA SHA-224',
  '2a864886f70d01010b': 'RSA SHA-256',
  '2a864886f70d01010c': 'RSA SHA-384',
  '2a864886f70d01010d': 'RSA SHA-512',
  '2a8648ce380403': 'DSA SHA-1',
  '2b0e03021b': 'DSA SHA-1',
  '608648016503040302': 'DSA SHA-256',
  '2a8648ce3d0401': 'ECDSA SHA-1',
  '2a8648ce3d040301': 'ECDSA SHA-224',
  '2a8648ce3d040302': 'ECDSA SHA-256',
  '2a8648ce3d040303': 'ECDSA SHA-384',
  '2a8648ce3d040304': 'ECDSA SHA-512',
  '2b6570': 'Ed25519',
  '2b6571': 'Ed448',
};

/** The parameters of RSASSA-PSS contain the digest. Default: SHA-1 (RFC 4055 §3.1). */
const PSS = '2a864886f70d01010a';
const pssDigests: { readonly [identifier in string]?: string } = {
  '2b0e03021a': 'SHA-1',
  '608648016503040204': 'SHA-224',
  '608648016503040201': 'SHA-256',
  '608648016503040202': 'SHA-384',
  '608648016503040203': 'SHA-512',
};

const SEQUENCE = 0x30;
const OBJECT_IDENTIFIER = 0x06;
const FIRST_PARAMETER = 0xa0;

/** Returns the signature algorithm, for example `RSA SHA-256`. An unknown algorithm is shown by its identifier in hexadecimal. */
export function signatureAlgorithm(certificate: Uint8Array): string {
  const whole = element(certificate, SEQUENCE);
  const toBeSigned = whole && element(whole.body, SEQUENCE);
  const algorithm = toBeSigned && element(toBeSigned.rest, SEQUENCE);
  const identifier = algorithm && element(algorithm.body, OBJECT_IDENTIFIER);
  if (identifier === undefined) return 'unknown';
  const name = hex(identifier.body);
  if (name !== PSS) return algorithms[name] ?? `unknown (${name})`;
  const parameters = element(identifier.rest, SEQUENCE);
  const hash = parameters && element(parameters.body, FIRST_PARAMETER);
  const digest = hash && element(hash.body, SEQUENCE);
  const which = digest && element(digest.body, OBJECT_IDENTIFIER);
  return `RSA-PSS ${which === undefined ? 'SHA-1' : (pssDigests[hex(which.body)] ?? `unknown (${hex(which.body)})`)}`;
}

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

/** Reads one element with this tag. Returns its content and the remaining bytes. */
function element(
  octets: Uint8Array,
  tag: number,
): { readonly body: Uint8Array; readonly rest: Uint8Array } | undefined {
  if (octets[0] !== tag) return undefined;
  let length = octets[1] ?? 0;
  let at = 2;
  if (length >= 0x80) {
    const size = length & 0x7f;
    if (size === 0 || size > 3) return undefined;
    length = 0;
    for (const end = at + size; at < end; at++) length = (length << 8) | (octets[at] ?? 0);
  }
  if (at + length > octets.length) return undefined;
  return { body: octets.subarray(at, at + length), rest: octets.subarray(at + length) };
}
