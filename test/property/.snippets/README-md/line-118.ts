import { quietEnv, replyTo, zone } from 'postern/testing';
import { expect, test } from 'vitest';
import { inbound } from './policy.ts';

const dns = zone({
  'example.org': { MX: [[10, 'mx.example.org']], TXT: ['v=spf1 mx ip4:9.9.9.0/24 -all'] },
  'mx.example.org': { A: ['8.8.4.4'] },
  '4.4.8.8.in-addr.arpa': { PTR: ['mx.example.org'] },
  'listed.example.org': { A: ['9.9.9.9'] },
  '9.9.9.9.in-addr.arpa': { PTR: ['listed.example.org'] },
  '9.9.9.9.zen.dnsbl.example': { A: ['127.0.0.2'] },
});

test.each([
  ['a sender by its own rules → is taken', { client: '8.8.4.4' }, null],
  ['SPF fail → is refused by spf', { client: '1.1.1.1' }, '550 5.7.23 (spf)'],
  ['a listed client, whatever its name → is refused by the score', { client: '9.9.9.9' }, '550 5.7.1 (score)'],
  ['a listed client that writes to the postmaster → is heard', { client: '9.9.9.9', to: 'postmaster@example.com' }, null],
  ['a user who has logged in → is not judged', { client: '9.9.9.9', auth: 'bob' }, null],
  ['a foreign recipient → is refused, whoever asks', { client: '8.8.4.4', to: 'bob@example.net' }, '550 5.7.1 (relay-control)'],
])('rcpt/%s', async (_, facts, reply) => {
  const over = { from: 'alice@example.org', to: 'bob@example.com', helo: 'mx.example.org', ...facts };
  expect(await replyTo(inbound, 'rcpt', over, quietEnv({ dns }), { rule: true })).toBe(reply);
});