import { describe, expect, test } from 'vitest';
import { type AuditFinding, found } from '../../src/audit/finding.ts';
import { apart, grouped, joined } from '../../src/audit/group.ts';

const missing = (host: string, address = '192.0.2.1'): AuditFinding =>
  found('starttls-missing', `${host}:25`, `The server ${host} does not offer STARTTLS.`, [`address: ${address}`]);
const [a, b, c] = ['a.example', 'b.example', 'c.example'].map((host) => missing(host)) as [
  AuditFinding,
  AuditFinding,
  AuditFinding,
];

describe('grouping', () => {
  test('three findings → one about the domain that names all hosts', () => {
    expect(grouped([a, b, c], 'example')).toMatchObject([
      { id: 'starttls-missing', subject: 'example', subjects: ['a.example:25', 'b.example:25', 'c.example:25'] },
    ]);
  });
  test('three ports of one host → one finding about the host', () => {
    const ports = [25, 465, 587].map((port) =>
      found('tls-old', `mx.example:${port}`, 'The server still speaks TLS 1.0.'),
    );
    expect(grouped(ports, 'example')).toMatchObject([{ subject: 'mx.example' }]);
  });
  test.each([
    ['two', [a, b]],
    ['three addresses of one service', [missing('a.example', '192.0.2.1'), missing('a.example', '192.0.2.2'), a]],
    ['three severities', [a, b, { ...c, severity: 'high' as const }]],
    ['three kinds', [a, b, { ...c, id: 'tls-old' as const }]],
    ['three causes', [a, b, { ...c, what: 'Something else.' }]],
  ])('%s → as they are', (_, findings) => {
    expect(grouped(findings, 'example')).toEqual(findings);
  });
  test('split and joined → the same; with parts removed → only the rest', () => {
    const [one] = grouped([a, b, c, missing('d.example')], 'example') as [AuditFinding];
    const parts = apart([one, a]);
    expect(parts.map(({ part }) => part.subject)).toEqual(
      ['a', 'b', 'c', 'd', 'a'].map((name) => `${name}.example:25`),
    );
    expect(joined(parts)).toEqual([one, a]);
    expect(joined(parts.slice(1, 4))).toEqual([{ ...one, subjects: ['b.example:25', 'c.example:25', 'd.example:25'] }]);
    expect(joined(parts.slice(0, 1)).map(({ subject }) => subject)).toEqual(['a.example:25']);
  });
});
