import type { DomainName } from '../net/index.ts';

/** The position of a link in the message. Plain JSON. */
export interface LinkPlace {
  /** The part, numbered as in IMAP (RFC 9051 §6.4.5): `1.2`; `''` for the message's own header or for plain input text. */
  readonly part: string;
  /**
   * - `text`: visible text, plain or between tags
   * - `attribute`: an attribute with a link; `name` names it (`a href`)
   * - `style`: CSS `url()` or `@import`
   * - `header`: a header field; `name` names it (`subject`)
   * - `calendar`: an invitation or a contact
   * - `document`: a link annotation in an attached document
   */
  readonly kind: 'text' | 'attribute' | 'style' | 'header' | 'calendar' | 'document';
  readonly name?: string;
}

/** A link inside another link. */
export interface WrappedUri {
  readonly uri: string;
  readonly host: string;
  readonly domain?: DomainName;
  /** The name of the rewriting service, or `nested` for a link in another link's path, query or fragment. */
  readonly by: string;
}

/** One link. */
export interface Uri {
  /** The link as a mail program follows it: entities and escapes resolved, `http://` added to a name without a scheme. */
  readonly uri: string;
  /** Lower case, A-labels, no trailing dot; dotted IPv4; IPv6 as in RFC 5952, without brackets. */
  readonly host: string;
  /** The registrable domain, including private suffixes; absent for an address, a single label or an unlisted suffix. */
  readonly domain?: DomainName;
  /** The links inside this one, outermost first, at every depth. Each also has its own entry in the list. */
  readonly wrapped?: readonly WrappedUri[];
  /** The link that contains this one. */
  readonly inside?: string;
  /** The host is a public link shortener, so the destination is unknown. */
  readonly shortener?: true;
  /** The host in the visible text of the link, if it is in another domain than `host`: a sign of phishing. */
  readonly displayed?: string;
  /** The text hides the link from programs: `hxxp`, `[.]`, spaced-out letters. */
  readonly disguised?: true;
}

/** A link with its position in the message. */
export interface MessageUri extends Uri {
  readonly where: LinkPlace;
}

/** A part of the message. */
export interface Part {
  /** Numbered as in IMAP: `1`, `1.2`; `''` is the message itself. */
  readonly part: string;
  /** The media type in lower case; `text/plain` if the header has none (RFC 2045 §5.2). */
  readonly type: string;
  /** The transfer encoding that was used to read the part. It may differ from the declared one. */
  readonly encoding: 'identity' | 'base64' | 'quoted-printable' | 'uuencode';
  readonly charset?: string;
  readonly filename?: string;
  readonly disposition?: 'inline' | 'attachment';
  /** The size of the body in bytes, as transferred. */
  readonly size: number;
}

/** A limit that was reached, so that the facts are incomplete. */
export interface Truncation {
  readonly limit: 'bytes' | 'parts' | 'depth' | 'links' | 'linkLength' | 'headers' | 'value';
  /** The limit's value. */
  readonly value: number;
}

/** A header field of the message. */
export interface MessageField {
  /** The name as written. */
  readonly name: string;
  /** Unfolded, with encoded words (RFC 2047) decoded. */
  readonly value: string;
  /** Unfolded but not decoded; present if it differs from `value`. */
  readonly raw?: string;
}

/** The domain of a mail address in the text or links of the message. */
export interface MailHost {
  readonly host: DomainName;
  readonly where: LinkPlace;
}

/** The contents of a message, for checks at the `data` stage. Plain JSON. */
export interface MessageFacts {
  /** The size of the message in bytes, including bytes beyond the limit. */
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
