import type { DomainName } from '../net/index.ts';
import { detach } from './escapes.ts';
import type { MailHost, MessageUri, Place, Truncation, WrappedUri } from './facts.ts';
import { domainOf, isAddress, isPublicName } from './host.ts';
import type { ResolvedLimits } from './limits.ts';
import { type LinkContext, mailHostOf, type ParsedLink } from './link.ts';
import { isShortener } from './shorteners.ts';
import { unwrap } from './wrapped.ts';

/**
 * Keeps the links that are found: each once for each kind of place in a part, the first half and the last half of the
 * limit, and of one host no more than a tenth, so that neither a flood at the end nor one at the beginning hides the rest.
 */
export class UriCollector {
  readonly context: LinkContext;
  readonly limits: ResolvedLimits;
  private readonly first = new Map<string, MessageUri>();
  private readonly last = new Map<string, MessageUri>();
  private readonly ofHost = new Map<string, number>();
  private readonly mails = new Map<string, MailHost>();
  private readonly exceeded = new Set<Truncation['limit']>();
  private readonly half: number;
  private readonly perHost: number;

  constructor(limits: ResolvedLimits) {
    this.limits = limits;
    this.context = { maxLength: limits.linkLength, bareNames: true };
    this.half = Math.ceil(limits.links / 2);
    this.perHost = Math.max(1, Math.ceil(limits.links / 10));
  }

  /** A bound was met. */
  exceed(limit: Truncation['limit']): void {
    this.exceeded.add(limit);
  }

  /** A link, and the links that it carries. In `text` a host must have a public suffix or be an address. */
  link(link: ParsedLink, where: Place, disguised = false): void {
    if (where.kind !== 'attribute' && !isAddress(link.host) && !isPublicName(link.host)) return;
    const key = keyOf(link.uri, where);
    if (this.first.has(key) || this.last.has(key)) return;
    const wrapped = unwrap(link, this.context).map(detached);
    const domain = domainOf(link.host);
    this.keep(key, {
      uri: detach(link.uri),
      host: detach(link.host),
      ...(domain === undefined ? {} : { domain }),
      ...(wrapped.length > 0 ? { wrapped } : {}),
      ...(isShortener(link.host, domain) ? { shortener: true as const } : {}),
      ...(disguised ? { disguised: true as const } : {}),
      where,
    });
    for (const inner of wrapped) {
      this.keep(keyOf(inner.uri, where), {
        uri: inner.uri,
        host: inner.host,
        ...(inner.domain === undefined ? {} : { domain: inner.domain }),
        ...(isShortener(inner.host, inner.domain) ? { shortener: true as const } : {}),
        inside: link.uri,
        where,
      });
    }
  }

  /** The reader of `link` is shown `host`. */
  shows(link: ParsedLink, where: Place, host: string): void {
    const key = keyOf(link.uri, where);
    const kept = this.first.has(key) ? this.first : this.last;
    const uri = kept.get(key);
    if (uri === undefined || uri.displayed !== undefined) return;
    // What is shown is where a rewritten link leads in the end: an honest link.
    if (uri.wrapped?.some((inner) => sameSite(inner.host, host)) === true) return;
    kept.set(key, { ...uri, displayed: host });
  }

  /** `mailto:` or a bare mail address; anything else is passed over. */
  mail(written: string, where: Place): void {
    const host = mailHostOf(written);
    if (host === undefined || isAddress(host) || !isPublicName(host)) return;
    const key = keyOf(host, where);
    if (this.mails.has(key)) return;
    if (this.mails.size >= this.limits.links) this.exceed('links');
    else this.mails.set(key, { host: detach(host) as DomainName, where });
  }

  private keep(key: string, uri: MessageUri): void {
    if (this.first.has(key) || this.last.has(key)) return;
    const count = this.ofHost.get(uri.host) ?? 0;
    if (count >= this.perHost) {
      this.exceed('links');
      return;
    }
    this.ofHost.set(uri.host, count + 1);
    if (this.first.size < this.half) {
      this.first.set(detach(key), uri);
      return;
    }
    this.last.set(detach(key), uri);
    if (this.last.size > this.limits.links - this.half) this.dropOldest();
  }

  private dropOldest(): void {
    this.exceed('links');
    for (const [key, { host }] of this.last) {
      this.last.delete(key);
      const count = (this.ofHost.get(host) ?? 1) - 1;
      if (count > 0) this.ofHost.set(host, count);
      else this.ofHost.delete(host);
      return;
    }
  }

  /** Takes over what another collector has found. */
  absorb(other: UriCollector): void {
    for (const found of [other.first, other.last]) for (const [key, uri] of found) this.keep(key, uri);
    for (const [key, mail] of other.mails) if (this.mails.size < this.limits.links) this.mails.set(key, mail);
    for (const limit of other.exceeded) this.exceed(limit);
  }

  /** The host of the first link. */
  get firstHost(): string | undefined {
    for (const uri of this.first.values()) return uri.host;
    return undefined;
  }

  get uris(): MessageUri[] {
    return [...this.first.values(), ...this.last.values()];
  }

  get mailHosts(): MailHost[] {
    return [...this.mails.values()];
  }

  get truncated(): Truncation[] {
    return [...this.exceeded].map((limit) => ({ limit, value: this.limits[limit] }));
  }
}

const keyOf = (uri: string, { part, kind }: Place): string => `${part} ${kind} ${uri}`;

const detached = (inner: WrappedUri): WrappedUri => ({ ...inner, uri: detach(inner.uri), host: detach(inner.host) });

/** Whether two hosts belong to one registrable domain, or are the same. */
export function sameSite(one: string, other: string): boolean {
  if (one === other) return true;
  const domain = domainOf(one);
  return domain !== undefined && domain === domainOf(other);
}
