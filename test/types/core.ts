// What must not compile. Each line behind `@ts-expect-error` fails the type check as soon as it does compile.
import {
  defineCheck,
  discard,
  evaluate,
  fail,
  flag,
  on,
  pass,
  permerror,
  proceed,
  reject,
  score,
  shadow,
  temperror,
  together,
  unless,
  when,
  within,
} from 'postern/core';
import type { Env } from 'postern/env';
import type { ConnectFacts, MailFacts, RcptFacts, SmtpPolicy } from 'postern/smtp';
import { smtpPolicy } from 'postern/smtp';

const relay = 'decided-by-the-server' as const;
const byClient = defineCheck('by-client', (_: Pick<ConnectFacts, 'client'>) => pass(), {});
const bySender = defineCheck(
  'by-sender',
  ({ reversePath }: Pick<MailFacts, 'reversePath'>) => (reversePath === null ? pass() : fail()),
  { fail: reject() },
);

// A check at a stage that has its facts.
smtpPolicy({ relay, connect: [byClient], mail: [bySender, byClient], rcpt: [together(bySender, byClient)] });

// A check at a stage that lacks its facts: alone, grouped, conditional, scored, in shadow, with a deadline, changed.
// @ts-expect-error the sender is not known at connect
smtpPolicy({ relay, connect: [bySender] });
// @ts-expect-error nor in a group
smtpPolicy({ relay, connect: [together(byClient, bySender)] });
// @ts-expect-error nor under a condition
smtpPolicy({ relay, connect: [when((facts: ConnectFacts) => facts.tls !== null, bySender)] });
// @ts-expect-error nor may the condition ask what is not known
smtpPolicy({ relay, connect: [unless((facts: MailFacts) => facts.auth !== null, byClient)] });
// @ts-expect-error nor in a score
smtpPolicy({ relay, helo: [score({ rejectAt: 1 }, byClient, bySender)] });
// @ts-expect-error nor in shadow
smtpPolicy({ relay, helo: [shadow(bySender)] });
// @ts-expect-error nor with a deadline
smtpPolicy({ relay, helo: [within(100, bySender)] });
// @ts-expect-error nor with changed consequences
smtpPolicy({ relay, helo: [on(bySender, { fail: flag(1) })] });
// @ts-expect-error nor deep inside
smtpPolicy({ relay, helo: [together(unless((_: ConnectFacts) => true, together(bySender)))] });

// @ts-expect-error a policy must say who may relay
smtpPolicy({ connect: [byClient] });
// @ts-expect-error a check of one's own is no relay control
smtpPolicy({ relay: byClient });
// @ts-expect-error a stage that does not exist
smtpPolicy({ relay, quit: [byClient] });

// @ts-expect-error the check never answers softfail
on(bySender, { softfail: reject() });
// @ts-expect-error not a result word at all
on(bySender, { listed: reject() });

const shaky = (facts: ConnectFacts) => (facts.tls ? pass() : facts.client.port ? temperror() : fail());
// @ts-expect-error what follows from temperror is forgotten
defineCheck('shaky', shaky, { fail: reject() });
// @ts-expect-error what follows from fail is forgotten
defineCheck('shaky', shaky, { temperror: proceed });
defineCheck('shaky', shaky, { fail: reject(), temperror: proceed });
// @ts-expect-error mail is never thrown away because of an error
defineCheck('shaky', shaky, { fail: reject(), temperror: discard });
const sound = defineCheck('shaky', shaky, { fail: reject(), temperror: proceed });
// @ts-expect-error nor by a change
on(sound, { temperror: discard });
on(sound, { fail: discard });

// What a sender causes has a row of its own where the check can answer permerror.
const unreadable = defineCheck('unreadable', () => permerror({ fault: 'sender' }), {
  permerror: flag(1),
  'permerror:sender': reject(),
});
on(unreadable, { 'permerror:sender': flag(2) });
// @ts-expect-error mail is not thrown away because of it
on(unreadable, { 'permerror:sender': discard });
// @ts-expect-error the check never answers permerror
on(bySender, { 'permerror:sender': reject() });

// A need of the environment that is not met.
interface Users {
  readonly users: { has(name: string): boolean };
}
const known = defineCheck(
  'known',
  ({ forwardPath }: RcptFacts, { users }: Users) => (users.has(forwardPath.localPart) ? pass() : fail()),
  { fail: reject() },
);
const needsUsers = smtpPolicy<Env & Users>({ relay, rcpt: [known] });
// @ts-expect-error the plain environment has no users
smtpPolicy<Env>({ relay, rcpt: [known] });
// @ts-expect-error a policy that needs users is none for an environment without
const plain: SmtpPolicy = needsUsers;
declare const rcptFacts: RcptFacts;
declare const env: Env;
// @ts-expect-error evaluated in an environment that lacks them
evaluate(needsUsers, 'rcpt', rcptFacts, env);
const late = { a: [within(10, sound)] };
const hook = { hook: [byClient] };
const sender: Pick<MailFacts, 'reversePath'> = { reversePath: null };
declare const connectFacts: ConnectFacts;
// @ts-expect-error a deadline needs a clock
evaluate<{ a: ConnectFacts }, object, 'a'>(late, 'a', connectFacts, {});
// @ts-expect-error a host that never shows the client's address cannot ask about it
evaluate<{ hook: Pick<MailFacts, 'reversePath'> }, object, 'hook'>(hook, 'hook', sender, {});

// Rules that ask different things of one environment stand in one policy, whichever comes first.
const asksClock = defineCheck(
  'asks-clock',
  (_: ConnectFacts, { clock }: Pick<Env, 'clock'>) => (clock.now() > 0 ? pass() : fail()),
  { fail: reject() },
);
const asksDns = defineCheck(
  'asks-dns',
  async (_: ConnectFacts, { dns }: Pick<Env, 'dns'>) =>
    (await dns.resolve('example.org', 'MX')).status === 'found' ? pass() : fail(),
  { fail: reject() },
);
smtpPolicy({ relay, connect: [asksClock, asksDns], helo: [on(asksDns, { fail: flag(1) }, { id: 'again' })] });

// A policy can be evaluated as it is, and needs an environment that has everything.
evaluate(smtpPolicy({ relay, connect: [asksDns] }), 'connect', connectFacts, env);
evaluate(needsUsers, 'rcpt', rcptFacts, { ...env, users: new Set(['ann']) });

// A policy is made, not written down.
// @ts-expect-error nobody was asked who may relay
const written: SmtpPolicy = { rcpt: [byClient] };

export const all = [plain, written];
