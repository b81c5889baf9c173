/** The policy of inbound.ts in front of smtp-server, spoken to over a socket. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { guardedServer } from 'postern/adapters/smtp-server';
import { env, inbound } from './inbound.ts';

/** Says each line once the reply to the one before has come; the last line of each reply. */
async function converse(port: number, lines: readonly string[]): Promise<string[]> {
  const socket = connect(port, '127.0.0.1');
  const heard: string[] = [];
  const left = [...lines];
  for await (const line of createInterface(socket)) {
    if (/^\d{3}-/.test(line)) continue;
    heard.push(line);
    const next = left.shift();
    if (next === undefined) socket.end();
    else socket.write(`${next}\r\n`);
  }
  return heard;
}

export async function main(): Promise<string[]> {
  const taken: string[] = [];
  const server = guardedServer({
    policy: inbound,
    env,
    role: 'mx',
    server: { name: 'mx.example.com', disabledCommands: ['STARTTLS'] }, // in service: key and cert
    async deliver({ message, outcome, forwardPaths }) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of message) chunks.push(chunk);
      const { action } = await outcome;
      if (action === 'accept' || action === 'quarantine')
        taken.push(`${chunks.length} chunks for ${forwardPaths.length}`);
    },
  });
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const { port } = server.server.address() as AddressInfo;
  const heard = await converse(port, [
    'EHLO client.example',
    'MAIL FROM:<alice@example.org>',
    'RCPT TO:<postmaster@example.com>',
    'DATA',
    'Subject: hello\r\n\r\nGood morning.\r\n.',
    'MAIL FROM:<alice@example.org>',
    'RCPT TO:<someone%example.net@example.com>',
    'QUIT',
  ]);
  await new Promise<void>((closed) => server.close(() => closed()));
  for (const line of heard) console.log(line);
  return heard;
}
