import fc from 'fast-check';
import { expect, test } from 'vitest';
import { auditService, type LoginTarget } from '../../../src/audit/login/index.ts';
import { contextWith } from '../context.ts';
import { issue } from '../tls/certificates.ts';
import { fakeLogin, type Protocol, type Said } from './fake-login.ts';

const chain = [issue({ names: ['mail.example.org'] })];
const services: readonly (readonly [Protocol, LoginTarget['service'], boolean])[] = [
  ['imap', 'imap', false],
  ['pop3', 'pop3', false],
  ['smtp', 'submission', false],
  ['managesieve', 'managesieve', false],
  ['imap', 'imaps', true],
  ['smtp', 'submissions', true],
];

const said: fc.Arbitrary<Said | undefined> = fc.oneof(
  { weight: 6, arbitrary: fc.constant(undefined) },
  fc.constantFrom<Said>(
    '+ ',
    '334 ',
    '""',
    '{4}',
    '{99999}',
    'p1 OK',
    'p2 NO',
    '* BYE',
    '* OK {3}',
    '+OK',
    '-ERR',
    '250-',
    '250 ok',
    '220 again',
    '421 4.7.0 go',
    'OK',
    'NO {2}',
    'BYE',
    '.',
    '',
  ),
  fc.string({ unit: 'binary-ascii', maxLength: 40 }),
  fc.array(fc.string({ unit: 'binary-ascii', maxLength: 10 }), { maxLength: 5 }),
  fc.constantFrom<Said>({ silence: true }, { end: '' }, { end: '* BYE' }),
);

test('hostile/any answer to any command → a printable result in time, no exception', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...services),
      fc.array(said, { minLength: 1, maxLength: 30 }),
      fc.boolean(),
      async ([protocol, service, implicit], script, odd) => {
        let at = 0;
        const server = await fakeLogin({
          protocol,
          implicit,
          tls: { chain, injectable: odd },
          answer: () => script[at++ % script.length],
        });
        try {
          const audit = await auditService(
            {
              service,
              domain: 'example.org',
              host: 'mail.example.org',
              required: ['mail.example.org'],
              names: [],
              address: server.host,
              port: server.port,
              because: 'srv',
            },
            contextWith({ timeoutMs: 40, source: '127.0.0.9', connectionsPerService: 20 }),
          );
          for (const { what, evidence, subject } of audit?.findings ?? [])
            for (const line of [what, subject, ...evidence]) expect(line).toMatch(/^[\x20-\x7e…]*$/);
          expect(audit?.findings.filter(({ id }) => id === 'login-unknown').length).toBeLessThan(2);
        } finally {
          await server.close();
        }
      },
    ),
    // Each run waits for silent servers.
    { numRuns: Math.min(Number(process.env.POSTERN_FUZZ_RUNS ?? 25), 400), endOnFailure: true },
  );
}, 300_000);
