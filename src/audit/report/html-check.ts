import type { CheckAnswer, CheckedMessage, CheckedSubject } from './check-report.ts';
import { sourceLinks } from './html-findings.ts';
import { badge, entryOf, plural, type Standing } from './html-marks.ts';
import { html, type Markup, nothing } from './html-markup.ts';

const resultStandings: { readonly [result in CheckAnswer['result']]: Standing } = {
  pass: 'good',
  none: 'plain',
  neutral: 'plain',
  info: 'remark',
  softfail: 'weak',
  fail: 'fails',
  permerror: 'weak',
  temperror: 'unknown',
};

/** Shows the answers about an address, sender or message. */
export function checkParts({ subject, answers, message }: CheckedSubject): Markup {
  return html`<h3>Answers</h3>
<table role="table" aria-label="Answers about ${subject}">
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Check</th><th role="columnheader" scope="col">Subject</th><th role="columnheader" scope="col">Result</th><th role="columnheader" scope="col">Reason</th></tr></thead>
<tbody role="rowgroup">${answers.map(answerRow)}</tbody>
</table>${message === undefined ? nothing : messageParts(message)}`;
}

function answerRow({ check, subject, result, reason, evidence, source }: CheckAnswer): Markup {
  return html`<tr role="row"><th role="rowheader" scope="row">${check}</th><td role="cell" data-label="Subject"><div class="cell"><span class="name">${subject}</span></div></td><td role="cell" data-label="Result"><div class="cell">${badge(entryOf(resultStandings, result, 'unknown'), result)}</div></td><td role="cell" data-label="Reason"><div class="cell">${reason}${
    evidence.length === 0
      ? nothing
      : html`<details><summary>Evidence for ${check}, ${subject}</summary><pre>${evidence.join('\n')}</pre></details>`
  }<span class="muted after">${sourceLinks(source)}</span></div></td></tr>
`;
}

function messageParts({ size, from, subject, parts, uris, uriCount, truncated }: CheckedMessage): Markup {
  return html`<h3>Message</h3>
<dl><dt>From</dt><dd>${from.length === 0 ? 'none' : html`<span class="name">${from.join(', ')}</span>`}</dd>${
    subject === undefined ? nothing : html`<dt>Subject</dt><dd>${subject}</dd>`
  }<dt>Size</dt><dd>${plural(size, 'byte')}</dd>${
    truncated.length === 0
      ? nothing
      : html`<dt>Not read completely</dt><dd>${truncated.map(({ limit, value }) => `${limit}: more than ${value}`).join(', ')}</dd>`
  }</dl>
<h3>Parts</h3>
<table role="table" aria-label="Parts of the message">
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Part</th><th role="columnheader" scope="col">Type</th><th role="columnheader" scope="col">Name</th><th role="columnheader" scope="col">Bytes</th></tr></thead>
<tbody role="rowgroup">${parts.map(
    ({ part, type, charset, encoding, filename, size: bytes }) =>
      html`<tr role="row"><th role="rowheader" scope="row">${part === '' ? 'whole message' : part}</th><td role="cell" data-label="Type"><div class="cell">${type}<br><span class="muted">${[charset, encoding].filter((each) => each !== undefined).join(', ')}</span></div></td><td role="cell" data-label="Name"><div class="cell">${filename === undefined ? html`<span class="muted">none</span>` : html`<span class="name">${filename}</span>`}</div></td><td role="cell" data-label="Bytes"><div class="cell">${bytes}</div></td></tr>`,
  )}</tbody>
</table>
<h3>Links</h3>
${
  uris.length === 0
    ? html`<p>No links found.</p>`
    : html`<p class="muted">${plural(uriCount, 'link')}${uris.length < uriCount ? `; the first ${uris.length} are shown` : ''}. They are shown as text, not as links.</p>
<table role="table" aria-label="Links in the message">
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Host</th><th role="columnheader" scope="col">Link</th><th role="columnheader" scope="col">Where</th></tr></thead>
<tbody role="rowgroup">${uris.map(
        ({ uri, host, where, displayed, shortener, disguised, inside }) =>
          html`<tr role="row"><th role="rowheader" scope="row"><span class="name">${host}</span>${displayed === undefined ? nothing : html`<br>${badge('fails', 'shown as')} <span class="name">${displayed}</span>`}${shortener ? html`<br>${badge('remark', 'shortener')}` : nothing}${disguised ? html`<br>${badge('weak', 'disguised')}` : nothing}</th><td role="cell" data-label="Link"><div class="cell"><code>${uri}</code>${inside === undefined ? nothing : html`<br><span class="muted">inside another link</span>`}</div></td><td role="cell" data-label="Where"><div class="cell">${where.part === '' ? 'header' : `part ${where.part}`}, ${where.name ?? where.kind}</div></td></tr>`,
      )}</tbody>
</table>`
}`;
}
