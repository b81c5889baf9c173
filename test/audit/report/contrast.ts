type Colour = readonly [red: number, green: number, blue: number];

/** The colour of `#rrggbb` or `rgb(r, g, b)`. */
export function colourOf(text: string): Colour {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text);
  const parts =
    hex === null ? text.match(/[\d.]+/g)?.map(Number) : hex.slice(1).map((each) => Number.parseInt(each, 16));
  if (parts === undefined || parts.length < 3) throw new Error(`no colour: ${text}`);
  return [parts[0]!, parts[1]!, parts[2]!];
}

/** WCAG 2.2, relative luminance. */
const luminance = (colour: Colour): number => {
  const [red, green, blue] = colour.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
};

/** WCAG 2.2, contrast ratio: 1 to 21. */
export function contrast(one: string, other: string): number {
  const [a, b] = [luminance(colourOf(one)), luminance(colourOf(other))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}
