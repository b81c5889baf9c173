import type { Piece } from './html-markup.ts';
import { html, type Markup } from './html-markup.ts';

const reference =
  /RFC (\d{1,5})(?: (?:§|section )(\d+(?:\.\d+)*))?|§(\d+(?:\.\d+)*)|\bappendix ([A-Z])\b|CVE-\d{4}-\d{4,7}/g;

/** The text of a finding's source, with each RFC, section and CVE as a link to where it can be read. */
export function sourceLinks(source: string): Markup {
  const pieces: Piece[] = [];
  let rfc: string | undefined;
  let end = 0;
  for (const match of source.matchAll(reference)) {
    const [text, number, section, alone, appendix] = match;
    rfc = number ?? rfc;
    const part = section ?? alone;
    const address = text.startsWith('CVE-')
      ? `https://www.cve.org/CVERecord?id=${text}`
      : rfc === undefined
        ? undefined
        : `https://www.rfc-editor.org/rfc/rfc${rfc}.html${
            part !== undefined ? `#section-${part}` : appendix !== undefined ? `#appendix-${appendix}` : ''
          }`;
    pieces.push(source.slice(end, match.index));
    pieces.push(
      address === undefined
        ? text
        : html`<a href="${address}" rel="noopener noreferrer"${
            alone === undefined && appendix === undefined ? '' : html` aria-label="RFC ${rfc} ${text}"`
          }>${text}</a>`,
    );
    end = match.index + text.length;
  }
  pieces.push(source.slice(end));
  return html`${pieces}`;
}
