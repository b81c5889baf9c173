import type { Mailbox } from '../../net/index.ts';
import { organizationalDomain, parseDomain } from '../../net/index.ts';
import type { ConnectFacts, MailFacts, RcptFacts } from '../../smtp/facts.ts';
import type { PrefixClass } from './prefix-classes.ts';
import { checkClasses, prefixClasses, prefixesOf } from './prefix-classes.ts';

/** One thing that is counted. */
export interface CountedKey {
  readonly key: string;
  /** The limit is multiplied by this: a wider network may have more. */
  readonly times: number;
}

/**
 * By what is counted. `of` names the facts it needs by its parameter, so that a limit per recipient does not compile at a
 * stage that knows none. No key: nothing is counted for these facts.
 */
export interface KeyOf<in Facts> {
  /** Part of the rule's id: `login`. */
  readonly name: string;
  /** What is counted for these facts. */
  readonly of: (facts: Facts) => readonly CountedKey[];
}

/** A key of one's own: `keyOf('greeting', (facts: HeloFacts) => facts.helo.name)`. */
export function keyOf<Facts>(name: string, of: (facts: Facts) => string | undefined): KeyOf<Facts> {
  return {
    name,
    of: (facts) => {
      const key = of(facts);
      return key === undefined ? [] : [{ key, times: 1 }];
    },
  };
}

/** The client, by the prefixes around its address: /32, /26, /21 and /64, /48, /32 where nothing else is given. */
export function client(classes: readonly PrefixClass[] = prefixClasses): KeyOf<Pick<ConnectFacts, 'client'>> {
  checkClasses('client', classes);
  return {
    name: 'client',
    of: ({ client: { ip } }) =>
      prefixesOf(ip, classes).map((key, i) => ({ key, times: (classes[i] as PrefixClass).times })),
  };
}

/** The session: what is counted ends with it. */
export const session: KeyOf<Pick<ConnectFacts, 'session'>> = keyOf('session', (facts) => facts.session.id);

/**
 * The client's autonomous system. A session does not know it, so `of` must: from a database of networks, or from a host that
 * reports it as `client.asn`. A client whose system is unknown is not counted.
 *
 * @param of returns the number of the client's autonomous system, if it is known
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
  if (typeof of !== 'function') throw new TypeError(`asn: of must be a function, got ${JSON.stringify(of)}`);
  return keyOf('asn', (facts) => {
    const number = of(facts.client);
    return number === undefined ? undefined : `AS${number}`;
  });
}

/** Who has logged in, as the host names them; nothing where nobody has. */
export const login: KeyOf<Pick<MailFacts, 'auth'>> = keyOf('login', (facts) => facts.auth?.identity);

/** The sender's address; nothing for the null reverse-path, which is everybody's. */
export const sender: KeyOf<Pick<MailFacts, 'reversePath'>> = keyOf('sender', (facts) => addressKey(facts.reversePath));

/** The null reverse-path: bounces, counted apart. */
export const nullSender: KeyOf<Pick<MailFacts, 'reversePath'>> = keyOf('null-sender', (facts) =>
  facts.reversePath === null ? '<>' : undefined,
);

/** The recipient's address. */
export const recipient: KeyOf<Pick<RcptFacts, 'forwardPath'>> = keyOf('recipient', (facts) =>
  addressKey(facts.forwardPath),
);

/**
 * The sender's domain. With `organizational`, all of an organisation's are one, by the public suffix list:
 * `a.b.example.co.uk` is `example.co.uk`, never `co.uk`.
 */
export const senderDomain = (
  options: { readonly organizational?: boolean } = {},
): KeyOf<Pick<MailFacts, 'reversePath'>> =>
  keyOf('sender-domain', (facts) => domainKey(facts.reversePath, options.organizational === true));

/** The recipient's domain; `organizational` as in {@link senderDomain}. */
export const recipientDomain = (
  options: { readonly organizational?: boolean } = {},
): KeyOf<Pick<RcptFacts, 'forwardPath'>> =>
  keyOf('recipient-domain', (facts) => domainKey(facts.forwardPath, options.organizational === true));

/** Everybody together. */
export const everybody: KeyOf<object> = keyOf('everybody', () => 'all');

/** Both at once: one count for each pair. Nothing is counted where either has no key. */
export function both<F1, F2>(first: KeyOf<F1>, second: KeyOf<F2>): KeyOf<F1 & F2> {
  return {
    name: `${first.name}-and-${second.name}`,
    of: (facts) =>
      first
        .of(facts)
        .flatMap((a) => second.of(facts).map((b) => ({ key: `${a.key} ${b.key}`, times: a.times * b.times }))),
  };
}

/** Capital letters in a local part are no way round a count; a quoted one is what it quotes. */
const addressKey = (mailbox: Mailbox | null): string | undefined =>
  mailbox === null ? undefined : `${mailbox.localPart.toLowerCase()}@${mailbox.domain}`;

function domainKey(mailbox: Mailbox | null, organizational: boolean): string | undefined {
  if (mailbox === null) return undefined;
  if (!organizational) return mailbox.domain;
  const domain = parseDomain(mailbox.domain);
  return domain === undefined ? mailbox.domain : organizationalDomain(domain);
}
