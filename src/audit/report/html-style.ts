/**
 * The style sheet of HTML reports, with a light and a dark palette.
 *
 * Every pair of text and background has a contrast of at least 4.5:1 (WCAG 2.2, 1.4.3), which the tests compute.
 *
 * @module
 */

/** Colours by name: `--name` in the style sheet. */
interface Palette {
  readonly [name: string]: string;
}

const light: Palette = {
  page: '#f3f5f8',
  sheet: '#ffffff',
  raised: '#f8fafc',
  text: '#17202e',
  muted: '#4c586a',
  border: '#d8dee7',
  link: '#0a58a8',
  critical: '#8a0b2b',
  'critical-ground': '#fde6eb',
  high: '#98300a',
  'high-ground': '#fdeae0',
  medium: '#735000',
  'medium-ground': '#fcf1cf',
  low: '#0d4f8f',
  'low-ground': '#e4effb',
  info: '#47546a',
  'info-ground': '#ebeef3',
  good: '#0c6538',
  'good-ground': '#e1f5e9',
  unknown: '#56379a',
  'unknown-ground': '#efe9fb',
};

const dark: Palette = {
  page: '#0e131a',
  sheet: '#161d27',
  raised: '#1b2430',
  text: '#e8edf4',
  muted: '#a9b5c5',
  border: '#2e3a4a',
  link: '#86bcff',
  critical: '#ffa3b5',
  'critical-ground': '#411522',
  high: '#ffb591',
  'high-ground': '#3d2013',
  medium: '#f4d27a',
  'medium-ground': '#362b0f',
  low: '#9bcbff',
  'low-ground': '#122a45',
  info: '#b9c4d3',
  'info-ground': '#242e3b',
  good: '#8bdfae',
  'good-ground': '#123322',
  unknown: '#cdb9ff',
  'unknown-ground': '#2a2046',
};

const variables = (palette: Palette): string =>
  Object.entries(palette)
    .map(([name, colour]) => `--${name}:${colour}`)
    .join(';');

const tones = ['critical', 'high', 'medium', 'low', 'info', 'good', 'unknown'];
/** Each standing has the colours of a severity. */
const standings: readonly (readonly [standing: string, tone: string])[] = [
  ['fails', 'critical'],
  ['weak', 'medium'],
  ['unknown', 'unknown'],
  ['good', 'good'],
  ['remark', 'info'],
  ['plain', 'info'],
];

const toneRules = [
  ...tones.map((tone) => [`.tone-${tone}`, tone] as const),
  ...standings.map(([standing, tone]) => [`.tone-${standing}`, tone] as const),
]
  .filter(([selector], index, all) => all.findIndex(([other]) => other === selector) === index)
  .map(([selector, tone]) => `${selector}{--tone:var(--${tone});--ground:var(--${tone}-ground)}`)
  .join('\n');

const standingRules = standings
  .map(([standing, tone]) => `.${standing}{--tone:var(--${tone});--ground:var(--${tone}-ground)}`)
  .join('\n');

const mono = 'ui-monospace,SFMono-Regular,"Cascadia Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace';

/** The style sheet. */
export const style: string = `:root{color-scheme:light dark;${variables(light)}}
@media (prefers-color-scheme:dark){:root{${variables(dark)}}}
${standingRules}
${toneRules}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;background:var(--page);color:var(--text);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;overflow-wrap:break-word}
.wrap{max-width:70rem;margin:0 auto;padding:0 1rem}
h1,h2,h3,h4{line-height:1.25;margin:0;text-wrap:balance}
h1{font-size:clamp(1.6rem,1.1rem + 2.4vw,2.5rem);letter-spacing:-.02em}
.panel>h2+table{margin-top:.8rem}
h2{font-size:clamp(1.3rem,1.1rem + 1vw,1.65rem);letter-spacing:-.01em}
h3{font-size:1.08rem;margin:2.2rem 0 .8rem;display:flex;align-items:center;gap:.6rem}
h3::after{content:"";flex:1;border-top:1px solid var(--border)}
h4{font-size:1.02rem}
p{margin:.4rem 0}
a{color:var(--link);text-underline-offset:.18em}
a:focus-visible,summary:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:.25rem}
code,pre,.name{font-family:${mono};font-size:.92em}
code,pre,.name,p,li,dd,summary,h1,h2,h4,figcaption,td>.cell{overflow-wrap:anywhere}
.muted{color:var(--muted);font-weight:400}
.skip{position:absolute;left:-100vw}
.skip:focus{left:1rem;top:.5rem;background:var(--sheet);padding:.4rem .8rem}
.signs{position:absolute;width:0;height:0}
.sign{width:1.05em;height:1.05em;flex:none;vertical-align:-.16em}
.shape{fill:var(--tone)}
.stroke{fill:none;stroke:var(--ground);stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
.sign.plain .stroke,#sign-plain .stroke{stroke:var(--tone)}

.top{background:var(--sheet);border-bottom:1px solid var(--border);padding:2.2rem 0 1.8rem}
.brand{display:flex;align-items:center;gap:.55rem;color:var(--muted);font-size:.86rem;font-weight:600;letter-spacing:.06em;text-transform:uppercase;margin:0 0 .7rem}
.brand svg{width:1.35rem;height:1.35rem;flex:none}
.brand path{fill:none;stroke:var(--link);stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
.verdict{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem 1rem;margin:1rem 0 0}
.verdict .badge{font-size:1.05rem;padding:.4rem .9rem}
.counts{display:grid;grid-template-columns:repeat(5,minmax(0,1fr));gap:.6rem;margin:1.4rem 0 0;padding:0;list-style:none}
.counts li{display:block;border-radius:.8rem;padding:.7rem .9rem;background:var(--ground);color:var(--tone)}
.counts li.zero{background:var(--raised);color:var(--muted);box-shadow:inset 0 0 0 1px var(--border)}
.counts strong{display:block;font-size:1.7rem;line-height:1.15;font-variant-numeric:tabular-nums}
.counts span{font-size:.84rem;font-weight:600}
.bar{display:block;width:100%;height:.55rem;border-radius:.3rem;margin:.9rem 0 0}
.bar rect{fill:var(--tone)}
.facts{display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;color:var(--muted);font-size:.88rem;margin:1.1rem 0 0}
.note{border-left:4px solid var(--unknown);background:var(--unknown-ground);color:var(--text);padding:.6rem .9rem;border-radius:.3rem .6rem .6rem .3rem;margin:.8rem 0 0}

main{padding:.4rem 0 2rem}
.panel{background:var(--sheet);border:1px solid var(--border);border-radius:1rem;padding:1.4rem 1.5rem 1.6rem;margin:1.4rem 0 0}
.panel>:first-child{margin-top:0}
.far{content-visibility:auto;contain-intrinsic-size:auto 60rem}
.title{display:flex;flex-wrap:wrap;align-items:center;justify-content:space-between;gap:.5rem 1rem}
.badge{display:inline-flex;align-items:center;gap:.4em;background:var(--ground);color:var(--tone);border-radius:99rem;padding:.12rem .65rem;font-size:.84rem;font-weight:650;line-height:1.5;max-width:100%;text-align:left;overflow-wrap:normal}
.badge .sign{--tone:inherit;--ground:inherit}
.urgent{margin:.9rem 0 0;padding:0;list-style:none;display:grid;gap:.55rem}
.urgent li{display:grid;grid-template-columns:7.2rem minmax(0,1fr);gap:.2rem .8rem;align-items:baseline}
.urgent .badge{justify-self:start}

figure{margin:1.1rem 0 0}
figcaption{color:var(--muted);margin:0 0 .9rem;max-width:60ch}
.map>svg{display:block;width:100%;height:auto;font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
.map>.across{max-width:65rem}
.map>.tree{display:none;max-width:32rem}
.node rect{fill:var(--sheet);stroke:var(--border);stroke-width:1.3}
.node.fails rect,.node.weak rect,.node.unknown rect{fill:var(--ground);stroke:var(--tone);stroke-width:1.6}
.node.fails rect{stroke-width:2.4}
.node.good rect{stroke:var(--good)}
.label{fill:var(--text);font-weight:600}
.words{fill:var(--tone);font-weight:600}
.node.plain .words,.node.good .words{fill:var(--muted);font-weight:400}
.net{fill:var(--muted)}
.net.fails,.net.weak{fill:var(--text);font-weight:600}
.head{fill:var(--muted);font-size:11.5px;font-weight:600;letter-spacing:.06em;text-transform:uppercase}
.line{fill:none;stroke:var(--muted);stroke-width:1.6;opacity:.75}
.line.good{stroke:var(--good)}
.line.fails{stroke:var(--tone);stroke-width:2.4;stroke-dasharray:6 5;opacity:1}
.line.weak,.line.unknown{stroke:var(--tone);stroke-dasharray:2 4;stroke-width:2.2;opacity:1}
.preference rect{fill:var(--sheet);stroke:var(--border);stroke-width:1.2}
.preference text{fill:var(--muted);font-size:11px;font-weight:600}

.findings{margin:0;padding:0;list-style:none;display:grid;gap:.8rem}
.finding{border:1px solid var(--border);border-left:.35rem solid var(--tone);border-radius:.7rem;padding:.95rem 1.1rem 1rem;background:var(--raised)}
.finding:target{outline:3px solid var(--link);outline-offset:2px}
.finding header{display:flex;flex-wrap:wrap;align-items:center;gap:.35rem .7rem;margin:0 0 .45rem}
.finding .subject{color:var(--muted)}
.fix{border-radius:.5rem;background:var(--sheet);border:1px solid var(--border);padding:.55rem .8rem;margin:.7rem 0 0}
.fix strong{color:var(--link)}
.evidence{margin:.7rem 0 0}
.evidence>.muted{font-size:.84rem}
.evidence pre,pre{margin:.3rem 0 0;white-space:pre-wrap;background:var(--page);border:1px solid var(--border);border-radius:.5rem;padding:.55rem .75rem;font-size:.84rem;line-height:1.5}
.meta{display:flex;flex-wrap:wrap;gap:.1rem 1.2rem;font-size:.84rem;color:var(--muted);margin:.7rem 0 0}

details{margin:.7rem 0 0}
summary{cursor:pointer;color:var(--link);font-weight:600;padding:.2rem 0}
details>:not(summary){margin-top:.5rem}
table{width:100%;border-collapse:collapse;font-size:.92rem;margin:.2rem 0 0}
th,td{text-align:left;vertical-align:top;padding:.55rem .8rem .55rem 0;border-top:1px solid var(--border)}
thead th{border-top:0;color:var(--muted);font-size:.8rem;font-weight:600;padding-top:0}
tbody th{font-weight:600}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;padding-right:1rem}
.more td,.more{border-top:0;padding-top:0}
.more details{margin:0}
.service+.more td{padding-bottom:.8rem}
.after{display:block}
.versions{display:flex;flex-wrap:wrap;gap:.15rem .7rem;list-style:none;margin:.2rem 0 0;padding:0;font-size:.84rem;color:var(--muted)}
.two{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:.2rem 1.4rem}
h4.minor{margin:.7rem 0 0;font-size:.86rem;color:var(--muted)}
dl{display:grid;grid-template-columns:minmax(6rem,max-content) minmax(0,1fr);gap:.2rem 1rem;margin:.3rem 0 0;font-size:.9rem}
dt{color:var(--muted)}
dd{margin:0}
.back{font-size:.88rem;margin:1.4rem 0 0}
.foot{border-top:1px solid var(--border);color:var(--muted);font-size:.86rem;padding:1.2rem 0 2.4rem}
.legend{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.4rem 1rem;align-items:center;margin:.6rem 0 0}
.legend dd{color:var(--muted)}

@media (max-width:56rem){
.map>.across{display:none}
.map>.tree{display:block}
}
@media (max-width:44rem){
.top{padding:1.4rem 0 1.3rem}
.panel{padding:1.1rem 1rem 1.2rem;border-radius:.8rem}
.counts{grid-template-columns:repeat(6,minmax(0,1fr));gap:.45rem}
.counts li{grid-column:span 2;padding:.5rem .7rem}
.counts li:nth-child(n+4){grid-column:span 3}
.counts strong{font-size:1.35rem}
.urgent li{grid-template-columns:minmax(0,1fr)}
.two{grid-template-columns:minmax(0,1fr)}
table,tbody,tr,th,td{display:block}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
tr{border-top:1px solid var(--border);padding:.6rem 0}
tr.more{border-top:0;padding-top:0}
th,td{border-top:0;padding:.12rem 0}
.overview td.number{display:inline-block;margin-right:.9rem;padding:.12rem 0}
.overview td.number::before{content:none}
.overview td.number .cell{display:inline}
.overview td.number .cell::after{content:" " attr(data-severity)}
.overview td.zero{display:none}
.overview td[data-label=State]{display:block}
.overview td[data-label=State]::before{content:none}
td[data-label]{display:grid;grid-template-columns:6.6rem minmax(0,1fr);gap:.6rem}
td[data-label]::before{content:attr(data-label);color:var(--muted);font-size:.84rem}
td[data-label]>.cell{min-width:0}
.legend{grid-template-columns:minmax(0,1fr)}
dl:not(.legend){grid-template-columns:minmax(0,1fr)}
dd{margin:0 0 .3rem}
}
@media print{
:root{${variables(light)};color-scheme:light}
body,.top,.panel{background:#ffffff}
body{font-size:10pt}
.panel{border:0;padding:0;margin:1.2rem 0 0}
.far{content-visibility:visible}
.skip,.back{display:none}
.finding,.counts li,.badge,.node rect,.bar rect{-webkit-print-color-adjust:exact;print-color-adjust:exact}
.finding,tr,figure>svg{break-inside:avoid}
h2,h3,h4{break-after:avoid}
.map>.across{display:block}
.map>.tree{display:none}
details:not([open])::details-content{content-visibility:visible;display:block;block-size:auto}
.finding a[href^="https:"]::after{content:none}
}`;
