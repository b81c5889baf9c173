/** The reason of a signal whose deadline has passed, named as by `AbortSignal.timeout()`. */
export const timedOut = (ms: number): Error =>
  Object.assign(new Error(`no answer within ${ms} ms`), { name: 'TimeoutError' });

/**
 * Something that can be ended early: an evaluation, a group with a deadline, one check. Ending a scope ends every scope inside
 * it. A signal has one listener this way, however many checks depend on it.
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

  /** Created lazily: AbortControllers are expensive and rarely needed. */
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

  /** Calls `run` when the scope is ended, or at once if it has been. */
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

  /** Leaves the tree: what it stands for has finished by itself. */
  close(): void {
    this.#leave?.();
    this.#end = undefined;
  }
}
