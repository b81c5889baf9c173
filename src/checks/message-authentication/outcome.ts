import type { MessageAuthentication } from '../../smtp/facts.ts';

export type {
  ArcOutcome,
  DkimOutcome,
  DmarcOutcome,
  DmarcPolicy,
  MessageAuthentication,
  SpfFact,
} from '../../smtp/facts.ts';

/**
 * Returns whether DMARC applies to the message: it passes, or the domain's policy is stricter than `none`, or DMARC could
 * not be checked. If it does not apply, a policy may rely on SPF alone.
 */
export const dmarcSpeaks = ({
  authentication: { dmarc },
}: {
  readonly authentication: Pick<MessageAuthentication, 'dmarc'>;
}): boolean =>
  dmarc.result === 'pass' || dmarc.result === 'temperror' || (dmarc.policy !== undefined && dmarc.policy !== 'none');
