import {
  client,
  connectionLimits,
  distinctRecipients,
  login,
  messageLimit,
  messageRate,
  perMinute,
  recipient,
  recipientLimit,
  recipientRate,
  sessionLimits,
  tarpit,
} from 'postern/checks/connection-limits';
import type { Entry } from 'postern/core';
import type { Env } from 'postern/env';
import type { SmtpStages } from 'postern/smtp';
import { expect, test } from 'vitest';

type At<Stage extends keyof SmtpStages> = readonly Entry<SmtpStages[Stage], Env>[];

test('a limit compiles at a stage with its facts, and not before', () => {
  const connect: At<'connect'> = [
    connectionLimits(),
    tarpit({ delayMs: 1 }),
    // @ts-expect-error it stands beside the stages
    sessionLimits(),
    // @ts-expect-error nobody has sent a message yet
    messageLimit(),
    // @ts-expect-error nobody can have logged in
    messageRate(login, perMinute(1)),
  ];
  const mail: At<'mail'> = [
    messageLimit(),
    messageRate(login, perMinute(1)),
    messageRate(client(), perMinute(1)),
    // @ts-expect-error there is no recipient
    messageRate(recipient, perMinute(1)),
    // @ts-expect-error there is no recipient
    recipientLimit(),
  ];
  const rcpt: At<'rcpt'> = [
    recipientLimit(),
    recipientRate(recipient, perMinute(1)),
    distinctRecipients(login, { limit: 1, periodMs: 1 }),
  ];
  expect([connect.length, mail.length, rcpt.length]).toEqual([5, 5, 3]);
});
