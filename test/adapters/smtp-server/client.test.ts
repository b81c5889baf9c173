import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { memoryBans, memoryCounters } from 'postern/adapters/memory';
import type { GuardedServer, GuardOptions, ServerOptions } from 'postern/adapters/smtp-server';
import { guardedServer } from 'postern/adapters/smtp-server';
import { systemClock } from 'postern/adapters/system';
import { connectionLimits } from 'postern/checks/connection-limits';
import { type RelayControlOptions, relayControl } from 'postern/checks/relay-control';
import { smtpAuth } from 'postern/checks/smtp-auth';
import { defineCheck, fail, pass, reject } from 'postern/core';
import type { Counters, Env } from 'postern/env';
import { type ConnectFacts, type HeloFacts, type SmtpRules, smtpPolicy } from 'postern/smtp';
import { zone } from 'postern/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { certificate } from '../login-gate/certificate.ts';

const clock = systemClock();
const { cert, key } = certificate('mx.example.com');
const pem = { cert, key };
const servers: GuardedServer[] = [];
const sockets: Socket[] = [];
const errors: string[] = [];
const seen: ConnectFacts[] = [];
const cleaning: (() => void)[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) await new Promise<void>((done) => server.close(done));
  for (const clean of cleaning.splice(0)) clean();
  errors.length = 0;
  seen.length = 0;
});

const remembers = defineCheck(
  'remembers',
  (facts: ConnectFacts) => {
    seen.push(facts);
    return pass();
  },
  {},
);

interface Site {
  readonly server?: ServerOptions;
  readonly relay?: Partial<RelayControlOptions>;
  readonly rules?: Partial<SmtpRules>;
  readonly guard?: Partial<GuardOptions>;
  readonly path?: string;
}
/** A server for example.com that trusts loopback, as relay control does by default. */
async function run({ server, relay, rules, guard, path }: Site = {}): Promise<number | string> {
  const env: Env = { clock, dns: zone({}), counters: memoryCounters({ clock }), bans: memoryBans({ clock }) };
  const made = guardedServer({
    policy: smtpPolicy({
      relay: relayControl({ localDomains: ['example.com'], ...relay }),
      connect: [remembers],
      ...rules,
    }),
    env,
    role: 'mx',
    deliver: async ({ outcome }) => void (await outcome),
    onError: (error) => errors.push(error.message),
    ...guard,
    server: { name: 'mx.example.com', logger: false, closeTimeout: 200, ...pem, ...server },
  });
  servers.push(made);
  const listening = path === undefined ? made.listen(0, '127.0.0.1') : made.listen(path);
  await once(listening, 'listening');
  const address = listening.address();
  return typeof address === 'object' && address !== null ? address.port : (path as string);
}

/** A client that writes bytes as they are. */
class Client {
  readonly #socket: Socket;
  #text = '';
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    sockets.push(socket);
    const wake = (): void => this.#wake?.();
    socket.on('data', (chunk) => {
      this.#text += chunk.toString('latin1');
      wake();
    });
    for (const event of ['close', 'end', 'error'])
      socket.on(event, () => {
        this.#closed = true;
        wake();
      });
  }

  static async to(where: number | string): Promise<Client> {
    const socket =
      typeof where === 'number' ? connect({ host: '127.0.0.1', port: where, noDelay: true }) : connect(where);
    const client = new Client(socket);
    await once(socket, 'connect');
    return client;
  }

  get raw(): Socket {
    return this.#socket;
  }

  write(bytes: string | Buffer): void {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** The next whole reply; empty if the connection ends instead. */
  async hear(): Promise<string> {
    for (;;) {
      const reply = /^(?:\d{3}-.*\r\n)*\d{3} .*\r\n/.exec(this.#text)?.[0];
      if (reply !== undefined) {
        this.#text = this.#text.slice(reply.length);
        return reply.trimEnd();
      }
      if (this.#closed) return this.#text;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  ask(line: string): Promise<string> {
    this.write(`${line}\r\n`);
    return this.hear();
  }

  /** What a stranger's recipient is answered. */
  async relayed(): Promise<string> {
    await this.ask('EHLO mx.example.org');
    await this.ask('MAIL FROM:<a@example.org>');
    return this.ask('RCPT TO:<victim@example.net>');
  }
}

const v2 = (command: number, family: number, body: Buffer = Buffer.alloc(0)): Buffer =>
  Buffer.concat([
    Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
    Buffer.from([command, family, body.length >> 8, body.length & 255]),
    body,
  ]);
const v4 = (...octets: number[]): Buffer => Buffer.from([...octets, 127, 0, 0, 1, 0x0f, 0xa0, 0, 25]);
const v6 = (...octets: number[]): Buffer =>
  Buffer.concat([Buffer.from(octets), Buffer.alloc(15), Buffer.from([1, 0x0f, 0xa0, 0, 25])]);
const mappedLoopback = v6(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1);
const loopback6 = v6(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/** Headers that name a client, or nobody; and what the policy must then know. */
const headers: readonly (readonly [string, string | Buffer, string, ConnectFacts['client']['via']])[] = [
  ['v1', 'PROXY TCP4 192.0.2.7 127.0.0.1 4000 25\r\n', '192.0.2.7', 'proxy-header'],
  ['v1, IPv6', 'PROXY TCP6 2001:db8::7 ::1 4000 25\r\n', '2001:db8::7', 'proxy-header'],
  ['v1, loopback', 'PROXY TCP4 127.0.0.1 127.0.0.1 4000 25\r\n', '127.0.0.1', 'proxy-header'],
  ['v1, all of loopback', 'PROXY TCP4 127.255.0.9 127.0.0.1 4000 25\r\n', '127.255.0.9', 'proxy-header'],
  ['v1, loopback of IPv6', 'PROXY TCP6 ::1 ::1 4000 25\r\n', '::1', 'proxy-header'],
  ['v1, mapped loopback', 'PROXY TCP6 ::ffff:127.0.0.1 ::1 4000 25\r\n', '127.0.0.1', 'proxy-header'],
  ['v1, loopback behind NAT64', 'PROXY TCP6 64:ff9b::7f00:1 ::1 4000 25\r\n', '64:ff9b::7f00:1', 'proxy-header'],
  ['v1, loopback in 6to4', 'PROXY TCP6 2002:7f00:1::1 ::1 4000 25\r\n', '2002:7f00:1::1', 'proxy-header'],
  ['v1, unknown', 'PROXY UNKNOWN\r\n', '127.0.0.1', 'proxy'],
  ['v1, unknown with addresses', 'PROXY UNKNOWN 192.0.2.7 127.0.0.1 1 2\r\n', '127.0.0.1', 'proxy'],
  ['v2', v2(0x21, 0x11, v4(192, 0, 2, 7)), '192.0.2.7', 'proxy-header'],
  ['v2, loopback', v2(0x21, 0x11, v4(127, 0, 0, 1)), '127.0.0.1', 'proxy-header'],
  ['v2, loopback of IPv6', v2(0x21, 0x21, loopback6), '::1', 'proxy-header'],
  ['v2, mapped loopback', v2(0x21, 0x21, mappedLoopback), '127.0.0.1', 'proxy-header'],
  [
    'v2, type-length-values',
    v2(0x21, 0x11, Buffer.concat([v4(192, 0, 2, 7), Buffer.alloc(300, 4)])),
    '192.0.2.7',
    'proxy-header',
  ],
  ['v2, LOCAL', v2(0x20, 0x00), '127.0.0.1', 'proxy'],
  ['v2, LOCAL with addresses', v2(0x20, 0x11, v4(192, 0, 2, 7)), '127.0.0.1', 'proxy'],
  ['v2, UNSPEC', v2(0x21, 0x00), '127.0.0.1', 'proxy'],
  ['v2, UDP', v2(0x21, 0x12, v4(192, 0, 2, 7)), '127.0.0.1', 'proxy'],
  ['v2, Unix', v2(0x21, 0x31, Buffer.alloc(216)), '127.0.0.1', 'proxy'],
];

describe('a trusted proxy', () => {
  test('without useProxy, loopback is trusted: what the tests below are held against', async () => {
    const client = await Client.to(await run());
    await client.hear();
    expect(await client.relayed()).toMatch(/^250 /);
  });

  test.each(headers)('%s → the client it names, and no relay', async (_, header, ip, via) => {
    const client = await Client.to(await run({ server: { useProxy: ['127.0.0.1'] } }));
    client.write(header);
    expect(await client.hear()).toMatch(/^220 /);
    expect(seen[0]?.client).toMatchObject({ ip, via });
    expect(JSON.parse(JSON.stringify(seen[0]))).toEqual(seen[0]);
    expect(await client.relayed()).toBe('550 5.7.1 Relaying denied');
  });

  test('what the header names is trusted if the operator trusts it; the proxy itself is not', async () => {
    const site: Site = {
      server: { useProxy: ['127.0.0.1'] },
      relay: { trustedNetworks: ['192.0.2.7', '127.0.0.0/8', '::1', 'unix'] },
    };
    const port = await run(site);
    for (const [, header, ip] of headers) {
      const client = await Client.to(port);
      client.write(header);
      await client.hear();
      expect(await client.relayed()).toMatch(ip === '192.0.2.7' ? /^250 / : /^550 5\.7\.1 /);
    }
  });

  test.each(headers.filter(([name]) => /^v[12]$|LOCAL$|UNKNOWN/i.test(name)))(
    '%s, in pieces of one byte, and the first command right behind it',
    async (_, header, ip) => {
      const client = await Client.to(await run({ server: { useProxy: ['127.0.0.1'] } }));
      for (const byte of Buffer.from(header as string, 'latin1')) {
        client.write(Buffer.from([byte]));
        await new Promise(setImmediate);
      }
      expect(await client.hear()).toMatch(/^220 /);
      expect(seen[0]?.client.ip).toBe(ip);
      expect(await client.ask('EHLO mx.example.org')).toMatch(/^250/);
    },
  );

  test('what follows in the same segment is kept: a client that talks too soon is told so', async () => {
    const client = await Client.to(await run({ server: { useProxy: ['127.0.0.1'] } }));
    client.write('PROXY TCP4 192.0.2.7 127.0.0.1 4000 25\r\nEHLO early\r\n');
    expect(await client.hear()).toMatch(/^421 .*too soon/);
  });

  test.each([
    ['a command', 'EHLO mx.example.org\r\n'],
    ['lines without a word', '\r\n\r\n\r\n'],
    ['a bare line feed', 'PROXY TCP4 192.0.2.7 127.0.0.1 4000 25\n'],
    ['an address that is none', 'PROXY TCP4 nonsense 127.0.0.1 4000 25\r\n'],
    ['a family that does not fit', 'PROXY TCP4 ::1 ::1 4000 25\r\n'],
    ['no addresses', 'PROXY TCP4\r\n'],
    ['a line without an end', `PROXY TCP4 ${'1'.repeat(200)}`],
    ['a version that is none', v2(0x31, 0x11, v4(192, 0, 2, 7))],
    ['a header that is too short for its family', v2(0x21, 0x21, v4(192, 0, 2, 7))],
  ])('%s instead of a header → closed, and nothing is said', async (_, bytes) => {
    const client = await Client.to(await run({ server: { useProxy: ['127.0.0.1'] } }));
    client.write(bytes);
    expect(await client.hear()).toBe('');
    expect(seen).toEqual([]);
    expect(errors).toEqual([expect.stringMatching(/malformed PROXY header/)]);
  });

  test('no header in time → closed', async () => {
    const client = await Client.to(await run({ server: { useProxy: ['127.0.0.1'], socketTimeout: 50 } }));
    client.write('PROXY TC');
    expect(await client.hear()).toBe('');
    expect(errors).toEqual([expect.stringMatching(/took too long/)]);
  });

  test('a proxy that ends the connection first, or a server that is closed → nothing is left', async () => {
    const port = await run({ server: { useProxy: ['127.0.0.1'] } });
    const half = await Client.to(port);
    half.write('PROXY ');
    half.raw.end();
    expect(await half.hear()).toBe('');
    const waiting = await Client.to(port);
    waiting.write('PROXY ');
    const server = servers.splice(0)[0]!;
    await new Promise<void>((done) => server.close(done));
    expect(await waiting.hear()).toBe('');
    expect(server.openSessions).toBe(0);
  });

  test('many connections without a header → no more than maxClients', async () => {
    const port = await run({ server: { useProxy: ['127.0.0.1'], maxClients: 2 } });
    const [one, two] = [await Client.to(port), await Client.to(port)];
    one.write('P');
    two.write('P');
    const third = await Client.to(port);
    expect(await third.hear()).toBe('');
  });

  test('a peer that is not listed is a client itself, whatever it says of others', async () => {
    const port = await run({ server: { useProxy: ['192.0.2.10'] }, relay: { trustedNetworks: ['192.0.2.7'] } });
    const client = await Client.to(port);
    expect(await client.hear()).toMatch(/^220 /);
    expect(await client.ask('PROXY TCP4 192.0.2.7 127.0.0.1 4000 25')).toMatch(/^500 /);
    expect(seen[0]?.client).toMatchObject({ ip: '127.0.0.1' });
    expect(seen[0]?.client.via).toBe(undefined);
    expect(await client.relayed()).toMatch(/^550 5\.7\.1 /);
  });

  test.each([
    ['one write', 1],
    ['two writes', 2],
  ])('TLS from the first byte behind the header, in %s', async (_, writes) => {
    const client = await Client.to(await run({ server: { secure: true, useProxy: ['127.0.0.1'] } }));
    const header = v2(0x21, 0x11, v4(192, 0, 2, 7));
    const { raw } = client;
    raw.removeAllListeners('data');
    if (writes === 1) raw.cork();
    raw.write(header);
    const secure = connectTls({ socket: raw, rejectUnauthorized: false });
    if (writes === 1) setImmediate(() => raw.uncork());
    const inner = new Client(secure);
    expect(await inner.hear()).toMatch(/^220 /);
    expect(seen[0]).toMatchObject({ client: { ip: '192.0.2.7', via: 'proxy-header' }, tls: { version: 'TLSv1.3' } });
    expect(await inner.relayed()).toMatch(/^550 5\.7\.1 /);
  });

  test('a TLS handshake without a header → closed', async () => {
    const port = (await run({ server: { secure: true, useProxy: ['127.0.0.1'] } })) as number;
    const secure = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    expect(await new Client(secure).hear()).toBe('');
    expect(errors.some((error) => /malformed PROXY header/.test(error))).toBe(true);
  });

  test('secured: clients of the proxy count as encrypted, others do not', async () => {
    const check = smtpAuth();
    const site: Site = {
      server: { secure: true, secured: true, useProxy: ['127.0.0.1'] },
      rules: { auth: [check] },
      guard: { role: 'submission', auth: { check, verify: () => ({ result: 'rejected' }) } },
    };
    const port = await run(site);
    const proxied = await Client.to(port);
    proxied.write('PROXY TCP4 192.0.2.7 127.0.0.1 4000 25\r\n');
    await proxied.hear();
    expect(await proxied.ask('EHLO x.example')).toContain('AUTH PLAIN');
    const health = await Client.to(port);
    health.write(v2(0x20, 0));
    await health.hear();
    expect(await health.ask('EHLO x.example')).not.toContain('AUTH');
    const direct = await Client.to(await run({ ...site, server: { ...site.server, useProxy: ['192.0.2.10'] } }));
    await direct.hear();
    expect(await direct.ask('EHLO x.example')).not.toContain('AUTH');
  });

  test('loopback that the proxy names gets no exemption: neither from TLS nor from limits', async () => {
    const check = smtpAuth({ clearTextFrom: 'loopback' });
    const site: Site = {
      server: { useProxy: ['127.0.0.1'] },
      rules: { auth: [check], connect: [connectionLimits({ concurrent: 1, exempt: ['127.0.0.0/8', '::1'] })] },
      guard: { role: 'submission', auth: { check, verify: () => ({ result: 'rejected' }) } },
    };
    const port = await run(site);
    const open = async (header: string | Buffer): Promise<string> => {
      const client = await Client.to(port);
      client.write(header);
      const greeting = await client.hear();
      return greeting.startsWith('220 ') ? client.ask('EHLO x.example') : greeting;
    };
    expect(await open('PROXY TCP4 127.0.0.1 127.0.0.1 4000 25\r\n')).not.toContain('AUTH');
    expect(await open('PROXY TCP6 ::ffff:127.0.0.1 ::1 4000 25\r\n')).toMatch(/^421 /);
    const direct = await run({ ...site, server: {} });
    for (let i = 0; i < 3; i++) {
      const client = await Client.to(direct);
      await client.hear();
      expect(await client.ask('EHLO x.example')).toContain('AUTH PLAIN');
    }
  });
});

describe('a socket in the file system', () => {
  const socketPath = (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-'));
    cleaning.push(() => rmSync(folder, { recursive: true, force: true }));
    return join(folder, 'smtp');
  };
  test.each<[string, RelayControlOptions['trustedNetworks'], RegExp]>([
    ['is not loopback', undefined, /^550 5\.7\.1 /],
    ['nor any network', ['127.0.0.0/8', '::1', '0.0.0.0/0'], /^550 5\.7\.1 /],
    ['is trusted by its own name', ['unix'], /^250 /],
  ])('%s', async (_, trustedNetworks, reply) => {
    const client = await Client.to(await run({ path: socketPath(), relay: { trustedNetworks } }));
    await client.hear();
    expect(seen[0]?.client).toEqual({ ip: '127.0.0.1', unixSocket: true });
    expect(await client.relayed()).toMatch(reply);
  });
  test.each(headers)('of a proxy, %s → the client it names, and no relay', async (_, header, ip, via) => {
    const site: Site = {
      path: socketPath(),
      server: { useProxy: ['unix'] },
      relay: { trustedNetworks: ['unix', '127.0.0.0/8', '::1'] },
    };
    const client = await Client.to(await run(site));
    client.write(header);
    await client.hear();
    expect(seen[0]?.client).toMatchObject({ ip, via });
    expect(await client.relayed()).toMatch(/^550 5\.7\.1 /);
  });
});

describe('XCLIENT', () => {
  const trusting: ServerOptions = { useXClient: ['127.0.0.1'] };
  const begin = async (site: Site = { server: trusting }): Promise<Client> => {
    const client = await Client.to(await run(site));
    await client.hear();
    return client;
  };

  test('is offered to trusted proxies only, and refused to others', async () => {
    const client = await begin();
    expect(await client.ask('EHLO proxy.example.com')).toContain('XCLIENT NAME ADDR PORT PROTO HELO LOGIN');
    for (const server of [{}, { useXClient: ['192.0.2.10'] }, { useXClient: false } as const]) {
      const stranger = await begin({ server, relay: { trustedNetworks: ['192.0.2.7'] } });
      expect(await stranger.ask('EHLO x.example')).not.toContain('XCLIENT');
      expect(await stranger.ask('XCLIENT ADDR=192.0.2.7')).toMatch(/^550 5\.7\.1 /);
      expect(await stranger.relayed()).toMatch(/^550 5\.7\.1 /);
    }
  });

  test.each<[string, string, string, ConnectFacts['client']['via']]>([
    ['an address', 'ADDR=192.0.2.7 PORT=4000 NAME=mx.example.org', '192.0.2.7', 'xclient'],
    ['IPv6', 'ADDR=IPV6:2001:db8::7', '2001:db8::7', 'xclient'],
    ['loopback', 'ADDR=127.0.0.1', '127.0.0.1', 'xclient'],
    ['loopback of IPv6', 'ADDR=IPV6:::1', '::1', 'xclient'],
    ['mapped loopback', 'ADDR=IPV6:::ffff:127.0.0.1', '127.0.0.1', 'xclient'],
    ['an address in xtext', 'ADDR=127+2E0.0.1', '127.0.0.1', 'xclient'],
    ['no address that is known', 'ADDR=[UNAVAILABLE] NAME=[TEMPUNAVAIL]', '127.0.0.1', 'proxy'],
    ['no address', 'NAME=mx.example.org', '127.0.0.1', 'proxy'],
    ['only HELO', 'HELO=mx.example.org', '127.0.0.1', 'proxy'],
    ['in small letters', 'addr=192.0.2.7 proto=smtp', '192.0.2.7', 'xclient'],
  ])('%s → a new session, and no relay', async (_, attributes, ip, via) => {
    const client = await begin({ server: trusting, relay: { trustedNetworks: ['127.0.0.0/8', '::1', 'unix'] } });
    await client.ask('EHLO proxy.example.com');
    expect(await client.ask(`XCLIENT ${attributes}`)).toMatch(/^220 mx\.example\.com /);
    expect(seen.map((facts) => facts.client.ip)).toEqual(['127.0.0.1', ip]);
    expect(seen[1]?.client.via).toBe(via);
    expect(seen[1]?.session.id).not.toBe(seen[0]?.session.id);
    expect(await client.ask('MAIL FROM:<a@example.org>')).toMatch(/^503 /);
    expect(await client.ask('EHLO mx.example.org')).not.toContain('XCLIENT');
    expect(await client.ask('XCLIENT ADDR=127.0.0.1')).toMatch(/^550 5\.7\.1 /);
    expect(await client.relayed()).toBe('550 5.7.1 Relaying denied');
  });

  test('the client it names is trusted if the operator trusts it', async () => {
    const client = await begin({ server: trusting, relay: { trustedNetworks: ['192.0.2.7'] } });
    await client.ask('EHLO proxy.example.com');
    await client.ask('XCLIENT ADDR=192.0.2.7');
    expect(await client.relayed()).toMatch(/^250 /);
  });

  test.each([
    '',
    'ADDR',
    'ADDR=',
    'ADDR=nonsense',
    'ADDR=127.1',
    'ADDR=IPV6:127.0.0.1',
    'ADDR=IPV6:fe80::1%lo',
    'ADDR=192.0.2.7 ADDR=192.0.2.8',
    'ADDR=192.0.2.7 COLOUR=red',
    'ADDR=192.0.2.7 PORT=65536',
    'ADDR=192.0.2.7 PORT=x',
    'ADDR=192.0.2.7 PROTO=HTTP',
    'ADDR=192.0.2.7 HELO=a+0D+0Ab',
    'ADDR=192.0.2.7 LOGIN=a+00',
    'ADDR=192.0.2.7 LOGIN=a=b',
    'ADDR=192.0.2.7 HELO=+',
  ])('XCLIENT %s → 501, and nothing has changed', async (attributes) => {
    const client = await begin();
    await client.ask('EHLO proxy.example.com');
    expect(await client.ask(`XCLIENT ${attributes}`.trimEnd())).toMatch(/^501 5\.5\.4 /);
    expect(seen).toHaveLength(1);
    expect(await client.relayed()).toMatch(/^250 /);
  });

  test('not during a transaction', async () => {
    const client = await begin();
    await client.ask('EHLO proxy.example.com');
    await client.ask('MAIL FROM:<a@example.org>');
    expect(await client.ask('XCLIENT ADDR=192.0.2.7')).toMatch(/^503 5\.5\.1 /);
    expect(await client.ask('RCPT TO:<b@example.com>')).toMatch(/^250 /);
  });

  test('connect-stage rules judge the client: a refusal ends the connection', async () => {
    const never = defineCheck('never', ({ client }: ConnectFacts) => (client.ip === '192.0.2.66' ? fail() : pass()), {
      fail: reject(),
    });
    const client = await begin({ server: trusting, rules: { connect: [never] } });
    await client.ask('EHLO proxy.example.com');
    expect(await client.ask('XCLIENT ADDR=192.0.2.66')).toMatch(/^554 5\.7\.1 /);
    expect(await client.ask('EHLO x.example')).toBe('');
  });

  test('HELO and PROTO are the client’s; the next greeting is what is said', async () => {
    const greetings: string[] = [];
    const helo = defineCheck(
      'helo',
      (facts: HeloFacts) => {
        greetings.push(`${facts.helo.verb} ${facts.helo.name}`);
        return pass();
      },
      {},
    );
    const client = await begin({ server: trusting, rules: { helo: [helo] } });
    await client.ask('EHLO proxy.example.com');
    await client.ask('XCLIENT ADDR=192.0.2.7 PROTO=SMTP HELO=mx.example.org');
    await client.ask('EHLO proxy.example.com');
    await client.ask('EHLO mx2.example.org');
    expect(greetings).toEqual(['EHLO proxy.example.com', 'HELO mx.example.org', 'EHLO mx2.example.org']);
  });

  test('LOGIN is who has logged in at the proxy; what the proxy itself was is forgotten', async () => {
    const check = smtpAuth({ clearTextFrom: 'loopback' });
    const site: Site = {
      server: trusting,
      relay: { trustedNetworks: [] },
      rules: { auth: [check] },
      guard: {
        role: 'submission',
        auth: { check, verify: ({ account }) => ({ result: 'accepted', identity: account }) },
      },
    };
    const client = await begin(site);
    await client.ask('EHLO proxy.example.com');
    expect(await client.ask(`AUTH PLAIN ${Buffer.from('\0proxy\0secret').toString('base64')}`)).toMatch(/^235 /);
    await client.ask('XCLIENT ADDR=192.0.2.7');
    expect(await client.relayed()).toMatch(/^550 5\.7\.1 /);
    const user = await begin(site);
    await user.ask('EHLO proxy.example.com');
    await user.ask('XCLIENT ADDR=192.0.2.7 LOGIN=ann');
    expect(await user.relayed()).toMatch(/^250 /);
    const nobody = await begin(site);
    await nobody.ask('EHLO proxy.example.com');
    await nobody.ask('XCLIENT ADDR=192.0.2.7 LOGIN=[UNAVAILABLE]');
    expect(await nobody.relayed()).toMatch(/^550 5\.7\.1 /);
  });

  test('behind a PROXY header, the client of the header must be the trusted one, and never loopback', async () => {
    const server: ServerOptions = { useProxy: ['127.0.0.1'], useXClient: ['192.0.2.7', '127.0.0.1'] };
    const port = await run({ server });
    for (const [from, allowed] of [
      ['192.0.2.7', true],
      ['192.0.2.8', false],
      ['127.0.0.1', false],
    ] as const) {
      const client = await Client.to(port);
      client.write(`PROXY TCP4 ${from} 127.0.0.1 4000 25\r\n`);
      await client.hear();
      await client.ask('EHLO proxy.example.com');
      expect(await client.ask('XCLIENT ADDR=203.0.113.9')).toMatch(allowed ? /^220 / : /^550 /);
    }
  });

  test('places that were held for the proxy are given back, those of the client when it goes', async () => {
    const counters = memoryCounters({ clock });
    const released: string[] = [];
    const watched: Counters = {
      ...counters,
      release: async (session) => {
        released.push(session);
        await counters.release(session);
      },
    };
    const env: Env = { clock, dns: zone({}), counters: watched, bans: memoryBans({ clock }) };
    const client = await begin({ server: trusting, guard: { env } });
    await client.ask('EHLO proxy.example.com');
    await client.ask('XCLIENT ADDR=192.0.2.7');
    expect(released).toEqual([seen[0]?.session.id]);
    await client.ask('QUIT');
    client.raw.end();
    await once(client.raw, 'close');
    await expect.poll(() => released).toEqual(seen.map((facts) => facts.session.id));
  });
});

describe('options that would change who the client is', () => {
  test.each<[object, RegExp]>([
    [{ useProxy: true }, /^guardedServer: server\.useProxy must be a list of the trusted proxies/],
    [{ useProxy: [] }, /server\.useProxy must be a list/],
    [{ useProxy: ['*'] }, /server\.useProxy must be a list .* got "\*"/],
    [{ useProxy: ['0.0.0.0/0'] }, /server\.useProxy must not hold "0\.0\.0\.0\/0"/],
    [{ useXClient: true }, /server\.useXClient must be a list/],
    [{ useXClient: ['::/0'] }, /server\.useXClient must not hold/],
    [{ useXForward: ['127.0.0.1'] }, /server\.useXForward cannot be used; use server\.useXClient/],
    [{ disableReverseLookup: false }, /server\.disableReverseLookup cannot be used; use reverseDns\(\)/],
    [{ resolver: { reverse: () => undefined } }, /server\.resolver cannot be used; use reverseDns\(\)/],
    [{ needsUpgrade: true, secure: true }, /server\.needsUpgrade cannot be used; use server\.secure/],
    [{ secured: true }, /server\.secured must stand beside/],
    [{ secured: true, secure: true }, /server\.secured must stand beside/],
    [{ authMethods: ['PLAIN'] }, /server\.authMethods cannot be used; use auth\.check/],
    [{ authOptional: false }, /server\.authOptional cannot be used; use authenticationRequired\(\)/],
    [{ allowInsecureAuth: true }, /server\.allowInsecureAuth cannot be used; use auth\.check/],
    [{ lmtp: true }, /server\.lmtp cannot be used; use role: 'lmtp'/],
    [{ onConnect: () => undefined }, /server\.onConnect cannot be used/],
    [{ onAuth: () => undefined }, /server\.onAuth cannot be used; use auth/],
    [{ onRcptTo: () => undefined }, /server\.onRcptTo cannot be used/],
    [{ onData: () => undefined }, /server\.onData cannot be used; use deliver/],
    [{ hideSMTPUTF8: false }, /server\.hideSMTPUTF8 cannot be used; use session\.smtpUtf8/],
  ])('%j → TypeError that names what to use', (server, message) => {
    const make = (): unknown =>
      guardedServer({
        policy: smtpPolicy({ relay: relayControl({ localDomains: ['example.com'] }) }),
        env: { clock, dns: zone({}), counters: memoryCounters({ clock }), bans: memoryBans({ clock }) },
        role: 'mx',
        server: server as ServerOptions,
        deliver: async () => undefined,
      });
    expect(make).toThrow(expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(message) }));
  });
  test.each([
    [{ useProxy: undefined, useXClient: undefined, onConnect: undefined, secured: false }],
    [{ useProxy: ['192.0.2.10', '10.0.0.0/16', '2001:db8::/64', 'unix'], useXClient: ['192.0.2.10'] }],
    [{ useProxy: false, useXClient: false }],
    [{ secure: true, secured: true, useProxy: ['192.0.2.10'] }],
  ])('%j → taken', async (server) => {
    await run({ server: server as ServerOptions });
  });
});
