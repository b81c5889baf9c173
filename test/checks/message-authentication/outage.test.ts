import { authenticateMessage, authenticator, dmarc } from 'postern/checks/message-authentication';
import { spf } from 'postern/checks/spf';
import { evaluate } from 'postern/core';
import type { DnsAnswer, DnsResolver, RecordType, ResolveOptions } from 'postern/env';
import { fixedClock, mailFacts, type ZoneData, zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';
import { NOW, octets, plain, records, seal, sign } from './mail.ts';

const world: ZoneData = {
  'example.org': { TXT: ['v=spf1 include:_spf.example.org -all'] },
  '_spf.example.org': { TXT: ['v=spf1 ip4:192.0.2.1 -all'] },
  'forwarder.example': { TXT: ['v=spf1 ip4:198.51.100.1 -all'] },
  'rsa._domainkey.example.org': { TXT: [records.rsa] },
  'rsa._domainkey.lists.example': { TXT: [records.rsa] },
  '_dmarc.example.org': { TXT: ['v=DMARC1; p=reject'] },
};

/** How a question can go unanswered; silence ends with the time allowed. */
const outages = ['SERVFAIL', 'timeout', 'refused', 'silence', 'throws'] as const;
type Outage = (typeof outages)[number];
type Question = `${RecordType} ${string}`;

/** A resolver that leaves some questions without an answer, and keeps all in `asked`. */
function resolver(dns: DnsResolver, fails: (question: Question) => Outage | undefined) {
  const asked = new Set<Question>();
  const resolve = <T extends RecordType>(
    name: string,
    type: T,
    options: ResolveOptions = {},
  ): Promise<DnsAnswer<T>> => {
    const question = `${type} ${name}` as const;
    asked.add(question);
    const outage = fails(question);
    if (outage === undefined) return dns.resolve(name, type, options);
    if (outage === 'silence') return new Promise<DnsAnswer<T>>(() => undefined);
    if (outage === 'throws') return Promise.reject(new Error('internal text'));
    return Promise.resolve({ status: 'temperror', reason: 'internal text' });
  };
  return { resolve, asked };
}

interface Way {
  readonly client: string;
  readonly from: string;
}
const direct: Way = { client: '192.0.2.1', from: 'alice@example.org' };
const forwarded: Way = { client: '198.51.100.1', from: 'list@forwarder.example' };
/** Forwarded by a host that leaves the sender as it is. */
const kept: Way = { client: '198.51.100.1', from: 'alice@example.org' };

const list = (message: string): Promise<string> =>
  seal(`${message}-- \r\nThe list\r\n`, 'lists.example', 'lists.example; dmarc=pass header.from=example.org');

const mails: readonly (readonly [string, Way, () => Promise<string>])[] = [
  ['unsigned, direct', direct, async () => plain()],
  ['signed, direct', direct, () => sign(plain(), 'example.org')],
  ['signed, forwarded', forwarded, () => sign(plain(), 'example.org')],
  ['signed, forwarded with its sender', kept, () => sign(plain(), 'example.org')],
  ['signed, sealed', forwarded, async () => list(await sign(plain(), 'example.org'))],
  ['unsigned, sealed', forwarded, () => list(plain())],
];

async function examine(message: string, way: Way, fails: (question: Question) => Outage | undefined = () => undefined) {
  const clock = fixedClock(NOW);
  const dns = resolver(zone(world, { clock }), fails);
  const env = { dns, clock };
  const auth = authenticator({ spf: spf({ timeoutMs: 5_000 }), trustedSealers: ['lists.example'], timeoutMs: 6_000 });
  async function* raw(): AsyncGenerator<Uint8Array> {
    yield octets(message);
  }
  const context = { signal: new AbortController().signal, found: () => undefined };
  const authentication = await clock.until(auth.authenticate(raw(), mailFacts(way), env, context));
  const decision = await evaluate({ data: [dmarc()] }, 'data', { authentication }, env);
  return {
    authentication,
    questions: [...dns.asked],
    action: decision.action,
    result: decision.outcomes[0]?.finding.result,
  };
}

describe('an outage never makes DMARC fail', () => {
  test.each(mails)('%s, everything answers → accepted', async (_, way, make) => {
    expect((await examine(await make(), way)).action).toBe('accept');
  });

  describe.each(outages)('%s', (outage) => {
    test.each(mails)('of any one question, %s', async (_, way, make) => {
      const message = await make();
      const { questions } = await examine(message, way);
      expect(questions.length).toBeGreaterThan(2);
      for (const question of questions) {
        const { authentication, action, result } = await examine(message, way, (one) =>
          one === question ? outage : undefined,
        );
        expect([question, action]).toEqual([question, 'accept']);
        expect(['fail', 'softfail']).not.toContain(result);
        expect(JSON.stringify(authentication)).not.toContain('internal text');
      }
    });

    test.each(mails)('of all questions but the policy’s, %s', async (_, way, make) => {
      const found = await examine(await make(), way, (one) => (one.includes('_dmarc') ? undefined : outage));
      expect(found.authentication.dmarc.result).toBe('temperror');
      expect(found.action).toBe('accept');
    });

    test.each(mails)('of all questions, %s', async (_, way, make) => {
      const found = await examine(await make(), way, () => outage);
      expect([found.authentication.dmarc.result, found.action]).toEqual(['temperror', 'accept']);
    });
  });

  test('an SPF check that ran out of time, or throws → temperror', async () => {
    const clock = fixedClock(NOW);
    const env = { dns: zone(world, { clock }), clock };
    const late = { check: 'spf', result: 'temperror', detail: { error: 'deadline' } } as const;
    for (const found of [() => late, () => Promise.reject(new Error('internal text'))]) {
      const check = spf();
      async function* raw(): AsyncGenerator<Uint8Array> {
        yield octets(plain());
      }
      const context = { signal: new AbortController().signal, found };
      const { dmarc: outcome, spf: fact } = await clock.until(
        authenticator({ spf: check }).authenticate(raw(), mailFacts(direct), env, context),
      );
      expect(outcome).toMatchObject({ result: 'temperror', domain: 'example.org' });
      expect(fact).toEqual({ result: 'temperror', domain: 'example.org', identity: 'mailfrom' });
    }
  });
});

describe('what an outage does not excuse', () => {
  const silent = (name: string) => (question: Question) =>
    question.includes(name) ? ('SERVFAIL' as const) : undefined;

  test('an outage of the sender’s own domain, which could not align → fail', async () => {
    expect((await examine(plain(), forwarded, silent('forwarder.example'))).action).toBe('reject');
  });
  test('a signature of a stranger whose key does not answer → fail', async () => {
    const message = await sign(plain(), 'attack.example');
    expect((await examine(message, forwarded, silent('attack.example'))).action).toBe('reject');
  });
  test('a seal in a trusted name that did not verify, above one whose key does not answer → fail', async () => {
    const inner = await seal(plain(), 'attack.example', 'attack.example; dmarc=pass header.from=example.org');
    const forged = (await seal(inner, 'lists.example', 'lists.example; dmarc=pass header.from=example.org', 'pass'))
      .replace('dmarc=pass header.from=example.org', 'dmarc=pass header.from=example.org ')
      .replace('cv=pass', 'cv=pass; x=1');
    expect((await examine(forged, forwarded, silent('attack.example'))).action).toBe('reject');
  });
  test('a trusted list that found no pass, whose key does not answer → fail', async () => {
    const message = await seal(plain(), 'lists.example', 'lists.example; dmarc=fail header.from=example.org');
    expect((await examine(message, forwarded, silent('lists.example'))).action).toBe('reject');
  });
  test('an outage of a key under strict alignment that could not align → fail', async () => {
    const message = await sign(plain(), 'news.example.org');
    const strict = { ...world, '_dmarc.example.org': { TXT: ['v=DMARC1; p=reject; adkim=s'] } };
    const clock = fixedClock(NOW);
    const dns = resolver(zone(strict, { clock }), silent('news.example.org'));
    const found = await clock.until(authenticateMessage({ raw: octets(message) }, { dns, clock }));
    expect(found.dkim[0]?.result).toBe('temperror');
    expect(found.dmarc.result).toBe('fail');
  });
});
