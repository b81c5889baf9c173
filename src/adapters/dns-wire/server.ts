import type { RecordType } from '../../env/index.ts';
import type { Message, MessageHead } from './message.ts';

/** What is to be asked. */
export interface Question {
  readonly name: string;
  readonly type: RecordType;
  /** Without EDNS. */
  readonly plain: boolean;
  readonly mixedCase: boolean;
}

/** What became of a question on its way. */
export type Arrival =
  /** A message whose id and question are those that were asked. */
  | {
      readonly kind: 'message';
      readonly bytes: Uint8Array;
      readonly head: MessageHead;
      /** The message as it was read, if the transport had to read it itself. */
      readonly message?: Message;
    }
  /** The answer did not keep the case of the name: not to be believed, and to be asked over TCP. */
  | { readonly kind: 'wrong case' }
  /** This server cannot answer it this way. */
  | { readonly kind: 'failure'; readonly reason: string }
  /**
   * No answer can come any more, but a later attempt may succeed: no connection or socket was available, or the server
   * closed the connection. `sent`: the server may have read the question.
   */
  | { readonly kind: 'lost'; readonly reason: string; readonly sent: boolean };

/** A way to one server. It keeps no time: the caller says when to give up. */
export interface Transport {
  /** Asks; `done` is called at most once, never after the returned function, which withdraws the question. */
  ask(question: Question, done: (arrival: Arrival) => void): () => void;
  /** Grows with everything that is read. */
  readonly received: number;
  /** When something was read last, by the clock of the resolver; `-Infinity` if nothing was. */
  readonly lastRead: number;
  close(): void;
}

/** A server, the ways to it, and what has been learnt about it. */
export interface Server {
  /** For logs: `udp://192.0.2.53:53`. */
  readonly label: string;
  /** Whether its AD bit may be believed. */
  readonly trusted: boolean;
  readonly first: Transport;
  /** For what does not fit into a datagram; the same as `first` where that is no UDP. */
  readonly stream: Transport;
  readonly datagrams: boolean;
  /** It has refused EDNS, and answers without. */
  plain: boolean;
  /** It has answered: it is not resting any more. */
  heard(): void;
  /** It has let a question wait. */
  silent(): void;
  readonly resting: boolean;
  close(): void;
}
