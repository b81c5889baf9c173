import { plural, severityBadge, standingOf } from './html-marks.ts';
import type { Piece } from './html-markup.ts';
import { html, type Markup, nothing } from './html-markup.ts';
import type { SheetFinding } from './sheet.ts';

/** A finding with its anchor. */
export interface PlacedFinding {
  readonly finding: SheetFinding;
  /** Its `id` in the page. */
  readonly place: string;
}

/** Lists all findings in the order of the report. `probes` names what ran. */
export function findingList(placed: readonly PlacedFinding[], probes: string): Markup {
  if (placed.length === 0) return html`<p>No findings${probes === '' ? '' : ` from these probes: ${probes}`}.</p>`;
  return html`<ol class="findings">${placed.map(({ finding, place }) => findingItem(finding, place))}</ol>`;
}

/** Longer evidence is collapsed. */
const MOST_LINES = 8;

function findingItem(finding: SheetFinding, place: string): Markup {
  const { id, severity, kind, subject, title, what, source, fix, evidence, probe } = finding;
  const tone = standingOf(finding) === 'unknown' ? 'unknown' : severity;
  return html`<li class="finding tone-${tone}" id="${place}">
<header>${severityBadge(severity, kind)}<span class="subject name">${subject}</span></header>
<h4>${title}</h4>
${title === what ? nothing : html`<p>${what}</p>`}
<p class="fix"><strong>How to fix it:</strong> ${fix}</p>
${
  evidence.length === 0
    ? nothing
    : evidence.length > MOST_LINES
      ? html`<details class="evidence"><summary>Evidence, ${plural(evidence.length, 'line')}</summary><pre>${evidence.join('\n')}</pre></details>`
      : html`<div class="evidence"><span class="muted">${evidence.length === 1 ? 'Evidence' : `Evidence, ${plural(evidence.length, 'line')}`}</span><pre>${evidence.join('\n')}</pre></div>`
}
<p class="meta"><span>Source: ${sourceLinks(source)}</span><span>Probe: ${probe}</span><span><a href="#${place}" aria-label="Link to this finding: ${id} of ${subject}">${id}</a></span></p>
</li>
`;
}

const reference =
  /RFC (\d{1,5})(?: (?:§|section )(\d+(?:\.\d+)*))?|§(\d+(?:\.\d+)*)|\bappendix ([A-Z])\b|CVE-\d{4}-\d{4,7}/g;

/** Links each RFC, section and CVE in the source of a finding. */
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
