import type { TLSSocket } from 'node:tls';
import type { TlsVersion } from '../report.ts';

/** Maximum length of a line in bytes; the rest of a longer line is dropped. RFC 5321 §4.5.3.1.5 requires 512. */
export const MAX_LINE = 8_192;
/** Maximum number of unread bytes. If a server sends more, the connection is closed. */
export const MAX_UNREAD = 262_144;

/** Opens a connection. Never rejects. */
export type Connect = (
  target: { readonly address: string; readonly port: number },
  options?: { readonly signal?: AbortSignal; readonly timeoutMs?: number },
) => Promise<Opened>;

export type Opened =
  | { readonly status: 'open'; readonly wire: Wire }
  /** `refused`: by the host. `unreachable`: no route, or no local address. `timeout`: no response. */
  | { readonly status: 'refused' | 'unreachable' | 'timeout' | 'aborted'; readonly reason: string };

/** The result of reading a line. `closed`: the server closed the connection, with a `reason` if it was an error. */
export type ReadLine =
  | { readonly status: 'line'; readonly text: string }
  | { readonly status: 'closed'; readonly reason?: string }
  | { readonly status: 'timeout' }
  | { readonly status: 'aborted' };

/** Options of a TLS handshake. */
export interface TlsAsk {
  /** Name for SNI. An IP address is not sent. Default: no SNI. */
  readonly name?: string;
  /** The only TLS version to offer. Default: TLS 1.0 to 1.3. */
  readonly version?: TlsVersion;
  /** Certificates (PEM) of authorities in addition to those of Node.js. Default: none. */
  readonly authorities?: readonly string[];
  /** Timeout in milliseconds. Default: that of {@link tcpConnect}. */
  readonly timeoutMs?: number;
}

/**
 * The result of a TLS handshake. `failed`: the server sent an alert or did not speak TLS; `reason` is the error code of
 * Node.js. `closed`: the connection was closed during the handshake.
 */
export type TlsBegun =
  | {
      readonly status: 'secure';
      /** Provides the certificate, the version and the cipher. */
      readonly socket: TLSSocket;
    }
  | {
      readonly status: 'failed' | 'timeout' | 'closed' | 'aborted';
      readonly reason: string;
      /** The server closed the connection after the handshake had begun. */
      readonly during?: 'handshake';
    };

/** A connection to a server. */
export interface Wire {
  readonly address: string;
  readonly port: number;
  /** Reads one line without its line end, one character per byte. Waits for at most `timeoutMs`. */
  readLine(timeoutMs?: number): Promise<ReadLine>;
  /** Sends text, one byte per character. */
  write(text: string): void;
  /** Number of received bytes that were not read. */
  readonly unread: number;
  /** Returns at most 200 unread bytes. They stay unread. */
  peek(): string;
  /** Begins TLS. Unread cleartext is discarded, and counted in `dropped`. */
  startTls(ask?: TlsAsk): Promise<TlsBegun>;
  /** Number of cleartext bytes discarded when TLS began. */
  readonly dropped: number;
  readonly secure: boolean;
  /**
   * Closes the connection: at once, or, with a `farewell`, when the server closes it, at most half a second later. No more
   * lines can be read. Resolves when the connection is closed.
   */
  close(farewell?: string): Promise<void>;
}
