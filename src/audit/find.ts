import type { found } from './finding.ts';

/** What is being put together. */
export type Mutable<T> = { -readonly [key in keyof T]: T[key] };

/** Makes a finding about the service that is looked at. */
export type Find = (
  id: Parameters<typeof found>[0],
  what: string,
  evidence?: readonly string[],
  change?: Parameters<typeof found>[4],
) => void;
