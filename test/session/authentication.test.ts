import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import { authenticator, dmarc, dmarcSpeaks } from 'postern/checks/message-authentication';
import { relayControl } from 'postern/checks/relay-control';
import { spf } from 'postern/checks/spf';
import { uribl } from 'postern/checks/uribl';
import { defineCheck, on, pass, proceed, reject, unless } from 'postern/core';
import type { Env } from 'postern/env';
import { parseIp } from 'postern/net';
import type { AuthenticatedDataFacts, MessageAuthentication, MessageAuthenticator, Role } from 'postern/smtp';
import { printReply, smtpPolicy } from 'postern/smtp';
import type { MessageOutcome, SmtpSessionOptions } from 'postern/smtp-session';
import { smtpSession } from 'postern/smtp-session';
import type { ZoneData } from 'postern/testing';
import { fixedClock, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';
import { NOW, plain, records, sign } from '../checks/message-authentication/mail.ts';

const relay = relayControl({ localDomains: ['example.com'] });
const sender = spf();
/** The line that a policy needs. */
const spfAlone = unless(dmarcSpeaks, on(sender, { fail: reject() }));
const policy = smtpPolicy({ relay, authentication: authenticator({ spf: sender }), data: [dmarc(), spfAlone] });

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);
async function* chunks(text: string, size: number): AsyncGenerator<Uint8Array> {
  const all = octets(text);
  for (let at = 0; at < all.length; at += size) yield all.subarray(at, at + size);
}

interface Setting {
  readonly from?: string;
  readonly role?: Role;
  readonly options?: SmtpSessionOptions;
  readonly delayMs?: number;
  /** The clock stands still: a large message takes more turns of the event loop than a moving clock grants. */
  readonly still?: boolean;
  readonly recipients?: readonly string[];
}
/** A whole session, with the message as it is given. */
async function play(
  data: ZoneData,
  message: string | AsyncIterable<Uint8Array>,
  setting: Setting = {},
  rules: Parameters<typeof smtpSession>[0] = policy,
) {
  const {
    from = '<alice@example.org>',
    role = 'mx',
    options = {},
    delayMs = 0,
    still = false,
    recipients = ['<b@example.com>'],
  } = setting;
  const clock = fixedClock(NOW);
  const dns = zone(data, { clock, delayMs });
  const env: Env = { dns, clock, counters: memoryCounters({ clock }), bans: memoryBans({ clock }) };
  const ip = parseIp('192.0.2.1');
  if (ip === undefined) throw new Error('192.0.2.1 is an address');
  const facts = { session: { id: 'one', role, serverName: 'mx.example.com' }, client: { ip }, tls: null };
  const session = smtpSession(rules, env, facts, options);
  const steps = async (): Promise<[MessageOutcome, number]> => {
    await session.connect();
    await session.helo(role === 'lmtp' ? 'LHLO' : 'EHLO', 'mail.example.org');
    await session.mail(from);
    for (const one of recipients) await session.rcpt(one);
    const began = clock.now();
    return [await session.data(typeof message === 'string' ? octets(message) : message), clock.now() - began];
  };
  const [outcome, tookMs] = await (still ? steps() : clock.until(steps()));
  await session.close();
  return { outcome, tookMs, dns, clock, session, said: outcome.reply === null ? null : printReply(outcome.reply) };
}

const here: ZoneData = { 'example.org': { TXT: ['v=spf1 ip4:192.0.2.1 -all'] } };
const elsewhere: ZoneData = { 'example.org': { TXT: ['v=spf1 -all'] } };
const asks = (wanted: string): ZoneData => ({ '_dmarc.example.org': { TXT: [`v=DMARC1; p=${wanted}`] } });
const key: ZoneData = { 'rsa._domainkey.example.org': { TXT: [records.rsa] } };

describe('data', () => {
  test.each<[string, ZoneData, string | null, string]>([
    ['DMARC fails, reject → 550 5.7.26', { ...elsewhere, ...asks('reject') }, '550 5.7.26', 'reject'],
    ['DMARC fails, quarantine → taken and set apart', { ...elsewhere, ...asks('quarantine') }, null, 'quarantine'],
    ['DMARC fails, none, SPF fails → SPF decides', { ...elsewhere, ...asks('none') }, '550 5.7.23', 'reject'],
    ['no DMARC, SPF fails → 550 5.7.23', elsewhere, '550 5.7.23', 'reject'],
    ['no DMARC, SPF passes → taken', here, null, 'accept'],
    ['DMARC passes by SPF → taken', { ...here, ...asks('reject') }, null, 'accept'],
    [
      'DMARC cannot be found out → SPF decides nothing',
      { ...elsewhere, '_dmarc.example.org': 'temperror' },
      null,
      'accept',
    ],
  ])('%s', async (_, data, reply, action) => {
    const { outcome, said } = await play(data, plain());
    expect([said?.slice(0, 10) ?? null, outcome.action]).toEqual([reply, action]);
  });

  test('SPF fails, and DMARC passes by a signature → taken', async () => {
    const { outcome } = await play({ ...elsewhere, ...asks('reject'), ...key }, await sign(plain(), 'example.org'));
    expect([outcome.action, outcome.authentication?.dmarc.result]).toEqual(['accept', 'pass']);
  });
  test('a body that was changed on the way → refused', async () => {
    const changed = (await sign(plain(), 'example.org')).replace('Hello', 'Jello');
    expect((await play({ ...elsewhere, ...asks('reject'), ...key }, changed)).said).toMatch(/^550 5\.7\.26 /);
  });
  test('whatever the chunks → the same', async () => {
    const message = await sign(plain(undefined, 'Hello\r\n'.repeat(200)), 'example.org');
    for (const size of [1, 100, 65_536]) {
      const { outcome } = await play({ ...elsewhere, ...asks('reject'), ...key }, chunks(message, size));
      expect(outcome.authentication?.dkim).toMatchObject([{ result: 'pass', aligned: true }]);
    }
  });
  test('a message of 3 MB → verified as it arrives, without being kept', async () => {
    const message = await sign(plain(undefined, `${'x'.repeat(70)}\r\n`.repeat(42_000)), 'example.org');
    const { outcome } = await play({ ...elsewhere, ...asks('reject'), ...key }, chunks(message, 65_536), {
      still: true,
    });
    expect(outcome.authentication?.dkim).toMatchObject([{ result: 'pass' }]);
  });
  test('LMTP → authenticated once, answered for each', async () => {
    const { outcome, dns } = await play({ ...elsewhere, ...asks('reject') }, plain(), {
      role: 'lmtp',
      options: { earlyChecks: true },
      recipients: ['<b@example.com>', '<c@example.com>'],
    });
    expect(outcome.perRecipient.map(({ reply }) => reply?.enhanced)).toEqual(['5.7.26', '5.7.26']);
    expect(dns.questions.filter(({ name }) => name === '_dmarc.example.org')).toHaveLength(1);
  });
});

describe('what is asked', () => {
  const listed = smtpPolicy({
    relay,
    authentication: authenticator({ spf: sender }),
    data: [uribl({ zone: 'uri.example', label: 'URI', testEntries: 'none' }), dmarc(), spfAlone],
  });
  const data = { ...here, ...asks('reject'), ...key };

  test('keys, policies and links → at once, behind one round trip', async () => {
    const message = await sign(plain(undefined, 'http://www.link.com/\r\n'), 'example.org');
    const { outcome, tookMs, dns } = await play(data, message, { delayMs: 30 }, listed);
    expect([outcome.action, tookMs]).toEqual(['accept', 30]);
    const asked = dns.questions.map(({ name, type }) => `${type} ${name}`);
    expect(new Set(asked).size).toBe(asked.length);
    expect(asked).toContain('A link.com.uri.example');
  });
  test('a check that a rule and the authenticator go by → examined once', async () => {
    let examined = 0;
    const counting = {
      ...sender,
      examine: (...given: Parameters<typeof sender.examine>) => {
        examined++;
        return sender.examine(...given);
      },
    };
    const once = smtpPolicy({
      relay,
      authentication: authenticator({ spf: counting }),
      rcpt: [on(counting, {}, { id: 'spf/rcpt' })],
      data: [unless(dmarcSpeaks, on(counting, { fail: reject() }))],
    });
    const { said } = await play(elsewhere, plain(), {}, once);
    expect([said?.slice(0, 10), examined]).toEqual(['550 5.7.23', 1]);
  });
  test('not ahead, on submission → the same answer', async () => {
    const { said } = await play({ ...elsewhere, ...asks('reject') }, plain(), { role: 'submission' });
    expect(said).toMatch(/^550 5\.7\.26 /);
  });
});

describe('hostile messages', () => {
  test('1,000 signatures → ten are looked at, no more than 120 questions', async () => {
    const one = 'DKIM-Signature: v=1; a=rsa-sha256; d=d%.example; s=s; h=from; bh=AAAA; b=AAAA\r\n';
    const many = Array.from({ length: 1_000 }, (_, n) => one.replace('%', `${n}`)).join('');
    const { outcome, dns } = await play({ ...here, ...asks('reject') }, chunks(many + plain(), 65_536));
    expect(outcome.authentication?.signatures).toEqual({ found: 1_000, examined: 10 });
    expect([outcome.action, dns.questions.length <= 120]).toEqual(['accept', true]);
    expect(outcome.headers[0]?.value.length).toBeLessThan(5_000);
  });
  test('a header of 10 MB → permerror, and it is read to its end', async () => {
    const line = `X-Filler: ${'x'.repeat(900)}\r\n`;
    const message = line.repeat(11_000) + plain();
    const { outcome } = await play({ ...here, ...asks('reject') }, chunks(message, 65_536));
    expect(outcome.message.size).toBe(message.length);
    expect(outcome.authentication).toMatchObject({ dmarc: { result: 'permerror' } });
  });
  test('a client that vanishes → 451, and nothing is left running', async () => {
    const broken = (async function* () {
      yield octets(plain());
      throw new Error('gone');
    })();
    const { said, clock } = await play(here, broken);
    await clock.pass(0);
    expect([said?.slice(0, 3), clock.pending]).toEqual(['451', 0]);
  });
  test('a name server that is silent → temperror after the time allowed', async () => {
    const slow = smtpPolicy({
      relay,
      authentication: authenticator({ spf: sender, timeoutMs: 2_000 }),
      data: [dmarc()],
    });
    const { outcome, tookMs } = await play({ ...here, '_dmarc.example.org': 'silent' }, plain(), {}, slow);
    expect([outcome.action, outcome.authentication?.dmarc.result, tookMs]).toEqual(['accept', 'temperror', 2_000]);
  });
  test('an authenticator that reads nothing and never answers → the stage ends by its deadline', async () => {
    const stuck: MessageAuthenticator = { checks: [], authenticate: () => new Promise(() => undefined) };
    const rules = smtpPolicy({ relay, authentication: stuck, data: [dmarc()] });
    const { outcome } = await play(here, plain(), { options: { deadlineMs: 5_000 } }, rules);
    expect([outcome.action, outcome.authentication?.dmarc.result]).toEqual(['accept', 'temperror']);
  });
  test('an authenticator that throws → temperror, and onError is called once', async () => {
    const broken: MessageAuthenticator = {
      checks: [],
      authenticate: () => {
        throw new Error('broken');
      },
    };
    const errors: string[] = [];
    const options = { onError: ({ message }: Error) => errors.push(message) };
    const rules = smtpPolicy({ relay, authentication: broken, data: [dmarc()] });
    const { outcome } = await play(here, plain(), { options }, rules);
    expect(errors).toEqual(['broken']);
    expect([outcome.action, outcome.authentication?.dmarc.result]).toEqual(['accept', 'temperror']);
  });
});

describe('the Authentication-Results field', () => {
  test('one of all findings', async () => {
    const { outcome } = await play({ ...here, ...asks('reject'), ...key }, await sign(plain(), 'example.org'));
    expect(outcome.headers).toHaveLength(1);
    expect(outcome.headers[0]?.value).toMatch(
      /^mx\.example\.com; spf=pass smtp\.mailfrom=example\.org; dkim=pass header\.d=example\.org [^;]*; dmarc=pass header\.from=example\.org policy\.dmarc=reject$/,
    );
  });
  test.each<[string, Role, SmtpSessionOptions, string | undefined, boolean]>([
    ['mx → under the server’s name', 'mx', {}, 'mx.example.com', true],
    ['submission → not written, ours removed', 'submission', {}, 'mx.example.com', false],
    ['lmtp → neither', 'lmtp', {}, undefined, false],
    ['lmtp, a name given → both', 'lmtp', { authservId: 'example.com' }, 'example.com', true],
    ['mx, null → neither', 'mx', { authservId: null }, undefined, false],
  ])('%s', async (_, role, options, name, writes) => {
    const { outcome, session } = await play(here, plain(), { role, options });
    expect([session.authservId, outcome.headers.map(({ value }) => value.split(';')[0])]).toEqual([
      name,
      writes ? [name] : [],
    ]);
  });
  test('a name that is none → TypeError', async () => {
    await expect(play(here, plain(), { options: { authservId: 'a b' } })).rejects.toThrow(
      /authservId must be a host name or null, got "a b"/,
    );
  });
  test('what one transaction found is not told of the next', async () => {
    const clock = fixedClock(NOW);
    const dns = zone({ ...elsewhere, 'other.example': { TXT: ['v=spf1 ip4:192.0.2.1 -all'] } }, { clock });
    const rules = smtpPolicy({ relay, rcpt: [on(sender, { fail: proceed })] });
    const env: Env = { dns, clock, counters: memoryCounters({ clock }), bans: memoryBans({ clock }) };
    const ip = parseIp('192.0.2.1')!;
    const facts = {
      session: { id: 'two', role: 'mx', serverName: 'mx.example.com' },
      client: { ip },
      tls: null,
    } as const;
    const session = smtpSession(rules, env, facts);
    await session.connect();
    await session.helo('EHLO', 'mail.example.org');
    const values: (string | undefined)[] = [];
    for (const from of ['<a@example.org>', '<a@other.example>']) {
      await clock.until(session.mail(from));
      await clock.until(session.rcpt('<b@example.com>'));
      values.push((await clock.until(session.data(octets(plain())))).headers[0]?.value);
    }
    expect(values).toEqual([
      'mx.example.com; spf=fail smtp.mailfrom=example.org',
      'mx.example.com; spf=pass smtp.mailfrom=other.example',
    ]);
  });
});

test('the result is a fact for every rule', async () => {
  const seen: MessageAuthentication[] = [];
  const sees = defineCheck(
    'sees',
    ({ authentication }: AuthenticatedDataFacts) => {
      seen.push(authentication);
      return pass();
    },
    {},
  );
  await play(
    { ...here, ...asks('reject') },
    plain(),
    {},
    smtpPolicy({ relay, authentication: authenticator({ spf: sender }), data: [sees] }),
  );
  expect(seen).toMatchObject([{ dmarc: { result: 'pass' }, spf: { result: 'pass', domain: 'example.org' } }]);
  expect(JSON.parse(JSON.stringify(seen))).toEqual(seen);
});
test('a policy that names no authenticator → a rule that wants its result does not compile', () => {
  // @ts-expect-error: nobody says how it is found out
  expect(() => smtpPolicy({ relay, data: [dmarc()] })).not.toThrow();
});
test('an authenticator that is none → TypeError', () =>
  expect(() => smtpPolicy({ relay, authentication: {} as never })).toThrow(
    /authentication must be made by authenticator/,
  ));
