import { Socket } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';

const fields = {
  connection: [
    '_dataStream',
    '_nextHandler',
    '_onClose',
    '_onCommand',
    '_parseAddressCommand',
    '_parser',
    '_ready',
    '_resetSession',
    '_sendGreeting',
    '_socket',
    '_isSupported',
    '_transactionCounter',
    '_unrecognizedCommands',
    '_upgrading',
    'close',
    'handler_AUTH',
    'handler_DATA',
    'handler_EHLO',
    'handler_HELO',
    'handler_MAIL',
    'handler_RCPT',
    'handler_RSET',
    'handler_STARTTLS',
    'handler_XCLIENT',
    'hostNameAppearsAs',
    'init',
    'remoteAddress',
    'remotePort',
    'send',
    'session',
  ],
  parser: ['continue', 'startDataMode'],
  server: ['connections', 'options', 'server'],
  // Overridden methods are looked up on the original class.
  class: ['_handleProxy', 'close', 'connect'],
} as const;

/**
 * Checks that smtp-server has the members that this adapter overrides and reads. Some are not part of its public API.
 *
 * @throws {Error} if a member is missing
 */
export function assertInternals(server: SMTPServer): void {
  const socket = new Socket();
  const connection = new SMTPConnection(server as never, socket, {});
  socket.destroy();
  const found = {
    connection,
    parser: (connection as { _parser?: object })._parser ?? {},
    server,
    class: SMTPServer.prototype,
  };
  for (const [owner, names] of Object.entries(fields)) {
    const missing = names.filter((name) => !(name in found[owner as keyof typeof found]));
    if (missing.length > 0)
      throw new Error(
        `guardedServer: this version of smtp-server cannot be used: its ${owner} has no ${missing.join(', ')}; install smtp-server 3.21`,
      );
  }
}
