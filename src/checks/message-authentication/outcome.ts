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
 * Whether DMARC has a say in what becomes of the message: it passes, or its domain asks for more than `none`, or it could
 * not be found out. Where it has none, a policy may go by SPF alone.
 */
export const dmarcSpeaks = ({
  authentication: { dmarc },
}: {
  readonly authentication: Pick<MessageAuthentication, 'dmarc'>;
}): boolean =>
  dmarc.result === 'pass' || dmarc.result === 'temperror' || (dmarc.policy !== undefined && dmarc.policy !== 'none');
