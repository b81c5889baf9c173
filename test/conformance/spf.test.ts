/** The openspf.org suite for RFC 7208, where its data stands beside the project. */
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { checkHost } from 'postern/checks/spf';
import type { DnsAnswer, DnsResolver, RecordType } from 'postern/env';
import { fixedClock } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const home = fileURLToPath(new URL('../../../shared/conformance/spf/', import.meta.url));
const present = existsSync(`${home}score.mjs`) && existsSync(`${home}rfc7208-tests.yml`);

/** What the suite's own harness offers. */
interface Harness {
  findYaml(): Promise<unknown>;
  loadSuite(file: string, parse: unknown): readonly Scenario[];
  makeResolver(zone: unknown): (name: string, type: string) => Promise<unknown[]>;
}
interface Scenario {
  readonly title: string;
  readonly zone: unknown;
  readonly tests: readonly Case[];
}
interface Case {
  readonly id: string;
  readonly ip: string;
  readonly helo: string;
  readonly mailFrom: string;
  readonly allowed: readonly string[];
  readonly explanation?: string;
}

const cases: [string, Case, unknown][] = [];
let harness: Harness | undefined;
if (present) {
  harness = (await import(/* @vite-ignore */ pathToFileURL(`${home}score.mjs`).href)) as Harness;
  const parse = await harness.findYaml();
  for (const { title, zone, tests } of harness.loadSuite(`${home}rfc7208-tests.yml`, parse)) {
    for (const one of tests) cases.push([`${title}: ${one.id} → ${one.allowed.join(' or ')}`, one, zone]);
  }
}

/** The suite's answers, which have the shapes of node:dns, as a resolver. */
function resolverOf(zone: unknown): DnsResolver {
  const ask = harness!.makeResolver(zone);
  return {
    async resolve<T extends RecordType>(name: string, type: T): Promise<DnsAnswer<T>> {
      try {
        const records = (await ask(name, type)).map((value) => recordOf(type, value));
        return { status: 'found', records, ttl: 0, authentic: false } as unknown as DnsAnswer<T>;
      } catch (error) {
        const { code } = error as { code: string };
        if (code === 'ENODATA') return { status: 'nodata', ttl: 0 };
        if (code === 'ENOTFOUND' || code === 'EBADNAME') return { status: 'nxdomain', ttl: 0 };
        return { status: 'temperror', reason: code };
      }
    },
  };
}

function recordOf(type: RecordType, value: unknown): object {
  if (type === 'TXT') return { type, text: (value as string[]).join('') };
  if (type === 'PTR') return { type, name: value };
  if (type !== 'MX') return { type, address: value };
  const { exchange, priority } = value as { exchange: string; priority: number };
  return { type, exchange, preference: priority };
}

describe.skipIf(!present)(`RFC 7208 suite${present ? '' : ' (its data is not here)'}`, () => {
  test('it has its 203 cases', () => expect(cases).toHaveLength(203));

  for (const earliest of [true, false]) {
    test.each(cases)(
      `${earliest ? 'asked ahead' : 'one by one'}: %s`,
      async (_, { ip, helo, mailFrom, allowed, explanation }, zone) => {
        const env = { dns: resolverOf(zone), clock: fixedClock() };
        const outcome = await checkHost({ ip, helo, mailFrom }, env, { lookAhead: earliest });
        expect(allowed).toContain(outcome.result);
        if (explanation !== undefined) expect(outcome.explanation ?? 'DEFAULT').toBe(explanation);
      },
    );
  }
});
