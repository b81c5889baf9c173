import type { AuditFinding, AuditReport, CheckReport, DomainAudit, ServiceAudit } from 'postern/audit';

/** Makes a finding of the sample. */
const finding = (over: Partial<AuditFinding> & Pick<AuditFinding, 'id' | 'severity' | 'subject'>): AuditFinding => ({
  probe: 'mx',
  kind: 'problem',
  what: `${over.subject}: ${over.id}`,
  source: 'RFC 5321 §5.1',
  fix: 'Fix it.',
  evidence: [],
  ...over,
});

const certificate = {
  subject: 'CN=mx1.example.org',
  issuer: 'CN=R10, O=Authority, C=ZZ',
  names: ['mx1.example.org', 'mail.example.org'],
  notBefore: '2026-01-05T00:00:00.000Z',
  notAfter: '2026-04-05T00:00:00.000Z',
  chain: 'valid',
  selfSigned: false,
  nameMatches: true,
  key: 'EC P-256',
  signature: 'ECDSA SHA-256',
  fingerprint: '3f'.repeat(32),
};

const service = (over: Partial<ServiceAudit> & Pick<ServiceAudit, 'host' | 'address' | 'port'>): ServiceAudit => ({
  service: 'smtp',
  tls: 'starttls',
  because: 'mx',
  reach: 'open',
  greeting: `220 ${over.host} ESMTP`,
  greetingMs: 42,
  capabilities: {
    before: ['PIPELINING', 'SIZE 52428800', 'STARTTLS', '8BITMIME', 'ENHANCEDSTATUSCODES'],
    after: ['PIPELINING', 'SIZE 52428800', '8BITMIME', 'ENHANCEDSTATUSCODES', 'SMTPUTF8'],
  },
  starttls: 'offered',
  session: {
    versions: { TLSv1: false, 'TLSv1.1': false, 'TLSv1.2': true, 'TLSv1.3': true },
    negotiated: 'TLSv1.3',
    cipher: 'TLS_AES_256_GCM_SHA384',
    certificate,
    dane: 'match',
  },
  ...over,
});

/** A domain with an open relay, an expired certificate, an MX host that is down, one without an address. */
export const troubled: DomainAudit = {
  domain: 'example.org',
  state: 'problems',
  durationMs: 4_310,
  findings: [
    finding({
      id: 'relay-open',
      probe: 'relay',
      severity: 'critical',
      subject: 'mx2.example.org[198.51.100.25]:25',
      what: 'mx2.example.org relays for strangers: it took a recipient of another domain in 2 of 13 forms.',
      source: 'RFC 5321 §7.9, RFC 2505 §2.1',
      fix: 'Accept recipients in your own domains only, unless the client has logged in or is in a network that you trust.',
      evidence: [
        'C: RCPT TO:<postern-relay-test%example.com@example.org>',
        'S: 250 2.1.5 Ok',
        'C: RCPT TO:<@example.org:postern-relay-test@example.com>',
        'S: 250 2.1.5 Ok',
      ],
    }),
    finding({
      id: 'login-clear-accepted',
      probe: 'login',
      severity: 'critical',
      subject: 'imap.example.org:143',
      what: 'imap.example.org:143 examines a login without TLS.',
      source: 'RFC 8314 §4.1, RFC 9051 §11.1',
      fix: 'Refuse every login before TLS (Dovecot: ssl = required; Postfix: smtpd_tls_auth_only = yes).',
      evidence: ['C: a2 LOGIN postern-3f21 postern-9c', 'S: a2 NO [AUTHENTICATIONFAILED] Authentication failed.'],
    }),
    finding({
      id: 'smtp-unreachable',
      probe: 'smtp',
      severity: 'high',
      subject: 'mx3.example.net:25',
      what: 'mx3.example.net[2001:db8:4::25] cannot be reached on port 25: the connection timed out.',
      fix: 'Start the mail server, open port 25 in every firewall before it, or take its MX record away.',
      evidence: ['2001:db8:4::25 port 25: timed out after 30000 ms'],
    }),
    finding({
      id: 'certificate-expired',
      probe: 'tls',
      severity: 'high',
      subject: 'mx2.example.org:25',
      what: 'The certificate of mx2.example.org expired 12 days ago.',
      source: 'RFC 5280 §4.1.2.5',
      fix: 'Renew the certificate, and let something renew it before it expires next time.',
      evidence: ['not after 2026-02-18T12:00:00Z', 'subject CN=mx2.example.org'],
    }),
    finding({
      id: 'mx-unresolvable',
      severity: 'high',
      subject: 'old-mail.example.org',
      what: 'old-mail.example.org has no address.',
      fix: 'Publish an address for the target, or remove its MX record: senders try it in vain.',
      evidence: ['example.org MX 30 old-mail.example.org', 'old-mail.example.org A: NODATA'],
    }),
    finding({
      id: 'ptr-missing',
      probe: 'ptr',
      severity: 'medium',
      subject: '203.0.113.7',
      what: '203.0.113.7 (mx1.example.org) has no name.',
      source: 'RFC 1912 §2.1',
      fix: 'Let the owner of the address publish a PTR record: receivers distrust hosts without one.',
      evidence: ['7.113.0.203.in-addr.arpa PTR: NXDOMAIN'],
    }),
    finding({
      id: 'lookup-failed',
      probe: 'srv',
      kind: 'could-not-check',
      severity: 'medium',
      subject: '_imaps._tcp.example.org',
      what: 'The DNS did not answer a question about _imaps._tcp.example.org.',
      source: 'RFC 1035 §7',
      fix: 'Check the name servers of the domain, and try again.',
      evidence: ['_imaps._tcp.example.org SRV: servfail'],
    }),
    finding({
      id: 'dmarc-none',
      probe: 'dmarc',
      severity: 'low',
      subject: 'example.org',
      what: 'The DMARC policy of example.org asks receivers to do nothing.',
      source: 'RFC 7489 §6.3',
      fix: 'Read the reports, and go on to p=quarantine or p=reject.',
      evidence: ['_dmarc.example.org TXT "v=DMARC1; p=none; rua=mailto:dmarc@example.org"'],
    }),
    finding({
      id: 'tls-rpt-missing',
      probe: 'tls-rpt',
      severity: 'info',
      subject: 'example.org',
      what: 'example.org asks for no reports about TLS.',
      source: 'RFC 8460 §3',
      fix: 'Publish a TXT record at _smtp._tls: v=TLSRPTv1; rua=mailto:<address>.',
    }),
  ],
  redundancy: {
    domain: 'example.org',
    state: 'fail',
    summary: 'example.org has 4 MX hosts, of which 3 have a public address; one of them has no address at all.',
    counts: { records: 4, hosts: 4, resolvable: 3, public: 3, addresses: 4, networks: 4 },
    hosts: [
      {
        host: 'mx1.example.org',
        preference: 10,
        state: 'usable',
        addresses: [
          { address: '203.0.113.7' as never, scope: 'public' },
          { address: '2001:db8:1::7' as never, scope: 'public' },
        ],
        networks: ['203.0.113.0/24', '2001:db8:1::/48'],
      },
      {
        host: 'mx2.example.org',
        preference: 20,
        state: 'usable',
        addresses: [{ address: '198.51.100.25' as never, scope: 'public' }],
        networks: ['198.51.100.0/24'],
      },
      {
        host: 'mx3.example.net',
        preference: 20,
        state: 'usable',
        addresses: [{ address: '2001:db8:4::25' as never, scope: 'public' }],
        networks: ['2001:db8:4::/48'],
      },
      { host: 'old-mail.example.org', preference: 30, state: 'no-address', addresses: [], networks: [] },
    ],
    findings: [],
  },
  services: [
    service({ host: 'mx1.example.org', address: '203.0.113.7', port: 25, preference: 10 }),
    service({ host: 'mx1.example.org', address: '2001:db8:1::7', port: 25, preference: 10 }),
    service({
      host: 'mx2.example.org',
      address: '198.51.100.25',
      port: 25,
      preference: 20,
      session: {
        versions: { TLSv1: true, 'TLSv1.1': true, 'TLSv1.2': true, 'TLSv1.3': false },
        negotiated: 'TLSv1.2',
        certificate: { ...certificate, notAfter: '2026-02-18T12:00:00.000Z', chain: 'certificate has expired' },
        dane: 'mismatch',
      },
      relay: [
        {
          form: 'plain',
          path: '<postern-relay-test@example.com>',
          reply: '554 5.7.1 Relay access denied',
          accepted: false,
        },
        {
          form: 'percent',
          path: '<postern-relay-test%example.com@example.org>',
          reply: '250 2.1.5 Ok',
          accepted: true,
        },
      ],
    }),
    service({
      host: 'mx3.example.net',
      address: '2001:db8:4::25',
      port: 25,
      preference: 20,
      reach: 'timeout',
      greeting: undefined,
      greetingMs: undefined,
      capabilities: undefined,
      starttls: undefined,
      session: undefined,
    }),
    service({
      service: 'imap',
      because: 'srv',
      host: 'imap.example.org',
      address: '203.0.113.9',
      port: 143,
      greeting: '* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] ready',
      capabilities: { before: ['IMAP4rev1', 'STARTTLS', 'AUTH=PLAIN'], after: ['IMAP4rev1', 'AUTH=PLAIN', 'IDLE'] },
    }),
    service({
      service: 'submissions',
      tls: 'implicit',
      because: 'srv',
      host: 'smtp.example.org',
      address: '203.0.113.9',
      port: 465,
      capabilities: { after: ['AUTH PLAIN LOGIN', 'SIZE 52428800'] },
    }),
  ],
  records: {
    spf: { state: 'found', text: 'v=spf1 mx ip4:203.0.113.0/24 -all' },
    dkim: [{ selector: 's2026', state: 'found', text: `v=DKIM1; k=rsa; p=${'MIIBIjANBgkqhkiG9w0B'.repeat(10)}` }],
    dmarc: { state: 'found', text: 'v=DMARC1; p=none; rua=mailto:dmarc@example.org' },
    mtaSts: {
      state: 'found',
      text: 'v=STSv1; id=20260101',
      policy: { mode: 'testing', mx: ['mx1.example.org', 'mx2.example.org'], maxAge: 604_800 },
    },
    tlsRpt: { state: 'missing' },
    srv: [{ service: 'imap', target: 'imap.example.org', port: 143, priority: 0, weight: 1 }],
    ptr: [
      { address: '203.0.113.7', names: [], confirmed: false },
      { address: '198.51.100.25', names: ['mx2.example.org'], confirmed: true },
    ],
    lists: [{ address: '203.0.113.7', list: 'zen.dnsbl.example', result: 'not-listed' }],
  },
};

/** A domain without problems. */
export const tidy: DomainAudit = {
  domain: 'tidy.example',
  state: 'clean',
  durationMs: 812,
  findings: [],
  redundancy: {
    domain: 'tidy.example',
    state: 'pass',
    summary: 'tidy.example has 2 MX hosts with 2 addresses in 2 networks.',
    counts: { records: 2, hosts: 2, resolvable: 2, public: 2, addresses: 2, networks: 2 },
    hosts: ['a', 'b'].map((letter, index) => ({
      host: `${letter}.tidy.example`,
      preference: 10 * (index + 1),
      state: 'usable',
      addresses: [{ address: `192.0.${index + 2}.1` as never, scope: 'public' }],
      networks: [`192.0.${index + 2}.0/24`],
    })),
    findings: [],
  },
  services: ['a', 'b'].map((letter, index) =>
    service({
      host: `${letter}.tidy.example`,
      address: `192.0.${index + 2}.1`,
      port: 25,
      preference: 10 * (index + 1),
    }),
  ),
  records: { spf: { state: 'found', text: 'v=spf1 mx -all' } },
};

/** A domain that accepts no mail. */
export const silent: DomainAudit = {
  ...tidy,
  domain: 'no-mail.example',
  redundancy: {
    domain: 'no-mail.example',
    state: 'not-applicable',
    summary: 'no-mail.example takes no mail.',
    counts: { records: 1, hosts: 0, resolvable: 0, public: 0, addresses: 0, networks: 0 },
    hosts: [],
    findings: [],
  },
  services: [],
  records: {},
};

export const reportOf = (...domains: readonly DomainAudit[]): AuditReport => ({
  schema: 'postern-audit-report',
  version: 2,
  postern: '0.1.0',
  started: '2026-03-02T08:30:00.000Z',
  finished: '2026-03-02T08:30:04.310Z',
  state: domains.some(({ state }) => state === 'problems') ? 'problems' : 'clean',
  probes: ['mx', 'smtp', 'relay', 'failover', 'login', 'tls', 'spf'],
  notes: [],
  domains,
});

/** A report of a large provider: many domains and findings. */
export const manyDomains = (count: number, findingsEach: number): AuditReport =>
  reportOf(
    ...Array.from({ length: count }, (_, index): DomainAudit => {
      const domain = `domain-${index}.example`;
      return {
        ...troubled,
        domain,
        findings: Array.from({ length: findingsEach }, (_, number) => {
          const base = troubled.findings[number % troubled.findings.length] as AuditFinding;
          return { ...base, subject: `${base.subject}.${number}.${domain}` };
        }),
      };
    }),
  );

/** A report of `postern check message`. */
export const checkedMessage: CheckReport = {
  schema: 'postern-check-report',
  version: 2,
  postern: '0.1.0',
  started: '2026-03-02T08:30:00.000Z',
  finished: '2026-03-02T08:30:00.310Z',
  state: 'problems',
  kind: 'message',
  notes: ['No --ip was given: SPF was not asked.'],
  subjects: [
    {
      subject: 'invoice.eml',
      state: 'problems',
      durationMs: 310,
      findings: [
        {
          id: 'dkim-invalid',
          probe: 'dkim',
          severity: 'medium',
          kind: 'problem',
          title: 'A DKIM signature is not valid',
          subject: 'example.org (s2026)',
          what: 'The signature of example.org (s2026) is not valid: body hash did not verify.',
          source: 'RFC 6376 §6.1.3',
          fix: 'Find out what changes the message between signing and here.',
          evidence: ['algorithm rsa-sha256'],
        },
      ],
      answers: [
        {
          check: 'dkim',
          subject: 'example.org (s2026)',
          result: 'fail',
          reason: 'body hash did not verify',
          evidence: ['algorithm rsa-sha256'],
          source: 'RFC 6376 §6.1.3',
        },
        {
          check: 'dmarc',
          subject: 'example.org',
          result: 'none',
          reason: 'example.org publishes no policy',
          evidence: [],
          source: 'RFC 9989 §4.10',
        },
      ],
      message: {
        size: 20_480,
        from: ['example.org'],
        subject: 'Your invoice',
        parts: [
          { part: '1', type: 'text/html', encoding: 'quoted-printable', charset: 'utf-8', size: 18_000 },
          { part: '2', type: 'application/pdf', encoding: 'base64', filename: 'invoice.pdf', size: 2_000 },
        ],
        uris: [
          {
            uri: 'http://login.example.net/pay',
            host: 'login.example.net',
            where: { part: '1', kind: 'attribute', name: 'a href' },
            displayed: 'bank.example',
          },
        ],
        uriCount: 1,
        truncated: [],
      },
    },
  ],
};
