import type { DomainName } from '../net/index.ts';

/** Where in the message a link stands. Plain JSON. */
export interface LinkPlace {
  /** The part, numbered as in IMAP (RFC 9051 §6.4.5): `1.2`; `''` for the message's own header or for loose text. */
  readonly part: string;
  /**
   * - `text`: words that a reader sees, in plain text or between tags
   * - `attribute`: an attribute that holds a link; `name` says which (`a href`)
   * - `style`: CSS `url()` or `@import`
   * - `header`: a header field; `name` says which (`subject`)
   * - `calendar`: an invitation or a contact
   * - `document`: a link annotation in an attached document
   */
  readonly kind: 'text' | 'attribute' | 'style' | 'header' | 'calendar' | 'document';
  readonly name?: string;
}

/** A link that another link carries. */
export interface WrappedUri {
  readonly uri: string;
  readonly host: string;
  readonly domain?: DomainName;
  /** What carries it: the name of a known service, or `nested` for a link in another link's path, query or fragment. */
  readonly by: string;
}

/** One link. */
export interface Uri {
  /** The link as its reader would follow it: entities and escapes resolved, `http://` put before a name without a scheme. */
  readonly uri: string;
  /** Lower case, A-labels, no trailing dot; dotted IPv4; IPv6 as in RFC 5952, without brackets. */
  readonly host: string;
  /** The registrable domain, private suffixes counted; absent for an address, a single label or an unlisted suffix. */
  readonly domain?: DomainName;
  /** The links inside this one, outermost first, at every depth. In a list each of them also has an entry of its own. */
  readonly wrapped?: readonly WrappedUri[];
  /** The link that carries this one. */
  readonly inside?: string;
  /** The host is a public link shortener: where it leads cannot be known without asking it. */
  readonly shortener?: true;
  /** The reader sees this host, but would be led to `host` (which is in no domain of it): the mark of phishing. */
  readonly displayed?: string;
  /** The text was written so that programs would not see a link: `hxxp`, `[.]`, spaced-out letters. */
  readonly disguised?: true;
}

export interface MessageUri extends Uri {
  readonly where: LinkPlace;
}

/** One part of the message, in the order in which they come. */
export interface Part {
  /** Numbered as in IMAP: `1`, `1.2`; `''` is the message itself. */
  readonly part: string;
  /** Media type in lower case; `text/plain` where none is given (RFC 2045 §5.2). */
  readonly type: string;
  /** Transfer encoding that was used to read it, which may differ from the one declared. */
  readonly encoding: 'identity' | 'base64' | 'quoted-printable' | 'uuencode';
  readonly charset?: string;
  readonly filename?: string;
  readonly disposition?: 'inline' | 'attachment';
  /** Octets of the body as transferred. */
  readonly size: number;
}

/** A bound that was met, so that there is more in the message than is told here. */
export interface Truncation {
  readonly limit: 'bytes' | 'parts' | 'depth' | 'links' | 'linkLength' | 'headers' | 'value';
  /** The limit's value. */
  readonly value: number;
}

/** A header field of the message itself, in order. */
export interface MessageField {
  /** As written. */
  readonly name: string;
  /** Unfolded, with encoded words (RFC 2047) decoded. */
  readonly value: string;
  /** Unfolded but not decoded; given where it differs from `value`. */
  readonly raw?: string;
}

/** A mail address that the message names in its text or links. */
export interface MailHost {
  readonly host: DomainName;
  readonly where: LinkPlace;
}

/** What a message says, as plain JSON: what checks at the data stage know of it. */
export interface MessageFacts {
  /** Octets that were written, also those beyond the limit. */
  readonly size: number;
  readonly headers: readonly MessageField[];
  /** The domains of the mailboxes in the From fields. */
  readonly from: readonly DomainName[];
  readonly uris: readonly MessageUri[];
  /** Domains of mail addresses in the body and in `mailto:` links. */
  readonly mailHosts: readonly MailHost[];
  readonly parts: readonly Part[];
  readonly truncated: readonly Truncation[];
}
