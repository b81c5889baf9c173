import type { ProbeName } from './catalogue.ts';
import type { AuditContext } from './context.ts';
import type { AuditFinding } from './finding.ts';

interface Found {
  readonly findings: readonly AuditFinding[];
}

/** The steps of one domain's audit, and what they have found. */
export class Steps {
  readonly findings: AuditFinding[] = [];
  readonly #domain: string;
  readonly #context: AuditContext;
  readonly #notes: Set<string>;

  constructor(domain: string, context: AuditContext, notes: Set<string>) {
    this.#domain = domain;
    this.#context = context;
    this.#notes = notes;
  }

  /** Whether one of the probes was asked for. */
  wanted(...probes: readonly ProbeName[]): boolean {
    return probes.some((probe) => this.#context.settings.probes.has(probe));
  }

  note(text: string): void {
    this.#notes.add(text);
  }

  /** Runs a step; what it finds is kept, and a fault of ours costs no more than the step. */
  async run<T extends Found>(name: string, step: () => Promise<T>): Promise<T | undefined> {
    this.#context.progress({ domain: this.#domain, step: name, state: 'started' });
    try {
      const result = await step();
      this.findings.push(...result.findings);
      return result;
    } catch (error) {
      this.note(`${name} of ${this.#domain} was not looked at: ${(error as Error).message}`);
      return undefined;
    } finally {
      this.#context.progress({ domain: this.#domain, step: name, state: 'done' });
    }
  }

  /** The step of a probe, where that was asked for. */
  async ask<T extends Found>(probe: ProbeName, step: () => Promise<T>): Promise<T | undefined> {
    return this.wanted(probe) ? this.run(probe, step) : undefined;
  }
}
