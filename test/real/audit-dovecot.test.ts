import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { auditService, type LoginAudit } from '../../src/audit/login/index.ts';
import type { AuditOptions } from '../../src/audit/options.ts';
import { contextWith } from '../audit/context.ts';
import { authority, issue } from '../audit/tls/certificates.ts';
import { dovecotFolder, runDovecot, withoutDovecot } from './dovecot.ts';
import { freePorts } from './run-server.ts';

const ADDRESS = '127.0.0.2';
const HOST = 'mail.example.org';
const trusted = authority({ key: 'RSA 2048' });
const good = issue({ names: [HOST], by: trusted, key: 'RSA 2048' });
const services = ['imap', 'imaps', 'pop3', 'pop3s'] as const;
type Service = (typeof services)[number];

interface Dovecot {
  readonly ports: { readonly [service in Service]: number };
  end(): Promise<void>;
}

/** Dovecot with `settings`; without anything else, as Debian has it: TLS is required but for its own address. */
async function dovecot(settings: string, certificate = good): Promise<Dovecot> {
  const folder = await dovecotFolder();
  const [imap = 0, imaps = 0, pop3 = 0, pop3s = 0] = await freePorts(4);
  await writeFile(join(folder, 'cert.pem'), certificate.cert);
  await writeFile(join(folder, 'key.pem'), certificate.key);
  const configuration = `
listen = ${ADDRESS}
ssl_cert = <${folder}/cert.pem
ssl_key = <${folder}/key.pem
auth_mechanisms = plain login
service anvil {
  chroot =
}
service imap-login {
  chroot =
  inet_listener imap {
    port = ${imap}
  }
  inet_listener imaps {
    port = ${imaps}
    ssl = yes
  }
}
service pop3-login {
  chroot =
  inet_listener pop3 {
    port = ${pop3}
  }
  inet_listener pop3s {
    port = ${pop3s}
    ssl = yes
  }
}
${settings}
`;
  const places = [imap, pop3].map((port) => ({ address: ADDRESS, port }));
  const { end } = await runDovecot(folder, configuration, places);
  return { ports: { imap, imaps, pop3, pop3s }, end };
}

async function look(server: Dovecot, service: Service, options: AuditOptions = {}): Promise<LoginAudit> {
  const audit = await auditService(
    {
      service,
      domain: 'example.org',
      host: HOST,
      required: [HOST],
      names: [],
      address: ADDRESS,
      port: server.ports[service],
      because: 'srv',
    },
    contextWith({ authorities: [trusted.cert], source: '127.0.0.9', timeoutMs: 15_000, ...options }),
  );
  if (audit === undefined) throw new Error('there is a service');
  return audit;
}

const idsOf = ({ findings }: LoginAudit): string[] => findings.map(({ id }) => id).sort();

interface Posture {
  readonly what: string;
  readonly settings: string;
  readonly certificate?: typeof good;
  readonly found: { readonly [service in Service]: readonly string[] };
  readonly options?: AuditOptions;
}
const nothing = { imap: [], imaps: [], pop3: [], pop3s: [] };
const everywhere = (...ids: readonly string[]) => ({ imap: ids, imaps: ids, pop3: ids, pop3s: ids });

const postures: readonly Posture[] = [
  { what: 'ssl = required', settings: 'ssl = required', found: nothing },
  { what: 'ssl = yes', settings: 'ssl = yes', found: nothing },
  {
    what: 'plain text is allowed beside TLS',
    settings: 'ssl = yes\ndisable_plaintext_auth = no',
    found: { ...nothing, imap: ['login-clear-accepted'], pop3: ['login-clear-accepted'] },
  },
  {
    what: 'plain text is allowed, but TLS is required',
    settings: 'ssl = required\ndisable_plaintext_auth = no',
    // USER is in the list of what it can do, and is refused.
    found: { ...nothing, pop3: ['login-clear-offered'] },
  },
  {
    what: 'no TLS, plain text allowed',
    settings: 'ssl = no\ndisable_plaintext_auth = no',
    found: {
      imap: ['login-clear-accepted', 'login-starttls-missing'],
      imaps: ['login-unreachable'],
      pop3: ['login-clear-accepted', 'login-starttls-missing'],
      pop3s: ['login-unreachable'],
    },
  },
  {
    what: 'no TLS, plain text refused',
    settings: 'ssl = no',
    found: {
      imap: ['login-starttls-missing'],
      imaps: ['login-unreachable'],
      pop3: ['login-starttls-missing'],
      pop3s: ['login-unreachable'],
    },
  },
  {
    what: 'challenges are offered before TLS',
    settings: 'ssl = yes\nauth_mechanisms = plain login cram-md5 scram-sha-256',
    found: { ...nothing, imap: ['login-clear-offered'], pop3: ['login-clear-offered'] },
  },
  {
    what: 'bearer tokens and passwords, both refused before TLS',
    settings: 'ssl = required\nauth_mechanisms = plain login xoauth2 oauthbearer',
    found: nothing,
  },
  {
    what: 'a network that is trusted, and the audit stands in it',
    settings: 'ssl = yes\nlogin_trusted_networks = 127.0.0.9/32',
    found: { ...nothing, imap: ['login-clear-accepted'], pop3: ['login-clear-accepted'] },
  },
  {
    what: 'expired',
    settings: 'ssl = required',
    certificate: issue({ names: [HOST], by: trusted, key: 'RSA 2048', from: -90, to: -2 }),
    found: everywhere('certificate-expired'),
  },
  {
    what: 'for another name, signed by itself',
    settings: 'ssl = required',
    certificate: issue({ names: ['other.example'], key: 'RSA 2048' }),
    found: everywhere('certificate-name', 'certificate-self-signed'),
  },
  {
    what: 'TLS 1.0 and later',
    settings: 'ssl = required\nssl_min_protocol = TLSv1\nssl_cipher_list = ALL:@SECLEVEL=0',
    found: everywhere('tls-old'),
  },
  {
    what: 'its own login delay, and a backend that is down',
    settings: `ssl = yes\ndisable_plaintext_auth = no\npassdb {
  driver = passwd-file
  args = /nonexistent/users
}`,
    found: { ...nothing, imap: ['login-clear-accepted'], pop3: ['login-clear-accepted'] },
  },
];

describe.skipIf(withoutDovecot !== false)('audit/login: Dovecot', () => {
  for (const { what, settings, certificate, found, options } of postures)
    describe(what, () => {
      let server: Dovecot;
      beforeAll(async () => {
        server = await dovecot(settings, certificate);
      });
      afterAll(() => server.end());
      for (const service of services)
        test.concurrent(`${service} → ${found[service].join(', ') || 'nothing'}`, async ({ expect }) => {
          const audit = await look(server, service, options);
          expect(idsOf(audit), JSON.stringify(audit, null, 1)).toEqual([...found[service]].sort());
        });
    });

  test('its own address is secure to it → accepted, and the report says why', async () => {
    const server = await dovecot('ssl = yes');
    try {
      const audit = await look(server, 'imap', { source: ADDRESS });
      expect(idsOf(audit)).toContain('login-clear-accepted');
      expect(audit.here).toBe(true);
      expect(audit.findings.find(({ id }) => id === 'login-clear-accepted')?.what).toContain('--source');
    } finally {
      await server.end();
    }
  });
});
