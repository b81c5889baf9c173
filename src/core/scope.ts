/** Why a signal fired whose time was over: an error by the name that `AbortSignal.timeout()` gives it. */
export const timedOut = (ms: number): Error =>
  Object.assign(new Error(`no answer within ${ms} ms`), { name: 'TimeoutError' });

/**
 * Something that can be ended before its time: an evaluation, a group with a deadline, one check. What ends ends all that
 * is inside it. A tree of its own, so that a signal has one listener, however many wait for it.
 */
export class Scope {
  #controller: AbortController | undefined;
  #given: AbortSignal | undefined;
  #inside: Set<Scope> | undefined;
  #end: (() => void) | undefined;
  #ended = false;
  #reason: unknown;
  #leave: (() => void) | undefined;

  static under(signal: AbortSignal): Scope {
    const scope = new Scope();
    scope.#given = signal;
    const end = (): void => scope.end(signal.reason);
    if (signal.aborted) scope.end(signal.reason);
    else {
      signal.addEventListener('abort', end, { once: true });
      scope.#leave = () => signal.removeEventListener('abort', end);
    }
    return scope;
  }

  /** Made when it is first asked for: a signal is dear, and most that is evaluated needs none. */
  get signal(): AbortSignal {
    if (this.#given !== undefined) return this.#given;
    this.#controller ??= new AbortController();
    if (this.#ended) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  child(): Scope {
    const child = new Scope();
    if (this.#ended) child.end(this.#reason);
    else {
      this.#inside ??= new Set();
      const inside = this.#inside;
      inside.add(child);
      child.#leave = () => inside.delete(child);
    }
    return child;
  }

  /** Calls `run` when it is ended; at once where it has been. */
  onEnd(run: () => void): void {
    this.#end = run;
    if (this.#ended) run();
  }

  end(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.#end?.();
    for (const child of this.#inside ?? []) child.end(reason);
  }

  /** It has come to its end by itself. */
  close(): void {
    this.#leave?.();
    this.#end = undefined;
  }
}
