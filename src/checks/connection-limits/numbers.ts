/** @throws TypeError that names the option and its value */
export function atLeastOne(maker: string, option: string, value: number): number {
  if (!(typeof value === 'number' && value >= 1 && Number.isFinite(value)))
    throw new TypeError(`${maker}: ${option} ${value} must be a number from 1`);
  return value;
}

/** @throws TypeError that names the option and its value */
export function moreThanZero(maker: string, option: string, value: number): number {
  if (!(typeof value === 'number' && value > 0 && Number.isFinite(value)))
    throw new TypeError(`${maker}: ${option} ${value} must be a number, more than 0`);
  return value;
}
