import type { TLSSocket } from 'node:tls';
import type { TlsVersion } from '../report.ts';

/** Octets of a line; of a longer one the rest is dropped. RFC 5321 §4.5.3.1.5 asks for 512. */
export const MAX_LINE = 8_192;
/** Octets that may wait to be read; a server that sends more is cut off. */
export const MAX_UNREAD = 262_144;

/** Opens a connection. Never rejects. */
export type Connect = (
  target: { readonly address: string; readonly port: number },
  options?: { readonly signal?: AbortSignal; readonly timeoutMs?: number },
) => Promise<Opened>;

export type Opened =
  | { readonly status: 'open'; readonly wire: Wire }
  /** `refused`: by the host; `unreachable`: there is no way to it, or no such address here; `timeout`: nothing came back. */
  | { readonly status: 'refused' | 'unreachable' | 'timeout' | 'aborted'; readonly reason: string };

/** How a line ended. `closed`: by the other side, with `reason` where it was not in order. */
export type ReadLine =
  | { readonly status: 'line'; readonly text: string }
  | { readonly status: 'closed'; readonly reason?: string }
  | { readonly status: 'timeout' }
  | { readonly status: 'aborted' };

/** What is asked for when TLS begins. */
export interface TlsAsk {
  /** The name for SNI; none is sent for an address, or where not given. */
  readonly name?: string;
  /** Just this version; whatever both know from TLS 1.0 on, where not given. */
  readonly version?: TlsVersion;
  /** PEM; beside those that Node.js knows. */
  readonly authorities?: readonly string[];
  readonly timeoutMs?: number;
}

/**
 * `failed`: TLS itself failed, by an alert or by what is no TLS, with the code of Node.js as `reason`; `closed`: the
 * connection ended before TLS was on.
 */
export type TlsBegun =
  | {
      readonly status: 'secure';
      /** For the certificate, the version and the cipher. */
      readonly socket: TLSSocket;
    }
  | {
      readonly status: 'failed' | 'timeout' | 'closed' | 'aborted';
      readonly reason: string;
      /** The server closed the connection after the handshake had begun. */
      readonly during?: 'handshake';
    };

/** A conversation with a server. */
export interface Wire {
  readonly address: string;
  readonly port: number;
  /** One line, without its end; octets above 127 as one character each. It waits for `timeoutMs` at most. */
  readLine(timeoutMs?: number): Promise<ReadLine>;
  /** Octets as one character each. */
  write(text: string): void;
  /** Octets that have come and were not read. */
  readonly unread: number;
  /** The first of these, 200 at most; they stay unread. */
  peek(): string;
  /** Begins TLS. What had come in clear text and was not read is kept apart, and counted in `dropped`. */
  startTls(ask?: TlsAsk): Promise<TlsBegun>;
  /** Octets in clear text that had come before TLS began and were dropped. */
  readonly dropped: number;
  readonly secure: boolean;
  /**
   * Ends it: at once, or where a `farewell` is written, when the other side hangs up too, half a second later at the latest.
   * Nothing can be read any more. Answers when the connection is gone.
   */
  close(farewell?: string): Promise<void>;
}
