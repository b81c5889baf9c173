import { createHash, X509Certificate } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import type { AuditOptions } from '../../../src/audit/options.ts';
import { greetingFindings } from '../../../src/audit/smtp/first-session.ts';
import {
  auditMxHost,
  type MxHostExtra,
  plainForm,
  type RelayNames,
  routedForms,
} from '../../../src/audit/smtp/index.ts';
import type { DnsAnswer } from '../../../src/env/index.ts';
import { type ZoneEntry, zone } from '../../../src/testing/index.ts';
import { contextWith } from '../context.ts';
import { authority, type Issued, issue } from '../tls/certificates.ts';
import { type FakeMxHost, fakeMxHost, type Posture } from './fake-mx-host.ts';

const host = 'mx.example.test';
const ca = authority();
const middle = authority({ by: ca });
const good = issue({ names: [host], by: ca });
const self = issue({ names: [host] });
const tls = { chain: [good] };

const running: FakeMxHost[] = [];
afterEach(() => Promise.all(running.splice(0).map((server) => server.close())));

async function look(posture: Posture, options: AuditOptions = {}, extra: MxHostExtra = {}) {
  const server = await fakeMxHost(posture);
  running.push(server);
  const context = contextWith({ authorities: [ca.cert], ...options });
  const target = { host, address: '127.0.0.1', port: server.port, preference: 10 };
  const audit = await auditMxHost(target, 'example.test', context, extra);
  return {
    ...audit,
    server,
    // Findings with severity info have their own tests.
    ids: audit.findings.flatMap(({ id, severity }) => (severity === 'info' ? [] : [id])).sort(),
  };
}

const quick: AuditOptions = { timeoutMs: 300 };
const http: Posture['raw'] = (socket) =>
  socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'));
const endless =
  (text: string): Posture['raw'] =>
  (socket) => {
    const more = (): void => {
      while (socket.writable && socket.write(text));
    };
    socket.on('drain', more);
    more();
  };

describe('MX host behaviour → findings', () => {
  const cases: readonly (readonly [string, Posture, readonly string[], string, AuditOptions?])[] = [
    ['all is well', { tls }, [], 'open'],
    ['all is well, slowly', { tls, greetAfterMs: 300 }, [], 'open'],
    ['a greeting of several lines', { tls, greeting: '220-fake\r\n220-takes no spam\r\n220 ESMTP\r\n' }, [], 'open'],
    ['a greeting without text', { tls, greeting: '220\r\n' }, [], 'open'],
    ['lines end in LF alone', { tls, greeting: '220 fake\n' }, [], 'open'],
    ['it greets again over TLS', { tls, greetsAgain: true }, [], 'open'],
    [
      'one session at a time, 421 to the rest',
      { tls, crowded: { most: 1, greeting: '421 4.7.0 Too many' } },
      [],
      'open',
    ],
    ['no greeting', { greeting: undefined }, ['smtp-mute'], 'mute', quick],
    [
      'a greeting without end, slowly',
      { raw: (socket) => void setInterval(() => socket.write('220-wait\r\n'), 50).unref() },
      ['smtp-mute'],
      'mute',
      quick,
    ],
    ['the beginning of a greeting', { greeting: '220-wait\r\n' }, ['smtp-mute'], 'mute', quick],
    ['it closes the connection at once', { raw: (socket) => socket.end() }, ['smtp-broken-off'], 'broken-off'],
    [
      'it resets the connection at once',
      { raw: (socket) => socket.resetAndDestroy() },
      ['smtp-broken-off'],
      'broken-off',
    ],
    ['554 No SMTP service here', { greeting: '554 No SMTP service here\r\n' }, ['smtp-no-service'], 'no-service'],
    ['521', { greeting: '521 fake does not accept mail\r\n' }, ['smtp-no-service'], 'no-service'],
    ['554 5.7.1: this client', { greeting: '554 5.7.1 Client host blocked\r\n' }, ['smtp-refused-us'], 'no-service'],
    ['421', { greeting: '421 4.3.2 Too busy\r\n' }, ['smtp-refused-us'], 'no-service'],
    ['450', { greeting: '450 4.7.1 Come back\r\n' }, ['smtp-refused-us'], 'no-service'],
    ['IMAP', { greeting: '* OK IMAP4rev1 ready\r\n' }, ['smtp-not-smtp'], 'wrong-protocol'],
    ['POP3', { greeting: '+OK ready\r\n' }, ['smtp-not-smtp'], 'wrong-protocol'],
    ['SSH', { greeting: 'SSH-2.0-OpenSSH_9.2\r\n' }, ['smtp-not-smtp'], 'wrong-protocol'],
    [
      'FTP',
      { greeting: '220 FTP ready\r\n', ehlo: '530 Please login', helo: '530 Please login' },
      ['smtp-not-smtp'],
      'wrong-protocol',
    ],
    ['250 instead of 220', { greeting: '250 fake\r\n' }, ['smtp-not-smtp'], 'wrong-protocol'],
    ['HTTP, which waits for the client', { raw: http }, ['smtp-not-smtp'], 'wrong-protocol', quick],
    ['an echo', { raw: (socket) => void socket.pipe(socket) }, ['smtp-not-smtp'], 'wrong-protocol', quick],
    ['binary, no line', { greeting: '\x15\x03\x01\x00\x02\x02\x46' }, ['smtp-not-smtp'], 'wrong-protocol', quick],
    ['binary, lines', { greeting: '\x00\xff\n\x00\xfe\n' }, ['smtp-not-smtp'], 'wrong-protocol'],
    ['a greeting without end', { raw: endless('220-more\r\n') }, ['smtp-not-smtp'], 'wrong-protocol'],
    ['a line without end', { raw: endless('220 x'.padEnd(10_000, 'x')) }, ['smtp-not-smtp'], 'wrong-protocol'],
    ['10,000 lines', { greeting: `${'220-x\r\n'.repeat(10_000)}220 x\r\n` }, ['smtp-not-smtp'], 'wrong-protocol'],
    ['codes change in a greeting', { greeting: '220-x\r\n554 x\r\n' }, ['smtp-not-smtp'], 'wrong-protocol'],
    ['codes change in EHLO', { ehlo: '250-x\r\n550 x' }, ['smtp-not-smtp'], 'wrong-protocol'],
    ['EHLO of 10,000 lines', { ehlo: `${'250-x\r\n'.repeat(10_000)}250 x` }, ['smtp-not-smtp'], 'wrong-protocol'],
    ['EHLO without a code', { ehlo: 'hello' }, ['smtp-not-smtp'], 'wrong-protocol'],
    ['EHLO is unknown', { ehlo: '502 5.5.1 What?' }, ['smtp-no-ehlo'], 'open'],
    ['EHLO and HELO are unknown', { ehlo: '500 What?', helo: '500 What?' }, ['smtp-not-smtp'], 'wrong-protocol'],
    ['EHLO: 421', { ehlo: '421 4.7.0 Not you' }, ['smtp-refused-us'], 'no-service'],
    [
      'EHLO and HELO: 550',
      { ehlo: '550 5.7.1 Bad name', helo: '550 5.7.1 Bad name' },
      ['smtp-refused-us'],
      'no-service',
    ],
    [
      'it hangs up on EHLO',
      { raw: (socket) => socket.once('data', () => socket.destroy()).write('220 x\r\n') },
      ['smtp-broken-off'],
      'broken-off',
    ],
    [
      'it falls silent on EHLO',
      { raw: (socket) => void socket.write('220 x\r\n') },
      ['smtp-broken-off'],
      'broken-off',
      quick,
    ],
    ['no TLS', {}, ['starttls-missing'], 'open'],
    ['logins before TLS', { tls, ehlo: ['AUTH PLAIN LOGIN'] }, ['login-clear-offered'], 'open'],
    ['logins before TLS, old syntax', { tls, ehlo: ['AUTH=LOGIN'] }, ['login-clear-offered'], 'open'],
    [
      'logins without TLS',
      { ehlo: ['SIZE 1000', 'AUTH CRAM-MD5'] },
      ['login-clear-offered', 'starttls-missing'],
      'open',
    ],
    ['a keyword that only begins with AUTH', { tls, ehlo: ['AUTHX', 'AUTH'] }, [], 'open'],
    ['STARTTLS: 454', { tls, starttls: '454 4.7.0 TLS not available' }, ['starttls-failed'], 'open'],
    ['STARTTLS: 502', { tls, starttls: '502 5.5.1 What?' }, ['starttls-failed'], 'open'],
    [
      'no TLS behind STARTTLS',
      { ehlo: ['STARTTLS'], starttls: '220 Go' },
      ['starttls-failed'],
      'open',
      { timeoutMs: 500 },
    ],
    ['it closes after the handshake', { tls, closesInTls: true }, ['starttls-failed'], 'open'],
    ['TLS 1.0 to 1.3', { tls: { ...tls, versions: ['TLSv1', 'TLSv1.3'] } }, ['tls-old'], 'open'],
    ['TLS 1.0 alone', { tls: { ...tls, versions: ['TLSv1', 'TLSv1'] } }, ['tls-old-only'], 'open'],
    ['TLS 1.1 alone', { tls: { ...tls, versions: ['TLSv1.1', 'TLSv1.1'] } }, ['tls-old-only'], 'open'],
    ['TLS 1.3 alone', { tls: { ...tls, versions: ['TLSv1.3', 'TLSv1.3'] } }, [], 'open'],
    ['injection', { tls, injectable: true }, ['starttls-injection'], 'open'],
    [
      'octets behind the answer to STARTTLS',
      { tls, behindStarttls: '250 Ok\r\n' },
      ['starttls-response-injection'],
      'open',
    ],
    ['STARTTLS is offered over TLS', { tls, ehloInTls: ['STARTTLS'] }, ['starttls-stale'], 'open'],
    ['CRAM-MD5 before TLS', { tls, ehlo: ['AUTH CRAM-MD5'] }, ['login-clear-offered'], 'open'],
    ['EXTERNAL and channel binding before TLS', { tls, ehlo: ['AUTH EXTERNAL SCRAM-SHA-256-PLUS'] }, [], 'open'],
    [
      'injection, and a greeting within TLS',
      { tls, injectable: true, greetsAgain: true },
      ['starttls-injection'],
      'open',
    ],
    [
      'injection in TLS 1.0',
      { tls: { ...tls, versions: ['TLSv1', 'TLSv1'] }, injectable: true },
      ['starttls-injection', 'tls-old-only'],
      'open',
    ],
    [
      'an expired certificate',
      { tls: { chain: [issue({ names: [host], by: ca, from: -9, to: -2 })] } },
      ['certificate-expired'],
      'open',
    ],
    [
      'a certificate that expires soon',
      { tls: { chain: [issue({ names: [host], by: ca, to: 3 })] } },
      ['certificate-expires-soon'],
      'open',
    ],
    [
      'the name of another host',
      { tls: { chain: [issue({ names: ['www.example.test'], by: ca })] } },
      ['certificate-name'],
      'open',
    ],
    ['a common name', { tls: { chain: [issue({ commonName: host, by: ca })] } }, ['certificate-common-name'], 'open'],
    ['self-signed', { tls: { chain: [self] } }, ['certificate-self-signed'], 'open'],
    [
      'an incomplete chain',
      { tls: { chain: [issue({ names: [host], by: middle })] } },
      ['certificate-untrusted'],
      'open',
    ],
    ['a complete chain', { tls: { chain: [issue({ names: [host], by: middle }), middle] } }, [], 'open'],
    ['RSA 1024', { tls: { chain: [issue({ names: [host], by: ca, key: 'RSA 1024' })] } }, ['certificate-weak'], 'open'],
  ];
  test.each(cases.map(([what, posture, ids, reach, options]) => ({ what, posture, ids, reach, options })))(
    '$what → $ids',
    async ({ posture, ids, reach, options }) => {
      const { ids: seen, service } = await look(posture, options);
      expect(seen).toEqual(ids);
      expect(service.reach).toBe(reach);
    },
  );

  test.each<[string, number, string, Record<string, ZoneEntry>, readonly string[]]>([
    ['its name, at once', 10, `220 ${host} ESMTP`, {}, []],
    ['its name in capitals, after five seconds', 5_000, `220 ${host.toUpperCase()}. ESMTP`, {}, []],
    ['its name, after more', 5_001, `220 ${host}`, {}, ['smtp-greeting-slow']],
    ['another name of the address', 10, '220 a1.example.net ESMTP', { 'a1.example.net': { A: ['127.0.0.1'] } }, []],
    [
      'a name of another address',
      10,
      '220 a1.example.net',
      { 'a1.example.net': { A: ['192.0.2.1'] } },
      ['smtp-banner-name'],
    ],
    ['a name that does not exist', 10, '220 a1.example.net ESMTP', {}, ['smtp-banner-name']],
    ['a name whose lookup fails', 10, '220 a1.example.net', { 'a1.example.net': { A: 'temperror' } }, []],
    ['localhost', 10, '220 localhost ESMTP', {}, ['smtp-banner-name']],
    ['no name', 10, '220', {}, ['smtp-banner-name']],
  ])('greeting/%s → %j', async (_, afterMs, text, data, expected) => {
    const ids: string[] = [];
    const greeting = { status: 'reply', code: 220, lines: [text.slice(4)], text } as const;
    const place = { host, address: '127.0.0.1', port: 25 };
    await greetingFindings(greeting, afterMs, place, contextWith({}, { dns: zone(data) }), (id) => void ids.push(id));
    expect(ids).toEqual(expected);
  });

  test('a closed port → unreachable, refused', async () => {
    const server = await fakeMxHost();
    await server.close();
    const target = { host, address: '127.0.0.1', port: server.port, preference: 10 };
    const { service, findings } = await auditMxHost(target, 'example.test', contextWith());
    expect(findings.map(({ id }) => id)).toEqual(['smtp-unreachable']);
    expect(service.reach).toBe('refused');
  });

  test('name and issuer are medium for opportunistic TLS; an expired certificate is high', async () => {
    const severities = async (chain: readonly Issued[]) =>
      (await look({ tls: { chain } })).findings.map(({ id, severity }) => [id, severity]);
    expect(await severities([issue({ names: ['x.example'] })])).toEqual([
      ['certificate-name', 'medium'],
      ['certificate-self-signed', 'medium'],
    ]);
    expect(await severities([issue({ names: [host], by: ca, from: -9, to: -2 })])).toEqual([
      ['certificate-expired', 'high'],
    ]);
  });

  test('the service in the report', async () => {
    const { service } = await look({ tls, ehlo: ['SIZE 1000', 'PIPELINING'] });
    expect(service).toMatchObject({
      service: 'smtp',
      host,
      reach: 'open',
      greeting: '220 mx.example.test ESMTP',
      starttls: 'offered',
      capabilities: { before: ['SIZE 1000', 'PIPELINING', 'STARTTLS'], after: ['SIZE 1000', 'PIPELINING'] },
      session: {
        negotiated: 'TLSv1.3',
        versions: { TLSv1: false, 'TLSv1.1': false, 'TLSv1.2': true, 'TLSv1.3': true },
        certificate: { nameMatches: true, chain: 'valid' },
      },
    });
  });

  test('only enabled probes run', async () => {
    const { server } = await look({ tls }, { only: ['smtp'] });
    // The postmaster test belongs to `smtp`, the foreign mailbox to `relay`.
    expect(server.commands.filter((line) => /^(MAIL|RCPT)/.test(line))).toEqual([
      'MAIL FROM:<>',
      'RCPT TO:<postmaster@example.test>',
    ]);
    const relay = await look({ tls }, { only: ['relay'] });
    expect(relay.server.commands.filter((line) => line === 'STARTTLS')).toHaveLength(1);
  });

  test('the limit of simultaneous sessions is kept', async () => {
    const { server } = await look({ tls, greetAfterMs: 30 }, { connectionsPerService: 2 });
    // A session that got the farewell may still be open.
    expect(server.mostSessions()).toBeLessThanOrEqual(3);
  });

  test('aborted → ends without findings', async () => {
    const server = await fakeMxHost({ greeting: undefined });
    running.push(server);
    const abort = new AbortController();
    const target = { host, address: '127.0.0.1', port: server.port, preference: 10 };
    const audit = auditMxHost(target, 'example.test', contextWith({}, { signal: abort.signal }));
    abort.abort();
    expect((await audit).findings).toEqual([]);
  });

  test('the same machine → noted', async () => {
    expect((await look({ tls })).here).toBe(true);
  });
});

describe('MTA-STS', () => {
  const policy = (mode: 'enforce' | 'testing' | 'none', mx = [host]): MxHostExtra => ({
    mtaSts: Promise.resolve({ mode, mx, maxAge: 86_400 }),
  });
  test.each([
    ['kept', { tls }, policy('enforce'), []],
    ['no TLS', {}, policy('enforce'), ['mta-sts-tls high', 'starttls-missing medium']],
    ['testing, no TLS', {}, policy('testing'), ['mta-sts-tls medium', 'starttls-missing medium']],
    ['none, no TLS', {}, policy('none'), ['starttls-missing medium']],
    ['another host, no TLS', {}, policy('enforce', ['other.example.test']), ['starttls-missing medium']],
    ['a wildcard', {}, policy('enforce', ['*.example.test']), ['mta-sts-tls high', 'starttls-missing medium']],
    [
      'signed by itself',
      { tls: { chain: [self] } },
      policy('enforce'),
      ['certificate-self-signed high', 'mta-sts-tls high'],
    ],
    [
      'expired',
      { tls: { chain: [issue({ names: [host], by: ca, from: -9, to: -2 })] } },
      policy('enforce'),
      ['certificate-expired high', 'mta-sts-tls high'],
    ],
    [
      'the common name alone',
      { tls: { chain: [issue({ commonName: host, by: ca })] } },
      policy('enforce'),
      ['certificate-common-name medium', 'mta-sts-tls high'],
    ],
  ] as readonly (readonly [string, Posture, MxHostExtra, readonly string[]])[])(
    '%s',
    async (_, posture, extra, expected) => {
      const { findings } = await look(posture, {}, extra);
      expect(findings.map(({ id, severity }) => `${id} ${severity}`).sort()).toEqual(expected);
    },
  );
});

test('failed lookups → no findings', async () => {
  const { ids } = await look(
    {},
    {},
    { mtaSts: Promise.reject(new Error('no')), tlsa: Promise.reject(new Error('no')) },
  );
  expect(ids).toEqual(['starttls-missing']);
});

describe('DANE', () => {
  const spki = (of: Issued) =>
    createHash('sha256')
      .update(new X509Certificate(of.der).publicKey.export({ type: 'spki', format: 'der' }))
      .digest('hex');
  const answer = (usage: number, data: string, authentic = true): MxHostExtra => {
    const found: DnsAnswer<'TLSA'> = {
      status: 'found',
      records: [{ type: 'TLSA', usage, selector: 1, matching: 1, data }],
      ttl: 60,
      authentic,
    };
    return { tlsa: Promise.resolve(found) };
  };
  test.each([
    ['a match', { tls }, answer(3, spki(good)), [], 'match'],
    ['a match, self-signed', { tls: { chain: [self] } }, answer(3, spki(self)), [], 'match'],
    ['no match', { tls }, answer(3, spki(self)), ['dane-mismatch'], 'mismatch'],
    ['no TLS', {}, answer(3, spki(good)), ['dane-no-tls', 'starttls-missing'], undefined],
    [
      'no TLS, in a zone that is not signed',
      {},
      answer(3, spki(good), false),
      ['dane-unsigned', 'starttls-missing'],
      undefined,
    ],
    ['not signed', { tls }, answer(3, spki(self), false), ['dane-unsigned'], 'unsigned'],
    ['PKIX-EE', { tls }, answer(1, spki(good)), ['dane-unusable'], 'unusable'],
    ['no records', { tls }, { tlsa: Promise.resolve({ status: 'nodata', ttl: 0 } as const) }, [], undefined],
    [
      'no answer',
      { tls },
      { tlsa: Promise.resolve({ status: 'temperror', reason: 'timeout' } as const) },
      [],
      undefined,
    ],
  ] as readonly (readonly [string, Posture, MxHostExtra, readonly string[], string | undefined])[])(
    '%s',
    async (_, posture, extra, ids, dane) => {
      const { ids: seen, service } = await look(posture, {}, extra);
      expect(seen).toEqual(ids);
      expect(service.session?.dane).toBe(dane);
    },
  );
});

describe('relaying', () => {
  const names: RelayNames = {
    local: 'example.test',
    host,
    localPart: 'postern-relay-test',
    foreign: 'example.com',
    literal: '[127.0.0.1]',
  };
  const closed = '554 5.7.1 Relay access denied';
  const unknown = '550 5.1.1 User unknown';
  const ok = '250 2.1.5 Ok';
  const isLocal = (path: string): boolean => /@example\.test>$/.test(path);
  const only: AuditOptions = { only: ['relay'] };
  const relayed = async (posture: Posture, options: AuditOptions = only) => {
    const { findings, service, server } = await look({ tls, ...posture }, options);
    return {
      findings,
      service,
      server,
      ids: findings.map(({ id }) => id).filter((id) => id.startsWith('relay')),
    };
  };

  test.each([plainForm(names), ...routedForms(names)])('open for $name alone → open', async ({ name, path }) => {
    const { findings, ids, service } = await relayed({
      rcpt: (asked) => (asked === path ? ok : isLocal(asked) ? unknown : closed),
    });
    expect(ids).toEqual(['relay-open']);
    expect(findings[0]).toMatchObject({ severity: 'critical' });
    expect(findings[0]?.evidence.some((line) => line.includes(path) && line.includes(ok))).toBe(true);
    expect(service.relay?.filter(({ accepted }) => accepted).map(({ form }) => form)).toEqual([name]);
  });

  test.each([
    ['everything is rejected', { rcpt: () => closed }, []],
    ['everything is accepted', { rcpt: () => ok }, ['relay-open']],
    ['251', { rcpt: (path) => (isLocal(path) ? unknown : '251 User not local; will forward') }, ['relay-open']],
    ['252', { rcpt: (path) => (isLocal(path) ? unknown : '252 Will try') }, ['relay-open']],
    ['551', { rcpt: () => '551 User not local' }, []],
    ['553', { rcpt: () => '553 5.7.1 Not here' }, []],
    ['every local mailbox is accepted', { rcpt: (path) => (isLocal(path) ? ok : closed) }, []],
    [
      'every mailbox at its address literal is accepted',
      { rcpt: (path) => (/\]>$/.test(path) ? ok : isLocal(path) ? unknown : closed) },
      [],
    ],
    [
      'every name without a domain is accepted',
      { rcpt: (path) => (/^<[^@]*>$|"@?>$/.test(path) ? ok : isLocal(path) ? unknown : closed) },
      [],
    ],
    [
      'every local mailbox is accepted, and it relays',
      { rcpt: (path) => (isLocal(path) || path.endsWith('@example.com>') ? ok : closed) },
      ['relay-open'],
    ],
    ['454 Relay access denied, as Postfix says it', { rcpt: (path) => `454 4.7.1 ${path}: Relay access denied` }, []],
    ['450 Greylisted, with the address', { rcpt: (path) => `450 4.7.1 ${path}: Greylisted` }, ['relay-unknown']],
    ['450 for all', { rcpt: () => '450 4.2.0 Greylisted' }, ['relay-unknown']],
    [
      '451 for the control, 250 for local forms',
      {
        rcpt: (path) =>
          path.startsWith('<postern-') && !/%|!/.test(path) && isLocal(path)
            ? '451 4.3.0 Wait'
            : isLocal(path)
              ? ok
              : closed,
      },
      [],
    ],
    [
      '556 for foreign mailboxes',
      { rcpt: (path) => (isLocal(path) ? unknown : '556 5.1.10 Null MX') },
      ['relay-unknown'],
    ],
    [
      '5.1.2 for foreign mailboxes',
      { rcpt: (path) => (isLocal(path) ? unknown : '550 5.1.2 No such domain') },
      ['relay-unknown'],
    ],
    ['530 at MAIL, and no TLS to be had', { mail: () => '530 5.7.0 Log in', rcpt: () => ok }, []],
    ['550 at MAIL for both', { mail: () => '550 5.7.1 Blocked' }, ['relay-unknown']],
    [
      'its own sender is refused at MAIL, closed',
      { mail: (sender) => (sender === '<>' ? ok : '550 5.7.1 Forged') },
      [],
    ],
    [
      'its own sender is refused at MAIL, open',
      { mail: (sender) => (sender === '<>' ? ok : '550 5.7.1 Forged'), rcpt: () => ok },
      ['relay-open'],
    ],
    [
      '<> is refused at MAIL, open',
      { mail: (sender) => (sender === '<>' ? '550 5.7.1 No bounces' : ok), rcpt: () => ok },
      ['relay-open'],
    ],
    [
      'open for its own sender alone',
      { rcpt: (path, sender) => (sender !== '<>' && !isLocal(path) ? ok : closed) },
      ['relay-open'],
    ],
    [
      'open for <> alone',
      { rcpt: (path, sender) => (sender === '<>' && !isLocal(path) ? ok : closed) },
      ['relay-open'],
    ],
    [
      'its own sender is refused at RCPT, open for the percent hack',
      {
        rcpt: (path, sender) =>
          sender !== '<>'
            ? '553 5.7.1 Forged sender'
            : path.includes('%') && isLocal(path)
              ? ok
              : isLocal(path)
                ? unknown
                : closed,
      },
      ['relay-open'],
    ],
    [
      'its own sender has no domain, open for the percent hack',
      {
        rcpt: (path, sender) =>
          sender !== '<>'
            ? '450 4.1.8 No such domain'
            : path.includes('%') && isLocal(path)
              ? ok
              : isLocal(path)
                ? unknown
                : closed,
      },
      ['relay-open'],
    ],
    [
      'it hangs up after three refusals, open for the last of the thirteen',
      {
        mostErrors: 3,
        rcpt: (path) => (path === routedForms(names)[11]?.path ? ok : isLocal(path) ? unknown : closed),
      },
      ['relay-open'],
    ],
    ['it hangs up after three refusals, closed', { mostErrors: 3 }, []],
    [
      'within TLS alone, open',
      { mail: (_, secure) => (secure ? ok : '530 5.7.0 Must issue a STARTTLS command first'), rcpt: () => ok },
      ['relay-open'],
    ],
    [
      'within TLS alone, closed',
      { mail: (_, secure) => (secure ? ok : '530 5.7.0 Must issue a STARTTLS command first') },
      [],
    ],
    [
      'TLS required at RCPT, open',
      { rcpt: (_, __, secure) => (secure ? ok : '550 5.7.1 Session encryption is required') },
      ['relay-open'],
    ],
    [
      'one session at a time, open',
      { crowded: { most: 1, greeting: '421 4.7.0 Too many' }, rcpt: () => ok },
      ['relay-open'],
    ],
    ['no EHLO, open', { ehlo: '502 What?', rcpt: () => ok }, ['relay-open']],
    ['nonsense after RCPT', { rcpt: () => 'what' }, ['relay-unknown']],
  ] as readonly (readonly [string, Posture, readonly string[]])[])('%s', async (_, posture, expected) => {
    const { ids } = await relayed(posture);
    expect(ids).toEqual(expected);
  });

  test('closed → RCPT is as far as it goes, eight at most in a session', async () => {
    const { server } = await relayed({});
    const verbs = new Set(server.commands.map((line) => line.split(/[ :]/, 1)[0]));
    expect([...verbs].sort()).toEqual(['EHLO', 'MAIL', 'QUIT', 'RCPT', 'RSET', 'STARTTLS']);
    const sessions = server.commands.filter((line) => line.startsWith('MAIL')).length;
    expect(server.commands.filter((line) => line.startsWith('RCPT')).length).toBeLessThanOrEqual(8 * sessions);
  });

  test('open → DATA is asked for, and no message is sent', async () => {
    const { server, ids } = await relayed({ rcpt: () => ok });
    expect(ids).toEqual(['relay-open']);
    expect(server.commands.filter((line) => line === 'DATA')).toHaveLength(1);
    expect(server.received()).toBe('');
  });

  test.each([
    ['DATA is refused', { rcpt: () => ok, data: () => '554 5.7.1 Relay access denied' }, []],
    ['DATA is not known', { rcpt: () => ok, data: () => '502 5.5.1 What?' }, ['relay-open']],
    ['DATA is refused for now', { rcpt: () => ok, data: () => '451 4.7.1 Later' }, ['relay-unknown']],
    [
      'DATA is refused for the plain form, and not for the percent hack',
      {
        rcpt: (path) => (/^<postern-[0-9a-f]{16}@/.test(path) ? unknown : ok),
        data: (path) => (path.includes('%') ? '354 Go on' : '554 5.7.1 Relay access denied'),
      },
      ['relay-open'],
    ],
    ...['example.test', host, 'localhost', '[127.0.0.1]'].map(
      (trusted) =>
        [
          `open for clients that say EHLO ${trusted}`,
          { rcpt: (path, _, __, helo) => (isLocal(path) ? unknown : helo === trusted ? ok : closed) },
          ['relay-open'],
        ] as readonly [string, Posture, readonly string[]],
    ),
    [
      'open for EHLO with its own name, with the null sender alone',
      { rcpt: (path, sender, _, helo) => (!isLocal(path) && sender === '<>' && helo === host ? ok : closed) },
      ['relay-open'],
    ],
    ...[
      '<postern-relay-test@example.com>',
      '<postern-relay-test@example.test>',
      '<postmaster@mx.example.test>',
      '<postmaster@localhost>',
      '<postmaster@[127.0.0.1]>',
      '<postmaster>',
    ].map(
      (trusted) =>
        [
          `open for the sender ${trusted}`,
          { rcpt: (path, sender) => (!isLocal(path) && sender === trusted ? ok : closed) },
          ['relay-open'],
        ] as readonly [string, Posture, readonly string[]],
    ),
  ] as readonly (readonly [string, Posture, readonly string[]])[])('%s → %j', async (_, posture, expected) => {
    expect((await relayed(posture)).ids).toEqual(expected);
  });

  test('the domain itself is not asked for as foreign', async () => {
    const { server } = await relayed({}, { only: ['relay'], relayTo: 'x@example.test' });
    expect(server.commands).toContain('RCPT TO:<x@example.net>');
    expect(server.commands).not.toContain('RCPT TO:<x@example.test>');
  });

  test('from its own machine → the finding says so; with a source of its own it does not', async () => {
    expect((await relayed({ rcpt: () => ok })).findings[0]?.what).toMatch(/trust/);
    const elsewhere = await relayed({ rcpt: () => ok }, { only: ['relay'], source: '127.0.0.2' });
    expect(elsewhere.findings[0]?.what).not.toMatch(/trust/);
  });
});
