import type { AuditProgress } from '../audit/index.ts';
import { printable } from '../audit/index.ts';
import type { CommandIo } from './io.ts';

/** Shows the progress of an audit in one terminal line, which it overwrites and finally clears. */
export function progressLine(io: CommandIo): {
  readonly show: (event: AuditProgress) => void;
  readonly end: () => void;
} {
  const running = new Set<string>();
  let done = 0;
  let written = false;
  let ended = false;
  return {
    show({ domain, step, state }) {
      // An interrupted audit may still report steps for a moment.
      if (ended) return;
      const name = `${domain} ${step}`;
      if (state === 'started') running.add(name);
      else if (running.delete(name)) done++;
      const [first] = running;
      // Host names come from third-party DNS.
      const line = `${done} of ${done + running.size} steps${first === undefined ? '' : `; ${printable(first)}`}`;
      io.stderr(`\r\u001b[K${line.slice(0, Math.max(20, (io.columns ?? 80) - 1))}`);
      written = true;
    },
    end() {
      ended = true;
      if (written) io.stderr('\r\u001b[K');
      written = false;
    },
  };
}
