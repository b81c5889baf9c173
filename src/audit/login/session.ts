import type { AuditContext } from '../context.ts';
import { MAX_UNREAD, type Opened, type TlsAsk, type TlsBegun, type Wire } from '../wire/index.ts';

/** Maximum number of lines in one answer. */
const MAX_LINES = 500;
/** Maximum length of a literal in bytes. Capabilities and error texts are shorter. */
const MAX_LITERAL = 16_384;

/** An answer of a login service, in any protocol. */
export interface Answer {
  /**
   * - `ok`, `no`: the command succeeded or failed · `continue`: the server waits for more data, for example a password
   * - `malformed`: the answer violates the protocol · `closed`, `timeout`, `aborted`: no answer
   */
  readonly kind: 'ok' | 'no' | 'continue' | 'malformed' | 'closed' | 'timeout' | 'aborted';
  /** The line with the result, or the last line without a result. */
  readonly text: string;
  /** The lines before it. */
  readonly lines: readonly string[];
}

/** Classifies a line. Returns undefined for a line that belongs to an answer but does not end it. */
export type Classify = (line: string, before: readonly string[]) => 'ok' | 'no' | 'continue' | 'malformed' | undefined;

export const isAnswer = ({ kind }: Answer): boolean => kind === 'ok' || kind === 'no' || kind === 'continue';

/** A session with a login service. */
export class LoginSession {
  readonly wire: Wire;
  readonly #context: AuditContext;
  readonly #literals: boolean;
  #tags = 0;

  /** @param literals whether the protocol has literals */
  constructor(wire: Wire, context: AuditContext, literals: boolean) {
    this.wire = wire;
    this.#context = context;
    this.#literals = literals;
  }

  static async connect(
    target: { readonly address: string; readonly port: number },
    context: AuditContext,
    literals: boolean,
    timeoutMs: number = context.settings.timeoutMs,
  ): Promise<LoginSession | Exclude<Opened, { readonly status: 'open' }>> {
    const { signal, connect } = context;
    const opened = await connect(target, { signal, timeoutMs });
    return opened.status === 'open' ? new LoginSession(opened.wire, context, literals) : opened;
  }

  /** Returns a new command tag. */
  tag(): string {
    this.#tags++;
    return `p${this.#tags}`;
  }

  /** Sends a line. */
  send(text: string): void {
    this.wire.write(`${text}\r\n`);
  }

  /**
   * Reads lines until one is the result.
   *
   * A line that ends in the size of a literal continues after that many bytes, whose lines are not classified (RFC 9051 §4.3,
   * RFC 5804 §1.6). The exception is a request to continue, which may be a literal itself.
   *
   * @param timeoutMs timeout of the whole answer
   */
  async readAnswer(classify: Classify, timeoutMs: number = this.#context.settings.timeoutMs): Promise<Answer> {
    const { clock } = this.#context;
    const deadline = clock.now() + timeoutMs;
    const lines: string[] = [];
    let count = 0;
    let open: { readonly kind: ReturnType<Classify>; readonly text: string; readonly octets: number } | undefined;
    for (;;) {
      const read = await this.wire.readLine(Math.max(1, deadline - clock.now()));
      if (read.status !== 'line') {
        const rest = this.wire.peek();
        const text = rest === '' ? (open?.text ?? lines.at(-1) ?? '') : rest;
        // A line of this length belongs to another protocol.
        return { kind: this.wire.unread > MAX_UNREAD ? 'malformed' : read.status, text, lines };
      }
      const { text: line } = read;
      if (++count > MAX_LINES) return { kind: 'malformed', text: line, lines };
      let text = line;
      let kind: ReturnType<Classify>;
      if (open === undefined) kind = classify(line, lines);
      else {
        text = `${open.text} ${line}`.slice(0, MAX_LITERAL);
        kind = open.kind;
        // The line end counts as two bytes of the literal, unless the literal ended before it.
        const left = open.octets - line.length - 2;
        if (left >= 0) {
          open = { ...open, text, octets: left };
          if (clock.now() >= deadline) return { kind: 'timeout', text, lines };
          continue;
        }
        open = undefined;
      }
      const literal = this.#literals && kind !== 'continue' ? /\{(\d{1,9})\+?\}$/.exec(line) : null;
      if (literal !== null) {
        const octets = Number(literal[1]);
        if (octets > MAX_LITERAL) return { kind: 'malformed', text, lines };
        open = { kind, text: text.slice(0, -literal[0].length).trimEnd(), octets };
      } else {
        if (kind !== undefined) return { kind, text, lines };
        lines.push(text);
      }
      if (clock.now() >= deadline) return { kind: 'timeout', text, lines };
    }
  }

  /** Sends a command, and reads the answer. */
  command(text: string, classify: Classify): Promise<Answer> {
    this.send(text);
    return this.readAnswer(classify);
  }

  /** Sends a command, and cancels it if the server asks for more data. */
  async beginAuth(text: string, classify: Classify, cancel: string = '*', last: Classify = classify): Promise<Answer> {
    const answer = await this.command(text, classify);
    if (answer.kind === 'continue') await this.command(cancel, last);
    return answer;
  }

  startTls(ask: TlsAsk): Promise<TlsBegun> {
    return this.wire.startTls({ timeoutMs: this.#context.settings.timeoutMs, ...ask });
  }

  close(farewell?: string): Promise<void> {
    return this.wire.close(farewell === undefined ? undefined : `${farewell}\r\n`);
  }
}

/** Formats an answer for evidence. */
export function answerText(answer: Answer): string {
  const last = answer.text === '' ? '' : `${answer.text} `;
  switch (answer.kind) {
    case 'closed':
      return `${last}(the connection was closed)`;
    case 'timeout':
      return `${last}(no answer)`;
    case 'aborted':
      return '(aborted)';
    default:
      return answer.text;
  }
}
