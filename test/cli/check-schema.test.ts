import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { checkCatalogue } from '../../src/cli/check/catalogue.ts';
import { checkedMessage } from '../audit/report/html-sample.ts';
import { postern } from './command.ts';

const schema = JSON.parse(readFileSync(new URL('../../src/cli/check/report.schema.json', import.meta.url), 'utf8')) as {
  readonly $defs: { readonly finding: { readonly properties: { readonly id: { readonly enum: readonly string[] } } } };
};
const validate = new Ajv2020({ strict: true, allErrors: true }).compile(schema);

function faults(report: unknown): readonly string[] {
  validate(report);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
}

async function reportOf(argv: readonly string[], files: { readonly [path: string]: string }): Promise<unknown> {
  return JSON.parse((await postern(['check', ...argv, '--zone', 'zone', '--json'], { files })).stdout);
}

const zone = JSON.stringify({
  'example.org': { MX: [[10, 'mx.example.org']], TXT: ['v=spf1 include:bad.example -all'] },
  'mx.example.org': { A: ['192.0.2.1'] },
  'bad.example': 'temperror',
  '1.2.0.192.in-addr.arpa': { PTR: ['dsl-1-2-0-192.pool.example.net'] },
  '1.2.0.192.bl.example': { A: ['127.0.0.2'] },
});
const html = [
  'From: a@example.org',
  'Subject: =?utf-8?Q?gr=C3=BCn?=',
  'Content-Type: text/html',
  '',
  '<a href="https://eur01.safelinks.protection.outlook.com/?url=http%3A%2F%2Fexample.com">www.example.net</a> hxxp://b.example.com https://bit.ly/x',
].join('\r\n');

describe('the schema of a check', () => {
  test.each<[string, readonly string[], string]>([
    ['ip', ['ip', '192.0.2.1', '--list', 'bl.example=BL', '--blocklist', 'list'], ''],
    ['sender', ['sender', 'a@example.org', '--ip', '192.0.2.9', '--helo', 'mx.example.org'], ''],
    ['message', ['message', 'm', '--uri-list', 'uri.example', '--ip', '192.0.2.9', '--helo', 'mx.example.org'], html],
    ['an empty message', ['message', 'm'], ''],
    [
      'a message of markup and controls',
      ['message', 'm'],
      `From: \x1b<x>@example.org\r\n\r\n\x00http://ü.example.com/\x07`,
    ],
    [
      '10,000 links',
      ['message', 'm'],
      `From: a@example.org\r\n\r\n${Array.from({ length: 10_000 }, (_, i) => `http://h${i}.example.com/`).join('\r\n')}`,
    ],
  ])('schema/%s → valid', async (_, argv, m) => {
    expect(faults(await reportOf(argv, { zone, m, list: '192.0.2.0/24\n' }))).toEqual([]);
  });

  test('schema/sample of the HTML tests → valid', () =>
    expect(faults(JSON.parse(JSON.stringify(checkedMessage)))).toEqual([]));

  test('schema/ids → those of the catalogue', () =>
    expect(schema.$defs.finding.properties.id.enum).toEqual(Object.keys(checkCatalogue)));

  test.each([
    ['another schema', { schema: 'postern-audit-report' }],
    ['another version', { version: 1 }],
    ['no subject', { subjects: [] }],
    ['an unknown state', { state: 'fine' }],
  ])('schema/%s → not valid', async (_, change) => {
    const report = (await reportOf(['ip', '192.0.2.1'], { zone })) as object;
    expect(faults({ ...report, ...change })).not.toEqual([]);
  });
});
