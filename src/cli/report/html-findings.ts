import type { AuditFinding } from '../../audit/index.ts';
import { plural, severityBadge, standingOf } from './html-marks.ts';
import { html, type Markup, nothing } from './html-markup.ts';
import { sourceLinks } from './html-sources.ts';
import { titleOf as titleOfKind } from './sheet.ts';

/** A finding of any report. */
export interface ShownFinding extends Omit<AuditFinding, 'id' | 'probe'> {
  readonly id: string;
  readonly probe: string;
  readonly title?: string;
}

/** A finding that can be pointed at. */
export interface PlacedFinding {
  readonly finding: ShownFinding;
  /** Its `id` in the page. */
  readonly place: string;
}

/** What a finding is called: its own title, its kind's, or what it says. */
export const titleOf = ({ id, title, what }: ShownFinding): string => title ?? titleOfKind(id) ?? what;

/** All findings, the worst first, as they stand in the report. */
export function findingList(placed: readonly PlacedFinding[], asked: string): Markup {
  if (placed.length === 0)
    return html`<p>Nothing was found among what was looked at${asked === '' ? '' : `: ${asked}`}.</p>`;
  return html`<ol class="findings">${placed.map(({ finding, place }) => findingItem(finding, place))}</ol>`;
}

/** More lines of evidence are folded away. */
const MOST_LINES = 8;

function findingItem(finding: ShownFinding, place: string): Markup {
  const { id, severity, kind, subject, what, source, fix, evidence, probe } = finding;
  const title = titleOf(finding);
  const tone = standingOf(finding) === 'unknown' ? 'unknown' : severity;
  return html`<li class="finding tone-${tone}" id="${place}">
<header>${severityBadge(severity, kind)}<span class="subject name">${subject}</span></header>
<h4>${title}</h4>
${title === what ? nothing : html`<p>${what}</p>`}
<p class="mend"><strong>How to mend it:</strong> ${fix}</p>
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
