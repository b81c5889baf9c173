import type { AuditContext } from '../context.ts';
import { MAX_UNREAD, type Opened, type TlsAsk, type TlsBegun, type Wire } from '../wire/index.ts';

/** Lines of one answer; whoever sends more has no end. */
const MAX_LINES = 500;
/** Octets of one literal: what is longer is no capability and no reason of a refusal. */
const MAX_LITERAL = 16_384;

/** An answer of a login service, whatever the protocol. */
export interface Answer {
  /**
   * - `ok`, `no`: the command was taken, or refused · `invited`: the server waits for more, a secret say
   * - `malformed`: it answers, but not as its protocol does · `closed`, `timeout`, `aborted`: there was no answer
   */
  readonly kind: 'ok' | 'no' | 'invited' | 'malformed' | 'closed' | 'timeout' | 'aborted';
  /** The line that says so; where there was none, the last that came. */
  readonly text: string;
  /** What came before it. */
  readonly lines: readonly string[];
}

/** What a line is: the answer; one before it, where undefined; or nothing that the protocol knows. */
export type Judge = (line: string, before: readonly string[]) => 'ok' | 'no' | 'invited' | 'malformed' | undefined;

export const isAnswer = ({ kind }: Answer): boolean => kind === 'ok' || kind === 'no' || kind === 'invited';

/** A conversation with a login service. */
export class Talk {
  readonly wire: Wire;
  readonly #context: AuditContext;
  readonly #literals: boolean;
  #tags = 0;

  /** @param literals whether the protocol has them */
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
  ): Promise<Talk | Exclude<Opened, { readonly status: 'open' }>> {
    const { signal, connect } = context;
    const opened = await connect(target, { signal, timeoutMs });
    return opened.status === 'open' ? new Talk(opened.wire, context, literals) : opened;
  }

  tag(): string {
    this.#tags++;
    return `p${this.#tags}`;
  }

  say(text: string): void {
    this.wire.write(`${text}\r\n`);
  }

  /**
   * Reads lines until one is the answer. The time is for the whole of it.
   *
   * A line that ends with the size of a literal goes on behind that many octets, in which no line is an answer
   * (RFC 9051 §4.3, RFC 5804 §1.6); but for an invitation, which is a literal itself.
   */
  async answer(judge: Judge, timeoutMs: number = this.#context.settings.timeoutMs): Promise<Answer> {
    const { clock } = this.#context;
    const deadline = clock.now() + timeoutMs;
    const lines: string[] = [];
    let taken = 0;
    let open: { readonly kind: ReturnType<Judge>; readonly text: string; readonly octets: number } | undefined;
    for (;;) {
      const read = await this.wire.readLine(Math.max(1, deadline - clock.now()));
      if (read.status !== 'line') {
        const rest = this.wire.peek();
        const text = rest === '' ? (open?.text ?? lines.at(-1) ?? '') : rest;
        // Nobody sends so much without an end of line, unless it is something else that is spoken.
        return { kind: this.wire.unread > MAX_UNREAD ? 'malformed' : read.status, text, lines };
      }
      const { text: line } = read;
      if (++taken > MAX_LINES) return { kind: 'malformed', text: line, lines };
      let text = line;
      let kind: ReturnType<Judge>;
      if (open === undefined) kind = judge(line, lines);
      else {
        text = `${open.text} ${line}`.slice(0, MAX_LITERAL);
        kind = open.kind;
        // The end of the line is two octets of the literal, unless the literal ended before it.
        const left = open.octets - line.length - 2;
        if (left >= 0) {
          open = { ...open, text, octets: left };
          if (clock.now() >= deadline) return { kind: 'timeout', text, lines };
          continue;
        }
        open = undefined;
      }
      const literal = this.#literals && kind !== 'invited' ? /\{(\d{1,9})\+?\}$/.exec(line) : null;
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

  /** One command, one answer. */
  ask(text: string, judge: Judge): Promise<Answer> {
    this.say(text);
    return this.answer(judge);
  }

  /** A command that may ask for more, and is told then that nothing will come. */
  async begin(text: string, judge: Judge, cancel: string = '*', last: Judge = judge): Promise<Answer> {
    const answer = await this.ask(text, judge);
    if (answer.kind === 'invited') await this.ask(cancel, last);
    return answer;
  }

  startTls(ask: TlsAsk): Promise<TlsBegun> {
    return this.wire.startTls({ timeoutMs: this.#context.settings.timeoutMs, ...ask });
  }

  close(farewell?: string): Promise<void> {
    return this.wire.close(farewell === undefined ? undefined : `${farewell}\r\n`);
  }
}

/** What came, in words for evidence. */
export function shown(answer: Answer): string {
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
