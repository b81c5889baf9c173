import type { ProbeName } from './catalogue.ts';
import type { AuditContext } from './context.ts';
import type { AuditFinding } from './finding.ts';

interface StepResult {
  readonly findings: readonly AuditFinding[];
}

/** Notes for the reader of a report. */
export interface Notes {
  readonly texts: Set<string>;
  /** Servers on this machine. */
  readonly here: Set<string>;
}

/** Runs the steps of the audit of one domain, and collects their findings. */
export class Steps {
  readonly findings: AuditFinding[] = [];
  readonly #domain: string;
  readonly #context: AuditContext;
  readonly #notes: Notes;

  constructor(domain: string, context: AuditContext, notes: Notes) {
    this.#domain = domain;
    this.#context = context;
    this.#notes = notes;
  }

  /** Whether at least one of the probes is enabled. */
  wanted(...probes: readonly ProbeName[]): boolean {
    return probes.some((probe) => this.#context.settings.probes.has(probe));
  }

  note(text: string): void {
    this.#notes.texts.add(text);
  }

  /** Records that a server runs on this machine. */
  here({ host, address }: { readonly host: string; readonly address: string }): void {
    this.#notes.here.add(`${host} (${address})`);
  }

  /** Runs a step. An exception ends only the step, and is reported as a note. */
  async run<T extends StepResult>(name: string, step: () => Promise<T>): Promise<T | undefined> {
    this.#context.progress({ domain: this.#domain, step: name, state: 'started' });
    try {
      const result = await step();
      this.findings.push(...result.findings);
      return result;
    } catch (error) {
      this.note(`${name} of ${this.#domain} was not checked: ${(error as Error).message}`);
      return undefined;
    } finally {
      this.#context.progress({ domain: this.#domain, step: name, state: 'done' });
    }
  }

  /** Runs a step if its probe is enabled. */
  async probe<T extends StepResult>(probe: ProbeName, step: () => Promise<T>): Promise<T | undefined> {
    return this.wanted(probe) ? this.run(probe, step) : undefined;
  }
}
