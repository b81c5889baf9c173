import type { found } from '../finding.ts';

/** Makes a finding about the service that is looked at. */
export type Find = (
  id: Parameters<typeof found>[0],
  what: string,
  evidence?: readonly string[],
  change?: Parameters<typeof found>[4],
) => void;
