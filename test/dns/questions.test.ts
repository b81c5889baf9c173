import { Questions, questionName } from 'postern/dns';
import type { DnsResolver } from 'postern/env';
import { zone } from 'postern/testing';
import { describe, expect, test } from 'vitest';

const data = { 'example.org': { TXT: ['v=spf1 -all'], A: ['192.0.2.1'] } };

describe('each question is asked once', () => {
  test('in any spelling, one after the other or at the same time', async () => {
    const dns = zone(data);
    const questions = new Questions(dns);
    const names = ['example.org', 'Example.ORG', 'example.org.', 'example.org'];
    const answers = await Promise.all(names.map((name) => questions.resolve(name, 'TXT')));
    answers.push(await questions.resolve('EXAMPLE.org', 'TXT'));
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 'found', records: [{ type: 'TXT', text: 'v=spf1 -all' }] });
    expect(dns.questions).toEqual([{ name: 'example.org', type: 'TXT' }]);
    expect(questions.count).toBe(1);
  });

  test('another type is another question', async () => {
    const questions = new Questions(zone(data));
    await questions.resolve('example.org', 'TXT');
    expect(await questions.resolve('example.org', 'A')).toMatchObject({ status: 'found' });
    expect(questions.count).toBe(2);
  });

  test.each(['', '.', 'a..b', '192.0.2.1', '2001:db8::1', '2001:db8::', `${'a'.repeat(64)}.org`])(
    'a name that cannot have records (%j) → nxdomain without a query',
    async (name) => {
      const questions = new Questions(zone(data));
      expect(await questions.resolve(name, 'A')).toEqual({ status: 'nxdomain', ttl: 0 });
      expect(questions.count).toBe(0);
    },
  );
});

describe('a resolver that breaks its contract → temperror', () => {
  test.each<[string, DnsResolver['resolve']]>([
    ['rejects', () => Promise.reject(new Error('broken'))],
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
  ])('it %s', async (_, resolve) => {
    const questions = new Questions({ resolve });
    expect(await questions.resolve('example.org', 'A')).toEqual({ status: 'temperror', reason: 'broken' });
  });
});

describe('when()', () => {
  test('calls every function once, at once if the answer has arrived', async () => {
    const question = new Questions(zone(data)).ask('example.org', 'A');
    const calls: string[] = [];
    question.when(({ status }) => calls.push(`first ${status}`));
    question.when(({ status }) => calls.push(`second ${status}`));
    expect(calls).toEqual([]);
    await new Promise<void>((done) => question.when(() => done()));
    question.when(({ status }) => calls.push(`third ${status}`));
    expect(calls).toEqual(['first found', 'second found', 'third found']);
  });
});

describe('aborting', () => {
  /** A resolver that never answers, and its signals. */
  const silent = () => {
    const signals: (AbortSignal | undefined)[] = [];
    const dns: DnsResolver = {
      resolve: (_, __, options) => {
        signals.push(options?.signal);
        return new Promise(() => {});
      },
    };
    return { signals, questions: new Questions(dns) };
  };

  test('giveUp() answers outstanding and later questions, and aborts them', async () => {
    const { signals, questions } = silent();
    const before = questions.resolve('example.org', 'A');
    questions.giveUp('too late');
    expect(await before).toEqual({ status: 'temperror', reason: 'too late' });
    expect(await questions.resolve('example.net', 'A')).toEqual({ status: 'temperror', reason: 'too late' });
    expect(signals.map((signal) => signal?.aborted)).toEqual([true]);
  });

  test('giveUp() keeps the answers that have arrived', async () => {
    const questions = new Questions(zone(data));
    await questions.resolve('example.org', 'A');
    questions.giveUp('too late');
    expect(await questions.resolve('example.org', 'A')).toMatchObject({ status: 'found' });
  });

  test('an aborted caller does not wait; the question continues for others', async () => {
    let answer = (): void => {};
    const dns: DnsResolver = {
      resolve: () =>
        new Promise((resolve) => {
          answer = () => resolve({ status: 'nodata', ttl: 5 });
        }),
    };
    const questions = new Questions(dns);
    const controller = new AbortController();
    const first = questions.resolve('example.org', 'A', { signal: controller.signal });
    const second = questions.resolve('example.org', 'A');
    controller.abort();
    expect(await first).toEqual({ status: 'temperror', reason: 'aborted' });
    expect(await questions.resolve('example.org', 'A', { signal: controller.signal })).toMatchObject({
      reason: 'aborted',
    });
    answer();
    expect(await second).toEqual({ status: 'nodata', ttl: 5 });
  });
});

test.each<[string, string | undefined]>([
  ['Example.ORG.', 'example.org'],
  ['.', ''],
  ['a..b', undefined],
  ['.a', undefined],
  ['a\\.b', undefined],
  ['bücher.example', undefined],
  ['_dmarc.Example.org', '_dmarc.example.org'],
  [`${'a.'.repeat(126)}a`, `${'a.'.repeat(126)}a`],
  [`${'a.'.repeat(127)}a`, undefined],
])('questionName(%j) → %j', (text, name) => {
  expect(questionName(text)).toBe(name);
});
