import type { AuditContext } from '../context.ts';
import type { Opened, TlsAsk, TlsBegun, Wire } from '../wire/index.ts';

/** Lines of one answer; whoever sends more has no end. */
const MAX_LINES = 500;

/** An answer of a login service, whatever the protocol. */
export interface Answer {
  /**
   * - `ok`, `no`: the command was taken, or refused · `invited`: the server waits for more, a secret say
   * - `malformed`: it answers, but not as its protocol does · `closed`, `timeout`, `aborted`: there was no answer
   */
  readonly kind: 'ok' | 'no' | 'invited' | 'malformed' | 'closed' | 'timeout' | 'aborted';
  /** The line that says so. */
  readonly text: string;
  /** What came before it. */
  readonly lines: readonly string[];
}

export const isAnswer = ({ kind }: Answer): boolean => kind === 'ok' || kind === 'no' || kind === 'invited';

/** A conversation with a login service. */
export class Talk {
  readonly wire: Wire;
  readonly #context: AuditContext;
  #tags = 0;

  constructor(wire: Wire, context: AuditContext) {
    this.wire = wire;
    this.#context = context;
  }

  static async connect(
    target: { readonly address: string; readonly port: number },
    context: AuditContext,
  ): Promise<Talk | Exclude<Opened, { readonly status: 'open' }>> {
    const { signal, settings, connect } = context;
    const opened = await connect(target, { signal, timeoutMs: settings.timeoutMs });
    return opened.status === 'open' ? new Talk(opened.wire, context) : opened;
  }

  tag(): string {
    this.#tags++;
    return `p${this.#tags}`;
  }

  say(text: string): void {
    this.wire.write(`${text}\r\n`);
  }

  /**
   * Reads lines until one is the answer.
   *
   * @param judge what a line is: the answer, one before it (undefined), or nothing that the protocol knows
   */
  async answer(
    judge: (line: string, before: readonly string[]) => 'ok' | 'no' | 'invited' | 'malformed' | undefined,
    timeoutMs: number = this.#context.settings.timeoutMs,
  ): Promise<Answer> {
    const { clock } = this.#context;
    const deadline = clock.now() + timeoutMs;
    const lines: string[] = [];
    for (;;) {
      const read = await this.wire.readLine(Math.max(1, deadline - clock.now()));
      if (read.status !== 'line') {
        const rest = this.wire.peek();
        return { kind: read.status, text: rest === '' ? (lines.at(-1) ?? '') : rest, lines };
      }
      const kind = judge(read.text, lines);
      if (kind !== undefined) return { kind, text: read.text, lines };
      lines.push(read.text);
      if (lines.length >= MAX_LINES) return { kind: 'malformed', text: read.text, lines };
      if (clock.now() >= deadline) return { kind: 'timeout', text: read.text, lines };
    }
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
  switch (answer.kind) {
    case 'closed':
      return '(the connection was closed)';
    case 'timeout':
      return '(no answer)';
    case 'aborted':
      return '(aborted)';
    default:
      return answer.text;
  }
}
