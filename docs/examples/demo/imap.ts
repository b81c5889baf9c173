import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { AccessCommandFacts } from 'postern/access';
import { accessPolicy, accessReply, capabilityWords } from 'postern/access';
import { encryptedAuth } from 'postern/checks/encrypted-auth';
import { evaluate } from 'postern/core';
import type { Env } from 'postern/env';
import { parseIp } from 'postern/net';

/** Starts a server that speaks IMAP up to the login, enough to refuse a cleartext login. */
export async function startImapGate(env: Env): Promise<{ readonly port: number; readonly close: () => Promise<void> }> {
  const gate = encryptedAuth({ mechanisms: ['PLAIN'] });
  const policy = accessPolicy({ encryption: gate });
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => undefined);
    const ip = parseIp(socket.remoteAddress ?? '');
    if (ip === undefined) return socket.destroy();
    const before: Omit<AccessCommandFacts, 'command'> = {
      session: { id: `imap-${socket.remotePort}`, role: 'submission', protocol: 'imap' },
      client: { ip },
      tls: null,
      tlsOffer: 'ready',
      state: 'open',
    };
    const capabilities = ['IMAP4rev1', 'SASL-IR', ...capabilityWords('imap', gate.capabilitiesFor(before))].join(' ');
    socket.write(`* OK [CAPABILITY ${capabilities}] mx.example.com ready\r\n`);
    let received = '';
    socket.setEncoding('latin1').on('data', async (text) => {
      received = (received + text).slice(-4_096);
      for (let end = received.indexOf('\n'); end >= 0; end = received.indexOf('\n')) {
        const [tag = '*', name = '', mechanism] = received.slice(0, end).trim().split(' ');
        received = received.slice(end + 1);
        const command = {
          name: name.toUpperCase(),
          ...(/^authenticate$/i.test(name) && mechanism ? { mechanism } : {}),
        };
        const decision = await evaluate(policy.rules, 'command', { ...before, command }, env);
        const refused = accessReply(decision, before, { stage: 'command', tag });
        socket.write(`${refused === null ? `${tag} OK done` : refused.line}\r\n`);
      }
    });
    return socket;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
