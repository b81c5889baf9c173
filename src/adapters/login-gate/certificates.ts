import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext, type TLSSocket, TLSSocket as Tls } from 'node:tls';
import type { TlsFacts } from '../../smtp/index.ts';
import type { GateTls } from './options.ts';

/** The certificates in force. New ones hold for new handshakes; who is inside stays. */
export class Certificates {
  #usual: SecureContext;
  #names: ReadonlyMap<string, SecureContext>;

  constructor(tls: GateTls) {
    this.#usual = contextOf(tls);
    this.#names = namesOf(tls);
  }

  /** Takes new certificates, or throws and keeps the old. */
  reload(tls: GateTls): void {
    const usual = contextOf(tls);
    const names = namesOf(tls);
    this.#usual = usual;
    this.#names = names;
  }

  /** Begins TLS on a connection, as its server. Undefined where the handshake fails or is too late. */
  handshake(socket: Socket, onLate: (run: () => void) => () => void): Promise<TLSSocket | undefined> {
    const secure = new Tls(socket, {
      isServer: true,
      secureContext: this.#usual,
      SNICallback: (name, answer) => answer(null, this.#names.get(name.toLowerCase()) ?? this.#usual),
    });
    return new Promise((resolve) => {
      const settle = (result: TLSSocket | undefined): void => {
        cancel();
        secure.off('secure', onSecure);
        secure.off('close', onFailure);
        if (result === undefined) {
          secure.destroy();
          socket.destroy();
        }
        resolve(result);
      };
      const onSecure = (): void => settle(secure);
      const onFailure = (): void => settle(undefined);
      const cancel = onLate(onFailure);
      secure.on('secure', onSecure);
      secure.on('close', onFailure);
      // Listened to as long as the socket lives: an error without a listener ends the process.
      secure.on('error', onFailure);
      secure.on('_tlsError', onFailure);
    });
  }
}

/** What the TLS layer has shown. */
export function tlsFacts(socket: TLSSocket): TlsFacts {
  const cipher = socket.getCipher()?.name;
  const { servername } = socket as { servername?: string | false };
  return {
    version: socket.getProtocol() ?? 'unknown',
    cipher,
    ...(typeof servername === 'string' && servername !== '' ? { serverName: servername } : {}),
  };
}

const contextOf = ({ names: _, ...material }: GateTls): SecureContext =>
  createSecureContext({ minVersion: 'TLSv1.2', ...material });

const namesOf = ({ names = {} }: GateTls): ReadonlyMap<string, SecureContext> =>
  new Map(Object.entries(names).map(([name, material]) => [name.toLowerCase(), contextOf(material)]));
