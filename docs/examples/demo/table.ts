/** One session and its outcome. */
export interface Row {
  readonly session: string;
  readonly protection: string;
  readonly found: string;
  readonly verdict: string;
  readonly reply: string;
  readonly ms: number;
  readonly asExpected: boolean;
}

const columns = [
  ['session', 38],
  ['protection', 19],
  ['found', 42],
  ['verdict', 12],
  ['reply', 50],
  ['time', 7],
] as const;

/** Width of a full line. */
const WIDE = columns.reduce((sum, [, width]) => sum + width + 2, 0);

export interface TableStyle {
  readonly colour: boolean;
  /** Terminal width in columns. */
  readonly width: number;
}

const paint = (style: TableStyle, code: number, text: string): string =>
  style.colour ? `\u001b[${code}m${text}\u001b[0m` : text;

const cut = (text: string, width: number): string =>
  text.length <= width ? text.padEnd(width) : `${text.slice(0, width - 1)}…`;

const hue: { readonly [verdict: string]: number } = {
  accept: 32,
  tag: 33,
  flag: 33,
  reject: 31,
  defer: 35,
  refuse: 31,
  pass: 32,
  fail: 31,
};

/** Formats the rows as lines. The `found` and `reply` columns share the width that remains. */
export function printTable(rows: readonly Row[], style: TableStyle): string[] {
  const spare = Math.max(0, Math.min(style.width, WIDE) - WIDE + 50 + 42);
  const widths = columns.map(([name, width]) =>
    name === 'found'
      ? Math.max(18, Math.floor(spare * 0.46))
      : name === 'reply'
        ? Math.max(20, Math.floor(spare * 0.54))
        : width,
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => cut(cell, widths[i] as number))
      .join('  ')
      .trimEnd();
  return [
    paint(style, 1, line(columns.map(([name]) => name))),
    paint(style, 2, widths.map((width) => '─'.repeat(width)).join('  ')),
    ...rows.map((row) => {
      const text = line([row.session, row.protection, row.found, row.verdict, row.reply, `${row.ms} ms`]);
      const mark = row.asExpected ? '' : paint(style, 41, ' not as expected ');
      return paint(style, hue[row.verdict.split(' ')[0] as string] ?? 0, text) + mark;
    }),
  ];
}
