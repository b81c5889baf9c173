import { type RecipientStatus, type RelayControlOptions, relayControl } from 'postern/checks/relay-control';
import { evaluate, judge } from 'postern/core';
import { parseIp, parsePath } from 'postern/net';
import { printReply, type RelayFacts, type SmtpPolicy, type SmtpStages, smtpPolicy, smtpReply } from 'postern/smtp';
import { fixedClock } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const FINGERPRINT = 'ab'.repeat(32);
const site: RelayControlOptions = {
  localDomains: ['example.com', '.lists.example.com', '[192.0.2.25]', 'bücher.example'],
  relayDomains: ['backup.example', '.customers.example'],
  trustedNetworks: ['127.0.0.0/8', '::1', '192.0.2.0/28', '2001:db8::25'],
  clientCertificates: [FINGERPRINT],
};

interface Client {
  readonly ip?: string;
  readonly auth?: string | { identity: string; mechanism?: string };
  readonly certificate?: string;
}

function facts(to: string, { ip = '198.51.100.7', auth, certificate }: Client = {}): RelayFacts {
  const path = parsePath(to);
  if (typeof path === 'string' || path.mailbox === null) throw new Error(`${to}: ${JSON.stringify(path)}`);
  return {
    client: { ip: parseIp(ip) ?? (ip as never) },
    tls: certificate === undefined ? null : { version: 'TLSv1.3', clientCertificate: { fingerprint: certificate } },
    auth: auth === undefined ? null : typeof auth === 'string' ? { identity: auth } : auth,
    forwardPath: path.mailbox,
    sourceRoute: path.sourceRoute,
  };
}

const env = { clock: fixedClock() };

async function reply(options: RelayControlOptions, asked: RelayFacts): Promise<string | null> {
  const policy: SmtpPolicy<typeof env> = smtpPolicy<typeof env>({ relay: relayControl(options) });
  const decision = await env.clock.until(evaluate<SmtpStages, typeof env, 'rcpt'>(policy, 'rcpt', asked as never, env));
  const said = smtpReply(decision, 'rcpt');
  return said === null ? null : printReply(said);
}

const denied = '550 5.7.1 Relaying denied';
const routed = '550 5.7.1 Relaying denied: recipient address contains a route';
const sourceRoute = '501 5.1.3 Source routes are not supported';

describe('rcpt: which client may send to which recipient', () => {
  test.each<[string, string, Client, string | null]>([
    ['a stranger to a local domain is accepted', '<ann@example.com>', {}, null],
    ['a stranger to a relay domain is accepted', '<ann@backup.example>', {}, null],
    ['a stranger to a foreign domain is refused', '<ann@example.org>', {}, denied],
    ['an authenticated client may send anywhere', '<ann@example.org>', { auth: 'bob' }, null],
    ['a listed certificate may send anywhere', '<ann@example.org>', { certificate: FINGERPRINT }, null],
    [
      'the same, its fingerprint written with colons',
      '<ann@example.org>',
      { certificate: 'AB:'.repeat(32).slice(0, -1) },
      null,
    ],
    ['another certificate is a stranger', '<ann@example.org>', { certificate: 'cd'.repeat(32) }, denied],
    ['loopback may send anywhere', '<ann@example.org>', { ip: '127.0.0.9' }, null],
    ['a trusted network may send anywhere', '<ann@example.org>', { ip: '192.0.2.15' }, null],
    ['its neighbour is a stranger', '<ann@example.org>', { ip: '192.0.2.16' }, denied],
    ['a bare IPv6 address is trusted alone', '<ann@example.org>', { ip: '2001:db8::25' }, null],
    ['trap: a bare IPv6 address is /128, not /32', '<ann@example.org>', { ip: '2001:db8::26' }, denied],
    ['trap: an IPv4-mapped client meets the IPv4 rule', '<ann@example.org>', { ip: '::ffff:192.0.2.15' }, null],
    ['trap: an IPv4-mapped stranger does not slip past it', '<ann@example.org>', { ip: '::ffff:192.0.2.16' }, denied],
    ['RFC 1918 is not trusted', '<ann@example.org>', { ip: '10.0.0.1' }, denied],
    ['an address that cannot be read is a stranger', '<ann@example.org>', { ip: 'unknown' }, denied],
    ['a login without a name is none', '<ann@example.org>', { auth: '' }, denied],
    [
      'ANONYMOUS is nobody (RFC 4505)',
      '<ann@example.org>',
      { auth: { identity: 'trace', mechanism: 'anonymous' } },
      denied,
    ],
    ['a subdomain of a local domain is foreign', '<ann@www.example.com>', {}, denied],
    ['a leading dot takes what is below', '<ann@a.b.lists.example.com>', {}, null],
    ['and not the domain itself', '<ann@lists.example.com>', {}, denied],
    ['a name that only ends alike is foreign', '<ann@notexample.com>', {}, denied],
    ['a name that only ends alike is not below it', '<ann@xlists.example.com>', {}, denied],
    ['nor is what lies below that', '<ann@a.xlists.example.com>', {}, denied],
    ['a top-level domain is foreign', '<ann@com>', {}, denied],
    ['a name that only begins alike is foreign', '<ann@example.com.example.org>', {}, denied],
    ['trap: case makes no difference', '<ann@EXAMPLE.Com>', {}, null],
    ['trap: a trailing dot makes no difference', '<ann@example.com.>', {}, null],
    ['trap: a U-label is its A-label', '<ann@BÜCHER.example>', {}, null],
    ['trap: an A-label is its U-label', '<ann@xn--bcher-kva.example>', {}, null],
    ['a local address literal is local', '<ann@[192.0.2.25]>', {}, null],
    ['the same, mapped into IPv6', '<ann@[IPv6:::ffff:192.0.2.25]>', {}, null],
    ['another address literal is foreign', '<ann@[127.0.0.1]>', {}, denied],
    ['trap: percent hack to a local domain', '<user%example.org@example.com>', {}, routed],
    ['trap: bang path to a local domain', '<example.org!user@example.com>', {}, routed],
    ['trap: a second @ inside quotes', '<"user@example.org"@example.com>', {}, routed],
    ['trap: a quoted percent hack', '<"user%example.org"@example.com>', {}, routed],
    ['trap: a quoted bang path', '<"example.org!user"@example.com>', {}, routed],
    ['trap: a quoted source route', '<"@hop.example:user"@example.com>', {}, routed],
    ['trap: a full-width @', '<user＠example.org@example.com>', {}, routed],
    ['trap: a small percent sign', '<user﹪example.org@example.com>', {}, routed],
    ['trap: percent hack to a relay domain', '<user%example.org@backup.example>', {}, routed],
    ['sender-routed mail is not relayed for a login either', '<user%a.example@example.org>', { auth: 'bob' }, routed],
    ['nor for a trusted network', '<a.example!user@example.org>', { ip: '192.0.2.1' }, routed],
    ['a source route to a foreign domain', '<@example.com:user@example.org>', {}, sourceRoute],
    ['a source route is not followed for a login', '<@hop.example:user@example.org>', { auth: 'bob' }, sourceRoute],
    ['a source route to a relay domain is not followed', '<@hop.example:user@backup.example>', {}, sourceRoute],
    ['a source route to a local domain has no effect', '<@hop.example:ann@example.com>', {}, null],
  ])('rcpt: %s', async (_, to, client, expected) => {
    expect(await reply(site, facts(to, client))).toBe(expected);
  });

  test('rcpt: a local part with a route in literalLocalParts → accepted in any case, but only in local domains', async () => {
    const options = { ...site, literalLocalParts: ['a!b', 'List%Owner'] };
    expect(await reply(options, facts('<list%owner@example.com>'))).toBe(null);
    expect(await reply(options, facts('<A!B@example.com>'))).toBe(null);
    expect(await reply(options, facts('<list%other@example.com>'))).toBe(routed);
    expect(await reply(options, facts('<a!b@example.org>', { auth: 'bob' }))).toBe(routed);
  });

  test('rcpt: trap: <> is not a recipient → 501', async () => {
    const nobody = { ...facts('<a@example.com>'), forwardPath: null } as unknown as RelayFacts;
    expect(await reply(site, nobody)).toBe('501 5.1.3 Recipient address is not valid');
    const empty = { ...nobody, forwardPath: { localPart: '', domain: 'example.com' } } as unknown as RelayFacts;
    expect(await reply(site, empty)).toBe('501 5.1.3 Recipient address is not valid');
  });

  test('rcpt: domains in facts are put into canonical form before the comparison', async () => {
    const raw = {
      ...facts('<a@example.com>'),
      forwardPath: { localPart: 'a', domain: 'Example.COM.' },
    } as unknown as RelayFacts;
    expect(await reply(site, raw)).toBe(null);
    const bare = { ...raw, auth: undefined, client: { ip: '::FFFF:192.0.2.1' } } as unknown as RelayFacts;
    expect(await reply(site, { ...bare, forwardPath: { localPart: 'a', domain: 'example.org' } } as never)).toBe(null);
    const stranger = {
      ...bare,
      client: { ip: '198.51.100.1' },
      forwardPath: { localPart: 'a', domain: 'example.org' },
    };
    expect(await reply(site, stranger as never)).toBe(denied);
  });

  test('rcpt: an empty list trusts no network, not even loopback', async () => {
    expect(await reply({ ...site, trustedNetworks: [] }, facts('<a@example.org>', { ip: '127.0.0.1' }))).toBe(denied);
    expect(await reply({ localDomains: ['example.com'] }, facts('<a@example.org>', { ip: '::1' }))).toBe(null);
  });
});

describe('rcpt: recipients that exist', () => {
  const asked: string[] = [];
  const users: Record<string, RecipientStatus> = { ann: 'known', old: 'disabled', fat: 'full', ldap: 'unavailable' };
  const options: RelayControlOptions = {
    ...site,
    recipients: ({ localPart, domain }) => {
      asked.push(`${localPart}@${domain}`);
      return users[localPart] ?? 'unknown';
    },
  };
  test.each<[string, string, Client, string | null, boolean]>([
    ['a known one is accepted', '<ann@example.com>', {}, null, true],
    ['an unknown one is refused', '<bob@example.com>', {}, '550 5.1.1 No such mailbox here', true],
    [
      'an unknown one in a relay domain is refused: no backscatter',
      '<bob@backup.example>',
      {},
      '550 5.1.1 No such mailbox here',
      true,
    ],
    [
      'an unknown one is refused for a login too',
      '<bob@example.com>',
      { auth: 'x' },
      '550 5.1.1 No such mailbox here',
      true,
    ],
    ['a disabled one is refused', '<old@example.com>', {}, '550 5.2.1 Mailbox does not accept mail', true],
    ['a full one may be tried later', '<fat@example.com>', {}, '450 4.2.2 Mailbox is full', true],
    [
      'one that cannot be looked up may be tried later',
      '<ldap@example.com>',
      {},
      '451 4.3.0 Recipient could not be checked; please try again later',
      true,
    ],
    ['trap: the postmaster is accepted though unknown', '<PostMaster@example.com>', {}, null, false],
    ['the postmaster of a relay domain too', '<postmaster@backup.example>', {}, null, false],
    ['a foreign one is not looked up', '<ann@example.org>', {}, denied, false],
    ['nor one that a login may send to', '<ann@example.org>', { auth: 'bob' }, null, false],
    ['nor a routed one', '<a%b@example.com>', {}, routed, false],
  ])('rcpt: %s', async (_, to, client, expected, looksUp) => {
    asked.length = 0;
    expect(await reply(options, facts(to, client))).toBe(expected);
    expect(asked.length > 0).toBe(looksUp);
  });

  const later = '451 4.3.0 Recipient could not be checked; please try again later';
  test.each<[string, RelayControlOptions['recipients'], string | null]>([
    [
      'throws',
      () => {
        throw new Error('LDAP is down');
      },
      later,
    ],
    ['rejects', () => Promise.reject(new Error('LDAP is down')), later],
    ['answers nothing', () => undefined as never, later],
    ['answers true', () => true as never, later],
    ['never answers', () => new Promise(() => undefined), later],
    ['answers late, but in time', () => Promise.resolve('known'), null],
  ])('rcpt: the hook %s', async (_, recipients, expected) => {
    expect(await reply({ ...site, recipients }, facts('<ann@example.com>'))).toBe(expected);
  });

  test('rcpt: the session ends while the hook runs → temperror, and the hook’s signal is aborted', async () => {
    let told: AbortSignal | undefined;
    const check = relayControl({
      ...site,
      recipients: (_, signal) => {
        told = signal;
        return new Promise(() => undefined);
      },
    });
    const controller = new AbortController();
    const found = check.examine(facts('<ann@example.com>'), env, controller.signal);
    controller.abort();
    expect(await found).toMatchObject({
      result: 'temperror',
      detail: { because: 'recipient-unavailable', error: 'aborted' },
    });
    expect(told?.aborted).toBe(true);
    expect(env.clock.pending).toBe(0);
  });
});

describe('the finding', () => {
  const found = (to: string, client: Client = {}, more: Partial<RelayControlOptions> = {}) =>
    env.clock.until(
      Promise.resolve(relayControl({ ...site, ...more }).examine(facts(to, client), env, new AbortController().signal)),
    );
  test.each<[string, Client, string, string, string?]>([
    ['<ann@example.com>', {}, 'pass', 'local-domain'],
    ['<ann@backup.example>', {}, 'pass', 'relay-domain'],
    ['<postmaster@example.com>', {}, 'pass', 'postmaster'],
    ['<POSTMASTER@backup.example>', {}, 'pass', 'postmaster'],
    ['<postmaster2@example.com>', {}, 'pass', 'local-domain'],
    ['<the-postmaster@example.com>', {}, 'pass', 'local-domain'],
    ['<ann@example.org>', { auth: 'bob' }, 'pass', 'authenticated'],
    ['<ann@example.org>', { certificate: FINGERPRINT }, 'pass', 'client-certificate'],
    ['<ann@example.org>', { ip: '192.0.2.1' }, 'pass', 'trusted-network'],
    ['<ann@example.org>', {}, 'fail', 'not-allowed', 'relay-denied'],
    ['<a%b@example.com>', {}, 'fail', 'sender-routed', 'relay-denied'],
    ['<a%b@example.org>', { auth: 'bob' }, 'fail', 'sender-routed', 'relay-denied'],
    ['<@hop.example:ann@example.org>', {}, 'fail', 'source-route', 'recipient-syntax'],
    ['<@hop.example:ann@backup.example>', {}, 'fail', 'source-route', 'recipient-syntax'],
  ])('%s, %j → %s because of %s', async (to, client, result, because, cause) => {
    expect(await found(to, client)).toMatchObject({ result, detail: { because }, ...(cause && { cause }) });
  });

  test.each<[RecipientStatus, string, string, object]>([
    ['known', 'pass', 'local-domain', {}],
    ['unknown', 'fail', 'recipient-unknown', { cause: 'recipient-unknown', status: '1.1' }],
    ['disabled', 'fail', 'recipient-disabled', { status: '2.1' }],
    ['full', 'temperror', 'recipient-full', { status: '2.2' }],
    ['unavailable', 'temperror', 'recipient-unavailable', { status: '3.0' }],
  ])('a recipient that is %s → %s because of %s', async (status, result, because, more) => {
    const options = { recipients: () => status };
    expect(await found('<ann@example.com>', {}, options)).toMatchObject({ result, detail: { because }, ...more });
    if (status === 'known')
      expect(await found('<ann@backup.example>', {}, options)).toMatchObject({ detail: { because: 'relay-domain' } });
    else if (status === 'unavailable')
      expect(await found('<ann@example.com>', {}, options)).toMatchObject({ detail: { error: undefined } });
  });

  test.each<[string, RelayControlOptions['recipients'], string]>([
    [
      'throws an error',
      () => {
        throw new Error('LDAP is down');
      },
      'LDAP is down',
    ],
    [
      'throws something else',
      () => {
        throw 'down';
      },
      'down',
    ],
    ['rejects', () => Promise.reject(new Error('LDAP is down')), 'LDAP is down'],
    ['rejects with something else', () => Promise.reject('down'), 'down'],
    ['answers nothing', () => undefined as never, 'recipients returned undefined'],
    ['answers true', () => true as never, 'recipients returned boolean'],
    ['never answers', () => new Promise(() => undefined), 'deadline'],
  ])('the hook %s → the error says so', async (_, recipients, error) => {
    expect(await found('<ann@example.com>', {}, { recipients })).toMatchObject({
      result: 'temperror',
      explanation: 'Recipient could not be checked; please try again later',
      detail: { because: 'recipient-unavailable', error },
    });
    expect(env.clock.pending).toBe(0);
  });

  test.each([
    [undefined, 10_000],
    [250, 250],
  ])('recipientsWithinMs %s → the hook has %i ms, and is told when they are over', async (recipientsWithinMs, ms) => {
    const clock = fixedClock();
    let told: AbortSignal | undefined;
    const options = {
      ...site,
      recipientsWithinMs,
      recipients: (_: unknown, signal: AbortSignal) => {
        told = signal;
        return new Promise<RecipientStatus>(() => undefined);
      },
    };
    let answer: unknown;
    const asked = Promise.resolve(
      relayControl(options).examine(facts('<ann@example.com>'), { clock }, new AbortController().signal),
    );
    void asked.then((given) => {
      answer = given;
    });
    await clock.pass(ms - 1);
    expect([answer, told?.aborted]).toEqual([undefined, false]);
    await clock.pass(1);
    expect([answer, told?.aborted]).toMatchObject([{ result: 'temperror' }, true]);
  });

  test('a session that has ended already → the hook is not asked', async () => {
    let asked = 0;
    const check = relayControl({
      ...site,
      recipients: () => {
        asked++;
        return 'known';
      },
    });
    const controller = new AbortController();
    controller.abort();
    expect(await check.examine(facts('<ann@example.com>'), env, controller.signal)).toMatchObject({
      detail: { error: 'aborted' },
    });
    expect([asked, env.clock.pending]).toEqual([0, 0]);
  });

  test.each<[string, object, boolean]>([
    ['a socket in the file system, not listed', { unixSocket: true }, false],
    ['a socket, listed', { unixSocket: true, unix: true }, true],
    ['a proxy behind a socket', { unixSocket: true, unix: true, via: { ip: '192.0.2.1' } }, false],
    ['an address, with sockets listed', { ip: parseIp('198.51.100.7'), unix: true }, false],
    ['loopback, with only sockets listed', { ip: parseIp('127.0.0.1'), unix: true }, false],
  ])('%s → trusted: %s', async (_, { unix, ...client }: { unix?: boolean }, trusted) => {
    const check = relayControl({ localDomains: [], trustedNetworks: unix ? ['unix'] : [] });
    const asked = { ...facts('<ann@example.org>'), client } as RelayFacts;
    expect((await check.examine(asked, env, new AbortController().signal)).result).toBe(trusted ? 'pass' : 'fail');
  });
});

describe('a policy cannot allow more', () => {
  test('trap: an allow-list hit with permit → relay control is judged first', async () => {
    const { defineCheck, pass, permit, on } = await import('postern/core');
    const friend = defineCheck('friend', () => pass(), {});
    const policy = smtpPolicy<typeof env>({ relay: relayControl(site), rcpt: [on(friend, { pass: permit })] });
    const decision = await evaluate<SmtpStages, typeof env, 'rcpt'>(
      policy,
      'rcpt',
      facts('<a@example.org>') as never,
      env,
    );
    expect(decision).toMatchObject({ action: 'reject', rule: 'relay-control' });
    expect(decision.outcomes).toHaveLength(1);
  });

  test('a copy with other consequences is not accepted as relay control', () => {
    const check = relayControl(site);
    expect(() => smtpPolicy({ relay: { ...check, recommended: {} } as never })).toThrow(TypeError);
    expect(() => Object.assign(check, { recommended: {} })).toThrow(TypeError);
  });

  test('the finding is plain JSON with the reason', async () => {
    const found = await relayControl(site).examine(
      facts('<a@example.org>', { ip: '192.0.2.1' }),
      env,
      new AbortController().signal,
    );
    expect(JSON.parse(JSON.stringify(found))).toEqual({
      check: 'relay-control',
      result: 'pass',
      detail: { because: 'trusted-network' },
    });
    expect(judge([]).action).toBe('accept');
  });
});

describe('options', () => {
  test.each<[string, unknown, RegExp]>([
    ['no local domains', {}, /localDomains must be a list of domains .*, got undefined/],
    ['no options', undefined, /options must be an object/],
    ['an unknown option', { localDomains: [], trusted: [] }, /^relayControl: unknown option trusted /],
    ['an empty name', { localDomains: [''] }, /localDomains must be a list of domains .*, got ""/],
    ['a dot', { localDomains: ['.'] }, /localDomains must be a list of domains .*, got "."/],
    ['a pattern', { localDomains: ['*.example.com'] }, /leading dot/],
    ['an address', { localDomains: ['a@example.com'] }, /must be a list of domains .*, got "a@example.com"/],
    ['a broken literal', { localDomains: ['[300.1.1.1]'] }, /address literal/],
    ['a number for a domain', { localDomains: [7] }, /localDomains must be .*, got 7/],
    ['a broken relay domain', { localDomains: [], relayDomains: ['a b'] }, /relayDomains must be .*, got "a b"/],
    [
      'host bits',
      { localDomains: [], trustedNetworks: ['192.0.2.1/24'] },
      /trustedNetworks must be .*host bits.*, got "192.0.2.1\/24"/,
    ],
    ['a length too long', { localDomains: [], trustedNetworks: ['192.0.2.0/33'] }, /trustedNetworks/],
    ['leading zeroes', { localDomains: [], trustedNetworks: ['010.0.0.1'] }, /trustedNetworks/],
    [
      'an address instead of a list',
      { localDomains: [], trustedNetworks: '192.0.2.1' },
      /trustedNetworks must be a list/,
    ],
    ['a SHA-1 fingerprint', { localDomains: [], clientCertificates: ['ab'.repeat(20)] }, /SHA-256/],
    ['a hook that is none', { localDomains: [], recipients: ['ann'] }, /recipients must be a function/],
    [
      'a deadline of nothing',
      { localDomains: [], recipientsWithinMs: 0 },
      /recipientsWithinMs must be a positive number, got 0/,
    ],
    ['a deadline without end', { localDomains: [], recipientsWithinMs: Number.POSITIVE_INFINITY }, /Infinity/],
    [
      'a deadline that is no number',
      { localDomains: [], recipientsWithinMs: Number.NaN },
      /recipientsWithinMs must be a positive number, got NaN/,
    ],
    ['a fingerprint that is no string', { localDomains: [], clientCertificates: [7] }, /clientCertificates/],
    ['one digit too many', { localDomains: [], clientCertificates: [`${FINGERPRINT}0`] }, /SHA-256/],
    ['one digit that is none', { localDomains: [], clientCertificates: [`g${FINGERPRINT.slice(1)}`] }, /SHA-256/],
    ['relay domains that are no list', { localDomains: [], relayDomains: 'a.example' }, /relayDomains must be a list/],
    ['a leading dot twice', { localDomains: ['..example.com'] }, /localDomains must be .*got "..example.com"/],
  ])('%s → TypeError that says so', (_, options, message) => {
    expect(() => relayControl(options as never)).toThrow(TypeError);
    expect(() => relayControl(options as never)).toThrow(message);
  });

  test.each<[string, string, string]>([
    ['a private network', '10.0.0.0/8', 'private'],
    ['a container bridge', '172.17.0.0/16', 'private'],
    ['a gateway alone', '192.168.1.1', 'private'],
    ['carrier-grade NAT', '100.64.0.0/10', 'private'],
    ['unique local IPv6', 'fd00::/48', 'private'],
    ['link-local IPv6', 'fe80::/64', 'private'],
    ['a prefix that holds a private one', '172.0.0.0/8', 'private'],
    ['all of IPv4', '0.0.0.0/0', 'everything'],
    ['all of IPv6', '::/0', 'everything'],
    ['half of IPv4', '128.0.0.0/1', 'too-wide'],
    ['shorter than /8', '8.0.0.0/7', 'too-wide'],
    ['shorter than /32', '2001:db8::/31', 'too-wide'],
    ['IPv4 multicast', '224.0.0.0/8', 'too-wide'],
    ['IPv6 multicast', 'ff02::/32', 'too-wide'],
    ['link-local IPv4', '169.254.1.1', 'private'],
  ])('trap: %s is trusted → a warning', (_, network, problem) => {
    const told: string[] = [];
    const { warnings } = relayControl({
      localDomains: [],
      trustedNetworks: [network],
      onWarning: (w) => told.push(w.problem),
    });
    expect(warnings.map((warning) => warning.problem)).toEqual([problem]);
    expect(told).toEqual([problem]);
    expect(warnings[0]?.message).toContain(warnings[0]?.value);
  });

  test('a whole top-level domain → a warning', () => {
    expect(relayControl({ localDomains: [], relayDomains: ['.com'] }).warnings).toMatchObject([
      { option: 'relayDomains', value: '.com', problem: 'whole-suffix' },
    ]);
  });

  test.each(['127.0.0.0/8', '::1', '192.0.2.0/24', '8.0.0.0/8', '2001:db8::/32', '2001:db8::25'])(
    '%s → no warning',
    (network) => {
      expect(
        relayControl({ localDomains: ['example.com', '.example.com'], trustedNetworks: [network] }).warnings,
      ).toEqual([]);
    },
  );
});
