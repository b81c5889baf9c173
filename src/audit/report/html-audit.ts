import type { AuditFinding } from '../finding.ts';
import { apart } from '../group.ts';
import type {
  CertificateAudit,
  DomainAudit,
  PublishedRecord,
  RecordsAudit,
  ServiceAudit,
  TlsAudit,
  TlsVersion,
} from '../report.ts';
import { domainMap } from './html-map.ts';
import { concerns, short } from './html-map-model.ts';
import { badge, entryOf, plural, type Standing, sign, standingOf, standings, worstStanding } from './html-marks.ts';
import { html, type Markup, nothing, type Piece } from './html-markup.ts';

/** Shows the audit data of a domain apart from the findings: the map, the services and the records. */
export function domainParts(audit: DomainAudit, finished: string): { map: Markup; rest: Markup } {
  return {
    map: domainMap(audit),
    rest: html`${servicesOf(audit, finished)}${recordsOf(audit)}`,
  };
}

const reachWords: { readonly [reach in ServiceAudit['reach']]: readonly [Standing, string] } = {
  open: ['good', 'open'],
  mute: ['fails', 'no greeting'],
  refused: ['fails', 'refused'],
  timeout: ['fails', 'timed out'],
  unreachable: ['fails', 'unreachable'],
  'no-service': ['fails', 'refuses service'],
  'wrong-protocol': ['fails', 'wrong protocol'],
  'broken-off': ['unknown', 'connection lost'],
};

/** Further services are collapsed. */
const MOST_SERVICES = 12;

function servicesOf({ domain, services, findings }: DomainAudit, finished: string): Markup {
  if (services.length === 0) return nothing;
  const parts = apart(findings).map(({ part }) => part);
  const judged = services.map((service) => ({ service, about: parts.filter((finding) => isAbout(finding, service)) }));
  const rank = ({ service, about }: Judged): number => standings.indexOf(connectionOf(service, about)[0]);
  const many = judged.length > MOST_SERVICES;
  const sorted = many ? [...judged].sort((a, b) => rank(a) - rank(b)) : judged;
  const table = (rows: readonly Judged[], label: string): Markup => html`<table role="table" aria-label="${label}">
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Service</th><th role="columnheader" scope="col">State</th><th role="columnheader" scope="col">TLS</th><th role="columnheader" scope="col">Certificate</th></tr></thead>
<tbody role="rowgroup">${rows.map((one) => serviceRows(one, finished))}</tbody>
</table>`;
  return html`<h3>Services</h3>
${table(sorted.slice(0, MOST_SERVICES), `Services of ${domain}`)}${
  many
    ? html`
<details><summary>${plural(sorted.length - MOST_SERVICES, 'more service')}</summary>
${table(sorted.slice(MOST_SERVICES), `More services of ${domain}`)}
</details>`
    : nothing
}`;
}

/** A service and the findings about it. */
interface Judged {
  readonly service: ServiceAudit;
  readonly about: readonly AuditFinding[];
}

/** Whether a finding concerns this service on this address. */
function isAbout({ subject, evidence }: AuditFinding, { host, port, address }: ServiceAudit): boolean {
  if (!concerns(subject, host, new Set([String(port)])) || !subject.includes(':')) return false;
  const other = evidence.some((line) => line.startsWith('address: '));
  return !other || evidence.includes(`address: ${address}`) || evidence.some((line) => line.startsWith('['));
}

/** Returns the worst state of a service. An open service is good only if it has no worse finding. */
function connectionOf({ reach }: ServiceAudit, about: readonly AuditFinding[]): readonly [Standing, string] {
  const [standing, word] = entryOf(reachWords, reach, ['unknown', reach]);
  const worst = worstStanding(about.map(standingOf));
  if (standing !== 'good' || about.length === 0 || worst === 'remark') return [standing, word];
  const first = about.find((finding) => standingOf(finding) === worst);
  return first === undefined ? [standing, word] : [worst, short(first)];
}

function serviceRows({ service, about: found }: Judged, finished: string): Markup {
  const { host, address, port, preference, because } = service;
  const [standing, word] = connectionOf(service, found);
  const about = preference === undefined ? entryOf(becauseWords, because, because) : `MX, preference ${preference}`;
  return html`<tr role="row" class="service"><th role="rowheader" scope="row"><span class="name">${host}:${port}</span><br><span class="muted">${service.service} (${about})</span></th><td role="cell" data-label="State"><div class="cell">${badge(standing, word)}<br><span class="name muted">${address}</span></div></td><td role="cell" data-label="TLS"><div class="cell">${tlsOf(service)}</div></td><td role="cell" data-label="Certificate"><div class="cell">${certificateOf(service.session?.certificate, finished)}</div></td></tr>
${detailsOf(service)}`;
}

const becauseWords: { readonly [because in ServiceAudit['because']]: string } = {
  mx: 'MX',
  srv: 'SRV record',
  'usual-name': 'usual name',
  given: 'option',
};

function tlsOf({ tls, starttls, session, reach }: ServiceAudit): Markup {
  if (reach !== 'open' && session === undefined) return html`<span class="muted">not reached</span>`;
  const [standing, word]: readonly [Standing, string] =
    starttls === 'failed'
      ? ['fails', 'handshake fails']
      : starttls === 'missing'
        ? ['fails', 'not offered']
        : session === undefined && starttls === undefined
          ? ['unknown', 'not checked']
          : ['good', tls === 'implicit' ? 'implicit TLS' : 'STARTTLS'];
  return html`${badge(standing, word)}${session === undefined ? nothing : versionsOf(session)}`;
}

const versionNames: readonly (readonly [TlsVersion, string])[] = [
  ['TLSv1', '1.0'],
  ['TLSv1.1', '1.1'],
  ['TLSv1.2', '1.2'],
  ['TLSv1.3', '1.3'],
];

function versionsOf({ versions, dane }: TlsAudit): Markup {
  const tried = versionNames.flatMap(([version, name]) => {
    const accepted = versions[version];
    if (accepted === undefined) return [];
    const old = version === 'TLSv1' || version === 'TLSv1.1';
    const standing: Standing = accepted ? (old ? 'weak' : 'good') : 'plain';
    return [html`<li>${sign(standing)} ${name} ${accepted ? (old ? 'accepted, obsolete' : 'accepted') : 'no'}</li>`];
  });
  const daneWords = dane === undefined ? undefined : entryOf(daneStandings, dane, ['unknown', dane]);
  return html`${tried.length === 0 ? nothing : html`<ul class="versions">${tried}</ul>`}${
    daneWords === undefined ? nothing : html`<span class="muted">DANE: ${sign(daneWords[0])} ${daneWords[1]}</span>`
  }`;
}

const daneStandings: { readonly [dane in NonNullable<TlsAudit['dane']>]: readonly [Standing, string] } = {
  match: ['good', 'matches'],
  mismatch: ['fails', 'does not match'],
  unsigned: ['weak', 'zone not signed'],
  unusable: ['weak', 'not usable'],
};

const DAY = 86_400_000;

function certificateOf(certificate: CertificateAudit | undefined, finished: string): Markup {
  if (certificate === undefined) return html`<span class="muted">none</span>`;
  const { notAfter, notBefore, chain, nameMatches } = certificate;
  const left = Math.floor((Date.parse(notAfter) - Date.parse(finished)) / DAY);
  const early = Date.parse(notBefore) > Date.parse(finished);
  const [standing, word]: readonly [Standing, string] = Number.isNaN(left)
    ? ['unknown', 'expiry unknown']
    : left < 0
      ? ['fails', `expired ${plural(-left, 'day')} ago`]
      : early
        ? ['fails', 'not yet valid']
        : left < 14
          ? ['weak', `${plural(left, 'day')} left`]
          : ['good', `${plural(left, 'day')} left`];
  const trouble: Piece[] = [
    ...(nameMatches ? [] : [html`<br>${badge('fails', 'hostname mismatch')}`]),
    ...(chain === 'valid' || left < 0 ? [] : [html`<br>${badge('fails', 'invalid chain')}`]),
  ];
  return html`${badge(standing, word)}${trouble}<br><span class="muted">until ${notAfter.slice(0, 10)}</span>`;
}

function detailsOf(service: ServiceAudit): Markup {
  const { host, port, address, greeting, greetingMs, capabilities, session, relay } = service;
  const certificate = session?.certificate;
  const rows: Piece[] = [];
  const row = (name: string, value: Piece): void => {
    if (value !== undefined && value !== '') rows.push(html`<dt>${name}</dt><dd>${value}</dd>`);
  };
  row('Greeting', greeting === undefined ? undefined : html`<code>${greeting}</code>`);
  row('Time to greeting', greetingMs === undefined ? undefined : `${greetingMs} ms`);
  row('Negotiated', [session?.negotiated, session?.cipher].filter((part) => part !== undefined).join(', '));
  if (certificate !== undefined) {
    row('Names', html`<code>${certificate.names.join(', ')}</code>`);
    row('Subject', html`<code>${certificate.subject}</code>`);
    row('Issuer', html`<code>${certificate.issuer}</code>`);
    row('Chain', `${certificate.chain}${certificate.selfSigned ? ', self-signed' : ''}`);
    row('Valid', `${certificate.notBefore.slice(0, 10)} to ${certificate.notAfter.slice(0, 10)}`);
    row('Key', `${certificate.key}, signed with ${certificate.signature}`);
    row('SHA-256', html`<code>${certificate.fingerprint}</code>`);
  }
  const offers = (list: readonly string[] | undefined, when: string): Markup =>
    list === undefined
      ? nothing
      : html`<div><h4 class="minor">${when}</h4><pre>${list.length === 0 ? 'nothing' : list.join('\n')}</pre></div>`;
  const offered =
    capabilities === undefined
      ? nothing
      : html`<div class="two">${offers(capabilities.before, service.tls === 'implicit' ? 'Offered' : 'Offered before TLS')}${offers(capabilities.after, service.tls === 'implicit' ? 'Offered inside TLS' : 'Offered after TLS')}</div>`;
  const forms =
    relay === undefined || relay.length === 0
      ? nothing
      : html`<h4 class="minor">Relay test with ${plural(relay.length, 'form')} of a foreign address</h4>
<dl>${relay.map(({ form, path, reply, accepted }) => html`<dt>${sign(accepted ? 'fails' : 'good')} ${form}: ${accepted ? 'accepted' : 'refused'}</dt><dd><code>${path}</code><br><span class="muted">${reply}</span></dd>`)}</dl>`;
  if (rows.length === 0 && offered === nothing && forms === nothing) return nothing;
  return html`<tr role="row" class="more"><td role="cell" colspan="4"><details><summary>More about ${host}:${port}, ${address}</summary>${rows.length === 0 ? nothing : html`<dl>${rows}</dl>`}${offered}${forms}</details></td></tr>
`;
}

const recordStates: { readonly [state in PublishedRecord['state']]: readonly [Standing, string] } = {
  found: ['good', 'found'],
  missing: ['weak', 'missing'],
  invalid: ['fails', 'invalid'],
  'could-not-check': ['unknown', 'unknown'],
};

function recordsOf({ domain, records }: DomainAudit): Markup {
  const rows = recordRows(records);
  const further = html`${srvTable(domain, records.srv)}${ptrTable(domain, records.ptr)}${dnssecTable(domain, records.dnssec)}${caaTable(domain, records.caa)}${listTable(domain, records.lists)}`;
  if (rows.length === 0 && further.text === '') return nothing;
  return html`<h3>Records</h3>
${
  rows.length === 0
    ? nothing
    : html`<table role="table" aria-label="Records of ${domain}">
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Record</th><th role="columnheader" scope="col">State</th><th role="columnheader" scope="col">Text</th></tr></thead>
<tbody role="rowgroup">${rows}</tbody>
</table>`
}${further}`;
}

function recordRows(records: RecordsAudit): readonly Markup[] {
  const row = (name: string, record: PublishedRecord | undefined, also?: string): readonly Markup[] => {
    if (record === undefined) return [];
    const [standing, word] = entryOf(recordStates, record.state, ['unknown', record.state]);
    return [
      html`<tr role="row"><th role="rowheader" scope="row">${name}</th><td role="cell" data-label="State"><div class="cell">${badge(standing, word)}</div></td><td role="cell" data-label="Text"><div class="cell">${record.text === undefined ? html`<span class="muted">none</span>` : html`<code>${record.text}</code>`}${also === undefined ? nothing : html`<br><span class="muted">${also}</span>`}</div></td></tr>`,
    ];
  };
  const policy = records.mtaSts?.policy;
  return [
    ...row('SPF', records.spf),
    ...(records.dkim ?? []).flatMap((key) => row(`DKIM ${key.selector}`, key)),
    ...row('DMARC', records.dmarc),
    ...row(
      'MTA-STS',
      records.mtaSts,
      policy === undefined
        ? undefined
        : `policy: ${policy.mode}, ${plural(policy.maxAge, 'second')}, for ${policy.mx.join(', ')}`,
    ),
    ...row('TLS-RPT', records.tlsRpt),
  ];
}

/** A collapsed table. */
function plainTable(
  name: string,
  summary: string,
  heads: readonly string[],
  rows: readonly (readonly Piece[])[],
): Markup {
  return html`<details><summary>${summary}</summary>
<table role="table" aria-label="${name}">
<thead role="rowgroup"><tr role="row">${heads.map((head) => html`<th role="columnheader" scope="col">${head}</th>`)}</tr></thead>
<tbody role="rowgroup">${rows.map(
    ([first, ...others]) =>
      html`<tr role="row"><th role="rowheader" scope="row">${first}</th>${others.map(
        (piece, index) => html`<td role="cell" data-label="${heads[index + 1]}"><div class="cell">${piece}</div></td>`,
      )}</tr>`,
  )}</tbody>
</table></details>`;
}

const name = (text: string): Markup => html`<span class="name">${text}</span>`;

const srvTable = (domain: string, srv: RecordsAudit['srv']): Markup =>
  srv === undefined || srv.length === 0
    ? nothing
    : plainTable(
        `SRV records of ${domain}`,
        `SRV records of ${domain}: ${srv.length}`,
        ['Service', 'Target', 'Port', 'Priority', 'Weight'],
        srv.map(({ service, target, port, priority, weight }) => [service, name(target), port, priority, weight]),
      );

const ptrTable = (domain: string, ptr: RecordsAudit['ptr']): Markup =>
  ptr === undefined || ptr.length === 0
    ? nothing
    : plainTable(
        `Reverse DNS of ${domain}`,
        `Reverse DNS of ${domain}: ${ptr.length}`,
        ['Address', 'Names', 'Forward-confirmed'],
        ptr.map(({ address, names, confirmed }) => [
          name(address),
          names.length === 0 ? 'none' : name(names.join(', ')),
          confirmed ? badge('good', 'yes') : badge('weak', 'no'),
        ]),
      );

const signedWords: {
  readonly [state in NonNullable<RecordsAudit['dnssec']>[number]['state']]: readonly [Standing, string];
} = { signed: ['good', 'signed'], unsigned: ['plain', 'not signed'], unknown: ['unknown', 'unknown'] };

const dnssecTable = (domain: string, dnssec: RecordsAudit['dnssec']): Markup =>
  dnssec === undefined || dnssec.every(({ state }) => state === 'unknown')
    ? nothing
    : plainTable(
        `DNSSEC of ${domain} and its MX hosts`,
        'DNSSEC',
        ['Name', 'State'],
        dnssec.map((one) => [name(one.name), badge(...entryOf(signedWords, one.state, ['unknown', one.state]))]),
      );

const caaTable = (domain: string, caa: RecordsAudit['caa']): Markup =>
  caa === undefined || caa.every(({ records }) => records.length === 0)
    ? nothing
    : plainTable(
        `CAA records of the MX hosts of ${domain}`,
        'CAA records',
        ['Host', 'Published at', 'Records'],
        caa.map((one) => [name(one.host), name(one.name ?? 'none'), html`<code>${one.records.join(', ')}</code>`]),
      );

const listWords: {
  readonly [result in NonNullable<RecordsAudit['lists']>[number]['result']]: readonly [Standing, string];
} = { listed: ['fails', 'listed'], 'not-listed': ['good', 'not listed'], broken: ['unknown', 'unusable list'] };

const listTable = (domain: string, lists: RecordsAudit['lists']): Markup =>
  lists === undefined || lists.length === 0
    ? nothing
    : plainTable(
        `DNS list lookups of ${domain}`,
        `DNS lists: ${lists.length}`,
        ['List', 'Address', 'Answer'],
        lists.map(({ address, list, result }) => [
          name(list),
          name(address),
          badge(...entryOf(listWords, result, ['unknown', result])),
        ]),
      );
