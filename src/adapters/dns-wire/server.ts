import type { RecordType } from '../../env/index.ts';
import type { Message, MessageHead } from './message.ts';

/** A question for one server, and the code that waits for its outcome. */
export interface Question {
  /** In the form that `questionName` returns. */
  readonly name: string;
  readonly type: RecordType;
  /** Without EDNS. */
  readonly plain: boolean;
  readonly mixedCase: boolean;
  /** Receives the outcome. Called at most once, never before `ask` has returned, never after `withdraw`. */
  arrived(arrival: Arrival): void;
}

/** The outcome of a question on one transport. */
export type Arrival =
  /** A message with the id and the question that were sent. */
  | {
      readonly kind: 'message';
      readonly bytes: Uint8Array;
      readonly head: MessageHead;
      /** The whole message, if the transport had to read it itself. */
      readonly message?: Message;
    }
  /** The answer did not keep the case of the name. It is not trusted; the question is sent again over TCP. */
  | { readonly kind: 'wrong case' }
  /** This server cannot answer it this way. */
  | { readonly kind: 'failure'; readonly reason: string }
  /**
   * No answer can arrive any more, but a later attempt may succeed: no connection or socket was available, or the server
   * closed the connection. `sent`: the server may have read the question.
   */
  | { readonly kind: 'lost'; readonly reason: string; readonly sent: boolean };

/** A question that was handed to a transport. */
export interface Sent {
  /** Abandons the question: its outcome is not reported. */
  withdraw(): void;
}

/** Carries questions to one server. It has no deadlines: the caller decides when to give up. */
export interface Transport {
  ask(question: Question): Sent;
  /** Grows with everything that is read. */
  readonly received: number;
  /** The time of the last read, by the clock of the resolver; `-Infinity` before the first. */
  readonly lastRead: number;
  close(): void;
}

/** A server, its transports, and what is known about it. */
export interface Server {
  /** For logs: `udp://192.0.2.53:53`. */
  readonly label: string;
  /** Whether its AD bit is trusted. */
  readonly trusted: boolean;
  readonly first: Transport;
  /** For messages that do not fit into a datagram. The same as `first` unless `first` is UDP. */
  readonly stream: Transport;
  readonly datagrams: boolean;
  /** It refuses EDNS and answers without. */
  plain: boolean;
  /** Records an answer: the server no longer rests. */
  heard(): void;
  /** Records a question that the server did not answer in time: the server rests. */
  silent(): void;
  /** Whether other servers are asked before this one. */
  readonly resting: boolean;
  close(): void;
}
