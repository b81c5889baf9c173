import fc from 'fast-check';
import { checkRedundancy } from 'postern/checks/mx-redundancy';
import { relayControl } from 'postern/checks/relay-control';
import { senderMatchesLogin } from 'postern/checks/smtp-auth';
import { uribl } from 'postern/checks/uribl';
import { evaluate } from 'postern/core';
import { knownPublicResolver } from 'postern/dns';
import { isWithin } from 'postern/net';
import { smtpPolicy } from 'postern/smtp';
import { dataFacts, documentationNetworks, fixedClock, mailFacts, quietEnv, rcptFacts, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const PARENT = 'example.com';
const clock = fixedClock();
const env = quietEnv({ clock });

/** Every place that takes a domain for itself and what lies below it: whether it takes `name` for (part of) example.com. */
const places: readonly {
  readonly what: string;
  /** Whether the parent itself is among what it matches. */
  readonly itself: boolean;
  readonly matches: (name: string) => boolean | Promise<boolean>;
}[] = [
  { what: 'net/isWithin', itself: true, matches: (name) => isWithin(name, PARENT) },
  ...(['localDomains', 'relayDomains'] as const).map((option) => ({
    what: `relayControl/${option}`,
    itself: false,
    matches: async (name: string) => {
      const relay = relayControl({ localDomains: [], [option]: [`.${PARENT}`] });
      const facts = rcptFacts({ to: `user@${name}`, client: '192.0.2.66' });
      const { action } = await evaluate(smtpPolicy({ relay }), 'rcpt', facts, env);
      return action === 'accept';
    },
  })),
  {
    what: 'senderMatchesLogin/senders',
    itself: false,
    matches: async (name) => {
      const check = senderMatchesLogin({ senders: { bob: [`.${PARENT}`] } });
      const facts = mailFacts({ auth: 'bob', from: `bob@${name}`, role: 'submission' });
      const { action } = await evaluate(
        smtpPolicy({ relay: relayControl({ localDomains: [] }), mail: [check] }),
        'mail',
        facts,
        env,
      );
      return action === 'accept';
    },
  },
  {
    what: 'uribl/skip',
    itself: true,
    matches: async (name) => {
      const dns = zone({});
      const check = uribl({ zone: 'uri.test', label: 'URI', testEntries: 'none', skip: [PARENT], reduce: 'host' });
      const facts = dataFacts({ message: `Content-Type: text/html\r\n\r\n<a href="http://${name}/">x</a>\r\n` });
      await clock.until(
        evaluate(smtpPolicy({ relay: relayControl({ localDomains: [] }), data: [check] }), 'data', facts, {
          ...env,
          dns,
        }),
      );
      return !dns.questions.some((question) => question.name === `${name}.uri.test`);
    },
  },
  {
    what: 'checkRedundancy/providers',
    itself: true,
    matches: async (name) => {
      const dns = zone({ 'example.org': { MX: [[10, name]] }, [name]: { A: ['192.0.2.1'] } });
      const providers = [{ name: 'Ours', suffix: PARENT }];
      const publicNetworks = documentationNetworks;
      return (await checkRedundancy('example.org', { dns }, { providers, publicNetworks })).state === 'pass';
    },
  },
];

describe.each(places)('$what', ({ itself, matches }) => {
  test.each([
    ['a.example.com', true],
    ['a.b.example.com', true],
    ['xexample.com', false],
    ['a-example.com', false],
    ['a.xexample.com', false],
    ['ample.com', false],
    ['example.com.example.net', false],
    ['example.coma', false],
    ['example.co', false],
  ])('%s: %j', async (name, expected) => expect(await matches(name)).toBe(expected));
  test('the parent itself', async () => expect(await matches(PARENT)).toBe(itself));
  test('whatever stands before it, only a dot makes it a parent', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,8}[a-z0-9])?$/),
        fc.constantFrom('', '-', '_', '.'),
        async (head, joint) => {
          const name = `${head}${joint}${PARENT}`;
          if (name.split('.').some((label) => !/^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$/.test(label))) return;
          expect(await matches(name)).toBe(joint === '.' || (head.endsWith('.') && joint === ''));
        },
      ),
      { numRuns: Number(process.env.POSTERN_FUZZ_RUNS ?? 30) },
    );
  });
});

test.each([
  ['dns.quad9.net', true],
  ['xquad9.net', false],
  ['quad9.net.example.net', false],
])('knownPublicResolver: %s → %j', (name, known) =>
  expect(knownPublicResolver(`https://${name}/dns-query`) !== undefined).toBe(known),
);
