import { audit, systemEnv } from 'postern/audit';
import { zone } from 'postern/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePorts, type Running } from '../run-server.ts';
import { type Authority, makeAuthority } from './certificates.ts';
import type { Fake } from './fakes.ts';
import { makeKit } from './kit.ts';
import { type Kit, madeUp, others, type Parts, type Posture, postureOptions, real, SOURCE } from './postures.ts';
import { startCourier, startCyrus, startDovecot, startPostfix, without } from './real-servers.ts';
import { type Judged, type Score, score, scoreTable } from './score.ts';

/** So many sites are audited at once: the machine is small, and time-outs are to be those of the servers. */
const AT_ONCE = 12;

async function judge(built: readonly (readonly [Posture, Parts])[], kit: Kit): Promise<readonly Judged[]> {
  const dns = zone(Object.assign({}, ...built.map(([, { zone }]) => zone)));
  const judged: Judged[] = [];
  const queue = [...built];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [truth, { options }] = next;
      const all = { ...postureOptions(kit), ...options };
      const report = await audit([truth.domain], all, systemEnv({ dns, source: SOURCE, timeoutMs: all.timeoutMs }));
      const broken = report.notes.filter((note) => /was not checked/.test(note));
      expect(broken).toEqual([]);
      judged.push({ truth, findings: report.domains[0]?.findings ?? [] });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return judged;
}

const faultsOf = ({ faults }: Score): readonly string[] =>
  faults.map(({ kind, severity, text }) => `${kind} ${severity}: ${text}`);

describe('servers in many postures', () => {
  let authority: Authority;
  let kit: Kit;
  beforeAll(async () => {
    authority = makeAuthority();
    kit = await makeKit(authority);
  });
  afterAll(() => authority.end());

  test('the set is as large as is asked for', () => {
    const all = [...madeUp, ...real, ...others];
    expect(all.length).toBeGreaterThanOrEqual(40);
    expect(new Set(all.map(({ domain }) => domain)).size).toBe(all.length);
  });

  test('made-up servers → nothing is missed, nothing is false', async () => {
    const built = madeUp.map((posture) => [posture, posture.build(kit)] as const);
    const fakes: Fake[] = [];
    try {
      for (const [, parts] of built) for (const start of parts.fakes) fakes.push(await start());
      const result = score(await judge(built, kit));
      console.log(scoreTable('made-up servers', result));
      expect(faultsOf(result)).toEqual([]);
    } finally {
      await Promise.all(fakes.map((fake) => fake.close()));
    }
  });

  /** Starts servers, audits the sites, and ends the servers. */
  async function judgeReal(
    title: string,
    postures: readonly Posture[],
    start: (built: readonly Parts[]) => readonly (() => Promise<Running>)[],
  ): Promise<Score> {
    const built = postures.map((posture) => [posture, posture.build(kit)] as const);
    const running: Running[] = [];
    try {
      for (const begin of start(built.map(([, parts]) => parts))) running.push(await begin());
      const result = score(await judge(built, kit));
      console.log(scoreTable(title, result));
      if (process.env.POSTERN_AUDIT_LOGS !== undefined) for (const server of running) console.log(await server.log());
      return result;
    } finally {
      await Promise.all(running.map((server) => server.end()));
    }
  }

  test.skipIf(without.postfix || without.dovecot)(
    'Postfix and Dovecot → nothing is missed, nothing is false',
    async () => {
      const [saslPort = 0] = await freePorts(1);
      const result = await judgeReal('Postfix and Dovecot', real, (built) => [
        () =>
          startDovecot(
            built.flatMap(({ dovecot }) => dovecot),
            kit,
            { saslPort },
          ),
        () =>
          startPostfix(
            built.flatMap(({ postfix }) => postfix),
            { saslPort },
          ),
      ]);
      expect(faultsOf(result)).toEqual([]);
    },
  );
  const of = (kind: Posture['needs']): readonly Posture[] => others.filter(({ needs }) => needs === kind);
  test.skipIf(without.cyrus)('Cyrus → nothing is missed, nothing is false', async () => {
    const result = await judgeReal('Cyrus', of('cyrus'), (built) => [
      () =>
        startCyrus(
          built.flatMap(({ cyrus }) => cyrus),
          kit,
        ),
    ]);
    expect(faultsOf(result)).toEqual([]);
  });
  test.skipIf(without.courier)('Courier → nothing is missed, nothing is false', async () => {
    const result = await judgeReal('Courier', of('courier'), (built) => [
      () =>
        startCourier(
          built.flatMap(({ courier }) => courier),
          kit,
        ),
    ]);
    expect(faultsOf(result)).toEqual([]);
  });
});
