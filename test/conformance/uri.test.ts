/**
 * Which hosts does this input carry? The cases of eight other projects and our own, where they stand beside the project.
 * The score is printed by file, beside what is still missed.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { extractUris, readUri, urisInHtml, urisInText } from 'postern/message';
import { registrableDomain } from 'postern/net';
import { describe, expect, test } from 'vitest';

const home = fileURLToPath(new URL('../../../shared/conformance/uri/', import.meta.url));
const present = existsSync(`${home}score.mjs`);

type Kind = 'text' | 'html' | 'mime' | 'url' | 'domain';
interface Case {
  readonly id: string;
  readonly file: string;
  readonly kind: Kind;
  readonly tier: 'required' | 'optional';
}
interface Scored {
  readonly c: Case;
  readonly n: number;
  readonly missed: readonly string[];
  readonly fp: readonly string[];
  readonly ok: boolean;
  readonly err?: string;
}
interface Harness {
  loadCases(folders: readonly string[], only: object): readonly Case[];
  runSuite(impl: object, cases: readonly Case[]): Promise<readonly Scored[]>;
}

async function extract(input: string | Uint8Array, kind: Kind): Promise<string[]> {
  if (kind === 'mime') return (await extractUris(input as Uint8Array)).uris.map(({ host }) => host);
  const text = input as string;
  switch (kind) {
    case 'text':
      return urisInText(text).map(({ host }) => host);
    case 'html':
      return urisInHtml(text).map(({ host }) => host);
    case 'url': {
      const uri = readUri(text);
      return uri === undefined ? [] : [uri.host, ...(uri.wrapped ?? []).map(({ host }) => host)];
    }
    case 'domain':
      return [registrableDomain(text) ?? []].flat();
  }
}

const results: Scored[] = [];
if (present) {
  const harness = (await import(/* @vite-ignore */ pathToFileURL(`${home}score.mjs`).href)) as Harness;
  results.push(...(await harness.runSuite({ extract }, harness.loadCases([home], {}))));
}

function tally(scored: readonly Scored[]): { hosts: number; missed: number; wrong: number; failed: string[] } {
  return {
    hosts: scored.reduce((sum, { n }) => sum + n, 0),
    missed: scored.reduce((sum, { missed }) => sum + missed.length, 0),
    wrong: scored.reduce((sum, { fp }) => sum + fp.length, 0),
    failed: scored.filter(({ ok }) => !ok).map(({ c }) => c.id),
  };
}

describe.skipIf(!present)('hosts in text, HTML, messages and links (data beside the project)', () => {
  const required = results.filter(({ c }) => c.tier === 'required');

  test('the score, by file', () => {
    const files = [...new Set(results.map(({ c }) => `${c.file} ${c.tier}`))].sort();
    const rows = files.map((name) => {
      const { hosts, missed, wrong, failed } = tally(results.filter(({ c }) => `${c.file} ${c.tier}` === name));
      const recall = hosts === 0 ? '-' : ((100 * (hosts - missed)) / hosts).toFixed(1);
      return `${name.padEnd(26)}${String(hosts).padStart(6)}${recall.padStart(8)}${String(wrong).padStart(5)}  ${failed.slice(0, 6).join(' ')}`;
    });
    console.log(['file                       hosts  recall   FP  not as expected', ...rows].join('\n'));
    expect(results.filter(({ err }) => err !== undefined)).toEqual([]);
  });
  test('required: at least 98 % of the hosts, at most 8 that are none', () => {
    const { hosts, missed, wrong } = tally(required);
    expect((hosts - missed) / hosts).toBeGreaterThanOrEqual(0.98);
    expect(wrong).toBeLessThanOrEqual(8);
  });
  test('adversarial, required: every case', () =>
    expect(tally(required.filter(({ c }) => c.file === 'adversarial')).failed).toEqual([]));
  test('reduction to the registrable domain: at most one case wrong', () =>
    expect(tally(required.filter(({ c }) => c.kind === 'domain')).failed.length).toBeLessThanOrEqual(1));
});
