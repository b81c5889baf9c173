import { defineCheck, oneOf, temperror, wrongOption } from '../../core/index.ts';
import { forwardConfirm, isLocalAddress } from '../../dns/index.ts';
import { isFullyQualified, parseDomain, registrableDomain } from '../../net/index.ts';
import type { ConnectFacts, HeloFacts, MailFacts } from '../../smtp/facts.ts';
import type { ClientListOptions, DnsblCheck, Subject } from './listing.ts';
import { listingOf } from './listing.ts';

/** The facts that each named source of names needs. */
interface SourceFacts {
  readonly helo: Pick<HeloFacts, 'helo'>;
  readonly ptr: Pick<ConnectFacts, 'client'>;
  readonly sender: Pick<MailFacts, 'reversePath'>;
}

/** Which name is checked: the HELO name, the confirmed PTR names of the client, or the domain of the sender. */
export type NameSource = keyof SourceFacts;

/** Returns the names to check, if any. */
export type NameSelector<Facts> = (facts: Facts) => string | null | undefined | readonly (string | null | undefined)[];

/** Options of {@link nameList}. */
export interface NameListOptions<Of extends NameSource | NameSelector<never>> extends ClientListOptions {
  /** Which name is checked, or a function that returns names from the facts. */
  readonly of: Of;
  /** Whether the name itself or its registrable domain is checked. Default: `host`. */
  readonly reduce?: 'host' | 'registrable';
}

/** A function of the facts that a source of names needs. */
type NeedOf<Of> = Of extends NameSource
  ? (facts: SourceFacts[Of]) => void
  : Of extends NameSelector<infer Facts>
    ? (facts: Facts) => void
    : never;
/** The facts that a source of names needs. A union of sources needs the facts of all. */
type FactsOf<Of> = NeedOf<Of> extends (facts: infer Facts) => void ? Facts : never;

/** Limit of names checked for one session. */
const MAX_NAMES = 10;

const called = { helo: 'HELO name', ptr: 'Client host name', sender: 'Sender domain' } as const;

/**
 * Checks names of the session against one DNS list: the HELO name, the PTR names, the sender's domain, or any others.
 *
 * @throws {TypeError} if an option is wrong
 */
export function nameList<const Of extends NameSource | NameSelector<never>>(
  options: NameListOptions<Of>,
): DnsblCheck<FactsOf<Of>>;
export function nameList(options: NameListOptions<NameSource | NameSelector<never>>): DnsblCheck<never> {
  const { of } = options;
  const { name, query, table, checkOptions } = listingOf('nameList', 'name', options, ['of', 'reduce']);
  if (typeof of !== 'function' && !Object.hasOwn(called, of))
    throw wrongOption('nameList', 'of', '"helo", "ptr", "sender" or a function of the facts', of);
  const reduce = oneOf('nameList', 'reduce', options.reduce ?? 'host', ['host', 'registrable']);
  const subjects = (names: readonly (string | null | undefined)[]): Subject[] => {
    const distinct = new Set<string>();
    for (const text of names) {
      // A list of names contains host names, not addresses.
      const host = typeof text === 'string' ? parseDomain(text) : undefined;
      if (host === undefined || !isFullyQualified(host)) continue;
      const reduced = reduce === 'host' ? host : registrableDomain(host);
      if (reduced !== undefined && distinct.size < MAX_NAMES) distinct.add(reduced);
    }
    const kind = typeof of === 'function' ? 'Name' : called[of];
    return [...distinct].map((host) => ({ subject: host, labels: host, called: `${kind} ${host}` }));
  };
  switch (of) {
    case 'ptr':
      return defineCheck(
        'name-list',
        async ({ client: { ip } }: SourceFacts['ptr'], env, signal) => {
          if (isLocalAddress(ip)) return query([], env, signal);
          const { result, confirmed, reason = 'no answer' } = await forwardConfirm(ip, env, { signal });
          if (result === 'temperror')
            return temperror({ detail: { list: name, asked: [], trouble: 'reverse-dns', reason } });
          return query(subjects(confirmed), env, signal);
        },
        table,
        { ...checkOptions, earliest: 'connect' },
      );
    case 'helo':
      return defineCheck(
        'name-list',
        ({ helo }: SourceFacts['helo'], env, signal) => query(subjects([helo.domain]), env, signal),
        table,
        { ...checkOptions, earliest: 'helo' },
      );
    case 'sender':
      return defineCheck(
        'name-list',
        ({ reversePath }: SourceFacts['sender'], env, signal) => query(subjects([reversePath?.domain]), env, signal),
        table,
        { ...checkOptions, earliest: 'mail' },
      );
    default:
      return defineCheck(
        'name-list',
        (facts: never, env, signal) => {
          const names = of(facts);
          return query(subjects(Array.isArray(names) ? names : [names]), env, signal);
        },
        table,
        checkOptions,
      );
  }
}
