import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

const program = '/usr/sbin/dovecot';

/** Why these tests cannot be run here; false where they can. */
export const withoutDovecot: string | false = existsSync(program) ? false : `${program} is not installed`;

/** A Dovecot that takes logins in clear text from everybody. */
export interface RunningDovecot {
  readonly imap: number;
  readonly pop3: number;
  /** The same IMAP, behind the PROXY protocol. */
  readonly imapProxied: number;
  /** What it has logged. */
  log(): Promise<string>;
  /** Puts a message of so many octets into bob's inbox. */
  deliver(name: string, octets: number): Promise<void>;
  end(): Promise<void>;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 });
    const settle = (up: boolean): void => {
      socket.destroy();
      resolve(up);
    };
    socket
      .once('data', () => settle(true))
      .once('error', () => settle(false))
      .once('timeout', () => settle(false));
  });

/** Starts Dovecot on free loopback ports, with one folder for everything it writes. Users: bob and ann, password `secret`. */
export async function startDovecot(): Promise<RunningDovecot> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-dovecot-'));
  await chmod(folder, 0o755);
  const [imap, pop3, imapProxied] = (await freePorts(3)) as [number, number, number];
  const root = userInfo().uid === 0;
  const owner = root ? 'nobody' : userInfo().username;
  const group = root ? 'nogroup' : String(userInfo().gid);
  const mail = join(folder, 'mail');
  for (const user of ['bob', 'ann'])
    for (const box of ['new', 'cur', 'tmp']) await mkdir(join(mail, user, 'Maildir', box), { recursive: true });
  await writeFile(join(folder, 'users'), 'bob:{PLAIN}secret\nann:{PLAIN}secret\n', { mode: 0o644 });
  const log = join(folder, 'log');
  await writeFile(
    join(folder, 'dovecot.conf'),
    `
base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${log}
protocols = imap pop3
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 scram-sha-256
auth_failure_delay = 0
login_trusted_networks = 127.0.0.0/8
haproxy_trusted_networks = 127.0.0.0/8
default_internal_user = ${root ? 'dovecot' : owner}
default_internal_group = ${root ? 'dovecot' : group}
default_login_user = ${root ? 'dovenull' : owner}
mail_location = maildir:${mail}/%u/Maildir
mail_max_userip_connections = 5000
first_valid_uid = 1
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u ${folder}/users
}
userdb {
  driver = static
  args = uid=${owner} gid=${group} home=${mail}/%u
}
service anvil {
  client_limit = 8000
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  client_limit = 8000
}
service imap-login {
  chroot =
  service_count = 0
  process_min_avail = 1
  client_limit = 4000
  inet_listener imap {
    port = ${imap}
  }
  inet_listener imap_proxied {
    port = ${imapProxied}
    haproxy = yes
  }
  inet_listener imaps {
    port = 0
  }
}
service pop3-login {
  chroot =
  service_count = 0
  client_limit = 2000
  inet_listener pop3 {
    port = ${pop3}
  }
  inet_listener pop3s {
    port = 0
  }
}
service imap {
  client_limit = 600
  process_limit = 8
  service_count = 0
}
`,
    { mode: 0o644 },
  );
  if (root) await new Promise((resolve) => spawn('chown', ['-R', `${owner}:${group}`, mail]).once('exit', resolve));
  const server: ChildProcess = spawn(program, ['-F', '-c', join(folder, 'dovecot.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  server.stderr?.on('data', (text) => (said += text));
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const read = async (): Promise<string> => {
    const { readFile } = await import('node:fs/promises');
    return readFile(log, 'utf8').catch(() => '');
  };
  const end = async (): Promise<void> => {
    server.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  for (let i = 0; !((await answers(imap)) && (await answers(pop3))); i++) {
    if (i > 100 || server.exitCode !== null) {
      const why = `${said}${await read()}`;
      await end();
      throw new Error(`dovecot did not come up: ${why}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    imap,
    pop3,
    imapProxied,
    log: read,
    async deliver(name, octets) {
      const head = `From: ann@example.com\r\nTo: bob@example.com\r\nSubject: ${name}\r\n\r\n`;
      const line = `${'x'.repeat(76)}\r\n`;
      const body = line.repeat(Math.ceil((octets - head.length) / line.length)).slice(0, octets - head.length);
      const path = join(mail, 'bob', 'Maildir', 'new', name);
      await writeFile(path, head + body, { mode: 0o644 });
      if (root) await new Promise((resolve) => spawn('chown', [`${owner}:${group}`, path]).once('exit', resolve));
    },
    end,
  };
}
