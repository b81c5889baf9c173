/**
 * Returns the abort reason for a deadline that has passed, with the name that `AbortSignal.timeout()` uses.
 *
 * @internal
 */
export const timedOut = (ms: number): Error =>
  Object.assign(new Error(`no answer within ${ms} ms`), { name: 'TimeoutError' });

/**
 * Work that can be ended early: an evaluation, a group with a deadline, or one check. Ending a scope ends every scope inside
 * it. This way a signal has one listener, no matter how many checks depend on it.
 */
export class Scope {
  #controller: AbortController | undefined;
  #given: AbortSignal | undefined;
  #inside: Set<Scope> | undefined;
  #end: (() => void) | undefined;
  #ended = false;
  #reason: unknown;
  #leave: (() => void) | undefined;

  /** Returns a scope that ends when the signal is aborted. */
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

  /** Created lazily: AbortControllers are expensive and rarely needed. */
  get signal(): AbortSignal {
    if (this.#given !== undefined) return this.#given;
    this.#controller ??= new AbortController();
    if (this.#ended) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  /** Returns a scope inside this one. */
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

  /** Calls `run` when the scope ends, or at once if it has ended. */
  onEnd(run: () => void): void {
    this.#end = run;
    if (this.#ended) run();
  }

  /** Ends the scope and every scope inside it. */
  end(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
    this.#end?.();
    for (const child of this.#inside ?? []) child.end(reason);
  }

  /** Removes the scope from its parent, because its work is done. */
  close(): void {
    this.#leave?.();
    this.#end = undefined;
  }
}
