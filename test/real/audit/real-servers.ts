import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { dovecotFolder, runDovecot } from '../dovecot.ts';
import { type Running, run } from '../run-server.ts';
import type { DovecotPlace, Kit, OtherPlace, PostfixPlace } from './postures.ts';

/** Where `.ci/install-real-parts` unpacks what cannot be installed beside Dovecot. */
const ASIDE = '/opt/postern-real-parts';
const programs = {
  postfix: '/usr/lib/postfix/sbin/master',
  dovecot: '/usr/sbin/dovecot',
  cyrus: `${ASIDE}/usr/lib/cyrus/bin/master`,
  courier: `${ASIDE}/usr/sbin/couriertcpd`,
};
const COURIERTLS = `${ASIDE}/usr/bin/couriertls`;
/** Where Courier asks whether a login is right; the name is compiled in. */
const AUTHDAEMON = '/run/courier/authdaemon';
const isRoot = userInfo().uid === 0;

/** Why these servers cannot be run here; false where they can. */
export const without: { readonly [name in keyof typeof programs]: string | false } = {
  postfix: missing('postfix') || (isRoot ? false : "Postfix's master has to be started by root"),
  dovecot: missing('dovecot'),
  cyrus: missing('cyrus'),
  courier:
    missing('courier') ||
    (isRoot ? false : `${AUTHDAEMON} can be made by root only`) ||
    (hasUser('courier') ? false : 'there is no user courier') ||
    (existsSync(AUTHDAEMON) ? `${AUTHDAEMON} is there already` : false),
};

function missing(name: keyof typeof programs): string | false {
  return existsSync(programs[name]) ? false : `${programs[name]} is not installed`;
}

function hasUser(name: string): boolean {
  try {
    execFileSync('getent', ['passwd', name], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The folders of the libraries that were unpacked. */
function libraries(): string {
  const holdsSome = (folder: string): boolean => readdirSync(folder).some((name) => /\.so(\.|$)/.test(name));
  return [`${ASIDE}/usr/lib`, `${ASIDE}/lib`]
    .flatMap((root) => [
      root,
      ...readdirSync(root, { recursive: true, withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() ? [join(entry.parentPath ?? entry.path, entry.name)] : [],
      ),
    ])
    .filter(holdsSome)
    .join(':');
}

/** One Postfix with a service for each place. */
export async function startPostfix(
  places: readonly PostfixPlace[],
  { saslPort }: { readonly saslPort?: number } = {},
): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-postfix-'));
  await chmod(folder, 0o755);
  const queue = join(folder, 'queue');
  const id = (kind: '-u' | '-g', of: string): number =>
    Number(
      kind === '-u'
        ? execFileSync('id', ['-u', of], { encoding: 'utf8' })
        : execFileSync('getent', ['group', of], { encoding: 'utf8' }).split(':')[2],
    );
  const user = id('-u', 'postfix');
  const drop = id('-g', 'postdrop');
  await mkdir(queue);
  for (const name of 'active bounce corrupt defer deferred flush hold incoming private saved trace'.split(' ')) {
    await mkdir(join(queue, name), { mode: 0o700 });
    await chown(join(queue, name), user, 0);
  }
  for (const name of ['maildrop', 'public']) {
    await mkdir(join(queue, name));
    await chown(join(queue, name), user, drop);
    await chmod(join(queue, name), name === 'public' ? 0o2710 : 0o1730);
  }
  await mkdir(join(queue, 'pid'));
  const data = join(folder, 'data');
  await mkdir(data, { mode: 0o700 });
  await chown(data, user, 0);
  const log = join(folder, 'log');
  await writeFile(
    join(folder, 'main.cf'),
    `compatibility_level = 3.6
queue_directory = ${queue}
data_directory = ${data}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = ${log}
maillog_file_prefixes = ${folder}
inet_interfaces = all
inet_protocols = ipv4
myhostname = mail.invalid
mydomain = invalid
mydestination = ${places.map(({ domain }) => domain).join(', ')}
mynetworks =
alias_maps =
alias_database =
local_recipient_maps = inline:{ { postmaster = x } }
relay_domains =
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions =
smtpd_helo_required = yes
smtpd_peername_lookup = no
smtpd_tls_session_cache_database =
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:${saslPort ?? 9}
smtp_dns_support_level = disabled
default_transport = smtp:[127.0.0.1]:9
relay_transport = smtp:[127.0.0.1]:9
smtpd_tls_protocols = >=TLSv1.2
smtpd_tls_mandatory_protocols = >=TLSv1.2
tls_random_source = dev:/dev/urandom
`,
  );
  const services = await Promise.all(
    places.map(async ({ address, port, host, certificate, settings }) => {
      const tls: Record<string, string> = {};
      if (certificate !== undefined) {
        const chain = join(folder, `${address}-${port}.pem`);
        await writeFile(chain, certificate.key + certificate.chain, { mode: 0o600 });
        Object.assign(tls, { smtpd_tls_chain_files: chain, smtpd_tls_security_level: 'may' });
      }
      const all = Object.entries({ myhostname: host, ...tls, ...settings });
      return [
        `${address}:${port} inet n - n - 100 smtpd`,
        ...all.map(([name, value]) => `  -o { ${name} = ${value} }`),
      ].join('\n');
    }),
  );
  await writeFile(
    join(folder, 'master.cf'),
    `${services.join('\n')}
postlog   unix-dgram n - n - 1 postlogd
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
plain     unix - - n - - trivial-rewrite
  -o allow_percent_hack=no
  -o swap_bangpath=no
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
proxymap  unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
error     unix - - n - - error
retry     unix - - n - - error
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
`,
  );
  return run(
    'postfix',
    spawn(programs.postfix, ['-c', folder, '-d'], { stdio: ['ignore', 'pipe', 'pipe'], detached: true }),
    folder,
    log,
    places.map(({ address, port }) => ({ address, port })),
  );
}

/** One Dovecot with an address for each place; it also answers Postfix whether a login is right. */
export async function startDovecot(
  places: readonly DovecotPlace[],
  { ports }: Pick<Kit, 'ports'>,
  { saslPort }: { readonly saslPort?: number } = {},
): Promise<Running> {
  const folder = await dovecotFolder();
  const certificateOf = ({ certificate }: DovecotPlace): string =>
    certificate === undefined ? '' : `  ssl_cert = <${certificate.chainFile}\n  ssl_key = <${certificate.keyFile}\n`;
  const listeners = (protocol: 'imap' | 'pop3'): string =>
    places
      .flatMap(({ address, services }, at) =>
        ([protocol, `${protocol}s`] as const)
          .filter((service) => services.includes(service))
          .map(
            (service) =>
              `  inet_listener ${service}_${at} {\n    address = ${address}\n    port = ${ports[service]}\n    ssl = ${service === protocol ? 'no' : 'yes'}\n  }`,
          ),
      )
      .join('\n');
  const first = places.find(({ certificate }) => certificate !== undefined);
  const settings = `
listen = 127.0.0.1
${first === undefined ? 'ssl = no' : `ssl = yes\n${certificateOf(first)}`}
disable_plaintext_auth = yes
auth_mechanisms = plain login
service anvil {
  chroot =
}
service auth {
${saslPort === undefined ? '' : `  inet_listener {\n    address = 127.0.0.1\n    port = ${saslPort}\n  }`}
}
service imap-login {
  chroot =
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = 0
  }
${listeners('imap')}
}
service pop3-login {
  chroot =
  inet_listener pop3 {
    port = 0
  }
  inet_listener pop3s {
    port = 0
  }
${listeners('pop3')}
}
${places
  .map(
    (place) => `local ${place.address} {
${certificateOf(place)}${Object.entries(place.settings)
  .map(([name, value]) => `  ${name} = ${value}\n`)
  .join('')}}`,
  )
  .join('\n')}
`;
  return runDovecot(
    folder,
    settings,
    places.flatMap(({ address, services }) => services.map((service) => ({ address, port: ports[service] }))),
  );
}

const certificateFile = async (folder: string, { address, certificate }: OtherPlace): Promise<string> => {
  const file = join(folder, `${address}.pem`);
  if (certificate !== undefined) await writeFile(file, certificate.key + certificate.chain, { mode: 0o644 });
  return file;
};

/** One Cyrus with services for each place. */
export async function startCyrus(places: readonly OtherPlace[], { ports }: Pick<Kit, 'ports'>): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-cyrus-'));
  await chmod(folder, 0o755);
  const path = (name: string): string => join(folder, name);
  for (const name of [
    'spool',
    'conf',
    ...'db socket log proc msg user quota lock'.split(' ').map((of) => `conf/${of}`),
  ])
    await mkdir(path(name));
  const own: string[] = [];
  const services: string[] = [];
  for (const [at, place] of places.entries()) {
    const file = await certificateFile(folder, place);
    for (const service of place.services) {
      const name = `${service}x${at}`;
      const program = service.startsWith('imap') ? 'imapd' : 'pop3d';
      const implicit = /s$/.test(service) ? ' -s' : '';
      const child = `${ASIDE}/usr/lib/cyrus/bin/${program} -C ${path('imapd.conf')}${implicit}`;
      services.push(`  ${name} cmd="${child}" listen="${place.address}:${ports[service]}" prefork=0`);
      for (const [option, value] of Object.entries({
        servername: place.host,
        ...(place.certificate === undefined ? {} : { tls_server_cert: file, tls_server_key: file }),
        ...place.settings,
      }))
        own.push(`${name}_${option}: ${value}`);
    }
  }
  await writeFile(
    path('imapd.conf'),
    `configdirectory: ${path('conf')}
proc_path: ${path('conf/proc')}
mboxname_lockpath: ${path('conf/lock')}
tls_sessions_db_path: ${path('conf/tls.db')}
idlesocket: ${path('conf/socket/idle')}
notifysocket: ${path('conf/socket/notify')}
defaultpartition: default
partition-default: ${path('spool')}
cyrus_user: ${isRoot ? 'nobody' : userInfo().username}
sasl_pwcheck_method: auxprop
sasl_mech_list: PLAIN LOGIN
tls_versions: tls1_2 tls1_3
${own.join('\n')}
`,
  );
  await writeFile(path('cyrus.conf'), `START {\n}\nSERVICES {\n${services.join('\n')}\n}\nEVENTS {\n}\n`);
  if (isRoot) execFileSync('chown', ['-R', 'nobody:nogroup', folder]);
  return run(
    'cyrus',
    spawn(programs.cyrus, ['-C', path('imapd.conf'), '-M', path('cyrus.conf'), '-p', path('pid'), '-D'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LD_LIBRARY_PATH: libraries() },
    }),
    folder,
    path('log'),
    places.flatMap(({ address, services }) => services.map((service) => ({ address, port: ports[service] }))),
  );
}

/** Courier, a server for each service of each place. */
export async function startCourier(places: readonly OtherPlace[], { ports }: Pick<Kit, 'ports'>): Promise<Running> {
  await mkdir(AUTHDAEMON, { recursive: true });
  // Courier hands logins to its authdaemon; this one refuses them all.
  const refusing = createServer((socket) => {
    socket.on('error', () => undefined).on('data', () => void socket.end('FAIL\n'));
  });
  await new Promise<void>((resolve) => refusing.listen(`${AUTHDAEMON}/socket`, resolve));
  await chmod(`${AUTHDAEMON}/socket`, 0o777);
  const running: Running[] = [];
  const end = async (): Promise<void> => {
    await Promise.all(running.map((server) => server.end()));
    await new Promise((resolve) => refusing.close(resolve));
    await rm('/run/courier', { recursive: true, force: true });
  };
  try {
    for (const place of places) {
      for (const service of place.services) {
        const folder = await mkdtemp(join(tmpdir(), 'postern-courier-'));
        await chmod(folder, 0o755);
        const imap = service.startsWith('imap');
        const implicit = /s$/.test(service);
        const kind = imap ? 'IMAP' : 'POP3';
        const program = imap
          ? [`${ASIDE}/usr/lib/courier/courier/imaplogin`, `${ASIDE}/usr/bin/imapd`, 'Maildir']
          : [
              `${ASIDE}/usr/lib/courier/courier/courierpop3login`,
              `${ASIDE}/usr/lib/courier/courier/courierpop3d`,
              'Maildir',
            ];
        const server = spawn(
          programs.courier,
          [
            `-address=${place.address}`,
            '-nodnslookup',
            '-noidentlookup',
            String(ports[service]),
            ...(implicit ? [COURIERTLS, '-server', '-tcpd'] : []),
            ...program,
          ],
          {
            stdio: ['ignore', 'pipe', 'pipe'],
            env: {
              ...process.env,
              LD_LIBRARY_PATH: libraries(),
              COURIERTLS,
              TLS_CERTFILE: await certificateFile(folder, place),
              // Debian builds it with GnuTLS.
              TLS_PRIORITY: 'NORMAL:-VERS-TLS1.0:-VERS-TLS1.1',
              TLS_VERIFYPEER: 'NONE',
              MAILDIRPATH: 'Maildir',
              [`${kind}_STARTTLS`]: place.certificate !== undefined && !implicit ? 'YES' : 'NO',
              ...(implicit ? { [`${kind}_TLS`]: '1' } : {}),
              IMAP_CAPABILITY: 'IMAP4rev1 UIDPLUS',
              IMAP_CAPABILITY_TLS: 'IMAP4rev1 UIDPLUS AUTH=PLAIN',
              POP3AUTH_TLS: 'PLAIN LOGIN',
              ...place.settings,
            },
          },
        );
        running.push(
          await run('courier', server, folder, join(folder, 'log'), [{ address: place.address, port: ports[service] }]),
        );
      }
    }
  } catch (error) {
    await end();
    throw error;
  }
  return { log: async () => (await Promise.all(running.map((server) => server.log()))).join(''), end };
}
