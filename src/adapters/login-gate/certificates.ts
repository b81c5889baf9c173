import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { type Clock, withDeadline } from '../../env/index.ts';
import type { TlsFacts } from '../../smtp/index.ts';
import type { GateTls } from './options.ts';

/** The current certificates. Reloaded ones apply to new handshakes; sessions continue. */
export class Certificates {
  #default: SecureContext;
  #names: ReadonlyMap<string, SecureContext>;

  constructor(tls: GateTls) {
    this.#default = contextOf(tls);
    this.#names = namesOf(tls);
  }

  /** Takes new certificates, or throws and keeps the old. */
  reload(tls: GateTls): void {
    const context = contextOf(tls);
    this.#names = namesOf(tls);
    this.#default = context;
  }

  /** Starts TLS on a connection, as its server. Undefined if the handshake fails or is late. */
  async handshake(socket: Socket, clock: Clock, withinMs: number): Promise<TLSSocket | undefined> {
    const secure = new TLSSocket(socket, {
      isServer: true,
      secureContext: this.#default,
      SNICallback: (name, answer) => answer(null, this.#names.get(name.toLowerCase()) ?? this.#default),
    });
    const succeeded = new Promise<boolean>((resolve) => {
      secure.on('secure', () => resolve(true));
      secure.on('close', () => resolve(false));
      // These listeners stay as long as the socket: an error without a listener ends the process.
      secure.on('error', () => resolve(false));
      secure.on('_tlsError', () => resolve(false));
    });
    const ended = await withDeadline(clock, withinMs, undefined, () => succeeded);
    if (ended.how === 'answered' && ended.value) return secure;
    secure.destroy();
    socket.destroy();
    return undefined;
  }
}

/** Returns the facts about a TLS layer. */
export function tlsFacts(socket: TLSSocket): TlsFacts {
  const { servername } = socket as { servername?: string | false };
  return {
    version: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher()?.name,
    serverName: typeof servername === 'string' && servername !== '' ? servername : undefined,
  };
}

const contextOf = ({ names: _, ...material }: GateTls): SecureContext =>
  createSecureContext({ minVersion: 'TLSv1.2', ...material });

const namesOf = ({ names = {} }: GateTls): ReadonlyMap<string, SecureContext> =>
  new Map(Object.entries(names).map(([name, material]) => [name.toLowerCase(), contextOf(material)]));
