import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import fc from 'fast-check';
import {
  decodeBase64,
  encodeBase64,
  equalInConstantTime,
  type SaslStep,
  type ScramOptions,
  type ScramSecret,
  saslExchange,
  saslMechanisms,
  saslPrepare,
  scramSecret,
} from 'postern/access';
import { describe, expect, test } from 'vitest';

const numRuns = Number(process.env.POSTERN_FUZZ_RUNS ?? 500);
const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString('base64');
const text = (step: SaslStep): string => (step.state === 'challenge' ? Buffer.from(step.data).toString() : step.state);

describe('PLAIN (RFC 4616)', () => {
  test.each<[string, string | Uint8Array, unknown]>([
    ['name and password', '\0bob\0secret', { account: 'bob', secret: 'secret' }],
    ['somebody else’s mailbox', 'ann\0bob\0secret', { authorizeAs: 'ann', account: 'bob', secret: 'secret' }],
    ['not ASCII', '\0bób\0gehe¡m', { account: 'bób', secret: 'gehe¡m' }],
    ['trap: a NUL in the password', '\0bob\0sec\0ret', 'malformed'],
    ['trap: a NUL at its end', '\0bob\0secret\0', 'malformed'],
    ['one NUL', 'bob\0secret', 'malformed'],
    ['none', 'bob', 'malformed'],
    ['no name', '\0\0secret', 'malformed'],
    ['no password', '\0bob\0', 'malformed'],
    ['nothing', '', 'malformed'],
    ['not UTF-8', Uint8Array.from([0, 0xff, 0, 0x41]), 'malformed'],
    ['an overlong NUL', Uint8Array.from([0, 0x62, 0xc0, 0x80, 0x62, 0, 0x41]), 'malformed'],
    ['a name without end', `\0${'b'.repeat(256)}\0secret`, 'malformed'],
    ['a password without end', `\0bob\0${'s'.repeat(1025)}`, 'malformed'],
  ])('%s', async (_, message, expected) => {
    const step = await saslExchange('plain').step(base64(message));
    if (typeof expected === 'string') expect(step.state).toBe(expected);
    else expect(step).toEqual({ state: 'login', login: { mechanism: 'PLAIN', ...(expected as object) } });
  });

  test('without initial response → it is asked for', async () => {
    const exchange = saslExchange('PLAIN');
    expect(await exchange.step(undefined)).toEqual({ state: 'challenge', data: new Uint8Array(0) });
    expect(await exchange.step(base64('\0bob\0secret'))).toMatchObject({ state: 'login', login: { account: 'bob' } });
    expect(exchange.conclude(true)).toEqual({ state: 'done' });
    expect((await exchange.step(base64('\0bob\0secret'))).state).toBe('malformed');
  });

  test.each<[string, string, string]>([
    ['the client gives up', '*', 'cancelled'],
    ['not base64', 'AGJvYg', 'malformed'],
    ['white space in it', 'AGJv YgBz', 'malformed'],
    ['bits left over', 'AGJvYh==', 'malformed'],
    ['an empty initial response', '=', 'malformed'],
    ['an empty line', '', 'malformed'],
  ])('%s', async (_, line, state) => {
    expect((await saslExchange('PLAIN').step(line)).state).toBe(state);
  });

  test('a response without end → too long', async () => {
    expect(await saslExchange('PLAIN').step('A'.repeat(12_292))).toMatchObject({ state: 'malformed', tooLong: true });
  });
});

describe('LOGIN', () => {
  test('name, then password', async () => {
    const exchange = saslExchange('LOGIN');
    expect(text(await exchange.step(undefined))).toBe('Username:');
    expect(text(await exchange.step(base64('bob')))).toBe('Password:');
    expect(await exchange.step(base64('secret'))).toEqual({
      state: 'login',
      login: { mechanism: 'LOGIN', account: 'bob', secret: 'secret' },
    });
  });

  test('the name as initial response', async () => {
    const exchange = saslExchange('LOGIN');
    expect(text(await exchange.step(base64('bob')))).toBe('Password:');
  });

  test.each([
    ['a NUL', 'bo\0b'],
    ['nothing', ''],
    ['no end', 'b'.repeat(300)],
  ])('%s in the name → malformed', async (_, name) => {
    const exchange = saslExchange('LOGIN');
    await exchange.step(undefined);
    expect((await exchange.step(base64(name))).state).toBe('malformed');
  });

  test('the client gives up between them → cancelled, and the exchange is over', async () => {
    const exchange = saslExchange('LOGIN');
    await exchange.step(base64('bob'));
    expect((await exchange.step('*')).state).toBe('cancelled');
    expect((await exchange.step(base64('secret'))).state).toBe('malformed');
  });
});

describe('XOAUTH2 and OAUTHBEARER (RFC 7628)', () => {
  const token = 'ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg==';
  const bob = { account: 'bob@example.com', secret: token };
  test.each<[string, string, string, unknown]>([
    ['XOAUTH2', 'as it is documented', `user=bob@example.com\x01auth=Bearer ${token}\x01\x01`, bob],
    ['XOAUTH2', 'the other way round, and in other case', `auth=bearer ${token}\x01user=bob@example.com\x01\x01`, bob],
    ['XOAUTH2', 'no end', `user=bob@example.com\x01auth=Bearer ${token}\x01`, undefined],
    ['XOAUTH2', 'two users', `user=bob@example.com\x01user=ann@example.com\x01auth=Bearer ${token}\x01\x01`, undefined],
    ['XOAUTH2', 'no user', `auth=Bearer ${token}\x01\x01`, undefined],
    ['XOAUTH2', 'no token', 'user=bob@example.com\x01auth=Bearer \x01\x01', undefined],
    ['XOAUTH2', 'another scheme', 'user=bob@example.com\x01auth=Basic Ym9i\x01\x01', undefined],
    ['XOAUTH2', 'a NUL', `user=bob\0@example.com\x01auth=Bearer ${token}\x01\x01`, undefined],
    [
      'OAUTHBEARER',
      'as in RFC 7628 §4.1',
      `n,a=bob@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer ${token}\x01\x01`,
      bob,
    ],
    [
      'OAUTHBEARER',
      'a name with a comma and an equals sign',
      `n,a=b=2Co=3Db,\x01auth=Bearer ${token}\x01\x01`,
      { ...bob, account: 'b,o=b' },
    ],
    ['OAUTHBEARER', 'a client that could bind', `y,a=bob@example.com,\x01auth=Bearer ${token}\x01\x01`, bob],
    [
      'OAUTHBEARER',
      'a channel binding',
      `p=tls-exporter,a=bob@example.com,\x01auth=Bearer ${token}\x01\x01`,
      undefined,
    ],
    ['OAUTHBEARER', 'a name that is not escaped', `n,a=bob=@example.com,\x01auth=Bearer ${token}\x01\x01`, undefined],
    [
      'OAUTHBEARER',
      'no name: the token says whose it is',
      `n,,\x01auth=Bearer ${token}\x01\x01`,
      { ...bob, account: '' },
    ],
    [
      'OAUTHBEARER',
      'no name, by a client that could bind',
      `y,,\x01auth=Bearer ${token}\x01\x01`,
      { ...bob, account: '' },
    ],
    ['OAUTHBEARER', 'an empty name', `n,a=,\x01auth=Bearer ${token}\x01\x01`, undefined],
    ['OAUTHBEARER', 'a header of one comma', `n,\x01auth=Bearer ${token}\x01\x01`, undefined],
    ['OAUTHBEARER', 'neither a name nor a token', `n,,\x01auth=Bearer \x01\x01`, undefined],
    ['OAUTHBEARER', 'no header', `auth=Bearer ${token}\x01\x01`, undefined],
    ['OAUTHBEARER', 'nothing', '', undefined],
  ])('%s: %s', async (mechanism, _, message, expected) => {
    const step = await saslExchange(mechanism).step(base64(message));
    if (expected === undefined) expect(step.state).toBe('malformed');
    else expect(step).toEqual({ state: 'login', login: { mechanism, ...(expected as object) } });
  });

  test('a rejected token is reported in JSON, and the dummy answer ends the exchange (RFC 7628 §3.2.2)', async () => {
    const exchange = saslExchange('OAUTHBEARER');
    await exchange.step(base64(`n,a=bob@example.com,\x01auth=Bearer ${token}\x01\x01`));
    const refused = exchange.conclude(false);
    expect(JSON.parse(text(refused))).toEqual({ status: 'invalid_token' });
    expect(await exchange.step('AQ==')).toEqual({ state: 'done' });
  });
});

/** The client's side, written down from RFC 5802 and independent of what is tested. */
function scramClient(
  user: string,
  password: string,
  { gs2 = 'n,,', nonce = 'rOprNGfwEbeRWgbNEkqO', binding = '' } = {},
) {
  const bare = `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`;
  const hmac = (key: Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
  return {
    first: gs2 + bare,
    final(serverFirst: string) {
      const [, r, s, i] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst)!;
      const salted = pbkdf2Sync(password, Buffer.from(s!, 'base64'), Number(i), 32, 'sha256');
      const clientKey = hmac(salted, 'Client Key');
      const withoutProof = `c=${base64(gs2 + binding)},r=${r}`;
      const authMessage = `${bare},${serverFirst},${withoutProof}`;
      const signature = hmac(createHash('sha256').update(clientKey).digest(), authMessage);
      const proof = Buffer.from(clientKey.map((octet, at) => octet ^ signature[at]!));
      return {
        message: `${withoutProof},p=${proof.toString('base64')}`,
        withoutProof,
        proof,
        serverSays: `v=${hmac(hmac(salted, 'Server Key'), authMessage).toString('base64')}`,
      };
    },
  };
}

describe('SCRAM-SHA-256 (RFC 5802, RFC 7677)', () => {
  const stored = new Map<string, ScramSecret>();
  const options = async (more: Partial<ScramOptions> = {}): Promise<{ scram: ScramOptions }> => {
    if (stored.size === 0) {
      stored.set(
        'user',
        await scramSecret('pencil', { salt: Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'), iterations: 4096 }),
      );
      stored.set('b,o=b', await scramSecret('x', { iterations: 4096 }));
    }
    return { scram: { lookup: (account) => stored.get(account), ...more } };
  };

  test('the example of RFC 7677 §3, byte by byte', async () => {
    const nonce = Buffer.from('%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0', 'ascii');
    const exchange = saslExchange('SCRAM-SHA-256', await options({ random: () => nonce }));
    // The RFC's nonce is not base64 of anything; the rest of the example is reached by the client below.
    const client = scramClient('user', 'pencil');
    const first = text(await exchange.step(base64(client.first)));
    expect(first).toBe(`r=rOprNGfwEbeRWgbNEkqO${base64(nonce)},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`);
    const { storedKey, serverKey } = stored.get('user')!;
    // From the example's proof and signature: what its server must have stored.
    const authMessage =
      'n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
    const signature = createHmac('sha256', storedKey).update(authMessage).digest();
    const clientKey = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64').map(
      (octet, i) => octet ^ signature[i]!,
    );
    expect(createHash('sha256').update(clientKey).digest().equals(storedKey)).toBe(true);
    expect(createHmac('sha256', serverKey).update(authMessage).digest('base64')).toBe(
      '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    );
  });

  async function run(
    user: string,
    password: string,
    more: Partial<ScramOptions> = {},
    how: Parameters<typeof scramClient>[2] = {},
  ) {
    const exchange = saslExchange('SCRAM-SHA-256', await options(more));
    const client = scramClient(user, password, how);
    const challenge = await exchange.step(base64(client.first));
    if (challenge.state !== 'challenge') return { ...challenge, exchange };
    const final = client.final(text(challenge));
    const step = await exchange.step(base64(final.message));
    return { step, exchange, final };
  }

  test('the right password → accepted, and the server proves itself', async () => {
    const { step, exchange, final } = (await run('user', 'pencil')) as {
      step: SaslStep;
      exchange: ReturnType<typeof saslExchange>;
      final: { serverSays: string };
    };
    expect(step).toMatchObject({ state: 'login', login: { mechanism: 'SCRAM-SHA-256', account: 'user' } });
    if (step.state !== 'login') return;
    expect(step.login.secret).toBe(undefined);
    expect(await step.login.prove!()).toEqual({ result: 'accepted', identity: 'user' });
    expect(text(exchange.conclude(true))).toBe(final.serverSays);
    expect(await exchange.step('')).toEqual({ state: 'done' });
  });

  test.each<[string, string, string, string]>([
    ['the wrong password', 'user', 'pen', 'rejected'],
    ['an account that does not exist', 'nobody', 'pencil', 'unknown-account'],
    ['a name with a comma and an equals sign', 'b,o=b', 'x', 'accepted'],
  ])('%s → %s %s %s', async (_, user, password, result) => {
    const { step } = (await run(user, password)) as { step: SaslStep };
    expect(step.state === 'login' && (await step.login.prove!()).result).toBe(result);
  });

  test('an account that does not exist always has the same salt', async () => {
    const challenge = async (user: string, key?: Uint8Array<ArrayBuffer>): Promise<string> =>
      /s=([^,]+),i=4096$/.exec(
        text(
          await saslExchange('SCRAM-SHA-256', await options(key === undefined ? {} : { decoyKey: key })).step(
            base64(scramClient(user, '').first),
          ),
        ),
      )![1]!;
    expect(await challenge('nobody')).toBe(await challenge('nobody'));
    expect(await challenge('nobody')).not.toBe(await challenge('somebody'));
    expect(await challenge('nobody', new Uint8Array(16))).toBe(await challenge('nobody', new Uint8Array(16)));
    expect(Buffer.from(await challenge('nobody'), 'base64')).toHaveLength(16);
  });

  test('the store is down → unavailable, not wrong', async () => {
    const { step } = (await run('user', 'pencil', { lookup: () => Promise.reject(new Error('LDAP')) })) as {
      step: SaslStep;
    };
    expect(step.state === 'login' && (await step.login.prove!())).toEqual({
      result: 'unavailable',
      reason: 'LDAP',
      error: new Error('LDAP'),
    });
  });

  test.each<[string, Partial<ScramOptions>, string, boolean]>([
    ['a client that cannot bind', {}, 'n,,', true],
    ['a client that could, where nothing is offered', {}, 'y,,', true],
    [
      'trap: a client that could, where -PLUS was offered: somebody took it away',
      { bindingOffered: true },
      'y,,',
      false,
    ],
    ['trap: a binding without -PLUS', {}, 'p=tls-exporter,,', false],
    ['acting as itself', {}, 'n,a=user,', true],
    ['a header that is none', {}, 'x,,', false],
  ])('%s', async (_, more, gs2, proceeds) => {
    const client = scramClient('user', 'pencil', { gs2 });
    expect((await saslExchange('SCRAM-SHA-256', await options(more)).step(base64(client.first))).state).toBe(
      proceeds ? 'challenge' : 'malformed',
    );
  });

  test('acting as another account → rejected', async () => {
    const { step } = (await run('user', 'pencil', {}, { gs2: 'n,a=ann,' })) as { step: SaslStep };
    expect(step.state === 'login' && (await step.login.prove!()).result).toBe('rejected');
  });

  test.each<[string, (final: { message: string; withoutProof: string; proof: Buffer }) => string, string]>([
    ['another nonce', ({ message }) => message.replace(',r=rOpr', ',r=xOpr'), 'malformed'],
    ['another binding', ({ message }) => message.replace('c=biws', `c=${base64('y,,')}`), 'malformed'],
    ['no proof', ({ withoutProof }) => withoutProof, 'malformed'],
    ['a proof that is not base64', ({ withoutProof }) => `${withoutProof},p=AAA`, 'malformed'],
    ['a proof of one octet', ({ withoutProof }) => `${withoutProof},p=AA==`, 'rejected'],
    [
      'a proof that is too long',
      ({ withoutProof, proof }) => `${withoutProof},p=${base64(Buffer.concat([proof, proof]))}`,
      'rejected',
    ],
    [
      'a proof of the wrong bits',
      ({ withoutProof, proof }) => `${withoutProof},p=${base64(proof.map((octet) => octet ^ 1))}`,
      'rejected',
    ],
    ['an extension', ({ withoutProof, proof }) => `${withoutProof},x=1,p=${base64(proof)}`, 'rejected'],
    ['nothing', () => '', 'malformed'],
  ])('the last message with %s', async (_, change, expected) => {
    const exchange = saslExchange('SCRAM-SHA-256', await options());
    const client = scramClient('user', 'pencil');
    const step = await exchange.step(base64(change(client.final(text(await exchange.step(base64(client.first)))))));
    expect(step.state === 'login' ? (await step.login.prove!()).result : step.state).toBe(expected);
  });

  test.each<[string, string]>([
    ['a mandatory extension', 'n,,m=x,n=user,r=abc'],
    ['the same behind the nonce', 'n,,n=user,r=abc,m=x'],
    ['no nonce', 'n,,n=user'],
    ['a name that is not escaped', 'n,,n=us=er,r=abc'],
    ['a control character in the name', 'n,,n=us\x01er,r=abc'],
    ['not UTF-8', 'n,,n=us\ufffder,r=a\u0000'],
  ])('the first message with %s → malformed', async (_, message) => {
    expect((await saslExchange('SCRAM-SHA-256', await options()).step(base64(message))).state).toBe('malformed');
  });

  test('-PLUS: bound to this channel → accepted; to another → malformed', async () => {
    const binding = { name: 'tls-exporter', data: Buffer.from('exported') };
    for (const [octets, state] of [
      ['exported', 'login'],
      ['elsewhere', 'malformed'],
    ] as const) {
      const exchange = saslExchange('SCRAM-SHA-256-PLUS', await options({ binding }));
      const client = scramClient('user', 'pencil', { gs2: 'p=tls-exporter,,', binding: octets });
      const step = await exchange.step(base64(client.final(text(await exchange.step(base64(client.first)))).message));
      expect(step.state).toBe(state);
      if (step.state === 'login') expect(await step.login.prove!()).toEqual({ result: 'accepted', identity: 'user' });
    }
    for (const gs2 of ['n,,', 'y,,', 'p=tls-unique,,'])
      expect(
        (
          await saslExchange('SCRAM-SHA-256-PLUS', await options({ binding })).step(
            base64(scramClient('user', 'pencil', { gs2 }).first),
          )
        ).state,
      ).toBe('malformed');
  });

  test.each<[string, string, Parameters<typeof scramSecret>[1], RegExp]>([
    [
      'too few iterations',
      'x',
      { iterations: 1000 },
      /iterations must be a whole number from 4096 to 10000000, got 1000/,
    ],
    ['a password that SASLprep refuses', 'a\x01b', {}, /SASLprep/],
    ['no password', '', {}, /SASLprep/],
  ])('scramSecret: %s → TypeError', async (_, password, how, message) => {
    await expect(scramSecret(password, how)).rejects.toThrow(message);
  });

  test('a password in another form of the same characters is the same', async () => {
    const salt = new Uint8Array(16);
    expect((await scramSecret('\u2168', { salt, iterations: 4096 })).storedKey).toEqual(
      (await scramSecret('IX', { salt, iterations: 4096 })).storedKey,
    );
  });
});

describe('SASLprep (RFC 4013 §3)', () => {
  test.each<[string, string | undefined]>([
    ['I\u00adX', 'IX'],
    ['user', 'user'],
    ['USER', 'USER'],
    ['\u00aa', 'a'],
    ['\u2168', 'IX'],
    ['\u0007', undefined],
    ['\u0627\u0031', undefined],
    ['', undefined],
    ['\u00ad', undefined],
    ['x'.repeat(2000), undefined],
  ])('%j → %j', async (given, prepared) => {
    expect(await saslPrepare(given)).toBe(prepared);
  });

  // RFC 3454 §7. The first four have a normal form by now, which Unicode 3.2 did not know.
  test.each([
    ['\u{1f130}', 'squared A'],
    ['\u213b', 'facsimile sign'],
    ['\ua770', 'modifier letter us'],
    ['\u{1d6a5}', 'mathematical dotless j'],
    ['\u0221', 'd with curl'],
    ['\u0378', 'never assigned'],
    ['\u0487', 'combining pokrytie'],
    ['\u{1f600}', 'grinning face'],
  ])('%s (%s) is not of Unicode 3.2 → never stored, and asked for as it is', async (character) => {
    expect(await saslPrepare(`x${character}y`, true)).toBe(undefined);
    expect(await saslPrepare(character, true)).toBe(undefined);
    expect(await saslPrepare(`\u00aax${character}\u0378y`)).toBe(`ax${character}\u0378y`);
  });
  test.each(['\u0220', '\u2168', '\u00fc', '\u{1d400}', '\u{20000}'])(
    '%s is of Unicode 3.2 → may be stored',
    async (character) => {
      expect(await saslPrepare(character, true)).toBe(character.normalize('NFKC'));
    },
  );
  test('text that may be stored is prepared the same way for storing and for queries', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 8 }), async (given) => {
        const kept = await saslPrepare(given, true);
        if (kept === undefined) return;
        expect(await saslPrepare(given)).toBe(kept);
        expect(await saslPrepare(kept, true)).toBe(kept);
      }),
      { numRuns },
    );
  });
});

describe('hostile bytes', () => {
  test('for any input, no mechanism throws, and none logs in without a name', async () => {
    const salt = { lookup: () => undefined, binding: { name: 'tls-exporter', data: new Uint8Array(4) } };
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...saslMechanisms),
        fc.array(
          fc.oneof(
            fc.string().map(base64),
            fc.uint8Array({ maxLength: 64 }).map(base64),
            fc.string(),
            fc.constant('*'),
            fc.constant('='),
            fc.constant(undefined),
          ),
          { maxLength: 12 },
        ),
        async (mechanism, lines) => {
          const exchange = saslExchange(mechanism, { scram: salt });
          for (const line of lines) {
            const step = await exchange.step(line);
            if (step.state === 'login') {
              const named = mechanism !== 'EXTERNAL' && mechanism !== 'OAUTHBEARER';
              expect(step.login.account !== '' || !named).toBe(true);
              expect(/\0/.test(step.login.account + (step.login.secret ?? ''))).toBe(false);
            }
          }
        },
      ),
      { numRuns },
    );
  });

  test('an unknown mechanism, or SCRAM without what it needs → TypeError', () => {
    expect(() => saslExchange('CRAM-MD5')).toThrow(/mechanism must be one of .*, got "CRAM-MD5"/);
    expect(() => saslExchange('SCRAM-SHA-256')).toThrow(/scram must be given for SCRAM-SHA-256/);
    expect(() => saslExchange('SCRAM-SHA-256-PLUS', { scram: { lookup: () => undefined } })).toThrow(
      /scram.binding must be given/,
    );
  });

  test('base64 is decoded strictly, and round-trips', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(encodeBase64(bytes)).toBe(base64(bytes));
        expect(Array.from(decodeBase64(encodeBase64(bytes))!)).toEqual(Array.from(bytes));
      }),
    );
    fc.assert(
      fc.property(fc.string(), (line) => {
        const bytes = decodeBase64(line);
        if (bytes !== undefined) expect(base64(bytes)).toBe(line);
      }),
    );
  });

  test('equalInConstantTime agrees with ===', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(equalInConstantTime(a, b)).toBe(Buffer.compare(a, b) === 0);
        expect(equalInConstantTime(a, Uint8Array.from(a))).toBe(true);
      }),
    );
  });
});
