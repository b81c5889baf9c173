import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterEach, describe, expect, test } from 'vitest';
import type { AuditReport } from '../../src/audit/index.ts';
import { type FakeMxHost, fakeMxHost, type Posture } from '../audit/smtp/fake-mx-host.ts';
import { authority, issue } from '../audit/tls/certificates.ts';
import { type Ended, postern } from './command.ts';

const host = 'mx.example.org';
const ca = authority();
const tls = { chain: [issue({ names: [host], by: ca })] };
const zone = { 'example.org': { MX: [[10, host]] }, [host]: { A: ['127.0.0.1'] } };

const running: FakeMxHost[] = [];
afterEach(() => Promise.all(running.splice(0).map((server) => server.close())));

/** Runs `postern audit` against a fake MX host on loopback. */
async function audited(posture: Posture, words: string): Promise<Ended> {
  const server = await fakeMxHost(posture);
  running.push(server);
  return postern(
    `audit --zone zone.json --ca ca.pem --public 127.0.0.0/8 --smtp-port ${server.port} --minimum 1 ` +
      `--only smtp,relay,tls,failover,dane --timeout 5s ${words} example.org`,
    { files: { 'zone.json': zone, 'ca.pem': ca.cert } },
  );
}

/** Returns the schema with `additionalProperties: false` everywhere, so that undocumented fields are errors. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const all = Object.fromEntries(Object.entries(value).map(([key, one]) => [key, closed(one)]));
  return 'properties' in value && 'type' in value ? { ...all, additionalProperties: false } : all;
}
const schema: unknown = JSON.parse(
  readFileSync(new URL('../../src/audit/report.schema.json', import.meta.url), 'utf8'),
);
const validate = new Ajv2020({ strict: true, allErrors: true }).compile(closed(schema) as object);
function faults(text: string): unknown {
  validate(JSON.parse(text));
  return (validate.errors ?? []).map(({ instancePath, message, params }) => [instancePath, message, params]);
}

/** Replies with terminal controls, line ends, markup and links. */
const hostile: Posture = {
  tls,
  greeting: '220 mx \u001b[2J\u001b]0;owned\u0007 ]]><script>"{0}[a](https://attacker.example)\u2028\u202e\r\n',
  ehlo: ['SIZE 1', 'X-\u001b[31m"&<>', 'STARTTLS'],
  rcpt: () => '250 2.1.5 "\u001b[2J" ]]></failure> {0} [a](https://attacker.example) \u009b31m',
};

describe('postern audit against a server on loopback', () => {
  test('server/no problems → exit status 0, and a report without undocumented fields', async () => {
    const { status, stdout, stderr } = await audited({ tls }, '--json');
    expect([status, stderr]).toEqual([0, '']);
    expect(faults(stdout)).toEqual([]);
    const report = JSON.parse(stdout) as AuditReport;
    expect(report.domains[0]?.services).toMatchObject([
      { service: 'smtp', host, reach: 'open', starttls: 'offered', session: { certificate: { chain: 'valid' } } },
    ]);
  });

  test('server/open relay → exit status 1, critical finding', async () => {
    const { status, stdout } = await audited({ tls, rcpt: () => '250 2.1.5 Ok' }, '--json');
    expect(status).toBe(1);
    expect(faults(stdout)).toEqual([]);
    expect((await audited({ tls, rcpt: () => '250 2.1.5 Ok' }, '')).stdout).toContain('critical relay-open');
  });

  test('server/not SMTP, refuses service or closes the connection → valid report', async () => {
    for (const posture of [
      { greeting: 'HTTP/1.1 400 Bad Request\r\n' },
      { greeting: '554 No\r\n' },
      { raw: (socket) => void socket.destroy() },
    ] satisfies Posture[])
      expect(faults((await audited(posture, '--json --timeout 300ms')).stdout)).toEqual([]);
  });

  test.each(['', '--sarif', '--junit', '--prometheus', '--html', '--json'])(
    'server/hostile replies (%s) → escaped',
    async (form) => {
      const { status, stdout } = await audited(hostile, form);
      expect(status).toBe(1);
      expect(stdout).toContain('relay-open');
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the output must not contain these.
      expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/);
      if (form === '--json') expect(faults(stdout)).toEqual([]);
      if (form === '--junit') expect(stdout).not.toMatch(/\]\]>|"&<|<script/);
      if (form === '--html') expect(stdout).not.toMatch(/<script|<\/failure/);
      if (form === '--sarif') expect(stdout).not.toMatch(/\]\(|[^{]\{0\}/);
    },
  );
});
