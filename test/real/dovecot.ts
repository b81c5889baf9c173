import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePorts, type Running, run } from './run-server.ts';

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

const root = userInfo().uid === 0;
/** Whose the mail is. */
const owner = root ? 'nobody' : userInfo().username;
const group = root ? 'nogroup' : String(userInfo().gid);

/** What every Dovecot of these tests is told: users `bob` and `ann`, password `secret`, and all that it writes in one folder. */
const base = (folder: string, mailbox: string): string => `
base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/log
protocols = imap pop3
default_internal_user = ${root ? 'dovecot' : owner}
default_internal_group = ${root ? 'dovecot' : group}
default_login_user = ${root ? 'dovenull' : owner}
mail_location = maildir:${folder}/mail/%u${mailbox}
first_valid_uid = 1
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u ${folder}/users
}
userdb {
  driver = static
  args = uid=${owner} gid=${group} home=${folder}/mail/%u
}
`;

/** A folder for all that a Dovecot writes. */
export async function dovecotFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-dovecot-'));
  await chmod(folder, 0o755);
  await mkdir(join(folder, 'mail'));
  await writeFile(join(folder, 'users'), 'bob:{PLAIN}secret\nann:{PLAIN}secret\n', { mode: 0o644 });
  return folder;
}

/** Starts Dovecot with more settings, and waits until it takes connections at all `places`. */
export async function runDovecot(
  folder: string,
  settings: string,
  places: readonly { readonly address: string; readonly port: number }[],
  mailbox: string = '',
): Promise<Running> {
  await writeFile(join(folder, 'dovecot.conf'), base(folder, mailbox) + settings, { mode: 0o644 });
  const server = spawn(program, ['-F', '-c', join(folder, 'dovecot.conf')], { stdio: ['ignore', 'pipe', 'pipe'] });
  return run('dovecot', server, folder, join(folder, 'log'), places);
}

/** Starts Dovecot on free loopback ports, with one folder for everything it writes. Users: bob and ann, password `secret`. */
export async function startDovecot(): Promise<RunningDovecot> {
  const folder = await dovecotFolder();
  const [imap, pop3, imapProxied] = (await freePorts(3)) as [number, number, number];
  const mail = join(folder, 'mail');
  for (const user of ['bob', 'ann'])
    for (const box of ['new', 'cur', 'tmp']) await mkdir(join(mail, user, 'Maildir', box), { recursive: true });
  const settings = `
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 scram-sha-256
auth_failure_delay = 0
login_trusted_networks = 127.0.0.0/8
haproxy_trusted_networks = 127.0.0.0/8
mail_max_userip_connections = 5000
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
`;
  if (root) await new Promise((resolve) => spawn('chown', ['-R', `${owner}:${group}`, mail]).once('exit', resolve));
  const places = [imap, pop3].map((port) => ({ address: '127.0.0.1', port }));
  const { log, end } = await runDovecot(folder, settings, places, '/Maildir');
  return {
    imap,
    pop3,
    imapProxied,
    log,
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
