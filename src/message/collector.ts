import type { DomainName } from '../net/index.ts';
import { detach } from './escapes.ts';
import type { LinkPlace, MailHost, MessageUri, Truncation, WrappedUri } from './facts.ts';
import { domainOf, isAddress, isPublicName, isUnlistedName, isWebScheme } from './host.ts';
import type { ResolvedLimits } from './limits.ts';
import { type LinkContext, mailHostOf, type ParsedLink } from './link.ts';
import { isShortener } from './shorteners.ts';
import { unwrap } from './wrapped.ts';

/**
 * Collects links, each once per part and kind of place. Keeps the first half and the last half of the limit, and at most
 * a tenth for one host, so that a flood of links at either end does not hide the rest.
 */
export class UriCollector {
  readonly context: LinkContext;
  readonly schemedOnly: LinkContext;
  readonly limits: ResolvedLimits;
  private readonly first: MessageUri[] = [];
  /** A ring: the oldest is at `oldest`. */
  private readonly last: MessageUri[] = [];
  private oldest = 0;
  private readonly byUri = new Map<string, MessageUri[]>();
  private readonly ofHost = new Map<string, number>();
  private readonly mails = new Map<string, MailHost>();
  private readonly exceeded = new Set<Truncation['limit']>();
  private readonly half: number;
  private readonly perHost: number;

  constructor(limits: ResolvedLimits) {
    this.limits = limits;
    this.context = { maxLength: limits.linkLength, bareNames: true };
    this.schemedOnly = { maxLength: limits.linkLength, bareNames: false };
    this.half = Math.ceil(limits.links / 2);
    this.perHost = Math.ceil(limits.links / 10);
  }

  /** Records a limit that was reached. */
  exceed(limit: Truncation['limit']): void {
    this.exceeded.add(limit);
  }

  /** Adds a link and the links inside it. In text, only `http` and `https` lead to a host without a public suffix. */
  link(link: ParsedLink, where: LinkPlace, disguised = false): void {
    const { host } = link;
    const unlisted = isWebScheme(link.scheme) && isUnlistedName(host);
    if (where.kind !== 'attribute' && !isAddress(host) && !isPublicName(host) && !unlisted) return;
    if (this.kept(link.uri, where) !== undefined) return;
    const wrapped = unwrap(link, this.context);
    const domain = domainOf(host);
    const found: Mutable<MessageUri> = { uri: detach(link.uri), host: detach(host), where };
    if (domain !== undefined) found.domain = domain;
    if (isShortener(host, domain)) found.shortener = true;
    if (disguised) found.disguised = true;
    if (wrapped.length > 0) found.wrapped = wrapped.map(detached);
    this.keep(found);
    for (const inner of found.wrapped ?? []) {
      if (this.kept(inner.uri, where) !== undefined) continue;
      const own: Mutable<MessageUri> = { uri: inner.uri, host: inner.host, inside: found.uri, where };
      if (inner.domain !== undefined) own.domain = inner.domain;
      if (isShortener(inner.host, inner.domain)) own.shortener = true;
      this.keep(own);
    }
  }

  /** Records that the visible text of `link` shows `host`. */
  shows(link: ParsedLink, where: LinkPlace, host: string): void {
    const uri = this.kept(link.uri, where) as Mutable<MessageUri> | undefined;
    if (uri === undefined || uri.displayed !== undefined) return;
    // The text shows the destination of a rewritten link, which is not deceptive.
    if (uri.wrapped?.some((inner) => sameSite(inner.host, host)) === true) return;
    uri.displayed = host;
  }

  /** Adds the host of a `mailto:` link or a bare mail address. Ignores anything else. */
  mail(written: string, where: LinkPlace): void {
    const host = mailHostOf(written);
    if (host === undefined || isAddress(host) || !isPublicName(host)) return;
    const key = `${where.part} ${where.kind} ${host}`;
    if (this.mails.has(key)) return;
    if (this.mails.size >= this.limits.links) this.exceed('links');
    else this.mails.set(key, { host: detach(host) as DomainName, where });
  }

  private kept(uri: string, { part, kind }: LinkPlace): MessageUri | undefined {
    return this.byUri.get(uri)?.find(({ where }) => where.part === part && where.kind === kind);
  }

  private keep(uri: MessageUri): void {
    const count = this.ofHost.get(uri.host) ?? 0;
    if (count >= this.perHost) {
      this.exceed('links');
      return;
    }
    this.ofHost.set(uri.host, count + 1);
    if (this.first.length < this.half) this.first.push(uri);
    else if (this.last.length < this.limits.links - this.half) this.last.push(uri);
    else if (this.last.length === 0) {
      this.exceed('links');
      return;
    } else {
      this.exceed('links');
      this.forget(this.last[this.oldest] as MessageUri);
      this.last[this.oldest] = uri;
      this.oldest = (this.oldest + 1) % this.last.length;
    }
    const same = this.byUri.get(uri.uri);
    if (same === undefined) this.byUri.set(uri.uri, [uri]);
    else same.push(uri);
  }

  private forget(uri: MessageUri): void {
    const same = this.byUri.get(uri.uri);
    if (same !== undefined && same.length > 1) same.splice(same.indexOf(uri), 1);
    else this.byUri.delete(uri.uri);
    const count = (this.ofHost.get(uri.host) ?? 1) - 1;
    if (count > 0) this.ofHost.set(uri.host, count);
    else this.ofHost.delete(uri.host);
  }

  /** Adds the findings of another collector. */
  absorb(other: UriCollector): void {
    for (const uri of other.uris) if (this.kept(uri.uri, uri.where) === undefined) this.keep(uri);
    for (const [key, mail] of other.mails) if (this.mails.size < this.limits.links) this.mails.set(key, mail);
    for (const limit of other.exceeded) this.exceed(limit);
  }

  /** The host of the first link. */
  get firstHost(): string | undefined {
    return this.first[0]?.host;
  }

  get uris(): MessageUri[] {
    return [...this.first, ...this.last.slice(this.oldest), ...this.last.slice(0, this.oldest)];
  }

  get mailHosts(): MailHost[] {
    return [...this.mails.values()];
  }

  get truncated(): Truncation[] {
    return [...this.exceeded].map((limit) => ({ limit, value: this.limits[limit] }));
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const detached = (inner: WrappedUri): WrappedUri => ({ ...inner, uri: detach(inner.uri), host: detach(inner.host) });

/** Whether two hosts belong to one registrable domain, or are the same. */
export function sameSite(one: string, other: string): boolean {
  if (one === other) return true;
  const domain = domainOf(one);
  return domain !== undefined && domain === domainOf(other);
}
