import { createHash, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  certificateFindings,
  daneMatches,
  namesHost,
  probeVersions,
  readCertificate,
  versionFindings,
} from '../../../src/audit/tls/index.ts';
import { contextWith } from '../context.ts';
import { authority, type Issued, issue } from './certificates.ts';
import { beginTls, type Listening, tcpServer, tlsServer } from './tls-server.ts';

const host = 'mx.example.org';
const ca = authority({ from: -60 });
const middle = authority({ by: ca });
const stranger = authority();
const good = issue({ names: [host], by: ca });
const self = issue({ names: [host] });
const open: Listening[] = [];
const serving = async (server: Promise<Listening>): Promise<number> => {
  const listening = await server;
  open.push(listening);
  return listening.port;
};
afterAll(() => Promise.all(open.map((server) => server.close())));

async function findingsOf(chain: readonly Issued[], names: readonly string[] = [host], now = Date.now()) {
  const context = {
    ...contextWith({ authorities: [ca.cert] }),
    clock: { now: () => now, after: contextWith().clock.after },
  };
  const begun = await beginTls(await serving(tlsServer(chain)), { authorities: [ca.cert] });
  if (begun.status !== 'secure') throw new Error(begun.reason);
  const certificate = readCertificate(begun.socket, names, context);
  if (certificate === undefined) throw new Error('no certificate');
  begun.socket.destroy();
  return { certificate, findings: certificateFindings('x:25', certificate, names, context, 'medium') };
}

describe('names', () => {
  test.each([
    ['mx.example.org', 'mx.example.org', true],
    ['MX.Example.ORG', 'mx.example.org', true],
    ['mx.example.org', 'mx.example.org.', true],
    ['*.example.org', 'mx.example.org', true],
    ['*.example.org', 'a.mx.example.org', false],
    ['*.example.org', 'example.org', false],
    ['m*.example.org', 'mx.example.org', false],
    ['mx.*.org', 'mx.example.org', false],
    ['*.org', 'example.org', false],
    ['*', 'example', false],
    ['xn--mnchen-3ya.example', 'münchen.example', true],
    ['*.xn--mnchen-3ya.example', 'mx.münchen.example', true],
    ['example.org', 'mx.example.org', false],
    ['mx.example.org\0.evil.example', 'mx.example.org', false],
    ['192.0.2.1', '192.0.2.1', false],
    ['', 'mx.example.org', false],
  ])('%j for %s → %s', (presented, name, matches) => {
    expect(namesHost(presented, name)).toBe(matches);
  });
});

describe('certificates', () => {
  const cases: readonly (readonly [string, readonly Issued[], readonly string[]])[] = [
    ['good', [good], []],
    ['good, by an authority between', [issue({ names: [host], by: middle }), middle], []],
    ['a wildcard', [issue({ names: ['*.example.org'], by: ca })], []],
    ['one of many names', [issue({ names: ['a.example', host, 'b.example'], by: ca })], []],
    ['the authority between is not sent', [issue({ names: [host], by: middle })], ['certificate-untrusted']],
    ['an unknown authority', [issue({ names: [host], by: stranger })], ['certificate-untrusted']],
    ['an unknown authority, sent', [issue({ names: [host], by: stranger }), stranger], ['certificate-untrusted']],
    ['signed by itself', [self], ['certificate-self-signed']],
    [
      'signed by itself, and another name',
      [issue({ names: ['other.example'] })],
      ['certificate-name', 'certificate-self-signed'],
    ],
    ['another name', [issue({ names: ['other.example'], by: ca })], ['certificate-name']],
    [
      'the name in the common name too, but others as DNS names',
      [issue({ names: ['other.example'], commonName: host, by: ca })],
      ['certificate-name'],
    ],
    ['the common name alone', [issue({ commonName: host, by: ca })], ['certificate-common-name']],
    ['another common name alone', [issue({ commonName: 'other.example', by: ca })], ['certificate-name']],
    ['expired', [issue({ names: [host], by: ca, from: -30, to: -2 })], ['certificate-expired']],
    [
      'expired, by an authority between',
      [issue({ names: [host], by: middle, from: -30, to: -2 }), middle],
      ['certificate-expired'],
    ],
    [
      'expired and signed by itself',
      [issue({ names: [host], from: -30, to: -2 })],
      ['certificate-expired', 'certificate-self-signed'],
    ],
    [
      'expired, of an unknown authority',
      [issue({ names: [host], by: stranger, from: -30, to: -2 })],
      ['certificate-expired', 'certificate-untrusted'],
    ],
    [
      'expired and another name',
      [issue({ names: ['other.example'], by: ca, from: -30, to: -2 })],
      ['certificate-expired', 'certificate-name'],
    ],
    ['not valid yet', [issue({ names: [host], by: ca, from: 3 })], ['certificate-not-yet-valid']],
    ['expires in a week', [issue({ names: [host], by: ca, to: 7 })], ['certificate-expires-soon']],
    ['expires in three weeks', [issue({ names: [host], by: ca, to: 21 })], []],
    ['RSA 2048', [issue({ names: [host], by: ca, key: 'RSA 2048' })], []],
    ['RSA 1024', [issue({ names: [host], by: ca, key: 'RSA 1024' })], ['certificate-weak']],
    ['SHA-1', [issue({ names: [host], by: ca, digest: 'sha1' })], ['certificate-weak']],
  ];
  test.each(cases.map(([what, chain, ids]) => ({ what, chain, ids })))('$what → $ids', async ({ chain, ids }) => {
    const { findings } = await findingsOf(chain);
    expect(findings.map(({ id }) => id)).toEqual(ids);
  });

  test('an expired intermediate authority → untrusted, not expired', async () => {
    const old = authority({ by: ca, from: -30, to: -2 });
    const { findings } = await findingsOf([issue({ names: [host], by: old }), old]);
    expect(findings.map(({ id }) => id)).toEqual(['certificate-untrusted']);
  });

  test('dates are compared with the given clock', async () => {
    const later = Date.now() + 100 * 86_400_000;
    expect((await findingsOf([good], [host], later)).findings.map(({ id }) => id)).toEqual(['certificate-expired']);
    const past = issue({ names: [host], by: ca, from: -30, to: -2 });
    const then = Date.now() - 20 * 86_400_000;
    expect((await findingsOf([past], [host], then)).findings).toEqual([]);
  });

  test('any of the names matches; an IP address matches iPAddress entries', async () => {
    expect((await findingsOf([good], ['other.example', host])).findings).toEqual([]);
    const byAddress = issue({ names: ['a.example'], addresses: [[127, 0, 0, 1]], by: ca });
    expect((await findingsOf([byAddress], ['127.0.0.1'])).findings).toEqual([]);
    expect((await findingsOf([byAddress], ['127.0.0.2'])).findings.map(({ id }) => id)).toEqual(['certificate-name']);
  });

  test('a name with special characters does not hide other names', async () => {
    const odd = issue({ names: ['x, DNS:mx.example.org', 'y"z'], by: ca });
    const { certificate, findings } = await findingsOf([odd]);
    expect(certificate.names).toEqual(['x, DNS:mx.example.org', 'y"z']);
    expect(findings.map(({ id }) => id)).toEqual(['certificate-name']);
  });

  test('what is read', async () => {
    const { certificate } = await findingsOf([issue({ names: [host], commonName: 'cn.example', by: ca })]);
    expect(certificate).toMatchObject({
      names: [host],
      commonName: 'cn.example',
      chain: 'valid',
      selfSigned: false,
      nameMatches: true,
      key: 'EC P-256',
      signature: 'ECDSA SHA-256',
    });
    expect(certificate.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(certificate.notAfter).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });
});

describe('versions', () => {
  test.each([
    ['TLSv1.2', 'TLSv1.3', [false, false, true, true], []],
    ['TLSv1.3', 'TLSv1.3', [false, false, false, true], []],
    ['TLSv1', 'TLSv1.3', [true, true, true, true], ['tls-old']],
    ['TLSv1.1', 'TLSv1.2', [false, true, true, false], ['tls-old']],
    ['TLSv1', 'TLSv1', [true, false, false, false], ['tls-old-only']],
    ['TLSv1', 'TLSv1.1', [true, true, false, false], ['tls-old-only']],
  ] as const)('%s to %s → %j, %j', async (minVersion, maxVersion, spoken, ids) => {
    const port = await serving(tlsServer([good], { minVersion, maxVersion }));
    const versions = await probeVersions(async (version) => {
      const begun = await beginTls(port, { version });
      if (begun.status === 'secure') begun.socket.destroy();
      return begun;
    });
    expect(Object.values(versions)).toEqual(spoken);
    expect(versionFindings('x:25', { versions }, 'low').map(({ id }) => id)).toEqual(ids);
  });

  test('closed or unreachable → unknown, no finding', async () => {
    const port = await serving(tcpServer((socket) => socket.once('data', () => socket.destroy())));
    const versions = await probeVersions((version) => beginTls(port, { version }));
    expect(versions).toEqual({});
    expect(versionFindings('x:25', { versions }, 'low')).toEqual([]);
    expect(await probeVersions(() => Promise.reject(new Error('no')))).toEqual({});
  });

  test('the negotiated version counts if the tests are inconclusive', () => {
    const findings = versionFindings('x:25', { versions: {}, negotiated: 'TLSv1.1' }, 'low');
    expect(findings.map(({ id, severity }) => [id, severity])).toEqual([['tls-old-only', 'high']]);
  });

  test('old and new versions → the given severity', () => {
    const versions = { TLSv1: true, 'TLSv1.2': true };
    expect(versionFindings('x:25', { versions }, 'low')[0]).toMatchObject({ id: 'tls-old', severity: 'low' });
    expect(versionFindings('x:25', { versions }, 'medium')[0]).toMatchObject({ id: 'tls-old', severity: 'medium' });
  });
});

describe('DANE', () => {
  const chainOf = (...issued: readonly Issued[]) => issued.map(({ der }) => new X509Certificate(der));
  const spki = (of: Issued) => new X509Certificate(of.der).publicKey.export({ type: 'spki', format: 'der' });
  const hash = (octets: Uint8Array, name = 'sha256') => createHash(name).update(octets).digest('hex');
  const record = (usage: number, selector: number, matching: number, data: string) =>
    ({ type: 'TLSA', usage, selector, matching, data }) as const;
  const leaf = issue({ names: [host], by: middle });
  const chain = chainOf(leaf, middle, ca);
  const expired = issue({ names: [host], by: middle, from: -30, to: -2 });
  const elsewhere = issue({ names: ['other.example'], by: middle });
  let lookalike: Issued;
  beforeAll(() => {
    lookalike = { ...leaf, der: issue({ names: [host], by: stranger }).der };
  });

  test.each([
    ['3 1 1, of the key', [record(3, 1, 1, hash(spki(leaf)))], chain, 'match'],
    ['3 0 1, of the certificate', [record(3, 0, 1, hash(leaf.der))], chain, 'match'],
    ['3 1 2', [record(3, 1, 2, hash(spki(leaf), 'sha512'))], chain, 'match'],
    ['3 0 0, whole, upper case', [record(3, 0, 0, leaf.der.toString('hex').toUpperCase())], chain, 'match'],
    ['3 1 1, of another key', [record(3, 1, 1, hash(spki(self)))], chain, 'mismatch'],
    ['3 0 1, where it is of the key', [record(3, 0, 1, hash(spki(leaf)))], chain, 'mismatch'],
    ['one of two', [record(3, 1, 1, hash(spki(self))), record(3, 1, 1, hash(spki(leaf)))], chain, 'match'],
    ['3 1 1, expired: dates do not matter', [record(3, 1, 1, hash(spki(expired)))], chainOf(expired), 'match'],
    ['3 1 1, another name: names do not matter', [record(3, 1, 1, hash(spki(elsewhere)))], chainOf(elsewhere), 'match'],
    ['2 0 1, of the authority between', [record(2, 0, 1, hash(middle.der))], chain, 'match'],
    ['2 1 1, of the root', [record(2, 1, 1, hash(spki(ca)))], chain, 'match'],
    ['2 1 1, the root is not sent', [record(2, 1, 1, hash(spki(ca)))], chainOf(leaf, middle), 'mismatch'],
    ['2 1 1, another name', [record(2, 1, 1, hash(spki(ca)))], chainOf(elsewhere, middle, ca), 'mismatch'],
    ['2 1 1, expired', [record(2, 1, 1, hash(spki(ca)))], chainOf(expired, middle, ca), 'mismatch'],
    [
      '2 0 1, sent, but did not sign',
      [record(2, 0, 1, hash(stranger.der))],
      chainOf(leaf, middle, stranger),
      'mismatch',
    ],
    ['1 1 1', [record(1, 1, 1, hash(spki(leaf)))], chain, 'unusable'],
    ['0 0 1', [record(0, 0, 1, hash(ca.der))], chain, 'unusable'],
    ['3 2 1', [record(3, 2, 1, hash(spki(leaf)))], chain, 'unusable'],
    ['3 1 3', [record(3, 1, 3, hash(spki(leaf)))], chain, 'unusable'],
    ['3 1 1, too short', [record(3, 1, 1, 'abcd')], chain, 'unusable'],
    ['1 1 1 beside 3 1 1', [record(1, 1, 1, hash(spki(leaf))), record(3, 1, 1, hash(spki(leaf)))], chain, 'match'],
    ['nothing was shown', [record(3, 1, 1, hash(spki(leaf)))], [], 'mismatch'],
  ] as const)('%s → %3$s', (_, records, shown, expected) => {
    expect(daneMatches({ records, authentic: true }, shown, [host], Date.now())).toBe(expected);
  });

  test('an unsigned zone → unsigned', () => {
    expect(daneMatches({ records: [record(3, 1, 1, hash(spki(leaf)))], authentic: false }, chain, [host], 0)).toBe(
      'unsigned',
    );
  });

  test('another certificate of the same name does not match', () => {
    expect(
      daneMatches(
        { records: [record(2, 1, 1, hash(spki(ca)))], authentic: true },
        chainOf(lookalike, middle, ca),
        [host],
        Date.now(),
      ),
    ).toBe('mismatch');
  });
});
