import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ImapFlow } from 'imapflow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { certificate } from '../adapters/login-gate/certificate.ts';
import { Client } from '../adapters/login-gate/client.ts';
import { type RunningDovecot, startDovecot, withoutDovecot } from './dovecot.ts';
import { type RunningGate, startGate } from './login-gate-parts.ts';

const run = promisify(execFile);
const tls = certificate('localhost');

describe.skipIf(withoutDovecot)(
  `the login gate before Dovecot${withoutDovecot ? ` (skipped: ${withoutDovecot})` : ''}`,
  () => {
    let dovecot: RunningDovecot;
    let imap: RunningGate;
    let imaps: RunningGate;
    let pop3: RunningGate;
    let pop3s: RunningGate;
    let folder: string;
    const password = 'secret';
    beforeAll(async () => {
      dovecot = await startDovecot();
      folder = await mkdtemp(join(tmpdir(), 'postern-gate-'));
      await writeFile(join(folder, 'ca.pem'), tls.cert);
      const at = (port: number, tellClient?: 'id' | 'proxy-v2' | 'xclient') => ({
        host: '127.0.0.1',
        port,
        ...(tellClient === undefined ? {} : { tellClient }),
      });
      [imap, imaps, pop3, pop3s] = await Promise.all([
        startGate({ protocol: 'imap', tls, backend: at(dovecot.imap, 'id') }),
        startGate({ protocol: 'imap', tls, implicitTls: true, backend: at(dovecot.imapProxied, 'proxy-v2') }),
        startGate({ protocol: 'pop3', tls, backend: at(dovecot.pop3, 'xclient') }),
        startGate({ protocol: 'pop3', tls, implicitTls: true, backend: at(dovecot.pop3) }),
      ]);
    });
    afterAll(async () => {
      await Promise.all([imap, imaps, pop3, pop3s].map((gate) => gate?.end()));
      await dovecot?.end();
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    });

    test('Dovecot by itself takes a login in the clear; the gate before it does not', async () => {
      const bare = await Client.open(dovecot.imap, { localAddress: '127.0.0.2' });
      await bare.line();
      expect(await bare.ask('a LOGIN bob secret')).toMatch(/^a OK/);
      bare.close();
      const guarded = await Client.open(imap.port, { localAddress: '127.0.0.2' });
      expect(await guarded.line()).toMatch(/^\* OK \[CAPABILITY IMAP4rev1 SASL-IR STARTTLS LOGINDISABLED\]/);
      for (const command of [
        'LOGIN bob secret',
        'AUTHENTICATE PLAIN AGJvYgBzZWNyZXQ=',
        'AUTHENTICATE PLAIN',
        'AUTHENTICATE SCRAM-SHA-256',
      ])
        expect(await guarded.ask(`a ${command}`)).toBe('a NO [PRIVACYREQUIRED] TLS is required to log in');
      guarded.close();
    });

    test('what Dovecot says it can do, without STARTTLS, LOGINDISABLED and CRAM-MD5', async () => {
      const c = await Client.openTls(imaps.port);
      const line = (await c.line())!;
      expect(line).toMatch(/^\* OK \[CAPABILITY IMAP4rev1 /);
      expect(line).toMatch(/ AUTH=PLAIN AUTH=LOGIN AUTH=SCRAM-SHA-256\]/);
      expect(line).not.toMatch(/STARTTLS|LOGINDISABLED|=CRAM/);
      c.close();
    });

    const imapflow = (port: number, secure: boolean, more: object = {}): ImapFlow =>
      new ImapFlow({
        host: '127.0.0.1',
        port,
        secure,
        auth: { user: 'bob', pass: password },
        tls: { rejectUnauthorized: false },
        logger: false,
        ...more,
      });

    test.each([
      ['STARTTLS', () => imap, false],
      ['implicit TLS', () => imaps, true],
    ] as const)('imapflow logs in under %s, and reads mail', async (_, gate, secure) => {
      await dovecot.deliver(`hello-${secure}`, 4_096);
      const client = imapflow(gate().port, secure);
      await client.connect();
      const lock = await client.getMailboxLock('INBOX');
      const message = await client.fetchOne('*', { envelope: true, source: true });
      lock.release();
      expect(message ? message.source?.length : undefined).toBe(4_096);
      expect(client.secureConnection).toBe(true);
      await client.logout();
    });

    test('imapflow cannot log in in the clear', async () => {
      const client = imapflow(imap.port, false, { doSTARTTLS: false });
      client.on('error', () => undefined);
      await expect(client.connect()).rejects.toThrow();
      client.close();
    });

    test('imapflow with a wrong password is told so; after three in a session it is sent away', async () => {
      const wrong = imapflow(imaps.port, true, { auth: { user: 'ann', pass: 'wrong' } });
      wrong.on('error', () => undefined);
      await expect(wrong.connect()).rejects.toMatchObject({ authenticationFailed: true });
      const c = await Client.openTls(imaps.port, {});
      await c.line();
      for (let i = 0; i < 3; i++)
        expect(await c.ask(`a LOGIN eve${i} wrong${i}`)).toMatch(/^a NO \[AUTHENTICATIONFAILED\]/);
      expect(await c.ask('a LOGIN bob secret')).toMatch(/^\* BYE/);
      c.close();
    });

    test.each([
      ['ID', () => imap],
      ['the PROXY protocol', () => imaps],
    ] as const)('Dovecot knows the client’s address by %s', async (_, gate) => {
      const c =
        gate() === imap
          ? await Client.open(gate().port, { localAddress: '127.9.8.7' })
          : await Client.openTls(gate().port, { localAddress: '127.6.5.4' } as never);
      await c.line();
      if (gate() === imap) {
        await c.ask('a STARTTLS');
        await c.startTls();
      }
      expect(await c.ask('b LOGIN bob secret')).toMatch(/^b OK/);
      await expect
        .poll(dovecot.log, { timeout: 10_000 })
        .toMatch(gate() === imap ? /rip=127\.9\.8\.7/ : /rip=127\.6\.5\.4/);
      c.close();
    });

    const curl = async (...given: string[]): Promise<{ said: string; status: number }> => {
      try {
        return {
          said: (await run('curl', ['--silent', '--show-error', '--max-time', '20', ...given])).stdout,
          status: 0,
        };
      } catch (error) {
        const { stderr = '', code = -1 } = error as { stderr?: string; code?: number };
        return { said: stderr, status: code };
      }
    };
    const user = ['--user', `bob:${password}`];
    const insecure = ['--insecure'];

    test('curl reads POP3 under STLS and implicit TLS, by several mechanisms; not in the clear', async () => {
      await dovecot.deliver('for-pop', 2_000);
      const clear = await curl(...user, `pop3://127.0.0.1:${pop3.port}/`);
      expect(clear.status).not.toBe(0);
      const stls = await curl(...user, ...insecure, '--ssl-reqd', `pop3://127.0.0.1:${pop3.port}/`);
      expect(stls).toEqual({ status: 0, said: expect.any(String) });
      expect(stls.said).toMatch(/^1 \d+/m);
      expect(await curl(...user, ...insecure, `pop3s://127.0.0.1:${pop3s.port}/`)).toMatchObject({ status: 0 });
      expect(
        await curl(...user, ...insecure, '--login-options', 'AUTH=LOGIN', `pop3s://127.0.0.1:${pop3s.port}/`),
      ).toMatchObject({ status: 0 });
      await expect.poll(dovecot.log, { timeout: 10_000 }).toMatch(/pop3-login: .*rip=127\.0\.0\.1/);
    });

    test('curl reads IMAP under STARTTLS, its certificate checked; not in the clear', async () => {
      expect((await curl(...user, `imap://127.0.0.1:${imap.port}/`)).status).not.toBe(0);
      const checked = await curl(
        ...user,
        '--ssl-reqd',
        '--cacert',
        join(folder, 'ca.pem'),
        '--connect-to',
        `localhost:${imap.port}:127.0.0.1:${imap.port}`,
        `imap://localhost:${imap.port}/`,
      );
      expect(checked).toMatchObject({ status: 0 });
      expect(checked.said).toMatch(/INBOX/);
    });

    test('a FETCH of 50 MB arrives whole, and the gate stays as it is, though the reader is slow', async () => {
      const size = 50 * 1024 * 1024;
      await dovecot.deliver('large', size);
      const c = await Client.openTls(imaps.port, { highWaterMark: 65_536 } as never);
      await c.line();
      expect(await c.ask('a LOGIN bob secret')).toMatch(/^a OK/);
      c.send('b SELECT INBOX\r\n');
      let line = await c.line();
      while (!line?.startsWith('b OK')) line = await c.line();
      c.send('c UID SEARCH LARGER 50000000\r\n');
      const uid = /\* SEARCH (\d+)/.exec((await c.line())!)![1]!;
      await c.line();
      const before = await imaps.usage();
      let got = 0;
      let most = 0;
      c.socket.removeAllListeners('data');
      let tail = '';
      c.socket.on('data', (octets: Buffer) => {
        got += octets.length;
        tail = (tail + octets.subarray(-64).toString('latin1')).slice(-64);
      });
      c.send(`d UID FETCH ${uid} BODY.PEEK[]\r\n`);
      // A reader that stops now and then: what it does not take must wait at Dovecot.
      for (let i = 0; i < 5; i++) {
        c.socket.pause();
        await new Promise((resolve) => setTimeout(resolve, 300));
        most = Math.max(most, (await imaps.usage()).rss);
        c.socket.resume();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await expect.poll(() => tail, { timeout: 60_000 }).toMatch(/d OK [^\n]*\n$/);
      most = Math.max(most, (await imaps.usage()).rss);
      c.close();
      console.log(
        `50 MB FETCH: ${got} octets; the gate's memory rose by ${((most - before.rss) / 1_048_576).toFixed(1)} MiB`,
      );
      expect(got).toBeGreaterThan(size);
      expect(most - before.rss).toBeLessThan(24 * 1024 * 1024);
    });

    test('a thousand sessions at once: each logs in, is answered, and none is left behind', async () => {
      // The session of the test before may still be on its way out.
      await expect.poll(async () => (await imaps.usage()).connections, { timeout: 10_000 }).toBe(0);
      const before = await imaps.usage();
      const sessions = 1_000;
      const began = performance.now();
      const clients: Client[] = [];
      // Fifty at a time shake hands; all thousand stay.
      for (let first = 0; first < sessions; first += 50) {
        clients.push(
          ...(await Promise.all(
            Array.from({ length: 50 }, async (_, i) => {
              const n = first + i;
              const c = await Client.openTls(imaps.port, { localAddress: `127.1.${n >> 8}.${n & 255 || 1}` } as never);
              await c.line();
              expect(await c.ask(`a LOGIN ${n % 2 === 0 ? 'bob' : 'ann'} secret`)).toMatch(/^a OK/);
              return c;
            }),
          )),
        );
      }
      const during = await imaps.usage();
      expect(during.connections).toBe(before.connections + sessions);
      const replies = await Promise.all(clients.map((c, i) => c.ask(`n${i} NOOP`)));
      expect(replies.filter((reply, i) => reply?.startsWith(`n${i} OK`))).toHaveLength(sessions);
      console.log(
        `1,000 sessions in ${((performance.now() - began) / 1_000).toFixed(1)} s, ${((during.rss - before.rss) / sessions / 1_024).toFixed(0)} KiB a session`,
      );
      // A third says good-bye, a third ends its side, a third vanishes.
      await Promise.all(
        clients.map(async (c, i) => {
          if (i % 3 === 0) c.send('z LOGOUT\r\n');
          else if (i % 3 === 1) c.socket.end();
          else c.close();
        }),
      );
      await expect.poll(async () => (await imaps.usage()).connections, { timeout: 60_000 }).toBe(before.connections);
      for (const c of clients) c.close();
    });

    test('a new certificate, and a session that goes on under the old one', async () => {
      const c = await Client.openTls(pop3s.port);
      await c.line();
      await c.ask('USER ann');
      expect(await c.ask('PASS secret')).toMatch(/^\+OK/);
      pop3s.reload(certificate('renewed.example.com'));
      await expect
        .poll(async () => {
          const next = await Client.openTls(pop3s.port);
          const { CN } = (next.socket as import('node:tls').TLSSocket).getPeerCertificate().subject;
          next.close();
          return CN;
        })
        .toBe('renewed.example.com');
      expect(await c.ask('NOOP')).toMatch(/^\+OK/);
      c.close();
    });
  },
);
