import { assertFunction } from '../../core/index.ts';
import type { Mailbox } from '../../net/index.ts';
import { organizationalDomain, parseDomain } from '../../net/index.ts';
import type { ConnectFacts, MailFacts, RcptFacts } from '../../smtp/facts.ts';
import type { PrefixClass } from './prefix-classes.ts';
import { checkedClasses, prefixClasses, prefixesOf } from './prefix-classes.ts';

/** A counter, as part of a key. */
export interface CountedKey {
  readonly key: string;
  /** The multiple of the limit, because wider networks may have more. */
  readonly times: number;
}

/**
 * What a limit counts by.
 *
 * The parameter of `of` names the facts it needs, so a limit per recipient does not compile at a stage without recipients. If
 * `of` returns no key, nothing is counted.
 */
export interface KeyOf<in Facts> {
  /** Part of the rule's id: `login`. */
  readonly name: string;
  /** Returns the counters for these facts. */
  readonly of: (facts: Facts) => readonly CountedKey[];
}

/** Creates a key of your own: `keyOf('greeting', (facts: HeloFacts) => facts.helo.name)`. */
export function keyOf<Facts>(name: string, of: (facts: Facts) => string | undefined): KeyOf<Facts> {
  return {
    name,
    of: (facts) => {
      const key = of(facts);
      return key === undefined ? [] : [{ key, times: 1 }];
    },
  };
}

/** Counts by the client's prefixes. Default: /32, /26, /21 and /64, /48, /32. */
export function client(classes: readonly PrefixClass[] = prefixClasses): KeyOf<Pick<ConnectFacts, 'client'>> {
  checkedClasses('client', classes);
  return {
    name: 'client',
    of: ({ client: { ip } }) =>
      prefixesOf(ip, classes).map((key, i) => ({ key, times: (classes[i] as PrefixClass).times })),
  };
}

/** Counts by session. */
export const session: KeyOf<Pick<ConnectFacts, 'session'>> = keyOf('session', (facts) => facts.session.id);

/**
 * Counts by the client's autonomous system.
 *
 * A session does not know the number, so `of` returns it: from a database of networks, or from a host that sets `client.asn`.
 * A client without a number is not counted.
 *
 * @param of returns the number of the client's autonomous system, or undefined
 * @throws {TypeError} if `of` is not a function
 *
 * @example
 * ```ts
 * import { asn, messageRate, perMinute } from 'postern/checks/connection-limits';
 *
 * declare const networks: { asn(ip: string): number | undefined };
 * export const check = messageRate(asn(({ ip }) => networks.asn(ip)), perMinute(600));
 * ```
 */
export function asn(of: (client: ConnectFacts['client']) => number | undefined): KeyOf<Pick<ConnectFacts, 'client'>> {
  assertFunction('asn', 'of', of);
  return keyOf('asn', (facts) => {
    const number = of(facts.client);
    return number === undefined ? undefined : `AS${number}`;
  });
}

/** Counts by the login's name. A client that has not logged in is not counted. */
export const login: KeyOf<Pick<MailFacts, 'auth'>> = keyOf('login', (facts) => facts.auth?.identity);

/** Counts by the sender's address. The null reverse-path is not counted, because all clients use it. */
export const sender: KeyOf<Pick<MailFacts, 'reversePath'>> = keyOf('sender', (facts) => addressKey(facts.reversePath));

/** Counts messages with the null reverse-path: bounces. */
export const nullSender: KeyOf<Pick<MailFacts, 'reversePath'>> = keyOf('null-sender', (facts) =>
  facts.reversePath === null ? '<>' : undefined,
);

/** Counts by the recipient's address. */
export const recipient: KeyOf<Pick<RcptFacts, 'forwardPath'>> = keyOf('recipient', (facts) =>
  addressKey(facts.forwardPath),
);

/**
 * Counts by the sender's domain. With `organizational`, by the organizational domain of the public suffix list:
 * `example.co.uk` for `a.b.example.co.uk`.
 */
export const senderDomain = (
  options: { readonly organizational?: boolean } = {},
): KeyOf<Pick<MailFacts, 'reversePath'>> =>
  keyOf('sender-domain', (facts) => domainKey(facts.reversePath, options.organizational === true));

/** Counts by the recipient's domain; `organizational` as in {@link senderDomain}. */
export const recipientDomain = (
  options: { readonly organizational?: boolean } = {},
): KeyOf<Pick<RcptFacts, 'forwardPath'>> =>
  keyOf('recipient-domain', (facts) => domainKey(facts.forwardPath, options.organizational === true));

/** Counts all clients together. */
export const everybody: KeyOf<object> = keyOf('everybody', () => 'all');

/** Counts by pairs of two keys. Nothing is counted if either has no key. */
export function both<F1, F2>(first: KeyOf<F1>, second: KeyOf<F2>): KeyOf<F1 & F2> {
  return {
    name: `${first.name}-and-${second.name}`,
    of: (facts) =>
      first
        .of(facts)
        .flatMap((a) => second.of(facts).map((b) => ({ key: `${a.key} ${b.key}`, times: a.times * b.times }))),
  };
}

/** Returns the key of an address. Letter case and quotes do not lead to another count. */
const addressKey = (mailbox: Mailbox | null): string | undefined =>
  mailbox === null ? undefined : `${mailbox.localPart.toLowerCase()}@${mailbox.domain}`;

function domainKey(mailbox: Mailbox | null, organizational: boolean): string | undefined {
  if (mailbox === null) return undefined;
  if (!organizational) return mailbox.domain;
  const domain = parseDomain(mailbox.domain);
  return domain === undefined ? mailbox.domain : organizationalDomain(domain);
}
