import { parseDomain, parseIp } from 'postern/net';
import { expect, test } from 'vitest';
import type { CertificateAudit, ServiceAudit } from '../../../src/audit/report.ts';
import { failoverFindings } from '../../../src/audit/smtp/index.ts';
import type { RedundancyHost } from '../../../src/checks/mx-redundancy/index.ts';

type Seen = Partial<ServiceAudit> & Pick<ServiceAudit, 'reach'>;

const certificate = (changed: Partial<CertificateAudit> = {}): Pick<ServiceAudit, 'starttls' | 'session'> => ({
  starttls: 'offered',
  session: {
    versions: {},
    certificate: {
      subject: '',
      issuer: '',
      names: [],
      notBefore: '2026-01-01T00:00:00.000Z',
      notAfter: '2027-01-01T00:00:00.000Z',
      chain: 'valid',
      selfSigned: false,
      nameMatches: true,
      key: 'EC P-256',
      signature: 'ECDSA SHA-256',
      fingerprint: '',
      ...changed,
    },
  },
});
const open: Seen = { reach: 'open', greeting: '220 hello', ...certificate() };
const refused: Seen = { reach: 'refused' };
const timeout: Seen = { reach: 'timeout' };

/** Hosts in order of preference, with the result for each address. */
const findings = (...hosts: readonly (readonly Seen[])[]) => {
  const services = hosts.flatMap((addresses, at) =>
    addresses.map(
      (seen, index): ServiceAudit => ({
        service: 'smtp',
        host: `mx${at + 1}.example.org`,
        address: `192.0.${at}.${index + 1}`,
        port: 25,
        tls: 'starttls',
        because: 'mx',
        preference: 10 * (at + 1),
        ...seen,
      }),
    ),
  );
  const published = hosts.map(
    (_, at): RedundancyHost =>
      ({
        host: parseDomain(`mx${at + 1}.example.org`),
        preference: 10 * (at + 1),
        addresses: [{ address: parseIp(`192.0.${at}.1`), scope: 'public' }],
        networks: [],
      }) as unknown as RedundancyHost,
  );
  return failoverFindings('example.org', services, { hosts: published });
};
const ids = (...hosts: readonly (readonly Seen[])[]): string[] => findings(...hosts).map(({ id }) => id);

test.each([
  ['both greet', [[open], [open]], []],
  ['one host greets', [[open]], []],
  ['the second is refused', [[open], [refused]], ['failover-lost']],
  ['the first is refused', [[refused], [open]], ['failover-lost']],
  ['the second times out', [[open], [timeout]], ['failover-lost']],
  ['the second is mute', [[open], [{ reach: 'mute' }]], ['failover-lost']],
  ['the second refuses every session', [[open], [{ reach: 'no-service', greeting: '554 no' }]], ['failover-lost']],
  ['the second speaks another protocol', [[open], [{ reach: 'wrong-protocol' }]], ['failover-lost']],
  ['the second refuses this client temporarily', [[open], [{ reach: 'no-service', greeting: '421 busy' }]], []],
  ['the second refuses this client by policy', [[open], [{ reach: 'no-service', greeting: '554 5.7.1 no' }]], []],
  ['the second closed early', [[open], [{ reach: 'broken-off' }]], []],
  ['the second greets on one of two addresses', [[open], [refused, open]], []],
  ['two of three greet', [[open], [refused], [open]], []],
  ['all are refused', [[refused], [refused]], ['smtp-all-unreachable']],
  ['the only one is refused', [[refused]], ['smtp-all-unreachable']],
  ['the only one times out', [[timeout]], ['smtp-all-unreachable']],
  ['one is refused, one times out', [[refused], [timeout]], ['smtp-all-unreachable']],
  ['all time out', [[timeout], [timeout]], ['smtp-blocked-here']],
  ['all are mute: no finding of the domain', [[{ reach: 'mute' }], [{ reach: 'mute' }]], []],
  ['no results', [], []],
] as readonly (readonly [string, readonly (readonly Seen[])[], readonly string[]])[])('%s', (_, hosts, expected) => {
  expect(ids(...hosts)).toEqual(expected);
});

test.each([
  ['no TLS', { starttls: 'missing', session: undefined }],
  ['failed TLS', { starttls: 'failed', session: undefined }],
  ['a certificate for another name', certificate({ nameMatches: false })],
  ['a self-signed certificate', certificate({ chain: 'DEPTH_ZERO_SELF_SIGNED_CERT', selfSigned: true })],
  ['an expired certificate', certificate({ chain: 'CERT_HAS_EXPIRED' })],
  ['a relay', { relay: [{ form: 'plain', path: '<a@b>', reply: '250', accepted: true }] }],
] as const)('a backup with %s → weaker; the first so, or both → not', (_, changed) => {
  const weak: Seen = { ...open, ...changed };
  expect(ids([open], [weak])).toEqual(['backup-weaker']);
  expect(ids([open], [open, weak])).toEqual(['backup-weaker']);
  expect(ids([weak], [open])).toEqual([]);
  expect(ids([weak], [weak])).toEqual([]);
});

test('a backup that is down is not weaker', () => {
  expect(ids([open], [open], [refused])).toEqual([]);
});

test('hosts with the same preference are not backups of each other', () => {
  const same: Seen = { ...open, starttls: 'missing', preference: 10 };
  expect(ids([open], [same])).toEqual([]);
});

test('losing one host is high; losing all hosts is critical', () => {
  expect(findings([refused], [refused])[0]).toMatchObject({ severity: 'critical', subject: 'example.org' });
  expect(findings([open], [refused])[0]).toMatchObject({ severity: 'high', subject: 'example.org' });
});
