import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate and its key, as text and as files. */
export interface Issued {
  /** The certificate, and behind it what the server sends too. */
  readonly chain: string;
  readonly cert: string;
  readonly key: string;
  readonly chainFile: string;
  readonly keyFile: string;
}

export interface Wanted {
  /** DNS names of subjectAltName; none where empty. */
  readonly names?: readonly string[];
  readonly commonName?: string;
  /** Days from now at which it begins and ends; -10 and 90 where not given. */
  readonly from?: number;
  readonly to?: number;
  readonly key?: 'P-256' | 'RSA 1024' | 'RSA 2048';
  readonly digest?: 'sha256' | 'sha1';
  /** Signed by itself, by the authority, or by an intermediate one that is sent along, or is not. */
  readonly by?: 'itself' | 'authority' | 'intermediate' | 'intermediate, not sent' | 'stranger';
}

/** An authority made by openssl for one run, with an intermediate one; and a stranger that nobody trusts. */
export interface Authority {
  readonly cert: string;
  readonly intermediate: string;
  issue(wanted: Wanted): Issued;
  end(): void;
}

const DAY = 86_400_000;
const time = (days: number): string =>
  `${new Date(Date.now() + days * DAY).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;

export function makeAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'postern-audit-ca-'));
  const path = (file: string): string => join(folder, file);
  const openssl = (...options: string[]): void => {
    execFileSync('openssl', options, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  mkdirSync(path('new'));
  writeFileSync(path('index'), '');
  writeFileSync(path('index.attr'), 'unique_subject = no\n');
  writeFileSync(
    path('conf'),
    `[ca]
default_ca = own
[own]
database = index
new_certs_dir = new
rand_serial = yes
policy = any
default_md = sha256
copy_extensions = none
[any]
commonName = optional
organizationName = optional
[req]
distinguished_name = nobody
[nobody]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
`,
  );
  const newKey = (file: string, kind: NonNullable<Wanted['key']> = 'P-256'): void =>
    kind === 'P-256'
      ? openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file)
      : openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${kind.slice(4)}`, '-out', file);
  const sign = (
    name: string,
    subject: string,
    signer: string,
    extensions: readonly string[],
    { from = -10, to = 90, digest = 'sha256' }: Pick<Wanted, 'from' | 'to' | 'digest'>,
  ): void => {
    openssl('req', '-new', '-config', 'conf', '-key', `${name}.key`, '-subj', subject, '-out', `${name}.csr`);
    writeFileSync(path(`${name}.ext`), `${extensions.join('\n')}\n`);
    openssl(
      'ca',
      '-batch',
      '-notext',
      '-config',
      'conf',
      '-md',
      digest,
      '-startdate',
      time(from),
      '-enddate',
      time(to),
      '-in',
      `${name}.csr`,
      '-out',
      `${name}.crt`,
      '-extfile',
      `${name}.ext`,
      '-keyfile',
      `${signer}.key`,
      ...(signer === name ? ['-selfsign'] : ['-cert', `${signer}.crt`]),
    );
  };
  const isAuthority = [
    'basicConstraints = critical, CA:TRUE',
    'keyUsage = critical, keyCertSign, cRLSign',
    'subjectKeyIdentifier = hash',
  ];
  for (const [name, signer] of [
    ['authority', 'authority'],
    ['intermediate', 'authority'],
    ['stranger', 'stranger'],
  ] as const) {
    newKey(`${name}.key`);
    sign(name, `/O=Audit test/CN=${name}`, signer, isAuthority, { from: -1_000, to: 1_000 });
  }
  const read = (file: string): string => readFileSync(path(file), 'utf8');

  let count = 0;
  return {
    cert: read('authority.crt'),
    intermediate: read('intermediate.crt'),
    issue({ names = [], commonName, key = 'P-256', by = 'authority', ...dates }) {
      const name = `leaf${++count}`;
      newKey(`${name}.key`, key);
      const subject = commonName === undefined ? '/O=Audit test' : `/O=Audit test/CN=${commonName}`;
      const signer = by === 'itself' ? name : by === 'authority' || by === 'stranger' ? by : 'intermediate';
      sign(
        name,
        subject,
        signer,
        [
          'basicConstraints = CA:FALSE',
          'extendedKeyUsage = serverAuth',
          ...(names.length === 0 ? [] : [`subjectAltName = ${names.map((one) => `DNS:${one}`).join(', ')}`]),
        ],
        dates,
      );
      const cert = read(`${name}.crt`);
      const chain = by === 'intermediate' ? cert + read('intermediate.crt') : cert;
      writeFileSync(path(`${name}.chain`), chain);
      return { cert, chain, key: read(`${name}.key`), chainFile: path(`${name}.chain`), keyFile: path(`${name}.key`) };
    },
    end: () => rmSync(folder, { recursive: true, force: true }),
  };
}
