/**
 * Decision diagrams: a function of findings and conditions to a value, in a form that shares equal parts.
 *
 * **Answers**: which findings lead to which value? **Knows**: finite variables.
 * **Limits**: {@link MAX_NODES} nodes; a larger function is a `RangeError`, never a wrong answer.
 *
 * @module
 */

/** Something that may have one of a few values: the finding of a rule, or whether a condition holds. */
export interface Variable<V> {
  readonly id: string;
  readonly values: readonly V[];
}

/** A function of variables. Equal functions are the same object. */
export type Diagram<T> =
  | { readonly id: number; readonly variable: number; readonly branches: readonly Diagram<T>[] }
  | { readonly id: number; readonly variable?: undefined; readonly value: T };

/** Nodes of one analysis. A policy with forty rules has some thousands. */
export const MAX_NODES = 1_000_000;

/** Makes diagrams over variables that are numbered in the order of their first use. */
export class Diagrams<V> {
  readonly variables: Variable<V>[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #nodes = new Map<string, Diagram<never>>();
  #count = 0;

  /** Returns the variable's number. A variable that exists keeps the values that it has. */
  number(variable: Variable<V>): number {
    let number = this.#numbers.get(variable.id);
    if (number === undefined) {
      number = this.variables.push(variable) - 1;
      this.#numbers.set(variable.id, number);
    }
    return number;
  }

  /** The function that always has this value. `key` identifies the value. */
  constant<T>(value: T, key: string): Diagram<T> {
    return this.#shared(`=${key}`, (id) => ({ id, value }));
  }

  /** The function that is `branches[i]` if the variable has its value number i. */
  choice<T>(variable: number, branches: readonly Diagram<T>[]): Diagram<T> {
    const first = branches[0] as Diagram<T>;
    if (branches.every((branch) => branch === first)) return first;
    return this.#shared(`${variable}:${branches.map(({ id }) => id).join()}`, (id) => ({ id, variable, branches }));
  }

  /** Combines two functions value by value. `combined` must return diagrams of this object. */
  combine<A, B, C>(a: Diagram<A>, b: Diagram<B>, combined: (a: A, b: B) => Diagram<C>): Diagram<C> {
    const done = new Map<number, Map<number, Diagram<C>>>();
    const walk = (x: Diagram<A>, y: Diagram<B>): Diagram<C> => {
      let row = done.get(x.id);
      if (row === undefined) {
        row = new Map();
        done.set(x.id, row);
      }
      let result = row.get(y.id);
      if (result !== undefined) return result;
      if (x.variable === undefined && y.variable === undefined) result = combined(x.value, y.value);
      else {
        const variable = Math.min(x.variable ?? Number.POSITIVE_INFINITY, y.variable ?? Number.POSITIVE_INFINITY);
        const size = (this.variables[variable] as Variable<V>).values.length;
        const branches: Diagram<C>[] = [];
        for (let i = 0; i < size; i++)
          branches.push(
            walk(
              x.variable === variable ? (x.branches[i] as Diagram<A>) : x,
              y.variable === variable ? (y.branches[i] as Diagram<B>) : y,
            ),
          );
        result = this.choice(variable, branches);
      }
      row.set(y.id, result);
      return result;
    };
    return walk(a, b);
  }

  /** Changes every value of a function. */
  map<A, B>(a: Diagram<A>, changed: (value: A) => Diagram<B>): Diagram<B> {
    return this.combine(a, a, changed);
  }

  #shared<T>(key: string, make: (id: number) => Diagram<T>): Diagram<T> {
    let node = this.#nodes.get(key) as Diagram<T> | undefined;
    if (node === undefined) {
      if (++this.#count > MAX_NODES)
        throw new RangeError(`analysis: the policy needs more than ${MAX_NODES} nodes; analyse its stages one by one`);
      node = make(this.#count);
      this.#nodes.set(key, node as Diagram<never>);
    }
    return node;
  }
}

/** The value of each variable, by its number; an absent one may have any value. */
export type Assignment = ReadonlyMap<number, number>;

/**
 * Finds the cheapest assignment that leads to a value for which `wanted` holds.
 *
 * @param cost the cost of giving a variable one of its values; `Infinity` forbids it
 * @returns undefined if there is none
 */
export function cheapest<T>(
  diagram: Diagram<T>,
  wanted: (value: T) => boolean,
  cost: (variable: number, value: number) => number,
): Assignment | undefined {
  const known = new Map<number, { readonly cost: number; readonly value: number }>();
  const least = (node: Diagram<T>): number => {
    if (node.variable === undefined) return wanted(node.value) ? 0 : Number.POSITIVE_INFINITY;
    const found = known.get(node.id);
    if (found !== undefined) return found.cost;
    let best = { cost: Number.POSITIVE_INFINITY, value: 0 };
    for (const [value, branch] of node.branches.entries()) {
      const all = cost(node.variable, value) + least(branch);
      if (all < best.cost) best = { cost: all, value };
    }
    known.set(node.id, best);
    return best.cost;
  };
  if (least(diagram) === Number.POSITIVE_INFINITY) return undefined;
  const assignment = new Map<number, number>();
  for (let node = diagram; node.variable !== undefined; ) {
    const { value } = known.get(node.id) as { readonly value: number };
    assignment.set(node.variable, value);
    node = node.branches[value] as Diagram<T>;
  }
  return assignment;
}
