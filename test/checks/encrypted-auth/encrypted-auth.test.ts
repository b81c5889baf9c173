import { encryptedAuth } from 'postern/checks/encrypted-auth';
import { describe, expect, test } from 'vitest';
import { factsOf } from '../../access/login-table.ts';

const gate = encryptedAuth({ mechanisms: ['PLAIN'], pipelinedStarttls: 'discard' });
const never = new AbortController().signal;

describe('the finding', () => {
  test('a login without TLS → fail, with the reason as its cause; plain JSON', async () => {
    const found = await gate.examine(
      factsOf({ protocol: 'imap' }, { name: 'authenticate', mechanism: 'plain' }),
      {},
      never,
    );
    expect(JSON.parse(JSON.stringify(found))).toEqual({
      check: 'encrypted-auth',
      result: 'fail',
      cause: 'tls-required',
      explanation: 'TLS is required to log in',
      detail: { command: 'AUTHENTICATE', mechanism: 'PLAIN' },
    });
  });

  test('STARTTLS with discarded input after it → pass, and the finding reports it', async () => {
    expect(
      await gate.examine(factsOf({ protocol: 'imap' }, { name: 'STARTTLS', pipelined: true }), {}, never),
    ).toMatchObject({
      result: 'pass',
      detail: { command: 'STARTTLS', pipelined: true },
    });
  });

  test('input after another command is not reported', async () => {
    expect(await gate.examine(factsOf({ protocol: 'imap' }, { name: 'NOOP', pipelined: true }), {}, never)).toEqual({
      check: 'encrypted-auth',
      result: 'pass',
      detail: { command: 'NOOP' },
    });
  });

  test('a long mechanism name is cut in the log', async () => {
    const { detail } = await gate.examine(
      factsOf({ protocol: 'imap' }, { name: 'AUTHENTICATE', mechanism: 'x'.repeat(9_000) }),
      {},
      never,
    );
    expect(detail?.mechanism).toHaveLength(64);
  });
});
