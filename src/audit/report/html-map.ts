import type { DomainAudit } from '../report.ts';
import type { DomainMap, MapMxHost, MapNode } from './html-map-model.ts';
import { mapOf } from './html-map-model.ts';
import { badge, plural, standingWord } from './html-marks.ts';
import type { Piece } from './html-markup.ts';
import { anchor, html, type Markup, nothing, shortened } from './html-markup.ts';

/** Limit for a readable drawing. The table below the map lists all. */
const MOST_DRAWN = 10;

/** Draws the map of a domain: left to right for wide pages, as a tree for narrow ones, and as a table for screen readers. */
export function domainMap(audit: DomainAudit): Markup {
  const map = mapOf(audit);
  const drawn = forDrawing(map);
  const left = map.mxHosts.length - drawn.mxHosts.length;
  const { summary } = audit.redundancy;
  return html`<figure class="map">
<figcaption>${summary === '' ? `Mail flow of ${audit.domain}` : summary}</figcaption>
${across(drawn, audit.domain)}
${tree(drawn, audit.domain)}
${left > 0 ? html`<p class="muted">${plural(left, 'more MX host')} in the table.</p>` : nothing}
${
  map.mxHosts.length === 0
    ? nothing
    : html`<details><summary>Map of ${audit.domain} as a table</summary>
${table(map, audit.domain)}
</details>`
}
</figure>`;
}

/** Selects the failing MX hosts and the first others, with their addresses and networks. */
function forDrawing(map: DomainMap): DomainMap {
  if (map.addresses.length <= MOST_DRAWN && map.mxHosts.length <= MOST_DRAWN) return map;
  const mxHosts: MapMxHost[] = [];
  const addresses = new Set<number>();
  const failing = map.mxHosts.filter(({ standing }) => standing === 'fails');
  const most = new Set([...new Set([...failing, ...map.mxHosts])].slice(0, MOST_DRAWN));
  for (const mxHost of map.mxHosts.filter((one) => most.has(one))) {
    const room = Math.max(1, Math.min(4, MOST_DRAWN - addresses.size));
    const own = mxHost.addresses.slice(0, room);
    for (const index of own) addresses.add(index);
    mxHosts.push({
      ...mxHost,
      addresses: own,
      words:
        own.length < mxHost.addresses.length
          ? `${mxHost.words === '' ? '' : `${mxHost.words}, `}${mxHost.addresses.length} addresses`
          : mxHost.words,
    });
  }
  const places = [...addresses];
  const networks = [...new Set(places.flatMap((place) => map.addresses[place]?.network ?? []))];
  return {
    ...map,
    mxHosts: mxHosts.map((one) => ({ ...one, addresses: one.addresses.map((index) => places.indexOf(index)) })),
    addresses: places.flatMap((place) => {
      const address = map.addresses[place];
      if (address === undefined) return [];
      return [{ ...address, network: address.network === undefined ? undefined : networks.indexOf(address.network) }];
    }),
    networks: networks.flatMap((index) => map.networks[index] ?? []),
  };
}

const WIDTH = 1040;
const columns = [
  { x: 0, width: 196, title: 'Domain' },
  { x: 272, width: 256, title: 'MX hosts' },
  { x: 580, width: 222, title: 'Addresses' },
  { x: 852, width: 188, title: 'Networks' },
] as const;
const HEAD = 30;
const HEIGHT = 52;
const STEP = 68;

/** Draws the map from left to right. */
function across(map: DomainMap, domain: string): Markup {
  const middle = HEIGHT / 2;
  const addressY = map.addresses.map((_, index) => HEAD + index * STEP);
  const mean = (all: readonly number[], otherwise: number): number =>
    all.length === 0 ? otherwise : all.reduce((sum, y) => sum + y, 0) / all.length;
  const mxHostY = spread(
    map.mxHosts.map(({ addresses }, index) =>
      mean(
        addresses.map((address) => addressY[address] ?? HEAD),
        HEAD + index * STEP,
      ),
    ),
    'keep order',
  );
  const networkY = spread(
    map.networks.map((_, index) =>
      mean(
        map.addresses.flatMap(({ network }, place) => (network === index ? [addressY[place] ?? HEAD] : [])),
        HEAD,
      ),
    ),
  );
  const second = map.empty === undefined ? mxHostY : [HEAD];
  const bottom = Math.max(HEAD, ...addressY, ...second, ...networkY) + HEIGHT;
  const domainY = mean(second, HEAD);
  const lines: Piece[] = [];
  const line = (from: 0 | 1 | 2, y1: number, y2: number, node: MapNode): void => {
    const x1 = columns[from].x + columns[from].width;
    const x2 = columns[from === 0 ? 1 : from === 1 ? 2 : 3].x;
    const bend = (x2 - x1) / 2;
    const [a, b] = [y1 + middle, y2 + middle];
    lines.push(
      html`<path class="line ${node.standing}" d="M${x1} ${round(a)}C${x1 + bend} ${round(a)} ${x2 - bend} ${round(b)} ${x2} ${round(b)}"/>`,
    );
  };
  map.mxHosts.forEach((mxHost, index) => {
    const y = mxHostY[index] ?? HEAD;
    line(0, domainY, y, mxHost);
    for (const address of mxHost.addresses) {
      const node = map.addresses[address];
      if (node !== undefined) line(1, y, addressY[address] ?? HEAD, node);
    }
  });
  map.addresses.forEach(({ network }, index) => {
    const node = network === undefined ? undefined : map.networks[network];
    if (node !== undefined) line(2, addressY[index] ?? HEAD, networkY[network ?? 0] ?? HEAD, node);
  });
  if (map.empty !== undefined) line(0, domainY, HEAD, map.empty);
  const preferences = map.mxHosts.map(({ preference }, index) => {
    const y = (mxHostY[index] ?? HEAD) + middle;
    const x = columns[1].x - 22;
    return html`<g class="preference"><title>preference ${preference}</title><rect x="${x - 17}" y="${round(y - 10)}" width="34" height="20" rx="10"/><text x="${x}" y="${round(y + 4)}" text-anchor="middle">${preference}</text></g>`;
  });
  const heads = columns
    .filter((_, index) => index < 2 || map.empty === undefined)
    .map(({ x, title }) => html`<text class="head" x="${x}" y="14">${title}</text>`);
  const shown = map.empty === undefined ? map.mxHosts : [map.empty];
  const name = anchor('map', domain);
  return html`<svg class="across" role="img" aria-labelledby="${name}-title ${name}-desc" viewBox="0 0 ${WIDTH} ${round(bottom + 2)}">
<title id="${name}-title">Map of ${domain}</title>
<desc id="${name}-desc">${description(map)}</desc>
${heads}${lines}
${box(map.domain, 0, domainY)}
${shown.map((node, index) => box(node, 1, second[index] ?? HEAD))}
${map.addresses.map((node, index) => box(node, 2, addressY[index] ?? HEAD))}
${map.networks.map((node, index) => box(node, 3, networkY[index] ?? HEAD))}
${preferences}
</svg>`;
}

function box(node: MapNode, column: 0 | 1 | 2 | 3, y: number): Markup {
  const { x, width } = columns[column];
  return html`<g class="node ${node.standing}"><title>${full(node)}</title><rect x="${x + 1}" y="${round(y + 1)}" width="${width - 2}" height="${HEIGHT - 2}" rx="9"/>${drawing(node, x + 12, y + (node.words === '' ? 18 : 10))}${label(node, x + 36, y + (node.words === '' ? 31 : 23), width - 46)}${wordsOf(node, x + 36, y + 40, width - 46)}</g>`;
}

/** Draws the map as an indented list for narrow pages. */
function tree(map: DomainMap, domain: string): Markup {
  const width = 340;
  const step = 54;
  const rows: Piece[] = [];
  const lines: Piece[] = [];
  let y = 0;
  const row = (node: MapNode, depth: 0 | 1 | 2, also: MapNode | undefined = undefined): number => {
    const x = depth * 22;
    const at = y;
    const tall = also !== undefined;
    const height = tall && node.words !== '' ? 64 : 46;
    const below =
      also === undefined
        ? nothing
        : html`<text class="net ${also.standing}" x="${x + 36}" y="${at + (node.words === '' ? 38 : 54)}" font-size="11">${shortened(`in ${also.label}${also.words === '' ? '' : `: ${also.words}`}`, 40)}</text>`;
    const blank = node.words === '';
    rows.push(
      html`<g class="node ${node.standing}"><title>${full(node)}</title><rect x="${x + 1}" y="${at + 1}" width="${width - x - 2}" height="${height - 2}" rx="8"/>${drawing(node, x + 11, at + (blank && !tall ? 15 : 8))}${label(node, x + 36, at + (blank && !tall ? 28 : 20), width - x - 44)}${wordsOf(node, x + 36, at + 37, width - x - 44)}${below}</g>`,
    );
    y += height + (step - 46);
    return at;
  };
  const elbow = (x: number, from: number, to: number, node: MapNode): void => {
    lines.push(html`<path class="line ${node.standing}" d="M${x} ${from}V${to - 8}q0 8 8 8h4"/>`);
  };
  const top = row(map.domain, 0) + 46;
  for (const mxHost of map.mxHosts) {
    const { preference } = mxHost;
    const at = row(
      { ...mxHost, words: `preference ${preference}${mxHost.words === '' ? '' : `: ${mxHost.words}`}` },
      1,
    );
    elbow(10, top, at + 23, mxHost);
    for (const place of mxHost.addresses) {
      const address = map.addresses[place];
      if (address === undefined) continue;
      const network = address.network === undefined ? undefined : map.networks[address.network];
      elbow(32, at + 46, row(address, 2, network) + 23, address);
    }
  }
  if (map.empty !== undefined) elbow(10, top, row(map.empty, 1) + 23, map.empty);
  const name = anchor('tree', domain);
  return html`<svg class="tree" role="img" aria-labelledby="${name}-title ${name}-desc" viewBox="0 0 ${width} ${y - 6}">
<title id="${name}-title">Map of ${domain}</title>
<desc id="${name}-desc">${description(map)}</desc>
${lines}${rows}
</svg>`;
}

const drawing = ({ standing }: MapNode, x: number, y: number): Markup =>
  html`<use class="sign ${standing}" href="#sign-${standing}" x="${x}" y="${round(y)}" width="16" height="16"/>`;

/** Draws a name. A long name gets a smaller font before it is shortened. */
function label({ label: text }: MapNode, x: number, y: number, room: number): Markup {
  const size = [13, 12, 11, 10].find((each) => text.length * each * CHARACTER <= room) ?? 10;
  return html`<text class="label" x="${x}" y="${round(y)}" font-size="${size}">${shortened(text, Math.floor(room / (size * CHARACTER)))}</text>`;
}

/** Width of the widest letters relative to the font size. */
const CHARACTER = 0.62;

const wordsOf = ({ words }: MapNode, x: number, y: number, room: number): Markup =>
  words === ''
    ? nothing
    : html`<text class="words" x="${x}" y="${round(y)}" font-size="11.5">${shortened(words, Math.floor(room / 6.9))}</text>`;

const full = ({ label: text, standing, words }: MapNode): string => {
  const word = standingWord[standing];
  return [text, ...new Set([word, words])].filter((part) => part !== '').join(': ');
};

const round = (value: number): number => Math.round(value * 10) / 10;

/** Moves overlapping boxes apart, in the order of their wanted positions or in the given order. */
function spread(wanted: readonly number[], keep?: 'keep order'): readonly number[] {
  const order = wanted.map((_, index) => index);
  if (keep === undefined) order.sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0) || a - b);
  const placed = [...wanted];
  let least = HEAD;
  for (const index of order) {
    placed[index] = Math.max(placed[index] ?? HEAD, least);
    least = (placed[index] ?? HEAD) + STEP;
  }
  return placed;
}

/** Describes the map in sentences. */
function description(map: DomainMap): string {
  const { domain, empty, mxHosts, addresses, networks } = map;
  if (empty !== undefined) return `${domain.label}: ${empty.label} (${empty.words}).`;
  const sentences = mxHosts.slice(0, 8).map((mxHost) => {
    const own = mxHost.addresses.flatMap((place) => addresses[place] ?? []);
    const to = own.length === 0 ? 'no address' : own.map((address) => named(address)).join(', ');
    return `${mxHost.label}, preference ${mxHost.preference}, ${standingWord[mxHost.standing] || 'not tested'}${
      mxHost.words === '' || mxHost.words === standingWord[mxHost.standing] ? '' : ` (${mxHost.words})`
    }: ${to}.`;
  });
  return `${domain.label} has ${plural(mxHosts.length, 'MX host')} with ${plural(addresses.length, 'address', 'addresses')} in ${plural(networks.length, 'network')}. ${sentences.join(' ')}`;
}

const named = ({ label: text, standing, words }: MapNode): string =>
  standing === 'fails' || standing === 'weak' || standing === 'unknown' ? `${text} (${words})` : text;

function table(map: DomainMap, domain: string): Markup {
  const rows = map.mxHosts.flatMap((mxHost) => {
    const state = badge(mxHost.standing, mxHost.words || standingWord[mxHost.standing] || 'not tested');
    const own = mxHost.addresses.flatMap((place) => map.addresses[place] ?? []);
    return (own.length === 0 ? [undefined] : own).map((address, index) => {
      const network = address?.network === undefined ? undefined : map.networks[address.network];
      return html`<tr role="row"><th role="rowheader" scope="row"><span class="name">${mxHost.label}</span>${index === 0 ? html` ${state}` : nothing}</th><td role="cell" data-label="Preference"><div class="cell">${mxHost.preference}</div></td><td role="cell" data-label="Address"><div class="cell">${
        address === undefined
          ? 'none'
          : html`<span class="name">${address.label}</span>${address.words === '' ? nothing : html` ${badge(address.standing, address.words)}`}`
      }</div></td><td role="cell" data-label="Network"><div class="cell">${
        network === undefined
          ? 'none'
          : html`<span class="name">${network.label}</span>${network.words === '' ? nothing : html` ${badge(network.standing, network.words)}`}`
      }</div></td></tr>`;
    });
  });
  return html`<table role="table" aria-label="MX hosts of ${domain}">
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">MX host</th><th role="columnheader" scope="col">Preference</th><th role="columnheader" scope="col">Address</th><th role="columnheader" scope="col">Network</th></tr></thead>
<tbody role="rowgroup">${rows}</tbody>
</table>`;
}
