/**
 * An outage of the DNS never refuses a message: whatever single question goes without an answer, and however, a message
 * that is accepted when all answers arrive gets no 5xx reply.
 *
 * A session is run once to learn its questions; then once for each question and each kind of outage.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { dnsbl, nameList } from 'postern/checks/dnsbl';
import { authenticator, dmarc } from 'postern/checks/message-authentication';
import { relayControl } from 'postern/checks/relay-control';
import { heloIdentity, recipientDomain, reverseDns, senderDomain } from 'postern/checks/reverse-dns';
import { spf } from 'postern/checks/spf';
import { uribl } from 'postern/checks/uribl';
import { on, reject, score, together, within } from 'postern/core';
import type { DnsAnswer, DnsResolver, RecordType, ResolveOptions } from 'postern/env';
import { parseIp } from 'postern/net';
import { type SessionPolicy, smtpPolicy } from 'postern/smtp';
import { smtpSession } from 'postern/smtp-session';
import { fixedClock, quietEnv, type ZoneData, type ZoneEntry, zone } from 'postern/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { root } from '../../.config/subpaths.mjs';
import { NOW, octets, records, seal, sign } from '../checks/message-authentication/mail.ts';
import { allSnippets, placeOf, writeSnippets } from '../docs/snippets.ts';
import { randomNumbers, upTo } from '../fuzz/generated.ts';

/** The public addresses of the story; documentation networks would not be public. */
const SENDER = '8.8.4.4';
const FORWARDER = '9.9.9.9';
const OTHER = '1.0.0.1';
const arpa = (ip: string): string => `${ip.split('.').reverse().join('.')}.in-addr.arpa`;
const host = (name: string, ip: string): ZoneData => ({ [name]: { A: [ip] }, [arpa(ip)]: { PTR: [name] } });

/** Sender domains: each with another way to say in SPF what is allowed. */
const senders: readonly (readonly [name: string, record: string, more?: ZoneData])[] = [
  ['ip4', `v=spf1 ip4:${SENDER} -all`],
  ['a', 'v=spf1 a:mx.example.org -all'],
  ['mx', 'v=spf1 mx -all'],
  [
    'include',
    'v=spf1 include:_spf.example.org -all',
    { '_spf.example.org': { TXT: ['v=spf1 a:mx.example.org -all'] } },
  ],
  ['redirect', 'v=spf1 redirect=_spf.example.org', { '_spf.example.org': { TXT: [`v=spf1 ip4:${SENDER} -all`] } }],
  ['exists', 'v=spf1 exists:%{ir}.list.example.org -all', { '4.4.8.8.list.example.org': { A: ['127.0.0.2'] } }],
  ['ptr', 'v=spf1 ptr -all'],
  ['ptr of another', 'v=spf1 ptr:example.org -all exp=why.example.org'],
  ['%{p}', 'v=spf1 exists:%{p}.names.example.org -all', { 'mx.example.org.names.example.org': { A: ['127.0.0.2'] } }],
  ['a:%{p}', 'v=spf1 a:%{p} -all'],
  ['not ptr, then all', 'v=spf1 -ptr:example.net +all'],
  ['nothing but a softfail', 'v=spf1 ~all'],
];

const world = (spfRecord: string, more: ZoneData = {}): ZoneData => ({
  ...host('mx.example.org', SENDER),
  ...host('out.forwarder.test', FORWARDER),
  'example.org': {
    MX: [
      [10, 'mx.example.org'],
      [20, 'mx2.example.org'],
    ],
    TXT: [spfRecord],
  },
  'mx2.example.org': { A: [OTHER] },
  'forwarder.test': { MX: [[10, 'out.forwarder.test']], TXT: [`v=spf1 ip4:${FORWARDER} -all`] },
  'news.example.org': { TXT: ['x'] },
  'example.com': { MX: [[10, 'mx.example.com']] },
  'mx.example.com': { A: ['8.8.8.8'] },
  '_dmarc.example.org': { TXT: ['v=DMARC1; p=reject; sp=reject'] },
  'rsa._domainkey.example.org': { TXT: [records.rsa] },
  'rsa._domainkey.forwarder.test': { TXT: [records.rsa] },
  'why.example.org': { TXT: ['not %{i}'] },
  ...Object.fromEntries(
    [SENDER, FORWARDER, OTHER].flatMap((ip) =>
      ['blocked.test', 'allowed.test'].map((list) => [
        `${ip.split('.').reverse().join('.')}.${list}`,
        { A: ['127.0.0.2'] } satisfies ZoneEntry,
      ]),
    ),
  ),
  ...Object.fromEntries(
    [
      'blocked.test',
      'allowed.test',
      'zen.dnsbl.example',
      'other.example',
      'bl.lists.example',
      'busy.lists.example',
      'bl.test',
    ].map((list) => [`2.0.0.127.${list}`, { A: ['127.0.0.2'] } satisfies ZoneEntry]),
  ),
  ...more,
});

const message = (from = 'alice@example.org'): string =>
  [
    `From: ${from}`,
    'To: bob@example.com',
    'Subject: Test',
    'Date: Tue, 01 Jan 2030 00:00:00 +0000',
    'Message-ID: <1@example.org>',
    '',
    'See http://www.example.org/ and http://shop.example.net/',
    '',
  ].join('\r\n');

/** How a message comes. */
interface Way {
  readonly client: string;
  readonly helo: string;
  readonly from: string;
  readonly text: () => Promise<string>;
}
const direct = { client: SENDER, helo: 'mx.example.org', from: 'alice@example.org' };
const forwarded = { client: FORWARDER, helo: 'out.forwarder.test', from: 'list@forwarder.test' };
const signed = (): Promise<string> => sign(message(), 'example.org');
const sealed = (text: string): Promise<string> =>
  seal(`${text}-- \r\nThe list\r\n`, 'forwarder.test', 'forwarder.test; dmarc=pass header.from=example.org');
const ways: readonly (readonly [string, Way])[] = [
  ['unsigned, direct', { ...direct, text: async () => message() }],
  ['signed, direct', { ...direct, text: signed }],
  ['signed, direct, with a HELO name that does not resolve', { ...direct, helo: 'nowhere.test', text: signed }],
  [
    'signed, from a client without a name of its own',
    { ...direct, client: OTHER, helo: 'mx2.example.org', text: signed },
  ],
  ['signed, from a subdomain', { ...direct, text: () => sign(message('alice@news.example.org'), 'example.org') }],
  ['signed, forwarded', { ...forwarded, text: signed }],
  ['signed, forwarded, a null reverse-path', { ...forwarded, from: '', text: signed }],
  ['signed, sealed', { ...forwarded, text: async () => sealed(await signed()) }],
  ['unsigned, sealed', { ...forwarded, text: () => sealed(message()) }],
];

const shown = join(root, 'test/property/.snippets');
const readme = allSnippets(root).filter(({ page }) => page === 'README.md');
writeSnippets(shown, readme);
afterAll(() => rmSync(shown, { recursive: true, force: true }));
const policyOfReadme = readme.find(({ file }) => file === 'policy.ts');

/** Every check that asks the DNS, with what it recommends; a few overrides that policies commonly have. */
function everyTable(): SessionPolicy {
  const sender = spf();
  return smtpPolicy({
    relay: relayControl({ localDomains: ['example.com'] }),
    connect: [dnsbl({ zone: 'bl.test', label: 'BL' }), reverseDns()],
    helo: [heloIdentity(), nameList({ zone: 'names.test', label: 'HELO names', of: 'helo' })],
    mail: [
      senderDomain(),
      sender,
      spf({ identity: 'helo' }),
      nameList({ zone: 'senders.test', label: 'Senders', of: 'sender' }),
    ],
    rcpt: [recipientDomain()],
    authentication: authenticator({ spf: sender, trustedSealers: ['forwarder.test'] }),
    data: [
      uribl({ zone: 'uri.test', label: 'URI' }),
      uribl({
        zone: 'all.test',
        label: 'All',
        also: ({ reversePath }: { reversePath: { domain: string } | null }) => [reversePath?.domain],
      }),
      dmarc(),
    ],
  });
}
/** The same in scores that a few faults fill to one below the threshold. */
function strict(): SessionPolicy {
  const sender = spf();
  return smtpPolicy({
    relay: relayControl({ localDomains: ['example.com'] }),
    rcpt: [
      within(
        10_000,
        together(
          senderDomain({ notPublic: 'fail', ownAddresses: [OTHER] }),
          on(sender, { fail: reject() }),
          score(
            { rejectAt: 2 },
            dnsbl({ zone: 'bl.test', label: 'BL', weight: 2 }),
            reverseDns({ genericAt: 1 }),
            heloIdentity(),
            nameList({ zone: 'names.test', label: 'PTR names', of: 'ptr', weight: 2 }),
            // Every client is on both: without the second list, the first refuses it.
            dnsbl({ zone: 'blocked.test', label: 'Blocked', weight: 2 }),
            dnsbl({ zone: 'allowed.test', label: 'Allowed', kind: 'allow', weight: -2 }),
          ),
        ),
      ),
    ],
    authentication: authenticator({ spf: sender, trustedSealers: ['forwarder.test'] }),
    data: [on(dmarc(), { fail: reject() })],
  });
}

const policies: readonly (readonly [string, () => Promise<SessionPolicy>])[] = [
  ['every recommended table', async () => everyTable()],
  ['scores at their limits', async () => strict()],
  [
    'the README',
    async () => {
      const place = placeOf(shown, policyOfReadme as (typeof readme)[number]);
      // A watch keeps what it has learnt of a list; every session gets a policy of its own.
      return ((await import(/* @vite-ignore */ `${place}?${made++}`)) as { inbound: SessionPolicy }).inbound;
    },
  ],
];
let made = 0;

const outages = ['SERVFAIL', 'timeout', 'silence', 'refused'] as const;
type Outage = (typeof outages)[number];

/** A resolver that leaves one question without an answer and keeps them all in `asked`. */
function failing(dns: DnsResolver, failed: string | undefined, outage: Outage) {
  const asked = new Set<string>();
  return {
    asked,
    resolve<T extends RecordType>(name: string, type: T, options: ResolveOptions = {}): Promise<DnsAnswer<T>> {
      const question = `${type} ${name}`;
      asked.add(question);
      if (question !== failed) return dns.resolve(name, type, options);
      if (outage !== 'silence') return Promise.resolve({ status: 'temperror', reason: outage.toLowerCase() });
      return new Promise((done) =>
        options.signal?.addEventListener('abort', () => done({ status: 'temperror', reason: 'aborted' })),
      );
    },
  };
}

/** Runs a session up to the reply to its message. */
async function play(
  policy: SessionPolicy,
  data: ZoneData,
  way: Way,
  text: Uint8Array,
  failed?: string,
  outage: Outage = 'SERVFAIL',
) {
  const clock = fixedClock(NOW);
  const dns = failing(zone(data, { clock }), failed, outage);
  const session = smtpSession(policy, quietEnv({ dns, clock }), {
    session: { id: 'one', role: 'mx', serverName: 'mx.example.com' },
    client: { ip: parseIp(way.client)! },
    tls: null,
  });
  const run = async () => {
    const replies = [
      await session.connect(),
      await session.helo('EHLO', way.helo),
      await session.mail(`<${way.from}>`),
      await session.rcpt('<bob@example.com>'),
    ];
    const before = replies.find((reply) => reply !== null);
    if (before !== undefined && before !== null) return before;
    return (await session.data(text)).reply;
  };
  const reply = await clock.until(run());
  await session.close();
  return { code: reply === null ? 250 : reply.code, reply, asked: [...dns.asked] };
}

/**
 * All of it is some 20,000 sessions: by default each question meets one kind of outage, and each way of coming one of
 * the SPF records, in turn. With `POSTERN_FUZZ_RUNS`, everything is played.
 */
const everything = process.env.POSTERN_FUZZ_RUNS !== undefined;
let turn = randomNumbers()(senders.length);
let kind = 0;

describe.each(policies)('%s', (_, policy) => {
  test.each(ways)(
    '%s',
    async (_, way) => {
      const text = octets(await way.text());
      let accepted = 0;
      const first = turn++;
      for (const i of upTo(senders.length)) {
        if (!everything && accepted > 0) break;
        const [name, record, more] = senders[(first + i) % senders.length]!;
        const data = world(record, more);
        const whole = await play(await policy(), data, way, text);
        if (whole.code !== 250) continue;
        accepted++;
        for (const question of whole.asked) {
          for (const outage of everything ? outages : [outages[kind++ % outages.length]!]) {
            const { code, reply } = await play(await policy(), data, way, text, question, outage);
            if (code >= 500) expect.fail(`SPF ${name}; ${outage} of ${question}: ${code} ${JSON.stringify(reply)}`);
          }
        }
      }
      expect(accepted).toBeGreaterThan(0);
    },
    300_000,
  );
});
