import type { ServiceName } from '../report.ts';
import type { Dialect } from './dialect.ts';
import { imap } from './imap.ts';
import { managesieve } from './managesieve.ts';
import { pop3 } from './pop3.ts';
import { submission } from './submission.ts';

/** What is spoken on the port of a service. */
export const dialectOf = (service: Exclude<ServiceName, 'smtp'>): Dialect =>
  service === 'imap' || service === 'imaps'
    ? imap
    : service === 'pop3' || service === 'pop3s'
      ? pop3
      : service === 'managesieve'
        ? managesieve
        : submission;
