import type { AuditProgress } from '../audit/index.ts';
import { printable } from '../audit/index.ts';
import type { CommandIo } from './io.ts';

/** What is being done, in one line of the terminal that is written over. */
export function progressLine(io: CommandIo): {
  readonly tell: (event: AuditProgress) => void;
  readonly end: () => void;
} {
  const under = new Set<string>();
  let done = 0;
  let written = false;
  let over = false;
  return {
    tell({ domain, step, state }) {
      // An audit that was broken off goes on behind the prompt for a moment.
      if (over) return;
      const name = `${domain} ${step}`;
      if (state === 'started') under.add(name);
      else if (under.delete(name)) done++;
      const [first] = under;
      // Names of hosts are what a stranger published.
      const line = `${done} of ${done + under.size} steps${first === undefined ? '' : `; ${printable(first)}`}`;
      io.stderr(`\r\u001b[K${line.slice(0, Math.max(20, (io.columns ?? 80) - 1))}`);
      written = true;
    },
    end() {
      over = true;
      if (written) io.stderr('\r\u001b[K');
      written = false;
    },
  };
}
