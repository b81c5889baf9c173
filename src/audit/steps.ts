import type { ProbeName } from './catalogue.ts';
import type { AuditContext } from './context.ts';
import type { AuditFinding } from './finding.ts';

interface Found {
  readonly findings: readonly AuditFinding[];
}

/** What a reader must know of an audit, each thing once. */
export interface Notes {
  readonly texts: Set<string>;
  /** Servers on the machine that the audit runs on. */
  readonly here: Set<string>;
}

/** The steps of one domain's audit, and what they have found. */
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

  /** Whether one of the probes was asked for. */
  wanted(...probes: readonly ProbeName[]): boolean {
    return probes.some((probe) => this.#context.settings.probes.has(probe));
  }

  note(text: string): void {
    this.#notes.texts.add(text);
  }

  /** A server on this machine was talked to. */
  here({ host, address }: { readonly host: string; readonly address: string }): void {
    this.#notes.here.add(`${host} (${address})`);
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
